//! Everything that the registry keeps in memory, and the alarm clock of the leases.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::entry::{Entry, Life, Phase};
use super::filters::AlertFilter;
use super::station::Station;
use super::wbem::Named;
use crate::subscription::{SharedFilters, Subscription};
use crate::time::BootTime;

/// Subscriptions, destinations, and what is due when.
#[derive(Default)]
pub(super) struct Book {
    /// Every subscription, lapsed ones included.
    pub entries: HashMap<Arc<str>, Arc<Entry>>,
    /// Every destination.
    pub stations: HashMap<i64, Arc<Station>>,
    /// Filters and destinations that stand by themselves.
    pub named: Named,
    /// Filters, each compiled once.
    pub filters: SharedFilters<AlertFilter>,
    alarms: BTreeSet<(BootTime, Alarm)>,
    /// The subscriptions that are being made or ended, by their names: until that is on disk they count.
    under_way: HashMap<Arc<str>, Unsettled>,
}

/// A subscription that is being made or ended.
struct Unsettled {
    owner: String,
    /// The key of the destination that a new one is to have. On disk it may have it already.
    destination: Option<String>,
}

/// Something that is due at a time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Alarm {
    /// A lease ends.
    Lease(Arc<str>),
    /// That a lease has ended is still to be written down.
    Lapse(Arc<str>),
    /// The queue of a lapsed subscription is no longer kept.
    Keep(Arc<str>),
    /// A subscription is to be told that it lives.
    Heartbeat(Arc<str>),
}

/// A subscription that was taken out of the book, and where its life stood.
pub(super) struct Taken {
    /// The subscription.
    pub entry: Arc<Entry>,
    life: Life,
}

impl Book {
    /// Takes up a subscription and sets its alarms.
    pub fn insert(&mut self, entry: Arc<Entry>) {
        if let Some(station) = entry.station() {
            self.stations
                .entry(station.id)
                .or_insert_with(|| Arc::clone(station));
        }
        let life = *entry.life.lock();
        match life.phase {
            Phase::Live | Phase::Disabled => {
                self.set(life.lease.ends, Alarm::Lease(Arc::clone(&entry.id)));
                let beat = entry
                    .subscription()
                    .heartbeat()
                    .map(|pause| life.last_told + pause);
                self.set(beat, Alarm::Heartbeat(Arc::clone(&entry.id)));
            }
            Phase::Lapsed(keep_until) => self.set(Some(keep_until), Alarm::Keep(Arc::clone(&entry.id))),
            Phase::Gone => {}
        }
        self.entries.insert(Arc::clone(&entry.id), entry);
    }

    /// Gives up a subscription, and its destination if nobody names it any more.
    pub fn remove(&mut self, id: &str) -> Option<Arc<Entry>> {
        let taken = self.take(id)?;
        self.give_up(&taken);
        Some(taken.entry)
    }

    /// Takes a subscription out while its end is written down. It is to be [given up](Self::give_up) or
    /// [put back](Self::put_back), as it turns out.
    pub fn take(&mut self, id: &str) -> Option<Taken> {
        let entry = self.entries.remove(id)?;
        let life = {
            let mut life = entry.life.lock();
            let before = *life;
            life.phase = Phase::Gone;
            before
        };
        if let Some(ends) = life.lease.ends {
            self.alarms.remove(&(ends, Alarm::Lease(Arc::clone(&entry.id))));
        }
        if let Phase::Lapsed(keep_until) = life.phase {
            self.alarms
                .remove(&(keep_until, Alarm::Keep(Arc::clone(&entry.id))));
        }
        Some(Taken { entry, life })
    }

    /// The end of a subscription is on disk: its destination goes, too, if nobody names it any more.
    pub fn give_up(&mut self, taken: &Taken) {
        if let Some(station) = taken.entry.station() {
            self.give_up_unused(station.id);
        }
    }

    /// The end of a subscription is not on disk: it is there as before.
    pub fn put_back(&mut self, taken: Taken) {
        let Taken { entry, life } = taken;
        *entry.life.lock() = life;
        self.insert(entry);
    }

    /// As [`Self::put_back`], for a lapsed subscription: its end is tried again at `again`.
    pub fn put_back_until(&mut self, taken: Taken, again: BootTime) {
        let keep_until = match taken.life.phase {
            Phase::Lapsed(keep_until) => Some(keep_until),
            Phase::Live | Phase::Disabled | Phase::Gone => None,
        };
        let alarm = Alarm::Keep(Arc::clone(&taken.entry.id));
        self.put_back(taken);
        self.reset(keep_until, Some(again), &alarm);
    }

