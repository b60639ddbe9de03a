//! Class declarations (DSP0201, 5.2.3.1: `CLASS`), with open and close tags throughout, as strict parsers
//! of CIM-XML want them.

mod decode;
mod view;

pub use decode::decode;
pub(super) use decode::{array_size, flavor, is_true};
pub use view::view;

use super::{name, value};
use crate::cim::{
    ArraySize, CimType, Class, Flavor, Method, Name, Parameter, PropertyDecl, Qualifier, TypeDecl,
};
use crate::xml::Writer;

/// A class as a `CLASS` element.
pub fn to_string(class: &Class) -> String {
    let mut w = Writer::with_capacity(16 * 1024).keeping_end_tags();
    encode(&mut w, class);
    w.finish()
}

/// Writes a class as a `CLASS` element.
pub fn encode(w: &mut Writer, class: &Class) {
    w.start(name("CLASS"));
    w.attr(name("NAME"), class.name.as_str());
    if let Some(superclass) = &class.superclass {
        w.attr(name("SUPERCLASS"), superclass.as_str());
    }
    encode_qualifiers(w, &class.qualifiers);
    for property in &class.properties {
        encode_property(w, property);
    }
    for method in &class.methods {
        encode_method(w, method);
    }
    w.end(name("CLASS"));
}

fn encode_property(w: &mut Writer, property: &PropertyDecl) {
    let element = match (property.ty.cim_type, property.ty.is_array()) {
        (CimType::Reference, _) => name("PROPERTY.REFERENCE"),
        (_, true) => name("PROPERTY.ARRAY"),
        (_, false) => name("PROPERTY"),
    };
    w.start(element);
    w.attr(name("NAME"), property.name.as_str());
    encode_type(w, &property.ty);
    encode_origin(w, &property.class_origin);
    if property.propagated {
        w.attr(name("PROPAGATED"), "true");
    }
    encode_qualifiers(w, &property.qualifiers);
    if let Some(value) = &property.default {
        value::encode(w, property.ty.cim_type, value, None);
    }
    w.end(element);
}

/// The class that introduced a member; an empty name stands for one that is not to be shown.
fn encode_origin(w: &mut Writer, origin: &Name) {
    if !origin.as_str().is_empty() {
        w.attr(name("CLASSORIGIN"), origin.as_str());
    }
}

/// The attributes that say what a property or parameter holds.
fn encode_type(w: &mut Writer, ty: &TypeDecl) {
    if ty.cim_type == CimType::Reference {
        if let Some(class) = &ty.reference_class {
            w.attr(name("REFERENCECLASS"), class.as_str());
        }
    } else {
        w.attr(name("TYPE"), ty.cim_type.as_str());
    }
    if let ArraySize::Fixed(size) = ty.array {
        w.attr(name("ARRAYSIZE"), &size.to_string());
    }
}

fn encode_method(w: &mut Writer, method: &Method) {
    w.start(name("METHOD"));
    w.attr(name("NAME"), method.name.as_str());
    w.attr(name("TYPE"), method.return_type.as_str());
    encode_origin(w, &method.class_origin);
    if method.propagated {
        w.attr(name("PROPAGATED"), "true");
    }
    encode_qualifiers(w, &method.qualifiers);
    for parameter in &method.parameters {
        encode_parameter(w, parameter);
    }
    w.end(name("METHOD"));
}

fn encode_parameter(w: &mut Writer, parameter: &Parameter) {
    let element = match (parameter.ty.cim_type, parameter.ty.is_array()) {
        (CimType::Reference, true) => name("PARAMETER.REFARRAY"),
        (CimType::Reference, false) => name("PARAMETER.REFERENCE"),
        (_, true) => name("PARAMETER.ARRAY"),
        (_, false) => name("PARAMETER"),
    };
    w.start(element);
    w.attr(name("NAME"), parameter.name.as_str());
    encode_type(w, &parameter.ty);
    encode_qualifiers(w, &parameter.qualifiers);
    w.end(element);
}

