//! Monitor rules: their defaults, and what the configuration makes of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::time::Duration;

use super::schema::{Kind, MONITOR};
use super::value::Value;
use super::values::Values;

/// A rule that the agent brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Load of all processors, in percent.
    Cpu,
    /// Physical memory in use, in percent.
    PhysicalMemory,
    /// Physical memory and swap in use, in percent.
    VirtualMemory,
    /// Swap in use, in percent.
    PageFile,
    /// Free space of each eligible file system, in percent: lower is worse.
    FileSystem,
    /// Health of each drive.
    Storage,
    /// Processors and memory against the last known, once at start.
    Degradation,
}

/// One level, and where the state that it opened ends. In percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The state is entered at this value.
    pub level: f64,
    /// It is left at this value.
    pub reset: f64,
}

/// The levels of a rule; `None` for a level that is not watched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// The warning state.
    pub warning: Option<Level>,
    /// The critical state.
    pub critical: Option<Level>,
}

/// One rule, or one rule for one instance, as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorConfig {
    /// The rule.
    pub rule: Rule,
    /// The mount point or drive that this is for; `None` for the rule itself.
    pub instance: Option<String>,
    /// Whether it is watched.
    pub enabled: bool,
    /// Its levels; none for a rule that watches a state.
    pub levels: Levels,
    /// The time between two samples. Of no meaning for [`Rule::Degradation`].
    pub interval: Duration,
    /// Consecutive samples beyond a level before a worse state is entered.
    pub hold_samples: u16,
}

impl MonitorConfig {
    /// `cpu`, `file-system:/var`: the InstanceID of the setting.
    pub fn id(&self) -> String {
        id(self.rule, self.instance.as_deref())
    }
}

/// Every configured monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitors {
    by_id: BTreeMap<(Rule, Option<String>), MonitorConfig>,
}

impl Monitors {
    /// What holds for an instance of a rule: its own setting, else the rule's.
    pub fn get(&self, rule: Rule, instance: Option<&str>) -> MonitorConfig {
        let own = self.by_id.get(&(rule, instance.map(str::to_owned)));
        let mut found = own
            .or_else(|| self.by_id.get(&(rule, None)))
            .cloned()
            .unwrap_or_else(|| {
                // Every rule is in the map: this is the rule as it comes.
                MonitorConfig {
                    rule,
                    instance: None,
                    enabled: true,
                    levels: Levels::default(),
                    interval: Duration::from_secs(60),
                    hold_samples: 1,
                }
            });
        found.instance = instance.map(str::to_owned);
        found
    }

