//! The rules in force: defaults, what the configuration file says, what was set remotely.
//!
//! Each value of a rule is settled by itself. For an instance, what is said of the instance goes before what
//! is said of the whole rule; at either place the remote value goes before the file's, and that before the
//! default. The file names an instance by its name (`/var`); remote values are kept under its identity (the
//! file system's UUID), so that they survive an unmount and a change of the mount point. So the two may meet for the
//! first time when the instance is mounted: what does not fit then is left out, and told.

use std::collections::BTreeMap;

use super::rule::{Rule, RuleError, default_rules};

/// The instance that a rule is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subject<'a> {
    /// What people call it, as in `/var`.
    pub name: &'a str,
    /// What stays when the name changes; the name itself where there is nothing better.
    pub identity: &'a str,
}

/// The values of a rule that can be set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Setting {
    /// Whether the rule is in force.
    Enabled,
    /// Where the warning state begins.
    Warning,
    /// Where the warning state ends.
    WarningReset,
    /// Where the critical state begins.
    Critical,
    /// Where the critical state ends.
    CriticalReset,
    /// Seconds between two samples.
    IntervalSecs,
    /// Consecutive samples before a worse state.
    HoldSamples,
}

impl Setting {
    /// Every setting.
    pub const ALL: [Self; 7] = [
        Self::Enabled,
        Self::Warning,
        Self::WarningReset,
        Self::Critical,
        Self::CriticalReset,
        Self::IntervalSecs,
        Self::HoldSamples,
    ];

    /// The key in configuration and store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Warning => "warning",
            Self::WarningReset => "warning_reset",
            Self::Critical => "critical",
            Self::CriticalReset => "critical_reset",
            Self::IntervalSecs => "interval_secs",
            Self::HoldSamples => "hold_samples",
        }
    }

    /// The setting of that key.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

/// The value of a setting.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// Of `enabled`.
    Flag(bool),
    /// Of `interval_secs` and `hold_samples`.
    Count(u32),
    /// Of a level.
    Level(f64),
    /// Of a level that is not watched.
    NotWatched,
}

/// The values that one place says of one rule or instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleOverride {
    values: BTreeMap<Setting, SettingValue>,
}

impl RuleOverride {
    /// Sets one value; a value of the wrong type is refused.
    pub fn set(&mut self, setting: Setting, value: SettingValue) -> Result<(), RuleError> {
        let value = fitting(setting, value)?;
        self.values.insert(setting, value);
        Ok(())
    }

    /// Drops one value.
    pub fn clear(&mut self, setting: Setting) {
        self.values.remove(&setting);
    }

    /// The value that was set.
    pub fn get(&self, setting: Setting) -> Option<SettingValue> {
        self.values.get(&setting).copied()
    }

    /// Every value that was set.
    pub fn iter(&self) -> impl Iterator<Item = (Setting, SettingValue)> + '_ {
        self.values.iter().map(|(setting, value)| (*setting, *value))
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn apply(&self, rule: &mut Rule) {
        for (setting, value) in self.iter() {
            apply(rule, setting, value);
        }
    }
}

/// What one place (the file, or the store) says, by rule and by instance of a rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    rules: BTreeMap<String, RuleOverride>,
    instances: BTreeMap<(String, String), RuleOverride>,
}

impl Overrides {
    /// What is said of `rule`, or of `rule` at `instance`.
    pub fn get(&self, rule: &str, instance: Option<&str>) -> Option<&RuleOverride> {
        match instance {
            None => self.rules.get(rule),
            Some(instance) => self.instances.get(&(rule.to_owned(), instance.to_owned())),
        }
    }

    /// The same, to be changed; empty if nothing was said.
    pub fn entry(&mut self, rule: &str, instance: Option<&str>) -> &mut RuleOverride {
        match instance {
            None => self.rules.entry(rule.to_owned()).or_default(),
            Some(instance) => self
                .instances
                .entry((rule.to_owned(), instance.to_owned()))
                .or_default(),
        }
    }

    /// Everything that is said: rule, instance, values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>, &RuleOverride)> {
        let rules = self
            .rules
            .iter()
            .map(|(rule, values)| (rule.as_str(), None, values));
        let instances = self
            .instances
            .iter()
            .map(|((rule, instance), values)| (rule.as_str(), Some(instance.as_str()), values));
        rules.chain(instances)
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SettingSource {
    /// The default.
    Default,
    /// The configuration file.
    File,
    /// Set remotely or by a tool.
    Remote,
}

/// What is in force for a rule, or for one instance of it.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// The rule with all its values settled. It is valid.
    pub rule: Rule,
    /// Where its values come from: the strongest source that settled one.
    pub source: SettingSource,
    /// Why the strongest of what is said is left out; empty if nothing is.
    pub misfits: Vec<RuleError>,
}

