//! Changes, deletions and ends of leases at the very moment of deliveries: nothing is lost, nothing comes twice.
//! Every indication of a destination has its number, so that a gap is a loss and a repetition shows.

use std::time::Duration;

use super::harness::{Event, World, numbers, until};
use super::wbem::wbem;
use crate::delivery::Registry;
use crate::delivery::SubscriptionState;
use crate::delivery::shared::UnderWay;
use crate::store::commands::NewDestination;
use crate::subscription::Subscription;

const ROUNDS: usize = 60;

/// As many numbers as there are events, from 0 on, in order.
#[track_caller]
fn check_complete(events: &[Event]) {
    let expect: Vec<i64> = (0..).take(events.len()).collect();
    assert_eq!(numbers(events), expect);
}

/// Disables and enables a subscription, again and again.
async fn flip(registry: Registry, id: String) {
    for round in 0..ROUNDS {
        let change = |wbem: &mut crate::subscription::Wbem| {
            wbem.enabled = round % 2 == 1;
            Ok(())
        };
        registry.modify_subscription(&id, change).await.unwrap();
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabling_and_enabling_loses_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.with_subscription("a.example", |_| {}).await;
    let flipping = tokio::spawn(flip(world.registry.clone(), id.clone()));
    while !flipping.is_finished() {
        world.alerts(3).await;
    }
    flipping.await.unwrap();
    world.until_state(&id, SubscriptionState::Enabled).await;
    let last = world.alert().await;
    let has_last = || {
        let events = world.courier.events("a.example");
        events.last().is_some_and(|event| event.identifier == last)
    };
    until(has_last, || {
        format!("{:?}", world.courier.events("a.example").len())
    })
    .await;
    let events = world.courier.events("a.example");
    assert!(events.len() > ROUNDS / 4, "{}", events.len());
    check_complete(&events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ends_loses_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world
        .with_subscription("a.example", |wbem| wbem.duration_secs = Some(1))
        .await;
    let clock = world.clock.clone();
    let mut last = String::new();
    for _ in 0..ROUNDS {
        let clock = clock.clone();
        let ending = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_micros(500)).await;
            clock.advance(Duration::from_secs(1));
        });
        world.alerts(4).await;
        ending.await.unwrap();
        let over = || {
            let all = world.registry.wbem_subscriptions();
            all.iter()
                .all(|status| status.state == SubscriptionState::Disabled)
        };
        until(over, || format!("{:?}", world.registry.wbem_subscriptions())).await;
        // The heir gets what its predecessor was still to be told.
        let mut again = wbem("f", "a.example");
        again.duration_secs = Some(1);
        world.tie(again).await.unwrap();
        last = world.alert().await;
    }
    let has_last = || {
        let events = world.courier.events("a.example");
        events.last().is_some_and(|event| event.identifier == last)
    };
    until(has_last, || {
        format!("{:?}", world.courier.events("a.example").len())
    })
    .await;
    let events = world.courier.events("a.example");
    assert!(events.len() > ROUNDS, "{}", events.len());
    check_complete(&events);
}

/// Makes and deletes subscriptions to another destination, and changes what the first one chooses from.
async fn churn(registry: Registry) {
    for round in 0..ROUNDS {
        registry
            .create_subscription("operator", None, wbem("f", "b.example"))
            .await
            .unwrap();
        let all = registry.wbem_subscriptions();
        let made = all.iter().find(|status| status.wbem.handler.name == "b.example");
        let filter = wbem("f", "b.example").filter;
        let label = |filter: &mut crate::subscription::IndicationFilter| {
            filter.labels.caption = Some(round.to_string());
            Ok(())
        };
        registry.modify_filter(&filter, label).await.unwrap();
        registry.cancel(&made.unwrap().id, None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_and_deleted_beside_it_disturbs_no_subscription() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.with_subscription("a.example", |_| {}).await;
    world.listener("b.example").await;
    let churning = tokio::spawn(churn(world.registry.clone()));
    let mut count = 0;
    while !churning.is_finished() {
        world.alerts(2).await;
        count += 2;
    }
    churning.await.unwrap();
    let events = world.until_events("a.example", count).await;
    assert_eq!(events.len(), count);
    check_complete(&events);
    // What was deleted is told nothing any more.
    let told = world.courier.events("b.example").len();
    world.alerts(2).await;
    world.until_events("a.example", count + 2).await;
    assert_eq!(world.courier.events("b.example").len(), told);
}

/// Else the new one would have a second destination for the same place, and each would send what is queued for both.
#[tokio::test]
async fn a_destination_stays_while_a_subscription_to_it_is_being_made() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    let shared = &world.registry.shared;
    let destination = world.destination("a.example").unwrap().destination;
    let begin = |name: &str| {
        let mut book = shared.book.lock();
        let mut subscription = Subscription::clone(&book.entries[id.as_str()].subscription());
        subscription.id = name.to_owned();
        let new = NewDestination {
            destination: destination.clone(),
            credentials: None,
        };
        UnderWay::begin(shared, &mut book, &subscription, Some(&new))
    };
    let (first, second) = (begin("first"), begin("second"));
    world.registry.unsubscribe(&id, None).await.unwrap();
    assert!(world.registry.list().is_empty());
    assert!(world.destination("a.example").is_some());
    drop(first);
    assert!(world.destination("a.example").is_some());
    // It came to nothing.
    drop(second);
    assert!(world.destination("a.example").is_none());
}
