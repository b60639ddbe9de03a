//! The indication service with its capabilities and its setting (DSP1054): how deliveries are tried again, and
//! what becomes of subscriptions whose destination stays away.

use std::sync::Arc;

use crate::cim::{CimError, Class, Instance, InstancePath, Name, Value};
use crate::host::Host;
use crate::provider::condition::{Condition, SetCondition, enabled_state};
use crate::provider::host_class::{SYSTEM_CLASS, instance_id};
use crate::provider::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};
use crate::subscription::OnFatalError;

/// `ChangeableType`: it can be changed, and a change lasts.
const CHANGEABLE: u16 = 2;

/// What the service and its setting have in common.
const SETTINGS: [&str; 5] = [
    "FilterCreationEnabled",
    "DeliveryRetryAttempts",
    "DeliveryRetryInterval",
    "SubscriptionRemovalAction",
    "SubscriptionRemovalTimeInterval",
];

/// How indications are delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IndicationSettings {
    /// Whether clients may make filters.
    pub filter_creation: bool,
    /// How often one indication is tried again; 65535 is bounded by time alone.
    pub retry_attempts: u16,
    /// The pause before the first repetition.
    pub retry_interval_secs: u32,
    /// What becomes of a subscription whose destination stays away.
    pub removal_action: OnFatalError,
    /// For how long it may stay away.
    pub removal_interval_secs: u32,
}

/// What of [`IndicationSettings`] is to change.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(
    missing_docs,
    reason = "each is the field of `IndicationSettings` of the same name"
)]
pub struct IndicationChanges {
    pub filter_creation: Option<bool>,
    pub retry_attempts: Option<u16>,
    pub retry_interval_secs: Option<u32>,
    pub removal_action: Option<OnFatalError>,
    pub removal_interval_secs: Option<u32>,
}

/// Deliveries as far as the indication service needs them.
pub trait IndicationControl: Send + Sync {
    /// The settings in force.
    fn settings(&self) -> IndicationSettings;

    /// How many subscriptions, and destinations for them, an account may have.
    fn max_subscriptions(&self) -> u32;

    /// Sets what is to change, for good: it is on disk and in force once this returns.
    fn set(&self, changes: IndicationChanges) -> Result<(), CimError>;

    /// Drops every value that was set remotely.
    fn reset(&self) -> Result<(), CimError>;
}

/// The properties that the service and its setting have in common.
fn with_settings(builder: InstanceBuilder, settings: &IndicationSettings) -> InstanceBuilder {
    builder
        .set("FilterCreationEnabled", settings.filter_creation)
        .set("DeliveryRetryAttempts", settings.retry_attempts)
        .set("DeliveryRetryInterval", settings.retry_interval_secs)
        .set("SubscriptionRemovalAction", action_value(settings.removal_action))
        .set("SubscriptionRemovalTimeInterval", settings.removal_interval_secs)
}

/// `SubscriptionRemovalAction`.
const fn action_value(action: OnFatalError) -> u16 {
    match action {
        OnFatalError::Remove => 2,
        OnFatalError::Disable => 3,
        OnFatalError::Ignore => 4,
    }
}

/// What `changes` asks for and is not in force already: a client sends back everything that it read.
fn changes_of(changes: &Instance, current: &Instance) -> Result<IndicationChanges, CimError> {
    let mut wanted = IndicationChanges::default();
    for property in changes.properties() {
        let name = property.name.as_str();
        if current.get(name) == property.value.as_ref() {
            continue;
        }
        let value = property
            .value
            .as_ref()
            .ok_or_else(|| CimError::invalid_parameter(format!("`{name}` cannot be NULL")))?;
        if property.name == *"FilterCreationEnabled" {
            wanted.filter_creation = value.as_bool();
        } else if property.name == *"DeliveryRetryAttempts" {
            wanted.retry_attempts = number(value);
        } else if property.name == *"DeliveryRetryInterval" {
            wanted.retry_interval_secs = number(value);
        } else if property.name == *"SubscriptionRemovalTimeInterval" {
            wanted.removal_interval_secs = number(value);
        } else if property.name == *"SubscriptionRemovalAction" {
            wanted.removal_action = Some(action(value)?);
        } else {
            let refused = format!("`{name}` of {} cannot be changed", current.class_name);
            return Err(CimError::not_supported(refused));
        }
    }
    Ok(wanted)
}

fn number<N: TryFrom<u64>>(value: &Value) -> Option<N> {
    N::try_from(value.as_u64()?).ok()
}

