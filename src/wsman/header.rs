//! The headers of a request (DSP0226, 5.4, 6 and 7).

mod option;
mod value;

pub use option::RequestOption;

use std::sync::Arc;
use std::time::Duration;

use super::addressing::{Addressing, EndpointReference, SelectorSet, is_anonymous};
use super::credentials::IssuedToken;
use super::fault::{FaultExtra, shorten};
use super::ns;
use super::reply::ReplyHead;
use super::resource_uri::{ResourceUri, default_namespace};
use super::time::format_duration;
use super::{Fault, FaultCause, FaultDetail};
use crate::cim::{InstancePath, Namespace};
use crate::xml::{self, Ns, Reader, Start, Writer};

/// The headers of a request, of a delivery, or of its acknowledgement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers {
    /// The version of WS-Addressing.
    pub addressing: Addressing,
    /// `wsa:Action`.
    pub action: String,
    /// `wsa:To`.
    pub to: Option<String>,
    /// `wsman:ResourceURI`, as it came; [`Headers::resource`] reads it.
    pub resource_uri: Option<String>,
    /// `wsa:MessageID`: any text. It is no proof that a message is new: clients repeat a message with
    /// credentials that they sent without.
    pub message_id: Option<String>,
    /// `wsa:RelatesTo`.
    pub relates_to: Option<String>,
    /// `wsman:SelectorSet`.
    pub selectors: SelectorSet,
    /// `wsman:OptionSet`.
    pub options: Vec<RequestOption>,
    /// `wsman:MaxEnvelopeSize`: the longest reply, in bytes.
    pub max_envelope_size: Option<u64>,
    /// `wsman:OperationTimeout`.
    pub operation_timeout: Option<Duration>,
    /// `wsman:Locale`.
    pub locale: Option<String>,
    /// `wsman:FragmentTransfer`.
    pub fragment: Option<FragmentTransfer>,
    /// `wsman:RequestEPR`.
    pub request_epr: bool,
    /// `wsman:RequestTotalItemsCountEstimate`.
    pub request_total_items_estimate: bool,
    /// `wse:Identifier`: the subscription that is meant.
    pub identifier: Option<String>,
    /// `wst:IssuedTokens`: credentials for deliveries.
    pub issued_tokens: Vec<IssuedToken>,
    /// `wsman:AckRequested`: the sender of a delivery wants an acknowledgement.
    pub ack_requested: bool,
    /// `wsman:Bookmark` of a delivery, as XML.
    pub bookmark: Option<String>,
    /// Headers that are not known here, each as XML, where they are kept at all: those of deliveries are
    /// the reference parameters of the sink.
    pub other: Option<Vec<String>>,
}

/// `wsman:FragmentTransfer` (DSP0226, 7.7): the part of a representation that is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FragmentTransfer {
    /// The dialect; XPath 1.0 where none is named.
    pub dialect: Option<String>,
    /// The expression.
    pub expression: String,
}

