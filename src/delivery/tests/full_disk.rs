//! A disk that takes nothing for a while: what cannot be written down is as it was before, and comes about later.

use std::time::Duration;

use super::harness::{Mood, Passing, RETRY, World, for_secs, identifiers, numbers, request, settings, until};
use super::wbem::{listener, wbem};
use crate::alert::Alert;
use crate::clock::Clock;
use crate::delivery::{Publication, RetrySchedule, Settings, SubscribeError};
use crate::store::commands::Full;
use crate::subscription::{DeliveryMode, ListenerDestination, Persistence, RepeatPolicy};
use crate::time::BootTime;

pub(super) async fn fill(world: &World, full: bool) {
    world.store.ask(Full(full)).await.unwrap();
}

fn is_listed(world: &World, id: &str) -> bool {
    world.registry.list().iter().any(|status| status.id == id)
}

fn has_lapsed(world: &World, id: &str) -> bool {
    let all = world.registry.list();
    all.iter()
        .any(|status| status.id == id && status.keep_until.is_some())
}

fn was_told(world: &World, host: &str, event_id: &str) -> usize {
    let events = world.courier.events(host);
    events.iter().filter(|event| event.event_id == event_id).count()
}

#[tokio::test]
async fn of_many_who_ask_at_once_no_more_get_a_place_than_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    world.registry.set_settings(Settings {
        max_per_account: 3,
        ..settings()
    });
    let asked: Vec<_> = (0..8)
        .map(|number| {
            let registry = world.registry.clone();
            let request = request(&format!("{number}.example"), DeliveryMode::Push);
            tokio::spawn(async move { registry.subscribe(request).await })
        })
        .collect();
    let mut made = Vec::new();
    for asked in asked {
        match asked.await.unwrap() {
            Ok(granted) => made.push(granted.id),
            Err(error) => assert!(matches!(error, SubscribeError::TooMany(3)), "{error}"),
        }
    }
    assert_eq!(made.len(), 3);
    assert_eq!(world.registry.list().len(), 3);

    // Neither one that could not be made nor one that could not be ended takes a place for good.
    world.registry.unsubscribe(&made[0], None).await.unwrap();
    fill(&world, true).await;
    for _ in 0..4 {
        let refused = world
            .registry
            .subscribe(request("x.example", DeliveryMode::Push))
            .await;
        assert!(matches!(refused, Err(SubscribeError::Store(_))), "{refused:?}");
        world.registry.unsubscribe(&made[1], None).await.unwrap_err();
    }
    fill(&world, false).await;
    world.subscribe("x.example").await;
    let refused = world
        .registry
        .subscribe(request("y.example", DeliveryMode::Push))
        .await;
    assert!(matches!(refused, Err(SubscribeError::TooMany(3))), "{refused:?}");
}

#[tokio::test]
async fn a_destination_that_fails_is_given_up_once_that_can_be_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.registry.set_settings(Settings {
        retry: RetrySchedule {
            total: Duration::from_secs(600),
            ..RETRY
        },
        ..settings()
    });
    world.with_subscription("watcher.example", |_| {}).await;
    let transient = ListenerDestination {
        persistence: Persistence::Transient,
        ..listener("a.example")
    };
    world.registry.create_listener(transient, None).await.unwrap();
    let id = world.tie(wbem("f", "a.example")).await.unwrap();
    let before = world.one(&id).unwrap();
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    world.until_failures("a.example", 1).await;
    world.until_events("watcher.example", 1).await;

    fill(&world, true).await;
    let fare = || world.destination("a.example").map(|status| status.fare);
    let time = Passing::of(&world.clock);
    let is_late = || world.clock.boot() > BootTime::from_millis(5_000_000);
    until(is_late, || format!("{:?}", fare())).await;
    drop(time);
    // It pauses between its tries, though there is something to do at once.
    let failures = fare().unwrap().failures;
    assert!((4..40).contains(&failures), "{failures}");
    assert_eq!(world.one(&id).unwrap().wbem, before.wbem);
    let listeners = world.registry.listener_destinations();
    assert!(
        listeners
            .iter()
            .any(|listener| listener.name == before.wbem.handler)
    );
    assert_eq!(was_told(&world, "watcher.example", "C0000605"), 0);

    fill(&world, false).await;
    let time = Passing::of(&world.clock);
    until(|| world.one(&id).is_none(), String::new).await;
    drop(time);
    until(|| world.destination("a.example").is_none(), String::new).await;
    world.until_events("watcher.example", 2).await;
    assert_eq!(was_told(&world, "watcher.example", "C0000605"), 1);
    let is_gone = |world: &World| {
        let listeners = world.registry.listener_destinations();
        listeners
            .iter()
            .all(|listener| listener.name != before.wbem.handler)
    };
    until(|| is_gone(&world), String::new).await;
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    assert!(world.one(&id).is_none());
    assert!(is_gone(&world));
}

