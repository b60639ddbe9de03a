//! Values (DSP0004, 5.2). NULL is no value of its own: where a value may be missing, `Option<Value>` says so.

use std::sync::Arc;

use super::decimal::{write_decimal, write_hundredths};
use super::{CimType, Class, DateTime, Instance, InstancePath};

/// A value that is not NULL.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Value {
    Boolean(bool),
    Uint8(u8),
    Uint16(u16),
    Uint32(u32),
    Uint64(u64),
    Sint8(i8),
    Sint16(i16),
    Sint32(i32),
    Sint64(i64),
    Real32(f32),
    Real64(f64),
    /// One UTF-16 code unit; a lone surrogate is legal here.
    Char16(u16),
    String(String),
    DateTime(DateTime),
    /// A reference to an instance or a class.
    Reference(Box<InstancePath>),
    /// An embedded instance. Its CIM type is `string`.
    Instance(Arc<Instance>),
    /// An embedded class. Its CIM type is `string`.
    Class(Arc<Class>),
    /// An array; all items are of one type and none is an array.
    Array(Vec<Value>),
}

/// Why a text is no value of a type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is no {expected}{}", range_of(*.expected))]
pub struct BadValue {
    /// The text as it came, cut to a readable length.
    pub text: String,
    /// The type that was wanted.
    pub expected: CimType,
}

fn range_of(expected: CimType) -> &'static str {
    match expected {
        CimType::Boolean => " (true or false)",
        CimType::Uint8 => " (0 to 255)",
        CimType::Uint16 => " (0 to 65535)",
        CimType::Uint32 => " (0 to 4294967295)",
        CimType::Uint64 => " (0 to 18446744073709551615)",
        CimType::Sint8 => " (-128 to 127)",
        CimType::Sint16 => " (-32768 to 32767)",
        CimType::Sint32 => " (-2147483648 to 2147483647)",
        CimType::Sint64 => " (-9223372036854775808 to 9223372036854775807)",
        CimType::DateTime => " (yyyymmddhhmmss.mmmmmmsutc or ddddddddhhmmss.mmmmmm:000)",
        CimType::Char16 => " (one character)",
        CimType::Real32 | CimType::Real64 | CimType::String | CimType::Reference => "",
    }
}

impl Value {
    /// A string value.
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// The intrinsic type of the value, of its items where it is an array; `None` for an empty array.
    pub fn cim_type(&self) -> Option<CimType> {
        Some(match self {
            Self::Boolean(_) => CimType::Boolean,
            Self::Uint8(_) => CimType::Uint8,
            Self::Uint16(_) => CimType::Uint16,
            Self::Uint32(_) => CimType::Uint32,
            Self::Uint64(_) => CimType::Uint64,
            Self::Sint8(_) => CimType::Sint8,
            Self::Sint16(_) => CimType::Sint16,
            Self::Sint32(_) => CimType::Sint32,
            Self::Sint64(_) => CimType::Sint64,
            Self::Real32(_) => CimType::Real32,
            Self::Real64(_) => CimType::Real64,
            Self::Char16(_) => CimType::Char16,
            Self::String(_) | Self::Instance(_) | Self::Class(_) => CimType::String,
            Self::DateTime(_) => CimType::DateTime,
            Self::Reference(_) => CimType::Reference,
            Self::Array(items) => return items.first().and_then(Self::cim_type),
        })
    }

    /// Whether the value is an array.
    pub const fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a boolean.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of an integer of any width.
    pub fn as_integer(&self) -> Option<i128> {
        Some(match self {
            Self::Uint8(v) => i128::from(*v),
            Self::Uint16(v) => i128::from(*v),
            Self::Uint32(v) => i128::from(*v),
            Self::Uint64(v) => i128::from(*v),
            Self::Sint8(v) => i128::from(*v),
            Self::Sint16(v) => i128::from(*v),
            Self::Sint32(v) => i128::from(*v),
            Self::Sint64(v) => i128::from(*v),
            _ => return None,
        })
    }

