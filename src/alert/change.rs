//! Changes of instances as indications: CIM_InstCreation, CIM_InstModification and CIM_InstDeletion.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cim::{CimType, DateTime, Instance, Name, Value};
use crate::time::WallTime;

/// `PerceivedSeverity`: Information.
const INFORMATION: u16 = 2;

/// A change of an instance that somebody may want to be told of (CIM_InstIndication).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceChange {
    /// `ESM:<uuid>`: the same wherever and however often it is delivered.
    pub identifier: String,
    /// When it was seen.
    #[serde(with = "super::unix_micros")]
    pub at: WallTime,
    /// The fully qualified name of the host, or its short name.
    pub system_name: String,
    /// What became of the instance.
    #[serde(flatten)]
    pub change: Change,
}

/// What became of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Whether it came, changed or went.
    pub kind: ChangeKind,
    /// Its path.
    pub path: String,
    /// The instance after the change; before it, where it went.
    #[serde(with = "as_xml")]
    pub source: Arc<Instance>,
    /// The instance before the change, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_xml::optional")]
    pub previous: Option<Arc<Instance>>,
    /// The properties that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

/// Whether an instance came, changed or went.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It came into being.
    Creation,
    /// It changed.
    Modification,
    /// It ceased to be.
    Deletion,
}

impl ChangeKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Creation, Self::Modification, Self::Deletion];

    /// The class of its indications.
    pub const fn class(self) -> Name {
        match self {
            Self::Creation => Name::from_static("CIM_InstCreation"),
            Self::Modification => Name::from_static("CIM_InstModification"),
            Self::Deletion => Name::from_static("CIM_InstDeletion"),
        }
    }
}

impl InstanceChange {
    /// The indication of the change.
    pub fn indication(&self) -> Instance {
        let Change {
            kind,
            path,
            source,
            previous,
            changed,
        } = &self.change;
        let mut indication = Instance::with_capacity(kind.class(), 12);
        indication.set("IndicationIdentifier", self.identifier.as_str());
        indication.set("IndicationTime", DateTime::from_wall(self.at));
        indication.set("PerceivedSeverity", INFORMATION);
        indication.set("SourceInstance", Value::Instance(Arc::clone(source)));
        indication.set("SourceInstanceModelPath", path.as_str());
        indication.set("SourceInstanceHost", self.system_name.as_str());
        if *kind == ChangeKind::Modification {
            let previous = previous
                .as_ref()
                .map(|previous| Value::Instance(Arc::clone(previous)));
            indication.set_or_null("PreviousInstance", CimType::String, previous);
            indication.set("ChangedPropertyNames", changed.clone());
        }
        indication
    }
}

/// Instances of one class at one time, by their paths.
pub type Snapshot = BTreeMap<String, Arc<Instance>>;

/// What changed between two looks. Instances that differ in none of the properties `watched` are the same.
pub fn changes(before: &Snapshot, after: &Snapshot, watched: &[&str]) -> Vec<Change> {
    let gone = before.iter().filter(|(path, _)| !after.contains_key(*path));
    let gone = gone.map(|(path, instance)| plain(ChangeKind::Deletion, path, instance));
    let here = after
        .iter()
        .filter_map(|(path, instance)| match before.get(path) {
            None => Some(plain(ChangeKind::Creation, path, instance)),
            Some(previous) => modification(path, previous, instance, watched),
        });
    gone.chain(here).collect()
}

fn plain(kind: ChangeKind, path: &str, instance: &Arc<Instance>) -> Change {
    Change {
        kind,
        path: path.to_owned(),
        source: Arc::clone(instance),
        previous: None,
        changed: Vec::new(),
    }
}

fn modification(
    path: &str,
    previous: &Arc<Instance>,
    instance: &Arc<Instance>,
    watched: &[&str],
) -> Option<Change> {
    let differs = |name: &&&str| previous.get(name) != instance.get(name);
    let changed: Vec<String> = watched.iter().filter(differs).map(ToString::to_string).collect();
    (!changed.is_empty()).then(|| Change {
        previous: Some(Arc::clone(previous)),
        changed,
        ..plain(ChangeKind::Modification, path, instance)
    })
}

/// Instances in the database: as CIM-XML, which keeps their types.
mod as_xml {
    use std::sync::Arc;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::cim::Instance;
    use crate::cimxml::DecodeError;
    use crate::cimxml::instance::{self, Shown};
    use crate::xml::{Limits, Reader, Writer};

