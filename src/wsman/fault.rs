//! Faults: every cause a request can fail for, and the one place that says how it looks on the wire
//! (DSP0226, 14; DSP0227, 18; SOAP 1.2, 5.4).

use super::addressing::Addressing;
use super::ns::{self, action};
use super::reply::ReplyHead;
use crate::cim::{CimError, CimStatus};
use crate::xml::{Ns, Reader, Start, Writer, XmlError, XmlErrorKind};

/// A request that failed: the cause, one sentence for the caller, and what the cause carries besides.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: {reason}", .cause.subcode())]
pub struct Fault {
    /// Why.
    pub cause: FaultCause,
    /// What was wrong and what would be right, for the caller. It holds nothing that only the log may know.
    pub reason: String,
    /// The refined cause, one of the `faultDetail` URIs of DSP0226.
    pub detail: Option<FaultDetail>,
    /// The CIM status, where an operation on the object model failed.
    pub cim_status: Option<CimStatus>,
    /// Further detail, depending on the cause.
    pub extra: FaultExtra,
}

/// What stands beside the fault detail.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum FaultExtra {
    /// Nothing.
    #[default]
    None,
    /// The action that is not supported.
    Action(String),
    /// The header that is missing or broken, as a qualified name for the reader.
    Header(String),
    /// The header that was not understood: namespace and local part; it is told in `s:NotUnderstood`.
    NotUnderstood(String, String),
    /// The resource that cannot be reached.
    Resource(String),
    /// The delivery modes that there are.
    DeliveryModes(Vec<&'static str>),
    /// The filter dialects that there are.
    Dialects(Vec<&'static str>),
}

/// Who is to blame (SOAP 1.2, 5.4.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum FaultCode {
    Sender,
    Receiver,
    MustUnderstand,
    VersionMismatch,
}

impl FaultCode {
    /// The local part in the SOAP namespace.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "Sender",
            Self::Receiver => "Receiver",
            Self::MustUnderstand => "MustUnderstand",
            Self::VersionMismatch => "VersionMismatch",
        }
    }
}

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident => $code:ident, $ns:ident : $subcode:literal, $action:ident;)*) => {
        /// Why a request failed: the fault table of DSP0226, 14.6, with those of DSP0227 and of SOAP.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
        pub enum FaultCause {
            $($(#[$doc])* $variant,)*
        }

        impl FaultCause {
            /// Every cause.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Who is to blame.
            pub const fn code(self) -> FaultCode {
                match self { $(Self::$variant => FaultCode::$code,)* }
            }

            /// The namespace of the subcode.
            const fn ns(self) -> Ns {
                match self { $(Self::$variant => ns::$ns,)* }
            }

            /// The local part of the subcode.
            const fn local(self) -> &'static str {
                match self { $(Self::$variant => $subcode,)* }
            }

            /// The action of the reply.
            const fn action(self) -> &'static str {
                match self { $(Self::$variant => action::$action,)* }
            }
        }
    };
}

