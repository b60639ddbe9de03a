//! A configuration value as it stands in the file, before it means anything.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use toml::de::DeValue;

/// The values set remotely or by a tool, by full key (`monitor.cpu.warning`).
///
/// The store keeps them; a value's text form ([`Value`]'s `Display` and `FromStr`) is TOML.
pub type Remote = BTreeMap<String, Value>;

/// One value: what TOML offers, as far as a key of ours can hold it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

impl Value {
    /// Takes a parsed TOML value, or `None` if no key can hold its type (a table, a date, a list of
    /// other things than texts, a number out of 64 bits).
    pub(super) fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        match value {
            DeValue::Boolean(value) => Some(Self::Bool(*value)),
            DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix())
                .ok()
                .map(Self::Integer),
            DeValue::Float(value) => value.as_str().parse().ok().map(Self::Number),
            DeValue::String(value) => Some(Self::Text(value.to_string())),
            DeValue::Array(items) => items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .map(Self::List),
            DeValue::Datetime(_) | DeValue::Table(_) => None,
        }
    }

    /// The number, whole or not.
    #[allow(
        clippy::cast_precision_loss,
        reason = "levels are small; others are not read as numbers"
    )]
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Bool(_) | Self::Text(_) | Self::List(_) => None,
        }
    }
}

/// The value as TOML.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{}", toml::Value::Float(*value)),
            Self::Text(value) => f.write_str(&quoted(value)),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

/// The text is no TOML value that a key can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a TOML value that a key can hold: {0}")]
pub struct ParseValueError(String);

/// Reads a value back from its TOML form.
impl FromStr for Value {
    type Err = ParseValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DeValue::parse(text)
            .ok()
            .and_then(|value| Self::from_toml(value.get_ref()))
            .ok_or_else(|| ParseValueError(text.to_owned()))
    }
}

/// The text as a TOML basic string, always on one line and always in double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value, text: &str) {
        assert_eq!(value.to_string(), text);
        assert_eq!(text.parse(), Ok(value));
    }

    #[test]
    fn values_are_written_as_toml_and_read_back() {
        check(Value::Bool(true), "true");
        check(Value::Integer(-3), "-3");
        check(Value::Number(80.0), "80.0");
        check(Value::Number(12.5), "12.5");
        check(Value::Text("/var".into()), "\"/var\"");
        check(
            Value::Text("a\"b\\c\nd\u{7}é".into()),
            "\"a\\\"b\\\\c\\nd\\u0007é\"",
        );
        check(Value::List(vec![]), "[]");
        check(Value::List(vec!["a".into(), "b".into()]), "[\"a\", \"b\"]");
    }

    #[test]
    fn other_toml_values_are_refused() {
        for text in [
            "",
            "1979-05-27",
            "{ a = 1 }",
            "[1]",
            "99999999999999999999",
            "maybe",
        ] {
            assert!(text.parse::<Value>().is_err(), "{text:?}");
        }
    }
}
