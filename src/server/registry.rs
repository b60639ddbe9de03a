//! All open connections: how many there are, by whom, and which gives way when there are too many.
//!
//! A connection rises from silent to authenticated. When a limit is reached, the one of the lowest
//! standing gives way, the oldest first. So a flood of silent connections pushes out its own, and whoever speaks is
//! heard. An authenticated one gives way last, and only between two requests: the one that had none for longest.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::server::http::Peer;
use crate::server::limits::Limits;
use crate::server::tracker::Tracker;

/// How far a connection has come; the lowest gives way first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Standing {
    /// Not a byte has come.
    Silent,
    /// The TLS handshake has begun.
    Handshaking,
    /// The handshake is finished, nobody has authenticated.
    Unproven,
    /// Its caller is known, by the connection itself or by a request.
    Proven,
}

/// Whose connections are counted together: an address, the /64 of an IPv6 address, or a local user.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Source {
    Network(IpAddr),
    User(u32),
}

/// No connection could give way to the new one.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Full;

#[derive(Debug)]
pub(super) struct Registry {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    limit: usize,
    limit_per_source: usize,
    next_id: u64,
    by_id: HashMap<u64, Entry>,
    all: BTreeSet<(Standing, u64)>,
    by_source: HashMap<Source, BTreeSet<(Standing, u64)>>,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    standing: Standing,
    tracker: Arc<Tracker>,
    /// `None` for the moment between the place and the task.
    task: Option<AbortHandle>,
}

/// A connection's place in the registry, given back when it is dropped.
pub(super) struct Place {
    registry: Arc<Registry>,
    id: u64,
}

impl Source {
    pub(super) fn of(peer: &Peer) -> Self {
        match peer {
            Peer::Network(address) => match address.ip() {
                IpAddr::V6(ip) => Self::Network(IpAddr::V6((ip.to_bits() & !u128::from(u64::MAX)).into())),
                ip @ IpAddr::V4(_) => Self::Network(ip),
            },
            Peer::Local { uid, .. } => Self::User(*uid),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(ip @ IpAddr::V4(_)) => ip.fmt(f),
            Self::Network(ip @ IpAddr::V6(_)) => write!(f, "{ip}/64"),
            Self::User(uid) => write!(f, "local uid {uid}"),
        }
    }
}

impl Registry {
    pub(super) fn new(limits: &Limits) -> Self {
        let registry = Self {
            open: Mutex::default(),
        };
        registry.set_limits(limits);
        registry
    }

    /// Connections that are open beyond new limits stay.
    pub(super) fn set_limits(&self, limits: &Limits) {
        let mut open = self.open.lock();
        open.limit = limits.connections_within_files();
        open.limit_per_source = limits.connections_per_source;
    }

    /// Finds a place for a new connection, for which another may have to give way, and starts its task.
    pub(super) fn admit(
        self: &Arc<Self>,
        source: Source,
        tracker: Arc<Tracker>,
        start: impl FnOnce(Place) -> AbortHandle,
    ) -> Result<(), Full> {
        let id = self.reserve(source, tracker)?;
        // Not under the lock: a runtime that is shutting down drops the task, and its place, right here.
        let task = start(Place {
            registry: Arc::clone(self),
            id,
        });
        match self.open.lock().by_id.get_mut(&id) {
            Some(entry) => entry.task = Some(task),
            None => task.abort(),
        }
        Ok(())
    }

    fn reserve(&self, source: Source, tracker: Arc<Tracker>) -> Result<u64, Full> {
        let mut open = self.open.lock();
        if open
            .by_source
            .get(&source)
            .is_some_and(|ids| ids.len() >= open.limit_per_source)
        {
            open.evict_of(source)?;
        }
        if open.all.len() >= open.limit {
            open.evict_any()?;
        }
        let id = open.next_id;
        open.next_id += 1;
        open.insert(
            id,
            Entry {
                source,
                standing: Standing::Silent,
                tracker,
                task: None,
            },
        );
        Ok(id)
    }

    /// Closes the connection that is the first to give way, when the process has run out of files.
    pub(super) fn evict_one(&self) -> Result<(), Full> {
        self.open.lock().evict_any()
    }

