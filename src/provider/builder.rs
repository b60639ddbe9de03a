//! Builds an instance that has exactly the properties which its class declares, in their order.

use std::sync::Arc;

use crate::cim::{Class, Instance, Value};

/// An instance in the making. What is not set stays NULL.
pub struct InstanceBuilder {
    class: Arc<Class>,
    values: Vec<Option<Value>>,
}

impl InstanceBuilder {
    /// Begins an instance of `class`, a resolved class of the schema. Defaults that it declares are set.
    pub fn new(class: &Arc<Class>) -> Self {
        let values = class
            .properties
            .iter()
            .map(|property| property.default.clone())
            .collect();
        Self {
            class: Arc::clone(class),
            values,
        }
    }

    /// Sets a property. The name and the type are ours and known to fit: a test of each provider proves it.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.put(name, Some(value.into()));
        self
    }

    /// Sets a property that may be unknown; `None` is NULL.
    #[must_use]
    pub fn maybe(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        self.put(name, value.map(Into::into));
        self
    }

    fn put(&mut self, name: &str, value: Option<Value>) {
        let at = self
            .class
            .properties
            .iter()
            .position(|property| property.name == *name);
        debug_assert!(at.is_some(), "{} declares no {name}", self.class.name);
        let fits = |at: usize, value: &Value| {
            self.class.properties.get(at).is_some_and(|declared| {
                value.is_array() == declared.ty.is_array()
                    && value.cim_type().is_none_or(|ty| ty == declared.ty.cim_type)
            })
        };
        if let Some(at) = at {
            debug_assert!(
                value.as_ref().is_none_or(|value| fits(at, value)),
                "{}.{name} is not of the type of {value:?}",
                self.class.name
            );
            if let Some(slot) = self.values.get_mut(at) {
                *slot = value;
            }
        }
    }

    /// The finished instance.
    pub fn build(self) -> Arc<Instance> {
        let mut instance = Instance::with_capacity(self.class.name.clone(), self.values.len());
        for (declared, value) in self.class.properties.iter().zip(self.values) {
            instance.push(declared.with_value(value));
        }
        Arc::new(instance)
    }
}
