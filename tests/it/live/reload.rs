//! The configuration is changed while the agent runs: taken whole, or refused whole.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::agent::{Agent, USER};
use crate::command::{Ended, run};
use crate::manager::{Manager, Pair};
use crate::message::Message;
use crate::raw_http::Connection;

const LOOPBACK: &str = "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n";
/// No machine is below this level, so it is crossed by the first sample.
const CROSSED: &str = "[[monitor]]\nrule = \"physical-memory\"\ninterval_secs = 1\nhold_samples = 1\n\
                       warning = 0.1\nwarning_reset = 0.05\ncritical = \"none\"\n";
const NEVER_CROSSED: &str = "[[monitor]]\nrule = \"physical-memory\"\ninterval_secs = 1\nhold_samples = 1\n\
                             warning = \"none\"\ncritical = \"none\"\n";
/// Longer than the agent's look at its files and the interval of the monitor together.
const SEVERAL_SAMPLES: Duration = Duration::from_secs(4);

/// A monitor's change of state from normal to warning, on physical memory.
const MEMORY_WARNING: &str = "80000201";
const REFUSED: &str = "8000060A";

#[track_caller]
fn subscribe(agent: &Agent, manager: &Manager) -> Ended {
    let to = manager.url("/");
    run(&mut agent.wsman(&["subscribe", "CIM_Indication", "--notify-to", &to]))
}

#[track_caller]
fn event(manager: &Manager) -> Value {
    let delivery = manager.next();
    delivery["events"][0][1].clone()
}

/// The address of plain HTTP, on which a test can hold a connection open.
fn plain(agent: &Agent) -> std::net::SocketAddr {
    let (_, rest) = agent.greeting().split_once("http://").unwrap();
    rest.split_once('/').unwrap().0.parse().unwrap()
}

#[test]
fn what_a_changed_file_says_is_in_force_at_once_and_nothing_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::tls(&Pair::make(folder.path()));
    let head = "wsman.http_listen = [\"127.0.0.1:0\"]\n";
    let agent = Agent::start_with(&format!("{head}[log]\nlevel = \"error\"\n{NEVER_CROSSED}"));
    let refused = subscribe(&agent, &manager);
    assert_eq!(refused.code, Some(5), "{refused:#?}");
    assert!(refused.err.contains("127.0.0.1"), "{refused:#?}");
    let mut open = Connection::open(plain(&agent)).logged_in(USER, &agent.password());
    let get = Message::transfer("Get", "ESM_OperatingSystem");
    assert_eq!(open.ask(&get).status, 200);
    assert_eq!(agent.log(), "", "the log's level is `error`");

    // The signal: where alerts may go to, and the log.
    agent.configure(&format!(
        "{head}{LOOPBACK}[log]\nlevel = \"info\"\n{NEVER_CROSSED}"
    ));
    agent.signal(Signal::HUP);
    agent.wait_for_log("the configuration was read again");
    let subscribed = subscribe(&agent, &manager);
    assert_eq!(subscribed.code, Some(0), "{subscribed:#?}");
    let leases = |agent: &Agent| {
        let alive = ["wsman", "get", "ESM_Alive", "--output", "json"];
        let alive: Value = serde_json::from_str(&run(&mut agent.esm(&alive)).out).unwrap();
        alive["LeaseCount"].clone()
    };
    assert_eq!(leases(&agent), 1);

    // The changed file alone: a monitor's level. Leases and connections stay.
    agent.configure(&format!("{head}{LOOPBACK}[log]\nlevel = \"info\"\n{CROSSED}"));
    let told = event(&manager);
    assert_eq!(told["EventID"], MEMORY_WARNING, "{told}");
    assert_eq!(told["ThresholdValue"], "0.1", "{told}");
    assert_eq!(open.ask(&get).status, 200, "a connection goes on over a reload");
    assert_eq!(leases(&agent), 1);
    agent.stop();
}

/// Makes the configuration faulty while it also changes a monitor: the log must name the fault, a subscriber is
/// told, and nothing of the change is in force.
#[track_caller]
fn check_refused(fault: &str, expect: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::tls(&Pair::make(folder.path()));
    let agent = Agent::start_with(&format!("{LOOPBACK}{NEVER_CROSSED}"));
    assert_eq!(subscribe(&agent, &manager).code, Some(0));

    agent.configure(&format!("{LOOPBACK}{fault}\n{CROSSED}"));
    let line = agent.wait_for_log("the old one stays in force");
    let told = event(&manager);
    assert_eq!(told["EventID"], REFUSED, "{told}");
    let message = told["Message"].as_str().unwrap();
    for expect in expect {
        assert!(line.contains(expect), "{expect}: {line}");
        assert!(message.contains(expect), "{expect}: {message}");
    }
    manager.nothing_more(SEVERAL_SAMPLES);

    agent.configure(&format!("{LOOPBACK}{CROSSED}"));
    let told = event(&manager);
    assert_eq!(told["EventID"], MEMORY_WARNING, "{told}");
    agent.stop();
}

#[test]
fn a_faulty_file_is_refused_whole() {
    check_refused(
        "[delivery]\nretry_first_secs = 0",
        &["esm.toml:9", "delivery.retry_first_secs"],
    );
}

#[test]
fn what_needs_a_restart_is_refused_whole_and_by_name() {
    check_refused("[host]\nmax_age_millis = 5", &["`[host]`", "restart"]);
}

#[test]
fn a_tool_that_cannot_read_the_configuration_says_what_else_it_can_do() {
    let agent = Agent::start();
    agent.configure("[log]\nlevel = \"loud\"");
    let refused = run(&mut agent.esm(&["wsman", "identify"]));
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.err.contains("log.level = \"loud\""), "{refused:#?}");
    assert!(refused.err.contains("--url"), "{refused:#?}");
    let answer = run(&mut agent.wsman(&["identify"]));
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    agent.stop();
}

#[test]
fn a_file_that_goes_away_is_refused() {
    let agent = Agent::start();
    std::fs::remove_file(agent.folder().join("esm.toml")).unwrap();
    agent.signal(Signal::HUP);
    agent.wait_for_log("the old one stays in force");
    agent.configure("");
    agent.wait_for_log("the configuration was read again");
    agent.stop();
}
