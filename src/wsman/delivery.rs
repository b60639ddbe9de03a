//! What an event source sends to a sink and what the sink answers (DSP0226, 10.2.6 to 10.2.11): events one
//! by one or in batches, heartbeats, notices of lost events, the end of a subscription, acknowledgements.

use super::addressing::{Addressing, EndpointReference};
use super::binding::{Style, encode_instance};
use super::eventing::{encode_manager, identifier_of};
use super::header::Headers;
use super::ns::{self, action};
use super::raw::RawInstance;
use super::reply::{ReplyHead, envelope, start_envelope};
use super::request::Refused;
use super::{DeliveryMode, Fault};
use crate::cim::{Class, Instance};
use crate::xml::{Limits, Name, Ns, Reader, Start, Writer};

/// The headers of a delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryHead {
    /// Where it goes: `wse:NotifyTo` of the subscription. Its parameters are echoed as headers.
    pub to: EndpointReference,
    /// The version of WS-Addressing of the subscription.
    pub addressing: Addressing,
    /// `wsa:MessageID`, the same on every retry.
    pub message_id: String,
    /// Whether the sink must answer with [`encode_ack`].
    pub ack_requested: bool,
    /// `wsman:Bookmark`, as XML, where the subscription asked for bookmarks.
    pub bookmark: Option<String>,
}

/// An event as it stands in a delivery: written once, whoever is told of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EncodedEvent(String);

impl EncodedEvent {
    /// Writes an indication as an element of its class.
    pub fn new(indication: &Instance, class: &Class, style: &Style) -> Self {
        let mut w = Writer::with_capacity(2048);
        encode_instance(&mut w, indication, class, None, style);
        Self(w.finish())
    }

    /// The XML.
    pub fn as_xml(&self) -> &str {
        &self.0
    }
}

const EVENTS: Name = ns::WSMAN.name("Events");
const EVENT: Name = ns::WSMAN.name("Event");
const ACTION: Name = Ns::NONE.name("Action");

impl DeliveryHead {
    /// Writes events in the shape of a delivery mode: a batch for [`DeliveryMode::Events`], else the first
    /// of them alone.
    pub fn encode_events(&self, mode: DeliveryMode, events: &[EncodedEvent]) -> String {
        match (mode, events) {
            (DeliveryMode::Events, _) => self.envelope(action::EVENTS, |w| {
                w.element(EVENTS, |w| {
                    for event in events {
                        encode_batched(w, action::EVENT, |w| w.raw(&event.0));
                    }
                });
            }),
            (_, [first, ..]) => self.envelope(action::EVENT, |w| w.raw(&first.0)),
            (_, []) => self.encode_heartbeat(mode),
        }
    }

    /// Writes a sign of life.
    pub fn encode_heartbeat(&self, mode: DeliveryMode) -> String {
        match mode {
            DeliveryMode::Events => self.envelope(action::EVENTS, |w| {
                w.element(EVENTS, |w| encode_batched(w, action::HEARTBEAT, |_| {}));
            }),
            DeliveryMode::Push | DeliveryMode::PushWithAck | DeliveryMode::Pull => {
                self.envelope(action::HEARTBEAT, |_| {})
            }
        }
    }

    /// Tells that `count` events were lost.
    pub fn encode_dropped_events(&self, mode: DeliveryMode, count: u64) -> String {
        let name = ns::WSMAN.name("DroppedEvents");
        let dropped = |w: &mut Writer| {
            w.start(name);
            w.attr(ACTION, action::EVENT);
            w.number(count);
            w.end(name);
        };
        match mode {
            DeliveryMode::Events => self.envelope(action::EVENTS, |w| {
                w.element(EVENTS, |w| encode_batched(w, action::DROPPED_EVENTS, dropped));
            }),
            DeliveryMode::Push | DeliveryMode::PushWithAck | DeliveryMode::Pull => {
                self.envelope(action::DROPPED_EVENTS, dropped)
            }
        }
    }

    /// Tells `wse:EndTo` that the subscription has ended.
    pub fn encode_subscription_end(&self, end: &SubscriptionEnd) -> String {
        self.envelope_with(action::SUBSCRIPTION_END, &[ns::WSE], |w| {
            w.element(ns::WSE.name("SubscriptionEnd"), |w| {
                w.element(ns::WSE.name("SubscriptionManager"), |w| {
                    encode_manager(w, self.addressing, &end.manager_address, None, &end.identifier);
                });
                w.leaf(ns::WSE.name("Status"), end.status.uri());
                if let Some(reason) = &end.reason {
                    w.start(ns::WSE.name("Reason"));
                    w.attr(Ns::XML.name("lang"), "en-US");
                    w.text(reason);
                    w.end(ns::WSE.name("Reason"));
                }
            });
        })
    }

