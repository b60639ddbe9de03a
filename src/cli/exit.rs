//! Exit codes, and how a command that failed says why.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use crate::config::ConfigFaults;

/// What `--help` says of exit codes.
pub const HELP: &str = "\
Exit codes:
  0  done, and the answer is yes
  1  done, and the answer is no: a fault found, nothing there
  2  the command line is wrong
  3  the peer cannot be reached
  4  the peer refused the login
  5  the peer answered with a fault
  6  this machine refused: a file, a folder, a terminal
`esm wbem` has those of wbemcli: 0 done, 16 not done.";

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, and the answer is yes.
    Done = 0,
    /// Done, and the answer is no: a fault was found, or nothing is there.
    Negative = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The peer cannot be reached: no connection, no TLS, no answer in time.
    Unreachable = 3,
    /// The peer refused the login.
    LoginRefused = 4,
    /// The peer answered with a fault.
    PeerFault = 5,
    /// This machine refused: a file, a folder, a terminal.
    Local = 6,
    /// What wbemcli ends with whenever it has not done what it should: `esm wbem` alone.
    Abnormal = 16,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed: the exit code, and the words for standard error.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    /// What standard error gets, line ends included; empty when nothing need be said.
    message: String,
}

impl Failure {
    /// A failure with this code and message.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self {
            exit,
            message: format!("esm: {message}\n"),
        }
    }

    /// A failure whose lines begin with a place of their own (`FILE:LINE: …`), as editors read it.
    pub fn plain(exit: Exit, lines: impl Display) -> Self {
        Self {
            exit,
            message: format!("{lines}\n"),
        }
    }

    /// The same failure, with one more line that says what may help.
    #[must_use]
    pub fn with_advice(mut self, advice: &str) -> Self {
        self.message.push_str("esm: ");
        self.message.push_str(advice);
        self.message.push('\n');
        self
    }

    /// The same failure with another code; one that says nothing stays the end of a command that is done.
    #[must_use]
    pub fn ending_with(mut self, exit: Exit) -> Self {
        if self.exit != Exit::Done {
            self.exit = exit;
        }
        self
    }

    /// The code.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// What standard error gets.
    #[cfg(test)]
    pub fn text(&self) -> &str {
        &self.message
    }

    /// Writes the message to standard error and returns the code.
    pub(super) fn tell(self) -> Exit {
        // Nobody is left to tell if standard error is closed too.
        let _ = std::io::stderr().write_all(self.message.as_bytes());
        self.exit
    }
}

/// Trouble of this machine. A reader of our output who has read enough (`esm … | head`) is no
/// trouble at all.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self {
                exit: Exit::Done,
                message: String::new(),
            }
        } else {
            Self::new(Exit::Local, error)
        }
    }
}

/// The answer to a check of it, or a file that this machine does not give.
impl From<ConfigFaults> for Failure {
    fn from(faults: ConfigFaults) -> Self {
        let exit = if faults.is_unreadable() {
            Exit::Local
        } else {
            Exit::Negative
        };
        Self::plain(exit, faults)
    }
}

/// Shows what the argument parser has to say: help and version are answers, the rest is a refusal.
pub(super) fn of_refusal(refusal: &clap::Error) -> Exit {
    let shown = refusal.print().map_err(Failure::from);
    match shown {
        Err(failure) => failure.tell(),
        Ok(()) if refusal.use_stderr() => Exit::Usage,
        Ok(()) => Exit::Done,
    }
}
