//! Instances as they stand in a message: names and texts, no types. What a value is, the class says
//! ([`super::typed`]).

use super::Fault;
use super::addressing::{Addressing, EndpointReference, is_wsa};
use super::binding::{EMBEDDED_PREFIX, PREFIX};
use super::ns;
use crate::xml::{Content, Ns, Reader, Start, Tag, Writer};

/// An instance, or the arguments of a method, without types (DSP0230, 7 to 9).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawInstance {
    /// The class: the local name of the element, or of its `xsi:type` where it is embedded.
    pub class_name: String,
    /// The XML namespace of the element.
    pub ns: String,
    /// Properties in the order they stand; items of an array are gathered.
    pub properties: Vec<(String, RawValue)>,
}

/// A value without its type.
#[derive(Clone, Debug, PartialEq)]
pub enum RawValue {
    /// `xsi:nil`.
    Null,
    /// A text: anything but the following.
    Text(String),
    /// A datetime that stands in an element of DSP0230, annex A: `cim:Datetime`, `cim:Interval` and so on.
    DateTime(RawDateTime, String),
    /// An embedded instance.
    Instance(RawInstance),
    /// A reference.
    Reference(EndpointReference),
    /// Elements of the same name next to each other.
    Array(Vec<RawValue>),
}

/// How a datetime stands in a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RawDateTime {
    /// The 25 characters of DSP0004.
    Cim,
    /// `xs:duration`.
    Interval,
    /// `xs:dateTime`, `xs:date` or `xs:time`.
    Point,
}

/// How deep embedded instances may stand inside one another.
const MAX_EMBEDDING: usize = 16;

impl RawInstance {
    /// Reads the element of an instance.
    pub fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut instance = Self::of(element);
        while let Some(child) = reader.child(element)? {
            instance.take(reader, &child, MAX_EMBEDDING)?;
        }
        Ok(instance)
    }

    fn of(element: &Start<'_>) -> Self {
        Self {
            class_name: element.local.to_owned(),
            ns: element.ns.clone().into_owned(),
            properties: Vec::new(),
        }
    }

    /// The value of the property of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.properties
            .iter()
            .find(|(property, _)| property.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The text of the property of that name.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            RawValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Reads one property and puts it beside the others.
    pub(super) fn take<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        child: &Start<'a>,
        embedding: usize,
    ) -> Result<(), Fault> {
        let value = RawValue::decode(reader, child, embedding)?;
        match self.properties.last_mut() {
            Some((name, last)) if name == child.local => match last {
                RawValue::Array(items) => items.push(value),
                single => {
                    let first = std::mem::replace(single, RawValue::Null);
                    *single = RawValue::Array(vec![first, value]);
                }
            },
            _ => self.properties.push((child.local.to_owned(), value)),
        }
        Ok(())
    }

    /// Writes the instance as an element of its class, whose namespace is that of the instance.
    pub fn encode(&self, w: &mut Writer, addressing: Addressing) {
        let tag = Tag {
            prefix: PREFIX,
            local: &self.class_name,
        };
        w.start(tag);
        w.declare_as(PREFIX, &self.ns);
        self.encode_properties(w, PREFIX, addressing);
        w.end(tag);
    }

    /// Writes the properties, with the prefix that the namespace of the instance has.
    pub(super) fn encode_properties(&self, w: &mut Writer, prefix: &str, addressing: Addressing) {
        for (local, value) in &self.properties {
            let tag = Tag { prefix, local };
            match value {
                RawValue::Array(items) => items.iter().for_each(|item| item.encode(w, tag, addressing)),
                value => value.encode(w, tag, addressing),
            }
        }
    }
}