    fn envelope(&self, action: &str, body: impl FnOnce(&mut Writer)) -> String {
        self.envelope_with(action, &[], body)
    }

    fn envelope_with(&self, action: &str, extra: &[Ns], body: impl FnOnce(&mut Writer)) -> String {
        let headers = Headers {
            addressing: self.addressing,
            action: action.to_owned(),
            to: Some(self.to.address.clone()),
            message_id: Some(self.message_id.clone()),
            resource_uri: self.to.resource_uri.clone(),
            selectors: self.to.selectors.clone(),
            ack_requested: self.ack_requested,
            bookmark: self.bookmark.clone(),
            ..Headers::default()
        };
        let mut w = Writer::with_capacity(4096);
        start_envelope(&mut w, self.addressing, extra);
        headers.encode(&mut w, |w| {
            for parameter in &self.to.parameters {
                w.raw(parameter);
            }
        });
        w.element(ns::SOAP.name("Body"), body);
        w.end(ns::SOAP.name("Envelope"));
        w.finish()
    }
}

fn encode_batched(w: &mut Writer, action: &str, content: impl FnOnce(&mut Writer)) {
    w.start(EVENT);
    w.attr(ACTION, action);
    content(w);
    w.end(EVENT);
}

/// `wse:SubscriptionEnd`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscriptionEnd {
    /// Where the subscription was managed.
    pub manager_address: String,
    /// Its identifier.
    pub identifier: String,
    /// Why it ended.
    pub status: EndStatus,
    /// The same in words.
    pub reason: Option<String>,
}

/// Why a subscription ended (WS-Eventing, 3.5).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EndStatus {
    /// Deliveries failed.
    DeliveryFailure,
    /// The source goes down in an orderly way.
    SourceShuttingDown,
    /// The source ended it for another reason.
    #[default]
    SourceCanceling,
}

impl EndStatus {
    const ALL: [Self; 3] = [
        Self::DeliveryFailure,
        Self::SourceShuttingDown,
        Self::SourceCanceling,
    ];

    /// The URI on the wire.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::DeliveryFailure => "http://schemas.xmlsoap.org/ws/2004/08/eventing/DeliveryFailure",
            Self::SourceShuttingDown => "http://schemas.xmlsoap.org/ws/2004/08/eventing/SourceShuttingDown",
            Self::SourceCanceling => "http://schemas.xmlsoap.org/ws/2004/08/eventing/SourceCanceling",
        }
    }
}

/// A delivery as a sink reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// Its headers; `other` holds the reference parameters of our own NotifyTo.
    pub headers: Headers,
    /// What it tells.
    pub content: DeliveredContent,
}

/// What a delivery tells.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveredContent {
    /// Events, in order.
    Events(Vec<RawInstance>),
    /// A sign of life.
    Heartbeat,
    /// So many events were lost.
    DroppedEvents(u64),
    /// The subscription has ended.
    SubscriptionEnd(SubscriptionEnd),
}

impl Delivered {
    /// Reads a delivery.
    pub fn decode(text: &str, limits: Limits) -> Result<Self, Box<Refused>> {
        let mut headers = Headers::keeping_others();
        match decode_parts(text, limits, &mut headers) {
            Ok(content) => Ok(Self { headers, content }),
            Err(fault) => Err(Box::new(Refused { fault, headers })),
        }
    }

    /// Whether the source wants an acknowledgement.
    pub fn wants_ack(&self) -> bool {
        self.headers.ack_requested
    }
}

fn decode_parts(text: &str, limits: Limits, headers: &mut Headers) -> Result<DeliveredContent, Fault> {
    let mut reader = Reader::new(text, limits)?;
    let envelope = envelope(&mut reader)?;
    let mut content = None;
    while let Some(part) = reader.child(&envelope)? {
        if part.is(ns::SOAP.name("Header")) {
            headers.decode(&mut reader, &part)?;
        } else if part.is(ns::SOAP.name("Body")) && content.is_none() {
            content = Some(decode_content(&mut reader, &part, &headers.action)?);
        }
    }
    reader.finish()?;
    content.ok_or_else(|| Fault::schema("The envelope has no s:Body."))
}

