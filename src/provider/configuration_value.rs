//! ESM_ConfigurationValue: the values of the configuration in force, each with where it comes from.

use std::sync::Arc;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};
use crate::cim::{CimError, Class, Instance, Name};

/// What stands before the key in an InstanceID.
const PREFIX: &str = "ESM:ConfigurationValue:";

/// A value of the configuration in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationValue {
    /// The key as people write it: `monitor.file-system:/var.warning`.
    pub key: String,
    /// The key that does not change with a name.
    pub stored_key: String,
    /// The value, in TOML; none where the key is not set and has no default.
    pub value: Option<String>,
    /// Where it comes from: `default`, `remote`, or `FILE:LINE`.
    pub source: String,
    /// Whether another value is taken only when the agent is restarted.
    pub needs_restart: bool,
}

/// The configuration in force as far as [`ConfigurationValueProvider`] needs it.
pub trait ConfigurationInForce: Send + Sync {
    /// Every value, in the order of the documentation.
    fn values(&self) -> Vec<ConfigurationValue>;
}

/// Serves the values.
pub struct ConfigurationValueProvider {
    class: Arc<Class>,
    configuration: Arc<dyn ConfigurationInForce>,
}

impl ConfigurationValueProvider {
    /// The class that it serves.
    pub const CLASS: Name = Name::from_static("ESM_ConfigurationValue");

    /// Serves the values of `configuration`. `class` is [`Self::CLASS`] with all that it inherits.
    pub fn new(class: Arc<Class>, configuration: Arc<dyn ConfigurationInForce>) -> Self {
        Self { class, configuration }
    }

    fn instance(&self, value: &ConfigurationValue) -> Arc<Instance> {
        InstanceBuilder::new(&self.class)
            .set("InstanceID", format!("{PREFIX}{}", value.stored_key))
            .set("ElementName", value.key.as_str())
            .set("Caption", "Configuration value")
            .set("ConfigurationKey", value.key.as_str())
            .maybe("Value", value.value.as_deref())
            .set("Source", value.source.as_str())
            .set("NeedsRestart", value.needs_restart)
            .build()
    }
}

impl InstanceProvider for ConfigurationValueProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let values = self.configuration.values();
        let instances: Vec<_> = values.iter().map(|value| self.instance(value)).collect();
        Ok(stream_of(instances))
    }
}