impl InForce {
    /// Why the strongest of what is said is left out, in one line; none if nothing is.
    pub fn misfit(&self) -> Option<String> {
        let reasons: Vec<String> = self.misfits.iter().map(ToString::to_string).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

/// What one place says, if anything.
type Layer<'a> = (SettingSource, Option<&'a RuleOverride>);

/// All rules, and what is said of them.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSet {
    defaults: BTreeMap<String, Rule>,
    file: Overrides,
    remote: Overrides,
}

impl Default for RuleSet {
    fn default() -> Self {
        Self::new(default_rules(), Overrides::default(), Overrides::default())
    }
}

impl RuleSet {
    /// The rules `defaults`, with what the file and what remote callers said.
    pub fn new(defaults: Vec<Rule>, file: Overrides, remote: Overrides) -> Self {
        let defaults = defaults.into_iter().map(|rule| (rule.id.clone(), rule)).collect();
        Self {
            defaults,
            file,
            remote,
        }
    }

    /// The names of all rules.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.defaults.keys().map(String::as_str)
    }

    /// What the file says.
    pub fn file(&self) -> &Overrides {
        &self.file
    }

    /// What was set remotely.
    pub fn remote(&self) -> &Overrides {
        &self.remote
    }

    /// The same rules with another file; nothing is checked.
    #[must_use]
    pub fn with_file(&self, file: Overrides) -> Self {
        Self { file, ..self.clone() }
    }

    /// The same rules with other remote values; nothing is checked.
    #[must_use]
    pub fn with_remote(&self, remote: Overrides) -> Self {
        Self {
            remote,
            ..self.clone()
        }
    }

    /// The rule with all that is said of it, or of one instance of it.
    ///
    /// # Errors
    /// There is no such rule, or what is said does not fit together.
    pub fn resolve(&self, rule: &str, subject: Option<Subject<'_>>) -> Result<Rule, Vec<RuleError>> {
        let resolved = self.merge(rule, subject).map_err(|error| vec![error])?;
        resolved.validate()?;
        Ok(resolved)
    }

    /// What is in force for a rule, or for one instance of it: what [`RuleSet::resolve`] gives, or where that does
    /// not fit together, the same without what goes before all else, and so on. So there is always something in force.
    ///
    /// # Errors
    /// There is no such rule, or it has no instances.
    pub fn in_force(&self, rule: &str, subject: Option<Subject<'_>>) -> Result<InForce, RuleError> {
        let base = self.base(rule, subject)?;
        let layers = self.layers(rule, subject);
        let mut misfits = Vec::new();
        for left_out in 0..layers.len() {
            let kept = layers.get(..layers.len() - left_out).unwrap_or_default();
            let rule = laid_over(base.clone(), kept);
            match rule.validate() {
                Ok(()) => {
                    let source = strongest_source(kept);
                    return Ok(InForce {
                        rule,
                        source,
                        misfits,
                    });
                }
                Err(errors) if misfits.is_empty() => misfits = errors,
                Err(_) => {}
            }
        }
        Ok(InForce {
            rule: base,
            source: SettingSource::Default,
            misfits,
        })
    }

    /// Whether this and the other set say the same of an instance, whatever they say of the rule as a whole.
    pub fn says_the_same_of(&self, other: &Self, rule: &str, subject: Subject<'_>) -> bool {
        let same =
            |one: &Overrides, other: &Overrides, key| one.get(rule, Some(key)) == other.get(rule, Some(key));
        same(&self.file, &other.file, subject.name) && same(&self.remote, &other.remote, subject.identity)
    }

    fn merge(&self, rule: &str, subject: Option<Subject<'_>>) -> Result<Rule, RuleError> {
        Ok(laid_over(self.base(rule, subject)?, &self.layers(rule, subject)))
    }

    /// The rule as it comes.
    fn base(&self, id: &str, subject: Option<Subject<'_>>) -> Result<Rule, RuleError> {
        let rule = self.defaults.get(id).cloned();
        let rule = rule.ok_or_else(|| RuleError::UnknownRule(id.to_owned()))?;
        match (&rule.target_name, subject) {
            (Some(_), Some(subject)) => Err(RuleError::NoInstances(id.to_owned(), subject.name.to_owned())),
            _ => Ok(rule),
        }
    }

    /// What is said, weakest first.
    fn layers<'a>(&'a self, rule: &str, subject: Option<Subject<'_>>) -> [Layer<'a>; 4] {
        let instance = |from: &'a Overrides, key: Option<&str>| key.and_then(|key| from.get(rule, Some(key)));
        [
            (SettingSource::File, self.file.get(rule, None)),
            (SettingSource::Remote, self.remote.get(rule, None)),
            (SettingSource::File, instance(&self.file, subject.map(|s| s.name))),
            (
                SettingSource::Remote,
                instance(&self.remote, subject.map(|s| s.identity)),
            ),
        ]
    }
}

