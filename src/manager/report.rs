//! What an agent tells a manager, whichever protocol brings it.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use crate::cim::{DateTime, Instance, Value};
use crate::server::Peer;
use crate::wsman::delivery::SubscriptionEnd;

/// One thing that a delivery tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Who delivered it.
    pub from: Peer,
    /// How.
    pub protocol: Protocol,
    /// What.
    pub content: Content,
}

/// How a report came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// As a WS-Eventing delivery (DSP0226, 10).
    WsEventing,
    /// As a CIM-XML export (DSP0200, 5.5).
    CimXml,
}

impl Protocol {
    /// Its short name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WsEventing => "ws-eventing",
            Self::CimXml => "cim-xml",
        }
    }
}

/// What a report tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An indication.
    Indication(Box<Indication>),
    /// A sign of life.
    Heartbeat,
    /// So many events were lost at the agent.
    DroppedEvents(u64),
    /// A subscription has ended before its time.
    SubscriptionEnd(SubscriptionEnd),
}

/// An indication, with the types that are known here.
#[derive(Clone, Debug, PartialEq)]
pub struct Indication {
    /// The instance.
    pub instance: Instance,
    /// The XML that it came as: the element of the instance.
    pub xml: String,
}

impl Indication {
    /// When it happened; else when it was reported.
    pub fn time(&self) -> Option<DateTime> {
        ["EventTime", "IndicationTime"]
            .into_iter()
            .find_map(|name| match self.instance.get(name)? {
                Value::DateTime(at) => Some(*at),
                Value::String(text) => text.parse().ok(),
                _ => None,
            })
    }

    /// `PerceivedSeverity` in a word (CIM_AlertIndication).
    pub fn severity(&self) -> &'static str {
        const WORDS: [&str; 8] = [
            "unknown",
            "other",
            "information",
            "warning",
            "minor",
            "major",
            "critical",
            "fatal",
        ];
        let code = self
            .text("PerceivedSeverity")
            .and_then(|text| text.parse::<usize>().ok());
        code.and_then(|code| WORDS.get(code).copied()).unwrap_or("")
    }

    /// Who detected it: `EventSource`, else `ProviderName`. Of a change it is the class of what has changed.
    pub fn source(&self) -> Option<String> {
        let changed = || Some(self.change()?.source.class_name.as_str().to_owned());
        self.first(&["EventSource", "ProviderName"]).or_else(changed)
    }

    /// `EventID`.
    pub fn event_id(&self) -> Option<String> {
        self.text("EventID")
    }

    /// The computer that it is about.
    pub fn system(&self) -> Option<String> {
        self.first(&["SystemName", "SourceInstanceHost"])
    }

    /// The part of the computer that it is about: by its short name where there is one, else by its path.
    pub fn target(&self) -> Option<String> {
        self.first(&["TargetInstance", "AlertingManagedElement"])
    }

    /// What it says. Of a change it is what is other than before.
    pub fn message(&self) -> Option<String> {
        let changed = || Some(self.change()?.to_string());
        self.first(&["Message", "Description"]).or_else(changed)
    }

    /// The change that it tells of, if it is an indication of an instance that was made, changed or deleted
    /// (CIM_InstIndication).
    pub fn change(&self) -> Option<InstanceChange<'_>> {
        const KINDS: [(&str, &str); 3] = [
            ("CIM_InstCreation", "created"),
            ("CIM_InstModification", "changed"),
            ("CIM_InstDeletion", "deleted"),
        ];
        let class = self.instance.class_name.as_str();
        let (_, kind) = KINDS
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(class))?;
        let embedded = |name| match self.instance.get(name)? {
            Value::Instance(instance) => Some(instance.as_ref()),
            _ => None,
        };
        Some(InstanceChange {
            kind,
            source: embedded("SourceInstance")?,
            previous: embedded("PreviousInstance"),
            properties: match self.instance.get("ChangedPropertyNames") {
                Some(Value::Array(names)) => names.iter().map(Value::to_text).collect(),
                _ => Vec::new(),
            },
        })
    }

    /// The state that the watched part is in since.
    pub fn state(&self) -> Option<String> {
        self.text("State")
    }

    /// `SequenceNumber` within [`Indication::sequence_context`].
    pub fn sequence_number(&self) -> Option<String> {
        self.text("SequenceNumber")
    }

    /// `SequenceContext`.
    pub fn sequence_context(&self) -> Option<String> {
        self.text("SequenceContext")
    }

    /// `IndicationIdentifier`: the same however often and in whatever way it is sent.
    pub fn identifier(&self) -> Option<String> {
        self.text("IndicationIdentifier")
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = self.instance.get(name)?.to_text();
        (!text.is_empty()).then_some(text)
    }
}

/// An instance that was made, changed or deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceChange<'i> {
    /// `created`, `changed` or `deleted`.
    pub kind: &'static str,
    /// The instance as it is now; as it was, where it is deleted.
    pub source: &'i Instance,
    /// As it was before it was changed.
    pub previous: Option<&'i Instance>,
    /// The names of the properties that differ, where the sender says them.
    pub properties: Vec<String>,
}

