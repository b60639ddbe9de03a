//! Alerts: what happened, how bad it is, in which words, and what to do about it. Pure.
//!
//! An [`Alert`] is complete in itself: its texts are rendered when it is made, so that what waits in a
//! queue or lies in the history does not change when the catalog does. Its identifier is the same on
//! every retry and every path.

pub mod catalog;
pub mod change;
mod event;
pub mod indication;
pub mod state;
pub mod syslog;
#[cfg(feature = "test-provider")]
mod test_indication;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::catalog::{Entry, Source};
pub use self::change::{Change, ChangeKind, InstanceChange};
pub use self::event::Event;
pub use self::state::State;
#[cfg(feature = "test-provider")]
pub use self::test_indication::TestIndication;
use crate::time::WallTime;

/// One event that somebody may want to be told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// `ESM:<uuid>`: the same wherever and however often this alert is delivered.
    pub identifier: String,
    /// The part of the agent that speaks, as in `ESMFSSERVICE`.
    pub source: String,
    /// The event's number, severity included.
    pub event_id: EventId,
    /// How bad it is.
    pub severity: Severity,
    /// When it happened.
    #[serde(with = "unix_micros")]
    pub at: WallTime,
    /// The fully qualified name of the host, or its short name.
    pub system_name: String,
    /// What it happened to.
    pub target: Target,
    /// The state change behind it; none for events that are no state change.
    pub crossing: Option<Crossing>,
    /// `AlertType` of CIM_AlertIndication.
    pub alert_type: u16,
    /// `ProbableCause` of CIM_AlertIndication.
    pub probable_cause: u16,
    /// The one-line summary.
    pub trap_name: Text,
    /// What happened, in a sentence.
    pub message: Text,
    /// The variable parts of the message, in the catalog's order.
    pub arguments: Vec<String>,
    /// What to do about it.
    pub remedy: Text,
}

impl Alert {
    /// The message's key within the owning entity, as in `ESM0301`: the same in every severity and language.
    pub fn message_id(&self) -> String {
        format!("ESM{:04X}", self.event_id.number())
    }

    /// What makes two alerts "the same event" for repeat policies: `EventSource`, `EventID`, `TargetInstance`.
    pub fn same_event_key(&self) -> (&str, EventId, &str) {
        (&self.source, self.event_id, &self.target.name)
    }
}

/// What an alert is about.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The CIM class of the instance.
    pub class: String,
    /// The instance path in its text form (DSP0004, WBEM URI).
    pub path: String,
    /// What people call it, as in `/var`.
    pub name: String,
}

/// A monitor's change of state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crossing {
    /// The monitor that saw it, as in `file-system:/var`.
    pub monitor: String,
    /// The state before, as it was last told.
    pub previous: State,
    /// The state now.
    pub state: State,
    /// The value that was seen; none if there was no value to see.
    pub observed: Option<f64>,
    /// The level that was crossed; none if no level was.
    pub threshold: Option<f64>,
}

/// When, where and under which identifier an alert is made.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// A fresh random identifier.
    pub id: uuid::Uuid,
    /// The wall clock's time.
    pub at: WallTime,
    /// The fully qualified name of the host, or its short name.
    pub system_name: String,
}

/// How bad an event is, with the values of `PerceivedSeverity` (CIM_AlertIndication).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do.
    Information,
    /// Look at it soon.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// The value of `PerceivedSeverity`: information 2, warning 3, critical 6.
    pub const fn perceived(self) -> u16 {
        match self {
            Self::Information => 2,
            Self::Warning => 3,
            Self::Critical => 6,
        }
    }

    const fn prefix(self) -> u32 {
        match self {
            Self::Information => 0x4000_0000,
            Self::Warning => 0x8000_0000,
            Self::Critical => 0xC000_0000,
        }
    }
}

/// An event's number `x0000yyy`: x tells the severity (4, 8, C), yyy (1-FFF) the event.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EventId(u32);

