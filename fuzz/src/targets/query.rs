//! The query languages, XPath and fragments, over the schema of the house.

use std::sync::OnceLock;

use esm::cim::query::fragment::{Fragment, Fragments};
use esm::cim::query::{ClassLookup, Language, Query, XPath};
use esm::cim::schema::{NamespaceSchema, Schema, house};
use esm::cim::{CimType, Class, DateTime, Instance, InstancePath, Name, Namespace, PropertyDecl, Value};

/// A query reads back from what is printed of it; one that fits the schema can judge instances.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for language in [Language::Wql, Language::Cql, Language::Fql] {
        match Query::parse(language, &text) {
            Ok(query) => {
                reads_back(&query);
                judge(&query);
            }
            Err(error) => {
                assert!(text.is_char_boundary(error.offset) && error.line >= 1 && error.column >= 1)
            }
        }
    }
}

/// An XPath expression judges instances; a fragment that can be written can be read.
pub fn xpath(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let instance = sample(&Name::from_static("ESM_FileSystemThread"));
    if let Ok(xpath) = XPath::parse(&text) {
        xpath.matches(&instance, schema());
    }
    let Ok(fragment) = Fragment::parse(&text) else {
        return;
    };
    fragment.select(&instance, schema());
    let Ok(target) = fragment.target(&instance.class_name, &text) else {
        return;
    };
    let mut written = instance.clone();
    if target.put(&mut written, Some(Value::string("written"))).is_ok() {
        assert_ne!(
            fragment.select(&written, schema()),
            Fragments::Properties(Vec::new())
        );
    } else {
        assert_eq!(written, instance);
    }
}

fn reads_back(query: &Query) {
    let printed = query.to_string();
    // Quotes and escapes may make the text longer than is read.
    if printed.len() > esm::cim::query::MAX_TEXT_BYTES {
        return;
    }
    match Query::parse(query.language(), &printed) {
        Ok(again) => {
            assert_eq!(again.select(), query.select());
            assert_eq!(again.from_class(), query.from_class());
            assert_eq!(again.condition(), query.condition());
            assert_eq!(again.to_string(), printed);
        }
        // What is printed has parentheses that the text could do without.
        Err(error) => assert_eq!(error.reason, esm::cim::query::Reason::TooDeep, "{printed}"),
    }
}

fn judge(query: &Query) {
    let class = Name::from_static("ESM_FileSystemThread");
    let checked = match query.from_class() {
        Some(_) => query.check(schema()),
        None => query.check_for(&class, schema()),
    };
    if let Ok(checked) = checked {
        let instance = sample(checked.class());
        checked.matches(&instance, schema());
        checked.project(instance, |_| false);
    }
}

pub(super) fn schema() -> &'static NamespaceSchema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA
        .get_or_init(|| house().expect("the schema of the house compiles"))
        .namespace(&Namespace::from_static("root/ESMPRO/AS"))
        .expect("the namespace is there")
}

/// An instance with a value in every property, embedded objects included.
fn sample(class: &Name) -> Instance {
    let mut instance = Instance::new(class.clone());
    if let Some(class) = ClassLookup::class(schema(), class) {
        fill(&mut instance, class);
    }
    instance
}

fn fill(instance: &mut Instance, class: &Class) {
    for property in &class.properties {
        let value = match property.ty.is_array() {
            true => Value::Array(vec![value(property), value(property)]),
            false => value(property),
        };
        instance.push(property.with_value(Some(value)));
    }
}

fn value(property: &PropertyDecl) -> Value {
    if property.embedded().is_some() {
        let mut inner = Instance::new(Name::from_static("ESM_FileSystemThread"));
        inner.set("Name", "/var");
        inner.set("FreePercent", 2.5);
        return Value::from(inner);
    }
    match property.ty.cim_type {
        CimType::DateTime => DateTime::from_duration(std::time::Duration::from_secs(90)).into(),
        CimType::Reference => InstancePath::new(Name::from_static("CIM_X"))
            .with_key("Name", "/var")
            .into(),
        CimType::String => "/var".into(),
        CimType::Boolean => true.into(),
        ty => Value::from_text(ty, "3").expect("a digit is a number and a character"),
    }
}