    /// The value of an integer that fits a `u64`.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_integer().and_then(|v| u64::try_from(v).ok())
    }

    /// The value of any number; integers over 2^53 are rounded.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Real32(v) => Some(f64::from(*v)),
            Self::Real64(v) => Some(*v),
            Self::Uint64(v) => Some(*v as f64),
            Self::Sint64(v) => Some(*v as f64),
            _ => self.as_integer().map(|v| v as f64),
        }
    }

    /// The items of an array, or the value itself as the only item.
    pub fn items(&self) -> &[Value] {
        match self {
            Self::Array(items) => items,
            single => std::slice::from_ref(single),
        }
    }

    /// Reads a value of `ty` from the text that both protocols use for it (DSP0201, DSP0230): decimal
    /// numbers (hexadecimal and binary integers as CIM-XML allows them), `true`/`false` in any case,
    /// the 25 characters of a datetime. References have a structure of their own and are refused.
    pub fn from_text(ty: CimType, text: &str) -> Result<Self, BadValue> {
        let bad = || BadValue {
            text: text.chars().take(80).collect(),
            expected: ty,
        };
        let trimmed = text.trim();
        let integer = || parse_integer(trimmed).ok_or_else(bad);
        Ok(match ty {
            CimType::Boolean if trimmed.eq_ignore_ascii_case("true") => Self::Boolean(true),
            CimType::Boolean if trimmed.eq_ignore_ascii_case("false") => Self::Boolean(false),
            CimType::Boolean | CimType::Reference => return Err(bad()),
            CimType::Uint8 => Self::Uint8(integer()?.try_into().map_err(|_| bad())?),
            CimType::Uint16 => Self::Uint16(integer()?.try_into().map_err(|_| bad())?),
            CimType::Uint32 => Self::Uint32(integer()?.try_into().map_err(|_| bad())?),
            CimType::Uint64 => Self::Uint64(integer()?.try_into().map_err(|_| bad())?),
            CimType::Sint8 => Self::Sint8(integer()?.try_into().map_err(|_| bad())?),
            CimType::Sint16 => Self::Sint16(integer()?.try_into().map_err(|_| bad())?),
            CimType::Sint32 => Self::Sint32(integer()?.try_into().map_err(|_| bad())?),
            CimType::Sint64 => Self::Sint64(integer()?.try_into().map_err(|_| bad())?),
            CimType::Real32 => Self::Real32(trimmed.parse().map_err(|_| bad())?),
            CimType::Real64 => Self::Real64(trimmed.parse().map_err(|_| bad())?),
            CimType::Char16 => Self::Char16(parse_char16(text).ok_or_else(bad)?),
            CimType::String => Self::String(text.to_owned()),
            CimType::DateTime => Self::DateTime(trimmed.parse().map_err(|_| bad())?),
        })
    }

    /// Appends the text that [`Value::from_text`] reads back. Arrays, references and embedded objects
    /// have no such text: nothing is appended for them.
    pub fn write_text(&self, out: &mut String) {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Boolean(true) => out.write_str("true"),
            Self::Boolean(false) => out.write_str("false"),
            Self::Uint8(v) => write_decimal(out, (*v).into()),
            Self::Uint16(v) => write_decimal(out, (*v).into()),
            Self::Uint32(v) => write_decimal(out, (*v).into()),
            Self::Uint64(v) => write_decimal(out, *v),
            Self::Sint8(v) => write!(out, "{v}"),
            Self::Sint16(v) => write!(out, "{v}"),
            Self::Sint32(v) => write!(out, "{v}"),
            Self::Sint64(v) => write!(out, "{v}"),
            Self::Real32(v) => write_real(out, f64::from(*v), &format_args!("{v:?}")),
            Self::Real64(v) => write_real(out, *v, &format_args!("{v:?}")),
            Self::Char16(unit) => {
                out.push(char::from_u32(u32::from(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
                Ok(())
            }
            Self::String(text) => out.write_str(text),
            Self::DateTime(value) => write!(out, "{value}"),
            Self::Reference(_) | Self::Instance(_) | Self::Class(_) | Self::Array(_) => Ok(()),
        };
    }

    /// The text that [`Value::from_text`] reads back, as a string of its own; see [`Value::write_text`].
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write_text(&mut out);
        out
    }
}

