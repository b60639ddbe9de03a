//! Instances, values and paths as CIM-XML elements (DSP0201, 5.2.3 to 5.2.6), as peers send them.

use std::sync::Arc;

use super::DecodeError;
use crate::cim::{CimType, Instance, InstancePath, KeyBinding, Name, Namespace, Property, Value};
use crate::xml::{Limits, Reader, Start};

/// How deep embedded instances may stand inside one another.
const MAX_EMBEDDING: usize = 16;
/// How deep references may stand inside the keys of others.
const MAX_REFERENCES: usize = 8;

/// Reads an `INSTANCE` element. Qualifiers are skipped; items of arrays that are NULL are left out.
///
/// # Errors
/// If it is malformed, a value does not fit its type, or a property stands twice.
pub fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Instance, DecodeError> {
    decode_embedded(reader, element, MAX_EMBEDDING)
}

fn decode_embedded<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    embedding: usize,
) -> Result<Instance, DecodeError> {
    let mut instance = Instance::new(name_attribute(element, "CLASSNAME")?);
    while let Some(child) = reader.child(element)? {
        let property = match child.local {
            "PROPERTY" => scalar_property(reader, &child, embedding)?,
            "PROPERTY.ARRAY" => array_property(reader, &child, embedding)?,
            "PROPERTY.REFERENCE" => reference_property(reader, &child)?,
            "QUALIFIER" => continue,
            _ => return Err(DecodeError::unexpected(&child, element)),
        };
        if instance.property(property.name.as_str()).is_some() {
            return Err(DecodeError::Invalid(format!(
                "the property `{}` stands twice",
                property.name
            )));
        }
        instance.push(property);
    }
    Ok(instance)
}

fn scalar_property<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    embedding: usize,
) -> Result<Property, DecodeError> {
    let shape = Shape::of(element, embedding)?;
    let mut value = None;
    while let Some(child) = reader.child(element)? {
        if child.local == "VALUE" {
            let text = reader.text(&child)?;
            value = Some(shape.value(&text)?);
        }
    }
    Ok(shape.property(false, value))
}

fn array_property<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    embedding: usize,
) -> Result<Property, DecodeError> {
    let shape = Shape::of(element, embedding)?;
    let mut value = None;
    while let Some(child) = reader.child(element)? {
        if child.local != "VALUE.ARRAY" {
            continue;
        }
        let mut items = Vec::new();
        while let Some(item) = reader.child(&child)? {
            if item.local == "VALUE" {
                let text = reader.text(&item)?;
                items.push(shape.value(&text)?);
            }
        }
        value = Some(Value::Array(items));
    }
    Ok(shape.property(true, value))
}

fn reference_property<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Property, DecodeError> {
    let mut value = None;
    while let Some(child) = reader.child(element)? {
        if child.local == "VALUE.REFERENCE" {
            let path = decode_reference(reader, &child, MAX_REFERENCES)?;
            value = Some(Value::Reference(Box::new(path)));
        }
    }
    Ok(Property {
        name: name_attribute(element, "NAME")?,
        cim_type: CimType::Reference,
        is_array: false,
        value,
    })
}

/// What the attributes of a property say of its values.
struct Shape {
    name: Name,
    cim_type: CimType,
    /// Whether the texts are objects in CIM-XML themselves.
    is_embedded: bool,
    embedding: usize,
}

impl Shape {
    fn of(element: &Start<'_>, embedding: usize) -> Result<Self, DecodeError> {
        // Later versions of DSP0201 spell it in capitals.
        let embedded = ["EmbeddedObject", "EMBEDDEDOBJECT"];
        Ok(Self {
            name: name_attribute(element, "NAME")?,
            cim_type: type_attribute(element)?.unwrap_or(CimType::String),
            is_embedded: embedded
                .iter()
                .any(|name| element.plain_attribute(name).is_some()),
            embedding,
        })
    }

    fn value(&self, text: &str) -> Result<Value, DecodeError> {
        if self.is_embedded
            && let Some(value) = self.embedded(text)?
        {
            return Ok(value);
        }
        Value::from_text(self.cim_type, text)
            .map_err(|error| DecodeError::Invalid(format!("the property `{}`: {error}", self.name)))
    }

    /// The instance that a text is; an embedded class stays text.
    fn embedded(&self, text: &str) -> Result<Option<Value>, DecodeError> {
        let Some(embedding) = self.embedding.checked_sub(1) else {
            return Err(DecodeError::Invalid(format!(
                "embedded instances stand more than {MAX_EMBEDDING} deep inside one another"
            )));
        };
        let mut reader = Reader::new(text, Limits::default())?;
        let root = reader.root()?;
        if root.local != "INSTANCE" {
            return Ok(None);
        }
        let instance = decode_embedded(&mut reader, &root, embedding)?;
        reader.finish()?;
        Ok(Some(Value::Instance(Arc::new(instance))))
    }

