//! What the log says of each request, and what it never says. The agent runs in a process of its own, as
//! the log of a process is one.

use std::process::Command;
use std::time::{Duration, Instant};

use super::files::IDENTIFY;
use super::harness::run;
use crate::agent::{Agent, USER};
use crate::raw_http::Connection;

fn ask(agent: &Agent, path: &str, password: Option<&str>) {
    let url = format!("https://127.0.0.1:{}{path}", agent.port());
    let mut curl = Command::new("curl");
    curl.args([
        "-sSk",
        "-o",
        "/dev/null",
        "-H",
        "Content-Type: application/soap+xml",
        "-d",
        IDENTIFY,
    ]);
    if let Some(password) = password {
        curl.args(["-u", &format!("{USER}:{password}")]);
    }
    assert!(run(curl.arg(url)).status.success());
}

/// The lines of the access log, once there are `count`, without what differs from run to run.
fn access_lines(agent: &Agent, count: usize) -> Vec<String> {
    let started = Instant::now();
    loop {
        let log = agent.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("esm::access")).collect();
        if lines.len() >= count {
            return lines.into_iter().map(without_numbers).collect();
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `... peer=ADDRESS principal=...`: from the message to the bytes received.
fn without_numbers(line: &str) -> String {
    let line = &line[line.find("esm::access: ").unwrap() + 13..];
    let (start, rest) = line.split_once("127.0.0.1:").unwrap();
    let (_, rest) = rest.split_once(' ').unwrap();
    format!("{start}{}", rest.split(" sent_bytes").next().unwrap())
}

#[test]
fn each_request_has_a_line_without_secrets() {
    let agent = Agent::start_with("[log]\nlevel = \"trace\"\n");
    let password = agent.password();
    ask(&agent, "/wsman?secret=1", Some(&password));
    ask(&agent, "/wsman", Some("open sesame"));
    ask(&agent, "/wsman-anon/identify", None);
    ask(&agent, "/elsewhere", None);
    let size = IDENTIFY.len();
    assert_eq!(
        access_lines(&agent, 4),
        [
            format!("answered request=00000001 peer=principal=\"{USER}\" method=POST path=\"/wsman\" status=200 received_bytes={size}"),
            "answered request=00000002 peer=principal=\"-\" method=POST path=\"/wsman\" status=401 received_bytes=0".to_owned(),
            format!("answered request=00000003 peer=principal=\"-\" method=POST path=\"/wsman-anon/identify\" status=200 received_bytes={size}"),
            "answered request=00000004 peer=principal=\"-\" method=POST path=\"/elsewhere\" status=404 received_bytes=0".to_owned(),
        ]
    );
    let log = agent.log();
    assert!(
        log.contains("a login failed: the name or the password is wrong from=127.0.0.1"),
        "{log}"
    );
    for secret in [&*password, "sesame", "secret=1", "Basic", "<i:Identify"] {
        assert!(!log.contains(secret), "{secret:?} stands in the log");
    }
    agent.stop();
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (agent, unread) = Agent::start_unread("[log]\nlevel = \"trace\"\n");
    let address = ([127, 0, 0, 1], agent.cimxml_http_port()).into();
    let mut connection = Connection::open(address).logged_in(USER, &agent.password());
    // Some hundred KiB of lines; a pipe takes 64.
    for _ in 0..2000 {
        let reply = connection.post("application/soap+xml", IDENTIFY.as_bytes());
        assert_eq!(reply.status, 200);
    }
    agent.stop();
    drop(unread);
}

/// More requests than have lines of their own; the path of each is as long as it may be.
#[test]
fn strangers_do_not_fill_the_log() {
    let agent = Agent::start();
    let before = agent.log().len();
    let address = ([127, 0, 0, 1], agent.cimxml_http_port()).into();
    let mut connection = Connection::open(address);
    let path = format!("/{}", "long".repeat(7000));
    for _ in 0..200 {
        connection.request("PROPFINDANDMUCHMORETHANTHAT", &path, "", b"");
        assert_eq!(connection.reply().status, 404);
    }
    let more = agent.wait_for_log("more requests without a login");
    assert!(more.contains(" from=127.0.0.1"), "{more}");
    let log = agent.stop();
    // The two hundred may take some seconds; each second has twenty lines.
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("status=404")).collect();
    assert!(lines.len() < 200, "{} lines", lines.len());
    let line = lines[0];
    assert!(line.len() < 500, "{line}");
    assert!(line.contains("method=PROPFINDANDMUCHM path="), "{line}");
    assert!(log.len() - before < 200 * 300, "{} bytes", log.len());
}
