//! Pull reading and direct writing of XML with hard limits, shared by both protocols. Pure.
//!
//! Reading never builds a tree: a [`Reader`] walks the document once and hands out borrowed slices. A
//! DOCTYPE is refused, so there are no entities but the five of XML 1.0. Writing appends to a string that
//! is sent as it stands: no comments, no CDATA, no numeric character references.

mod capture;
mod chars;
mod encoding;
mod error;
mod limits;
mod name;
mod reader;
mod scan;
mod scope;
mod start;
mod writer;

pub use encoding::{Encoding, decode};
pub use error::{XmlError, XmlErrorKind};
pub use limits::Limits;
pub use name::{Name, Ns};
pub use reader::{Content, Reader};
pub use start::{Attribute, Start};
pub use writer::{Tag, Writer};
