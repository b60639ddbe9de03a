//! The numbers of what waits for a destination, where some of it leaves the queue without having been sent: a
//! listener takes a number that never comes for an indication that was lost (DSP1054, 7.9).

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::params;

use crate::store::{Db, StoreError};

/// The number of what is kept for a subscription that is told nothing now, and was never sent: it gets a number
/// once it waits for a destination again.
pub(super) const UNNUMBERED: i64 = -1;

/// A destination whose queue loses some of what waits in it, or gets it back.
#[derive(Clone, Debug)]
pub struct Renumber {
    /// The destination.
    pub destination: i64,
    /// Its series. What was queued in an earlier one keeps the number that it has.
    pub context: Arc<str>,
    /// The last row that may have been sent: up to here numbers stay.
    pub after: i64,
    /// The next number of the series, before the events of this change.
    pub next: i64,
}

/// What became of the numbers of a destination.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Renumbered {
    /// What is added to the numbers that were given to the events of this change, and to the next one.
    pub shift: i64,
    /// Whether rows that wait have another number or place.
    pub is_moved: bool,
}

/// The queue of a destination as it is before it changes.
pub(super) struct Before<'a> {
    asked: &'a Renumber,
    rows: Vec<(i64, i64)>,
}

impl<'a> Before<'a> {
    pub fn read(db: &Db<'_>, asked: &'a Renumber) -> Result<Self, StoreError> {
        let rows = db
            .sql
            .prepare_cached(
                "SELECT id, number FROM outbox WHERE destination = ?1 AND id > ?2 AND context = ?3 AND number >= 0 \
                 ORDER BY id",
            )?
            .query_map(
                params![asked.destination, asked.after, asked.context],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?
            .collect::<Result<_, _>>()?;
        Ok(Self { asked, rows })
    }

    /// What is left moves up to where something went; that has no number from now on, if it is kept. The answer is
    /// how many went, and whether anything moved.
    pub fn close(self, db: &Db<'_>) -> Result<(i64, bool), StoreError> {
        let destination = self.asked.destination;
        let left: HashSet<i64> = db
            .sql
            .prepare_cached("SELECT id FROM outbox WHERE destination = ?1 AND id > ?2")?
            .query_map([destination, self.asked.after], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut renumber = db
            .sql
            .prepare_cached("UPDATE outbox SET number = ?2 WHERE id = ?1")?;
        let (mut gone, mut is_moved) = (0, false);
        for (id, number) in self.rows {
            if !left.contains(&id) {
                gone += 1;
                renumber.execute([id, UNNUMBERED])?;
            } else if gone > 0 {
                renumber.execute([id, number - gone])?;
                is_moved = true;
            }
        }
        Ok((gone, is_moved))
    }
}

/// What waits for a destination again goes to the end of its queue, with numbers from `next` on. The answer is how
/// much that is.
pub(super) fn revive(db: &Db<'_>, asked: &Renumber, next: i64) -> Result<i64, StoreError> {
    let rows: Vec<i64> = db
        .sql
        .prepare_cached("SELECT id FROM outbox WHERE destination = ?1 AND number = ?2 ORDER BY id")?
        .query_map([asked.destination, UNNUMBERED], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut append = db.sql.prepare_cached(
        "INSERT INTO outbox (subscription, destination, alert, context, number) \
         SELECT subscription, destination, alert, ?2, ?3 FROM outbox WHERE id = ?1",
    )?;
    let mut remove = db.sql.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
    let mut number = next;
    for id in rows {
        append.execute(params![id, asked.context, number])?;
        remove.execute([id])?;
        number += 1;
    }
    Ok(number - next)
}