    /// Asks every connection to end after the request it works on; those without one end at once.
    pub(super) fn drain_all(&self) {
        let open = self.open.lock();
        for entry in open.by_id.values() {
            match entry.standing {
                Standing::Silent | Standing::Handshaking => entry.abort(),
                Standing::Unproven | Standing::Proven => entry.tracker.drain(),
            }
        }
    }

    /// Cuts off every connection.
    pub(super) fn abort_all(&self) {
        for entry in self.open.lock().by_id.values() {
            entry.abort();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.lock().by_id.len()
    }
}

impl Open {
    fn insert(&mut self, id: u64, entry: Entry) {
        self.all.insert((entry.standing, id));
        self.by_source
            .entry(entry.source)
            .or_default()
            .insert((entry.standing, id));
        self.by_id.insert(id, entry);
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.by_id.remove(&id)?;
        self.all.remove(&(entry.standing, id));
        if let Some(ids) = self.by_source.get_mut(&entry.source) {
            ids.remove(&(entry.standing, id));
            if ids.is_empty() {
                self.by_source.remove(&entry.source);
            }
        }
        Some(entry)
    }

    fn evict_of(&mut self, source: Source) -> Result<(), Full> {
        let first = self.by_source.get(&source).and_then(BTreeSet::first).copied();
        self.evict(first).or_else(|Full| self.evict_idle(Some(source)))
    }

    fn evict_any(&mut self) -> Result<(), Full> {
        let first = self.all.first().copied();
        self.evict(first).or_else(|Full| self.evict_idle(None))
    }

    fn evict(&mut self, first: Option<(Standing, u64)>) -> Result<(), Full> {
        match first {
            Some((standing, id)) if standing < Standing::Proven => {
                if let Some(entry) = self.remove(id) {
                    entry.abort();
                }
                Ok(())
            }
            _ => Err(Full),
        }
    }

