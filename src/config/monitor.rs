//! `[[monitor]]`: from the tables of the file to the rule set of the monitor room.
//!
//! The file names what a rule watches (`/var`), remote values its identity (a UUID). What both say of one thing is
//! checked by [`misfits_of`], by those who know its name and its identity; the rest is checked as a whole by [`build`].

use std::collections::BTreeSet;

use super::fault::Fault;
use super::schema::{Kind, MONITOR};
use super::value::Value;
use super::values::{Layer, Source, Values};
use crate::monitor::{Overrides, Rule, RuleError, RuleSet, Setting, SettingValue, Subject, default_rules};

/// A rule, or a rule at one instance: `cpu`, `file-system:/var`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MonitorId {
    rule: String,
    instance: Option<String>,
}

impl MonitorId {
    /// The id of a rule and an instance that the file names.
    ///
    /// # Errors
    /// The key at fault, and what would be right.
    pub(super) fn new(rule: &str, instance: Option<&str>) -> Result<Self, (&'static str, String)> {
        let known = default_rules().into_iter().find(|known| known.id == rule);
        let known = known.ok_or_else(|| ("rule", must_be_a_rule()))?;
        if let Some(instance) = instance {
            check_instance(&known, instance).map_err(|reason| ("instance", reason))?;
        }
        Ok(Self {
            rule: known.id,
            instance: instance.map(str::to_owned),
        })
    }

    /// The id as it stands in a full key: `file-system:/var`. The instance of a remote value is the
    /// identity of the thing, which need not look like its name.
    ///
    /// # Errors
    /// What would be right.
    fn parse(id: &str) -> Result<Self, String> {
        match id.split_once(':') {
            None => Self::new(id, None).map_err(|(_, reason)| reason),
            Some((rule, instance)) => {
                let known = default_rules().into_iter().find(|known| known.id == rule);
                let known = known.ok_or_else(must_be_a_rule)?;
                has_instances(&known)?;
                Ok(Self {
                    rule: known.id,
                    instance: Some(instance.to_owned()),
                })
            }
        }
    }

    /// `monitor.ID.KEY`.
    pub(super) fn full_key(&self, key: &str) -> String {
        match &self.instance {
            None => format!("{}.{}.{key}", MONITOR.name, self.rule),
            Some(instance) => format!("{}.{}:{instance}.{key}", MONITOR.name, self.rule),
        }
    }

    /// Whether anything is said of it there.
    fn is_in(&self, layer: &Layer) -> bool {
        MONITOR
            .keys
            .iter()
            .any(|key| layer.contains_key(&self.full_key(key.name)))
    }

    /// The rule itself.
    fn whole_rule(&self) -> Self {
        Self {
            rule: self.rule.clone(),
            instance: None,
        }
    }
}

/// The reason for a rule that does not exist.
pub(super) fn must_be_a_rule() -> String {
    let names: Vec<String> = default_rules()
        .into_iter()
        .map(|rule| format!("\"{}\"", rule.id))
        .collect();
    format!("must be one of {}", names.join(", "))
}

fn has_instances(rule: &Rule) -> Result<(), String> {
    match rule.target_name {
        None => Ok(()),
        Some(_) => Err(format!(
            "the rule `{}` has no instances; leave `instance` out",
            rule.id
        )),
    }
}

fn check_instance(rule: &Rule, instance: &str) -> Result<(), String> {
    has_instances(rule)?;
    Kind::AbsolutePath
        .check(&Value::Text(instance.to_owned()))
        .map_err(|_| "must be a mount point, such as \"/var\"".to_owned())
}

/// The full keys and values of every rule as it comes: `monitor.cpu.warning`.
pub(super) fn defaults() -> Vec<(String, Value)> {
    let mut defaults = Vec::new();
    for rule in default_rules() {
        let id = MonitorId {
            rule: rule.id.clone(),
            instance: None,
        };
        for setting in Setting::ALL {
            defaults.push((id.full_key(setting.name()), default_value(&rule, setting)));
        }
    }
    defaults
}

