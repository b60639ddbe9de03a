//! Namespaces, instance names and paths as elements (DSP0201, 5.2.4), to peers and from them.
//!
//! A host in what comes in is not kept: see [`InstancePath`]. A reference goes out as a `LOCALINSTANCEPATH`, the
//! one form that every client in use takes for the object it names, whatever name of the host it knows.

use super::value::KeyText;
use super::{DecodeError, name, name_attribute};
use crate::cim::{InstancePath, KeyBinding, Name, Namespace, Value};
use crate::xml::{Reader, Start, Writer};

/// How deep references may stand inside the keys of others.
pub(super) const MAX_REFERENCES: usize = 8;

/// The name of a key that came without one, as DSP0201 allows where a class has one key alone;
/// [`super::typed::keys`] gives it its name.
pub(super) const UNNAMED_KEY: Name = Name::from_static("");

/// Writes a `LOCALNAMESPACEPATH`.
pub fn encode_namespace(w: &mut Writer, namespace: &Namespace) {
    w.element(name("LOCALNAMESPACEPATH"), |w| {
        for part in namespace.as_str().split('/') {
            w.start(name("NAMESPACE"));
            w.attr(name("NAME"), part);
            w.end_empty();
        }
    });
}

/// Writes a `NAMESPACEPATH`.
fn encode_namespace_path(w: &mut Writer, host: &str, namespace: &Namespace) {
    w.element(name("NAMESPACEPATH"), |w| {
        w.leaf(name("HOST"), host);
        encode_namespace(w, namespace);
    });
}

/// Writes a `CLASSNAME`.
pub fn encode_class_name(w: &mut Writer, class: &Name) {
    w.start(name("CLASSNAME"));
    w.attr(name("NAME"), class.as_str());
    w.end_empty();
}

/// Writes a `CLASSPATH`.
pub fn encode_class_path(w: &mut Writer, class: &Name, host: &str, namespace: &Namespace) {
    w.element(name("CLASSPATH"), |w| {
        encode_namespace_path(w, host, namespace);
        encode_class_name(w, class);
    });
}

/// Writes a `LOCALCLASSPATH`.
pub fn encode_local_class_path(w: &mut Writer, class: &Name, namespace: &Namespace) {
    w.element(name("LOCALCLASSPATH"), |w| {
        encode_namespace(w, namespace);
        encode_class_name(w, class);
    });
}

/// Writes an `INSTANCENAME`. References in its keys that name no namespace are taken for ones in `home`.
pub fn encode_instance_name(w: &mut Writer, path: &InstancePath, home: Option<&Namespace>) {
    w.start(name("INSTANCENAME"));
    w.attr(name("CLASSNAME"), path.class_name.as_str());
    for key in &path.keys {
        if key.name == UNNAMED_KEY {
            encode_key(w, &key.value, home);
            continue;
        }
        w.start(name("KEYBINDING"));
        w.attr(name("NAME"), key.name.as_str());
        encode_key(w, &key.value, home);
        w.end(name("KEYBINDING"));
    }
    w.end(name("INSTANCENAME"));
}

fn encode_key(w: &mut Writer, value: &Value, home: Option<&Namespace>) {
    if let Value::Reference(target) = value {
        return encode_reference(w, target, home);
    }
    w.start(name("KEYVALUE"));
    w.attr(name("VALUETYPE"), KeyText::kind(value));
    super::value::encode_text(w, value);
    w.end(name("KEYVALUE"));
}

/// Writes a `LOCALINSTANCEPATH`.
pub fn encode_local_instance_path(w: &mut Writer, path: &InstancePath, namespace: &Namespace) {
    w.element(name("LOCALINSTANCEPATH"), |w| {
        encode_namespace(w, namespace);
        encode_instance_name(w, path, Some(namespace));
    });
}

/// Writes an `INSTANCEPATH`.
pub fn encode_instance_path(w: &mut Writer, path: &InstancePath, host: &str, namespace: &Namespace) {
    w.element(name("INSTANCEPATH"), |w| {
        encode_namespace_path(w, host, namespace);
        encode_instance_name(w, path, Some(namespace));
    });
}

/// Writes a `VALUE.REFERENCE`: to a class where the path has no keys. The namespace of the target is spelled as
/// in `home` where both are the same.
pub fn encode_reference(w: &mut Writer, path: &InstancePath, home: Option<&Namespace>) {
    w.start(name("VALUE.REFERENCE"));
    match (namespace_of(path, home), path.keys.is_empty()) {
        (Some(namespace), false) => encode_local_instance_path(w, path, namespace),
        (Some(namespace), true) => encode_local_class_path(w, &path.class_name, namespace),
        (None, false) => encode_instance_name(w, path, None),
        (None, true) => encode_class_name(w, &path.class_name),
    }
    w.end(name("VALUE.REFERENCE"));
}

