//! When a failed delivery is tried again. Pure.

use std::time::Duration;

/// The pauses between tries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetrySchedule {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub max: Duration,
    /// How long a destination may fail before it is given up.
    pub total: Duration,
    /// How often one event is tried again before it is dropped; [`UNBOUNDED`] is without a bound.
    pub attempts: u16,
}

/// Events are tried again until their destination is given up.
pub const UNBOUNDED: u16 = u16::MAX;

impl RetrySchedule {
    /// Whether an event that failed that often is not tried again.
    pub fn is_exhausted(&self, failures: u32) -> bool {
        self.attempts != UNBOUNDED && failures > u32::from(self.attempts)
    }

    /// Whether a delivery is tried at least `total` times, and for as long as that takes `interval` apart.
    pub fn covers(&self, total: u32, interval: Duration) -> bool {
        !self.is_exhausted(total) && interval.saturating_mul(total) <= self.total
    }

    /// The pause after `failures` failures in a row (1 for the first): each is twice the one before, up to the
    /// longest. `chance` spreads it by up to a fifth either way, so that many destinations behind one broken
    /// link do not come back in step.
    pub fn pause(&self, failures: u32, chance: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let plain = self.first.saturating_mul(1 << doublings).min(self.max);
        let spread = 0.8 + 0.4 * (f64::from(chance) / f64::from(u32::MAX));
        plain.mul_f64(spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: RetrySchedule = RetrySchedule {
        first: Duration::from_secs(10),
        max: Duration::from_secs(300),
        total: Duration::from_secs(259_200),
        attempts: UNBOUNDED,
    };

    #[test]
    fn attempts_are_counted_unless_there_is_no_bound() {
        let twice = RetrySchedule {
            attempts: 2,
            ..SCHEDULE
        };
        assert!(!twice.is_exhausted(2));
        assert!(twice.is_exhausted(3));
        assert!(!SCHEDULE.is_exhausted(u32::MAX));
    }

    #[test]
    fn what_is_tried_longer_and_more_often_covers_what_is_asked_for() {
        let minute = Duration::from_secs(60);
        let day = Duration::from_secs(86_400);
        let twice = RetrySchedule {
            attempts: 2,
            ..SCHEDULE
        };
        for (schedule, total, interval, expect) in [
            (SCHEDULE, 5, minute, true),
            (SCHEDULE, 3, day, true),
            (SCHEDULE, 4, day, false),
            (SCHEDULE, u32::MAX, Duration::MAX, false),
            (twice, 2, minute, true),
            (twice, 3, minute, false),
        ] {
            assert_eq!(schedule.covers(total, interval), expect, "{total} {interval:?}");
        }
    }

    #[track_caller]
    fn check(failures: u32, chance: u32, expect_secs: u64) {
        assert_eq!(
            SCHEDULE.pause(failures, chance).as_secs_f64().round() as u64,
            expect_secs
        );
    }

    #[test]
    fn pauses_grow_to_their_limit_and_are_spread() {
        let middle = u32::MAX / 2;
        check(1, middle, 10);
        check(2, middle, 20);
        check(5, middle, 160);
        check(6, middle, 300);
        check(u32::MAX, middle, 300);
        check(1, 0, 8);
        check(1, u32::MAX, 12);
        check(0, middle, 10);
    }
}