causes! {
    /// The account may not do that.
    AccessDenied => Sender, WSMAN: "AccessDenied", FAULT_WSMAN;
    /// The action is not offered.
    ActionNotSupported => Sender, WSA: "ActionNotSupported", FAULT_WSA;
    /// What is to be created exists.
    AlreadyExists => Sender, WSMAN: "AlreadyExists", FAULT_WSMAN;
    /// The filter of an enumeration cannot be processed.
    CannotProcessFilter => Sender, WSMAN: "CannotProcessFilter", FAULT_WSMAN;
    /// The filter of an enumeration cannot be processed, in the words of WS-Enumeration.
    EnumerationCannotProcessFilter => Sender, WSEN: "CannotProcessFilter", FAULT_WSEN;
    /// Something else is being done to the same thing.
    Concurrency => Sender, WSMAN: "Concurrency", FAULT_WSMAN;
    /// The delivery mode is not offered.
    DeliveryModeRequestedUnavailable => Sender, WSE: "DeliveryModeRequestedUnavailable", FAULT_WSE;
    /// The receiver of events refuses them.
    DeliveryRefused => Receiver, WSMAN: "DeliveryRefused", FAULT_WSMAN;
    /// There is no such resource.
    DestinationUnreachable => Sender, WSA: "DestinationUnreachable", FAULT_WSA;
    /// A limit of the message format.
    EncodingLimit => Sender, WSMAN: "EncodingLimit", FAULT_WSMAN;
    /// The endpoint cannot answer now.
    EndpointUnavailable => Receiver, WSA: "EndpointUnavailable", FAULT_WSA;
    /// The event source cannot take the subscription.
    EventSourceUnableToProcess => Receiver, WSE: "EventSourceUnableToProcess", FAULT_WSE;
    /// The filter dialect of an enumeration is not offered.
    FilterDialectRequestedUnavailable => Sender, WSEN: "FilterDialectRequestedUnavailable", FAULT_WSEN;
    /// Subscriptions cannot be filtered.
    EventFilteringNotSupported => Sender, WSE: "FilteringNotSupported", FAULT_WSE;
    /// Enumerations cannot be filtered.
    FilteringNotSupported => Sender, WSEN: "FilteringNotSupported", FAULT_WSEN;
    /// The filter dialect of a subscription is not offered.
    FilteringRequestedUnavailable => Sender, WSE: "FilteringRequestedUnavailable", FAULT_WSE;
    /// The dialect of a fragment is not offered.
    FragmentDialectNotSupported => Sender, WSMAN: "FragmentDialectNotSupported", FAULT_WSMAN;
    /// The cause lies with us.
    InternalError => Receiver, WSMAN: "InternalError", FAULT_WSMAN;
    /// The bookmark is no bookmark, or too old.
    InvalidBookmark => Sender, WSMAN: "InvalidBookmark", FAULT_WSMAN;
    /// There is no such enumeration.
    InvalidEnumerationContext => Receiver, WSEN: "InvalidEnumerationContext", FAULT_WSEN;
    /// The expiry of a subscription lies in the past or cannot be granted.
    InvalidExpirationTime => Sender, WSE: "InvalidExpirationTime", FAULT_WSE;
    /// The expiry of an enumeration cannot be granted.
    EnumerationInvalidExpirationTime => Sender, WSEN: "InvalidExpirationTime", FAULT_WSEN;
    /// The message lacks what WS-Eventing asks for.
    InvalidMessage => Sender, WSE: "InvalidMessage", FAULT_WSE;
    /// A header is broken.
    InvalidMessageInformationHeader => Sender, WSA: "InvalidMessageInformationHeader", FAULT_WSA;
    /// An option is not known or its value not allowed.
    InvalidOptions => Sender, WSMAN: "InvalidOptions", FAULT_WSMAN;
    /// A parameter is not known or its value not allowed.
    InvalidParameter => Sender, WSMAN: "InvalidParameter", FAULT_WSMAN;
    /// The representation does not fit the resource.
    InvalidRepresentation => Sender, WXF: "InvalidRepresentation", FAULT_WXF;
    /// The selectors do not name one instance.
    InvalidSelectors => Sender, WSMAN: "InvalidSelectors", FAULT_WSMAN;
    /// A header is missing.
    MessageInformationHeaderRequired => Sender, WSA: "MessageInformationHeaderRequired", FAULT_WSA;
    /// A delivery was not acknowledged.
    NoAck => Sender, WSMAN: "NoAck", FAULT_WSMAN;
    /// A polymorphism mode that is not offered.
    PolymorphismModeNotSupported => Sender, WSMB: "PolymorphismModeNotSupported", FAULT_WSMAN;
    /// Too much at once.
    QuotaLimit => Sender, WSMAN: "QuotaLimit", FAULT_WSMAN;
    /// The message does not follow its schema.
    SchemaValidationError => Sender, WSMAN: "SchemaValidationError", FAULT_WSMAN;
    /// The enumeration took too long.
    EnumerationTimedOut => Receiver, WSEN: "TimedOut", FAULT_WSEN;
    /// The operation took too long.
    TimedOut => Receiver, WSMAN: "TimedOut", FAULT_WSMAN;
    /// The subscription cannot be renewed: it is over, or was never there.
    UnableToRenew => Receiver, WSE: "UnableToRenew", FAULT_WSE;
    /// Subscriptions take durations only.
    UnsupportedExpirationType => Sender, WSE: "UnsupportedExpirationType", FAULT_WSE;
    /// Enumerations take durations only.
    EnumerationUnsupportedExpirationType => Sender, WSEN: "UnsupportedExpirationType", FAULT_WSEN;
    /// Something optional that is not offered.
    UnsupportedFeature => Sender, WSMAN: "UnsupportedFeature", FAULT_WSMAN;
    /// A header that must be understood and is not.
    MustUnderstand => MustUnderstand, SOAP: "", FAULT_WSMAN;
    /// Another version of SOAP.
    VersionMismatch => VersionMismatch, SOAP: "", FAULT_WSMAN;
}