/// `created`, or `changed: Warning 85 -> 70, Critical NULL -> 90`.
impl fmt::Display for InstanceChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        let text = |instance: &Instance, name: &str| {
            let value = instance.get(name).map(Value::to_text);
            value.unwrap_or_else(|| "NULL".to_owned())
        };
        for (at, name) in self.properties.iter().enumerate() {
            write!(f, "{} {name}", if at == 0 { ":" } else { "," })?;
            if let Some(previous) = self.previous {
                write!(f, " {} -> {}", text(previous, name), text(self.source, name))?;
            }
        }
        Ok(())
    }
}

/// Remembers the identifiers of indications, to tell what was sent again. The oldest are forgotten.
#[derive(Debug, Default)]
pub struct Seen {
    known: HashSet<String>,
    order: VecDeque<String>,
}

/// How many identifiers are remembered.
const MOST_SEEN: usize = 10_000;
/// What is longer is no identifier to remember.
const LONGEST_IDENTIFIER: usize = 1024;

impl Seen {
    /// Whether the indication came before. One without an identifier never did.
    pub fn is_duplicate(&mut self, indication: &Indication) -> bool {
        let Some(identifier) = indication.identifier() else {
            return false;
        };
        if identifier.len() > LONGEST_IDENTIFIER {
            return false;
        }
        if !self.known.insert(identifier.clone()) {
            return true;
        }
        self.order.push_back(identifier);
        if self.order.len() > MOST_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Name;

    fn indication(properties: &[(&str, &str)]) -> Indication {
        let mut instance = Instance::new(Name::new("CIM_AlertIndication"));
        for (name, value) in properties {
            instance.set(*name, *value);
        }
        Indication {
            instance,
            xml: String::new(),
        }
    }

    #[test]
    fn what_matters_is_found_in_indications_of_any_kind() {
        let ours = indication(&[
            ("EventTime", "20260131120000.000000+000"),
            ("PerceivedSeverity", "6"),
            ("EventSource", "ESMCPUPERF"),
            ("ProviderName", "ESM"),
            ("TargetInstance", "cpu"),
            ("Message", "high"),
        ]);
        assert_eq!(ours.time().unwrap().to_string(), "20260131120000.000000+000");
        assert_eq!(ours.severity(), "critical");
        assert_eq!(ours.source().as_deref(), Some("ESMCPUPERF"));
        assert_eq!(ours.target().as_deref(), Some("cpu"));
        let other = indication(&[
            ("ProviderName", "p"),
            ("Description", "d"),
            ("PerceivedSeverity", "99"),
        ]);
        assert_eq!(other.time(), None);
        assert_eq!(other.severity(), "");
        assert_eq!(other.source().as_deref(), Some("p"));
        assert_eq!(other.message().as_deref(), Some("d"));
    }

    #[test]
    fn a_change_says_what_is_other_than_before() {
        let setting = |warning: f64| {
            let mut setting = Instance::new(Name::new("ESM_MonitorSetting"));
            setting.set("InstanceID", "cpu");
            setting.set("Warning", warning);
            setting
        };
        let mut told = Instance::new(Name::new("CIM_InstModification"));
        told.set("SourceInstance", setting(70.5));
        told.set("SourceInstanceHost", "server");
        let mut told = Indication {
            instance: told,
            xml: String::new(),
        };
        assert_eq!(told.source().as_deref(), Some("ESM_MonitorSetting"));
        assert_eq!(told.system().as_deref(), Some("server"));
        assert_eq!(told.message().as_deref(), Some("changed"));
        let names = vec!["Warning".to_owned(), "Critical".to_owned()];
        told.instance.set("ChangedPropertyNames", names);
        assert_eq!(told.message().as_deref(), Some("changed: Warning, Critical"));
        told.instance.set("PreviousInstance", setting(85.5));
        let expect = "changed: Warning 85.5 -> 70.5, Critical NULL -> NULL";
        assert_eq!(told.message().as_deref(), Some(expect));
        told.instance.class_name = Name::new("CIM_InstDeletion");
        assert!(told.message().unwrap().starts_with("deleted"));
        assert_eq!(indication(&[]).change(), None);
    }

    #[test]
    fn what_is_sent_again_is_known_again() {
        let mut seen = Seen::default();
        let one = indication(&[("IndicationIdentifier", "ESM:1")]);
        assert!(!seen.is_duplicate(&one));
        assert!(seen.is_duplicate(&one));
        assert!(!seen.is_duplicate(&indication(&[])));
        assert!(!seen.is_duplicate(&indication(&[])));
        for number in 0..MOST_SEEN {
            let identifier = format!("other:{number}");
            assert!(!seen.is_duplicate(&indication(&[("IndicationIdentifier", &identifier)])));
        }
        assert!(!seen.is_duplicate(&one), "the oldest is forgotten");
        assert_eq!(seen.known.len(), MOST_SEEN);
    }
}
