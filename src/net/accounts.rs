//! Accounts: names and password hashes in a file of `htpasswd` form, and the check of a Basic credential.
//!
//! - A changed file takes effect at once: every check compares what the system says of the open file.
//! - An unknown user costs the same time as a wrong password.
//! - Hashing runs off the reactor, at most two at a time; a credential verified or used in the last minute
//!   needs none, and so never waits for the hashing of others. Nor does one that proved wrong in the last minute.

mod apr1;
mod file;
mod hash;
mod memory;

use std::fs::File;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use parking_lot::RwLock;
use rustix::io::Errno;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

pub use self::file::{EntryFault, LineFault};
pub use self::hash::HashFault;
pub(in crate::net) use self::memory::Memory;

use self::file::{AccountsFile, FileRead, FileStamp};
use crate::net::credential::CredentialCheck;
use crate::net::principal::Principal;

/// Some clients leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Each may take up to 128 MiB.
const HASHINGS_AT_ONCE: usize = 2;
const MAX_USER_BYTES: usize = 255;
/// How long an open file may stand for its path.
const PATH_STANDS: Duration = Duration::from_millis(100);

/// The accounts of one file. Shared behind an `Arc` by all who check credentials.
pub struct Accounts {
    path: PathBuf,
    loaded: RwLock<Loaded>,
    memory: Memory<Principal>,
    wrong: Memory<()>,
    hashings: Arc<Semaphore>,
    started: Instant,
}

#[derive(Default)]
struct Loaded {
    stamp: FileStamp,
    file: Arc<AccountsFile>,
    /// Whether it was said that the file cannot be read for the moment.
    told: bool,
    /// The file that was read: to look at it takes a third of the time that its path takes.
    open: Option<File>,
    /// When the path was last looked at, in microseconds since the start. A file that is changed or replaced shows it
    /// itself; this is for what leads to it, a symbolic link or a folder, being exchanged.
    path_seen_micros: AtomicU64,
}

/// Why an account could not be set or deleted.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name cannot stand in the file.
    #[error(
        "`{0}` cannot be an account name: it needs 1 to 255 bytes, no colon, no control character, no `#` or space at its start"
    )]
    Name(String),
    /// The password cannot be used.
    #[error("a password needs 1 to 1024 bytes")]
    Password,
    /// The file could not be read or written.
    #[error("accounts file {}: {error}", path.display())]
    File {
        /// The accounts file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// No hash could be made.
    #[error("hashing the password failed: {0}")]
    Hash(String),
}

