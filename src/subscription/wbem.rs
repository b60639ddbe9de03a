//! What a subscription asks as an instance of CIM_IndicationSubscription (DSP1054 §10.11, CIM schema 2.49).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RepeatPolicy;

/// What stands before the identifier of a subscription in the name of a filter or destination that was made up for it.
pub const MADE_UP: &str = "ESM:Subscription:";

/// The keys of a filter or a destination as a CIM instance, spelled as their client spelled them.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct ObjectName {
    /// `CreationClassName`: the class of the instance.
    pub class: String,
    /// `SystemCreationClassName`.
    pub system_class: String,
    /// `SystemName`.
    pub system: String,
    /// `Name`.
    pub name: String,
}

impl ObjectName {
    /// Another instance of the same class may not have the same name, whatever its system.
    pub fn clashes_with(&self, other: &Self) -> bool {
        self.class == other.class && self.name == other.name
    }

    /// One text for all four keys.
    pub fn key(&self) -> String {
        format!(
            "{}\n{}\n{}\n{}",
            self.class, self.system_class, self.system, self.name
        )
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.class, self.name)
    }
}

/// A subscription as a CIM instance: what it refers to and what its client asks of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Wbem {
    /// `Filter`.
    pub filter: ObjectName,
    /// `Handler`.
    pub handler: ObjectName,
    /// `SubscriptionDuration` in seconds, as given; none: it never ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_secs: Option<u64>,
    /// What becomes of it when deliveries fail for good.
    #[serde(default)]
    pub fatal: FatalErrorPolicy,
    /// What is done with repetitions of the same event.
    #[serde(default)]
    pub repeat: RepeatPolicy,
    /// Whether it is in force (`SubscriptionState` 2) or disabled (4).
    pub enabled: bool,
    /// `SubscriptionStartTime`, in microseconds after the Unix epoch: what its duration is counted from.
    pub started_micros: i64,
    /// `TimeOfLastStateChange`, in microseconds after the Unix epoch.
    pub changed_micros: i64,
    /// `SubscriptionInfo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<String>,
    /// `AlertOnStateChange`.
    #[serde(default)]
    pub alert_on_state_change: bool,
    /// What an instance of CIM_FormattedIndicationSubscription says beyond that; none for the plain class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
}

impl Wbem {
    /// Whether both are the same instance: the same filter and the same destination, each of which no other of its
    /// class has the name of. What system they are said to belong to may have changed with the name of the machine.
    pub fn same_name(&self, other: &Self) -> bool {
        self.filter.clashes_with(&other.filter) && self.handler.clashes_with(&other.handler)
    }
}

/// `OnFatalErrorPolicy` and what belongs to it.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct FatalErrorPolicy {
    /// What is done; none: what the service does with every subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<OnFatalError>,
    /// `FailureTriggerTimeInterval` in seconds: how long deliveries fail before that; none: as long as the
    /// service waits with every subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_secs: Option<u64>,
}

/// What is done with a subscription whose deliveries fail for good.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFatalError {
    /// It stays, and loses what it was not told in time.
    Ignore,
    /// It is disabled, and its queue kept.
    Disable,
    /// It is removed, and its queue with it.
    Remove,
}

/// What an instance of CIM_FormattedIndicationSubscription says of its texts. It is kept as given.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct TextFormat {
    /// `TextFormatOwningEntity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owning_entity: Option<String>,
    /// `TextFormatID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `TextFormat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `TextFormatParameters`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Vec<String>>,
}

impl FatalErrorPolicy {
    /// What is done with the subscription, and after how long, where the service itself does `action` after
    /// `after`.
    pub fn or(&self, action: OnFatalError, after: Duration) -> (OnFatalError, Duration) {
        (
            self.action.unwrap_or(action),
            self.after_secs.map_or(after, Duration::from_secs),
        )
    }
}
