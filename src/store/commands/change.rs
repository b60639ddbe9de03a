//! What happened, as one transaction: states, alerts and the rows that tell of them stand or fall together.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::params;

use super::renumber::{Before, Renumber, Renumbered, revive};
use super::subscriptions::{NewDestination, lapse, move_destination, remove};
use super::wbem::{self, DeleteListener, PutFilter, PutListener, StoredListener};
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
    /// Monitors that are forgotten: rule and identity.
    pub gone_monitors: Vec<(String, String)>,
    /// Subscriptions whose lease ended, and until when their queues are kept.
    pub lapsed: Vec<(String, BootTime)>,
    /// Subscriptions that changed, as they are now.
    pub changed: Vec<(Arc<Subscription>, Lease)>,
    /// Subscriptions that are gone, with what was queued for them.
    pub removed: Vec<String>,
    /// Subscriptions that stay, and lose what is queued for them.
    pub emptied: Vec<String>,
    /// Indications, by subscription and identifier, that are not to be sent any more.
    pub withdrawn: Vec<(Arc<str>, String)>,
    /// Destinations for which something waits no more, or waits again: their numbers are put in order.
    pub renumber: Vec<Renumber>,
    /// Filters that changed, as they are now.
    pub filters: Vec<IndicationFilter>,
    /// Destinations that stand by themselves, as they are now.
    pub listeners: Vec<StoredListener>,
    /// Where deliveries go from now on, by the number of the destination.
    pub moved: Vec<(i64, NewDestination)>,
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
    /// What became of the numbers of destinations, where it differs from what was given out.
    pub renumbered: BTreeMap<i64, Renumbered>,
    /// The subscriptions that lapsed with nothing in their queues.
    pub left_nothing: Vec<String>,
}

/// An event that is on disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordedEvent {
    /// Its place in the history.
    pub seq: i64,
    /// The rows of the outbox, one for each entry, in order; none for a subscription that has ended meanwhile.
    pub queued: Vec<Option<QueuedRow>>,
}

/// A row of the outbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct QueuedRow {
    /// The row.
    pub id: i64,
    /// Its number in its series.
    pub number: i64,
}

impl Command for Change {
    type Answer = Changed;

    fn run(self, db: &Db<'_>) -> Result<Changed, StoreError> {
        for row in &self.monitors {
            put_monitor(db, row)?;
        }
        for (rule, identity) in &self.gone_monitors {
            db.sql
                .prepare_cached("DELETE FROM monitor_states WHERE rule = ?1 AND identity = ?2")?
                .execute([rule, identity])?;
        }
        let before = self.renumber.iter().map(|asked| Before::read(db, asked));
        let before: Vec<_> = before.collect::<Result<_, _>>()?;
        let mut left_nothing = Vec::new();
        for (id, keep_until) in self.lapsed {
            if lapse(db, &id, keep_until)? == 0 {
                left_nothing.push(id);
            }
        }
        for (subscription, lease) in &self.changed {
            wbem::change(db, subscription, *lease)?;
        }
        remove(db, &self.removed)?;
        for subscription in &self.emptied {
            wbem::drop_queue(db, subscription)?;
        }
        for (subscription, identifier) in &self.withdrawn {
            withdraw(db, subscription, identifier)?;
        }
        let mut renumbered = put_in_order(db, &self.renumber, before)?;
        for filter in self.filters {
            PutFilter(filter).run(db)?;
        }
        for listener in self.listeners {
            PutListener(listener).run(db)?;
        }
        for (id, new) in &self.moved {
            move_destination(db, *id, new)?;
        }
        for name in self.gone_listeners {
            DeleteListener(name).run(db)?;
        }
        let recorded = self
            .events
            .iter()
            .map(|new| put_event(db, new, &mut renumbered))
            .collect::<Result<_, _>>()?;
        for (seq, entry) in &self.replays {
            put_queue_entry(db, *seq, entry, &mut renumbered)?;
        }
        if let Some(keep) = self.keep_alerts {
            drop_old_alerts(db, keep)?;
        }
        Ok(Changed {
            events: recorded,
            renumbered,
            left_nothing,
        })
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

/// Takes an indication back.
fn withdraw(db: &Db<'_>, subscription: &str, identifier: &str) -> Result<(), StoreError> {
    db.sql
        .prepare_cached(
            "DELETE FROM outbox WHERE subscription = ?1 AND alert = (SELECT seq FROM alerts WHERE identifier = ?2)",
        )?
        .execute([subscription, identifier])?;
    Ok(())
}

/// Closes the gaps that something left, and then gives numbers to what waits again: it may have left one
/// destination for another.
fn put_in_order(
    db: &Db<'_>,
    asked: &[Renumber],
    before: Vec<Before<'_>>,
) -> Result<BTreeMap<i64, Renumbered>, StoreError> {
    let closed = before.into_iter().map(|before| before.close(db));
    let closed: Vec<_> = closed.collect::<Result<_, _>>()?;
    let mut renumbered = BTreeMap::new();
    for (asked, (gone, is_moved)) in asked.iter().zip(closed) {
        let revived = revive(db, asked, asked.next - gone)?;
        let became = Renumbered {
            shift: revived - gone,
            is_moved: is_moved || gone > 0 || revived > 0,
        };
        renumbered.insert(asked.destination, became);
    }
    Ok(renumbered)
}

fn put_event(
    db: &Db<'_>,
    new: &NewEvent,
    renumbered: &mut BTreeMap<i64, Renumbered>,
) -> Result<RecordedEvent, StoreError> {
    db.sql
        .prepare_cached("INSERT INTO alerts (identifier, alert) VALUES (?1, ?2)")?
        .execute(params![new.event.identifier(), to_json("event", &*new.event)?])?;
    let seq = db.sql.last_insert_rowid();
    let queued = new
        .queue
        .iter()
        .map(|entry| put_queue_entry(db, seq, entry, renumbered))
        .collect::<Result<_, _>>()?;
    Ok(RecordedEvent { seq, queued })
}

/// A subscription that ended between the matching and now is passed over, and its number goes to the next one.
fn put_queue_entry(
    db: &Db<'_>,
    seq: i64,
    entry: &QueueEntry,
    renumbered: &mut BTreeMap<i64, Renumbered>,
) -> Result<Option<QueuedRow>, StoreError> {
    let became = entry.destination.and_then(|id| renumbered.get(&id));
    let number = entry.number + became.map_or(0, |became| became.shift);
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
            number
        ])?;
    if inserted > 0 {
        let id = db.sql.last_insert_rowid();
        return Ok(Some(QueuedRow { id, number }));
    }
    if let Some(destination) = entry.destination {
        renumbered.entry(destination).or_default().shift -= 1;
    }
    Ok(None)
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
