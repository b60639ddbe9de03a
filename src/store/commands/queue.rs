//! The outbox and the history, read.

use std::collections::BTreeMap;

use rusqlite::{Row, Statement, params};

use super::json_column;
use crate::alert::Event;
use crate::store::{Command, Db, StoreError};

/// Whose queue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum QueueOf {
    /// What is to be sent to a destination.
    Destination(i64),
    /// What waits for a subscription. Its rows are told apart by their alerts' places in the history.
    Subscription(String),
}

impl QueueOf {
    /// The column of the outbox that says whose a row is, and what stands there.
    fn column(self) -> (&'static str, rusqlite::types::Value) {
        match self {
            Self::Destination(id) => ("destination", id.into()),
            Self::Subscription(id) => ("subscription", id.into()),
        }
    }
}

/// Reads the head of a queue.
#[derive(Clone, Debug)]
pub struct FetchQueue {
    /// Whose queue.
    pub of: QueueOf,
    /// Only what comes after this: a row of the outbox for a destination, a place in the history for a
    /// subscription; 0 for all.
    pub after: i64,
    /// How many at most. Fewer come only where there are no more, or they have too many bytes: what cannot be read does
    /// not count.
    pub limit: u32,
    /// How many bytes of stored events at most; one event comes however large it is.
    pub max_bytes: u64,
}

/// An event that is still to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedEvent {
    /// The row of the outbox.
    pub id: i64,
    /// Who is to be told.
    pub subscription: String,
    /// Its place in the history.
    pub seq: i64,
    /// What.
    pub event: Event,
    /// The series that the number belongs to.
    pub context: String,
    /// Its number in the series.
    pub number: i64,
}

impl Command for FetchQueue {
    type Answer = Vec<QueuedEvent>;

    fn run(self, db: &Db<'_>) -> Result<Self::Answer, StoreError> {
        const COLUMNS: &str = "SELECT outbox.id, outbox.subscription, outbox.alert, alerts.alert, outbox.context, \
             outbox.number FROM outbox JOIN alerts ON alerts.seq = outbox.alert";
        let (wanted, key): (_, rusqlite::types::Value) = match self.of {
            // What has no number yet gets a place of its own together with it.
            QueueOf::Destination(id) => (
                "destination = ?1 AND outbox.id > ?2 AND outbox.number >= 0",
                id.into(),
            ),
            QueueOf::Subscription(id) => ("subscription = ?1 AND outbox.alert > ?2", id.into()),
        };
        let mut statement = db
            .sql
            .prepare_cached(&format!("{COLUMNS} WHERE outbox.{wanted} ORDER BY outbox.id"))?;
        let mut rows = statement.query_map(params![key, self.after], |row| {
            let bytes = row.get_ref(3)?.as_bytes()?.len() as u64;
            Ok((row.get::<_, i64>(0)?, bytes, queued_event(row)))
        })?;
        let mut room = self.max_bytes;
        let (mut queued, mut unreadable) = (Vec::new(), Vec::new());
        while queued.len() < self.limit as usize
            && let Some(row) = rows.next()
        {
            match row? {
                (_, bytes, Ok(_)) if bytes > room && !queued.is_empty() => break,
                (_, bytes, Ok(event)) => {
                    room = room.saturating_sub(bytes);
                    queued.push(event);
                }
                (id, _, Err(error)) => {
                    tracing::error!(row = id, %error, "a queued event cannot be read and is dropped");
                    unreadable.push(id);
                }
            }
        }
        drop(rows);
        drop(statement);
        // It would stand at the head of its queue for ever.
        Acknowledge(unreadable).run(db)?;
        Ok(queued)
    }
}

fn queued_event(row: &Row<'_>) -> rusqlite::Result<QueuedEvent> {
    Ok(QueuedEvent {
        id: row.get(0)?,
        subscription: row.get(1)?,
        seq: row.get(2)?,
        event: json_column(row, 3)?,
        context: row.get(4)?,
        number: row.get(5)?,
    })
}

/// Counts what waits.
#[derive(Clone, Debug)]
pub struct CountQueue(pub QueueOf);

impl Command for CountQueue {
    type Answer = u64;

    fn run(self, db: &Db<'_>) -> Result<u64, StoreError> {
        let (column, key) = self.0.column();
        let count = format!("SELECT count(*) FROM outbox WHERE {column} = ?1");
        Ok(db
            .sql
            .prepare_cached(&count)?
            .query_row([key], |row| row.get(0))?)
    }
}

/// Drops the oldest of what waits until the rest is no larger than allowed.
#[derive(Clone, Debug)]
pub struct TrimQueue {
    /// Whose queue.
    pub of: QueueOf,
    /// What may wait, in bytes of stored alerts.
    pub max_bytes: u64,
}

