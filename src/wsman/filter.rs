//! Filters of enumerations and subscriptions (DSP0226, 8.3 and annexes; DSP0227, 12 and 13).

use super::Fault;
use super::addressing::{Addressing, EndpointReference, SelectorSet};
use super::fault::{FaultCause, FaultExtra, shorten};
use super::ns::{self, dialect};
use crate::cim::Name;
use crate::xml::{Content, Ns, Reader, Start, Writer};

/// What a filter asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// A query in the WMI query language.
    Wql(String),
    /// A query in the CIM query language.
    Cql(String),
    /// An XPath expression; the dialect where none is named.
    XPath(String),
    /// Keys that must be equal.
    Selectors(SelectorSet),
    /// Instances that an association relates to one instance.
    AssociatedInstances(AssociationFilter),
    /// The associations that refer to one instance.
    AssociationInstances(AssociationFilter),
}

/// Association traversal from one instance (DSP0227, 13).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssociationFilter {
    /// The instance to begin at.
    pub object: EndpointReference,
    /// The association to go through; only of [`Filter::AssociatedInstances`].
    pub association_class: Option<Name>,
    /// The role of the instance to begin at.
    pub role: Option<Name>,
    /// The class that results must have.
    pub result_class: Option<Name>,
    /// The role of the results; only of [`Filter::AssociatedInstances`].
    pub result_role: Option<Name>,
    /// The properties to give back; all where there is none.
    pub properties: Vec<Name>,
}

/// The dialects of enumerations.
pub const ENUMERATION_DIALECTS: [&str; 5] = [
    dialect::WQL,
    dialect::CQL,
    dialect::SELECTOR,
    dialect::ASSOCIATION,
    dialect::XPATH,
];

/// The dialects of subscriptions.
pub const SUBSCRIPTION_DIALECTS: [&str; 2] = [dialect::WQL, dialect::CQL];

/// What a filter is for: the faults differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FilterUse {
    Enumeration,
    Subscription,
}

impl FilterUse {
    fn unknown_dialect(self, uri: &str) -> Fault {
        let (cause, dialects) = match self {
            Self::Enumeration => (
                FaultCause::FilterDialectRequestedUnavailable,
                ENUMERATION_DIALECTS.to_vec(),
            ),
            Self::Subscription => (
                FaultCause::FilteringRequestedUnavailable,
                SUBSCRIPTION_DIALECTS.to_vec(),
            ),
        };
        let reason = format!("The filter dialect `{}` is not offered.", shorten(uri));
        Fault::new(cause, reason).extra(FaultExtra::Dialects(dialects))
    }
}

/// Whether an element is a filter: `wsman:Filter`, or that of WS-Enumeration or WS-Eventing.
pub(super) fn is_filter(start: &Start<'_>) -> bool {
    [ns::WSMAN, ns::WSEN, ns::WSE]
        .into_iter()
        .any(|ns| start.is(ns.name("Filter")))
}

const FILTER: crate::xml::Name = ns::WSMAN.name("Filter");

