//! Leases: how long a subscription lives without a renewal. They run on boot time, so that a wall clock set
//! forward or back ends none early or late.

use std::time::Duration;

use crate::time::{BootTime, WallTime};

/// How long a subscription lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lease {
    /// What was granted last; none: for ever.
    pub granted: Option<Duration>,
    /// When it ends; none: never.
    pub ends: Option<BootTime>,
}

impl Lease {
    /// A lease without an end.
    pub const ENDLESS: Self = Self {
        granted: None,
        ends: None,
    };

    /// A lease of `length` from `now` on.
    pub fn starting(now: BootTime, length: Duration) -> Self {
        Self {
            granted: Some(length),
            ends: Some(now + length),
        }
    }

    /// Whether it is over: at its very end it is.
    pub fn is_over(&self, now: BootTime) -> bool {
        self.ends.is_some_and(|ends| now >= ends)
    }

    /// What is left of it; none: for ever.
    pub fn remaining(&self, now: BootTime) -> Option<Duration> {
        self.ends.map(|ends| ends.since(now))
    }

    /// The moment of the wall clock at which it ends, as far as that can be said now.
    pub fn ends_at_wall(&self, now: Moment) -> Option<WallTime> {
        let left = i64::try_from(self.remaining(now.boot)?.as_micros()).unwrap_or(i64::MAX);
        Some(WallTime::from_unix_micros(
            now.wall.unix_micros().saturating_add(left),
        ))
    }

    /// The lease as it goes on after a restart. In the same boot it is exact. After a reboot it is what was
    /// left when the agent was last seen alive, less the wall time since then (a clock that went back counts
    /// as no time), and at least `grace`, as the manager could not renew while the machine was down.
    #[must_use]
    pub fn after_restart(self, same_boot: bool, last_seen: Moment, now: Moment, grace: Duration) -> Self {
        let Some(left) = self.remaining(last_seen.boot) else {
            return self;
        };
        if same_boot {
            return self;
        }
        let left = left.saturating_sub(now.wall.since(last_seen.wall)).max(grace);
        Self {
            ends: Some(now.boot + left),
            ..self
        }
    }
}

/// Both clocks at once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Moment {
    /// Boot time.
    pub boot: BootTime,
    /// The wall clock.
    pub wall: WallTime,
}

/// What leases may be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseTerms {
    /// Granted where none is asked for.
    pub default: Duration,
    /// The shortest that is granted.
    pub min: Duration,
    /// The longest that is granted.
    pub max: Duration,
}

/// `wse:Expires` as it was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expiry {
    /// For so long.
    After(Duration),
    /// Until then.
    At(WallTime),
}

/// A lease that cannot be granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LeaseError {
    /// The end that was asked for is over (`wse:InvalidExpirationTime`).
    #[error("the expiration time asked for, {asked}, is not in the future: it is {now}")]
    InThePast {
        /// What was asked for.
        asked: WallTime,
        /// The time now.
        now: WallTime,
    },
}

