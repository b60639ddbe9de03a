//! How many requests are worked on at once.
//!
//! A request takes its slot when its body is there, so that none is held by a caller who is slow to send. When all
//! are taken, an authenticated request waits for a moment and is then refused. Requests of unknown callers have a
//! few slots of their own, fewer still for one source, and never wait.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::server::limits::Limits;
use crate::server::registry::Source;

/// How long a request waits for a slot before it is refused.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Slots {
    taken: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
    anonymous: Mutex<Anonymous>,
}

#[derive(Debug, Default)]
struct Anonymous {
    taken: usize,
    by_source: HashMap<Source, usize>,
}

/// A request's place among those that are worked on, given back when it is dropped. A service that only waits (for
/// an event that is to come, say) drops it before.
#[derive(Debug, Default)]
pub struct Slot(Option<Taken>);

#[derive(Debug)]
struct Taken {
    slots: Arc<Slots>,
    /// Whose it is, if the caller is not known.
    anonymous: Option<Source>,
}

impl Slots {
    /// How many are taken, by known callers and by others.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(SeqCst) + self.anonymous.lock().taken
    }

    /// A slot for a request of a known caller; `None` if none became free in time.
    pub(super) async fn take(self: &Arc<Self>, limits: &Limits) -> Option<Slot> {
        if !self.try_take(limits.requests_in_flight) {
            tokio::time::timeout(LONGEST_WAIT, self.wait(limits.requests_in_flight))
                .await
                .ok()?;
        }
        Some(self.slot(None))
    }

    /// A slot for a request of an unknown caller; `None` if there is none now.
    pub(super) fn take_anonymous(self: &Arc<Self>, source: Source, limits: &Limits) -> Option<Slot> {
        let mut anonymous = self.anonymous.lock();
        let of_source = anonymous.by_source.get(&source).copied().unwrap_or(0);
        let fits =
            anonymous.taken < limits.anonymous_in_flight && of_source < limits.anonymous_in_flight_per_source;
        fits.then(|| {
            anonymous.taken += 1;
            anonymous.by_source.insert(source, of_source + 1);
            self.slot(Some(source))
        })
    }

    fn slot(self: &Arc<Self>, anonymous: Option<Source>) -> Slot {
        Slot(Some(Taken {
            slots: Arc::clone(self),
            anonymous,
        }))
    }

    fn try_take(&self, limit: usize) -> bool {
        let more = |taken| (taken < limit).then_some(taken + 1);
        self.taken.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    async fn wait(&self, limit: usize) {
        let _counted = Counted::among(&self.waiting);
        loop {
            let mut freed = pin!(self.freed.notified());
            // From here on none that becomes free is missed.
            freed.as_mut().enable();
            if self.try_take(limit) {
                return;
            }
            freed.await;
        }
    }

    fn give_back(&self) {
        self.taken.fetch_sub(1, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.freed.notify_one();
        }
    }
}

impl Anonymous {
    fn give_back(&mut self, source: Source) {
        self.taken -= 1;
        if let Some(taken) = self.by_source.get_mut(&source) {
            *taken -= 1;
            if *taken == 0 {
                self.by_source.remove(&source);
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(taken) = self.0.take() else { return };
        match taken.anonymous {
            None => taken.slots.give_back(),
            Some(source) => taken.slots.anonymous.lock().give_back(source),
        }
    }
}

/// One more in a number, for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn among(number: &'a AtomicUsize) -> Self {
        number.fetch_add(1, SeqCst);
        Self(number)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(requests_in_flight: usize) -> Limits {
        Limits {
            requests_in_flight,
            anonymous_in_flight: 3,
            anonymous_in_flight_per_source: 2,
            ..Limits::default()
        }
    }

    #[tokio::test]
    async fn whoever_waits_gets_what_becomes_free() {
        let slots = Arc::new(Slots::default());
        let held = slots.take(&limits(1)).await.unwrap();
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let slots = Arc::clone(&slots);
                tokio::spawn(async move { slots.take(&limits(1)).await.is_some() })
            })
            .collect();
        while slots.waiting.load(SeqCst) < 5 {
            tokio::task::yield_now().await;
        }
        drop(held);
        for waiter in waiting {
            assert!(waiter.await.unwrap(), "each had its turn");
        }
        assert_eq!(slots.taken(), 0);
        assert_eq!(slots.waiting.load(SeqCst), 0);
    }

    #[tokio::test]
    async fn whoever_waits_for_too_long_is_refused() {
        let slots = Arc::new(Slots::default());
        let _held = slots.take(&limits(1)).await.unwrap();
        assert!(slots.take(&limits(1)).await.is_none());
        assert_eq!(slots.waiting.load(SeqCst), 0);
        assert!(
            slots.take(&limits(2)).await.is_some(),
            "a higher limit counts at once"
        );
    }

    #[tokio::test]
    async fn the_unknown_have_a_few_of_their_own() {
        let slots = Arc::new(Slots::default());
        let take = |uid| slots.take_anonymous(Source::User(uid), &limits(1));
        let first = take(1).unwrap();
        let _second = take(1).unwrap();
        assert!(take(1).is_none(), "no more for this source");
        let _third = take(2).unwrap();
        assert!(take(3).is_none(), "no more in all");
        assert!(
            slots.take(&limits(1)).await.is_some(),
            "they take none of the others"
        );
        drop(first);
        assert!(take(3).is_some());
    }
}