#[tokio::test]
async fn what_lapses_meanwhile_is_told_and_dropped_once_the_disk_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.with_subscription("watcher.example", |_| {}).await;
    let mut asked = request("kept.example", DeliveryMode::Push);
    asked.expires = for_secs(600);
    let kept = world.registry.subscribe(asked).await.unwrap().id;
    world.courier.set("kept.example", Mood::Fails);
    let missed = world.alert().await;
    world.until_failures("kept.example", 1).await;
    world.advance(600);
    until(|| has_lapsed(&world, &kept), String::new).await;
    world.until_events("watcher.example", 2).await;
    let day = settings().queue_keep.as_secs();
    let mut asked = request("lapses.example", DeliveryMode::Push);
    asked.expires = for_secs(day);
    let lapses = world.registry.subscribe(asked).await.unwrap().id;
    world.courier.set("lapses.example", Mood::Fails);
    world.alert().await;
    world.until_failures("lapses.example", 1).await;

    fill(&world, true).await;
    world.advance(day);
    until(|| has_lapsed(&world, &lapses), String::new).await;
    until(|| has_lapsed(&world, &kept), String::new).await;
    assert_eq!(was_told(&world, "watcher.example", "80000604"), 1);
    // What was kept has an heir still.
    fill(&world, false).await;
    world.courier.set("kept.example", Mood::Takes);
    world.subscribe("kept.example").await;
    let events = world.until_events("kept.example", 1).await;
    assert_eq!(identifiers(&events), [missed]);
    world.advance(5);
    world.until_events("watcher.example", 4).await;
    assert_eq!(was_told(&world, "watcher.example", "80000604"), 2);

    let mut asked = request("marks.example", DeliveryMode::Push);
    asked.expires = for_secs(day);
    let marks = world.registry.subscribe(asked).await.unwrap().id;
    fill(&world, true).await;
    world.advance(day);
    until(|| has_lapsed(&world, &marks), String::new).await;
    until(|| is_listed(&world, &lapses), String::new).await;
    fill(&world, false).await;
    world.advance(5);
    until(|| world.destination("lapses.example").is_none(), String::new).await;
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    assert!(!is_listed(&world, &lapses));
}

#[tokio::test]
async fn what_nobody_was_told_is_no_repetition_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let once = RepeatPolicy::Suppress {
        count: 1,
        interval_secs: 3_600,
    };
    world
        .with_subscription("a.example", |wbem| wbem.repeat = once)
        .await;
    world.with_subscription("watcher.example", |_| {}).await;
    fill(&world, true).await;
    let alert = crate::alert::tests::sample(crate::alert::State::Warning);
    let publication = Publication {
        alerts: vec![alert],
        ..Publication::default()
    };
    world.registry.publish(publication).await.unwrap_err();
    fill(&world, false).await;
    let told = world.alert().await;
    world.alert().await;
    world.until_events("watcher.example", 2).await;
    assert_eq!(identifiers(&world.until_events("a.example", 1).await), [told]);
}

#[tokio::test]
async fn a_change_that_cannot_be_written_down_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let lasts = |wbem: &mut crate::subscription::Wbem| wbem.duration_secs = Some(600);
    let id = world.with_subscription("a.example", lasts).await;
    let before = world.one(&id).unwrap();
    fill(&world, true).await;
    let change = world.registry.modify_subscription(&id, |wbem| {
        (wbem.enabled, wbem.duration_secs) = (false, Some(60));
        Ok(())
    });
    change.await.unwrap_err();
    let after = world.one(&id).unwrap();
    assert_eq!(
        (after.wbem, after.state, after.remaining),
        (before.wbem, before.state, before.remaining)
    );
    fill(&world, false).await;
    world.advance(599);
    let told = world.alert().await;
    assert_eq!(identifiers(&world.until_events("a.example", 1).await), [told]);
    world.advance(1);
    let left = || world.one(&id).unwrap().state;
    until(
        || left() == crate::delivery::SubscriptionState::Disabled,
        String::new,
    )
    .await;
}

#[tokio::test]
async fn one_that_cannot_be_written_down_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    let known = world.alert().await;
    let (first, last) = (world.fresh_alert(), world.fresh_alert());
    let again = Alert {
        identifier: known.clone(),
        ..first.clone()
    };
    let told = [known, first.identifier.clone(), last.identifier.clone()];
    let publish = |alert| {
        world.registry.publish(Publication {
            alerts: vec![alert],
            ..Publication::default()
        })
    };
    // Handed over in one breath, they are written down together.
    let (first, again, last) = tokio::join!(publish(first), publish(again), publish(last));
    again.unwrap_err();
    first.and(last).unwrap();
    let events = world.until_events("a.example", 3).await;
    assert_eq!(identifiers(&events), told);
    assert_eq!(numbers(&events), [0, 1, 2]);
}
