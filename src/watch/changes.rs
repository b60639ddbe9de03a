//! Looks for changes of instances that subscribers want to be told of: what came, changed or went between two
//! looks. Nobody looks while nobody wants to know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::alert::InstanceChange;
use crate::alert::change::{Change, Snapshot, changes};
use crate::broker::{Broker, Polymorphism};
use crate::cim::{CimError, Instance, Name, Namespace};
use crate::clock::SharedClock;
use crate::delivery::interest::WATCHED;
use crate::delivery::{Publication, Registry};
use crate::provider::{Caller, RequestContext};

/// Where the watched classes are.
const NAMESPACE: Namespace = Namespace::from_static("root/ESMPRO/AS");

/// The pause between looks, where nothing says before that something has changed.
const LOOK: Duration = Duration::from_secs(2);

/// A look that takes long is followed by a pause that is longer by this.
const REST: u32 = 10;

/// What looking needs.
#[derive(Clone)]
pub struct ChangeWatch {
    /// Through which instances are seen.
    pub broker: Arc<Broker>,
    /// Who knows who wants to be told, and tells them.
    pub registry: Registry,
    /// The clocks.
    pub clock: SharedClock,
    /// The name of this host in indications.
    pub system_name: Arc<str>,
}

/// The instances of each class at the last look of which everything was told.
#[derive(Default)]
struct Seen(BTreeMap<Name, Snapshot>);

/// Looks for ever.
pub async fn watch_changes(watch: ChangeWatch) {
    let mut seen = Seen::default();
    loop {
        let began = watch.clock.boot();
        let wanted = watch.registry.wanted_changes(&WATCHED);
        seen.0.retain(|class, _| wanted.contains(class));
        let mut looks = Vec::new();
        for class in &wanted {
            match watch.look(class).await {
                Ok(now) => looks.push((class.clone(), now)),
                Err(error) => tracing::error!(%class, %error, "changes cannot be looked for"),
            }
        }
        let found = looks.iter().flat_map(|(class, now)| seen.changes(class, now));
        let found = found.collect();
        watch.registry.set_watched_changes(wanted.clone());
        let is_told = watch.tell(found).await;
        seen.keep(looks, is_told);
        if wanted.is_empty() {
            watch.registry.subscriptions_changed().await;
            continue;
        }
        let took = watch.clock.boot().since(began);
        watch.clock.sleep(took.saturating_mul(REST)).await;
        tokio::select! {
            () = watch.registry.subscriptions_changed() => {}
            () = watch.clock.sleep(LOOK) => {}
        }
    }
}

/// The properties whose change is told. Counters and the like move all the time; what crosses a threshold is an
/// alert.
fn watched_properties(class: &Name) -> &'static [&'static str] {
    match class.as_str() {
        "ESM_Subscription" => &["State", "Filter", "FilterLanguage", "Destination"],
        "ESM_MonitorSetting" => &[
            "Enabled",
            "TargetClass",
            "TargetProperty",
            "Direction",
            "Warning",
            "WarningReset",
            "Critical",
            "CriticalReset",
            "IntervalSecs",
            "HoldSamples",
        ],
        "ESM_FileSystemThread" => &["Device", "ReadOnly", "Monitored"],
        "ESM_Network" => &["EnabledState", "LinkUp", "MACAddress"],
        _ => &[],
    }
}

/// How deliveries to a subscriber go is no news to subscribers: it would be told to those to whom they do not go.
/// Whether it is told at all is.
fn is_of_interest(change: &Change) -> bool {
    let is_told =
        |instance: &Arc<Instance>| !matches!(instance.get_str("State"), Some("lapsed" | "disabled"));
    let state_alone = change.changed == ["State"] && change.source.class_name == *"ESM_Subscription";
    !state_alone
        || !is_told(&change.source)
        || change.previous.as_ref().is_some_and(|before| !is_told(before))
}

