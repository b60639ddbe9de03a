//! What the classes of subscriptions have in common: names, labels, and how errors are told.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::{InstanceBuilder, has_keys};
use crate::cim::{CimError, CimStatus, Instance, InstancePath, Name, Value, same_key_value};
use crate::delivery::Registry;
use crate::delivery::filters::FilterError;
use crate::delivery::wbem::{WbemError, is_own};
use crate::subscription::{Labels, ObjectName};

/// The longest name that is taken, in bytes.
const MAX_NAME_BYTES: usize = 1_024;

/// The registry, for providers that change it. Changes are made where blocking is allowed.
pub(super) struct Changes {
    pub(super) registry: Registry,
    runtime: Handle,
}

impl Changes {
    /// Must be called within a tokio runtime.
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            runtime: Handle::current(),
        }
    }

    /// Waits for a change. As nobody gives up a thread, it is brought to its end, whether or not its client waits.
    pub(super) fn wait<E: Into<WbemError>>(
        &self,
        change: impl Future<Output = Result<(), E>>,
    ) -> Result<(), CimError> {
        self.runtime
            .block_on(change)
            .map_err(|error| cim_error(&error.into()))
    }
}

/// The error as operations tell it.
pub(super) fn cim_error(error: &WbemError) -> CimError {
    let status = match error {
        WbemError::NotFound(_) => CimStatus::NotFound,
        WbemError::Exists(_) => CimStatus::AlreadyExists,
        WbemError::InUse { .. } | WbemError::SharedDestination { .. } | WbemError::Expired => {
            CimStatus::Failed
        }
        WbemError::Fixed(_) | WbemError::NoCreation | WbemError::MadeByEventing => CimStatus::NotSupported,
        WbemError::Value(_)
        | WbemError::Filter(
            FilterError::UnknownNamespace(_)
            | FilterError::UnknownClass { .. }
            | FilterError::NoIndication(_)
            | FilterError::UnknownLanguage(_)
            | FilterError::Query(_),
        )
        | WbemError::Url(_)
        | WbemError::Forbidden(_) => CimStatus::InvalidParameter,
        WbemError::TooMany(_) | WbemError::TooLarge(_) => CimStatus::ServerLimitsExceeded,
        WbemError::Store(text) => {
            tracing::error!(error = text, "a subscription could not be written down");
            return CimError::failed("it could not be written down; the log knows more");
        }
    };
    CimError::new(status, error.to_string())
}

/// The name of an instance that is made of `class`; what a client leaves out of its system is ours.
pub(super) fn new_name(
    instance: &Instance,
    class: &Name,
    registry: &Registry,
) -> Result<ObjectName, CimError> {
    if let Some(given) = instance.get_str("CreationClassName")
        && !given.eq_ignore_ascii_case(class.as_str())
    {
        return Err(CimError::invalid_parameter(format!(
            "CreationClassName is `{given}`: it must be {class} or be left out"
        )));
    }
    let name = instance.get_str("Name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| CimError::invalid_parameter(format!("{class}.Name is missing")))?;
    let own = registry.own_system();
    let given = |property: &str, own: &str| {
        let given = instance.get_str(property).filter(|given| !given.is_empty());
        given.unwrap_or(own).to_owned()
    };
    let name = ObjectName {
        class: class.to_string(),
        system_class: given("SystemCreationClassName", &own.0),
        system: given("SystemName", &own.1),
        name: name.to_owned(),
    };
    if [&name.system_class, &name.system, &name.name]
        .iter()
        .any(|text| text.len() > MAX_NAME_BYTES)
    {
        return Err(CimError::invalid_parameter(format!(
            "a key of {class} is longer than {MAX_NAME_BYTES} bytes"
        )));
    }
    Ok(name)
}

/// The one of `instances` that `path` leads to, by [`leading_path`].
pub(super) fn at_path(
    mut instances: impl Iterator<Item = Arc<Instance>>,
    path: &InstancePath,
) -> Option<Arc<Instance>> {
    let path = leading_path(path);
    instances.find(|instance| has_keys(instance, &path))
}

/// A path as it leads to an instance: what is the agent's own is found whatever the machine was called when the path
/// was made.
fn leading_path(path: &InstancePath) -> InstancePath {
    let mut path = path.clone();
    if path.key_str("Name").is_some_and(is_own) {
        path.keys.retain(|key| key.name != *"SystemName");
    }
    path
}

/// Whether `path` is the path of `name`: its class, and every key that is given.
pub(super) fn is_path_of(path: &InstancePath, name: &ObjectName) -> bool {
    let path = leading_path(path);
    path.class_name == *name.class.as_str()
        && path.key("Name").is_some()
        && path.keys.iter().all(|key| {
            keys(name)
                .into_iter()
                .find(|(property, _)| key.name == **property)
                .is_some_and(|(_, text)| same_key_value(&key.value, &Value::string(text)))
        })
}

/// The path of `name`, without a namespace.
pub(super) fn path_of(name: &ObjectName) -> InstancePath {
    keys(name).into_iter().fold(
        InstancePath::new(Name::new(&name.class)),
        |path, (property, text)| path.with_key(property, text),
    )
}

fn keys(name: &ObjectName) -> [(&'static str, &str); 4] {
    [
        ("SystemCreationClassName", &name.system_class),
        ("SystemName", &name.system),
        ("CreationClassName", &name.class),
        ("Name", &name.name),
    ]
}

/// Sets the keys and labels of an instance.
pub(super) fn describe(builder: InstanceBuilder, name: &ObjectName, labels: &Labels) -> InstanceBuilder {
    let builder = keys(name)
        .into_iter()
        .fold(builder, |builder, (property, text)| builder.set(property, text));
    builder
        .maybe("Caption", labels.caption.as_deref())
        .maybe("Description", labels.description.as_deref())
        .maybe("ElementName", labels.element_name.as_deref())
}

/// The labels that `instance` gives; what it leaves out stays as in `before`.
pub(super) fn labels_of(instance: &Instance, before: &Labels) -> Labels {
    Labels {
        caption: text_or(instance, "Caption", &before.caption),
        description: text_or(instance, "Description", &before.description),
        element_name: text_or(instance, "ElementName", &before.element_name),
    }
}

/// The text of a property that `instance` has, `None` where it is NULL; `before` where it has none.
pub(super) fn text_or(instance: &Instance, property: &str, before: &Option<String>) -> Option<String> {
    match instance.property(property) {
        Some(given) => given.value.as_ref().and_then(Value::as_str).map(str::to_owned),
        None => before.clone(),
    }
}

/// As [`text_or`] for a number.
pub(super) fn number_or(instance: &Instance, property: &str, before: Option<u64>) -> Option<u64> {
    match instance.property(property) {
        Some(given) => given.value.as_ref().and_then(Value::as_u64),
        None => before,
    }
}

/// As [`text_or`] for an array of texts.
pub(super) fn texts_or(
    instance: &Instance,
    property: &str,
    before: &Option<Vec<String>>,
) -> Option<Vec<String>> {
    let Some(given) = instance.property(property) else {
        return before.clone();
    };
    let items = given.value.as_ref()?.items().iter();
    Some(items.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Whole seconds, the one that has begun counted: what is left is never 0 before it is over.
pub(super) fn seconds_up(left: Duration) -> u64 {
    u64::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
}
