//! The one door to the clocks: boot time for leases, retries and intervals, wall time for people.
//!
//! Task timers stand still while the machine is suspended and boot time does not, so a sleep here looks
//! at the clock again every few seconds.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

pub use crate::time::{BootTime, WallTime};

/// A sleep that a [`Clock`] hands out.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the time comes from. Tests put a [`ManualClock`] in the place of the [`SystemClock`].
pub trait Clock: Send + Sync + 'static {
    /// Time since boot, suspended time included.
    fn boot(&self) -> BootTime;
    /// The wall clock.
    fn wall(&self) -> WallTime;
    /// Ends as soon as boot time has reached `deadline`.
    fn sleep_until(&self, deadline: BootTime) -> Sleep;
    /// Ends as soon as `pause` of boot time has passed.
    fn sleep(&self, pause: Duration) -> Sleep {
        self.sleep_until(self.boot() + pause)
    }
}

/// A clock shared by many workers.
pub type SharedClock = Arc<dyn Clock>;

/// The longest stretch a task timer is trusted for: a resume from suspend is noticed within it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The machine's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// A shared handle to the machine's clocks.
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

fn read_boot() -> BootTime {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let secs = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(now.tv_nsec).unwrap_or(0);
    BootTime::from_duration(Duration::new(secs, nanos))
}

impl Clock for SystemClock {
    fn boot(&self) -> BootTime {
        read_boot()
    }

    fn wall(&self) -> WallTime {
        WallTime::from_timestamp(jiff::Timestamp::now())
    }

    fn sleep_until(&self, deadline: BootTime) -> Sleep {
        Box::pin(async move {
            loop {
                let left = deadline.since(read_boot());
                if left.is_zero() {
                    return;
                }
                // Rounded up to the timer's grain, so that the last round is not a busy one.
                tokio::time::sleep(left.min(LOOK_AGAIN).max(Duration::from_millis(1))).await;
            }
        })
    }
}

/// A clock that stands still until it is moved: boot time and wall time apart.
#[derive(Clone, Debug)]
pub struct ManualClock {
    boot: watch::Sender<BootTime>,
    wall: Arc<Mutex<WallTime>>,
}

impl ManualClock {
    /// A clock that shows `boot` and `wall`.
    pub fn new(boot: BootTime, wall: WallTime) -> Self {
        Self {
            boot: watch::Sender::new(boot),
            wall: Arc::new(Mutex::new(wall)),
        }
    }

    /// Moves both clocks forward by `by` and wakes the sleeps whose time has come.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.step_wall(micros);
        self.boot.send_modify(|boot| *boot = *boot + by);
    }

    /// Steps the wall clock alone by `micros`, forward or back, as an administrator or NTP would.
    pub fn step_wall(&self, micros: i64) {
        let mut wall = self.wall.lock();
        *wall = WallTime::from_unix_micros(wall.unix_micros().saturating_add(micros));
    }
}

impl Clock for ManualClock {
    fn boot(&self) -> BootTime {
        *self.boot.borrow()
    }

    fn wall(&self) -> WallTime {
        *self.wall.lock()
    }

    fn sleep_until(&self, deadline: BootTime) -> Sleep {
        let mut boot = self.boot.subscribe();
        Box::pin(async move {
            // The sender lives as long as the clock; once it is gone nobody can move time on.
            if boot.wait_for(|now| *now >= deadline).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_sleep_ends_when_boot_time_is_moved_and_not_by_the_wall_clock() {
        let clock = ManualClock::new(BootTime::from_millis(1_000), WallTime::from_unix_micros(0));
        let sleep = tokio::spawn(clock.sleep(Duration::from_secs(60)));
        clock.step_wall(86_400_000_000);
        clock.advance(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!sleep.is_finished());
        clock.advance(Duration::from_secs(1));
        sleep.await.unwrap();
    }

    #[tokio::test]
    async fn a_system_sleep_ends() {
        let before = SystemClock.boot();
        SystemClock.sleep(Duration::from_millis(5)).await;
        assert!(SystemClock.boot().since(before) >= Duration::from_millis(5));
    }
}
