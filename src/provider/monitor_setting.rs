//! ESM_MonitorSetting: what each monitor watches, its levels and its state; and which setting is in force for
//! which instance.

use std::sync::Arc;
use std::time::Duration;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, MethodResult, RequestContext, stream_of};
use crate::cim::{
    CimError, CimStatus, CimType, Class, DateTime, Instance, InstancePath, Method, Name, Property, Value,
};
use crate::monitor::{MonitorView, Setting, SettingSource, SettingValue};

/// The monitors as far as [`MonitorSettingProvider`] needs them.
pub trait MonitorControl: Send + Sync {
    /// Every rule as a whole, each followed by its instances.
    fn list(&self) -> Vec<MonitorView>;

    /// Sets values of a monitor, for good: they are on disk once this returns, and in force at the next sample.
    fn set(&self, monitor: &MonitorView, values: &[(Setting, SettingValue)]) -> Result<(), CimError>;

    /// Drops every value that was set remotely for a monitor.
    fn reset(&self, monitor: &MonitorView) -> Result<(), CimError>;

    /// Pauses a monitor, or ends its pause.
    fn pause(&self, monitor: &MonitorView, length: Option<Duration>) -> Result<(), CimError>;
}

/// Serves the monitors' settings.
pub struct MonitorSettingProvider {
    class: Arc<Class>,
    control: Arc<dyn MonitorControl>,
}

impl MonitorSettingProvider {
    /// The class that it serves.
    pub const CLASS: Name = Name::from_static("ESM_MonitorSetting");

    /// Serves the monitors of `control`. `class` is [`Self::CLASS`] with all that it inherits.
    pub fn new(class: Arc<Class>, control: Arc<dyn MonitorControl>) -> Self {
        Self { class, control }
    }

    fn instance(&self, view: &MonitorView) -> Arc<Instance> {
        let rule = &view.rule;
        let state = view.state.as_ref();
        let id = view.id();
        InstanceBuilder::new(&self.class)
            .set("InstanceID", id.as_str())
            .set("ElementName", id.as_str())
            .set("Caption", "Monitor")
            .set("Rule", rule.id.as_str())
            .maybe("Instance", view.instance.as_deref())
            .set("Enabled", rule.enabled)
            .set("TargetClass", rule.target_class.as_str())
            .set("TargetProperty", rule.target_property.as_str())
            .set("Direction", rule.direction.name())
            .maybe("Warning", rule.warning)
            .maybe("WarningReset", rule.warning_reset)
            .maybe("Critical", rule.critical)
            .maybe("CriticalReset", rule.critical_reset)
            .set("IntervalSecs", rule.interval_secs)
            .set("HoldSamples", rule.hold_samples)
            .maybe("State", state.map(|state| state.state.name()))
            .maybe("PreviousState", state.map(|state| state.previous.name()))
            .maybe("LastValue", state.and_then(|state| state.last_value))
            .maybe(
                "LastChange",
                state
                    .and_then(|state| state.last_change())
                    .map(DateTime::from_wall),
            )
            .set(
                "Source",
                match view.source {
                    SettingSource::Default => "default",
                    SettingSource::File => "file",
                    SettingSource::Remote => "remote",
                },
            )
            .maybe("PauseRemainingSecs", view.paused.map(seconds_up))
            .build()
    }

    fn find(&self, path: &InstancePath) -> Result<MonitorView, CimError> {
        let id = path.key_str("InstanceID").unwrap_or_default();
        self.control
            .list()
            .into_iter()
            .find(|view| view.id() == id)
            .ok_or_else(|| CimError::not_found(format!("there is no monitor `{id}`")))
    }
}

