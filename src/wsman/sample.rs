//! A class with a property of every kind, and an instance of it, for the tests of this room.

use std::sync::Arc;
use std::time::Duration;

use super::{FaultCause, FaultDetail, ReplyHead, Request, ns};
use crate::cim::{
    ArraySize, CimType, Class, DateTime, Flavor, Instance, InstancePath, Method, Name, Namespace, Parameter,
    PropertyDecl, Qualifier, TypeDecl, Value,
};
use crate::time::WallTime;
use crate::xml::Limits;

/// A qualifier that is true.
fn flag(name: &'static str) -> Qualifier {
    qualifier(name, CimType::Boolean, Value::Boolean(true))
}

fn qualifier(name: &'static str, cim_type: CimType, value: Value) -> Qualifier {
    Qualifier {
        name: Name::from_static(name),
        cim_type,
        value: Some(Arc::new(value)),
        flavor: Flavor::default(),
        propagated: false,
    }
}

fn property(
    name: &'static str,
    cim_type: CimType,
    is_array: bool,
    qualifiers: Vec<Qualifier>,
) -> Arc<PropertyDecl> {
    Arc::new(PropertyDecl {
        name: Name::from_static(name),
        ty: TypeDecl {
            cim_type,
            array: if is_array {
                ArraySize::Variable
            } else {
                ArraySize::Scalar
            },
            reference_class: (cim_type == CimType::Reference)
                .then(|| Name::from_static("CIM_ManagedElement")),
        },
        default: None,
        qualifiers,
        class_origin: Name::from_static("ESM_Sample"),
        propagated: false,
    })
}

/// `ESM_Sample`: two keys, every kind of value, one method.
pub(crate) fn class() -> Class {
    use CimType as T;
    let embedded = |class: &str| qualifier("EmbeddedInstance", T::String, Value::string(class));
    Class {
        name: Name::from_static("ESM_Sample"),
        superclass: Some(Name::from_static("CIM_ManagedElement")),
        qualifiers: vec![qualifier("Version", T::String, Value::string("1.0.0"))],
        properties: vec![
            property("Name", T::String, false, vec![flag("Key")]),
            property("Index", T::Uint16, false, vec![flag("Key")]),
            property("Caption", T::String, false, vec![flag("Write")]),
            property("On", T::Boolean, false, vec![]),
            property("Small", T::Sint8, false, vec![]),
            property("Large", T::Uint64, false, vec![]),
            property("Load", T::Real64, false, vec![]),
            property("Letter", T::Char16, false, vec![]),
            property("Since", T::DateTime, false, vec![]),
            property("UpTime", T::DateTime, false, vec![]),
            property("Tags", T::String, true, vec![]),
            property("Counts", T::Uint32, true, vec![]),
            property("Target", T::Reference, false, vec![]),
            property("Part", T::String, false, vec![embedded("ESM_Sample")]),
            property("Parts", T::String, true, vec![embedded("ESM_Sample")]),
            property("Unknown", T::Uint32, false, vec![]),
        ],
        methods: vec![Arc::new(Method {
            name: Name::from_static("Reset"),
            return_type: T::Uint32,
            parameters: vec![
                Parameter {
                    name: Name::from_static("Delay"),
                    ty: TypeDecl::scalar(T::Uint32),
                    qualifiers: vec![],
                },
                Parameter {
                    name: Name::from_static("Job"),
                    ty: TypeDecl::scalar(T::String),
                    qualifiers: vec![qualifier("In", T::Boolean, Value::Boolean(false)), flag("Out")],
                },
            ],
            qualifiers: vec![],
            class_origin: Name::from_static("ESM_Sample"),
            propagated: false,
        })],
    }
}

/// The classes that embedded instances may have.
pub(crate) fn classes(name: &Name) -> Option<Arc<Class>> {
    (*name == "ESM_Sample").then(|| Arc::new(class()))
}

/// An instance with a value of every kind; `Unknown` is NULL.
pub(crate) fn instance() -> Instance {
    let mut part = Instance::new(Name::from_static("ESM_Sample"));
    part.set("Name", "part");
    part.set("Counts", vec![7_u32]);
    let mut instance = Instance::new(Name::from_static("ESM_Sample"));
    instance.set("Name", "a<b>&\"c\"");
    instance.set("Index", 1_u16);
    instance.set("Caption", "日本語 é");
    instance.set("On", true);
    instance.set("Small", -128_i8);
    instance.set("Large", u64::MAX);
    instance.set("Load", 12.5);
    instance.set("Letter", Value::Char16(0x41));
    instance.set(
        "Since",
        DateTime::from_wall(WallTime::from_unix_micros(1_000_000)),
    );
    instance.set("UpTime", DateTime::from_duration(Duration::from_secs(90_061)));
    instance.set("Tags", vec!["one", "two"]);
    instance.set("Counts", vec![1_u32, 2, 3]);
    instance.set("Target", path());
    instance.set("Part", part.clone());
    instance.set("Parts", vec![part.clone(), part]);
    instance.set_or_null("Unknown", CimType::Uint32, None::<u32>);
    instance
}

/// The path of another instance.
pub(crate) fn path() -> InstancePath {
    InstancePath::new(Name::from_static("ESM_Sample"))
        .in_namespace(Namespace::from_static("root/ESMPRO/AS"))
        .with_key("Name", "other")
        .with_key("Index", 2_u16)
}

/// A Get with these headers besides Action and MessageID. The prefixes are `s`, `a`, `w`, and `x` of no meaning.
pub(crate) fn get(headers: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='{}' xmlns:a='{}' xmlns:w='{}' xmlns:x='urn:x'><s:Header>\
         <a:Action>{}</a:Action><a:MessageID>anything at all</a:MessageID>{headers}</s:Header><s:Body/></s:Envelope>",
        ns::SOAP.uri,
        ns::WSA.uri,
        ns::WSMAN.uri,
        ns::action::GET,
    )
}

/// Reads a request, which must succeed or be refused as told.
#[track_caller]
pub(crate) fn check_request(xml: &str, expect: Result<(), (FaultCause, Option<FaultDetail>)>) {
    let got = Request::decode(xml, Limits::default());
    let got = got
        .map(|_| ())
        .map_err(|refused| (refused.fault.cause, refused.fault.detail));
    assert_eq!(got, expect, "{xml}");
}

/// The head of a reply with fixed identifiers.
pub(crate) fn head() -> ReplyHead {
    ReplyHead {
        message_id: "uuid:reply".to_owned(),
        relates_to: Some("uuid:request".to_owned()),
        ..ReplyHead::default()
    }
}

/// XML with a line break before each start tag and before the end tag of an element with children, so that
/// snapshots can be read.
pub(crate) fn pretty(xml: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut after_end = false;
    for (index, part) in xml.split('<').enumerate().skip(1) {
        let is_end = part.starts_with('/');
        if is_end {
            depth = depth.saturating_sub(1);
        }
        if index > 1 && (!is_end || after_end) {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        out.push('<');
        out.push_str(part);
        after_end = is_end || part.ends_with("/>");
        if !after_end {
            depth += 1;
        }
    }
    out
}

/// What stands in the body of an envelope.
pub(crate) fn body(xml: &str) -> String {
    let (_, rest) = xml.split_once("<s:Body>").expect("a body");
    let (body, _) = rest.rsplit_once("</s:Body>").expect("its end");
    pretty(body)
}
