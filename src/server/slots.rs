//! How many requests are worked on at once.
//!
//! A request takes its slot when its body is there, so that none is held by a caller who is slow to send, and gives it
//! back when its reply is made, so that none is held by a caller who is slow to read. No caller gets all of them
//! (`net::places`). When there is none to be had, an authenticated request waits for a moment and is then refused. Requests
//! of unknown callers have a few slots of their own, fewer still for one source, and never wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::net::places::{Place, Places};
use crate::net::principal::Principal;
use crate::server::limits::Limits;
use crate::server::refusal::Refusal;
use crate::server::registry::Source;

/// How long a request waits for a slot before it is refused.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Slots {
    known: Arc<Places<Principal>>,
    anonymous: Arc<Mutex<Anonymous>>,
}

#[derive(Debug, Default)]
struct Anonymous {
    taken: usize,
    by_source: HashMap<Source, usize>,
}

/// A request's place among those that are worked on, given back when it is dropped. A service that only waits (for
/// an event that is to come, say) drops it before.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "it is held, and given back when it is dropped")] Taken);

#[derive(Debug)]
enum Taken {
    Known(#[expect(dead_code, reason = "as above")] Place<Principal>),
    Anonymous {
        of: Arc<Mutex<Anonymous>>,
        source: Source,
    },
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            known: Places::new(0),
            anonymous: Arc::default(),
        }
    }
}

impl Slots {
    /// How many are taken, by known callers and by others.
    pub(super) fn taken(&self) -> usize {
        self.known.taken() + self.anonymous.lock().taken
    }

    /// A slot for a request of a known caller.
    ///
    /// # Errors
    /// None became free in time, or the caller has as many as one may have.
    pub(super) async fn take(&self, caller: &Principal, limits: &Limits) -> Result<Slot, Refusal> {
        let place = match self.known.try_take_of(limits.requests_in_flight, caller) {
            Some(place) => Some(place),
            None => {
                let waited = tokio::time::timeout(LONGEST_WAIT, self.known.take(caller));
                waited.await.ok().flatten()
            }
        };
        place
            .map(|place| Slot(Taken::Known(place)))
            .ok_or_else(|| match self.known.free() {
                0 => Refusal::Busy,
                _ => Refusal::TooMuchForOne,
            })
    }

    /// A slot for a request of an unknown caller.
    ///
    /// # Errors
    /// There is none now, or its source has as many as one may have.
    pub(super) fn take_anonymous(&self, source: Source, limits: &Limits) -> Result<Slot, Refusal> {
        let mut anonymous = self.anonymous.lock();
        let of_source = anonymous.by_source.get(&source).copied().unwrap_or(0);
        let free = limits.anonymous_in_flight.saturating_sub(anonymous.taken);
        if free == 0 {
            return Err(Refusal::Busy);
        }
        if of_source >= free.min(limits.anonymous_in_flight_per_source) {
            return Err(Refusal::TooMuchForOne);
        }
        anonymous.taken += 1;
        anonymous.by_source.insert(source, of_source + 1);
        Ok(Slot(Taken::Anonymous {
            of: Arc::clone(&self.anonymous),
            source,
        }))
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

impl Drop for Taken {
    fn drop(&mut self) {
        if let Self::Anonymous { of, source } = self {
            of.lock().give_back(*source);
        }
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

    fn ann() -> Principal {
        Principal::for_test("ann")
    }

    #[tokio::test]
    async fn whoever_waits_gets_what_becomes_free() {
        let slots = Arc::new(Slots::default());
        let held = slots.take(&ann(), &limits(1)).await.unwrap();
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let slots = Arc::clone(&slots);
                tokio::spawn(async move { slots.take(&ann(), &limits(1)).await.is_ok() })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(held);
        for waiter in waiting {
            assert!(waiter.await.unwrap(), "each had its turn");
        }
        assert_eq!(slots.taken(), 0);
    }

    #[tokio::test]
    async fn whoever_waits_for_too_long_is_refused() {
        let slots = Slots::default();
        let _held = slots.take(&ann(), &limits(1)).await.unwrap();
        let refused = slots.take(&ann(), &limits(1)).await;
        assert_eq!(refused.unwrap_err(), Refusal::Busy);
        let higher = slots.take(&ann(), &limits(3)).await;
        assert!(higher.is_ok(), "a higher limit counts at once");
        let refused = slots.take(&ann(), &limits(3)).await;
        assert_eq!(refused.unwrap_err(), Refusal::TooMuchForOne);
        assert!(
            slots.take(&Principal::for_test("bob"), &limits(3)).await.is_ok(),
            "others have room"
        );
    }

    #[tokio::test]
    async fn the_unknown_have_a_few_of_their_own() {
        let slots = Slots::default();
        let take = |uid| slots.take_anonymous(Source::User(uid), &limits(1));
        let first = take(1).unwrap();
        let _second = take(1).unwrap();
        assert_eq!(take(1).unwrap_err(), Refusal::TooMuchForOne);
        let _third = take(2).unwrap();
        assert_eq!(take(3).unwrap_err(), Refusal::Busy);
        assert!(
            slots.take(&ann(), &limits(1)).await.is_ok(),
            "they take none of the others"
        );
        drop(first);
        assert!(take(3).is_ok());
    }

    #[test]
    fn one_unknown_source_leaves_some_to_others() {
        let slots = Slots::default();
        let limits = Limits {
            anonymous_in_flight: 8,
            anonymous_in_flight_per_source: 8,
            ..Limits::default()
        };
        let take = |uid| slots.take_anonymous(Source::User(uid), &limits);
        let of_one: Vec<_> = std::iter::from_fn(|| take(1).ok()).collect();
        assert_eq!(of_one.len(), 4);
        assert!(take(2).is_ok());
    }
}
