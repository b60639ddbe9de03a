//! A pull reader: walks a document once, resolves namespaces, hands out borrowed slices, keeps the limits.

use std::borrow::Cow;

use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;

use super::chars::{self, BadValue, shorten, split_qname};
use super::scope::Scope;
use super::{Attribute, Limits, Start, XmlError, XmlErrorKind};

/// Reads a document from its start to its end.
///
/// ```
/// # use esm::xml::{Limits, Reader};
/// let mut reader = Reader::new("<a><b>1</b><c/></a>", Limits::default())?;
/// let a = reader.root()?;
/// while let Some(child) = reader.child(&a)? {
///     if child.local == "b" {
///         assert_eq!(reader.text(&child)?, "1");
///     } // what is not read of a child is skipped
/// }
/// reader.finish()?;
/// # Ok::<(), esm::xml::XmlError>(())
/// ```
pub struct Reader<'a> {
    source: &'a str,
    inner: quick_xml::Reader<&'a [u8]>,
    limits: Limits,
    /// Open elements.
    depth: usize,
    scope: Scope<'a>,
}

/// What an element holds that may hold either.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content<'a> {
    /// Text alone; the element has been read to its end.
    Text(Cow<'a, str>),
    /// Elements; this is the first one, [`Reader::child`] gives the others.
    Element(Start<'a>),
}

/// The next thing in the document that means anything.
enum Token<'a> {
    Start(Start<'a>),
    Text(Cow<'a, str>),
    End,
    Eof,
}

impl<'a> Reader<'a> {
    /// Begins to read `source`. Its length and its characters are checked at once.
    pub fn new(source: &'a str, limits: Limits) -> Result<Self, XmlError> {
        let source = source.strip_prefix('\u{FEFF}').unwrap_or(source);
        let refuse = |offset, kind| Err(XmlError { offset, kind });
        if source.len() > limits.total_bytes {
            let limit = limits.total_bytes;
            return refuse(limit, XmlErrorKind::TooLong { limit });
        }
        if let Some((offset, byte)) = chars::forbidden_control(source) {
            return refuse(offset, XmlErrorKind::ControlCharacter(byte));
        }
        let mut inner = quick_xml::Reader::from_str(source);
        let config = inner.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        Ok(Self {
            source,
            inner,
            limits,
            depth: 0,
            scope: Scope::default(),
        })
    }

    /// The root element.
    pub fn root(&mut self) -> Result<Start<'a>, XmlError> {
        loop {
            match self.next()? {
                Token::Start(start) => return Ok(start),
                Token::Text(text) if is_blank(&text) => {}
                Token::Text(_) => return self.fail(XmlErrorKind::UnexpectedText("the document".to_owned())),
                Token::End | Token::Eof => return self.fail(XmlErrorKind::UnexpectedEnd),
            }
        }
    }

    /// The next element inside `parent`, or `None` at the end of `parent`. What was not read of the child
    /// before is skipped.
    pub fn child(&mut self, parent: &Start<'a>) -> Result<Option<Start<'a>>, XmlError> {
        self.skip_to(parent.depth)?;
        while self.depth == parent.depth {
            match self.next()? {
                Token::Start(start) => return Ok(Some(start)),
                Token::Text(text) if is_blank(&text) => {}
                Token::Text(_) => return self.fail(XmlErrorKind::UnexpectedText(parent.qualified())),
                Token::End | Token::Eof => {}
            }
        }
        Ok(None)
    }

    /// The text of `element`, which must hold text alone; reads to its end.
    pub fn text(&mut self, element: &Start<'a>) -> Result<Cow<'a, str>, XmlError> {
        match self.content(element)? {
            Content::Text(text) => Ok(text),
            Content::Element(_) => self.fail(XmlErrorKind::UnexpectedElement(element.qualified())),
        }
    }

    /// The text of `element`, or the first element in it. Call it before anything else was read of it.
    pub fn content(&mut self, element: &Start<'a>) -> Result<Content<'a>, XmlError> {
        let mut text = Cow::Borrowed("");
        while self.depth >= element.depth {
            match self.next()? {
                Token::Text(more) if text.is_empty() => text = more,
                Token::Text(more) => text.to_mut().push_str(&more),
                Token::Start(start) if is_blank(&text) => return Ok(Content::Element(start)),
                Token::Start(_) => return self.fail(XmlErrorKind::UnexpectedText(element.qualified())),
                Token::End | Token::Eof => {}
            }
            if text.len() > self.limits.text_bytes {
                let limit = self.limits.text_bytes;
                return self.fail(XmlErrorKind::TextTooLong { limit });
            }
        }
        Ok(Content::Text(text))
    }

    /// Skips what is left of `element`.
    pub fn skip(&mut self, element: &Start<'a>) -> Result<(), XmlError> {
        self.skip_to(element.depth.saturating_sub(1))
    }

    /// Reads to the end of the document and makes sure that nothing follows the root element.
    pub fn finish(&mut self) -> Result<(), XmlError> {
        self.skip_to(0)?;
        loop {
            match self.next()? {
                Token::Eof => return Ok(()),
                Token::Text(text) if is_blank(&text) => {}
                Token::Start(_) | Token::Text(_) | Token::End => {
                    return self.fail(XmlErrorKind::TrailingContent);
                }
            }
        }
    }

    /// Resolves a qualified name that stands in a text or attribute value at the present place, as in
    /// `xsi:type`: its namespace and local part.
    pub fn resolve_qname<'q>(&self, qname: &'q str) -> Result<(Cow<'a, str>, &'q str), XmlError> {
        let qname = qname.trim();
        let (prefix, local) = qname.split_once(':').unwrap_or(("", qname));
        Ok((self.lookup(prefix)?, local))
    }

    /// The place that was read up to, in bytes.
    pub fn offset(&self) -> usize {
        usize::try_from(self.inner.buffer_position()).unwrap_or(usize::MAX)
    }

    /// Fails at the present place.
    fn fail<T>(&self, kind: XmlErrorKind) -> Result<T, XmlError> {
        Err(self.error(kind))
    }

    fn error(&self, kind: XmlErrorKind) -> XmlError {
        XmlError {
            offset: self.offset(),
            kind,
        }
    }

    /// Reads until no more than `depth` elements are open.
    fn skip_to(&mut self, depth: usize) -> Result<(), XmlError> {
        while self.depth > depth {
            self.next()?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Token<'a>, XmlError> {
        loop {
            let begin = self.offset();
            let event = match self.inner.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let offset = usize::try_from(self.inner.error_position()).unwrap_or(usize::MAX);
                    let kind = XmlErrorKind::Malformed(shorten(&error.to_string()));
                    return Err(XmlError { offset, kind });
                }
            };
            return Ok(match event {
                Event::Start(_) | Event::Empty(_) => Token::Start(self.start(begin)?),
                Event::End(_) => {
                    self.scope.leave(self.depth);
                    self.depth = self.depth.saturating_sub(1);
                    Token::End
                }
                Event::Text(text) => Token::Text(text.xml10_content()),
                Event::CData(text) => Token::Text(text.xml10_content()),
                Event::GeneralRef(reference) => match chars::resolve_reference(&reference) {
                    Some(c) => Token::Text(Cow::Owned(c.to_string())),
                    None => return self.fail(XmlErrorKind::BadReference(shorten(&reference))),
                },
                Event::DocType(_) => {
                    return Err(XmlError {
                        offset: begin,
                        kind: XmlErrorKind::Doctype,
                    });
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
                Event::Eof if self.depth > 0 => return self.fail(XmlErrorKind::UnexpectedEnd),
                Event::Eof => Token::Eof,
            });
        }
    }

    /// The start tag that began at `begin` and has just been read.
    fn start(&mut self, begin: usize) -> Result<Start<'a>, XmlError> {
        let at = |kind| XmlError { offset: begin, kind };
        let tag = self.source.get(begin..self.offset()).unwrap_or_default();
        let tag = tag.get(1..tag.len().saturating_sub(1)).unwrap_or_default();
        let tag = tag.strip_suffix('/').unwrap_or(tag);
        let limits = self.limits;
        if tag.len() > limits.tag_bytes {
            return Err(at(XmlErrorKind::TagTooLong {
                limit: limits.tag_bytes,
            }));
        }
        self.depth += 1;
        if self.depth > limits.depth {
            return Err(at(XmlErrorKind::TooDeep { limit: limits.depth }));
        }
        let name_end = tag.bytes().position(is_blank_byte).unwrap_or(tag.len());
        let (name, _) = tag.split_at(name_end);
        let (prefix, local) = self.split_name(name).map_err(at)?;
        let mut attributes = self.attributes(tag, name_end).map_err(at)?;
        for index in 0..attributes.len() {
            let (seen, rest) = attributes.split_at_mut(index);
            let Some(attribute) = rest.first_mut() else {
                continue;
            };
            if !attribute.prefix.is_empty() {
                attribute.ns = self.lookup(attribute.prefix)?;
            }
            if seen
                .iter()
                .any(|other| other.local == attribute.local && other.ns == attribute.ns)
            {
                return Err(at(XmlErrorKind::DuplicateAttribute(shorten(attribute.local))));
            }
        }
        Ok(Start {
            ns: self.lookup(prefix)?,
            prefix,
            local,
            attributes,
            offset: begin,
            depth: self.depth,
        })
    }

    /// The attributes of a tag, not yet resolved; namespace declarations are taken into force.
    fn attributes(&mut self, tag: &'a str, name_end: usize) -> Result<Vec<Attribute<'a>>, XmlErrorKind> {
        let mut attributes = Vec::new();
        if name_end == tag.len() {
            return Ok(attributes);
        }
        for (index, attribute) in Attributes::new(tag, name_end).with_checks(false).enumerate() {
            if index >= self.limits.attributes {
                return Err(XmlErrorKind::TooManyAttributes {
                    limit: self.limits.attributes,
                });
            }
            let attribute =
                attribute.map_err(|error| XmlErrorKind::Malformed(shorten(&error.to_string())))?;
            let Cow::Borrowed(raw) = attribute.value else {
                return Err(XmlErrorKind::Malformed("an attribute value".to_owned()));
            };
            let name = attribute.key.0;
            let value = chars::attribute_value(raw).map_err(|bad| match bad {
                BadValue::Reference(name) => XmlErrorKind::BadReference(name),
                BadValue::Markup => {
                    XmlErrorKind::Malformed("`<` in an attribute value; write &lt;".to_owned())
                }
            })?;
            if name == "xmlns" {
                self.scope
                    .declare("", value, self.depth, self.limits.namespaces)?;
                continue;
            }
            let (prefix, local) = self.split_name(name)?;
            if prefix == "xmlns" {
                self.scope
                    .declare(local, value, self.depth, self.limits.namespaces)?;
            } else {
                attributes.push(Attribute {
                    ns: Cow::Borrowed(""),
                    prefix,
                    local,
                    value,
                });
            }
        }
        Ok(attributes)
    }

    fn split_name(&self, name: &'a str) -> Result<(&'a str, &'a str), XmlErrorKind> {
        if name.len() > self.limits.name_bytes {
            return Err(XmlErrorKind::NameTooLong {
                limit: self.limits.name_bytes,
            });
        }
        split_qname(name).ok_or_else(|| XmlErrorKind::BadName(shorten(name)))
    }

    /// The namespace that a prefix is bound to at the present place.
    fn lookup(&self, prefix: &str) -> Result<Cow<'a, str>, XmlError> {
        self.scope.lookup(prefix).map_err(|kind| self.error(kind))
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(is_blank_byte)
}

const fn is_blank_byte(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a whole document into an indented outline.
    fn outline(xml: &str, limits: Limits) -> Result<String, XmlError> {
        fn walk<'a>(reader: &mut Reader<'a>, element: &Start<'a>, out: &mut String) -> Result<(), XmlError> {
            out.push_str(&format!("{{{}}}{}", element.ns, element.local));
            for attribute in &element.attributes {
                out.push_str(&format!(
                    " {{{}}}{}={}",
                    attribute.ns, attribute.local, attribute.value
                ));
            }
            match reader.content(element)? {
                Content::Text(text) => out.push_str(&format!(" {text:?};")),
                Content::Element(first) => {
                    out.push('[');
                    walk(reader, &first, out)?;
                    while let Some(child) = reader.child(element)? {
                        walk(reader, &child, out)?;
                    }
                    out.push(']');
                }
            }
            Ok(())
        }
        let mut out = String::new();
        let mut reader = Reader::new(xml, limits)?;
        let root = reader.root()?;
        walk(&mut reader, &root, &mut out)?;
        reader.finish()?;
        Ok(out)
    }

    #[track_caller]
    fn check(xml: &str, expect: Result<&str, &str>) {
        let got = outline(xml, Limits::default()).map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{xml}");
    }

    #[test]
    fn documents_are_read() {
        check("<a/>", Ok("{}a \"\";"));
        check(
            "<?xml version='1.0'?><!-- c --><a x='1' >t<!-- c -->&amp;<![CDATA[<b>]]></a> ",
            Ok("{}a {}x=1 \"t&<b>\";"),
        );
        check("<a>\r\n <b/> <c>\r\n</c></a>", Ok("{}a[{}b \"\";{}c \"\\n\";]"));
        check(
            "<p:a xmlns:p='urn:1' xmlns='urn:2' p:x='y' x='z'><b xmlns=''/><c/></p:a>",
            Ok("{urn:1}a {urn:1}x=y {}x=z[{}b \"\";{urn:2}c \"\";]"),
        );
        check(
            "<a xml:lang='en'/>",
            Ok("{}a {http://www.w3.org/XML/1998/namespace}lang=en \"\";"),
        );
        check("<a xmlns='u&amp;v'/>", Ok("{u&v}a \"\";"));
    }

    #[test]
    fn broken_documents_are_refused_with_the_place() {
        check("", Err("the document ends before its root element does (byte 0)"));
        check(
            "<a>",
            Err("the document ends before its root element does (byte 3)"),
        );
        check(
            "<a/><b/>",
            Err("there is content after the root element (byte 8)"),
        );
        check("<a/>x", Err("there is content after the root element (byte 5)"));
        check(
            "<a><b>x</b>y</a>",
            Err("there is text in `a`, which may hold elements alone (byte 12)"),
        );
        check(
            "<a:b:c/>",
            Err("`a:b:c` is not an XML name with at most one `:` (byte 0)"),
        );
        check(
            "<1/>",
            Err("`1` is not an XML name with at most one `:` (byte 0)"),
        );
        check(
            "<p:a/>",
            Err("the prefix `p` is not bound; declare it with xmlns:p (byte 6)"),
        );
        check("<a x='1' x='2'/>", Err("the attribute `x` stands twice (byte 0)"));
        check(
            "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
            Err("the attribute `x` stands twice (byte 0)"),
        );
        check(
            "<a xmlns:p=''/>",
            Err("the namespace declaration `p` is not allowed (byte 0)"),
        );
        check(
            "<a xmlns:xml='u'/>",
            Err("the namespace declaration `xml` is not allowed (byte 0)"),
        );
        check(
            "<a>\u{1}</a>",
            Err("the control character U+0001 is not allowed in XML 1.0 (byte 3)"),
        );
        check(
            "<a>&nbsp;</a>",
            Err(
                "`&nbsp;` is none of &lt; &gt; &amp; &quot; &apos; and refers to no character that XML 1.0 allows (byte 9)",
            ),
        );
        assert!(outline("<a></b>", Limits::default()).is_err());
        assert!(outline("<a x=1/>", Limits::default()).is_err());
        assert!(outline("<a>&</a>", Limits::default()).is_err());
        assert!(outline("<a", Limits::default()).is_err());
    }

    #[test]
    fn a_doctype_is_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"ha\">]><a>&b;</a>";
        check(bomb, Err("a DOCTYPE is not allowed; leave it out (byte 0)"));
    }

    #[track_caller]
    fn check_limit(xml: &str, limits: Limits, expect: XmlErrorKind) {
        assert_eq!(outline(xml, limits).map_err(|error| error.kind), Err(expect));
    }

    #[test]
    fn limits_hold() {
        let limits = Limits::default();
        let deep = "<a>".repeat(100_000);
        check_limit(&deep, limits, XmlErrorKind::TooDeep { limit: 64 });
        let many: String = (0..65).map(|i| format!(" a{i}=''")).collect();
        check_limit(
            &format!("<a{many}/>"),
            limits,
            XmlErrorKind::TooManyAttributes { limit: 64 },
        );
        let long = "x".repeat(17 * 1024);
        check_limit(
            &format!("<a b='{long}'/>"),
            limits,
            XmlErrorKind::TagTooLong { limit: 16_384 },
        );
        check_limit(
            &format!("<{}/>", &long[..600]),
            limits,
            XmlErrorKind::NameTooLong { limit: 512 },
        );
        let small = Limits {
            text_bytes: 10,
            ..limits
        };
        check_limit(
            "<a>12345&amp;12345</a>",
            small,
            XmlErrorKind::TextTooLong { limit: 10 },
        );
        let small = Limits {
            total_bytes: 10,
            ..limits
        };
        check_limit("<abcdefgh/>", small, XmlErrorKind::TooLong { limit: 10 });
        let small = Limits {
            namespaces: 3,
            ..limits
        };
        check_limit(
            "<a xmlns='1' xmlns:b='2'><c xmlns='3'><d xmlns='4'/></c></a>",
            small,
            XmlErrorKind::TooManyNamespaces { limit: 3 },
        );
    }

    #[test]
    fn what_is_not_read_is_skipped() {
        let mut reader = Reader::new("<a><b><c>1</c></b><d>2</d></a>", Limits::default()).unwrap();
        let a = reader.root().unwrap();
        assert_eq!(reader.child(&a).unwrap().unwrap().local, "b");
        let d = reader.child(&a).unwrap().unwrap();
        assert_eq!(reader.text(&d).unwrap(), "2");
        assert_eq!(reader.child(&a).unwrap(), None);
        assert_eq!(reader.child(&a).unwrap(), None);
        reader.finish().unwrap();
    }

    #[test]
    fn names_in_values_are_resolved() {
        let mut reader = Reader::new("<a xmlns:p='u' t='p:x'/>", Limits::default()).unwrap();
        reader.root().unwrap();
        assert_eq!(reader.resolve_qname(" p:x ").unwrap(), ("u".into(), "x"));
        assert_eq!(reader.resolve_qname("x").unwrap(), ("".into(), "x"));
        assert!(reader.resolve_qname("q:x").is_err());
    }
}
