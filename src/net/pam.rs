//! Accounts of the system, checked by PAM in a small process of its own.
//!
//! PAM modules run foreign code, may block for long and may crash: they do so in `esm pam-helper`, which
//! this side starts when it needs one and kills when it does not answer. A question is one line, the
//! credential as Basic authentication has it (base64); the answer is the line `right` or `wrong`.
//! At most four helpers run at once; one is kept for the next question.

pub mod helper;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::net::accounts::{Memory, decode_basic};
use crate::net::credential::CredentialCheck;
use crate::net::principal::Principal;

const HELPERS_AT_ONCE: usize = 4;
/// PAM itself waits a few seconds after a wrong password; a network directory may take longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const RIGHT: &str = "right";
const WRONG: &str = "wrong";

/// Checks credentials against one PAM service.
pub struct Pam {
    command: Vec<String>,
    memory: Memory<Principal>,
    kept: Mutex<Option<Helper>>,
}

struct Helper {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Killed when dropped.
    _process: Child,
}

impl Pam {
    /// Checks against the PAM service `service`: a file of that name in `/etc/pam.d`.
    ///
    /// # Errors
    /// If the system gives no random bytes for the key of the memory.
    pub fn new(service: &str) -> io::Result<Self> {
        // This link leads to the running program even after an update has replaced its file.
        Self::with_helper(["/proc/self/exe", "pam-helper", "--service", service])
    }

    fn with_helper<'a>(command: impl IntoIterator<Item = &'a str>) -> io::Result<Self> {
        Ok(Self {
            command: command.into_iter().map(str::to_owned).collect(),
            memory: Memory::new().map_err(io::Error::other)?,
            kept: Mutex::new(None),
        })
    }

    async fn ask(&self, credential: &str) -> io::Result<bool> {
        let kept = self.kept.lock().take();
        if let Some(mut helper) = kept
            && let Ok(answer) = helper.ask(credential).await
        {
            *self.kept.lock() = Some(helper);
            return Ok(answer);
        }
        let mut helper = Helper::start(&self.command)?;
        let answer = helper.ask(credential).await?;
        *self.kept.lock() = Some(helper);
        Ok(answer)
    }
}

impl CredentialCheck for Pam {
    fn at_once(&self) -> usize {
        HELPERS_AT_ONCE
    }

    fn recall(&self, credential: &[u8]) -> Option<Principal> {
        self.memory.recall(&self.memory.tag(credential), Instant::now())
    }

    /// It does not tell what changes there.
    fn recalls_wrong(&self, _credential: &[u8]) -> bool {
        false
    }

    fn verify<'a>(
        &'a self,
        credential: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Option<Principal>> + Send + 'a>> {
        Box::pin(async move {
            let (user, _) = decode_basic(credential)?;
            let text = std::str::from_utf8(credential).ok()?;
            let answer = tokio::time::timeout(ANSWER_WITHIN, self.ask(text)).await;
            match answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(true) => {
                    let principal = Principal::account(&user);
                    self.memory
                        .remember(self.memory.tag(credential), principal.clone(), Instant::now());
                    Some(principal)
                }
                Ok(false) => None,
                Err(error) => {
                    tracing::error!(%error, "the PAM helper gave no answer: nobody can log in by PAM");
                    None
                }
            }
        })
    }
}

impl Helper {
    fn start(command: &[String]) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self {
            questions,
            answers: BufReader::new(answers),
            _process: process,
        })
    }

    async fn ask(&mut self, credential: &str) -> io::Result<bool> {
        self.questions
            .write_all(format!("{credential}\n").as_bytes())
            .await?;
        let mut answer = String::new();
        (&mut self.answers).take(16).read_line(&mut answer).await?;
        match answer.trim_end() {
            RIGHT => Ok(true),
            WRONG => Ok(false),
            "" => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    async fn verify(script: &str, credentials: &[&str]) -> Vec<bool> {
        let pam = Pam::with_helper(["sh", "-c", script]).unwrap();
        let mut outcomes = Vec::new();
        for credential in credentials {
            let credential = STANDARD.encode(credential);
            let principal = pam.verify(credential.as_bytes()).await;
            assert_eq!(pam.recall(credential.as_bytes()), principal);
            outcomes.push(principal.is_some_and(|principal| principal.name() == "ann"));
        }
        outcomes
    }

    const ONLY_SECRET: &str =
        "while read line; do case $line in YW5uOnNlY3JldA==) echo right;; *) echo wrong;; esac; done";

    #[tokio::test]
    async fn the_answer_of_the_helper_counts() {
        assert_eq!(
            verify(ONLY_SECRET, &["ann:secret", "ann:other", "ann:secret"]).await,
            [true, false, true]
        );
    }

    #[tokio::test]
    async fn a_helper_that_dies_is_replaced() {
        let once = "read line; echo right";
        assert_eq!(
            verify(once, &["ann:1", "ann:2", "ann:3"]).await,
            [true, true, true]
        );
    }

    #[tokio::test]
    async fn no_answer_is_no_login() {
        for script in [
            "exit 1",
            "read line; echo maybe",
            "read line",
            "read line; printf right-and-much-more-that-has-no-end",
        ] {
            assert_eq!(
                verify(script, &["ann:1", "ann:2"]).await,
                [false, false],
                "{script}"
            );
        }
        assert_eq!(verify(ONLY_SECRET, &["no colon"]).await, [false]);
    }
}
