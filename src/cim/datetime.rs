//! `datetime` in both its forms (DSP0004, 5.2.4): a point in time and an interval, each exactly 25 characters,
//! with asterisks for digits that are not known.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::time::WallTime;

/// A CIM datetime.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum DateTime {
    /// `yyyymmddhhmmss.mmmmmmsutc`.
    Timestamp(Timestamp),
    /// `ddddddddhhmmss.mmmmmm:000`.
    Interval(Interval),
}

/// A point in time with the UTC offset it was written with.
///
/// `significant` counts the leading digits (of the 20 before the sign) that are known; the others are
/// written as asterisks and read as the lowest value they may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Timestamp {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
    offset_minutes: i16,
    significant: u8,
}

/// A length of time; `significant` is as in [`Timestamp`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Interval {
    days: u32,
    hours: u8,
    minutes: u8,
    seconds: u8,
    micros: u32,
    significant: u8,
}

/// Why a text is no datetime.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is no datetime: {reason}")]
pub struct BadDateTime {
    /// The text as it came, cut to a readable length.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The digits of a datetime without its point: 14 before, 6 after.
const DIGITS: usize = 20;

impl DateTime {
    /// A wall-clock moment, in UTC.
    pub fn from_wall(at: WallTime) -> Self {
        let civil = jiff::tz::TimeZone::UTC.to_datetime(at.timestamp());
        let part = |v: i8| u8::try_from(v).unwrap_or(0);
        Self::Timestamp(Timestamp {
            year: u16::try_from(civil.year()).unwrap_or(0),
            month: part(civil.month()),
            day: part(civil.day()),
            hour: part(civil.hour()),
            minute: part(civil.minute()),
            second: part(civil.second()),
            micros: u32::try_from(civil.subsec_nanosecond() / 1000).unwrap_or(0),
            offset_minutes: 0,
            significant: DIGITS as u8,
        })
    }

    /// An interval, cut to microseconds and to 99999999 days.
    pub fn from_duration(length: Duration) -> Self {
        let secs = length.as_secs();
        Self::Interval(Interval {
            days: u32::try_from(secs / 86_400).unwrap_or(u32::MAX).min(99_999_999),
            hours: (secs / 3_600 % 24) as u8,
            minutes: (secs / 60 % 60) as u8,
            seconds: (secs % 60) as u8,
            micros: length.subsec_micros(),
            significant: DIGITS as u8,
        })
    }

    /// The moment of a timestamp; what is not known counts as the lowest value. `None` for an interval.
    pub fn to_wall(self) -> Option<WallTime> {
        match self {
            Self::Timestamp(stamp) => stamp.utc_micros().map(WallTime::from_unix_micros),
            Self::Interval(_) => None,
        }
    }

    /// The length of an interval; what is not known counts as zero. `None` for a timestamp.
    pub fn to_duration(self) -> Option<Duration> {
        match self {
            Self::Interval(interval) => Some(interval.length()),
            Self::Timestamp(_) => None,
        }
    }
}

impl Timestamp {
    /// Microseconds after the Unix epoch; `None` for a day that no calendar has.
    fn utc_micros(&self) -> Option<i64> {
        let small = |v: u8| i8::try_from(v).ok();
        let civil = jiff::civil::DateTime::new(
            i16::try_from(self.year).ok()?,
            small(self.month)?,
            small(self.day)?,
            small(self.hour)?,
            small(self.minute)?,
            small(self.second.min(59))?,
            i32::try_from(self.micros).ok()?.checked_mul(1000)?,
        )
        .ok()?;
        let utc = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
        Some(utc.as_microsecond() - i64::from(self.offset_minutes) * 60_000_000)
    }

    /// The calendar fields: year, month, day, hour, minute, second, microseconds.
    pub const fn fields(&self) -> (u16, u8, u8, u8, u8, u8, u32) {
        (
            self.year,
            self.month,
            self.day,
            self.hour,
            self.minute,
            self.second,
            self.micros,
        )
    }

