//! WS-Addressing: which version a message uses, endpoint references and selectors (DSP0226, 5).

use super::ns;
use super::resource_uri::{NAMESPACE_SELECTOR, ResourceUri, UriForm};
use super::{Fault, FaultCause, FaultDetail};
use crate::cim::{InstancePath, KeyBinding, Name, Namespace, Value};
use crate::xml::{self, Ns, Reader, Start, Writer};

/// The version of WS-Addressing that a message uses; the reply uses the same.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Addressing {
    /// August 2004, which DSP0226 builds on.
    #[default]
    V200408,
    /// 1.0.
    V10,
}

impl Addressing {
    /// The namespace; both versions are written with the prefix `wsa`.
    pub const fn ns(self) -> Ns {
        match self {
            Self::V200408 => ns::WSA,
            Self::V10 => ns::WSA_10,
        }
    }

    /// The anonymous endpoint: the reply goes back on the connection.
    pub const fn anonymous(self) -> &'static str {
        match self {
            Self::V200408 => ns::ANONYMOUS,
            Self::V10 => ns::ANONYMOUS_10,
        }
    }

    /// The version with that namespace.
    pub fn from_ns(uri: &str) -> Option<Self> {
        [Self::V200408, Self::V10]
            .into_iter()
            .find(|version| version.ns().uri == uri)
    }
}

/// Whether `start` is that element of WS-Addressing, in either version.
pub(super) fn is_wsa(start: &Start<'_>, local: &str) -> bool {
    start.local == local && Addressing::from_ns(&start.ns).is_some()
}

/// Whether an address is the anonymous endpoint of either version.
pub fn is_anonymous(address: &str) -> bool {
    matches!(address.trim(), ns::ANONYMOUS | ns::ANONYMOUS_10)
}

/// Longest reference parameter that is kept, in bytes of XML.
const MAX_PARAMETER_BYTES: usize = 8 * 1024;
/// How many reference parameters are kept.
const MAX_PARAMETERS: usize = 32;
/// How many selectors one set may have.
const MAX_SELECTORS: usize = 64;

/// `wsa:EndpointReference` in the default addressing model (DSP0226, 5.1.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointReference {
    /// `wsa:Address`.
    pub address: String,
    /// `wsman:ResourceURI`.
    pub resource_uri: Option<String>,
    /// `wsman:SelectorSet`.
    pub selectors: SelectorSet,
    /// Further reference parameters and reference properties, each as XML that stands for itself, to be
    /// echoed as headers.
    pub parameters: Vec<String>,
}

impl EndpointReference {
    /// The reference to an endpoint without more.
    pub fn to(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            ..Self::default()
        }
    }

    /// Reads the content of `element`, whatever its name.
    pub fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut epr = Self::default();
        while let Some(child) = reader.child(element)? {
            epr.take(reader, &child)?;
        }
        epr.checked()
    }

    /// Reads the content of `element` whose first child was read already.
    pub(super) fn decode_from<'a>(
        reader: &mut Reader<'a>,
        element: &Start<'a>,
        first: &Start<'a>,
    ) -> Result<Self, Fault> {
        let mut epr = Self::default();
        epr.take(reader, first)?;
        while let Some(child) = reader.child(element)? {
            epr.take(reader, &child)?;
        }
        epr.checked()
    }

    fn checked(self) -> Result<Self, Fault> {
        if self.address.is_empty() {
            return Err(Fault::schema("An endpoint reference lacks its wsa:Address."));
        }
        Ok(self)
    }

    fn take<'a>(&mut self, reader: &mut Reader<'a>, child: &Start<'a>) -> Result<(), Fault> {
        if is_wsa(child, "Address") {
            reader.text(child)?.trim().clone_into(&mut self.address);
        } else if is_wsa(child, "ReferenceParameters") || is_wsa(child, "ReferenceProperties") {
            while let Some(parameter) = reader.child(child)? {
                self.take_parameter(reader, &parameter)?;
            }
        }
        Ok(())
    }

    fn take_parameter<'a>(&mut self, reader: &mut Reader<'a>, parameter: &Start<'a>) -> Result<(), Fault> {
        if parameter.is(ns::WSMAN.name("ResourceURI")) {
            self.resource_uri = Some(reader.text(parameter)?.trim().to_owned());
        } else if parameter.is(ns::WSMAN.name("SelectorSet")) {
            self.selectors = SelectorSet::decode(reader, parameter)?;
        } else if self.parameters.len() >= MAX_PARAMETERS {
            let reason = format!("An endpoint reference has more than {MAX_PARAMETERS} parameters.");
            return Err(Fault::new(FaultCause::EncodingLimit, reason));
        } else {
            self.parameters
                .push(reader.capture(parameter, MAX_PARAMETER_BYTES)?);
        }
        Ok(())
    }

    /// Writes the content, without the element around it.
    pub fn encode(&self, w: &mut Writer, addressing: Addressing) {
        let wsa = addressing.ns();
        w.leaf(wsa.name("Address"), &self.address);
        if self.resource_uri.is_none() && self.selectors.0.is_empty() && self.parameters.is_empty() {
            return;
        }
        w.element(wsa.name("ReferenceParameters"), |w| {
            if let Some(uri) = &self.resource_uri {
                w.leaf(ns::WSMAN.name("ResourceURI"), uri);
            }
            self.selectors.encode(w, addressing);
            for parameter in &self.parameters {
                w.raw(parameter);
            }
        });
    }

    /// The path of the instance that the reference means.
    pub fn to_path(&self) -> Result<InstancePath, Fault> {
        let uri = self.resource_uri.as_deref().unwrap_or_default();
        let resource = ResourceUri::parse(uri, &[])?;
        let class_name = resource
            .class_name()
            .ok_or_else(|| Fault::invalid_resource_uri(uri))?;
        let mut path = self.selectors.to_path(class_name)?;
        if path.namespace.is_none() {
            path.namespace = resource.namespace().cloned();
        }
        Ok(path)
    }
}

