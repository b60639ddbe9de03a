//! From the bytes of a message to text and back, in the encodings that clients send.

use std::borrow::Cow;

use super::{XmlError, XmlErrorKind};

/// The encoding a message came in, so that the reply can use it too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Encoding {
    /// UTF-8, with or without a byte-order mark.
    #[default]
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// ISO-8859-1.
    Latin1,
}

/// Turns the bytes of a message into text. A byte-order mark decides; without one the charset that the
/// Content-Type names does, then the shape of the first two bytes, then the XML declaration. UTF-8 is
/// borrowed, everything else is copied.
pub fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Result<(Cow<'a, str>, Encoding), XmlError> {
    let (encoding, rest) = recognise(bytes, charset)?;
    let text = match encoding {
        Encoding::Utf8 => Cow::Borrowed(std::str::from_utf8(rest).map_err(|error| XmlError {
            offset: error.valid_up_to(),
            kind: XmlErrorKind::Encoding("UTF-8"),
        })?),
        Encoding::Utf16Le => Cow::Owned(decode_utf16(rest, u16::from_le_bytes)?),
        Encoding::Utf16Be => Cow::Owned(decode_utf16(rest, u16::from_be_bytes)?),
        Encoding::Latin1 => Cow::Owned(rest.iter().map(|&byte| char::from(byte)).collect()),
    };
    Ok((text, encoding))
}

fn recognise<'a>(bytes: &'a [u8], charset: Option<&str>) -> Result<(Encoding, &'a [u8]), XmlError> {
    Ok(match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Encoding::Utf8, rest),
        [0xFF, 0xFE, rest @ ..] => (Encoding::Utf16Le, rest),
        [0xFE, 0xFF, rest @ ..] => (Encoding::Utf16Be, rest),
        [b'<', 0, ..] => (Encoding::Utf16Le, bytes),
        [0, b'<', ..] => (Encoding::Utf16Be, bytes),
        _ => match charset
            .map(Cow::Borrowed)
            .or_else(|| declared(bytes).map(Cow::Owned))
        {
            Some(name) => (by_name(&name)?, bytes),
            None => (Encoding::Utf8, bytes),
        },
    })
}

fn by_name(charset: &str) -> Result<Encoding, XmlError> {
    let name = charset.trim().trim_matches(['"', '\'']);
    let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is(&["utf-8", "utf8", "us-ascii", "ascii", ""]) {
        Ok(Encoding::Utf8)
    } else if is(&["iso-8859-1", "iso8859-1", "latin1", "latin-1"]) {
        Ok(Encoding::Latin1)
    } else if is(&["utf-16", "utf-16be"]) {
        Ok(Encoding::Utf16Be)
    } else if is(&["utf-16le"]) {
        Ok(Encoding::Utf16Le)
    } else {
        Err(XmlError {
            offset: 0,
            kind: XmlErrorKind::UnknownCharset(name.chars().take(40).collect()),
        })
    }
}

/// The `encoding` of an XML declaration, which is ASCII up to there in all encodings that get this far.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(200))?;
    let declaration = head.strip_prefix(b"<?xml")?;
    let text: String = declaration
        .iter()
        .take_while(|&&byte| byte != b'>')
        .map(|&byte| char::from(byte))
        .collect();
    let value = text
        .split_once("encoding")?
        .1
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = value.get(1..)?.split_once(quote)?;
    Some(name.to_owned())
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, XmlError> {
    let bad = |offset| XmlError {
        offset,
        kind: XmlErrorKind::Encoding("UTF-16"),
    };
    let (pairs, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(bad(bytes.len()));
    }
    let mut text = String::with_capacity(bytes.len() / 2);
    for unit in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        text.push(unit.map_err(|_| bad(text.len()))?);
    }
    Ok(text)
}

impl Encoding {
    /// The bytes of a reply in this encoding: UTF-16 with its byte-order mark; UTF-8, without one, for
    /// everything else.
    pub fn encode(self, text: String) -> Vec<u8> {
        match self {
            Self::Utf8 | Self::Latin1 => text.into_bytes(),
            Self::Utf16Le => encode_utf16(&text, u16::to_le_bytes),
            Self::Utf16Be => encode_utf16(&text, u16::to_be_bytes),
        }
    }

    /// The charset of a reply in this encoding, as the Content-Type names it.
    pub const fn reply_charset(self) -> &'static str {
        match self {
            Self::Utf8 | Self::Latin1 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
        }
    }
}

fn encode_utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + 2 * text.len());
    out.extend(bytes(0xFEFF));
    out.extend(text.encode_utf16().flat_map(bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], charset: Option<&str>, expect: Result<(&str, Encoding), &str>) {
        let got = decode(bytes, charset);
        let got = got.as_ref().map(|(text, encoding)| (text.as_ref(), *encoding));
        assert_eq!(
            got.map_err(ToString::to_string),
            expect.map_err(str::to_owned),
            "{bytes:?}"
        );
    }

    #[test]
    fn encodings_are_recognised() {
        check(b"<a/>", None, Ok(("<a/>", Encoding::Utf8)));
        check(
            b"\xEF\xBB\xBF<a/>",
            Some("iso-8859-1"),
            Ok(("<a/>", Encoding::Utf8)),
        );
        check(b"\xFF\xFE<\0\xe9\0", None, Ok(("<é", Encoding::Utf16Le)));
        check(b"\xFE\xFF\0<\0\xe9", Some("utf-8"), Ok(("<é", Encoding::Utf16Be)));
        check(b"<\0a\0", Some("UTF-16"), Ok(("<a", Encoding::Utf16Le)));
        check(
            b"<a>\xe9</a>",
            Some("\"ISO-8859-1\""),
            Ok(("<a>é</a>", Encoding::Latin1)),
        );
        check(
            b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>",
            None,
            Ok((
                "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>",
                Encoding::Latin1,
            )),
        );
        check(
            b"<a>\xe9</a>",
            Some("Utf-8"),
            Err("the bytes are not valid UTF-8 (byte 3)"),
        );
        check(
            b"\xFF\xFE<\0\0",
            None,
            Err("the bytes are not valid UTF-16 (byte 3)"),
        );
        check(
            b"\xFF\xFE<\0\0\xd8",
            None,
            Err("the bytes are not valid UTF-16 (byte 1)"),
        );
        check(
            b"<a/>",
            Some("shift_jis"),
            Err(
                "the character set `shift_jis` is not offered; send UTF-8, UTF-16 with a byte-order mark or ISO-8859-1 (byte 0)",
            ),
        );
    }

    #[test]
    fn a_reply_in_utf_16_reads_back() {
        for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
            let bytes = encoding.encode("<a>é😀</a>".to_owned());
            check(&bytes, None, Ok(("<a>é😀</a>", encoding)));
        }
    }
}
