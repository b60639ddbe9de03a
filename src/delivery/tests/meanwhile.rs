//! What is changed while something else is under way.

use std::net::IpAddr;
use std::time::Duration;

use super::harness::{Mood, RETRY, What, World, for_secs, request, until};
use super::wbem::{listener, name, wbem};
use crate::delivery::wbem::WSMAN_CLASS;
use crate::subscription::{DeliveryMode, ListenerDestination, WsmanDestination};

/// The worker's time is over while somebody leads the destination elsewhere.
#[tokio::test]
async fn a_destination_that_is_mended_in_time_is_not_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.with_subscription("a.example", |_| {}).await;
    world.courier.set("a.example", Mood::Fails);
    world.alert().await;
    world.until_failures("a.example", 1).await;

    let naming = world.registry.shared.naming.lock().await;
    let change = world.lead("a.example", "b.example");
    tokio::pin!(change);
    tokio::select! {
        biased;
        _ = &mut change => panic!("it waits"),
        () = std::future::ready(()) => {}
    }
    world.clock.advance(RETRY.total);
    world.until_failures("a.example", 2).await;
    drop(naming);
    change.await.unwrap();
    world.until_events("b.example", 1).await;
    assert!(world.one(&id).is_some());
}

/// The row of the one that goes may be off the disk before the one that comes is on it, with a row of its own.
#[tokio::test]
async fn a_destination_whose_subscription_is_replaced_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    for steps in 0..40 {
        let id = world.subscribe("a.example").await;
        let replace = async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            let another = request("a.example", DeliveryMode::PushWithAck);
            world.registry.subscribe(another).await
        };
        let (ended, begun) = tokio::join!(world.registry.cancel(&id, None), replace);
        ended.unwrap();
        assert_eq!(world.registry.destinations().len(), 1, "{steps}");
        world.registry.cancel(&begun.unwrap().id, None).await.unwrap();
        assert_eq!(world.registry.destinations().len(), 0, "{steps}");
    }
}

/// Else one of them might be in memory in the end, and the other on disk.
#[tokio::test]
async fn a_renewal_waits_until_another_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    let left = || world.registry.status(&id, None).unwrap().remaining;
    let entry = world.registry.find(&id, None).unwrap();
    let another = entry.renewal.lock().await;
    let (registry, renewed) = (world.registry.clone(), id.clone());
    let renewed = tokio::spawn(async move { registry.renew(&renewed, None, for_secs(600)).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(left(), Some(Duration::from_secs(3_600)));
    drop(another);
    renewed.await.unwrap().unwrap();
    assert_eq!(left(), Some(Duration::from_secs(600)));
}

/// Its name may lead to the one that subscribed first.
#[tokio::test]
async fn a_subscription_from_elsewhere_leaves_the_others_their_address() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let [one, other] = ["192.0.2.1", "2001:db8::1"].map(|from| from.parse::<IpAddr>().unwrap());
    for from in [Some(one), Some(other), None] {
        let mut asked = request("a.example", DeliveryMode::Push);
        asked.from = from;
        world.registry.subscribe(asked).await.unwrap();
    }
    let known = |world: &World| world.destination("a.example").unwrap().destination.subscribers;
    assert_eq!(known(&world), [one, other]);
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    assert_eq!(known(&world), [one, other]);
}

#[tokio::test]
async fn heartbeats_go_on_once_a_subscription_is_enabled_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let named = name(WSMAN_CLASS, "a.example");
    let beating = ListenerDestination {
        name: named.clone(),
        wsman: Some(WsmanDestination {
            heartbeat_secs: Some(60),
            ..WsmanDestination::default()
        }),
        ..listener("a.example")
    };
    world.registry.create_listener(beating, None).await.unwrap();
    world.filter("f").await;
    let mut asked = wbem("f", "a.example");
    asked.handler = named;
    let id = world.tie(asked).await.unwrap();
    let beats = || {
        let at = world.courier.at("a.example").into_iter();
        at.filter(|delivered| delivered.what == What::Heartbeat).count()
    };
    world.advance(60);
    until(|| beats() == 1, || beats().to_string()).await;

    // Long enough for its alarm to ring in vain.
    world.enable(&id, false).await;
    world.advance(120);
    let is_silent = || world.registry.shared.book.lock().next_due().is_none();
    until(is_silent, || "an alarm is set still".to_owned()).await;
    world.enable(&id, true).await;
    // It is looked first what was kept; where something may wait, no heartbeat goes.
    let nothing_waits = || {
        let book = world.registry.shared.book.lock();
        book.stations
            .values()
            .all(|station| station.queue.lock().is_idle())
    };
    until(nothing_waits, || "something waits".to_owned()).await;
    for expect in 2..4 {
        world.advance(60);
        until(|| beats() == expect, || beats().to_string()).await;
    }
}
