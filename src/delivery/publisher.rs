//! What happened, written down and handed out.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use super::courier::Item;
use super::entry::{Entry, Way, room_in};
use super::filters::AlertFilter;
use super::held::{self, Held, settle};
use super::queue::Row;
use super::recall;
use super::shared::Shared;
use super::station::Station;
use crate::alert::{Alert, Event, InstanceChange};
use crate::cim::Instance;
use crate::store::StoreError;
use crate::store::commands::{
    Change, Changed, History, MonitorRow, NewDestination, NewEvent, QueueEntry, QueueOf, QueuedRow,
    StoredListener, TrimQueue, Trimmed,
};
use crate::subscription::{IndicationFilter, Lease, ObjectName, Remembered, RepeatPolicy, Subscription};
use crate::time::BootTime;

/// How many publications are written down together at most.
const TOGETHER: usize = 64;

/// How many alerts of the history are read at once.
const PAGE: u32 = 200;

/// Things that happened and belong together: all of them are on disk afterwards, or none.
#[derive(Clone, Debug, Default)]
pub struct Publication {
    /// Where monitors stand now.
    pub monitors: Vec<MonitorRow>,
    /// Monitors that are forgotten: rule and identity.
    pub gone_monitors: Vec<(String, String)>,
    /// What is to be told.
    pub alerts: Vec<Alert>,
    /// Changes of instances that are to be told to whoever wants them.
    pub changes: Vec<InstanceChange>,
    /// Indications that a test asked for.
    #[cfg(feature = "test-provider")]
    pub tests: Vec<crate::alert::TestIndication>,
    /// The only subscription that is told, whatever its filter says; none: all that want to be.
    pub(super) only: Option<Arc<Entry>>,
    /// Subscriptions whose lease ended, and until when their queues are kept.
    pub(super) lapsed: Vec<(Arc<Entry>, BootTime)>,
    /// Subscriptions that changed, as they are now.
    pub(super) changed: Vec<(Arc<Subscription>, Lease)>,
    /// Filters that changed, as they are now.
    pub(super) filters: Vec<IndicationFilter>,
    /// Destinations that are elsewhere from now on.
    pub(super) redirected: Vec<Redirection>,
    /// Destinations that stood by themselves and are gone.
    pub(super) gone_listeners: Vec<ObjectName>,
    /// Subscriptions that are gone.
    pub(super) removed: Vec<Arc<Entry>>,
    /// Subscriptions that stay, and lose what is queued for them; they are not told of that.
    pub(super) emptied: Vec<Arc<Entry>>,
    /// Indications, by their identifiers, that a subscription is not to be told any more.
    pub(super) withdrawn: Vec<(Arc<Entry>, String)>,
    /// Destinations for which something waits again that was kept.
    pub(super) waits_again: Vec<Arc<Station>>,
    /// A subscription that begins with what is in the history after this place.
    pub(super) replay: Option<(Arc<Entry>, i64)>,
}

/// A destination as it is now, and where the deliveries of its subscriptions go, by their number in the store.
#[derive(Clone, Debug)]
pub(super) struct Redirection {
    pub listener: StoredListener,
    pub destinations: Vec<(i64, NewDestination)>,
}

/// What happened could not be written down; nothing of it was told.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct PublishError(pub String);

/// A publication on its way.
pub(super) struct Posted {
    publication: Publication,
    caller: oneshot::Sender<Result<(), PublishError>>,
}

/// Hands a publication over and waits until it is on disk.
pub(super) async fn post(
    publisher: &mpsc::Sender<Posted>,
    publication: Publication,
) -> Result<(), PublishError> {
    let closed = || PublishError(StoreError::Closed.to_string());
    let (caller, answer) = oneshot::channel();
    publisher
        .send(Posted { publication, caller })
        .await
        .map_err(|_| closed())?;
    answer.await.unwrap_or_else(|_| Err(closed()))
}

/// Writes down what comes, until there is nobody left to send anything.
pub(super) async fn run(shared: Arc<Shared>, mut inbox: mpsc::Receiver<Posted>) {
    recall::from_history(&shared).await;
    take_up_kept(&shared).await;
    let mut group = Vec::new();
    loop {
        let received = tokio::select! {
            received = inbox.recv_many(&mut group, TOGETHER) => received,
            () = shared.stopped(), if group.is_empty() => {
                // What was posted before the end is still written down.
                inbox.close();
                inbox.recv_many(&mut group, TOGETHER).await
            }
        };
        if received == 0 {
            return;
        }
        let (publications, callers): (Vec<_>, Vec<_>) = group
            .drain(..)
            .map(|posted| (posted.publication, posted.caller))
            .unzip();
        // In a task of its own, so that what fails in it is contained.
        let own = Arc::clone(&shared);
        let results = tokio::spawn(async move { write_down(&own, publications).await }).await;
        let mut results = results.unwrap_or_else(|failed| {
            tracing::error!(%failed, "the publisher failed");
            Vec::new()
        });
        results.resize(
            callers.len(),
            Err(PublishError("the publisher failed".to_owned())),
        );
        for (caller, result) in callers.into_iter().zip(results) {
            let _ = caller.send(result);
        }
    }
}

