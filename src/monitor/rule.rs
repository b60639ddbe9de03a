//! A rule: what is watched, against which levels, how often.

use std::time::Duration;

/// On which side of a level trouble begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// A value at or above the level is bad, as for a load.
    Above,
    /// A value at or below the level is bad, as for free space.
    Below,
}

impl Direction {
    /// The name in configuration and in `ESM_MonitorSetting.Direction`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
        }
    }

    /// Whether `value` has reached the level `level`.
    pub fn reaches(self, value: f64, level: f64) -> bool {
        match self {
            Self::Above => value >= level,
            Self::Below => value <= level,
        }
    }

    /// Whether `value` has come back to the reset level `reset`.
    pub fn clears(self, value: f64, reset: f64) -> bool {
        match self {
            Self::Above => value <= reset,
            Self::Below => value >= reset,
        }
    }
}

/// One rule with all its values settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The rule's name, as in `file-system`.
    pub id: String,
    /// The CIM class of the instances that are watched.
    pub target_class: String,
    /// The name of the one instance that is watched (`_Total`); none where every eligible one is.
    pub target_name: Option<String>,
    /// The numeric property that is watched.
    pub target_property: String,
    /// On which side trouble begins.
    pub direction: Direction,
    /// Whether the rule is in force.
    pub enabled: bool,
    /// Where the warning state begins; none: there is no warning state.
    pub warning: Option<f64>,
    /// Where the warning state ends.
    pub warning_reset: Option<f64>,
    /// Where the critical state begins; none: there is no critical state.
    pub critical: Option<f64>,
    /// Where the critical state ends.
    pub critical_reset: Option<f64>,
    /// Seconds between two samples, 1 to 86400.
    pub interval_secs: u32,
    /// Consecutive samples before a worse state is believed, 1 to 100.
    pub hold_samples: u16,
}

/// Why a rule cannot be taken. The message names the setting and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// No rule has this name.
    #[error("there is no monitor rule `{0}`")]
    UnknownRule(String),
    /// The rule watches a single thing.
    #[error("the rule `{0}` has no instances of its own: set it without `:{1}`")]
    NoInstances(String, String),
    /// A level that is no finite number.
    #[error("`{0}` must be a finite number")]
    NotFinite(&'static str),
    /// A level without the value that ends its state.
    #[error("`{level}` is set, so `{level}_reset` must be set too")]
    ResetMissing {
        /// The level.
        level: &'static str,
    },
    /// A reset level on the wrong side of its level.
    #[error("`{level}_reset` is {reset}: it must be {side} `{level}`, which is {value}")]
    ResetNotBeyond {
        /// The level's name.
        level: &'static str,
        /// The level.
        value: f64,
        /// Its reset level.
        reset: f64,
        /// `below` or `above`.
        side: &'static str,
    },
    /// Warning would be worse than critical.
    #[error("`warning` is {warning}: it must be {side} `critical`, which is {critical}, or equal to it")]
    LevelOrder {
        /// The warning level.
        warning: f64,
        /// The critical level.
        critical: f64,
        /// `below` or `above`.
        side: &'static str,
    },
    /// A number outside its range.
    #[error("`{setting}` is {value}: it must be from {least} to {most}")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// What it was to be.
        value: u64,
        /// The least value allowed.
        least: u64,
        /// The greatest value allowed.
        most: u64,
    },
    /// A stored value of the wrong type.
    #[error("`{setting}` cannot be {value}: expected {expected}")]
    WrongType {
        /// The setting.
        setting: &'static str,
        /// What it was to be.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Rule {
    /// The pause between two samples.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_secs.into())
    }

    /// Whether there is anything to judge: the rule is enabled and has a level.
    pub fn watches(&self) -> bool {
        self.enabled && (self.warning.is_some() || self.critical.is_some())
    }

    /// Checks ranges and the order of the levels; every fault is named, not only the first.
    pub fn validate(&self) -> Result<(), Vec<RuleError>> {
        let mut errors = Vec::new();
        for (name, level) in self.levels() {
            if level.is_some_and(|level| !level.is_finite()) {
                errors.push(RuleError::NotFinite(name));
            }
        }
        self.check_reset("warning", self.warning, self.warning_reset, &mut errors);
        self.check_reset("critical", self.critical, self.critical_reset, &mut errors);
        self.check_order(&mut errors);
        check_range("interval_secs", self.interval_secs.into(), 86_400, &mut errors);
        check_range("hold_samples", self.hold_samples.into(), 100, &mut errors);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn levels(&self) -> [(&'static str, Option<f64>); 4] {
        [
            ("warning", self.warning),
            ("warning_reset", self.warning_reset),
            ("critical", self.critical),
            ("critical_reset", self.critical_reset),
        ]
    }

    /// A reset without its level is of no effect and is left alone.
    fn check_reset(
        &self,
        level: &'static str,
        value: Option<f64>,
        reset: Option<f64>,
        errors: &mut Vec<RuleError>,
    ) {
        match (value, reset) {
            (Some(_), None) => errors.push(RuleError::ResetMissing { level }),
            (Some(value), Some(reset)) if self.direction.reaches(reset, value) => {
                errors.push(RuleError::ResetNotBeyond {
                    level,
                    value,
                    reset,
                    side: self.mild_side(),
                });
            }
            _ => {}
        }
    }

    fn check_order(&self, errors: &mut Vec<RuleError>) {
        if let (Some(warning), Some(critical)) = (self.warning, self.critical)
            && !self.direction.reaches(critical, warning)
            && warning.is_finite()
            && critical.is_finite()
        {
            errors.push(RuleError::LevelOrder {
                warning,
                critical,
                side: self.mild_side(),
            });
        }
    }

    const fn mild_side(&self) -> &'static str {
        match self.direction {
            Direction::Above => "below",
            Direction::Below => "above",
        }
    }
}

