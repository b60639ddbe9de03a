//! Instances on standard output: values in words, tables, lists, JSON.

pub mod json;
pub mod layout;

use crate::cim::{Class, DateTime, Instance, InstancePath, PropertyDecl, Value};
use crate::client::instance_name::InstanceName;
use crate::wsman::SelectorSet;
use crate::wsman::resource_uri::UriForm;

/// The value of a property for people: one of a value map with its word, a datetime as dates are written.
pub fn value_text(value: &Value, declared: Option<&PropertyDecl>) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| value_text(item, declared)).collect();
            items.join(", ")
        }
        Value::DateTime(datetime) => datetime_text(datetime),
        Value::Reference(path) => path_text(path),
        Value::Instance(instance) => embedded_text(instance),
        Value::Class(class) => class.name.as_str().to_owned(),
        value => {
            let text = value.to_text();
            match declared.and_then(|declared| word_of(&text, declared)) {
                Some(word) if !word.eq_ignore_ascii_case(&text) => format!("{word} ({text})"),
                Some(_) | None => text,
            }
        }
    }
}

/// The word that stands in `Values` for the entry of `ValueMap` that the text is (DSP0004, 5.6.3.52 and 53).
fn word_of<'d>(text: &str, declared: &'d PropertyDecl) -> Option<&'d str> {
    let items = |name| Some(declared.qualifier(name)?.value.as_ref()?.items());
    let at = items("ValueMap")?
        .iter()
        .position(|entry| entry.as_str() == Some(text))?;
    items("Values")?.get(at)?.as_str()
}

fn datetime_text(datetime: &DateTime) -> String {
    let exact = || datetime.to_string();
    match datetime {
        DateTime::Timestamp(stamp) => {
            let Some(at) = datetime.to_wall() else {
                return exact();
            };
            let zone = jiff::tz::Offset::from_seconds(i32::from(stamp.offset_minutes()) * 60);
            let Ok(zone) = zone else { return exact() };
            let at = zone.to_datetime(at.timestamp());
            let zone = match stamp.offset_minutes() {
                0 => "Z".to_owned(),
                _ => zone.to_string(),
            };
            format!("{}{zone}", at.strftime("%Y-%m-%d %H:%M:%S"))
        }
        DateTime::Interval(_) => match datetime.to_duration() {
            Some(length) => duration_text(length),
            None => exact(),
        },
    }
}

/// A length of time in its two largest units: `2d 3h`, `1h 5m`, `40s`.
pub fn duration_text(length: std::time::Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let mut left = length.as_secs();
    let mut parts = Vec::new();
    for (secs, unit) in UNITS {
        let count = left / secs;
        left %= secs;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count}{unit}"));
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// A path as the commands take it.
pub fn path_text(path: &InstancePath) -> String {
    let name = InstanceName {
        resource_uri: UriForm::Dmtf.class_uri(path.class_name.as_str()),
        class_name: path.class_name.clone(),
        selectors: SelectorSet::from_path(path).0,
    };
    name.to_string()
}

fn embedded_text(instance: &Instance) -> String {
    let properties: Vec<String> = instance
        .properties()
        .iter()
        .filter_map(|property| {
            let value = property.value.as_ref()?;
            Some(format!("{}={}", property.name, value_text(value, None)))
        })
        .collect();
    format!("{} {{{}}}", instance.class_name, properties.join(", "))
}

/// What an instance is called in a heading: its class and the keys that tell it from its siblings, without the
/// long names that references are.
pub fn heading(instance: &Instance, class: Option<&Class>) -> String {
    let mut text = instance.class_name.as_str().to_owned();
    let Some(class) = class else { return text };
    for key in class.keys().filter(|key| !is_constant_key(key.name.as_str())) {
        let value = instance.get(key.name.as_str());
        if let Some(value) = value.filter(|value| !matches!(value, Value::Reference(_))) {
            text.push(' ');
            text.push_str(&value_text(value, None));
        }
    }
    text
}

/// Keys that say which class and which computer: the same for all instances of an agent.
pub fn is_constant_key(name: &str) -> bool {
    [
        "CreationClassName",
        "SystemCreationClassName",
        "SystemName",
        "CSCreationClassName",
        "CSName",
    ]
    .iter()
    .any(|constant| constant.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cim::Name;

    #[track_caller]
    fn check(value: Value, expect: &str) {
        assert_eq!(value_text(&value, None), expect);
    }

    #[test]
    fn values_are_told_in_words() {
        let datetime = |text: &str| Value::DateTime(text.parse().unwrap());
        check(datetime("20260131120000.000000+000"), "2026-01-31 12:00:00Z");
        check(datetime("20260131120000.000000+120"), "2026-01-31 12:00:00+02");
        check(datetime("00000002030405.000000:000"), "2d 3h");
        check(vec![1_u16, 2].into(), "1, 2");
        let path = InstancePath::new(Name::new("C_X")).with_key("Name", "a");
        check(path.into(), "C_X?Name=a");
        let mut instance = Instance::new(Name::new("C_Y"));
        instance.set("A", 1_u8);
        instance.set("B", "x");
        check(instance.into(), "C_Y {A=1, B=x}");
    }

    #[test]
    fn lengths_of_time_have_two_units_at_most() {
        for (secs, expect) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3665, "1h 1m"),
            (3600, "1h"),
            (3605, "1h"),
            (90_061, "1d 1h"),
        ] {
            assert_eq!(duration_text(Duration::from_secs(secs)), expect, "{secs}");
        }
    }
}