impl RawValue {
    fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>, embedding: usize) -> Result<Self, Fault> {
        if matches!(schema_instance(element, "nil").map(str::trim), Some("true" | "1")) {
            reader.skip(element)?;
            return Ok(Self::Null);
        }
        let class = embedded_class(reader, element)?;
        match reader.content(element)? {
            Content::Text(text) => match class {
                Some(class) if text.trim().is_empty() => Ok(Self::Instance(class)),
                _ => Ok(Self::Text(text.into_owned())),
            },
            Content::Element(first) => Self::decode_element(reader, element, &first, class, embedding),
        }
    }

    /// Reads a value whose content begins with the element `first`.
    fn decode_element<'a>(
        reader: &mut Reader<'a>,
        element: &Start<'a>,
        first: &Start<'a>,
        class: Option<RawInstance>,
        embedding: usize,
    ) -> Result<Self, Fault> {
        if is_wsa(first, "Address") || is_wsa(first, "ReferenceParameters") {
            return Ok(Self::Reference(EndpointReference::decode_from(
                reader, element, first,
            )?));
        }
        if is_wsa(first, "EndpointReference") {
            return Ok(Self::Reference(EndpointReference::decode(reader, first)?));
        }
        if first.ns == ns::CIM.uri
            && let Some(form) = RawDateTime::of(first.local)
        {
            return Ok(Self::DateTime(form, reader.text(first)?.into_owned()));
        }
        let Some(embedding) = embedding.checked_sub(1) else {
            let reason =
                format!("Embedded instances stand more than {MAX_EMBEDDING} deep inside one another.");
            return Err(Fault::new(super::FaultCause::EncodingLimit, reason));
        };
        // Without an xsi:type the class that the property declares is meant.
        let mut instance = class.unwrap_or_default();
        instance.take(reader, first, embedding)?;
        while let Some(child) = reader.child(element)? {
            instance.take(reader, &child, embedding)?;
        }
        Ok(Self::Instance(instance))
    }

    fn encode(&self, w: &mut Writer, tag: Tag<'_>, addressing: Addressing) {
        w.start(tag);
        match self {
            Self::Null | Self::Array(_) => w.attr(Ns::XSI.name("nil"), "true"),
            Self::Text(text) => w.text(text),
            Self::DateTime(form, text) => {
                let name = ns::CIM.name(form.element());
                w.start(name);
                w.declare(ns::CIM);
                w.text(text);
                w.end(name);
            }
            Self::Instance(instance) if instance.class_name.is_empty() => {
                instance.encode_properties(w, tag.prefix, addressing);
            }
            Self::Instance(instance) => {
                let inner = if tag.prefix == PREFIX {
                    EMBEDDED_PREFIX
                } else {
                    PREFIX
                };
                w.declare_as(inner, &instance.ns);
                w.attr(
                    Ns::XSI.name("type"),
                    &format!("{inner}:{}_Type", instance.class_name),
                );
                instance.encode_properties(w, inner, addressing);
            }
            Self::Reference(epr) => epr.encode(w, addressing),
        }
        w.end(tag);
    }
}

impl RawDateTime {
    fn of(local: &str) -> Option<Self> {
        match local {
            "CIM_DateTime" => Some(Self::Cim),
            "Interval" => Some(Self::Interval),
            "Datetime" | "Date" | "Time" => Some(Self::Point),
            _ => None,
        }
    }

    const fn element(self) -> &'static str {
        match self {
            Self::Cim => "CIM_DateTime",
            Self::Interval => "Interval",
            Self::Point => "Datetime",
        }
    }
}

/// An attribute of XML Schema instance. Some clients bind its prefix to XML Schema itself.
fn schema_instance<'s>(element: &'s Start<'_>, local: &'static str) -> Option<&'s str> {
    const XSD: Ns = Ns::new("xsi", "http://www.w3.org/2001/XMLSchema");
    element
        .attribute(Ns::XSI.name(local))
        .or_else(|| element.attribute(XSD.name(local)))
}

