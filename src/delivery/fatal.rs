//! What becomes of subscriptions whose deliveries fail for too long: each as its policy says
//! (CIM_AbstractIndicationSubscription.OnFatalErrorPolicy and FailureTriggerTimeInterval), and where it has none,
//! as the service does with all (DSP1054 §10.8, SubscriptionRemovalAction).

use std::sync::Arc;
use std::time::Duration;

use super::book::Taken;
use super::entry::{Entry, Phase};
use super::publisher::Publication;
use super::registry::Registry;
use super::shared::{Settings, Shared};
use super::station::Station;
use crate::alert::catalog::table::agent::DELIVERY_GIVEN_UP;
use crate::store::commands::{CountQueue, QueueOf};
use crate::subscription::{EndReason, FatalErrorPolicy, ObjectName, OnFatalError, Persistence};
use crate::time::BootTime;

/// What is to be done.
#[derive(Default)]
struct Verdict {
    /// For how long the destination has failed.
    failing: Duration,
    removed: Vec<Arc<Entry>>,
    disabled: Vec<Arc<Entry>>,
    ignored: Vec<Arc<Entry>>,
}

/// An ignored failure is told again after so long at the earliest: what is told goes to others who may fail as well, and
/// whose failure is told to this one.
const TOLD_AGAIN: Duration = Duration::from_secs(3_600);

impl Verdict {
    fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.disabled.is_empty() && self.ignored.is_empty()
    }

    /// Leaves out those that go on and for which nothing waits: nothing becomes of them. The answer is how much the
    /// others that go on lose.
    async fn forgive_the_idle(&mut self, shared: &Shared, now: BootTime) -> u64 {
        let mut lost = 0;
        for entry in std::mem::take(&mut self.ignored) {
            let waits = count_queue(shared, &entry).await;
            if waits == 0 {
                entry.life.lock().forgiven = Some(now);
                continue;
            }
            lost += waits;
            self.ignored.push(entry);
        }
        lost
    }

    /// Whether people are to know: always of an end, and now and then of what goes on.
    fn is_to_be_told(&self, now: BootTime) -> bool {
        let was_told = |entry: &Arc<Entry>| {
            let last = entry.life.lock().last_ignored;
            last.is_some_and(|last| now.since(last) < TOLD_AGAIN)
        };
        let has_ended = !self.removed.is_empty() || !self.disabled.is_empty();
        has_ended || !self.ignored.iter().all(was_told)
    }
}

/// Looks after the subscriptions of a destination that fails. The answer is when there is something to do next, if
/// there ever is: at once where something has changed.
pub(super) async fn look(shared: &Arc<Shared>, station: &Arc<Station>) -> Option<Duration> {
    let (verdict, next) = judge(shared, station);
    if verdict.is_empty() {
        return next;
    }
    let _naming = shared.naming.lock().await;
    // What was changed while this waited counts: the destination may be elsewhere by now, or a policy another one.
    let (mut verdict, next) = judge(shared, station);
    let now = shared.clock.boot();
    let mut lost = verdict.forgive_the_idle(shared, now).await;
    if verdict.is_empty() {
        return next;
    }
    let hold = station.hold();
    let mut disabled = Vec::new();
    for entry in std::mem::take(&mut verdict.disabled) {
        if disable(shared, &entry).await {
            disabled.push(entry);
        }
    }
    verdict.disabled = disabled;
    if verdict.is_empty() {
        return next;
    }
    for entry in &verdict.removed {
        lost += count_queue(shared, entry).await;
    }
    let is_told = verdict.is_to_be_told(now);
    let is_written = put_in_force(shared, station, &verdict, lost, is_told).await;
    drop(hold);
    if is_written {
        for entry in &verdict.ignored {
            let mut life = entry.life.lock();
            life.forgiven = Some(now);
            life.last_ignored = if is_told { Some(now) } else { life.last_ignored };
        }
        for entry in &verdict.removed {
            shared.tell_end(entry, EndReason::DeliveryFailed);
        }
    }
    station.queue.lock().reload();
    shared.recount(station).await;
    let has_changed = is_written || !verdict.disabled.is_empty();
    if has_changed { Some(Duration::ZERO) } else { next }
}

/// What is to be done now, and when there is something to do next.
fn judge(shared: &Shared, station: &Station) -> (Verdict, Option<Duration>) {
    let (settings, now) = (shared.settings(), shared.clock.boot());
    let Some(give_up) = station.fare.lock().give_up else {
        return (Verdict::default(), Some(Duration::ZERO));
    };
    let failing = (settings.retry.total + now.since(give_up)).saturating_sub(give_up.since(now));
    let mut verdict = Verdict {
        failing,
        ..Verdict::default()
    };
    let mut next: Option<Duration> = None;
    let book = shared.book.lock();
    for entry in book.of_station(station.id) {
        let life = *entry.life.lock();
        let (action, after) = policy(entry, life.phase, &settings);
        if life.phase == Phase::Disabled {
            continue;
        }
        let failing = life
            .forgiven
            .map_or(failing, |since| now.since(since).min(failing));
        match (failing >= after, action) {
            (true, OnFatalError::Remove) => verdict.removed.push(Arc::clone(entry)),
            (true, OnFatalError::Disable) => verdict.disabled.push(Arc::clone(entry)),
            (true, OnFatalError::Ignore) => verdict.ignored.push(Arc::clone(entry)),
            (false, _) => {
                let left = after - failing;
                next = Some(next.map_or(left, |next| next.min(left)));
            }
        }
    }
    (verdict, next)
}

