//! WS-Enumeration (DSP0226, 8): Enumerate, Pull, Release and their replies.

use std::time::Duration;

use super::Fault;
use super::addressing::{Addressing, EndpointReference, is_wsa};
use super::fault::{FaultCause, FaultDetail, shorten};
use super::filter::{Filter, FilterUse, is_filter};
use super::items::Items;
use super::ns::{self, action};
use super::raw::RawInstance;
use super::reply::{Reply, ReplyHead};
use super::time::{Expires, format_duration, parse_duration};
use crate::xml::{Name, Reader, Start, Writer};

/// `wsen:Enumerate`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enumerate {
    /// `wsman:Filter`.
    pub filter: Option<Filter>,
    /// `wsman:OptimizeEnumeration`: the reply holds the first items already.
    pub optimize: bool,
    /// `wsman:MaxElements`: how many items an optimised reply may hold.
    pub max_elements: Option<u32>,
    /// `wsman:EnumerationMode`.
    pub mode: EnumerationMode,
    /// `wsmb:PolymorphismMode`.
    pub polymorphism: PolymorphismMode,
    /// `wsen:Expires`.
    pub expires: Option<Expires>,
}

/// What items are (DSP0226, 8.7).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EnumerationMode {
    /// Instances.
    #[default]
    Object,
    /// Their endpoint references.
    Epr,
    /// Both.
    ObjectAndEpr,
}

/// How instances of subclasses are shown (DSP0227, 8.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PolymorphismMode {
    /// As they are, with all their properties.
    #[default]
    IncludeSubClassProperties,
    /// As instances of the class that was asked for.
    ExcludeSubClassProperties,
    /// Not at all.
    None,
}

/// `wsen:Pull`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pull {
    /// `wsen:EnumerationContext`.
    pub context: String,
    /// `wsen:MaxElements`.
    pub max_elements: Option<u32>,
    /// `wsen:MaxTime`: how long the reply may wait for items.
    pub max_time: Option<Duration>,
    /// `wsen:MaxCharacters`: how long the items of the reply may be.
    pub max_characters: Option<u64>,
}

/// `wsen:Release`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Release {
    /// `wsen:EnumerationContext`.
    pub context: String,
}

const CONTEXT: Name = ns::WSEN.name("EnumerationContext");

impl Enumerate {
    pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut request = Self::default();
        while let Some(child) = reader.child(element)? {
            if is_filter(&child) {
                if request.filter.is_some() {
                    return Err(Fault::new(
                        FaultCause::CannotProcessFilter,
                        "There are two filters; send one.",
                    ));
                }
                request.filter = Some(Filter::decode(reader, &child, FilterUse::Enumeration)?);
            } else if child.is(ns::WSMAN.name("OptimizeEnumeration")) {
                request.optimize = true;
            } else if is_max_elements(&child) {
                request.max_elements = Some(decode_max_elements(reader, &child)?);
            } else if child.is(ns::WSMAN.name("EnumerationMode")) {
                request.mode = EnumerationMode::decode(&reader.text(&child)?)?;
            } else if child.is(ns::WSMB.name("PolymorphismMode")) {
                request.polymorphism = PolymorphismMode::decode(&reader.text(&child)?)?;
            } else if child.is(ns::WSEN.name("Expires")) {
                let text = reader.text(&child)?;
                request.expires = Some(Expires::parse(&text).map_err(|reason| {
                    Fault::new(
                        FaultCause::EnumerationInvalidExpirationTime,
                        format!("wsen:Expires is {reason}."),
                    )
                })?);
            } else if child.is(ns::WSEN.name("EndTo")) {
                let reason = "wsen:EndTo is not offered; leave it out.";
                return Err(Fault::unsupported(FaultDetail::AddressingMode, reason));
            }
        }
        Ok(request)
    }

    pub(super) fn encode(&self, w: &mut Writer, addressing: Addressing) {
        w.element(ns::WSEN.name("Enumerate"), |w| {
            if let Some(expires) = self.expires {
                w.leaf(ns::WSEN.name("Expires"), &expires.to_string());
            }
            if let Some(filter) = &self.filter {
                filter.encode(w, addressing);
            }
            if self.optimize {
                w.empty(ns::WSMAN.name("OptimizeEnumeration"));
            }
            if let Some(count) = self.max_elements {
                w.element(ns::WSMAN.name("MaxElements"), |w| w.number(count.into()));
            }
            if let Some(mode) = self.mode.as_str() {
                w.leaf(ns::WSMAN.name("EnumerationMode"), mode);
            }
            if let Some(mode) = self.polymorphism.as_str() {
                let name = ns::WSMB.name("PolymorphismMode");
                w.start(name);
                w.declare(ns::WSMB);
                w.text(mode);
                w.end(name);
            }
        });
    }
}

