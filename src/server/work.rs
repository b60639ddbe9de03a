//! Work off the reactor: how much of it there is at once.
//!
//! All that may block shares the threads that tokio keeps for it. What callers ask for gets a part of them, so that
//! however much they ask, and however long it takes, logins are verified and monitors take their samples. What changes
//! something may wait for others (a test of a delivery, for its destination), so it leaves a part to what only reads.

use tokio::sync::Semaphore;
use tokio::task::JoinError;

static READING: Semaphore = Semaphore::const_new(24);
static CHANGING: Semaphore = Semaphore::const_new(6);

/// What work does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Work {
    Reads,
    Changes,
}

/// Runs it where blocking is allowed, when there is room. Whether or not somebody still waits for its outcome then, it
/// takes its room to its end.
///
/// # Errors
/// If it panics.
pub(super) async fn off_reactor<T: Send + 'static>(
    kind: Work,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let room = match kind {
        Work::Reads => &READING,
        Work::Changes => &CHANGING,
    };
    // It is never closed.
    let permit = room.acquire().await.ok();
    let running = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    running.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn waits_for(signal: Receiver<()>) -> impl FnOnce() + Send {
        move || {
            // An error means that the test is over.
            let _ = signal.recv();
        }
    }

    /// As many changes as may be made at once, given up by those who asked for them.
    #[tokio::test]
    async fn changes_that_hang_leave_room_for_others() {
        let mut signals = Vec::new();
        for _ in 0..6 {
            let (signal, signalled) = channel();
            let asked = tokio::spawn(off_reactor(Work::Changes, waits_for(signalled)));
            while CHANGING.available_permits() + signals.len() == 6 {
                tokio::task::yield_now().await;
            }
            asked.abort();
            signals.push(signal);
        }
        assert_eq!(off_reactor(Work::Reads, || 7).await.unwrap(), 7);
        let seventh = tokio::spawn(off_reactor(Work::Changes, || 8));
        tokio::task::yield_now().await;
        assert!(!seventh.is_finished());
        signals.clear();
        assert_eq!(seventh.await.unwrap().unwrap(), 8);
    }
}
