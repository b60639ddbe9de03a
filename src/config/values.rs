//! The values in force, each with where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::Environment;
use super::monitor;
use super::schema;
use super::value::Value;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1, if it is known.
        line: Option<usize>,
    },
    /// A remote change or a tool, kept by the store.
    Remote,
}

impl Source {
    /// The line in the file, if the value comes from one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::File { line, .. } => *line,
            Self::Default | Self::Remote => None,
        }
    }
}

/// `default`, `FILE:LINE` or `remote`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line: None } => write!(f, "{}", file.display()),
            Self::File {
                file,
                line: Some(line),
            } => write!(f, "{}:{line}", file.display()),
            Self::Remote => f.write_str("remote"),
        }
    }
}

/// One value in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// The value; `None` if the key is unset and has no default.
    pub value: Option<Value>,
    /// Where it comes from.
    pub source: Source,
}

/// What one source says: full key to value and place.
pub(super) type Layer = BTreeMap<String, (Value, Source)>;

/// The values of all keys, after precedence.
#[derive(Clone, Debug)]
pub(super) struct Values {
    settings: BTreeMap<String, Effective>,
    /// Keys whose value was refused: what holds for them here is the default, and checks that
    /// compare several keys leave them alone.
    refused: BTreeSet<String>,
}

impl Values {
    /// Lays the layers over the defaults, a later one over an earlier one.
    pub(super) fn new(environment: &Environment, layers: &[&Layer], refused: BTreeSet<String>) -> Self {
        let set = |key: &str| layers.iter().rev().find_map(|layer| layer.get(key));
        let state_dir = match set("state_dir") {
            Some((Value::Text(path), _)) => PathBuf::from(path),
            _ => environment.state_dir(),
        };
        let mut settings = BTreeMap::new();
        for section in schema::SECTIONS {
            for key in section.keys {
                let value = key.default.value(environment, &state_dir);
                settings.insert(
                    section.full_key(key.name),
                    Effective {
                        value,
                        source: Source::Default,
                    },
                );
            }
        }
        for (key, value) in monitor::defaults() {
            settings.insert(
                key,
                Effective {
                    value: Some(value),
                    source: Source::Default,
                },
            );
        }
        for (key, (value, source)) in layers.iter().flat_map(|layer| layer.iter()) {
            settings.insert(
                key.clone(),
                Effective {
                    value: Some(value.clone()),
                    source: source.clone(),
                },
            );
        }
        Self { settings, refused }
    }

    /// Every full key that has a value or could have one.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(String::as_str)
    }

    pub(super) fn find(&self, key: &str) -> Option<&Effective> {
        self.settings.get(key)
    }

    /// Whether a value for the key was refused.
    pub(super) fn is_refused(&self, key: &str) -> bool {
        self.refused.contains(key)
    }

    /// Whether nobody set the key.
    pub(super) fn is_default(&self, key: &str) -> bool {
        self.settings
            .get(key)
            .is_none_or(|setting| setting.source == Source::Default)
    }

    #[allow(
        clippy::panic,
        reason = "the keys are literals in this room; building the defaults asks for each"
    )]
    fn wrong(&self, key: &str) -> ! {
        panic!("the table of keys has no such key of this type: {key}")
    }

    fn value(&self, key: &str) -> Option<&Value> {
        match self.settings.get(key) {
            Some(setting) => setting.value.as_ref(),
            None => self.wrong(key),
        }
    }

    pub(super) fn bool(&self, key: &str) -> bool {
        match self.value(key) {
            Some(Value::Bool(value)) => *value,
            _ => self.wrong(key),
        }
    }

    /// A whole number. Every range in the table begins at 0 or above.
    pub(super) fn integer(&self, key: &str) -> u64 {
        match self.value(key) {
            Some(Value::Integer(value)) => value.unsigned_abs(),
            _ => self.wrong(key),
        }
    }

    /// A number of things or bytes in memory.
    pub(super) fn size(&self, key: &str) -> usize {
        usize::try_from(self.integer(key)).unwrap_or(usize::MAX)
    }

    pub(super) fn secs(&self, key: &str) -> Duration {
        Duration::from_secs(self.integer(key))
    }

    pub(super) fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(self.integer(key))
    }

    pub(super) fn optional_text(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            None => None,
            Some(Value::Text(text)) => Some(text),
            Some(_) => self.wrong(key),
        }
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.optional_text(key).unwrap_or_else(|| self.wrong(key))
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        Path::new(self.text(key)).to_path_buf()
    }

    pub(super) fn optional_path(&self, key: &str) -> Option<PathBuf> {
        self.optional_text(key).map(PathBuf::from)
    }

    pub(super) fn list(&self, key: &str) -> &[String] {
        match self.value(key) {
            Some(Value::List(items)) => items,
            _ => self.wrong(key),
        }
    }

    /// The items of a list, parsed; the kind of the key has checked that each can be.
    pub(super) fn parsed<T: std::str::FromStr>(&self, key: &str) -> Vec<T> {
        self.list(key)
            .iter()
            .filter_map(|item| item.parse().ok())
            .collect()
    }
}
