//! What the registry, the publisher, the workers and the alarm clock share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc, watch};

use super::book::Book;
use super::courier::{Courier, Item, Parcel};
use super::entry::{Entry, Series};
use super::gate::Gate;
use super::interest::Interest;
use super::publisher::{Posted, Publication, PublishError, post};
use super::registry::AlertObserver;
use super::retry::RetrySchedule;
use super::rule::DestinationRule;
use super::station::Station;
use super::status::SubscriptionState;
use super::trace::Traces;
use super::worker;
use crate::alert::catalog::table::agent::SUBSCRIPTION_STATE;
use crate::alert::indication::indication;
use crate::alert::{Alert, Occasion, Target, catalog};
use crate::cim::schema::Schema;
use crate::clock::SharedClock;
use crate::store::Store;
use crate::store::commands::{CountQueue, NewDestination, QueueOf};
use crate::subscription::{EndReason, LeaseTerms, Moment, OnFatalError, Subscription};

/// The pause before what could not be written down is tried once more.
pub(super) const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// What can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What leases may be asked for.
    pub terms: LeaseTerms,
    /// How long the queue of a lapsed subscription is kept.
    pub queue_keep: Duration,
    /// How many subscriptions an account may have.
    pub max_per_account: usize,
    /// Where deliveries may go.
    pub rule: DestinationRule,
    /// When failed deliveries are tried again.
    pub retry: RetrySchedule,
    /// What becomes of a subscription whose deliveries fail all the time, where it does not say itself.
    pub on_fatal_error: OnFatalError,
    /// The port of destinations that name none.
    pub default_port: u16,
    /// Whether clients may make filters.
    pub filter_creation: bool,
    /// What may wait for one destination, in bytes of stored alerts: beyond it the oldest is dropped.
    pub max_queue_bytes: u64,
    /// How many alerts the history keeps.
    pub keep_alerts: u64,
    /// The name of this host in alerts.
    pub system_name: String,
}

/// The common ground of all tasks of this room.
pub(super) struct Shared {
    pub store: Store,
    pub on_alert: AlertObserver,
    pub clock: SharedClock,
    pub courier: Arc<dyn Courier>,
    pub schema: Arc<Schema>,
    pub settings: RwLock<Arc<Settings>>,
    pub book: Mutex<Book>,
    pub gate: Gate,
    /// Held while a filter, a destination or a subscription is made, changed or deleted as a CIM instance: what
    /// one refers to must not go meanwhile.
    pub naming: tokio::sync::Mutex<()>,
    pub interest: Interest,
    pub traces: Traces,
    /// The run of the agent, in the names of sequence contexts.
    pub run: String,
    /// How many sequence contexts this run has begun.
    pub contexts: AtomicU64,
    pub publisher: mpsc::Sender<Posted>,
    /// The alarms have changed.
    pub alarm: Notify,
    pub stopping: watch::Sender<bool>,
    /// Tasks that run; the last one to end says so.
    pub tasks: watch::Sender<usize>,
}

impl Shared {
    /// A new series of sequence numbers, for a queue with `room_bytes` left.
    pub fn new_series(&self, room_bytes: u64) -> Series {
        let number = self.contexts.fetch_add(1, Ordering::Relaxed);
        Series::new(format!("ESM#{}#{number}", self.run), room_bytes)
    }

