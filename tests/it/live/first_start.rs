//! The account of a first start: somebody has its password, or there is none.

use std::path::Path;
use std::process::Command;

use crate::agent::{Agent, USER};
use crate::command::{esm, run};

/// Writes a configuration whose agent keeps to itself.
fn configure(folder: &Path) {
    let home = folder.display();
    let config = format!(
        "state_dir = '{home}/state'\nlocal.socket = '{home}/esm.sock'\nwsman.listen = [\"127.0.0.1:0\"]\n\
         cimxml.https_listen = []\ncimxml.http_listen = []\nsyslog.enabled = false\n"
    );
    std::fs::write(folder.join("esm.toml"), config).unwrap();
}

#[test]
fn no_account_remains_whose_password_cannot_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let in_the_way = state.join("initial-password");
    std::fs::create_dir_all(&in_the_way).unwrap();
    configure(folder.path());
    let ended = run(esm(folder.path()).arg("serve"));
    assert_eq!(ended.code, Some(6), "{ended:#?}");
    assert!(ended.err.contains("initial-password"), "{ended:#?}");
    assert!(ended.err.contains("no account was made"), "{ended:#?}");
    assert!(!ended.out.contains("READY"), "{ended:#?}");
    assert!(!state.join("accounts").exists());

    std::fs::remove_dir(in_the_way).unwrap();
    let agent = Agent::start_in(folder.path(), "");
    let answer = run(&mut agent.wsman(&["get", "ESM_Alive"]));
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    agent.stop();
}

#[test]
fn on_a_terminal_the_password_is_shown_and_not_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let command = format!(
        "{} --config {}/esm.toml serve & pid=$!; sleep 0.1; while ! grep -q READY typescript; do sleep 0.05; done; kill $pid; wait $pid",
        env!("CARGO_BIN_EXE_esm"),
        folder.path().display()
    );
    configure(folder.path());
    // `script` (util-linux) gives the command a terminal.
    let mut script = Command::new("script");
    script.args([
        "--quiet",
        "--flush",
        "--return",
        "--command",
        &command,
        "typescript",
    ]);
    let ended = run(script.current_dir(folder.path()));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let line = ended.out.lines().find(|line| line.contains("(shown this once)"));
    let password = line.unwrap().split_whitespace().nth(1).unwrap();
    assert!(password.len() >= 12, "{ended:#?}");
    assert!(!folder.path().join("state/initial-password").exists());

    let agent = Agent::start_in(folder.path(), "");
    let args = [
        "wsman",
        "--url",
        agent.url(),
        "--user",
        USER,
        "--pin",
        agent.fingerprint(),
        "get",
        "ESM_Alive",
    ];
    let answer = run(agent.esm(&args).env("ESM_PASSWORD", password));
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    agent.stop();
}
