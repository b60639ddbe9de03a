//! CIM_IndicationSubscription and CIM_FormattedIndicationSubscription: who is told what (DSP1054 §10.11).

use std::sync::Arc;

use super::wbem_object::{Changes, cim_error, is_path_of, number_or, path_of, seconds_up, text_or, texts_or};
use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};
use crate::cim::{CimError, Class, DateTime, Instance, InstancePath, Name, Namespace, Value};
use crate::delivery::Registry;
use crate::delivery::wbem::{WbemError, WbemStatus};
use crate::subscription::{
    FatalErrorPolicy, ObjectName, OnFatalError, RepeatPolicy, RepeatProperties, TextFormat, Wbem,
};
use crate::time::WallTime;

/// `OnFatalErrorPolicy`: Ignore, Disable and Remove.
const POLICIES: [(u64, OnFatalError); 3] = [
    (2, OnFatalError::Ignore),
    (3, OnFatalError::Disable),
    (4, OnFatalError::Remove),
];

/// What would say more of a value Other, which no policy and no state here has.
const OTHERS: [&str; 3] = [
    "OtherOnFatalErrorPolicy",
    "OtherSubscriptionState",
    "OtherRepeatNotificationPolicy",
];

/// Serves the subscriptions of one class, as associations of a filter and a destination.
pub struct IndicationSubscriptionProvider {
    class: Arc<Class>,
    changes: Changes,
    namespaces: Vec<Namespace>,
}

impl IndicationSubscriptionProvider {
    /// The class of plain subscriptions.
    pub const CLASS: Name = Name::from_static("CIM_IndicationSubscription");
    /// The class of subscriptions with a text format, which is kept and not followed: an indication goes out as
    /// an instance in either protocol.
    pub const FORMATTED: Name = Name::from_static("CIM_FormattedIndicationSubscription");

    /// Serves the subscriptions of `registry` that are of `class`, one of the two with all that it inherits.
    /// `namespaces` are all names of those in which filters and destinations are served. Must be called within a
    /// tokio runtime.
    pub fn new(class: Arc<Class>, registry: Registry, namespaces: Vec<Namespace>) -> Self {
        Self {
            class,
            changes: Changes::new(registry),
            namespaces,
        }
    }

    fn is_formatted(&self) -> bool {
        self.class.name == Self::FORMATTED
    }

    fn list(&self) -> impl Iterator<Item = WbemStatus> {
        let all = self.changes.registry.wbem_subscriptions().into_iter();
        let is_formatted = self.is_formatted();
        all.filter(move |status| status.wbem.format.is_some() == is_formatted)
    }

    fn instance(&self, status: &WbemStatus, namespace: &Namespace) -> Arc<Instance> {
        let wbem = &status.wbem;
        let at = |micros| DateTime::from_wall(WallTime::from_unix_micros(micros));
        let refer = |name: &ObjectName| {
            let path = path_of(name).in_namespace(namespace.clone());
            Value::Reference(Box::new(path))
        };
        let policy = POLICIES
            .iter()
            .find(|(_, policy)| Some(*policy) == wbem.fatal.action);
        let builder = InstanceBuilder::new(&self.class)
            .set("Filter", refer(&wbem.filter))
            .set("Handler", refer(&wbem.handler))
            .maybe("OnFatalErrorPolicy", policy.map(|(value, _)| *value as u16))
            .maybe("FailureTriggerTimeInterval", wbem.fatal.after_secs)
            .set("SubscriptionState", status.state.value())
            .set("TimeOfLastStateChange", at(wbem.changed_micros))
            .maybe("SubscriptionDuration", wbem.duration_secs)
            .set("SubscriptionStartTime", at(wbem.started_micros))
            .maybe("SubscriptionTimeRemaining", status.remaining.map(seconds_up))
            .maybe("SubscriptionInfo", wbem.info.as_deref())
            .set("AlertOnStateChange", wbem.alert_on_state_change);
        let last = status.last_indication.as_ref();
        let builder = builder
            .maybe(
                "LastIndicationIdentifier",
                last.map(|(identifier, _)| identifier.as_str()),
            )
            .maybe(
                "LastIndicationProductionDateTime",
                last.map(|(_, at)| DateTime::from_wall(*at)),
            );
        let builder = describe_repeat(builder, wbem.repeat);
        match &wbem.format {
            None => builder,
            Some(format) => builder
                .maybe("TextFormatOwningEntity", format.owning_entity.as_deref())
                .maybe("TextFormatID", format.id.as_deref())
                .maybe("TextFormat", format.format.as_deref())
                .maybe("TextFormatParameters", format.parameters.clone()),
        }
        .build()
    }