    fn property(self, is_array: bool, value: Option<Value>) -> Property {
        Property {
            name: self.name,
            cim_type: self.cim_type,
            is_array,
            value,
        }
    }
}

/// Reads what a `VALUE.REFERENCE` holds. A host is not kept: see [`InstancePath`].
fn decode_reference<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    depth: usize,
) -> Result<InstancePath, DecodeError> {
    let missing = || DecodeError::Invalid("a VALUE.REFERENCE holds no path".to_owned());
    let child = reader.child(element)?.ok_or_else(missing)?;
    match child.local {
        "INSTANCENAME" => decode_instance_name(reader, &child, depth),
        "CLASSNAME" => Ok(InstancePath::new(name_attribute(&child, "NAME")?)),
        "INSTANCEPATH" | "LOCALINSTANCEPATH" | "CLASSPATH" | "LOCALCLASSPATH" => {
            decode_located(reader, &child, depth)
        }
        _ => Err(DecodeError::unexpected(&child, element)),
    }
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

fn decode_namespace<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Namespace, DecodeError> {
    let mut parts: Vec<String> = Vec::new();
    while let Some(part) = reader.child(element)? {
        if part.local == "NAMESPACE" {
            parts.extend(part.plain_attribute("NAME").map(str::to_owned));
        }
    }
    Ok(Namespace::new(&parts.join("/")))
}

/// Reads an `INSTANCENAME` element.
fn decode_instance_name<'a>(
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
        if child.local != "KEYBINDING" {
            return Err(DecodeError::unexpected(&child, element));
        }
        let name = name_attribute(&child, "NAME")?;
        let missing = || DecodeError::Invalid(format!("the key `{name}` has no value"));
        let holder = reader.child(&child)?.ok_or_else(missing)?;
        let value = match holder.local {
            "KEYVALUE" => decode_key_value(reader, &holder)?,
            "VALUE.REFERENCE" => Value::Reference(Box::new(decode_reference(reader, &holder, depth)?)),
            _ => return Err(DecodeError::unexpected(&holder, &child)),
        };
        path.keys.push(KeyBinding { name, value });
    }
    Ok(path)
}

/// A key: of its TYPE where it says that, else of what VALUETYPE allows to know.
fn decode_key_value<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Value, DecodeError> {
    let declared = type_attribute(element)?;
    let kind = element
        .plain_attribute("VALUETYPE")
        .unwrap_or("string")
        .to_owned();
    let text = reader.text(element)?;
    let of = |cim_type| Value::from_text(cim_type, &text);
    let value = match (declared, kind.as_str()) {
        (Some(cim_type), _) => of(cim_type),
        (None, "boolean") => of(CimType::Boolean),
        (None, "numeric") => of(CimType::Uint64)
            .or_else(|_| of(CimType::Sint64))
            .or_else(|_| of(CimType::Real64)),
        (None, _) => of(CimType::String),
    };
    value.map_err(|error| DecodeError::Invalid(error.to_string()))
}

fn name_attribute(element: &Start<'_>, attribute: &str) -> Result<Name, DecodeError> {
    let text = element.plain_attribute(attribute).unwrap_or_default();
    Name::parse(text).map_err(|_| DecodeError::Invalid(format!("{} lacks its {attribute}", element.local)))
}

