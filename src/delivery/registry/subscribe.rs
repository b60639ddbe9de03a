//! Making subscriptions, by whichever way.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::book::Book;
use super::super::courier::Target;
use super::super::entry::{Content, Entry, Life, Phase, Way};
use super::super::filters::AlertFilter;
use super::super::held;
use super::super::publisher::Publication;
use super::super::request::{Bookmark, Granted, NewTarget, SubscribeError, SubscribeRequest};
use super::super::rule::Forbidden;
use super::super::shared::{Settings, UnderWay};
use super::super::station::Station;
use super::Registry;
use crate::store::commands::{AddSubscription, Added, HoldsAllAfter, NewDestination, StoredDestination};
use crate::subscription::{Destination, DestinationUrl, Filter, Lease, Subscription, TooLarge, check_size};

/// A subscription that may be made.
pub(in crate::delivery) struct NewSubscription {
    /// What it is.
    pub subscription: Subscription,
    /// Where it is delivered to; none where the subscriber fetches.
    pub destination: Option<NewDestination>,
    /// Its lease.
    pub lease: Lease,
    /// What of the history it begins with.
    pub bookmark: Option<Bookmark>,
}

impl Registry {
    /// Makes a subscription; ready once it is on disk. Once begun it is made, or fails, whether or not its caller
    /// still waits.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub async fn subscribe(&self, request: SubscribeRequest) -> Result<Granted, SubscribeError> {
        let registry = self.clone();
        let made = async move { registry.make_as_asked(request).await };
        self.finish(made, SubscribeError::Store).await
    }

    async fn make_as_asked(&self, request: SubscribeRequest) -> Result<Granted, SubscribeError> {
        let shared = &self.shared;
        let lease = shared.settings().terms.grant(request.expires, shared.now())?;
        let destination = request
            .target
            .as_ref()
            .map(|target| new_destination(&request, target));
        let subscription = Subscription {
            id: crate::random::uuid().to_string(),
            owner: request.owner,
            filter: request.filter,
            protocol: request.protocol,
            created_micros: shared.clock.wall().unix_micros(),
            wbem: None,
        };
        self.make(NewSubscription {
            subscription,
            destination,
            lease,
            bookmark: request.bookmark,
        })
        .await
    }

    /// Checks a subscription and takes it up; ready once it is on disk.
    pub(in crate::delivery) async fn make(&self, new: NewSubscription) -> Result<Granted, SubscribeError> {
        let shared = &self.shared;
        let subscription = Arc::new(new.subscription);
        let (destination, lease) = (new.destination, new.lease);
        if subscription.fetches() == destination.is_some() {
            return Err(SubscribeError::ModeAndTarget(subscription.mode()));
        }
        let settings = shared.settings();
        check_destinations(&settings, &subscription, destination.as_ref())?;
        check_sizes(&subscription, destination.as_ref())?;
        self.check_bookmark(new.bookmark).await?;
        let (filter, predecessors, giving_way, _under_way) = {
            let mut book = shared.book.lock();
            let compile = |filter: &Filter| AlertFilter::compile(filter, &shared.schema);
            let filter = book.filters.get_or_compile(&subscription.filter, compile)?;
            let predecessors = predecessors_of(&book, &subscription, destination.as_ref());
            let max = settings.max_per_account;
            let replaced: Vec<_> = predecessors.all().collect();
            let giving_way = book.make_room(&subscription.owner, max, &replaced);
            let giving_way = giving_way.ok_or(SubscribeError::TooMany(max))?;
            // Counted in the same breath: another that is asked for now must not take the same last place.
            let under_way = UnderWay::begin(shared, &mut book, &subscription, destination.as_ref());
            (filter, predecessors, giving_way, under_way)
        };
        // A bookmark says what has arrived; what was kept besides would come twice.
        let (heir_of, mut replaces) = match new.bookmark {
            None => (predecessors.heir_of.clone(), Vec::new()),
            Some(_) => (Vec::new(), predecessors.heir_of.clone()),
        };
        replaces.extend(predecessors.namesakes.iter().cloned());
        replaces.extend(giving_way.iter().map(|taken| taken.entry.id.to_string()));
        let add = AddSubscription {
            subscription: Subscription::clone(&subscription),
            destination: destination.clone(),
            lease,
            heir_of,
            replaces,
        };
        let added = match self.add(add).await {
            Ok(added) => added,
            Err(error) => {
                let mut book = shared.book.lock();
                giving_way.into_iter().for_each(|taken| book.put_back(taken));
                drop(book);
                shared.alarm.notify_one();
                return Err(error);
            }
        };
        let way = match (added.destination, destination) {
            (Some(id), Some(new)) => Way::Sent(self.station_for(id, new)),
            _ => self.fetched(),
        };
        let life = Life {
            lease,
            phase: Phase::of(&subscription),
            last_told: shared.clock.boot(),
            forgiven: None,
            last_ignored: None,
        };
        let entry = Entry::new(Content { subscription, filter }, way, life);
        let granted = self.begin(entry, new.bookmark, added.inherited).await;
        let mut book = shared.book.lock();
        for predecessor in predecessors.all() {
            book.remove(predecessor);
        }
        for taken in &giving_way {
            tracing::warn!(subscription = %taken.entry.id, owner = %taken.entry.subscription().owner, "a lapsed subscription gives way to a new one, with what was kept for it");
            book.give_up(taken);
        }
        granted
    }

    async fn add(&self, add: AddSubscription) -> Result<Added, SubscribeError> {
        if !(add.heir_of.is_empty() && add.replaces.is_empty()) {
            // What happened before the predecessor's lease ended, and is on its way to the disk, belongs to the heir; and
            // the end of a lease is to be there before what it left behind goes.
            let written = self.shared.publish(Publication::default()).await;
            written.map_err(|error| SubscribeError::Store(error.0))?;
        }
        let added = self.shared.store.ask(add).await;
        added.map_err(|error| SubscribeError::Store(error.to_string()))
    }

    /// What came after a bookmark must be there still: else something would be missing without a word.
    async fn check_bookmark(&self, bookmark: Option<Bookmark>) -> Result<(), SubscribeError> {
        let Some(Bookmark::After(place)) = bookmark else {
            return Ok(());
        };
        let holds_all = self.shared.store.ask(HoldsAllAfter(place)).await;
        match holds_all.map_err(|error| SubscribeError::Store(error.to_string()))? {
            true => Ok(()),
            false => Err(SubscribeError::BookmarkExpired(place)),
        }
    }

    /// The destination with the number `id`, with what a new subscription says of it.
    fn station_for(&self, id: i64, new: NewDestination) -> Arc<Station> {
        let mut book = self.shared.book.lock();
        if let Some(station) = book.stations.get(&id) {
            let mut target = station.target.lock();
            let destination = new.destination.after(&target.destination);
            if target.credentials != new.credentials || target.destination != destination {
                let pin = target.pin.clone();
                *target = Arc::new(Target {
                    destination,
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

    /// What was kept and never sent goes to the end of the queue, later if it cannot be written down now.
    async fn number_kept(&self, station: &Arc<Station>) {
        let publication = Publication {
            waits_again: vec![Arc::clone(station)],
            ..Publication::default()
        };
        if let Err(error) = self.shared.publish(publication).await {
            tracing::error!(%error, "what was kept for a subscription is not taken up yet");
            held::number_later(&self.shared, vec![Arc::clone(station)]);
        }
    }

    async fn begin(
        &self,
        entry: Arc<Entry>,
        bookmark: Option<Bookmark>,
        inherited: u64,
    ) -> Result<Granted, SubscribeError> {
        let shared = &self.shared;
        let heir = entry.station().filter(|_| inherited > 0);
        if let Some(station) = heir {
            station.fare.lock().queued += inherited;
            station.series.lock().room = 0;
            self.number_kept(station).await;
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
                    let removed = vec![Arc::clone(&entry)];
                    let undo = Publication {
                        removed,
                        ..Publication::default()
                    };
                    if let Err(error) = shared.publish(undo).await {
                        tracing::error!(subscription = %entry.id, %error, "it is on disk, though its subscriber was told otherwise");
                    }
                    if let Some(station) = entry.station() {
                        shared.recount(station).await;
                    }
                    return Err(SubscribeError::Store(error.to_string()));
                }
            }
        }
        if let Some(station) = heir {
            // Not before the subscription is known: what is loaded for one that is not is passed over.
            station.queue.lock().reload();
        }
        shared.alarm.notify_one();
        if let Some(station) = entry.station() {
            station.kick.notify_waiters();
            if station.fare.lock().queued > 0 {
                shared.wake(station);
            }
        }
        self.until_watched(&entry).await;
        Ok(self.granted(&entry))
    }
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
            subscribers: request.from.into_iter().collect(),
            carrier: request.protocol.carrier(),
        },
        credentials: target.credentials.clone(),
    }
}

