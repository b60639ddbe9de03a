//! WS-Transfer (DSP0226, 7): the bodies of Put and Create, and the replies.

use super::Fault;
use super::addressing::{Addressing, EndpointReference, encode_path};
use super::binding::{PREFIX, Style, encode_instance};
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
                w.declare_as(PREFIX, &self.properties.ns);
                self.properties.encode_properties(w, PREFIX, addressing);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::{RawValue, sample};
    use crate::xml::Limits;

    fn reply(xml: &str) -> Reply<'_> {
        Reply::decode(xml, Limits::default()).unwrap()
    }

    #[test]
    fn the_reply_to_get_holds_the_instance() {
        let mut class = sample::class();
        class.properties.truncate(2);
        let xml = encode_get_response(&sample::head(), &sample::instance(), &class, &Style::default());
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
  </s:Header>
  <s:Body>
    <p:ESM_Sample xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
      <p:Name>a&lt;b&gt;&amp;&quot;c&quot;</p:Name>
      <p:Index>1</p:Index>
    </p:ESM_Sample>
  </s:Body>
</s:Envelope>
"#);
        let Representation::Instance(instance) = decode_instance(reply(&xml)).unwrap() else {
            panic!("an instance");
        };
        assert_eq!(instance.class_name, "ESM_Sample");
        assert_eq!(instance.text("name"), Some("a<b>&\"c\""));
    }

    #[test]
    fn the_reply_to_create_holds_the_reference() {
        let xml = encode_create_response(&sample::head(), &sample::path(), &Style::default());
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:wxf="http://schemas.xmlsoap.org/ws/2004/09/transfer">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
  </s:Header>
  <s:Body>
    <wxf:ResourceCreated>
      <wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address>
      <wsa:ReferenceParameters>
        <wsman:ResourceURI>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample</wsman:ResourceURI>
        <wsman:SelectorSet>
          <wsman:Selector Name="Name">other</wsman:Selector>
          <wsman:Selector Name="Index">2</wsman:Selector>
          <wsman:Selector Name="__cimnamespace">root/ESMPRO/AS</wsman:Selector>
        </wsman:SelectorSet>
      </wsa:ReferenceParameters>
    </wxf:ResourceCreated>
  </s:Body>
</s:Envelope>
"#);
        assert_eq!(decode_created(reply(&xml)).unwrap().to_path(), Ok(sample::path()));
    }

    #[test]
    fn the_reply_to_delete_is_empty() {
        let xml = encode_delete_response(&sample::head());
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/DeleteResponse</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
  </s:Header>
  <s:Body/>
</s:Envelope>
"#);
        assert_eq!(reply(&xml).empty(), Ok(sample::head()));
    }

    #[test]
    fn a_class_comes_as_cim_xml() {
        let mut class = sample::class();
        class.properties.truncate(2);
        let xml = encode_class_response(&sample::head(), &class);
        insta::assert_snapshot!(sample::body(&xml), @r#"
<CLASS NAME="ESM_Sample" SUPERCLASS="CIM_ManagedElement">
  <QUALIFIER NAME="Version" TYPE="string">
    <VALUE>1.0.0</VALUE>
  </QUALIFIER>
  <PROPERTY NAME="Name" TYPE="string" CLASSORIGIN="ESM_Sample">
    <QUALIFIER NAME="Key" TYPE="boolean">
      <VALUE>TRUE</VALUE>
    </QUALIFIER>
  </PROPERTY>
  <PROPERTY NAME="Index" TYPE="uint16" CLASSORIGIN="ESM_Sample">
    <QUALIFIER NAME="Key" TYPE="boolean">
      <VALUE>TRUE</VALUE>
    </QUALIFIER>
  </PROPERTY>
  <METHOD NAME="Reset" TYPE="uint32" CLASSORIGIN="ESM_Sample">
    <PARAMETER NAME="Delay" TYPE="uint32"></PARAMETER>
    <PARAMETER NAME="Job" TYPE="string">
      <QUALIFIER NAME="In" TYPE="boolean">
        <VALUE>FALSE</VALUE>
      </QUALIFIER>
      <QUALIFIER NAME="Out" TYPE="boolean">
        <VALUE>TRUE</VALUE>
      </QUALIFIER>
    </PARAMETER>
  </METHOD>
</CLASS>
"#);
    }

    #[test]
    fn a_fragment_is_read_both_ways() {
        let fragment = XmlFragment {
            properties: RawInstance {
                ns: "urn:x".to_owned(),
                properties: vec![("Caption".to_owned(), RawValue::Text("new".to_owned()))],
                ..RawInstance::default()
            },
            text: None,
        };
        let text = XmlFragment {
            text: Some("new".to_owned()),
            ..XmlFragment::default()
        };
        for fragment in [fragment, text] {
            let expected = Representation::Fragment(fragment.clone());
            let xml = sample::head().envelope(action::GET_RESPONSE, &[], 0, |w| {
                fragment.encode(w, Addressing::default());
            });
            assert_eq!(decode_instance(reply(&xml)), Ok(expected));
        }
    }
}
