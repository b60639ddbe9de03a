//! The configuration is changed while the agent runs: taken whole, or refused whole.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

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
    run(&mut agent.wsman(&["subscribe", "CIM_ProcessIndication", "--notify-to", &to]))
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
    check_refused(
        "[host]\nmax_age_millis = 5",
        &["`host.max_age_millis`", "restart"],
    );
}

#[test]
fn what_needs_a_restart_is_told_before_the_agent_reads_it() {
    let agent = Agent::start();
    let checked = |more: &str| {
        let file = agent.folder().join("next.toml");
        let text = std::fs::read_to_string(agent.folder().join("esm.toml")).unwrap();
        std::fs::write(&file, format!("{text}\n{more}\n")).unwrap();
        let checked = run(&mut agent.esm(&["config", "check", "--config", file.to_str().unwrap()]));
        assert_eq!(
            (checked.code, checked.err.as_str()),
            (Some(0), ""),
            "{checked:#?}"
        );
        checked.out
    };
    let warned = checked("[log]\nformat = \"json\"\nlevel = \"debug\"");
    let warnings: Vec<&str> = warned.lines().filter(|line| line.contains("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{warned}");
    for expect in [
        "next.toml:",
        "log.format = \"json\"",
        "the running agent has \"text\"",
        "restarted",
    ] {
        assert!(warnings[0].contains(expect), "{expect}: {warned}");
    }
    let plain = checked("[log]\nlevel = \"debug\"");
    assert!(!plain.contains("warning"), "{plain}");
    agent.stop();
}

/// Has the agent read another configuration, and waits until it is in force.
#[track_caller]
fn reload(agent: &Agent, more: &str) {
    let taken = |agent: &Agent| agent.log().matches("the configuration was read again").count();
    let before = taken(agent);
    agent.configure(more);
    agent.signal(Signal::HUP);
    let until = Instant::now() + Duration::from_secs(60);
    while taken(agent) == before {
        assert!(Instant::now() < until, "{}", agent.log());
        assert!(!agent.log().contains("the old one stays"), "{}", agent.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Where the agent began to listen last.
#[track_caller]
fn listening(agent: &Agent) -> SocketAddr {
    let log = agent.log();
    let (_, address) = log.rsplit_once("listening address=").expect("a new listener");
    address.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn listeners_come_and_go_and_open_connections_stay() {
    let agent = Agent::start_with("wsman.http_listen = [\"127.0.0.1:0\"]");
    let old = plain(&agent);
    let mut open = Connection::open(old).logged_in(USER, &agent.password());
    let get = Message::transfer("Get", "ESM_OperatingSystem");
    assert_eq!(open.ask(&get).status, 200);

    reload(&agent, "wsman.http_listen = [\"127.0.0.2:0\"]");
    let new = listening(&agent);
    let mut opened = Connection::open(new).logged_in(USER, &agent.password());
    assert_eq!(opened.ask(&get).status, 200);
    let until = Instant::now() + Duration::from_secs(60);
    while std::net::TcpStream::connect(old).is_ok() {
        assert!(Instant::now() < until, "{old} is listened on for ever");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(open.ask(&get).status, 200, "a connection outlives its listener");
    assert_eq!(
        run(&mut agent.wsman(&["identify"])).code,
        Some(0),
        "the other listener"
    );
    agent.stop();
}

#[test]
fn an_address_that_is_in_use_is_refused_whole() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    check_refused(
        &format!("wsman.http_listen = [\"127.0.0.1:0\", \"{address}\"]"),
        &[&address.to_string(), "in use"],
    );
}

#[test]
fn other_accounts_are_taken_and_a_file_that_is_not_there_is_refused() {
    check_refused(
        "accounts.file = \"/nowhere/accounts\"",
        &["accounts.file", "esm passwd"],
    );

    let agent = Agent::start();
    let file = agent.folder().join("others");
    let hash =
        "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
    std::fs::write(&file, format!("bob:{hash}\n")).unwrap();
    reload(&agent, &format!("accounts.file = '{}'", file.display()));
    let mut as_admin = agent.wsman(&["identify"]);
    assert_eq!(run(&mut as_admin).code, Some(4), "no account any more");
    let args = [
        "wsman",
        "--url",
        agent.url(),
        "--user",
        "bob",
        "--pin",
        agent.fingerprint(),
        "identify",
    ];
    let as_bob = run(agent.esm(&args).env("ESM_PASSWORD", "password"));
    assert_eq!(as_bob.code, Some(0), "{as_bob:#?}");
    agent.stop();
}

#[test]
fn the_local_socket_can_move() {
    let agent = Agent::start();
    let old = agent.socket();
    let new = agent.folder().join("moved/esm.sock");
    let get = Message::transfer("Get", "ESM_OperatingSystem").text();
    let ask = |stream: &mut UnixStream| {
        let head = format!(
            "POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n\r\n",
            get.len()
        );
        stream
            .write_all(&[head.as_bytes(), get.as_bytes()].concat())
            .unwrap();
        let mut reply = [0; 65536];
        let length = stream.read(&mut reply).unwrap();
        String::from_utf8_lossy(&reply[..length]).into_owned()
    };
    let mut open = UnixStream::connect(&old).unwrap();
    assert!(ask(&mut open).starts_with("HTTP/1.1 200"));

    reload(&agent, &format!("local.socket = '{}'", new.display()));
    let list = run(&mut agent.esm(&["subscription", "list"]));
    assert_eq!(
        list.code,
        Some(0),
        "by the socket that the configuration names now: {list:#?}"
    );
    let until = Instant::now() + Duration::from_secs(60);
    while old.exists() {
        assert!(Instant::now() < until, "{} is never removed", old.display());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(
        ask(&mut open).starts_with("HTTP/1.1 200"),
        "a connection outlives its socket"
    );
    agent.stop();
    assert!(!new.exists());
}

#[test]
fn a_socket_that_cannot_be_made_is_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("file");
    std::fs::write(&taken, "").unwrap();
    let agent = Agent::start();
    agent.configure(&format!("local.socket = '{}'", taken.display()));
    let line = agent.wait_for_log("the old one stays in force");
    assert!(line.contains("is no socket"), "{line}");
    let socket = agent.socket();
    let named = run(&mut agent.esm(&["subscription", "list", "--socket", socket.to_str().unwrap()]));
    assert_eq!(named.code, Some(0), "{named:#?}");
    agent.stop();
}

#[tokio::test]
async fn another_pair_can_be_named() {
    check_refused(
        "tls.certificate = \"/nowhere/cert.pem\"\ntls.key = \"/nowhere/key.pem\"",
        &["/nowhere/cert.pem"],
    );

    let agent = Agent::start();
    let mut open = agent.client();
    open.identify().await.unwrap();
    let pair = Pair::make(agent.folder());
    reload(
        &agent,
        &format!(
            "tls.certificate = '{}'\ntls.key = '{}'",
            pair.certificate.display(),
            pair.key.display()
        ),
    );
    open.identify().await.unwrap();
    let pinned = run(&mut agent.wsman(&["identify"]));
    assert_eq!(pinned.code, Some(3), "the old fingerprint: {pinned:#?}");
    let shown = run(&mut agent.esm(&["cert", "show", "--output", "json"]));
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let fingerprint = shown["sha256"].as_str().unwrap_or_else(|| panic!("{shown}"));
    let mut new = agent.esm(&[
        "wsman",
        "--url",
        agent.url(),
        "--user",
        USER,
        "--pin",
        fingerprint,
        "identify",
    ]);
    let new = run(new.env("ESM_PASSWORD", agent.password()));
    assert_eq!(new.code, Some(0), "{new:#?}");
    agent.stop();
}

#[test]
fn the_system_log_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("log");
    let daemon = UnixDatagram::bind(&socket).unwrap();
    daemon.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let agent = Agent::start();
    let socket = format!("syslog.socket = '{}'", socket.display());
    reload(&agent, &socket);
    let test = run(&mut agent.esm(&["wsman", "invoke", "ESM_Alive", "SendTestAlert"]));
    assert_eq!(test.code, Some(0), "{test:#?}");
    let mut line = [0; 2048];
    let length = daemon.recv(&mut line).unwrap();
    let line = String::from_utf8_lossy(&line[..length]);
    assert!(line.contains("ESMAGENT"), "{line}");
    agent.stop();
}

#[test]
fn the_service_manager_is_told_of_each_reload() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut message = [0; 2048];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let agent = Agent::start_with_environment("", &[("NOTIFY_SOCKET", socket.to_str().unwrap())]);
    assert_eq!(heard(), "READY=1\nSTATUS=serving");

    agent.signal(Signal::HUP);
    let begun = heard();
    let time = begun.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    assert!(time.is_some_and(|time| time.parse::<u64>().is_ok()), "{begun}");
    assert_eq!(heard(), "READY=1\nSTATUS=serving");

    agent.configure("[log]\nlevel = \"loud\"");
    assert!(heard().starts_with("RELOADING=1"));
    let refused = heard();
    assert!(refused.starts_with("READY=1\nSTATUS=serving; "), "{refused}");
    assert!(refused.contains("log.level"), "{refused}");
    agent.stop();
}

#[test]
fn a_faulty_file_keeps_no_command_from_the_agent() {
    let agent = Agent::start();
    agent.configure("[log]\nlevel = \"loud\"");
    for args in [&["wsman", "identify"][..], &["subscription", "list"]] {
        let answer = run(&mut agent.esm(args));
        assert_eq!(answer.code, Some(0), "{answer:#?}");
        assert!(answer.err.contains("log.level = \"loud\""), "{answer:#?}");
        assert!(
            answer.err.contains("warning: the configuration is faulty"),
            "{answer:#?}"
        );
    }

    // What is in force is what the agent has.
    let shown = run(&mut agent.esm(&["config", "show", "--output", "json"]));
    assert_eq!(shown.code, Some(1), "{shown:#?}");
    assert_eq!(shown.err.matches("log.level = \"loud\"").count(), 1, "{shown:#?}");
    assert!(shown.err.contains("in force at the running agent"), "{shown:#?}");
    let values: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
    let level = values.iter().find(|value| value["key"] == "log.level").unwrap();
    assert_eq!(
        (&level["value"], &level["running"]),
        (&"info".into(), &true.into()),
        "{level}"
    );
    let table = run(&mut agent.esm(&["config", "show"]));
    assert!(table.out.contains("VALUE AT THE RUNNING AGENT"), "{table:#?}");

    // What a broken line was to say may have been of the socket.
    std::fs::write(agent.folder().join("esm.toml"), "local.socket 5\n").unwrap();
    let refused = run(&mut agent.esm(&["subscription", "list"]));
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.err.contains("not TOML"), "{refused:#?}");
    assert!(refused.err.contains("--socket"), "{refused:#?}");
    let shown = run(&mut agent.esm(&["config", "show"]));
    assert_eq!((shown.code, shown.out.as_str()), (Some(1), ""), "{shown:#?}");
    assert!(
        shown.err.contains("not TOML") && shown.err.contains("--socket"),
        "{shown:#?}"
    );
    let socket = agent.socket();
    let named = run(&mut agent.esm(&["subscription", "list", "--socket", socket.to_str().unwrap()]));
    assert_eq!((named.code, named.err.as_str()), (Some(0), ""), "{named:#?}");
    let answer = run(&mut agent.wsman(&["identify"]));
    assert_eq!(answer.code, Some(0), "another way is not concerned: {answer:#?}");
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
