//! Instances as elements (DSP0201, 5.2.5: `INSTANCE`), to peers and from them.

use super::value::{self, Reading};
use super::{DecodeError, InstanceView, class, name, name_attribute};
use crate::cim::{CimType, Class, Embedded, Instance, Namespace, Property, PropertyDecl, Value};
use crate::xml::{Reader, Start, Writer};

/// What is shown of an instance.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// What the client asked for.
    view: Option<&'a InstanceView>,
    /// The class of the instance.
    class: Option<&'a Class>,
}

impl<'a> Shown<'a> {
    /// All properties, as the instance alone tells them.
    pub const fn all() -> Self {
        Self {
            view: None,
            class: None,
        }
    }

    /// What `view` asks for. The class of the instance adds what it alone knows: origins and qualifiers where the
    /// view asks for them, the classes of references, and which strings would hold objects were they not NULL.
    pub const fn new(view: &'a InstanceView, class: Option<&'a Class>) -> Self {
        Self {
            view: Some(view),
            class,
        }
    }

    fn shows(self, property: &Property) -> bool {
        self.view.is_none_or(|view| view.shows(&property.name))
    }

    /// What the class says of the property that stands at `index` in the instance.
    fn declared(self, index: usize, property: &Property) -> Option<&'a PropertyDecl> {
        let class = self.class?;
        // Instances are made in the order of declaration, as a rule, and with the very names of their class.
        match class.properties.get(index) {
            Some(declared) if std::ptr::eq(declared.name.as_str(), property.name.as_str()) => Some(declared),
            _ => class.property(property.name.as_str()),
        }
    }

    fn origins(self) -> bool {
        self.view.is_some_and(|view| view.include_class_origin)
    }

    fn qualifiers(self) -> bool {
        self.view.is_some_and(|view| view.include_qualifiers)
    }
}

/// Writes an `INSTANCE`. References that name no namespace are taken for ones in `home`.
pub fn encode(w: &mut Writer, instance: &Instance, home: Option<&Namespace>, shown: Shown<'_>) {
    w.start(name("INSTANCE"));
    w.attr(name("CLASSNAME"), instance.class_name.as_str());
    if let Some(class) = shown.class
        && shown.qualifiers()
    {
        class::encode_qualifiers(w, &class.qualifiers);
    }
    for (index, property) in instance.properties().iter().enumerate() {
        if shown.shows(property) {
            encode_property(w, property, shown.declared(index, property), home, shown);
        }
    }
    w.end(name("INSTANCE"));
}

fn encode_property(
    w: &mut Writer,
    property: &Property,
    declared: Option<&PropertyDecl>,
    home: Option<&Namespace>,
    shown: Shown<'_>,
) {
    let element = match (property.cim_type, property.is_array) {
        (CimType::Reference, _) => name("PROPERTY.REFERENCE"),
        (_, true) => name("PROPERTY.ARRAY"),
        (_, false) => name("PROPERTY"),
    };
    w.start(element);
    w.attr(name("NAME"), property.name.as_str());
    if property.cim_type == CimType::Reference {
        if let Some(class) = declared.and_then(|declared| declared.ty.reference_class.as_ref()) {
            w.attr(name("REFERENCECLASS"), class.as_str());
        }
    } else {
        w.attr(name("TYPE"), property.cim_type.as_str());
    }
    if let Some(declared) = declared
        && shown.origins()
    {
        w.attr(name("CLASSORIGIN"), declared.class_origin.as_str());
    }
    if let Some(kind) = embedded_kind(property, declared) {
        w.attr(name("EmbeddedObject"), kind);
    }
    if let Some(declared) = declared
        && shown.qualifiers()
    {
        class::encode_qualifiers(w, &declared.qualifiers);
    }
    if let Some(value) = &property.value {
        value::encode(w, property.cim_type, value, home);
    }
    w.end(element);
}

/// What objects a property holds: the class knows it, and so does a value that is not NULL.
fn embedded_kind(property: &Property, declared: Option<&PropertyDecl>) -> Option<&'static str> {
    if property.cim_type != CimType::String {
        return None;
    }
    match (declared.and_then(PropertyDecl::embedded), &property.value) {
        // A text in place of an object must not be read as one.
        (Some(_), Some(value)) if value::embedded_kind(value).is_none() && !is_empty(value) => None,
        // wbemcli refuses the attribute on arrays: it is not written where it would say nothing.
        (Some(_), None) if property.is_array => None,
        (Some(Embedded::Object), _) => Some("object"),
        (Some(Embedded::Instance(_)), _) => Some("instance"),
        (None, value) => value.as_ref().and_then(value::embedded_kind),
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Array(items) if items.is_empty())
}