    /// Every rule, and every instance that has a setting of its own.
    pub fn iter(&self) -> impl Iterator<Item = &MonitorConfig> {
        self.by_id.values()
    }
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 7] = [
        Self::Cpu,
        Self::PhysicalMemory,
        Self::VirtualMemory,
        Self::PageFile,
        Self::FileSystem,
        Self::Storage,
        Self::Degradation,
    ];

    /// The rule's name in the configuration and in InstanceIDs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::PhysicalMemory => "physical-memory",
            Self::VirtualMemory => "virtual-memory",
            Self::PageFile => "page-file",
            Self::FileSystem => "file-system",
            Self::Storage => "storage",
            Self::Degradation => "degradation",
        }
    }

    /// The rule of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// Whether a low value is the bad one.
    pub fn is_below(self) -> bool {
        self == Self::FileSystem
    }

    /// Whether the rule has one state per instance, and not one in all.
    pub fn has_instances(self) -> bool {
        matches!(self, Self::FileSystem | Self::Storage)
    }

    /// The keys of `[[monitor]]` that mean something for the rule, with the rule's own values.
    pub(super) fn defaults(self) -> Vec<(&'static str, Value)> {
        let (levels, timing) = match self {
            Self::Cpu | Self::PhysicalMemory | Self::VirtualMemory => (Some([85, 80, 95, 90]), Some((60, 3))),
            Self::PageFile => (Some([70, 65, 90, 85]), Some((60, 3))),
            Self::FileSystem => (Some([10, 12, 3, 5]), Some((60, 1))),
            Self::Storage => (None, Some((300, 1))),
            Self::Degradation => (None, None),
        };
        let mut defaults = vec![("enabled", Value::Bool(true))];
        if let Some(levels) = levels {
            let keys = ["warning", "warning_reset", "critical", "critical_reset"];
            defaults.extend(keys.into_iter().zip(levels.map(Value::Integer)));
        }
        if let Some((interval_secs, hold_samples)) = timing {
            defaults.push(("interval_secs", Value::Integer(interval_secs)));
            defaults.push(("hold_samples", Value::Integer(hold_samples)));
        }
        defaults
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The full keys and values of every rule as it comes: `monitor.cpu.warning`.
pub(super) fn defaults() -> impl Iterator<Item = (String, Value)> {
    Rule::ALL.into_iter().flat_map(|rule| {
        rule.defaults()
            .into_iter()
            .map(move |(key, value)| (full_key(&id(rule, None), key), value))
    })
}

/// `RULE` or `RULE:INSTANCE`.
pub(super) fn id(rule: Rule, instance: Option<&str>) -> String {
    match instance {
        None => rule.name().to_owned(),
        Some(instance) => format!("{rule}:{instance}"),
    }
}

/// `monitor.ID.KEY`.
pub(super) fn full_key(id: &str, key: &str) -> String {
    format!("{}.{id}.{key}", MONITOR.name)
}

/// The ID and key of `monitor.ID.KEY`. The key holds no dot, so an instance may.
pub(super) fn split_key(full_key: &str) -> Option<(&str, &str)> {
    full_key
        .strip_prefix(MONITOR.name)?
        .strip_prefix('.')?
        .rsplit_once('.')
}

/// The rule and instance of an ID.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_id(id: &str) -> Result<(Rule, Option<&str>), String> {
    let (name, instance) = match id.split_once(':') {
        Some((name, instance)) => (name, Some(instance)),
        None => (id, None),
    };
    let rule = Rule::from_name(name)
        .ok_or_else(|| format!("must be one of {}", Rule::ALL.map(Rule::name).join(", ")))?;
    if let Some(instance) = instance {
        check_instance(rule, instance)?;
    }
    Ok((rule, instance))
}

/// Checks that the rule can have this instance.
///
/// # Errors
/// What would be right.
pub(super) fn check_instance(rule: Rule, instance: &str) -> Result<(), String> {
    match rule {
        Rule::FileSystem => Kind::AbsolutePath
            .check(&Value::Text(instance.to_owned()))
            .map_err(|_| "must be a mount point, such as \"/var\"".to_owned()),
        Rule::Storage if instance.is_empty() || instance.contains('/') => {
            Err("must be the kernel's name of a drive, such as \"sda\"".to_owned())
        }
        Rule::Storage => Ok(()),
        Rule::Cpu | Rule::PhysicalMemory | Rule::VirtualMemory | Rule::PageFile | Rule::Degradation => Err(
            format!("the rule `{rule}` has no instances; leave `instance` out"),
        ),
    }
}

/// Checks one key of a monitor.
///
/// # Errors
/// What is wrong, with the allowed range or form.
pub(super) fn check_key(rule: Rule, key: &str, value: &Value) -> Result<(), String> {
    let Some(schema) = MONITOR
        .key(key)
        .filter(|key| !matches!(key.name, "rule" | "instance"))
    else {
        return Err(unknown_key());
    };
    if !rule.defaults().iter().any(|(name, _)| *name == key) {
        let known: Vec<&str> = rule.defaults().iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "has no meaning for the rule `{rule}`, which has only: {}",
            known.join(", ")
        ));
    }
    schema.kind.check(value)
}

