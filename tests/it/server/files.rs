//! An agent that runs out of open files goes on answering.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, prlimit};

use super::harness::{run, text};
use crate::agent::Agent;

pub const IDENTIFY: &str = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body>\
    <i:Identify xmlns:i='http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd'/></s:Body></s:Envelope>";

fn open_files(agent: &Agent) -> u64 {
    std::fs::read_dir(format!("/proc/{}/fd", agent.pid()))
        .unwrap()
        .count() as u64
}

#[track_caller]
fn check_identifies(agent: &Agent) {
    let url = format!("https://127.0.0.1:{}/wsman-anon/identify", agent.port());
    let output = run(Command::new("curl").args([
        "-sSk",
        "--max-time",
        "20",
        "-H",
        "Content-Type: application/soap+xml",
        "-d",
        IDENTIFY,
        &url,
    ]));
    assert!(
        text(&output).contains("IdentifyResponse"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn running_out_of_files_ends_nothing() {
    let agent = Agent::start();
    check_identifies(&agent);
    let limit = Some(open_files(&agent) + 20);
    prlimit(
        Some(agent.pid()),
        Resource::Nofile,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    )
    .unwrap();

    let silent: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(("127.0.0.1", agent.port())).unwrap())
        .collect();
    let started = Instant::now();
    while !agent.log().contains("accepting connections is delayed") {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", agent.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    check_identifies(&agent);
    drop(silent);
    check_identifies(&agent);
    agent.stop();
}
