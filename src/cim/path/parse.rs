//! The text form of paths read back (DSP0004, 8.5; DSP0207).

use std::str::FromStr;

use super::{InstancePath, KeyBinding};
use crate::cim::{Name, Namespace, Value};

/// Why a text is no instance path.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no instance path, as `root/cimv2:CIM_X.Name=\"a\",Index=1`")]
pub struct BadPath(pub String);

/// References among the keys are read so many levels deep; deeper ones stay strings.
const DEPTH: usize = 8;

/// Reads what `Display` writes, with or without a namespace, and with a host before that, which is not kept.
/// A quoted key is a string, or a reference where it is a path itself; a number is the widest integer or real.
impl FromStr for InstancePath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        parse(text, DEPTH).ok_or_else(|| BadPath(text.chars().take(80).collect()))
    }
}

fn parse(text: &str, depth: usize) -> Option<InstancePath> {
    let model_end = text.find(['"', '=']).unwrap_or(text.len());
    let (head, rest) = text.split_at(model_end);
    // The namespace ends at the last colon before the keys: a host may have a port.
    let (namespace, class_start) = match head.rfind(':') {
        Some(colon) => (Some(namespace(head.get(..colon)?)?), colon + 1),
        None => (None, 0),
    };
    let model = head.get(class_start..)?;
    let (class, first_key) = match model.split_once('.') {
        Some((class, key)) => (class, Some(key)),
        None => (model, None),
    };
    let mut path = InstancePath::new(Name::parse(class).ok()?);
    path.namespace = namespace;
    match first_key {
        None => rest.is_empty().then_some(path),
        Some(key) => {
            let keys = text.get(model_end - key.len()..)?;
            path.keys = parse_keys(keys, depth)?;
            Some(path)
        }
    }
}

/// `//host/root/cimv2`, `https://host:5989/root/cimv2` or `root/cimv2`.
fn namespace(text: &str) -> Option<Namespace> {
    let local = match text.split_once("//") {
        Some((_scheme, rest)) => rest.split_once('/')?.1,
        None => text,
    };
    let namespace = Namespace::new(local);
    // A part without a name would not be told from a host when the path is read again.
    let named = namespace.as_str().split('/').all(|part| !part.is_empty());
    named.then_some(namespace)
}

fn parse_keys(mut rest: &str, depth: usize) -> Option<Vec<KeyBinding>> {
    let mut keys: Vec<KeyBinding> = Vec::new();
    loop {
        let (name, value) = rest.split_once('=')?;
        let name = Name::parse(name).ok()?;
        if keys.iter().any(|key| key.name == name) {
            return None;
        }
        let (value, after) = parse_value(value, depth)?;
        keys.push(KeyBinding { name, value });
        if after.is_empty() {
            return Some(keys);
        }
        rest = after.strip_prefix(',')?;
    }
}

/// One value and what follows it.
fn parse_value(text: &str, depth: usize) -> Option<(Value, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (inside, after) = unquote(quoted)?;
        let path = depth.checked_sub(1).and_then(|depth| parse(&inside, depth));
        // A lone word is a text, though it might name a class.
        let value = match path.filter(|path| !path.keys.is_empty()) {
            Some(path) => Value::Reference(Box::new(path)),
            None => Value::String(inside),
        };
        return Some((value, after));
    }
    let (plain, after) = text.split_at(text.find(',').unwrap_or(text.len()));
    Some((plain_value(plain)?, after))
}

fn plain_value(text: &str) -> Option<Value> {
    use crate::cim::CimType::{Boolean, Real64, Sint64, Uint64};
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    [Boolean, Uint64, Sint64, Real64]
        .into_iter()
        .find_map(|ty| Value::from_text(ty, text).ok())
}

/// The text up to the closing quote, without its backslashes, and what follows that quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((inside, text.get(at + 1..)?)),
            '\\' => inside.push(chars.next()?.1),
            c => inside.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, canonical: Option<&str>) {
        let path = text.parse::<InstancePath>().ok();
        assert_eq!(
            path.as_ref().map(ToString::to_string).as_deref(),
            canonical,
            "{text}"
        );
        if let Some(canonical) = canonical {
            assert_eq!(
                canonical.parse(),
                Ok(path.unwrap_or_else(|| unreachable!())),
                "{canonical} reads back"
            );
        }
    }

    #[test]
    fn paths_are_read() {
        check("CIM_X", Some("CIM_X"));
        check("root/cimv2:CIM_X", Some("root/cimv2:CIM_X"));
        check(
            r#"CIM_X.B=TRUE,A="x,\"y\"=""#,
            Some(r#"CIM_X.A="x,\"y\"=",B=TRUE"#),
        );
        check(r#"//host/root/a:CIM_X.A=-5"#, Some("root/a:CIM_X.A=-5"));
        check(
            r#"https://host:5989/root/a:CIM_X.A=0x10"#,
            Some("root/a:CIM_X.A=16"),
        );
        check(r#"CIM_X.Dot="a.b:c""#, Some(r#"CIM_X.Dot="a.b:c""#));
        check(
            r#"CIM_A.Of="root/a:CIM_X.N=\"q\\\"r\"""#,
            Some(r#"CIM_A.Of="root/a:CIM_X.N=\"q\\\"r\"""#),
        );
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in [
            "",
            ":",
            "9X",
            "CIM_X.",
            "CIM_X.A",
            "CIM_X.A=",
            "CIM_X.A=\"open",
            "CIM_X.A=\"x\"y",
            "CIM_X.A=1,",
            "CIM_X.A=1,a=2",
            "CIM_X.A=$b",
            ":CIM_X",
            "//host:CIM_X",
            "root//a:CIM_X",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn references_inside_references_end_somewhere() {
        let mut path = InstancePath::new(Name::new("X")).with_key("K", "v");
        for _ in 0..12 {
            path = InstancePath::new(Name::new("X")).with_key("K", path);
        }
        assert_eq!(path.to_string().parse(), Ok(path));
    }
}