/// The reason for a key that monitors do not have.
pub(super) fn unknown_key() -> String {
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

/// Puts the monitors together from the values in force, and tells what does not fit together.
pub(super) fn build(values: &Values) -> (Monitors, Vec<Misfit>) {
    let mut by_id = BTreeMap::new();
    let mut misfits = Vec::new();
    let ids = values
        .iter()
        .filter_map(|(key, _)| split_key(key))
        .map(|(id, _)| id);
    for (rule, instance) in ids.filter_map(|id| parse_id(id).ok()) {
        let key = (rule, instance.map(str::to_owned));
        if let Entry::Vacant(vacant) = by_id.entry(key) {
            let (monitor, mut wrong) = build_one(values, rule, instance);
            vacant.insert(monitor);
            misfits.append(&mut wrong);
        }
    }
    (Monitors { by_id }, misfits)
}

fn build_one(values: &Values, rule: Rule, instance: Option<&str>) -> (MonitorConfig, Vec<Misfit>) {
    let lookup = Lookup {
        values,
        rule,
        instance,
    };
    let mut misfits = Vec::new();
    let warning = lookup.level("warning", "warning_reset", &mut misfits);
    let critical = lookup.level("critical", "critical_reset", &mut misfits);
    if let (Some(warning), Some(critical)) = (warning, critical) {
        let (fits, relation) = if rule.is_below() {
            (warning.level >= critical.level, "at most")
        } else {
            (warning.level <= critical.level, "at least")
        };
        if !fits {
            let reason = format!(
                "`critical` ({}) must be {relation} `warning` ({})",
                critical.level, warning.level
            );
            misfits.push(lookup.misfit(&["critical", "warning"], reason));
        }
    }
    let monitor = MonitorConfig {
        rule,
        instance: instance.map(str::to_owned),
        enabled: !matches!(lookup.value("enabled"), Some(Value::Bool(false))),
        levels: Levels { warning, critical },
        interval: Duration::from_secs(lookup.integer("interval_secs").unwrap_or(60)),
        hold_samples: lookup
            .integer("hold_samples")
            .and_then(|samples| samples.try_into().ok())
            .unwrap_or(1),
    };
    misfits.retain(|misfit| !misfit.keys.iter().any(|key| values.is_refused(key)));
    (monitor, misfits)
}

/// The values of one monitor: the instance's own first, then its rule's.
struct Lookup<'a> {
    values: &'a Values,
    rule: Rule,
    instance: Option<&'a str>,
}

impl Lookup<'_> {
    /// The full key under which the value in force stands.
    fn key(&self, key: &str) -> String {
        let own = full_key(&id(self.rule, self.instance), key);
        let is_own = self.values.find(&own).is_some() || self.values.is_refused(&own);
        if is_own {
            own
        } else {
            full_key(&id(self.rule, None), key)
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.values.find(&self.key(key))?.value.as_ref()
    }

    fn integer(&self, key: &str) -> Option<u64> {
        match self.value(key)? {
            Value::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    fn misfit(&self, keys: &[&str], reason: String) -> Misfit {
        Misfit {
            keys: keys.iter().map(|key| self.key(key)).collect(),
            reason,
        }
    }

    fn level(&self, level_key: &str, reset_key: &str, misfits: &mut Vec<Misfit>) -> Option<Level> {
        let level = self.value(level_key)?.as_number()?;
        let keys = [reset_key, level_key];
        let Some(reset) = self.value(reset_key).and_then(Value::as_number) else {
            let reason = format!("`{reset_key}` must be a number, as `{level_key}` is {level}");
            misfits.push(self.misfit(&keys, reason));
            return None;
        };
        let (fits, relation) = if self.rule.is_below() {
            (reset > level, "above")
        } else {
            (reset < level, "below")
        };
        if !fits {
            let reason = format!("`{reset_key}` ({reset}) must be {relation} `{level_key}` ({level})");
            misfits.push(self.misfit(&keys, reason));
        }
        Some(Level { level, reset })
    }
}