impl EventId {
    /// The number `number` (its low twelve bits) in the severity `severity`.
    pub const fn new(severity: Severity, number: u16) -> Self {
        Self(severity.prefix() | (number as u32 & 0xFFF))
    }

    /// The event without its severity: 1 to FFF.
    pub const fn number(self) -> u16 {
        (self.0 & 0xFFF) as u16
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

/// A text that is no event number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not an event number: expected `x0000yyy` with x one of 4, 8, C and yyy from 001 to FFF")]
pub struct EventIdError(String);

impl FromStr for EventId {
    type Err = EventIdError;
    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let error = || EventIdError(text.to_owned());
        if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        let number = u32::from_str_radix(text, 16).map_err(|_| error())?;
        let known_prefix = matches!(number >> 28, 0x4 | 0x8 | 0xC);
        let well_formed = known_prefix && number & 0x0FFF_F000 == 0 && number & 0xFFF != 0;
        well_formed.then_some(Self(number)).ok_or_else(error)
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for EventId {
    type Error = EventIdError;
    fn try_from(text: String) -> Result<Self, EventIdError> {
        text.parse()
    }
}

/// The languages that alerts speak.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
}

/// The same text in every language.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl Text {
    /// The text in `language`.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Japanese => &self.ja,
        }
    }
}

mod unix_micros {
    use crate::time::WallTime;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(at: &WallTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.unix_micros())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<WallTime, D::Error> {
        i64::deserialize(deserializer).map(WallTime::from_unix_micros)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample(state: State) -> Alert {
        let occasion = Occasion {
            id: uuid::Uuid::from_u128(0x1234),
            at: WallTime::from_unix_micros(1_769_860_800_000_000),
            system_name: "host.example".to_owned(),
        };
        let target = Target {
            class: "ESM_FileSystemThread".to_owned(),
            path: "/root/ESMPRO/AS:ESM_FileSystemThread.Name=\"/var\"".to_owned(),
            name: "/var".to_owned(),
        };
        let crossing = Crossing {
            monitor: "file-system:/var".to_owned(),
            previous: State::Normal,
            state,
            observed: Some(2.5),
            threshold: Some(3.0),
        };
        catalog::threshold_alert("file-system", occasion, target, crossing).unwrap()
    }

    #[track_caller]
    fn check_event_id(text: &str, expect: Option<u32>) {
        assert_eq!(text.parse::<EventId>().ok().map(|id| id.0), expect, "{text:?}");
    }

    #[test]
    fn event_numbers_are_read_strictly() {
        check_event_id("40000101", Some(0x4000_0101));
        check_event_id("c0000fff", Some(0xC000_0FFF));
        check_event_id("80000000", None);
        check_event_id("10000101", None);
        check_event_id("80010101", None);
        check_event_id("+8000101", None);
        check_event_id("8000101", None);
        check_event_id("", None);
    }

    #[test]
    fn an_alert_survives_storage() {
        let alert = sample(State::Critical);
        let stored = serde_json::to_string(&alert).unwrap();
        assert_eq!(serde_json::from_str::<Alert>(&stored).unwrap(), alert);
    }

    #[test]
    fn an_alert_is_complete() {
        let alert = sample(State::Critical);
        assert_eq!(alert.event_id.to_string(), "C0000302");
        assert_eq!(alert.message_id(), "ESM0302");
        assert_eq!(alert.identifier, "ESM:00000000-0000-0000-0000-000000001234");
        assert_eq!(alert.arguments, ["/var", "2.5", "3"]);
        insta::assert_snapshot!(
            alert.message.en,
            @"The free space of the file system /var has fallen to 2.5 %: the critical level of 3 % is reached."
        );
        insta::assert_snapshot!(
            alert.message.ja,
            @"ファイルシステム /var の空き容量が 2.5 % となり、異常のしきい値 3 % に達しました。"
        );
    }
}
