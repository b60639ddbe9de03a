//! How much a document may ask for before it is refused.

/// Hard limits on a document that is read. What goes beyond one is an error, never a cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of the whole document, once it is UTF-8.
    pub total_bytes: usize,
    /// Open elements, one inside the other.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Bytes between `<` and `>`.
    pub tag_bytes: usize,
    /// Bytes of an element or attribute name, prefix included.
    pub name_bytes: usize,
    /// Bytes of one text.
    pub text_bytes: usize,
    /// Namespace declarations in force at one place.
    pub namespaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total_bytes: 4 * 1024 * 1024,
            depth: 64,
            attributes: 64,
            tag_bytes: 16 * 1024,
            name_bytes: 512,
            text_bytes: 1024 * 1024,
            namespaces: 128,
        }
    }
}
