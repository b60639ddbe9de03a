//! Characters: which may stand where, and how references are read and special characters written.

#![allow(clippy::indexing_slicing, reason = "the tables have a place for each byte")]

use std::borrow::Cow;

use super::scan::{Table, find, has_control, has_special};

/// What a byte means inside a text or attribute value that is written.
const fn special(byte: u8) -> bool {
    // 0xEF leads U+FFFE and U+FFFF, which XML does not allow; whoever looks decides.
    matches!(byte, b'<' | b'>' | b'&' | b'"' | b'\r' | 0xEF) || is_forbidden_control(byte)
}

/// Whether XML 1.0 forbids the control character altogether.
const fn is_forbidden_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// What an attribute value is not to hold once it was read.
const fn is_to_normalise(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'\t' | b'\n' | b'\r')
}

/// The table of the bytes of which a function says yes.
macro_rules! table {
    ($is_wanted:ident) => {{
        let mut table = [false; 256];
        let mut byte = 0_usize;
        while byte < 256 {
            table[byte] = $is_wanted(byte as u8);
            byte += 1;
        }
        table
    }};
}

static SPECIAL: Table = table!(special);
static FORBIDDEN_CONTROL: Table = table!(is_forbidden_control);
static TO_NORMALISE: Table = table!(is_to_normalise);

/// The place and the value of the first control character that XML 1.0 forbids.
pub(super) fn forbidden_control(text: &str) -> Option<(usize, u8)> {
    let bytes = text.as_bytes();
    let place = find(bytes, &FORBIDDEN_CONTROL, has_control)?;
    Some((place, bytes.get(place).copied()?))
}

/// Appends `text` with `<`, `>`, `&` and `"` as entities; characters that XML 1.0 forbids become U+FFFD.
///
/// A carriage return is the one character that is written by its number: every reader of XML takes it for a line feed
/// where it stands as it is (XML 1.0, 2.11), and it has no name.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = find(rest.as_bytes(), &SPECIAL, has_special) {
        let (clean, from) = rest.split_at(at);
        out.push_str(clean);
        let mut chars = from.chars();
        match chars.next() {
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('&') => out.push_str("&amp;"),
            Some('"') => out.push_str("&quot;"),
            Some('\r') => out.push_str("&#13;"),
            Some(c) if c < ' ' || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {
                out.push(char::REPLACEMENT_CHARACTER)
            }
            Some(c) => out.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

/// The character that a reference stands for, given what is between `&` and `;`: one of the five named
/// entities or a character reference to a character that XML 1.0 allows.
pub(super) fn resolve_reference(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = match number.strip_prefix('x') {
                Some(hex) => (hex, 16),
                None => (number, 10),
            };
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            let c = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
            let allowed =
                (c >= ' ' || matches!(c, '\t' | '\n' | '\r')) && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
            allowed.then_some(c)
        }
    }
}

/// Why an attribute value is refused.
pub(super) enum BadValue {
    /// A reference that stands for nothing.
    Reference(String),
    /// A `<` that is not written as `&lt;`.
    Markup,
}

/// An attribute value with its references resolved and white space made blanks (XML 1.0, 3.3.3).
pub(super) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, BadValue> {
    if find(raw.as_bytes(), &TO_NORMALISE, has_special).is_none() {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '<', '\t', '\n', '\r']) {
        let (clean, from) = rest.split_at(at);
        out.push_str(clean);
        rest = if let Some(reference) = from.strip_prefix('&') {
            let (name, after) = reference
                .split_once(';')
                .ok_or_else(|| BadValue::Reference(shorten(reference)))?;
            out.push(resolve_reference(name).ok_or_else(|| BadValue::Reference(shorten(name)))?);
            after
        } else if from.starts_with('<') {
            return Err(BadValue::Markup);
        } else {
            out.push(' ');
            from.strip_prefix("\r\n")
                .unwrap_or_else(|| from.get(1..).unwrap_or_default())
        };
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// At most 60 characters of what a peer sent, for an error that it is told.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Prefix and local part of a name (Namespaces in XML 1.0, QName, with every character from U+0080 up taken for
/// a letter); `None` for what is no name.
pub(super) fn split_qname(name: &str) -> Option<(&str, &str)> {
    let colon = name.bytes().position(|byte| byte == b':');
    let (prefix, local) = match colon {
        Some(at) => (name.get(..at)?, name.get(at + 1..)?),
        None => ("", name),
    };
    let is_name = |part: &str| {
        let starts = part
            .as_bytes()
            .first()
            .is_some_and(|&byte| NAME[usize::from(byte)] == NAME_START);
        starts && part.bytes().all(|byte| NAME[usize::from(byte)] != NO_NAME)
    };
    (is_name(local) && (colon.is_none() || is_name(prefix))).then_some((prefix, local))
}

const NO_NAME: u8 = 0;
const NAME_START: u8 = 1;
const NAME_REST: u8 = 2;

/// Where each byte may stand in a part of a name.
const NAME: [u8; 256] = {
    let mut table = [NO_NAME; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = if b.is_ascii_alphabetic() || b == b'_' || b >= 0x80 {
            NAME_START
        } else if b.is_ascii_digit() || matches!(b, b'-' | b'.') {
            NAME_REST
        } else {
            NO_NAME
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_escape(text: &str, expect: &str) {
        let mut out = String::new();
        push_escaped(&mut out, text);
        assert_eq!(out, expect, "{text:?}");
    }

    #[test]
    fn special_and_forbidden_characters_are_written_safely() {
        check_escape("plain text", "plain text");
        check_escape("<a b=\"&'\">]]>", "&lt;a b=&quot;&amp;'&quot;&gt;]]&gt;");
        check_escape("a\u{0}b\u{1b}[0mc\td\n", "a\u{FFFD}b\u{FFFD}[0mc\td\n");
        check_escape("a\r\nb\r", "a&#13;\nb&#13;");
        check_escape("\u{FFFE}\u{FFFF}ｆ", "\u{FFFD}\u{FFFD}ｆ");
        check_escape("日本語<", "日本語&lt;");
    }

    #[track_caller]
    fn check_reference(name: &str, expect: Option<char>) {
        assert_eq!(resolve_reference(name), expect, "{name}");
    }

    #[test]
    fn only_legal_references_stand_for_something() {
        check_reference("amp", Some('&'));
        check_reference("#65", Some('A'));
        check_reference("#x1F600", Some('\u{1F600}'));
        check_reference("#9", Some('\t'));
        for bad in [
            "nbsp", "#0", "#x0", "#xD800", "#xFFFE", "#x110000", "#", "#x", "#+65", "#x-1", "#x4 1", "",
        ] {
            check_reference(bad, None);
        }
    }

    #[test]
    fn attribute_values_are_normalised() {
        assert_eq!(attribute_value("a&lt;b\r\nc\td").ok().as_deref(), Some("a<b c d"));
        assert!(matches!(attribute_value("plain"), Ok(Cow::Borrowed("plain"))));
        assert!(matches!(attribute_value("a<b"), Err(BadValue::Markup)));
        assert!(matches!(attribute_value("a&b"), Err(BadValue::Reference(name)) if name == "b"));
    }
}
