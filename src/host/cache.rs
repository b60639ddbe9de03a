//! Facts that are read at most once in a while, however many ask.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::clock::{BootTime, SharedClock};

/// The last reading of one subject.
pub(super) struct Cached<T> {
    last: RwLock<Option<(BootTime, Arc<T>)>>,
    reading: Mutex<()>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self {
            last: RwLock::new(None),
            reading: Mutex::new(()),
        }
    }
}

impl<T> Cached<T> {
    /// The last reading, if it is not older than `max_age`. It never waits for a reading.
    pub(super) fn peek(&self, now: BootTime, max_age: Duration) -> Option<Arc<T>> {
        let last = self.last.read();
        let (at, value) = last.as_ref()?;
        (now.since(*at) <= max_age).then(|| Arc::clone(value))
    }

    /// The last reading if it is fresh, else a new one. Of callers that come together one reads and the
    /// others wait for what it found; the age counts from the end of the reading, so that a slow one is not
    /// stale before they have seen it.
    pub(super) fn get(&self, clock: &SharedClock, max_age: Duration, read: impl FnOnce() -> T) -> Arc<T> {
        if let Some(value) = self.peek(clock.boot(), max_age) {
            return value;
        }
        let _one_reads = self.reading.lock();
        if let Some(value) = self.peek(clock.boot(), max_age) {
            return value;
        }
        let value = Arc::new(read());
        *self.last.write() = Some((clock.boot(), Arc::clone(&value)));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, WallTime};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};

    const MAX_AGE: Duration = Duration::from_secs(1);

    fn clock() -> (ManualClock, SharedClock) {
        let clock = ManualClock::new(BootTime::from_millis(1_000), WallTime::default());
        (clock.clone(), Arc::new(clock))
    }

    #[test]
    fn fresh_is_shared_and_stale_is_read_again() {
        let (hand, clock) = clock();
        let cached = Cached::default();
        assert_eq!(cached.peek(clock.boot(), MAX_AGE), None);
        assert_eq!(*cached.get(&clock, MAX_AGE, || 1), 1);
        hand.advance(MAX_AGE);
        assert_eq!(*cached.get(&clock, MAX_AGE, || 2), 1);
        assert_eq!(cached.peek(clock.boot(), MAX_AGE).as_deref(), Some(&1));
        hand.advance(Duration::from_millis(1));
        assert_eq!(cached.peek(clock.boot(), MAX_AGE), None);
        assert_eq!(*cached.get(&clock, MAX_AGE, || 3), 3);
    }

    #[test]
    fn callers_that_come_together_cause_one_reading() {
        let (_, clock) = clock();
        let cached = Cached::default();
        let readings = AtomicU32::new(0);
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    cached.get(&clock, MAX_AGE, || readings.fetch_add(1, Ordering::SeqCst));
                });
            }
        });
        assert_eq!(readings.load(Ordering::SeqCst), 1);
    }
}
