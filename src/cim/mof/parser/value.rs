//! Values and instances.

use super::super::ast::{InstanceDecl, Literal, LiteralKind, QualifierUse, ValueNode};
use super::super::error::Problem;
use super::super::lexer::{Token, code_unit, unescape};
use super::super::limits;
use super::{Parse, Parser, shortened};

impl Parser<'_, '_> {
    /// Any value, or an array of them in braces.
    pub(super) fn value(&mut self) -> Parse<Literal> {
        let at = self.here();
        if !self.accept('{')? {
            return self.single("a value");
        }
        let mut items = Vec::new();
        if !self.accept('}')? {
            loop {
                items.push(self.single("a value or `}`")?);
                if !self.accept(',')? {
                    break;
                }
            }
            self.expect('}', "`,` or `}`")?;
            items.shrink_to_fit();
        }
        Ok(Literal {
            at,
            kind: LiteralKind::Array(items),
        })
    }

    fn single(&mut self, wanted: &'static str) -> Parse<Literal> {
        let at = self.here();
        let kind = match self.token {
            Token::String(_) => LiteralKind::String(self.string(wanted)?),
            Token::Word(_) if self.is_keyword("instance") => {
                LiteralKind::Instance(Box::new(self.instance(Vec::new())?))
            }
            token => {
                let kind = match token {
                    Token::Char(inside) => LiteralKind::Char(self.char16(inside)?),
                    Token::Number(text) => {
                        number(text).ok_or_else(|| (self.offset, Problem::BadNumber(shortened(text))))?
                    }
                    Token::Alias(name) => LiteralKind::Alias(name.to_owned()),
                    Token::Word(_) if self.is_keyword("true") => LiteralKind::Boolean(true),
                    Token::Word(_) if self.is_keyword("false") => LiteralKind::Boolean(false),
                    Token::Word(_) if self.is_keyword("null") => LiteralKind::Null,
                    _ => return self.expected(wanted),
                };
                self.advance()?;
                kind
            }
        };
        Ok(Literal { at, kind })
    }

    /// String literals one after the other make one string.
    pub(super) fn string(&mut self, wanted: &'static str) -> Parse<String> {
        let mut text = String::new();
        let mut any = false;
        while let Token::String(inside) = self.token {
            any = true;
            unescape(inside, self.offset, &mut text)?;
            self.advance()?;
        }
        if any {
            text.shrink_to_fit();
            Ok(text)
        } else {
            self.expected(wanted)
        }
    }

    /// The one code unit of a char literal. It may be half of a surrogate pair if it is written as `\xHHHH`.
    fn char16(&self, inside: &str) -> Parse<u16> {
        if let Some((unit, length)) = code_unit(inside)
            && length == inside.len()
        {
            return Ok(unit);
        }
        let mut text = String::new();
        unescape(inside, self.offset, &mut text)?;
        let mut units = text.encode_utf16();
        match (units.next(), units.next()) {
            (Some(unit), None) => Ok(unit),
            _ => Err((self.offset, Problem::BadChar)),
        }
    }

    /// `instance of Class as $Alias { ... }`, without what follows it.
    pub(super) fn instance(&mut self, qualifiers: Vec<QualifierUse>) -> Parse<InstanceDecl> {
        self.instances += 1;
        if self.instances > limits::NESTED_INSTANCES {
            return Err((self.offset, Problem::TooDeep(limits::NESTED_INSTANCES)));
        }
        self.advance()?;
        if !self.accept_keyword("of")? {
            return self.expected("`of`");
        }
        let mut instance = InstanceDecl {
            class: self.ident("the name of the class")?,
            alias: self.alias()?,
            qualifiers,
            values: Vec::new(),
        };
        self.expect('{', "`{`, or `as` and an alias")?;
        while !self.accept('}')? {
            let qualifiers = self.qualifiers()?;
            let name = self.ident("the name of a property or `}`")?;
            self.expect('=', "`=`")?;
            let value = self.value()?;
            self.expect(';', "`;` after the value")?;
            instance.values.push(ValueNode {
                name,
                qualifiers,
                value,
            });
        }
        self.instances -= 1;
        Ok(instance)
    }
}

/// integerValue and realValue of DSP0004, annex A.
fn number(text: &str) -> Option<LiteralKind> {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(value) = integer(magnitude) {
        let value = if negative { -value } else { value };
        return Some(LiteralKind::Integer(Box::new(value)));
    }
    real(magnitude).map(|value| LiteralKind::Real(if negative { -value } else { value }))
}

/// Decimal, hexadecimal (`0x1F`), binary (`101b`) and octal (`017`) integers.
fn integer(text: &str) -> Option<i128> {
    let radix = |digits: &str, radix: u32| {
        let plain = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        plain.then(|| i128::from_str_radix(digits, radix).ok()).flatten()
    };
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_suffix(['b', 'B']) {
        return radix(digits, 2);
    }
    match text.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => radix(digits, 8),
        _ => radix(text, 10),
    }
}

/// Digits, a point, digits, and perhaps an exponent.
fn real(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.')?;
    let well_formed = (whole.is_empty() || digits(whole))
        && digits(fraction)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    well_formed.then(|| text.parse().ok()).flatten()
}
