//! A destination that is elsewhere from now on: its deliveries are led there, with all that waits for them.

use std::sync::Arc;

use super::super::book::{Alarm, Book};
use super::super::courier::Target;
use super::super::entry::{Content, Entry};
use super::super::publisher::{Publication, Redirection};
use super::super::registry::Registry;
use super::super::station::Station;
use super::super::status::DeliveryState;
use super::WbemError;
use crate::store::commands::{NewDestination, StoredListener};
use crate::subscription::{Destination, Subscription};

/// Where the deliveries of one account go, and where they are to go.
struct Move {
    station: Arc<Station>,
    old: Arc<Target>,
    new: Arc<Target>,
}

impl Registry {
    /// Puts a changed destination in the place of the old one, for its subscriptions too. The caller holds the lock
    /// of what has a name.
    pub(super) async fn redirect(&self, new: StoredListener) -> Result<(), WbemError> {
        let shared = &self.shared;
        let (moves, changes) = {
            let book = shared.book.lock();
            (moves(&book, &new)?, protocol_changes(&book, &new))
        };
        // What is being sent now ends where it began; nothing more is sent before the new place is on disk.
        let holds: Vec<_> = moves.iter().map(|change| change.station.hold()).collect();
        for change in &moves {
            *change.station.target.lock() = Arc::clone(&change.new);
        }
        let publication = Publication {
            changed: changes
                .iter()
                .map(|(entry, subscription)| (Arc::clone(subscription), entry.life.lock().lease))
                .collect(),
            redirected: vec![Redirection {
                listener: new.clone(),
                destinations: moves.iter().map(Move::stored).collect(),
            }],
            ..Publication::default()
        };
        if let Err(error) = shared.publish(publication).await {
            for change in &moves {
                *change.station.target.lock() = Arc::clone(&change.old);
            }
            return Err(WbemError::Store(error.0));
        }
        let name = new.listener.name.clone();
        self.put_in_force(changes);
        shared.book.lock().named.listeners.insert(name, Arc::new(new));
        drop(holds);
        for change in &moves {
            change.begin_anew();
            shared.wake(&change.station);
        }
        Ok(())
    }

    fn put_in_force(&self, changes: Vec<(Arc<Entry>, Arc<Subscription>)>) {
        let now = self.shared.clock.boot();
        let mut book = self.shared.book.lock();
        for (entry, subscription) in changes {
            let beat = subscription.heartbeat().map(|pause| now + pause);
            book.set(beat, Alarm::Heartbeat(Arc::clone(&entry.id)));
            let filter = entry.filter();
            entry.set_content(Content { subscription, filter });
        }
        drop(book);
        self.shared.alarm.notify_one();
    }
}

/// The subscriptions of a destination.
fn users<'a>(book: &'a Book, listener: &'a StoredListener) -> impl Iterator<Item = &'a Arc<Entry>> {
    book.entries.values().filter(|entry| is_user(entry, listener))
}

fn is_user(entry: &Entry, listener: &StoredListener) -> bool {
    let subscription = entry.subscription();
    let wbem = subscription.wbem.as_ref();
    wbem.is_some_and(|wbem| wbem.handler == listener.listener.name)
}

/// What moves. Deliveries of one account to one place are one series over one connection: they move together or not
/// at all.
fn moves(book: &Book, new: &StoredListener) -> Result<Vec<Move>, WbemError> {
    let mut moves: Vec<Move> = Vec::new();
    for station in users(book, new).filter_map(|entry| entry.station()) {
        if moves.iter().any(|known| known.station.id == station.id) {
            continue;
        }
        let old = Arc::clone(&station.target.lock());
        let shared_at = |target: &Target| WbemError::SharedDestination {
            name: new.listener.name.clone(),
            url: target.destination.url.to_string(),
        };
        let target = target_for(&old, new);
        let has_moved = old.destination.key() != target.destination.key();
        if book.of_station(station.id).any(|entry| !is_user(entry, new)) {
            return Err(shared_at(&old));
        }
        let is_there = |other: &Arc<Station>| {
            other.id != station.id && other.target.lock().destination.key() == target.destination.key()
        };
        if has_moved && book.stations.values().any(is_there) {
            return Err(shared_at(&target));
        }
        moves.push(Move {
            station: Arc::clone(station),
            old,
            new: Arc::new(target),
        });
    }
    Ok(moves)
}

/// The certificate that was seen first belongs to a server, and not to what is behind another address.
fn target_for(old: &Target, new: &StoredListener) -> Target {
    let listener = &new.listener;
    let is_same_server = old.destination.url.same_origin(&listener.url);
    Target {
        destination: Destination {
            url: listener.url.clone(),
            user: listener.user.clone(),
            ..old.destination.clone()
        },
        credentials: new.credentials.clone(),
        pin: old.pin.clone().filter(|_| is_same_server),
    }
}

/// The subscriptions that ask something else of their deliveries from now on.
fn protocol_changes(book: &Book, new: &StoredListener) -> Vec<(Arc<Entry>, Arc<Subscription>)> {
    let protocol = new.listener.protocol();
    let live = users(book, new).filter(|entry| !entry.life.lock().phase.is_over());
    let changed = live.filter_map(|entry| {
        let old = entry.subscription();
        let subscription = Subscription {
            protocol: protocol.clone(),
            ..Subscription::clone(&old)
        };
        (old.protocol != protocol).then(|| (Arc::clone(entry), Arc::new(subscription)))
    });
    changed.collect()
}

impl Move {
    fn stored(&self) -> (i64, NewDestination) {
        let new = NewDestination {
            destination: self.new.destination.clone(),
            credentials: self.new.credentials.clone(),
        };
        (self.station.id, new)
    }

    /// What failed there does not count here.
    fn begin_anew(&self) {
        {
            let mut fare = self.station.fare.lock();
            fare.state = DeliveryState::Active;
            fare.failures = 0;
            fare.next_try = None;
            fare.give_up = None;
        }
        self.station.kick.notify_waiters();
    }
}
