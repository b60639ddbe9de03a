//! The configuration in force, and its values that are set from afar: checked with the whole configuration, written
//! down, then put in force.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::change::Running;
use crate::cim::CimError;
use crate::config::{Config, Effective, Mode, Remote, Source, Value, needs_restart};
use crate::monitor::{MonitorView, Setting, SettingValue};
use crate::provider::configuration_value::{ConfigurationInForce, ConfigurationValue};
use crate::provider::interop::indication_service::{
    IndicationChanges, IndicationControl, IndicationSettings,
};
use crate::provider::monitor_setting::MonitorControl;
use crate::provider::remote_setting::{RemoteSetting, RemoteSettings};
use crate::store::commands::{LoadSettings, PutSettings};
use crate::store::{Store, StoreError};
use crate::subscription::OnFatalError;
use crate::watch::Monitors;

/// The configuration in force, and who may change it: one at a time.
#[derive(Clone)]
pub(super) struct InForce {
    config: Arc<RwLock<Arc<Config>>>,
    change: Arc<Mutex<()>>,
    running: Arc<OnceLock<Running>>,
}

/// Why a configuration is not in force.
pub(super) enum Refused {
    /// It cannot be: for whoever wants it, what would be right.
    Unfit(String),
    /// It could not be written down.
    Unwritten(StoreError),
}

impl InForce {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config: Arc::new(RwLock::new(Arc::new(config))),
            change: Arc::default(),
            running: Arc::default(),
        }
    }

    /// From now on these follow each change.
    pub(super) fn govern(&self, running: Running) {
        // There is one agent in front of it, which starts once.
        let _ = self.running.set(running);
    }

    /// The configuration as it is now.
    pub(super) fn get(&self) -> Arc<Config> {
        Arc::clone(&self.config.read())
    }

    /// Makes another configuration of the one in force, has it written down, and puts it in force; nobody else
    /// changes it meanwhile. Must be called within a tokio runtime.
    pub(super) fn replace(
        &self,
        make: impl FnOnce(&Config) -> Result<Config, String>,
        write_down: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), Refused> {
        let _one_at_a_time = self.change.lock();
        let old = self.get();
        let new = make(&old).map_err(Refused::Unfit)?;
        let running = self.running.get();
        let change = running.map(|running| running.prepare(&old, &new)).transpose();
        let change = change.map_err(Refused::Unfit)?;
        write_down().map_err(Refused::Unwritten)?;
        if let Some(change) = change {
            change.commit(&new);
        }
        *self.config.write() = Arc::new(new);
        Ok(())
    }
}

/// The values that are set from afar, as providers set them.
pub(super) struct Settings {
    pub(super) in_force: InForce,
    pub(super) store: Store,
    pub(super) monitors: Monitors,
}

impl Settings {
    /// Puts these remote values in force, by their full keys (`delivery.retry_first_secs`), `None` for those to be
    /// dropped; they are on disk when this returns. It may block, and must be called within a tokio runtime.
    ///
    /// # Errors
    /// If they do not fit the rest of the configuration, or cannot be written down.
    pub(super) fn put(&self, values: Vec<(String, Option<Value>)>) -> Result<(), CimError> {
        if self.in_force.get().agent.mode == Mode::ProviderOnly {
            return Err(read_only());
        }
        let make = |config: &Config| {
            let mut remote: Remote = config.remote();
            for (key, value) in &values {
                match value {
                    Some(value) => drop(remote.insert(key.clone(), value.clone())),
                    None => drop(remote.remove(key)),
                }
            }
            config.with_remote(&remote).map_err(|faults| {
                let reasons: Vec<String> = faults
                    .iter()
                    .map(|fault| format!("{}: {}", fault.key, fault.reason))
                    .collect();
                reasons.join("; ")
            })
        };
        let texts = values
            .iter()
            .map(|(key, value)| (key.clone(), value.as_ref().map(Value::to_string)));
        let write_down = || self.store.call(PutSettings(texts.collect()));
        self.in_force
            .replace(make, write_down)
            .map_err(|refused| match refused {
                Refused::Unfit(reason) => CimError::invalid_parameter(reason),
                Refused::Unwritten(error) => {
                    tracing::error!(%error, "a setting could not be written down");
                    CimError::failed("the setting could not be written down; the log says why")
                }
            })
    }
}

