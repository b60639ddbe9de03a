//! Whose password is verified next.
//!
//! Verifying is dear, so few run at once. Sources take turns, so that one which floods delays the others by
//! little; and within a source the newest comes first, so that whoever comes after a flood of guesses
//! does not wait behind it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::server::registry::Source;

/// Those that wait are looked through for ones that gave up each time so many more have come.
const BETWEEN_SWEEPS: usize = 64;

/// The turns that may be held at once, and who waits for one.
#[derive(Debug)]
pub(super) struct Turns {
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    free: usize,
    /// The sources with someone waiting, the next to be served first.
    order: VecDeque<Source>,
    by_source: HashMap<Source, Vec<oneshot::Sender<Turn>>>,
}

/// Held while verifying. Dropped, it goes to the next.
#[derive(Debug)]
pub(super) struct Turn(Option<Arc<Turns>>);

impl Turns {
    pub(super) fn new(at_once: usize) -> Arc<Self> {
        let waiting = Waiting {
            free: at_once,
            order: VecDeque::new(),
            by_source: HashMap::new(),
        };
        Arc::new(Self {
            waiting: Mutex::new(waiting),
        })
    }

    /// Waits for a turn; the wait can be given up at any time.
    pub(super) async fn take(self: &Arc<Self>, source: Source) -> Option<Turn> {
        let turn = {
            let mut waiting = self.waiting.lock();
            if waiting.free > 0 {
                waiting.free -= 1;
                return Some(Turn(Some(Arc::clone(self))));
            }
            waiting.join(source)
        };
        turn.await.ok()
    }

    fn pass_on(&self, mut turn: Turn) {
        let mut waiting = self.waiting.lock();
        while let Some(next) = waiting.next() {
            match next.send(turn) {
                Ok(()) => return,
                // That one gave up.
                Err(unwanted) => turn = unwanted,
            }
        }
        turn.0 = None;
        waiting.free += 1;
    }
}

impl Waiting {
    fn join(&mut self, source: Source) -> oneshot::Receiver<Turn> {
        let (sender, receiver) = oneshot::channel();
        let stack = self.by_source.entry(source).or_default();
        if stack.is_empty() {
            self.order.push_back(source);
        }
        stack.push(sender);
        if stack.len().is_multiple_of(BETWEEN_SWEEPS) {
            stack.retain(|sender| !sender.is_closed());
        }
        receiver
    }

    /// The newest of the source whose turn it is.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let source = self.order.pop_front()?;
        let stack = self.by_source.get_mut(&source)?;
        let next = stack.pop();
        if stack.is_empty() {
            self.by_source.remove(&source);
        } else {
            self.order.push_back(source);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on(Self(Some(Arc::clone(&turns))));
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

    fn wait(turns: &Arc<Turns>, uid: u32) -> Wait {
        let turns = Arc::clone(turns);
        let mut wait: Wait = Box::pin(async move { turns.take(Source::User(uid)).await });
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
        turns.take(Source::User(0)).await.unwrap()
    }

    #[tokio::test]
    async fn sources_take_turns_and_the_newest_comes_first() {
        let turns = Turns::new(1);
        let mut turn = hold(&turns).await;
        let mut waits: Vec<_> = [("a1", 1), ("a2", 1), ("b1", 2), ("a3", 1), ("b2", 2)]
            .map(|(name, uid)| (name, wait(&turns, uid)))
            .into();
        let mut order = Vec::new();
        while !waits.is_empty() {
            drop(turn);
            let (name, next) = first_served(&mut waits);
            order.push(name);
            turn = next;
        }
        assert_eq!(order, ["a3", "b2", "a2", "b1", "a1"]);
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
        let turns = Turns::new(2);
        let (one, two) = (hold(&turns).await, hold(&turns).await);
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
    async fn those_who_gave_up_are_forgotten() {
        let turns = Turns::new(1);
        let _turn = hold(&turns).await;
        for _ in 0..10 * BETWEEN_SWEEPS {
            drop(wait(&turns, 1));
        }
        assert!(turns.waiting.lock().by_source[&Source::User(1)].len() <= BETWEEN_SWEEPS);
    }
}