macro_rules! details {
    ($($variant:ident)*) => {
        /// Refined causes (DSP0226, 14.6): the last part of
        /// `http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/…`.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
        #[allow(missing_docs, reason = "the names are the standard's own")]
        pub enum FaultDetail { $($variant,)* }

        impl FaultDetail {
            /// Every detail.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The last part of the URI.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

details! {
    Ack ActionMismatch AddressingMode AmbiguousSelectors AsynchronousRequest AuthorizationMode Bookmarks
    CharacterSet DeliveryRetries DuplicateSelectors EncodingType EnumerationMode Expired ExpirationTime
    FilteringRequired FormatMismatch FormatSecurityToken FragmentLevelAccess Heartbeats InsecureAddress
    InsufficientSelectors InvalidFormat InvalidFragment InvalidName InvalidNamespace InvalidResourceURI
    InvalidSystem InvalidTimeout InvalidValue InvalidValues Locale MaxElements MaxEnvelopePolicy
    MaxEnvelopeSize MaxEnvelopeSizeExceeded MaxTime MinimumEnvelopeLimit MissingValues NotSupported
    OperationTimeout OptionLimit ResourceOffline SelectorLimit ServiceEnvelopeLimit TypeMismatch
    UnexpectedSelectors UnreportableSuccess UnusableAddress URILimitExceeded Whitespace
}

/// What stands before every detail.
const DETAIL_PREFIX: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/";

impl FaultDetail {
    /// The detail of that URI.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let name = uri.trim().strip_prefix(DETAIL_PREFIX)?;
        Self::ALL.iter().copied().find(|detail| detail.as_str() == name)
    }
}

impl FaultCause {
    /// The subcode as it is written, as in `wsman:InvalidSelectors`; the code itself where SOAP knows no
    /// subcode for it.
    pub fn subcode(self) -> String {
        match self.code() {
            FaultCode::MustUnderstand | FaultCode::VersionMismatch => format!("s:{}", self.code().as_str()),
            FaultCode::Sender | FaultCode::Receiver => format!("{}:{}", self.ns().prefix, self.local()),
        }
    }

    /// The cause with that subcode.
    pub fn from_subcode(ns_uri: &str, local: &str) -> Option<Self> {
        let ns_uri = if ns_uri == ns::WSA_10.uri {
            ns::WSA.uri
        } else {
            ns_uri
        };
        Self::ALL
            .iter()
            .copied()
            .find(|cause| cause.local() == local && cause.ns().uri == ns_uri && !local.is_empty())
    }
}

impl Fault {
    /// A fault with its sentence for the caller.
    pub fn new(cause: FaultCause, reason: impl Into<String>) -> Self {
        Self {
            cause,
            reason: reason.into(),
            detail: None,
            cim_status: None,
            extra: FaultExtra::None,
        }
    }

    /// The same fault with its refined cause.
    #[must_use]
    pub fn detail(mut self, detail: FaultDetail) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The same fault with what its cause carries besides.
    #[must_use]
    pub fn extra(mut self, extra: FaultExtra) -> Self {
        self.extra = extra;
        self
    }

    /// The cause lies with us; the log knows more.
    pub fn internal() -> Self {
        Self::new(
            FaultCause::InternalError,
            "The service could not do this; its log says why.",
        )
    }

    /// The account may not do that.
    pub fn access_denied(reason: impl Into<String>) -> Self {
        Self::new(FaultCause::AccessDenied, reason)
    }

    /// The action is not offered, at all or for this resource.
    pub fn action_not_supported(action: &str) -> Self {
        Self::new(
            FaultCause::ActionNotSupported,
            format!(
                "The action `{}` is not supported for this resource.",
                shorten(action)
            ),
        )
        .extra(FaultExtra::Action(shorten(action)))
    }

    /// The resource URI names nothing that there is.
    pub fn invalid_resource_uri(uri: &str) -> Self {
        Self::new(
            FaultCause::DestinationUnreachable,
            format!(
                "The resource URI `{}` names no class here; write {}CLASS.",
                shorten(uri),
                ns::CIM_SCHEMA
            ),
        )
        .detail(FaultDetail::InvalidResourceURI)
        .extra(FaultExtra::Resource(shorten(uri)))
    }

    /// The message does not follow its schema.
    pub fn schema(reason: impl Into<String>) -> Self {
        Self::new(FaultCause::SchemaValidationError, reason)
    }

    /// A header that every request needs is missing.
    pub fn header_required(header: &str) -> Self {
        Self::new(
            FaultCause::MessageInformationHeaderRequired,
            format!("The header {header} is missing."),
        )
        .extra(FaultExtra::Header(header.to_owned()))
    }

    /// A header is broken.
    pub fn invalid_header(header: &str, reason: impl std::fmt::Display) -> Self {
        Self::new(
            FaultCause::InvalidMessageInformationHeader,
            format!("The header {header} is not valid: {reason}."),
        )
        .extra(FaultExtra::Header(header.to_owned()))
    }

    /// Something optional that is not offered.
    pub fn unsupported(detail: FaultDetail, reason: impl Into<String>) -> Self {
        Self::new(FaultCause::UnsupportedFeature, reason).detail(detail)
    }

    /// There is no such enumeration.
    pub fn invalid_enumeration_context() -> Self {
        Self::new(
            FaultCause::InvalidEnumerationContext,
            "There is no such enumeration: it has ended, timed out, or gave way to newer ones. Enumerate again.",
        )
    }

    /// The HTTP status of the reply. Clients read the body of 500 alone with certainty.
    pub const fn http_status(&self) -> u16 {
        500
    }

    /// The action of the reply.
    fn action(&self, addressing: Addressing) -> &'static str {
        match (self.cause.action(), addressing) {
            (action::FAULT_WSA, Addressing::V10) => action::FAULT_WSA_10,
            (action, _) => action,
        }
    }

    /// Writes the reply.
    pub fn encode(&self, head: &ReplyHead) -> String {
        let action = self.action(head.addressing);
        let mut head = head.clone();
        if let FaultExtra::NotUnderstood(ns, local) = &self.extra {
            head.not_understood = Some((ns.clone(), local.clone()));
        }
        head.envelope(action, &[self.cause.ns()], 2048, |writer| self.write_body(writer))
    }

    fn write_body(&self, writer: &mut Writer) {
        const VALUE: crate::xml::Name = ns::SOAP.name("Value");
        let code = self.cause.code();
        writer.element(ns::SOAP.name("Fault"), |w| {
            w.element(ns::SOAP.name("Code"), |w| {
                w.leaf(VALUE, &format!("s:{}", code.as_str()));
                if matches!(code, FaultCode::Sender | FaultCode::Receiver) {
                    w.element(ns::SOAP.name("Subcode"), |w| w.leaf(VALUE, &self.cause.subcode()));
                }
            });
            w.element(ns::SOAP.name("Reason"), |w| {
                w.start(ns::SOAP.name("Text"));
                w.attr(Ns::XML.name("lang"), "en-US");
                w.text(&self.reason);
                w.end(ns::SOAP.name("Text"));
            });
            if self.detail.is_some() || self.cim_status.is_some() || self.extra.has_detail() {
                w.element(ns::SOAP.name("Detail"), |w| self.write_detail(w));
            }
        });
    }

    fn write_detail(&self, w: &mut Writer) {
        if let Some(detail) = self.detail {
            w.leaf(
                ns::WSMAN.name("FaultDetail"),
                &format!("{DETAIL_PREFIX}{}", detail.as_str()),
            );
        }
        match &self.extra {
            FaultExtra::None | FaultExtra::NotUnderstood(..) => {}
            FaultExtra::Header(header) => w.leaf(ns::WSA.name("ProblemHeaderQName"), header),
            FaultExtra::Action(action) => w.leaf(ns::WSA.name("Action"), action),
            FaultExtra::Resource(uri) => w.leaf(ns::WSMAN.name("ResourceURI"), uri),
            FaultExtra::DeliveryModes(modes) => {
                for mode in modes {
                    w.leaf(ns::WSE.name("SupportedDeliveryMode"), mode);
                }
            }
            FaultExtra::Dialects(dialects) => {
                for dialect in dialects {
                    w.leaf(self.cause.ns().name("SupportedDialect"), dialect);
                }
            }
        }
        if let Some(status) = self.cim_status {
            write_omi_error(w, status, &self.reason);
        }
    }
}

impl FaultExtra {
    const fn has_detail(&self) -> bool {
        matches!(
            self,
            Self::Action(_)
                | Self::Header(_)
                | Self::Resource(_)
                | Self::DeliveryModes(_)
                | Self::Dialects(_)
        )
    }
}

/// The CIM error beside the standard's detail, in the form that clients built on libmi read: they look for
/// this class name, the marking attribute, and the status behind `OMI:MI_Result:`, whose numbers are those
/// of CIM up to 28.
fn write_omi_error(w: &mut Writer, status: CimStatus, message: &str) {
    const CLASS: &str = "OMI_Error";
    const P: Ns = Ns::new("p", "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/OMI_Error");
    let root = P.name(CLASS);
    let typed = |w: &mut Writer, local: &'static str, ty: &str, text: &str| {
        w.start(P.name(local));
        w.attr(Ns::XSI.name("type"), ty);
        w.text(text);
        w.end(P.name(local));
    };
    const STRING: &str = "cim:cimString";
    const NUMBER: &str = "cim:cimUnsignedInt";
    let code = status.code().to_string();
    w.start(root);
    w.declare(P);
    w.declare(ns::WSMB);
    w.declare(ns::CIM);
    w.attr(ns::WSMB.name("IsCIM_Error"), "true");
    typed(w, "OwningEntity", STRING, "OMI:CIMOM");
    typed(w, "MessageID", STRING, &format!("OMI:MI_Result:{code}"));
    typed(w, "Message", STRING, message);
    typed(w, "PerceivedSeverity", NUMBER, "7");
    typed(w, "ProbableCause", NUMBER, "0");
    typed(w, "CIMStatusCode", NUMBER, &code);
    typed(w, "CIMStatusCodeDescription", STRING, status.symbol());
    typed(w, "OMI_Code", NUMBER, &code);
    typed(w, "OMI_Category", NUMBER, category(status));
    typed(w, "OMI_Type", STRING, "MI");
    typed(w, "OMI_ErrorMessage", STRING, message);
    w.end(root);
}

