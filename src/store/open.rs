//! Opening the file, and what becomes of a damaged one.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::fs::OFlags;

use super::seal::Sealer;
use super::writer::{Store, start};
use super::{StoreError, schema};
use crate::time::WallTime;

const DATABASE: &str = "esm.db";
const KEY: &str = "esm.key";

/// What the database may keep of its pages in memory.
const CACHE_KIB: i64 = 256;

/// When the log beside the file is worked into it, in pages of 4 KiB.
const CHECKPOINT_PAGES: i64 = 256;

/// A store that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// What was wrong with the file that was there, if it had to be put aside.
    pub damage: Option<Damage>,
}

/// A damaged file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damage {
    /// Where it was put.
    pub moved_to: PathBuf,
    /// What was found.
    pub found: String,
}

impl Store {
    /// Opens the store in `folder`, makes it where there is none, and puts a damaged file aside. `now` goes into
    /// the name of such a file.
    ///
    /// # Errors
    /// Files that cannot be used, a database that another process has or that a later version made.
    pub fn open(folder: &Path, now: WallTime) -> Result<Opened, StoreError> {
        let path = folder.join(DATABASE);
        let sealer = Sealer::open(&folder.join(KEY))?;
        let (connection, damage) = match open_checked(&path) {
            Ok(connection) => (connection, None),
            Err(error) if error.is_damage() => {
                let moved_to = put_aside(&path, now)?;
                (
                    open_checked(&path)?,
                    Some(Damage {
                        moved_to,
                        found: error.to_string(),
                    }),
                )
            }
            Err(error) if error.is_busy() => return Err(StoreError::InUse(path)),
            Err(error) => return Err(error),
        };
        Ok(Opened {
            store: start(connection, sealer)?,
            damage,
        })
    }
}

fn open_checked(path: &Path) -> Result<Connection, StoreError> {
    create_private(path)?;
    // No symbolic links: the file is opened by the agent's user in a folder of its own.
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_millis(500))?;
    // Exclusive before the journal mode: the index of the log is then kept in memory, not in a shared file.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.query_row(
        &format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"),
        [],
        |_| Ok(()),
    )?;
    check_integrity(&db)?;
    schema::migrate(&mut db, path)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

fn create_private(path: &Path) -> Result<(), StoreError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map(drop)
        .map_err(|source| StoreError::File {
            path: path.to_owned(),
            source,
        })
}

fn check_integrity(db: &Connection) -> Result<(), StoreError> {
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(found)).into())
}

/// Renames the file and its log; a name that is taken is counted on.
fn put_aside(path: &Path, now: WallTime) -> Result<PathBuf, StoreError> {
    let at = now.timestamp().strftime("%Y%m%dT%H%M%SZ").to_string();
    let named = |count: u32| {
        let more = if count == 0 {
            String::new()
        } else {
            format!("-{count}")
        };
        path.with_file_name(format!("{DATABASE}.damaged-{at}{more}"))
    };
    let mut count = 0;
    while named(count).exists() {
        count += 1;
    }
    let moved_to = named(count);
    let renamed = |from: &Path, to: &Path| {
        std::fs::rename(from, to).map_err(|source| StoreError::File {
            path: from.to_owned(),
            source,
        })
    };
    renamed(path, &moved_to)?;
    for ending in ["-wal", "-shm", "-journal"] {
        let log = with_ending(path, ending);
        if log.exists() {
            renamed(&log, &with_ending(&moved_to, ending))?;
        }
    }
    Ok(moved_to)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::commands::{LoadSettings, PutSettings};

    fn open(folder: &Path) -> Result<Opened, StoreError> {
        Store::open(folder, WallTime::from_unix_micros(1_769_860_800_000_000))
    }

    fn put(store: &Store, value: &str) {
        store
            .call(PutSettings(vec![("key".to_owned(), Some(value.to_owned()))]))
            .unwrap();
    }

    #[test]
    fn the_file_is_private_and_keeps_what_was_answered() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path()).unwrap();
        assert_eq!(opened.damage, None);
        put(&opened.store, "1");
        opened.store.close();
        for name in [DATABASE, KEY] {
            let mode = std::fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let store = open(folder.path()).unwrap().store;
        assert_eq!(store.call(LoadSettings).unwrap().get("key").unwrap(), "1");
    }

    #[test]
    fn a_second_process_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _first = open(folder.path()).unwrap();
        assert!(matches!(open(folder.path()), Err(StoreError::InUse(_))));
    }

    #[test]
    fn a_file_that_is_no_database_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE);
        for count in 0..2 {
            std::fs::write(
                &path,
                "this is no database, but long enough to be looked at".repeat(100),
            )
            .unwrap();
            let opened = open(folder.path()).unwrap();
            let damage = opened.damage.unwrap();
            let name = damage.moved_to.file_name().unwrap().to_str().unwrap();
            let more = if count == 0 { "" } else { "-1" };
            assert_eq!(name, format!("esm.db.damaged-20260131T120000Z{more}"));
            assert!(damage.moved_to.exists());
            put(&opened.store, "1");
            opened.store.close();
        }
    }

    #[test]
    fn a_torn_page_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap().store;
        put(&store, &"x".repeat(100_000));
        store.close();
        let path = folder.path().join(DATABASE);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[8_192..middle].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();
        assert!(open(folder.path()).unwrap().damage.is_some());
    }

    #[test]
    fn a_file_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).unwrap().store.close();
        let db = Connection::open(folder.path().join(DATABASE)).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        drop(db);
        assert!(matches!(
            open(folder.path()),
            Err(StoreError::TooNew { found: 99, .. })
        ));
    }
}
