//! Points in time as plain values. Reading them is the business of [`crate::clock`] alone; pure rooms
//! are handed values of these types.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// Time since the machine booted, suspended time included (`CLOCK_BOOTTIME`). Leases, retries and
/// intervals are measured on it, so that a wall clock set forward or back changes none of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct BootTime(Duration);

impl BootTime {
    /// The moment of boot.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `since_boot` after the machine booted.
    pub const fn from_duration(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// The moment `millis` milliseconds after boot.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// How long after boot this moment is.
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    /// How long after boot this moment is, in whole milliseconds.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// The time that passed from `earlier` to this moment; none if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment moved back by `by`, not before boot.
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

impl Add<Duration> for BootTime {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

/// A moment of the wall clock (UTC), for what people and protocols read. Nothing is ever scheduled by it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct WallTime(jiff::Timestamp);

impl WallTime {
    /// Wraps a timestamp.
    pub const fn from_timestamp(at: jiff::Timestamp) -> Self {
        Self(at)
    }

    /// The moment `micros` microseconds after the Unix epoch; the epoch itself where that is out of range.
    pub fn from_unix_micros(micros: i64) -> Self {
        Self(jiff::Timestamp::from_microsecond(micros).unwrap_or_default())
    }

    /// Microseconds after the Unix epoch.
    pub fn unix_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The timestamp inside, for calendar work.
    pub const fn timestamp(self) -> jiff::Timestamp {
        self.0
    }

    /// The time that passed from `earlier` to this moment; none if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(
            u64::try_from(self.unix_micros().saturating_sub(earlier.unix_micros())).unwrap_or(0),
        )
    }
}

/// ISO 8601 in UTC, as in `2026-01-31T12:00:00Z`.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