impl Seen {
    /// What has changed in a class until `now`, as far as it is told. The first look at a class is what later ones
    /// are held against.
    fn changes(&self, class: &Name, now: &Snapshot) -> Vec<Change> {
        let Some(before) = self.0.get(class) else {
            return Vec::new();
        };
        let mut changes = changes(before, now, watched_properties(class));
        changes.retain(is_of_interest);
        changes
    }

    /// Later looks are held against these. Where what they showed could not be told, it is to be seen again.
    fn keep(&mut self, looks: Vec<(Name, Snapshot)>, is_told: bool) {
        for (class, now) in looks {
            if is_told || !self.0.contains_key(&class) {
                self.0.insert(class, now);
            }
        }
    }
}

impl ChangeWatch {
    async fn look(&self, class: &Name) -> Result<Snapshot, CimError> {
        let (broker, class) = (Arc::clone(&self.broker), class.clone());
        match tokio::task::spawn_blocking(move || snapshot(&broker, &class)).await {
            Ok(snapshot) => snapshot,
            // A provider panicked: the supervisor counts it and starts the looking again.
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }

    /// Whether everything is on disk.
    async fn tell(&self, found: Vec<Change>) -> bool {
        if found.is_empty() {
            return true;
        }
        let mut publication = Publication::default();
        publication
            .changes
            .extend(found.into_iter().map(|change| InstanceChange {
                identifier: format!("ESM:{}", crate::random::uuid()),
                at: self.clock.wall(),
                system_name: self.system_name.to_string(),
                change,
            }));
        let written = self.registry.publish(publication).await;
        written
            .inspect_err(
                |error| tracing::error!(%error, "changes could not be written down and are not told yet"),
            )
            .is_ok()
    }
}

/// The instances of `class` as they are now. It may block as providers may.
fn snapshot(broker: &Broker, class: &Name) -> Result<Snapshot, CimError> {
    let context = RequestContext {
        caller: Caller::Agent,
        namespace: NAMESPACE,
        from: None,
    };
    let mut snapshot = Snapshot::new();
    for instance in broker.enumerate(&context, class, Polymorphism::default(), None)? {
        let instance = instance?;
        snapshot.insert(broker.path_of(&context, &instance)?.to_string(), instance);
    }
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::change::ChangeKind;

    fn volumes(mount_points: &[&str]) -> Vec<(Name, Snapshot)> {
        let class = Name::from_static("ESM_FileSystemThread");
        let instance = |path: &&str| (String::from(*path), Arc::new(Instance::new(class.clone())));
        vec![(class.clone(), mount_points.iter().map(instance).collect())]
    }

    /// The changes since what is kept, each with its path.
    #[track_caller]
    fn check(seen: &Seen, looks: &[(Name, Snapshot)], expect: &[(ChangeKind, &str)]) {
        let found = looks.iter().flat_map(|(class, now)| seen.changes(class, now));
        let found: Vec<_> = found.map(|change| (change.kind, change.path)).collect();
        let found: Vec<_> = found.iter().map(|(kind, path)| (*kind, path.as_str())).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn what_could_not_be_told_is_seen_again() {
        let mut seen = Seen::default();
        check(&seen, &volumes(&["/a"]), &[]);
        // Nothing is held against the first look, whatever became of what others showed.
        seen.keep(volumes(&["/a"]), false);
        for is_told in [false, false, true] {
            let looks = volumes(&["/b"]);
            check(
                &seen,
                &looks,
                &[(ChangeKind::Deletion, "/a"), (ChangeKind::Creation, "/b")],
            );
            seen.keep(looks, is_told);
        }
        check(&seen, &volumes(&["/b"]), &[]);
    }

    #[test]
    fn every_watched_property_is_one_of_its_class() {
        let schema = crate::cim::schema::house().unwrap();
        let classes = schema.namespace(&NAMESPACE).unwrap();
        for class in &WATCHED {
            let declared = classes.class(class).unwrap();
            let watched = watched_properties(class);
            assert!(!watched.is_empty(), "{class}");
            for property in watched {
                assert!(declared.property(property).is_some(), "{class}.{property}");
            }
        }
    }
}
