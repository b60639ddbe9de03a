//! Whose password is verified next.
//!
//! Verifying is dear, so few run at once, and half of them at most for one source: one that floods leaves room for
//! the others, which take turns. Within a source come first, alternately, the newest of those with the least failures
//! behind them (of their connection, and of the name that they claim), and the oldest of all: whoever comes after a flood
//! of guesses does not wait behind it, nor is he passed over for ever by those that come later.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::server::auth::{Failures, NameKey};
use crate::server::registry::Source;

/// Those that wait are looked through for ones that gave up each time so many more have come.
const BETWEEN_SWEEPS: usize = 64;

/// The turns that may be held at once, and who waits for one.
#[derive(Debug)]
pub(super) struct Turns {
    per_source: usize,
    failures: Arc<Failures>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    free: usize,
    held: HashMap<Source, usize>,
    /// The sources with someone waiting, the next to be served first.
    order: VecDeque<Source>,
    by_source: HashMap<Source, Queue>,
}

/// Those of one source that wait, the oldest first.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiter>,
    oldest_is_next: bool,
}

#[derive(Debug)]
struct Waiter {
    claim: Claim,
    sender: oneshot::Sender<Turn>,
}

/// What is known of a credential before it is verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// How many logins have failed on its connection.
    pub(super) failures: u32,
    /// The name that it claims to be of.
    pub(super) name: NameKey,
}

/// Held while verifying. Dropped, it goes to the next.
#[derive(Debug)]
pub(super) struct Turn(Option<(Arc<Turns>, Source)>);

impl Turns {
    /// So many turns at once. `failures` is asked for the names when a turn is given.
    pub(super) fn new(at_once: usize, failures: &Arc<Failures>) -> Arc<Self> {
        let waiting = Waiting {
            free: at_once,
            held: HashMap::new(),
            order: VecDeque::new(),
            by_source: HashMap::new(),
        };
        Arc::new(Self {
            per_source: at_once.div_ceil(2),
            failures: Arc::clone(failures),
            waiting: Mutex::new(waiting),
        })
    }

    /// Waits for a turn; the wait can be given up at any time.
    pub(super) async fn take(self: &Arc<Self>, source: Source, claim: Claim) -> Option<Turn> {
        let turn = {
            let mut waiting = self.waiting.lock();
            if waiting.may_hold(source, self.per_source) {
                waiting.note_taken(source);
                return Some(self.turn(source));
            }
            waiting.join(source, claim)
        };
        turn.await.ok()
    }

    fn turn(self: &Arc<Self>, source: Source) -> Turn {
        Turn(Some((Arc::clone(self), source)))
    }

    fn give_back(self: &Arc<Self>, source: Source) {
        let mut waiting = self.waiting.lock();
        waiting.note_free(source);
        while let Some((source, next)) = waiting.next(self) {
            waiting.note_taken(source);
            if let Err(mut unwanted) = next.send(self.turn(source)) {
                // That one gave up. Its turn is not to be given back by being dropped: the lock is held.
                unwanted.0 = None;
                waiting.note_free(source);
            }
        }
    }
}

impl Waiting {
    fn may_hold(&self, source: Source, per_source: usize) -> bool {
        self.free > 0 && self.held.get(&source).is_none_or(|&held| held < per_source)
    }

    fn note_taken(&mut self, source: Source) {
        self.free -= 1;
        *self.held.entry(source).or_default() += 1;
    }

    fn note_free(&mut self, source: Source) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(&source) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&source);
            }
        }
    }

    fn join(&mut self, source: Source, claim: Claim) -> oneshot::Receiver<Turn> {
        let (sender, receiver) = oneshot::channel();
        let queue = self.by_source.entry(source).or_default();
        if queue.waiting.is_empty() {
            self.order.push_back(source);
        }
        queue.waiting.push_back(Waiter { claim, sender });
        if queue.waiting.len().is_multiple_of(BETWEEN_SWEEPS) {
            queue.waiting.retain(|waiter| !waiter.sender.is_closed());
        }
        receiver
    }

    /// One of the source whose turn it is, of those that may hold one more.
    fn next(&mut self, turns: &Turns) -> Option<(Source, oneshot::Sender<Turn>)> {
        let may_hold = |source: &Source| self.may_hold(*source, turns.per_source);
        let place = self.order.iter().position(may_hold)?;
        let source = self.order.remove(place)?;
        let queue = self.by_source.get_mut(&source)?;
        let next = queue.next(&turns.failures)?;
        if queue.waiting.is_empty() {
            self.by_source.remove(&source);
        } else {
            self.order.push_back(source);
        }
        Some((source, next))
    }
}

impl Queue {
    fn next(&mut self, failures: &Failures) -> Option<oneshot::Sender<Turn>> {
        let oldest_is_next = self.oldest_is_next;
        self.oldest_is_next = !oldest_is_next;
        let place = if oldest_is_next {
            0
        } else {
            self.newest_with_least(failures)?
        };
        let next = self.waiting.remove(place)?;
        Some(next.sender)
    }

