//! Random histories of commands against a model that keeps everything in plain maps, with the file closed and
//! opened again at random points.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::alert::{Alert, Event, State, tests as alert_tests};
use crate::monitor::MonitorState;
use crate::store::Store;
use crate::subscription::{
    Batch, Carrier, Credentials, DeliveryMode, Destination, EventingOptions, Filter, Lease, Moment, Protocol,
    Subscription,
};
use crate::time::WallTime;

pub(crate) fn sample(id: &str, owner: &str) -> Subscription {
    Subscription {
        id: id.to_owned(),
        owner: owner.to_owned(),
        filter: Filter::Class {
            namespace: "root/cimv2".to_owned(),
            class: "CIM_AlertIndication".to_owned(),
        },
        protocol: Protocol::Eventing(EventingOptions {
            mode: DeliveryMode::Push,
            reference_parameters: String::new(),
            end_to: None,
            addressing_1_0: false,
            heartbeat_millis: None,
            bookmarks: false,
            batch: Batch::default(),
            locale: None,
            utf16: false,
            max_envelope_bytes: None,
        }),
        created_micros: 0,
        wbem: None,
    }
}

pub(crate) fn destination(owner: &str) -> NewDestination {
    NewDestination {
        destination: Destination {
            owner: owner.to_owned(),
            url: "https://manager.example:6736/".parse().unwrap(),
            user: Some("user".to_owned()),
            thumbprint: None,
            subscribers: Vec::new(),
            carrier: Carrier::default(),
        },
        credentials: Some(Credentials {
            user: "user".to_owned(),
            password: zeroize::Zeroizing::new(format!("secret of {owner}")),
        }),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add {
        id: u8,
        owner: u8,
        fetches: bool,
        heir_of: Option<u8>,
    },
    Renew {
        id: u8,
        secs: u16,
    },
    Lapse {
        id: u8,
    },
    Remove {
        id: u8,
    },
    Tell {
        to: Vec<u8>,
    },
    Acknowledge {
        id: u8,
        count: u8,
    },
    Setting {
        key: u8,
        value: Option<u8>,
    },
    Monitor {
        identity: u8,
    },
    Restart {
        reboot: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0u8..6;
    prop_oneof![
        3 => (id.clone(), 0u8..2, prop::bool::weighted(0.2), prop::option::weighted(0.3, id.clone()))
            .prop_map(|(id, owner, fetches, heir_of)| Step::Add { id, owner, fetches, heir_of }),
        1 => (id.clone(), any::<u16>()).prop_map(|(id, secs)| Step::Renew { id, secs }),
        1 => id.clone().prop_map(|id| Step::Lapse { id }),
        1 => id.clone().prop_map(|id| Step::Remove { id }),
        4 => prop::collection::vec(id.clone(), 0..5).prop_map(|to| Step::Tell { to }),
        2 => (id, 0u8..4).prop_map(|(id, count)| Step::Acknowledge { id, count }),
        1 => (0u8..3, prop::option::of(any::<u8>())).prop_map(|(key, value)| Step::Setting { key, value }),
        1 => (0u8..3).prop_map(|identity| Step::Monitor { identity }),
        1 => any::<bool>().prop_map(|reboot| Step::Restart { reboot }),
    ]
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ModelSubscription {
    owner: String,
    fetches: bool,
    lease: Option<Lease>,
    lapsed: bool,
    queue: Vec<(i64, String)>,
}

struct World {
    folder: tempfile::TempDir,
    store: Option<Store>,
    boots: u32,
    starts: u64,
    alerts: u128,
    numbers: i64,
    subscriptions: BTreeMap<String, ModelSubscription>,
    settings: BTreeMap<String, String>,
    monitors: BTreeMap<String, MonitorState>,
}

const NOW: Moment = Moment {
    boot: crate::time::BootTime::from_millis(1_000_000),
    wall: WallTime::from_timestamp(jiff::Timestamp::UNIX_EPOCH),
};

impl World {
    fn new() -> Self {
        let mut world = Self {
            folder: tempfile::tempdir().unwrap(),
            store: None,
            boots: 1,
            starts: 0,
            alerts: 0,
            numbers: 0,
            subscriptions: BTreeMap::new(),
            settings: BTreeMap::new(),
            monitors: BTreeMap::new(),
        };
        world.restart(false);
        world
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn restart(&mut self, reboot: bool) {
        if let Some(store) = self.store.take() {
            store.close();
        }
        self.boots += u32::from(reboot);
        let opened = Store::open(self.folder.path(), WallTime::default()).unwrap();
        assert_eq!(opened.damage, None);
        self.store = Some(opened.store);
        let loaded = self
            .store()
            .call(Begin {
                boot_id: self.boots.to_string(),
                now: NOW,
                grace: Duration::from_secs(300),
            })
            .unwrap();
        self.starts += 1;
        self.check(&loaded);
    }

    fn check(&self, loaded: &Loaded) {
        assert_eq!(loaded.starts, self.starts);
        assert_eq!(loaded.settings, self.settings);
        let monitors: BTreeMap<_, _> = loaded
            .monitors
            .iter()
            .map(|row| (row.identity.clone(), row.state.clone()))
            .collect();
        assert_eq!(monitors, self.monitors);
        let found: BTreeMap<_, _> = loaded
            .subscriptions
            .iter()
            .map(|stored| {
                let id = stored.subscription.id.clone();
                let rows = self
                    .store()
                    .call(FetchQueue {
                        of: QueueOf::Subscription(id.clone()),
                        after: 0,
                        limit: 1_000,
                        max_bytes: u64::MAX,
                    })
                    .unwrap();
                assert_eq!(stored.queued, rows.len() as u64);
                let model = ModelSubscription {
                    owner: stored.subscription.owner.clone(),
                    fetches: stored.destination.is_none(),
                    // With both clocks where they were, a reboot takes nothing off a lease; the least that is
                    // left is the grace.
                    lease: Some(stored.lease),
                    lapsed: stored.keep_until.is_some(),
                    queue: rows
                        .into_iter()
                        .map(|row| (row.number, row.event.identifier().to_owned()))
                        .collect(),
                };
                (id, model)
            })
            .collect();
        assert_eq!(found, self.subscriptions);
        self.check_destinations(loaded);
    }

    fn check_destinations(&self, loaded: &Loaded) {
        let owners: std::collections::BTreeSet<_> = self
            .subscriptions
            .values()
            .filter(|s| !s.fetches)
            .map(|s| s.owner.clone())
            .collect();
        let found: std::collections::BTreeSet<_> = loaded
            .destinations
            .iter()
            .map(|d| d.destination.owner.clone())
            .collect();
        assert_eq!(found, owners);
        for stored in &loaded.destinations {
            let owner = &stored.destination.owner;
            assert_eq!(stored.credentials, destination(owner).credentials);
            let sendable = self
                .subscriptions
                .values()
                .filter(|s| !s.fetches && !s.lapsed && s.owner == *owner);
            assert_eq!(stored.queued, sendable.map(|s| s.queue.len() as u64).sum::<u64>());
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Add {
                id,
                owner,
                fetches,
                heir_of,
            } => self.add(id, owner, fetches, heir_of),
            Step::Renew { id, secs } => self.renew(id, secs),
            Step::Lapse { id } => {
                let change = Change {
                    lapsed: vec![(id.to_string(), NOW.boot)],
                    ..Change::default()
                };
                self.store().call(change).unwrap();
                self.subscriptions
                    .entry(id.to_string())
                    .and_modify(|s| s.lapsed = true);
            }
            Step::Remove { id } => {
                let change = Change {
                    removed: vec![id.to_string()],
                    ..Change::default()
                };
                self.store().call(change).unwrap();
                self.subscriptions.remove(&id.to_string());
            }
            Step::Tell { to } => self.tell(&to),
            Step::Acknowledge { id, count } => self.acknowledge(id, count),
            Step::Setting { key, value } => {
                let (key, value) = (key.to_string(), value.map(|value| value.to_string()));
                self.store()
                    .call(PutSettings(vec![(key.clone(), value.clone())]))
                    .unwrap();
                match value {
                    Some(value) => self.settings.insert(key, value),
                    None => self.settings.remove(&key),
                };
            }
            Step::Monitor { identity } => self.monitor(identity),
            Step::Restart { reboot } => self.restart(reboot),
        }
    }

    fn add(&mut self, id: u8, owner: u8, fetches: bool, heir_of: Option<u8>) {
        let (id, owner) = (id.to_string(), owner.to_string());
        let ancestor = heir_of.map(|a| a.to_string()).filter(|a| {
            *a != id
                && self
                    .subscriptions
                    .get(a)
                    .is_some_and(|s| s.lapsed && s.owner == owner)
        });
        let lease = Lease::starting(NOW.boot, Duration::from_secs(3_600));
        let result = self.store().call(AddSubscription {
            subscription: sample(&id, &owner),
            destination: (!fetches).then(|| destination(&owner)),
            lease,
            heir_of: ancestor.clone().into_iter().collect(),
            replaces: Vec::new(),
        });
        if self.subscriptions.contains_key(&id) {
            assert!(result.is_err(), "an identifier that is taken");
            return;
        }
        let queue = ancestor
            .and_then(|a| self.subscriptions.remove(&a))
            .map(|s| s.queue)
            .unwrap_or_default();
        assert_eq!(result.unwrap().inherited, queue.len() as u64);
        self.subscriptions.insert(
            id,
            ModelSubscription {
                owner,
                fetches,
                lease: Some(lease),
                lapsed: false,
                queue,
            },
        );
    }

    fn renew(&mut self, id: u8, secs: u16) {
        let lease = Lease::starting(NOW.boot, Duration::from_secs(u64::from(secs) + 300));
        let result = self.store().call(RenewLease {
            id: id.to_string(),
            lease,
        });
        match self.subscriptions.get_mut(&id.to_string()).filter(|s| !s.lapsed) {
            Some(model) => {
                result.unwrap();
                model.lease = Some(lease);
            }
            None => assert!(matches!(result, Err(StoreError::NotFound { .. }))),
        }
    }

    fn tell(&mut self, to: &[u8]) {
        self.alerts += 1;
        let alert = Alert {
            identifier: format!("ESM:{}", uuid::Uuid::from_u128(self.alerts)),
            ..alert_tests::sample(State::Warning)
        };
        let destinations: BTreeMap<String, i64> = self.destination_ids();
        let mut queue = Vec::new();
        for id in to.iter().map(u8::to_string) {
            let Some(model) = self.subscriptions.get_mut(&id).filter(|s| !s.lapsed) else {
                continue;
            };
            self.numbers += 1;
            model.queue.push((self.numbers, alert.identifier.clone()));
            queue.push(QueueEntry {
                subscription: id.as_str().into(),
                destination: if model.fetches {
                    None
                } else {
                    destinations.get(&model.owner).copied()
                },
                context: "context".into(),
                number: self.numbers,
            });
        }
        let expect = queue.len();
        let events = vec![NewEvent {
            event: Arc::new(Event::Alert(alert)),
            queue,
        }];
        let changed = self
            .store()
            .call(Change {
                events,
                keep_alerts: Some(3),
                ..Change::default()
            })
            .unwrap();
        assert_eq!(changed.events[0].queued.iter().flatten().count(), expect);
    }

    fn destination_ids(&self) -> BTreeMap<String, i64> {
        struct Ids;
        impl crate::store::Command for Ids {
            type Answer = Vec<StoredDestination>;
            fn run(self, db: &crate::store::Db<'_>) -> Result<Self::Answer, StoreError> {
                subscriptions::load_destinations(db)
            }
        }
        self.store()
            .call(Ids)
            .unwrap()
            .into_iter()
            .map(|d| (d.destination.owner, d.id))
            .collect()
    }

    fn acknowledge(&mut self, id: u8, count: u8) {
        let of = QueueOf::Subscription(id.to_string());
        let rows = self
            .store()
            .call(FetchQueue {
                of,
                after: 0,
                limit: count.into(),
                max_bytes: u64::MAX,
            })
            .unwrap();
        self.store()
            .call(Acknowledge(rows.iter().map(|row| row.id).collect()))
            .unwrap();
        if let Some(model) = self.subscriptions.get_mut(&id.to_string()) {
            let told: Vec<_> = model.queue.drain(..rows.len()).collect();
            let found: Vec<_> = rows
                .into_iter()
                .map(|row| (row.number, row.event.identifier().to_owned()))
                .collect();
            assert_eq!(found, told);
        } else {
            assert!(rows.is_empty());
        }
    }

    fn monitor(&mut self, identity: u8) {
        let rule = crate::monitor::default_rules().remove(4);
        let state = self
            .monitors
            .get(&identity.to_string())
            .cloned()
            .unwrap_or_default();
        let (state, _) = state.step(&rule, Some(f64::from(identity)), WallTime::default());
        // What is not stored begins anew.
        let state: MonitorState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        let row = MonitorRow {
            rule: "file-system".to_owned(),
            identity: identity.to_string(),
            name: "/".to_owned(),
            state: state.clone(),
        };
        self.store()
            .call(Change {
                monitors: vec![row],
                ..Change::default()
            })
            .unwrap();
        self.monitors.insert(identity.to_string(), state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.restart(false);
    }
}

#[test]
fn the_history_is_bounded_but_keeps_what_is_queued() {
    let mut world = World::new();
    world.add(0, 0, true, None);
    world.tell(&[0]);
    for _ in 0..10 {
        world.tell(&[]);
    }
    let all = world
        .store()
        .call(History {
            after: 0,
            limit: 100,
            newest: false,
        })
        .unwrap();
    assert_eq!(all.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 9, 10, 11]);
    let newest = world
        .store()
        .call(History {
            after: 0,
            limit: 2,
            newest: true,
        })
        .unwrap();
    assert_eq!(newest.iter().map(|row| row.seq).collect::<Vec<_>>(), [10, 11]);
}

#[test]
fn a_read_is_bounded_by_number_and_bytes() {
    let mut world = World::new();
    world.add(0, 0, true, None);
    for _ in 0..5 {
        world.tell(&[0]);
    }
    let found = |limit, max_bytes| {
        let queue = FetchQueue {
            of: QueueOf::Subscription("0".to_owned()),
            after: 0,
            limit,
            max_bytes,
        };
        world.store().call(queue).unwrap().len()
    };
    assert_eq!(found(u32::MAX, u64::MAX), 5);
    assert_eq!(found(4, u64::MAX), 4);
    // However large the first one is, it must come.
    assert_eq!(found(u32::MAX, 0), 1);
    let one = alert_tests::sample(State::Warning);
    let one = serde_json::to_string(&Event::Alert(one)).unwrap().len() as u64;
    assert_eq!(found(u32::MAX, 3 * one + one / 2), 3);
}

#[test]
fn an_heir_that_fetches_leaves_no_destination_behind() {
    let mut world = World::new();
    world.add(0, 0, false, None);
    world.tell(&[0]);
    world.step(Step::Lapse { id: 0 });
    world.add(1, 0, true, Some(0));
    world.restart(false);
}

#[test]
fn no_password_lies_in_the_files() {
    let mut world = World::new();
    world.add(0, 1, false, None);
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"secret of"));
    }
}