/// The value that a rule has for a setting when nobody changes it.
pub(super) fn default_value(rule: &Rule, setting: Setting) -> Value {
    let level = |level: Option<f64>| level.map_or_else(|| Value::Text("none".to_owned()), plain_number);
    match setting {
        Setting::Enabled => Value::Bool(rule.enabled),
        Setting::Warning => level(rule.warning),
        Setting::WarningReset => level(rule.warning_reset),
        Setting::Critical => level(rule.critical),
        Setting::CriticalReset => level(rule.critical_reset),
        Setting::IntervalSecs => Value::Integer(rule.interval_secs.into()),
        Setting::HoldSamples => Value::Integer(rule.hold_samples.into()),
    }
}

/// A level as people write it: 85, not 85.0.
#[allow(clippy::cast_possible_truncation, reason = "a default level is a percentage")]
fn plain_number(level: f64) -> Value {
    if level.fract() == 0.0 {
        Value::Integer(level as i64)
    } else {
        Value::Number(level)
    }
}

/// The id and key of `monitor.ID.KEY`. The key holds no dot, so an instance may.
fn split_key(full_key: &str) -> Option<(&str, &str)> {
    full_key
        .strip_prefix(MONITOR.name)?
        .strip_prefix('.')?
        .rsplit_once('.')
}

/// Whether the full key is one of a monitor.
pub(super) fn is_monitor_key(full_key: &str) -> bool {
    split_key(full_key).is_some()
}

/// Checks a remote value of a monitor.
///
/// # Errors
/// What is wrong, with the allowed range or form.
pub(super) fn check_remote(full_key: &str, value: &Value) -> Result<(), String> {
    let (id, key) = split_key(full_key).ok_or_else(unknown_key)?;
    MonitorId::parse(id)?;
    check_key(key, Some(value))
}

/// Checks one key of a monitor; the value is `None` if it is of a type that no key can hold.
///
/// # Errors
/// What is wrong, with the allowed range or form.
pub(super) fn check_key(key: &str, value: Option<&Value>) -> Result<(), String> {
    let schema = MONITOR
        .key(key)
        .filter(|_| Setting::from_name(key).is_some())
        .ok_or_else(unknown_key)?;
    match value {
        Some(value) => schema.kind.check(value),
        None => Err(format!("must be {}", schema.kind)),
    }
}

fn unknown_key() -> String {
    let known: Vec<&str> = MONITOR.keys.iter().map(|key| key.name).collect();
    format!("unknown key; a monitor has: {}", known.join(", "))
}

/// Something that does not fit together: the keys concerned and the reason.
pub(super) struct Misfit {
    /// Full keys, the one to change first.
    pub(super) keys: Vec<String>,
    /// What would be right.
    pub(super) reason: String,
}

/// Puts the rule set together, and tells which levels do not fit together: of each rule, and of what the file names.
pub(super) fn build(values: &Values, file: &Layer, remote: &Layer) -> (RuleSet, Vec<Misfit>) {
    let rules = RuleSet::new(default_rules(), overrides(file), overrides(remote));
    let mut misfits = Vec::new();
    for id in ids(values) {
        if id.instance.is_some() && !id.is_in(file) {
            continue;
        }
        // Nobody knows here what is mounted there: no identity is empty.
        let subject = id.instance.as_deref().map(|name| Subject { name, identity: "" });
        for error in rules.resolve(&id.rule, subject).err().unwrap_or_default() {
            let keys = keys_at_fault(&error);
            let keys = keys.iter().map(|key| key_in_force(values, &id, key)).collect();
            misfits.push(Misfit {
                keys,
                reason: error.to_string(),
            });
        }
    }
    // A level of the rule that is wrong is wrong for its instances too: once is enough.
    misfits.dedup_by(|later, earlier| later.keys == earlier.keys);
    (rules, misfits)
}

