//! Callers that go away while what they asked for is written down, and a disk that takes nothing: memory and disk
//! say the same.

use super::harness::{World, for_secs, request, until};
use crate::delivery::SubscriptionError;
use crate::subscription::DeliveryMode;

/// Begins something and does not wait for it, as a request whose connection breaks.
async fn abandon<T>(call: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = call => panic!("it was not waited for"),
        () = std::future::ready(()) => {}
    }
}

fn ids(world: &World) -> Vec<String> {
    world
        .registry
        .list()
        .into_iter()
        .map(|status| status.id)
        .collect()
}

#[tokio::test]
async fn a_subscription_is_made_and_ended_even_if_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    for host in ["a.example", "b.example", "c.example"] {
        abandon(world.registry.subscribe(request(host, DeliveryMode::Push))).await;
    }
    until(|| ids(&world).len() == 3, || format!("{:?}", ids(&world))).await;
    let made = ids(&world);
    abandon(world.registry.unsubscribe(&made[0], None)).await;
    abandon(world.registry.cancel(&made[1], None)).await;
    until(|| ids(&world).len() == 1, || format!("{:?}", ids(&world))).await;
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    assert_eq!(ids(&world), made[2..]);
}

/// Nobody may be told that it failed, be told next that there is no such subscription, and be sent events after a
/// restart.
#[tokio::test]
async fn what_cannot_be_written_down_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    let before = world.registry.status(&id, None).unwrap();
    world.store.close_async().await;
    for _ in 0..2 {
        let ended = world.registry.unsubscribe(&id, Some("operator")).await;
        assert!(matches!(ended, Err(SubscriptionError::Store(_))), "{ended:?}");
        let ended = world.registry.cancel(&id, None).await;
        assert!(matches!(ended, Err(SubscriptionError::Store(_))), "{ended:?}");
    }
    let renewed = world.registry.renew(&id, None, for_secs(7_200)).await;
    assert!(matches!(renewed, Err(SubscriptionError::Store(_))), "{renewed:?}");
    assert_eq!(world.registry.status(&id, None).unwrap(), before);
    assert!(world.destination("a.example").is_some());

    let (clock, courier) = world.stop().await;
    let mut world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    let expect = world.alert().await;
    let events = world.until_events("a.example", 1).await;
    assert_eq!(events[0].identifier, expect);
    world.registry.unsubscribe(&id, None).await.unwrap();
    assert_eq!(ids(&world), [""; 0]);
}
