//! Monitor rules and their state machine. Pure: samples and times are handed in, transitions come out.
//!
//! A [`Rule`] watches one numeric property against up to two levels, each with a reset level of its own.
//! [`MonitorState::step`] takes one sample and tells whether the state changed; [`RuleSet`] says which rule
//! is in force for which instance, and where each of its values comes from.

mod machine;
mod rule;
mod rule_set;
mod view;

pub use self::machine::{MonitorState, Transition};
pub use self::rule::{Direction, Rule, RuleError, default_rules};
pub use self::rule_set::{
    InForce, Overrides, RuleOverride, RuleSet, Setting, SettingSource, SettingValue, Subject,
};
pub use self::view::MonitorView;
pub use crate::alert::State;
