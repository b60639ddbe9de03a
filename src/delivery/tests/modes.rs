//! Delivery modes, filters, heartbeats, bookmarks, and many subscribers at once.

use std::time::Duration;

use super::harness::{Mood, What, World, identifiers, numbers, request, settings, until};
use crate::delivery::{Bookmark, Settings, SubscribeError};
use crate::subscription::{Batch, DeliveryMode, Filter, Protocol};

#[tokio::test]
async fn each_gets_what_it_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("all.example").await;
    let mut critical = request("critical.example", DeliveryMode::Push);
    critical.filter = Filter::Query {
        namespace: "root/ESMPRO/AS".to_owned(),
        language: "WQL".to_owned(),
        text: "SELECT * FROM CIM_AlertIndication WHERE PerceivedSeverity = 6".to_owned(),
    };
    world.registry.subscribe(critical).await.unwrap();
    let expect = world.alerts(3).await;
    let events = world.until_events("all.example", 3).await;
    assert_eq!(identifiers(&events), expect);
    assert_eq!(numbers(&events), [0, 1, 2]);
    assert!(world.courier.at("critical.example").is_empty());
}

fn batches_of(world: &World, host: &str) -> Vec<usize> {
    let at = world.courier.at(host);
    at.iter()
        .map(|d| {
            if let What::Events(events) = &d.what {
                events.len()
            } else {
                0
            }
        })
        .collect()
}

#[tokio::test]
async fn batches_are_filled_by_number_or_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let mut asked = request("a.example", DeliveryMode::Events);
    let Protocol::Eventing(options) = &mut asked.protocol else {
        panic!()
    };
    options.batch = Batch {
        max_items: Some(4),
        max_wait_millis: Some(30_000),
    };
    world.registry.subscribe(asked).await.unwrap();
    let mut expect = world.alerts(10).await;
    world.until_events("a.example", 8).await;
    assert_eq!(batches_of(&world, "a.example"), [4, 4]);
    world.advance(29);
    expect.extend(world.alerts(1).await);
    assert_eq!(batches_of(&world, "a.example"), [4, 4]);
    world.advance(1);
    let events = world.until_events("a.example", 11).await;
    assert_eq!(batches_of(&world, "a.example"), [4, 4, 3]);
    assert_eq!(identifiers(&events), expect);
}

#[tokio::test]
async fn what_does_not_fit_comes_with_the_next_batch() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world
        .registry
        .subscribe(request("a.example", DeliveryMode::Events))
        .await
        .unwrap();
    world.courier.set("a.example", Mood::TakesOnly(2));
    let expect = world.alerts(7).await;
    let events = world.until_events("a.example", 7).await;
    assert_eq!(identifiers(&events), expect);
}

#[tokio::test]
async fn events_are_fetched_and_stay_until_they_are_known_to_have_arrived() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world
        .registry
        .subscribe(request("", DeliveryMode::Pull))
        .await
        .unwrap()
        .id;
    let expect = world.alerts(3).await;
    let fetch = async |position, max| {
        let wait = Duration::from_secs(10);
        world
            .registry
            .pull(&id, Some("operator"), position, max, wait)
            .await
            .unwrap()
    };
    let found = |batch: &crate::delivery::PullBatch| {
        let of = |item: &crate::delivery::courier::Item| {
            item.indication
                .get_str("IndicationIdentifier")
                .unwrap()
                .to_owned()
        };
        batch.items.iter().map(of).collect::<Vec<_>>()
    };
    let first = fetch(0, 2).await;
    assert_eq!(found(&first), expect[..2]);
    // The reply was lost: the same again.
    assert_eq!(found(&fetch(0, 2).await), expect[..2]);
    let second = fetch(first.position, 2).await;
    assert_eq!(found(&second), expect[2..]);

    let (clock, registry, own) = (world.clock.clone(), world.registry.clone(), id.clone());
    let waiting = tokio::spawn(async move {
        registry
            .pull(&own, None, second.position, 5, Duration::from_secs(10))
            .await
            .unwrap()
    });
    let late = world.alert().await;
    assert_eq!(found(&waiting.await.unwrap()), [late]);

    let registry = world.registry.clone();
    let own = id.clone();
    let waiting = tokio::spawn(async move {
        registry
            .pull(&own, None, i64::MAX, 5, Duration::from_secs(10))
            .await
            .unwrap()
    });
    while !waiting.is_finished() {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert!(waiting.await.unwrap().items.is_empty());
    let sent = world.subscribe("a.example").await;
    assert!(
        world
            .registry
            .pull(&sent, None, 0, 1, Duration::ZERO)
            .await
            .is_err()
    );
}