    /// Minutes east of UTC.
    pub const fn offset_minutes(&self) -> i16 {
        self.offset_minutes
    }
}

impl Interval {
    fn length(&self) -> Duration {
        let secs = u64::from(self.days) * 86_400
            + u64::from(self.hours) * 3_600
            + u64::from(self.minutes) * 60
            + u64::from(self.seconds);
        Duration::new(secs, self.micros * 1000)
    }
}

/// Points compare with points and intervals with intervals, each by its lowest possible value; a point and
/// an interval do not compare.
impl PartialOrd for DateTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Timestamp(a), Self::Timestamp(b)) => a.utc_micros()?.partial_cmp(&b.utc_micros()?),
            (Self::Interval(a), Self::Interval(b)) => a.length().partial_cmp(&b.length()),
            _ => None,
        }
    }
}

impl FromStr for DateTime {
    type Err = BadDateTime;

    fn from_str(text: &str) -> Result<Self, BadDateTime> {
        parse(text.as_bytes()).map_err(|reason| BadDateTime {
            text: text.chars().take(40).collect(),
            reason,
        })
    }
}

fn parse(text: &[u8]) -> Result<DateTime, &'static str> {
    let text: &[u8; 25] = text
        .try_into()
        .map_err(|_| "it must have exactly 25 characters")?;
    let [head @ .., sign, a, b, c] = text;
    let (whole, fraction) = match head {
        [whole @ .., b'.', m0, m1, m2, m3, m4, m5] => (whole, [m0, m1, m2, m3, m4, m5]),
        _ => return Err("the 15th character must be `.`"),
    };
    let digits = Digits::read(whole.iter().chain(fraction))?;
    let utc = match [a, b, c] {
        [b'*', b'*', b'*'] => 0,
        utc => Digits::number(utc.into_iter().copied()).ok_or("the UTC offset must be three digits")?,
    };
    match sign {
        b'+' => timestamp(&digits, utc as i16),
        b'-' => timestamp(&digits, -(utc as i16)),
        b':' if utc == 0 => interval(&digits),
        b':' => Err("an interval ends in `:000`"),
        _ => Err("the 22nd character must be `+`, `-` or `:`"),
    }
}

fn timestamp(digits: &Digits, offset_minutes: i16) -> Result<DateTime, &'static str> {
    let stamp = Timestamp {
        year: digits.field(0, 4) as u16,
        month: digits.field(4, 6).max(u32::from(digits.significant < 6)) as u8,
        day: digits.field(6, 8).max(u32::from(digits.significant < 8)) as u8,
        hour: digits.field(8, 10) as u8,
        minute: digits.field(10, 12) as u8,
        second: digits.field(12, 14) as u8,
        micros: digits.field(14, 20),
        offset_minutes,
        significant: digits.significant,
    };
    let in_range = (1..=12).contains(&stamp.month)
        && (1..=31).contains(&stamp.day)
        && stamp.hour < 24
        && stamp.minute < 60
        && stamp.second <= 60;
    if !in_range {
        return Err("a field is out of its range");
    }
    stamp.utc_micros().ok_or("no calendar has that day")?;
    Ok(DateTime::Timestamp(stamp))
}

fn interval(digits: &Digits) -> Result<DateTime, &'static str> {
    let interval = Interval {
        days: digits.field(0, 8),
        hours: digits.field(8, 10) as u8,
        minutes: digits.field(10, 12) as u8,
        seconds: digits.field(12, 14) as u8,
        micros: digits.field(14, 20),
        significant: digits.significant,
    };
    if interval.hours >= 24 || interval.minutes >= 60 || interval.seconds >= 60 {
        return Err("a field is out of its range");
    }
    Ok(DateTime::Interval(interval))
}

/// The twenty digits, asterisks read as zero, and how many of them are known.
struct Digits {
    values: [u8; DIGITS],
    significant: u8,
}

