//! Values get their types.

use super::super::ast::{At, Literal, LiteralKind};
use super::super::error::Problem;
use crate::cim::{ArraySize, CimType, InstancePath, Value};

/// A fault and its place.
pub(super) type Fault = (At, Problem);

/// Makes objects of aliases and of instances that stand as values: what only the compiler of instances can.
pub(super) type Objects<'o> = &'o mut dyn FnMut(&Literal, CimType) -> Result<Value, Fault>;

/// Where no objects can be: the type is wrong.
pub(super) fn no_objects(literal: &Literal, cim_type: CimType) -> Result<Value, Fault> {
    Err(wrong(literal, cim_type.to_string()))
}

/// The value of that type which `literal` is; `None` is NULL.
pub(super) fn typed(
    literal: &Literal,
    cim_type: CimType,
    array: ArraySize,
    objects: Objects<'_>,
) -> Result<Option<Value>, Fault> {
    match (&literal.kind, array) {
        (LiteralKind::Null, _) => Ok(None),
        (LiteralKind::Array(_), ArraySize::Scalar) => Err(wrong(literal, format!("one {cim_type}"))),
        (LiteralKind::Array(items), array) => {
            if let ArraySize::Fixed(size) = array
                && usize::try_from(size).is_ok_and(|size| items.len() > size)
            {
                return Err(wrong(literal, format!("at most {size} values")));
            }
            // With room for these and no more: a schema is kept for as long as its agent runs.
            let mut values = Vec::with_capacity(items.len());
            for item in items {
                values.push(single(item, cim_type, objects)?);
            }
            Ok(Some(Value::Array(values)))
        }
        (_, ArraySize::Scalar) => single(literal, cim_type, objects).map(Some),
        (_, _) => Err(wrong(literal, format!("an array of {cim_type} in braces"))),
    }
}

fn single(literal: &Literal, cim_type: CimType, objects: Objects<'_>) -> Result<Value, Fault> {
    Ok(match (&literal.kind, cim_type) {
        (LiteralKind::Alias(_) | LiteralKind::Instance(_), _) => return objects(literal, cim_type),
        (LiteralKind::Boolean(value), CimType::Boolean) => Value::Boolean(*value),
        (LiteralKind::String(text), CimType::String) => Value::String(text.clone()),
        (LiteralKind::String(text), CimType::DateTime) => {
            Value::DateTime(text.parse().map_err(|bad: crate::cim::BadDateTime| {
                let (text, reason) = (bad.text, bad.reason);
                (literal.at, Problem::BadDateTime { text, reason })
            })?)
        }
        (LiteralKind::String(text), CimType::Reference) => {
            let path: InstancePath = text
                .parse()
                .map_err(|_| (literal.at, Problem::BadPath(text.clone())))?;
            Value::Reference(Box::new(path))
        }
        (LiteralKind::Char(unit), CimType::Char16) => Value::Char16(*unit),
        (LiteralKind::Integer(value), cim_type) if cim_type.is_integer() => {
            integer(**value, cim_type).ok_or_else(|| out_of_range(literal.at, value, cim_type))?
        }
        (LiteralKind::Integer(value), CimType::Real32 | CimType::Real64) => {
            real(**value as f64, cim_type).ok_or_else(|| out_of_range(literal.at, value, cim_type))?
        }
        (LiteralKind::Real(value), CimType::Real32 | CimType::Real64) => {
            real(*value, cim_type).ok_or_else(|| out_of_range(literal.at, value, cim_type))?
        }
        _ => return Err(wrong(literal, cim_type.to_string())),
    })
}

fn integer(value: i128, cim_type: CimType) -> Option<Value> {
    Some(match cim_type {
        CimType::Uint8 => Value::Uint8(value.try_into().ok()?),
        CimType::Uint16 => Value::Uint16(value.try_into().ok()?),
        CimType::Uint32 => Value::Uint32(value.try_into().ok()?),
        CimType::Uint64 => Value::Uint64(value.try_into().ok()?),
        CimType::Sint8 => Value::Sint8(value.try_into().ok()?),
        CimType::Sint16 => Value::Sint16(value.try_into().ok()?),
        CimType::Sint32 => Value::Sint32(value.try_into().ok()?),
        CimType::Sint64 => Value::Sint64(value.try_into().ok()?),
        _ => return None,
    })
}

/// The nearest real of that width; `None` for what is infinite in it.
fn real(value: f64, cim_type: CimType) -> Option<Value> {
    match cim_type {
        CimType::Real32 => Some(value as f32)
            .filter(|value| value.is_finite())
            .map(Value::Real32),
        _ => Some(value).filter(|value| value.is_finite()).map(Value::Real64),
    }
}

fn out_of_range(at: At, value: &dyn std::fmt::Display, expected: CimType) -> Fault {
    let value = value.to_string();
    (at, Problem::OutOfRange { value, expected })
}

/// A literal of the wrong kind.
pub(super) fn wrong(literal: &Literal, expected: String) -> Fault {
    let found = match &literal.kind {
        LiteralKind::Null => "NULL",
        LiteralKind::Boolean(_) => "a boolean",
        LiteralKind::Integer(_) => "an integer",
        LiteralKind::Real(_) => "a real number",
        LiteralKind::Char(_) => "a char literal",
        LiteralKind::String(_) => "a string",
        LiteralKind::Alias(_) => "an alias",
        LiteralKind::Array(_) => "an array",
        LiteralKind::Instance(_) => "an instance",
    };
    let found = found.to_owned();
    (literal.at, Problem::WrongValue { expected, found })
}
