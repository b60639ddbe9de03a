//! Walking associations (DSP0200, 5.4.2.5 to 5.4.2.8; DSP0227, 8.2): from an object to the objects that it
//! is associated with, and to the association instances that refer to it.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use super::{Broker, Polymorphism};
use crate::cim::{CimError, CimStatus, Instance, InstancePath, Name, Value};
use crate::provider::{InstanceStream, RequestContext};

/// What limits a walk; what is not given limits nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AssociationQuery {
    /// The class of the association.
    pub association_class: Option<Name>,
    /// The class of the objects at the other end; in a walk to references, of the association instances.
    pub result_class: Option<Name>,
    /// The reference property through which the object itself is referred to.
    pub role: Option<Name>,
    /// The reference property through which the other object is referred to.
    pub result_role: Option<Name>,
}

/// How many objects a walk remembers that it has yielded, so that each comes once.
const REMEMBERED: usize = 64 * 1024;

/// Associated objects with their paths.
pub type AssociatedStream = Box<dyn Iterator<Item = Result<Arc<Instance>, CimError>> + Send>;

impl Broker {
    /// The association instances that refer to the object at `path`.
    pub fn references(
        &self,
        context: &RequestContext,
        path: &InstancePath,
        query: &AssociationQuery,
    ) -> Result<InstanceStream, CimError> {
        let object = self.resolve(context, path)?;
        let class = query.result_class.as_ref().or(query.association_class.as_ref());
        let role = query.role.clone();
        let all = self.associations(context, class)?;
        Ok(Box::new(all.filter(move |item| {
            item.as_ref().map_or(true, |association| {
                refers_to(association, &object, role.as_ref()).is_some()
            })
        })))
    }

    /// The objects that are associated with the object at `path`, each of them once, however many associations lead
    /// to it. So that the walk does not grow with what it yields, this is said of its first 65,536 objects: what is
    /// none of them comes as often as it is found.
    pub fn associators(
        self: &Arc<Self>,
        context: &RequestContext,
        path: &InstancePath,
        query: &AssociationQuery,
    ) -> Result<AssociatedStream, CimError> {
        let object = self.resolve(context, path)?;
        if let Some(class) = &query.result_class {
            self.class(&context.namespace, class)?;
        }
        let associations = self.associations(context, query.association_class.as_ref())?;
        let (broker, context, query) = (Arc::clone(self), context.clone(), query.clone());
        let mut yielded = Yielded::default();
        Ok(Box::new(associations.flat_map(move |item| match item {
            Ok(association) => {
                let mut ends = broker.other_ends(&context, &association, &object, &query);
                ends.retain(|end| match end {
                    Ok(instance) => broker
                        .path_of(&context, instance)
                        .map_or(true, |path| yielded.is_new(&path)),
                    Err(_) => true,
                });
                ends
            }
            Err(error) => vec![Err(error)],
        })))
    }

    /// The canonical path of the object that a walk begins at, or `NOT_FOUND`.
    fn resolve(&self, context: &RequestContext, path: &InstancePath) -> Result<InstancePath, CimError> {
        let instance = self.get(context, path)?;
        self.path_of(context, &instance)
    }

    /// All association instances of a class, or of every association there is.
    fn associations(
        &self,
        context: &RequestContext,
        class: Option<&Name>,
    ) -> Result<InstanceStream, CimError> {
        let schema = self.namespace(&context.namespace)?;
        let roots: Vec<Name> = match class {
            Some(class) => {
                let class = self.class(&context.namespace, class)?;
                if !class.is_association() {
                    return Err(CimError::new(
                        CimStatus::InvalidParameter,
                        format!("{} is no association", class.name),
                    ));
                }
                vec![class.name.clone()]
            }
            None => schema
                .classes()
                .filter(|class| class.is_association())
                .map(|class| class.name.clone())
                .collect(),
        };
        // Each association class is asked by itself where all are wanted: its subclasses are roots too.
        let polymorphism = if class.is_some() {
            Polymorphism::default()
        } else {
            Polymorphism::None
        };
        let streams = roots
            .iter()
            .map(|root| self.enumerate(context, root, polymorphism, None))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(streams.into_iter().flatten()))
    }

    /// The objects at the other ends of one association instance.
    fn other_ends(
        &self,
        context: &RequestContext,
        association: &Instance,
        object: &InstancePath,
        query: &AssociationQuery,
    ) -> Vec<Result<Arc<Instance>, CimError>> {
        let Some(own_role) = refers_to(association, object, query.role.as_ref()) else {
            return Vec::new();
        };
        let wanted = |name: &Name| {
            *name != own_role
                && query
                    .result_role
                    .as_ref()
                    .is_none_or(|result_role| result_role == name)
        };
        references_of(association)
            .filter(|(role, _)| wanted(role))
            .filter_map(|(_, target)| match self.get(context, target) {
                Ok(instance) => self
                    .is_wanted_class(context, &instance, query)
                    .then_some(Ok(instance)),
                // What went away between the two reads is no error.
                Err(error) if error.status == CimStatus::NotFound => None,
                Err(error) => Some(Err(error)),
            })
            .collect()
    }

    fn is_wanted_class(
        &self,
        context: &RequestContext,
        instance: &Instance,
        query: &AssociationQuery,
    ) -> bool {
        query.result_class.as_ref().is_none_or(|class| {
            self.namespace(&context.namespace)
                .is_ok_and(|schema| schema.is_a(&instance.class_name, class))
        })
    }
}

/// The objects that a walk has yielded, by two hashes of their paths under keys of their own: nobody can make two
/// paths that are taken for one.
#[derive(Default)]
struct Yielded {
    keys: [RandomState; 2],
    seen: HashSet<[u64; 2]>,
}

impl Yielded {
    /// Whether the object at `path` was not yielded before, as far as is remembered.
    fn is_new(&mut self, path: &InstancePath) -> bool {
        // Paths are equal more often than their texts, but those of one provider are written alike.
        let text = path.to_string();
        let mark = self.keys.each_ref().map(|key| key.hash_one(&text));
        if self.seen.len() < REMEMBERED {
            self.seen.insert(mark)
        } else {
            !self.seen.contains(&mark)
        }
    }
}

/// The reference properties of an association instance.
fn references_of(association: &Instance) -> impl Iterator<Item = (&Name, &InstancePath)> {
    association
        .properties()
        .iter()
        .filter_map(|property| match &property.value {
            Some(Value::Reference(path)) => Some((&property.name, path.as_ref())),
            _ => None,
        })
}

/// The property through which `association` refers to `object`, in `role` where that is given.
fn refers_to(association: &Instance, object: &InstancePath, role: Option<&Name>) -> Option<Name> {
    references_of(association)
        .find(|(name, path)| role.is_none_or(|role| role == *name) && *path == object)
        .map(|(name, _)| name.clone())
}