impl LeaseTerms {
    /// The nearest lease to what was asked for.
    ///
    /// # Errors
    /// A date that is not in the future.
    pub fn grant(&self, asked: Option<Expiry>, now: Moment) -> Result<Lease, LeaseError> {
        let length = match asked {
            None => self.default,
            Some(Expiry::After(length)) => length,
            Some(Expiry::At(asked)) if asked <= now.wall => {
                return Err(LeaseError::InThePast { asked, now: now.wall });
            }
            Some(Expiry::At(date)) => date.since(now.wall),
        };
        Ok(Lease::starting(
            now.boot,
            length.clamp(self.min, self.max.max(self.min)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TERMS: LeaseTerms = LeaseTerms {
        default: Duration::from_secs(3_600),
        min: Duration::from_secs(60),
        max: Duration::from_secs(86_400),
    };
    const GRACE: Duration = Duration::from_secs(300);

    fn moment(boot_secs: u64, wall_secs: i64) -> Moment {
        Moment {
            boot: BootTime::from_millis(boot_secs * 1_000),
            wall: WallTime::from_unix_micros(wall_secs * 1_000_000),
        }
    }

    #[track_caller]
    fn check_grant(asked: Option<Expiry>, expect_secs: u64) {
        let lease = TERMS.grant(asked, moment(1_000, 50_000)).unwrap();
        assert_eq!(lease.granted, Some(Duration::from_secs(expect_secs)), "{asked:?}");
        assert_eq!(
            lease.ends,
            Some(BootTime::from_millis((1_000 + expect_secs) * 1_000))
        );
    }

    #[test]
    fn the_nearest_allowed_lease_is_granted() {
        let after = |secs| Some(Expiry::After(Duration::from_secs(secs)));
        let at = |secs| Some(Expiry::At(moment(0, secs).wall));
        check_grant(None, 3_600);
        check_grant(after(600), 600);
        check_grant(after(0), 60);
        check_grant(after(u64::MAX), 86_400);
        check_grant(at(50_600), 600);
        check_grant(at(50_001), 60);
        check_grant(at(50_000_000), 86_400);
    }

    #[test]
    fn a_past_date_is_refused() {
        for wall in [50_000, 49_999, -1] {
            let asked = moment(0, wall).wall;
            let refused = TERMS.grant(Some(Expiry::At(asked)), moment(1_000, 50_000));
            assert_eq!(
                refused,
                Err(LeaseError::InThePast {
                    asked,
                    now: moment(0, 50_000).wall
                })
            );
        }
    }

    #[test]
    fn a_lease_is_over_at_its_very_end() {
        let lease = Lease::starting(BootTime::from_millis(5_000), Duration::from_secs(60));
        assert!(!lease.is_over(BootTime::from_millis(64_999)));
        assert!(lease.is_over(BootTime::from_millis(65_000)));
        assert_eq!(
            lease.remaining(BootTime::from_millis(66_000)),
            Some(Duration::ZERO)
        );
        assert!(!Lease::ENDLESS.is_over(BootTime::from_millis(u64::MAX)));
    }

    #[track_caller]
    fn check_restart(same_boot: bool, last_seen: Moment, now: Moment, expect_left_secs: u64) {
        let lease = Lease::starting(BootTime::from_millis(1_000_000), Duration::from_secs(3_600));
        let after = lease.after_restart(same_boot, last_seen, now, GRACE);
        assert_eq!(
            after.remaining(now.boot),
            Some(Duration::from_secs(expect_left_secs))
        );
        assert_eq!(after.granted, lease.granted);
    }

    #[test]
    fn a_restart_keeps_the_lease() {
        // The same boot: exact, whatever the wall clock says.
        check_restart(true, moment(1_100, 0), moment(1_600, 999_999), 3_000);
        check_restart(true, moment(1_100, 0), moment(9_000, 0), 0);
        // A reboot: what was left when last seen, less the time that the wall clock says has passed.
        check_restart(false, moment(1_600, 10_000), moment(20, 10_100), 2_900);
        check_restart(false, moment(1_600, 10_000), moment(20, 9_000), 3_000);
        check_restart(false, moment(1_600, 10_000), moment(20, 99_999), 300);
        check_restart(false, moment(9_000, 10_000), moment(20, 10_001), 300);
        let endless = Lease::ENDLESS.after_restart(false, moment(1, 1), moment(2, 2), GRACE);
        assert_eq!(endless, Lease::ENDLESS);
    }

    proptest! {
        #[test]
        fn wall_steps_move_no_lease(asked in 0u64..100_000, step in -100_000i64..100_000, passed in 0u64..100_000) {
            let granted_at = moment(500, 1_000_000);
            let lease = TERMS.grant(Some(Expiry::After(Duration::from_secs(asked))), granted_at).unwrap();
            let later = moment(500 + passed, 1_000_000 + step);
            let over = passed >= lease.granted.unwrap().as_secs();
            prop_assert_eq!(lease.is_over(later.boot), over);
            prop_assert_eq!(lease.after_restart(true, granted_at, later, GRACE), lease);
        }
    }
}