fn action(value: &Value) -> Result<OnFatalError, CimError> {
    match value.as_u64() {
        Some(2) => Ok(OnFatalError::Remove),
        Some(3) => Ok(OnFatalError::Disable),
        Some(4) => Ok(OnFatalError::Ignore),
        _ => Err(CimError::invalid_parameter(
            "`SubscriptionRemovalAction` must be 2 (remove), 3 (disable) or 4 (ignore)",
        )),
    }
}

/// Serves the one indication service.
pub(super) struct IndicationServiceProvider {
    class: Arc<Class>,
    host: Host,
    control: Arc<dyn IndicationControl>,
}

impl IndicationServiceProvider {
    pub(super) const NAME: &'static str = "CIM_IndicationService";

    pub(super) fn new(class: Arc<Class>, host: &Host, control: &Arc<dyn IndicationControl>) -> Self {
        Self {
            class,
            host: host.clone(),
            control: Arc::clone(control),
        }
    }

    fn instance(&self) -> Arc<Instance> {
        let general = self.host.general();
        let id = instance_id(&self.class.name, general.name());
        let service = InstanceBuilder::new(&self.class)
            .set("InstanceID", id.as_str())
            .set("ElementName", "ESM Indication Service")
            .set("Caption", "Indication service")
            .condition(Condition::Ok, None)
            .set("EnabledState", enabled_state(true))
            .set("Started", true)
            .set("SystemCreationClassName", SYSTEM_CLASS)
            .set("SystemName", general.name())
            .set("CreationClassName", self.class.name.as_str())
            .set("Name", id);
        with_settings(service, &self.control.settings()).build()
    }
}

impl InstanceProvider for IndicationServiceProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        self.host.peek_general().is_some()
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        Ok(stream_of([self.instance()]))
    }

    /// The class declares none of its properties as writable; DSP1054 lets clients set these where the
    /// capabilities say so.
    fn may_modify(&self, property: &Name) -> bool {
        SETTINGS.iter().any(|setting| *property == **setting)
    }

    fn modify(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        changes: Instance,
    ) -> Result<(), CimError> {
        self.control.set(changes_of(&changes, &self.instance())?)
    }
}

/// Serves the one setting of the service. Deleting it takes it back to what the configuration says.
pub(super) struct IndicationSettingProvider {
    class: Arc<Class>,
    control: Arc<dyn IndicationControl>,
}

impl IndicationSettingProvider {
    pub(super) const NAME: &'static str = "CIM_IndicationServiceSettingData";

    pub(super) fn new(class: Arc<Class>, control: &Arc<dyn IndicationControl>) -> Self {
        Self {
            class,
            control: Arc::clone(control),
        }
    }

    fn instance(&self) -> Arc<Instance> {
        let setting = InstanceBuilder::new(&self.class)
            .set("InstanceID", instance_id(&self.class.name, "agent"))
            .set("ElementName", "ESM Indication Service Setting")
            .set("Caption", "Setting of the indication service")
            .set("ChangeableType", CHANGEABLE);
        with_settings(setting, &self.control.settings()).build()
    }
}

impl InstanceProvider for IndicationSettingProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        Ok(stream_of([self.instance()]))
    }

    fn modify(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        changes: Instance,
    ) -> Result<(), CimError> {
        self.control.set(changes_of(&changes, &self.instance())?)
    }

    fn delete(&self, _context: &RequestContext, _path: &InstancePath) -> Result<(), CimError> {
        self.control.reset()
    }
}

/// Serves what can be set at the service.
pub(super) struct IndicationCapabilitiesProvider {
    class: Arc<Class>,
    control: Arc<dyn IndicationControl>,
}

impl IndicationCapabilitiesProvider {
    pub(super) const NAME: &'static str = "CIM_IndicationServiceCapabilities";

    pub(super) fn new(class: Arc<Class>, control: &Arc<dyn IndicationControl>) -> Self {
        Self {
            class,
            control: Arc::clone(control),
        }
    }
}

impl InstanceProvider for IndicationCapabilitiesProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let most = self.control.max_subscriptions();
        let capabilities = InstanceBuilder::new(&self.class)
            .set("InstanceID", instance_id(&self.class.name, "agent"))
            .set("ElementName", "ESM Indication Service Capabilities")
            .set("Caption", "Capabilities of the indication service")
            .set("FilterCreationEnabledIsSettable", true)
            .set("DeliveryRetryAttemptsIsSettable", true)
            .set("DeliveryRetryIntervalIsSettable", true)
            .set("SubscriptionRemovalActionIsSettable", true)
            .set("SubscriptionRemovalTimeIntervalIsSettable", true)
            .set("MaxListenerDestinations", most)
            .set("MaxActiveSubscriptions", most)
            .set("SubscriptionsPersisted", true)
            .build();
        Ok(stream_of([capabilities]))
    }
}
