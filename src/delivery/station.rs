//! A destination while the agent runs: what waits for it, how it fares, and its series of numbers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::courier::Target;
use super::entry::Series;
use super::queue::Queue;
use super::status::Fare;

/// One destination.
pub(super) struct Station {
    /// Its number in the store.
    pub id: i64,
    /// Where it is; taken anew for each connection.
    pub target: Mutex<Arc<Target>>,
    /// What waits for it.
    pub queue: Mutex<Queue>,
    /// How it fares. Never locked before `queue` where both are.
    pub fare: Mutex<Fare>,
    /// What waits was counted while some of it may have been under way: it is counted once more when nothing is.
    pub recount: AtomicBool,
    /// The numbers of its indications.
    pub series: Mutex<Series>,
    /// Whether a worker has it. Changed under the lock of `queue`, or to take it up.
    pub working: AtomicBool,
    /// There is something new in the queue.
    pub wake: Notify,
    /// Something happened that ends a pause: a new subscription, or the removal of one.
    pub kick: Notify,
}

impl fmt::Debug for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Station")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Station {
    /// Lets nothing be sent until the answer is dropped.
    pub fn hold(self: &Arc<Self>) -> Hold {
        self.queue.lock().hold();
        Hold(Arc::clone(self))
    }

    /// A destination that nothing is known to be wrong with.
    pub fn new(id: i64, target: Target, series: Series, queue: Queue, fare: Fare) -> Arc<Self> {
        Arc::new(Self {
            id,
            target: Mutex::new(Arc::new(target)),
            queue: Mutex::new(queue),
            fare: Mutex::new(fare),
            recount: AtomicBool::new(false),
            series: Mutex::new(series),
            working: AtomicBool::new(false),
            wake: Notify::new(),
            kick: Notify::new(),
        })
    }
}

/// A destination that nothing is sent to: some of what waits for it is about to leave its queue, and what comes after
/// it must not overtake that.
#[derive(Debug)]
#[must_use]
pub(super) struct Hold(Arc<Station>);

impl Hold {
    /// The destination.
    pub fn station(&self) -> &Arc<Station> {
        &self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.queue.lock().release();
        self.0.wake.notify_one();
    }
}
