//! What somebody may want to be told of: an alert, or a change of an instance.

use serde::{Deserialize, Serialize};

use super::{Alert, InstanceChange, indication::indication};
use crate::cim::Instance;

/// Something that happened, as it waits in queues and lies in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all events are alerts, and few are in memory at once"
)]
pub enum Event {
    /// An alert (CIM_AlertIndication).
    Alert(Alert),
    /// A change of an instance (CIM_InstIndication).
    Change(InstanceChange),
    /// An indication that a test asked for.
    #[cfg(feature = "test-provider")]
    Test(super::TestIndication),
}

impl Event {
    /// `IndicationIdentifier`: the same wherever and however often it is delivered.
    pub fn identifier(&self) -> &str {
        match self {
            Self::Alert(alert) => &alert.identifier,
            Self::Change(change) => &change.identifier,
            #[cfg(feature = "test-provider")]
            Self::Test(test) => &test.identifier,
        }
    }

    /// When it happened.
    pub const fn at(&self) -> crate::time::WallTime {
        match self {
            Self::Alert(alert) => alert.at,
            Self::Change(change) => change.at,
            #[cfg(feature = "test-provider")]
            Self::Test(test) => test.at,
        }
    }

    /// Its indication, without what belongs to a delivery.
    pub fn indication(&self) -> Instance {
        match self {
            Self::Alert(alert) => indication(alert),
            Self::Change(change) => change.indication(),
            #[cfg(feature = "test-provider")]
            Self::Test(test) => test.indication(),
        }
    }

    /// The alert, if it is one.
    pub const fn alert(&self) -> Option<&Alert> {
        match self {
            Self::Alert(alert) => Some(alert),
            Self::Change(_) => None,
            #[cfg(feature = "test-provider")]
            Self::Test(_) => None,
        }
    }

    /// What two indications of the same underlying event have in common, for repeat policies: of an alert its
    /// source, number and target; of a change what came, changed or went.
    pub fn same_event_key(&self) -> String {
        match self {
            Self::Alert(alert) => {
                let (source, event_id, target) = alert.same_event_key();
                format!("{source}\n{event_id}\n{target}")
            }
            Self::Change(change) => {
                let class = change.change.kind.class();
                format!(
                    "{class}\n{}\n{}",
                    change.change.source.class_name, change.change.path
                )
            }
            #[cfg(feature = "test-provider")]
            Self::Test(test) => test.identifier.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{State, change, tests::sample};

    #[test]
    fn an_event_survives_storage_and_an_alert_is_stored_as_it_always_was() {
        let alert = sample(State::Critical);
        let stored = serde_json::to_string(&alert).unwrap();
        let event: Event = serde_json::from_str(&stored).unwrap();
        assert_eq!(event, Event::Alert(alert));
        assert_eq!(serde_json::to_string(&event).unwrap(), stored);
        let event = Event::Change(change::tests::link_went_down());
        let stored = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&stored).unwrap(), event);
    }

    #[test]
    fn the_same_event_has_the_same_key() {
        let key = |state| Event::Alert(sample(state)).same_event_key();
        assert_eq!(key(State::Critical), "ESMFSSERVICE\nC0000302\n/var");
        assert_ne!(key(State::Critical), key(State::Warning));
    }
}