/// The category that libmi and PowerShell show for a status.
const fn category(status: CimStatus) -> &'static str {
    match status {
        CimStatus::AccessDenied => "18",
        CimStatus::NotFound | CimStatus::InvalidNamespace | CimStatus::MethodNotFound => "13",
        CimStatus::InvalidParameter | CimStatus::InvalidQuery | CimStatus::TypeMismatch => "5",
        CimStatus::NotSupported | CimStatus::QueryLanguageNotSupported => "11",
        CimStatus::AlreadyExists => "20",
        _ => "0",
    }
}

/// One place maps what the object model answers to a fault (DSP0227, 18).
impl From<&CimError> for Fault {
    fn from(error: &CimError) -> Self {
        use CimStatus as S;
        let (cause, detail) = match error.status {
            S::Failed => (FaultCause::InternalError, None),
            S::AccessDenied => (FaultCause::AccessDenied, None),
            S::InvalidNamespace => (FaultCause::InvalidSelectors, Some(FaultDetail::InvalidValue)),
            S::InvalidParameter => (FaultCause::InvalidParameter, Some(FaultDetail::InvalidValue)),
            S::InvalidClass | S::InvalidSuperclass => (
                FaultCause::DestinationUnreachable,
                Some(FaultDetail::InvalidResourceURI),
            ),
            S::NotFound => (FaultCause::DestinationUnreachable, None),
            S::NotSupported | S::MethodNotAvailable | S::MethodNotFound => {
                (FaultCause::ActionNotSupported, None)
            }
            S::ClassHasChildren | S::ClassHasInstances | S::NamespaceNotEmpty => {
                (FaultCause::Concurrency, None)
            }
            S::AlreadyExists => (FaultCause::AlreadyExists, None),
            S::NoSuchProperty => (
                FaultCause::InvalidRepresentation,
                Some(FaultDetail::InvalidValues),
            ),
            S::TypeMismatch => (
                FaultCause::InvalidRepresentation,
                Some(FaultDetail::InvalidValues),
            ),
            S::QueryLanguageNotSupported => (FaultCause::FilterDialectRequestedUnavailable, None),
            S::InvalidQuery => (FaultCause::CannotProcessFilter, None),
            S::InvalidEnumerationContext | S::PullHasBeenAbandoned => {
                (FaultCause::InvalidEnumerationContext, None)
            }
            S::PullCannotBeAbandoned => (FaultCause::UnsupportedFeature, None),
            S::InvalidOperationTimeout => (
                FaultCause::UnsupportedFeature,
                Some(FaultDetail::OperationTimeout),
            ),
            S::FilteredEnumerationNotSupported => (FaultCause::FilteringNotSupported, None),
            S::ContinuationOnErrorNotSupported => (FaultCause::UnsupportedFeature, None),
            S::ServerLimitsExceeded => (FaultCause::QuotaLimit, None),
            S::ServerIsShuttingDown => (FaultCause::EndpointUnavailable, None),
        };
        Self {
            cause,
            reason: error.detail.clone(),
            detail,
            cim_status: Some(error.status),
            extra: FaultExtra::None,
        }
    }
}