/// What is done with a subscription, and after how long. Only a subscription that is a CIM instance can be
/// disabled, and one that has lapsed has no will of its own.
fn policy(entry: &Entry, phase: Phase, settings: &Settings) -> (OnFatalError, Duration) {
    let subscription = entry.subscription();
    let own = match &subscription.wbem {
        Some(wbem) if !phase.is_over() => wbem.fatal.clone(),
        _ => FatalErrorPolicy::default(),
    };
    let (action, after) = own.or(settings.on_fatal_error, settings.retry.total);
    let cannot = phase.is_over() || (subscription.wbem.is_none() && action == OnFatalError::Disable);
    (if cannot { OnFatalError::Remove } else { action }, after)
}

/// Whether it is disabled now.
async fn disable(shared: &Arc<Shared>, entry: &Arc<Entry>) -> bool {
    let registry = Registry {
        shared: Arc::clone(shared),
    };
    let disabled = registry.change(entry, |wbem| {
        wbem.enabled = false;
        Ok(())
    });
    let disabled = disabled.await.inspect_err(|error| {
        tracing::error!(subscription = %entry.id, %error, "a subscription whose deliveries fail is not disabled");
    });
    disabled.is_ok()
}

async fn count_queue(shared: &Shared, entry: &Entry) -> u64 {
    let queue = CountQueue(QueueOf::Subscription(entry.id.to_string()));
    let count = shared.store.ask(queue).await;
    count.unwrap_or_else(|error| {
        tracing::error!(subscription = %entry.id, %error, "the outbox cannot be read");
        0
    })
}

/// Writes down what is gone, and tells all others; whether that is on disk. Where it is not, everything stays.
async fn put_in_force(
    shared: &Arc<Shared>,
    station: &Station,
    verdict: &Verdict,
    lost: u64,
    is_told: bool,
) -> bool {
    let url = station.target.lock().destination.url.to_string();
    let (removed, disabled) = (verdict.removed.len(), verdict.disabled.len());
    let time = span(verdict.failing);
    let values = vec![
        url.clone(),
        time.clone(),
        removed.to_string(),
        disabled.to_string(),
        lost.to_string(),
    ];
    let taken: Vec<Taken> = {
        let mut book = shared.book.lock();
        let taken = verdict.removed.iter().filter_map(|entry| book.take(&entry.id));
        taken.collect()
    };
    let alert = shared.own_alert(DELIVERY_GIVEN_UP, &url, values);
    let publication = Publication {
        removed: verdict.removed.clone(),
        emptied: verdict.ignored.clone(),
        gone_listeners: transient_listeners(shared, &verdict.removed),
        alerts: alert.filter(|_| is_told).into_iter().collect(),
        ..Publication::default()
    };
    let gone_listeners = publication.gone_listeners.clone();
    let written = shared.publish(publication).await;
    let mut book = shared.book.lock();
    match written {
        Ok(()) => {
            if is_told {
                tracing::error!(destination = %url, lost, removed, disabled, "destination given up: it took nothing for {time}");
            } else {
                tracing::warn!(destination = %url, lost, "what waits is dropped: the failure is ignored");
            }
            taken.iter().for_each(|taken| book.give_up(taken));
            gone_listeners.iter().for_each(|name| book.forget_listener(name));
            true
        }
        Err(error) => {
            tracing::error!(destination = %url, %error, "a destination that fails cannot be given up: that is not on disk");
            taken.into_iter().for_each(|taken| book.put_back(taken));
            drop(book);
            shared.alarm.notify_one();
            false
        }
    }
}

/// The transient destinations that go with their last subscription.
fn transient_listeners(shared: &Shared, removed: &[Arc<Entry>]) -> Vec<ObjectName> {
    let book = shared.book.lock();
    let mut gone: Vec<ObjectName> = Vec::new();
    for entry in removed {
        if let Some(wbem) = &entry.subscription().wbem
            && !gone.contains(&wbem.handler)
            && book.is_unused(&wbem.handler, Persistence::Transient)
        {
            gone.push(wbem.handler.clone());
        }
    }
    gone
}

/// A length of time for people, whatever their language.
fn span(length: Duration) -> String {
    match length.as_secs() {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7_200 => format!("{} min", secs / 60),
        secs => format!("{} h", secs / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (secs, expect) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (259_200, "72 h"),
        ] {
            assert_eq!(span(Duration::from_secs(secs)), expect);
        }
    }
}