/// What came back to a queue before the stop, and was not given its place any more.
async fn take_up_kept(shared: &Arc<Shared>) {
    let stations = shared.book.lock().stations.values().cloned().collect::<Vec<_>>();
    let has_queue = |station: &Arc<Station>| station.fare.lock().queued > 0;
    let waits_again: Vec<_> = stations.into_iter().filter(has_queue).collect();
    if waits_again.is_empty() {
        return;
    }
    let publication = Publication {
        waits_again: waits_again.clone(),
        ..Publication::default()
    };
    if let Err(error) = write_together(shared, vec![publication]).await {
        tracing::error!(%error, "what was kept is not taken up yet");
        held::number_later(shared, waits_again);
    }
}

/// An event, and whom it goes to.
struct Letter {
    event: Arc<Event>,
    indication: Arc<Instance>,
    to: Vec<(Arc<Entry>, Arc<str>, i64)>,
}

/// What became of each publication, in order. They are written down together; where that fails each is written down
/// by itself, so that one that cannot be takes no other with it.
async fn write_down(shared: &Arc<Shared>, publications: Vec<Publication>) -> Vec<Result<(), PublishError>> {
    let count = publications.len();
    let each = if count > 1 {
        publications.clone()
    } else {
        Vec::new()
    };
    match write_together(shared, publications).await {
        Ok(results) => results,
        Err(error) if each.is_empty() => vec![Err(error); count],
        Err(error) => {
            tracing::debug!(%error, count, "what happened is written down one by one");
            let mut results = Vec::with_capacity(count);
            for publication in each {
                match write_together(shared, vec![publication]).await {
                    Ok(result) => results.extend(result),
                    Err(error) => results.push(Err(error)),
                }
            }
            results
        }
    }
}

/// What became of each publication, in order; an error if none of them is on disk.
async fn write_together(
    shared: &Arc<Shared>,
    publications: Vec<Publication>,
) -> Result<Vec<Result<(), PublishError>>, PublishError> {
    let held = Held::for_changes(shared, &publications);
    let mut change = Change {
        keep_alerts: Some(shared.settings().keep_alerts),
        renumber: held.asked(),
        ..Change::default()
    };
    let mut letters = Vec::new();
    let mut replays = Vec::new();
    let mut repeats = Vec::new();
    let mut results = vec![Ok(()); publications.len()];
    for (at, publication) in publications.into_iter().enumerate() {
        change.monitors.extend(publication.monitors);
        change.gone_monitors.extend(publication.gone_monitors);
        let lapsed = publication.lapsed.into_iter();
        change
            .lapsed
            .extend(lapsed.map(|(entry, keep_until)| (entry.id.to_string(), keep_until)));
        change.changed.extend(publication.changed);
        change.filters.extend(publication.filters);
        for redirection in publication.redirected {
            change.listeners.push(redirection.listener);
            change.moved.extend(redirection.destinations);
        }
        change.gone_listeners.extend(publication.gone_listeners);
        let removed = publication.removed.iter().map(|entry| entry.id.to_string());
        change.removed.extend(removed);
        let emptied = publication.emptied;
        change
            .emptied
            .extend(emptied.iter().map(|entry| entry.id.to_string()));
        let withdrawn = publication.withdrawn.into_iter();
        change
            .withdrawn
            .extend(withdrawn.map(|(entry, identifier)| (Arc::clone(&entry.id), identifier)));
        let alerts = publication.alerts.into_iter().map(Event::Alert);
        let changes = publication.changes.into_iter().map(Event::Change);
        let events = alerts.chain(changes);
        #[cfg(feature = "test-provider")]
        let events = events.chain(publication.tests.into_iter().map(Event::Test));
        for event in events {
            let event = Arc::new(event);
            let letter = match &publication.only {
                Some(entry) => Letter::to_one(entry, &event),
                None => address(shared, &event, &emptied, &mut repeats),
            };
            // Alerts are kept for those who come later; a change that nobody wants is nothing.
            if letter.to.is_empty() && event.alert().is_none() {
                continue;
            }
            change.events.push(NewEvent {
                event,
                queue: letter.queue_entries(),
            });
            letters.push(letter);
        }
        replays.extend(publication.replay.map(|replay| (at, replay)));
    }
    let subscriptions_changed =
        !(change.lapsed.is_empty() && change.removed.is_empty() && change.changed.is_empty());
    let mut changed = match shared.store.ask(change).await {
        Ok(changed) => changed,
        Err(error) => {
            letters.iter().rev().for_each(Letter::take_back);
            // What nobody was told is not a repetition when it comes again.
            for (entry, before) in repeats.into_iter().rev() {
                entry.repeats.lock().put_back(before);
            }
            return Err(PublishError(error.to_string()));
        }
    };
    if subscriptions_changed {
        shared.interest.changed.notify_one();
    }
    held.settle(&mut changed.renumbered);
    held.release(shared);
    {
        let (now, mut book) = (shared.clock.boot(), shared.book.lock());
        changed.left_nothing.iter().for_each(|id| book.let_go(id, now));
    }
    hand_out(shared, &letters, &mut changed);
    trim(shared, &letters).await;
    for (at, (entry, after)) in replays {
        // The rest is on disk: only the one who asked for this is told if it fails.
        let replayed = replay(shared, &entry, after).await;
        if let Some(result) = results.get_mut(at) {
            *result = replayed;
        }
    }
    Ok(results)
}

