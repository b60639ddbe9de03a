//! Identify (DSP0226, 11): who is there, the one request that needs no account.

use super::Fault;
use super::addressing::Addressing;
use super::ns::{WSMAN, WSMID};
use super::reply::Reply;
use crate::xml::Writer;

/// What the service tells about itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IdentifyResponse {
    /// Who made it.
    pub product_vendor: String,
    /// Its version.
    pub product_version: String,
    /// The security profiles that are offered, as URIs.
    pub security_profiles: Vec<String>,
}

/// Basic authentication over TLS (DSP0226, annex C).
pub const HTTPS_BASIC: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/basic";
/// Basic authentication without TLS.
pub const HTTP_BASIC: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/http/basic";

/// Writes the request, which has no headers.
pub fn encode_request() -> String {
    envelope(|w| w.empty(WSMID.name("Identify")))
}

fn envelope(body: impl FnOnce(&mut Writer)) -> String {
    let mut w = Writer::with_capacity(1024);
    w.start(super::ns::SOAP.name("Envelope"));
    w.declare(super::ns::SOAP);
    w.declare(WSMID);
    w.empty(super::ns::SOAP.name("Header"));
    w.element(super::ns::SOAP.name("Body"), body);
    w.end(super::ns::SOAP.name("Envelope"));
    w.finish()
}

impl IdentifyResponse {
    /// Writes the reply. It is the same for every request, so it can be kept.
    pub fn encode(&self) -> String {
        envelope(|w| {
            w.element(WSMID.name("IdentifyResponse"), |w| {
                w.leaf(WSMID.name("ProtocolVersion"), WSMAN.uri);
                w.leaf(WSMID.name("ProductVendor"), &self.product_vendor);
                w.leaf(WSMID.name("ProductVersion"), &self.product_version);
                if !self.security_profiles.is_empty() {
                    w.element(WSMID.name("SecurityProfiles"), |w| {
                        for profile in &self.security_profiles {
                            w.leaf(WSMID.name("SecurityProfileName"), profile);
                        }
                    });
                }
                for version in [Addressing::V200408, Addressing::V10] {
                    w.leaf(WSMID.name("AddressingVersionURI"), version.ns().uri);
                }
            });
        })
    }

    /// Reads the reply.
    pub fn decode(mut reply: Reply<'_>) -> Result<Self, Fault> {
        let response = reply.first()?;
        let mut result = Self::default();
        let reader = &mut reply.reader;
        while let Some(child) = reader.child(&response)? {
            if child.is(WSMID.name("ProductVendor")) {
                result.product_vendor = reader.text(&child)?.into_owned();
            } else if child.is(WSMID.name("ProductVersion")) {
                result.product_version = reader.text(&child)?.into_owned();
            } else if child.is(WSMID.name("SecurityProfiles")) {
                while let Some(profile) = reader.child(&child)? {
                    result.security_profiles.push(reader.text(&profile)?.into_owned());
                }
            }
        }
        reader.finish()?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::{Body, Request, sample};
    use crate::xml::Limits;

    #[test]
    fn both_directions() {
        let request = Request::decode(&encode_request(), Limits::default()).unwrap();
        assert_eq!(request.body, Body::Identify);
        let response = IdentifyResponse {
            product_vendor: "esm".to_owned(),
            product_version: "1.0".to_owned(),
            security_profiles: vec![HTTPS_BASIC.to_owned()],
        };
        let xml = response.encode();
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsmid="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd">
  <s:Header/>
  <s:Body>
    <wsmid:IdentifyResponse>
      <wsmid:ProtocolVersion>http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd</wsmid:ProtocolVersion>
      <wsmid:ProductVendor>esm</wsmid:ProductVendor>
      <wsmid:ProductVersion>1.0</wsmid:ProductVersion>
      <wsmid:SecurityProfiles>
        <wsmid:SecurityProfileName>http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/basic</wsmid:SecurityProfileName>
      </wsmid:SecurityProfiles>
      <wsmid:AddressingVersionURI>http://schemas.xmlsoap.org/ws/2004/08/addressing</wsmid:AddressingVersionURI>
      <wsmid:AddressingVersionURI>http://www.w3.org/2005/08/addressing</wsmid:AddressingVersionURI>
    </wsmid:IdentifyResponse>
  </s:Body>
</s:Envelope>
"#);
        assert_eq!(
            IdentifyResponse::decode(Reply::decode(&xml, Limits::default()).unwrap()),
            Ok(response)
        );
    }
}