/// An instance, still without properties, of the class that an `xsi:type` of the form `prefix:Class_Type`
/// names (DSP0230, 8.2); types of XML Schema and of the common types name none.
fn embedded_class<'a>(reader: &Reader<'a>, element: &Start<'a>) -> Result<Option<RawInstance>, Fault> {
    let Some(ty) = schema_instance(element, "type") else {
        return Ok(None);
    };
    let (uri, local) = reader.resolve_qname(ty)?;
    if uri == ns::CIM.uri {
        return Ok(None);
    }
    Ok(local.strip_suffix("_Type").map(|class_name| RawInstance {
        class_name: class_name.to_owned(),
        ns: uri.into_owned(),
        properties: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Limits;

    fn decode(xml: &str) -> Result<RawInstance, Fault> {
        let mut reader = Reader::new(xml, Limits::default())?;
        let root = reader.root()?;
        let instance = RawInstance::decode(&mut reader, &root)?;
        reader.finish()?;
        Ok(instance)
    }

    #[track_caller]
    fn check(content: &str, expect: &[(&str, RawValue)]) {
        let xml = format!(
            "<p:C xmlns:p='urn:c' xmlns:xsi='{}' xmlns:bad='http://www.w3.org/2001/XMLSchema' xmlns:cim='{}' \
             xmlns:a='{}'>{content}</p:C>",
            Ns::XSI.uri,
            ns::CIM.uri,
            ns::WSA.uri
        );
        let instance = decode(&xml).unwrap();
        let expected: Vec<_> = expect
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        assert_eq!(
            (instance.class_name.as_str(), instance.ns.as_str()),
            ("C", "urn:c")
        );
        assert_eq!(instance.properties, expected, "{content}");
    }

    fn text(text: &str) -> RawValue {
        RawValue::Text(text.to_owned())
    }

    #[test]
    fn values_are_told_apart_by_their_shape() {
        check("<p:A> x </p:A><p:B/>", &[("A", text(" x ")), ("B", text(""))]);
        check(
            "<p:A xsi:nil='true'/><p:B bad:nil='1'/>",
            &[("A", RawValue::Null), ("B", RawValue::Null)],
        );
        check("<p:A xsi:type='cim:cimString'>x</p:A>", &[("A", text("x"))]);
        let three = RawValue::Array(vec![text("1"), text("2"), text("3")]);
        check("<p:A>1</p:A><p:A>2</p:A><p:A>3</p:A>", &[("A", three)]);
        check(
            "<p:A><cim:Datetime>2026-01-31T00:00:00Z</cim:Datetime></p:A>",
            &[(
                "A",
                RawValue::DateTime(RawDateTime::Point, "2026-01-31T00:00:00Z".to_owned()),
            )],
        );
        let epr = EndpointReference::to("urn:there");
        check(
            "<p:A><a:Address>urn:there</a:Address></p:A>",
            &[("A", RawValue::Reference(epr.clone()))],
        );
        check(
            "<p:A><a:EndpointReference><a:Address>urn:there</a:Address></a:EndpointReference></p:A>",
            &[("A", RawValue::Reference(epr))],
        );
        let embedded = |class_name: &str, ns: &str| {
            RawValue::Instance(RawInstance {
                class_name: class_name.to_owned(),
                ns: ns.to_owned(),
                properties: vec![("B".to_owned(), text("1"))],
            })
        };
        check(
            "<p:A xsi:type='p:D_Type'><p:B>1</p:B></p:A>",
            &[("A", embedded("D", "urn:c"))],
        );
        check("<p:A><p:B>1</p:B></p:A>", &[("A", embedded("", ""))]);
    }

    #[test]
    fn instances_inside_one_another_end_somewhere() {
        let nested = |depth| format!("<c>{}1{}</c>", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(decode(&nested(MAX_EMBEDDING + 1)).is_ok());
        let fault = decode(&nested(MAX_EMBEDDING + 2)).unwrap_err();
        assert_eq!(fault.cause, crate::wsman::FaultCause::EncodingLimit);
    }
}
