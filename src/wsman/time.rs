//! `xs:duration` and `xs:dateTime` (XML Schema 1.0, part 2, 3.2.6 and 3.2.7).

use std::time::Duration;

use crate::time::WallTime;

/// A point or length of time where a message may hold either, as in `wse:Expires`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expires {
    /// So long from now.
    After(Duration),
    /// At that moment.
    At(WallTime),
}

impl Expires {
    /// Reads a duration or a date.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.starts_with(['P', '-']) {
            parse_duration(text).map(Self::After)
        } else {
            parse_date_time(text).map(Self::At)
        }
    }
}

/// As it stands in a message.
impl std::fmt::Display for Expires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::After(length) => f.write_str(&format_duration(*length)),
            Self::At(at) => at.fmt(f),
        }
    }
}

/// Longest length that is read: about a thousand years.
const MAX_SECS: u64 = 1000 * 366 * 86_400;

/// Reads an `xs:duration`. A month counts as 30 days and a year as 365: nothing that uses a duration here
/// has a calendar. Negative lengths and those over a thousand years are refused.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "not an xs:duration such as PT60S or P1DT2H";
    let text = text.trim();
    if text.starts_with('-') {
        return Err("a negative duration");
    }
    let (days, time) = match text.strip_prefix('P').ok_or(SHAPE)?.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return Err(SHAPE),
        None => (text.get(1..).unwrap_or_default(), ""),
    };
    if days.is_empty() && time.is_empty() {
        return Err(SHAPE);
    }
    let mut total = Fields::default();
    total
        .add(days, &[('Y', 365 * 86_400), ('M', 30 * 86_400), ('D', 86_400)])
        .ok_or(SHAPE)?;
    total
        .add(time, &[('H', 3600), ('M', 60), ('S', 1)])
        .ok_or(SHAPE)?;
    if total.secs > MAX_SECS {
        return Err("a duration of more than a thousand years");
    }
    Ok(Duration::new(total.secs, total.nanos))
}

#[derive(Default)]
struct Fields {
    secs: u64,
    nanos: u32,
}

impl Fields {
    /// Adds fields such as `2H30M`, each unit at most once and in order; only seconds may have a fraction.
    fn add(&mut self, mut text: &str, units: &[(char, u64)]) -> Option<()> {
        let mut units = units.iter();
        while !text.is_empty() {
            let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, rest) = text.split_at(end);
            let letter = rest.chars().next()?;
            let (_, secs) = units.find(|(unit, _)| *unit == letter)?;
            let (whole, fraction) = match number.split_once('.') {
                Some((whole, fraction)) if letter == 'S' && !fraction.is_empty() => (whole, fraction),
                Some(_) => return None,
                None => (number, ""),
            };
            // Values beyond what a u64 holds are far over the limit anyway.
            let count: u64 = if whole.len() > 12 {
                u64::MAX
            } else {
                whole.parse().ok()?
            };
            self.secs = self.secs.saturating_add(count.saturating_mul(*secs));
            self.nanos += parse_nanos(fraction)?;
            text = rest.get(1..)?;
        }
        Some(())
    }
}

/// The digits after the point, as nanoseconds; digits after the ninth are dropped.
fn parse_nanos(fraction: &str) -> Option<u32> {
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut nanos = 0;
    for at in 0..9 {
        let digit = fraction.as_bytes().get(at).map_or(0, |b| u32::from(b - b'0'));
        nanos = nanos * 10 + digit;
    }
    Some(nanos)
}

/// Writes an `xs:duration`, in seconds with up to six decimals.
pub fn format_duration(length: Duration) -> String {
    let micros = length.subsec_micros();
    if micros == 0 {
        format!("PT{}S", length.as_secs())
    } else {
        let text = format!("PT{}.{micros:06}", length.as_secs());
        format!("{}S", text.trim_end_matches('0'))
    }
}