impl From<CimError> for Fault {
    fn from(error: CimError) -> Self {
        Self::from(&error)
    }
}

/// What the reader of XML refuses.
impl From<XmlError> for Fault {
    fn from(error: XmlError) -> Self {
        use XmlErrorKind as K;
        let reason = error.to_string();
        match error.kind {
            K::TooLong { .. } => {
                Self::new(FaultCause::EncodingLimit, reason).detail(FaultDetail::ServiceEnvelopeLimit)
            }
            K::TooDeep { .. }
            | K::TooManyAttributes { .. }
            | K::TagTooLong { .. }
            | K::NameTooLong { .. }
            | K::TextTooLong { .. }
            | K::TooManyNamespaces { .. } => Self::new(FaultCause::EncodingLimit, reason),
            K::Encoding(_) | K::UnknownCharset(_) => {
                Self::new(FaultCause::EncodingLimit, reason).detail(FaultDetail::CharacterSet)
            }
            K::Doctype
            | K::BadReference(_)
            | K::ControlCharacter(_)
            | K::Malformed(_)
            | K::BadName(_)
            | K::UnboundPrefix(_)
            | K::BadDeclaration(_)
            | K::DuplicateAttribute(_)
            | K::UnexpectedText(_)
            | K::UnexpectedElement(_)
            | K::UnexpectedEnd
            | K::TrailingContent => Self::schema(reason),
        }
    }
}

/// At most 200 characters of what a peer sent, for a reason that it is told.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Reads the `s:Fault` of a reply. One whose subcode is not known comes back as an internal error of the
/// peer with its reason.
pub(super) fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Fault, XmlError> {
    let mut fault = Fault::new(FaultCause::InternalError, "");
    while let Some(child) = reader.child(element)? {
        if child.is(ns::SOAP.name("Code")) {
            fault.cause = decode_cause(reader, &child)?;
        } else if child.is(ns::SOAP.name("Reason")) {
            if let Some(text) = reader.child(&child)? {
                fault.reason = reader.text(&text)?.trim().to_owned();
            }
        } else if child.is(ns::SOAP.name("Detail")) {
            decode_detail(reader, &child, &mut fault)?;
        }
    }
    Ok(fault)
}

