//! ESM_RemoteSetting: the values of the configuration that were set remotely. Deleting an instance drops its value.

use std::sync::Arc;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, MethodResult, RequestContext, stream_of};
use crate::cim::{CimError, CimStatus, Class, Instance, InstancePath, Method, Name, Property, Value};

/// What stands before the key in an InstanceID.
const PREFIX: &str = "ESM:RemoteSetting:";

/// A value that was set remotely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSetting {
    /// The key as people write it: `monitor.file-system:/var.warning`.
    pub key: String,
    /// The key that it is kept under; it differs where a name may change.
    pub stored_key: String,
    /// The value, in TOML.
    pub value: String,
    /// Whether it holds; one that does not fit the rest is kept and does not.
    pub in_force: bool,
}

/// The remote values as far as [`RemoteSettingProvider`] needs them. Both may block.
pub trait RemoteSettings: Send + Sync {
    /// All that are kept.
    ///
    /// # Errors
    /// If they cannot be read.
    fn list(&self) -> Result<Vec<RemoteSetting>, CimError>;

    /// Drops the values of these stored keys, all or none, for good.
    ///
    /// # Errors
    /// If what is left would not fit together, or the change cannot be written down.
    fn drop_values(&self, stored_keys: &[String]) -> Result<(), CimError>;
}

/// Serves the remote values.
pub struct RemoteSettingProvider {
    class: Arc<Class>,
    settings: Arc<dyn RemoteSettings>,
}

impl RemoteSettingProvider {
    /// The class that it serves.
    pub const CLASS: Name = Name::from_static("ESM_RemoteSetting");

    /// Serves the values of `settings`. `class` is [`Self::CLASS`] with all that it inherits.
    pub fn new(class: Arc<Class>, settings: Arc<dyn RemoteSettings>) -> Self {
        Self { class, settings }
    }

    fn instance(&self, setting: &RemoteSetting) -> Arc<Instance> {
        InstanceBuilder::new(&self.class)
            .set("InstanceID", format!("{PREFIX}{}", setting.stored_key))
            .set("ElementName", setting.key.as_str())
            .set("Caption", "Remote setting")
            .set("ConfigurationKey", setting.key.as_str())
            .set("StoredKey", setting.stored_key.as_str())
            .set("Value", setting.value.as_str())
            .set("InForce", setting.in_force)
            .build()
    }

    fn drop_keys(&self, keys: &[String]) -> Result<(), CimError> {
        let all = self.settings.list()?;
        let stored = |key: &String| {
            let found = all
                .iter()
                .find(|setting| setting.stored_key == *key || setting.key == *key);
            let missing = || CimError::not_found(format!("no value is set remotely for `{key}`"));
            found
                .map(|setting| setting.stored_key.clone())
                .ok_or_else(missing)
        };
        let stored: Vec<String> = keys.iter().map(stored).collect::<Result<_, _>>()?;
        self.settings.drop_values(&stored)
    }
}

impl InstanceProvider for RemoteSettingProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let settings = self.settings.list()?;
        let instances: Vec<_> = settings.iter().map(|setting| self.instance(setting)).collect();
        Ok(stream_of(instances))
    }

    fn delete(&self, _context: &RequestContext, path: &InstancePath) -> Result<(), CimError> {
        let id = path.key_str("InstanceID").unwrap_or_default();
        let key = id.strip_prefix(PREFIX).unwrap_or(id);
        self.drop_keys(&[key.to_owned()])
    }

    fn invoke(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        method: &Method,
        arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        if method.name != *"Reset" {
            return Err(CimError::new(
                CimStatus::MethodNotFound,
                format!("{} has no method {}", self.class.name, method.name),
            ));
        }
        self.drop_keys(&keys(arguments)?)?;
        Ok(MethodResult {
            return_value: Value::Uint32(0),
            out: Vec::new(),
        })
    }
}

fn keys(arguments: &[Property]) -> Result<Vec<String>, CimError> {
    let keys = arguments.iter().find(|argument| argument.name == *"Keys");
    match keys.and_then(|keys| keys.value.as_ref()) {
        Some(Value::Array(items)) if !items.is_empty() => {
            let text = |item: &Value| item.as_str().map(str::to_owned);
            let wrong = || CimError::invalid_parameter("`Keys` must be keys of the configuration");
            items.iter().map(|item| text(item).ok_or_else(wrong)).collect()
        }
        _ => Err(CimError::invalid_parameter("`Keys` must name at least one key")),
    }
}