    fn newest_with_least(&self, failures: &Failures) -> Option<usize> {
        let now = Instant::now();
        // As things are now: who claims a name that others guess at is not behind those who began to guess before.
        let of = |claim: Claim| claim.failures.saturating_add(failures.of_name(claim.name, now));
        let newest_first = self.waiting.iter().enumerate().rev();
        // Of several that have the least, this is the first.
        let (place, _) = newest_first.min_by_key(|(_, waiter)| of(waiter.claim))?;
        Some(place)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((turns, source)) = self.0.take() {
            turns.give_back(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    type Wait = Pin<Box<dyn Future<Output = Option<Turn>>>>;

    fn turns(at_once: usize) -> Arc<Turns> {
        Turns::new(at_once, &Arc::new(Failures::new()))
    }

    /// With so many failures on the connection.
    fn claim(turns: &Turns, failures: u32, credential: &[u8]) -> Claim {
        let name = turns.failures.name_key(Source::User(1), credential);
        Claim { failures, name }
    }

    async fn take(turns: &Arc<Turns>, uid: u32) -> Option<Turn> {
        turns.take(Source::User(uid), claim(turns, 0, ANN)).await
    }

    /// `ann:x` and `bob:x`.
    const ANN: &[u8] = b"YW5uOng=";
    const BOB: &[u8] = b"Ym9iOng=";

    fn wait(turns: &Arc<Turns>, uid: u32) -> Wait {
        wait_with(turns, uid, claim(turns, 0, ANN))
    }

    fn wait_with(turns: &Arc<Turns>, uid: u32, claim: Claim) -> Wait {
        let turns = Arc::clone(turns);
        let mut wait: Wait = Box::pin(async move { turns.take(Source::User(uid), claim).await });
        assert!(poll(&mut wait).is_none(), "all turns are held");
        wait
    }

    fn poll(wait: &mut Wait) -> Option<Turn> {
        match wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => turn,
            Poll::Pending => None,
        }
    }

    async fn hold(turns: &Arc<Turns>) -> Turn {
        take(turns, 0).await.unwrap()
    }

    #[tokio::test]
    async fn sources_take_turns_and_the_newest_and_the_oldest_alternate() {
        let turns = turns(1);
        let mut turn = hold(&turns).await;
        let mut waits: Vec<_> = [("a1", 1), ("a2", 1), ("b1", 2), ("a3", 1), ("b2", 2), ("a4", 1)]
            .map(|(name, uid)| (name, wait(&turns, uid)))
            .into();
        let mut order = Vec::new();
        while !waits.is_empty() {
            drop(turn);
            let (name, next) = first_served(&mut waits);
            order.push(name);
            turn = next;
        }
        assert_eq!(order, ["a4", "b2", "a1", "b1", "a3", "a2"]);
    }

    /// Guesses that come again and again, each as soon as the one before has failed.
    #[tokio::test]
    async fn a_connection_that_has_not_failed_goes_before_those_that_have() {
        let turns = turns(1);
        let mut turn = hold(&turns).await;
        let mut waits = vec![
            ("failed once", wait_with(&turns, 1, claim(&turns, 1, ANN))),
            ("new", wait(&turns, 1)),
        ];
        for _ in 0..20 {
            waits.push(("failed", wait_with(&turns, 1, claim(&turns, 3, ANN))));
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            drop(turn);
            let (name, next) = first_served(&mut waits);
            order.push(name);
            turn = next;
        }
        assert_eq!(order, ["new", "failed once", "failed", "failed"]);
    }

    /// Guesses at one name, each on a connection of its own.
    #[tokio::test]
    async fn a_name_that_nobody_guesses_at_goes_before_one_that_is_guessed_at() {
        let turns = turns(1);
        let turn = hold(&turns).await;
        let mut waits = vec![
            ("oldest guess", wait(&turns, 1)),
            ("bob", wait_with(&turns, 1, claim(&turns, 0, BOB))),
        ];
        waits.push(("guess", wait(&turns, 1)));
        turns
            .failures
            .charge_name(claim(&turns, 0, ANN).name, Instant::now());
        waits.push(("newest guess", wait(&turns, 1)));
        let mut order = Vec::new();
        let mut turn = turn;
        for _ in 0..4 {
            drop(turn);
            let (name, next) = first_served(&mut waits);
            order.push(name);
            turn = next;
        }
        assert_eq!(order, ["bob", "oldest guess", "newest guess", "guess"]);
    }

    fn first_served(waits: &mut Vec<(&'static str, Wait)>) -> (&'static str, Turn) {
        let (index, turn) = waits
            .iter_mut()
            .enumerate()
            .find_map(|(index, (_, wait))| Some((index, poll(wait)?)))
            .expect("somebody is served");
        (waits.remove(index).0, turn)
    }

    #[tokio::test]
    async fn a_turn_is_never_lost() {
        let turns = turns(2);
        let one = take(&turns, 8).await.unwrap();
        let two = take(&turns, 9).await.unwrap();
        let gave_up = wait(&turns, 1);
        let stays = wait(&turns, 1);
        let given_unseen = wait(&turns, 2);
        drop(gave_up);
        drop(one);
        drop(two);
        drop(stays);
        drop(given_unseen);
        assert_eq!(turns.waiting.lock().free, 2);
        assert!(turns.waiting.lock().by_source.is_empty());
    }

    #[tokio::test]
    async fn one_source_leaves_turns_to_others() {
        let turns = turns(4);
        let one = hold(&turns).await;
        let _two = hold(&turns).await;
        let mut third = wait(&turns, 0);
        let _other = take(&turns, 1).await.unwrap();
        assert!(poll(&mut third).is_none());
        drop(one);
        assert!(poll(&mut third).is_some());
        assert_eq!(turns.waiting.lock().free, 2);
        assert_eq!(turns.waiting.lock().held.len(), 2);
    }

    #[tokio::test]
    async fn those_who_gave_up_are_forgotten() {
        let turns = turns(1);
        let _turn = hold(&turns).await;
        for _ in 0..10 * BETWEEN_SWEEPS {
            drop(wait(&turns, 1));
        }
        assert!(turns.waiting.lock().by_source[&Source::User(1)].waiting.len() <= BETWEEN_SWEEPS);
    }
}
