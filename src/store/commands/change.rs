//! What happened, as one transaction: states, alerts and the rows that tell of them stand or fall together.

use std::sync::Arc;

use rusqlite::params;

use super::subscriptions::{lapse, remove};
use super::wbem::{self, DeleteListener, PutFilter};
use super::{from_json, to_json};
use crate::alert::Event;
use crate::monitor::MonitorState;
use crate::store::{Command, Db, StoreError};
use crate::subscription::{IndicationFilter, Lease, ObjectName, Subscription};
use crate::time::BootTime;

/// Things that happened together.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Where monitors stand now.
    pub monitors: Vec<MonitorRow>,
    /// Subscriptions whose lease ended, and until when their queues are kept.
    pub lapsed: Vec<(String, BootTime)>,
    /// Subscriptions that changed, as they are now.
    pub changed: Vec<(Arc<Subscription>, Lease)>,
    /// Subscriptions that are gone, with what was queued for them.
    pub removed: Vec<String>,
    /// Filters that changed, as they are now.
    pub filters: Vec<IndicationFilter>,
    /// Destinations that stood by themselves and are gone.
    pub gone_listeners: Vec<ObjectName>,
    /// What is to be told.
    pub events: Vec<NewEvent>,
    /// Alerts of the history, by their places, that a subscription wants after all.
    pub replays: Vec<(i64, QueueEntry)>,
    /// How many alerts the history keeps; none: nothing is dropped now.
    pub keep_alerts: Option<u64>,
}

/// Where one monitor stands.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorRow {
    /// The rule.
    pub rule: String,
    /// What stays of the instance when its name changes; empty for a rule without instances.
    pub identity: String,
    /// What people call the instance.
    pub name: String,
    /// Where it stands.
    pub state: MonitorState,
}

/// An event, and who is to be told.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The event.
    pub event: Arc<Event>,
    /// One entry for each subscription that wants it.
    pub queue: Vec<QueueEntry>,
}

/// One row of the outbox.
#[derive(Clone, Debug)]
pub struct QueueEntry {
    /// The subscription.
    pub subscription: Arc<str>,
    /// Its destination; none where the subscriber fetches.
    pub destination: Option<i64>,
    /// The series that the number belongs to.
    pub context: Arc<str>,
    /// Its number in the series.
    pub number: i64,
}

/// What became of a [`Change`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changed {
    /// One for each event, in order.
    pub events: Vec<RecordedEvent>,
}

/// An event that is on disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordedEvent {
    /// Its place in the history.
    pub seq: i64,
    /// The rows of the outbox, one for each entry, in order; none for a subscription that has ended meanwhile.
    pub queued: Vec<Option<i64>>,
}

impl Command for Change {
    type Answer = Changed;

    fn run(self, db: &Db<'_>) -> Result<Changed, StoreError> {
        for row in &self.monitors {
            put_monitor(db, row)?;
        }
        for (id, keep_until) in &self.lapsed {
            lapse(db, id, *keep_until)?;
        }
        for (subscription, lease) in &self.changed {
            wbem::change(db, subscription, *lease)?;
        }
        remove(db, &self.removed)?;
        for filter in self.filters {
            PutFilter(filter).run(db)?;
        }
        for name in self.gone_listeners {
            DeleteListener(name).run(db)?;
        }
        let recorded = self
            .events
            .iter()
            .map(|new| put_event(db, new))
            .collect::<Result<_, _>>()?;
        for (seq, entry) in &self.replays {
            put_queue_entry(db, *seq, entry)?;
        }
        if let Some(keep) = self.keep_alerts {
            drop_old_alerts(db, keep)?;
        }
        Ok(Changed { events: recorded })
    }
}

fn put_monitor(db: &Db<'_>, row: &MonitorRow) -> Result<(), StoreError> {
    db.sql
        .prepare_cached(
            "INSERT INTO monitor_states (rule, identity, name, state) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (rule, identity) DO UPDATE SET name = ?3, state = ?4",
        )?
        .execute(params![
            row.rule,
            row.identity,
            row.name,
            to_json("monitor state", &row.state)?
        ])?;
    Ok(())
}

fn put_event(db: &Db<'_>, new: &NewEvent) -> Result<RecordedEvent, StoreError> {
    db.sql
        .prepare_cached("INSERT INTO alerts (identifier, alert) VALUES (?1, ?2)")?
        .execute(params![new.event.identifier(), to_json("event", &*new.event)?])?;
    let seq = db.sql.last_insert_rowid();
    let queued = new
        .queue
        .iter()
        .map(|entry| put_queue_entry(db, seq, entry))
        .collect::<Result<_, _>>()?;
    Ok(RecordedEvent { seq, queued })
}

/// A subscription that ended between the matching and now is passed over.
fn put_queue_entry(db: &Db<'_>, seq: i64, entry: &QueueEntry) -> Result<Option<i64>, StoreError> {
    let inserted = db
        .sql
        .prepare_cached(
            "INSERT INTO outbox (subscription, destination, alert, context, number) \
             SELECT id, ?2, ?3, ?4, ?5 FROM subscriptions \
             WHERE id = ?1 AND keep_until_millis IS NULL AND disabled = 0",
        )?
        .execute(params![
            entry.subscription,
            entry.destination,
            seq,
            entry.context,
            entry.number
        ])?;
    Ok((inserted > 0).then(|| db.sql.last_insert_rowid()))
}

fn drop_old_alerts(db: &Db<'_>, keep: u64) -> Result<(), StoreError> {
    db.sql
        .prepare_cached(
            "DELETE FROM alerts WHERE seq <= (SELECT max(seq) FROM alerts) - ?1 \
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.alert = alerts.seq)",
        )?
        .execute([i64::try_from(keep).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Where every monitor stands. A state that cannot be read is left out and logged: it begins anew.
pub(super) fn load_monitors(db: &Db<'_>) -> Result<Vec<MonitorRow>, StoreError> {
    let mut statement = db
        .sql
        .prepare("SELECT rule, identity, name, state FROM monitor_states")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?))
    })?;
    let mut monitors = Vec::new();
    for row in rows {
        let (rule, identity, name, state) = row?;
        match from_json("monitor state", &state) {
            Ok(state) => monitors.push(MonitorRow {
                rule,
                identity,
                name,
                state,
            }),
            Err(error) => tracing::error!(rule, identity, %error, "a monitor's state cannot be read"),
        }
    }
    Ok(monitors)
}
