//! Start and stop: other agents, taken addresses, modes, a damaged database, the service manager.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use super::syslog_socket::SyslogSocket;
use crate::agent::{Agent, USER};
use crate::command::{self, Ended, run};
use crate::message::Message;
use crate::raw_http::Connection;

/// Starts an agent in `home` that must not come up.
#[track_caller]
fn fails_to_start(home: &Path) -> Ended {
    let ended = run(command::esm(home).arg("serve"));
    assert_eq!(ended.code, Some(6), "{ended:#?}");
    assert_eq!(ended.out, "", "nothing is said to be up");
    ended
}

#[test]
fn a_second_agent_on_the_same_state_folder_is_refused() {
    let agent = Agent::start();
    let refused = fails_to_start(agent.folder());
    let state = agent.folder().join("state");
    let expect = format!("another agent is using the state folder {}", state.display());
    assert!(refused.err.contains(&expect), "{refused:#?}");
    let answer = run(&mut agent.esm(&["wsman", "get", "ESM_OperatingSystem"]));
    assert_eq!(
        answer.code,
        Some(0),
        "the first goes on, on its socket too: {answer:#?}"
    );
    agent.stop();
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display();
    let config = format!(
        "state_dir = '{home}/state'\nlocal.socket = '{home}/esm.sock'\nwsman.listen = [\"{address}\"]\n\
         cimxml.https_listen = []\ncimxml.http_listen = []\n"
    );
    std::fs::write(folder.path().join("esm.toml"), config).unwrap();
    let refused = fails_to_start(folder.path());
    assert!(refused.err.contains(&address), "{refused:#?}");
    assert!(refused.err.contains("in use"), "{refused:#?}");
    // No account was made whose password nobody was told.
    assert!(!folder.path().join("state/accounts").exists());
}

#[test]
fn provider_only_serves_data_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let syslog = SyslogSocket::bind(&folder.path().join("log"));
    let more = |mode: &str| {
        format!(
            "syslog.enabled = true\nsyslog.socket = '{}/log'\nagent.mode = \"{mode}\"\n\
             subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n\
             [[monitor]]\nrule = \"physical-memory\"\ninterval_secs = 1\nhold_samples = 1\n\
             warning = 0.1\nwarning_reset = 0.05\ncritical = \"none\"\n",
            folder.path().display()
        )
    };
    let agent = Agent::start_with(&more("provider-only"));
    let get = run(&mut agent.esm(&["wsman", "get", "ESM_GeneralInformation"]));
    assert_eq!(get.code, Some(0), "{get:#?}");
    assert!(get.out.contains("provider-only"), "{get:#?}");
    let refused = |args: &[&str]| {
        let refused = run(agent.esm(&["wsman"]).args(args));
        assert_eq!(refused.code, Some(5), "{refused:#?}");
        assert!(refused.err.contains("provider-only"), "{refused:#?}");
    };
    refused(&[
        "subscribe",
        "CIM_Indication",
        "--notify-to",
        "https://127.0.0.1:9/",
    ]);
    refused(&["put", "ESM_MonitorSetting?InstanceID=cpu", "Warning=84"]);
    let lines = syslog.lines_within(Duration::from_secs(3));
    assert_eq!(lines, Vec::<String>::new(), "nothing is watched or reported");
    agent.stop();

    let agent = Agent::start_with(&more("service"));
    syslog.wait_for("80000201");
    agent.stop();
}

#[test]
fn a_damaged_database_is_put_aside_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let syslog = SyslogSocket::bind(&folder.path().join("log"));
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let more = format!(
        "syslog.enabled = true\nsyslog.socket = '{}/log'\n",
        folder.path().display()
    );
    let agent = Agent::start_in(&home, &more);
    let password = agent.password();
    agent.stop();

    let database = home.join("state/esm.db");
    let damaged = vec![0x5a; 8192];
    std::fs::write(&database, &damaged).unwrap();
    let agent = Agent::start_in(&home, &more);
    let line = syslog.wait_for("609");
    let aside = std::fs::read_dir(home.join("state")).unwrap();
    let aside = aside.map(|entry| entry.unwrap().path());
    let aside: Vec<_> = aside
        .filter(|path| path.display().to_string().contains("damaged"))
        .collect();
    let [aside] = aside.as_slice() else {
        panic!("put aside: {aside:?}");
    };
    assert_eq!(std::fs::read(aside).unwrap(), damaged);
    assert!(line.contains(&aside.display().to_string()), "{line}");
    assert_eq!(agent.password(), password, "the accounts are no part of it");
    agent.stop();
}

#[test]
fn the_service_manager_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let told = || {
        let mut buffer = [0; 4096];
        let count = socket
            .recv(&mut buffer)
            .expect("the service manager is told in time");
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    };
    let alive = "WATCHDOG=1";
    let environment = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "500000"),
    ];
    let agent = Agent::start_with_environment("", &environment);
    assert!(told().lines().any(|line| line == "READY=1"));
    assert_eq!([told(), told()], [alive, alive]);
    agent.signal(Signal::TERM);
    let last = std::iter::repeat_with(told).find(|told| told != alive).unwrap();
    assert!(last.lines().any(|line| line == "STOPPING=1"));
    agent.stop();
}

#[test]
fn a_stop_lets_a_request_in_flight_end() {
    let mut agent = Agent::start_with("wsman.http_listen = [\"127.0.0.1:0\"]");
    let (_, rest) = agent.greeting().split_once("http://").unwrap();
    let address = rest.split_once('/').unwrap().0.parse().unwrap();
    let message = Message::transfer("Get", "ESM_OperatingSystem").text();
    let (first, rest) = message.as_bytes().split_at(message.len() / 2);

    let mut connection = Connection::open(address).logged_in(USER, &agent.password());
    connection.begin_post("application/soap+xml;charset=UTF-8", message.len());
    connection.send(first);
    agent.signal(Signal::TERM);
    agent.wait_for_log("requests in flight may end");
    connection.send(rest);
    let reply = connection.reply();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("connection"), Some("close"));
    agent.ends();
}