/// The rule with the layers over it, the weakest first.
fn laid_over(mut rule: Rule, layers: &[Layer<'_>]) -> Rule {
    for layer in layers.iter().filter_map(|(_, layer)| *layer) {
        layer.apply(&mut rule);
    }
    rule
}

/// The strongest of the sources that settle a value. What settles none, as another layer lies over it, is not in force.
fn strongest_source(layers: &[Layer<'_>]) -> SettingSource {
    let of_setting = |setting| {
        let mut strongest_first = layers.iter().rev();
        let found =
            strongest_first.find(|(_, layer)| layer.is_some_and(|layer| layer.get(setting).is_some()));
        found.map_or(SettingSource::Default, |(source, _)| *source)
    };
    let sources = Setting::ALL.map(of_setting);
    [SettingSource::Remote, SettingSource::File]
        .into_iter()
        .find(|source| sources.contains(source))
        .unwrap_or(SettingSource::Default)
}

/// The value in the type of its setting: a whole number is a level where a level is asked.
fn fitting(setting: Setting, value: SettingValue) -> Result<SettingValue, RuleError> {
    use SettingValue::{Count, Flag, Level, NotWatched};
    let wrong = |expected| RuleError::WrongType {
        setting: setting.name(),
        value: format!("{value:?}"),
        expected,
    };
    match (setting, value) {
        (Setting::Enabled, Flag(_)) => Ok(value),
        (Setting::Enabled, _) => Err(wrong("true or false")),
        (Setting::IntervalSecs | Setting::HoldSamples, Count(_)) => Ok(value),
        (Setting::IntervalSecs | Setting::HoldSamples, _) => Err(wrong("a whole number")),
        (_, Count(number)) => Ok(Level(number.into())),
        (_, Level(_) | NotWatched) => Ok(value),
        (_, Flag(_)) => Err(wrong("a number, or nothing")),
    }
}

fn apply(rule: &mut Rule, setting: Setting, value: SettingValue) {
    use SettingValue::{Count, Flag, Level, NotWatched};
    let level = match value {
        Level(level) => Some(level),
        Flag(_) | Count(_) | NotWatched => None,
    };
    match (setting, value) {
        (Setting::Enabled, Flag(enabled)) => rule.enabled = enabled,
        (Setting::IntervalSecs, Count(secs)) => rule.interval_secs = secs,
        // A number beyond the type's range is far beyond the allowed one: validation names it.
        (Setting::HoldSamples, Count(samples)) => {
            rule.hold_samples = u16::try_from(samples).unwrap_or(u16::MAX)
        }
        (Setting::Warning, _) => rule.warning = level,
        (Setting::WarningReset, _) => rule.warning_reset = level,
        (Setting::Critical, _) => rule.critical = level,
        (Setting::CriticalReset, _) => rule.critical_reset = level,
        (Setting::Enabled | Setting::IntervalSecs | Setting::HoldSamples, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAR: Subject<'static> = Subject {
        name: "/var",
        identity: "uuid-1",
    };

    fn overrides(said: &[(&str, Option<&str>, Setting, SettingValue)]) -> Overrides {
        let mut overrides = Overrides::default();
        for (rule, instance, setting, value) in said {
            overrides.entry(rule, *instance).set(*setting, *value).unwrap();
        }
        overrides
    }

    #[track_caller]
    fn check(set: &RuleSet, subject: Option<Subject<'_>>, warning: f64, source: SettingSource) {
        let in_force = set.in_force("file-system", subject).unwrap();
        assert_eq!((in_force.rule.warning, in_force.source), (Some(warning), source));
        assert_eq!(set.resolve("file-system", subject), Ok(in_force.rule));
    }

    #[test]
    fn each_value_follows_its_own_precedence() {
        use SettingSource::{Default, File, Remote};
        let warning = |instance, value| {
            (
                "file-system",
                instance,
                Setting::Warning,
                SettingValue::Level(value),
            )
        };
        let set = RuleSet::default();
        check(&set, Some(VAR), 10.0, Default);

        let set = set.with_file(overrides(&[warning(None, 9.0)]));
        check(&set, Some(VAR), 9.0, File);
        let set = set.with_remote(overrides(&[warning(None, 8.0)]));
        check(&set, Some(VAR), 8.0, Remote);
        let set = set.with_file(overrides(&[warning(None, 9.0), warning(Some("/var"), 7.0)]));
        check(&set, Some(VAR), 7.0, File);
        check(&set, None, 8.0, Remote);
        let set = set.with_remote(overrides(&[warning(None, 8.0), warning(Some("uuid-1"), 6.0)]));
        check(&set, Some(VAR), 6.0, Remote);
        check(
            &set,
            Some(Subject {
                name: "/srv",
                identity: "uuid-1",
            }),
            6.0,
            Remote,
        );
        check(
            &set,
            Some(Subject {
                name: "/var",
                identity: "uuid-2",
            }),
            7.0,
            File,
        );
    }

    #[test]
    fn a_value_that_is_set_to_nothing_is_not_watched() {
        let said = [("cpu", None, Setting::Critical, SettingValue::NotWatched)];
        let set = RuleSet::default().with_remote(overrides(&said));
        assert_eq!(set.resolve("cpu", None).unwrap().critical, None);
    }

    /// The file speaks of `/var`, the remote values of the file system that is mounted there.
    fn at_one_place(file: &[(Setting, f64)], remote: &[(Setting, f64)]) -> RuleSet {
        let said = |instance, levels: &[(Setting, f64)]| {
            let of_one = |(setting, level): &(_, f64)| {
                (
                    "file-system",
                    Some(instance),
                    *setting,
                    SettingValue::Level(*level),
                )
            };
            overrides(&levels.iter().map(of_one).collect::<Vec<_>>())
        };
        RuleSet::default()
            .with_file(said("/var", file))
            .with_remote(said("uuid-1", remote))
    }

    #[test]
    fn what_does_not_fit_where_it_meets_is_left_out_and_the_rest_is_in_force() {
        use Setting::{Critical, Warning, WarningReset};
        let file = [(Warning, 30.0), (WarningReset, 35.0)];
        let set = at_one_place(&file, &[(WarningReset, 15.0)]);
        let in_force = set.in_force("file-system", Some(VAR)).unwrap();
        let levels = (in_force.rule.warning, in_force.rule.warning_reset);
        assert_eq!(levels, (Some(30.0), Some(35.0)));
        assert_eq!(in_force.source, SettingSource::File);
        assert_eq!(
            in_force
                .misfits
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["`warning_reset` is 15: it must be above `warning`, which is 30"]
        );
        // Mounted elsewhere, the file says nothing of it.
        let elsewhere = Subject { name: "/srv", ..VAR };
        let in_force = set.in_force("file-system", Some(elsewhere)).unwrap();
        assert_eq!(in_force.rule.warning_reset, Some(15.0));
        assert_eq!(
            (in_force.source, in_force.misfits),
            (SettingSource::Remote, vec![])
        );
        // And what fits the file need not fit the default.
        let set = at_one_place(&file, &[(Critical, 20.0), (Setting::CriticalReset, 25.0)]);
        let in_force = set.in_force("file-system", Some(VAR)).unwrap();
        assert_eq!((in_force.rule.critical, in_force.misfits), (Some(20.0), vec![]));
        let in_force = set.in_force("file-system", Some(elsewhere)).unwrap();
        assert_eq!((in_force.rule.critical, in_force.misfits.len()), (Some(3.0), 1));
    }

    #[test]
    fn a_rule_that_does_not_exist_is_in_force_nowhere() {
        let fault = |rule, subject| {
            RuleSet::default()
                .in_force(rule, subject)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(fault("fans", None), "there is no monitor rule `fans`");
        assert_eq!(
            fault("cpu", Some(VAR)),
            "the rule `cpu` has no instances of its own: set it without `:/var`"
        );
    }

    #[test]
    fn values_have_the_type_of_their_setting() {
        let mut values = RuleOverride::default();
        assert!(values.set(Setting::Enabled, SettingValue::Count(1)).is_err());
        assert!(
            values
                .set(Setting::IntervalSecs, SettingValue::Level(1.5))
                .is_err()
        );
        assert!(values.set(Setting::Warning, SettingValue::Flag(true)).is_err());
        values.set(Setting::Warning, SettingValue::Count(80)).unwrap();
        assert_eq!(values.get(Setting::Warning), Some(SettingValue::Level(80.0)));
        values.clear(Setting::Warning);
        assert!(values.is_empty());
    }

    #[test]
    fn stored_values_come_back_as_they_were() {
        for value in [
            SettingValue::Flag(true),
            SettingValue::Count(3),
            SettingValue::Level(2.5),
            SettingValue::NotWatched,
        ] {
            let stored = serde_json::to_string(&value).unwrap();
            assert_eq!(
                serde_json::from_str::<SettingValue>(&stored).unwrap(),
                value,
                "{stored}"
            );
        }
        assert_eq!(
            Setting::ALL.map(|s| Setting::from_name(s.name())),
            Setting::ALL.map(Some)
        );
    }
}
