//! The first account, and its password.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::state_dir::NO_LINK;
use crate::net::accounts::{AccountError, Accounts};

/// The account that is made on first start.
pub const FIRST_ACCOUNT: &str = "admin";

/// Letters and digits of a first password, without those that look alike.
const PASSWORD_LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789_";
const PASSWORD_LENGTH: usize = 20;

/// A password that was just thought up.
struct FirstPassword(String);

/// The account of a first start. It is made by [`FirstAccount::make`]: before that, or afterwards, its password must
/// reach somebody.
pub struct FirstAccount {
    accounts: Arc<Accounts>,
    password: FirstPassword,
}

impl FirstAccount {
    /// The account to be made, if there is none at all.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(super) fn wanted(accounts: &Arc<Accounts>) -> Result<Option<Self>, AccountError> {
        if !accounts.users().is_empty() || !accounts.faults().is_empty() {
            return Ok(None);
        }
        let password = random_password().map_err(|error| AccountError::Hash(error.to_string()))?;
        Ok(Some(Self {
            accounts: Arc::clone(accounts),
            password,
        }))
    }

    /// Its password. Whoever asks shows it to the one person it is for.
    pub fn password(&self) -> &str {
        &self.password.0
    }

    /// Makes the account.
    ///
    /// # Errors
    /// If the account file cannot be written.
    pub fn make(&self) -> Result<(), AccountError> {
        self.accounts.set(FIRST_ACCOUNT, self.password().as_bytes())
    }

    /// Takes it back: its password has reached nobody.
    ///
    /// # Errors
    /// If the account file cannot be written.
    pub fn unmake(&self) -> Result<(), AccountError> {
        self.accounts.delete(FIRST_ACCOUNT).map(drop)
    }

    /// Keeps the password where only the agent's user can read it, for one who saw no terminal.
    ///
    /// # Errors
    /// The file that cannot be written, and why; nothing is left of it.
    pub fn keep_password(&self, state_dir: &Path) -> Result<PathBuf, UnkeptPassword> {
        let path = state_dir.join("initial-password");
        match write_private(&path, self.password()) {
            Ok(()) => Ok(path),
            Err(error) => {
                // Half a password would be taken for a whole one.
                let _ = std::fs::remove_file(&path);
                Err(UnkeptPassword { path, error })
            }
        }
    }
}

/// The first password could not be kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "the password of the first account cannot be written to {}: {error}; no account was made: mend that and start again",
    path.display()
)]
pub struct UnkeptPassword {
    path: PathBuf,
    error: io::Error,
}

fn random_password() -> io::Result<FirstPassword> {
    let random: [u8; PASSWORD_LENGTH] = crate::random::bytes()?;
    // 32 letters: each takes five bits of its byte, so none is more likely than another.
    let letter = |byte: &u8| {
        PASSWORD_LETTERS
            .get(usize::from(byte & 31))
            .copied()
            .map(char::from)
    };
    Ok(FirstPassword(random.iter().filter_map(letter).collect()))
}

fn write_private(path: &Path, line: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(path)?;
    writeln!(file, "{line}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_password_is_long_and_new_each_time() {
        let (one, two) = (random_password().unwrap().0, random_password().unwrap().0);
        assert_eq!(one.len(), PASSWORD_LENGTH);
        assert_ne!(one, two);
    }

    #[test]
    fn the_first_account_is_made_once_and_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Arc::new(Accounts::open(folder.path().join("accounts")).unwrap());
        let account = FirstAccount::wanted(&accounts).unwrap().unwrap();
        assert!(accounts.users().is_empty(), "it is not there yet");
        account.make().unwrap();
        assert_eq!(accounts.users(), [FIRST_ACCOUNT]);
        assert!(FirstAccount::wanted(&accounts).unwrap().is_none());
        account.unmake().unwrap();
        assert!(FirstAccount::wanted(&accounts).unwrap().is_some());
    }

    #[test]
    fn a_password_is_kept_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Arc::new(Accounts::open(folder.path().join("accounts")).unwrap());
        let account = FirstAccount::wanted(&accounts).unwrap().unwrap();
        let path = account.keep_password(folder.path()).unwrap();
        let kept = std::fs::read_to_string(path).unwrap();
        assert_eq!(kept, format!("{}\n", account.password()));
        assert!(account.keep_password(&folder.path().join("none")).is_err());
    }
}