    /// Gives up a destination that nobody names, and no subscription that is being made: else that would get another
    /// one for the same place, and two would send what is queued for it.
    pub fn give_up_unused(&mut self, station: i64) {
        if !self.has_subscriptions(station) && !self.is_awaited(station) {
            self.stations.remove(&station);
        }
    }

    fn is_awaited(&self, station: i64) -> bool {
        if self.under_way.is_empty() {
            return false;
        }
        let station = self.stations.get(&station);
        let key = station.map(|station| station.target.lock().destination.key());
        let mut awaited = self.under_way.values().map(|other| &other.destination);
        key.is_some() && awaited.any(|awaited| *awaited == key)
    }

    /// Lets a subscription that is being made or ended count until [`Self::settle`]. The destination with the key
    /// `destination` stays so long, even if nobody else names it.
    pub fn begin(&mut self, subscription: &Subscription, destination: Option<String>) {
        let owner = subscription.owner.clone();
        self.under_way
            .insert(subscription.id.as_str().into(), Unsettled { owner, destination });
    }

    /// What was [begun](Self::begin) has come to its end, in one way or the other.
    pub fn settle(&mut self, id: &str) {
        let Some(key) = self.under_way.remove(id).and_then(|begun| begun.destination) else {
            return;
        };
        // What was waited for may have gone from the disk before the subscription came: that has another one then.
        let has_key = |station: &&Arc<Station>| station.target.lock().destination.key() == key;
        let waited_for = self.stations.values().filter(has_key);
        let waited_for: Vec<i64> = waited_for.map(|station| station.id).collect();
        for station in waited_for {
            self.give_up_unused(station);
        }
    }

    /// Makes room for one more subscription of an account that may have `max`, where those of the names `replaced` go
    /// for it anyway. Those that are being made or ended count, and so do lapsed ones; of these, the first to lapse give
    /// way: they are taken out. None if there is no room.
    pub fn make_room(&mut self, owner: &str, max: usize, replaced: &[&String]) -> Option<Vec<Taken>> {
        let is_apart =
            |(id, begun): &(&Arc<str>, &Unsettled)| begun.owner == owner && !self.entries.contains_key(*id);
        let mut staying = self.under_way.iter().filter(is_apart).count();
        let mut lapsed = Vec::new();
        for (id, entry) in &self.entries {
            if entry.subscription().owner != owner || replaced.iter().any(|gone| gone.as_str() == &**id) {
                continue;
            }
            match entry.life.lock().phase {
                Phase::Lapsed(keep_until) => lapsed.push((keep_until, Arc::clone(id))),
                Phase::Live | Phase::Disabled | Phase::Gone => staying += 1,
            }
        }
        let room_for_lapsed = max.checked_sub(staying + 1)?;
        lapsed.sort();
        let giving_way = lapsed.len().saturating_sub(room_for_lapsed);
        let giving_way = lapsed.iter().take(giving_way);
        Some(giving_way.filter_map(|(_, id)| self.take(id)).collect())
    }

    /// Of a lapsed subscription nothing is kept for an heir: it goes now. One that is a CIM instance stays for its
    /// time, as whoever made it by its name may ask what became of it.
    pub fn let_go(&mut self, id: &str, now: BootTime) {
        let Some(entry) = self.entries.get(id).cloned() else {
            return;
        };
        let mut life = entry.life.lock();
        if let Phase::Lapsed(keep_until) = life.phase
            && !entry.outlives_its_lease(0)
        {
            life.phase = Phase::Lapsed(now);
            self.reset(Some(keep_until), Some(now), &Alarm::Keep(Arc::clone(&entry.id)));
        }
    }

    /// Sets an alarm; none is set for what never comes.
    pub fn set(&mut self, at: Option<BootTime>, alarm: Alarm) {
        if let Some(at) = at {
            self.alarms.insert((at, alarm));
        }
    }

    /// Moves an alarm.
    pub fn reset(&mut self, from: Option<BootTime>, to: Option<BootTime>, alarm: &Alarm) {
        if let Some(from) = from {
            self.alarms.remove(&(from, alarm.clone()));
        }
        self.set(to, alarm.clone());
    }

    /// Everything that is due at `now`, each once.
    pub fn due(&mut self, now: BootTime) -> Vec<Alarm> {
        let mut due = Vec::new();
        while let Some((at, _)) = self.alarms.first()
            && *at <= now
        {
            due.extend(self.alarms.pop_first().map(|(_, alarm)| alarm));
        }
        due
    }

    /// When the next alarm is due.
    pub fn next_due(&self) -> Option<BootTime> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// The subscriptions of a destination.
    pub fn of_station(&self, id: i64) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries
            .values()
            .filter(move |entry| entry.station().is_some_and(|station| station.id == id))
    }

    fn has_subscriptions(&self, id: i64) -> bool {
        self.of_station(id).next().is_some()
    }
}
