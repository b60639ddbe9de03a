//! What subscriptions remember of the time before a start, as far as the history tells it: it is there anyway, so that
//! it costs nothing while the agent runs.

use std::sync::Arc;

use super::entry::Entry;
use super::publisher::is_wanted;
use super::shared::Shared;
use crate::alert::Event;
use crate::cim::Instance;
use crate::store::commands::{History, HistoryRow};
use crate::subscription::{Moment, RepeatPolicy};

/// How many of the newest events of the history are looked at.
const REMEMBERED: u32 = 1_000;

/// Lets every subscription know the last event that it was told, and its repeat policy those that still matter.
pub(super) async fn from_history(shared: &Shared) {
    let entries: Vec<Arc<Entry>> = shared.book.lock().entries.values().cloned().collect();
    if entries.is_empty() {
        return;
    }
    let history = History {
        after: 0,
        limit: REMEMBERED,
        newest: true,
    };
    let rows = match shared.store.ask(history).await {
        Ok(rows) => rows,
        Err(error) => return tracing::error!(%error, "the history cannot be read"),
    };
    recall_repeats(&entries, &rows, shared.now()).await;
    recall_last(entries, rows).await;
}

/// What came before the machine booted is forgotten: boot time does not tell how long ago that was.
async fn recall_repeats(entries: &[Arc<Entry>], rows: &[HistoryRow], now: Moment) {
    let with_policy = |entry: &&Arc<Entry>| entry.subscription().repeat() != RepeatPolicy::None;
    let entries: Vec<_> = entries.iter().filter(with_policy).collect();
    if entries.is_empty() {
        return;
    }
    for row in rows {
        let age = now.wall.since(row.event.at());
        let indication = row.event.indication();
        for entry in &entries {
            let policy = entry.subscription().repeat();
            let is_recent = age < policy.memory().min(now.boot.as_duration());
            if is_recent && may_have_been_told(entry, &row.event, &indication) {
                let at = now.boot.saturating_sub(age);
                entry
                    .repeats
                    .lock()
                    .admit(policy, &row.event.same_event_key(), at);
            }
        }
        // Many subscriptions take long, and others are to start meanwhile.
        tokio::task::yield_now().await;
    }
}

/// From the newest event on, until there is one for each subscription.
async fn recall_last(mut entries: Vec<Arc<Entry>>, rows: Vec<HistoryRow>) {
    for row in rows.into_iter().rev() {
        let (indication, event) = (row.event.indication(), Arc::new(row.event));
        entries.retain(|entry| {
            let is_last = may_have_been_told(entry, &event, &indication);
            if is_last {
                entry.note_produced(&event);
            }
            !is_last
        });
        if entries.is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn may_have_been_told(entry: &Entry, event: &Event, indication: &Instance) -> bool {
    event.at().unix_micros() >= entry.subscription().created_micros
        && is_wanted(entry, &entry.filter(), indication)
}
