//! Runs the real `esm` binary.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command that sees nothing of the surroundings of the test, and keeps everything in `home`: without a
/// file of the test's own its state folder is `home/state`.
pub fn esm(home: &Path) -> Command {
    let config = home.join("esm.toml");
    if !config.exists() {
        let home = home.display();
        let text = format!("state_dir = '{home}/state'\nlocal.socket = '{home}/esm.sock'\n");
        std::fs::write(&config, text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_esm"));
    command.env_clear().env("HOME", home).env("ESM_CONFIG", config);
    command.current_dir(home).stdin(Stdio::null());
    command
}

/// [`esm`] with `args` in a network of its own, which has a loopback interface and nothing else, and where `/sys` shows
/// that one.
pub fn esm_in_own_network(home: &Path, args: &[&str]) -> Command {
    let before = "mount -t sysfs sysfs /sys && ip link set lo up";
    esm_apart(home, &["--net", "--mount"], before, args)
}

/// [`esm`] with `args` on a machine that is called `host_name`, for all that it sees.
pub fn esm_on_host(home: &Path, host_name: &str, args: &[&str]) -> Command {
    esm_apart(home, &["--uts"], &format!("hostname {host_name}"), args)
}

/// [`esm`] with `args` in namespaces of its own, in which `before` is run first.
fn esm_apart(home: &Path, namespaces: &[&str], before: &str, args: &[&str]) -> Command {
    let plain = esm(home);
    let mut command = Command::new("unshare");
    command
        .args(namespaces)
        .args(["sh", "-c"])
        .arg(format!("{before} && exec \"$0\" \"$@\""))
        .arg(plain.get_program())
        .args(args)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir(home)
        .stdin(Stdio::null());
    for (name, value) in plain.get_envs() {
        command.envs(value.map(|value| (name, value)));
    }
    command
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs the command to its end.
#[track_caller]
pub fn run(command: &mut Command) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ended {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs the command, which must end with that code, and say something on standard error if it is another than 0.
#[track_caller]
pub fn ends(command: &mut Command, code: i32) -> Ended {
    let ended = run(command);
    assert_eq!(ended.code, Some(code), "{command:?}: {ended:#?}");
    assert_eq!(ended.err.is_empty(), code == 0, "{ended:#?}");
    ended
}

/// The standard output of a program that must be there and succeed.
#[track_caller]
pub fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    let output =
        output.unwrap_or_else(|error| panic!("cannot run `{program}`, which this test needs: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{program}` failed: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