/// The namespace of a path that is met in `home`, spelled as there where both are the same.
pub(super) fn namespace_of<'a>(path: &'a InstancePath, home: Option<&'a Namespace>) -> Option<&'a Namespace> {
    match (&path.namespace, home) {
        (Some(own), Some(home)) if own == home => Some(home),
        (Some(own), _) => Some(own),
        (None, home) => home,
    }
}

/// Reads what a `VALUE.REFERENCE` holds.
pub(super) fn decode_reference<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    depth: usize,
) -> Result<InstancePath, DecodeError> {
    let missing = || DecodeError::Invalid("a VALUE.REFERENCE holds no path".to_owned());
    let child = reader.child(element)?.ok_or_else(missing)?;
    decode_any(reader, &child, depth)?.ok_or_else(|| DecodeError::unexpected(&child, element))
}

/// Reads any element that is the path or the name of an instance or a class; `None` for another element.
pub(super) fn decode_any<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    depth: usize,
) -> Result<Option<InstancePath>, DecodeError> {
    Ok(Some(match element.local {
        "INSTANCENAME" => decode_instance_name(reader, element, depth)?,
        "CLASSNAME" => InstancePath::new(name_attribute(element, "NAME")?),
        "INSTANCEPATH" | "LOCALINSTANCEPATH" | "CLASSPATH" | "LOCALCLASSPATH" => {
            decode_located(reader, element, depth)?
        }
        _ => return Ok(None),
    }))
}

/// A path with its namespace.
fn decode_located<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    depth: usize,
) -> Result<InstancePath, DecodeError> {
    let mut namespace = None;
    let mut path = None;
    while let Some(child) = reader.child(element)? {
        match child.local {
            "LOCALNAMESPACEPATH" => namespace = Some(decode_namespace(reader, &child)?),
            "NAMESPACEPATH" => {
                while let Some(part) = reader.child(&child)? {
                    if part.local == "LOCALNAMESPACEPATH" {
                        namespace = Some(decode_namespace(reader, &part)?);
                    }
                }
            }
            "INSTANCENAME" => path = Some(decode_instance_name(reader, &child, depth)?),
            "CLASSNAME" => path = Some(InstancePath::new(name_attribute(&child, "NAME")?)),
            _ => return Err(DecodeError::unexpected(&child, element)),
        }
    }
    let path = path.ok_or_else(|| DecodeError::Invalid(format!("{} names nothing", element.local)))?;
    Ok(InstancePath { namespace, ..path })
}

/// Reads a `LOCALNAMESPACEPATH`.
pub(super) fn decode_namespace<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
) -> Result<Namespace, DecodeError> {
    let mut parts: Vec<String> = Vec::new();
    while let Some(part) = reader.child(element)? {
        if part.local != "NAMESPACE" {
            return Err(DecodeError::unexpected(&part, element));
        }
        parts.extend(part.plain_attribute("NAME").map(str::to_owned));
    }
    Ok(Namespace::new(&parts.join("/")))
}

/// Reads an `INSTANCENAME` element.
pub(super) fn decode_instance_name<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    depth: usize,
) -> Result<InstancePath, DecodeError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(DecodeError::Invalid(format!(
            "references stand more than {MAX_REFERENCES} deep inside one another"
        )));
    };
    let mut path = InstancePath::new(name_attribute(element, "CLASSNAME")?);
    while let Some(child) = reader.child(element)? {
        let (name, value) = match child.local {
            "KEYBINDING" => {
                let name = name_attribute(&child, "NAME")?;
                let missing = || DecodeError::Invalid(format!("the key `{name}` has no value"));
                let holder = reader.child(&child)?.ok_or_else(missing)?;
                let value = decode_key(reader, &holder, &child, depth)?;
                (name, value)
            }
            _ => (UNNAMED_KEY, decode_key(reader, &child, element, depth)?),
        };
        if path.key(name.as_str()).is_some() {
            return Err(DecodeError::Invalid(format!("the key `{name}` stands twice")));
        }
        path.keys.push(KeyBinding { name, value });
    }
    Ok(path)
}

fn decode_key<'a>(
    reader: &mut Reader<'a>,
    holder: &Start<'a>,
    parent: &Start<'a>,
    depth: usize,
) -> Result<Value, DecodeError> {
    match holder.local {
        "KEYVALUE" => KeyText::decode(reader, holder),
        "VALUE.REFERENCE" => Ok(Value::Reference(Box::new(decode_reference(
            reader, holder, depth,
        )?))),
        _ => Err(DecodeError::unexpected(holder, parent)),
    }
}