/// Whom an event goes to, except for some. A filter that many share is asked once. What repeat policies remembered
/// before is added to `repeats`.
fn address(
    shared: &Shared,
    event: &Arc<Event>,
    except: &[Arc<Entry>],
    repeats: &mut Vec<(Arc<Entry>, Remembered)>,
) -> Letter {
    let indication = Arc::new(event.indication());
    let now = shared.clock.boot();
    let mut asked: Vec<(Arc<AlertFilter>, bool)> = Vec::new();
    let mut to = Vec::new();
    for entry in shared
        .book
        .lock()
        .entries
        .values()
        .filter(|entry| entry.is_live() && !except.iter().any(|excepted| Arc::ptr_eq(entry, excepted)))
    {
        let filter = entry.filter();
        let wanted = match asked.iter().find(|(known, _)| Arc::ptr_eq(known, &filter)) {
            Some((_, wanted)) => *wanted,
            None => {
                let wanted = is_wanted(entry, &filter, &indication);
                asked.push((filter, wanted));
                wanted
            }
        };
        if wanted && is_fresh(entry, event, now, repeats) {
            let mut series = entry.series().lock();
            to.push((Arc::clone(entry), Arc::clone(&series.context), series.take()));
        }
    }
    Letter {
        event: Arc::clone(event),
        indication,
        to,
    }
}

/// Whether the repeat policy of a subscription lets it be told.
fn is_fresh(
    entry: &Arc<Entry>,
    event: &Event,
    now: BootTime,
    before: &mut Vec<(Arc<Entry>, Remembered)>,
) -> bool {
    match entry.subscription().repeat() {
        RepeatPolicy::None => true,
        policy => {
            let key = event.same_event_key();
            let mut repeats = entry.repeats.lock();
            before.push((Arc::clone(entry), repeats.remembered(&key)));
            repeats.admit(policy, &key, now)
        }
    }
}

/// A filter that fails costs its own subscriptions alone.
pub(super) fn is_wanted(entry: &Entry, filter: &AlertFilter, indication: &Instance) -> bool {
    let asked = std::panic::catch_unwind(AssertUnwindSafe(|| filter.matches(indication)));
    asked.unwrap_or_else(|_| {
        tracing::error!(subscription = %entry.id, "a filter failed: its subscriber misses an alert");
        false
    })
}

impl Letter {
    fn to_one(entry: &Arc<Entry>, event: &Arc<Event>) -> Self {
        let (context, number) = {
            let mut series = entry.series().lock();
            (Arc::clone(&series.context), series.take())
        };
        Self {
            event: Arc::clone(event),
            indication: Arc::new(event.indication()),
            to: vec![(Arc::clone(entry), context, number)],
        }
    }

    fn queue_entries(&self) -> Vec<QueueEntry> {
        let entry = |(entry, context, number): &(Arc<Entry>, Arc<str>, i64)| QueueEntry {
            subscription: Arc::clone(&entry.id),
            destination: entry.station().map(|station| station.id),
            context: Arc::clone(context),
            number: *number,
        };
        self.to.iter().map(entry).collect()
    }

    /// The numbers are free again: nothing was written down under them.
    fn take_back(&self) {
        for (entry, _, number) in self.to.iter().rev() {
            entry.series().lock().next = *number;
        }
    }
}

