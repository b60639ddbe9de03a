//! Random histories: whatever happens, each subscriber gets every alert, in order, and what comes twice carries
//! the same identifier and number.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::harness::{Event, Mood, TestCourier, World, request};
use crate::clock::ManualClock;
use crate::subscription::DeliveryMode;
use crate::time::{BootTime, WallTime};

const HOSTS: [&str; 3] = ["a.example", "b.example", "c.example"];

#[derive(Clone, Debug)]
enum Step {
    Alerts(usize),
    Mood(usize, Mood),
    Wait(u64),
    Renew,
    Stop,
    /// As a kill would: every task ends where it stands.
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    let mood = prop_oneof![
        3 => Just(Mood::Takes),
        2 => Just(Mood::Fails),
        1 => Just(Mood::Refuses),
        1 => Just(Mood::Panics),
        1 => Just(Mood::TakesOnly(1)),
    ];
    prop_oneof![
        6 => (1usize..40).prop_map(Step::Alerts),
        4 => (0..HOSTS.len(), mood).prop_map(|(host, mood)| Step::Mood(host, mood)),
        4 => (0u64..400).prop_map(Step::Wait),
        1 => Just(Step::Renew),
        1 => Just(Step::Stop),
        2 => Just(Step::Drop),
    ]
}

struct History {
    folder: tempfile::TempDir,
    clock: ManualClock,
    courier: Arc<TestCourier>,
    subscriptions: Vec<String>,
    told: Vec<String>,
}

impl History {
    /// Lives until the steps are over or one of them ends this life; the steps that are left.
    fn live<'a>(&mut self, first: bool, steps: &'a [Step]) -> &'a [Step] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        let (left, world) = runtime.block_on(async {
            let courier = Arc::clone(&self.courier);
            let mut world = World::restarted(self.folder.path(), self.clock.clone(), courier, "boot").await;
            if first {
                for (host, mode) in HOSTS.into_iter().zip([
                    DeliveryMode::Push,
                    DeliveryMode::Events,
                    DeliveryMode::PushWithAck,
                ]) {
                    let granted = world.registry.subscribe(request(host, mode)).await.unwrap();
                    self.subscriptions.push(granted.id);
                }
            }
            for (at, step) in steps.iter().enumerate() {
                match step {
                    Step::Alerts(count) => self.told.extend(world.alerts(*count).await),
                    Step::Mood(host, mood) => self.courier.set(HOSTS[*host], mood.clone()),
                    Step::Wait(secs) => world.advance(*secs),
                    Step::Renew => self.renew(&world).await,
                    Step::Stop => {
                        world.stop().await;
                        return (&steps[at + 1..], None);
                    }
                    Step::Drop => return (&steps[at + 1..], Some(world)),
                }
                self.renew(&world).await;
            }
            self.drain(&world).await;
            world.stop().await;
            (&steps[steps.len()..], None)
        });
        // Tasks that are under way end here, wherever they are.
        runtime.shutdown_timeout(Duration::from_secs(5));
        if let Some(world) = world {
            world.store.close();
        }
        left
    }

    async fn renew(&self, world: &World) {
        for id in &self.subscriptions {
            world
                .registry
                .renew(id, None, super::harness::for_secs(86_400))
                .await
                .unwrap();
        }
    }

    async fn drain(&self, world: &World) {
        for host in HOSTS {
            self.courier.set(host, Mood::Takes);
        }
        for _ in 0..2_000 {
            world.advance(10);
            self.renew(world).await;
            if world
                .registry
                .destinations()
                .iter()
                .all(|status| status.fare.queued == 0)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("not drained: {:?}", world.registry.destinations());
    }

    fn check(&self) {
        for host in HOSTS {
            let mut seen: HashMap<String, Event> = HashMap::new();
            let mut order = Vec::new();
            for event in self.courier.events(host) {
                match seen.get(&event.identifier) {
                    Some(first) => assert_eq!(*first, event, "a repetition is the same"),
                    None => {
                        order.push(event.identifier.clone());
                        seen.insert(event.identifier.clone(), event);
                    }
                }
            }
            assert_eq!(order, self.told, "{host}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_changes_places(steps in prop::collection::vec(step(), 1..25)) {
        let mut history = History {
            folder: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(BootTime::from_millis(1_000_000), WallTime::from_unix_micros(1 << 50)),
            courier: Arc::default(),
            subscriptions: Vec::new(),
            told: Vec::new(),
        };
        let mut left = history.live(true, &steps);
        loop {
            let over = left.is_empty();
            left = history.live(false, left);
            if over {
                break;
            }
        }
        history.check();
    }
}
