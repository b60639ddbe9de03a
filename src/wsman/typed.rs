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

/// Gives the properties of a message the types that are known, as a client must that does not know every
/// class: what `class` does not declare, or whose value does not fit, stays text.
pub fn typed_as_far_as_known(raw: &RawInstance, class: Option<&Class>, classes: ClassSource<'_>) -> Instance {
    let name = class.map_or_else(|| Name::new(&raw.class_name), |class| class.name.clone());
    let mut instance = Instance::with_capacity(name, raw.properties.len());
    for (name, value) in &raw.properties {
        let declared = class.and_then(|class| Some((class, class.property(name)?)));
        let typed = declared.and_then(|(class, declared)| {
            let target = Target {
                class: &class.name,
                name: &declared.name,
                ty: &declared.ty,
                embedded: declared.embedded(),
                classes,
            };
            Some(declared.with_value(target.value(value).ok()?))
        });
        instance.set_property(typed.unwrap_or_else(|| {
            let value = untyped(value, classes);
            Property {
                name: Name::new(name),
                cim_type: value
                    .as_ref()
                    .and_then(Value::cim_type)
                    .unwrap_or(CimType::String),
                is_array: value.as_ref().is_some_and(Value::is_array),
                value,
            }
        }));
    }
    instance
}

/// A value of which only the message says what it is.
fn untyped(raw: &RawValue, classes: ClassSource<'_>) -> Option<Value> {
    match raw {
        RawValue::Null => None,
        RawValue::Text(text) | RawValue::DateTime(_, text) => Some(Value::String(text.clone())),
        RawValue::Instance(raw) => {
            let class = classes(&Name::new(&raw.class_name));
            let instance = typed_as_far_as_known(raw, class.as_deref(), classes);
            Some(Value::Instance(Arc::new(instance)))
        }
        RawValue::Reference(epr) => Some(match epr.to_path() {
            Ok(path) => Value::Reference(Box::new(path)),
            Err(_) => Value::String(epr.address.clone()),
        }),
        RawValue::Array(items) => Some(Value::Array(
            items.iter().filter_map(|item| untyped(item, classes)).collect(),
        )),
    }
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
            let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
            let minutes = u16::from(hours) * 60 + u16::from(minutes.min(59));
            format!("{sign}{minutes:03}")
        }
    };
    Some(format!("{digits}{clock}.{fraction}{offset}"))
}

