//! What can be asked of the store: one struct per command, its answer beside it.

mod agent;
mod change;
mod queue;
mod renumber;
mod settings;
mod subscriptions;
mod wbem;

#[cfg(test)]
mod model;

use std::time::Duration;

use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::agent::{Begin, Loaded, Seen};
pub use self::change::{Change, Changed, MonitorRow, NewEvent, QueueEntry, QueuedRow, RecordedEvent};
pub use self::queue::{
    Acknowledge, AcknowledgeUpTo, CountQueue, FetchQueue, History, HistoryRow, HoldsAllAfter, QueueOf,
    QueuedEvent, TrimQueue, Trimmed,
};
pub use self::renumber::{Renumber, Renumbered};
pub use self::settings::{LoadSettings, PutSettings};
pub use self::subscriptions::{
    AddSubscription, Added, LearnPin, NewDestination, RenewLease, SetGiveUp, StoredDestination,
    StoredSubscription,
};
pub use self::wbem::{DeleteFilter, DeleteListener, PutFilter, PutListener, StoredListener};
use super::StoreError;
use crate::time::BootTime;

/// From here on nothing can be written, as on a disk that is full; or everything again.
#[cfg(test)]
pub struct Full(pub bool);

#[cfg(test)]
impl super::Command for Full {
    type Answer = ();

    fn run(self, db: &super::Db<'_>) -> Result<(), StoreError> {
        Ok(db.sql.pragma_update(None, "query_only", self.0)?)
    }
}

/// The oldest rows of a table become unreadable, as if another version had written them.
#[cfg(test)]
pub struct Garble {
    /// The table.
    pub table: &'static str,
    /// Its column of JSON.
    pub column: &'static str,
    /// How many rows.
    pub rows: u32,
}

#[cfg(test)]
impl super::Command for Garble {
    type Answer = ();

    fn run(self, db: &super::Db<'_>) -> Result<(), StoreError> {
        let Self { table, column, rows } = self;
        let oldest = format!("SELECT rowid FROM {table} ORDER BY rowid LIMIT {rows}");
        let garble = format!("UPDATE {table} SET {column} = '?' WHERE rowid IN ({oldest})");
        db.sql.execute(&garble, [])?;
        Ok(())
    }
}

/// Milliseconds after boot as the database keeps them.
fn to_millis(at: BootTime) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

fn from_millis(millis: i64) -> BootTime {
    BootTime::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn length_to_millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

fn length_from_millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn to_json(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Json { what, source })
}

fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Json { what, source })
}

/// A column of JSON, read while its row is.
fn json_column<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
