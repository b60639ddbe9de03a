//! Numbers as decimal text without the formatting machinery: instances are mostly numbers.

use std::fmt;

/// Appends a number.
///
/// # Errors
/// Those of `out`; a `String` has none.
pub(crate) fn write_decimal(out: &mut impl fmt::Write, number: u64) -> fmt::Result {
    let mut rest = number;
    let mut text = [b'0'; MOST_DIGITS];
    let mut written = 0;
    for place in text.iter_mut().rev() {
        *place += (rest % 10) as u8;
        written += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let text = text.get(MOST_DIGITS - written..).unwrap_or_default();
    out.write_str(std::str::from_utf8(text).unwrap_or_default())
}

/// The digits of the largest number of 64 bits.
const MOST_DIGITS: usize = 20;

/// Numbers of up to 15 digits are told apart by a double, so that the shortest text of one is the one without zeros
/// at its end.
const MOST_HUNDREDTHS: f64 = 1e15;

/// Appends a number of whole hundredths, as percentages are, in the shortest form that reads back to the same value;
/// nothing where it is something else.
pub(super) fn write_hundredths(out: &mut impl fmt::Write, value: f64) -> Option<fmt::Result> {
    let hundredths = value * 100.0 + 0.5;
    if value.is_sign_negative() || hundredths.is_nan() || hundredths >= MOST_HUNDREDTHS {
        return None;
    }
    let hundredths = hundredths as u64;
    let is_exact = hundredths as f64 / 100.0 == value;
    is_exact.then(|| {
        write_decimal(out, hundredths / 100)?;
        out.write_char('.')?;
        out.write_char(digit(hundredths / 10 % 10))?;
        match hundredths % 10 {
            0 => Ok(()),
            last => out.write_char(digit(last)),
        }
    })
}

const fn digit(number: u64) -> char {
    (b'0' + number as u8) as char
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written() {
        for number in [
            0,
            9,
            10,
            99,
            100,
            101,
            999,
            12_345,
            1_000_000,
            u64::MAX / 10,
            u64::MAX,
        ] {
            let mut out = String::new();
            write_decimal(&mut out, number).unwrap();
            assert_eq!(out, number.to_string());
        }
    }

    #[track_caller]
    fn check(value: f64, is_written: bool) {
        let mut out = String::new();
        assert_eq!(
            write_hundredths(&mut out, value).is_some(),
            is_written,
            "{value:?}"
        );
        let expect = if is_written {
            format!("{value:?}")
        } else {
            String::new()
        };
        assert_eq!(out, expect);
    }

    #[test]
    fn hundredths_are_written_as_other_reals_are() {
        for hundredths in (0..=20_000_u64).chain([123_456_789, 99_999_999_999_999]) {
            check(hundredths as f64 / 100.0, true);
        }
        for value in [
            0.001,
            1.0 / 3.0,
            12.340_000_000_000_002,
            -0.0,
            -1.5,
            1e14,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::NAN,
            f64::INFINITY,
        ] {
            check(value, false);
        }
    }
}