/// A queue that was measured.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trimmed {
    /// How many alerts were dropped, by subscription.
    pub dropped: BTreeMap<String, u64>,
    /// How many wait.
    pub left: u64,
    /// How large they are.
    pub left_bytes: u64,
}

impl Command for TrimQueue {
    type Answer = Trimmed;

    fn run(self, db: &Db<'_>) -> Result<Trimmed, StoreError> {
        let (column, key) = self.of.column();
        let rows = format!(
            "SELECT outbox.id, octet_length(alerts.alert) AS bytes, outbox.subscription FROM outbox \
             JOIN alerts ON alerts.seq = outbox.alert WHERE outbox.{column} = ?1"
        );
        let measure = format!("SELECT count(*), coalesce(sum(bytes), 0) FROM ({rows})");
        let (mut left, mut left_bytes): (u64, u64) = db
            .sql
            .prepare_cached(&measure)?
            .query_row([&key], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut rows_to_drop = Vec::new();
        let mut dropped = BTreeMap::new();
        if left_bytes > self.max_bytes {
            let mut oldest = db.sql.prepare_cached(&format!("{rows} ORDER BY outbox.id"))?;
            let mut oldest = oldest.query([&key])?;
            while left_bytes > self.max_bytes
                && let Some(row) = oldest.next()?
            {
                rows_to_drop.push(row.get(0)?);
                *dropped.entry(row.get(2)?).or_default() += 1;
                left -= 1;
                left_bytes = left_bytes.saturating_sub(row.get(1)?);
            }
        }
        Acknowledge(rows_to_drop).run(db)?;
        Ok(Trimmed {
            dropped,
            left,
            left_bytes,
        })
    }
}

/// Takes rows out of the outbox: they were told, or nobody wants them any more.
#[derive(Clone, Debug)]
pub struct Acknowledge(pub Vec<i64>);

impl Command for Acknowledge {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        let mut delete = db.sql.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
        for id in self.0 {
            delete.execute([id])?;
        }
        Ok(())
    }
}

/// Takes out of the outbox what a subscriber that fetches has seen.
#[derive(Clone, Debug)]
pub struct AcknowledgeUpTo {
    /// The subscription.
    pub subscription: String,
    /// The place in the history of the last alert that it has seen.
    pub seq: i64,
}

impl Command for AcknowledgeUpTo {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        db.sql
            .prepare_cached("DELETE FROM outbox WHERE subscription = ?1 AND alert <= ?2")?
            .execute(params![self.subscription, self.seq])?;
        Ok(())
    }
}

/// Reads the history, oldest first. What cannot be read is left out and logged.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// Only alerts after this place; 0 for all.
    pub after: i64,
    /// How many at most. Fewer come only where there are no more.
    pub limit: u32,
    /// Whether the newest ones are meant where there are more than `limit`.
    pub newest: bool,
}

/// Asks whether the history holds everything that came after a place, and has come that far.
#[derive(Clone, Copy, Debug)]
pub struct HoldsAllAfter(pub i64);

impl Command for HoldsAllAfter {
    type Answer = bool;

    fn run(self, db: &Db<'_>) -> Result<bool, StoreError> {
        // The places are given out one by one, so that what was dropped is missing in the count.
        let (newest, kept): (i64, i64) = db
            .sql
            .prepare_cached(
                "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alerts'), 0), \
                 (SELECT count(*) FROM alerts WHERE seq > ?1)",
            )?
            .query_row([self.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(self.0 >= 0 && kept == newest - self.0)
    }
}

/// An event of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// Its place.
    pub seq: i64,
    /// The event.
    pub event: Event,
}

impl Command for History {
    type Answer = Vec<HistoryRow>;

    fn run(self, db: &Db<'_>) -> Result<Self::Answer, StoreError> {
        let order = if self.newest { "DESC" } else { "ASC" };
        let mut statement = db.sql.prepare_cached(&format!(
            "SELECT seq, alert FROM alerts WHERE seq > ?1 ORDER BY seq {order}"
        ))?;
        let mut rows = self.rows(&mut statement)?;
        if self.newest {
            rows.reverse();
        }
        Ok(rows)
    }
}

impl History {
    fn rows(self, statement: &mut Statement<'_>) -> Result<Vec<HistoryRow>, StoreError> {
        let mut rows = statement.query([self.after])?;
        let (mut found, mut unreadable) = (Vec::new(), 0_u64);
        while found.len() < self.limit as usize
            && let Some(row) = rows.next()?
        {
            let seq = row.get(0)?;
            match json_column(row, 1) {
                Ok(event) => found.push(HistoryRow { seq, event }),
                Err(error) => {
                    if unreadable == 0 {
                        tracing::error!(seq, %error, "an event of the history cannot be read and is left out");
                    }
                    unreadable += 1;
                }
            }
        }
        if unreadable > 1 {
            tracing::error!(
                unreadable,
                "events of the history cannot be read and are left out"
            );
        }
        Ok(found)
    }
}
