//! Everything that the registry keeps in memory, and the alarm clock of the leases.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::entry::{Entry, Phase};
use super::filters::AlertFilter;
use super::station::Station;
use super::wbem::Named;
use crate::subscription::SharedFilters;
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
}

/// Something that is due at a time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Alarm {
    /// A lease ends.
    Lease(Arc<str>),
    /// The queue of a lapsed subscription is no longer kept.
    Keep(Arc<str>),
    /// A subscription is to be told that it lives.
    Heartbeat(Arc<str>),
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
        if let Some(station) = entry.station()
            && !self.has_subscriptions(station.id)
        {
            self.stations.remove(&station.id);
        }
        Some(entry)
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
