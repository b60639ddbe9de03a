//! What came without its type gets it from the class: keys, arguments, properties.
//!
//! CIM-XML lets a client leave types out, or say no more of them than "numeric".

use super::path::UNNAMED_KEY;
use super::value::Reading;
use super::{Argument, DecodeError};
use crate::cim::{
    CimError, CimStatus, CimType, Class, Instance, InstancePath, KeyBinding, Method, Property, PropertyDecl,
    TypeDecl, Value,
};

/// The keys of `path` with the names and types that `class` declares. A class that declares no keys, being above
/// those that do, leaves them as they are.
///
/// # Errors
/// `INVALID_PARAMETER` if a key is none of the class, is missing, or does not fit its type.
pub fn keys(path: &InstancePath, class: &Class) -> Result<InstancePath, CimError> {
    let declared: Vec<&PropertyDecl> = class.keys().collect();
    if declared.is_empty() {
        return Ok(path.clone());
    }
    let mut typed = InstancePath {
        keys: Vec::with_capacity(declared.len()),
        ..path.clone()
    };
    for key in &path.keys {
        let unnamed = key.name == UNNAMED_KEY && declared.len() == 1;
        let found = declared.iter().find(|known| unnamed || known.name == key.name);
        let known = found.ok_or_else(|| {
            CimError::invalid_parameter(format!("class {} has no key `{}`", class.name, key.name))
        })?;
        let value = fit(&key.value, &known.ty, known.embedded().is_some())
            .map_err(|reason| CimError::invalid_parameter(format!("the key {}: {reason}", known.name)))?;
        typed.keys.push(KeyBinding {
            name: known.name.clone(),
            value,
        });
    }
    match declared
        .iter()
        .find(|known| typed.key(known.name.as_str()).is_none())
    {
        Some(missing) => Err(CimError::invalid_parameter(format!(
            "the path lacks the key {} of class {}",
            missing.name, class.name
        ))),
        None => Ok(typed),
    }
}

/// The arguments of a call with the names and types that the method declares.
///
/// # Errors
/// `INVALID_PARAMETER` if one is no input parameter of the method, stands twice, or does not fit its type.
pub fn arguments(arguments: &[Argument], method: &Method) -> Result<Vec<Property>, CimError> {
    let mut typed: Vec<Property> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let wrong = |reason: String| {
            CimError::invalid_parameter(format!(
                "the argument {} of {}: {reason}",
                argument.name, method.name
            ))
        };
        let declared = method
            .parameter(argument.name.as_str())
            .filter(|parameter| parameter.is_in())
            .ok_or_else(|| wrong("there is no such input parameter".to_owned()))?;
        if typed.iter().any(|property| property.name == declared.name) {
            return Err(wrong("it stands twice".to_owned()));
        }
        let value = argument
            .value
            .as_ref()
            .map(|value| fit(value, &declared.ty, declared.embedded().is_some()))
            .transpose()
            .map_err(wrong)?;
        typed.push(Property {
            name: declared.name.clone(),
            cim_type: declared.ty.cim_type,
            is_array: declared.ty.is_array(),
            value,
        });
    }
    Ok(typed)
}

/// An instance with the names and types that its class declares. Properties that the class does not declare are
/// left as they are.
///
/// # Errors
/// `TYPE_MISMATCH` if a value does not fit its type.
pub fn instance(instance: &Instance, class: &Class) -> Result<Instance, CimError> {
    let mut typed = Instance::with_capacity(class.name.clone(), instance.properties().len());
    for property in instance.properties() {
        let fitted = match class.property(property.name.as_str()) {
            Some(declared) => declared.with_value(value(property.value.as_ref(), declared)?),
            None => property.clone(),
        };
        typed.push(fitted);
    }
    Ok(typed)
}

/// A value that is meant for a property, of the type that is declared.
///
/// # Errors
/// `TYPE_MISMATCH` if it does not fit.
pub fn value(value: Option<&Value>, declared: &PropertyDecl) -> Result<Option<Value>, CimError> {
    value
        .map(|value| fit(value, &declared.ty, declared.embedded().is_some()))
        .transpose()
        .map_err(|reason| {
            CimError::new(
                CimStatus::TypeMismatch,
                format!("the property {}: {reason}", declared.name),
            )
        })
}

/// `value` as one of that type, or why it is none.
fn fit(value: &Value, ty: &TypeDecl, is_embedded: bool) -> Result<Value, String> {
    match (value, ty.is_array()) {
        (Value::Array(items), true) => items
            .iter()
            .map(|item| fit_single(item, ty.cim_type, is_embedded))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        (Value::Array(_), false) => Err(format!("it is one {} and no array", ty.cim_type)),
        (_, true) => Err(format!("it is an array of {}", ty.cim_type)),
        (single, false) => fit_single(single, ty.cim_type, is_embedded),
    }
}

fn fit_single(value: &Value, cim_type: CimType, is_embedded: bool) -> Result<Value, String> {
    let bad = |reason: &dyn std::fmt::Display| reason.to_string();
    match value {
        Value::String(text) if is_embedded => Reading::plain(cim_type)
            .embedded(text)
            .map_err(|error: DecodeError| bad(&error)),
        Value::String(text) if cim_type == CimType::Reference => text
            .parse::<InstancePath>()
            .map(|path| Value::Reference(Box::new(path)))
            .map_err(|error| bad(&error)),
        value if value.cim_type() == Some(cim_type) => Ok(value.clone()),
        Value::Reference(_) | Value::Instance(_) | Value::Class(_) => {
            Err(format!("it is of type {cim_type}"))
        }
        value => Value::from_text(cim_type, &value.to_text()).map_err(|error| bad(&error)),
    }
}
