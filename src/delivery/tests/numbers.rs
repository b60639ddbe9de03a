//! The numbers of several subscriptions at one destination: a gap is a loss, and nothing else is one.

use std::time::Duration;

use super::harness::{Event, Mood, World, identifiers, numbers, until};
use super::wbem::wbem;
use crate::delivery::SubscriptionState;
use crate::delivery::{TestError, TestOutcome};

const HOST: &str = "a.example";

/// Two subscriptions, by two filters, to one destination.
async fn two(world: &World) -> (String, String) {
    let first = world.with_subscription(HOST, |_| {}).await;
    world.filter("g").await;
    let second = world.tie(wbem("g", HOST)).await.unwrap();
    (first, second)
}

#[track_caller]
fn check_numbers(events: &[Event], expect: impl IntoIterator<Item = i64>) {
    assert_eq!(numbers(events), expect.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_goes_with_a_deleted_subscription_leaves_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let (first, _) = two(&world).await;
    world.courier.set(HOST, Mood::Fails);
    // More than are kept in memory, and one in hand that did not leave.
    let expect = world.alerts(100).await;
    world.until_failures(HOST, 1).await;
    world.registry.cancel(&first, None).await.unwrap();
    world.until_queued(HOST, 100).await;
    world.courier.set(HOST, Mood::Takes);
    world.advance(1_000);
    world.alert().await;
    let events = world.until_events(HOST, 101).await;
    assert_eq!(identifiers(&events[..100]), expect);
    check_numbers(&events, 0..101);
    assert_eq!(events[0].context, events[100].context);
}

#[tokio::test]
async fn what_may_have_arrived_keeps_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let (first, second) = two(&world).await;
    world.courier.set(HOST, Mood::AnswerLost);
    world.alerts(3).await;
    world.until_failures(HOST, 1).await;
    let seen = world.courier.at(HOST).remove(0).subscription;
    let other = if seen == first { second } else { first };
    // The end of a subscription has the others tried at once.
    world.courier.set(HOST, Mood::Takes);
    world.registry.cancel(&seen, None).await.unwrap();
    world.advance(1_000);
    world.alert().await;
    let told = || {
        let at = world.courier.at(HOST).into_iter();
        at.filter(|delivered| delivered.subscription == other).count()
    };
    until(|| told() == 4, || format!("{:?}", world.courier.at(HOST))).await;
    // The first was seen under 0, so no other comes under 0.
    let events = world.courier.events(HOST);
    let own = &events[events.len() - 4..];
    check_numbers(own, 1..5);
}

#[tokio::test]
async fn what_a_disabled_subscription_keeps_comes_at_the_end_once_it_is_enabled() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let (first, _) = two(&world).await;
    world.courier.set(HOST, Mood::Fails);
    let mut expect = world.alerts(70).await;
    world.until_failures(HOST, 1).await;
    world.enable(&first, false).await;
    world.courier.set(HOST, Mood::Takes);
    world.advance(1_000);
    world.until_events(HOST, 70).await;
    let kept = expect.clone();
    expect.extend(world.alerts(2).await);
    world.until_events(HOST, 72).await;
    world.enable(&first, true).await;
    let events = world.until_events(HOST, 142).await;
    expect.extend(kept);
    assert_eq!(identifiers(&events), expect);
    check_numbers(&events, 0..142);
    world.until_queued(HOST, 0).await;
}

#[tokio::test]
async fn what_was_kept_over_a_restart_is_numbered_in_the_new_series() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let (first, _) = two(&world).await;
    world.courier.set(HOST, Mood::Fails);
    world.alerts(2).await;
    world.until_failures(HOST, 1).await;
    world.enable(&first, false).await;
    let (clock, courier) = world.stop().await;
    courier.set(HOST, Mood::Takes);
    let mut world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    world.advance(1_000);
    // What was queued keeps its own numbers; what was not is told after it.
    check_numbers(&world.until_events(HOST, 2).await, 0..2);
    world.alert().await;
    world.until_events(HOST, 3).await;
    world.enable(&first, true).await;
    let events = world.until_events(HOST, 5).await;
    check_numbers(&events[2..], 0..3);
    assert_eq!(events[2].context, events[4].context);
    assert_ne!(events[1].context, events[2].context);
}

