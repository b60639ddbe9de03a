//! A class with a property of every kind there is, and any instance of it, for the property tests of all protocols.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{
    ArraySize, CimType, Class, DateTime, Flavor, Instance, InstancePath, Name, Namespace, PropertyDecl,
    Qualifier, TypeDecl, Value,
};
use crate::time::WallTime;

const CLASS: Name = Name::from_static("ESM_Every");
/// The property that embeds an instance of the class itself.
const PART: &str = "Part";
/// The property that embeds several.
const PARTS: &str = "Parts";

/// `ESM_Every`: one value and an array of every type, a reference, an embedded instance and several.
pub(crate) fn class() -> Arc<Class> {
    let mut properties = Vec::new();
    for cim_type in CimType::ALL {
        properties.push(property(
            &scalar_name(cim_type),
            cim_type,
            ArraySize::Scalar,
            Vec::new(),
        ));
        if cim_type != CimType::Reference {
            properties.push(property(
                &array_name(cim_type),
                cim_type,
                ArraySize::Variable,
                Vec::new(),
            ));
        }
    }
    let embedded = Qualifier {
        name: Name::from_static("EmbeddedInstance"),
        cim_type: CimType::String,
        value: Some(Arc::new(Value::string(CLASS.as_str()))),
        flavor: Flavor::default(),
        propagated: false,
    };
    properties.push(property(
        PART,
        CimType::String,
        ArraySize::Scalar,
        vec![embedded.clone()],
    ));
    properties.push(property(
        PARTS,
        CimType::String,
        ArraySize::Variable,
        vec![embedded],
    ));
    Arc::new(Class {
        name: CLASS,
        superclass: None,
        qualifiers: Vec::new(),
        properties,
        methods: Vec::new(),
    })
}

/// The classes that embedded instances may have.
pub(crate) fn classes(name: &Name) -> Option<Arc<Class>> {
    (*name == CLASS).then(class)
}

/// An instance of [`class`] with any of its properties, embedded ones down to `depth`. Arrays have an item at
/// least, as not every protocol can tell an empty one from none; texts hold what XML can carry.
pub(crate) fn any_instance(depth: u32) -> BoxedStrategy<Instance> {
    let values: Vec<_> = class()
        .properties
        .iter()
        .map(|declared| {
            let value = match declared.name.as_str() {
                PART if depth > 0 => any_instance(depth - 1).prop_map(Value::from).boxed(),
                PARTS if depth > 0 => vec(any_instance(depth - 1), 1..3).prop_map(Value::from).boxed(),
                PART | PARTS => return Just(None).boxed(),
                _ if declared.ty.is_array() => vec(any_value(declared.ty.cim_type), 1..4)
                    .prop_map(Value::Array)
                    .boxed(),
                _ => any_value(declared.ty.cim_type),
            };
            option::of(value).boxed()
        })
        .collect();
    values
        .prop_map(|values| {
            let mut instance = Instance::new(CLASS);
            for (declared, value) in class().properties.iter().zip(values) {
                instance.push(declared.with_value(value));
            }
            instance
        })
        .boxed()
}

/// Any value of that type. NaN is left out, as it equals nothing.
pub(crate) fn any_value(cim_type: CimType) -> BoxedStrategy<Value> {
    match cim_type {
        CimType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        CimType::Uint8 => any::<u8>().prop_map(Value::from).boxed(),
        CimType::Uint16 => any::<u16>().prop_map(Value::from).boxed(),
        CimType::Uint32 => any::<u32>().prop_map(Value::from).boxed(),
        CimType::Uint64 => any::<u64>().prop_map(Value::from).boxed(),
        CimType::Sint8 => any::<i8>().prop_map(Value::from).boxed(),
        CimType::Sint16 => any::<i16>().prop_map(Value::from).boxed(),
        CimType::Sint32 => any::<i32>().prop_map(Value::from).boxed(),
        CimType::Sint64 => any::<i64>().prop_map(Value::from).boxed(),
        CimType::Real32 => any::<f32>()
            .prop_filter("NaN", |v| !v.is_nan())
            .prop_map(Value::from)
            .boxed(),
        CimType::Real64 => any::<f64>()
            .prop_filter("NaN", |v| !v.is_nan())
            .prop_map(Value::from)
            .boxed(),
        CimType::Char16 => any::<char>()
            .prop_filter_map("one unit that XML can carry", |c| {
                let unit = u16::try_from(u32::from(c)).ok()?;
                ((c >= ' ' || matches!(c, '\t' | '\n' | '\r')) && unit < 0xFFFE)
                    .then_some(Value::Char16(unit))
            })
            .boxed(),
        CimType::String => any_text().prop_map(Value::from).boxed(),
        CimType::DateTime => any_datetime().prop_map(Value::from).boxed(),
        CimType::Reference => any_path().prop_map(Value::from).boxed(),
    }
}

/// Text that XML can carry: no control characters but tab and line ends.
fn any_text() -> impl Strategy<Value = String> {
    "[\\PC\\t\\n\\r]{0,40}".prop_map(|text| text.replace(['\u{FFFE}', '\u{FFFF}'], ""))
}

/// A path with keys of the kinds that every protocol can tell apart.
pub(crate) fn any_path() -> impl Strategy<Value = InstancePath> {
    (any_text(), any::<u16>(), any::<bool>()).prop_map(|(name, index, located)| {
        let path = InstancePath::new(CLASS)
            .with_key("String", name)
            .with_key("Uint16", index);
        if located {
            path.in_namespace(Namespace::from_static("root/elsewhere"))
        } else {
            path
        }
    })
}

fn any_datetime() -> impl Strategy<Value = DateTime> {
    let point = (-62_000_000_000_i64..200_000_000_000)
        .prop_map(|secs| DateTime::from_wall(WallTime::from_unix_micros(secs * 1_000_000 + 7)));
    let length =
        (0_u64..8_000_000_000).prop_map(|secs| DateTime::from_duration(std::time::Duration::from_secs(secs)));
    prop_oneof![point, length]
}

fn scalar_name(cim_type: CimType) -> String {
    format!("One_{cim_type}")
}

fn array_name(cim_type: CimType) -> String {
    format!("Many_{cim_type}")
}

fn property(
    name: &str,
    cim_type: CimType,
    array: ArraySize,
    qualifiers: Vec<Qualifier>,
) -> Arc<PropertyDecl> {
    Arc::new(PropertyDecl {
        name: Name::new(name),
        ty: TypeDecl {
            cim_type,
            array,
            reference_class: (cim_type == CimType::Reference).then_some(CLASS),
        },
        default: None,
        qualifiers,
        class_origin: CLASS,
        propagated: false,
    })
}
