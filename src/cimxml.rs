//! CIM-XML (DSP0200, DSP0201): wire form and messages. Pure.

pub mod class;
pub mod export;
pub mod instance;

use crate::xml::{Start, XmlError};

/// Why a message of a peer cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// It is no well-formed XML, or beyond the limits.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// It is not what DSP0201 defines.
    #[error("{0}")]
    Invalid(String),
    /// It is of a version of CIM other than 2.
    #[error("the CIM version `{0}` is not served: send 2.0")]
    UnsupportedCimVersion(String),
    /// It is of a version of the DTD other than 2.
    #[error("the DTD version `{0}` is not served: send 2.0")]
    UnsupportedDtdVersion(String),
    /// It is of a version of the protocol other than 1.
    #[error("the protocol version `{0}` is not served: send 1.0")]
    UnsupportedProtocolVersion(String),
    /// It holds several requests.
    #[error("several requests in one message are not served")]
    MultipleRequests,
}

impl DecodeError {
    /// What the `CIMError` header of the HTTP reply says (DSP0200, 6.3.1).
    pub const fn cim_error_header(&self) -> &'static str {
        match self {
            Self::Xml(_) => "request-not-well-formed",
            Self::Invalid(_) => "request-not-valid",
            Self::UnsupportedCimVersion(_) => "unsupported-cim-version",
            Self::UnsupportedDtdVersion(_) => "unsupported-dtd-version",
            Self::UnsupportedProtocolVersion(_) => "unsupported-protocol-version",
            Self::MultipleRequests => "multiple-requests-unsupported",
        }
    }

    /// The HTTP status beside it.
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::Xml(_) | Self::Invalid(_) => 400,
            Self::UnsupportedCimVersion(_)
            | Self::UnsupportedDtdVersion(_)
            | Self::UnsupportedProtocolVersion(_)
            | Self::MultipleRequests => 501,
        }
    }

    fn unexpected(child: &Start<'_>, parent: &Start<'_>) -> Self {
        let shorten = |local: &str| local.chars().take(80).collect::<String>();
        Self::Invalid(format!(
            "{} may not stand in {}",
            shorten(child.local),
            shorten(parent.local)
        ))
    }
}
