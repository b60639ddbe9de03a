//! From text to tokens. The languages share one lexer; what they do not share, the parser refuses.

use super::tokens::{Token, TokenKind, excerpt};
use super::{MAX_TEXT_BYTES, QueryError, Reason};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A name or a keyword; only its place tells which.
    Word(String),
    /// A string, without quotes and escapes.
    Text(String),
    Integer(i128),
    Real(f64),
    Star,
    Comma,
    Dot,
    DoubleColon,
    Hash,
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// The end of the text; always the last token.
    End,
}

impl TokenKind for Kind {
    const END: &'static Self = &Self::End;

    fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{}`", excerpt(word)),
            Self::Text(text) => format!("the string `{}`", excerpt(text)),
            Self::Integer(value) => format!("`{value}`"),
            Self::Real(value) => format!("`{value:?}`"),
            Self::End => "the end of the query".to_owned(),
            Self::Star => "`*`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::Dot => "`.`".to_owned(),
            Self::DoubleColon => "`::`".to_owned(),
            Self::Hash => "`#`".to_owned(),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::OpenBracket => "`[`".to_owned(),
            Self::CloseBracket => "`]`".to_owned(),
            Self::Equal => "`=`".to_owned(),
            Self::NotEqual => "`<>`".to_owned(),
            Self::Less => "`<`".to_owned(),
            Self::LessEqual => "`<=`".to_owned(),
            Self::Greater => "`>`".to_owned(),
            Self::GreaterEqual => "`>=`".to_owned(),
        }
    }
}

impl Kind {
    /// Whether the token is that word, whatever its case.
    pub fn is_word(&self, wanted: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(wanted))
    }
}

/// Splits a query into its tokens.
pub fn tokens(text: &str) -> Result<Vec<Token<Kind>>, QueryError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Reason::TooLong { bytes: text.len() }.at(text, 0));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_while(char::is_whitespace);
        let at = lexer.at;
        let kind = lexer.next().map_err(|(reason, at)| reason.at(text, at))?;
        let end = kind == Kind::End;
        tokens.push(Token { kind, at });
        if end {
            return Ok(tokens);
        }
    }
}

/// A fault and its place.
type Fault = (Reason, usize);

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn skip_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or("")
    }

    fn next(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        let Some(c) = self.peek() else {
            return Ok(Kind::End);
        };
        if is_name_start(c) {
            return Ok(Kind::Word(self.skip_while(is_name_part).to_owned()));
        }
        let signed = |rest: &str| {
            rest.chars()
                .nth(1)
                .is_some_and(|c| c.is_ascii_digit() || c == '.')
        };
        if c.is_ascii_digit() || matches!(c, '+' | '-') && signed(self.rest()) {
            return self.number().map_err(|reason| (reason, start));
        }
        self.bump();
        Ok(match c {
            '\'' | '"' => self.string(c, start)?,
            '*' => Kind::Star,
            ',' => Kind::Comma,
            '.' => Kind::Dot,
            '#' => Kind::Hash,
            '(' => Kind::Open,
            ')' => Kind::Close,
            '[' => Kind::OpenBracket,
            ']' => Kind::CloseBracket,
            '=' => Kind::Equal,
            '<' if self.eat('>') => Kind::NotEqual,
            '<' if self.eat('=') => Kind::LessEqual,
            '<' => Kind::Less,
            '>' if self.eat('=') => Kind::GreaterEqual,
            '>' => Kind::Greater,
            '!' if self.eat('=') => Kind::NotEqual,
            ':' if self.eat(':') => Kind::DoubleColon,
            other => return Err((Reason::UnexpectedCharacter(other), start)),
        })
    }

    /// The rest of a string. The quote within it is doubled or escaped.
    fn string(&mut self, quote: char, start: usize) -> Result<Kind, Fault> {
        let mut out = String::new();
        loop {
            let at = self.at;
            match self.bump() {
                None => return Err((Reason::UnterminatedString, start)),
                Some('\\') => out.push(self.escape().map_err(|reason| (reason, at))?),
                Some(c) if c == quote && self.eat(quote) => out.push(quote),
                Some(c) if c == quote => return Ok(Kind::Text(out)),
                Some(c) => out.push(c),
            }
        }
    }

    /// What stands after a backslash: the escapes of MOF strings and `\uHHHH`.
    fn escape(&mut self) -> Result<char, Reason> {
        let Some(c) = self.bump() else {
            return Err(Reason::UnterminatedString);
        };
        Ok(match c {
            '\\' | '\'' | '"' => c,
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            'x' | 'X' | 'u' => {
                let digits: String = self.rest().chars().take(4).collect();
                let code = (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
                    .then(|| u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32))
                    .flatten()
                    .ok_or_else(|| Reason::BadEscape(format!("{c}{digits}")))?;
                self.at += 4;
                code
            }
            other => return Err(Reason::BadEscape(other.to_string())),
        })
    }

    /// Decimal, hexadecimal (`0x1F`) and binary (`101b`) integers, and reals.
    fn number(&mut self) -> Result<Kind, Reason> {
        let start = self.at;
        let negative = self.eat('-');
        if !negative {
            self.eat('+');
        }
        let body_start = self.at;
        self.skip_while(|c| is_name_part(c) || c == '.');
        // The sign of an exponent: `1e-5`, but not the `e` of a hexadecimal number.
        let so_far = self.text.get(body_start..self.at).unwrap_or("");
        if so_far.ends_with(['e', 'E']) && !so_far.starts_with("0x") && matches!(self.peek(), Some('+' | '-'))
        {
            self.bump();
            self.skip_while(|c| c.is_ascii_digit());
        }
        let whole = self.text.get(start..self.at).unwrap_or("");
        let body = self.text.get(body_start..self.at).unwrap_or("");
        let bad = || Reason::BadNumber(excerpt(whole));
        let out_of_range = || Reason::NumberOutOfRange(excerpt(whole));
        let (digits, radix) = if let Some(hex) = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
            (hex, 16)
        } else if let Some(bits) = body.strip_suffix(['b', 'B']) {
            (bits, 2)
        } else {
            (body, 10)
        };
        if !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)) {
            let magnitude = i128::from_str_radix(digits, radix).map_err(|_| out_of_range())?;
            let value = if negative { -magnitude } else { magnitude };
            let fits = i64::try_from(value).is_ok() || u64::try_from(value).is_ok();
            return if fits {
                Ok(Kind::Integer(value))
            } else {
                Err(out_of_range())
            };
        }
        let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
        if radix != 10 || !body.chars().all(plain) {
            return Err(bad());
        }
        let value: f64 = whole.parse().map_err(|_| bad())?;
        if value.is_finite() {
            Ok(Kind::Real(value))
        } else {
            Err(out_of_range())
        }
    }
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && !c.is_whitespace())
}

fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[Kind]) {
        let got: Vec<Kind> = tokens(text)
            .map(|tokens| tokens.into_iter().map(|token| token.kind).collect())
            .unwrap();
        let (end, kinds) = got.split_last().unwrap();
        assert_eq!(end, &Kind::End);
        assert_eq!(kinds, expect, "{text:?}");
    }

    #[track_caller]
    fn bad(text: &str, column: usize, message: &str) {
        let error = tokens(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("line 1, column {column}: {message}"),
            "{text:?}"
        );
    }

    fn text(text: &str) -> Kind {
        Kind::Text(text.to_owned())
    }

    #[test]
    fn numbers() {
        check("0", &[Kind::Integer(0)]);
        check("-5 +5", &[Kind::Integer(-5), Kind::Integer(5)]);
        check("0x1F 0Xff", &[Kind::Integer(31), Kind::Integer(255)]);
        check("0x1e -0xE", &[Kind::Integer(30), Kind::Integer(-14)]);
        check("101b 1B", &[Kind::Integer(5), Kind::Integer(1)]);
        check("18446744073709551615", &[Kind::Integer(i128::from(u64::MAX))]);
        check("-9223372036854775808", &[Kind::Integer(i128::from(i64::MIN))]);
        check("1.5 -0.25", &[Kind::Real(1.5), Kind::Real(-0.25)]);
        check(
            "1e3 1E-3 2.5e+2",
            &[Kind::Real(1000.0), Kind::Real(0.001), Kind::Real(250.0)],
        );
        bad(
            "18446744073709551616",
            1,
            "`18446744073709551616` is out of range",
        );
        bad(
            "x = -9223372036854775809",
            5,
            "`-9223372036854775809` is out of range",
        );
        bad("1e999", 1, "`1e999` is out of range");
        bad("5x", 1, "`5x` is no number");
        bad("0x", 1, "`0x` is no number");
        bad("102b", 1, "`102b` is no number");
        bad("1.2.3", 1, "`1.2.3` is no number");
        bad("1e", 1, "`1e` is no number");
        bad("1infinity", 1, "`1infinity` is no number");
    }

    #[test]
    fn strings() {
        check("'a' \"b\"", &[text("a"), text("b")]);
        check("'it''s' \"say \"\"so\"\"\"", &[text("it's"), text("say \"so\"")]);
        check(r#"'it\'s' "a\\b\t\n""#, &[text("it's"), text("a\\b\t\n")]);
        check(r"'\u00e9\x00E9'", &[text("éé")]);
        check("'é\n'", &[text("é\n")]);
        check("''", &[text("")]);
        bad("'abc", 1, "the string that starts here does not end");
        bad("x = 'abc\\", 9, "the string that starts here does not end");
        bad(r"'C:\Temp'", 4, r"`\T` is no escape; a backslash is written `\\`");
        bad(
            r"'\ud800'",
            2,
            r"`\ud800` is no escape; a backslash is written `\\`",
        );
        bad(r"'\u12'", 2, r"`\u12'` is no escape; a backslash is written `\\`");
        bad(
            r"'\u+123'",
            2,
            r"`\u+123` is no escape; a backslash is written `\\`",
        );
    }

    #[test]
    fn names_and_marks() {
        check(
            "A.B::C[0]#'x' <> != <= >= < > = , * ( )",
            &[
                Kind::Word("A".into()),
                Kind::Dot,
                Kind::Word("B".into()),
                Kind::DoubleColon,
                Kind::Word("C".into()),
                Kind::OpenBracket,
                Kind::Integer(0),
                Kind::CloseBracket,
                Kind::Hash,
                text("x"),
                Kind::NotEqual,
                Kind::NotEqual,
                Kind::LessEqual,
                Kind::GreaterEqual,
                Kind::Less,
                Kind::Greater,
                Kind::Equal,
                Kind::Comma,
                Kind::Star,
                Kind::Open,
                Kind::Close,
            ],
        );
        check("Größe", &[Kind::Word("Größe".into())]);
        bad("a ; b", 3, "`;` has no meaning in a query");
        bad("a - b", 3, "`-` has no meaning in a query");
        bad("a:b", 2, "`:` has no meaning in a query");
    }

    #[test]
    fn length_is_limited() {
        assert!(tokens(&" ".repeat(MAX_TEXT_BYTES)).is_ok());
        assert_eq!(
            tokens(&" ".repeat(MAX_TEXT_BYTES + 1)).unwrap_err().reason,
            Reason::TooLong {
                bytes: MAX_TEXT_BYTES + 1
            }
        );
    }
}