/// A whole queue must not come into memory because a client says that it wants all of it.
#[tokio::test]
async fn no_fetch_takes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let asked = request("", DeliveryMode::Pull);
    let id = world.registry.subscribe(asked).await.unwrap().id;
    world.alerts(300).await;
    let mut position = 0;
    for expect in [256, 44] {
        let fetched = world.registry.pull(&id, None, position, u32::MAX, Duration::ZERO);
        let fetched = fetched.await.unwrap();
        assert_eq!(fetched.items.len(), expect);
        position = fetched.position;
    }
}

#[tokio::test]
async fn an_idle_subscription_is_told_that_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let mut asked = request("a.example", DeliveryMode::Push);
    let Protocol::Eventing(options) = &mut asked.protocol else {
        panic!()
    };
    options.heartbeat_millis = Some(60_000);
    world.registry.subscribe(asked).await.unwrap();
    let courier = std::sync::Arc::clone(&world.courier);
    let at = || courier.at("a.example").len();
    world.advance(60);
    until(|| at() == 1, || at().to_string()).await;
    assert_eq!(world.courier.at("a.example")[0].what, What::Heartbeat);

    // An event is a sign of life, too.
    world.advance(30);
    world.alert().await;
    world.until_events("a.example", 1).await;
    until(
        || world.destination("a.example").unwrap().fare.queued == 0,
        String::new,
    )
    .await;
    world.advance(59);
    world.alert().await;
    world.until_events("a.example", 2).await;
    assert_eq!(at(), 3);
    until(
        || world.destination("a.example").unwrap().fare.queued == 0,
        String::new,
    )
    .await;
    world.advance(60);
    until(|| at() == 4, || at().to_string()).await;
    assert_eq!(world.courier.at("a.example")[3].what, What::Heartbeat);
}

#[tokio::test]
async fn a_bookmark_brings_what_came_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    let mut expect = world.alerts(5).await;
    let seen = world.until_events("a.example", 5).await[1].seq;
    for (host, bookmark) in [
        ("b.example", Bookmark::After(seen)),
        ("c.example", Bookmark::Earliest),
    ] {
        let mut asked = request(host, DeliveryMode::Push);
        asked.bookmark = Some(bookmark);
        world.registry.subscribe(asked).await.unwrap();
    }
    expect.extend(world.alerts(2).await);
    assert_eq!(
        identifiers(&world.until_events("b.example", 5).await),
        expect[2..]
    );
    assert_eq!(identifiers(&world.until_events("c.example", 7).await), expect);
}

#[tokio::test]
async fn a_bookmark_that_the_history_does_not_reach_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.registry.set_settings(Settings {
        keep_alerts: 3,
        ..settings()
    });
    // What waits is kept in the history, however old it is: the first alert is, and the next is that of the lapse.
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    world.until_failures("a.example", 1).await;
    world.advance(3_600);
    until(|| world.registry.list()[0].keep_until.is_some(), String::new).await;
    world.alerts(9).await;
    for (place, is_held) in [
        (-1, false),
        (0, false),
        (1, false),
        (7, false),
        (8, true),
        (11, true),
        (12, false),
        (i64::MAX, false),
    ] {
        let mut asked = request("b.example", DeliveryMode::Push);
        asked.bookmark = Some(Bookmark::After(place));
        match world.registry.subscribe(asked).await {
            Ok(_) => assert!(is_held, "{place}"),
            Err(SubscribeError::BookmarkExpired(_)) => assert!(!is_held, "{place}"),
            Err(error) => panic!("{place}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_bookmark_goes_before_a_kept_queue() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    let mut expect = world.alerts(5).await;
    world.until_failures("a.example", 1).await;
    world.advance(3_600);
    until(|| world.registry.list()[0].keep_until.is_some(), String::new).await;
    world.courier.set("a.example", Mood::Takes);
    let mut asked = request("a.example", DeliveryMode::Push);
    asked.bookmark = Some(Bookmark::After(2));
    world.registry.subscribe(asked).await.unwrap();
    assert_eq!(world.registry.list().len(), 1);
    expect.extend(world.alerts(1).await);
    let events = world.until_events("a.example", 5).await;
    // The history tells of the lapse, too.
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.event_id != "80000604")
        .cloned()
        .collect();
    assert_eq!(identifiers(&told), expect[2..]);
}

#[tokio::test]
async fn a_thousand_subscribers_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    for number in 0..1_000 {
        world.subscribe(&format!("host-{number}.example")).await;
    }
    let expect = world.alerts(2).await;
    for number in 0..1_000 {
        let host = format!("host-{number}.example");
        assert_eq!(identifiers(&world.until_events(&host, 2).await), expect);
    }
}
