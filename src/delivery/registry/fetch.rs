//! Fetching the events of a subscription in the mode Pull.

use std::sync::Arc;
use std::time::Duration;

use super::super::courier::Item;
use super::super::entry::Way;
use super::super::request::{PullBatch, SubscriptionError};
use super::Registry;
use crate::store::StoreError;
use crate::store::commands::{AcknowledgeUpTo, FetchQueue, QueueOf};

/// How many events are read at once, however many are asked for.
const MAX_EVENTS: u32 = 256;
/// How many bytes of stored events are read at once.
const MAX_BYTES: u64 = 1 << 20;

impl Registry {
    /// Fetches up to `max` events of a subscription in the mode Pull, those after `position`, and waits up to
    /// `wait` for the first. What came up to `position` is taken as arrived. Whatever is asked for, no more come at
    /// once than a reply may hold.
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
        let nothing = || PullBatch {
            subscription: entry.subscription(),
            items: Vec::new(),
            position,
        };
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
                    limit: max.clamp(1, MAX_EVENTS),
                    max_bytes: MAX_BYTES,
                })
                .await
                .map_err(failed)?;
            if let Some(last) = rows.last().map(|row| row.seq) {
                let items = rows.into_iter().map(|row| Item {
                    indication: Arc::new(row.event.indication()),
                    context: row.context.into(),
                    number: row.number,
                    seq: row.seq,
                });
                return Ok(PullBatch {
                    subscription: entry.subscription(),
                    items: items.collect(),
                    position: last,
                });
            }
            tokio::select! {
                () = &mut arrived => {}
                () = &mut deadline => return Ok(nothing()),
                () = self.shared.stopped() => return Ok(nothing()),
            }
        }
    }
}
