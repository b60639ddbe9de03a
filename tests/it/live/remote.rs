//! Values that were set remotely: they are shown, stand above the file, and are dropped on request.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::agent::Agent;
use crate::command::{Ended, run};

const CPU: &str =
    "[file_systems]\ninclude = [\"/\"]\n[[monitor]]\nrule = \"cpu\"\nwarning = 80\nwarning_reset = 75\n";

#[track_caller]
fn esm(agent: &Agent, args: &[&str], code: i32) -> Ended {
    let ended = run(&mut agent.esm(args));
    assert_eq!(ended.code, Some(code), "{args:?}: {ended:#?}");
    ended
}

#[track_caller]
fn put(agent: &Agent, monitor: &str, values: &[&str]) {
    let monitor = format!("ESM_MonitorSetting?InstanceID={monitor}");
    esm(agent, &[&["wsman", "put", &monitor][..], values].concat(), 0);
}

/// Waits for the first look at what there is to be monitored.
#[track_caller]
fn until_known(agent: &Agent, monitor: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while run(&mut agent.wsman(&["get", monitor])).code != Some(0) {
        assert!(Instant::now() < deadline, "{monitor}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Value and source of a key, as `esm config show` prints them.
#[track_caller]
fn shown(agent: &Agent, key: &str) -> (String, String) {
    let table = esm(agent, &["config", "show"], 0).out;
    let line = table
        .lines()
        .find(|line| line.split_whitespace().next() == Some(key));
    let mut words = line
        .unwrap_or_else(|| panic!("no {key} in:\n{table}"))
        .split_whitespace()
        .skip(1);
    let value = words.next().unwrap().to_owned();
    let source = words.next().unwrap();
    // Which line it is depends on what each agent of a test is given.
    let in_file = source.rsplit_once("/esm.toml:").is_some();
    (value, if in_file { "file" } else { source }.to_owned())
}

fn own(text: (&str, &str)) -> (String, String) {
    (text.0.to_owned(), text.1.to_owned())
}

#[test]
fn remote_values_are_shown_over_the_file_and_dropped_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start_in(folder.path(), CPU);
    assert_eq!(shown(&agent, "monitor.cpu.warning"), own(("80", "file")));
    put(&agent, "cpu", &["Warning=70", "WarningReset=60"]);
    put(&agent, "file-system:/", &["Warning=7", "WarningReset=8"]);

    assert_eq!(shown(&agent, "monitor.cpu.warning"), own(("70.0", "remote")));
    assert_eq!(shown(&agent, "monitor.cpu.critical"), own(("95", "default")));
    assert_eq!(
        shown(&agent, "monitor.file-system:/.warning"),
        own(("7.0", "remote"))
    );
    let check = esm(&agent, &["config", "check"], 0);
    assert_eq!(check.err, "");
    let lines: Vec<&str> = check
        .out
        .lines()
        .map(|line| line.rsplit('/').next().unwrap())
        .collect();
    for expect in [
        "remote: monitor.cpu.warning = 70.0",
        "remote: monitor.cpu.warning_reset = 60.0",
        "esm.toml: no fault",
    ] {
        assert!(lines.contains(&expect), "{expect}: {}", check.out);
    }
    assert!(
        check.out.contains("remote: monitor.file-system:/.warning = 7.0"),
        "{}",
        check.out
    );

    let unknown = esm(&agent, &["config", "reset", "monitor.page-file"], 1);
    assert!(unknown.err.contains("nothing was set remotely"), "{unknown:#?}");
    let misfit = esm(&agent, &["config", "reset", "monitor.file-system:/.warning"], 5);
    assert!(misfit.err.contains("warning_reset"), "{misfit:#?}");
    let reset = esm(
        &agent,
        &["config", "reset", "monitor.cpu", "monitor.file-system:/"],
        0,
    );
    assert_eq!(reset.out.lines().count(), 4, "{reset:#?}");
    assert_eq!(shown(&agent, "monitor.cpu.warning"), own(("80", "file")));
    let cpu = esm(&agent, &["wsman", "get", "ESM_MonitorSetting?InstanceID=cpu"], 0).out;
    assert!(
        cpu.lines()
            .any(|line| line.split_whitespace().eq(["Warning", "80.0"])),
        "{cpu}"
    );
    agent.stop();

    let again = Agent::start_in(folder.path(), CPU);
    assert_eq!(shown(&again, "monitor.cpu.warning"), own(("80", "file")));
    again.stop();
}

/// The file speaks of a mount point, remote values are kept under the identity of what is mounted there.
#[test]
fn remote_values_of_a_file_system_must_fit_what_the_file_says_of_it() {
    const ROOT: &str = "ESM_MonitorSetting?InstanceID=file-system:/";
    let levels = |warning: u8| {
        format!(
            "[file_systems]\ninclude = [\"/\"]\n[[monitor]]\nrule = \"file-system\"\ninstance = \"/\"\n\
             warning = {warning}\nwarning_reset = 95\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start_in(folder.path(), &levels(80));
    until_known(&agent, ROOT);
    // Fits the default of 10, and not the 80 of the file.
    let refused = run(&mut agent.wsman(&["put", ROOT, "WarningReset=15"]));
    for place in [
        "monitor.file-system:/.warning_reset",
        "(`warning_reset`: remote, `warning`: ",
        "esm.toml:",
    ] {
        assert!(refused.err.contains(place), "{place}: {refused:#?}");
    }
    // In the place of what the file says.
    put(&agent, "file-system:/", &["Warning=85"]);
    assert_eq!(in_force(&agent, "monitor.file-system:/.warning"), ["85.0"]);
    esm(&agent, &["config", "reset", "monitor.file-system:/.warning"], 0);
    assert_eq!(in_force(&agent, "monitor.file-system:/.warning"), ["80"]);
    // Fits the 80, and not the default.
    put(&agent, "file-system:/", &["Critical=50", "CriticalReset=60"]);
    let check = esm(&agent, &["config", "check"], 0);
    assert_eq!(check.err, "");

    // The same by a file that is changed: what was set for this file system is below no warning any more.
    agent.configure(&levels(40));
    agent.signal(Signal::HUP);
    agent.wait_for_log("the old one stays in force");
    let check = esm(&agent, &["config", "check"], 1);
    assert!(
        check.err.contains("`critical`: remote, `warning`: "),
        "{check:#?}"
    );
    let shown = esm(&agent, &["wsman", "get", ROOT], 0).out;
    let has = |shown: &str, words: [&str; 2]| shown.lines().any(|line| line.split_whitespace().eq(words));
    assert!(has(&shown, ["Warning", "80.0"]), "{shown}");
    agent.stop();

    // At a start it is left out, and kept.
    let again = Agent::start_in(folder.path(), &levels(40));
    until_known(&again, ROOT);
    let shown = esm(&again, &["wsman", "get", ROOT], 0).out;
    assert!(
        has(&shown, ["Warning", "40.0"]) && has(&shown, ["Critical", "3.0"]),
        "{shown}"
    );
    let check = esm(&again, &["config", "check"], 0);
    assert!(
        check.err.contains("monitor.file-system:/.critical = 50.0"),
        "{check:#?}"
    );
    assert!(check.err.contains("not in force"), "{check:#?}");
    assert!(in_force(&again, "monitor.file-system:/.critical").is_empty());
    // What does not concern it can be set all the same, and it can be dropped.
    put(&again, "cpu", &["Warning=90"]);
    put(&again, "file-system", &["HoldSamples=3"]);
    esm(&again, &["wsman", "delete", ROOT], 0);
    assert_eq!(esm(&again, &["config", "check"], 0).err, "");
    again.stop();
}

/// What the agent says that the value of a key is, at all its places.
fn in_force(agent: &Agent, key: &str) -> Vec<String> {
    let all = esm(
        agent,
        &["wsman", "enumerate", "ESM_ConfigurationValue", "--output", "json"],
        0,
    );
    let all: Vec<serde_json::Value> = serde_json::from_str(&all.out).unwrap();
    let own = all.iter().filter(|one| one["ConfigurationKey"] == key);
    own.map(|one| one["Value"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_that_does_not_fit_the_remote_values_is_refused_and_drops_none() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start_in(folder.path(), "");
    put(&agent, "cpu", &["Warning=90"]);
    put(&agent, "page-file", &["Warning=71"]);
    let misfit =
        "[[monitor]]\nrule = \"cpu\"\nwarning = 97\nwarning_reset = 95\ncritical = 99\ncritical_reset = 98\n";
    agent.configure(misfit);
    agent.signal(Signal::HUP);
    agent.wait_for_log("the old one stays in force");
    let check = esm(&agent, &["config", "check"], 1);
    assert!(check.err.contains("warning_reset"), "{check:#?}");
    assert!(check.err.contains("esm config reset"), "{check:#?}");
    agent.stop();

    // At a start what does not fit is left out, and kept: the rest holds.
    let again = Agent::start_in(folder.path(), misfit);
    assert_eq!(
        shown(&again, "monitor.page-file.warning"),
        own(("71.0", "remote"))
    );
    assert_eq!(shown(&again, "monitor.cpu.warning"), own(("97", "file")));
    let check = esm(&again, &["config", "check"], 0);
    assert!(check.err.contains("monitor.cpu.warning = 90.0"), "{check:#?}");
    assert!(check.err.contains("not in force"), "{check:#?}");
    esm(&again, &["config", "reset", "--all"], 0);
    let check = esm(&again, &["config", "check"], 0);
    assert_eq!(
        (check.out.lines().count(), check.err.as_str()),
        (1, ""),
        "{check:#?}"
    );
    again.stop();
}