impl Headers {
    /// Headers of a request with that action.
    pub fn new(action: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            ..Self::default()
        }
    }

    /// Headers that keep what they do not know.
    pub(super) fn keeping_others() -> Self {
        Self {
            other: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Reads `s:Header`. What was read is left in `self` even where an error comes back, so that the
    /// fault can relate to its request.
    pub(super) fn decode<'a>(&mut self, reader: &mut Reader<'a>, header: &Start<'a>) -> Result<(), Fault> {
        // The first error is kept and the rest still read: the MessageID may stand after the trouble.
        let mut first_error = Ok(());
        while let Some(child) = reader.child(header)? {
            let result = match Addressing::from_ns(&child.ns) {
                Some(version) => {
                    self.addressing = version;
                    self.take_addressing(reader, &child)
                }
                None => self.take(reader, &child),
            };
            first_error = first_error.and(result);
        }
        first_error
    }

    fn take_addressing<'a>(&mut self, reader: &mut Reader<'a>, child: &Start<'a>) -> Result<(), Fault> {
        match child.local {
            "Action" => {
                let action = reader.text(child)?.trim().to_owned();
                if !self.action.is_empty() {
                    return Err(Fault::invalid_header("wsa:Action", "it stands twice"));
                }
                self.action = action;
            }
            "To" => set_once(&mut self.to, value::uri(reader, child)?, "wsa:To")?,
            "MessageID" => {
                let id = reader.text(child)?.trim().to_owned();
                if id.len() > value::MAX_URI_BYTES {
                    return Err(Fault::invalid_header("wsa:MessageID", "it is too long"));
                }
                set_once(&mut self.message_id, id, "wsa:MessageID")?;
            }
            "RelatesTo" => self.relates_to = Some(reader.text(child)?.trim().to_owned()),
            "ReplyTo" | "FaultTo" => {
                let epr = EndpointReference::decode(reader, child)?;
                if !is_anonymous(&epr.address) {
                    return Err(Fault::unsupported(
                        FaultDetail::AddressingMode,
                        format!(
                            "Replies go back on the connection alone: wsa:{} must be {}.",
                            child.local,
                            self.addressing.anonymous()
                        ),
                    ));
                }
            }
            "From" => {}
            _ => return self.take_unknown(reader, child),
        }
        Ok(())
    }

    fn take<'a>(&mut self, reader: &mut Reader<'a>, child: &Start<'a>) -> Result<(), Fault> {
        match (child.ns.as_ref(), child.local) {
            (uri, local) if uri == ns::WSMAN.uri => match local {
                "ResourceURI" => {
                    let uri = value::uri(reader, child)?;
                    set_once(&mut self.resource_uri, uri, "wsman:ResourceURI")?;
                }
                "SelectorSet" => self.selectors = SelectorSet::decode(reader, child)?,
                "OptionSet" => self.options = option::decode(reader, child)?,
                "MaxEnvelopeSize" => self.max_envelope_size = Some(value::envelope_size(reader, child)?),
                "OperationTimeout" => self.operation_timeout = Some(value::timeout(reader, child)?),
                "Locale" => self.locale = value::locale(child)?,
                "FragmentTransfer" => {
                    self.fragment = Some(FragmentTransfer {
                        dialect: child.plain_attribute("Dialect").map(str::to_owned),
                        expression: reader.text(child)?.trim().to_owned(),
                    });
                }
                "RequestEPR" => self.request_epr = true,
                "RequestTotalItemsCountEstimate" => self.request_total_items_estimate = true,
                "AckRequested" => self.ack_requested = true,
                "Bookmark" => self.bookmark = Some(reader.capture(child, MAX_BOOKMARK_BYTES)?),
                _ => return self.take_unknown(reader, child),
            },
            (uri, "Identifier") if uri == ns::WSE.uri => {
                self.identifier = Some(reader.text(child)?.trim().to_owned());
            }
            (uri, "IssuedTokens") if uri == ns::WST.uri => {
                self.issued_tokens = IssuedToken::decode_all(reader, child)?;
            }
            // The locale of data: there are no translated values.
            (uri, "DataLocale") if uri == ns::MSWSMAN.uri => {}
            _ => return self.take_unknown(reader, child),
        }
        Ok(())
    }

    /// A header that is not known: refused where it must be understood (SOAP 1.2, 5.2.3), else kept or
    /// ignored.
    fn take_unknown<'a>(&mut self, reader: &mut Reader<'a>, child: &Start<'a>) -> Result<(), Fault> {
        if must_understand(child) {
            return Err(not_understood(child));
        }
        if let Some(other) = self.other.as_mut().filter(|other| other.len() < MAX_OTHER) {
            other.push(reader.capture(child, MAX_OTHER_BYTES)?);
        }
        Ok(())
    }

    /// Makes sure that the headers are there that every request but Identify needs.
    pub(super) fn check_required(&self) -> Result<(), Fault> {
        if self.action.is_empty() {
            return Err(Fault::header_required("wsa:Action"));
        }
        if self.message_id.as_deref().is_none_or(str::is_empty) {
            return Err(Fault::header_required("wsa:MessageID"));
        }
        Ok(())
    }

    /// Writes `s:Header` of a request or delivery.
    pub(super) fn encode(&self, w: &mut Writer, extra: impl FnOnce(&mut Writer)) {
        let wsa = self.addressing.ns();
        let required = |w: &mut Writer, name: xml::Name, text: &str| {
            w.start(name);
            w.attr(MUST_UNDERSTAND, "true");
            w.text(text);
            w.end(name);
        };
        w.element(ns::SOAP.name("Header"), |w| {
            required(w, wsa.name("Action"), &self.action);
            if let Some(to) = &self.to {
                required(w, wsa.name("To"), to);
            }
            if let Some(uri) = &self.resource_uri {
                required(w, ns::WSMAN.name("ResourceURI"), uri);
            }
            if let Some(id) = &self.message_id {
                w.leaf(wsa.name("MessageID"), id);
            }
            if let Some(id) = &self.relates_to {
                w.leaf(wsa.name("RelatesTo"), id);
            }
            w.element(wsa.name("ReplyTo"), |w| {
                w.leaf(wsa.name("Address"), self.addressing.anonymous())
            });
            if let Some(size) = self.max_envelope_size {
                w.element(ns::WSMAN.name("MaxEnvelopeSize"), |w| w.number(size));
            }
            if let Some(timeout) = self.operation_timeout {
                w.leaf(ns::WSMAN.name("OperationTimeout"), &format_duration(timeout));
            }
            if let Some(locale) = &self.locale {
                w.start(ns::WSMAN.name("Locale"));
                w.attr(Ns::XML.name("lang"), locale);
                w.attr(MUST_UNDERSTAND, "false");
                w.end(ns::WSMAN.name("Locale"));
            }
            self.selectors.encode(w, self.addressing);
            option::encode(w, &self.options);
            if let Some(fragment) = &self.fragment {
                w.start(ns::WSMAN.name("FragmentTransfer"));
                w.attr(MUST_UNDERSTAND, "true");
                if let Some(dialect) = &fragment.dialect {
                    w.attr(Ns::NONE.name("Dialect"), dialect);
                }
                w.text(&fragment.expression);
                w.end(ns::WSMAN.name("FragmentTransfer"));
            }
            for (asked, local) in [
                (self.request_epr, "RequestEPR"),
                (
                    self.request_total_items_estimate,
                    "RequestTotalItemsCountEstimate",
                ),
                (self.ack_requested, "AckRequested"),
            ] {
                if asked {
                    w.empty(ns::WSMAN.name(local));
                }
            }
            if let Some(identifier) = &self.identifier {
                w.leaf(ns::WSE.name("Identifier"), identifier);
            }
            if let Some(bookmark) = &self.bookmark {
                w.raw(bookmark);
            }
            IssuedToken::encode_all(&self.issued_tokens, w, self.addressing);
            extra(w);
        });
    }

    /// Reads the resource URI.
    pub fn resource(&self, vendor_prefixes: &[Arc<str>]) -> Result<ResourceUri, Fault> {
        let uri = self.resource_uri.as_deref().ok_or_else(|| {
            let reason = "The header wsman:ResourceURI is missing: it names the class.";
            Fault::new(FaultCause::DestinationUnreachable, reason).detail(FaultDetail::InvalidResourceURI)
        })?;
        ResourceUri::parse(uri, vendor_prefixes)
    }

    /// The CIM namespace that the request means: the selector `__cimnamespace`, else the URI, else the one
    /// where the class is at home.
    pub fn namespace(&self, resource: &ResourceUri) -> Namespace {
        self.selectors
            .namespace()
            .or_else(|| resource.namespace().cloned())
            .or_else(|| resource.class_name().map(default_namespace))
            .unwrap_or(Namespace::from_static("root/cimv2"))
    }

    /// The path of the instance that resource URI and selectors name, its namespace filled in.
    pub fn path(&self, resource: &ResourceUri) -> Result<InstancePath, Fault> {
        let class_name = resource
            .class_name()
            .ok_or_else(|| Fault::invalid_resource_uri(&resource.to_string()))?;
        let mut path = self.selectors.to_path(class_name)?;
        path.namespace = Some(self.namespace(resource));
        Ok(path)
    }

    /// The headers of the reply, where its MessageID is `message_id`.
    pub fn reply(&self, message_id: String) -> ReplyHead {
        ReplyHead {
            addressing: self.addressing,
            message_id,
            relates_to: self.message_id.clone(),
            ..ReplyHead::default()
        }
    }
}

