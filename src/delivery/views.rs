//! Subscriptions and destinations as those see them who show them.

use super::entry::{Entry, Phase};
use super::registry::Registry;
use super::station::Station;
use super::status::{DestinationStatus, SubscriptionStatus};
use crate::time::{BootTime, WallTime};

impl Registry {
    /// Every subscription, oldest first.
    pub fn list(&self) -> Vec<SubscriptionStatus> {
        let now = self.shared.clock.boot();
        let book = self.shared.book.lock();
        let mut list: Vec<_> = book
            .entries
            .values()
            .map(|entry| subscription_status(entry, now))
            .collect();
        drop(book);
        list.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        list
    }

    /// Every destination, oldest first.
    pub fn destinations(&self) -> Vec<DestinationStatus> {
        let mut list: Vec<_> = self
            .shared
            .book
            .lock()
            .stations
            .values()
            .map(|station| destination_status(station))
            .collect();
        list.sort_by_key(|status| status.id);
        list
    }
}

fn subscription_status(entry: &Entry, now: BootTime) -> SubscriptionStatus {
    let life = *entry.life.lock();
    let subscription = entry.subscription();
    SubscriptionStatus {
        id: entry.id.to_string(),
        owner: subscription.owner.clone(),
        filter: subscription.filter.clone(),
        mode: subscription.mode(),
        carrier: subscription.protocol.carrier(),
        names: subscription
            .wbem
            .as_ref()
            .map(|wbem| (wbem.filter.name.clone(), wbem.handler.name.clone())),
        disabled: life.phase == Phase::Disabled,
        created: WallTime::from_unix_micros(subscription.created_micros),
        lease: life.lease,
        remaining: life.lease.remaining(now),
        keep_until: match life.phase {
            Phase::Lapsed(keep_until) => Some(keep_until),
            Phase::Live | Phase::Disabled | Phase::Gone => None,
        },
        destination: entry.station().map(|station| destination_status(station)),
    }
}

fn destination_status(station: &Station) -> DestinationStatus {
    DestinationStatus {
        id: station.id,
        destination: station.target.lock().destination.clone(),
        fare: station.fare.lock().clone(),
    }
}