/// What does not fit together of what the file says of a monitor by its name, and what was set remotely under its
/// identity. Each fault tells where both values stand.
pub(super) fn misfits_of(
    rules: &RuleSet,
    [file, remote]: [&Layer; 2],
    rule: &str,
    subject: Subject<'_>,
) -> Vec<Fault> {
    let id = |instance: Option<&str>| MonitorId {
        rule: rule.to_owned(),
        instance: instance.map(str::to_owned),
    };
    let (name, identity, whole) = (id(Some(subject.name)), id(Some(subject.identity)), id(None));
    // As in a rule set, the strongest first.
    let layers = [
        (remote, &identity),
        (file, &name),
        (remote, &whole),
        (file, &whole),
    ];
    let set = |key: &str| layers.iter().find_map(|(layer, id)| layer.get(&id.full_key(key)));
    let errors = rules.resolve(rule, Some(subject)).err().unwrap_or_default();
    let fault = |error: RuleError| {
        let keys = keys_at_fault(&error);
        let places = keys.iter().map(|key| {
            let place = set(key).map_or(&Source::Default, |(_, place)| place);
            format!("`{key}`: {place}")
        });
        let places = places.collect::<Vec<_>>().join(", ");
        let (key, (value, place)) = keys.iter().find_map(|key| Some((key, set(key)?)))?;
        Some(Fault {
            place: place.clone(),
            key: name.full_key(key),
            value: Some(value.to_string()),
            reason: format!("{error} ({places})"),
        })
    };
    errors.into_iter().filter_map(fault).collect()
}

/// The rule and the instance of the full key of a value of one instance: `monitor.file-system:/var.warning`.
pub fn rule_and_instance(full_key: &str) -> Option<(&str, &str)> {
    split_key(full_key)?.0.split_once(':')
}

/// Every monitor that has a value, each rule before its instances.
pub(super) fn ids(values: &Values) -> BTreeSet<MonitorId> {
    let ids = values
        .keys()
        .filter_map(split_key)
        .filter_map(|(id, _)| MonitorId::parse(id).ok());
    ids.collect()
}

/// The full key under which the value in force for a monitor stands: its own, else the rule's.
fn key_in_force(values: &Values, id: &MonitorId, key: &str) -> String {
    let own = id.full_key(key);
    let is_own = values.find(&own).is_some() || values.is_refused(&own);
    if is_own {
        own
    } else {
        id.whole_rule().full_key(key)
    }
}

fn keys_at_fault(error: &RuleError) -> Vec<&'static str> {
    match error {
        RuleError::ResetMissing { level } | RuleError::ResetNotBeyond { level, .. }
            if *level == "warning" =>
        {
            vec!["warning_reset", "warning"]
        }
        RuleError::ResetMissing { .. } | RuleError::ResetNotBeyond { .. } => {
            vec!["critical_reset", "critical"]
        }
        RuleError::LevelOrder { .. } => vec!["critical", "warning"],
        RuleError::OutOfRange { setting, .. }
        | RuleError::WrongType { setting, .. }
        | RuleError::NotFinite(setting) => vec![setting],
        RuleError::UnknownRule(_) | RuleError::NoInstances(..) => vec!["enabled"],
    }
}

fn overrides(layer: &Layer) -> Overrides {
    let mut overrides = Overrides::default();
    for (full_key, (value, _)) in layer {
        let Some((id, key)) = split_key(full_key) else {
            continue;
        };
        let (Ok(id), Some(setting)) = (MonitorId::parse(id), Setting::from_name(key)) else {
            continue;
        };
        if let Some(value) = setting_value(value) {
            // The kind of the key has settled the type, so nothing is refused here.
            let _ = overrides
                .entry(&id.rule, id.instance.as_deref())
                .set(setting, value);
        }
    }
    overrides
}

fn setting_value(value: &Value) -> Option<SettingValue> {
    match value {
        Value::Bool(flag) => Some(SettingValue::Flag(*flag)),
        Value::Integer(number) => u32::try_from(*number).ok().map(SettingValue::Count),
        Value::Number(level) => Some(SettingValue::Level(*level)),
        Value::Text(_) => Some(SettingValue::NotWatched),
        Value::List(_) => None,
    }
}
