//! Keeping an element as it came, to be sent back later: reference parameters, fragments.

use std::borrow::Cow;

use super::chars::push_escaped;
use super::{Content, Ns, Reader, Start, XmlError, XmlErrorKind};

impl<'a> Reader<'a> {
    /// Reads `element` to its end and returns it as XML that stands for itself: every prefix that names
    /// of elements and attributes or an `xsi:type` use is declared inside. At most `max_bytes` long.
    pub fn capture(&mut self, element: &Start<'a>, max_bytes: usize) -> Result<String, XmlError> {
        let mut capture = Capture {
            out: String::new(),
            declared: Vec::new(),
            max_bytes,
        };
        capture.element(self, element)?;
        Ok(capture.out)
    }
}

struct Capture<'a> {
    out: String,
    /// What the output has declared at its present place.
    declared: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    max_bytes: usize,
}

impl<'a> Capture<'a> {
    fn element(&mut self, reader: &mut Reader<'a>, element: &Start<'a>) -> Result<(), XmlError> {
        let scope = self.declared.len();
        self.start_tag(reader, element)?;
        match reader.content(element)? {
            Content::Text(text) => push_escaped(&mut self.out, &text),
            Content::Element(first) => {
                self.element(reader, &first)?;
                while let Some(child) = reader.child(element)? {
                    self.element(reader, &child)?;
                }
            }
        }
        self.out.push_str("</");
        self.name(element.prefix, element.local);
        self.out.push('>');
        self.declared.truncate(scope);
        if self.out.len() > self.max_bytes {
            return Err(XmlError {
                offset: reader.offset(),
                kind: XmlErrorKind::TextTooLong {
                    limit: self.max_bytes,
                },
            });
        }
        Ok(())
    }

    fn start_tag(&mut self, reader: &Reader<'a>, element: &Start<'a>) -> Result<(), XmlError> {
        self.out.push('<');
        self.name(element.prefix, element.local);
        self.use_prefix(Cow::Borrowed(element.prefix), element.ns.clone());
        for attribute in &element.attributes {
            if !attribute.prefix.is_empty() {
                self.use_prefix(Cow::Borrowed(attribute.prefix), attribute.ns.clone());
            }
            if attribute.local == "type" && attribute.ns == Ns::XSI.uri {
                let (ns, _) = reader.resolve_qname(&attribute.value)?;
                let prefix = attribute
                    .value
                    .trim()
                    .split_once(':')
                    .map_or("", |(prefix, _)| prefix);
                self.use_prefix(Cow::Owned(prefix.to_owned()), ns);
            }
        }
        for attribute in &element.attributes {
            self.out.push(' ');
            self.name(attribute.prefix, attribute.local);
            self.out.push_str("=\"");
            push_escaped(&mut self.out, &attribute.value);
            self.out.push('"');
        }
        self.out.push('>');
        Ok(())
    }

    fn name(&mut self, prefix: &str, local: &str) {
        if !prefix.is_empty() {
            self.out.push_str(prefix);
            self.out.push(':');
        }
        self.out.push_str(local);
    }

    /// Declares a prefix unless the output has it bound to that namespace here already.
    fn use_prefix(&mut self, prefix: Cow<'a, str>, ns: Cow<'a, str>) {
        let bound = self
            .declared
            .iter()
            .rev()
            .find(|(known, _)| *known == prefix)
            .map_or("", |(_, ns)| ns.as_ref());
        if bound == ns.as_ref() || prefix == Ns::XML.prefix {
            return;
        }
        self.out
            .push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        self.out.push_str(&prefix);
        self.out.push_str("=\"");
        push_escaped(&mut self.out, &ns);
        self.out.push('"');
        self.declared.push((prefix, ns));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Limits;

    /// Captures the first child of the root.
    fn capture(xml: &str, max_bytes: usize) -> Result<String, XmlError> {
        let mut reader = Reader::new(xml, Limits::default())?;
        let root = reader.root()?;
        let child = reader.child(&root)?.expect("a child");
        reader.capture(&child, max_bytes)
    }

    #[track_caller]
    fn check(xml: &str, expect: &str) {
        let got = capture(xml, 1000).unwrap();
        assert_eq!(got, expect, "{xml}");
        let again = capture(&format!("<r>{got}</r>"), 1000).unwrap();
        assert_eq!(again, got, "it stands for itself");
    }

    #[test]
    fn an_element_stands_for_itself() {
        check("<r><a>x &amp; y</a></r>", "<a>x &amp; y</a>");
        check(
            "<r xmlns='u' xmlns:p='v' xmlns:q='w'><p:a><b q:c='1'/><p:d/></p:a></r>",
            "<p:a xmlns:p=\"v\"><b xmlns=\"u\" xmlns:q=\"w\" q:c=\"1\"></b><p:d></p:d></p:a>",
        );
        check(
            "<r xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xmlns:t='v'><a xsi:type='t:X'><b/></a></r>",
            "<a xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:t=\"v\" xsi:type=\"t:X\"><b></b></a>",
        );
    }

    #[test]
    fn an_element_that_is_too_long_is_refused() {
        let error = capture("<r><a>0123456789</a></r>", 10).unwrap_err();
        assert_eq!(error.kind, XmlErrorKind::TextTooLong { limit: 10 });
    }
}
