//! A monitor as those see it who show or set it.

use std::time::Duration;

use super::{MonitorState, Rule, SettingSource};
use crate::cim::InstancePath;

/// One monitor, or a rule as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorView {
    /// The rule in force for it.
    pub rule: Rule,
    /// What people call the instance; `None` for the rule as a whole.
    pub instance: Option<String>,
    /// What stays of the instance when its name changes.
    pub identity: Option<String>,
    /// What it watches, while that is there; `None` for a rule as a whole that has several instances.
    pub target: Option<InstancePath>,
    /// Where it stands; `None` for a rule as a whole that has several instances.
    pub state: Option<MonitorState>,
    /// Where the settings come from: the strongest of the sources that settle one.
    pub source: SettingSource,
    /// Why what was set remotely for it alone is not in force, as it does not fit what the file says of it.
    pub misfit: Option<String>,
    /// What is left of a pause.
    pub paused: Option<Duration>,
}

impl MonitorView {
    /// The name of the monitor: `<rule>` or `<rule>:<instance>`.
    pub fn id(&self) -> String {
        match &self.instance {
            Some(instance) => format!("{}:{instance}", self.rule.id),
            None => self.rule.id.clone(),
        }
    }
}
