//! WS-Eventing (DSP0226, 10): Subscribe, Renew, GetStatus, Unsubscribe and their replies.

mod delivery;

pub use delivery::{ConnectionRetry, Delivery, DeliveryMode};

use super::addressing::{Addressing, EndpointReference};
use super::filter::{Filter, FilterUse, is_filter};
use super::header::MAX_BOOKMARK_BYTES;
use super::ns::{self, action};
use super::reply::{Reply, ReplyHead};
use super::time::Expires;
use super::{Fault, FaultCause, FaultDetail};
use crate::xml::{Name, Reader, Start, Writer};

/// `wse:Subscribe`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscribe {
    /// `wse:EndTo`: who is told when the subscription ends for another reason than its time.
    pub end_to: Option<EndpointReference>,
    /// `wse:Delivery`.
    pub delivery: Delivery,
    /// `wse:Expires`.
    pub expires: Option<Expires>,
    /// `wsman:Filter`; without one the resource URI says which events.
    pub filter: Option<Filter>,
    /// `wsman:SendBookmarks`.
    pub send_bookmarks: bool,
    /// `wsman:Bookmark`, as XML: where to begin.
    pub bookmark: Option<String>,
}

impl Subscribe {
    pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut request = Self::default();
        let mut has_delivery = false;
        while let Some(child) = reader.child(element)? {
            if child.is(ns::WSE.name("EndTo")) {
                request.end_to = Some(EndpointReference::decode(reader, &child)?);
            } else if child.is(ns::WSE.name("Delivery")) {
                has_delivery = true;
                request.delivery.decode(reader, &child)?;
            } else if child.is(ns::WSE.name("Expires")) {
                request.expires = Some(decode_expires(reader, &child)?);
            } else if is_filter(&child) {
                request.filter = Some(Filter::decode(reader, &child, FilterUse::Subscription)?);
            } else if child.is(ns::WSMAN.name("SendBookmarks")) {
                request.send_bookmarks = true;
            } else if child.is(ns::WSMAN.name("Bookmark")) {
                request.bookmark = Some(reader.capture(&child, MAX_BOOKMARK_BYTES)?);
            } else {
                // Heartbeats have been seen here too.
                request.delivery.take(reader, &child)?;
            }
        }
        if !has_delivery {
            return Err(invalid_message("wse:Subscribe lacks wse:Delivery."));
        }
        if request.delivery.mode != DeliveryMode::Pull && request.delivery.notify_to.is_none() {
            return Err(invalid_message("wse:Delivery lacks wse:NotifyTo."));
        }
        Ok(request)
    }

    pub(super) fn encode(&self, w: &mut Writer, addressing: Addressing) {
        w.element(ns::WSE.name("Subscribe"), |w| {
            if let Some(end_to) = &self.end_to {
                w.element(ns::WSE.name("EndTo"), |w| end_to.encode(w, addressing));
            }
            self.delivery.encode(w, addressing);
            encode_expires(w, self.expires);
            if let Some(filter) = &self.filter {
                filter.encode(w, addressing);
            }
            if let Some(bookmark) = &self.bookmark {
                w.raw(bookmark);
            }
            if self.send_bookmarks {
                w.empty(ns::WSMAN.name("SendBookmarks"));
            }
        });
    }
}

fn invalid_message(reason: &str) -> Fault {
    Fault::new(FaultCause::InvalidMessage, reason)
}

const EXPIRES: Name = ns::WSE.name("Expires");

fn decode_expires<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Expires, Fault> {
    Expires::parse(&reader.text(element)?).map_err(|reason| {
        Fault::new(
            FaultCause::InvalidExpirationTime,
            format!("wse:Expires is {reason}."),
        )
        .detail(FaultDetail::ExpirationTime)
    })
}

fn encode_expires(w: &mut Writer, expires: Option<Expires>) {
    if let Some(expires) = expires {
        w.leaf(EXPIRES, &expires.to_string());
    }
}

/// `wse:Renew`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Renew {
    /// `wse:Expires`.
    pub expires: Option<Expires>,
}

impl Renew {
    pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut request = Self::default();
        while let Some(child) = reader.child(element)? {
            if child.is(EXPIRES) {
                request.expires = Some(decode_expires(reader, &child)?);
            }
        }
        Ok(request)
    }

    pub(super) fn encode(&self, w: &mut Writer) {
        w.element(ns::WSE.name("Renew"), |w| encode_expires(w, self.expires));
    }
}

/// `wse:SubscribeResponse`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscribeResponse {
    /// Where the subscription is managed: the address that the request was sent to.
    pub manager_address: String,
    /// The resource URI of the request.
    pub resource_uri: Option<String>,
    /// `wse:Identifier` of the subscription.
    pub identifier: String,
    /// What was granted.
    pub expires: Option<Expires>,
    /// The context to pull from, in the mode Pull.
    pub enumeration_context: Option<String>,
}

