//! Who wants to be told of changes of instances: as long as nobody does, nobody looks for any.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::entry::Entry;
use super::filters::AlertFilter;
use super::registry::Registry;
use crate::cim::Name;

/// How long a new subscription waits until changes are looked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is looked for, and whether that may have to change.
pub(super) struct Interest {
    /// The classes that changes are looked for in; none as long as nobody looks for any.
    watched: watch::Sender<Option<Vec<Name>>>,
    /// Subscriptions have come, changed or gone.
    pub changed: Notify,
}

impl Default for Interest {
    fn default() -> Self {
        Self {
            watched: watch::Sender::new(None),
            changed: Notify::new(),
        }
    }
}

impl Registry {
    /// Those of `classes` whose changes some live subscription may want to be told of.
    pub fn wanted_changes(&self, classes: &[Name]) -> Vec<Name> {
        let mut asked: Vec<Arc<AlertFilter>> = Vec::new();
        let mut wanted: Vec<Name> = Vec::new();
        for entry in self.shared.book.lock().entries.values() {
            let filter = entry.filter();
            if !entry.is_live() || asked.iter().any(|known| Arc::ptr_eq(known, &filter)) {
                continue;
            }
            for class in classes {
                if !wanted.contains(class) && filter.may_want_changes_of(class) {
                    wanted.push(class.clone());
                }
            }
            asked.push(filter);
            if wanted.len() == classes.len() {
                break;
            }
        }
        wanted
    }

    /// Says in which classes changes are looked for from now on. Subscriptions that want changes are granted once
    /// theirs are.
    pub fn set_watched_changes(&self, classes: Vec<Name>) {
        self.shared.interest.watched.send_replace(Some(classes));
    }

    /// Ready when subscriptions have come, changed or gone since the last time. For one caller at a time.
    pub async fn subscriptions_changed(&self) {
        self.shared.interest.changed.notified().await;
    }

    /// Waits until whoever looks for changes knows of `entry`: it misses none that come after it was granted.
    pub(super) async fn until_watched(&self, entry: &Entry) {
        let (interest, filter) = (&self.shared.interest, entry.filter());
        interest.changed.notify_one();
        let mut watched = interest.watched.subscribe();
        let is_seen = |classes: &Option<Vec<Name>>| match classes {
            None => true,
            Some(classes) => WATCHED
                .iter()
                .all(|class| classes.contains(class) || !filter.may_want_changes_of(class)),
        };
        tokio::select! {
            _ = watched.wait_for(is_seen) => {}
            () = self.shared.stopped() => {}
            () = self.shared.clock.sleep(PATIENCE) => {
                tracing::warn!(subscription = %entry.id, "changes of instances are not looked for yet");
            }
        }
    }
}

/// The classes whose changes are told.
pub const WATCHED: [Name; 4] = [
    Name::from_static("ESM_Subscription"),
    Name::from_static("ESM_MonitorSetting"),
    Name::from_static("ESM_FileSystemThread"),
    Name::from_static("ESM_Network"),
];
