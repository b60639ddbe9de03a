//! Destinations that fail.

use super::harness::{
    Event, Mood, Passing, RETRY, What, World, for_secs, identifiers, numbers, request, settings, until,
};
use crate::delivery::publisher::note_dropped;
use crate::delivery::{DeliveryState, Publication, RetrySchedule, Settings, SubscribeRequest, TestOutcome};
use crate::store::commands::Trimmed;
use crate::subscription::{DeliveryMode, EndTo, OnFatalError, Protocol};

#[tokio::test]
async fn what_was_missed_comes_in_order_once_the_destination_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    // More than is kept in memory.
    let mut expect = world.alerts(150).await;
    world.until_failures("a.example", 1).await;
    let fare = world.destination("a.example").unwrap().fare;
    assert_eq!((fare.state, fare.queued), (DeliveryState::Retrying, 150));
    let error = fare.last_error.unwrap();
    assert_eq!((error.text.as_str(), error.is_cleared), ("nobody answers", false));
    world.advance(1_800);
    world.until_failures("a.example", 2).await;
    expect.extend(world.alerts(3).await);
    world.courier.set("a.example", Mood::Takes);
    world.advance(600);
    let events = world.until_events("a.example", 153).await;
    assert_eq!(identifiers(&events), expect);
    assert_eq!(numbers(&events), (0..153).collect::<Vec<_>>());
    world.until_queued("a.example", 0).await;
    let fare = world.destination("a.example").unwrap().fare;
    assert_eq!(
        (fare.state, fare.failures, fare.delivered),
        (DeliveryState::Active, 0, 153)
    );
    let over = fare.last_error.unwrap();
    assert!(over.is_cleared && over.at > error.at, "{over:?} after {error:?}");
    assert_eq!(fare.give_up, None);
}

#[tokio::test]
async fn pauses_grow_and_run_on_boot_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    for failures in 1..8 {
        world.until_failures("a.example", failures).await;
        let fare = world.destination("a.example").unwrap().fare;
        let pause = fare
            .next_try
            .unwrap()
            .since(crate::clock::Clock::boot(&world.clock))
            .as_secs_f64();
        let plain = f64::min(10.0 * f64::from(1 << (failures - 1)), 300.0);
        assert!(
            (plain * 0.79..=plain * 1.21).contains(&pause),
            "pause {failures} is {pause} s"
        );
        // A step of the wall clock alone changes nothing.
        world.clock.step_wall(86_400_000_000);
        world.advance(360);
    }
}

#[tokio::test]
async fn a_hung_destination_costs_its_own_worker_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    for host in ["hung.example", "down.example", "well.example"] {
        world.subscribe(host).await;
    }
    world.courier.set("hung.example", Mood::Hangs);
    world.courier.set("down.example", Mood::Fails);
    let expect = world.alerts(20).await;
    let events = world.until_events("well.example", 20).await;
    assert_eq!(identifiers(&events), expect);
    assert!(world.courier.events("hung.example").is_empty());
}

#[tokio::test]
async fn many_hung_destinations_do_not_hold_up_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    for number in 0..300 {
        let host = format!("hung-{number}.example");
        world.courier.set(&host, Mood::Hangs);
        world.subscribe(&host).await;
    }
    world.alert().await;
    let tried = || world.courier.tries.lock().len();
    until(|| tried() == 256, || tried().to_string()).await;
    world.subscribe("well.example").await;
    world.alert().await;
    world.advance(4);
    world.until_events("well.example", 1).await;
}

#[tokio::test]
async fn a_destination_that_refuses_is_suspended_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Refuses);
    world.alert().await;
    world.until_failures("a.example", 1).await;
    assert_eq!(
        world.destination("a.example").unwrap().fare.state,
        DeliveryState::Suspended
    );
    // A new subscription shows that somebody is there: it is not waited any longer.
    world.courier.set("a.example", Mood::Takes);
    world.subscribe("a.example").await;
    world.until_events("a.example", 1).await;
}

/// Else a destination that is dead would have its time anew with each of its subscriptions that ends.
#[tokio::test]
async fn an_end_that_is_told_elsewhere_says_nothing_about_the_destination() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    let mut asked = request("a.example", DeliveryMode::Push);
    let Protocol::Eventing(options) = &mut asked.protocol else {
        panic!()
    };
    options.end_to = Some(EndTo {
        url: "https://b.example:6736/end".parse().unwrap(),
        reference_parameters: String::new(),
    });
    let ending = world.registry.subscribe(asked).await.unwrap().id;
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    world.until_failures("a.example", 1).await;
    let give_up = world.destination("a.example").unwrap().fare.give_up;
    assert!(give_up.is_some());
    world.advance(5);
    world.registry.cancel(&ending, None).await.unwrap();
    until(
        || world.courier.at("b.example").len() == 1,
        || format!("{:?}", world.courier.at("b.example")),
    )
    .await;
    world.advance(1_000);
    world.until_failures("a.example", 2).await;
    let fare = world.destination("a.example").unwrap().fare;
    assert_eq!((fare.give_up, fare.state), (give_up, DeliveryState::Retrying));
    assert_eq!(fare.last_success, None);
}

