//! A destination while the agent runs: what waits for it, how it fares, and its series of numbers.

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
    /// How it fares.
    pub fare: Mutex<Fare>,
    /// The numbers of its indications.
    pub series: Mutex<Series>,
    /// Whether a worker has it. Changed under the lock of `queue`, or to take it up.
    pub working: AtomicBool,
    /// There is something new in the queue.
    pub wake: Notify,
    /// Something happened that ends a pause: a new subscription, or the removal of one.
    pub kick: Notify,
}

impl Station {
    /// A destination that nothing is known to be wrong with.
    pub fn new(id: i64, target: Target, series: Series, queue: Queue, fare: Fare) -> Arc<Self> {
        Arc::new(Self {
            id,
            target: Mutex::new(Arc::new(target)),
            queue: Mutex::new(queue),
            fare: Mutex::new(fare),
            series: Mutex::new(series),
            working: AtomicBool::new(false),
            wake: Notify::new(),
            kick: Notify::new(),
        })
    }
}
