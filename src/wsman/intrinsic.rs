//! The intrinsic operations that openwsman added: class names and class declarations through Invoke on
//! [`super::ns::INTRINSIC`].

use super::ns;
use super::reply::ReplyHead;
use crate::cim::{Class, Name};
use crate::xml::{Ns, Writer};

/// The intrinsic operations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Intrinsic {
    /// The names of the classes of a namespace.
    EnumerateClassNames,
    /// The declaration of one class.
    GetClass,
}

const P: Ns = Ns::new("p", ns::INTRINSIC);

impl Intrinsic {
    /// The operation of that name.
    pub fn from_method(method: &str) -> Option<Self> {
        [Self::EnumerateClassNames, Self::GetClass]
            .into_iter()
            .find(|operation| operation.method() == method)
    }

    /// Its name.
    pub const fn method(self) -> &'static str {
        match self {
            Self::EnumerateClassNames => "EnumerateClassNames",
            Self::GetClass => "GetClass",
        }
    }

    fn envelope(self, head: &ReplyHead, resource_uri: &str, content: impl FnOnce(&mut Writer)) -> String {
        let action = format!("{resource_uri}/{}Response", self.method());
        let root = P.name(self.method());
        head.envelope(&action, &[], 4096, |w| {
            w.start(root);
            w.declare_as(P.prefix, resource_uri);
            content(w);
            w.end(root);
        })
    }
}

/// Writes the reply to EnumerateClassNames.
pub fn encode_class_names(head: &ReplyHead, resource_uri: &str, names: &[Name]) -> String {
    Intrinsic::EnumerateClassNames.envelope(head, resource_uri, |w| {
        for name in names {
            w.leaf(P.name("name"), name.as_str());
        }
    })
}

/// Writes the reply to GetClass: its name and its properties with their types.
pub fn encode_class(head: &ReplyHead, resource_uri: &str, class: &Class) -> String {
    Intrinsic::GetClass.envelope(head, resource_uri, |w| {
        w.leaf(P.name("name"), class.name.as_str());
        w.element(P.name("properties"), |w| {
            for property in &class.properties {
                w.element(P.name("property"), |w| {
                    w.leaf(P.name("name"), property.name.as_str());
                    w.leaf(P.name("type"), property.ty.cim_type.as_str());
                    if property.ty.is_array() {
                        w.leaf(P.name("array"), "true");
                    }
                    if property.is_key() {
                        w.leaf(P.name("key"), "true");
                    }
                });
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::sample;

    #[test]
    fn replies_are_in_openwsmans_shape() {
        let xml = encode_class_names(
            &sample::head(),
            ns::INTRINSIC,
            &[Name::from_static("CIM_A"), Name::from_static("CIM_B")],
        );
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.openwsman.org/wbem/wscim/1/intrinsic/EnumerateClassNamesResponse</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
  </s:Header>
  <s:Body>
    <p:EnumerateClassNames xmlns:p="http://schemas.openwsman.org/wbem/wscim/1/intrinsic">
      <p:name>CIM_A</p:name>
      <p:name>CIM_B</p:name>
    </p:EnumerateClassNames>
  </s:Body>
</s:Envelope>
"#);
        let mut class = sample::class();
        class.properties.drain(2..10);
        class.properties.truncate(3);
        let xml = encode_class(&sample::head(), ns::INTRINSIC, &class);
        insta::assert_snapshot!(sample::body(&xml), @r#"
<p:GetClass xmlns:p="http://schemas.openwsman.org/wbem/wscim/1/intrinsic">
  <p:name>ESM_Sample</p:name>
  <p:properties>
    <p:property>
      <p:name>Name</p:name>
      <p:type>string</p:type>
      <p:key>true</p:key>
    </p:property>
    <p:property>
      <p:name>Index</p:name>
      <p:type>uint16</p:type>
      <p:key>true</p:key>
    </p:property>
    <p:property>
      <p:name>Tags</p:name>
      <p:type>string</p:type>
      <p:array>true</p:array>
    </p:property>
  </p:properties>
</p:GetClass>
"#);
    }

    #[test]
    fn operations_are_known_by_name() {
        assert_eq!(Intrinsic::from_method("GetClass"), Some(Intrinsic::GetClass));
        assert_eq!(Intrinsic::from_method("DeleteClass"), None);
    }
}
