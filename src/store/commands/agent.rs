//! The start of the agent, and the traces that it leaves while it lives.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::change::{MonitorRow, load_monitors};
use super::subscriptions::{load_destinations, load_subscriptions};
use super::wbem::{load_filters, load_listeners};
use super::{LoadSettings, StoredDestination, StoredListener, StoredSubscription, from_millis, to_millis};
use crate::store::{Command, Db, StoreError};
use crate::subscription::{IndicationFilter, Lease, Moment};
use crate::time::WallTime;

/// Begins a run of the agent: moves every deadline into the boot that runs, and loads what is kept.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The kernel's identifier of this boot.
    pub boot_id: String,
    /// The time now.
    pub now: Moment,
    /// The least that is left of a lease after a reboot.
    pub grace: Duration,
}

/// What was kept.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// How often the agent was started, this time included.
    pub starts: u64,
    /// Whether the last run was in the same boot; none in the first run.
    pub same_boot: Option<bool>,
    /// When the last run was last seen alive.
    pub last_seen: Option<Moment>,
    /// Every destination.
    pub destinations: Vec<StoredDestination>,
    /// Every subscription, lapsed ones included.
    pub subscriptions: Vec<StoredSubscription>,
    /// Every filter that stands by itself.
    pub filters: Vec<IndicationFilter>,
    /// Every destination that stands by itself.
    pub listeners: Vec<StoredListener>,
    /// Where each monitor stands.
    pub monitors: Vec<MonitorRow>,
    /// Values set remotely.
    pub settings: BTreeMap<String, String>,
}

impl Command for Begin {
    type Answer = Loaded;

    fn run(self, db: &Db<'_>) -> Result<Loaded, StoreError> {
        let before = last_run(db)?;
        let same_boot = before.as_ref().map(|run| run.boot_id == self.boot_id);
        if let (Some(run), Some(false)) = (&before, same_boot) {
            self.move_deadlines(db, run.last_seen)?;
        }
        let starts = before.as_ref().map_or(0, |run| run.starts) + 1;
        db.sql.execute(
            "INSERT INTO agent (id, boot_id, boot_millis, wall_micros, starts) VALUES (1, ?1, ?2, ?3, ?4) \
             ON CONFLICT (id) DO UPDATE SET boot_id = ?1, boot_millis = ?2, wall_micros = ?3, starts = ?4",
            params![
                self.boot_id,
                to_millis(self.now.boot),
                self.now.wall.unix_micros(),
                starts
            ],
        )?;
        Ok(Loaded {
            starts,
            same_boot,
            last_seen: before.map(|run| run.last_seen),
            destinations: load_destinations(db)?,
            subscriptions: load_subscriptions(db)?,
            filters: load_filters(db)?,
            listeners: load_listeners(db)?,
            monitors: load_monitors(db)?,
            settings: LoadSettings.run(db)?,
        })
    }
}

impl Begin {
    /// Every deadline follows the same rule, see [`Lease::after_restart`].
    fn move_deadlines(&self, db: &Db<'_>, last_seen: Moment) -> Result<(), StoreError> {
        for (table, column, key) in [
            ("subscriptions", "ends_millis", "id"),
            ("subscriptions", "keep_until_millis", "id"),
            ("destinations", "give_up_millis", "id"),
        ] {
            let mut read = db.sql.prepare(&format!(
                "SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL"
            ))?;
            let mut write = db
                .sql
                .prepare(&format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1"))?;
            let rows = read.query_map([], |row| {
                Ok((row.get::<_, rusqlite::types::Value>(0)?, row.get::<_, i64>(1)?))
            })?;
            for row in rows.collect::<Result<Vec<_>, _>>()? {
                let deadline = Lease {
                    granted: None,
                    ends: Some(from_millis(row.1)),
                };
                let moved = deadline.after_restart(false, last_seen, self.now, self.grace);
                write.execute(params![row.0, moved.ends.map(to_millis)])?;
            }
        }
        Ok(())
    }
}

struct LastRun {
    boot_id: String,
    last_seen: Moment,
    starts: u64,
}

fn last_run(db: &Db<'_>) -> Result<Option<LastRun>, StoreError> {
    let row = db
        .sql
        .query_row(
            "SELECT boot_id, boot_millis, wall_micros, starts FROM agent",
            [],
            |row| {
                Ok(LastRun {
                    boot_id: row.get(0)?,
                    last_seen: Moment {
                        boot: from_millis(row.get(1)?),
                        wall: WallTime::from_unix_micros(row.get(2)?),
                    },
                    starts: row.get(3)?,
                })
            },
        )
        .optional()?;
    Ok(row)
}

/// Notes that the agent lives. `stepped` is by how much the wall clock was seen to be set since the last note:
/// it is of no effect on any deadline, which is why both clocks are noted together.
#[derive(Clone, Copy, Debug)]
pub struct Seen(pub Moment);

impl Command for Seen {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        db.sql
            .prepare_cached("UPDATE agent SET boot_millis = ?1, wall_micros = ?2")?
            .execute(params![to_millis(self.0.boot), self.0.wall.unix_micros()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::commands::model::sample;
    use crate::store::commands::{AddSubscription, SetGiveUp};
    use crate::time::BootTime;

    fn moment(boot_secs: u64, wall_secs: i64) -> Moment {
        Moment {
            boot: BootTime::from_millis(boot_secs * 1_000),
            wall: WallTime::from_unix_micros(wall_secs * 1_000_000),
        }
    }

    fn begin(boot_id: &str, now: Moment) -> Begin {
        Begin {
            boot_id: boot_id.to_owned(),
            now,
            grace: Duration::from_secs(300),
        }
    }

    #[test]
    fn a_reboot_moves_every_deadline_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), WallTime::default()).unwrap().store;
        let loaded = store.call(begin("boot-1", moment(1_000, 50_000))).unwrap();
        assert_eq!((loaded.starts, loaded.same_boot), (1, None));

        let added = store
            .call(AddSubscription {
                subscription: sample("a", "owner"),
                destination: Some(crate::store::commands::model::destination("owner")),
                lease: Lease::starting(moment(1_000, 0).boot, Duration::from_secs(3_600)),
                heir_of: Vec::new(),
                replaces: Vec::new(),
            })
            .unwrap();
        let give_up = SetGiveUp {
            destination: added.destination.unwrap(),
            at: Some(moment(11_000, 0).boot),
        };
        store.call(give_up).unwrap();
        store.call(Seen(moment(1_600, 50_600))).unwrap();

        let again = store.call(begin("boot-1", moment(2_000, 99_999))).unwrap();
        assert_eq!((again.starts, again.same_boot), (2, Some(true)));
        assert_eq!(again.subscriptions[0].lease.ends, Some(moment(4_600, 0).boot));

        store.call(Seen(moment(1_600, 50_600))).unwrap();
        let after = store.call(begin("boot-2", moment(20, 51_600))).unwrap();
        assert_eq!((after.starts, after.same_boot), (3, Some(false)));
        assert_eq!(
            after.subscriptions[0].lease.ends,
            Some(moment(20 + 2_000, 0).boot)
        );
        assert_eq!(after.destinations[0].give_up, Some(moment(20 + 8_400, 0).boot));

        let same = store.call(begin("boot-2", moment(30, 51_610))).unwrap();
        assert_eq!(same.subscriptions[0].lease.ends, Some(moment(20 + 2_000, 0).boot));
    }
}