/// How many unknown headers of a delivery are kept.
const MAX_OTHER: usize = 32;
/// Longest unknown header that is kept, in bytes of XML.
const MAX_OTHER_BYTES: usize = 8 * 1024;
/// Longest bookmark that is kept, in bytes of XML.
pub(super) const MAX_BOOKMARK_BYTES: usize = 4096;

pub(super) const MUST_UNDERSTAND: xml::Name = ns::SOAP.name("mustUnderstand");

/// Whether a header is for us and must be understood (SOAP 1.2, 5.2.2 and 5.2.3).
pub(super) fn must_understand(header: &Start<'_>) -> bool {
    let required = matches!(
        header.attribute(MUST_UNDERSTAND).map(str::trim),
        Some("true" | "1")
    );
    let role = header.attribute(ns::SOAP.name("role")).unwrap_or_default();
    required && (role.is_empty() || role.ends_with("/role/next") || role.ends_with("/role/ultimateReceiver"))
}

pub(super) fn not_understood(header: &Start<'_>) -> Fault {
    let reason = format!(
        "The header `{}` must be understood and is not known here.",
        shorten(&header.qualified())
    );
    Fault::new(FaultCause::MustUnderstand, reason).extra(FaultExtra::NotUnderstood(
        shorten(&header.ns),
        shorten(header.local),
    ))
}

