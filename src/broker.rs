//! The object manager: it takes (namespace, class, operation) to the provider, once for all protocols.
//!
//! An operation on a class reaches the instances of its subclasses too (DSP0200, 5.3.2; DSP0227, 8.3).
//! Operations may block, as providers may; [`Broker::answers_from_memory`] says when a read will not.

mod association;
mod builder;
mod classes;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::cim::schema::{NamespaceSchema, Schema};
use crate::cim::{
    CimError, CimStatus, Class, Instance, InstancePath, Name, Namespace, Property, same_key_value,
};
use crate::provider::{InstanceProvider, InstanceStream, MethodResult, RequestContext};

pub use association::{AssociatedStream, AssociationQuery};
pub use builder::{BrokerBuilder, BrokerError};

/// Says which instances of an enumeration are wanted.
pub type Predicate = Arc<dyn Fn(&Instance) -> bool + Send + Sync>;

/// Which instances an enumeration of a class yields, and with which properties (DSP0227, 8.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Polymorphism {
    /// Instances of subclasses too, each with all its properties.
    #[default]
    IncludeSubclassProperties,
    /// Instances of subclasses too, all of them shown as instances of the class asked for.
    ExcludeSubclassProperties,
    /// Instances of the very class alone.
    None,
}

/// The object manager. It never changes once it is built.
pub struct Broker {
    schema: Arc<Schema>,
    /// By the own name of each namespace: the providers by class.
    providers: HashMap<Namespace, HashMap<Name, Arc<dyn InstanceProvider>>>,
}

impl Broker {
    /// Begins a broker over `schema`.
    pub fn builder(schema: Arc<Schema>) -> BrokerBuilder {
        BrokerBuilder::new(schema)
    }

    /// The schema of all namespaces.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The schema of one namespace, or `INVALID_NAMESPACE`.
    pub fn namespace(&self, namespace: &Namespace) -> Result<&NamespaceSchema, CimError> {
        self.schema.namespace(namespace).ok_or_else(|| {
            CimError::new(
                CimStatus::InvalidNamespace,
                format!("there is no namespace `{namespace}` here"),
            )
        })
    }

    /// A class with everything that it inherits, or `INVALID_CLASS`.
    pub fn class(&self, namespace: &Namespace, class: &Name) -> Result<&Arc<Class>, CimError> {
        self.namespace(namespace)?.class(class).ok_or_else(|| {
            CimError::new(
                CimStatus::InvalidClass,
                format!("namespace `{namespace}` has no class `{class}`"),
            )
        })
    }

    /// Whether an enumeration or a get on `class` would be answered without waiting for anything.
    pub fn answers_from_memory(&self, namespace: &Namespace, class: &Name) -> bool {
        self.providers_below(namespace, class, Polymorphism::default())
            .is_ok_and(|providers| providers.iter().all(|provider| provider.answers_from_memory()))
    }

    /// How many instances an enumeration would yield before any filter, where that is cheap to know.
    pub fn estimate(&self, namespace: &Namespace, class: &Name) -> Option<u64> {
        let providers = self
            .providers_below(namespace, class, Polymorphism::default())
            .ok()?;
        providers.iter().try_fold(0_u64, |sum, provider| {
            Some(sum.saturating_add(provider.estimate()?))
        })
    }

    /// The instances of `class` and, unless `polymorphism` says no, of its subclasses. A class without a
    /// provider has no instances: the answer is empty. What fails before the first instance fails here.
    pub fn enumerate(
        &self,
        context: &RequestContext,
        class: &Name,
        polymorphism: Polymorphism,
        wanted: Option<Predicate>,
    ) -> Result<InstanceStream, CimError> {
        let providers = self.providers_below(&context.namespace, class, polymorphism)?;
        let mut providers = providers.into_iter();
        let first = providers
            .next()
            .map(|provider| provider.enumerate(context))
            .transpose()?;
        let later = context.clone();
        let rest: Vec<_> = providers.cloned().collect();
        let rest = rest
            .into_iter()
            .flat_map(move |provider| match provider.enumerate(&later) {
                Ok(stream) => stream,
                Err(error) => Box::new(std::iter::once(Err(error))),
            });
        let all = first.into_iter().flatten().chain(rest);
        let stream: InstanceStream = match wanted {
            Some(wanted) => {
                Box::new(all.filter(move |item| item.as_ref().map_or(true, |instance| wanted(instance))))
            }
            None => Box::new(all),
        };
        if polymorphism != Polymorphism::ExcludeSubclassProperties {
            return Ok(stream);
        }
        let shown_as = Arc::clone(self.class(&context.namespace, class)?);
        Ok(Box::new(stream.map(move |item| {
            item.map(|instance| shown_as_class(instance, &shown_as))
        })))
    }

    /// The instance at `path`, whose class may be any class above the instance's own; or `NOT_FOUND`.
    pub fn get(&self, context: &RequestContext, path: &InstancePath) -> Result<Arc<Instance>, CimError> {
        self.find(context, path).map(|(_, instance)| instance)
    }

    /// The path of an instance in the namespace of the request: its class and the keys that this declares.
    pub fn path_of(&self, context: &RequestContext, instance: &Instance) -> Result<InstancePath, CimError> {
        let class = self.class(&context.namespace, &instance.class_name)?;
        Ok(class.path_of(instance).in_namespace(context.namespace.clone()))
    }