fn read_only() -> CimError {
    CimError::not_supported("nothing can be set: `[agent] mode` of this agent is \"provider-only\"")
}

impl RemoteSettings for Settings {
    fn list(&self) -> Result<Vec<RemoteSetting>, CimError> {
        let kept: BTreeMap<String, String> = self.store.call(LoadSettings).map_err(|error| {
            tracing::error!(%error, "the settings could not be read");
            CimError::failed("the settings could not be read; the log says why")
        })?;
        let in_force = self.in_force.get().remote();
        let monitors = self.monitors.list();
        let names = names(&monitors);
        let left_out = left_out(&monitors);
        let setting = |(stored_key, value): (String, String)| RemoteSetting {
            key: shown_key(&stored_key, &names),
            in_force: in_force.contains_key(&stored_key) && !stands_in(&left_out, &stored_key),
            stored_key,
            value,
        };
        Ok(kept.into_iter().map(setting).collect())
    }

    fn drop_values(&self, stored_keys: &[String]) -> Result<(), CimError> {
        self.put(stored_keys.iter().map(|key| (key.clone(), None)).collect())
    }
}

impl ConfigurationInForce for Settings {
    fn values(&self) -> Vec<ConfigurationValue> {
        let monitors = self.monitors.list();
        let (names, left_out) = (names(&monitors), left_out(&monitors));
        let config = self.in_force.get();
        let is_in_force = |(key, effective): &(String, &Effective)| {
            effective.source != Source::Remote || !stands_in(&left_out, key)
        };
        let value = |(stored_key, effective): (String, &Effective)| ConfigurationValue {
            key: shown_key(&stored_key, &names),
            needs_restart: needs_restart(&stored_key),
            value: effective.value.as_ref().map(Value::to_string),
            source: effective.source.to_string(),
            stored_key,
        };
        let mut values: Vec<_> = config.effective().filter(is_in_force).map(value).collect();
        // What was set remotely of a file system goes before what the file says of its mount point.
        let has_own_name = |value: &ConfigurationValue| value.key != value.stored_key;
        let named = values.iter().filter(|value| has_own_name(value));
        let overridden: HashSet<String> = named.map(|value| value.key.clone()).collect();
        values.retain(|value| has_own_name(value) || !overridden.contains(&value.key));
        values
    }
}

/// The sections whose remote values are left out, as they do not fit.
fn left_out(monitors: &[MonitorView]) -> HashSet<String> {
    let misfits = monitors.iter().filter(|view| view.misfit.is_some());
    misfits.map(section).collect()
}

/// Whether a key stands in one of these sections.
fn stands_in(sections: &HashSet<String>, key: &str) -> bool {
    let section = key.rsplit_once('.').map(|(section, _)| section);
    section.is_some_and(|section| sections.contains(section))
}

/// The section of each monitor's keys in the store (`monitor.file-system:UUID`), and what people call it.
fn names(monitors: &[MonitorView]) -> HashMap<String, String> {
    let named = |view: &MonitorView| (section(view), format!("monitor.{}", view.id()));
    monitors.iter().map(named).collect()
}

/// The key with the name of what is watched in place of what stays of it.
fn shown_key(stored_key: &str, names: &HashMap<String, String>) -> String {
    let named = stored_key
        .rsplit_once('.')
        .and_then(|(section, key)| Some(format!("{}.{key}", names.get(section)?)));
    named.unwrap_or_else(|| stored_key.to_owned())
}

/// Where a monitor's keys stand: by the instance's identity, so that they stay with a file system that moves.
fn section(monitor: &MonitorView) -> String {
    match &monitor.identity {
        Some(identity) => format!("monitor.{}:{identity}", monitor.rule.id),
        None => format!("monitor.{}", monitor.rule.id),
    }
}

/// The full key of a setting.
fn key(monitor: &MonitorView, setting: Setting) -> String {
    format!("{}.{}", section(monitor), setting.name())
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
