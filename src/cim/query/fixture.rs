//! A few classes and an instance for the tests of the query languages.

use std::sync::Arc;

use super::ClassLookup;
use crate::cim::{
    ArraySize, CimType, Class, DateTime, Flavor, Instance, InstancePath, Name, PropertyDecl, Qualifier,
    TypeDecl, Value,
};

/// A handful of classes, with what they inherit.
pub struct Classes(Vec<Class>);

impl ClassLookup for Classes {
    fn class(&self, name: &Name) -> Option<&Class> {
        self.0.iter().find(|class| class.name == *name)
    }

    fn is_a(&self, class: &Name, ancestor: &Name) -> bool {
        let mut next = Some(class);
        while let Some(name) = next {
            if name == ancestor {
                return true;
            }
            next = self.class(name).and_then(|class| class.superclass.as_ref());
        }
        false
    }
}

/// `CIM_Item` with a property of each kind, `CIM_SubItem` below it, `CIM_Holder` with an item embedded, and the
/// indications on instances.
pub fn classes() -> Classes {
    let mut item = Vec::new();
    for (name, ty) in [
        ("Id", CimType::Uint32),
        ("Name", CimType::String),
        ("Size", CimType::Uint64),
        ("Delta", CimType::Sint64),
        ("Load", CimType::Real64),
        ("Enabled", CimType::Boolean),
        ("InstallDate", CimType::DateTime),
        ("UpTime", CimType::DateTime),
        ("Letter", CimType::Char16),
        ("Parent", CimType::Reference),
        ("Unknown", CimType::String),
        ("Health", CimType::Uint16),
    ] {
        item.push(property(name, ty));
    }
    if let Some(health) = item.last_mut() {
        health
            .qualifiers
            .push(qualifier("ValueMap", vec!["0", "5", "10", "11.."]));
        health.qualifiers.push(qualifier(
            "Values",
            vec!["Unknown", "OK", "Degraded", "Vendor Reserved"],
        ));
    }
    for (name, ty) in [
        ("Status", CimType::Uint16),
        ("Notes", CimType::String),
        ("Empty", CimType::String),
    ] {
        let mut array = property(name, ty);
        array.ty.array = ArraySize::Variable;
        item.push(array);
    }
    let item = class("CIM_Item", None, item);
    let sub = class(
        "CIM_SubItem",
        Some(&item),
        vec![property("Extra", CimType::String)],
    );
    let mut inner = property("Inner", CimType::String);
    inner.qualifiers.push(qualifier("EmbeddedInstance", "CIM_Item"));
    let mut all = embedded("All");
    all.ty.array = ArraySize::Variable;
    let holder = class("CIM_Holder", None, vec![inner, all]);
    let indication = class("CIM_InstIndication", None, vec![embedded("SourceInstance")]);
    let modification = class(
        "CIM_InstModification",
        Some(&indication),
        vec![embedded("PreviousInstance")],
    );
    let other = class("CIM_Other", None, Vec::new());
    Classes(vec![item, sub, holder, indication, modification, other])
}

/// A `CIM_SubItem` with a value in every property but `Unknown`.
pub fn item() -> Instance {
    let date = |text: &str| text.parse::<DateTime>().unwrap();
    let mut item = Instance::new(Name::from_static("CIM_SubItem"));
    item.set("Id", 3_u32);
    item.set("Name", "Box 7");
    item.set("Size", u64::MAX);
    item.set("Delta", -5_i64);
    item.set("Load", 0.5);
    item.set("Enabled", true);
    item.set("InstallDate", date("20260131120000.000000+060"));
    item.set("UpTime", date("00000001000000.000000:000"));
    item.set("Letter", Value::Char16(u16::from(b'x')));
    let parent = InstancePath::new(Name::from_static("CIM_Item")).with_key("Id", 1_u32);
    item.set("Parent", parent);
    item.set_or_null("Unknown", CimType::String, None::<&str>);
    item.set("Health", 5_u16);
    item.set("Status", vec![2_u16, 5]);
    item.set("Notes", vec!["one", "two"]);
    item.set("Empty", Value::Array(Vec::new()));
    item.set("Extra", "more");
    item
}

/// An indication that says that [`item`] has changed: its load was 0.25 before.
pub fn modification() -> Instance {
    let mut before = item();
    before.set("Load", 0.25);
    let mut modification = Instance::new(Name::from_static("CIM_InstModification"));
    modification.set("SourceInstance", item());
    modification.set("PreviousInstance", before);
    modification
}

fn class(name: &'static str, parent: Option<&Class>, own: Vec<PropertyDecl>) -> Class {
    let inherited = parent.map(|parent| parent.properties.clone()).unwrap_or_default();
    Class {
        name: Name::from_static(name),
        superclass: parent.map(|parent| parent.name.clone()),
        qualifiers: Vec::new(),
        properties: inherited
            .into_iter()
            .chain(own.into_iter().map(Arc::new))
            .collect(),
        methods: Vec::new(),
    }
}

fn embedded(name: &'static str) -> PropertyDecl {
    let mut embedded = property(name, CimType::String);
    embedded.qualifiers.push(qualifier("EmbeddedObject", true));
    embedded
}

fn property(name: &'static str, ty: CimType) -> PropertyDecl {
    PropertyDecl {
        name: Name::from_static(name),
        ty: TypeDecl::scalar(ty),
        default: None,
        qualifiers: Vec::new(),
        class_origin: Name::from_static("CIM_Item"),
        propagated: false,
    }
}

fn qualifier(name: &'static str, value: impl Into<Value>) -> Qualifier {
    let value = value.into();
    Qualifier {
        name: Name::from_static(name),
        cim_type: value.cim_type().unwrap_or(CimType::String),
        value: Some(value.into()),
        flavor: Flavor::default(),
        propagated: false,
    }
}
