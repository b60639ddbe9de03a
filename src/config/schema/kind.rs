//! What a key may hold, how that is checked, and how it is told.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::config::network::Network;
use crate::config::value::Value;

/// What a key may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number within both bounds.
    Integer {
        /// The least allowed value.
        min: i64,
        /// The greatest allowed value.
        max: i64,
        /// What is counted.
        unit: Unit,
    },
    /// A percentage from 0 to 100, or `"none"` for a level that is not watched.
    Level,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A text that is not empty.
    Text,
    /// An absolute path.
    AbsolutePath,
    /// The path of an HTTP request: begins with `/`, holds no space, query or fragment.
    UrlPath,
    /// The beginning of a resource URI, up to the class name: absolute, and ends in `/`.
    UriPrefix,
    /// A list of IP addresses with a port.
    SocketAddresses,
    /// A list of networks.
    Networks,
    /// A list of host names and IP addresses.
    HostNames,
    /// A list of texts, none empty.
    Texts,
    /// A list of absolute paths.
    AbsolutePaths,
}

/// The unit of a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Secs,
    /// Milliseconds.
    Millis,
    /// Bytes.
    Bytes,
    /// A number of things.
    Count,
}

impl Kind {
    /// Checks a value.
    ///
    /// # Errors
    /// What is wrong with it, with the allowed range or form.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        match (self, value) {
            (Self::Bool, Value::Bool(_)) => Ok(()),
            (Self::Integer { min, max, .. }, Value::Integer(value)) => {
                self.when((min..=max).contains(&value))
            }
            (Self::Level, Value::Text(text)) => self.when(text == "none"),
            (Self::Level, value) => self.when(
                value
                    .as_number()
                    .is_some_and(|number| (0.0..=100.0).contains(&number)),
            ),
            (Self::Choice(words), Value::Text(text)) => self.when(words.contains(&text.as_str())),
            (Self::Text, Value::Text(text)) => self.when(!text.is_empty()),
            (Self::AbsolutePath, Value::Text(text)) => self.when(is_absolute_path(text)),
            (Self::UrlPath, Value::Text(text)) => self.when(is_url_path(text)),
            (Self::UriPrefix, Value::Text(text)) => self.when(is_uri_prefix(text)),
            (Self::SocketAddresses, Value::List(items)) => self.each(items, |item| {
                item.parse::<SocketAddr>().map(drop).map_err(|_| quote(item))
            }),
            (Self::Networks, Value::List(items)) => self.each(items, |item| {
                item.parse::<Network>()
                    .map(drop)
                    .map_err(|error| error.to_string())
            }),
            (Self::HostNames, Value::List(items)) => self.each(items, |item| {
                if is_host_name(item) {
                    Ok(())
                } else {
                    Err(quote(item))
                }
            }),
            (Self::Texts, Value::List(items)) => {
                self.each(
                    items,
                    |item| if item.is_empty() { Err(quote(item)) } else { Ok(()) },
                )
            }
            (Self::AbsolutePaths, Value::List(items)) => self.each(items, |item| {
                if is_absolute_path(item) {
                    Ok(())
                } else {
                    Err(quote(item))
                }
            }),
            (
                Self::Bool
                | Self::Integer { .. }
                | Self::Choice(_)
                | Self::Text
                | Self::AbsolutePath
                | Self::UrlPath
                | Self::UriPrefix
                | Self::SocketAddresses
                | Self::Networks
                | Self::HostNames
                | Self::Texts
                | Self::AbsolutePaths,
                _,
            ) => self.when(false),
        }
    }

    /// `Ok`, or what is allowed.
    fn when(&self, allowed: bool) -> Result<(), String> {
        if allowed {
            Ok(())
        } else {
            Err(format!("must be {self}"))
        }
    }

    /// Checks each item; the first that is wrong is named.
    fn each(&self, items: &[String], check: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
        items
            .iter()
            .try_for_each(|item| check(item))
            .map_err(|reason| format!("must be {self}; {reason}"))
    }
}

/// What is allowed, to be read after 'must be'.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Integer { min, max, unit } => {
                write!(f, "a whole number from {min} to {max}")?;
                match unit {
                    Unit::Secs => f.write_str(" (seconds)"),
                    Unit::Millis => f.write_str(" (milliseconds)"),
                    Unit::Bytes => f.write_str(" (bytes)"),
                    Unit::Count => Ok(()),
                }
            }
            Self::Level => f.write_str("a number from 0 to 100 (percent), or \"none\""),
            Self::Choice(words) => {
                f.write_str("one of ")?;
                for (index, word) in words.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}\"{word}\"")?;
                }
                Ok(())
            }
            Self::Text => f.write_str("a text that is not empty"),
            Self::AbsolutePath => f.write_str("an absolute path such as \"/var/lib/esm\""),
            Self::UrlPath => f.write_str("a path such as \"/wsman\", without space, `?` or `#`"),
            Self::UriPrefix => {
                f.write_str("the beginning of a URI that ends in `/`, such as \"http://example.com/esm/\"")
            }
            Self::SocketAddresses => {
                f.write_str("a list of addresses with a port, such as [\"0.0.0.0:5986\", \"[::]:5986\"]")
            }
            Self::Networks => f.write_str("a list of networks, such as [\"127.0.0.0/8\", \"2001:db8::/32\"]"),
            Self::HostNames => f.write_str(
                "a list of host names and IP addresses, such as [\"esm.example.com\", \"192.0.2.7\"]",
            ),
            Self::Texts => f.write_str("a list of texts, none of them empty"),
            Self::AbsolutePaths => f.write_str("a list of absolute paths, such as [\"/mnt/data\"]"),
        }
    }
}

fn quote(item: &str) -> String {
    format!("`{item}` is none")
}

fn is_absolute_path(text: &str) -> bool {
    Path::new(text).is_absolute() && !text.contains('\0')
}

fn is_url_path(text: &str) -> bool {
    text.starts_with('/')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte))
}

fn is_uri_prefix(text: &str) -> bool {
    text.contains("://") && text.ends_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An address, or labels of letters, digits, `-` and `_` between dots (RFC 1123 §2.1).
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(right) && !label.starts_with('-')
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(is_label))
}
