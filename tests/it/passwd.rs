//! `esm passwd` as a user meets it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::command::{Ended, esm, run};

fn accounts(home: &Path) -> PathBuf {
    home.join("state/accounts")
}

/// Runs `esm passwd` with this on standard input.
fn passwd(home: &Path, arguments: &[&str], input: &str) -> Ended {
    let file = home.join("input");
    fs::write(&file, input).unwrap();
    run(esm(home)
        .arg("passwd")
        .args(arguments)
        .stdin(File::open(file).unwrap()))
}

#[test]
fn an_account_is_made_changed_and_deleted() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(passwd(home, &["alice"], "first\n").code, Some(0));
    let first = fs::read_to_string(accounts(home)).unwrap();
    assert!(
        first.starts_with("alice:$") && !first.contains("first"),
        "{first}"
    );
    assert_eq!(passwd(home, &["bob"], "other\r\n").code, Some(0));
    assert_eq!(passwd(home, &["alice"], "second").code, Some(0));
    let second = fs::read_to_string(accounts(home)).unwrap();
    assert_eq!(second.lines().count(), 2);
    assert_ne!(first.lines().next(), second.lines().next());
    assert_eq!(passwd(home, &["alice", "--delete"], "").code, Some(0));
    let third = fs::read_to_string(accounts(home)).unwrap();
    assert!(
        third.starts_with("bob:$") && third.lines().count() == 1,
        "{third}"
    );
}

#[test]
fn what_is_secret_is_for_its_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    passwd(home.path(), &["alice"], "secret\n");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&accounts(home.path())), 0o600);
    assert_eq!(mode(accounts(home.path()).parent().unwrap()), 0o700);
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_changes() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let refused = |arguments: &[&str], input: &str, words: &str| {
        let ended = passwd(home, arguments, input);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains(words) && ended.out.is_empty(), "{ended:?}");
        assert!(!accounts(home).exists());
    };
    refused(&["alice"], "", "no password was given");
    refused(&["alice"], "\n", "no password was given");
    refused(&["al:ice"], "secret\n", "`al:ice` cannot be an account name");
    refused(&["alice"], &"x".repeat(2000), "a password needs 1 to 1024 bytes");
    refused(&["alice", "--delete"], "", "there is no account `alice`");
}

#[test]
fn a_password_is_no_argument() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(passwd(home.path(), &["alice", "secret"], "").code, Some(2));
}

/// Types on a terminal; a line is typed only once its prompt has come, as people do.
fn on_a_terminal(home: &Path, lines: &[&str]) -> (i32, String, String) {
    let mut master = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let name = std::ffi::OsStr::from_bytes(name.as_bytes());
    let terminal = File::from(rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
    let mut command = esm(home);
    command
        .args(["passwd", "alice"])
        .stdin(terminal.try_clone().unwrap());
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(command);
    let mut errors = child.stderr.take().unwrap();
    let mut said = String::new();
    for line in lines {
        said.push_str(&read_prompt(&mut errors));
        writeln!(master, "{line}").unwrap();
    }
    errors.read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code().unwrap();
    assert!(
        tcgetattr(&terminal)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO),
        "echo is on again"
    );
    drop(terminal);
    let mut shown = Vec::new();
    // The end of a terminal whose other side is closed is an error.
    let _ = master.read_to_end(&mut shown);
    (code, said, String::from_utf8(shown).unwrap())
}

fn read_prompt(from: &mut impl Read) -> String {
    let mut prompt = Vec::new();
    let mut byte = [0];
    while !prompt.ends_with(b": ") && from.read(&mut byte).unwrap() == 1 {
        prompt.push(byte[0]);
    }
    String::from_utf8(prompt).unwrap()
}

#[test]
fn on_a_terminal_it_asks_twice_and_shows_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (code, said, shown) = on_a_terminal(home.path(), &["secret", "secret"]);
    assert_eq!(
        (code, said.as_str()),
        (0, "New password of alice: \nThe same again: \n")
    );
    assert_eq!(shown, "");
    assert!(accounts(home.path()).exists());
}

#[test]
fn two_different_passwords_change_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (code, said, _) = on_a_terminal(home.path(), &["secret", "sercet"]);
    assert_eq!(code, 1);
    assert!(
        said.ends_with("esm: the two differ; nothing was changed\n"),
        "{said}"
    );
    assert!(!accounts(home.path()).exists());
}