/// Writes the path of an instance as the content of an endpoint reference.
pub fn encode_path(w: &mut Writer, path: &InstancePath, form: &UriForm, addressing: Addressing) {
    let wsa = addressing.ns();
    w.leaf(wsa.name("Address"), addressing.anonymous());
    w.start(wsa.name("ReferenceParameters"));
    w.start(ns::WSMAN.name("ResourceURI"));
    form.push_class_uri(w.out(), path.class_name.as_str());
    w.end(ns::WSMAN.name("ResourceURI"));
    encode_selectors(w, path, form, addressing);
    w.end(wsa.name("ReferenceParameters"));
}

/// Writes the keys and the namespace of a path as a selector set.
fn encode_selectors(w: &mut Writer, path: &InstancePath, form: &UriForm, addressing: Addressing) {
    let namespace = form.namespace_of(path);
    if path.keys.is_empty() && namespace.is_none() {
        return;
    }
    w.start(ns::WSMAN.name("SelectorSet"));
    for key in &path.keys {
        w.start(SELECTOR);
        w.attr(Ns::NONE.name("Name"), key.name.as_str());
        match &key.value {
            Value::Reference(target) => {
                w.element(addressing.ns().name("EndpointReference"), |w| {
                    encode_path(w, target, form, addressing)
                });
            }
            Value::String(text) => w.text(text),
            value => w.text(&value.to_text()),
        }
        w.end(SELECTOR);
    }
    if let Some(namespace) = namespace {
        w.start(SELECTOR);
        w.attr(Ns::NONE.name("Name"), NAMESPACE_SELECTOR);
        w.text(namespace.as_str());
        w.end(SELECTOR);
    }
    w.end(ns::WSMAN.name("SelectorSet"));
}

const SELECTOR: xml::Name = ns::WSMAN.name("Selector");

/// `wsman:SelectorSet` (DSP0226, 5.1.2.2): names one instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectorSet(pub Vec<Selector>);

/// `wsman:Selector`: names one key of the target instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// The key, in the case the client wrote it.
    pub name: Name,
    /// Its value.
    pub value: SelectorValue,
}

/// The value of a selector.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectorValue {
    /// A text.
    Text(String),
    /// A reference, where the key is one.
    Reference(Box<EndpointReference>),
}

impl SelectorSet {
    /// The selectors that name the instance of a path.
    pub fn from_path(path: &InstancePath) -> Self {
        let key = |key: &KeyBinding| Selector {
            name: key.name.clone(),
            value: match &key.value {
                Value::Reference(target) => SelectorValue::Reference(Box::new(EndpointReference {
                    address: ns::ANONYMOUS.to_owned(),
                    resource_uri: Some(UriForm::Dmtf.class_uri(target.class_name.as_str())),
                    selectors: Self::from_path(target),
                    parameters: Vec::new(),
                })),
                value => SelectorValue::Text(value.to_text()),
            },
        };
        let mut selectors: Vec<Selector> = path.keys.iter().map(key).collect();
        if let Some(namespace) = &path.namespace {
            selectors.push(Selector::text(NAMESPACE_SELECTOR, namespace.as_str()));
        }
        Self(selectors)
    }

