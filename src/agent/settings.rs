//! What is set from afar: checked with the whole configuration, written down, then put in force.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::cim::CimError;
use crate::config::{Config, Mode, Remote, Value};
use crate::delivery::Registry;
use crate::monitor::{MonitorView, Setting, SettingValue};
use crate::provider::interop::indication_service::{
    IndicationChanges, IndicationControl, IndicationSettings,
};
use crate::provider::monitor_setting::MonitorControl;
use crate::store::Store;
use crate::store::commands::PutSettings;
use crate::subscription::OnFatalError;
use crate::watch::Monitors;

/// The configuration in force, and who may change it: one at a time.
#[derive(Clone)]
pub(super) struct InForce {
    config: Arc<RwLock<Arc<Config>>>,
    change: Arc<Mutex<()>>,
}

impl InForce {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config: Arc::new(RwLock::new(Arc::new(config))),
            change: Arc::default(),
        }
    }

    /// The configuration as it is now.
    pub(super) fn get(&self) -> Arc<Config> {
        Arc::clone(&self.config.read())
    }

    /// Makes another configuration of the one in force; nobody else changes it meanwhile.
    pub(super) fn replace<E>(&self, make: impl FnOnce(&Config) -> Result<Config, E>) -> Result<(), E> {
        let _one_at_a_time = self.change.lock();
        let new = make(&self.get())?;
        *self.config.write() = Arc::new(new);
        Ok(())
    }
}

/// The settings of the agent that providers set: of its monitors and of its deliveries.
pub(super) struct Settings {
    pub(super) in_force: InForce,
    pub(super) store: Store,
    pub(super) monitors: Monitors,
    /// None where nothing is delivered.
    pub(super) registry: Option<Registry>,
}

impl Settings {
    /// Puts these remote values in force, `None` for those to be dropped; they are on disk first.
    fn put(&self, values: Vec<(String, Option<Value>)>) -> Result<(), CimError> {
        self.in_force.replace(|config| {
            if config.agent.mode == Mode::ProviderOnly {
                return Err(read_only());
            }
            let mut remote: Remote = config.remote();
            for (key, value) in &values {
                match value {
                    Some(value) => drop(remote.insert(key.clone(), value.clone())),
                    None => drop(remote.remove(key)),
                }
            }
            let new = config.with_remote(&remote).map_err(|faults| {
                let reasons: Vec<String> = faults
                    .iter()
                    .map(|fault| format!("{}: {}", fault.key, fault.reason))
                    .collect();
                CimError::invalid_parameter(reasons.join("; "))
            })?;
            let texts = values
                .into_iter()
                .map(|(key, value)| (key, value.map(|value| value.to_string())));
            self.store.call(PutSettings(texts.collect())).map_err(|error| {
                tracing::error!(%error, "a setting could not be written down");
                CimError::failed("the setting could not be written down; the log says why")
            })?;
            self.monitors.set_rules(new.monitors.clone());
            if let Some(registry) = &self.registry {
                let system_name = &registry.settings().system_name;
                registry.set_settings(super::build::delivery_settings(&new, system_name));
            }
            Ok(new)
        })
    }
}

fn read_only() -> CimError {
    CimError::not_supported("nothing can be set: `[agent] mode` of this agent is \"provider-only\"")
}

/// The full key of a setting: by the instance's identity, so that it stays with a file system that moves.
fn key(monitor: &MonitorView, setting: Setting) -> String {
    match &monitor.identity {
        Some(identity) => format!("monitor.{}:{identity}.{}", monitor.rule.id, setting.name()),
        None => format!("monitor.{}.{}", monitor.rule.id, setting.name()),
    }
}

impl MonitorControl for Settings {
    fn list(&self) -> Vec<MonitorView> {
        self.monitors.list()
    }

    fn set(&self, monitor: &MonitorView, values: &[(Setting, SettingValue)]) -> Result<(), CimError> {
        let value = |value: &SettingValue| match value {
            SettingValue::Flag(flag) => Value::Bool(*flag),
            SettingValue::Count(count) => Value::Integer(i64::from(*count)),
            SettingValue::Level(level) => Value::Number(*level),
            SettingValue::NotWatched => Value::Text("none".to_owned()),
        };
        self.put(
            values
                .iter()
                .map(|(setting, new)| (key(monitor, *setting), Some(value(new))))
                .collect(),
        )
    }

