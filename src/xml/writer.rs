//! A direct writer: appends to a string, builds no tree.

use super::chars::push_escaped;
use super::{Name, Ns};
use crate::cim::write_decimal;

/// Appends elements to a string.
///
/// The caller closes what it opens, with the same name; [`Writer::element`] does it for a whole element.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    /// Whether a start tag still lacks its `>`.
    open: bool,
    /// Whether an empty element keeps its end tag.
    keep_end_tags: bool,
}

/// What stands in a tag: prefix and local part.
#[derive(Clone, Copy, Debug)]
pub struct Tag<'a> {
    /// The prefix; empty for none.
    pub prefix: &'a str,
    /// The local part.
    pub local: &'a str,
}

impl From<Name> for Tag<'static> {
    fn from(name: Name) -> Self {
        Self {
            prefix: name.ns.prefix,
            local: name.local,
        }
    }
}

impl Writer {
    /// A writer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            out: String::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// The same writer, which writes `<a></a>` where it would write `<a/>`.
    #[must_use]
    pub fn keeping_end_tags(mut self) -> Self {
        self.keep_end_tags = true;
        self
    }

    /// Opens an element; attributes may follow.
    pub fn start<'t>(&mut self, tag: impl Into<Tag<'t>>) {
        self.close_tag();
        self.out.push('<');
        self.push_tag(tag.into());
        self.open = true;
    }

    /// Adds an attribute to the element that was just opened.
    pub fn attr<'t>(&mut self, tag: impl Into<Tag<'t>>, value: &str) {
        debug_assert!(self.open, "an attribute needs an open start tag");
        self.out.push(' ');
        self.push_tag(tag.into());
        self.out.push_str("=\"");
        push_escaped(&mut self.out, value);
        self.out.push('"');
    }

    /// Declares the prefix of `ns` on the element that was just opened.
    pub fn declare(&mut self, ns: Ns) {
        self.declare_as(ns.prefix, ns.uri);
    }

    /// Declares `prefix` on the element that was just opened.
    pub fn declare_as(&mut self, prefix: &str, uri: &str) {
        let (prefix, local) = if prefix.is_empty() {
            ("", "xmlns")
        } else {
            ("xmlns", prefix)
        };
        self.attr(Tag { prefix, local }, uri);
    }

    /// Appends text, escaped.
    pub fn text(&mut self, text: &str) {
        self.close_tag();
        push_escaped(&mut self.out, text);
    }

    /// Appends what is XML already, or text that needs no escape.
    pub fn raw(&mut self, xml: &str) {
        self.close_tag();
        self.out.push_str(xml);
    }

    /// As [`Writer::raw`]. What is longer than all before it stays in its own memory, which the writer goes on in.
    pub fn raw_owned(&mut self, mut xml: String) {
        self.close_tag();
        if xml.len() > self.out.len() {
            xml.insert_str(0, &self.out);
            self.out = xml;
        } else {
            self.out.push_str(&xml);
        }
    }

    /// Appends a number.
    pub fn number(&mut self, number: u64) {
        self.close_tag();
        // Writing to a string cannot fail.
        let _ = write_decimal(&mut self.out, number);
    }

    /// Closes the element of that name, the one that was opened last.
    pub fn end<'t>(&mut self, tag: impl Into<Tag<'t>>) {
        if self.open && !self.keep_end_tags {
            self.open = false;
            self.out.push_str("/>");
        } else {
            self.close_tag();
            self.out.push_str("</");
            self.push_tag(tag.into());
            self.out.push('>');
        }
    }

    /// Closes the element that was opened last with `/>`, whatever the writer does else; nothing may have
    /// been written into it.
    pub fn end_empty(&mut self) {
        debug_assert!(self.open, "only an element without content closes itself");
        self.open = false;
        self.out.push_str("/>");
    }

    /// An element with what `content` writes into it.
    pub fn element<'t>(&mut self, tag: impl Into<Tag<'t>>, content: impl FnOnce(&mut Self)) {
        let tag = tag.into();
        self.start(tag);
        content(self);
        self.end(tag);
    }

    /// An element that holds text alone.
    pub fn leaf<'t>(&mut self, tag: impl Into<Tag<'t>>, text: &str) {
        self.element(tag, |writer| {
            if !text.is_empty() {
                writer.text(text);
            }
        });
    }

    /// An element that holds nothing.
    pub fn empty<'t>(&mut self, tag: impl Into<Tag<'t>>) {
        self.element(tag, |_| {});
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes away everything from byte `len` on and returns it; the writer must have stood between two
    /// elements there, and stand so now.
    pub fn split_off(&mut self, len: usize) -> String {
        self.close_tag();
        self.out.split_off(len)
    }

    /// The string for direct appending, with a finished start tag before it.
    pub(crate) fn out(&mut self) -> &mut String {
        self.close_tag();
        &mut self.out
    }

    /// What was written.
    pub fn finish(mut self) -> String {
        self.close_tag();
        self.out
    }

    fn close_tag(&mut self) {
        if self.open {
            self.open = false;
            self.out.push('>');
        }
    }

    fn push_tag(&mut self, tag: Tag<'_>) {
        if !tag.prefix.is_empty() {
            self.out.push_str(tag.prefix);
            self.out.push(':');
        }
        self.out.push_str(tag.local);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: Ns = Ns::new("p", "urn:p");

    fn sample(mut writer: Writer) -> String {
        writer.element(NS.name("a"), |w| {
            w.declare(NS);
            w.attr(Ns::NONE.name("x"), "1<\"2\"");
            w.leaf(NS.name("b"), "a & b");
            w.leaf(NS.name("c"), "");
            w.element(Ns::NONE.name("n"), |w| w.number(u64::MAX));
            w.empty(NS.name("d"));
        });
        writer.finish()
    }

    #[test]
    fn what_is_handed_over_stands_where_it_was_written() {
        for before in ["", "a longer text that stands before it"] {
            let mut writer = Writer::default();
            writer.element(NS.name("a"), |w| {
                w.text(before);
                w.start(NS.name("b"));
                w.raw_owned("<c/>, more or less".to_owned());
                w.end(NS.name("b"));
            });
            let expect = format!("<p:a>{before}<p:b><c/>, more or less</p:b></p:a>");
            assert_eq!(writer.finish(), expect);
        }
    }

    #[test]
    fn elements_are_written() {
        insta::assert_snapshot!(sample(Writer::default()), @r#"<p:a xmlns:p="urn:p" x="1&lt;&quot;2&quot;"><p:b>a &amp; b</p:b><p:c/><n>18446744073709551615</n><p:d/></p:a>"#);
        insta::assert_snapshot!(sample(Writer::default().keeping_end_tags()), @r#"<p:a xmlns:p="urn:p" x="1&lt;&quot;2&quot;"><p:b>a &amp; b</p:b><p:c></p:c><n>18446744073709551615</n><p:d></p:d></p:a>"#);
    }
}
