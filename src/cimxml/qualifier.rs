//! Qualifier types as elements (DSP0201, 5.2.3: `QUALIFIER.DECLARATION`).

use super::class::{array_size, encode_flavor, flavor, is_true};
use super::value::{self, Reading};
use super::{DecodeError, name, name_attribute, type_attribute};
use crate::cim::schema::{QualifierType, Scopes};
use crate::cim::{ArraySize, CimType, Value};
use crate::xml::{Reader, Start, Writer};

/// The attributes of `SCOPE` with the scopes that they stand for.
const SCOPES: [(&str, Scopes); 7] = [
    ("CLASS", Scopes::CLASS),
    ("ASSOCIATION", Scopes::ASSOCIATION),
    ("REFERENCE", Scopes::REFERENCE),
    ("PROPERTY", Scopes::PROPERTY),
    ("METHOD", Scopes::METHOD),
    ("PARAMETER", Scopes::PARAMETER),
    ("INDICATION", Scopes::INDICATION),
];

/// Writes a `QUALIFIER.DECLARATION`.
pub fn encode(w: &mut Writer, qualifier: &QualifierType) {
    w.start(name("QUALIFIER.DECLARATION"));
    w.attr(name("NAME"), qualifier.name.as_str());
    w.attr(name("TYPE"), qualifier.cim_type.as_str());
    let is_array = !matches!(qualifier.array, ArraySize::Scalar);
    w.attr(name("ISARRAY"), if is_array { "true" } else { "false" });
    if let ArraySize::Fixed(size) = qualifier.array {
        w.attr(name("ARRAYSIZE"), &size.to_string());
    }
    encode_flavor(w, qualifier.flavor);
    w.start(name("SCOPE"));
    for (attribute, scope) in SCOPES {
        if qualifier.scopes.meets(scope) {
            w.attr(name(attribute), "true");
        }
    }
    w.end(name("SCOPE"));
    if let Some(default) = &qualifier.default {
        value::encode(w, qualifier.cim_type, default, None);
    }
    w.end(name("QUALIFIER.DECLARATION"));
}

/// Reads a `QUALIFIER.DECLARATION`.
///
/// # Errors
/// If it is malformed, or its value does not fit its type.
pub fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<QualifierType, DecodeError> {
    let cim_type = type_attribute(element, "TYPE")?.unwrap_or(CimType::String);
    let said_array = is_true(element, "ISARRAY", false);
    let mut qualifier = QualifierType {
        name: name_attribute(element, "NAME")?,
        cim_type,
        array: array_size(element, said_array)?,
        default: None,
        scopes: Scopes::NONE,
        flavor: flavor(element),
    };
    while let Some(child) = reader.child(element)? {
        if child.local == "SCOPE" {
            let named = SCOPES
                .iter()
                .filter(|(attribute, _)| is_true(&child, attribute, false));
            qualifier.scopes = named.fold(Scopes::NONE, |all, (_, scope)| all.with(*scope));
            continue;
        }
        let value = Reading::plain(cim_type).decode(reader, &child)?;
        if value.is_none() && child.local != "VALUE.NULL" {
            return Err(DecodeError::unexpected(&child, element));
        }
        qualifier.default = value;
    }
    if matches!(qualifier.default, Some(Value::Array(_))) && !said_array {
        qualifier.array = array_size(element, true)?;
    }
    Ok(qualifier)
}
