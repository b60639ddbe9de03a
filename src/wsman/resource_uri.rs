//! Resource URIs (DSP0230, 5.3; DSP0227, 5.1): which class a request means, and how the client spelled it.

use std::sync::Arc;

use super::Fault;
use super::ns;
use crate::cim::{InstancePath, Name, Namespace};

/// What a `wsman:ResourceURI` names.
#[derive(Clone, Debug, PartialEq)]
pub enum ResourceUri {
    /// One class, and through selectors its instances.
    Class {
        /// How the URI was spelled.
        form: UriForm,
        /// The class, in the case the client wrote it.
        class_name: Name,
    },
    /// All classes: what a query or an association filter is sent to.
    AllClasses {
        /// How the URI was spelled.
        form: UriForm,
    },
    /// Class definitions as CIM-XML: the class is named by the selector `ClassName`, or by the URI.
    ClassDefinition {
        /// The class, where the URI names it.
        class_name: Option<Name>,
    },
    /// openwsman's intrinsic operations.
    Intrinsic {
        /// The class, where the URI names it.
        class_name: Option<Name>,
    },
}

/// How resource URIs are spelled; a reply uses the form of its request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum UriForm {
    /// `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CLASS`.
    #[default]
    Dmtf,
    /// `http://schemas.microsoft.com/wbem/wsman/1/wmi/NAMESPACE/CLASS`.
    Wmi(Namespace),
    /// A prefix of the vendor's own, from the configuration, with a slash at its end.
    Vendor(Arc<str>),
}

/// The selector that names the CIM namespace (DSP0227, 5.3.2).
pub const NAMESPACE_SELECTOR: &str = "__cimnamespace";

/// Where a class is looked for when the request names no namespace.
pub fn default_namespace(class_name: &Name) -> Namespace {
    if class_name
        .schema_prefix()
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("ESM"))
    {
        Namespace::from_static("root/ESMPRO/AS")
    } else {
        Namespace::from_static("root/cimv2")
    }
}

impl ResourceUri {
    /// The URI of a class in the form of the DMTF.
    pub fn class(class_name: Name) -> Self {
        Self::Class {
            form: UriForm::Dmtf,
            class_name,
        }
    }

    /// Reads a URI. `vendor_prefixes` are the vendor forms that are in force besides the standard ones.
    pub fn parse(uri: &str, vendor_prefixes: &[Arc<str>]) -> Result<Self, Fault> {
        let uri = uri.trim();
        let invalid = || Fault::invalid_resource_uri(uri);
        // First what clients ask for most.
        if let Some(class) = strip(uri, ns::CIM_SCHEMA) {
            return Self::of_class(UriForm::Dmtf, class).ok_or_else(invalid);
        }
        if uri == ns::ALL_CLASSES {
            return Ok(Self::AllClasses { form: UriForm::Dmtf });
        }
        if let Some(class) = strip(uri, ns::CLASS_DEFINITIONS) {
            return Ok(Self::ClassDefinition {
                class_name: match class {
                    "*" | "" => None,
                    class => Some(Name::parse(class).map_err(|_| invalid())?),
                },
            });
        }
        if let Some(rest) = strip(uri, ns::INTRINSIC) {
            return Ok(Self::Intrinsic {
                class_name: match rest.trim_start_matches('/') {
                    "" | "*" => None,
                    class => Some(Name::parse(class).map_err(|_| invalid())?),
                },
            });
        }
        split(uri, vendor_prefixes)
            .and_then(|(form, class)| Self::of_class(form, class))
            .ok_or_else(invalid)
    }

    /// A class, or with `*` all classes; nothing if it is no name of a class.
    fn of_class(form: UriForm, class: &str) -> Option<Self> {
        if class == "*" {
            return Some(Self::AllClasses { form });
        }
        let class_name = Name::parse(class).ok()?;
        Some(Self::Class { form, class_name })
    }

    /// How the URI was spelled.
    pub fn form(&self) -> UriForm {
        match self {
            Self::Class { form, .. } | Self::AllClasses { form } => form.clone(),
            Self::ClassDefinition { .. } | Self::Intrinsic { .. } => UriForm::Dmtf,
        }
    }

    /// The class that the URI itself names.
    pub fn class_name(&self) -> Option<&Name> {
        match self {
            Self::Class { class_name, .. } => Some(class_name),
            Self::AllClasses { .. } => None,
            Self::ClassDefinition { class_name } | Self::Intrinsic { class_name } => class_name.as_ref(),
        }
    }

    /// The namespace that the URI itself names: the Windows form has one.
    pub fn namespace(&self) -> Option<&Namespace> {
        match self {
            Self::Class {
                form: UriForm::Wmi(namespace),
                ..
            }
            | Self::AllClasses {
                form: UriForm::Wmi(namespace),
            } => Some(namespace),
            _ => None,
        }
    }
}

