//! Asking for a secret.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};

/// More than any password may have; what is longer is refused by the account file.
const LONGEST_BYTES: u64 = 4096;

/// A password from standard input: asked for twice, without echo, on a terminal; else the first line.
///
/// # Errors
/// If there is none, the two differ, or the terminal or input cannot be read.
pub fn new_password(user: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let input = io::stdin();
    if !input.is_terminal() {
        return first_line(&mut input.lock());
    }
    let _quiet = WithoutEcho::begin()?;
    let password = ask(&format!("New password of {user}: "))?;
    let again = ask("The same again: ")?;
    if *password == *again {
        Ok(password)
    } else {
        Err(Failure::new(
            Exit::Negative,
            "the two differ; nothing was changed",
        ))
    }
}

/// The password of an account that there is already, asked for without echo on a terminal.
///
/// # Errors
/// If none is given or the terminal cannot be read.
pub fn password(user: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let _quiet = WithoutEcho::begin()?;
    ask(&format!("Password of {user}: "))
}

fn ask(prompt: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut terminal = io::stderr();
    write!(terminal, "{prompt}")?;
    let line = first_line(&mut io::stdin().lock());
    // The line end that the user typed was not shown.
    writeln!(terminal)?;
    line
}

fn first_line(input: &mut impl BufRead) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut line = Zeroizing::new(Vec::new());
    input.take(LONGEST_BYTES).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    if line.is_empty() {
        Err(Failure::new(Exit::Negative, "no password was given"))
    } else {
        Ok(line)
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct WithoutEcho {
    before: Termios,
}

impl WithoutEcho {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin().as_fd())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin().as_fd(), OptionalActions::Flush, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for WithoutEcho {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing left to put right.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut input: &[u8], password: Option<&[u8]>) {
        assert_eq!(
            first_line(&mut input).ok().as_deref().map(Vec::as_slice),
            password
        );
    }

    #[test]
    fn the_first_line_is_the_password() {
        check(b"secret", Some(b"secret"));
        check(b"secret\nmore\n", Some(b"secret"));
        check(b"secret\r\n", Some(b"secret"));
        check(b" with space \xff\n", Some(b" with space \xff"));
        check(b"\n", None);
        check(b"", None);
    }
}
