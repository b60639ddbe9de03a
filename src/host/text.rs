//! Small readers of what the kernel prints. They take bytes, because nothing there is sure to be UTF-8,
//! and answer `None` to what they do not understand.

/// The words of a line: what stands between blanks.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// The lines of a text, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// An unsigned decimal number, blanks around it allowed.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A signed decimal number, blanks around it allowed.
pub(super) fn signed(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    match text.strip_prefix(b"-") {
        Some(digits) => 0i64.checked_sub_unsigned(number(digits)?),
        None => i64::try_from(number(text)?).ok(),
    }
}

/// A decimal number with a fraction, as in `2596.120`.
pub(super) fn real(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text.trim_ascii())
        .ok()?
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
}

/// A hexadecimal number, with or without `0x`.
pub(super) fn hexadecimal(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    if digits.first() == Some(&b'+') {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Text with blanks and zero bytes around it taken off; `None` if nothing is left. What is not UTF-8 is
/// shown as U+FFFD.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let is_blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let start = bytes.iter().position(|byte| !is_blank(byte))?;
    let end = bytes.iter().rposition(|byte| !is_blank(byte))?;
    Some(String::from_utf8_lossy(bytes.get(start..=end)?).into_owned())
}

/// A `key: value` or `key=value` line, cut at the first `separator`, blanks around both taken off.
pub(super) fn key_value(line: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == separator)?;
    let (key, value) = line.split_at(at);
    Some((key.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// No machine has more processors than this; a longer list is not believed.
const MOST_PROCESSORS: u64 = 1 << 16;

/// A kernel list of numbers, as in `0-3,5,8-9`, in the order given.
pub(super) fn number_list(text: &[u8]) -> Vec<u32> {
    let mut list = Vec::new();
    for part in text.trim_ascii().split(|byte| *byte == b',') {
        let (first, last) = match key_value(part, b'-') {
            Some((first, last)) => (number(first), number(last)),
            None => (number(part), number(part)),
        };
        if let (Some(first), Some(last)) = (first, last)
            && last < MOST_PROCESSORS
        {
            list.extend((first..=last).filter_map(|at| u32::try_from(at).ok()));
        }
    }
    list.truncate(MOST_PROCESSORS as usize);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_whole_or_not_at_all() {
        #[track_caller]
        fn check(given: &[u8], unsigned: Option<u64>, negative: Option<i64>) {
            let shown = String::from_utf8_lossy(given);
            assert_eq!(number(given), unsigned, "{shown}");
            assert_eq!(signed(given), negative, "{shown}");
        }
        check(b"0", Some(0), Some(0));
        check(b" 42\n", Some(42), Some(42));
        check(b"18446744073709551615", Some(u64::MAX), None);
        check(b"18446744073709551616", None, None);
        check(b"-7", None, Some(-7));
        check(b"-9223372036854775808", None, Some(i64::MIN));
        check(b"", None, None);
        check(b"-", None, None);
        check(b"+1", None, None);
        check(b"12a", None, None);
        check(b"\xff", None, None);
    }

    #[test]
    fn lists_of_processors() {
        #[track_caller]
        fn check(given: &[u8], expect: &[u32]) {
            assert_eq!(number_list(given), expect, "{}", String::from_utf8_lossy(given));
        }
        check(b"0\n", &[0]);
        check(b"0-3,5,8-9\n", &[0, 1, 2, 3, 5, 8, 9]);
        check(b"\n", &[]);
        check(b"3-1", &[]);
        check(b"0-99999999999,2", &[2]);
        check(b"x,4", &[4]);
    }

    #[test]
    fn text_is_trimmed_and_made_utf8() {
        #[track_caller]
        fn check(given: &[u8], expect: Option<&str>) {
            assert_eq!(text(given).as_deref(), expect);
        }
        check(b"  QEMU HARDDISK \n\0", Some("QEMU HARDDISK"));
        check(b"\0\0", None);
        check(b"caf\xe9", Some("caf\u{fffd}"));
    }

    #[test]
    fn hexadecimal_with_and_without_prefix() {
        assert_eq!(hexadecimal(b"0x10de\n"), Some(0x10de));
        assert_eq!(hexadecimal(b"80"), Some(0x80));
        assert_eq!(hexadecimal(b"+1"), None);
        assert_eq!(hexadecimal(b""), None);
    }
}
