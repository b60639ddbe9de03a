//! `esm passwd` as a user meets it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
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

/// The state folder of a service with a user of its own, where root is the one to ask; else of the asking user.
fn state_of_another_user(home: &Path) -> PathBuf {
    let state = home.join("state");
    fs::create_dir(&state).unwrap();
    // The service's user comes as far as its folder.
    fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&state, Some(12_345), Some(12_345)).unwrap();
    }
    state
}

#[test]
fn what_a_command_makes_is_the_folders_owners() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let state = state_of_another_user(home);
    assert_eq!(passwd(home, &["alice"], "secret\n").code, Some(0));
    assert_eq!(run(esm(home).args(["cert", "create", "--force"])).code, Some(0));
    let owner = |name: &str| {
        let metadata = state.join(name).symlink_metadata().unwrap();
        (metadata.uid(), metadata.gid())
    };
    for name in [
        "accounts",
        ".accounts.lock",
        "certs",
        "certs/cert.pem",
        "certs/key.pem",
    ] {
        assert_eq!(owner(name), owner(""), "{name}");
    }
}

/// Who owns the folder cannot lead a command of root's out of it.
#[test]
fn links_in_the_folder_lead_nowhere() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let state = state_of_another_user(home);
    let elsewhere = home.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let secret = elsewhere.join("secret");
    fs::write(&secret, "root:hash\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o555)).unwrap();

    let check = |link: &str, to: &Path, arguments: &[&str]| {
        symlink(to, state.join(link)).unwrap();
        let input = home.join("input");
        fs::write(&input, "password\n").unwrap();
        let ended = run(esm(home).args(arguments).stdin(File::open(input).unwrap()));
        assert_eq!(ended.code, Some(6), "{link}: {ended:?}");
        assert!(state.join(link).is_symlink());
        fs::remove_file(state.join(link)).unwrap();
    };
    check(".accounts.lock", &elsewhere.join("made"), &["passwd", "alice"]);
    check("accounts", &secret, &["passwd", "alice"]);
    check("certs", &elsewhere, &["cert", "create"]);
    let left: Vec<_> = fs::read_dir(&elsewhere).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "root:hash\n");
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