impl Filter {
    pub(super) fn decode<'a>(
        reader: &mut Reader<'a>,
        element: &Start<'a>,
        what: FilterUse,
    ) -> Result<Self, Fault> {
        let uri = element
            .plain_attribute("Dialect")
            .unwrap_or(dialect::XPATH)
            .trim();
        let query = match (uri, what) {
            (dialect::WQL, _) => Self::Wql,
            (dialect::CQL, _) => Self::Cql,
            (dialect::XPATH | dialect::XPATH_LEVEL_1, FilterUse::Enumeration) => Self::XPath,
            (dialect::SELECTOR, FilterUse::Enumeration) => {
                let set = Self::only_child(reader, element)?;
                return Ok(Self::Selectors(SelectorSet::decode(reader, &set)?));
            }
            (dialect::ASSOCIATION, FilterUse::Enumeration) => {
                let kind = Self::only_child(reader, element)?;
                let filter = AssociationFilter::decode(reader, &kind)?;
                return match kind.local {
                    "AssociatedInstances" => Ok(Self::AssociatedInstances(filter)),
                    "AssociationInstances" => Ok(Self::AssociationInstances(filter)),
                    other => Err(cannot_process(format!(
                        "An association filter holds `{}`; it must be AssociatedInstances or AssociationInstances.",
                        shorten(other)
                    ))),
                };
            }
            _ => return Err(what.unknown_dialect(uri)),
        };
        Ok(query(reader.text(element)?.trim().to_owned()))
    }

    fn only_child<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Start<'a>, Fault> {
        match reader.content(element)? {
            Content::Element(child) => Ok(child),
            Content::Text(_) => Err(cannot_process(
                "A filter of this dialect holds an element.".to_owned(),
            )),
        }
    }

    pub(super) fn encode(&self, w: &mut Writer, addressing: Addressing) {
        let (uri, query) = match self {
            Self::Wql(query) => (dialect::WQL, Some(query)),
            Self::Cql(query) => (dialect::CQL, Some(query)),
            Self::XPath(query) => (dialect::XPATH, Some(query)),
            Self::Selectors(_) => (dialect::SELECTOR, None),
            Self::AssociatedInstances(_) | Self::AssociationInstances(_) => (dialect::ASSOCIATION, None),
        };
        w.start(FILTER);
        w.attr(Ns::NONE.name("Dialect"), uri);
        if let Some(query) = query {
            w.text(query);
        }
        match self {
            Self::Selectors(set) => set.encode(w, addressing),
            Self::AssociatedInstances(filter) => filter.encode(w, "AssociatedInstances", addressing),
            Self::AssociationInstances(filter) => filter.encode(w, "AssociationInstances", addressing),
            Self::Wql(_) | Self::Cql(_) | Self::XPath(_) => {}
        }
        w.end(FILTER);
    }
}

/// How many properties a filter may name.
const MAX_PROPERTIES: usize = 512;

impl AssociationFilter {
    fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut filter = Self::default();
        while let Some(child) = reader.child(element)? {
            if child.ns != ns::WSMB.uri {
                continue;
            }
            if child.local == "Object" {
                filter.object = EndpointReference::decode(reader, &child)?;
                continue;
            }
            let text = reader.text(&child)?;
            let name = Some(text.trim()).filter(|name| !name.is_empty()).map(Name::new);
            match child.local {
                "AssociationClassName" => filter.association_class = name,
                "Role" => filter.role = name,
                "ResultClassName" => filter.result_class = name,
                "ResultRole" => filter.result_role = name,
                "IncludeResultProperty" if filter.properties.len() < MAX_PROPERTIES => {
                    filter.properties.extend(name);
                }
                other => {
                    let reason = format!(
                        "An association filter holds `{}`, which is not known or once too many.",
                        shorten(other)
                    );
                    return Err(cannot_process(reason));
                }
            }
        }
        if filter.object.resource_uri.is_none() {
            let reason =
                "An association filter needs wsmb:Object, an endpoint reference with a resource URI.";
            return Err(cannot_process(reason.to_owned()));
        }
        Ok(filter)
    }

    fn encode(&self, w: &mut Writer, kind: &'static str, addressing: Addressing) {
        let leaf = |w: &mut Writer, local: &'static str, name: &Option<Name>| {
            if let Some(name) = name {
                w.leaf(ns::WSMB.name(local), name.as_str());
            }
        };
        let root = ns::WSMB.name(kind);
        w.start(root);
        w.declare(ns::WSMB);
        w.element(ns::WSMB.name("Object"), |w| self.object.encode(w, addressing));
        leaf(w, "AssociationClassName", &self.association_class);
        leaf(w, "Role", &self.role);
        leaf(w, "ResultClassName", &self.result_class);
        leaf(w, "ResultRole", &self.result_role);
        for property in &self.properties {
            w.leaf(ns::WSMB.name("IncludeResultProperty"), property.as_str());
        }
        w.end(root);
    }
}

fn cannot_process(reason: String) -> Fault {
    Fault::new(FaultCause::CannotProcessFilter, reason)
}
