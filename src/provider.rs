//! Providers: one file per served class. Facts of the host, or of the agent itself, become CIM instances.
//!
//! A provider never knows which protocol asked. It hands out instances one at a time, so that memory does
//! not grow with their number, and it may share them: an instance that many callers read is built once.

pub mod agent_health;
pub mod alive;
mod association;
mod builder;
mod condition;
pub mod configuration_value;
mod date;
mod extent;
mod file_system_thread;
mod general_information;
mod host_class;
mod host_providers;
pub mod indication_filter;
pub mod indication_subscription;
pub mod interop;
pub mod listener_destination;
pub mod monitor_setting;
mod network;
mod operating_system;
mod page_file;
mod percent;
mod physical_memory;
mod processor;
pub mod remote_setting;
mod storage_thread;
pub mod subscription;
#[cfg(feature = "test-provider")]
pub mod test_provider;
#[cfg(test)]
mod tests;
mod video_controller;
mod virtual_memory;
mod wbem_object;

use std::sync::Arc;

use crate::cim::{
    CimError, CimStatus, Instance, InstancePath, Method, Name, Namespace, Property, Value, same_key_value,
};
use crate::net::principal::Principal;

pub use builder::InstanceBuilder;
pub use host_providers::{HostProviders, MissingClass};
pub use interop::{InteropParts, InteropProviders};

/// Instances as they are asked for, one after the other. An error ends the stream.
pub type InstanceStream = Box<dyn Iterator<Item = Result<Arc<Instance>, CimError>> + Send>;

/// Who asks, from where, and in which namespace, spelled as the client spelled it.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Who asks.
    pub caller: Caller,
    /// The namespace of the request: references that a provider makes carry it.
    pub namespace: Namespace,
    /// The address that asks; none over the local socket and for the agent itself.
    pub from: Option<std::net::IpAddr>,
}

/// Who asks a provider.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Caller {
    /// The agent itself, taking its samples.
    Agent,
    /// An authenticated caller of a protocol.
    Authenticated(Principal),
}

impl Caller {
    /// The name for logs and owners.
    pub fn name(&self) -> &str {
        match self {
            Self::Agent => "agent",
            Self::Authenticated(principal) => principal.name(),
        }
    }
}

/// What a method returned.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodResult {
    /// The return value.
    pub return_value: Value,
    /// Output parameters.
    pub out: Vec<Property>,
}

/// Serves the instances of one class. What a provider does not override is not supported, and callers are
/// told so. Every operation may block: whoever calls keeps it off the reactor unless
/// [`InstanceProvider::answers_from_memory`] says that an enumeration or a get would not wait.
pub trait InstanceProvider: Send + Sync {
    /// The class whose instances it serves.
    fn class_name(&self) -> &Name;

    /// Whether an enumeration or a get would be answered right now without waiting for anything.
    fn answers_from_memory(&self) -> bool {
        false
    }

    /// All instances. What fails before the first instance fails here.
    fn enumerate(&self, context: &RequestContext) -> Result<InstanceStream, CimError>;

    /// How many instances an enumeration would yield, where that is known without one.
    fn estimate(&self) -> Option<u64> {
        None
    }

    /// The instance with the keys of `path`, or `None`. The default looks through all.
    fn get(&self, context: &RequestContext, path: &InstancePath) -> Result<Option<Arc<Instance>>, CimError> {
        for instance in self.enumerate(context)? {
            let instance = instance?;
            if has_keys(&instance, path) {
                return Ok(Some(instance));
            }
        }
        Ok(None)
    }

    /// Creates an instance and returns its path.
    fn create(&self, _context: &RequestContext, _instance: Instance) -> Result<InstancePath, CimError> {
        Err(not_supported(self.class_name(), "created"))
    }

    /// Whether clients may modify a property that the class does not declare as writable: the profile of a class
    /// can ask for more than the class does (DSP1054 §9).
    fn may_modify(&self, _property: &Name) -> bool {
        false
    }

    /// Changes the properties that `changes` holds, all of them writable, on the instance at `path`.
    fn modify(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        _changes: Instance,
    ) -> Result<(), CimError> {
        Err(not_supported(self.class_name(), "modified"))
    }

    /// Deletes the instance at `path`.
    fn delete(&self, _context: &RequestContext, _path: &InstancePath) -> Result<(), CimError> {
        Err(not_supported(self.class_name(), "deleted"))
    }

    /// Calls a method that the class declares on the instance at `path`, or on the class where it is static.
    /// `arguments` holds the input parameters that were given, typed as declared.
    fn invoke(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        method: &Method,
        _arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        Err(CimError::new(
            CimStatus::MethodNotAvailable,
            format!(
                "{}.{} is not available on this server",
                self.class_name(),
                method.name
            ),
        ))
    }
}

fn not_supported(class: &Name, what: &str) -> CimError {
    CimError::not_supported(format!("instances of {class} cannot be {what}"))
}

/// Whether `instance` has every key of `path` with its value.
pub fn has_keys(instance: &Instance, path: &InstancePath) -> bool {
    path.keys.iter().all(|key| {
        instance
            .get(key.name.as_str())
            .is_some_and(|value| same_key_value(value, &key.value))
    })
}

/// A stream over instances that are already there.
pub fn stream_of<I>(instances: I) -> InstanceStream
where
    I: IntoIterator<Item = Arc<Instance>>,
    I::IntoIter: Send + 'static,
{
    Box::new(instances.into_iter().map(Ok))
}
