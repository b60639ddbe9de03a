//! When a line of the log was written.

use std::fmt;

use jiff::tz::Offset;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::clock::{Clock as _, SystemClock, WallTime};

/// The time as it is written by default (RFC 3339, in UTC, with microseconds), without the formatting machinery: every
/// request has a line.
pub(super) struct Timestamp;

impl FormatTime for Timestamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let text = text_of(SystemClock.wall());
        writer.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

fn text_of(at: WallTime) -> [u8; 27] {
    let at = Offset::UTC.to_datetime(at.timestamp());
    let micros = at.subsec_nanosecond() / 1000;
    let fields = [
        i32::from(at.year()),
        at.month().into(),
        at.day().into(),
        at.hour().into(),
        at.minute().into(),
        at.second().into(),
        micros,
    ];
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (places, field) in text.split_mut(|byte| *byte != b'0').zip(fields) {
        let mut left = field.unsigned_abs();
        for place in places.iter_mut().rev() {
            *place += (left % 10) as u8;
            left /= 10;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(micros: i64, expect: &str) {
        let text = text_of(WallTime::from_unix_micros(micros));
        assert_eq!(std::str::from_utf8(&text), Ok(expect));
    }

    #[test]
    fn the_time_is_written() {
        check(0, "1970-01-01T00:00:00.000000Z");
        check(1_795_248_901_000_120, "2026-11-21T08:15:01.000120Z");
        check(
            253_402_300_799_999_999 - 86_400_000_000_000,
            "9997-04-05T23:59:59.999999Z",
        );
    }
}