#[tokio::test]
async fn the_end_of_one_lease_leaves_no_gap_for_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let (_, second) = two(&world).await;
    world.filter("h").await;
    let mut short = wbem("h", HOST);
    short.duration_secs = Some(60);
    let lapsing = world.tie(short.clone()).await.unwrap();
    world.registry.cancel(&second, None).await.unwrap();
    world.courier.set(HOST, Mood::Fails);
    let expect = world.alerts(2).await;
    world.until_failures(HOST, 1).await;
    world.advance(60);
    world.until_state(&lapsing, SubscriptionState::Disabled).await;
    world.courier.set(HOST, Mood::Takes);
    world.advance(1_000);
    // With the alert that says so.
    let events = world.until_events(HOST, 3).await;
    assert_eq!(identifiers(&events)[..2], expect);
    check_numbers(&events, 0..3);
    let heir = world.tie(short).await.unwrap();
    let events = world.until_events(HOST, 5).await;
    assert_eq!(identifiers(&events[3..]), expect);
    check_numbers(&events, 0..5);
    assert!(world.one(&heir).is_some());
}

/// Disables and enables one of two, and makes and deletes a third: as many numbers as deliveries, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_and_goes_the_series_of_a_destination_has_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let (first, _) = two(&world).await;
    world.filter("h").await;
    let registry = world.registry.clone();
    let changing = tokio::spawn(async move {
        for round in 0..60 {
            let change = |wbem: &mut crate::subscription::Wbem| {
                wbem.enabled = round % 2 == 1;
                Ok(())
            };
            registry.modify_subscription(&first, change).await.unwrap();
            registry
                .create_subscription("operator", None, wbem("h", HOST))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_micros(500)).await;
            let mut all = registry.wbem_subscriptions().into_iter();
            let third = all.find(|status| status.wbem.filter.name == "h").unwrap();
            registry.cancel(&third.id, None).await.unwrap();
        }
    });
    while !changing.is_finished() {
        world.alerts(3).await;
    }
    changing.await.unwrap();
    let last = world.alert().await;
    let is_over = || {
        let events = world.courier.events(HOST);
        events.iter().filter(|event| event.identifier == last).count() == 2
    };
    until(is_over, || format!("{:?}", world.destination(HOST))).await;
    let events = world.courier.events(HOST);
    assert!(events.len() > 120, "{}", events.len());
    check_numbers(&events, (0..).take(events.len()));
    world.until_queued(HOST, 0).await;
}

#[tokio::test]
async fn a_test_ends_with_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let (first, _) = two(&world).await;
    world.courier.set(HOST, Mood::Fails);
    let report = world.registry.test(&first, None, Duration::from_secs(5)).await;
    let report = report.unwrap();
    assert!(matches!(report.outcome, TestOutcome::Failed(_)), "{report:?}");
    world.until_queued(HOST, 0).await;
    world.courier.set(HOST, Mood::Takes);
    world.advance(1_000);
    let expect = world.alert().await;
    let events = world.until_events(HOST, 2).await;
    assert_eq!(identifiers(&events), [&expect, &expect]);
    check_numbers(&events, 0..2);
    let again = world.registry.test(&first, None, Duration::from_secs(5)).await;
    assert_eq!(again.unwrap().outcome, TestOutcome::Acknowledged);
    check_numbers(&world.until_events(HOST, 3).await, 0..3);
    let unknown = world.registry.test("none", None, Duration::from_secs(5)).await;
    assert!(matches!(unknown, Err(TestError::Unknown(_))));
}

#[tokio::test]
async fn the_last_indication_of_a_subscription_is_known_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.with_subscription(HOST, |_| {}).await;
    let identifier = |world: &World| world.one(&id).unwrap().last_indication.map(|(last, _)| last);
    assert_eq!(identifier(&world), None);
    // Whether it is delivered or not.
    world.courier.set(HOST, Mood::Fails);
    let last = world.alerts(3).await.pop();
    assert_eq!(identifier(&world), last);
    let (clock, courier) = world.stop().await;
    let mut world = World::restarted(folder.path(), clock, courier, "boot-2").await;
    let expect = last.clone();
    until(|| identifier(&world) == expect, || format!("{last:?}")).await;
    let next = world.alert().await;
    assert_eq!(identifier(&world), Some(next));
}
