//! WS-Transfer (DSP0226, 7): the bodies of Put and Create, and the replies.

use super::Fault;
use super::addressing::{Addressing, EndpointReference, encode_path};
use super::binding::{Style, encode_instance};
use super::ns::{self, action};
use super::raw::RawInstance;
use super::reply::{Reply, ReplyHead};
use crate::cim::{Class, Instance, InstancePath};
use crate::xml::{Name, Reader, Start, Writer};

/// The body of Put or Create.
#[derive(Clone, Debug, PartialEq)]
pub enum Representation {
    /// A whole instance.
    Instance(RawInstance),
    /// `wsman:XmlFragment`: parts of one, where the request has the header FragmentTransfer. Its
    /// properties are those that stand in the fragment; its class name is empty.
    Fragment(XmlFragment),
}

/// `wsman:XmlFragment` (DSP0226, 7.7).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct XmlFragment {
    /// The properties in it.
    pub properties: RawInstance,
    /// The text in it, where the expression ends in `text()`.
    pub text: Option<String>,
}

const FRAGMENT: Name = ns::WSMAN.name("XmlFragment");

impl Representation {
    pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        if element.is(FRAGMENT) {
            XmlFragment::decode(reader, element).map(Self::Fragment)
        } else {
            RawInstance::decode(reader, element).map(Self::Instance)
        }
    }

    pub(super) fn encode(&self, w: &mut Writer, addressing: Addressing) {
        match self {
            Self::Instance(instance) => instance.encode(w, addressing),
            Self::Fragment(fragment) => fragment.encode(w, addressing),
        }
    }
}

impl XmlFragment {
    pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut fragment = Self::default();
        match reader.content(element)? {
            crate::xml::Content::Text(text) => fragment.text = Some(text.into_owned()),
            crate::xml::Content::Element(first) => {
                fragment.properties.ns = first.ns.clone().into_owned();
                fragment.properties.take(reader, &first, 1)?;
                while let Some(child) = reader.child(element)? {
                    fragment.properties.take(reader, &child, 1)?;
                }
            }
        }
        Ok(fragment)
    }

    fn encode(&self, w: &mut Writer, addressing: Addressing) {
        w.start(FRAGMENT);
        match &self.text {
            Some(text) => w.text(text),
            None => {
                w.declare_as("p", &self.properties.ns);
                self.properties.encode_properties(w, addressing);
            }
        }
        w.end(FRAGMENT);
    }
}

/// Writes the reply to Get.
pub fn encode_get_response(head: &ReplyHead, instance: &Instance, class: &Class, style: &Style) -> String {
    head.envelope(action::GET_RESPONSE, &[], 2048, |w| {
        encode_instance(w, instance, class, None, style)
    })
}

/// Writes the reply to Put: the instance as it is now.
pub fn encode_put_response(head: &ReplyHead, instance: &Instance, class: &Class, style: &Style) -> String {
    head.envelope(action::PUT_RESPONSE, &[], 2048, |w| {
        encode_instance(w, instance, class, None, style)
    })
}

/// Writes the reply to Create: the endpoint reference of the new instance.
pub fn encode_create_response(head: &ReplyHead, path: &InstancePath, style: &Style) -> String {
    head.envelope(action::CREATE_RESPONSE, &[ns::WXF], 1024, |w| {
        w.element(ns::WXF.name("ResourceCreated"), |w| {
            encode_path(w, path, &style.form, style.addressing)
        });
    })
}

/// Writes the reply to Delete.
pub fn encode_delete_response(head: &ReplyHead) -> String {
    head.envelope(action::DELETE_RESPONSE, &[], 0, |_| {})
}

/// Writes the reply to Get for a class definition: a CIM-XML `CLASS` element.
pub fn encode_class_response(head: &ReplyHead, class: &Class) -> String {
    head.envelope(action::GET_RESPONSE, &[], 16 * 1024, |w| {
        w.raw(&crate::cimxml::class::to_string(class));
    })
}

/// The reply to Get or Put, as a client reads it.
pub fn decode_instance(mut reply: Reply<'_>) -> Result<Representation, Fault> {
    let first = reply.first()?;
    let result = Representation::decode(&mut reply.reader, &first)?;
    reply.reader.finish()?;
    Ok(result)
}

/// The reply to Create, as a client reads it: the reference of the new instance.
pub fn decode_created(mut reply: Reply<'_>) -> Result<EndpointReference, Fault> {
    let first = reply.first()?;
    if !first.is(ns::WXF.name("ResourceCreated")) {
        return Err(Fault::schema("The reply to Create holds no wxf:ResourceCreated."));
    }
    let epr = EndpointReference::decode(&mut reply.reader, &first)?;
    reply.reader.finish()?;
    Ok(epr)
}