    /// Ends the authenticated connection that has been idle for longest, of those of `source` if one is given. Where
    /// this is called all are authenticated.
    fn evict_idle(&mut self, source: Option<Source>) -> Result<(), Full> {
        let of_source = |entry: &Entry| source.is_none_or(|source| entry.source == source);
        let idle = self
            .by_id
            .iter()
            .filter(|(_, entry)| of_source(entry))
            .filter_map(|(&id, entry)| Some((entry.tracker.idle_since()?, id)));
        let (_, id) = idle.min().ok_or(Full)?;
        if let Some(entry) = self.remove(id) {
            // It ends at once, or after the request that may be coming in just now.
            entry.tracker.drain();
        }
        Ok(())
    }
}

impl Entry {
    fn abort(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Place {
    /// Gives the connection this standing.
    pub(super) fn set_standing(&self, standing: Standing) {
        let mut open = self.registry.open.lock();
        if let Some(mut entry) = open.remove(self.id) {
            entry.standing = standing;
            open.insert(self.id, entry);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.open.lock().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tracker::Phase;

    struct Floor {
        registry: Arc<Registry>,
        places: Vec<(u64, Place)>,
        trackers: Vec<Arc<Tracker>>,
    }

    impl Floor {
        fn new(limit: usize, limit_per_source: usize) -> Self {
            let limits = Limits {
                connections: limit,
                connections_per_source: limit_per_source,
                ..Limits::default()
            };
            Self {
                registry: Arc::new(Registry::new(&limits)),
                places: Vec::new(),
                trackers: Vec::new(),
            }
        }

        fn all_enter(&self, phase: Phase) {
            for tracker in &self.trackers {
                tracker.enter(phase);
            }
        }

        /// A connection by the user `uid` that has risen to `standing`; its number, if it was admitted.
        fn come(&mut self, uid: u32, standing: Standing) -> Option<u64> {
            let mut place = None;
            let tracker = Arc::new(Tracker::new());
            self.trackers.push(Arc::clone(&tracker));
            let admitted = self.registry.admit(Source::User(uid), tracker, |given| {
                place = Some(given);
                tokio::spawn(std::future::pending::<()>()).abort_handle()
            });
            let place = place.filter(|_| admitted.is_ok())?;
            place.set_standing(standing);
            let id = place.id;
            self.places.push((id, place));
            Some(id)
        }

        fn open(&self) -> Vec<u64> {
            let mut ids: Vec<u64> = self.registry.open.lock().by_id.keys().copied().collect();
            ids.sort_unstable();
            ids
        }
    }

    use Standing::{Handshaking, Proven, Silent, Unproven};

    #[tokio::test]
    async fn the_lowest_and_then_the_oldest_gives_way() {
        let mut floor = Floor::new(4, 100);
        for standing in [Proven, Unproven, Handshaking, Silent] {
            floor.come(1, standing).unwrap();
        }
        floor.come(2, Silent).unwrap();
        assert_eq!(floor.open(), [0, 1, 2, 4], "the silent one gave way");
        floor.come(2, Unproven).unwrap();
        assert_eq!(
            floor.open(),
            [0, 1, 2, 5],
            "the silent one gave way, though it came last"
        );
        floor.come(2, Unproven).unwrap();
        assert_eq!(floor.open(), [0, 1, 5, 6]);
        floor.come(2, Proven).unwrap();
        assert_eq!(
            floor.open(),
            [0, 5, 6, 7],
            "the oldest of those that have proved nothing"
        );
    }

    #[tokio::test]
    async fn one_that_works_for_a_known_caller_never_gives_way() {
        let mut floor = Floor::new(2, 100);
        floor.come(1, Proven).unwrap();
        floor.come(1, Proven).unwrap();
        floor.all_enter(Phase::Working);
        assert_eq!(floor.come(1, Silent), None);
        assert_eq!(floor.open(), [0, 1]);
        assert_eq!(floor.registry.evict_one(), Err(Full));
        floor.places.remove(0);
        assert_eq!(floor.open(), [1], "a place is given back");
        floor.come(1, Silent).unwrap();
    }

    #[tokio::test]
    async fn of_known_callers_the_longest_idle_gives_way() {
        for limits in [(3, 100), (100, 3)] {
            let mut floor = Floor::new(limits.0, limits.1);
            for _ in 0..3 {
                floor.come(1, Proven).unwrap();
            }
            floor.all_enter(Phase::Idle);
            floor.trackers[0].enter(Phase::Working);
            std::thread::sleep(std::time::Duration::from_millis(1));
            floor.trackers[1].enter(Phase::Idle);
            floor.come(1, Proven).unwrap();
            assert_eq!(floor.open(), [0, 1, 3], "{limits:?}");
            assert!(
                floor.trackers[2].is_draining(),
                "it ends after what it may have begun"
            );
            floor.trackers[3].enter(Phase::Writing);
            floor.come(1, Silent).unwrap();
            assert_eq!(floor.open(), [0, 3, 4], "{limits:?}");
            floor.come(1, Silent).unwrap();
            assert_eq!(floor.open(), [0, 3, 5], "the silent one goes before all others");
        }
    }

    #[tokio::test]
    async fn a_proof_can_be_lost() {
        let mut floor = Floor::new(2, 100);
        floor.come(1, Proven).unwrap();
        floor.come(1, Proven).unwrap();
        floor.all_enter(Phase::Working);
        floor.places[1].1.set_standing(Unproven);
        floor.come(1, Silent).unwrap();
        assert_eq!(floor.open(), [0, 2]);
    }

    #[tokio::test]
    async fn a_source_pushes_out_its_own() {
        let mut floor = Floor::new(100, 2);
        floor.come(1, Silent).unwrap();
        for _ in 0..5 {
            floor.come(2, Silent).unwrap();
        }
        assert_eq!(floor.open(), [0, 4, 5], "the other source keeps its connection");
        floor.registry.set_limits(&Limits {
            connections: 3,
            ..Limits::default()
        });
        floor.come(3, Silent).unwrap();
        assert_eq!(
            floor.open(),
            [4, 5, 6],
            "in all, the oldest gives way, whoever has it"
        );
    }

    #[test]
    fn addresses_of_one_network_are_one_source() {
        let source = |address: &str| Source::of(&Peer::Network(address.parse().unwrap()));
        assert_eq!(source("192.0.2.1:1"), source("192.0.2.1:2"));
        assert_ne!(source("192.0.2.1:1"), source("192.0.2.2:1"));
        assert_eq!(source("[2001:db8::1]:1"), source("[2001:db8::ffff:2]:1"));
        assert_ne!(source("[2001:db8::1]:1"), source("[2001:db8:0:1::1]:1"));
    }
}