fn decode_cause<'a>(reader: &mut Reader<'a>, code: &Start<'a>) -> Result<FaultCause, XmlError> {
    let mut cause = FaultCause::InternalError;
    while let Some(child) = reader.child(code)? {
        if child.is(ns::SOAP.name("Value")) {
            let text = reader.text(&child)?;
            match text.rsplit(':').next().unwrap_or_default().trim() {
                "MustUnderstand" => cause = FaultCause::MustUnderstand,
                "VersionMismatch" => cause = FaultCause::VersionMismatch,
                _ => {}
            }
        } else if child.is(ns::SOAP.name("Subcode"))
            && let Some(value) = reader.child(&child)?
        {
            let text = reader.text(&value)?;
            let (uri, local) = reader.resolve_qname(&text)?;
            cause = FaultCause::from_subcode(&uri, local).unwrap_or(cause);
        }
    }
    Ok(cause)
}

fn decode_detail<'a>(reader: &mut Reader<'a>, detail: &Start<'a>, fault: &mut Fault) -> Result<(), XmlError> {
    while let Some(child) = reader.child(detail)? {
        if child.is(ns::WSMAN.name("FaultDetail")) {
            fault.detail = FaultDetail::from_uri(&reader.text(&child)?);
        } else if child.attribute(ns::WSMB.name("IsCIM_Error")) == Some("true") {
            while let Some(property) = reader.child(&child)? {
                if property.local == "CIMStatusCode" {
                    let code = reader.text(&property)?.trim().parse().ok();
                    fault.cim_status = code.and_then(cim_status);
                }
            }
        }
    }
    Ok(())
}

