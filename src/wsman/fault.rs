//! Faults: every cause a request can fail for, and the one place that says how it looks on the wire
//! (DSP0226, 14; DSP0227, 18; SOAP 1.2, 5.4).

mod cause;
mod wire;

pub use cause::{FaultCause, FaultCode, FaultDetail};
pub(super) use wire::decode;

use super::ns;
use crate::cim::{CimError, CimStatus};
use crate::xml::{XmlError, XmlErrorKind};

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
        let reason = "There is no such enumeration: it has ended, timed out, or gave way to newer ones. Enumerate again.";
        Self::from(CimError::new(CimStatus::InvalidEnumerationContext, reason))
    }

    /// The HTTP status of the reply. Clients read the body of 500 alone with certainty.
    pub const fn http_status(&self) -> u16 {
        500
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::{Body, Request};
    use crate::xml::Limits;

    /// What CIM answers, what the fault says, and the status that clients read.
    #[test]
    fn every_cim_status_has_its_fault() {
        let table: String = CimStatus::ALL
            .into_iter()
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