fn hand_out(shared: &Arc<Shared>, letters: &[Letter], changed: &mut Changed) {
    let since = shared.clock.boot();
    for (letter, recorded) in letters.iter().zip(&changed.events) {
        if let Some(alert) = letter.event.alert() {
            (shared.on_alert)(alert);
        }
        for ((entry, context, _), row) in letter.to.iter().zip(&recorded.queued) {
            if let Some(station) = entry.station() {
                settle(station, &mut changed.renumbered);
            }
            // A subscription that ended meanwhile has no row.
            let Some(QueuedRow { id, number }) = *row else {
                continue;
            };
            entry.note_produced(&letter.event);
            let item = Item {
                indication: Arc::clone(&letter.indication),
                context: Arc::clone(context),
                number,
                seq: recorded.seq,
            };
            match &entry.way {
                Way::Sent(station) => {
                    let mut queue = station.queue.lock();
                    station.fare.lock().queued += 1;
                    queue.push(Row {
                        id,
                        entry: Arc::clone(entry),
                        item,
                        since,
                    });
                    drop(queue);
                    shared.wake(station);
                }
                Way::Fetched(fetched) => fetched.arrived.notify_waiters(),
            }
        }
    }
}

/// Measures the queues that may have become too large: each once for many alerts.
async fn trim(shared: &Arc<Shared>, letters: &[Letter]) {
    let max_bytes = shared.settings().max_queue_bytes;
    for (entry, ..) in letters.iter().flat_map(|letter| &letter.to) {
        if entry.series().lock().room > 0 {
            continue;
        }
        let of = match &entry.way {
            Way::Sent(station) => QueueOf::Destination(station.id),
            Way::Fetched(_) => QueueOf::Subscription(entry.id.to_string()),
        };
        let trimmed = match shared.store.ask(TrimQueue { of, max_bytes }).await {
            Ok(trimmed) => trimmed,
            Err(error) => {
                tracing::error!(%error, "a queue cannot be measured");
                continue;
            }
        };
        entry.series().lock().room = room_in(max_bytes.saturating_sub(trimmed.left_bytes)).max(1);
        if !trimmed.dropped.is_empty() {
            note_dropped(shared, entry, &trimmed);
        }
    }
}

/// What is left was counted before this: the worker counts once more, even if it has sent all of it since and rests.
pub(super) fn note_dropped(shared: &Arc<Shared>, entry: &Entry, trimmed: &Trimmed) {
    let (dropped, left) = (trimmed.dropped.values().sum::<u64>(), trimmed.left);
    match entry.station() {
        Some(station) => {
            let url = station.target.lock().destination.url.to_string();
            tracing::error!(destination = %url, dropped, left, "the queue is full: its oldest alerts are dropped");
            let losers: Vec<_> = {
                let book = shared.book.lock();
                let loser = |(id, count): (&String, &u64)| {
                    let entry = book.entries.get(id.as_str())?;
                    Some((entry.subscription(), *count))
                };
                trimmed.dropped.iter().filter_map(loser).collect()
            };
            let mut queue = station.queue.lock();
            queue.reload();
            for (subscription, count) in losers {
                queue.lose(&subscription, count);
            }
            drop(queue);
            let mut fare = station.fare.lock();
            fare.queued = left;
            fare.dropped += dropped;
            drop(fare);
            station.recount.store(true, Ordering::Release);
            shared.wake(station);
        }
        None => {
            tracing::error!(subscription = %entry.id, dropped, left, "the queue is full: its oldest alerts are dropped");
        }
    }
}

/// Queues what the history holds for `entry` after the place `after`, then takes it up: nothing is missing and
/// nothing comes twice, as nothing else is written down meanwhile.
async fn replay(shared: &Arc<Shared>, entry: &Arc<Entry>, mut after: i64) -> Result<(), PublishError> {
    let failed = |error: StoreError| PublishError(error.to_string());
    loop {
        let page = shared
            .store
            .ask(History {
                after,
                limit: PAGE,
                newest: false,
            })
            .await
            .map_err(failed)?;
        let Some(last) = page.last().map(|row| row.seq) else {
            break;
        };
        after = last;
        let filter = entry.filter();
        let wanted = page
            .iter()
            .filter(|row| is_wanted(entry, &filter, &row.event.indication()));
        let replays: Vec<_> = wanted
            .map(|row| {
                let mut series = entry.series().lock();
                let queue_entry = QueueEntry {
                    subscription: Arc::clone(&entry.id),
                    destination: entry.station().map(|station| station.id),
                    context: Arc::clone(&series.context),
                    number: series.take(),
                };
                (row.seq, queue_entry)
            })
            .collect();
        let count = replays.len() as u64;
        shared
            .store
            .ask(Change {
                replays,
                ..Change::default()
            })
            .await
            .map_err(failed)?;
        if let Some(station) = entry.station() {
            station.fare.lock().queued += count;
        }
    }
    shared.book.lock().insert(Arc::clone(entry));
    shared.alarm.notify_one();
    if let Some(station) = entry.station() {
        station.queue.lock().reload();
        shared.wake(station);
    }
    Ok(())
}