impl Accounts {
    /// The accounts of the file at `path`, which need not exist yet.
    ///
    /// # Errors
    /// If the system gives no random bytes for the key of the memory.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let accounts = Self {
            path: path.into(),
            loaded: RwLock::default(),
            memory: Memory::new()?,
            wrong: Memory::new()?,
            hashings: Arc::new(Semaphore::new(HASHINGS_AT_ONCE)),
            started: Instant::now(),
        };
        accounts.refresh();
        Ok(accounts)
    }

    /// The file that holds the accounts.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names that have a usable entry, sorted.
    pub fn users(&self) -> Vec<String> {
        self.refresh();
        let file = self.file();
        let mut users: Vec<String> = file.users().map(str::to_owned).collect();
        users.sort_unstable();
        users
    }

    /// The lines that give nobody access, in the file's order.
    pub fn faults(&self) -> Vec<LineFault> {
        self.refresh();
        self.file().faults().to_vec()
    }

    /// The principal of a Basic credential (the base64 text of RFC 7617) that was verified or recalled within the last
    /// minute, unless the file has changed since. Never blocks on hashing.
    pub fn recall(&self, credential: &[u8]) -> Option<Principal> {
        self.refresh();
        self.memory
            .recall_and_keep(&self.memory.tag(credential), Instant::now())
    }

    /// Whether a Basic credential (the base64 text of RFC 7617) proved wrong within the last minute, and the file has
    /// not changed since. Never blocks on hashing.
    pub fn recalls_wrong(&self, credential: &[u8]) -> bool {
        self.refresh();
        let tag = self.wrong.tag(credential);
        self.wrong.recall(&tag, Instant::now()).is_some()
    }

    /// The principal of a Basic credential (the base64 text of RFC 7617), or `None` if it is malformed, names
    /// nobody, or the password is wrong: nothing tells these apart.
    pub async fn verify(&self, credential: &[u8]) -> Option<Principal> {
        let (user, password) = decode_basic(credential)?;
        let permit = Arc::clone(&self.hashings).acquire_owned().await.ok()?;
        // Another request with the same credential may have been verified while this one waited.
        if let Some(principal) = self.recall(credential) {
            return Some(principal);
        }
        let file = self.file();
        let known = file.get(&user).cloned();
        let known_user = known.is_some();
        let hash = known.unwrap_or_else(|| file.dummy());
        let matches = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            hash.verify(&password)
        });
        let matches = matches.await.ok()?;
        if matches && known_user {
            return Some(self.admit(&user, credential, &file));
        }
        self.note_wrong(credential, &file);
        None
    }

    /// Sets the password of `user`, a new account or an old one. Slow on purpose (it hashes); not for the reactor.
    ///
    /// # Errors
    /// If the name or password cannot be used, or the file cannot be replaced.
    pub fn set(&self, user: &str, password: &[u8]) -> Result<(), AccountError> {
        check_name(user)?;
        if password.is_empty() || password.len() > hash::MAX_PASSWORD_BYTES {
            return Err(AccountError::Password);
        }
        let hash = hash::make(password).map_err(|error| AccountError::Hash(error.to_string()))?;
        file::replace_entry(&self.path, user, Some(&hash)).map_err(|error| self.file_error(error))?;
        self.refresh();
        Ok(())
    }

    /// Deletes the account of `user`; `false` if there was none.
    ///
    /// # Errors
    /// If the file cannot be read or replaced.
    pub fn delete(&self, user: &str) -> Result<bool, AccountError> {
        let found = file::replace_entry(&self.path, user, None).map_err(|error| self.file_error(error))?;
        self.refresh();
        Ok(found)
    }

    fn file_error(&self, error: io::Error) -> AccountError {
        AccountError::File {
            path: self.path.clone(),
            error,
        }
    }

    fn file(&self) -> Arc<AccountsFile> {
        Arc::clone(&self.loaded.read().file)
    }

    /// What was verified against a file that has been replaced meanwhile is not remembered.
    fn admit(&self, user: &str, credential: &[u8], verified_against: &Arc<AccountsFile>) -> Principal {
        let principal = Principal::account(user);
        let loaded = self.loaded.read();
        if Arc::ptr_eq(&loaded.file, verified_against) {
            self.memory
                .remember(self.memory.tag(credential), principal.clone(), Instant::now());
        }
        principal
    }

    /// Nor is what was wrong by such a file.
    fn note_wrong(&self, credential: &[u8], verified_against: &Arc<AccountsFile>) {
        let loaded = self.loaded.read();
        if Arc::ptr_eq(&loaded.file, verified_against) {
            self.wrong
                .remember(self.wrong.tag(credential), (), Instant::now());
        }
    }

    /// Reads the file anew if it is not the one that was read last. Where the system is short of something, what
    /// was read last stays in force, and the next question tries again.
    fn refresh(&self) {
        if self.is_current(&self.loaded.read()) {
            return;
        }
        let mut loaded = self.loaded.write();
        if self.is_current(&loaded) {
            return;
        }
        let FileRead { file, stamp, open } = match AccountsFile::read(&self.path) {
            Ok(read) => read,
            Err(error) if is_passing(&error) => {
                if !std::mem::replace(&mut loaded.told, true) {
                    tracing::warn!(file = %self.path.display(), %error, "accounts file unreadable for the moment: the accounts that were read last stay");
                }
                return;
            }
            Err(error) => {
                tracing::error!(file = %self.path.display(), %error, "accounts file unreadable: no account can log in");
                FileRead {
                    file: AccountsFile::default(),
                    stamp: FileStamp::of(&self.path),
                    open: None,
                }
            }
        };
        for fault in file.faults() {
            tracing::warn!(file = %self.path.display(), line = fault.line, fault = %fault.fault, "accounts file: line ignored");
        }
        *loaded = Loaded {
            stamp,
            file: Arc::new(file),
            told: false,
            open,
            path_seen_micros: AtomicU64::new(self.micros()),
        };
        self.memory.forget_all();
        self.wrong.forget_all();
    }

    /// Whether the file is still the one that was read.
    fn is_current(&self, loaded: &Loaded) -> bool {
        let now = self.micros();
        let path_seen = Duration::from_micros(loaded.path_seen_micros.load(Relaxed));
        if let Some(open) = &loaded.open
            && Duration::from_micros(now) < path_seen + PATH_STANDS
        {
            return FileStamp::of_open(open) == Some(loaded.stamp);
        }
        let is_current = FileStamp::of(&self.path) == loaded.stamp;
        if is_current {
            loaded.path_seen_micros.store(now, Relaxed);
        }
        is_current
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Whether an error says something of the machine at that moment, and nothing of the file.
fn is_passing(error: &io::Error) -> bool {
    const PASSING: [Errno; 9] = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::NOBUFS,
        Errno::AGAIN,
        Errno::INTR,
        Errno::IO,
        Errno::STALE,
        Errno::TIMEDOUT,
    ];
    Errno::from_io_error(error).is_some_and(|errno| PASSING.contains(&errno))
}