#[tokio::test]
async fn an_event_that_is_not_wanted_does_not_hold_up_the_rest() {
    for mode in [DeliveryMode::Push, DeliveryMode::Events] {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path()).await;
        world
            .registry
            .subscribe(request("a.example", mode))
            .await
            .unwrap();
        world.courier.set("a.example", Mood::Fails);
        let mut identifiers_sent = world.alerts(5).await;
        let bad = identifiers_sent.remove(2);
        world.until_failures("a.example", 1).await;
        world.courier.set("a.example", Mood::Rejects(bad));
        let time = Passing::of(&world.clock);
        let events = world.until_events("a.example", 4).await;
        drop(time);
        assert_eq!(identifiers(&events), identifiers_sent);
        world.until_queued("a.example", 0).await;
        let fare = world.destination("a.example").unwrap().fare;
        assert_eq!((fare.dropped, fare.delivered, fare.queued), (1, 4, 0));
    }
}

#[tokio::test]
async fn after_its_time_a_destination_is_given_up_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let mut dead = request("dead.example", DeliveryMode::Push);
    dead.expires = super::harness::for_secs(86_400);
    let dead = world.registry.subscribe(dead).await.unwrap().id;
    let well = world.subscribe("well.example").await;
    world.courier.set("dead.example", Mood::Fails);
    world.alerts(3).await;
    world.until_failures("dead.example", 1).await;
    // Renewed all the time, so that it is the destination that ends it.
    for hour in 1..=72 {
        for id in [&dead, &well] {
            world
                .registry
                .renew(id, None, super::harness::for_secs(86_400))
                .await
                .unwrap();
        }
        world.advance(3_600);
        if hour < 72 {
            world.until_failures("dead.example", hour + 1).await;
        }
    }
    until(
        || world.registry.list().len() == 1,
        || format!("{:?}", world.registry.list()),
    )
    .await;
    until(|| world.destination("dead.example").is_none(), String::new).await;
    let events = world.until_events("well.example", 4).await;
    let last = events.last().unwrap();
    assert_eq!(last.event_id, "C0000605");
    let history = crate::store::commands::History {
        after: 0,
        limit: 10,
        newest: true,
    };
    let told = world.store.ask(history).await.unwrap().pop().unwrap().event;
    assert_eq!(
        told.alert().unwrap().arguments,
        ["https://dead.example:6736/", "72 h", "1", "0", "3"]
    );
    assert!(world.registry.renew(&dead, None, None).await.is_err());
}

#[tokio::test]
async fn a_full_queue_drops_its_oldest_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    let mut told = Vec::new();
    for _ in 0..60 {
        told.extend(world.alerts(10).await);
    }
    world.until_failures("a.example", 1).await;
    let fare = world.destination("a.example").unwrap().fare;
    assert!(fare.dropped > 0);
    assert_eq!(fare.queued + fare.dropped, 600);
    world.courier.set("a.example", Mood::Takes);
    world.advance(600);
    let left = usize::try_from(fare.queued).unwrap();
    let events = world.until_events("a.example", left).await;
    world.until_queued("a.example", 0).await;
    // The first one was on its way when the queue was trimmed.
    let newest = identifiers(&events);
    assert_eq!(newest[newest.len() - left..], told[600 - left..]);
    // It is told how many it will not see, once it answers again.
    let lost = || {
        world
            .courier
            .at("a.example")
            .into_iter()
            .any(|at| at.what == What::Dropped(fare.dropped))
    };
    until(lost, || format!("{:?}", world.courier.at("a.example"))).await;
}

#[tokio::test]
async fn a_worker_that_panics_is_started_again_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Panics);
    let expect = world.alerts(3).await;
    let restarts = || {
        world
            .destination("a.example")
            .map_or(0, |status| status.fare.restarts)
    };
    until(|| restarts() == 1, || "no restart".to_owned()).await;
    world.advance(60);
    let events = world.until_events("a.example", 3).await;
    assert_eq!(identifiers(&events), expect);
}

/// Puts another end of subscriptions, and another schedule, in force.
fn set(world: &World, on_fatal_error: OnFatalError, retry: RetrySchedule) {
    world.registry.set_settings(Settings {
        on_fatal_error,
        retry,
        ..settings()
    });
}

/// Destinations may fail for so long.
fn within(secs: u64) -> RetrySchedule {
    RetrySchedule {
        total: std::time::Duration::from_secs(secs),
        ..RETRY
    }
}

#[tokio::test]
async fn an_event_is_tried_again_as_often_as_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let twice = RetrySchedule { attempts: 2, ..RETRY };
    set(&world, OnFatalError::Remove, twice);
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    for failures in 1..=2 {
        world.until_failures("a.example", failures).await;
        assert_eq!(world.destination("a.example").unwrap().fare.dropped, 0);
        world.advance(360);
    }
    let dropped = || world.destination("a.example").unwrap().fare.dropped;
    until(|| dropped() == 1, || dropped().to_string()).await;
    // The subscription stays, and what comes later has tries of its own.
    world.courier.set("a.example", Mood::Takes);
    let later = world.alert().await;
    let events = world.until_events("a.example", 1).await;
    assert_eq!(identifiers(&events), [later]);
}

