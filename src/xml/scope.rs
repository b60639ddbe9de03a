//! Which prefix stands for which namespace at a place of a document (Namespaces in XML 1.0, 3 and 6).

use std::borrow::Cow;

use super::chars::shorten;
use super::{Ns, XmlErrorKind};

/// The declarations that are in force.
#[derive(Default)]
pub(super) struct Scope<'a> {
    bindings: Vec<Binding<'a>>,
}

/// A prefix in force from the element at `depth` on.
struct Binding<'a> {
    prefix: &'a str,
    uri: Cow<'a, str>,
    depth: usize,
}

impl<'a> Scope<'a> {
    /// Takes a declaration of the element at `depth` into force. No more than `limit` are kept at once.
    pub(super) fn declare(
        &mut self,
        prefix: &'a str,
        uri: Cow<'a, str>,
        depth: usize,
        limit: usize,
    ) -> Result<(), XmlErrorKind> {
        let reserved = prefix == "xmlns" || ((prefix == "xml") != (uri == Ns::XML.uri));
        if reserved || (!prefix.is_empty() && uri.is_empty()) {
            return Err(XmlErrorKind::BadDeclaration(shorten(prefix)));
        }
        let mut of_element = self
            .bindings
            .iter()
            .rev()
            .take_while(|binding| binding.depth == depth);
        if of_element.any(|binding| binding.prefix == prefix) {
            let name = format!("xmlns:{}", shorten(prefix));
            return Err(XmlErrorKind::DuplicateAttribute(name));
        }
        if self.bindings.len() >= limit {
            return Err(XmlErrorKind::TooManyNamespaces { limit });
        }
        self.bindings.push(Binding { prefix, uri, depth });
        Ok(())
    }

    /// Ends what the elements from `depth` on declared.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.bindings.last().is_some_and(|binding| binding.depth >= depth) {
            self.bindings.pop();
        }
    }

    /// The namespace that a prefix is bound to; the empty prefix is bound to none unless declared.
    pub(super) fn lookup(&self, prefix: &str) -> Result<Cow<'a, str>, XmlErrorKind> {
        match self
            .bindings
            .iter()
            .rev()
            .find(|binding| binding.prefix == prefix)
        {
            Some(binding) => Ok(binding.uri.clone()),
            None if prefix.is_empty() => Ok(Cow::Borrowed("")),
            None if prefix == "xml" => Ok(Cow::Borrowed(Ns::XML.uri)),
            None => Err(XmlErrorKind::UnboundPrefix(shorten(prefix))),
        }
    }
}
