//! How many deliveries may begin at once, and how many idle connections are kept.
//!
//! A connection to a host that does not answer hangs for many seconds. Two things keep such hosts from using up
//! all places: tries after a failure have few places of their own, and a first try that takes long gives its
//! place back while it goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// First tries at once.
const FRESH: usize = 256;

/// Tries after a failure at once.
const RETRIES: usize = 32;

/// How long a first try keeps its place.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// Connections that are kept while there is nothing to send. Each costs some tens of kilobytes: beyond this, a
/// connection is closed as soon as its queue is empty.
const IDLE: usize = 64;

/// The places.
pub(super) struct Gate {
    fresh: Arc<Semaphore>,
    retries: Arc<Semaphore>,
    idle: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            fresh: Arc::new(Semaphore::new(FRESH)),
            retries: Arc::new(Semaphore::new(RETRIES)),
            idle: Arc::new(Semaphore::new(IDLE)),
        }
    }
}

impl Gate {
    /// Waits for a place. None if there never will be one again.
    pub async fn enter(&self, after_failure: bool) -> Option<OwnedSemaphorePermit> {
        let places = if after_failure { &self.retries } else { &self.fresh };
        Arc::clone(places).acquire_owned().await.ok()
    }

    /// A place for an idle connection, if there is one left.
    pub fn rest(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.idle).try_acquire_owned().ok()
    }
}
