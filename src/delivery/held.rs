//! Destinations that nothing is sent to for a moment: something that was not sent leaves their queues, or comes
//! back, and the numbers of what waits close up, so that no listener takes the gap for a loss (DSP1054 §7.9).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::Entry;
use super::publisher::Publication;
use super::shared::{Shared, TaskCount, WRITE_AGAIN};
use super::station::{Hold, Station};
use crate::store::commands::{Renumber, Renumbered};

/// The destinations that are held until this is dropped.
pub(super) struct Held(Vec<HeldStation>);

struct HeldStation {
    hold: Hold,
    asked: Renumber,
}

impl Held {
    /// Holds the destinations whose queues change with `publications`. To be called before any of their events is
    /// given a number. Whoever takes a subscription out of force holds its destination before that: what comes after
    /// its indications must not go before this is done.
    pub fn for_changes(shared: &Shared, publications: &[Publication]) -> Self {
        let mut stations = BTreeMap::new();
        for publication in publications {
            for station in changing(shared, publication) {
                stations.insert(station.id, station);
            }
        }
        Self(stations.into_values().map(HeldStation::hold).collect())
    }

    /// What the store is asked to do for them.
    pub fn asked(&self) -> Vec<Renumber> {
        self.0.iter().map(|held| held.asked.clone()).collect()
    }

    /// Puts in force what was done for them.
    pub fn settle(&self, renumbered: &mut BTreeMap<i64, Renumbered>) {
        for held in &self.0 {
            settle(held.hold.station(), renumbered);
        }
    }

    /// Lets the destinations go on, those too whose workers had come to rest before something waited again.
    pub fn release(self, shared: &Arc<Shared>) {
        for HeldStation { hold, .. } in self.0 {
            let station = Arc::clone(hold.station());
            drop(hold);
            let is_idle = station.queue.lock().is_idle();
            if !is_idle {
                shared.wake(&station);
            }
        }
    }
}

/// Puts in force what became of the numbers of `station`, once.
pub(super) fn settle(station: &Station, renumbered: &mut BTreeMap<i64, Renumbered>) {
    let Some(became) = renumbered.remove(&station.id) else {
        return;
    };
    station.series.lock().next += became.shift;
    if became.is_moved {
        station.queue.lock().reload();
    }
}

/// Gives numbers to what waits again for `stations`, where that could not be written down before: after a pause, as
/// often as it takes.
pub(super) fn number_later(shared: &Arc<Shared>, stations: Vec<Arc<Station>>) {
    let (shared, count) = (Arc::clone(shared), TaskCount::new(shared));
    tokio::spawn(async move {
        let _count = count;
        loop {
            tokio::select! {
                () = shared.clock.sleep(WRITE_AGAIN) => {}
                () = shared.stopped() => return,
            }
            let publication = Publication {
                waits_again: stations.clone(),
                ..Publication::default()
            };
            match shared.publish(publication).await {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "what was kept is not taken up yet"),
            }
        }
    });
}

/// The destinations for which something waits no more after `publication`, or waits again.
fn changing(shared: &Shared, publication: &Publication) -> Vec<Arc<Station>> {
    let mut stations = publication.waits_again.clone();
    let lapsed = publication.lapsed.iter().map(|(entry, _)| entry);
    let withdrawn = publication.withdrawn.iter().map(|(entry, _)| entry);
    let entries = lapsed.chain(withdrawn).chain(&publication.removed);
    stations.extend(entries.filter_map(|entry| entry.station().cloned()));
    if !publication.changed.is_empty() {
        let book = shared.book.lock();
        for (subscription, _) in &publication.changed {
            let entry: Option<&Arc<Entry>> = book.entries.get(subscription.id.as_str());
            let turned =
                entry.filter(|entry| entry.subscription().is_disabled() != subscription.is_disabled());
            stations.extend(turned.and_then(|entry| entry.station().cloned()));
        }
    }
    stations
}

impl HeldStation {
    fn hold(station: Arc<Station>) -> Self {
        let hold = station.hold();
        let after = station.queue.lock().offered();
        let asked = {
            let series = station.series.lock();
            Renumber {
                destination: station.id,
                context: Arc::clone(&series.context),
                after,
                next: series.next,
            }
        };
        Self { hold, asked }
    }
}
