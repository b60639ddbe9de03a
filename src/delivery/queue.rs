//! What waits for one destination: the head of its queue in memory, the rest on disk. Pure.
//!
//! The rows in memory are always the first ones of the queue. While there are more on disk, new rows stay there
//! and are loaded in their turn: memory does not grow with an outage.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::courier::{Item, Parcel};
use super::entry::Entry;
use crate::subscription::{DeliveryMode, Subscription};
use crate::time::BootTime;

/// How many rows are kept in memory.
pub(super) const IN_MEMORY: usize = 64;

/// How many events a batch holds where the subscriber says nothing.
const DEFAULT_BATCH: u32 = 100;

/// How many notes (heartbeats, ends) may wait.
const MAX_NOTES: usize = 256;

/// How many rows others may pass: well below what is kept in memory.
const MAX_PASSED: usize = 16;

/// An event that waits.
#[derive(Clone)]
pub(super) struct Row {
    /// Its row in the outbox.
    pub id: i64,
    /// Who is to be told.
    pub entry: Arc<Entry>,
    /// What.
    pub item: Item,
    /// Since when it waits in memory.
    pub since: BootTime,
}

/// A row that its destination wants at another time, and that others pass meanwhile.
#[derive(Clone, Copy)]
struct Passed {
    id: i64,
    /// Since when.
    since: BootTime,
    /// When it is offered again.
    again: BootTime,
    /// Whether another was taken since: it is not the destination as a whole that wants nothing now.
    proven: bool,
}

/// What waits for one destination.
#[derive(Default)]
pub(super) struct Queue {
    rows: VecDeque<Row>,
    passed: Vec<Passed>,
    notes: VecDeque<Parcel>,
    /// What subscriptions have lost and were not told of.
    lost: Vec<(Arc<Subscription>, u64)>,
    more_on_disk: bool,
    reload: bool,
    last_loaded: i64,
    /// The last row that was offered, and may have arrived; and the one before it.
    offered: i64,
    offered_before: i64,
    /// How many hold it back: nothing is sent meanwhile.
    holds: u32,
    /// Something was dropped because it was tried as often as is set, and nothing was taken since.
    exhausted: bool,
    /// After a rejection events go one by one, so that one bad event does not keep its batch back.
    one_by_one: bool,
}

/// What is to be done next.
pub(super) enum Next {
    /// Send a heartbeat or an end.
    Note(Parcel),
    /// Send these rows of the outbox.
    Send(Parcel, Vec<i64>),
    /// Load rows after this one.
    Load(i64),
    /// Nothing until then, unless something comes.
    WaitUntil(BootTime),
    /// Nothing until something comes: the queue is held back.
    Wait,
    /// Nothing.
    Idle,
}

impl Queue {
    /// A queue that lies on disk if `waits`.
    pub fn on_disk(waits: bool) -> Self {
        Self {
            more_on_disk: waits,
            ..Self::default()
        }
    }

    /// A new row, already on disk. One that was loaded from there before it is announced here is known.
    pub fn push(&mut self, row: Row) {
        if row.id <= self.last_loaded {
            return;
        }
        if self.more_on_disk || self.rows.len() >= IN_MEMORY {
            self.more_on_disk = true;
            return;
        }
        self.last_loaded = self.last_loaded.max(row.id);
        self.rows.push_back(row);
    }

