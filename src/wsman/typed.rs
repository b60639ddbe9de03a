//! From the untyped values of a message to those of a class.

use std::sync::Arc;

use super::fault::shorten;
use super::raw::{RawDateTime, RawInstance, RawValue};
use super::time::parse_duration;
use super::{Fault, FaultCause, FaultDetail};
use crate::cim::{CimType, Class, DateTime, Embedded, Instance, Method, Name, Property, TypeDecl, Value};

/// Where the classes of embedded instances are looked up.
pub type ClassSource<'s> = &'s dyn Fn(&Name) -> Option<Arc<Class>>;

/// Gives the properties of a message the types that `class` declares. Properties that the message leaves
/// out are left out of the instance; one that the class does not declare, or whose value does not fit, is
/// the fault `wxf:InvalidRepresentation`.
pub fn typed(raw: &RawInstance, class: &Class, classes: ClassSource<'_>) -> Result<Instance, Fault> {
    let mut instance = Instance::with_capacity(class.name.clone(), raw.properties.len());
    for (name, value) in &raw.properties {
        let Some(declared) = class.property(name) else {
            return Err(invalid(format!(
                "{} has no property `{}`.",
                class.name,
                shorten(name)
            )));
        };
        if instance.property(name).is_some() {
            return Err(invalid(format!("The property `{}` stands twice.", declared.name)));
        }
        let target = Target {
            class: &class.name,
            name: &declared.name,
            ty: &declared.ty,
            embedded: declared.embedded(),
            classes,
        };
        instance.push(declared.with_value(target.value(value)?));
    }
    Ok(instance)
}

/// Gives the arguments of a method their types. One that the method does not take, or whose value does
/// not fit, is the fault `wsman:InvalidParameter`.
pub fn typed_arguments(
    raw: &RawInstance,
    class: &Class,
    method: &Method,
    classes: ClassSource<'_>,
) -> Result<Vec<Property>, Fault> {
    let bad = |reason: String, detail| Fault::new(FaultCause::InvalidParameter, reason).detail(detail);
    let mut arguments: Vec<Property> = Vec::with_capacity(raw.properties.len());
    for (name, value) in &raw.properties {
        let Some(declared) = method.parameter(name).filter(|parameter| parameter.is_in()) else {
            let reason = format!("{} takes no parameter `{}`.", method.name, shorten(name));
            return Err(bad(reason, FaultDetail::InvalidName));
        };
        if arguments.iter().any(|argument| argument.name == declared.name) {
            let reason = format!("The parameter `{}` stands twice.", declared.name);
            return Err(bad(reason, FaultDetail::InvalidName));
        }
        let target = Target {
            class: &class.name,
            name: &declared.name,
            ty: &declared.ty,
            embedded: declared.embedded(),
            classes,
        };
        arguments.push(Property {
            name: declared.name.clone(),
            cim_type: declared.ty.cim_type,
            is_array: declared.ty.is_array(),
            value: target
                .value(value)
                .map_err(|fault| bad(fault.reason, FaultDetail::TypeMismatch))?,
        });
    }
    Ok(arguments)
}

/// What a value must become.
struct Target<'t> {
    class: &'t Name,
    name: &'t Name,
    ty: &'t TypeDecl,
    embedded: Option<Embedded>,
    classes: ClassSource<'t>,
}