/// Reads an `INSTANCE` element. Qualifiers are skipped.
///
/// # Errors
/// If it is malformed, a value does not fit its type, an item of an array is NULL, or a property stands twice.
pub fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Instance, DecodeError> {
    decode_within(reader, element, value::no_embedding())
}

/// Reads an instance that may hold others, `embedding` deep.
pub(super) fn decode_within<'a>(
    reader: &mut Reader<'a>,
    element: &Start<'a>,
    embedding: usize,
) -> Result<Instance, DecodeError> {
    let mut instance = Instance::new(name_attribute(element, "CLASSNAME")?);
    while let Some(child) = reader.child(element)? {
        let (cim_type, is_array) = match child.local {
            "PROPERTY" => (None, false),
            "PROPERTY.ARRAY" => (None, true),
            "PROPERTY.REFERENCE" => (Some(CimType::Reference), false),
            "QUALIFIER" => continue,
            _ => return Err(DecodeError::unexpected(&child, element)),
        };
        let name = name_attribute(&child, "NAME")?;
        let mut reading = Reading::of(&child, embedding)?;
        reading.cim_type = cim_type.unwrap_or(reading.cim_type);
        let value = decode_value(reader, &child, reading, is_array)
            .map_err(|error| error.at(|| format!("the property `{name}`")))?;
        if instance.property(name.as_str()).is_some() {
            return Err(DecodeError::Invalid(format!(
                "the property `{name}` stands twice"
            )));
        }
        instance.push(Property {
            name,
            cim_type: reading.cim_type,
            is_array,
            value,
        });
    }
    Ok(instance)
}

