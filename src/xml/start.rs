//! Start tags and their attributes, as they are read.

use std::borrow::Cow;

use super::Name;

/// A start tag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Start<'a> {
    /// The namespace; empty where there is none.
    pub ns: Cow<'a, str>,
    /// The prefix as it was written; empty where there is none.
    pub prefix: &'a str,
    /// The local part.
    pub local: &'a str,
    /// The attributes, without namespace declarations.
    pub attributes: Vec<Attribute<'a>>,
    /// Where the tag begins, in bytes.
    pub offset: usize,
    /// How many elements are open with this one.
    pub(super) depth: usize,
}

/// An attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribute<'a> {
    /// The namespace; empty where there is none.
    pub ns: Cow<'a, str>,
    /// The prefix as it was written; empty where there is none.
    pub prefix: &'a str,
    /// The local part.
    pub local: &'a str,
    /// The value, references resolved.
    pub value: Cow<'a, str>,
}

impl<'a> Start<'a> {
    /// Whether the element has that name.
    pub fn is(&self, name: Name) -> bool {
        self.local == name.local && self.ns == name.ns.uri
    }

    /// The value of the attribute of that name.
    pub fn attribute(&self, name: Name) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.local == name.local && attribute.ns == name.ns.uri)
            .map(|attribute| attribute.value.as_ref())
    }

    /// The value of the attribute of that local name in no namespace.
    pub fn plain_attribute(&self, local: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.local == local && attribute.ns.is_empty())
            .map(|attribute| attribute.value.as_ref())
    }

    /// The name as it was written.
    pub fn qualified(&self) -> String {
        if self.prefix.is_empty() {
            self.local.to_owned()
        } else {
            format!("{}:{}", self.prefix, self.local)
        }
    }
}