/// As it stands in a message.
impl std::fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Class { form, class_name } => f.write_str(&form.class_uri(class_name.as_str())),
            Self::AllClasses { form: UriForm::Dmtf } => f.write_str(ns::ALL_CLASSES),
            Self::AllClasses { form } => f.write_str(&form.class_uri("*")),
            Self::ClassDefinition { class_name } => {
                write!(
                    f,
                    "{}{}",
                    ns::CLASS_DEFINITIONS,
                    class_name.as_ref().map_or("*", Name::as_str)
                )
            }
            Self::Intrinsic { class_name: None } => f.write_str(ns::INTRINSIC),
            Self::Intrinsic {
                class_name: Some(class_name),
            } => write!(f, "{}/{class_name}", ns::INTRINSIC),
        }
    }
}

impl UriForm {
    /// The URI of a class in this form; it is the XML namespace of its instances too.
    pub fn class_uri(&self, class_name: &str) -> String {
        let mut uri = String::with_capacity(80);
        self.push_class_uri(&mut uri, class_name);
        uri
    }

    /// Appends the URI of a class.
    pub fn push_class_uri(&self, out: &mut String, class_name: &str) {
        match self {
            Self::Dmtf => out.push_str(ns::CIM_SCHEMA),
            Self::Wmi(namespace) => {
                out.push_str(ns::WMI);
                out.push_str(namespace.as_str());
                out.push('/');
            }
            Self::Vendor(prefix) => out.push_str(prefix),
        }
        out.push_str(class_name);
    }

    /// The path of an instance with its namespace as this form spells it.
    pub(super) fn namespace_of<'p>(&'p self, path: &'p InstancePath) -> Option<&'p Namespace> {
        match self {
            // The URI says it already.
            Self::Wmi(namespace) if path.namespace.as_ref() == Some(namespace) => None,
            _ => path.namespace.as_ref(),
        }
    }
}

/// Splits a class URI of another form than the DMTF's into its form and what follows the last slash.
fn split<'u>(uri: &'u str, vendor_prefixes: &[Arc<str>]) -> Option<(UriForm, &'u str)> {
    if let Some(rest) = strip(uri, ns::WMI) {
        let (namespace, class) = rest.rsplit_once('/')?;
        // Slashes around it are no part of a namespace.
        let namespace = Namespace::new(namespace);
        return (!namespace.as_str().is_empty()).then_some((UriForm::Wmi(namespace), class));
    }
    vendor_prefixes.iter().find_map(|prefix| {
        let class = strip(uri, prefix)?;
        Some((UriForm::Vendor(prefix.clone()), class))
    })
}

/// What follows `prefix`, whatever the case of its letters.
fn strip<'u>(uri: &'u str, prefix: &str) -> Option<&'u str> {
    let (head, rest) = uri.split_at_checked(prefix.len())?;
    (head == prefix || head.eq_ignore_ascii_case(prefix)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vendor() -> Vec<Arc<str>> {
        vec![Arc::from("http://vendor.example/cim/")]
    }

    #[track_caller]
    fn check(uri: &str, expect: Option<ResourceUri>) {
        let got = ResourceUri::parse(uri, &vendor()).ok();
        assert_eq!(got, expect, "{uri}");
        if let Some(resource) = expect {
            let text = resource.to_string();
            assert_eq!(
                ResourceUri::parse(&text, &vendor()).ok(),
                Some(resource),
                "{text} reads back"
            );
        }
    }

    fn class(form: UriForm, class_name: &'static str) -> Option<ResourceUri> {
        let class_name = Name::from_static(class_name);
        Some(ResourceUri::Class { form, class_name })
    }

    #[test]
    fn every_form_is_read() {
        let wmi = UriForm::Wmi(Namespace::from_static("root/cimv2"));
        check(
            "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_X",
            class(UriForm::Dmtf, "CIM_X"),
        );
        check(
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/CIM_X",
            class(wmi.clone(), "cim_x"),
        );
        check(
            "http://vendor.example/cim/ESM_X",
            class(UriForm::Vendor(Arc::from("http://vendor.example/cim/")), "ESM_X"),
        );
        check(
            "http://schemas.dmtf.org/wbem/wscim/1/*",
            Some(ResourceUri::AllClasses { form: UriForm::Dmtf }),
        );
        check(
            "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/*",
            Some(ResourceUri::AllClasses { form: UriForm::Dmtf }),
        );
        check(
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/*",
            Some(ResourceUri::AllClasses { form: wmi }),
        );
        check(
            "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/*",
            Some(ResourceUri::ClassDefinition { class_name: None }),
        );
        check(
            "http://schemas.openwsman.org/wbem/wscim/1/intrinsic/CIM_X",
            Some(ResourceUri::Intrinsic {
                class_name: Some(Name::from_static("CIM_X")),
            }),
        );
    }

    #[test]
    fn what_is_no_class_is_refused() {
        for uri in [
            "",
            "CIM_X",
            "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/",
            "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/a/b",
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/CIM_X",
            "http://schemas.microsoft.com/wbem/wsman/1/wmi///CIM_X",
            "http://other.example/CIM_X",
        ] {
            check(uri, None);
        }
    }

    #[test]
    fn a_class_has_a_default_namespace() {
        assert_eq!(
            default_namespace(&Name::new("esm_Alive")),
            Namespace::new("root/ESMPRO/AS")
        );
        assert_eq!(
            default_namespace(&Name::new("CIM_System")),
            Namespace::new("root/cimv2")
        );
    }
}
