//! Instance paths (DSP0004, 8.2.5; DSP0207): namespace, class and key values, with one canonical comparison.

mod parse;

use std::fmt;
use std::hash::{Hash, Hasher};

pub use parse::BadPath;

use super::{Name, Namespace, Value};

/// One key of an instance path.
#[derive(Clone, Debug)]
pub struct KeyBinding {
    /// The key property.
    pub name: Name,
    /// Its value. Where a protocol carries keys as bare text (WS-Management selectors), this is a string
    /// until the class says otherwise; the comparison of paths does not mind.
    pub value: Value,
}

/// The path of an instance, or of a class where there are no keys.
///
/// Two paths are equal when class and keys are, whatever the case of names and the order of keys. A host is
/// not part of a path here: what comes in carries names of ours that we cannot all know, and it is ignored.
/// A namespace counts only where both paths have one.
#[derive(Clone, Debug)]
pub struct InstancePath {
    /// The namespace, as the client spelled it.
    pub namespace: Option<Namespace>,
    /// The class.
    pub class_name: Name,
    /// The keys.
    pub keys: Vec<KeyBinding>,
}

impl InstancePath {
    /// A path without keys.
    pub fn new(class_name: Name) -> Self {
        Self {
            namespace: None,
            class_name,
            keys: Vec::new(),
        }
    }

    /// The same path in `namespace`.
    #[must_use]
    pub fn in_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// The same path with one more key.
    #[must_use]
    pub fn with_key(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.keys.push(KeyBinding {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// The value of the key of that name.
    pub fn key(&self, name: &str) -> Option<&Value> {
        self.keys
            .iter()
            .find(|key| key.name == *name)
            .map(|key| &key.value)
    }

    /// The text of a string key.
    pub fn key_str(&self, name: &str) -> Option<&str> {
        self.key(name).and_then(Value::as_str)
    }

    /// Whether both have the same keys with the same values, whatever their order. Class and namespace are
    /// not looked at.
    pub fn same_keys(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len()
            && self.keys.iter().all(|key| {
                other
                    .key(key.name.as_str())
                    .is_some_and(|value| same_key_value(&key.value, value))
            })
    }
}

/// Whether two key values are the same: they are equal, or one is the text of the other, as protocols differ
/// in how much of the type they carry. Numbers compare by value, references by the rule of paths.
pub fn same_key_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Reference(a), Value::Reference(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Reference(path), Value::String(text)) | (Value::String(text), Value::Reference(path)) => {
            path.to_string() == *text
        }
        (Value::String(text), other) | (other, Value::String(text)) => other
            .cim_type()
            .and_then(|ty| Value::from_text(ty, text).ok())
            .is_some_and(|value| same_key_value(&value, other)),
        _ => match (a.as_integer(), b.as_integer()) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
    }
}

impl PartialEq for InstancePath {
    fn eq(&self, other: &Self) -> bool {
        let same_namespace = match (&self.namespace, &other.namespace) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        same_namespace && self.class_name == other.class_name && self.same_keys(other)
    }
}

/// The parts that equality is sure to look at: the class and how many keys there are.
impl Hash for InstancePath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.class_name.hash(state);
        self.keys.len().hash(state);
    }
}

/// The canonical text of DSP0004 (8.5): `ns:Class.Key1="a",Key2=1`, keys in the order of their names.
impl fmt::Display for InstancePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}:")?;
        }
        write!(f, "{}", self.class_name)?;
        let mut keys: Vec<&KeyBinding> = self.keys.iter().collect();
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        for (at, key) in keys.into_iter().enumerate() {
            write!(f, "{}{}=", if at == 0 { '.' } else { ',' }, key.name)?;
            match &key.value {
                Value::String(_) | Value::DateTime(_) | Value::Char16(_) => {
                    write_quoted(f, &key.value.to_text())?
                }
                Value::Reference(path) => write_quoted(f, &path.to_string())?,
                Value::Boolean(value) => f.write_str(if *value { "TRUE" } else { "FALSE" })?,
                number => f.write_str(&number.to_text())?,
            }
        }
        Ok(())
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> InstancePath {
        InstancePath::new(Name::from_static("CIM_X"))
            .with_key("Name", "a\"b")
            .with_key("Index", 7_u32)
    }

    #[test]
    fn comparison_is_canonical() {
        let other = InstancePath::new(Name::new("cim_x"))
            .with_key("INDEX", "7")
            .with_key("name", "a\"b");
        assert_eq!(path(), other);
        assert_eq!(path(), other.clone().in_namespace(Namespace::new("root/cimv2")));
        assert_ne!(
            path().in_namespace(Namespace::new("root/a")),
            other.clone().in_namespace(Namespace::new("root/b"))
        );
        assert_ne!(
            path(),
            InstancePath::new(Name::new("cim_x"))
                .with_key("INDEX", "8")
                .with_key("name", "a\"b")
        );
        assert_ne!(
            path(),
            InstancePath::new(Name::new("cim_x")).with_key("INDEX", "7")
        );
    }

    #[test]
    fn values_keep_their_case() {
        let a = InstancePath::new(Name::new("A")).with_key("K", "x");
        assert_ne!(a, InstancePath::new(Name::new("A")).with_key("K", "X"));
    }

    #[test]
    fn the_text_is_canonical() {
        let text = path().in_namespace(Namespace::new("root/cimv2")).to_string();
        assert_eq!(text, r#"root/cimv2:CIM_X.Index=7,Name="a\"b""#);
    }
}