impl EnumerationMode {
    fn decode(text: &str) -> Result<Self, Fault> {
        match text.trim() {
            "EnumerateEPR" => Ok(Self::Epr),
            "EnumerateObjectAndEPR" => Ok(Self::ObjectAndEpr),
            other => {
                let reason = format!(
                    "The enumeration mode `{}` is not offered; use EnumerateEPR, EnumerateObjectAndEPR or none.",
                    shorten(other)
                );
                Err(Fault::unsupported(FaultDetail::EnumerationMode, reason))
            }
        }
    }

    const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Object => None,
            Self::Epr => Some("EnumerateEPR"),
            Self::ObjectAndEpr => Some("EnumerateObjectAndEPR"),
        }
    }
}

impl PolymorphismMode {
    fn decode(text: &str) -> Result<Self, Fault> {
        match text.trim() {
            "IncludeSubClassProperties" => Ok(Self::IncludeSubClassProperties),
            "ExcludeSubClassProperties" => Ok(Self::ExcludeSubClassProperties),
            "None" => Ok(Self::None),
            other => {
                let reason = format!(
                    "The polymorphism mode `{}` is not offered; use IncludeSubClassProperties, ExcludeSubClassProperties or None.",
                    shorten(other)
                );
                Err(Fault::new(FaultCause::PolymorphismModeNotSupported, reason))
            }
        }
    }

    const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::IncludeSubClassProperties => None,
            Self::ExcludeSubClassProperties => Some("ExcludeSubClassProperties"),
            Self::None => Some("None"),
        }
    }
}

impl Pull {
    pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut request = Self::default();
        while let Some(child) = reader.child(element)? {
            if child.is(CONTEXT) {
                reader.text(&child)?.trim().clone_into(&mut request.context);
            } else if is_max_elements(&child) {
                request.max_elements = Some(decode_max_elements(reader, &child)?);
            } else if is_either(&child, "MaxTime") {
                let text = reader.text(&child)?;
                let time = parse_duration(&text).map_err(|reason| {
                    Fault::unsupported(FaultDetail::MaxTime, format!("wsen:MaxTime is {reason}."))
                })?;
                request.max_time = Some(time);
            } else if is_either(&child, "MaxCharacters") {
                let text = reader.text(&child)?;
                let count = text
                    .trim()
                    .parse()
                    .map_err(|_| Fault::schema("wsen:MaxCharacters is no number."))?;
                request.max_characters = Some(count);
            }
        }
        require_context(&request.context)?;
        Ok(request)
    }

    pub(super) fn encode(&self, w: &mut Writer) {
        w.element(ns::WSEN.name("Pull"), |w| {
            w.leaf(CONTEXT, &self.context);
            if let Some(time) = self.max_time {
                w.leaf(ns::WSEN.name("MaxTime"), &format_duration(time));
            }
            if let Some(count) = self.max_elements {
                w.element(ns::WSEN.name("MaxElements"), |w| w.number(count.into()));
            }
            if let Some(count) = self.max_characters {
                w.element(ns::WSEN.name("MaxCharacters"), |w| w.number(count));
            }
        });
    }
}

impl Release {
    pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut request = Self::default();
        while let Some(child) = reader.child(element)? {
            if child.is(CONTEXT) {
                reader.text(&child)?.trim().clone_into(&mut request.context);
            }
        }
        require_context(&request.context)?;
        Ok(request)
    }

    pub(super) fn encode(&self, w: &mut Writer) {
        w.element(ns::WSEN.name("Release"), |w| w.leaf(CONTEXT, &self.context));
    }

    /// The reply to it.
    pub fn encode_response(head: &ReplyHead) -> String {
        head.envelope(action::RELEASE_RESPONSE, &[], 0, |_| {})
    }
}

/// Longest context that is taken, in bytes; ours are much shorter.
const MAX_CONTEXT_BYTES: usize = 256;

fn require_context(context: &str) -> Result<(), Fault> {
    if context.is_empty() || context.len() > MAX_CONTEXT_BYTES {
        return Err(Fault::invalid_enumeration_context());
    }
    Ok(())
}

/// Clients put it in one namespace or the other.
fn is_either(start: &Start<'_>, local: &'static str) -> bool {
    start.is(ns::WSEN.name(local)) || start.is(ns::WSMAN.name(local))
}

fn is_max_elements(start: &Start<'_>) -> bool {
    is_either(start, "MaxElements")
}

fn decode_max_elements<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<u32, Fault> {
    let text = reader.text(element)?;
    text.trim()
        .parse()
        .ok()
        .filter(|&count| count > 0)
        .ok_or_else(|| {
            let reason = format!("MaxElements is `{}`; it must be at least 1.", shorten(&text));
            Fault::unsupported(FaultDetail::MaxElements, reason)
        })
}

