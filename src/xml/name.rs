//! Names of elements and attributes that the program knows.

/// A namespace and the prefix it is always written with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ns {
    /// The prefix; empty where names are written without one.
    pub prefix: &'static str,
    /// The namespace name; empty for names in no namespace.
    pub uri: &'static str,
}

impl Ns {
    /// No namespace at all.
    pub const NONE: Self = Self::new("", "");
    /// `xml`, bound in every document (Namespaces in XML 1.0, 3).
    pub const XML: Self = Self::new("xml", "http://www.w3.org/XML/1998/namespace");
    /// XML Schema instance: `nil` and `type`.
    pub const XSI: Self = Self::new("xsi", "http://www.w3.org/2001/XMLSchema-instance");

    /// A namespace with its prefix.
    pub const fn new(prefix: &'static str, uri: &'static str) -> Self {
        Self { prefix, uri }
    }

    /// The name of that local part in this namespace.
    pub const fn name(self, local: &'static str) -> Name {
        Name { ns: self, local }
    }
}

/// The name of an element or attribute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Name {
    /// Its namespace.
    pub ns: Ns,
    /// Its local part.
    pub local: &'static str,
}

/// The name as it is written, prefix included.
impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.ns.prefix.is_empty() {
            f.write_str(self.local)
        } else {
            write!(f, "{}:{}", self.ns.prefix, self.local)
        }
    }
}
