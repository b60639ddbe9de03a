//! Destinations that answer, and want an indication later or never.

use std::sync::Arc;
use std::time::Duration;

use super::harness::{Mood, Passing, World, identifiers, numbers, until};
use crate::alert::indication::indication;
use crate::clock::Clock;
use crate::delivery::DeliveryState;
use crate::delivery::courier::Item;
use crate::delivery::queue::{Next, Queue, Row};

#[tokio::test]
async fn what_is_never_wanted_ends_at_once_and_the_next_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    let mut told = world.alerts(5).await;
    let bad = told.remove(2);
    world.until_failures("a.example", 1).await;
    world.courier.set("a.example", Mood::NeverWants(bad));
    // One pause, and none for the bad one.
    world.advance(13);
    let events = world.until_events("a.example", 4).await;
    assert_eq!(identifiers(&events), told);
    assert_eq!(numbers(&events), [0, 1, 3, 4]);
    world.until_queued("a.example", 0).await;
    let fare = world.destination("a.example").unwrap().fare;
    assert_eq!((fare.dropped, fare.delivered), (1, 4));
}

#[tokio::test]
async fn one_that_is_wanted_later_lets_the_others_pass() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    // More than is kept in memory.
    let mut told = world.alerts(150).await;
    let late = told.remove(2);
    world.until_failures("a.example", 1).await;
    world.courier.set("a.example", Mood::Later(late.clone()));
    let time = Passing::of(&world.clock);
    let events = world.until_events("a.example", 149).await;
    assert_eq!(identifiers(&events), told);
    world.until_queued("a.example", 1).await;
    // A new one does not wait for the old one either, and the old one is not forgotten.
    let new = world.alert().await;
    let events = world.until_events("a.example", 150).await;
    assert_eq!(events.last().unwrap().identifier, new);
    assert_eq!(
        world.destination("a.example").unwrap().fare.state,
        DeliveryState::Active
    );
    world.courier.set("a.example", Mood::Takes);
    let events = world.until_events("a.example", 151).await;
    let last = events.last().unwrap();
    assert_eq!((last.identifier.as_str(), last.number), (late.as_str(), 2));
    world.until_queued("a.example", 0).await;
    drop(time);
}

#[tokio::test]
async fn a_destination_that_wants_everything_later_gets_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::AllLater);
    let told = world.alerts(150).await;
    let time = Passing::of(&world.clock);
    let tries = || world.courier.tries.lock().len();
    until(|| tries() >= 20, || tries().to_string()).await;
    world.courier.set("a.example", Mood::Takes);
    let events = world.until_events("a.example", 150).await;
    drop(time);
    // The second one may have been offered first, to find out whether the first alone is not wanted.
    let mut told_numbers = numbers(&events);
    told_numbers[..2].sort_unstable();
    assert_eq!(told_numbers, (0..150).collect::<Vec<_>>());
    assert_eq!(events.len(), told.len());
    world.until_queued("a.example", 0).await;
    assert_eq!(world.destination("a.example").unwrap().fare.dropped, 0);
}

#[tokio::test]
async fn after_its_time_an_indication_ends_and_its_destination_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let mut asked = super::harness::request("a.example", crate::subscription::DeliveryMode::Push);
    asked.expires = super::harness::for_secs(86_400);
    let id = world.registry.subscribe(asked).await.unwrap().id;
    let late = world.alert().await;
    world.until_events("a.example", 1).await;
    let late_again = world.alert().await;
    assert_ne!(late, late_again);
    world.until_events("a.example", 2).await;
    world.courier.set("a.example", Mood::AllLater);
    world.alert().await;
    for _ in 0..80 {
        let tries = world.courier.tries.lock().len();
        world
            .registry
            .renew(&id, None, super::harness::for_secs(86_400))
            .await
            .unwrap();
        world.advance(3_600);
        until(
            || {
                let gone = world
                    .destination("a.example")
                    .is_some_and(|status| status.fare.queued == 0);
                gone || world.courier.tries.lock().len() > tries
            },
            || "it is not tried again".to_owned(),
        )
        .await;
    }
    world.until_queued("a.example", 0).await;
    let fare = world.destination("a.example").unwrap().fare;
    assert_eq!((fare.dropped, fare.give_up), (1, None));
    world.courier.set("a.example", Mood::Takes);
    world.alert().await;
    world.until_events("a.example", 3).await;
}

#[tokio::test]
async fn what_is_passed_is_loaded_again_with_all_others_where_the_disk_could_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    let entry = world.registry.shared.book.lock().entries[id.as_str()].clone();
    let alert = crate::alert::tests::sample(crate::alert::State::Warning);
    let now = world.clock.boot();
    let row = |id| Row {
        id,
        entry: Arc::clone(&entry),
        item: Item {
            indication: Arc::new(indication(&alert)),
            context: "c".into(),
            number: id,
            seq: id,
        },
        since: now,
    };
    let mut queue = Queue::default();
    queue.loaded(vec![row(7)], 7, true);
    assert!(queue.pass(7, now, now + Duration::from_secs(60)));
    assert!(matches!(queue.next(now), Next::Load(7)));
    queue.not_loaded();
    assert!(matches!(queue.next(now), Next::Load(0)));
    queue.loaded(vec![row(7), row(8)], 8, false);
    assert!(matches!(queue.next(now), Next::Send(_, ids) if ids == [8]));
    assert!(queue.passed_since(7).is_some());
}
