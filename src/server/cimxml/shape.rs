//! How the instances of an answer are written.

use std::sync::Arc;

use super::Exchange;
use crate::broker::Broker;
use crate::cim::{CimError, Instance, Namespace};
use crate::cimxml::instance::Shown;
use crate::cimxml::{InstanceView, ResponseWriter};
use crate::provider::RequestContext;

/// What of each instance is written: its path, or what a view shows of it.
pub(super) struct Shape {
    broker: Arc<Broker>,
    namespace: Namespace,
    /// `None` for the path alone.
    view: Option<InstanceView>,
}

impl Shape {
    /// The instances, as `view` shows them.
    pub(super) fn instances(exchange: &Exchange, context: &RequestContext, view: InstanceView) -> Self {
        Self {
            broker: Arc::clone(&exchange.shared.broker),
            namespace: context.namespace.clone(),
            view: Some(view),
        }
    }

    /// Their paths alone.
    pub(super) fn paths(exchange: &Exchange, context: &RequestContext) -> Self {
        Self {
            broker: Arc::clone(&exchange.shared.broker),
            namespace: context.namespace.clone(),
            view: None,
        }
    }

    /// Writes one.
    pub(super) fn write(&self, response: &mut ResponseWriter, instance: &Instance) -> Result<(), CimError> {
        let class = self.broker.class(&self.namespace, &instance.class_name)?;
        let path = class.path_of(instance);
        match &self.view {
            Some(view) => response.instance(&path, instance, Shown::new(view, Some(class))),
            None => response.path(&path),
        }
        Ok(())
    }
}