impl Target<'_> {
    fn value(&self, raw: &RawValue) -> Result<Option<Value>, Fault> {
        match raw {
            RawValue::Null => Ok(None),
            RawValue::Array(_) if !self.ty.is_array() => Err(self.mismatch("several values", "one")),
            RawValue::Array(items) => {
                let items: Result<_, Fault> = items.iter().map(|item| self.scalar(item)).collect();
                Ok(Some(Value::Array(items?)))
            }
            single if self.ty.is_array() => Ok(Some(Value::Array(vec![self.scalar(single)?]))),
            single => self.scalar(single).map(Some),
        }
    }

    fn scalar(&self, raw: &RawValue) -> Result<Value, Fault> {
        let cim_type = self.ty.cim_type;
        match raw {
            RawValue::Text(text) if cim_type != CimType::Reference => Value::from_text(cim_type, text)
                .map_err(|error| invalid(format!("{}.{}: {error}.", self.class, self.name))),
            RawValue::DateTime(form, text) if cim_type == CimType::DateTime => self.datetime(*form, text),
            RawValue::Reference(epr) if cim_type == CimType::Reference => {
                Ok(Value::Reference(Box::new(epr.to_path()?)))
            }
            RawValue::Instance(instance) if cim_type == CimType::String => self.instance(instance),
            RawValue::Null => Err(self.mismatch("a NULL among the items of an array", "a value")),
            RawValue::Text(_) => Err(self.mismatch("a text", cim_type.as_str())),
            RawValue::DateTime(..) => Err(self.mismatch("a datetime", cim_type.as_str())),
            RawValue::Reference(_) => Err(self.mismatch("a reference", cim_type.as_str())),
            RawValue::Instance(_) => Err(self.mismatch("an embedded instance", cim_type.as_str())),
            RawValue::Array(_) => Err(self.mismatch("an array in an array", cim_type.as_str())),
        }
    }

    fn instance(&self, raw: &RawInstance) -> Result<Value, Fault> {
        let class_name = match (&self.embedded, raw.class_name.as_str()) {
            (Some(Embedded::Instance(declared)), "") => declared.clone(),
            (_, "") => return Err(self.mismatch("an embedded instance without xsi:type", "one with it")),
            (_, named) => Name::new(named),
        };
        let class = (self.classes)(&class_name).ok_or_else(|| {
            invalid(format!(
                "{}.{}: there is no class `{}`.",
                self.class,
                self.name,
                shorten(class_name.as_str())
            ))
        })?;
        Ok(Value::Instance(Arc::new(typed(raw, &class, self.classes)?)))
    }

    fn datetime(&self, form: RawDateTime, text: &str) -> Result<Value, Fault> {
        let text = text.trim();
        let datetime = match form {
            RawDateTime::Cim => text.parse().ok(),
            RawDateTime::Interval => parse_duration(text).ok().map(DateTime::from_duration),
            RawDateTime::Point => cim_text(text).and_then(|text| text.parse().ok()),
        };
        datetime.map(Value::DateTime).ok_or_else(|| {
            invalid(format!(
                "{}.{}: `{}` is no datetime.",
                self.class,
                self.name,
                shorten(text)
            ))
        })
    }

    fn mismatch(&self, found: &str, expected: &str) -> Fault {
        invalid(format!(
            "{}.{}: there is {found}; it must be {expected}.",
            self.class, self.name
        ))
    }
}

/// An `xs:dateTime` or `xs:date` in the 25 characters of DSP0004; one without a time zone counts as UTC.
fn cim_text(text: &str) -> Option<String> {
    let (date, rest) = text.split_at_checked(10)?;
    let digits: String = date.split('-').collect();
    let (time, zone) = match rest.strip_prefix('T') {
        Some(rest) => rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len())),
        None => ("00:00:00", rest),
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let clock: String = clock.split(':').collect();
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let offset = match zone {
        "" | "Z" => "+000".to_owned(),
        zone => {
            let (sign, clock) = zone.split_at_checked(1)?;
            let (hours, minutes) = clock.split_once(':')?;
            let minutes = hours.parse::<u16>().ok()?.checked_mul(60)? + minutes.parse::<u16>().ok()?.min(59);
            format!("{sign}{minutes:03}")
        }
    };
    Some(format!("{digits}{clock}.{fraction}{offset}"))
}

fn invalid(reason: String) -> Fault {
    Fault::new(FaultCause::InvalidRepresentation, reason).detail(FaultDetail::InvalidValues)
}