/// The value inside the element of a property.
fn decode_value<'a>(
    reader: &mut Reader<'a>,
    property: &Start<'a>,
    reading: Reading,
    is_array: bool,
) -> Result<Option<Value>, DecodeError> {
    let holder = match (reading.cim_type, is_array) {
        (CimType::Reference, _) => "VALUE.REFERENCE",
        (_, true) => "VALUE.ARRAY",
        (_, false) => "VALUE",
    };
    let mut value = None;
    while let Some(child) = reader.child(property)? {
        if child.local == holder {
            value = reading.decode(reader, &child)?;
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::any_instance;
    use crate::xml::Limits;

    fn read(xml: &str) -> Result<Instance, DecodeError> {
        let mut reader = Reader::new(xml, Limits::default())?;
        let root = reader.root()?;
        let instance = decode(&mut reader, &root)?;
        reader.finish()?;
        Ok(instance)
    }

    #[track_caller]
    fn check(properties: &str, expect: Result<&str, &str>) {
        let xml = format!("<INSTANCE CLASSNAME=\"C_X\">{properties}</INSTANCE>");
        let got = read(&xml).map(|instance| {
            let shown = instance
                .properties()
                .iter()
                .map(|property| format!("{} {} {:?}", property.name, property.cim_type, property.value));
            shown.collect::<Vec<_>>().join("; ")
        });
        let got = got.map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{properties}");
    }

    #[test]
    fn values_have_their_types() {
        check("", Ok(""));
        check(
            "<PROPERTY NAME=\"A\" TYPE=\"uint16\"><VALUE>5</VALUE></PROPERTY>",
            Ok("A uint16 Some(Uint16(5))"),
        );
        check(
            "<PROPERTY NAME=\"A\" TYPE=\"string\"></PROPERTY><QUALIFIER NAME=\"q\"/>",
            Ok("A string None"),
        );
        check(
            "<PROPERTY NAME=\"A\"><VALUE> a&amp;b </VALUE></PROPERTY>",
            Ok("A string Some(String(\" a&b \"))"),
        );
        check(
            "<PROPERTY.ARRAY NAME=\"A\" TYPE=\"boolean\"><VALUE.ARRAY><VALUE>TRUE</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>",
            Ok("A boolean Some(Array([Boolean(true)]))"),
        );
        check(
            "<PROPERTY.ARRAY NAME=\"A\" TYPE=\"boolean\"><VALUE.ARRAY><VALUE>TRUE</VALUE><VALUE.NULL/></VALUE.ARRAY></PROPERTY.ARRAY>",
            Err("the property `A`: item 2 of the array is NULL; only whole arrays may be NULL here"),
        );
        check(
            "<PROPERTY NAME=\"A\" TYPE=\"uint8\"><VALUE>300</VALUE></PROPERTY>",
            Err("the property `A`: `300` is no uint8 (0 to 255)"),
        );
        check(
            "<PROPERTY NAME=\"A\" TYPE=\"uint7\"/>",
            Err("`uint7` is no CIM type"),
        );
        check("<PROPERTY TYPE=\"uint8\"/>", Err("PROPERTY lacks its NAME"));
        check(
            "<PROPERTY NAME=\"A\"/><PROPERTY NAME=\"a\"/>",
            Err("the property `a` stands twice"),
        );
        check("<VALUE/>", Err("VALUE may not stand in INSTANCE"));
    }

    #[test]
    fn references_are_paths() {
        let path = "<INSTANCENAME CLASSNAME=\"C_Y\"><KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"numeric\">7</KEYVALUE></KEYBINDING>\
            <KEYBINDING NAME=\"L\"><KEYVALUE>a</KEYVALUE></KEYBINDING></INSTANCENAME>";
        let located = format!(
            "<PROPERTY.REFERENCE NAME=\"A\"><VALUE.REFERENCE><INSTANCEPATH><NAMESPACEPATH><HOST>h</HOST><LOCALNAMESPACEPATH>\
             <NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"x\"/></LOCALNAMESPACEPATH></NAMESPACEPATH>{path}</INSTANCEPATH>\
             </VALUE.REFERENCE></PROPERTY.REFERENCE>"
        );
        let instance = read(&format!("<INSTANCE CLASSNAME=\"C_X\">{located}</INSTANCE>")).unwrap();
        let Some(Value::Reference(path)) = instance.get("A") else {
            panic!("{instance:?}");
        };
        assert_eq!(path.to_string(), "root/x:C_Y.K=7,L=\"a\"");
        check(
            "<PROPERTY.REFERENCE NAME=\"A\"><VALUE.REFERENCE/></PROPERTY.REFERENCE>",
            Err("the property `A`: a VALUE.REFERENCE holds no path"),
        );
        let mut deep = "<CLASSNAME NAME=\"C_Y\"/>".to_owned();
        for _ in 0..9 {
            deep = format!(
                "<INSTANCENAME CLASSNAME=\"C_Y\"><KEYBINDING NAME=\"K\"><VALUE.REFERENCE>{deep}</VALUE.REFERENCE></KEYBINDING></INSTANCENAME>"
            );
        }
        check(
            &format!(
                "<PROPERTY.REFERENCE NAME=\"A\"><VALUE.REFERENCE>{deep}</VALUE.REFERENCE></PROPERTY.REFERENCE>"
            ),
            Err("the property `A`: references stand more than 8 deep inside one another"),
        );
    }

    #[test]
    fn embedded_instances_are_instances() {
        let inner = "&lt;INSTANCE CLASSNAME=\"C_Y\"&gt;&lt;PROPERTY NAME=\"B\" TYPE=\"sint8\"&gt;&lt;VALUE&gt;-1&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;";
        let xml = format!(
            "<INSTANCE CLASSNAME=\"C_X\"><PROPERTY NAME=\"A\" TYPE=\"string\" EmbeddedObject=\"instance\"><VALUE>{inner}</VALUE></PROPERTY></INSTANCE>"
        );
        let instance = read(&xml).unwrap();
        let Some(Value::Instance(inner)) = instance.get("A") else {
            panic!("{instance:?}");
        };
        assert_eq!(inner.get("B"), Some(&Value::Sint8(-1)));
    }

    /// Writes an instance and reads it.
    fn round_trip(instance: &Instance, shown: Shown<'_>) -> Instance {
        let mut w = Writer::default().keeping_end_tags();
        encode(
            &mut w,
            instance,
            Some(&Namespace::from_static("root/home")),
            shown,
        );
        read(&w.finish()).unwrap()
    }

    #[test]
    fn an_array_without_items_is_no_null() {
        let mut instance = Instance::new("C_X".into());
        instance.push(Property {
            name: "A".into(),
            cim_type: CimType::Uint8,
            is_array: true,
            value: Some(Value::Array(Vec::new())),
        });
        assert_eq!(round_trip(&instance, Shown::all()), instance);
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        let mut instance = Instance::new("C_X".into());
        instance.set("A", "a\u{0}b\u{1b}c\u{FFFF}");
        instance.set("B", Value::Char16(0xD800));
        let back = round_trip(&instance, Shown::all());
        assert_eq!(back.get_str("A"), Some("a\u{FFFD}b\u{FFFD}c\u{FFFD}"));
        assert_eq!(back.get("B"), Some(&Value::Char16(0xFFFD)));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn any_instance_comes_back(instance in any_instance::any_instance(2)) {
            let class = any_instance::class();
            let view = InstanceView { include_class_origin: true, include_qualifiers: true, ..InstanceView::default() };
            for shown in [Shown::all(), Shown::new(&view, Some(&class))] {
                proptest::prop_assert_eq!(&round_trip(&instance, shown), &instance);
            }
        }

        #[test]
        fn any_path_comes_back(key in any_instance::any_path()) {
            let mut instance = Instance::new("C_X".into());
            instance.set("A", key);
            proptest::prop_assert_eq!(&round_trip(&instance, Shown::all()), &instance);
        }
    }
}
