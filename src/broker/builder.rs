//! Puts a broker together: which provider serves which class in which namespaces.

use std::collections::HashMap;
use std::sync::Arc;

use super::Broker;
use crate::cim::schema::Schema;
use crate::cim::{Name, Namespace};
use crate::provider::InstanceProvider;

/// A mistake in how the providers were registered; it shows when the agent is built, not when it is asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum BrokerError {
    #[error("no namespace `{0}` in the schema")]
    UnknownNamespace(Namespace),
    #[error("no class `{class}` in namespace `{namespace}`")]
    UnknownClass { namespace: Namespace, class: Name },
    #[error("class `{class}` has two providers in namespace `{namespace}`")]
    TwoProviders { namespace: Namespace, class: Name },
}

/// A broker in the making.
pub struct BrokerBuilder {
    schema: Arc<Schema>,
    registered: Vec<(Namespace, Arc<dyn InstanceProvider>)>,
}

impl BrokerBuilder {
    pub(super) fn new(schema: Arc<Schema>) -> Self {
        Self {
            schema,
            registered: Vec::new(),
        }
    }

    /// Serves the provider's class in each of `namespaces`, under all their names.
    #[must_use]
    pub fn serve(mut self, namespaces: &[Namespace], provider: Arc<dyn InstanceProvider>) -> Self {
        self.registered.extend(
            namespaces
                .iter()
                .map(|namespace| (namespace.clone(), Arc::clone(&provider))),
        );
        self
    }

    /// The finished broker.
    pub fn build(self) -> Result<Broker, BrokerError> {
        let mut providers: HashMap<Namespace, HashMap<Name, Arc<dyn InstanceProvider>>> = HashMap::new();
        for (namespace, provider) in self.registered {
            let class = provider.class_name().clone();
            let schema = self
                .schema
                .namespace(&namespace)
                .ok_or_else(|| BrokerError::UnknownNamespace(namespace.clone()))?;
            if schema.class(&class).is_none() {
                return Err(BrokerError::UnknownClass { namespace, class });
            }
            let in_namespace = providers.entry(namespace.clone()).or_default();
            if in_namespace.insert(class.clone(), provider).is_some() {
                return Err(BrokerError::TwoProviders { namespace, class });
            }
        }
        Ok(Broker {
            schema: self.schema,
            providers,
        })
    }
}
