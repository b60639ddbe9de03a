//! What a request means: the class that its resource URI names, and the instance that its selectors name.

use std::sync::Arc;

use super::Shared;
use super::exchange::Exchange;
use crate::broker::Polymorphism;
use crate::cim::{CimError, CimStatus, CimType, Class, InstancePath, Name, Value};
use crate::provider::{RequestContext, has_keys};
use crate::wsman::{Fault, FaultCause, FaultDetail, ResourceUri, Style};

/// A class in a namespace, and how the client spelled it.
pub(super) struct Target {
    pub(super) resource: ResourceUri,
    pub(super) context: RequestContext,
    pub(super) class: Arc<Class>,
    pub(super) style: Style,
}

impl Shared {
    /// Whether a get or an enumeration of the request's class would not wait for anything. An error is told
    /// by the operation itself.
    pub(super) fn answers_from_memory(&self, exchange: &Exchange) -> bool {
        let Ok(resource) = exchange.resource() else {
            return true;
        };
        let namespace = exchange.headers.namespace(&resource);
        resource
            .class_name()
            .is_none_or(|class| self.broker.answers_from_memory(&namespace, class))
    }

    /// The class that the request names.
    pub(super) fn target(&self, exchange: &Exchange) -> Result<Target, Fault> {
        let resource = exchange.resource()?;
        let Some(class_name) = resource.class_name().cloned() else {
            return Err(Fault::action_not_supported(&exchange.headers.action));
        };
        self.target_class(exchange, resource, &class_name)
    }

    /// A class in the namespace that the request means.
    pub(super) fn target_class(
        &self,
        exchange: &Exchange,
        resource: ResourceUri,
        class_name: &Name,
    ) -> Result<Target, Fault> {
        let namespace = exchange.headers.namespace(&resource);
        let class = self
            .broker
            .class(&namespace, class_name)
            .map_err(|error| match error.status {
                CimStatus::InvalidClass => {
                    let uri = exchange.headers.resource_uri.as_deref().unwrap_or_default();
                    let mut fault = Fault::invalid_resource_uri(uri);
                    fault.reason = format!("{} (resource URI `{uri}`).", error.detail);
                    fault.cim_status = Some(error.status);
                    fault
                }
                _ => Fault::from(error),
            })?;
        Ok(Target {
            class: Arc::clone(class),
            context: exchange.context(namespace),
            style: exchange.style(&resource),
            resource,
        })
    }

    /// The path of the one instance that the selectors name. Without selectors it is the only instance of
    /// the class, if it has just one (DSP0227, 5.2).
    pub(super) fn instance_path(&self, exchange: &Exchange, target: &Target) -> Result<InstancePath, Fault> {
        let path = exchange.headers.path(&target.resource)?;
        if path.keys.is_empty() {
            return self.only_instance(target, &path);
        }
        let mut keys = target.class.keys().peekable();
        if keys.peek().is_none() {
            return Ok(path);
        }
        if let Some(missing) = keys.find(|key| path.key(key.name.as_str()).is_none()) {
            let reason = format!("The selector `{}` is missing.", missing.name);
            return Err(
                Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::InsufficientSelectors)
            );
        }
        if let Some(unexpected) = path.keys.iter().find(|selector| !target.is_key(&selector.name)) {
            let reason = format!("`{}` is no key of {}.", unexpected.name, target.class.name);
            return Err(
                Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::UnexpectedSelectors)
            );
        }
        target.typed(path)
    }

    /// The path of the one instance that a reader means: some clients name it by one key alone, which will do
    /// where no other instance has it. Only whole paths name what is changed.
    pub(super) fn path_to_read(&self, exchange: &Exchange, target: &Target) -> Result<InstancePath, Fault> {
        let path = exchange.headers.path(&target.resource)?;
        let is_partial = target
            .class
            .keys()
            .any(|key| path.key(key.name.as_str()).is_none());
        if is_partial && path.keys.iter().all(|selector| target.is_key(&selector.name)) {
            return self.only_instance(target, &target.typed(path)?);
        }
        self.instance_path(exchange, target)
    }

    /// The path of the only instance that has the keys of `path`.
    fn only_instance(&self, target: &Target, path: &InstancePath) -> Result<InstancePath, Fault> {
        let selectors = path.clone();
        let mut instances = self.broker.enumerate(
            &target.context,
            &target.class.name,
            Polymorphism::default(),
            Some(Arc::new(move |instance| has_keys(instance, &selectors))),
        )?;
        match (instances.next().transpose()?, instances.next().transpose()?) {
            (Some(only), None) => Ok(self.broker.path_of(&target.context, &only)?),
            (None, _) if path.keys.is_empty() => Err(Fault::new(
                FaultCause::DestinationUnreachable,
                format!("{} has no instances.", target.class.name),
            )),
            (None, _) => Err(CimError::not_found(format!("there is no instance {path}")).into()),
            (Some(_), Some(_)) => {
                let keys: Vec<&str> = target.class.keys().map(|key| key.name.as_str()).collect();
                let reason = format!(
                    "There are several such instances of {}; name one by its keys ({}).",
                    target.class.name,
                    keys.join(", ")
                );
                Err(Fault::new(FaultCause::InvalidSelectors, reason)
                    .detail(FaultDetail::InsufficientSelectors))
            }
        }
    }
}

impl Target {
    /// The path with keys of the types that the class declares; selectors are texts.
    fn typed(&self, mut path: InstancePath) -> Result<InstancePath, Fault> {
        for key in &mut path.keys {
            let declared = self.class.property(key.name.as_str());
            let (Some(declared), Value::String(text)) = (declared, &key.value) else {
                continue;
            };
            if declared.ty.cim_type == CimType::Reference {
                continue;
            }
            key.value = Value::from_text(declared.ty.cim_type, text).map_err(|error| {
                let reason = format!("The selector `{}`: {error}.", key.name);
                Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::TypeMismatch)
            })?;
        }
        Ok(path)
    }

    fn is_key(&self, name: &Name) -> bool {
        self.class
            .property(name.as_str())
            .is_some_and(|property| property.is_key())
    }
}
