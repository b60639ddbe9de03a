//! One sample of what a rule watches: the value of a property on each instance of a class.

use crate::broker::{Broker, Polymorphism};
use crate::cim::{CimError, Instance, Name, Namespace, Value};
use crate::monitor::Rule;
use crate::provider::{Caller, RequestContext};

/// Where the watched classes are.
const NAMESPACE: Namespace = Namespace::from_static("root/ESMPRO/AS");

/// What one instance showed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// What people call the instance.
    pub(super) name: String,
    /// What stays of it when its name changes: a file system is the same wherever it is mounted.
    pub(super) identity: String,
    /// Its path, in its text form.
    pub(super) path: String,
    /// The value; `None` where it could not be read.
    pub(super) value: Option<f64>,
}

/// Samples what `rule` watches. It may block as providers may.
pub(super) fn sample(broker: &Broker, rule: &Rule) -> Result<Vec<Sample>, CimError> {
    let context = RequestContext {
        caller: Caller::Agent,
        namespace: NAMESPACE,
        from: None,
    };
    let class = Name::new(&rule.target_class);
    let mut samples = Vec::new();
    for instance in broker.enumerate(&context, &class, Polymorphism::default(), None)? {
        let instance = instance?;
        let name = name_of(&instance);
        let is_meant = rule.target_name.as_deref().is_none_or(|target| target == name);
        if is_meant && can_be_watched(&instance) {
            samples.push(Sample {
                identity: instance.get_str("MonitorIdentity").unwrap_or(name).to_owned(),
                name: name.to_owned(),
                path: broker.path_of(&context, &instance)?.to_string(),
                value: instance.get(&rule.target_property).and_then(Value::as_f64),
            });
        }
    }
    Ok(samples)
}

/// The last part of `ESM:<class>:<name>`, which every instance of ours has as its InstanceID.
fn name_of(instance: &Instance) -> &str {
    let id = instance.get_str("InstanceID").unwrap_or_default();
    id.splitn(3, ':').nth(2).unwrap_or(id)
}

/// What says of itself that it is not monitored is not; of nothing (a page file of no size) there is no share.
fn can_be_watched(instance: &Instance) -> bool {
    let not_monitored = instance.get("Monitored") == Some(&Value::Boolean(false));
    let is_nothing = instance.get("TotalBytes").and_then(Value::as_u64) == Some(0);
    !not_monitored && !is_nothing
}