/// Writes a `QUALIFIER` each.
pub(super) fn encode_qualifiers(w: &mut Writer, qualifiers: &[Qualifier]) {
    for qualifier in qualifiers {
        w.start(name("QUALIFIER"));
        w.attr(name("NAME"), qualifier.name.as_str());
        w.attr(name("TYPE"), qualifier.cim_type.as_str());
        if qualifier.propagated {
            w.attr(name("PROPAGATED"), "true");
        }
        encode_flavor(w, qualifier.flavor);
        if let Some(value) = &qualifier.value {
            value::encode(w, qualifier.cim_type, value, None);
        }
        w.end(name("QUALIFIER"));
    }
}

/// The attributes of a flavour, where they differ from what DSP0201 takes for granted.
pub(super) fn encode_flavor(w: &mut Writer, flavor: Flavor) {
    for (local, value, default) in [
        ("OVERRIDABLE", flavor.overridable, true),
        ("TOSUBCLASS", flavor.to_subclass, true),
        ("TRANSLATABLE", flavor.translatable, false),
    ] {
        if value != default {
            w.attr(name(local), if value { "true" } else { "false" });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, Reader};

    #[track_caller]
    fn read(text: &str) -> Result<Class, String> {
        let mut reader = Reader::new(text, Limits::default()).unwrap();
        let root = reader.root().unwrap();
        decode(&mut reader, &root).map_err(|error| error.to_string())
    }

    #[test]
    fn every_class_that_is_served_comes_back() {
        let house = crate::cim::schema::house().unwrap();
        let mut count = 0;
        for namespace in house.namespaces() {
            for class in namespace.classes() {
                assert_eq!(
                    read(&to_string(class)).as_ref(),
                    Ok(class.as_ref()),
                    "{}",
                    class.name
                );
                count += 1;
            }
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn what_is_left_out_is_what_the_standard_takes_for_granted() {
        let class = read(
            "<CLASS NAME='C'><PROPERTY NAME='A' TYPE='string' PROPAGATED='TRUE'><QUALIFIER NAME='Q' TYPE='boolean' OVERRIDABLE='False'><VALUE>true</VALUE></QUALIFIER></PROPERTY><METHOD NAME='M' TYPE='sint32'/></CLASS>",
        )
        .unwrap();
        let property = class.property("a").unwrap();
        assert!(property.propagated && property.class_origin.as_str().is_empty());
        let flavor = property.qualifiers.first().unwrap().flavor;
        assert_eq!(
            flavor,
            Flavor {
                overridable: false,
                to_subclass: true,
                translatable: false
            }
        );
        let method = class.method("m").unwrap();
        assert_eq!((method.return_type, method.propagated), (CimType::Sint32, false));
    }

    #[track_caller]
    fn check(content: &str, expect: &str) {
        assert_eq!(
            read(&format!("<CLASS NAME=\"C\">{content}</CLASS>")),
            Err(expect.to_owned())
        );
    }

    #[test]
    fn what_is_no_class_says_why() {
        check("<VALUE/>", "VALUE may not stand in CLASS");
        check("<PROPERTY TYPE='string'/>", "PROPERTY lacks its NAME");
        check("<PROPERTY NAME='A' TYPE='text'/>", "`text` is no CIM type");
        check(
            "<PROPERTY NAME='A' TYPE='string'/><PROPERTY NAME='a' TYPE='string'/>",
            "the property `a` stands twice",
        );
        check(
            "<METHOD NAME='A'/><METHOD NAME='a'/>",
            "the method `a` stands twice",
        );
        check(
            "<PROPERTY.ARRAY NAME='A' TYPE='string' ARRAYSIZE='x'/>",
            "PROPERTY.ARRAY has an ARRAYSIZE that is no number",
        );
        check(
            "<METHOD NAME='A'><PARAMETER NAME='B' TYPE='string'><VALUE/></PARAMETER></METHOD>",
            "VALUE may not stand in PARAMETER",
        );
    }
}