/// Whole seconds, the one that has begun counted.
fn seconds_up(length: Duration) -> u32 {
    u32::try_from(length.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

impl InstanceProvider for MonitorSettingProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let instances: Vec<_> = self
            .control
            .list()
            .iter()
            .map(|view| self.instance(view))
            .collect();
        Ok(stream_of(instances))
    }

    /// Only what differs from what is in force is set: a client sends back everything that it read.
    fn modify(
        &self,
        _context: &RequestContext,
        path: &InstancePath,
        changes: Instance,
    ) -> Result<(), CimError> {
        let view = self.find(path)?;
        let current = self.instance(&view);
        let mut values = Vec::new();
        for property in changes.properties() {
            if current.get(property.name.as_str()) != property.value.as_ref()
                && let Some(setting) = setting_of(&property.name)
            {
                values.push((setting, setting_value(property)?));
            }
        }
        if values.is_empty() {
            return Ok(());
        }
        self.control.set(&view, &values)
    }

    /// A setting cannot go away: deleting it takes it back to what the configuration says.
    fn delete(&self, _context: &RequestContext, path: &InstancePath) -> Result<(), CimError> {
        self.control.reset(&self.find(path)?)
    }

    fn invoke(
        &self,
        _context: &RequestContext,
        path: &InstancePath,
        method: &Method,
        arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        let view = self.find(path)?;
        let length = match method.name.as_str() {
            "Pause" => Some(pause_length(arguments)?),
            "Resume" => None,
            other => {
                let detail = format!("{} has no method {other}", self.class.name);
                return Err(CimError::new(CimStatus::MethodNotFound, detail));
            }
        };
        self.control.pause(&view, length)?;
        Ok(MethodResult {
            return_value: Value::Uint32(0),
            out: Vec::new(),
        })
    }
}

fn pause_length(arguments: &[Property]) -> Result<Duration, CimError> {
    let seconds = arguments.iter().find(|argument| argument.name == *"Seconds");
    let seconds = seconds
        .and_then(|argument| argument.value.as_ref())
        .and_then(Value::as_u64);
    match seconds {
        Some(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(CimError::invalid_parameter("`Seconds` must be 1 to 86400")),
    }
}

/// The setting that a writable property stands for.
fn setting_of(property: &Name) -> Option<Setting> {
    Setting::ALL
        .into_iter()
        .find(|setting| *property == *property_of(*setting))
}

const fn property_of(setting: Setting) -> &'static str {
    match setting {
        Setting::Enabled => "Enabled",
        Setting::Warning => "Warning",
        Setting::WarningReset => "WarningReset",
        Setting::Critical => "Critical",
        Setting::CriticalReset => "CriticalReset",
        Setting::IntervalSecs => "IntervalSecs",
        Setting::HoldSamples => "HoldSamples",
    }
}

fn setting_value(property: &Property) -> Result<SettingValue, CimError> {
    let refused = || CimError::invalid_parameter(format!("`{}` cannot be NULL", property.name));
    match (&property.value, property.cim_type) {
        (Some(Value::Boolean(flag)), _) => Ok(SettingValue::Flag(*flag)),
        (Some(Value::Real64(level)), _) => Ok(SettingValue::Level(*level)),
        (Some(count), _) => count
            .as_u64()
            .and_then(|count| u32::try_from(count).ok())
            .map(SettingValue::Count)
            .ok_or_else(refused),
        (None, CimType::Real64) => Ok(SettingValue::NotWatched),
        (None, _) => Err(refused()),
    }
}

/// Serves the association of what is watched with the setting in force for it.
pub struct MonitorSettingForElementProvider {
    class: Arc<Class>,
    control: Arc<dyn MonitorControl>,
}

impl MonitorSettingForElementProvider {
    /// The class that it serves.
    pub const CLASS: Name = Name::from_static("ESM_MonitorSettingForElement");

    /// Serves the monitors of `control`. `class` is [`Self::CLASS`] with all that it inherits.
    pub fn new(class: Arc<Class>, control: Arc<dyn MonitorControl>) -> Self {
        Self { class, control }
    }
}

impl InstanceProvider for MonitorSettingForElementProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, context: &RequestContext) -> Result<InstanceStream, CimError> {
        let association = |view: MonitorView| {
            let target = view.target.clone()?.in_namespace(context.namespace.clone());
            let setting = InstancePath::new(MonitorSettingProvider::CLASS)
                .with_key("InstanceID", view.id())
                .in_namespace(context.namespace.clone());
            let builder = InstanceBuilder::new(&self.class).set("ManagedElement", target);
            // Is default: as configured; is current: in force (CIM_ElementSettingData).
            Some(
                builder
                    .set("SettingData", setting)
                    .set("IsCurrent", 1_u16)
                    .build(),
            )
        };
        let associations: Vec<_> = self.control.list().into_iter().filter_map(association).collect();
        Ok(stream_of(associations))
    }
}
