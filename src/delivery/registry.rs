//! What others ask of subscriptions.

mod fetch;
mod leases;
mod subscribe;

pub(super) use self::subscribe::{NewSubscription, check_address};

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc, watch};
use tracing::Instrument;

use super::book::Book;
use super::courier::{Courier, Target};
use super::entry::{Content, Entry, Fetched, Life, Phase, Way};
use super::filters::AlertFilter;
use super::gate::Gate;
use super::interest::Interest;
use super::publisher::{Publication, PublishError};
use super::queue::Queue;
use super::request::{Granted, SubscriptionError};
use super::shared::{Settings, Shared, TaskCount};
use super::station::Station;
use super::status::{DeliveryState, Fare};
use super::trace::Traces;
use super::wbem::SYSTEM_CLASS;
use super::{alarms, publisher};
use crate::alert::Alert;
use crate::cim::schema::Schema;
use crate::clock::SharedClock;
use crate::store::Store;
use crate::store::commands::{Loaded, SetGiveUp, StoredDestination, StoredSubscription};
use crate::subscription::Filter;
use crate::time::BootTime;

/// How many publications may wait.
const POSTBOX: usize = 256;

/// The subscriptions of this agent, at work. Clones share them.
#[derive(Clone)]
pub struct Registry {
    pub(super) shared: Arc<Shared>,
}

/// What a registry is made of.
pub struct RegistryParts {
    /// The database.
    pub store: Store,
    /// The clocks.
    pub clock: SharedClock,
    /// Who carries deliveries.
    pub courier: Arc<dyn Courier>,
    /// The classes that filters name.
    pub schema: Arc<Schema>,
    /// What can be set.
    pub settings: Settings,
    /// Told of every alert once it is on disk. It must not block.
    pub on_alert: AlertObserver,
}

/// Somebody who is told of alerts.
pub type AlertObserver = Arc<dyn Fn(&Alert) + Send + Sync>;

impl Registry {
    /// Takes up everything that was kept, and begins to work. Needs a tokio runtime.
    pub fn start(parts: RegistryParts, loaded: &Loaded) -> Self {
        let (postbox, inbox) = mpsc::channel(POSTBOX);
        let shared = Arc::new(Shared {
            store: parts.store,
            on_alert: parts.on_alert,
            clock: parts.clock,
            courier: parts.courier,
            schema: parts.schema,
            settings: RwLock::new(Arc::new(parts.settings)),
            book: Mutex::new(Book::default()),
            gate: Gate::default(),
            interest: Interest::default(),
            traces: Traces::default(),
            naming: tokio::sync::Mutex::new(()),
            run: crate::random::uuid().simple().to_string(),
            contexts: AtomicU64::new(0),
            publisher: postbox,
            alarm: Notify::new(),
            stopping: watch::Sender::new(false),
            tasks: watch::Sender::new(0),
        });
        let registry = Self { shared };
        registry.take_up(loaded);
        registry.spawn(publisher::run(Arc::clone(&registry.shared), inbox));
        registry.spawn(alarms::supervise(Arc::clone(&registry.shared)));
        registry
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let count = TaskCount::new(&self.shared);
        tokio::spawn(async move {
            task.await;
            drop(count);
        });
    }