    /// Both clocks now.
    pub fn now(&self) -> Moment {
        Moment {
            boot: self.clock.boot(),
            wall: self.clock.wall(),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    /// Whether everything is to end.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Ready when everything is to end.
    pub async fn stopped(&self) {
        // The sender lives as long as this.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Has what happened written down and told. Ready once it is on disk.
    pub async fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        post(&self.publisher, publication).await
    }

    /// There is something for the worker of `station`, which is started if there is none.
    pub fn wake(self: &Arc<Self>, station: &Arc<Station>) {
        station.wake.notify_one();
        if !station.working.swap(true, Ordering::AcqRel) {
            worker::start(Arc::clone(self), Arc::clone(station));
        }
    }

    /// An alert of the agent itself. None only if the catalog does not have it.
    pub fn own_alert(&self, number: u16, about: &str, values: Vec<String>) -> Option<Alert> {
        let occasion = Occasion {
            id: crate::random::uuid(),
            at: self.clock.wall(),
            system_name: self.settings().system_name.clone(),
        };
        let target = Target {
            class: String::new(),
            path: String::new(),
            name: about.to_owned(),
        };
        Some(catalog::find(number)?.alert(occasion, target, values))
    }

    /// The subscription of that name, if it is told anything.
    pub fn live_entry(&self, id: &str) -> Option<Arc<Entry>> {
        let entry = self.book.lock().entries.get(id).cloned()?;
        let is_live = entry.is_live();
        is_live.then_some(entry)
    }

    /// Tells a subscription that its state is another one, if it asked for that (`AlertOnStateChange`). Tried once,
    /// apart from its queue: nothing else is told to one that is disabled.
    pub fn tell_state(self: &Arc<Self>, entry: &Entry, state: SubscriptionState) {
        let subscription = entry.subscription();
        let is_asked = subscription
            .wbem
            .as_ref()
            .is_some_and(|wbem| wbem.alert_on_state_change);
        let Some(station) = entry.station().filter(|_| is_asked) else {
            return;
        };
        let values = vec![entry.id.to_string(), state.to_string()];
        let Some(alert) = self.own_alert(SUBSCRIPTION_STATE, &entry.id, values) else {
            return;
        };
        let item = Item {
            indication: Arc::new(indication(&alert)),
            context: self.new_series(0).context,
            number: 0,
            seq: 0,
        };
        station
            .queue
            .lock()
            .note(Parcel::StateChange { subscription, item });
        self.wake(station);
    }

    /// Tells a subscription that it has ended, if it asked for that. Tried once.
    pub fn tell_end(self: &Arc<Self>, entry: &Entry, reason: EndReason) {
        let subscription = entry.subscription();
        let end_to = subscription
            .eventing()
            .and_then(|options| options.end_to.as_ref());
        if let (Some(_), Some(station)) = (end_to, entry.station()) {
            station.queue.lock().note(Parcel::End { subscription, reason });
            self.wake(station);
        }
    }

    /// Counts anew what waits for a destination, after some of it went; and once more when its worker rests, as
    /// some may come and go while it is counted.
    pub async fn recount(self: &Arc<Self>, station: &Arc<Station>) {
        if let Some(count) = self.count_queue(station).await {
            station.fare.lock().queued = count;
        }
        station.recount.store(true, Ordering::Release);
        self.wake(station);
    }

    /// What waits for a destination on disk.
    pub async fn count_queue(&self, station: &Station) -> Option<u64> {
        let queue = CountQueue(QueueOf::Destination(station.id));
        let count = self.store.ask(queue).await;
        let count = count.inspect_err(|error| tracing::error!(%error, "the outbox cannot be read"));
        count.ok()
    }
}

/// A subscription that is being made or ended, and counts as its account's until this is dropped.
pub(super) struct UnderWay {
    shared: Arc<Shared>,
    id: String,
}

impl UnderWay {
    /// For `subscription`, in the `book` of `shared`. One that is being made is to have the destination `new`.
    pub fn begin(
        shared: &Arc<Shared>,
        book: &mut Book,
        subscription: &Subscription,
        new: Option<&NewDestination>,
    ) -> Self {
        book.begin(subscription, new.map(|new| new.destination.key()));
        Self {
            shared: Arc::clone(shared),
            id: subscription.id.clone(),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.shared.book.lock().settle(&self.id);
    }
}

/// Counts a task from its making to its end.
pub(super) struct TaskCount(Arc<Shared>);

impl TaskCount {
    /// Counts one more task.
    pub fn new(shared: &Arc<Shared>) -> Self {
        shared.tasks.send_modify(|count| *count += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for TaskCount {
    fn drop(&mut self) {
        self.0.tasks.send_modify(|count| *count = count.saturating_sub(1));
    }
}
