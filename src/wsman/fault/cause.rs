//! Causes, their refinements, and who is to blame: the tables of the standards.

use crate::wsman::ns::{self, action};
use crate::xml::Ns;

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
            pub(super) const fn ns(self) -> Ns {
                match self { $(Self::$variant => ns::$ns,)* }
            }

            /// The local part of the subcode.
            const fn local(self) -> &'static str {
                match self { $(Self::$variant => $subcode,)* }
            }

            /// The action of the reply.
            pub(super) const fn action(self) -> &'static str {
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
pub(super) const DETAIL_PREFIX: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/";

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
