//! XML as a tree, for tests that look at replies. It is read by quick-xml's own namespace reader, so that what
//! is checked is what any parser sees.

use std::fmt::Write as _;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// An element with everything in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// The URI of its namespace; empty where it has none.
    pub ns: String,
    /// The local part of its name.
    pub local: String,
    /// Attributes, as written, but for namespace declarations.
    pub attributes: Vec<(String, String)>,
    /// The text directly in it.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

/// How namespaces are shown, whatever prefix a message gives them.
const PREFIXES: &[(&str, &str)] = &[
    ("http://www.w3.org/2003/05/soap-envelope", "s"),
    ("http://schemas.xmlsoap.org/ws/2004/08/addressing", "wsa"),
    ("http://www.w3.org/2005/08/addressing", "wsa10"),
    ("http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd", "wsman"),
    ("http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd", "wsmb"),
    (
        "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
        "wsmid",
    ),
    ("http://schemas.xmlsoap.org/ws/2004/09/enumeration", "wsen"),
    ("http://schemas.xmlsoap.org/ws/2004/08/eventing", "wse"),
    ("http://schemas.xmlsoap.org/ws/2004/09/transfer", "wxf"),
    ("http://schemas.dmtf.org/wbem/wscim/1/common", "cim"),
];

/// Namespaces of classes end in the class's name.
const CLASSES: [&str; 2] = [
    "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/",
    "http://schemas.microsoft.com/wbem/wsman/1/wmi/",
];

impl Element {
    /// Reads a document.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let mut reader = NsReader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            let (ns, event) = reader
                .read_resolved_event()
                .unwrap_or_else(|error| panic!("{error}:\n{text}"));
            let ns = match ns {
                ResolveResult::Bound(ns) => ns.0.to_owned(),
                ResolveResult::Unbound => String::new(),
                ResolveResult::Unknown(prefix) => panic!("the prefix {prefix:?} is not declared:\n{text}"),
            };
            let innermost = open.last_mut().unwrap();
            match event {
                Event::Start(start) => open.push(Self::begin(ns, &start)),
                Event::Empty(start) => innermost.children.push(Self::begin(ns, &start)),
                Event::End(_) => {
                    let ended = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(ended);
                }
                Event::Text(text) => innermost.text.push_str(&text),
                Event::CData(text) => innermost.text.push_str(&text),
                Event::GeneralRef(name) => match name.resolve_char_ref().unwrap() {
                    Some(character) => innermost.text.push(character),
                    None => innermost
                        .text
                        .push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap()),
                },
                Event::Eof => break,
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::DocType(_) => panic!("a DOCTYPE:\n{text}"),
            }
        }
        let document = open.pop().unwrap();
        assert_eq!(document.children.len(), 1, "one root:\n{text}");
        document.children.into_iter().next().unwrap()
    }

    fn begin(ns: String, start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            (
                attribute.key.0.to_owned(),
                quick_xml::escape::unescape(&attribute.value)
                    .unwrap()
                    .into_owned(),
            )
        });
        Self {
            ns,
            local: start.local_name().into_inner().to_owned(),
            attributes: attributes
                .filter(|(name, _)| name != "xmlns" && !name.starts_with("xmlns:"))
                .collect(),
            ..Self::default()
        }
    }

    /// The element at a path of local names, as in `Body/Fault/Code`; the first where there are several.
    pub fn find(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |element, local| {
            element.children.iter().find(|child| child.local == local)
        })
    }

    /// The same where it must be there.
    #[track_caller]
    pub fn at(&self, path: &str) -> &Self {
        self.find(path)
            .unwrap_or_else(|| panic!("no {path} in\n{}", self.outline()))
    }

    /// The text of the element at a path; empty where there is none.
    pub fn text_at(&self, path: &str) -> &str {
        self.find(path).map_or("", |element| element.text.trim())
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(named, _)| named == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `prefix:local`, with the prefix that tests write.
    pub fn name(&self) -> String {
        let known = PREFIXES.iter().find(|(uri, _)| *uri == self.ns);
        match known {
            Some((_, prefix)) => format!("{prefix}:{}", self.local),
            None if CLASSES.iter().any(|class| self.ns.starts_with(class)) => format!("p:{}", self.local),
            None if self.ns.is_empty() => self.local.clone(),
            None => format!("{{{}}}{}", self.ns, self.local),
        }
    }

    /// The names of the children, in order.
    pub fn names(&self) -> Vec<String> {
        self.children.iter().map(Self::name).collect()
    }

    /// The tree as lines: one per element, with identifiers made at random shown as `uuid:*`.
    pub fn outline(&self) -> String {
        let mut out = String::new();
        self.write_outline(&mut out, 0);
        out.pop();
        out
    }

    fn write_outline(&self, out: &mut String, depth: usize) {
        write!(out, "{:1$}{2}", "", depth * 2, self.name()).unwrap();
        for (name, value) in &self.attributes {
            write!(out, " {name}={value}").unwrap();
        }
        if !self.text.trim().is_empty() {
            write!(out, " {}", redacted(self.text.trim())).unwrap();
        }
        out.push('\n');
        for child in &self.children {
            child.write_outline(out, depth + 1);
        }
    }
}

/// Replaces every UUID after `uuid:` by a star.
fn redacted(text: &str) -> String {
    const UUID: usize = 36;
    let mut parts = text.split("uuid:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_uuid = part
            .get(..UUID)
            .is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'));
        out.push_str(if is_uuid { "uuid:*" } else { "uuid:" });
        out.push_str(if is_uuid { &part[UUID..] } else { part });
    }
    out
}

#[test]
fn a_tree_has_names_text_and_attributes() {
    let tree = Element::parse(
        "<a:x xmlns:a='http://www.w3.org/2003/05/soap-envelope'><y k='1'>&lt;&#65;</y><a:z>uuid:01234567-89ab-cdef-0123-456789abcdef!</a:z></a:x>",
    );
    assert_eq!(tree.outline(), "s:x\n  y k=1 <A\n  s:z uuid:*!");
    assert_eq!(tree.names(), ["y", "s:z"]);
    assert_eq!((tree.text_at("y"), tree.text_at("q/r")), ("<A", ""));
}
