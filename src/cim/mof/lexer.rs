//! Tokens of MOF (DSP0004, annex A). They borrow from the source; nothing is allocated.

use super::error::Problem;

/// A token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Token<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// `$Alias`, without the dollar sign.
    Alias(&'a str),
    /// A string literal as it stands between its quotes, escapes and all.
    String(&'a str),
    /// A character literal as it stands between its quotes.
    Char(&'a str),
    /// Any number.
    Number(&'a str),
    /// One of `# { } ( ) [ ] , ; : =`.
    Sign(char),
    /// The end of the source.
    End,
}

/// Splits a source into tokens.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// A fault and the byte offset of its place.
pub(super) type Fault = (usize, Problem);

impl<'a> Lexer<'a> {
    /// Starts at the beginning, after a byte order mark where there is one.
    pub(super) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        Self { text, at }
    }

    /// The next token and the byte offset where it starts. After a fault the next call goes on behind it.
    pub(super) fn token(&mut self) -> Result<(usize, Token<'a>), Fault> {
        self.skip_blanks()?;
        let start = self.at;
        let Some(first) = self.peek(0) else {
            return Ok((start, Token::End));
        };
        let token = match first {
            b'#' | b'{' | b'}' | b'(' | b')' | b'[' | b']' | b',' | b';' | b':' | b'=' => {
                self.at += 1;
                Token::Sign(char::from(first))
            }
            b'"' => Token::String(self.quoted(b'"')?),
            b'\'' => Token::Char(self.quoted(b'\'')?),
            b'$' if self.peek(1).is_some_and(starts_word) => {
                self.at += 1;
                Token::Alias(self.take_while(continues_word))
            }
            b'0'..=b'9' => Token::Number(self.number()),
            b'+' | b'-' | b'.' if self.starts_number() => Token::Number(self.number()),
            first if starts_word(first) => Token::Word(self.take_while(continues_word)),
            _ => {
                let stray = self.rest().chars().next().unwrap_or_default();
                self.at += stray.len_utf8();
                return Err((start, Problem::StrayCharacter(stray)));
            }
        };
        Ok((start, token))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Spaces and comments of both kinds.
    fn skip_blanks(&mut self) -> Result<(), Fault> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c), _) => self.at += 1,
                (Some(b'/'), Some(b'/')) => {
                    self.at += self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
                }
                (Some(b'/'), Some(b'*')) => {
                    let start = self.at;
                    let body = self.rest().get(2..).unwrap_or_default();
                    let Some(end) = body.find("*/") else {
                        self.at = self.text.len();
                        return Err((start, Problem::OpenComment));
                    };
                    self.at += end + 4;
                }
                _ => return Ok(()),
            }
        }
    }

    /// The inside of a literal between two `quote`s on one line.
    fn quoted(&mut self, quote: u8) -> Result<&'a str, Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(byte) if byte == quote => break,
                Some(b'\\') if self.peek(1).is_some_and(|next| next != b'\n' && next != b'\r') => {
                    self.at += 2
                }
                Some(b'\n' | b'\r' | b'\\') | None => {
                    return Err((start, Problem::OpenLiteral(char::from(quote))));
                }
                Some(_) => self.at += 1,
            }
        }
        let inside = self.text.get(start + 1..self.at).unwrap_or_default();
        self.at += 1;
        Ok(inside)
    }

    fn starts_number(&self) -> bool {
        let digit = |ahead| self.peek(ahead).is_some_and(|byte| byte.is_ascii_digit());
        digit(1) || (self.peek(1) == Some(b'.') && digit(2))
    }

    /// Everything that may belong to a number; what it is is decided when it is read.
    fn number(&mut self) -> &'a str {
        let start = self.at;
        self.at += 1;
        let hexadecimal =
            |text: &str| text.trim_start_matches(['+', '-']).starts_with(['0']) && text.contains(['x', 'X']);
        while let Some(byte) = self.peek(0) {
            let so_far = self.text.get(start..self.at).unwrap_or_default();
            let exponent_sign =
                matches!(byte, b'+' | b'-') && so_far.ends_with(['e', 'E']) && !hexadecimal(so_far);
            if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || exponent_sign) {
                break;
            }
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn take_while(&mut self, accept: fn(u8) -> bool) -> &'a str {
        let length = self.rest().bytes().take_while(|byte| accept(*byte)).count();
        let taken = self.rest().get(..length).unwrap_or_default();
        self.at += length;
        taken
    }
}

/// Names may hold every character from U+0080 up, so every byte of one continues a word.
const fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

const fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit()
}

/// Appends what a literal stands for: its escapes are resolved (DSP0004, annex A: escapedChar). `start` is the
/// offset of its opening quote.
pub(super) fn unescape(inside: &str, start: usize, out: &mut String) -> Result<(), Fault> {
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        out.push_str(plain);
        let fault = |length: usize| {
            let text = escape.chars().skip(1).take(length).collect();
            (start + 1 + inside.len() - escape.len(), Problem::BadEscape(text))
        };
        let length = match escape.as_bytes().get(1) {
            Some(b'b') => push(out, '\u{8}'),
            Some(b't') => push(out, '\t'),
            Some(b'n') => push(out, '\n'),
            Some(b'f') => push(out, '\u{c}'),
            Some(b'r') => push(out, '\r'),
            Some(quoted @ (b'"' | b'\'' | b'\\')) => push(out, char::from(*quoted)),
            Some(b'x' | b'X') => push_code_unit(escape, out).ok_or_else(|| fault(5))?,
            _ => return Err(fault(1)),
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(())
}

fn push(out: &mut String, c: char) -> usize {
    out.push(c);
    2
}

/// `\x` and 1 to 4 hexadecimal digits: one UTF-16 code unit. Two such escapes may make one character; a
/// surrogate that stands alone is refused, as a string cannot hold it.
fn push_code_unit(escape: &str, out: &mut String) -> Option<usize> {
    let (unit, length) = code_unit(escape)?;
    if let Some(c) = char::from_u32(u32::from(unit)) {
        out.push(c);
        return Some(length);
    }
    let (low, low_length) = code_unit(escape.get(length..)?)?;
    let c = char::decode_utf16([unit, low]).next()?.ok()?;
    out.push(c);
    Some(length + low_length)
}

/// Reads one `\xHHHH`: its value and its length.
pub(super) fn code_unit(escape: &str) -> Option<(u16, usize)> {
    let digits = escape
        .strip_prefix("\\x")
        .or_else(|| escape.strip_prefix("\\X"))?;
    let count = digits.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
    let unit = u16::from_str_radix(digits.get(..count)?, 16).ok()?;
    Some((unit, 2 + count))
}