/// Writes `wsen:EnumerateResponse`. Without a `context` the enumeration has ended, and `items` must be
/// there. The context element is always there, empty at the end: some clients look at it alone.
pub fn encode_enumerate_response(head: &ReplyHead, context: Option<&str>, items: Option<Items>) -> String {
    head.envelope(action::ENUMERATE_RESPONSE, &[ns::WSEN], 0, |w| {
        w.element(ns::WSEN.name("EnumerateResponse"), |w| {
            w.leaf(CONTEXT, context.unwrap_or_default());
            if let Some(items) = items {
                w.element(ns::WSMAN.name("Items"), |w| items.encode(w));
                if context.is_none() {
                    w.empty(ns::WSMAN.name("EndOfSequence"));
                }
            }
        });
    })
}

/// Writes `wsen:PullResponse`. Without a `context` the enumeration has ended: the element is left out, as
/// some clients look at nothing but EndOfSequence.
pub fn encode_pull_response(head: &ReplyHead, context: Option<&str>, items: Items) -> String {
    head.envelope(action::PULL_RESPONSE, &[ns::WSEN], 0, |w| {
        w.element(ns::WSEN.name("PullResponse"), |w| {
            if let Some(context) = context {
                w.leaf(CONTEXT, context);
            }
            w.element(ns::WSEN.name("Items"), |w| items.encode(w));
            if context.is_none() {
                w.empty(ns::WSEN.name("EndOfSequence"));
            }
        });
    })
}

/// The reply to Enumerate or Pull, as a client reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnumerationReply {
    /// The headers.
    pub head: ReplyHead,
    /// The context for the next Pull; `None` at the end.
    pub context: Option<String>,
    /// The items.
    pub items: Vec<Item>,
    /// Whether there is nothing more to pull.
    pub end_of_sequence: bool,
}

/// One item of an enumeration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// The instance, where the mode asks for it.
    pub instance: Option<RawInstance>,
    /// Its endpoint reference, where the mode asks for it.
    pub epr: Option<EndpointReference>,
}

impl EnumerationReply {
    /// Reads a reply.
    pub fn decode(mut reply: Reply<'_>) -> Result<Self, Fault> {
        let response = reply.first()?;
        let mut result = Self::default();
        let reader = &mut reply.reader;
        while let Some(child) = reader.child(&response)? {
            if child.is(CONTEXT) {
                let context = reader.text(&child)?.trim().to_owned();
                result.context = Some(context).filter(|context| !context.is_empty());
            } else if is_either(&child, "Items") {
                while let Some(item) = reader.child(&child)? {
                    result.items.push(Item::decode(reader, &item)?);
                }
            } else if is_either(&child, "EndOfSequence") {
                result.end_of_sequence = true;
            }
        }
        reader.finish()?;
        result.head = reply.head;
        Ok(result)
    }
}

