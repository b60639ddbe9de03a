//! CIM-XML (DSP0200, DSP0201): wire form and messages. Pure.

//!
//! A server reads a [`RequestMessage`] and answers it through a [`ResponseWriter`]; a client writes the one and
//! reads the other. Indications go out and come in as [`export`]. What is written keeps to what the strictest
//! parsers in use read: an XML declaration, an end tag for every element but `CLASSNAME`, `NAMESPACE` and `ERROR`,
//! the attributes of version 2.0 of the DTD and those that name embedded objects and types of parameters, no NULL
//! in arrays. What is read may be looser.

mod argument;
pub mod class;
pub mod export;
mod form;
pub mod header;
pub mod instance;
mod message;
mod operation;
pub mod path;
pub mod qualifier;
mod reply;
mod request;
mod response;
pub mod typed;
mod value;

pub use operation::{
    Argument, AssociationFilter, ClassView, InstanceView, MethodCall, ObjectName, OpenOptions, OpenSource,
    Operation, PullKind, Query,
};
pub use reply::{Item, OperationError, Response, ResponseMessage, Returned};
pub use request::{Request, RequestMessage};
pub use response::ResponseWriter;

use crate::cim::{CimType, Name};
use crate::xml::{Name as XmlName, Ns, Start, XmlError};

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
        }
    }

    /// The HTTP status beside it.
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::Xml(_) | Self::Invalid(_) => 400,
            Self::UnsupportedCimVersion(_)
            | Self::UnsupportedDtdVersion(_)
            | Self::UnsupportedProtocolVersion(_) => 501,
        }
    }

    fn unexpected(child: &Start<'_>, parent: &Start<'_>) -> Self {
        Self::Invalid(format!(
            "{} may not stand in {}",
            shorten(child.local),
            shorten(parent.local)
        ))
    }

    fn misplaced(found: &Start<'_>, wanted: &str) -> Self {
        Self::Invalid(format!(
            "there is {} where {wanted} belongs",
            shorten(found.local)
        ))
    }

    /// The same error with the place that `place` names before it.
    fn at(self, place: impl FnOnce() -> String) -> Self {
        match self {
            Self::Invalid(reason) => Self::Invalid(format!("{}: {reason}", place())),
            other => other,
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

/// An element or attribute: names in CIM-XML have no namespace.
const fn name(local: &'static str) -> XmlName {
    Ns::NONE.name(local)
}

/// The attribute that names what an element is about.
fn name_attribute(element: &Start<'_>, attribute: &str) -> Result<Name, DecodeError> {
    let text = element.plain_attribute(attribute).unwrap_or_default();
    Name::parse(text).map_err(|_| DecodeError::Invalid(format!("{} lacks its {attribute}", element.local)))
}

/// The type that an attribute names, where it is there.
fn type_attribute(element: &Start<'_>, attribute: &str) -> Result<Option<CimType>, DecodeError> {
    let parsed = element.plain_attribute(attribute).map(str::parse).transpose();
    parsed.map_err(|error: crate::cim::BadType| DecodeError::Invalid(error.to_string()))
}