    /// Creates an instance of its class and returns its path.
    pub fn create(&self, context: &RequestContext, instance: Instance) -> Result<InstancePath, CimError> {
        self.class(&context.namespace, &instance.class_name)?;
        let class = instance.class_name.clone();
        let provider = self
            .provider(&context.namespace, &class)
            .ok_or_else(|| CimError::not_supported(format!("instances of {class} cannot be created")))?;
        Ok(provider
            .create(context, instance)?
            .in_namespace(context.namespace.clone()))
    }

    /// Modifies the instance at `path`. Of `changes`, the properties that clients may write count,
    /// and of these the ones in `properties` where that is given; all others are passed over, whatever their
    /// value, as clients send back what they read (DSP0226, 7.3).
    pub fn modify(
        &self,
        context: &RequestContext,
        path: &InstancePath,
        mut changes: Instance,
        properties: Option<&[Name]>,
    ) -> Result<(), CimError> {
        let (provider, instance) = self.find(context, path)?;
        let class = self.class(&context.namespace, &instance.class_name)?;
        for declared in class.keys() {
            let name = declared.name.as_str();
            // What the path itself says is no change: a provider may know an instance by more than one path.
            let in_path = |new| path.key(name).is_some_and(|given| same_key_value(new, given));
            let same = match (changes.get(name), instance.get(name)) {
                (Some(new), Some(old)) => same_key_value(new, old) || in_path(new),
                _ => true,
            };
            if !same {
                return Err(CimError::invalid_parameter(format!(
                    "the key {name} cannot be changed"
                )));
            }
        }
        changes.retain(|property| {
            class.property(property.name.as_str()).is_some_and(|declared| {
                !declared.is_key() && (declared.is_writable() || provider.may_modify(&declared.name))
            }) && properties.is_none_or(|wanted| wanted.contains(&property.name))
        });
        changes.class_name = instance.class_name.clone();
        provider.modify(context, &class.path_of(&instance), changes)
    }

    /// Whether a client may change the property `name` of the instance at `path`: its class or its provider says so.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn may_modify(
        &self,
        context: &RequestContext,
        path: &InstancePath,
        name: &Name,
    ) -> Result<bool, CimError> {
        let (provider, instance) = self.find(context, path)?;
        let class = self.class(&context.namespace, &instance.class_name)?;
        Ok(class.property(name.as_str()).is_some_and(|declared| {
            !declared.is_key() && (declared.is_writable() || provider.may_modify(&declared.name))
        }))
    }

    /// Deletes the instance at `path`.
    pub fn delete(&self, context: &RequestContext, path: &InstancePath) -> Result<(), CimError> {
        let (provider, instance) = self.find(context, path)?;
        let class = self.class(&context.namespace, &instance.class_name)?;
        provider.delete(context, &class.path_of(&instance))
    }

    /// Calls a method on the instance at `path`, or on the class where the path has no keys and the method
    /// is static.
    pub fn invoke(
        &self,
        context: &RequestContext,
        path: &InstancePath,
        method: &Name,
        arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        let class = self.class(&context.namespace, &path.class_name)?;
        let declared = class.method(method.as_str()).ok_or_else(|| {
            CimError::new(
                CimStatus::MethodNotFound,
                format!("class {} has no method {method}", class.name),
            )
        })?;
        if declared.is_static() && path.keys.is_empty() {
            let provider = self.provider(&context.namespace, &class.name).ok_or_else(|| {
                CimError::new(
                    CimStatus::MethodNotAvailable,
                    format!("{}.{} is not available on this server", class.name, declared.name),
                )
            })?;
            return provider.invoke(context, path, declared, arguments);
        }
        let (provider, instance) = self.find(context, path)?;
        let class = self.class(&context.namespace, &instance.class_name)?;
        provider.invoke(context, &class.path_of(&instance), declared, arguments)
    }

    /// The instance at `path` with the provider that serves it.
    fn find(
        &self,
        context: &RequestContext,
        path: &InstancePath,
    ) -> Result<(&Arc<dyn InstanceProvider>, Arc<Instance>), CimError> {
        for provider in self.providers_below(&context.namespace, &path.class_name, Polymorphism::default())? {
            if let Some(instance) = provider.get(context, path)? {
                return Ok((provider, instance));
            }
        }
        Err(CimError::not_found(format!("there is no instance {path}")))
    }

    fn provider(&self, namespace: &Namespace, class: &Name) -> Option<&Arc<dyn InstanceProvider>> {
        self.providers
            .get(self.schema.namespace(namespace)?.name())?
            .get(class)
    }

    /// The providers of a class and of its subclasses, in the order of the schema.
    fn providers_below(
        &self,
        namespace: &Namespace,
        class: &Name,
        polymorphism: Polymorphism,
    ) -> Result<Vec<&Arc<dyn InstanceProvider>>, CimError> {
        let schema = self.namespace(namespace)?;
        let class = &self.class(namespace, class)?.name;
        let Some(providers) = self.providers.get(schema.name()) else {
            return Ok(Vec::new());
        };
        let mut found: Vec<_> = providers.get(class).into_iter().collect();
        if polymorphism != Polymorphism::None {
            let below = schema.subclasses(Some(class), true);
            found.extend(below.filter_map(|sub| providers.get(&sub.name)));
        }
        Ok(found)
    }
}

/// `instance` with the properties of `class` alone, as an instance of it.
fn shown_as_class(instance: Arc<Instance>, class: &Arc<Class>) -> Arc<Instance> {
    if instance.class_name == class.name {
        return instance;
    }
    let mut shown = (*instance).clone();
    shown.class_name = class.name.clone();
    shown.retain(|property| class.property(property.name.as_str()).is_some());
    Arc::new(shown)
}