    /// A heartbeat or an end. The oldest gives way where too many wait: nobody relies on them.
    pub fn note(&mut self, note: Parcel) {
        if self.notes.len() >= MAX_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    /// A subscription has lost so many events.
    pub fn lose(&mut self, subscription: &Arc<Subscription>, count: u64) {
        match self
            .lost
            .iter_mut()
            .find(|(loser, _)| loser.id == subscription.id)
        {
            Some((_, lost)) => *lost += count,
            None => self.lost.push((Arc::clone(subscription), count)),
        }
    }

    /// The destination answers: now it can be told what was lost.
    pub fn tell_lost(&mut self) {
        for (subscription, count) in std::mem::take(&mut self.lost) {
            self.note(Parcel::Dropped { subscription, count });
        }
    }

    /// The rows on disk have changed places: everything is loaded anew.
    pub fn reload(&mut self) {
        self.reload = true;
    }

    /// Lets nothing be sent until there was a [`Self::release`] for each of these.
    pub fn hold(&mut self) {
        self.holds += 1;
    }

    /// Goes on, unless somebody else holds it back.
    pub fn release(&mut self) {
        self.holds = self.holds.saturating_sub(1);
    }

    /// The last row that may have arrived: those up to it keep their numbers.
    pub const fn offered(&self) -> i64 {
        self.offered
    }

    /// What was offered last has not left this machine.
    pub fn not_sent(&mut self) {
        self.offered = self.offered_before;
    }

    /// What was loaded, up to the row `last`, and whether there is `more` after it.
    pub fn loaded(&mut self, loaded: Vec<Row>, last: i64, more: bool) {
        let mut arrived = std::mem::replace(&mut self.rows, loaded.into());
        // Those that others pass are still at the head.
        let passed = arrived.iter().filter(|row| self.passed_at(row.id).is_some());
        let passed: Vec<Row> = passed
            .filter(|row| self.rows.front().is_none_or(|first| row.id < first.id))
            .cloned()
            .collect();
        arrived.retain(|row| !passed.iter().any(|kept| kept.id == row.id));
        for row in passed.into_iter().rev() {
            self.rows.push_front(row);
        }
        if more {
            // What arrived meanwhile is on disk, too.
            self.more_on_disk = true;
            self.last_loaded = last;
        } else {
            self.last_loaded = self.last_loaded.max(last);
            self.rows.extend(arrived.into_iter().filter(|row| row.id > last));
        }
    }

    /// What [`Next::Load`] asked for could not be loaded: it is still there, and what came behind it meanwhile is, too.
    pub fn not_loaded(&mut self) {
        self.reload();
    }

    /// These rows were handed over or dropped.
    pub fn done(&mut self, ids: &[i64]) {
        self.rows.retain(|row| !ids.contains(&row.id));
        self.passed.retain(|passed| !ids.contains(&passed.id));
        // The destination takes something: what was passed to find that out is offered once more, at once.
        for passed in self.passed.iter_mut().filter(|passed| !passed.proven) {
            passed.proven = true;
            passed.again = BootTime::ZERO;
        }
    }

    /// Lets the others pass this row until `again`, while there are others.
    pub fn pass(&mut self, id: i64, now: BootTime, again: BootTime) -> bool {
        if let Some(passed) = self.passed.iter_mut().find(|passed| passed.id == id) {
            passed.again = again;
            return true;
        }
        let has_others = self.more_on_disk || self.rows.len() > self.passed.len() + 1;
        if !has_others || self.passed.len() >= MAX_PASSED {
            return false;
        }
        self.passed.push(Passed {
            id,
            since: now,
            again,
            proven: false,
        });
        true
    }

    /// Since when others pass this row.
    pub fn passed_since(&self, id: i64) -> Option<BootTime> {
        self.passed_at(id).map(|passed| passed.since)
    }

    /// Whether nothing was taken since a row was passed.
    pub fn has_unproven(&self) -> bool {
        self.passed.iter().any(|passed| !passed.proven)
    }

    /// What was passed while nothing was taken has its place again: it was not the reason.
    pub fn take_back_passed(&mut self) {
        self.passed.retain(|passed| passed.proven);
    }

    fn passed_at(&self, id: i64) -> Option<&Passed> {
        self.passed.iter().find(|passed| passed.id == id)
    }

    /// From now on one by one, or in batches again.
    pub fn set_one_by_one(&mut self, one_by_one: bool) {
        self.one_by_one = one_by_one;
    }

    /// Whether something was dropped because it was tried as often as is set, and nothing was taken since: then the
    /// destination fails though nothing waits for it.
    pub const fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Notes that something was dropped because it was tried as often as is set, or that something was taken.
    pub const fn set_exhausted(&mut self, exhausted: bool) {
        self.exhausted = exhausted;
    }

    /// Whether nothing waits.
    pub fn is_idle(&self) -> bool {
        self.rows.is_empty() && self.notes.is_empty() && !self.more_on_disk && !self.reload
    }

    /// What is to be done at `now`.
    pub fn next(&mut self, now: BootTime) -> Next {
        if let Some(note) = self.notes.pop_front() {
            return Next::Note(note);
        }
        if self.holds > 0 {
            return Next::Wait;
        }
        if self.reload {
            self.reload = false;
            self.rows.clear();
            self.last_loaded = 0;
            self.more_on_disk = true;
        }
        self.rows.retain(|row| row.entry.is_live());
        let all_passed = self.rows.iter().all(|row| self.passed_at(row.id).is_some());
        if all_passed && self.more_on_disk {
            self.more_on_disk = false;
            return Next::Load(self.last_loaded);
        }
        let next = self.next_rows(now);
        if let Next::Send(_, ids) = &next {
            self.offered_before = self.offered;
            self.offered = ids.iter().copied().fold(self.offered, i64::max);
        }
        next
    }

    /// The first rows that may go. A batch that waits to be filled holds up nobody but its own subscription.
    fn next_rows(&self, now: BootTime) -> Next {
        let mut filling: Vec<&Arc<Entry>> = Vec::new();
        let mut wake: Option<BootTime> = None;
        for row in &self.rows {
            if let Some(passed) = self.passed_at(row.id) {
                if now >= passed.again {
                    return send(vec![row]);
                }
                wake = Some(wake.map_or(passed.again, |wake| wake.min(passed.again)));
                continue;
            }
            if filling.iter().any(|entry| Arc::ptr_eq(entry, &row.entry)) {
                continue;
            }
            let subscription = row.entry.subscription();
            let batched = subscription.eventing();
            let Some(options) =
                batched.filter(|options| options.mode == DeliveryMode::Events && !self.one_by_one)
            else {
                return send(vec![row]);
            };
            let limit = options.batch.max_items.unwrap_or(DEFAULT_BATCH).max(1) as usize;
            let own = self
                .rows
                .iter()
                .filter(|other| Arc::ptr_eq(&other.entry, &row.entry))
                .filter(|other| self.passed_at(other.id).is_none());
            let batch: Vec<&Row> = own.take(limit).collect();
            let wait = Duration::from_millis(options.batch.max_wait_millis.unwrap_or(0));
            let ready_at = row.since + wait;
            if batch.len() >= limit || self.more_on_disk || now >= ready_at {
                return send(batch);
            }
            wake = Some(wake.map_or(ready_at, |wake| wake.min(ready_at)));
            filling.push(&row.entry);
        }
        wake.map_or(Next::Idle, Next::WaitUntil)
    }
}

fn send(rows: Vec<&Row>) -> Next {
    let Some(first) = rows.first() else {
        return Next::Idle;
    };
    let subscription = first.entry.subscription();
    let ids = rows.iter().map(|row| row.id).collect();
    let items = rows.into_iter().map(|row| row.item.clone()).collect();
    Next::Send(Parcel::Events { subscription, items }, ids)
}
