//! Leases, and what outlives them.

use super::harness::{Mood, What, World, for_secs, identifiers, request, until};
use crate::delivery::{SubscribeError, SubscriptionError};
use crate::subscription::{DeliveryMode, EndReason, EndTo, Expiry, Protocol};
use crate::time::WallTime;

/// Until it has lapsed, and where something was queued, is kept.
async fn until_lapsed(world: &World, id: &str) {
    let lapsed = || {
        let all = world.registry.list();
        let mut own = all.iter().filter(|status| status.id == id);
        own.all(|status| status.keep_until.is_some())
    };
    until(lapsed, || "not lapsed".to_owned()).await;
}

#[tokio::test]
async fn a_lease_ends_at_its_very_end_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let mut asked = request("a.example", DeliveryMode::Push);
    asked.expires = for_secs(600);
    let Protocol::Eventing(options) = &mut asked.protocol else {
        panic!()
    };
    options.end_to = Some(EndTo {
        url: "https://a.example:6736/end".parse().unwrap(),
        reference_parameters: String::new(),
    });
    let short = world.registry.subscribe(asked).await.unwrap();
    assert_eq!(short.remaining, Some(std::time::Duration::from_secs(600)));
    world.subscribe("b.example").await;

    world.clock.step_wall(86_400_000_000);
    world.advance(599);
    world.alert().await;
    world.until_events("a.example", 1).await;
    assert!(world.registry.status(&short.id, None).is_ok());

    world.clock.step_wall(-2 * 86_400_000_000);
    world.advance(1);
    until_lapsed(&world, &short.id).await;
    let events = world.until_events("b.example", 2).await;
    assert_eq!(events[1].event_id, "80000604");
    until(
        || world.courier.at("a.example").len() == 2,
        || format!("{:?}", world.courier.at("a.example")),
    )
    .await;
    assert_eq!(
        world.courier.at("a.example")[1].what,
        What::End(EndReason::Lapsed)
    );
    let refused = world.registry.renew(&short.id, None, None).await;
    assert!(matches!(
        refused,
        Err(SubscriptionError::Lapsed(_) | SubscriptionError::Unknown(_))
    ));

    world.alert().await;
    world.until_events("b.example", 3).await;
    assert_eq!(world.courier.events("a.example").len(), 1);
}

/// The alarm rings a moment later; nobody is told meanwhile that there are 0 s left.
#[tokio::test]
async fn a_lease_is_over_before_its_alarm_has_rung() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    world.advance(3_600);
    assert!(matches!(
        world.registry.status(&id, None),
        Err(SubscriptionError::Lapsed(_))
    ));
    until_lapsed(&world, &id).await;
}

#[tokio::test]
async fn a_renewal_begins_the_lease_anew() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    for _ in 0..5 {
        world.advance(3_599);
        let granted = world
            .registry
            .renew(&id, Some("operator"), for_secs(3_600))
            .await
            .unwrap();
        assert_eq!(granted.remaining, Some(std::time::Duration::from_secs(3_600)));
    }
    world.advance(3_600);
    until_lapsed(&world, &id).await;
}

#[tokio::test]
async fn an_heir_gets_what_its_predecessor_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    let mut expect = world.alerts(100).await;
    world.until_failures("a.example", 1).await;
    world.advance(3_600);
    until_lapsed(&world, &id).await;
    world.until_queued("a.example", 0).await;
    // What happens while nobody subscribes is not queued.
    world.alert().await;

    world.courier.set("a.example", Mood::Takes);
    let mut other = request("a.example", DeliveryMode::Push);
    other.owner = "somebody else".to_owned();
    world.registry.subscribe(other).await.unwrap();
    let heir = world.subscribe("a.example").await;
    expect.extend(world.alerts(2).await);
    let own = || {
        let at = world.courier.at("a.example");
        at.into_iter()
            .filter(|delivered| delivered.subscription == heir)
            .collect::<Vec<_>>()
    };
    until(|| own().len() == 102, || format!("{:?}", own().len())).await;
    let told: Vec<_> = own()
        .into_iter()
        .flat_map(|delivered| match delivered.what {
            What::Events(events) => events,
            What::Heartbeat | What::Dropped(_) | What::State(_) | What::End(_) => Vec::new(),
        })
        .collect();
    assert_eq!(identifiers(&told), expect);
    assert_eq!(world.registry.list().len(), 2);
}

#[tokio::test]
async fn a_kept_queue_is_dropped_after_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    world.courier.set("a.example", Mood::Fails);
    world.alerts(2).await;
    world.until_failures("a.example", 1).await;
    world.advance(3_600);
    until_lapsed(&world, &id).await;
    world.advance(86_400);
    until(|| world.registry.list().is_empty(), || "still there".to_owned()).await;
    until(
        || world.registry.destinations().is_empty(),
        || "still there".to_owned(),
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_granted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let mut past = request("a.example", DeliveryMode::Push);
    past.expires = Some(Expiry::At(WallTime::from_unix_micros(1)));
    assert!(matches!(
        world.registry.subscribe(past).await,
        Err(SubscribeError::Lease(_))
    ));

    let mut nonsense = request("a.example", DeliveryMode::Push);
    nonsense.filter = crate::subscription::Filter::Query {
        namespace: "root/ESMPRO/AS".to_owned(),
        language: "WQL".to_owned(),
        text: "SELECT".to_owned(),
    };
    assert!(matches!(
        world.registry.subscribe(nonsense).await,
        Err(SubscribeError::Filter(_))
    ));

    let elsewhere = request("192.0.2.1", DeliveryMode::Push);
    assert!(matches!(
        world.registry.subscribe(elsewhere).await,
        Err(SubscribeError::Forbidden(_))
    ));
    world.subscribe("10.1.2.3").await;

    let mut nowhere = request("a.example", DeliveryMode::Push);
    nowhere.target = None;
    assert!(matches!(
        world.registry.subscribe(nowhere).await,
        Err(SubscribeError::ModeAndTarget(_))
    ));
}

#[tokio::test]
async fn another_account_sees_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    let other = Some("somebody else");
    assert!(matches!(
        world.registry.renew(&id, other, None).await,
        Err(SubscriptionError::Unknown(_))
    ));
    assert!(matches!(
        world.registry.status(&id, other),
        Err(SubscriptionError::Unknown(_))
    ));
    assert!(matches!(
        world.registry.unsubscribe(&id, other).await,
        Err(SubscriptionError::Unknown(_))
    ));
    assert!(matches!(
        world.registry.cancel(&id, other).await,
        Err(SubscriptionError::Unknown(_))
    ));
    world.registry.unsubscribe(&id, Some("operator")).await.unwrap();
    assert!(world.registry.list().is_empty());
    assert!(world.registry.destinations().is_empty());
}