fn decode_content<'a>(
    reader: &mut Reader<'a>,
    body: &Start<'a>,
    action: &str,
) -> Result<DeliveredContent, Fault> {
    let first = reader.child(body)?;
    match (action, first) {
        (action::HEARTBEAT, _) => Ok(DeliveredContent::Heartbeat),
        (_, Some(first)) if first.is(EVENTS) => decode_batch(reader, &first),
        (_, Some(first)) if first.is(ns::WSE.name("SubscriptionEnd")) => {
            SubscriptionEnd::decode(reader, &first).map(DeliveredContent::SubscriptionEnd)
        }
        (_, Some(first)) if first.is(ns::WSMAN.name("DroppedEvents")) => {
            decode_dropped(reader, &first).map(DeliveredContent::DroppedEvents)
        }
        (_, Some(first)) => Ok(DeliveredContent::Events(vec![RawInstance::decode(
            reader, &first,
        )?])),
        (_, None) => Err(Fault::schema("The body of the delivery is empty.")),
    }
}

/// A batch holds events, or one notice.
fn decode_batch<'a>(reader: &mut Reader<'a>, batch: &Start<'a>) -> Result<DeliveredContent, Fault> {
    let mut events = Vec::new();
    let mut notice = DeliveredContent::Heartbeat;
    while let Some(event) = reader.child(batch)? {
        while let Some(content) = reader.child(&event)? {
            if content.is(ns::WSMAN.name("DroppedEvents")) {
                notice = DeliveredContent::DroppedEvents(decode_dropped(reader, &content)?);
            } else {
                events.push(RawInstance::decode(reader, &content)?);
            }
        }
    }
    Ok(if events.is_empty() {
        notice
    } else {
        DeliveredContent::Events(events)
    })
}

fn decode_dropped<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<u64, Fault> {
    let text = reader.text(element)?;
    text.trim()
        .parse()
        .map_err(|_| Fault::schema("wsman:DroppedEvents is no number."))
}

impl SubscriptionEnd {
    fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut end = Self::default();
        while let Some(child) = reader.child(element)? {
            if child.is(ns::WSE.name("SubscriptionManager")) {
                let epr = EndpointReference::decode(reader, &child)?;
                end.identifier = identifier_of(&epr).unwrap_or_default();
                end.manager_address = epr.address;
            } else if child.is(ns::WSE.name("Status")) {
                let uri = reader.text(&child)?;
                let status = EndStatus::ALL
                    .into_iter()
                    .find(|status| status.uri() == uri.trim());
                end.status = status.unwrap_or_default();
            } else if child.is(ns::WSE.name("Reason")) {
                end.reason = Some(reader.text(&child)?.trim().to_owned());
            }
        }
        Ok(end)
    }
}

/// The acknowledgement of a delivery (DSP0226, 10.2.9.4).
pub fn encode_ack(head: &ReplyHead) -> String {
    head.envelope(action::ACK, &[], 0, |_| {})
}