fn check_sizes(subscription: &Subscription, destination: Option<&NewDestination>) -> Result<(), TooLarge> {
    check_size(subscription, 0)?;
    let Some(new) = destination else {
        return Ok(());
    };
    let password = new.credentials.as_ref();
    let password = password.map_or(0, |credentials| credentials.password.len());
    check_size(&new.destination, password)
}

fn check_destinations(
    settings: &Settings,
    subscription: &Subscription,
    destination: Option<&NewDestination>,
) -> Result<(), Forbidden> {
    let Some(NewDestination { destination, .. }) = destination else {
        return Ok(());
    };
    check_address(settings, &destination.url, &destination.subscribers)?;
    let end_to = subscription
        .eventing()
        .and_then(|options| options.end_to.as_ref());
    end_to.map_or(Ok(()), |end_to| {
        check_address(settings, &end_to.url, &destination.subscribers)
    })
}

/// A host name is looked up, and checked, when something is delivered.
pub(in crate::delivery) fn check_address(
    settings: &Settings,
    url: &DestinationUrl,
    subscribers: &[IpAddr],
) -> Result<(), Forbidden> {
    match url.ip() {
        Some(address) => settings.rule.check(address, subscribers, url.scheme),
        None => Ok(()),
    }
}

/// The lapsed subscriptions that a new one takes the place of.
struct Predecessors {
    /// Those whose queues it takes over.
    heir_of: Vec<String>,
    /// Others of the same name as a CIM instance.
    namesakes: Vec<String>,
}

impl Predecessors {
    fn all(&self) -> impl Iterator<Item = &String> {
        self.heir_of.iter().chain(&self.namesakes)
    }
}

fn predecessors_of(book: &Book, new: &Subscription, destination: Option<&NewDestination>) -> Predecessors {
    let key = destination.map(|new| new.destination.key());
    let same_place = |entry: &Entry| {
        entry
            .station()
            .map(|station| station.target.lock().destination.key())
            == key
    };
    let lapsed = book
        .entries
        .values()
        .filter(|entry| entry.life.lock().phase.is_over());
    let (heir_of, others): (Vec<_>, Vec<_>) =
        lapsed.partition(|entry| entry.subscription().same_wish(new) && same_place(entry));
    let is_namesake = |entry: &&Arc<Entry>| match (&entry.subscription().wbem, &new.wbem) {
        (Some(old), Some(new)) => old.same_name(new),
        _ => false,
    };
    let ids = |entry: &Arc<Entry>| entry.id.to_string();
    Predecessors {
        heir_of: heir_of.into_iter().map(ids).collect(),
        namesakes: others.into_iter().filter(is_namesake).map(ids).collect(),
    }
}
