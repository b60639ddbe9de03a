//! Every key of the configuration: what it is called, what it may hold, its default, what it is for.

mod keys;
mod kind;

pub use keys::{MONITOR, SECTIONS};
pub use kind::{Kind, Unit};

use std::path::Path;

use super::environment::Environment;
use super::value::Value;

/// A table of the file: `[name]`, or the keys before any table when the name is empty.
#[derive(Debug)]
pub struct SectionSchema {
    /// The table's name.
    pub name: &'static str,
    /// What the section is about, in one sentence.
    pub doc: &'static str,
    /// Its keys, in the order in which they are shown.
    pub keys: &'static [Key],
}

/// One key of a section.
#[derive(Debug)]
pub struct Key {
    /// The key within its section; it ends in its unit if it has one.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What holds when nobody sets it.
    pub default: Default,
    /// What it is for, in one or two sentences.
    pub doc: &'static str,
}

/// The default of a key.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'static str),
    /// A list of texts.
    List(&'static [&'static str]),
    /// The state folder, which depends on the user.
    StateDir,
    /// The local socket, which depends on the user and the state folder.
    Socket,
    /// A file in the state folder.
    InStateDir(&'static str),
    /// None: the key may be left out, and the text says what happens then.
    Unset(&'static str),
}

impl SectionSchema {
    /// The full key of one of the section's keys: `wsman.listen`.
    pub fn full_key(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Default {
    /// The value, given the surroundings and the state folder in force; `None` for unset.
    pub fn value(&self, environment: &Environment, state_dir: &Path) -> Option<Value> {
        let path = |path: &Path| Value::Text(path.to_string_lossy().into_owned());
        match self {
            Self::Bool(value) => Some(Value::Bool(*value)),
            Self::Integer(value) => Some(Value::Integer(*value)),
            Self::Text(value) => Some(Value::Text((*value).to_owned())),
            Self::List(items) => Some(Value::List(items.iter().map(|item| (*item).to_owned()).collect())),
            Self::StateDir => Some(path(&environment.state_dir())),
            Self::Socket => Some(path(&environment.socket(state_dir))),
            Self::InStateDir(name) => Some(path(&state_dir.join(name))),
            Self::Unset(_) => None,
        }
    }

    /// The default in words and TOML, as documentation shows it.
    pub fn describe(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Text(value) => Value::Text((*value).to_owned()).to_string(),
            Self::List(items) => {
                Value::List(items.iter().map(|item| (*item).to_owned()).collect()).to_string()
            }
            Self::StateDir => {
                "`/var/lib/esm` for root, else `$XDG_STATE_HOME/esm`, else `~/.local/state/esm`".to_owned()
            }
            Self::Socket => "`/run/esm/esm.sock` for root, else `esm.sock` in the state folder".to_owned(),
            Self::InStateDir(name) => format!("`{name}` in the state folder"),
            Self::Unset(meaning) => format!("unset: {meaning}"),
        }
    }
}

/// The schema's section and key of a full key; `None` if there is no such key. The keys of monitors
/// (`monitor.cpu.warning`) are found in [`MONITOR`].
pub(super) fn find(full_key: &str) -> Option<&'static Key> {
    let (section, name) = full_key.split_once('.').unwrap_or(("", full_key));
    SECTIONS.iter().find(|schema| schema.name == section)?.key(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_keys() -> impl Iterator<Item = (&'static SectionSchema, &'static Key)> {
        SECTIONS
            .iter()
            .chain([&MONITOR])
            .flat_map(|section| section.keys.iter().map(move |key| (section, key)))
    }

    #[test]
    fn every_default_is_allowed() {
        let environment = Environment::default();
        for (section, key) in all_keys() {
            if let Some(value) = key.default.value(&environment, Path::new("/state")) {
                assert_eq!(key.kind.check(&value), Ok(()), "{}", section.full_key(key.name));
            }
        }
    }

    #[test]
    fn every_key_ends_in_its_unit_and_is_documented() {
        for (section, key) in all_keys() {
            let full = section.full_key(key.name);
            if let Kind::Integer { unit, .. } = key.kind {
                let suffix = match unit {
                    Unit::Secs => "_secs",
                    Unit::Millis => "_millis",
                    Unit::Bytes => "_bytes",
                    Unit::Count => "",
                };
                assert!(key.name.ends_with(suffix), "{full} must end in {suffix}");
            }
            assert!(key.doc.ends_with('.'), "{full}: the documentation is a sentence");
        }
    }

    #[test]
    fn the_table_names_every_rule() {
        let Some(Key {
            kind: Kind::Choice(named),
            ..
        }) = MONITOR.key("rule")
        else {
            panic!("no rule")
        };
        let rules: Vec<String> = crate::monitor::default_rules()
            .into_iter()
            .map(|rule| rule.id)
            .collect();
        assert_eq!(*named, rules);
    }

    #[test]
    fn no_key_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for (section, key) in all_keys() {
            assert!(
                seen.insert(section.full_key(key.name)),
                "{} stands twice",
                section.full_key(key.name)
            );
        }
    }
}