/// The name and password of a Basic credential (RFC 7617).
pub(in crate::net) fn decode_basic(credential: &[u8]) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let decoded = Zeroizing::new(BASE64.decode(credential).ok()?);
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let (user, password) = decoded.split_at_checked(colon)?;
    let user = std::str::from_utf8(user).ok()?.to_owned();
    let password = Zeroizing::new(password.get(1..)?.to_vec());
    (password.len() <= hash::MAX_PASSWORD_BYTES).then_some((user, password))
}

impl CredentialCheck for Accounts {
    fn at_once(&self) -> usize {
        HASHINGS_AT_ONCE
    }

    fn recall(&self, credential: &[u8]) -> Option<Principal> {
        self.recall(credential)
    }

    fn recalls_wrong(&self, credential: &[u8]) -> bool {
        self.recalls_wrong(credential)
    }

    fn verify<'a>(
        &'a self,
        credential: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Option<Principal>> + Send + 'a>> {
        Box::pin(self.verify(credential))
    }
}

fn check_name(user: &str) -> Result<(), AccountError> {
    let length_fits = (1..=MAX_USER_BYTES).contains(&user.len());
    let plain = !user.contains(|c: char| c == ':' || c.is_control());
    let start_fits = !user.starts_with('#') && user.trim() == user;
    if length_fits && plain && start_fits {
        Ok(())
    } else {
        Err(AccountError::Name(user.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> (tempfile::TempDir, Accounts) {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path().join("accounts")).unwrap();
        accounts.set("ann", b"secret:with colon").unwrap();
        (folder, accounts)
    }

    fn credential(text: &str) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD
            .encode(text)
            .into_bytes()
    }

    #[tokio::test]
    async fn only_the_right_credential_is_verified_and_then_remembered() {
        let (_folder, accounts) = accounts();
        let right = credential("ann:secret:with colon");
        assert_eq!(accounts.recall(&right), None);
        assert_eq!(accounts.verify(&right).await.unwrap().name(), "ann");
        assert_eq!(accounts.recall(&right).unwrap().name(), "ann");
        let unpadded: Vec<u8> = right.iter().copied().filter(|&byte| byte != b'=').collect();
        assert_eq!(accounts.verify(&unpadded).await.unwrap().name(), "ann");

        let long = "x".repeat(hash::MAX_PASSWORD_BYTES + 1);
        for wrong in [
            "ann:",
            "ann",
            "ann:secret",
            "Ann:secret:with colon",
            ":",
            "",
            &format!("ann:{long}"),
        ] {
            assert_eq!(accounts.verify(&credential(wrong)).await, None, "{wrong:?}");
            assert_eq!(accounts.recall(&credential(wrong)), None, "{wrong:?}");
        }
        assert_eq!(accounts.verify(b"!!!").await, None);
        assert_eq!(accounts.verify(b"YW5uOnNlY3JldA").await, None);
    }

    #[tokio::test]
    async fn a_changed_file_forgets() {
        let (folder, accounts) = accounts();
        let right = credential("ann:secret:with colon");
        accounts.verify(&right).await.unwrap();
        let other = Accounts::open(folder.path().join("accounts")).unwrap();
        other.set("bob", b"x").unwrap();
        assert_eq!(
            accounts.recall(&right),
            None,
            "what was verified against the old file"
        );
        assert_eq!(accounts.verify(&right).await.unwrap().name(), "ann");
        assert!(other.delete("ann").unwrap());
        assert_eq!(accounts.recall(&right), None);
        assert!(!accounts.recalls_wrong(&right));
        assert_eq!(accounts.verify(&right).await, None);
        assert!(accounts.recalls_wrong(&right));
        other.set("ann", b"secret:with colon").unwrap();
        assert!(!accounts.recalls_wrong(&right), "what was wrong by the old file");
        assert_eq!(accounts.verify(&right).await.unwrap().name(), "ann");
        assert!(!accounts.recalls_wrong(&right));
        std::fs::remove_file(folder.path().join("accounts")).unwrap();
        assert!(accounts.users().is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_read_for_the_moment_locks_out_nobody() {
        let (folder, accounts) = accounts();
        let path = folder.path().join("accounts");
        let kept = folder.path().join("kept");
        std::fs::rename(&path, &kept).unwrap();
        // Its first page is never there: reading it is an input/output error.
        std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
        assert_eq!(accounts.users(), ["ann"]);
        assert_ne!(
            accounts.loaded.read().stamp,
            FileStamp::of(&path),
            "it is tried again"
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(accounts.users().is_empty());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(accounts.users().is_empty(), "a folder is no accounts file");
        assert_eq!(
            accounts.loaded.read().stamp,
            FileStamp::of(&path),
            "which is final"
        );
    }

    #[tokio::test]
    async fn whatever_becomes_of_the_file_is_seen_at_once() {
        let (folder, accounts) = accounts();
        let path = folder.path().join("accounts");
        let entry = std::fs::read_to_string(&path).unwrap();
        let right = credential("ann:secret:with colon");
        let moved = folder.path().join("moved");
        for change in [
            &|| std::fs::write(&path, "").unwrap(),
            &|| std::fs::rename(&path, &moved).unwrap(),
            &|| std::fs::remove_file(&path).unwrap(),
            &|| {
                std::fs::hard_link(&path, &moved).unwrap();
                std::fs::write(folder.path().join("new"), "").unwrap();
                std::fs::rename(folder.path().join("new"), &path).unwrap();
            },
        ] as [&dyn Fn(); 4]
        {
            let _ = std::fs::remove_file(&moved);
            std::fs::write(&path, &entry).unwrap();
            assert_eq!(accounts.verify(&right).await.unwrap().name(), "ann");
            change();
            assert_eq!(accounts.recall(&right), None);
        }
    }

    #[tokio::test]
    async fn a_link_that_leads_elsewhere_is_seen_soon() {
        let folder = tempfile::tempdir().unwrap();
        let (link, empty) = (folder.path().join("accounts"), folder.path().join("empty"));
        let (_other, target) = accounts();
        std::os::unix::fs::symlink(target.path(), &link).unwrap();
        let accounts = Accounts::open(&link).unwrap();
        let right = credential("ann:secret:with colon");
        accounts.verify(&right).await.unwrap();
        std::fs::write(&empty, "").unwrap();
        std::os::unix::fs::symlink(&empty, folder.path().join("new")).unwrap();
        std::fs::rename(folder.path().join("new"), &link).unwrap();
        let changed = Instant::now();
        while accounts.recall(&right).is_some() {
            assert!(changed.elapsed() < Duration::from_secs(10), "it is never seen");
        }
    }

    #[tokio::test]
    async fn an_unknown_user_costs_what_a_wrong_password_costs() {
        let (_folder, accounts) = accounts();
        // The least of many, taken in turn: what other work on the machine adds is left out.
        let (mut wrong, mut unknown) = (Duration::MAX, Duration::MAX);
        for _ in 0..10 {
            for (text, least) in [("ann:wrong", &mut wrong), ("nobody:wrong", &mut unknown)] {
                let started = Instant::now();
                assert_eq!(accounts.verify(&credential(text)).await, None);
                *least = started.elapsed().min(*least);
            }
        }
        assert!(
            unknown * 2 > wrong && wrong * 2 > unknown,
            "wrong {wrong:?}, unknown {unknown:?}"
        );
    }

    #[tokio::test]
    async fn a_remembered_credential_does_not_wait_for_hashing() {
        let (_folder, accounts) = accounts();
        let right = credential("ann:secret:with colon");
        accounts.verify(&right).await.unwrap();
        let _all = accounts.hashings.acquire_many(2).await.unwrap();
        assert!(accounts.recall(&right).is_some());
    }

    #[test]
    fn names_and_passwords_that_cannot_be_are_refused() {
        let (_folder, accounts) = accounts();
        for name in ["", "a:b", "a\nb", "#a", " a", "a ", &"x".repeat(256)] {
            assert!(
                matches!(accounts.set(name, b"x"), Err(AccountError::Name(_))),
                "{name:?}"
            );
        }
        assert!(matches!(accounts.set("a", b""), Err(AccountError::Password)));
        assert!(matches!(
            accounts.set("a", &[b'x'; 1025]),
            Err(AccountError::Password)
        ));
        assert_eq!(accounts.users(), ["ann"]);
        assert!(!accounts.delete("nobody").unwrap());
    }
}
