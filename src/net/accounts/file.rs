//! The accounts file: one `user:hash` per line, as `htpasswd` writes it.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::hash::{HashFault, PasswordHash};
use crate::net::private_file;

/// A file of more than this is no accounts file.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// What the file held when it was read.
#[derive(Debug, Default)]
pub(super) struct AccountsFile {
    entries: HashMap<String, PasswordHash>,
    faults: Vec<LineFault>,
    dummy: Option<PasswordHash>,
}

/// A line of the accounts file that gives nobody access, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LineFault {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: EntryFault,
}

/// What is wrong with one line of the accounts file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EntryFault {
    /// No colon, or nothing before it.
    #[error("expected `user:hash`")]
    NoUser,
    /// The line is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The same user stands on an earlier line, which counts.
    #[error("user `{0}` stands on an earlier line, which counts")]
    Repeated(String),
    /// The hash cannot be used.
    #[error("user `{user}`: {fault}")]
    Hash {
        /// The user of the line.
        user: String,
        /// Why the hash cannot be used.
        fault: HashFault,
    },
}

/// An accounts file that was read.
#[derive(Debug)]
pub(super) struct FileRead {
    pub(super) file: AccountsFile,
    pub(super) stamp: FileStamp,
    /// Still open; none where there is no file.
    pub(super) open: Option<File>,
}

impl AccountsFile {
    /// Reads the file. One that does not exist holds no accounts.
    pub(super) fn read(path: &Path) -> io::Result<FileRead> {
        let open = existing(File::open(path))?;
        // Before it is read: what is written meanwhile is another file.
        let stamp = open.as_ref().and_then(FileStamp::of_open).unwrap_or_default();
        let bytes = read_bytes(open.as_ref())?;
        let file = Self::parse(&bytes);
        Ok(FileRead { file, stamp, open })
    }

    /// Never fails: a bad line is a fault in the list and does not lock out the others.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut file = Self::default();
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if let Err(fault) = file.add(line) {
                file.faults.push(LineFault {
                    line: index + 1,
                    fault,
                });
            }
        }
        file.dummy = file.commonest_hash().cloned();
        file
    }

    fn add(&mut self, line: &[u8]) -> Result<(), EntryFault> {
        let line = std::str::from_utf8(line).map_err(|_| EntryFault::NotUtf8)?.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (user, hash) = split_entry(line).ok_or(EntryFault::NoUser)?;
        if self.entries.contains_key(user) {
            return Err(EntryFault::Repeated(user.to_owned()));
        }
        let hash = PasswordHash::parse(hash).map_err(|fault| EntryFault::Hash {
            user: user.to_owned(),
            fault,
        })?;
        self.entries.insert(user.to_owned(), hash);
        Ok(())
    }

    pub(super) fn get(&self, user: &str) -> Option<&PasswordHash> {
        self.entries.get(user)
    }

    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(super) fn faults(&self) -> &[LineFault] {
        &self.faults
    }

    /// What an unknown user's password is checked against, so that it costs what a wrong password costs.
    pub(super) fn dummy(&self) -> PasswordHash {
        self.dummy.clone().unwrap_or_else(PasswordHash::stand_in)
    }

    fn commonest_hash(&self) -> Option<&PasswordHash> {
        let mut count_by_class: HashMap<&str, usize> = HashMap::new();
        for hash in self.entries.values() {
            *count_by_class.entry(hash.cost_class()).or_default() += 1;
        }
        let (class, _) = count_by_class
            .into_iter()
            .max_by_key(|&(class, count)| (count, class))?;
        self.entries.values().find(|hash| hash.cost_class() == class)
    }
}