fn type_attribute(element: &Start<'_>) -> Result<Option<CimType>, DecodeError> {
    let parsed = element.plain_attribute("TYPE").map(str::parse).transpose();
    parsed.map_err(|error: crate::cim::BadType| DecodeError::Invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Result<Instance, DecodeError> {
        let mut reader = Reader::new(xml, Limits::default())?;
        let root = reader.root()?;
        let instance = decode(&mut reader, &root)?;
        reader.finish()?;
        Ok(instance)
    }

    #[track_caller]
    fn check(properties: &str, expect: Result<&str, &str>) {
        let xml = format!("<INSTANCE CLASSNAME=\"C_X\">{properties}</INSTANCE>");
        let got = read(&xml).map(|instance| {
            let shown = instance
                .properties()
                .iter()
                .map(|property| format!("{} {} {:?}", property.name, property.cim_type, property.value));
            shown.collect::<Vec<_>>().join("; ")
        });
        let got = got.map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{properties}");
    }

    #[test]
    fn values_have_their_types() {
        check("", Ok(""));
        check(
            "<PROPERTY NAME=\"A\" TYPE=\"uint16\"><VALUE>5</VALUE></PROPERTY>",
            Ok("A uint16 Some(Uint16(5))"),
        );
        check(
            "<PROPERTY NAME=\"A\" TYPE=\"string\"></PROPERTY><QUALIFIER NAME=\"q\"/>",
            Ok("A string None"),
        );
        check(
            "<PROPERTY NAME=\"A\"><VALUE> a&amp;b </VALUE></PROPERTY>",
            Ok("A string Some(String(\" a&b \"))"),
        );
        check(
            "<PROPERTY.ARRAY NAME=\"A\" TYPE=\"boolean\"><VALUE.ARRAY><VALUE>TRUE</VALUE><VALUE.NULL/></VALUE.ARRAY></PROPERTY.ARRAY>",
            Ok("A boolean Some(Array([Boolean(true)]))"),
        );
        check(
            "<PROPERTY NAME=\"A\" TYPE=\"uint8\"><VALUE>300</VALUE></PROPERTY>",
            Err("the property `A`: `300` is no uint8 (0 to 255)"),
        );
        check(
            "<PROPERTY NAME=\"A\" TYPE=\"uint7\"/>",
            Err("`uint7` is no CIM type"),
        );
        check("<PROPERTY TYPE=\"uint8\"/>", Err("PROPERTY lacks its NAME"));
        check(
            "<PROPERTY NAME=\"A\"/><PROPERTY NAME=\"a\"/>",
            Err("the property `a` stands twice"),
        );
        check("<VALUE/>", Err("VALUE may not stand in INSTANCE"));
    }

    #[test]
    fn references_are_paths() {
        let path = "<INSTANCENAME CLASSNAME=\"C_Y\"><KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"numeric\">7</KEYVALUE></KEYBINDING>\
            <KEYBINDING NAME=\"L\"><KEYVALUE>a</KEYVALUE></KEYBINDING></INSTANCENAME>";
        let located = format!(
            "<PROPERTY.REFERENCE NAME=\"A\"><VALUE.REFERENCE><INSTANCEPATH><NAMESPACEPATH><HOST>h</HOST><LOCALNAMESPACEPATH>\
             <NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"x\"/></LOCALNAMESPACEPATH></NAMESPACEPATH>{path}</INSTANCEPATH>\
             </VALUE.REFERENCE></PROPERTY.REFERENCE>"
        );
        let instance = read(&format!("<INSTANCE CLASSNAME=\"C_X\">{located}</INSTANCE>")).unwrap();
        let Some(Value::Reference(path)) = instance.get("A") else {
            panic!("{instance:?}");
        };
        assert_eq!(path.to_string(), "root/x:C_Y.K=7,L=\"a\"");
        check(
            "<PROPERTY.REFERENCE NAME=\"A\"><VALUE.REFERENCE/></PROPERTY.REFERENCE>",
            Err("a VALUE.REFERENCE holds no path"),
        );
        let mut deep = "<CLASSNAME NAME=\"C_Y\"/>".to_owned();
        for _ in 0..9 {
            deep = format!(
                "<INSTANCENAME CLASSNAME=\"C_Y\"><KEYBINDING NAME=\"K\"><VALUE.REFERENCE>{deep}</VALUE.REFERENCE></KEYBINDING></INSTANCENAME>"
            );
        }
        check(
            &format!(
                "<PROPERTY.REFERENCE NAME=\"A\"><VALUE.REFERENCE>{deep}</VALUE.REFERENCE></PROPERTY.REFERENCE>"
            ),
            Err("references stand more than 8 deep inside one another"),
        );
    }

    #[test]
    fn embedded_instances_are_instances() {
        let inner = "&lt;INSTANCE CLASSNAME=\"C_Y\"&gt;&lt;PROPERTY NAME=\"B\" TYPE=\"sint8\"&gt;&lt;VALUE&gt;-1&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;";
        let xml = format!(
            "<INSTANCE CLASSNAME=\"C_X\"><PROPERTY NAME=\"A\" TYPE=\"string\" EmbeddedObject=\"instance\"><VALUE>{inner}</VALUE></PROPERTY></INSTANCE>"
        );
        let instance = read(&xml).unwrap();
        let Some(Value::Instance(inner)) = instance.get("A") else {
            panic!("{instance:?}");
        };
        assert_eq!(inner.get("B"), Some(&Value::Sint8(-1)));
    }
}