fn check_range(setting: &'static str, value: u64, most: u64, errors: &mut Vec<RuleError>) {
    if !(1..=most).contains(&value) {
        errors.push(RuleError::OutOfRange {
            setting,
            value,
            least: 1,
            most,
        });
    }
}

/// The rules that are in force when nothing else is said.
pub fn default_rules() -> Vec<Rule> {
    let usage = |id: &str, class: &str, name: Option<&str>, property: &str, levels| {
        rule(id, class, name, property, Direction::Above, levels, 3)
    };
    let standard = [85.0, 80.0, 95.0, 90.0];
    vec![
        usage("cpu", "ESM_Processor", Some("_Total"), "LoadPercentage", standard),
        usage(
            "physical-memory",
            "ESM_PhysicalMemory",
            Some("_Total"),
            "InUsePercent",
            standard,
        ),
        usage(
            "virtual-memory",
            "ESM_VirtualMemory",
            Some("_Total"),
            "InUsePercent",
            standard,
        ),
        usage(
            "page-file",
            "ESM_PageFile",
            Some("_Total"),
            "UsedPercent",
            [70.0, 65.0, 90.0, 85.0],
        ),
        rule(
            "file-system",
            "ESM_FileSystemThread",
            None,
            "FreePercent",
            Direction::Below,
            [10.0, 12.0, 3.0, 5.0],
            1,
        ),
    ]
}

fn rule(
    id: &str,
    target_class: &str,
    target_name: Option<&str>,
    target_property: &str,
    direction: Direction,
    [warning, warning_reset, critical, critical_reset]: [f64; 4],
    hold_samples: u16,
) -> Rule {
    Rule {
        id: id.to_owned(),
        target_class: target_class.to_owned(),
        target_name: target_name.map(str::to_owned),
        target_property: target_property.to_owned(),
        direction,
        enabled: true,
        warning: Some(warning),
        warning_reset: Some(warning_reset),
        critical: Some(critical),
        critical_reset: Some(critical_reset),
        interval_secs: 60,
        hold_samples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu() -> Rule {
        default_rules().remove(0)
    }

    fn file_system() -> Rule {
        default_rules().remove(4)
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Rule), base: Rule, expect: &[&str]) {
        let mut rule = base;
        change(&mut rule);
        let errors = rule.validate().err().unwrap_or_default();
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn the_defaults_are_valid_and_in_the_catalog() {
        for rule in default_rules() {
            assert_eq!(rule.validate(), Ok(()), "{}", rule.id);
            let entry = crate::alert::catalog::threshold_entry(
                &rule.id,
                crate::alert::State::Normal,
                crate::alert::State::Warning,
            );
            assert!(entry.is_some(), "{}", rule.id);
        }
    }

    #[test]
    fn faults_are_named_with_what_would_be_right() {
        check(
            |rule| rule.warning_reset = Some(85.0),
            cpu(),
            &["`warning_reset` is 85: it must be below `warning`, which is 85"],
        );
        check(
            |rule| rule.critical_reset = Some(2.0),
            file_system(),
            &["`critical_reset` is 2: it must be above `critical`, which is 3"],
        );
        check(
            |rule| rule.critical = Some(84.0),
            cpu(),
            &[
                "`critical_reset` is 90: it must be below `critical`, which is 84",
                "`warning` is 85: it must be below `critical`, which is 84, or equal to it",
            ],
        );
        check(
            |rule| rule.critical = Some(11.0),
            file_system(),
            &[
                "`critical_reset` is 5: it must be above `critical`, which is 11",
                "`warning` is 10: it must be above `critical`, which is 11, or equal to it",
            ],
        );
        check(
            |rule| rule.warning_reset = None,
            cpu(),
            &["`warning` is set, so `warning_reset` must be set too"],
        );
        check(
            |rule| rule.warning = Some(f64::NAN),
            cpu(),
            &["`warning` must be a finite number"],
        );
        check(
            |rule| (rule.interval_secs, rule.hold_samples) = (86_401, 0),
            cpu(),
            &[
                "`interval_secs` is 86401: it must be from 1 to 86400",
                "`hold_samples` is 0: it must be from 1 to 100",
            ],
        );
    }

    #[test]
    fn what_is_not_watched_is_not_compared() {
        check(|rule| rule.warning = None, cpu(), &[]);
        check(
            |rule| (rule.critical, rule.critical_reset) = (None, None),
            cpu(),
            &[],
        );
        check(|rule| rule.warning = Some(95.0), cpu(), &[]);
        check(|rule| rule.critical_reset = Some(10.0), cpu(), &[]);
    }
}
