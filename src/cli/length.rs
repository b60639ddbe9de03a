//! Lengths of time, as every option takes them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::show::duration_text;
use crate::wsman::time::parse_duration;

/// The longest length that is taken, in seconds: a thousand years.
const LONGEST_SECS: u64 = 1000 * 366 * 86_400;

/// Reads a length of time: `90s`, `5m`, `1h`, `2d`, a bare number of seconds, or an xs:duration such as `PT1H30M`.
///
/// # Errors
/// What would be right.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text.starts_with(['P', '-']) {
        return parse_duration(text).map_err(|reason| format!("it is {reason}"));
    }
    let shape =
        || "a length of time is a number of seconds, or one with its unit: 90s, 5m, 1h or 2d".to_owned();
    let unit = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let number = text.strip_suffix(unit).unwrap_or_default();
    let number: u64 = number.parse().map_err(|_| shape())?;
    let secs = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(shape()),
    };
    let secs = number.checked_mul(secs).filter(|secs| *secs <= LONGEST_SECS);
    secs.map(Duration::from_secs).ok_or_else(shape)
}

/// Reads a length of time of so many seconds.
///
/// # Errors
/// What would be right.
pub fn parse_within(text: &str, secs: RangeInclusive<u64>) -> Result<Duration, String> {
    let length = parse(text)?;
    let [least, most] = [*secs.start(), *secs.end()].map(Duration::from_secs);
    if (least..=most).contains(&length) {
        return Ok(length);
    }
    let [least, most] = [least, most].map(duration_text);
    Err(format!("it may be from {least} to {most}"))
}

/// How long a peer may take for an answer.
pub const TIMEOUT_SECS: RangeInclusive<u64> = 1..=3600;

/// Reads how long a peer may take for an answer.
///
/// # Errors
/// What would be right.
pub fn parse_timeout(text: &str) -> Result<Duration, String> {
    parse_within(text, TIMEOUT_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, secs: Option<u64>) {
        assert_eq!(parse(text).ok(), secs.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn lengths_of_time_are_seconds_or_have_a_unit() {
        check("90s", Some(90));
        check("5m", Some(300));
        check("1h", Some(3600));
        check("2d", Some(172_800));
        check("PT1H30M", Some(5400));
        check("90", Some(90));
        check("", None);
        check("h", None);
        check("1w", None);
        check("1h30m", None);
        check("-1h", None);
        check("99999999999999999999s", None);
        check("999999999999d", None);
        check("999999999999", None);
    }

    #[track_caller]
    fn check_timeout(text: &str, expect: Result<u64, &str>) {
        let expect = expect.map(Duration::from_secs).map_err(str::to_owned);
        assert_eq!(parse_timeout(text), expect, "{text}");
    }

    #[test]
    fn timeouts_have_bounds() {
        check_timeout("1", Ok(1));
        check_timeout("1h", Ok(3600));
        check_timeout("0s", Err("it may be from 1s to 1h"));
        check_timeout("61m", Err("it may be from 1s to 1h"));
        assert!(parse_timeout("soon").is_err());
    }
}
