//! What can go wrong in the store.

use std::path::PathBuf;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file of the store cannot be made or read.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process has the database.
    #[error("{0} is in use by another process: one agent at a time may run on a state folder")]
    InUse(PathBuf),
    /// A later version of the program made the file.
    #[error(
        "{path} has version {found}, this program knows up to {known}: run the version that made it, or a later one"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest one known here.
        known: i64,
    },
    /// The key file does not hold a key.
    #[error(
        "{0} does not hold a key of 32 bytes: restore it, or remove it and let the managers subscribe again"
    )]
    BadKey(PathBuf),
    /// The database said no.
    #[error("database: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The transaction that the command was part of could not be committed.
    #[error("database: nothing was written: {0}")]
    NotCommitted(String),
    /// A stored text that cannot be read back, or one that cannot be stored.
    #[error("{what}: {source}")]
    Json {
        /// What was read or written.
        what: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There is no such row.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Under which name.
        id: String,
    },
    /// The system gives no random bytes.
    #[error("no random numbers")]
    NoRandom,
    /// The store was closed.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// Whether the error says that the file itself is damaged.
    pub(super) fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        matches!(self, Self::Sql(error) if matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)))
    }

    /// Whether another process has the file.
    pub(super) fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        matches!(self, Self::Sql(error) if matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked)))
    }
}
