//! What a stop and a start of the agent leave as it was.

use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use super::harness::{Mood, World, identifiers, numbers, request, settings, until};
use crate::clock::Clock;
use crate::delivery::{Bookmark, Publication, SubscriptionStatus};
use crate::store::commands::{AddSubscription, Full, Garble, NewDestination};
use crate::subscription::{DeliveryMode, Filter, Lease, Subscription};

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

fn status(world: &World, id: &str) -> Option<SubscriptionStatus> {
    world.registry.list().into_iter().find(|status| status.id == id)
}

async fn until_lapsed(world: &World, id: &str) {
    let has_lapsed = || status(world, id).is_some_and(|status| status.keep_until.is_some());
    until(has_lapsed, || format!("{:?}", world.registry.list())).await;
}

/// Writes down a subscription like `id` and tells the agent nothing of it, as if that had ended just then.
async fn add_like(world: &World, id: &str, name: &str, change: impl FnOnce(&mut AddSubscription)) {
    let entry = world.registry.shared.book.lock().entries[id].clone();
    let destination = world.destination("a.example").unwrap().destination;
    let mut add = AddSubscription {
        subscription: Subscription {
            id: name.to_owned(),
            ..Subscription::clone(&entry.subscription())
        },
        destination: Some(NewDestination {
            destination,
            credentials: None,
        }),
        lease: Lease::ENDLESS,
        heir_of: Vec::new(),
        replaces: Vec::new(),
    };
    change(&mut add);
    world.store.ask(add).await.unwrap();
}

#[tokio::test]
async fn what_an_heir_is_to_get_comes_even_if_the_agent_ended_before_it_had_numbers() {
    for is_full in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path()).await;
        let id = world.subscribe("a.example").await;
        world.courier.set("a.example", Mood::Fails);
        let missed = world.alerts(3).await;
        world.until_failures("a.example", 1).await;
        world.advance(3_600);
        until_lapsed(&world, &id).await;
        world.until_queued("a.example", 0).await;
        let heir_of = vec![id.clone()];
        add_like(&world, &id, "heir", |add| add.heir_of = heir_of).await;
        let (clock, courier) = world.stop().await;

        courier.set("a.example", Mood::Takes);
        let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
        if is_full {
            // Before the agent does anything else; what it publishes comes after what it takes up.
            world.store.ask(Full(true)).await.unwrap();
            world.registry.publish(Publication::default()).await.unwrap_err();
            let stations: Vec<_> = world
                .registry
                .shared
                .book
                .lock()
                .stations
                .values()
                .cloned()
                .collect();
            let rests = || stations.iter().all(|station| !station.working.load(Acquire));
            until(rests, || format!("{stations:?}")).await;
            assert!(world.courier.events("a.example").is_empty());
            world.store.ask(Full(false)).await.unwrap();
            world.advance(5);
        }
        let events = world.until_events("a.example", 3).await;
        assert_eq!(identifiers(&events), missed);
        assert_eq!(numbers(&events), [0, 1, 2]);
        world.until_queued("a.example", 0).await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_keeps_nothing_else_back() {
    // Of 64 that are in memory at once, and of a page of the history.
    for garbled in [1, 66, 205] {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path()).await;
        world.subscribe("a.example").await;
        world.courier.set("a.example", Mood::Fails);
        let mut told = world.alerts(270).await;
        world.until_failures("a.example", 1).await;
        let rows = garbled;
        let (table, column) = ("alerts", "alert");
        world.store.ask(Garble { table, column, rows }).await.unwrap();
        let (clock, courier) = world.stop().await;

        courier.set("a.example", Mood::Takes);
        let mut world = World::restarted(folder.path(), clock, courier, "boot-1").await;
        let mut asked = request("b.example", DeliveryMode::Push);
        asked.bookmark = Some(Bookmark::Earliest);
        world.registry.subscribe(asked).await.unwrap();
        told.drain(..garbled as usize);
        told.push(world.alert().await);
        for host in ["a.example", "b.example"] {
            let events = world.until_events(host, told.len()).await;
            assert_eq!(identifiers(&events), told);
            world.until_queued(host, 0).await;
        }
    }
}

#[tokio::test]
async fn a_kept_subscription_that_can_be_told_nothing_any_more_ends() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    let gone = Filter::Class {
        namespace: "root/ESMPRO/AS".to_owned(),
        class: "ESM_Gone".to_owned(),
    };
    add_like(&world, &id, "unreadable", |add| add.subscription.filter = gone).await;
    let (clock, courier) = world.stop().await;

    let mut world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    // One that leaves nothing behind is not kept.
    let has_ended = |world: &World, id: &str| status(world, id).is_none_or(|it| it.keep_until.is_some());
    let list = |world: &World| format!("{:?}", world.registry.list());
    until(|| has_ended(&world, "unreadable"), || list(&world)).await;
    assert!(status(&world, &id).unwrap().keep_until.is_none());
    let events = world.until_events("a.example", 1).await;
    assert_eq!(events[0].event_id, "80000604");
    let told = world.alert().await;
    assert_eq!(world.until_events("a.example", 2).await[1].identifier, told);

    // Where it was delivered to may be unreadable, too.
    let (table, column, rows) = ("destinations", "spec", 1);
    world.store.ask(Garble { table, column, rows }).await.unwrap();
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    until(|| has_ended(&world, &id), || list(&world)).await;
    world.advance(settings().queue_keep.as_secs());
    until(|| world.registry.list().is_empty(), String::new).await;
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    assert!(world.registry.list().is_empty());
}
