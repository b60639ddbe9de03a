//! Reading classes.

use std::sync::Arc;

use crate::cim::{
    ArraySize, CimType, Class, Flavor, Method, Name, Parameter, PropertyDecl, Qualifier, TypeDecl, Value,
};
use crate::cimxml::value::Reading;
use crate::cimxml::{DecodeError, name_attribute, type_attribute};
use crate::xml::{Reader, Start};

/// Reads a `CLASS` element. A member without its CLASSORIGIN has an empty one.
///
/// # Errors
/// If it is malformed, a value does not fit its type, or a member stands twice.
pub fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Class, DecodeError> {
    let mut class = Class {
        name: name_attribute(element, "NAME")?,
        superclass: optional_name(element, "SUPERCLASS")?,
        qualifiers: Vec::new(),
        properties: Vec::new(),
        methods: Vec::new(),
    };
    while let Some(child) = reader.child(element)? {
        match child.local {
            "QUALIFIER" => class.qualifiers.push(qualifier(reader, &child)?),
            "PROPERTY" | "PROPERTY.ARRAY" | "PROPERTY.REFERENCE" => {
                let property = property(reader, &child)?;
                if class.property(property.name.as_str()).is_some() {
                    return Err(twice("property", &property.name));
                }
                class.properties.push(Arc::new(property));
            }
            "METHOD" => {
                let method = method(reader, &child)?;
                if class.method(method.name.as_str()).is_some() {
                    return Err(twice("method", &method.name));
                }
                class.methods.push(Arc::new(method));
            }
            _ => return Err(DecodeError::unexpected(&child, element)),
        }
    }
    Ok(class)
}

fn twice(kind: &str, name: &Name) -> DecodeError {
    DecodeError::Invalid(format!("the {kind} `{name}` stands twice"))
}

fn property<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<PropertyDecl, DecodeError> {
    let mut property = PropertyDecl {
        name: name_attribute(element, "NAME")?,
        ty: type_decl(element)?,
        default: None,
        qualifiers: Vec::new(),
        class_origin: origin(element)?,
        propagated: is_true(element, "PROPAGATED", false),
    };
    let reading = Reading::of(element, 0)?;
    while let Some(child) = reader.child(element)? {
        match child.local {
            "QUALIFIER" => property.qualifiers.push(qualifier(reader, &child)?),
            _ => property.default = default(reader, &child, element, reading)?,
        }
    }
    Ok(property)
}

/// A default value; that of an embedded object stays a text, as MOF has it.
fn default<'a>(
    reader: &mut Reader<'a>,
    child: &Start<'a>,
    parent: &Start<'a>,
    reading: Reading,
) -> Result<Option<Value>, DecodeError> {
    let reading = Reading::plain(reading.cim_type);
    let value = reading.decode(reader, child)?;
    match value {
        None if child.local != "VALUE.NULL" => Err(DecodeError::unexpected(child, parent)),
        value => Ok(value),
    }
}

fn method<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Method, DecodeError> {
    let mut method = Method {
        name: name_attribute(element, "NAME")?,
        return_type: type_attribute(element, "TYPE")?.unwrap_or(CimType::Uint32),
        parameters: Vec::new(),
        qualifiers: Vec::new(),
        class_origin: origin(element)?,
        propagated: is_true(element, "PROPAGATED", false),
    };
    while let Some(child) = reader.child(element)? {
        match child.local {
            "QUALIFIER" => method.qualifiers.push(qualifier(reader, &child)?),
            "PARAMETER" | "PARAMETER.ARRAY" | "PARAMETER.REFERENCE" | "PARAMETER.REFARRAY" => {
                method.parameters.push(parameter(reader, &child)?);
            }
            _ => return Err(DecodeError::unexpected(&child, element)),
        }
    }
    Ok(method)
}

fn parameter<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Parameter, DecodeError> {
    let mut parameter = Parameter {
        name: name_attribute(element, "NAME")?,
        ty: type_decl(element)?,
        qualifiers: Vec::new(),
    };
    while let Some(child) = reader.child(element)? {
        match child.local {
            "QUALIFIER" => parameter.qualifiers.push(qualifier(reader, &child)?),
            _ => return Err(DecodeError::unexpected(&child, element)),
        }
    }
    Ok(parameter)
}

fn qualifier<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Qualifier, DecodeError> {
    let mut qualifier = Qualifier {
        name: name_attribute(element, "NAME")?,
        cim_type: type_attribute(element, "TYPE")?.unwrap_or(CimType::String),
        value: None,
        flavor: flavor(element),
        propagated: is_true(element, "PROPAGATED", false),
    };
    let reading = Reading::plain(qualifier.cim_type);
    while let Some(child) = reader.child(element)? {
        qualifier.value = default(reader, &child, element, reading)?.map(Arc::new);
    }
    Ok(qualifier)
}

/// What the kind of an element and its attributes say of its type.
fn type_decl(element: &Start<'_>) -> Result<TypeDecl, DecodeError> {
    let (is_reference, is_array) = match element.local {
        "PROPERTY.REFERENCE" | "PARAMETER.REFERENCE" => (true, false),
        "PARAMETER.REFARRAY" => (true, true),
        "PROPERTY.ARRAY" | "PARAMETER.ARRAY" => (false, true),
        _ => (false, false),
    };
    let said = type_attribute(element, "TYPE")?.unwrap_or(CimType::String);
    Ok(TypeDecl {
        cim_type: if is_reference { CimType::Reference } else { said },
        array: array_size(element, is_array)?,
        reference_class: optional_name(element, "REFERENCECLASS")?,
    })
}

/// How long an array is; 0 stands for any length, as some peers write it.
pub fn array_size(element: &Start<'_>, is_array: bool) -> Result<ArraySize, DecodeError> {
    if !is_array {
        return Ok(ArraySize::Scalar);
    }
    let Some(text) = element.plain_attribute("ARRAYSIZE") else {
        return Ok(ArraySize::Variable);
    };
    match text.trim().parse() {
        Ok(0) => Ok(ArraySize::Variable),
        Ok(size) => Ok(ArraySize::Fixed(size)),
        Err(_) => Err(DecodeError::Invalid(format!(
            "{} has an ARRAYSIZE that is no number",
            element.local
        ))),
    }
}

/// The attributes of a flavour; what is missing is what DSP0201 takes for granted.
pub fn flavor(element: &Start<'_>) -> Flavor {
    let taken_for_granted = Flavor::default();
    Flavor {
        overridable: is_true(element, "OVERRIDABLE", taken_for_granted.overridable),
        to_subclass: is_true(element, "TOSUBCLASS", taken_for_granted.to_subclass),
        translatable: is_true(element, "TRANSLATABLE", taken_for_granted.translatable),
    }
}

/// An attribute that is true or false, in any case.
pub fn is_true(element: &Start<'_>, attribute: &str, default: bool) -> bool {
    element
        .plain_attribute(attribute)
        .map_or(default, |text| text.eq_ignore_ascii_case("true"))
}

fn origin(element: &Start<'_>) -> Result<Name, DecodeError> {
    Ok(optional_name(element, "CLASSORIGIN")?.unwrap_or(Name::from_static("")))
}

fn optional_name(element: &Start<'_>, attribute: &str) -> Result<Option<Name>, DecodeError> {
    element
        .plain_attribute(attribute)
        .filter(|text| !text.is_empty())
        .map(|_| name_attribute(element, attribute))
        .transpose()
}