    /// Brings a change to its end, even if its caller goes away meanwhile, as one does whose connection breaks:
    /// what is in memory must become what is on disk. A panic in it is told as `failed`.
    async fn finish<T: Send + 'static, E: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, E>> + Send + 'static,
        failed: fn(String) -> E,
    ) -> Result<T, E> {
        let count = TaskCount::new(&self.shared);
        let task = async move {
            let done = change.await;
            drop(count);
            done
        };
        let running = tokio::spawn(task.in_current_span());
        running
            .await
            .unwrap_or_else(|error| Err(failed(error.to_string())))
    }

    fn take_up(&self, loaded: &Loaded) {
        let shared = &self.shared;
        let mut book = shared.book.lock();
        book.take_up_named(loaded);
        for stored in &loaded.destinations {
            let station = self.station_of(stored);
            book.stations.insert(stored.id, station);
        }
        for stored in &loaded.subscriptions {
            let entry = self.take_up_subscription(&mut book, stored);
            let is_kept = entry.outlives_its_lease(stored.queued);
            book.insert(Arc::clone(&entry));
            if !is_kept {
                book.let_go(&entry.id, shared.clock.boot());
            }
        }
        let waiting: Vec<_> = book
            .stations
            .values()
            .filter(|station| station.fare.lock().queued > 0)
            .cloned()
            .collect();
        drop(book);
        for station in waiting {
            shared.wake(&station);
        }
    }

    /// A subscription that was kept. One that can be told nothing any more ends at once, as if its lease did: its
    /// subscriber finds that out, and can subscribe anew.
    fn take_up_subscription(&self, book: &mut Book, stored: &StoredSubscription) -> Arc<Entry> {
        let shared = &self.shared;
        let subscription = Arc::new(stored.subscription.clone());
        let mut lease = stored.lease;
        let mut end_now = |error: &dyn Display| {
            tracing::error!(subscription = %subscription.id, %error, "a kept subscription cannot be taken up and ends");
            lease.ends = Some(shared.clock.boot());
        };
        let way = match stored.destination.map(|id| book.stations.get(&id)) {
            Some(Some(station)) => Way::Sent(Arc::clone(station)),
            Some(None) => {
                end_now(&"its destination could not be read");
                self.fetched()
            }
            None => self.fetched(),
        };
        let compile = |filter: &Filter| AlertFilter::compile(filter, &shared.schema);
        let filter = book.filters.get_or_compile(&subscription.filter, compile);
        let filter = filter.unwrap_or_else(|error| {
            end_now(&error);
            Arc::new(AlertFilter::nothing(&shared.schema))
        });
        let phase = stored
            .keep_until
            .map_or_else(|| Phase::of(&subscription), Phase::Lapsed);
        let life = Life {
            lease,
            phase,
            last_told: shared.clock.boot(),
            forgiven: None,
            last_ignored: None,
        };
        Entry::new(Content { subscription, filter }, way, life)
    }

    fn station_of(&self, stored: &StoredDestination) -> Arc<Station> {
        let target = Target {
            destination: stored.destination.clone(),
            credentials: stored.credentials.clone(),
            pin: stored.pin.clone(),
        };
        // Where nothing waits, nothing shows how the destination is.
        let give_up = stored.give_up.filter(|_| stored.queued > 0);
        let state = if give_up.is_some() {
            DeliveryState::Retrying
        } else {
            DeliveryState::Active
        };
        let fare = Fare {
            state,
            give_up,
            queued: stored.queued,
            ..Fare::default()
        };
        // What is queued already is measured with the next alert.
        let room = if stored.queued == 0 {
            self.shared.settings().max_queue_bytes
        } else {
            0
        };
        let series = self.shared.new_series(room);
        Station::new(stored.id, target, series, Queue::on_disk(stored.queued > 0), fare)
    }

    fn fetched(&self) -> Way {
        let series = Mutex::new(self.shared.new_series(0));
        Way::Fetched(Fetched {
            series,
            arrived: Notify::new(),
        })
    }

    /// Writes down what happened and has it told; ready once it is on disk.
    ///
    /// # Errors
    /// It is not on disk, and nobody is told.
    pub async fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        self.shared.publish(publication).await
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.shared.settings()
    }

    /// Puts other settings in force. Leases that run keep what was granted; destinations that fail are given up
    /// after the new time, counted from their first failure, and are tried at once. Needs a tokio runtime.
    pub fn set_settings(&self, settings: Settings) {
        let new = Arc::new(settings);
        let old = std::mem::replace(&mut *self.shared.settings.write(), Arc::clone(&new));
        if (old.retry, old.on_fatal_error) == (new.retry, new.on_fatal_error) {
            return;
        }
        let stations: Vec<_> = self.shared.book.lock().stations.values().cloned().collect();
        for station in stations {
            let give_up = {
                let mut fare = station.fare.lock();
                let since = fare.give_up.map(|at| at.saturating_sub(old.retry.total));
                fare.give_up = since.map(|since| since + new.retry.total);
                fare.give_up
            };
            if give_up.is_some() {
                self.keep_give_up(station.id, give_up);
                station.kick.notify_waiters();
            }
        }
    }

    /// Should it be lost, the destination is given up at the time that was kept before.
    fn keep_give_up(&self, destination: i64, at: Option<BootTime>) {
        let store = self.shared.store.clone();
        self.spawn(async move {
            if let Err(error) = store.ask(SetGiveUp { destination, at }).await {
                tracing::error!(%error, "when a destination is given up is not on disk");
            }
        });
    }

    /// Ends all work: what is under way has until `deadline` to finish. Queues and leases stay as they are, and
    /// nobody is told that anything ended.
    pub async fn stop(&self, deadline: Duration) {
        self.shared.stopping.send_replace(true);
        let mut tasks = self.shared.tasks.subscribe();
        tokio::select! {
            _ = tasks.wait_for(|count| *count == 0) => {}
            () = self.shared.clock.sleep(deadline) => {
                tracing::warn!(tasks = *self.shared.tasks.borrow(), "deliveries under way are given up");
            }
        }
    }

    /// The system that filters and destinations belong to unless their client says otherwise: its class and its
    /// name.
    pub fn own_system(&self) -> (String, String) {
        (
            SYSTEM_CLASS.to_owned(),
            self.shared.settings().system_name.clone(),
        )
    }

    /// A subscription of `account`. To others it is as if it were not there.
    pub(super) fn find(&self, id: &str, account: Option<&str>) -> Result<Arc<Entry>, SubscriptionError> {
        let entry = self.shared.book.lock().entries.get(id).cloned();
        entry
            .filter(|entry| account.is_none_or(|account| account == entry.subscription().owner))
            .ok_or_else(|| SubscriptionError::Unknown(id.to_owned()))
    }

    fn granted(&self, entry: &Entry) -> Granted {
        let lease = entry.life.lock().lease;
        let now = self.shared.now();
        Granted {
            id: entry.id.to_string(),
            lease,
            remaining: lease.remaining(now.boot),
            ends_at: lease.ends_at_wall(now),
        }
    }
}