fn set_once(slot: &mut Option<String>, value: String, header: &str) -> Result<(), Fault> {
    if slot.is_some() {
        return Err(Fault::invalid_header(header, "it stands twice"));
    }
    *slot = Some(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Name;
    use crate::wsman::{Body, Request, sample};
    use crate::xml::Limits;

    #[track_caller]
    fn check(headers: &str, expect: Result<(), (FaultCause, Option<FaultDetail>)>) {
        sample::check_request(&sample::get(headers), expect);
    }

    #[test]
    fn must_understand_counts_as_true_and_1_and_for_our_roles_alone() {
        let refused = Err((FaultCause::MustUnderstand, None));
        check("<x:h/>", Ok(()));
        check("<x:h s:mustUnderstand='false'/>", Ok(()));
        check("<x:h s:mustUnderstand='0'/>", Ok(()));
        check("<x:h s:mustUnderstand='true'/>", refused);
        check("<x:h s:mustUnderstand='1'/>", refused);
        check("<w:NoSuchHeader s:mustUnderstand='true'/>", refused);
        check(
            "<x:h s:mustUnderstand='1' s:role='http://www.w3.org/2003/05/soap-envelope/role/next'/>",
            refused,
        );
        check(
            "<x:h s:mustUnderstand='1' s:role='http://www.w3.org/2003/05/soap-envelope/role/none'/>",
            Ok(()),
        );
        check("<w:RequestEPR s:mustUnderstand='true'/>", Ok(()));
    }

    #[test]
    fn what_a_header_says_is_checked() {
        use FaultCause as C;
        use FaultDetail as D;
        check(
            "<a:ReplyTo><a:Address>http://elsewhere/</a:Address></a:ReplyTo>",
            Err((C::UnsupportedFeature, Some(D::AddressingMode))),
        );
        check(
            "<a:FaultTo><a:Address>http://elsewhere/</a:Address></a:FaultTo>",
            Err((C::UnsupportedFeature, Some(D::AddressingMode))),
        );
        check(
            "<a:Action>again</a:Action>",
            Err((C::InvalidMessageInformationHeader, None)),
        );
        check(
            "<a:MessageID>again</a:MessageID>",
            Err((C::InvalidMessageInformationHeader, None)),
        );
        let selector = "<w:Selector Name='A'>1</w:Selector>";
        check(&format!("<w:SelectorSet>{selector}</w:SelectorSet>"), Ok(()));
        check(
            &format!("<w:SelectorSet>{selector}{selector}</w:SelectorSet>"),
            Err((C::InvalidSelectors, Some(D::DuplicateSelectors))),
        );
        check(
            "<w:SelectorSet><w:Selector Name='A'><x:y/></w:Selector></w:SelectorSet>",
            Err((C::InvalidSelectors, Some(D::TypeMismatch))),
        );
        check(
            "<w:SelectorSet><w:Selector>1</w:Selector></w:SelectorSet>",
            Err((C::SchemaValidationError, None)),
        );
        let many: String = (0..65)
            .map(|i| format!("<w:Selector Name='A{i}'>1</w:Selector>"))
            .collect();
        check(
            &format!("<w:SelectorSet>{many}</w:SelectorSet>"),
            Err((C::EncodingLimit, Some(D::SelectorLimit))),
        );
    }

    #[test]
    fn a_refused_request_still_says_what_it_was() {
        let xml = sample::get("<x:h s:mustUnderstand='1'/><w:ResourceURI>u</w:ResourceURI>")
            .replace("anything at all", "id");
        let refused = Request::decode(&xml, Limits::default()).unwrap_err();
        assert_eq!(
            refused.head("uuid:r".to_owned()).relates_to.as_deref(),
            Some("id")
        );
        assert_eq!(refused.headers.resource_uri.as_deref(), Some("u"));
    }

    #[test]
    fn addressing_1_0_is_understood() {
        let xml = sample::get("").replace(ns::WSA.uri, ns::WSA_10.uri);
        let request = Request::decode(&xml, Limits::default()).unwrap();
        assert_eq!(
            (request.headers.addressing, &request.body),
            (Addressing::V10, &Body::Get)
        );
        let head = request.headers.reply("uuid:r".to_owned());
        let reply = head.envelope(ns::action::GET_RESPONSE, &[], 0, |_| {});
        assert!(
            reply.contains("xmlns:wsa=\"http://www.w3.org/2005/08/addressing\""),
            "{reply}"
        );
        assert!(
            reply.contains("<wsa:To>http://www.w3.org/2005/08/addressing/anonymous</wsa:To>"),
            "{reply}"
        );
    }

    #[test]
    fn a_key_may_be_a_reference() {
        let set = "<w:SelectorSet><w:Selector Name='__CIMNamespace'>root\\x</w:Selector><w:Selector Name='Dep'>\
            <a:EndpointReference><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address>\
            <a:ReferenceParameters><w:ResourceURI>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_B</w:ResourceURI>\
            <w:SelectorSet><w:Selector Name='K'> v </w:Selector></w:SelectorSet></a:ReferenceParameters>\
            </a:EndpointReference></w:Selector></w:SelectorSet>\
            <w:ResourceURI>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_A</w:ResourceURI>";
        let request = Request::decode(&sample::get(set), Limits::default()).unwrap();
        let resource = request.headers.resource(&[]).unwrap();
        let path = request.headers.path(&resource).unwrap();
        let target = InstancePath::new(Name::new("CIM_B")).with_key("K", " v ");
        let expected = InstancePath::new(Name::new("CIM_A"))
            .in_namespace(Namespace::new("root/x"))
            .with_key("Dep", target);
        assert_eq!(path, expected);
        let again = Request::decode(&request.encode(), Limits::default());
        assert_eq!(again, Ok(request));
    }

    #[test]
    fn the_namespace_comes_from_the_nearest_that_names_one() {
        let namespace = |uri: &str, selector: &str| {
            let xml = sample::get(&format!("<w:ResourceURI>{uri}</w:ResourceURI>{selector}"));
            let request = Request::decode(&xml, Limits::default()).unwrap();
            let resource = request.headers.resource(&[]).unwrap();
            request.headers.namespace(&resource).to_string()
        };
        let selector = "<w:SelectorSet><w:Selector Name='__cimnamespace'>root/s</w:Selector></w:SelectorSet>";
        let dmtf = |class: &str| format!("{}{class}", ns::CIM_SCHEMA);
        assert_eq!(namespace(&dmtf("CIM_X"), selector), "root/s");
        assert_eq!(namespace(&dmtf("CIM_X"), ""), "root/cimv2");
        assert_eq!(namespace(&dmtf("ESM_X"), ""), "root/ESMPRO/AS");
        let wmi = format!("{}root/interop/CIM_X", ns::WMI);
        assert_eq!(namespace(&wmi, ""), "root/interop");
        assert_eq!(namespace(&wmi, selector), "root/s");
    }

    #[test]
    fn an_action_that_nothing_knows_is_kept_for_its_fault() {
        let xml = sample::get("").replace(ns::action::GET, "urn:what");
        let request = Request::decode(&xml, Limits::default()).unwrap();
        assert_eq!(request.body, Body::Unknown);
        assert_eq!(request.headers.action, "urn:what");
    }
}
