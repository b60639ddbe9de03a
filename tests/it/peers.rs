//! Programs that nobody here wrote, driven from the tests: `tests/peers/` holds what joins them to a pipe, one
//! JSON text in and one out per line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::agent::{Agent, USER};
use crate::dsp0203::check_reply;

/// A running peer. Dropped, it is told to end.
pub struct Peer {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    replies: Replies,
}

/// The CIM-XML replies that pywbem writes down in a script of ours (`tests/peers/connected.py`), each of which is
/// checked.
pub struct Replies {
    file: tempfile::NamedTempFile,
    lines: BufReader<File>,
}

impl Peer {
    /// `tests/peers/SCRIPT` with the Python where its libraries are installed.
    #[track_caller]
    pub fn python(script: &str, environment: &[(&str, &str)]) -> Self {
        let python = installed("ESM_TEST_VENV").join("bin/python");
        Self::start(Command::new(python).arg(peer(script)), environment)
    }

    /// `tests/peers/SCRIPT` with pywbem, told where `agent` is, how to log in there, and what to trust.
    #[track_caller]
    pub fn pywbem(script: &str, agent: &Agent) -> Self {
        let url = format!("https://127.0.0.1:{}", agent.cimxml_port());
        let certificate = agent.certificate();
        let environment = [
            ("ESM_URL", url.as_str()),
            ("ESM_CA", certificate.to_str().unwrap()),
            ("ESM_USER", USER),
            ("ESM_PASSWORD", &agent.password()),
        ];
        Self::python(script, &environment)
    }

    /// `tests/peers/SCRIPT` with Node, which finds its packages in the folder that `ESM_TEST_NODE` names.
    #[track_caller]
    pub fn node(script: &str, environment: &[(&str, &str)]) -> Self {
        let modules = installed("ESM_TEST_NODE");
        let mut command = Command::new("node");
        command.arg(peer(script)).env("ESM_TEST_NODE", modules);
        Self::start(&mut command, environment)
    }

    #[track_caller]
    fn start(command: &mut Command, environment: &[(&str, &str)]) -> Self {
        let replies = Replies::of(command);
        let started = command
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}: use tests/run"));
        Self {
            questions: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
            replies,
        }
    }

    /// Sends a question and waits for its answer.
    #[track_caller]
    pub fn ask(&mut self, question: &Value) -> Value {
        let pipe = self.questions.as_mut().unwrap();
        writeln!(pipe, "{question}").unwrap();
        self.next()
    }

    /// The next thing that it says.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        self.replies.check();
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error} in `{line}`: what it wrote before that says why"))
    }
}

impl Replies {
    /// Has them written down by a command that is going to be started.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        command.env("ESM_REPLIES", file.path());
        let lines = BufReader::new(file.reopen().unwrap());
        Self { file, lines }
    }

    /// Checks those that came since the last time.
    #[track_caller]
    pub fn check(&mut self) {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            check_reply(&serde_json::from_str::<String>(&line).unwrap());
            line.clear();
        }
    }

    /// How many bytes of them there are.
    pub fn len(&self) -> u64 {
        self.file.as_file().metadata().unwrap().len()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input is its sign to go; it is not waited for in vain.
        drop(self.questions.take());
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// `tests/peers/SCRIPT` with the same Python, to be run to its end.
#[track_caller]
pub fn python(script: &str) -> Command {
    let mut command = Command::new(installed("ESM_TEST_VENV").join("bin/python"));
    command.arg(peer(script));
    command
}

/// A program that the Python packages bring along.
#[track_caller]
pub fn of_python(program: &str) -> Command {
    Command::new(installed("ESM_TEST_VENV").join("bin").join(program))
}

#[track_caller]
pub fn installed(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: tests/run installs what the tests need"))
        .into()
}

fn peer(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(script)
}
