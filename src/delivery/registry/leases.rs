//! What becomes of a subscription that is there: it is renewed, asked after, ended.

use std::sync::Arc;

use super::super::book::Alarm;
use super::super::entry::{Entry, Way};
use super::super::publisher::Publication;
use super::super::request::{Granted, SubscriptionError};
use super::super::shared::UnderWay;
use super::Registry;
use crate::store::StoreError;
use crate::store::commands::RenewLease;
use crate::subscription::{EndReason, Expiry};

impl Registry {
    /// Grants a new lease; ready once it is on disk. `account` is who asks, none for who may do everything. Once
    /// begun it is granted, or fails, whether or not its caller still waits.
    ///
    /// # Errors
    /// There is no such subscription for this account, its lease is over, or the new one cannot be granted.
    pub async fn renew(
        &self,
        id: &str,
        account: Option<&str>,
        expires: Option<Expiry>,
    ) -> Result<Granted, SubscriptionError> {
        let entry = self.find(id, account)?;
        let registry = self.clone();
        let renewed = async move { registry.grant_anew(&entry, expires).await };
        self.finish(renewed, SubscriptionError::Store).await
    }

    async fn grant_anew(
        &self,
        entry: &Arc<Entry>,
        expires: Option<Expiry>,
    ) -> Result<Granted, SubscriptionError> {
        let shared = &self.shared;
        let id = entry.id.to_string();
        if entry.subscription().wbem.is_some() {
            return Err(SubscriptionError::NoLease(id));
        }
        let _renewal = entry.renewal.lock().await;
        let now = shared.now();
        let lease = shared.settings().terms.grant(expires, now)?;
        let before = {
            let mut book = shared.book.lock();
            let mut life = entry.life.lock();
            if life.phase.is_over() || life.lease.is_over(now.boot) {
                return Err(SubscriptionError::Lapsed(id));
            }
            let before = std::mem::replace(&mut life.lease, lease);
            book.reset(before.ends, lease.ends, &Alarm::Lease(Arc::clone(&entry.id)));
            before
        };
        shared.alarm.notify_one();
        match shared.store.ask(RenewLease { id, lease }).await {
            Ok(()) => Ok(self.granted(entry)),
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
        let life = *entry.life.lock();
        // At the very end of its lease it is over, though the alarm may still ring.
        if life.phase.is_over() || life.lease.is_over(self.shared.clock.boot()) {
            Err(SubscriptionError::Lapsed(id.to_owned()))
        } else {
            Ok(self.granted(&entry))
        }
    }

    /// Ends a subscription as its subscriber wishes; ready once that is on disk. What was queued is dropped. If it
    /// cannot be written down the subscription goes on.
    ///
    /// # Errors
    /// There is no such subscription for this account.
    pub async fn unsubscribe(&self, id: &str, account: Option<&str>) -> Result<(), SubscriptionError> {
        let entry = self.find(id, account)?;
        let registry = self.clone();
        let ended = async move { registry.end(&entry.id).await.map(drop) };
        self.finish(ended, SubscriptionError::Store).await
    }

    /// Ends a subscription over its subscriber's head, and tells it (`wse:SubscriptionEnd`).
    ///
    /// # Errors
    /// There is no such subscription for this account.
    pub async fn cancel(&self, id: &str, account: Option<&str>) -> Result<(), SubscriptionError> {
        let entry = self.find(id, account)?;
        let registry = self.clone();
        let cancelled = async move {
            let entry = registry.end(&entry.id).await?;
            registry.shared.tell_end(&entry, EndReason::Cancelled);
            Ok(())
        };
        self.finish(cancelled, SubscriptionError::Store).await
    }

    async fn end(&self, id: &str) -> Result<Arc<Entry>, SubscriptionError> {
        let shared = &self.shared;
        let unknown = || SubscriptionError::Unknown(id.to_owned());
        let (taken, _under_way, hold) = {
            let mut book = shared.book.lock();
            let entry = book.entries.get(id).cloned().ok_or_else(unknown)?;
            let hold = entry.hold();
            let taken = book.take(id).ok_or_else(unknown)?;
            let under_way = UnderWay::begin(shared, &mut book, &entry.subscription(), None);
            (taken, under_way, hold)
        };
        let entry = Arc::clone(&taken.entry);
        let publication = Publication {
            removed: vec![Arc::clone(&entry)],
            ..Publication::default()
        };
        let written = shared.publish(publication).await;
        match &written {
            Ok(()) => shared.book.lock().give_up(&taken),
            Err(_) => {
                shared.book.lock().put_back(taken);
                shared.alarm.notify_one();
            }
        }
        drop(hold);
        if let Way::Fetched(fetched) = &entry.way {
            fetched.arrived.notify_waiters();
        }
        if let Some(station) = entry.station() {
            station.queue.lock().reload();
            shared.recount(station).await;
            station.kick.notify_waiters();
            shared.wake(station);
        }
        written.map_err(|error| SubscriptionError::Store(error.to_string()))?;
        Ok(entry)
    }
}
