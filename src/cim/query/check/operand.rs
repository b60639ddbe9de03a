//! The sides of comparisons: where a value comes from, and of what type it is.

use super::super::ast::{At, Literal, Operand, Path, Step};
use super::super::eval::Source;
use super::super::{Language, Reason};
use super::path::Found;
use super::{Checker, Fault};
use crate::cim::{CimType, InstancePath, Name, PropertyDecl, Value};

/// One side of a comparison.
pub struct Side {
    pub source: Source,
    /// The type of the value, of its items where it is an array; `None` where only the instance tells.
    pub cim_type: Option<CimType>,
    shape: Shape,
    at: At,
}

/// Whether a side is one value or a whole array.
enum Shape {
    Single,
    Array(Name),
    Unknown,
}

impl Side {
    /// Whether it can be compared with an array as a whole.
    pub const fn may_be_array(&self) -> bool {
        matches!(self.shape, Shape::Array(_) | Shape::Unknown)
    }

    /// Refuses an array where one value is wanted.
    pub fn must_be_single(&self) -> Result<(), Fault> {
        match &self.shape {
            Shape::Array(name) => Err((Reason::IsAnArray(name.clone()), self.at)),
            Shape::Single | Shape::Unknown => Ok(()),
        }
    }
}

impl Checker<'_> {
    /// Finds out where an operand comes from.
    pub fn side(&self, operand: &Operand) -> Result<Side, Fault> {
        let constant = |value: Value| Side {
            cim_type: value.cim_type(),
            source: Source::Constant(value),
            shape: Shape::Single,
            at: operand.at(),
        };
        match operand {
            Operand::Literal(literal, _) => Ok(constant(literal_value(literal))),
            Operand::Symbol(path, symbol) => self.symbol(path, symbol).map(constant),
            Operand::Path(path) => {
                let (route, found) = self.resolve(path)?;
                let shape = match &found {
                    Found::Declared { property, item } if property.ty.is_array() && !item => {
                        Shape::Array(property.name.clone())
                    }
                    Found::Unknown => Shape::Unknown,
                    _ => Shape::Single,
                };
                Ok(Side {
                    cim_type: value_type(&found, path)?,
                    source: Source::One(route),
                    shape,
                    at: path.at(),
                })
            }
            Operand::Any(path) => self.items(path, Source::Any),
            Operand::Every(path) => self.items(path, Source::Every),
        }
    }

    /// The items of an array, each for itself.
    fn items(&self, path: &Path, source: fn(super::super::eval::Route) -> Source) -> Result<Side, Fault> {
        let (route, found) = self.resolve(path)?;
        if let Found::Declared { property, item } = &found
            && (*item || !property.ty.is_array())
        {
            return Err((Reason::NotAnArray(property.name.clone()), path.at()));
        }
        Ok(Side {
            cim_type: value_type(&found, path)?,
            source: source(route),
            shape: Shape::Single,
            at: path.at(),
        })
    }

    /// Brings a text that stands in the query to the type of the other side: datetimes and references always,
    /// numbers and booleans in WQL, whose users quote them.
    pub fn fit(&self, operand: &Operand, side: &mut Side, wanted: CimType) -> Result<(), Fault> {
        let Operand::Literal(Literal::Text(text), at) = operand else {
            return Ok(());
        };
        let bad_value = || {
            let reason = Reason::BadValue {
                text: text.chars().take(40).collect(),
                expected: wanted,
            };
            (reason, *at)
        };
        let value = match wanted {
            CimType::String | CimType::Char16 => return Ok(()),
            CimType::DateTime => {
                let value = text.trim().parse();
                Value::DateTime(value.map_err(|bad| (Reason::BadDateTime(bad), *at))?)
            }
            CimType::Reference => Value::from(text.parse::<InstancePath>().map_err(|_| bad_value())?),
            _ if self.language == Language::Wql => Value::from_text(wanted, text).map_err(|_| bad_value())?,
            _ => return Ok(()),
        };
        side.source = Source::Constant(value);
        side.cim_type = Some(wanted);
        Ok(())
    }

    /// The value that a property's value map gives a name (DSP0004, `ValueMap` and `Values`).
    fn symbol(&self, path: &Path, symbol: &str) -> Result<Value, Fault> {
        let name = path.steps.last().map(|step| step.name.clone());
        let unknown = || {
            let reason = Reason::UnknownSymbol {
                property: name.clone().unwrap_or_else(|| Name::new("")),
                symbol: symbol.to_owned(),
            };
            (reason, path.at())
        };
        let property = self.symbol_property(path)?.ok_or_else(unknown)?;
        let texts = |qualifier: &str| {
            property
                .qualifier(qualifier)
                .and_then(|found| found.value.as_ref())
        };
        let named = |value: &Value| value.as_str() == Some(symbol);
        let at = texts("Values")
            .and_then(|names| names.items().iter().position(named))
            .ok_or_else(unknown)?;
        let text = match texts("ValueMap") {
            Some(map) => map
                .items()
                .get(at)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned(),
            None => at.to_string(),
        };
        Value::from_text(property.ty.cim_type, &text).map_err(|_| unknown())
    }

    /// The property whose value map is meant: one on a path, or one of any class, `Class.Property`.
    fn symbol_property(&self, path: &Path) -> Result<Option<&PropertyDecl>, Fault> {
        let of_class = |class: &Name, property: &Name| {
            let class = self.schema.class(class)?;
            class.property(property.as_str())
        };
        let elsewhere = match path.steps.as_slice() {
            [
                Step {
                    scope: Some(class),
                    name,
                    ..
                },
            ] => of_class(class, name),
            [
                Step {
                    scope: None,
                    name: class,
                    ..
                },
                Step {
                    scope: None, name, ..
                },
            ] if self.class.property(class.as_str()).is_none() => of_class(class, name),
            _ => None,
        };
        if elsewhere.is_some() {
            return Ok(elsewhere);
        }
        Ok(match self.resolve(path)?.1 {
            Found::Declared { property, .. } => Some(property),
            _ => None,
        })
    }
}

fn literal_value(literal: &Literal) -> Value {
    match literal {
        Literal::Integer(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => Value::Sint64(value),
            (_, Ok(value)) => Value::Uint64(value),
            _ => Value::Real64(*value as f64),
        },
        Literal::Real(value) => Value::Real64(*value),
        Literal::Text(text) => Value::String(text.clone()),
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::DateTime(value) => Value::DateTime(*value),
    }
}

fn value_type(found: &Found<'_>, path: &Path) -> Result<Option<CimType>, Fault> {
    match found {
        Found::Object => Err((Reason::IsAnObject, path.at())),
        Found::Declared { property, .. } if property.embedded().is_some() => {
            Err((Reason::IsAnObject, path.at()))
        }
        Found::Declared { property, .. } => Ok(Some(property.ty.cim_type)),
        Found::ClassName => Ok(Some(CimType::String)),
        Found::Unknown => Ok(None),
    }
}