fn cim_status(code: u32) -> Option<CimStatus> {
    use CimStatus as S;
    [
        S::Failed,
        S::AccessDenied,
        S::InvalidNamespace,
        S::InvalidParameter,
        S::InvalidClass,
        S::NotFound,
        S::NotSupported,
        S::ClassHasChildren,
        S::ClassHasInstances,
        S::InvalidSuperclass,
        S::AlreadyExists,
        S::NoSuchProperty,
        S::TypeMismatch,
        S::QueryLanguageNotSupported,
        S::InvalidQuery,
        S::MethodNotAvailable,
        S::MethodNotFound,
        S::NamespaceNotEmpty,
        S::InvalidEnumerationContext,
        S::InvalidOperationTimeout,
        S::PullHasBeenAbandoned,
        S::PullCannotBeAbandoned,
        S::FilteredEnumerationNotSupported,
        S::ContinuationOnErrorNotSupported,
        S::ServerLimitsExceeded,
        S::ServerIsShuttingDown,
    ]
    .into_iter()
    .find(|status| status.code() == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::{Body, Reply, Request, sample};
    use crate::xml::Limits;

    fn read(xml: &str) -> Fault {
        Reply::decode(xml, Limits::default())
            .and_then(Reply::empty)
            .unwrap_err()
    }

    #[test]
    fn a_fault_says_what_why_and_what_to_mend() {
        let fault = Fault::new(FaultCause::InvalidSelectors, "The selector `X` is no key.")
            .detail(FaultDetail::UnexpectedSelectors);
        let xml = fault.encode(&sample::head());
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/fault</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
  </s:Header>
  <s:Body>
    <s:Fault>
      <s:Code>
        <s:Value>s:Sender</s:Value>
        <s:Subcode>
          <s:Value>wsman:InvalidSelectors</s:Value>
        </s:Subcode>
      </s:Code>
      <s:Reason>
        <s:Text xml:lang="en-US">The selector `X` is no key.</s:Text>
      </s:Reason>
      <s:Detail>
        <wsman:FaultDetail>http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/UnexpectedSelectors</wsman:FaultDetail>
      </s:Detail>
    </s:Fault>
  </s:Body>
</s:Envelope>
"#);
        assert_eq!(read(&xml), fault);
    }

    #[test]
    fn a_cim_error_is_told_in_the_form_that_libmi_reads() {
        let fault = Fault::from(CimError::not_found("There is no such instance."));
        let xml = fault.encode(&sample::head());
        insta::assert_snapshot!(sample::body(&xml), @r#"
<s:Fault>
  <s:Code>
    <s:Value>s:Sender</s:Value>
    <s:Subcode>
      <s:Value>wsa:DestinationUnreachable</s:Value>
    </s:Subcode>
  </s:Code>
  <s:Reason>
    <s:Text xml:lang="en-US">There is no such instance.</s:Text>
  </s:Reason>
  <s:Detail>
    <p:OMI_Error xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/OMI_Error" xmlns:wsmb="http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" wsmb:IsCIM_Error="true">
      <p:OwningEntity xsi:type="cim:cimString">OMI:CIMOM</p:OwningEntity>
      <p:MessageID xsi:type="cim:cimString">OMI:MI_Result:6</p:MessageID>
      <p:Message xsi:type="cim:cimString">There is no such instance.</p:Message>
      <p:PerceivedSeverity xsi:type="cim:cimUnsignedInt">7</p:PerceivedSeverity>
      <p:ProbableCause xsi:type="cim:cimUnsignedInt">0</p:ProbableCause>
      <p:CIMStatusCode xsi:type="cim:cimUnsignedInt">6</p:CIMStatusCode>
      <p:CIMStatusCodeDescription xsi:type="cim:cimString">CIM_ERR_NOT_FOUND</p:CIMStatusCodeDescription>
      <p:OMI_Code xsi:type="cim:cimUnsignedInt">6</p:OMI_Code>
      <p:OMI_Category xsi:type="cim:cimUnsignedInt">13</p:OMI_Category>
      <p:OMI_Type xsi:type="cim:cimString">MI</p:OMI_Type>
      <p:OMI_ErrorMessage xsi:type="cim:cimString">There is no such instance.</p:OMI_ErrorMessage>
    </p:OMI_Error>
  </s:Detail>
</s:Fault>
"#);
        assert_eq!(read(&xml), fault);
    }

    #[test]
    fn a_header_that_is_not_understood_is_named() {
        let fault = Fault::new(FaultCause::MustUnderstand, "The header `x:Y` is not known.")
            .extra(FaultExtra::NotUnderstood("urn:x".to_owned(), "Y".to_owned()));
        insta::assert_snapshot!(sample::pretty(&fault.encode(&sample::head())), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/fault</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
    <s:NotUnderstood xmlns:h="urn:x" qname="h:Y"/>
  </s:Header>
  <s:Body>
    <s:Fault>
      <s:Code>
        <s:Value>s:MustUnderstand</s:Value>
      </s:Code>
      <s:Reason>
        <s:Text xml:lang="en-US">The header `x:Y` is not known.</s:Text>
      </s:Reason>
    </s:Fault>
  </s:Body>
</s:Envelope>
"#);
    }

    #[test]
    fn what_is_offered_is_listed() {
        let fault = Fault::new(FaultCause::DeliveryModeRequestedUnavailable, "No such mode.")
            .extra(FaultExtra::DeliveryModes(vec!["urn:a", "urn:b"]));
        insta::assert_snapshot!(sample::body(&fault.encode(&sample::head())), @r#"
<s:Fault>
  <s:Code>
    <s:Value>s:Sender</s:Value>
    <s:Subcode>
      <s:Value>wse:DeliveryModeRequestedUnavailable</s:Value>
    </s:Subcode>
  </s:Code>
  <s:Reason>
    <s:Text xml:lang="en-US">No such mode.</s:Text>
  </s:Reason>
  <s:Detail>
    <wse:SupportedDeliveryMode>urn:a</wse:SupportedDeliveryMode>
    <wse:SupportedDeliveryMode>urn:b</wse:SupportedDeliveryMode>
  </s:Detail>
</s:Fault>
"#);
    }

    /// Every cause in the words of the standards, as a table that a reader can hold beside them.
    #[test]
    fn the_table_of_causes() {
        let table: String = FaultCause::ALL
            .iter()
            .map(|cause| format!("{} {}\n", cause.code().as_str(), cause.subcode()))
            .collect();
        insta::assert_snapshot!(table, @r#"
Sender wsman:AccessDenied
Sender wsa:ActionNotSupported
Sender wsman:AlreadyExists
Sender wsman:CannotProcessFilter
Sender wsen:CannotProcessFilter
Sender wsman:Concurrency
Sender wse:DeliveryModeRequestedUnavailable
Receiver wsman:DeliveryRefused
Sender wsa:DestinationUnreachable
Sender wsman:EncodingLimit
Receiver wsa:EndpointUnavailable
Receiver wse:EventSourceUnableToProcess
Sender wsen:FilterDialectRequestedUnavailable
Sender wse:FilteringNotSupported
Sender wsen:FilteringNotSupported
Sender wse:FilteringRequestedUnavailable
Sender wsman:FragmentDialectNotSupported
Receiver wsman:InternalError
Sender wsman:InvalidBookmark
Receiver wsen:InvalidEnumerationContext
Sender wse:InvalidExpirationTime
Sender wsen:InvalidExpirationTime
Sender wse:InvalidMessage
Sender wsa:InvalidMessageInformationHeader
Sender wsman:InvalidOptions
Sender wsman:InvalidParameter
Sender wxf:InvalidRepresentation
Sender wsman:InvalidSelectors
Sender wsa:MessageInformationHeaderRequired
Sender wsman:NoAck
Sender wsmb:PolymorphismModeNotSupported
Sender wsman:QuotaLimit
Sender wsman:SchemaValidationError
Receiver wsen:TimedOut
Receiver wsman:TimedOut
Receiver wse:UnableToRenew
Sender wse:UnsupportedExpirationType
Sender wsen:UnsupportedExpirationType
Sender wsman:UnsupportedFeature
MustUnderstand s:MustUnderstand
VersionMismatch s:VersionMismatch
"#);
    }

    #[test]
    fn every_cause_and_detail_reads_back() {
        for cause in FaultCause::ALL {
            let fault = Fault::new(*cause, "why");
            assert_eq!(read(&fault.encode(&sample::head())), fault, "{cause:?}");
        }
        for detail in FaultDetail::ALL {
            let fault = Fault::unsupported(*detail, "why");
            assert_eq!(read(&fault.encode(&sample::head())), fault, "{detail:?}");
        }
    }

    #[test]
    fn faults_of_addressing_1_0_keep_its_namespace() {
        let mut head = sample::head();
        head.addressing = Addressing::V10;
        let fault = Fault::header_required("wsa:Action");
        let xml = fault.encode(&head);
        assert!(
            xml.contains("<wsa:Action>http://www.w3.org/2005/08/addressing/fault</wsa:Action>"),
            "{xml}"
        );
        assert_eq!(read(&xml).cause, fault.cause);
    }

    /// What CIM answers, what the fault says, and the status that clients read.
    #[test]
    fn every_cim_status_has_its_fault() {
        let table: String = (1..=28)
            .filter_map(cim_status)
            .map(|status| {
                let fault = Fault::from(CimError::new(status, "why"));
                let detail = fault
                    .detail
                    .map_or(String::new(), |detail| format!(" {}", detail.as_str()));
                format!("{} {}{detail}\n", status.symbol(), fault.cause.subcode())
            })
            .collect();
        insta::assert_snapshot!(table, @r#"
CIM_ERR_FAILED wsman:InternalError
CIM_ERR_ACCESS_DENIED wsman:AccessDenied
CIM_ERR_INVALID_NAMESPACE wsman:InvalidSelectors InvalidValue
CIM_ERR_INVALID_PARAMETER wsman:InvalidParameter InvalidValue
CIM_ERR_INVALID_CLASS wsa:DestinationUnreachable InvalidResourceURI
CIM_ERR_NOT_FOUND wsa:DestinationUnreachable
CIM_ERR_NOT_SUPPORTED wsa:ActionNotSupported
CIM_ERR_CLASS_HAS_CHILDREN wsman:Concurrency
CIM_ERR_CLASS_HAS_INSTANCES wsman:Concurrency
CIM_ERR_INVALID_SUPERCLASS wsa:DestinationUnreachable InvalidResourceURI
CIM_ERR_ALREADY_EXISTS wsman:AlreadyExists
CIM_ERR_NO_SUCH_PROPERTY wxf:InvalidRepresentation InvalidValues
CIM_ERR_TYPE_MISMATCH wxf:InvalidRepresentation InvalidValues
CIM_ERR_QUERY_LANGUAGE_NOT_SUPPORTED wsen:FilterDialectRequestedUnavailable
CIM_ERR_INVALID_QUERY wsman:CannotProcessFilter
CIM_ERR_METHOD_NOT_AVAILABLE wsa:ActionNotSupported
CIM_ERR_METHOD_NOT_FOUND wsa:ActionNotSupported
CIM_ERR_NAMESPACE_NOT_EMPTY wsman:Concurrency
CIM_ERR_INVALID_ENUMERATION_CONTEXT wsen:InvalidEnumerationContext
CIM_ERR_INVALID_OPERATION_TIMEOUT wsman:UnsupportedFeature OperationTimeout
CIM_ERR_PULL_HAS_BEEN_ABANDONED wsen:InvalidEnumerationContext
CIM_ERR_PULL_CANNOT_BE_ABANDONED wsman:UnsupportedFeature
CIM_ERR_FILTERED_ENUMERATION_NOT_SUPPORTED wsen:FilteringNotSupported
CIM_ERR_CONTINUATION_ON_ERROR_NOT_SUPPORTED wsman:UnsupportedFeature
CIM_ERR_SERVER_LIMITS_EXCEEDED wsman:QuotaLimit
CIM_ERR_SERVER_IS_SHUTTING_DOWN wsa:EndpointUnavailable
"#);
    }

    #[track_caller]
    fn check_request(xml: &str, expect: Result<Body, FaultCause>) {
        let got = Request::decode(xml, Limits::default());
        assert_eq!(got.map(|r| r.body).map_err(|r| r.fault.cause), expect, "{xml}");
    }

    #[test]
    fn what_is_no_request_is_a_fault() {
        use FaultCause as C;
        let soap = ns::SOAP.uri;
        check_request("", Err(C::SchemaValidationError));
        check_request("<x/>", Err(C::SchemaValidationError));
        check_request("<!DOCTYPE x><x/>", Err(C::SchemaValidationError));
        check_request(&"<x>".repeat(100), Err(C::SchemaValidationError));
        check_request(
            &format!("<Envelope xmlns='{soap}'>{}", "<x>".repeat(100)),
            Err(C::SchemaValidationError),
        );
        check_request(
            &format!("<Envelope xmlns='{soap}'><Header>{}", "<x>".repeat(100)),
            Err(C::EncodingLimit),
        );
        check_request(
            &format!("<Envelope xmlns='{}'/>", ns::SOAP_11),
            Err(C::VersionMismatch),
        );
        check_request(
            &format!("<Envelope xmlns='{soap}'/>"),
            Err(C::SchemaValidationError),
        );
        check_request(
            &format!("<Envelope xmlns='{soap}'><Body/></Envelope>"),
            Err(C::MessageInformationHeaderRequired),
        );
    }
}