/// Reads an `xs:dateTime`; one without a time zone counts as UTC.
pub fn parse_date_time(text: &str) -> Result<WallTime, &'static str> {
    const SHAPE: &str = "not an xs:dateTime such as 2026-01-31T12:00:00Z";
    let text = text.trim();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(WallTime::from_timestamp(at));
    }
    let civil: jiff::civil::DateTime = text.parse().map_err(|_| SHAPE)?;
    if !text.contains('T') {
        return Err(SHAPE);
    }
    let at = jiff::tz::TimeZone::UTC.to_timestamp(civil).map_err(|_| SHAPE)?;
    Ok(WallTime::from_timestamp(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<Duration, &str>) {
        assert_eq!(parse_duration(text), expect, "{text:?}");
        if let Ok(length) = expect {
            assert_eq!(
                parse_duration(&format_duration(length)),
                expect,
                "{text:?} reads back"
            );
        }
    }

    #[test]
    fn durations_are_read() {
        const SHAPE: Result<Duration, &str> = Err("not an xs:duration such as PT60S or P1DT2H");
        check("PT60S", Ok(Duration::from_secs(60)));
        check("PT60.000000S", Ok(Duration::from_secs(60)));
        check("PT5.0S", Ok(Duration::from_secs(5)));
        check("PT0.5S", Ok(Duration::from_millis(500)));
        check(
            " P1Y2M3DT4H5M6S ",
            Ok(Duration::from_secs(
                (365 + 60 + 3) * 86_400 + 4 * 3600 + 5 * 60 + 6,
            )),
        );
        check("P1D", Ok(Duration::from_secs(86_400)));
        check("PT1M30S", Ok(Duration::from_secs(90)));
        check("P1M", Ok(Duration::from_secs(30 * 86_400)));
        check("PT0S", Ok(Duration::ZERO));
        for bad in [
            "", "P", "PT", "60", "P1S", "PT1D", "PT1S1M", "PTS", "PT1.S", "PT1.5M", "P1DT", "pt1s", "PT1S ",
            "PT-1S",
        ] {
            if bad == "PT1S " {
                check(bad, Ok(Duration::from_secs(1)));
            } else {
                check(bad, SHAPE);
            }
        }
        check("-PT1S", Err("a negative duration"));
        check("P1001Y", Ok(Duration::from_secs(1001 * 365 * 86_400)));
        check("P2000Y", Err("a duration of more than a thousand years"));
        check(
            "PT99999999999999999999999999S",
            Err("a duration of more than a thousand years"),
        );
    }

    #[test]
    fn durations_are_written() {
        assert_eq!(format_duration(Duration::from_millis(1500)), "PT1.5S");
        assert_eq!(format_duration(Duration::from_secs(3600)), "PT3600S");
    }

    #[track_caller]
    fn check_date(text: &str, expect: Result<&str, &str>) {
        assert_eq!(
            parse_date_time(text)
                .map(|at| at.to_string())
                .as_deref()
                .map_err(|e| *e),
            expect,
            "{text:?}"
        );
    }

    #[test]
    fn dates_are_read() {
        check_date("2026-01-31T12:00:00Z", Ok("2026-01-31T12:00:00Z"));
        check_date("2026-01-31T12:00:00.25+09:00", Ok("2026-01-31T03:00:00.25Z"));
        check_date("2026-01-31T12:00:00", Ok("2026-01-31T12:00:00Z"));
        let shape = Err("not an xs:dateTime such as 2026-01-31T12:00:00Z");
        check_date("2026-01-31", shape);
        check_date("2026-02-30T00:00:00Z", shape);
        check_date("now", shape);
    }

    #[test]
    fn an_expiry_is_either() {
        assert_eq!(Expires::parse("PT1S"), Ok(Expires::After(Duration::from_secs(1))));
        assert!(matches!(
            Expires::parse("2026-01-31T12:00:00Z"),
            Ok(Expires::At(_))
        ));
        assert_eq!(Expires::parse("-PT1S"), Err("a negative duration"));
        assert_eq!(Expires::After(Duration::from_secs(2)).to_string(), "PT2S");
    }
}
