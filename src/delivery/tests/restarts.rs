//! What a stop and a start of the agent leave as it was.

use std::time::Duration;

use super::harness::{Mood, World, identifiers, numbers};
use crate::clock::Clock;

#[tokio::test]
async fn a_queue_goes_on_after_a_restart_under_its_old_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    let mut expect = world.alerts(80).await;
    world.until_failures("a.example", 1).await;
    let (clock, courier) = world.stop().await;

    courier.set("a.example", Mood::Takes);
    let mut world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    expect.extend(world.alerts(2).await);
    let events = world.until_events("a.example", 82).await;
    assert_eq!(identifiers(&events), expect);
    assert_eq!(numbers(&events), (0..80).chain(0..2).collect::<Vec<_>>());
    let contexts: std::collections::BTreeSet<_> = events.iter().map(|event| &event.context).collect();
    assert_eq!(contexts.len(), 2, "a new series for each start");
    assert_eq!(events[79].context, events[0].context);
}

#[tokio::test]
async fn leases_and_the_time_until_giving_up_go_on_in_the_same_boot() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    world.until_failures("a.example", 1).await;
    let give_up = world.destination("a.example").unwrap().fare.give_up;
    let lease = world.registry.status(&id, None).unwrap().lease;
    world.advance(1_000);
    let (clock, courier) = world.stop().await;
    clock.advance(Duration::from_secs(1_000));

    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    let granted = world.registry.status(&id, None).unwrap();
    assert_eq!(granted.lease, lease);
    assert_eq!(granted.remaining, Some(Duration::from_secs(1_600)));
    assert_eq!(world.destination("a.example").unwrap().fare.give_up, give_up);
}

#[tokio::test]
async fn a_lease_that_ended_meanwhile_is_told_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.advance(1_000);
    world.subscribe("b.example").await;
    let (clock, courier) = world.stop().await;
    clock.advance(Duration::from_secs(3_000));
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    let events = world.until_events("b.example", 1).await;
    assert_eq!(events[0].event_id, "80000604");
}

#[tokio::test]
async fn after_a_reboot_a_lease_has_at_least_its_grace() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    let (old, courier) = world.stop().await;
    let wall = crate::time::WallTime::from_unix_micros(old.wall().unix_micros() + 7_200_000_000);
    let clock = crate::clock::ManualClock::new(crate::time::BootTime::from_millis(5_000), wall);
    let world = World::restarted(folder.path(), clock, courier, "boot-2").await;
    assert_eq!(
        world.registry.status(&id, None).unwrap().remaining,
        Some(Duration::from_secs(300))
    );
}

#[tokio::test]
async fn a_learned_certificate_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.alert().await;
    world.until_events("a.example", 1).await;
    world.until_queued("a.example", 0).await;
    let (clock, _) = world.stop().await;
    let store = crate::store::Store::open(folder.path(), clock.wall())
        .unwrap()
        .store;
    let begin = crate::store::commands::Begin {
        boot_id: "boot-1".to_owned(),
        now: crate::subscription::Moment {
            boot: clock.boot(),
            wall: clock.wall(),
        },
        grace: Duration::ZERO,
    };
    let loaded = store.ask(begin).await.unwrap();
    assert_eq!(loaded.destinations[0].pin, Some(vec![7; 32]));
    assert_eq!(loaded.destinations[0].queued, 0);
}