/// Reads what a sink answered. It acknowledges if it is an acknowledgement, in the right spelling or the
/// one that some listeners have, and relates to `message_id` where it says so at all. A fault comes back as
/// the error.
pub fn decode_ack(text: &str, limits: Limits, message_id: &str) -> Result<bool, Fault> {
    let reply = super::Reply::decode(text, limits)?;
    let is_ack = matches!(reply.action.as_str(), action::ACK | action::ACK_MISSPELT);
    let head = reply.empty()?;
    Ok(is_ack && head.relates_to.is_none_or(|id| id == message_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::sample;

    fn head() -> DeliveryHead {
        DeliveryHead {
            to: EndpointReference {
                address: "https://m:6736/ev".to_owned(),
                parameters: vec!["<n:tag xmlns:n=\"urn:x\">42</n:tag>".to_owned()],
                ..EndpointReference::default()
            },
            message_id: "uuid:event".to_owned(),
            ack_requested: true,
            ..DeliveryHead::default()
        }
    }

    fn event() -> EncodedEvent {
        let mut class = sample::class();
        class.properties.truncate(2);
        EncodedEvent::new(&sample::instance(), &class, &Style::default())
    }

    #[track_caller]
    fn read(xml: &str) -> Delivered {
        Delivered::decode(xml, Limits::default()).unwrap()
    }

    #[test]
    fn one_event() {
        let mut head = head();
        head.bookmark = Some("<wsman:Bookmark>9</wsman:Bookmark>".to_owned());
        let xml = head.encode_events(DeliveryMode::PushWithAck, &[event()]);
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:Action s:mustUnderstand="true">http://schemas.dmtf.org/wbem/wsman/1/wsman/Event</wsa:Action>
    <wsa:To s:mustUnderstand="true">https://m:6736/ev</wsa:To>
    <wsa:MessageID>uuid:event</wsa:MessageID>
    <wsa:ReplyTo>
      <wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address>
    </wsa:ReplyTo>
    <wsman:AckRequested/>
    <wsman:Bookmark>9</wsman:Bookmark>
    <n:tag xmlns:n="urn:x">42</n:tag>
  </s:Header>
  <s:Body>
    <p:ESM_Sample xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
      <p:Name>a&lt;b&gt;&amp;&quot;c&quot;</p:Name>
      <p:Index>1</p:Index>
    </p:ESM_Sample>
  </s:Body>
</s:Envelope>
"#);
        let delivered = read(&xml);
        assert!(delivered.wants_ack());
        assert_eq!(
            delivered.headers.other,
            Some(vec!["<n:tag xmlns:n=\"urn:x\">42</n:tag>".to_owned()])
        );
        let DeliveredContent::Events(events) = delivered.content else {
            panic!("events")
        };
        assert_eq!(events[0].text("Index"), Some("1"));
    }

    #[test]
    fn a_batch() {
        let xml = head().encode_events(DeliveryMode::Events, &[event(), event()]);
        insta::assert_snapshot!(sample::body(&xml), @r#"
<wsman:Events>
  <wsman:Event Action="http://schemas.dmtf.org/wbem/wsman/1/wsman/Event">
    <p:ESM_Sample xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
      <p:Name>a&lt;b&gt;&amp;&quot;c&quot;</p:Name>
      <p:Index>1</p:Index>
    </p:ESM_Sample>
  </wsman:Event>
  <wsman:Event Action="http://schemas.dmtf.org/wbem/wsman/1/wsman/Event">
    <p:ESM_Sample xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
      <p:Name>a&lt;b&gt;&amp;&quot;c&quot;</p:Name>
      <p:Index>1</p:Index>
    </p:ESM_Sample>
  </wsman:Event>
</wsman:Events>
"#);
        assert!(matches!(read(&xml).content, DeliveredContent::Events(events) if events.len() == 2));
    }

    #[test]
    fn notices() {
        for mode in [DeliveryMode::Push, DeliveryMode::Events] {
            let xml = head().encode_heartbeat(mode);
            assert_eq!(read(&xml).content, DeliveredContent::Heartbeat, "{xml}");
            let xml = head().encode_dropped_events(mode, 12);
            assert_eq!(read(&xml).content, DeliveredContent::DroppedEvents(12), "{xml}");
        }
        insta::assert_snapshot!(sample::body(&head().encode_heartbeat(DeliveryMode::Events)), @r#"
<wsman:Events>
  <wsman:Event Action="http://schemas.dmtf.org/wbem/wsman/1/wsman/Heartbeat"/>
</wsman:Events>
"#);
        insta::assert_snapshot!(sample::body(&head().encode_dropped_events(DeliveryMode::Push, 12)), @r#"<wsman:DroppedEvents Action="http://schemas.dmtf.org/wbem/wsman/1/wsman/Event">12</wsman:DroppedEvents>"#);
    }

    #[test]
    fn the_end_of_a_subscription() {
        let end = SubscriptionEnd {
            manager_address: "https://agent:5986/wsman".to_owned(),
            identifier: "uuid:s".to_owned(),
            status: EndStatus::DeliveryFailure,
            reason: Some("72 hours without an answer".to_owned()),
        };
        let xml = head().encode_subscription_end(&end);
        insta::assert_snapshot!(sample::body(&xml), @r#"
<wse:SubscriptionEnd>
  <wse:SubscriptionManager>
    <wsa:Address>https://agent:5986/wsman</wsa:Address>
    <wsa:ReferenceParameters>
      <wse:Identifier>uuid:s</wse:Identifier>
    </wsa:ReferenceParameters>
  </wse:SubscriptionManager>
  <wse:Status>http://schemas.xmlsoap.org/ws/2004/08/eventing/DeliveryFailure</wse:Status>
  <wse:Reason xml:lang="en-US">72 hours without an answer</wse:Reason>
</wse:SubscriptionEnd>
"#);
        assert_eq!(read(&xml).content, DeliveredContent::SubscriptionEnd(end));
    }

    #[track_caller]
    fn check_ack(xml: &str, expect: Option<bool>) {
        assert_eq!(
            decode_ack(xml, Limits::default(), "uuid:request").ok(),
            expect,
            "{xml}"
        );
    }

    #[test]
    fn an_acknowledgement_in_either_spelling() {
        let ack = encode_ack(&sample::head());
        insta::assert_snapshot!(sample::pretty(&ack), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
  </s:Header>
  <s:Body/>
</s:Envelope>
"#);
        check_ack(&ack, Some(true));
        check_ack(&ack.replace(action::ACK, action::ACK_MISSPELT), Some(true));
        check_ack(&ack.replace("uuid:request", "uuid:another"), Some(false));
        check_ack(&ack.replace(action::ACK, action::EVENT), Some(false));
        check_ack("nothing", None);
        let fault = Fault::new(crate::wsman::FaultCause::DeliveryRefused, "no").encode(&sample::head());
        check_ack(&fault, None);
    }
}