impl Digits {
    fn read<'a>(bytes: impl Iterator<Item = &'a u8>) -> Result<Self, &'static str> {
        let mut values = [0; DIGITS];
        let mut significant = 0;
        for (at, (slot, byte)) in values.iter_mut().zip(bytes).enumerate() {
            match byte {
                b'0'..=b'9' if usize::from(significant) == at => {
                    *slot = byte - b'0';
                    significant += 1;
                }
                b'0'..=b'9' => return Err("a digit may not follow an asterisk"),
                b'*' => {}
                _ => return Err("digits or asterisks are wanted"),
            }
        }
        Ok(Self { values, significant })
    }

    fn field(&self, from: usize, to: usize) -> u32 {
        self.values
            .get(from..to)
            .unwrap_or(&[])
            .iter()
            .fold(0, |sum, digit| sum * 10 + u32::from(*digit))
    }

    fn number(bytes: impl IntoIterator<Item = u8>) -> Option<u32> {
        bytes.into_iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
        })
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, significant, tail) = match self {
            Self::Timestamp(t) => {
                let digits = format!(
                    "{:04}{:02}{:02}{:02}{:02}{:02}{:06}",
                    t.year, t.month, t.day, t.hour, t.minute, t.second, t.micros
                );
                let sign = if t.offset_minutes < 0 { '-' } else { '+' };
                (
                    digits,
                    t.significant,
                    format!("{sign}{:03}", t.offset_minutes.unsigned_abs()),
                )
            }
            Self::Interval(i) => {
                let digits = format!(
                    "{:08}{:02}{:02}{:02}{:06}",
                    i.days, i.hours, i.minutes, i.seconds, i.micros
                );
                (digits, i.significant, ":000".to_owned())
            }
        };
        let known = digits.get(..usize::from(significant)).unwrap_or(&digits);
        let shown = format!("{known:*<20}");
        let (seconds, micros) = shown.split_at(14);
        write!(f, "{seconds}.{micros}{tail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn good(text: &str) -> DateTime {
        let value: DateTime = text.parse().unwrap();
        assert_eq!(value.to_string(), text);
        value
    }

    #[track_caller]
    fn bad(text: &str, reason: &str) {
        assert_eq!(text.parse::<DateTime>().unwrap_err().reason, reason, "{text}");
    }

    #[test]
    fn timestamps() {
        let at = good("20260131120000.000000+060");
        assert_eq!(at.to_wall().unwrap().to_string(), "2026-01-31T11:00:00Z");
        assert_eq!(
            good("19700101000000.000001+000").to_wall().unwrap().unix_micros(),
            1
        );
        assert!(good("20260131120000.000000+060") < good("20260131120000.000000+000"));
        good("20260131120000.000000-300");
        good("20260131******.******+000");
        good("2026013112****.******+000");
        good("20260131120000.123***+000");
        assert_eq!(
            good("2026**********.******+000").to_wall().unwrap().to_string(),
            "2026-01-01T00:00:00Z"
        );
    }

    #[test]
    fn intervals() {
        assert_eq!(
            good("00000001010203.000004:000").to_duration(),
            Some(Duration::new(90_123, 4000))
        );
        good("00000001******.******:000");
        assert_eq!(
            DateTime::from_duration(Duration::from_secs(90)).to_string(),
            "00000000000130.000000:000"
        );
        assert_eq!(
            good("00000000000000.000000:000").partial_cmp(&good("20260131120000.000000+060")),
            None
        );
    }

    #[test]
    fn nonsense_is_refused() {
        bad("", "it must have exactly 25 characters");
        bad("20260131120000,000000+000", "the 15th character must be `.`");
        bad("20261331120000.000000+000", "a field is out of its range");
        bad("20260230120000.000000+000", "no calendar has that day");
        bad(
            "20260131120000.000000x000",
            "the 22nd character must be `+`, `-` or `:`",
        );
        bad("20260131120000.000000+0é", "the UTC offset must be three digits");
        bad("00000000250000.000000:000", "a field is out of its range");
        bad("00000000000000.000000:001", "an interval ends in `:000`");
        bad("2026*131120000.000000+000", "a digit may not follow an asterisk");
    }

    #[test]
    fn the_wall_clock_becomes_utc() {
        let at = WallTime::from_unix_micros(1_769_860_800_000_001);
        assert_eq!(DateTime::from_wall(at).to_string(), "20260131120000.000001+000");
        assert_eq!(DateTime::from_wall(at).to_wall(), Some(at));
    }
}
