//! Arguments of methods and output parameters of operations (DSP0201, 5.2.6: `PARAMVALUE`).

use std::sync::Arc;

use super::value::{self, Reading};
use super::{Argument, DecodeError, class, instance, name, name_attribute, path, type_attribute};
use crate::cim::{CimType, Name, Namespace, Value};
use crate::xml::{Reader, Start, Writer};

/// Writes a `PARAMVALUE`. References that name no namespace are taken for ones in `home`.
pub(super) fn encode(
    w: &mut Writer,
    parameter: &Name,
    cim_type: Option<CimType>,
    value: Option<&Value>,
    home: Option<&Namespace>,
) {
    w.start(name("PARAMVALUE"));
    w.attr(name("NAME"), parameter.as_str());
    if let Some(cim_type) = cim_type {
        w.attr(name("PARAMTYPE"), cim_type.as_str());
    }
    if let Some(kind) = value.and_then(value::embedded_kind) {
        w.attr(name("EmbeddedObject"), kind);
    }
    if let Some(value) = value {
        value::encode(w, cim_type.unwrap_or(CimType::String), value, home);
    }
    w.end(name("PARAMVALUE"));
}

/// Reads a `PARAMVALUE`. Without PARAMTYPE texts are strings; names and objects say what they are.
pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Argument, DecodeError> {
    let parameter = name_attribute(element, "NAME")?;
    decode_value(reader, element).map_or_else(
        |error| Err(error.at(|| format!("the argument {parameter}"))),
        |(cim_type, is_array, value)| {
            Ok(Argument {
                name: parameter.clone(),
                cim_type,
                is_array,
                value,
            })
        },
    )
}

/// What a `PARAMVALUE` or a `RETURNVALUE` says of its type, whether it is an array, and its value.
pub(super) fn decode_value<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
) -> Result<(Option<CimType>, bool, Option<Value>), DecodeError> {
    let mut is_embedded = value::is_embedded(element);
    let said = match element.plain_attribute("PARAMTYPE") {
        // As some say that it is a string that holds an object.
        Some("object" | "instance") => {
            is_embedded = true;
            Some(CimType::String)
        }
        _ => type_attribute(element, "PARAMTYPE")?,
    };
    let reading = Reading {
        is_embedded,
        ..Reading::plain(said.unwrap_or(CimType::String))
    };
    let Some(child) = reader.child(element)? else {
        return Ok((said, false, None));
    };
    let object = match child.local {
        "INSTANCE" => Value::Instance(Arc::new(instance::decode(reader, &child)?)),
        "CLASS" => Value::Class(Arc::new(class::decode(reader, &child)?)),
        "VALUE.NULL" => return Ok((said, false, None)),
        _ => match path::decode_any(reader, &child, path::MAX_REFERENCES)? {
            Some(path) => Value::Reference(Box::new(path)),
            None => {
                let value = reading
                    .decode(reader, &child)?
                    .ok_or_else(|| DecodeError::unexpected(&child, element))?;
                let is_array = matches!(child.local, "VALUE.ARRAY" | "VALUE.REFARRAY");
                let is_reference = matches!(child.local, "VALUE.REFERENCE" | "VALUE.REFARRAY");
                let cim_type = if is_reference {
                    Some(CimType::Reference)
                } else {
                    said
                };
                return Ok((cim_type, is_array, Some(value)));
            }
        },
    };
    Ok((object.cim_type(), false, Some(object)))
}