    fn reset(&self, monitor: &MonitorView) -> Result<(), CimError> {
        self.put(
            Setting::ALL
                .into_iter()
                .map(|setting| (key(monitor, setting), None))
                .collect(),
        )
    }

    fn pause(&self, monitor: &MonitorView, length: Option<Duration>) -> Result<(), CimError> {
        if self.in_force.get().agent.mode == Mode::ProviderOnly {
            return Err(read_only());
        }
        let identity = monitor.identity.as_deref().unwrap_or_default();
        let paused = self.monitors.pause(&monitor.rule.id, identity, length);
        paused.map_err(|error| CimError::not_found(error.to_string()))
    }
}

/// The keys behind DSP1054's settings.
const FILTER_CREATION: &str = "subscriptions.filter_creation";
const RETRY_ATTEMPTS: &str = "delivery.retry_attempts";
const RETRY_FIRST: &str = "delivery.retry_first_secs";
const RETRY_MAX: &str = "delivery.retry_max_secs";
const REMOVAL_ACTION: &str = "delivery.removal_action";
const RETRY_TOTAL: &str = "delivery.retry_total_secs";

impl IndicationControl for Settings {
    fn settings(&self) -> IndicationSettings {
        let config = self.in_force.get();
        let delivery = &config.delivery;
        IndicationSettings {
            filter_creation: config.subscriptions.filter_creation,
            retry_attempts: delivery.retry_attempts,
            retry_interval_secs: whole_secs(delivery.retry_first),
            removal_action: delivery.removal_action,
            removal_interval_secs: whole_secs(delivery.retry_total),
        }
    }

    fn max_subscriptions(&self) -> u32 {
        u32::try_from(self.in_force.get().subscriptions.max_per_account).unwrap_or(u32::MAX)
    }

    /// DSP1054 knows no longest pause: the one that is set gives way to the two that it knows.
    fn set(&self, changes: IndicationChanges) -> Result<(), CimError> {
        let integer = |value: u32| Value::Integer(i64::from(value));
        let current = IndicationControl::settings(self);
        let first = changes.retry_interval_secs.unwrap_or(current.retry_interval_secs);
        let total = changes
            .removal_interval_secs
            .unwrap_or(current.removal_interval_secs);
        let longest = whole_secs(self.in_force.get().delivery.retry_max);
        let fitting = longest.max(first).min(total);
        let values = [
            (FILTER_CREATION, changes.filter_creation.map(Value::Bool)),
            (RETRY_ATTEMPTS, changes.retry_attempts.map(u32::from).map(integer)),
            (RETRY_FIRST, changes.retry_interval_secs.map(integer)),
            (RETRY_MAX, (fitting != longest).then(|| integer(fitting))),
            (
                REMOVAL_ACTION,
                changes
                    .removal_action
                    .map(|action| Value::Text(action_name(action).to_owned())),
            ),
            (RETRY_TOTAL, changes.removal_interval_secs.map(integer)),
        ];
        let values: Vec<_> = values
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), Some(value?))))
            .collect();
        if values.is_empty() {
            return Ok(());
        }
        self.put(values)
    }

    fn reset(&self) -> Result<(), CimError> {
        let keys = [
            FILTER_CREATION,
            RETRY_ATTEMPTS,
            RETRY_FIRST,
            RETRY_MAX,
            REMOVAL_ACTION,
            RETRY_TOTAL,
        ];
        self.put(keys.map(|key| (key.to_owned(), None)).to_vec())
    }
}

fn whole_secs(length: Duration) -> u32 {
    u32::try_from(length.as_secs()).unwrap_or(u32::MAX)
}

/// As the configuration writes it.
const fn action_name(action: OnFatalError) -> &'static str {
    match action {
        OnFatalError::Remove => "remove",
        OnFatalError::Disable => "disable",
        OnFatalError::Ignore => "ignore",
    }
}