/// Reals are written in the shortest form that reads back to the same value; infinities and NaN as
/// XML Schema spells them.
fn write_real(out: &mut String, value: f64, shortest: &std::fmt::Arguments<'_>) -> std::fmt::Result {
    use std::fmt::Write;
    if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "INF" } else { "-INF" })
    } else {
        write_hundredths(out, value).unwrap_or_else(|| out.write_fmt(*shortest))
    }
}

/// Decimal, `0x` hexadecimal and `b` binary integers (DSP0004, annex A: integerValue).
fn parse_integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        if hex.starts_with(['+', '-']) {
            return None;
        }
        i128::from_str_radix(hex, 16).ok()?
    } else if let Some(bits) = digits.strip_suffix(['b', 'B']) {
        i128::from_str_radix(bits, 2).ok()?
    } else {
        digits.parse().ok()?
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn parse_char16(text: &str) -> Option<u16> {
    let mut units = text.encode_utf16();
    let unit = units.next()?;
    units.next().is_none().then_some(unit)
}

macro_rules! from {
    ($($rust:ty => $variant:ident),*) => {
        $(impl From<$rust> for Value {
            fn from(value: $rust) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}
from!(bool => Boolean, u8 => Uint8, u16 => Uint16, u32 => Uint32, u64 => Uint64, i8 => Sint8, i16 => Sint16,
    i32 => Sint32, i64 => Sint64, f32 => Real32, f64 => Real64, String => String, &str => String, DateTime => DateTime,
    InstancePath => Reference, Instance => Instance);

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ty: CimType, text: &str, expect: Option<Value>) {
        let got = Value::from_text(ty, text).ok();
        assert_eq!(got, expect, "{ty} {text:?}");
        if let Some(value) = got {
            assert_eq!(
                Value::from_text(ty, &value.to_text()),
                Ok(value),
                "{ty} {text:?} reads back"
            );
        }
    }

    #[test]
    fn texts_are_read_and_written() {
        check(CimType::Boolean, "TRUE", Some(Value::Boolean(true)));
        check(CimType::Boolean, "1", None);
        check(CimType::Uint8, "255", Some(Value::Uint8(255)));
        check(CimType::Uint8, "256", None);
        check(CimType::Uint8, "-1", None);
        check(CimType::Uint16, "0xFf", Some(Value::Uint16(255)));
        check(CimType::Uint16, "101b", Some(Value::Uint16(5)));
        check(
            CimType::Uint64,
            "18446744073709551615",
            Some(Value::Uint64(u64::MAX)),
        );
        check(
            CimType::Sint64,
            "-9223372036854775808",
            Some(Value::Sint64(i64::MIN)),
        );
        check(CimType::Sint32, "--5", None);
        check(CimType::Sint32, "0x-5", None);
        check(CimType::Sint32, "", None);
        check(CimType::Real64, "2.5e3", Some(Value::Real64(2500.0)));
        check(CimType::Real32, "INF", Some(Value::Real32(f32::INFINITY)));
        check(CimType::Real32, "x", None);
        check(CimType::Char16, "é", Some(Value::Char16(0xe9)));
        check(CimType::Char16, "ab", None);
        check(CimType::String, " kept ", Some(Value::string(" kept ")));
        check(CimType::Reference, "x", None);
    }

    #[test]
    fn an_error_says_what_would_be_right() {
        let error = Value::from_text(CimType::Uint8, "300").unwrap_err();
        assert_eq!(error.to_string(), "`300` is no uint8 (0 to 255)");
    }
}
