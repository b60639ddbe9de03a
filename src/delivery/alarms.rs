//! The alarm clock: leases end, kept queues are dropped and heartbeats are due at their very time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::book::{Alarm, Book, Taken};
use super::courier::Parcel;
use super::entry::{Entry, Phase};
use super::publisher::Publication;
use super::shared::{Shared, WRITE_AGAIN};
use super::station::Hold;
use super::status::SubscriptionState;
use crate::alert::catalog::table::agent::LEASE_LAPSED;
use crate::subscription::EndReason;
use crate::time::BootTime;

/// The pause before the alarm clock is started again after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the alarm clock, and starts it again if it fails.
pub(super) async fn supervise(shared: Arc<Shared>) {
    while let Err(failed) = tokio::spawn(run(Arc::clone(&shared))).await {
        tracing::error!(%failed, "the alarm clock of the leases failed and is started again");
        shared.clock.sleep(PAUSE).await;
    }
}

/// Waits for one alarm after the other.
async fn run(shared: Arc<Shared>) {
    while !shared.is_stopping() {
        let now = shared.clock.boot();
        let (lapsed, dropped) = {
            let mut book = shared.book.lock();
            ring(&shared, &mut book, now)
        };
        tell_lapsed(&shared, lapsed).await;
        drop_kept(&shared, dropped).await;
        // Asked for after the work, so that nothing set meanwhile is missed.
        let next = shared.book.lock().next_due();
        let due = async {
            match next {
                Some(at) => shared.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shared.alarm.notified() => {}
            () = shared.stopped() => return,
        }
    }
}

/// A subscription whose lease has ended.
struct Lapsed {
    entry: Arc<Entry>,
    /// Until when its queue is kept.
    keep_until: BootTime,
    /// Until its end is on disk.
    hold: Option<Hold>,
}

fn ring(shared: &Arc<Shared>, book: &mut Book, now: BootTime) -> (Vec<Lapsed>, Vec<Taken>) {
    let keep_until = now + shared.settings().queue_keep;
    let (mut lapsed, mut dropped) = (Vec::new(), Vec::new());
    for alarm in book.due(now) {
        match alarm {
            Alarm::Lease(id) => {
                let Some(entry) = book.entries.get(&id).cloned() else {
                    continue;
                };
                let hold = entry.hold();
                if !end_lease(&entry, now, keep_until) {
                    continue;
                }
                book.set(Some(keep_until), Alarm::Keep(id));
                lapsed.push(Lapsed {
                    entry,
                    keep_until,
                    hold,
                });
            }
            Alarm::Lapse(id) => {
                let entry = book.entries.get(&id).cloned();
                lapsed.extend(entry.and_then(unwritten));
            }
            Alarm::Keep(id) => dropped.extend(book.take(&id)),
            Alarm::Heartbeat(id) => {
                if let Some(entry) = book.entries.get(&id).cloned() {
                    let next = beat(shared, &entry, now);
                    book.set(next, Alarm::Heartbeat(id));
                }
            }
        }
    }
    (lapsed, dropped)
}

/// Whether the lease is really over: a renewal moves the alarm, but may come while it rings.
fn end_lease(entry: &Entry, now: BootTime, keep_until: BootTime) -> bool {
    let mut life = entry.life.lock();
    let over = !life.phase.is_over() && life.lease.is_over(now);
    if over {
        life.phase = Phase::Lapsed(keep_until);
    }
    over
}

/// What is left to write down of a lease that has ended.
fn unwritten(entry: Arc<Entry>) -> Option<Lapsed> {
    let hold = entry.hold();
    let Phase::Lapsed(keep_until) = entry.life.lock().phase else {
        return None;
    };
    Some(Lapsed {
        entry,
        keep_until,
        hold,
    })
}

/// Tells a subscription that it lives, unless it was told something lately; when it is due again.
fn beat(shared: &Arc<Shared>, entry: &Arc<Entry>, now: BootTime) -> Option<BootTime> {
    let pause = entry.subscription().heartbeat()?;
    let station = entry.station()?;
    let due = {
        let mut life = entry.life.lock();
        if life.phase != Phase::Live {
            return None;
        }
        let due = life.last_told + pause;
        if due <= now {
            life.last_told = now;
        }
        due
    };
    if due > now {
        return Some(due);
    }
    // Where something waits, a heartbeat would only wait behind it.
    let mut queue = station.queue.lock();
    let is_idle = queue.is_idle();
    if is_idle {
        queue.note(Parcel::Heartbeat {
            subscription: entry.subscription(),
        });
    }
    drop(queue);
    if is_idle {
        shared.wake(station);
    }
    Some(now + pause)
}

async fn tell_lapsed(shared: &Arc<Shared>, lapsed: Vec<Lapsed>) {
    if lapsed.is_empty() {
        return;
    }
    let mut publication = Publication::default();
    for Lapsed {
        entry, keep_until, ..
    } in &lapsed
    {
        let subscription = entry.subscription();
        let values = vec![
            destination(entry),
            subscription.owner.clone(),
            entry.id.to_string(),
        ];
        publication.lapsed.push((Arc::clone(entry), *keep_until));
        publication
            .alerts
            .extend(shared.own_alert(LEASE_LAPSED, &entry.id, values));
    }
    if let Err(error) = shared.publish(publication).await {
        // Its time is over, whatever the disk says; it is told once it is on disk, or after a restart.
        tracing::error!(%error, "the end of a lease is not on disk yet");
        let again = shared.clock.boot() + WRITE_AGAIN;
        let mut book = shared.book.lock();
        for Lapsed { entry, .. } in &lapsed {
            book.set(Some(again), Alarm::Lapse(Arc::clone(&entry.id)));
        }
        return;
    }
    let mut stations = BTreeMap::new();
    for Lapsed { entry, hold, .. } in lapsed {
        drop(hold);
        tracing::warn!(subscription = %entry.id, owner = %entry.subscription().owner, destination = %destination(&entry), "lease lapsed");
        shared.tell_state(&entry, SubscriptionState::Disabled);
        shared.tell_end(&entry, EndReason::Lapsed);
        if let Some(station) = entry.station() {
            stations.insert(station.id, Arc::clone(station));
        }
    }
    for station in stations.values() {
        shared.recount(station).await;
        station.kick.notify_waiters();
        shared.wake(station);
    }
}

/// Where its deliveries go.
fn destination(entry: &Entry) -> String {
    entry.station().map_or_else(
        || "-".to_owned(),
        |station| station.target.lock().destination.url.to_string(),
    )
}

async fn drop_kept(shared: &Arc<Shared>, dropped: Vec<Taken>) {
    if dropped.is_empty() {
        return;
    }
    let removed: Vec<_> = dropped.iter().map(|taken| Arc::clone(&taken.entry)).collect();
    let publication = Publication {
        removed: removed.clone(),
        ..Publication::default()
    };
    let written = shared.publish(publication).await;
    let mut book = shared.book.lock();
    match written {
        Ok(()) => {
            dropped.iter().for_each(|taken| book.give_up(taken));
            drop(book);
            for entry in removed {
                tracing::warn!(subscription = %entry.id, owner = %entry.subscription().owner, "the queue of a lapsed subscription is dropped");
            }
        }
        Err(error) => {
            tracing::error!(%error, "a lapsed subscription is still on disk, and stays for now");
            let again = shared.clock.boot() + WRITE_AGAIN;
            for taken in dropped {
                book.put_back_until(taken, again);
            }
        }
    }
}