    pub(super) fn serialize<S: Serializer>(instance: &Instance, serializer: S) -> Result<S::Ok, S::Error> {
        let mut w = Writer::with_capacity(2048);
        instance::encode(&mut w, instance, None, Shown::all());
        serializer.serialize_str(&w.finish())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Instance>, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode(&text).map(Arc::new).map_err(D::Error::custom)
    }

    fn decode(text: &str) -> Result<Instance, DecodeError> {
        let mut reader = Reader::new(text, Limits::default())?;
        let root = reader.root()?;
        let instance = instance::decode(&mut reader, &root)?;
        reader.finish()?;
        Ok(instance)
    }

    pub(super) mod optional {
        use std::sync::Arc;

        use serde::{Deserializer, Serializer};

        use crate::cim::Instance;

        pub(in super::super) fn serialize<S: Serializer>(
            instance: &Option<Arc<Instance>>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match instance {
                Some(instance) => super::serialize(instance, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Arc<Instance>>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn link(name: &str, up: bool, octets: u64) -> Arc<Instance> {
        let mut instance = Instance::new(Name::new("ESM_Network"));
        instance.set("DeviceID", name);
        instance.set("LinkUp", up);
        instance.set("ReceivedOctets", octets);
        instance.set_or_null("Speed", CimType::Uint64, None::<u64>);
        instance.set("IPAddresses", vec!["192.0.2.1".to_owned(), "a<b".to_owned()]);
        Arc::new(instance)
    }

    fn snapshot(links: &[(&str, bool, u64)]) -> Snapshot {
        links
            .iter()
            .map(|(name, up, octets)| ((*name).to_owned(), link(name, *up, *octets)))
            .collect()
    }

    pub(crate) fn link_went_down() -> InstanceChange {
        let found = changes(
            &snapshot(&[("eth0", true, 1)]),
            &snapshot(&[("eth0", false, 2)]),
            &["LinkUp", "Speed"],
        );
        InstanceChange {
            identifier: "ESM:00000000-0000-0000-0000-000000000009".to_owned(),
            at: WallTime::from_unix_micros(1_769_860_800_000_000),
            system_name: "host.example".to_owned(),
            change: found.into_iter().next().unwrap(),
        }
    }

    #[track_caller]
    fn check(before: &[(&str, bool, u64)], after: &[(&str, bool, u64)], expect: &[(ChangeKind, &str)]) {
        let found = changes(&snapshot(before), &snapshot(after), &["LinkUp", "Speed"]);
        let found: Vec<_> = found
            .iter()
            .map(|change| (change.kind, change.path.as_str()))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn what_came_changed_and_went_is_found() {
        use ChangeKind::{Creation, Deletion, Modification};
        check(&[], &[], &[]);
        check(&[], &[("a", true, 1)], &[(Creation, "a")]);
        check(&[("a", true, 1)], &[], &[(Deletion, "a")]);
        check(&[("a", true, 1)], &[("a", true, 2)], &[]);
        check(&[("a", true, 1)], &[("a", false, 2)], &[(Modification, "a")]);
        check(
            &[("a", true, 1), ("b", true, 1)],
            &[("b", false, 1), ("c", true, 1)],
            &[(Deletion, "a"), (Modification, "b"), (Creation, "c")],
        );
    }

    #[test]
    fn a_change_survives_storage() {
        let change = link_went_down();
        assert_eq!(change.change.changed, ["LinkUp"]);
        let stored = serde_json::to_string(&change).unwrap();
        assert_eq!(serde_json::from_str::<InstanceChange>(&stored).unwrap(), change);
        let mut gone = change;
        gone.change.kind = ChangeKind::Deletion;
        gone.change.previous = None;
        let stored = serde_json::to_string(&gone).unwrap();
        assert_eq!(serde_json::from_str::<InstanceChange>(&stored).unwrap(), gone);
    }

    #[test]
    fn an_indication_says_what_it_was_and_is() {
        let indication = link_went_down().indication();
        assert_eq!(indication.class_name, "CIM_InstModification");
        let embedded = |name: &str| match indication.get(name) {
            Some(Value::Instance(instance)) => instance.get("LinkUp").cloned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(embedded("SourceInstance"), Some(Value::Boolean(false)));
        assert_eq!(embedded("PreviousInstance"), Some(Value::Boolean(true)));
        assert_eq!(indication.get_str("SourceInstanceModelPath"), Some("eth0"));
        assert_eq!(indication.get_str("SourceInstanceHost"), Some("host.example"));
    }
}
