//! What others ask of subscriptions.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc, watch};

use super::book::{Alarm, Book};
use super::courier::{Courier, Item, Target};
use super::entry::{Entry, Fetched, Life, Phase, Series, Way};
use super::filters::AlertFilter;
use super::gate::Gate;
use super::publisher::{Publication, PublishError};
use super::queue::Queue;
use super::request::{
    Bookmark, Granted, NewTarget, PullBatch, SubscribeError, SubscribeRequest, SubscriptionError,
};
use super::rule::Forbidden;
use super::shared::{Settings, Shared, TaskCount};
use super::station::Station;
use super::status::{DeliveryState, Fare};
use super::{alarms, publisher};
use crate::alert::Alert;
use crate::alert::indication::indication;
use crate::cim::schema::Schema;
use crate::clock::SharedClock;
use crate::store::commands::{
    AcknowledgeUpTo, AddSubscription, FetchQueue, Loaded, NewDestination, QueueOf, RenewLease,
    StoredDestination,
};
use crate::store::{Store, StoreError};
use crate::subscription::{Destination, DestinationUrl, EndReason, Expiry, Filter, Subscription};

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
            run: crate::random::uuid().simple().to_string(),
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

    fn take_up(&self, loaded: &Loaded) {
        let shared = &self.shared;
        let mut book = shared.book.lock();
        for stored in &loaded.destinations {
            let station = self.station_of(stored);
            book.stations.insert(stored.id, station);
        }
        for stored in &loaded.subscriptions {
            let subscription = Arc::new(stored.subscription.clone());
            let way = match stored.destination {
                Some(id) => match book.stations.get(&id) {
                    Some(station) => Way::Sent(Arc::clone(station)),
                    // Its destination could not be read, which was logged.
                    None => continue,
                },
                None => self.fetched(&subscription.id),
            };
            let compile = |filter: &Filter| AlertFilter::compile(filter, &shared.schema);
            match book.filters.get_or_compile(&subscription.filter, compile) {
                Ok(filter) => {
                    let phase = stored.keep_until.map_or(Phase::Live, Phase::Lapsed);
                    let life = Life {
                        lease: stored.lease,
                        phase,
                        last_told: shared.clock.boot(),
                    };
                    book.insert(entry(subscription, filter, way, life));
                }
                Err(error) => {
                    tracing::error!(subscription = %subscription.id, %error, "a kept filter no longer compiles");
                }
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

    fn station_of(&self, stored: &StoredDestination) -> Arc<Station> {
        let target = Target {
            destination: stored.destination.clone(),
            credentials: stored.credentials.clone(),
            pin: stored.pin.clone(),
        };
        let state = if stored.give_up.is_some() {
            DeliveryState::Retrying
        } else {
            DeliveryState::Active
        };
        let fare = Fare {
            state,
            give_up: stored.give_up,
            queued: stored.queued,
            ..Fare::default()
        };
        // What is queued already is measured with the next alert.
        let room = if stored.queued == 0 {
            self.shared.settings().max_queue_bytes
        } else {
            0
        };
        let series = Series::new(&self.shared.run, &stored.id.to_string(), room);
        Station::new(stored.id, target, series, Queue::on_disk(stored.queued > 0), fare)
    }

    fn fetched(&self, id: &str) -> Way {
        let series = Mutex::new(Series::new(&self.shared.run, id, 0));
        Way::Fetched(Fetched {
            series,
            arrived: Notify::new(),
        })
    }

    /// Makes a subscription; ready once it is on disk.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub async fn subscribe(&self, request: SubscribeRequest) -> Result<Granted, SubscribeError> {
        let shared = &self.shared;
        let settings = shared.settings();
        let lease = settings.terms.grant(request.expires, shared.now())?;
        let subscription = Arc::new(Subscription {
            id: crate::random::uuid().to_string(),
            owner: request.owner.clone(),
            filter: request.filter.clone(),
            protocol: request.protocol.clone(),
            created_micros: shared.clock.wall().unix_micros(),
            wbem: None,
        });
        if subscription.fetches() == request.target.is_some() {
            return Err(SubscribeError::ModeAndTarget(subscription.mode()));
        }
        let destination = request
            .target
            .as_ref()
            .map(|target| new_destination(&request, target));
        if let Some(new) = &destination {
            check_destination(&settings, &new.destination.url, request.from)?;
        }
        let end_to = subscription
            .eventing()
            .and_then(|options| options.end_to.as_ref());
        if let Some(end_to) = end_to {
            check_destination(&settings, &end_to.url, request.from)?;
        }
        let (filter, predecessors) = {
            let mut book = shared.book.lock();
            let own = book
                .entries
                .values()
                .filter(|entry| entry.subscription.owner == request.owner);
            if own.filter(|entry| entry.is_live()).count() >= settings.max_per_account {
                return Err(SubscribeError::TooMany(settings.max_per_account));
            }
            let compile = |filter: &Filter| AlertFilter::compile(filter, &shared.schema);
            let filter = book.filters.get_or_compile(&request.filter, compile)?;
            (
                filter,
                predecessors_of(&book, &subscription, destination.as_ref()),
            )
        };
        let ids: Vec<String> = predecessors.iter().map(ToString::to_string).collect();
        // A bookmark says what has arrived; what was kept besides would come twice.
        let (heir_of, replaces) = match request.bookmark {
            None => (ids, Vec::new()),
            Some(_) => (Vec::new(), ids),
        };
        let added = shared
            .store
            .ask(AddSubscription {
                subscription: Subscription::clone(&subscription),
                destination: destination.clone(),
                lease,
                heir_of,
                replaces,
            })
            .await;
        let added = added.map_err(|error| SubscribeError::Store(error.to_string()))?;
        let way = match (added.destination, destination) {
            (Some(id), Some(new)) => Way::Sent(self.station_for(id, new)),
            _ => self.fetched(&subscription.id),
        };
        let life = Life {
            lease,
            phase: Phase::Live,
            last_told: shared.clock.boot(),
        };
        let entry = entry(subscription, filter, way, life);
        let granted = self.begin(entry, request.bookmark, added.inherited).await;
        let mut book = shared.book.lock();
        for predecessor in predecessors {
            book.remove(&predecessor);
        }
        granted
    }

    /// The destination with the number `id`, with what a new subscription says of it.
    fn station_for(&self, id: i64, new: NewDestination) -> Arc<Station> {
        let mut book = self.shared.book.lock();
        if let Some(station) = book.stations.get(&id) {
            let mut target = station.target.lock();
            if target.credentials != new.credentials || target.destination != new.destination {
                let pin = target.pin.clone();
                *target = Arc::new(Target {
                    destination: new.destination,
                    credentials: new.credentials,
                    pin,
                });
            }
            station.fare.lock().give_up = None;
            return Arc::clone(station);
        }
        let stored = StoredDestination {
            id,
            destination: new.destination,
            credentials: new.credentials,
            pin: None,
            give_up: None,
            queued: 0,
        };
        let station = self.station_of(&stored);
        book.stations.insert(id, Arc::clone(&station));
        station
    }

    async fn begin(
        &self,
        entry: Arc<Entry>,
        bookmark: Option<Bookmark>,
        inherited: u64,
    ) -> Result<Granted, SubscribeError> {
        let shared = &self.shared;
        if let Some(station) = entry.station() {
            if inherited > 0 {
                station.fare.lock().queued += inherited;
                station.series.lock().room = 0;
                station.queue.lock().reload();
            }
            station.kick.notify_waiters();
        }
        match bookmark {
            None => shared.book.lock().insert(Arc::clone(&entry)),
            Some(bookmark) => {
                let after = match bookmark {
                    Bookmark::Earliest => 0,
                    Bookmark::After(seq) => seq,
                };
                let replay = Some((Arc::clone(&entry), after));
                let publication = Publication {
                    replay,
                    ..Publication::default()
                };
                if let Err(error) = shared.publish(publication).await {
                    // Its caller is told that there is none, so there must be none.
                    let removed = vec![entry.id.to_string()];
                    let undo = Publication {
                        removed,
                        ..Publication::default()
                    };
                    if let Err(error) = shared.publish(undo).await {
                        tracing::error!(subscription = %entry.id, %error, "it is on disk, though its subscriber was told otherwise");
                    }
                    return Err(SubscribeError::Store(error.to_string()));
                }
            }
        }
        shared.alarm.notify_one();
        if let Some(station) = entry.station().filter(|station| station.fare.lock().queued > 0) {
            shared.wake(station);
        }
        Ok(self.granted(&entry))
    }

    /// Grants a new lease; ready once it is on disk. `account` is who asks, none for who may do everything.
    ///
    /// # Errors
    /// There is no such subscription for this account, its lease is over, or the new one cannot be granted.
    pub async fn renew(
        &self,
        id: &str,
        account: Option<&str>,
        expires: Option<Expiry>,
    ) -> Result<Granted, SubscriptionError> {
        let shared = &self.shared;
        let entry = self.find(id, account)?;
        let now = shared.now();
        let lease = shared.settings().terms.grant(expires, now)?;
        let before = {
            let mut book = shared.book.lock();
            let mut life = entry.life.lock();
            if life.phase != Phase::Live || life.lease.is_over(now.boot) {
                return Err(SubscriptionError::Lapsed(id.to_owned()));
            }
            let before = std::mem::replace(&mut life.lease, lease);
            book.reset(before.ends, lease.ends, &Alarm::Lease(Arc::clone(&entry.id)));
            before
        };
        shared.alarm.notify_one();
        match shared
            .store
            .ask(RenewLease {
                id: id.to_owned(),
                lease,
            })
            .await
        {
            Ok(()) => Ok(self.granted(&entry)),
            Err(error) => {
                let mut book = shared.book.lock();
                let mut life = entry.life.lock();
                if life.lease == lease {
                    life.lease = before;
                    book.reset(lease.ends, before.ends, &Alarm::Lease(Arc::clone(&entry.id)));
                }
                drop((book, life));
                shared.alarm.notify_one();
                match error {
                    StoreError::NotFound { id, .. } => Err(SubscriptionError::Unknown(id)),
                    error => Err(SubscriptionError::Store(error.to_string())),
                }
            }
        }
    }

    /// Where the lease of a subscription stands.
    ///
    /// # Errors
    /// There is no such subscription for this account, or its lease is over.
    pub fn status(&self, id: &str, account: Option<&str>) -> Result<Granted, SubscriptionError> {
        let entry = self.find(id, account)?;
        let is_live = entry.is_live();
        if is_live {
            Ok(self.granted(&entry))
        } else {
            Err(SubscriptionError::Lapsed(id.to_owned()))
        }
    }

    /// Ends a subscription as its subscriber wishes; ready once that is on disk. What was queued is dropped.
    ///
    /// # Errors
    /// There is no such subscription for this account.
    pub async fn unsubscribe(&self, id: &str, account: Option<&str>) -> Result<(), SubscriptionError> {
        self.find(id, account)?;
        self.end(id).await.map(drop)
    }

    /// Ends a subscription over its subscriber's head, and tells it (`wse:SubscriptionEnd`).
    ///
    /// # Errors
    /// There is no such subscription for this account.
    pub async fn cancel(&self, id: &str, account: Option<&str>) -> Result<(), SubscriptionError> {
        self.find(id, account)?;
        let entry = self.end(id).await?;
        self.shared.tell_end(&entry, EndReason::Cancelled);
        Ok(())
    }

    async fn end(&self, id: &str) -> Result<Arc<Entry>, SubscriptionError> {
        let shared = &self.shared;
        let unknown = || SubscriptionError::Unknown(id.to_owned());
        let entry = shared.book.lock().remove(id).ok_or_else(unknown)?;
        let publication = Publication {
            removed: vec![id.to_owned()],
            ..Publication::default()
        };
        let written = shared.publish(publication).await;
        if let Way::Fetched(fetched) = &entry.way {
            fetched.arrived.notify_waiters();
        }
        if let Some(station) = entry.station() {
            shared.recount(station).await;
            station.kick.notify_waiters();
            shared.wake(station);
        }
        written.map_err(|error| SubscriptionError::Store(error.to_string()))?;
        Ok(entry)
    }

    /// Fetches up to `max` events of a subscription in the mode Pull, those after `position`, and waits up to
    /// `wait` for the first. What came up to `position` is taken as arrived.
    ///
    /// # Errors
    /// There is no such subscription for this account, its lease is over, or its events are sent.
    pub async fn pull(
        &self,
        id: &str,
        account: Option<&str>,
        position: i64,
        max: u32,
        wait: Duration,
    ) -> Result<PullBatch, SubscriptionError> {
        let entry = self.find(id, account)?;
        let Way::Fetched(fetched) = &entry.way else {
            return Err(SubscriptionError::NotFetched(id.to_owned()));
        };
        let failed = |error: StoreError| SubscriptionError::Store(error.to_string());
        let acknowledge = AcknowledgeUpTo {
            subscription: id.to_owned(),
            seq: position,
        };
        self.shared.store.begin(acknowledge).await.map_err(failed)?;
        let deadline = self.shared.clock.sleep(wait);
        tokio::pin!(deadline);
        loop {
            let arrived = fetched.arrived.notified();
            tokio::pin!(arrived);
            // From here on nothing that arrives is missed.
            arrived.as_mut().enable();
            if !entry.is_live() {
                return Err(SubscriptionError::Lapsed(id.to_owned()));
            }
            let of = QueueOf::Subscription(id.to_owned());
            let rows = self
                .shared
                .store
                .ask(FetchQueue {
                    of,
                    after: position,
                    limit: max.max(1),
                })
                .await
                .map_err(failed)?;
            if let Some(last) = rows.last().map(|row| row.seq) {
                let items = rows.into_iter().map(|row| Item {
                    indication: Arc::new(indication(&row.alert)),
                    context: row.context.into(),
                    number: row.number,
                    seq: row.seq,
                });
                return Ok(PullBatch {
                    items: items.collect(),
                    position: last,
                });
            }
            tokio::select! {
                () = &mut arrived => {}
                () = &mut deadline => return Ok(PullBatch { items: Vec::new(), position }),
                () = self.shared.stopped() => return Ok(PullBatch { items: Vec::new(), position }),
            }
        }
    }

    /// Writes down what happened and has it told; ready once it is on disk.
    ///
    /// # Errors
    /// It is not on disk, and nobody is told.
    pub async fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        self.shared.publish(publication).await
    }

    /// Puts other settings in force. Leases that run keep what was granted.
    pub fn set_settings(&self, settings: Settings) {
        *self.shared.settings.write() = Arc::new(settings);
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

    /// A subscription of `account`. To others it is as if it were not there.
    fn find(&self, id: &str, account: Option<&str>) -> Result<Arc<Entry>, SubscriptionError> {
        let entry = self.shared.book.lock().entries.get(id).cloned();
        entry
            .filter(|entry| account.is_none_or(|account| account == entry.subscription.owner))
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

fn entry(subscription: Arc<Subscription>, filter: Arc<AlertFilter>, way: Way, life: Life) -> Arc<Entry> {
    Arc::new(Entry {
        id: subscription.id.as_str().into(),
        subscription,
        filter,
        way,
        life: Mutex::new(life),
    })
}

fn new_destination(request: &SubscribeRequest, target: &NewTarget) -> NewDestination {
    NewDestination {
        destination: Destination {
            owner: request.owner.clone(),
            url: target.url.clone(),
            user: target
                .credentials
                .as_ref()
                .map(|credentials| credentials.user.clone()),
            thumbprint: target.thumbprint.clone(),
            subscriber: request.from,
            carrier: request.protocol.carrier(),
        },
        credentials: target.credentials.clone(),
    }
}

/// A host name is looked up, and checked, when something is delivered.
fn check_destination(
    settings: &Settings,
    url: &DestinationUrl,
    subscriber: Option<IpAddr>,
) -> Result<(), Forbidden> {
    match url.ip() {
        Some(address) => settings.rule.check(address, subscriber, url.scheme),
        None => Ok(()),
    }
}

/// The lapsed subscriptions whose queues the new one takes over.
fn predecessors_of(book: &Book, new: &Subscription, destination: Option<&NewDestination>) -> Vec<Arc<str>> {
    let key = destination.map(|new| new.destination.key());
    let same_place = |entry: &Entry| {
        entry
            .station()
            .map(|station| station.target.lock().destination.key())
            == key
    };
    let lapsed = |entry: &Entry| matches!(entry.life.lock().phase, Phase::Lapsed(_));
    book.entries
        .values()
        .filter(|entry| lapsed(entry) && entry.subscription.same_wish(new) && same_place(entry))
        .map(|entry| Arc::clone(&entry.id))
        .collect()
}
