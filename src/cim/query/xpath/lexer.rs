//! From text to the tokens of XPath 1.0 (its section 3.7), as far as level 1 has them.

use super::super::tokens::{Token, TokenKind, excerpt};
use super::super::{MAX_TEXT_BYTES, QueryError, Reason};
use crate::cim::Value;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A name without its prefix, or an operator; only its place tells which.
    Name(String),
    Text(String),
    Number(Value),
    Slash,
    Star,
    Dot,
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
    End,
}

impl TokenKind for Kind {
    const END: &'static Self = &Self::End;

    fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("`{}`", excerpt(name)),
            Self::Text(text) => format!("the string `{}`", excerpt(text)),
            Self::Number(value) => format!("`{}`", value.to_text()),
            Self::End => "the end of the expression".to_owned(),
            Self::Slash => "`/`".to_owned(),
            Self::Star => "`*`".to_owned(),
            Self::Dot => "`.`".to_owned(),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::OpenBracket => "`[`".to_owned(),
            Self::CloseBracket => "`]`".to_owned(),
            Self::Equal => "`=`".to_owned(),
            Self::NotEqual => "`!=`".to_owned(),
            Self::Less => "`<`".to_owned(),
            Self::LessEqual => "`<=`".to_owned(),
            Self::Greater => "`>`".to_owned(),
            Self::GreaterEqual => "`>=`".to_owned(),
        }
    }
}

/// Splits an expression into its tokens.
pub fn tokens(text: &str) -> Result<Vec<Token<Kind>>, QueryError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Reason::TooLong { bytes: text.len() }.at(text, 0));
    }
    let mut rest = text;
    let mut tokens = Vec::new();
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        let (kind, length) = token(rest).map_err(|reason| reason.at(text, at))?;
        rest = rest.get(length..).unwrap_or("");
        let end = kind == Kind::End;
        tokens.push(Token { kind, at });
        if end {
            return Ok(tokens);
        }
    }
}

/// The first token and its length in bytes.
fn token(rest: &str) -> Result<(Kind, usize), Reason> {
    const MARKS: [(&str, Kind); 13] = [
        ("!=", Kind::NotEqual),
        ("<=", Kind::LessEqual),
        (">=", Kind::GreaterEqual),
        ("<", Kind::Less),
        (">", Kind::Greater),
        ("=", Kind::Equal),
        ("/", Kind::Slash),
        ("*", Kind::Star),
        ("(", Kind::Open),
        (")", Kind::Close),
        ("[", Kind::OpenBracket),
        ("]", Kind::CloseBracket),
        (".", Kind::Dot),
    ];
    const BEYOND: [(&str, Reason); 5] = [
        (
            "//",
            Reason::Unsupported("`//` is not in XPath level 1: name every step"),
        ),
        (
            "..",
            Reason::Unsupported("`..` is not in XPath level 1: paths only lead down"),
        ),
        (
            "@",
            Reason::Unsupported("the elements of an instance have no attributes to ask for"),
        ),
        ("|", Reason::Unsupported("`|` is not in XPath level 1")),
        ("$", Reason::Unsupported("there are no variables")),
    ];
    for (mark, reason) in BEYOND {
        if rest.starts_with(mark) {
            return Err(reason);
        }
    }
    let Some(first) = rest.chars().next() else {
        return Ok((Kind::End, 0));
    };
    if matches!(first, '\'' | '"') {
        let body = rest.get(1..).unwrap_or("");
        let length = body.find(first).ok_or(Reason::UnterminatedString)?;
        let text = body.get(..length).unwrap_or("").to_owned();
        return Ok((Kind::Text(text), length + 2));
    }
    if first.is_ascii_digit() || matches!(first, '-' | '.') && second_is_digit(rest) {
        return number(rest);
    }
    if is_name_start(first) {
        return Ok(name(rest));
    }
    for (mark, kind) in MARKS {
        if rest.starts_with(mark) {
            return Ok((kind, mark.len()));
        }
    }
    Err(Reason::UnexpectedCharacter(first))
}

fn second_is_digit(rest: &str) -> bool {
    rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit())
}

fn number(rest: &str) -> Result<(Kind, usize), Reason> {
    let sign = usize::from(rest.starts_with('-'));
    let length = rest
        .get(sign..)
        .and_then(|body| body.find(|c: char| !c.is_ascii_digit() && c != '.'))
        .map_or(rest.len(), |length| length + sign);
    let text = rest.get(..length).unwrap_or("");
    let bad = || Reason::BadNumber(excerpt(text));
    let value = if text.contains('.') {
        Value::Real64(text.parse().map_err(|_| bad())?)
    } else if let Ok(value) = text.parse() {
        Value::Sint64(value)
    } else {
        let value = text
            .parse()
            .map_err(|_| Reason::NumberOutOfRange(excerpt(text)))?;
        Value::Uint64(value)
    };
    Ok((Kind::Number(value), length))
}

/// A name; of `prefix:name` the part after the colon counts.
fn name(rest: &str) -> (Kind, usize) {
    let part = |text: &str| text.find(|c| !is_name_part(c)).unwrap_or(text.len());
    let prefix = part(rest);
    let after = rest
        .get(prefix..)
        .and_then(|text| text.strip_prefix(':'))
        .unwrap_or("");
    if after.starts_with('*') {
        return (Kind::Star, prefix + 2);
    }
    if after.starts_with(is_name_start) {
        let local = part(after);
        let name = after.get(..local).unwrap_or("");
        return (Kind::Name(name.to_owned()), prefix + 1 + local);
    }
    (Kind::Name(rest.get(..prefix).unwrap_or("").to_owned()), prefix)
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && !c.is_whitespace())
}

fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || matches!(c, '-' | '.')
}
