//! What one account may have, and what lapsed subscriptions count for.

use super::full_disk::fill;
use super::harness::{Mood, World, for_secs, identifiers, request, settings, until};
use super::wbem::{filter, listener, wbem};
use crate::delivery::wbem::WbemError;
use crate::delivery::{NewTarget, Settings, SubscribeError, SubscriptionState};
use crate::subscription::{Credentials, DeliveryMode, MAX_STORED_BYTES, Protocol};

/// The hosts that subscriptions are listed for, and whether each has lapsed.
fn listed(world: &World) -> Vec<(String, bool)> {
    let all = world.registry.list().into_iter();
    let host = |status: crate::delivery::SubscriptionStatus| {
        let host = status.destination.unwrap().destination.url.host;
        (host, status.keep_until.is_some())
    };
    let mut all: Vec<_> = all.map(host).collect();
    all.sort();
    all
}

#[track_caller]
fn check(world: &World, expect: &[(&str, bool)]) {
    let listed = listed(world);
    let listed: Vec<_> = listed
        .iter()
        .map(|(host, lapsed)| (host.as_str(), *lapsed))
        .collect();
    assert_eq!(listed, expect);
}

/// With three subscriptions, as many as there may be, that lapsed one after the other and left something behind.
async fn full_of_lapsed(folder: &std::path::Path) -> (World, String) {
    let mut world = World::new(folder).await;
    world.registry.set_settings(Settings {
        max_per_account: 3,
        ..settings()
    });
    for (number, host) in ["a.example", "b.example", "c.example"].into_iter().enumerate() {
        world.courier.set(host, Mood::Fails);
        let mut asked = request(host, DeliveryMode::Push);
        asked.expires = for_secs(600 + number as u64);
        world.registry.subscribe(asked).await.unwrap();
    }
    let missed = world.alert().await;
    for passed in [600, 1, 1] {
        world.advance(passed);
        let lapsed = |world: &World| listed(world).iter().filter(|(_, lapsed)| *lapsed).count();
        let before = lapsed(&world);
        until(|| lapsed(&world) > before || lapsed(&world) == 3, String::new).await;
    }
    let all_lapsed = || listed(&world).iter().all(|(_, lapsed)| *lapsed);
    until(all_lapsed, || format!("{:?}", listed(&world))).await;
    (world, missed)
}

#[tokio::test]
async fn the_first_to_lapse_gives_way_to_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = full_of_lapsed(folder.path()).await;
    fill(&world, true).await;
    let refused = world
        .registry
        .subscribe(request("d.example", DeliveryMode::Push))
        .await;
    assert!(matches!(refused, Err(SubscribeError::Store(_))), "{refused:?}");
    check(
        &world,
        &[("a.example", true), ("b.example", true), ("c.example", true)],
    );
    fill(&world, false).await;

    world.subscribe("d.example").await;
    check(
        &world,
        &[("b.example", true), ("c.example", true), ("d.example", false)],
    );
    assert!(world.destination("a.example").is_none());
    world.subscribe("e.example").await;
    world.subscribe("f.example").await;
    let expect = [("d.example", false), ("e.example", false), ("f.example", false)];
    check(&world, &expect);
    let refused = world
        .registry
        .subscribe(request("g.example", DeliveryMode::Push))
        .await;
    assert!(matches!(refused, Err(SubscribeError::TooMany(3))), "{refused:?}");
    // Whoever else asks has room of its own.
    let mut other = request("g.example", DeliveryMode::Push);
    other.owner = "somebody else".to_owned();
    let other = world.registry.subscribe(other).await.unwrap().id;
    world.registry.unsubscribe(&other, None).await.unwrap();

    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    check(&world, &expect);
}

#[tokio::test]
async fn an_heir_takes_the_place_of_its_own_predecessor() {
    let folder = tempfile::tempdir().unwrap();
    let (world, missed) = full_of_lapsed(folder.path()).await;
    world.courier.set("b.example", Mood::Takes);
    world.subscribe("b.example").await;
    check(
        &world,
        &[("a.example", true), ("b.example", false), ("c.example", true)],
    );
    let events = world.until_events("b.example", 1).await;
    assert_eq!(identifiers(&events)[0], missed);
}

#[tokio::test]
async fn what_leaves_nothing_behind_goes_at_the_end_of_its_lease() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    world.subscribe("a.example").await;
    world.advance(3_600);
    until(
        || world.registry.list().is_empty(),
        || format!("{:?}", listed(&world)),
    )
    .await;
    until(|| world.destination("a.example").is_none(), String::new).await;

    // Whoever made an instance may ask what became of it.
    let lasts = |wbem: &mut crate::subscription::Wbem| wbem.duration_secs = Some(600);
    let id = world.with_subscription("b.example", lasts).await;
    world.advance(600);
    world.until_state(&id, SubscriptionState::Disabled).await;
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    check(&world, &[("b.example", true)]);
    world.advance(86_400);
    until(
        || world.registry.list().is_empty(),
        || format!("{:?}", listed(&world)),
    )
    .await;
}

#[tokio::test]
async fn what_is_too_large_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let large = "x".repeat(MAX_STORED_BYTES);
    let mut asked = request("a.example", DeliveryMode::Push);
    let Protocol::Eventing(options) = &mut asked.protocol else {
        panic!()
    };
    options.reference_parameters.clone_from(&large);
    let refused = world.registry.subscribe(asked).await;
    assert!(matches!(refused, Err(SubscribeError::TooLarge(_))), "{refused:?}");

    let mut asked = request("a.example", DeliveryMode::Push);
    let credentials = Credentials {
        user: "u".to_owned(),
        password: large.clone().into(),
    };
    asked.target = asked.target.map(|target| NewTarget {
        credentials: Some(credentials.clone()),
        ..target
    });
    let refused = world.registry.subscribe(asked).await;
    assert!(matches!(refused, Err(SubscribeError::TooLarge(_))), "{refused:?}");
    assert!(listed(&world).is_empty());

    let is_too_large = |result: Result<(), WbemError>| {
        let error = result.unwrap_err();
        assert!(matches!(error, WbemError::TooLarge(_)), "{error}");
    };
    let mut described = filter("f", "SELECT * FROM CIM_AlertIndication");
    described.labels.description = Some(large.clone());
    is_too_large(world.registry.create_filter(described).await);
    let mut described = listener("a.example");
    described.labels.description = Some(large.clone());
    is_too_large(world.registry.create_listener(described, None).await);
    let secret = world
        .registry
        .create_listener(listener("a.example"), Some(credentials));
    is_too_large(secret.await);

    let id = world.with_subscription("a.example", |_| {}).await;
    let change = world.registry.modify_subscription(&id, |wbem| {
        wbem.info = Some(large.clone());
        Ok(())
    });
    is_too_large(change.await);
    let named = wbem("f", "a.example").filter;
    let change = world.registry.modify_filter(&named, |filter| {
        filter.labels.description = Some(large.clone());
        Ok(())
    });
    is_too_large(change.await);
    assert_eq!(world.one(&id).unwrap().wbem.info, None);
}
