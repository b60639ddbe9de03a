//! Places that nobody can take all of: who has some gets another only while fewer are his than are free.
//!
//! So one alone gets half of them, of several each gets the same part, and there is always room for whoever comes next.
//! Whoever waits gets what becomes free in the order in which they came, as far as they may have it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Those that wait are looked through for ones that gave up each time so many more have come.
const BETWEEN_SWEEPS: usize = 64;

/// A number of places for callers that are told apart by `K`.
#[derive(Debug)]
pub(crate) struct Places<K: Key>(Mutex<State<K>>);

#[derive(Debug)]
struct State<K: Key> {
    /// How many places there are.
    limit: usize,
    taken: usize,
    held: HashMap<K, usize>,
    waiting: VecDeque<Waiter<K>>,
    joined: usize,
}

#[derive(Debug)]
struct Waiter<K: Key> {
    key: K,
    sender: oneshot::Sender<Place<K>>,
}

/// One place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Key>(Option<(Arc<Places<K>>, K)>);

/// Tells callers apart.
pub(crate) trait Key: Clone + Eq + Hash {}

impl<T: Clone + Eq + Hash> Key for T {}

impl<K: Key> Places<K> {
    /// So many places, none of them taken.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            limit,
            taken: 0,
            held: HashMap::new(),
            waiting: VecDeque::new(),
            joined: 0,
        })))
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.0.lock().taken
    }

    /// How many are free, though perhaps not for everybody.
    pub(crate) fn free(&self) -> usize {
        self.0.lock().free()
    }

    /// A place, if the caller may have one now. From now on there are `limit`; those beyond are taken away from nobody.
    pub(crate) fn try_take_of(self: &Arc<Self>, limit: usize, key: &K) -> Option<Place<K>> {
        let mut state = self.0.lock();
        state.limit = limit;
        state.may_take(key).then(|| {
            state.note_taken(key);
            self.place(key)
        })
    }

    /// Waits for a place; the wait can be given up at any time.
    pub(crate) async fn take(self: &Arc<Self>, key: &K) -> Option<Place<K>> {
        let place = {
            let mut state = self.0.lock();
            if state.may_take(key) {
                state.note_taken(key);
                return Some(self.place(key));
            }
            state.join(key)
        };
        place.await.ok()
    }

    fn place(self: &Arc<Self>, key: &K) -> Place<K> {
        Place(Some((Arc::clone(self), key.clone())))
    }

    fn give_back(self: &Arc<Self>, key: &K) {
        let mut state = self.0.lock();
        state.note_free(key);
        while let Some(Waiter { key, sender }) = state.next() {
            state.note_taken(&key);
            if let Err(mut unwanted) = sender.send(self.place(&key)) {
                // That one gave up. The place is not to be given back by being dropped: the lock is held.
                unwanted.0 = None;
                state.note_free(&key);
            }
        }
    }
}

impl<K: Key> State<K> {
    fn free(&self) -> usize {
        self.limit.saturating_sub(self.taken)
    }

    fn may_take(&self, key: &K) -> bool {
        self.held.get(key).copied().unwrap_or(0) < self.free()
    }

    fn note_taken(&mut self, key: &K) {
        self.taken += 1;
        match self.held.get_mut(key) {
            Some(held) => *held += 1,
            None => {
                self.held.insert(key.clone(), 1);
            }
        }
    }

    fn note_free(&mut self, key: &K) {
        self.taken -= 1;
        if let Some(held) = self.held.get_mut(key) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(key);
            }
        }
    }

    fn join(&mut self, key: &K) -> oneshot::Receiver<Place<K>> {
        self.joined += 1;
        if self.joined.is_multiple_of(BETWEEN_SWEEPS) {
            self.waiting.retain(|waiter| !waiter.sender.is_closed());
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.push_back(Waiter {
            key: key.clone(),
            sender,
        });
        receiver
    }

    /// The first of those that may have a place now.
    fn next(&mut self) -> Option<Waiter<K>> {
        let place = self
            .waiting
            .iter()
            .position(|waiter| self.may_take(&waiter.key))?;
        self.waiting.remove(place)
    }
}

impl<K: Key> Drop for Place<K> {
    fn drop(&mut self) {
        if let Some((places, key)) = self.0.take() {
            places.give_back(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    type Wait = Pin<Box<dyn Future<Output = Option<Place<u32>>>>>;

    fn wait(places: &Arc<Places<u32>>, key: u32) -> Wait {
        let places = Arc::clone(places);
        let mut wait: Wait = Box::pin(async move { places.take(&key).await });
        assert!(poll(&mut wait).is_none(), "it has to wait");
        wait
    }

    fn poll(wait: &mut Wait) -> Option<Place<u32>> {
        match wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => place,
            Poll::Pending => None,
        }
    }

    /// As many as `key` gets now.
    fn all_for(places: &Arc<Places<u32>>, key: u32) -> Vec<Place<u32>> {
        std::iter::from_fn(|| try_take(places, key)).collect()
    }

    fn try_take(places: &Arc<Places<u32>>, key: u32) -> Option<Place<u32>> {
        let limit = places.0.lock().limit;
        places.try_take_of(limit, &key)
    }

    #[test]
    fn nobody_gets_all_and_there_is_room_for_another() {
        let places = Places::new(256);
        let one = all_for(&places, 1);
        assert_eq!(one.len(), 128);
        let two = all_for(&places, 2);
        assert_eq!(two.len(), 64);
        assert_eq!(all_for(&places, 3).len(), 32);
        drop(one);
        assert_eq!(all_for(&places, 2).len(), 64, "now it is alone");
        drop(two);
        for (limit, expect) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2)] {
            assert_eq!(all_for(&Places::new(limit), 1).len(), expect, "of {limit}");
        }
        assert_eq!(places.taken(), 0);
        assert!(places.0.lock().held.is_empty());
    }

    #[test]
    fn what_becomes_free_goes_to_the_first_who_may_have_it() {
        let places = Places::new(4);
        let mut one = all_for(&places, 1);
        let two = all_for(&places, 2);
        let last = try_take(&places, 3).unwrap();
        assert_eq!((one.len(), two.len(), places.free()), (2, 1, 0));
        let (mut more, mut other, mut gone) = (wait(&places, 1), wait(&places, 4), wait(&places, 5));
        drop(two);
        let got = poll(&mut other);
        assert!(got.is_some() && poll(&mut more).is_none(), "the first has enough");
        drop(last);
        let unseen = poll(&mut gone);
        assert!(unseen.is_some());
        one.clear();
        assert!(poll(&mut more).is_some());
    }

    #[test]
    fn a_place_is_never_lost_and_who_gave_up_is_forgotten() {
        let places = Places::new(1);
        let held = try_take(&places, 1).unwrap();
        for _ in 0..10 * BETWEEN_SWEEPS {
            drop(wait(&places, 2));
        }
        assert!(places.0.lock().waiting.len() <= BETWEEN_SWEEPS);
        let (stays, never_looks) = (wait(&places, 3), wait(&places, 4));
        drop(held);
        assert_eq!(places.taken(), 1, "it is given to one who has not looked yet");
        drop((stays, never_looks));
        assert_eq!((places.taken(), places.free()), (0, 1));
    }
}