    fn find(&self, path: &InstancePath) -> Option<WbemStatus> {
        self.list().find(|status| {
            let refers = |key: &str, name: &ObjectName| {
                path.key(key)
                    .and_then(reference)
                    .is_some_and(|path| self.is_served(&path) && is_path_of(&path, name))
            };
            refers("Filter", &status.wbem.filter) && refers("Handler", &status.wbem.handler)
        })
    }

    /// Whether a reference leads to where filters and destinations are: they are the same in all their
    /// namespaces.
    fn is_served(&self, path: &InstancePath) -> bool {
        let namespace = path.namespace.as_ref();
        namespace.is_none_or(|namespace| self.namespaces.contains(namespace))
    }

    /// What the reference `role` of a new subscription names, among `names`.
    fn referred(
        &self,
        instance: &Instance,
        role: &str,
        mut names: impl Iterator<Item = ObjectName>,
    ) -> Result<ObjectName, CimError> {
        let given = instance.get(role);
        let path = given
            .and_then(reference)
            .ok_or_else(|| CimError::invalid_parameter(format!("{}.{role} is missing", self.class.name)))?;
        let found = names.find(|name| self.is_served(&path) && is_path_of(&path, name));
        found.ok_or_else(|| CimError::not_found(format!("{role}: there is no instance {path}")))
    }
}

/// A reference, as a path or as the text of one.
fn reference(value: &Value) -> Option<InstancePath> {
    match value {
        Value::Reference(path) => Some((**path).clone()),
        other => other.as_str()?.parse().ok(),
    }
}

fn repeat_properties(policy: RepeatPolicy) -> RepeatProperties {
    let (count, interval_secs, gap_secs) = match policy {
        RepeatPolicy::None => (None, None, None),
        RepeatPolicy::Suppress { count, interval_secs } => (Some(count), Some(interval_secs), None),
        RepeatPolicy::Delay {
            count,
            interval_secs,
            gap_secs,
        } => (Some(count), Some(interval_secs), Some(gap_secs)),
    };
    RepeatProperties {
        policy: Some(policy.value()),
        count,
        interval_secs,
        gap_secs,
    }
}

fn describe_repeat(builder: InstanceBuilder, policy: RepeatPolicy) -> InstanceBuilder {
    let shown = repeat_properties(policy);
    builder
        .maybe("RepeatNotificationPolicy", shown.policy)
        .maybe("RepeatNotificationCount", shown.count)
        .maybe("RepeatNotificationInterval", shown.interval_secs)
        .maybe("RepeatNotificationGap", shown.gap_secs)
}

/// Puts what `given` has into a subscription.
fn apply(given: &Instance, wbem: &mut Wbem) -> Result<(), WbemError> {
    wbem.duration_secs = number_or(given, "SubscriptionDuration", wbem.duration_secs);
    if wbem.duration_secs == Some(0) {
        return Err(WbemError::Value(
            "SubscriptionDuration is 0 s: leave it NULL for a subscription that never ends".to_owned(),
        ));
    }
    if let Some(state) = given.get("SubscriptionState").and_then(Value::as_u64) {
        wbem.enabled = match state {
            2 | 3 => true,
            4 => false,
            other => {
                return Err(WbemError::Value(format!(
                    "SubscriptionState is {other}: it can be set to 2 (Enabled) and 4 (Disabled)"
                )));
            }
        };
    }
    for other in OTHERS {
        if given.get(other).is_some() {
            let text =
                format!("{other} must be NULL: no property of the subscription can have the value 1 (Other)");
            return Err(WbemError::Value(text));
        }
    }
    wbem.info = text_or(given, "SubscriptionInfo", &wbem.info);
    if let Some(alert) = given.get("AlertOnStateChange").and_then(Value::as_bool) {
        wbem.alert_on_state_change = alert;
    }
    apply_fatal(given, &mut wbem.fatal)?;
    apply_repeat(given, &mut wbem.repeat)?;
    if let Some(format) = &mut wbem.format {
        *format = TextFormat {
            owning_entity: text_or(given, "TextFormatOwningEntity", &format.owning_entity),
            id: text_or(given, "TextFormatID", &format.id),
            format: text_or(given, "TextFormat", &format.format),
            parameters: texts_or(given, "TextFormatParameters", &format.parameters),
        };
    }
    Ok(())
}

