//! Work off the reactor: how much of it there is at once.
//!
//! All that may block shares the threads that tokio keeps for it. What callers ask for gets a part of them, so that
//! however much they ask, and however long it takes, logins are verified and monitors take their samples. What changes
//! something may wait for others (a test of a delivery, for its destination), so it leaves a part to what only reads.
//! No caller gets more than half of either (`net::places`).

use std::sync::{Arc, LazyLock};

use tokio::task::JoinError;

use crate::net::places::Places;
use crate::provider::Caller;

static READING: LazyLock<Arc<Places<Caller>>> = LazyLock::new(|| Places::new(48));
static CHANGING: LazyLock<Arc<Places<Caller>>> = LazyLock::new(|| Places::new(12));

/// What work does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Work {
    Reads,
    Changes,
}

/// Runs it for `caller` where blocking is allowed, when there is room. Whether or not somebody still waits for its
/// outcome then, it takes its room to its end.
///
/// # Errors
/// If it panics.
pub(super) async fn off_reactor<T: Send + 'static>(
    kind: Work,
    caller: &Caller,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let places = match kind {
        Work::Reads => &READING,
        Work::Changes => &CHANGING,
    };
    let place = places.take(caller).await;
    let running = tokio::task::spawn_blocking(move || {
        let _place = place;
        work()
    });
    running.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::principal::Principal;
    use std::sync::mpsc::{Receiver, Sender, channel};

    fn waits_for(signal: Receiver<()>) -> impl FnOnce() + Send {
        move || {
            // An error means that the test is over.
            let _ = signal.recv();
        }
    }

    fn caller(name: &str) -> Caller {
        Caller::Authenticated(Principal::for_test(name))
    }

    /// A change that hangs until the answer is dropped, given up by who asked for it.
    async fn hangs(who: &Caller) -> Sender<()> {
        let (signal, signalled) = channel();
        let (before, who) = (CHANGING.taken(), who.clone());
        let asked = tokio::spawn(async move { off_reactor(Work::Changes, &who, waits_for(signalled)).await });
        while CHANGING.taken() == before {
            tokio::task::yield_now().await;
        }
        asked.abort();
        signal
    }

    #[tokio::test]
    async fn changes_that_hang_leave_room_for_others() {
        let (ann, bob) = (caller("ann"), caller("bob"));
        let mut signals = Vec::new();
        for _ in 0..6 {
            signals.push(hangs(&ann).await);
        }
        assert_eq!(off_reactor(Work::Reads, &ann, || 7).await.unwrap(), 7);
        let seventh = tokio::spawn({
            let ann = ann.clone();
            async move { off_reactor(Work::Changes, &ann, || 8).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(off_reactor(Work::Changes, &bob, || 9).await.unwrap(), 9);
        assert!(!seventh.is_finished());
        signals.clear();
        assert_eq!(seventh.await.unwrap().unwrap(), 8);
    }
}