    /// Reads `wsman:SelectorSet`.
    pub fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let mut set: Vec<Selector> = Vec::new();
        while let Some(child) = reader.child(element)? {
            if !child.is(SELECTOR) {
                continue;
            }
            let selector = Selector::decode(reader, &child)?;
            if set.iter().any(|other| other.name == selector.name) {
                let reason = format!("The selector `{}` stands twice.", selector.name);
                return Err(
                    Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::DuplicateSelectors)
                );
            }
            if set.len() >= MAX_SELECTORS {
                let reason = format!("There are more than {MAX_SELECTORS} selectors.");
                return Err(Fault::new(FaultCause::EncodingLimit, reason).detail(FaultDetail::SelectorLimit));
            }
            set.push(selector);
        }
        Ok(Self(set))
    }

    /// Writes `wsman:SelectorSet`, or nothing where there is no selector.
    pub fn encode(&self, w: &mut Writer, addressing: Addressing) {
        if self.0.is_empty() {
            return;
        }
        w.element(ns::WSMAN.name("SelectorSet"), |w| {
            for selector in &self.0 {
                selector.encode(w, addressing);
            }
        });
    }

    /// The value of the selector of that name, where it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        let selector = self.0.iter().find(|selector| selector.name == *name)?;
        match &selector.value {
            SelectorValue::Text(text) => Some(text),
            SelectorValue::Reference(_) => None,
        }
    }

    /// The namespace that the selector `__cimnamespace` names.
    pub fn namespace(&self) -> Option<Namespace> {
        self.text(NAMESPACE_SELECTOR).map(Namespace::new)
    }

    /// The selectors but the one for the namespace.
    pub fn keys(&self) -> impl Iterator<Item = &Selector> {
        self.0
            .iter()
            .filter(|selector| selector.name != *NAMESPACE_SELECTOR)
    }

    /// The path of the instance of `class_name` that the selectors name. Values stay texts: the class says
    /// what they are.
    pub fn to_path(&self, class_name: &Name) -> Result<InstancePath, Fault> {
        let mut path = InstancePath::new(class_name.clone());
        path.namespace = self.namespace();
        for selector in self.keys() {
            let value = match &selector.value {
                SelectorValue::Text(text) => Value::String(text.clone()),
                SelectorValue::Reference(epr) => Value::Reference(Box::new(epr.to_path()?)),
            };
            path.keys.push(KeyBinding {
                name: selector.name.clone(),
                value,
            });
        }
        Ok(path)
    }
}

impl Selector {
    /// A selector with a text.
    pub fn text(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: Name::new(name),
            value: SelectorValue::Text(value.into()),
        }
    }

    fn decode<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Self, Fault> {
        let name = element.plain_attribute("Name").unwrap_or_default().trim();
        if name.is_empty() {
            return Err(Fault::schema("A wsman:Selector lacks its attribute Name."));
        }
        let value = match reader.content(element)? {
            xml::Content::Text(text) => SelectorValue::Text(text.into_owned()),
            xml::Content::Element(child) if is_wsa(&child, "EndpointReference") => {
                SelectorValue::Reference(Box::new(EndpointReference::decode(reader, &child)?))
            }
            xml::Content::Element(child) => {
                let reason = format!(
                    "The selector `{name}` holds `{}`; it may hold text or a wsa:EndpointReference.",
                    child.local
                );
                return Err(
                    Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::TypeMismatch)
                );
            }
        };
        Ok(Self {
            name: Name::new(name),
            value,
        })
    }

    fn encode(&self, w: &mut Writer, addressing: Addressing) {
        w.start(SELECTOR);
        w.attr(Ns::NONE.name("Name"), self.name.as_str());
        match &self.value {
            SelectorValue::Text(text) => w.text(text),
            SelectorValue::Reference(epr) => {
                w.element(addressing.ns().name("EndpointReference"), |w| {
                    epr.encode(w, addressing)
                });
            }
        }
        w.end(SELECTOR);
    }
}