/// What tells one state of the file from another without reading it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct FileStamp {
    inode: u64,
    links: u64,
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl FileStamp {
    /// The stamp of the file at `path`; that of no file if there is none, or none to be seen.
    pub(super) fn of(path: &Path) -> Self {
        std::fs::metadata(path)
            .map(|metadata| Self::from(&metadata))
            .unwrap_or_default()
    }

    /// The stamp of an open file, whatever its name is by now. To be replaced or renamed changes it, too.
    pub(super) fn of_open(file: &File) -> Option<Self> {
        file.metadata().ok().map(|metadata| Self::from(&metadata))
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        let nanos = |secs: i64, nanos: i64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
        Self {
            inode: metadata.ino(),
            links: metadata.nlink(),
            size: metadata.size(),
            modified_ns: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Puts `hash` in the place of the user's entry, or at the end; with `None`, takes the entry out. All
/// other lines stay as they are, to the byte. Returns whether the user had an entry before.
pub(super) fn replace_entry(path: &Path, user: &str, hash: Option<&str>) -> io::Result<bool> {
    let _lock = private_file::lock_beside(path)?;
    let old = read_bytes(existing(private_file::open_to_replace(path))?.as_ref())?;
    let mut new = Vec::with_capacity(old.len() + 160);
    let mut pending = hash;
    let mut found = false;
    for line in old.split_inclusive(|&byte| byte == b'\n') {
        if !is_entry_of(line, user) {
            new.extend_from_slice(line);
            continue;
        }
        found = true;
        if let Some(hash) = pending.take() {
            push_entry(&mut new, user, hash);
        }
    }
    if let Some(hash) = pending {
        if new.last().is_some_and(|&byte| byte != b'\n') {
            new.push(b'\n');
        }
        push_entry(&mut new, user, hash);
    }
    if found || hash.is_some() {
        private_file::replace(path, &new)?;
    }
    Ok(found)
}

fn push_entry(out: &mut Vec<u8>, user: &str, hash: &str) {
    out.extend_from_slice(format!("{user}:{hash}\n").as_bytes());
}

fn is_entry_of(line: &[u8], user: &str) -> bool {
    std::str::from_utf8(line)
        .ok()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .and_then(split_entry)
        .is_some_and(|(name, _)| name == user)
}

fn split_entry(line: &str) -> Option<(&str, &str)> {
    line.split_once(':').filter(|(user, _)| !user.is_empty())
}

/// An opened file; none where there is none.
fn existing(opened: io::Result<File>) -> io::Result<Option<File>> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// All of an opened file; nothing where there is none.
fn read_bytes(open: Option<&File>) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    let Some(file) = open else { return Ok(bytes) };
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than 4 MiB: no accounts file",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const APR1: &str = "$apr1$x$12YdXEY0/hH4rDNkmZupO0";

    #[test]
    fn a_bad_line_locks_out_nobody_else() {
        let text = format!(
            "# comment\r\n\r\nann:{APR1}\r\nno colon\n:{APR1}\nbob:plain text\n  carl:{APR1}  \nann:{APR1}\nd\u{e9}:{APR1}\n"
        );
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(b"\xff\xfe:x\n");
        bytes.extend_from_slice(format!("last:{APR1}").as_bytes());
        let file = AccountsFile::parse(&bytes);

        let mut users: Vec<&str> = file.users().collect();
        users.sort_unstable();
        assert_eq!(users, ["ann", "carl", "dé", "last"]);
        let faults: Vec<String> = file.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults[..2],
            ["line 4: expected `user:hash`", "line 5: expected `user:hash`"]
        );
        assert!(
            faults[2].starts_with("line 6: user `bob`: unknown kind of password hash"),
            "{}",
            faults[2]
        );
        assert!(
            !faults[2].contains("plain text"),
            "what may be a secret is not shown"
        );
        assert_eq!(
            faults[3..],
            [
                "line 8: user `ann` stands on an earlier line, which counts",
                "line 10: not UTF-8"
            ]
        );
    }

    #[test]
    fn the_dummy_is_of_the_commonest_cost() {
        let argon2 = PasswordHash::stand_in();
        assert_eq!(AccountsFile::default().dummy(), argon2);
        let sha = |rounds: u32| format!("$5$rounds={rounds}$salt${}", "x".repeat(43));
        let text = format!("a:{APR1}\nb:{}\nc:{}\nd:{}\n", sha(2000), sha(5000), sha(5000));
        assert_eq!(
            AccountsFile::parse(text.as_bytes()).dummy().cost_class(),
            "$5$rounds=5000"
        );
    }

    #[track_caller]
    fn check_replace(before: &str, user: &str, hash: Option<&str>, after: &str, had_entry: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts");
        std::fs::write(&path, before).unwrap();
        assert_eq!(replace_entry(&path, user, hash).unwrap(), had_entry);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        check_replace("", "ann", Some("h"), "ann:h\n", false);
        check_replace(
            "# c\r\n\r\nbob:x\r\n",
            "ann",
            Some("h"),
            "# c\r\n\r\nbob:x\r\nann:h\n",
            false,
        );
        check_replace("bob:x", "ann", Some("h"), "bob:x\nann:h\n", false);
        check_replace(
            "a:1\nann:2\n bad\nb:3\n",
            "ann",
            Some("h"),
            "a:1\nann:h\n bad\nb:3\n",
            true,
        );
        check_replace("ann:1\nann:2\n", "ann", Some("h"), "ann:h\n", true);
        check_replace("ann:1\nanna:2\n#ann:3\n", "ann", None, "anna:2\n#ann:3\n", true);
        check_replace("anna:2", "ann", None, "anna:2", false);
    }

    #[test]
    fn the_file_is_private_and_made_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/accounts");
        assert!(AccountsFile::read(&path).unwrap().file.users().next().is_none());
        replace_entry(&path, "ann", Some(APR1)).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        replace_entry(&path, "bob", Some(APR1)).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let names: Vec<_> = path
            .parent()
            .unwrap()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(
            names.len(),
            2,
            "the file and its lock, nothing temporary: {names:?}"
        );
    }

    #[test]
    fn a_huge_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts");
        std::fs::write(&path, vec![b'\n'; MAX_FILE_BYTES as usize + 1]).unwrap();
        assert_eq!(
            AccountsFile::read(&path).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts");
        std::thread::scope(|scope| {
            for user in 0..8 {
                let path = &path;
                scope.spawn(move || replace_entry(path, &format!("user{user}"), Some(APR1)).unwrap());
            }
        });
        assert_eq!(AccountsFile::read(&path).unwrap().file.users().count(), 8);
    }
}
