//! Why a document is refused.

/// A document that is refused, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{kind} (byte {offset})")]
pub struct XmlError {
    /// The place in the document, in bytes of its UTF-8 form.
    pub offset: usize,
    /// What is wrong there.
    pub kind: XmlErrorKind,
}

/// What is wrong with a document, and what would be right.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum XmlErrorKind {
    /// The document as a whole is too long.
    #[error("the document is longer than {limit} bytes")]
    TooLong {
        /// [`super::Limits::total_bytes`].
        limit: usize,
    },
    /// Too many elements inside one another.
    #[error("elements are nested deeper than {limit}")]
    TooDeep {
        /// [`super::Limits::depth`].
        limit: usize,
    },
    /// Too many attributes on one element.
    #[error("an element has more than {limit} attributes")]
    TooManyAttributes {
        /// [`super::Limits::attributes`].
        limit: usize,
    },
    /// A start tag is too long.
    #[error("a start tag is longer than {limit} bytes")]
    TagTooLong {
        /// [`super::Limits::tag_bytes`].
        limit: usize,
    },
    /// A name is too long.
    #[error("a name is longer than {limit} bytes")]
    NameTooLong {
        /// [`super::Limits::name_bytes`].
        limit: usize,
    },
    /// A text is too long.
    #[error("a text is longer than {limit} bytes")]
    TextTooLong {
        /// [`super::Limits::text_bytes`].
        limit: usize,
    },
    /// Too many namespace declarations.
    #[error("more than {limit} namespace declarations are in force")]
    TooManyNamespaces {
        /// [`super::Limits::namespaces`].
        limit: usize,
    },
    /// A document type declaration.
    #[error("a DOCTYPE is not allowed; leave it out")]
    Doctype,
    /// A reference that is none of the five named entities and no character reference to a legal character.
    #[error(
        "`&{0};` is none of &lt; &gt; &amp; &quot; &apos; and refers to no character that XML 1.0 allows"
    )]
    BadReference(String),
    /// A character that XML 1.0 does not allow.
    #[error("the control character U+{0:04X} is not allowed in XML 1.0")]
    ControlCharacter(u8),
    /// The markup itself is broken.
    #[error("the XML is not well-formed: {0}")]
    Malformed(String),
    /// Not a name by Namespaces in XML 1.0.
    #[error("`{0}` is not an XML name with at most one `:`")]
    BadName(String),
    /// A prefix without a declaration.
    #[error("the prefix `{0}` is not bound; declare it with xmlns:{0}")]
    UnboundPrefix(String),
    /// A declaration that Namespaces in XML 1.0 forbids.
    #[error("the namespace declaration `{0}` is not allowed")]
    BadDeclaration(String),
    /// The same attribute twice.
    #[error("the attribute `{0}` stands twice")]
    DuplicateAttribute(String),
    /// Text where only elements may stand.
    #[error("there is text in `{0}`, which may hold elements alone")]
    UnexpectedText(String),
    /// An element where only text may stand.
    #[error("there is an element in `{0}`, which may hold text alone")]
    UnexpectedElement(String),
    /// The document ends too early.
    #[error("the document ends before its root element does")]
    UnexpectedEnd,
    /// Something follows the root element.
    #[error("there is content after the root element")]
    TrailingContent,
    /// Bytes that are no text in the encoding that was named or recognised.
    #[error("the bytes are not valid {0}")]
    Encoding(&'static str),
    /// A character set that is not offered.
    #[error(
        "the character set `{0}` is not offered; send UTF-8, UTF-16 with a byte-order mark or ISO-8859-1"
    )]
    UnknownCharset(String),
}