impl SubscribeResponse {
    /// Writes the reply.
    pub fn encode(&self, head: &ReplyHead) -> String {
        let addressing = head.addressing;
        head.envelope(action::SUBSCRIBE_RESPONSE, &[ns::WSE, ns::WSEN], 1024, |w| {
            w.element(ns::WSE.name("SubscribeResponse"), |w| {
                w.element(ns::WSE.name("SubscriptionManager"), |w| {
                    encode_manager(
                        w,
                        addressing,
                        &self.manager_address,
                        self.resource_uri.as_deref(),
                        &self.identifier,
                    );
                });
                encode_expires(w, self.expires);
                if let Some(context) = &self.enumeration_context {
                    w.leaf(ns::WSEN.name("EnumerationContext"), context);
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
            if child.is(ns::WSE.name("SubscriptionManager")) {
                let epr = EndpointReference::decode(reader, &child)?;
                result.identifier = identifier_of(&epr).unwrap_or_default();
                result.manager_address = epr.address;
                result.resource_uri = epr.resource_uri;
            } else if child.is(EXPIRES) {
                result.expires = Some(decode_expires(reader, &child)?);
            } else if child.is(ns::WSEN.name("EnumerationContext")) {
                result.enumeration_context = Some(reader.text(&child)?.trim().to_owned());
            }
        }
        reader.finish()?;
        Ok(result)
    }
}

/// Writes the endpoint reference of a subscription's manager, which its identifier is part of.
pub(super) fn encode_manager(
    w: &mut Writer,
    addressing: Addressing,
    address: &str,
    resource_uri: Option<&str>,
    identifier: &str,
) {
    let wsa = addressing.ns();
    w.leaf(wsa.name("Address"), address);
    w.element(wsa.name("ReferenceParameters"), |w| {
        if let Some(uri) = resource_uri {
            w.leaf(ns::WSMAN.name("ResourceURI"), uri);
        }
        w.leaf(ns::WSE.name("Identifier"), identifier);
    });
}

/// The `wse:Identifier` among the parameters of a reference.
pub(super) fn identifier_of(epr: &EndpointReference) -> Option<String> {
    epr.parameters.iter().find_map(|parameter| {
        let mut reader = Reader::new(parameter, crate::xml::Limits::default()).ok()?;
        let root = reader.root().ok()?;
        if !root.is(ns::WSE.name("Identifier")) {
            return None;
        }
        Some(reader.text(&root).ok()?.trim().to_owned())
    })
}

/// Writes the reply to Renew.
pub fn encode_renew_response(head: &ReplyHead, granted: Option<Expires>) -> String {
    encode_lease(head, action::RENEW_RESPONSE, "RenewResponse", granted)
}

/// Writes the reply to GetStatus.
pub fn encode_get_status_response(head: &ReplyHead, left: Option<Expires>) -> String {
    encode_lease(head, action::GET_STATUS_RESPONSE, "GetStatusResponse", left)
}

fn encode_lease(head: &ReplyHead, action: &str, local: &'static str, expires: Option<Expires>) -> String {
    head.envelope(action, &[ns::WSE], 256, |w| {
        w.element(ns::WSE.name(local), |w| encode_expires(w, expires));
    })
}

/// The reply to Renew or GetStatus, as a client reads it.
pub fn decode_lease(mut reply: Reply<'_>) -> Result<Option<Expires>, Fault> {
    let response = reply.first()?;
    let mut expires = None;
    while let Some(child) = reply.reader.child(&response)? {
        if child.is(EXPIRES) {
            expires = Some(decode_expires(&mut reply.reader, &child)?);
        }
    }
    reply.reader.finish()?;
    Ok(expires)
}

/// Writes the reply to Unsubscribe.
pub fn encode_unsubscribe_response(head: &ReplyHead) -> String {
    head.envelope(action::UNSUBSCRIBE_RESPONSE, &[], 0, |_| {})
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wsman::credentials::{Credential, IssuedToken};
    use crate::wsman::{Body, Headers, Request, sample};
    use crate::xml::Limits;

    fn full() -> Request {
        let mut headers = Headers::new(action::SUBSCRIBE);
        headers.message_id = Some("uuid:1".to_owned());
        headers.issued_tokens = vec![
            IssuedToken {
                credential: Credential::UserName {
                    user: "u".to_owned(),
                    password: "p&w".to_owned(),
                },
                applies_to: Some("https://m:6736/".to_owned()),
            },
            IssuedToken {
                credential: Credential::CertificateThumbprint("AB12".to_owned()),
                applies_to: None,
            },
        ];
        let notify_to = EndpointReference {
            address: "https://[fe80::1]:40000/a/b?c=d&e".to_owned(),
            parameters: vec!["<n:x xmlns:n=\"urn:n\" n:a=\"1\">2</n:x>".to_owned()],
            ..EndpointReference::default()
        };
        let request = Subscribe {
            end_to: Some(EndpointReference::to("https://m/end")),
            delivery: Delivery {
                mode: DeliveryMode::Events,
                notify_to: Some(notify_to),
                heartbeats: Some(Duration::from_secs(30)),
                max_elements: Some(20),
                max_time: Some(Duration::from_secs(5)),
                max_envelope_size: Some(65_536),
                connection_retry: Some(ConnectionRetry {
                    total: 5,
                    interval: Duration::from_secs(60),
                }),
                auth_profile: Some("urn:profile".to_owned()),
                content_encoding: Some("UTF-16".to_owned()),
                locale: Some("en-US".to_owned()),
            },
            expires: Some(Expires::After(Duration::from_secs(3600))),
            filter: Some(Filter::Cql("SELECT * FROM CIM_Indication".to_owned())),
            send_bookmarks: true,
            bookmark: Some("<wsman:Bookmark xmlns:wsman=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\">7</wsman:Bookmark>".to_owned()),
        };
        Request {
            headers,
            body: Body::Subscribe(Box::new(request)),
        }
    }

    #[test]
    fn a_subscription_with_everything() {
        let xml = full().encode();
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:wse="http://schemas.xmlsoap.org/ws/2004/08/eventing">
  <s:Header>
    <wsa:Action s:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2004/08/eventing/Subscribe</wsa:Action>
    <wsa:MessageID>uuid:1</wsa:MessageID>
    <wsa:ReplyTo>
      <wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address>
    </wsa:ReplyTo>
    <wst:IssuedTokens xmlns:wst="http://schemas.xmlsoap.org/ws/2005/02/trust" xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" s:mustUnderstand="true">
      <wst:RequestSecurityTokenResponse>
        <wst:TokenType>http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#UsernameToken</wst:TokenType>
        <wst:RequestedSecurityToken>
          <wsse:UsernameToken>
            <wsse:Username>u</wsse:Username>
            <wsse:Password>p&amp;w</wsse:Password>
          </wsse:UsernameToken>
        </wst:RequestedSecurityToken>
        <wsp:AppliesTo>
          <wsa:EndpointReference>
            <wsa:Address>https://m:6736/</wsa:Address>
          </wsa:EndpointReference>
        </wsp:AppliesTo>
      </wst:RequestSecurityTokenResponse>
      <wst:RequestSecurityTokenResponse>
        <wst:TokenType>http://schemas.dmtf.org/wbem/wsman/1/wsman/token/certificateThumbprint</wst:TokenType>
        <wst:RequestedSecurityToken>
          <wsman:CertificateThumbprint>AB12</wsman:CertificateThumbprint>
        </wst:RequestedSecurityToken>
      </wst:RequestSecurityTokenResponse>
    </wst:IssuedTokens>
  </s:Header>
  <s:Body>
    <wse:Subscribe>
      <wse:EndTo>
        <wsa:Address>https://m/end</wsa:Address>
      </wse:EndTo>
      <wse:Delivery Mode="http://schemas.dmtf.org/wbem/wsman/1/wsman/Events">
        <wse:NotifyTo>
          <wsa:Address>https://[fe80::1]:40000/a/b?c=d&amp;e</wsa:Address>
          <wsa:ReferenceParameters>
            <n:x xmlns:n="urn:n" n:a="1">2</n:x>
          </wsa:ReferenceParameters>
        </wse:NotifyTo>
        <wsman:Auth Profile="urn:profile"/>
        <wsman:ConnectionRetry Total="5">PT60S</wsman:ConnectionRetry>
        <wsman:Heartbeats>PT30S</wsman:Heartbeats>
        <wsman:MaxElements>20</wsman:MaxElements>
        <wsman:MaxTime>PT5S</wsman:MaxTime>
        <wsman:MaxEnvelopeSize>65536</wsman:MaxEnvelopeSize>
        <wsman:Locale xml:lang="en-US"/>
        <wsman:ContentEncoding>UTF-16</wsman:ContentEncoding>
      </wse:Delivery>
      <wse:Expires>PT3600S</wse:Expires>
      <wsman:Filter Dialect="http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf">SELECT * FROM CIM_Indication</wsman:Filter>
      <wsman:Bookmark xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd">7</wsman:Bookmark>
      <wsman:SendBookmarks/>
    </wse:Subscribe>
  </s:Body>
</s:Envelope>
"#);
        assert_eq!(Request::decode(&xml, Limits::default()), Ok(full()));
        assert!(
            !format!("{:?}", full()).contains("p&w"),
            "a password is never shown"
        );
    }

    /// A Subscribe with that body.
    #[track_caller]
    fn check(body: &str, expect: Result<(), (FaultCause, Option<FaultDetail>)>) {
        let xml = format!(
            "<s:Envelope xmlns:s='{}' xmlns:a='{}' xmlns:w='{}' xmlns:e='{}'><s:Header><a:Action>{}</a:Action>\
             <a:MessageID>1</a:MessageID></s:Header><s:Body><e:Subscribe>{body}</e:Subscribe></s:Body></s:Envelope>",
            ns::SOAP.uri,
            ns::WSA.uri,
            ns::WSMAN.uri,
            ns::WSE.uri,
            action::SUBSCRIBE
        );
        sample::check_request(&xml, expect);
    }

    #[test]
    fn what_cannot_be_subscribed_to_is_refused() {
        use FaultCause as C;
        let to = "<e:NotifyTo><a:Address>http://m/</a:Address></e:NotifyTo>";
        let push = format!("<e:Delivery>{to}</e:Delivery>");
        let with = |more: &str| format!("{push}{more}");
        check(&push, Ok(()));
        check(&with("<e:Expires>2030-01-01T00:00:00Z</e:Expires>"), Ok(()));
        check("", Err((C::InvalidMessage, None)));
        check("<e:Delivery/>", Err((C::InvalidMessage, None)));
        check(
            "<e:Delivery Mode='http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull'/>",
            Ok(()),
        );
        check(
            "<e:Delivery Mode='urn:x'/>",
            Err((C::DeliveryModeRequestedUnavailable, None)),
        );
        check(
            "<e:Delivery><e:NotifyTo/></e:Delivery>",
            Err((C::SchemaValidationError, None)),
        );
        let expiry = Err((C::InvalidExpirationTime, Some(FaultDetail::ExpirationTime)));
        check(&with("<e:Expires>-PT1S</e:Expires>"), expiry);
        check(&with("<e:Expires>tomorrow</e:Expires>"), expiry);
        check(
            &with("<w:Filter Dialect='urn:x'>q</w:Filter>"),
            Err((C::FilteringRequestedUnavailable, None)),
        );
        check(
            &with("<w:Heartbeats>x</w:Heartbeats>"),
            Err((C::UnsupportedFeature, Some(FaultDetail::Heartbeats))),
        );
        let stray = format!(
            "<e:Delivery>{to}<w:Auth Profile='p'><w:Heartbeats>PT1S</w:Heartbeats></w:Auth></e:Delivery>"
        );
        check(&stray, Ok(()));
        let long = "x".repeat(9000);
        let parameter = format!(
            "<e:Delivery><e:NotifyTo><a:Address>http://m/</a:Address><a:ReferenceParameters><x>{long}</x></a:ReferenceParameters></e:NotifyTo></e:Delivery>"
        );
        check(&parameter, Err((C::EncodingLimit, None)));
    }

    #[test]
    fn replies_read_back() {
        let response = SubscribeResponse {
            manager_address: "https://agent:5986/wsman".to_owned(),
            resource_uri: Some("urn:r".to_owned()),
            identifier: "uuid:s".to_owned(),
            expires: Some(Expires::After(Duration::from_secs(60))),
            enumeration_context: Some("uuid:c".to_owned()),
        };
        let xml = response.encode(&sample::head());
        insta::assert_snapshot!(sample::body(&xml), @r#"
<wse:SubscribeResponse>
  <wse:SubscriptionManager>
    <wsa:Address>https://agent:5986/wsman</wsa:Address>
    <wsa:ReferenceParameters>
      <wsman:ResourceURI>urn:r</wsman:ResourceURI>
      <wse:Identifier>uuid:s</wse:Identifier>
    </wsa:ReferenceParameters>
  </wse:SubscriptionManager>
  <wse:Expires>PT60S</wse:Expires>
  <wsen:EnumerationContext>uuid:c</wsen:EnumerationContext>
</wse:SubscribeResponse>
"#);
        let reply = |xml| Reply::decode(xml, Limits::default()).unwrap();
        assert_eq!(SubscribeResponse::decode(reply(&xml)), Ok(response.clone()));
        let xml = encode_renew_response(&sample::head(), response.expires);
        insta::assert_snapshot!(sample::body(&xml), @r#"
<wse:RenewResponse>
  <wse:Expires>PT60S</wse:Expires>
</wse:RenewResponse>
"#);
        assert_eq!(decode_lease(reply(&xml)), Ok(response.expires));
        let xml = encode_get_status_response(&sample::head(), None);
        insta::assert_snapshot!(sample::body(&xml), @"<wse:GetStatusResponse/>");
        assert_eq!(decode_lease(reply(&xml)), Ok(None));
        let xml = encode_unsubscribe_response(&sample::head());
        assert!(reply(&xml).empty().is_ok());
    }
}
