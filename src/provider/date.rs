//! Calendar dates and local time as CIM datetimes.

use crate::cim::DateTime;
use crate::clock::WallTime;

/// A date without a time of day: its first moment, in UTC.
pub(super) fn midnight((year, month, day): (u16, u8, u8)) -> Option<DateTime> {
    format!("{year:04}{month:02}{day:02}000000.000000+000")
        .parse()
        .ok()
}

/// Minutes that local time is ahead of UTC at `at`.
pub(super) fn utc_offset_minutes(at: WallTime) -> i16 {
    let offset = jiff::tz::TimeZone::system().to_offset(at.timestamp());
    i16::try_from(offset.seconds() / 60).unwrap_or(0)
}

/// `at` in local time.
pub(super) fn local(at: WallTime) -> Option<DateTime> {
    let civil = jiff::tz::TimeZone::system().to_datetime(at.timestamp());
    let offset = utc_offset_minutes(at);
    format!(
        "{}.{:06}{offset:+04}",
        civil.strftime("%Y%m%d%H%M%S"),
        civil.subsec_nanosecond() / 1000
    )
    .parse()
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_datetimes() {
        let shown = |date| midnight(date).map(|datetime| datetime.to_string());
        assert_eq!(shown((2024, 2, 29)), Some("20240229000000.000000+000".to_owned()));
        assert_eq!(shown((2023, 2, 29)), None);
    }

    #[test]
    fn local_time_is_the_same_moment() {
        let at = WallTime::from_unix_micros(1_700_000_000_123_456);
        assert_eq!(local(at).and_then(DateTime::to_wall), Some(at));
    }
}