#[tokio::test]
async fn a_destination_that_loses_its_events_is_still_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let once = RetrySchedule {
        attempts: 0,
        ..within(600)
    };
    set(&world, OnFatalError::Remove, once);
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    world.until_failures("a.example", 1).await;
    world.until_queued("a.example", 0).await;
    world.advance(700);
    world.alert().await;
    until(|| world.destination("a.example").is_none(), String::new).await;
}

#[tokio::test]
async fn a_destination_is_tried_for_ever_where_its_end_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    set(&world, OnFatalError::Ignore, within(600));
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    for _ in 0..3 {
        world.alert().await;
        world.until_failures("a.example", 1).await;
        world.advance(700);
        // What waits is dropped, and with it the outage has nothing more to show itself by.
        let is_over = || world.destination("a.example").unwrap().fare.give_up.is_none();
        until(is_over, || format!("{:?}", world.destination("a.example"))).await;
    }
    // What was missed for too long is lost, and no more than that.
    world.courier.set("a.example", Mood::Takes);
    let _time = Passing::of(&world.clock);
    let last = world.alert().await;
    let came = |event: &&str| *event == last;
    until(
        || identifiers(&world.courier.events("a.example")).iter().any(came),
        String::new,
    )
    .await;
}

/// What is told of one goes to the other, that is dead as well.
#[tokio::test]
async fn two_dead_destinations_whose_end_is_ignored_do_not_keep_each_other_busy() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    set(&world, OnFatalError::Ignore, within(0));
    for host in ["a.example", "b.example", "well.example"] {
        let asked = SubscribeRequest {
            expires: for_secs(7_200),
            ..request(host, DeliveryMode::Push)
        };
        world.registry.subscribe(asked).await.unwrap();
    }
    for host in ["a.example", "b.example"] {
        world.courier.set(host, Mood::Fails);
    }
    let mut last = String::new();
    for _ in 0..5 {
        last = world.alert().await;
        world.until_queued("a.example", 0).await;
        world.until_queued("b.example", 0).await;
    }
    let came = |event: &&str| *event == last;
    let courier = std::sync::Arc::clone(&world.courier);
    let events = || courier.events("well.example");
    until(|| identifiers(&events()).iter().any(came), String::new).await;
    let told = |event: &&Event| event.event_id == "C0000605";
    assert_eq!(events().iter().filter(told).count(), 2);
    world.advance(3_600);
    world.alert().await;
    let again = || events().iter().filter(told).count() == 4;
    until(again, || format!("{:?}", events())).await;
}

/// A subscription ends when its destination fails all the time, not when it fails now and then.
#[tokio::test]
async fn an_outage_ends_with_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    set(&world, OnFatalError::Remove, within(600));
    let id = world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    for _ in 0..2 {
        let test = world.registry.test(&id, None, std::time::Duration::from_secs(5));
        let report = test.await.unwrap();
        assert!(matches!(report.outcome, TestOutcome::Failed(_)), "{report:?}");
        let fare = || world.destination("a.example").unwrap().fare;
        let is_over = || (fare().state, fare().failures, fare().give_up) == (DeliveryState::Active, 0, None);
        world.advance(360);
        until(is_over, || format!("{:?}", fare())).await;
        world.advance(1_000);
    }
    world.alert().await;
    world.until_failures("a.example", 1).await;
    assert!(world.destination("a.example").is_some());
}

#[tokio::test]
async fn a_destination_that_rejected_one_is_well_once_that_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    let bad = world.fresh_alert();
    world
        .courier
        .set("a.example", Mood::Rejects(bad.identifier.clone()));
    let alerts = vec![bad];
    let publication = Publication {
        alerts,
        ..Publication::default()
    };
    world.registry.publish(publication).await.unwrap();
    let _time = Passing::of(&world.clock);
    let fare = || world.destination("a.example").unwrap().fare;
    let is_well = || fare().dropped == 1 && fare().state == DeliveryState::Active;
    until(is_well, || format!("{:?}", fare())).await;
}

#[tokio::test]
async fn another_time_to_be_given_up_after_counts_for_who_fails_already() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    world.until_failures("a.example", 1).await;
    world.advance(360);
    world.until_failures("a.example", 2).await;
    set(&world, OnFatalError::Remove, within(300));
    until(|| world.destination("a.example").is_none(), String::new).await;
}

/// As where its worker sends the rest and comes to rest while the publisher trims the queue.
#[tokio::test]
async fn a_count_that_is_too_late_is_corrected() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    world.alert().await;
    world.until_events("a.example", 1).await;
    world.until_queued("a.example", 0).await;
    let shared = &world.registry.shared;
    let entry = shared.book.lock().entries[id.as_str()].clone();
    let trimmed = Trimmed {
        dropped: [(id, 2)].into(),
        left: 3,
        left_bytes: 0,
    };
    note_dropped(shared, &entry, &trimmed);
    assert_eq!(world.destination("a.example").unwrap().fare.queued, 3);
    world.until_queued("a.example", 0).await;
}
