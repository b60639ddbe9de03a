//! The process that talks to PAM: reads questions, answers them, ends with its input.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStringExt;

use nonstick::{AuthnFlags, ConversationAdapter, ErrorCode, Transaction, TransactionBuilder};
use zeroize::Zeroizing;

use super::{RIGHT, WRONG};
use crate::net::accounts::decode_basic;

/// Answers one line for each line of `questions`, against the PAM service `service`.
///
/// # Errors
/// If the input or the output breaks.
pub fn serve(service: &str, questions: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    for question in questions.lines() {
        let question = Zeroizing::new(question?);
        let answer = if is_right(service, question.as_bytes()) {
            RIGHT
        } else {
            WRONG
        };
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

/// Whether the password is right and the account may be used now (not expired, not locked).
fn is_right(service: &str, credential: &[u8]) -> bool {
    let Some((user, password)) = decode_basic(credential) else {
        return false;
    };
    if user.is_empty() || user.contains('\0') || password.contains(&0) {
        return false;
    }
    let checked = authenticate(service, &user, &password);
    if let Err(error) = checked {
        tracing::debug!(user, %error, "PAM refuses");
    }
    checked.is_ok()
}

fn authenticate(service: &str, user: &str, password: &[u8]) -> Result<(), ErrorCode> {
    let conversation = PasswordOnly(password).into_conversation();
    let mut transaction = TransactionBuilder::new_with_service(service)
        .username(user)
        .build(conversation)?;
    transaction.authenticate(AuthnFlags::empty())?;
    transaction.account_management(AuthnFlags::empty())
}

/// Answers what is asked without echo with the password, and nothing else.
struct PasswordOnly<'a>(&'a [u8]);

impl ConversationAdapter for PasswordOnly<'_> {
    fn prompt(&self, _request: impl AsRef<OsStr>) -> nonstick::Result<OsString> {
        Err(ErrorCode::ConversationError)
    }

    fn masked_prompt(&self, _request: impl AsRef<OsStr>) -> nonstick::Result<OsString> {
        Ok(OsString::from_vec(self.0.to_vec()))
    }

    fn error_msg(&self, _message: impl AsRef<OsStr>) {}

    fn info_msg(&self, _message: impl AsRef<OsStr>) {}
}
