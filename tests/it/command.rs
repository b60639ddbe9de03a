//! Runs the real `esm` binary.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command that sees nothing of the surroundings of the test: no configuration, and a home of its own.
pub fn esm(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esm"));
    command
        .env_clear()
        .env("HOME", home)
        .env("XDG_STATE_HOME", home.join("state"));
    command.current_dir(home).stdin(Stdio::null());
    // A file that exists, so that one of this machine is never looked at.
    let config = home.join("esm.toml");
    if !config.exists() {
        std::fs::write(&config, "").unwrap();
    }
    command.env("ESM_CONFIG", config);
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