impl Item {
    fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut item = Self::default();
        if element.is(ns::WSMAN.name("Item")) {
            while let Some(part) = reader.child(element)? {
                item.take(reader, &part)?;
            }
        } else {
            item.take(reader, element)?;
        }
        Ok(item)
    }

    fn take<'a>(&mut self, reader: &mut Reader<'a>, part: &Start<'a>) -> Result<(), Fault> {
        if is_wsa(part, "EndpointReference") {
            self.epr = Some(EndpointReference::decode(reader, part)?);
        } else {
            self.instance = Some(RawInstance::decode(reader, part)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::items::{ItemLimits, ItemShape, ItemsBuilder, Pushed};
    use crate::wsman::sample;
    use crate::xml::{Encoding, Limits};

    fn items(count: usize, mode: EnumerationMode) -> Items {
        let limits = ItemLimits {
            max_elements: 10,
            max_envelope_bytes: 100_000,
            encoding: Encoding::Utf8,
        };
        let mut class = sample::class();
        class.properties.truncate(2);
        let shape = ItemShape {
            mode,
            ..ItemShape::default()
        };
        let (class, known) = (std::sync::Arc::new(class), crate::wsman::KnownTags::default());
        let mut builder = ItemsBuilder::new(&sample::head(), limits, shape, &known);
        for _ in 0..count {
            let pushed = builder.push(&sample::instance(), &class, sample::path);
            assert_eq!(pushed, Pushed::Added);
        }
        builder.finish()
    }

    #[track_caller]
    fn read(xml: &str) -> EnumerationReply {
        EnumerationReply::decode(Reply::decode(xml, Limits::default()).unwrap()).unwrap()
    }

    #[test]
    fn enumerate_begins_with_a_context() {
        let xml = encode_enumerate_response(&sample::head(), Some("uuid:1"), None);
        insta::assert_snapshot!(sample::body(&xml), @r#"
<wsen:EnumerateResponse>
  <wsen:EnumerationContext>uuid:1</wsen:EnumerationContext>
</wsen:EnumerateResponse>
"#);
        assert_eq!(read(&xml).context.as_deref(), Some("uuid:1"));
    }

    #[test]
    fn an_optimised_enumerate_holds_items() {
        let xml = encode_enumerate_response(
            &sample::head(),
            Some("uuid:1"),
            Some(items(1, EnumerationMode::Object)),
        );
        insta::assert_snapshot!(sample::body(&xml), @r#"
<wsen:EnumerateResponse>
  <wsen:EnumerationContext>uuid:1</wsen:EnumerationContext>
  <wsman:Items>
    <p:ESM_Sample xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
      <p:Name>a&lt;b&gt;&amp;&quot;c&quot;</p:Name>
      <p:Index>1</p:Index>
    </p:ESM_Sample>
  </wsman:Items>
</wsen:EnumerateResponse>
"#);
        let reply = read(&xml);
        assert_eq!((reply.items.len(), reply.end_of_sequence), (1, false));
    }

    #[test]
    fn an_enumeration_that_ends_at_once_keeps_an_empty_context() {
        let xml = encode_enumerate_response(&sample::head(), None, Some(items(0, EnumerationMode::Object)));
        insta::assert_snapshot!(sample::body(&xml), @r#"
<wsen:EnumerateResponse>
  <wsen:EnumerationContext/>
  <wsman:Items/>
  <wsman:EndOfSequence/>
</wsen:EnumerateResponse>
"#);
        let reply = read(&xml);
        assert_eq!((reply.context, reply.end_of_sequence), (None, true));
    }

    #[test]
    fn a_pull_goes_on() {
        let xml = encode_pull_response(&sample::head(), Some("uuid:1"), items(1, EnumerationMode::Epr));
        insta::assert_snapshot!(sample::body(&xml), @r#"
<wsen:PullResponse>
  <wsen:EnumerationContext>uuid:1</wsen:EnumerationContext>
  <wsen:Items>
    <wsa:EndpointReference>
      <wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address>
      <wsa:ReferenceParameters>
        <wsman:ResourceURI>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample</wsman:ResourceURI>
        <wsman:SelectorSet>
          <wsman:Selector Name="Name">other</wsman:Selector>
          <wsman:Selector Name="Index">2</wsman:Selector>
          <wsman:Selector Name="__cimnamespace">root/ESMPRO/AS</wsman:Selector>
        </wsman:SelectorSet>
      </wsa:ReferenceParameters>
    </wsa:EndpointReference>
  </wsen:Items>
</wsen:PullResponse>
"#);
        let reply = read(&xml);
        let epr = reply.items[0].epr.as_ref().unwrap();
        assert_eq!(epr.to_path(), Ok(sample::path()));
    }

    #[test]
    fn the_last_pull_has_no_context() {
        let mut head = sample::head();
        head.total_items_estimate = Some(Some(1));
        let xml = encode_pull_response(&head, None, items(1, EnumerationMode::ObjectAndEpr));
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:wsen="http://schemas.xmlsoap.org/ws/2004/09/enumeration">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.xmlsoap.org/ws/2004/09/enumeration/PullResponse</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
    <wsman:TotalItemsCountEstimate>1</wsman:TotalItemsCountEstimate>
  </s:Header>
  <s:Body>
    <wsen:PullResponse>
      <wsen:Items>
        <wsman:Item>
          <p:ESM_Sample xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
            <p:Name>a&lt;b&gt;&amp;&quot;c&quot;</p:Name>
            <p:Index>1</p:Index>
          </p:ESM_Sample>
          <wsa:EndpointReference>
            <wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address>
            <wsa:ReferenceParameters>
              <wsman:ResourceURI>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample</wsman:ResourceURI>
              <wsman:SelectorSet>
                <wsman:Selector Name="Name">other</wsman:Selector>
                <wsman:Selector Name="Index">2</wsman:Selector>
                <wsman:Selector Name="__cimnamespace">root/ESMPRO/AS</wsman:Selector>
              </wsman:SelectorSet>
            </wsa:ReferenceParameters>
          </wsa:EndpointReference>
        </wsman:Item>
      </wsen:Items>
      <wsen:EndOfSequence/>
    </wsen:PullResponse>
  </s:Body>
</s:Envelope>
"#);
        let reply = read(&xml);
        assert!(reply.end_of_sequence && reply.context.is_none());
        assert!(reply.items[0].instance.is_some() && reply.items[0].epr.is_some());
        assert_eq!(reply.head.total_items_estimate, Some(Some(1)));
    }

    #[test]
    fn the_reply_to_release_is_empty() {
        let xml = Release::encode_response(&sample::head());
        assert!(Reply::decode(&xml, Limits::default()).unwrap().empty().is_ok());
    }
}
