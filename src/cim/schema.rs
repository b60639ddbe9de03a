//! Schemas: the classes of each namespace, with inheritance resolved once (DSP0004, 5.1 and 5.6).
//!
//! A schema does not change once it is made. Classes keep what they inherit unchanged as references to the
//! superclass's members, and namespaces share the classes that are the same in both.

mod house;
mod inherit;
mod namespace;
mod qualifier_type;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use house::house;
pub use inherit::{Inheritance, inherit};
pub use namespace::NamespaceSchema;
pub use qualifier_type::{QualifierType, QualifierTypes, Scopes};

use super::Namespace;

/// The namespaces that a server knows, under all their names.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    namespaces: BTreeMap<Namespace, Arc<NamespaceSchema>>,
}

impl Schema {
    /// A schema of these namespaces.
    pub fn new(namespaces: impl IntoIterator<Item = NamespaceSchema>) -> Self {
        Self {
            namespaces: namespaces
                .into_iter()
                .map(|namespace| (namespace.name().clone(), Arc::new(namespace)))
                .collect(),
        }
    }

    /// The same schema, where `alias` is another name of `namespace`. Nothing changes if there is no such
    /// namespace.
    #[must_use]
    pub fn with_alias(mut self, alias: Namespace, namespace: &Namespace) -> Self {
        if let Some(known) = self.namespaces.get(namespace).map(Arc::clone) {
            self.namespaces.insert(alias, known);
        }
        self
    }

    /// The classes of a namespace, under any of its names.
    pub fn namespace(&self, name: &Namespace) -> Option<&NamespaceSchema> {
        self.namespaces.get(name).map(Arc::as_ref)
    }

    /// The classes of a namespace, under any of its names, to keep.
    pub fn shared(&self, name: &Namespace) -> Option<Arc<NamespaceSchema>> {
        self.namespaces.get(name).cloned()
    }

    /// All names of namespaces, other names included, in the order of the names.
    pub fn names(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.keys()
    }

    /// Every namespace once, in the order of its own name.
    pub fn namespaces(&self) -> impl Iterator<Item = &NamespaceSchema> {
        self.namespaces
            .iter()
            .filter(|(name, namespace)| *name == namespace.name())
            .map(|(_, namespace)| namespace.as_ref())
    }
}
