//! Who may use the local socket.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::process::Signal;

use crate::agent::Agent;
use crate::command::run;
use crate::message::Message;

/// The HTTP status that a process with these ids gets for a request without credentials.
#[track_caller]
fn status_for(agent: &Agent, ids: &[&str]) -> String {
    let message = Message::transfer("Get", "ESM_OperatingSystem").text();
    let mut command = Command::new("setpriv");
    command
        .args(ids)
        .args(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
    command.args([
        "-H",
        "Content-Type: application/soap+xml;charset=UTF-8",
        "--data-binary",
        &message,
    ]);
    command
        .arg("--unix-socket")
        .arg(agent.socket())
        .arg("http://localhost/wsman");
    let ended = run(&mut command);
    assert_eq!(
        ended.code,
        Some(0),
        "this test takes on other users, so run it as root: {ended:#?}"
    );
    ended.out
}

/// An agent to whose socket every user finds the way.
fn agent(more: &str) -> Agent {
    let agent = Agent::start_with(more);
    std::fs::set_permissions(agent.folder(), Permissions::from_mode(0o755)).unwrap();
    agent
}

const NOBODY: &[&str] = &["--reuid=65534", "--regid=65534", "--clear-groups"];

#[test]
fn root_needs_no_credentials_and_others_are_refused() {
    let agent = agent("");
    assert_eq!(status_for(&agent, &["--reuid=0"]), "200");
    assert_eq!(status_for(&agent, NOBODY), "401");
    let state = agent.folder().join("state");
    let list = Command::new("setpriv")
        .args(NOBODY)
        .arg("ls")
        .arg(state)
        .output()
        .unwrap();
    assert!(!list.status.success(), "the state folder is the agent's alone");
    agent.stop();
}

#[test]
fn the_configured_group_is_let_in() {
    // A group that no user is in, by its number; the peer has it as its own.
    let agent = agent("local.group = \"daemon\"");
    let group = |id| ["--reuid=65534", id, "--clear-groups"];
    assert_eq!(status_for(&agent, &group("--regid=1")), "200");
    assert_eq!(status_for(&agent, &group("--regid=2")), "401");
    agent.stop();
}

#[test]
fn another_group_is_let_in_from_the_next_request_on() {
    let agent = agent("local.group = \"daemon\"");
    let group = |id| ["--reuid=65534", id, "--clear-groups"];
    assert_eq!(status_for(&agent, &group("--regid=1")), "200");
    agent.configure("local.group = \"bin\"");
    agent.signal(Signal::HUP);
    agent.wait_for_log("the configuration was read again");
    assert_eq!(status_for(&agent, &group("--regid=1")), "401");
    assert_eq!(status_for(&agent, &group("--regid=2")), "200");
    agent.stop();
}