fn invalid(reason: String) -> Fault {
    Fault::new(FaultCause::InvalidRepresentation, reason).detail(FaultDetail::InvalidValues)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::any_instance;
    use crate::wsman::binding::{DateTimeStyle, Style, encode_instance};
    use crate::wsman::sample;
    use crate::xml::{Limits, Reader, Writer};
    use proptest::prelude::*;

    /// Writes an instance, reads it and gives it its types.
    fn round_trip(
        instance: &Instance,
        class: &Class,
        classes: ClassSource<'_>,
        style: &Style,
    ) -> Result<Instance, Fault> {
        let mut w = Writer::default();
        w.start(crate::xml::Ns::NONE.name("root"));
        for ns in [
            crate::xml::Ns::XSI,
            style.addressing.ns(),
            super::super::ns::WSMAN,
        ] {
            w.declare(ns);
        }
        encode_instance(&mut w, instance, class, None, style);
        w.end(crate::xml::Ns::NONE.name("root"));
        let xml = w.finish();
        let mut reader = Reader::new(&xml, Limits::default())?;
        let root = reader.root()?;
        let element = reader.child(&root)?.expect("the instance");
        let raw = RawInstance::decode(&mut reader, &element)?;
        reader.finish()?;
        typed(&raw, class, classes)
    }

    #[test]
    fn an_instance_of_every_kind_comes_back() {
        for datetime in [DateTimeStyle::Text, DateTimeStyle::Typed] {
            let style = Style {
                datetime,
                ..Style::default()
            };
            assert_eq!(
                round_trip(&sample::instance(), &sample::class(), &sample::classes, &style),
                Ok(sample::instance()),
                "{datetime:?}"
            );
        }
    }

    fn raw(name: &str, value: RawValue) -> RawInstance {
        RawInstance {
            class_name: "ESM_Sample".to_owned(),
            properties: vec![(name.to_owned(), value)],
            ..RawInstance::default()
        }
    }

    #[track_caller]
    fn check(name: &str, value: RawValue, expect: Result<Option<Value>, &str>) {
        let got = typed(&raw(name, value), &sample::class(), &sample::classes);
        let got = got.map(|instance| instance.get(name).cloned()).map_err(|fault| {
            assert_eq!(fault.cause, FaultCause::InvalidRepresentation);
            fault.reason
        });
        assert_eq!(got, expect.map_err(str::to_owned), "{name}");
    }

    fn text(text: &str) -> RawValue {
        RawValue::Text(text.to_owned())
    }

    fn datetime(text: &str) -> Option<Value> {
        Some(Value::DateTime(text.parse().unwrap()))
    }

    #[test]
    fn values_get_the_type_of_their_property() {
        check("index", text(" 7 "), Ok(Some(Value::Uint16(7))));
        check(
            "Index",
            text("70000"),
            Err("ESM_Sample.Index: `70000` is no uint16 (0 to 65535)."),
        );
        check("Index", RawValue::Null, Ok(None));
        check("Absent", text("1"), Err("ESM_Sample has no property `Absent`."));
        check("Counts", text("1"), Ok(Some(Value::from(vec![1_u32]))));
        let two = RawValue::Array(vec![text("1"), text("2")]);
        check("Counts", two.clone(), Ok(Some(Value::from(vec![1_u32, 2]))));
        check(
            "Index",
            two,
            Err("ESM_Sample.Index: there is several values; it must be one."),
        );
        check(
            "Counts",
            RawValue::Array(vec![text("1"), RawValue::Null]),
            Err("ESM_Sample.Counts: there is a NULL among the items of an array; it must be a value."),
        );
        check(
            "Target",
            text("x"),
            Err("ESM_Sample.Target: there is a text; it must be reference."),
        );
        check(
            "Part",
            RawValue::Instance(RawInstance::default()),
            Ok(Some(Value::from(Instance::new(Name::new("ESM_Sample"))))),
        );
        check(
            "Part",
            RawValue::Instance(RawInstance {
                class_name: "ESM_No".to_owned(),
                ..RawInstance::default()
            }),
            Err("ESM_Sample.Part: there is no class `ESM_No`."),
        );
        check(
            "Caption",
            RawValue::Instance(RawInstance::default()),
            Err(
                "ESM_Sample.Caption: there is an embedded instance without xsi:type; it must be one with it.",
            ),
        );
    }

    #[test]
    fn datetimes_come_in_every_form() {
        let at = |form, text: &str| RawValue::DateTime(form, text.to_owned());
        check(
            "Since",
            text("20260131120000.000000+540"),
            Ok(datetime("20260131120000.000000+540")),
        );
        check(
            "Since",
            at(RawDateTime::Cim, "20260131120000.000000+540"),
            Ok(datetime("20260131120000.000000+540")),
        );
        check(
            "Since",
            at(RawDateTime::Point, "2026-01-31T12:00:00.25+09:00"),
            Ok(datetime("20260131120000.250000+540")),
        );
        check(
            "Since",
            at(RawDateTime::Point, "2026-01-31T12:00:00Z"),
            Ok(datetime("20260131120000.000000+000")),
        );
        check(
            "Since",
            at(RawDateTime::Point, "2026-01-31"),
            Ok(datetime("20260131000000.000000+000")),
        );
        check(
            "Since",
            at(RawDateTime::Interval, "P1DT1S"),
            Ok(datetime("00000001000001.000000:000")),
        );
        check(
            "Since",
            at(RawDateTime::Point, "é"),
            Err("ESM_Sample.Since: `é` is no datetime."),
        );
        check(
            "Since",
            at(RawDateTime::Point, "2026-13-01T00:00:00Z"),
            Err("ESM_Sample.Since: `2026-13-01T00:00:00Z` is no datetime."),
        );
        check(
            "Since",
            at(RawDateTime::Point, "2026-01-31T12:00:00+1092:59"),
            Err("ESM_Sample.Since: `2026-01-31T12:00:00+1092:59` is no datetime."),
        );
        check(
            "Index",
            at(RawDateTime::Point, "2026-01-31"),
            Err("ESM_Sample.Index: there is a datetime; it must be uint16."),
        );
    }

    #[test]
    fn arguments_are_those_that_the_method_takes() {
        let class = sample::class();
        let method = class.method("Reset").unwrap();
        let arguments = |name: &str, value: &str| {
            typed_arguments(&raw(name, text(value)), &class, method, &sample::classes)
                .map(|arguments| arguments[0].value.clone())
                .map_err(|fault| (fault.cause, fault.detail, fault.reason))
        };
        assert_eq!(arguments("delay", "5"), Ok(Some(Value::Uint32(5))));
        let bad = |detail, reason: &str| Err((FaultCause::InvalidParameter, Some(detail), reason.to_owned()));
        assert_eq!(
            arguments("Job", "x"),
            bad(FaultDetail::InvalidName, "Reset takes no parameter `Job`.")
        );
        assert_eq!(
            arguments("Delay", "x"),
            bad(
                FaultDetail::TypeMismatch,
                "ESM_Sample.Delay: `x` is no uint32 (0 to 4294967295)."
            )
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_instance_comes_back(instance in any_instance::any_instance(2), wide in any::<bool>()) {
            let datetime = if wide { DateTimeStyle::Typed } else { DateTimeStyle::Text };
            let style = Style { datetime, ..Style::default() };
            let class = any_instance::class();
            let back = round_trip(&instance, &class, &any_instance::classes, &style).unwrap();
            for property in instance.properties() {
                prop_assert_eq!(back.get(property.name.as_str()), property.value.as_ref(), "{}", property.name);
            }
        }

        #[test]
        fn nothing_a_peer_sends_panics(xml in "[<>/a-z:='\"& ;#x0-9!\\[\\]-]{0,200}") {
            let _ = crate::wsman::Request::decode(&xml, Limits::default());
        }
    }
}