fn apply_fatal(given: &Instance, fatal: &mut FatalErrorPolicy) -> Result<(), WbemError> {
    if let Some(property) = given.property("OnFatalErrorPolicy") {
        fatal.action = match property.value.as_ref().and_then(Value::as_u64) {
            None => None,
            Some(value) => {
                let known = POLICIES.iter().find(|(known, _)| *known == value);
                let (_, action) = known.ok_or_else(|| {
                    WbemError::Value(format!(
                        "OnFatalErrorPolicy is {value}: it must be 2 (Ignore), 3 (Disable) or 4 (Remove)"
                    ))
                })?;
                Some(*action)
            }
        };
    }
    fatal.after_secs = number_or(given, "FailureTriggerTimeInterval", fatal.after_secs);
    Ok(())
}

fn apply_repeat(given: &Instance, repeat: &mut RepeatPolicy) -> Result<(), WbemError> {
    let before = repeat_properties(*repeat);
    let short = |property, before: Option<u16>| {
        number_or(given, property, before.map(u64::from)).and_then(|value| u16::try_from(value).ok())
    };
    let wanted = RepeatProperties {
        policy: short("RepeatNotificationPolicy", before.policy),
        count: short("RepeatNotificationCount", before.count),
        interval_secs: number_or(given, "RepeatNotificationInterval", before.interval_secs),
        gap_secs: number_or(given, "RepeatNotificationGap", before.gap_secs),
    };
    *repeat = RepeatPolicy::from_properties(wanted).map_err(|error| WbemError::Value(error.to_string()))?;
    Ok(())
}

impl InstanceProvider for IndicationSubscriptionProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn may_modify(&self, _property: &Name) -> bool {
        true
    }

    fn enumerate(&self, context: &RequestContext) -> Result<InstanceStream, CimError> {
        let instances: Vec<_> = self
            .list()
            .map(|status| self.instance(&status, &context.namespace))
            .collect();
        Ok(stream_of(instances))
    }

    fn get(&self, context: &RequestContext, path: &InstancePath) -> Result<Option<Arc<Instance>>, CimError> {
        let found = self.find(path);
        Ok(found.map(|status| self.instance(&status, &context.namespace)))
    }

    fn create(&self, context: &RequestContext, instance: Instance) -> Result<InstancePath, CimError> {
        let registry = &self.changes.registry;
        let filters = registry.indication_filters().into_iter();
        let listeners = registry.listener_destinations().into_iter();
        let mut wbem = Wbem {
            filter: self.referred(&instance, "Filter", filters.map(|filter| filter.name.clone()))?,
            handler: self.referred(&instance, "Handler", listeners.map(|one| one.name.clone()))?,
            duration_secs: None,
            fatal: FatalErrorPolicy::default(),
            repeat: RepeatPolicy::default(),
            enabled: true,
            started_micros: 0,
            changed_micros: 0,
            info: None,
            alert_on_state_change: false,
            format: self.is_formatted().then(TextFormat::default),
        };
        apply(&instance, &mut wbem).map_err(|error| cim_error(&error))?;
        let refer = |name: &ObjectName| {
            let path = path_of(name).in_namespace(context.namespace.clone());
            Value::Reference(Box::new(path))
        };
        let path = InstancePath::new(self.class.name.clone())
            .with_key("Filter", refer(&wbem.filter))
            .with_key("Handler", refer(&wbem.handler));
        self.changes
            .wait(registry.create_subscription(context.caller.name(), context.from, wbem))?;
        Ok(path)
    }

    /// Only what differs from what is shown is changed: a client sends back everything that it read, and the
    /// policies that are shown are those in force.
    fn modify(
        &self,
        context: &RequestContext,
        path: &InstancePath,
        mut changes: Instance,
    ) -> Result<(), CimError> {
        let status = self
            .find(path)
            .ok_or_else(|| CimError::not_found(format!("there is no subscription {path}")))?;
        let shown = self.instance(&status, &context.namespace);
        changes.retain(|property| shown.get(property.name.as_str()) != property.value.as_ref());
        let change = |wbem: &mut Wbem| apply(&changes, wbem);
        self.changes
            .wait(self.changes.registry.modify_subscription(&status.id, change))
    }

    fn delete(&self, _context: &RequestContext, path: &InstancePath) -> Result<(), CimError> {
        let status = self
            .find(path)
            .ok_or_else(|| CimError::not_found(format!("there is no subscription {path}")))?;
        self.changes.wait(self.changes.registry.cancel(&status.id, None))
    }
}
