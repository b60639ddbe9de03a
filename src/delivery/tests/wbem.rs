//! Subscriptions as CIM instances.

use std::time::Duration;

use super::harness::{Mood, RETRY, What, World, identifiers, numbers, settings, until};
use crate::clock::Clock;
use crate::delivery::SubscriptionError;
use crate::delivery::wbem::{CIMXML_CLASS, FILTER_CLASS, WbemError, WbemStatus};
use crate::delivery::{Settings, SubscriptionState};
use crate::store::commands::StoredListener;
use crate::subscription::{
    Carrier, Credentials, FatalErrorPolicy, IndicationFilter, Labels, ListenerDestination, ObjectName,
    OnFatalError, Persistence, RepeatPolicy, Wbem,
};

pub(super) fn name(class: &str, name: &str) -> ObjectName {
    ObjectName {
        class: class.to_owned(),
        system_class: "CIM_ComputerSystem".to_owned(),
        system: "given.example".to_owned(),
        name: name.to_owned(),
    }
}

pub(super) fn filter(text: &str, query: &str) -> IndicationFilter {
    IndicationFilter {
        name: name(FILTER_CLASS, text),
        owner: "operator".to_owned(),
        labels: Labels::default(),
        source_namespaces: Some(vec!["root/ESMPRO/AS".to_owned()]),
        source_namespace: None,
        namespace: "root/interop".to_owned(),
        language: "WQL".to_owned(),
        query: query.to_owned(),
        template_variables: None,
    }
}

const EVERYTHING: &str = "SELECT * FROM CIM_AlertIndication";
const NOTHING: &str = "SELECT * FROM CIM_AlertIndication WHERE PerceivedSeverity = 99";

pub(super) fn listener(host: &str) -> ListenerDestination {
    let destination = format!("https://{host}");
    ListenerDestination {
        name: name(CIMXML_CLASS, host),
        owner: "operator".to_owned(),
        labels: Labels::default(),
        url: format!("{destination}:6736/").parse().unwrap(),
        destination,
        persistence: Persistence::Permanent,
        other_persistence: None,
        user: None,
        subscriber: None,
        wsman: None,
    }
}

pub(super) fn wbem(filter: &str, host: &str) -> Wbem {
    Wbem {
        filter: name(FILTER_CLASS, filter),
        handler: name(CIMXML_CLASS, host),
        duration_secs: None,
        fatal: FatalErrorPolicy::default(),
        repeat: RepeatPolicy::default(),
        enabled: true,
        started_micros: 0,
        changed_micros: 0,
        info: None,
        alert_on_state_change: false,
        format: None,
    }
}

impl World {
    pub(super) async fn listener(&self, host: &str) {
        self.registry.create_listener(listener(host), None).await.unwrap();
    }

    pub(super) async fn filter(&self, name: &str) {
        let filter = filter(name, EVERYTHING);
        self.registry.create_filter(filter).await.unwrap();
    }

    pub(super) async fn tie(&self, wbem: Wbem) -> Result<String, WbemError> {
        let made = self.registry.create_subscription("operator", None, wbem.clone());
        made.await?;
        let mut all = self.registry.wbem_subscriptions().into_iter();
        let made =
            all.find(|status| status.wbem.same_name(&wbem) && status.state != SubscriptionState::Disabled);
        Ok(made.unwrap().id)
    }

    /// A filter, a destination, and a subscription with what `change` says of it.
    pub(super) async fn with_subscription(&self, host: &str, change: impl FnOnce(&mut Wbem)) -> String {
        if self.registry.indication_filter("f").is_none() {
            self.filter("f").await;
        }
        self.listener(host).await;
        let mut asked = wbem("f", host);
        change(&mut asked);
        self.tie(asked).await.unwrap()
    }

    pub(super) fn one(&self, id: &str) -> Option<WbemStatus> {
        self.registry
            .wbem_subscriptions()
            .into_iter()
            .find(|status| status.id == id)
    }

    pub(super) async fn until_state(&self, id: &str, state: SubscriptionState) {
        let there = || self.one(id).map(|status| status.state);
        until(|| there() == Some(state), || format!("{:?}", there())).await;
    }

    pub(super) async fn enable(&self, id: &str, enabled: bool) {
        let change = |wbem: &mut Wbem| {
            wbem.enabled = enabled;
            Ok(())
        };
        self.registry.modify_subscription(id, change).await.unwrap();
    }

    async fn last(&self, id: &str, secs: Option<u64>) -> Result<(), WbemError> {
        let change = |wbem: &mut Wbem| {
            wbem.duration_secs = secs;
            Ok(())
        };
        self.registry.modify_subscription(id, change).await
    }
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(result: Result<T, WbemError>, expect: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(expect), "{error}");
}

#[tokio::test]
async fn what_a_filter_chooses_goes_to_its_destination() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.with_subscription("a.example", |_| {}).await;
    let expect = world.alerts(3).await;
    let events = world.until_events("a.example", 3).await;
    assert_eq!(identifiers(&events), expect);
    assert_eq!(
        world.destination("a.example").unwrap().destination.carrier,
        Carrier::CimXml
    );
    let status = world.one(&id).unwrap();
    assert_eq!(
        (status.state, status.remaining),
        (SubscriptionState::Enabled, None)
    );
    assert_eq!(status.wbem.fatal.action, Some(OnFatalError::Remove));
    assert_eq!(status.wbem.fatal.after_secs, Some(RETRY.total.as_secs()));
}

#[tokio::test]
async fn what_is_missing_or_there_already_or_in_use_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    check_refused(
        world.tie(wbem("f", "a.example")).await,
        "there is no CIM_IndicationFilter `f`",
    );
    let id = world.with_subscription("a.example", |_| {}).await;
    check_refused(
        world.tie(wbem("f", "a.example")).await,
        "there is a subscription of",
    );
    check_refused(
        world.registry.create_filter(filter("f", EVERYTHING)).await,
        "there is a CIM_IndicationFilter `f` already",
    );
    let shipped = world
        .registry
        .create_filter(filter("ESM:AllAlerts", EVERYTHING))
        .await;
    check_refused(shipped, "already");
    let bad = world.registry.create_filter(filter("g", "SELECT nonsense")).await;
    assert!(matches!(bad, Err(WbemError::Filter(_))), "{bad:?}");
    let mut elsewhere = filter("g", EVERYTHING);
    elsewhere.source_namespaces = Some(vec!["root/ESMPRO/AS".to_owned(), "root/nowhere".to_owned()]);
    check_refused(
        world.registry.create_filter(elsewhere).await,
        "there is no namespace `root/nowhere`",
    );
    let mut local = listener("b.example");
    local.url = "https://127.0.0.1:6736/".parse().unwrap();
    check_refused(world.registry.create_listener(local, None).await, "loopback");

    let (f, a) = (name(FILTER_CLASS, "f"), name(CIMXML_CLASS, "a.example"));
    check_refused(world.registry.delete_filter(&f).await, "is in use by 1");
    check_refused(world.registry.delete_listener(&a).await, "is in use by 1");
    let own = world.registry.indication_filter("ESM:AllAlerts").unwrap();
    check_refused(world.registry.delete_filter(&own.name).await, "the agent's own");
    world.registry.cancel(&id, None).await.unwrap();
    world.registry.delete_filter(&f).await.unwrap();
    world.registry.delete_listener(&a).await.unwrap();
    check_refused(world.registry.delete_filter(&f).await, "there is no");
    assert!(world.registry.listener_destinations().is_empty());
}

#[tokio::test]
async fn a_subscription_made_by_eventing_is_listed_and_deleted_as_an_instance() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world.subscribe("a.example").await;
    let status = world.one(&id).unwrap();
    assert_eq!(status.wbem.duration_secs, Some(3_600));
    assert_eq!(status.remaining, Some(Duration::from_secs(3_600)));
    let filters = world.registry.indication_filters();
    assert!(filters.iter().any(|filter| filter.name == status.wbem.filter));
    let listeners = world.registry.listener_destinations();
    assert_eq!(listeners[0].name, status.wbem.handler);
    assert_eq!(listeners[0].destination, "https://a.example:6736/");
    check_refused(world.enable_result(&id).await, "made by WS-Eventing");
    check_refused(
        world.registry.delete_filter(&status.wbem.filter).await,
        "the agent's own",
    );
    world.registry.cancel(&id, None).await.unwrap();
    assert!(world.registry.listener_destinations().is_empty());
}

impl World {
    async fn enable_result(&self, id: &str) -> Result<(), WbemError> {
        self.registry.modify_subscription(id, |_| Ok(())).await
    }
}

/// The keys of a filter hold the name of the machine, which can change.
#[tokio::test]
async fn a_shipped_filter_is_one_filter_whatever_the_machine_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    world.listener("a.example").await;
    let asked = |world: &World| Wbem {
        filter: world
            .registry
            .indication_filter("ESM:AllAlerts")
            .unwrap()
            .name
            .clone(),
        duration_secs: Some(600),
        ..wbem("", "a.example")
    };
    let id = world.tie(asked(&world)).await.unwrap();
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    world.registry.set_settings(Settings {
        system_name: "renamed.example".to_owned(),
        ..settings()
    });
    let renamed = asked(&world);
    assert_eq!(renamed.filter.system, "renamed.example");
    assert_eq!(world.one(&id).unwrap().wbem.filter, renamed.filter);
    check_refused(world.tie(renamed.clone()).await.map(drop), "already");

    // What has lapsed under the old name gives way to the same under the new one.
    world.advance(600);
    world.until_state(&id, SubscriptionState::Disabled).await;
    world.tie(renamed).await.unwrap();
    assert_eq!(world.registry.wbem_subscriptions().len(), 1);
}

#[tokio::test]
async fn what_is_disabled_keeps_its_queue_and_is_told_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.with_subscription("b.example", |_| {}).await;
    let id = world.with_subscription("a.example", |_| {}).await;
    world.courier.set("a.example", Mood::Fails);
    let mut expect = world.alerts(100).await;
    world.until_failures("a.example", 1).await;
    world.enable(&id, false).await;
    assert_eq!(world.one(&id).unwrap().state, SubscriptionState::Disabled);
    world.until_queued("a.example", 0).await;
    world.alerts(5).await;
    world.until_events("b.example", 105).await;
    let tries = world.courier.tries.lock().len();
    world.courier.set("a.example", Mood::Takes);
    world.advance(1_000);
    let (clock, courier) = world.stop().await;
    assert_eq!(courier.events("a.example").len(), 0);
    assert_eq!(courier.tries.lock().len(), tries);

    let mut world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    assert_eq!(world.one(&id).unwrap().state, SubscriptionState::Disabled);
    world.enable(&id, true).await;
    expect.extend(world.alerts(2).await);
    let events = world.until_events("a.example", 102).await;
    assert_eq!(identifiers(&events), expect);
    world.until_state(&id, SubscriptionState::Enabled).await;
}

#[tokio::test]
async fn a_duration_counts_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world
        .with_subscription("a.example", |wbem| wbem.duration_secs = Some(600))
        .await;
    let left = |world: &World| world.one(&id).unwrap().remaining.map(|left| left.as_secs());
    world.advance(100);
    assert_eq!(left(&world), Some(500));
    let renewed = world.registry.renew(&id, None, None).await;
    assert!(matches!(renewed, Err(SubscriptionError::NoLease(_))));
    world.last(&id, Some(1_000)).await.unwrap();
    assert_eq!(left(&world), Some(900));
    world.last(&id, None).await.unwrap();
    assert_eq!(left(&world), None);
    world.last(&id, Some(300)).await.unwrap();
    assert_eq!(left(&world), Some(300));
    let (clock, courier) = world.stop().await;
    clock.advance(Duration::from_secs(50));
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    assert_eq!(left(&world), Some(250));

    world.advance(249);
    assert_eq!(world.one(&id).unwrap().state, SubscriptionState::Enabled);
    world.advance(1);
    world.until_state(&id, SubscriptionState::Disabled).await;
    let expired = world.one(&id).unwrap();
    assert_eq!(expired.remaining, Some(Duration::ZERO));
    check_refused(world.last(&id, None).await, "has expired");
    check_refused(world.registry.delete_filter(&expired.wbem.filter).await, "in use");
    // The same again takes its place.
    let again = wbem("f", "a.example");
    let heir = world.tie(again).await.unwrap();
    assert_eq!(world.registry.wbem_subscriptions().len(), 1);
    assert_eq!(world.one(&heir).unwrap().state, SubscriptionState::Enabled);
}

#[tokio::test]
async fn a_changed_filter_is_in_force_for_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.with_subscription("a.example", |_| {}).await;
    let first = world.alert().await;
    let f = name(FILTER_CLASS, "f");
    let set = |query: &'static str| {
        move |filter: &mut IndicationFilter| {
            query.clone_into(&mut filter.query);
            Ok(())
        }
    };
    world.registry.modify_filter(&f, set(NOTHING)).await.unwrap();
    check_refused(world.registry.modify_filter(&f, set("SELECT")).await, "");
    world.alert().await;
    let (clock, courier) = world.stop().await;
    let mut world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    world.alert().await;
    world.registry.modify_filter(&f, set(EVERYTHING)).await.unwrap();
    let last = world.alert().await;
    let events = world.until_events("a.example", 2).await;
    assert_eq!(identifiers(&events), [&first, &last]);
}

#[tokio::test]
async fn a_change_of_state_is_told_to_who_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let id = world
        .with_subscription("a.example", |wbem| {
            wbem.alert_on_state_change = true;
            wbem.duration_secs = Some(3_600);
        })
        .await;
    world.with_subscription("b.example", |_| {}).await;
    let told = || {
        let at = world.courier.at("a.example").into_iter();
        let states = at.filter_map(|delivered| match delivered.what {
            What::State(message) => Some(message),
            What::Events(_) | What::Heartbeat | What::Dropped(_) | What::End(_) => None,
        });
        states.collect::<Vec<_>>()
    };
    let text = |state: &str| format!("SubscriptionState of the subscription {id} is {state} now.");
    let mut expect = Vec::new();
    for (enabled, state) in [(false, "4 (Disabled)"), (true, "2 (Enabled)")] {
        world.enable(&id, enabled).await;
        expect.push(text(state));
        until(|| told() == expect, || format!("{:?}", told())).await;
    }
    // Degraded it cannot be told anything; once it is enabled again it is.
    world.courier.set("a.example", Mood::Fails);
    world
        .registry
        .test(&id, None, Duration::from_secs(5))
        .await
        .unwrap();
    world.until_state(&id, SubscriptionState::Degraded).await;
    world.courier.set("a.example", Mood::Takes);
    world
        .registry
        .test(&id, None, Duration::from_secs(5))
        .await
        .unwrap();
    expect.push(text("2 (Enabled)"));
    until(|| told() == expect, || format!("{:?}", told())).await;
    world.advance(3_600);
    expect.push(text("4 (Disabled)"));
    until(|| told() == expect, || format!("{:?}", told())).await;
    let others = world.courier.at("b.example").into_iter();
    assert!(
        others
            .into_iter()
            .all(|delivered| matches!(delivered.what, What::Events(_)))
    );
}

impl World {
    /// Says that the destination `name` is at `host` from now on.
    pub(super) async fn lead(&self, name: &str, host: &str) -> Result<(), WbemError> {
        let named = self::name(CIMXML_CLASS, name);
        let url = listener(host).url;
        let change = |stored: &mut StoredListener| {
            stored.listener.destination = url.to_string();
            stored.listener.url = url;
            Ok(())
        };
        self.registry.modify_listener(&named, change).await
    }
}

#[tokio::test]
async fn a_destination_that_moves_takes_along_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    let id = world.with_subscription("a.example", |_| {}).await;
    world.alert().await;
    let first = world.until_events("a.example", 1).await.remove(0);
    world.courier.set("a.example", Mood::Fails);
    let mut expect = world.alerts(100).await;
    world.until_failures("a.example", 1).await;
    world.lead("a.example", "b.example").await.unwrap();
    // At once, whatever pause there was.
    let events = world.until_events("b.example", 100).await;
    assert_eq!(identifiers(&events), expect);
    assert_eq!(numbers(&events), (1..101).collect::<Vec<_>>());
    assert_eq!(events[99].context, first.context);
    world.until_queued("b.example", 0).await;
    assert!(world.destination("a.example").is_none());
    assert_eq!(world.one(&id).unwrap().state, SubscriptionState::Enabled);
    let (clock, courier) = world.stop().await;
    let mut world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    expect.push(world.alert().await);
    let events = world.until_events("b.example", 101).await;
    assert_eq!(identifiers(&events), expect);
    assert_eq!(world.courier.events("a.example").len(), 1);
}

#[tokio::test]
async fn a_destination_that_is_shared_does_not_move_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.with_subscription("a.example", |_| {}).await;
    world.with_subscription("b.example", |_| {}).await;
    check_refused(
        world.lead("a.example", "b.example").await,
        "are delivered to https://b.example:6736/, too",
    );
    world.alert().await;
    world.until_events("a.example", 1).await;
    world.until_events("b.example", 1).await;
    world.listener("c.example").await;
    world.lead("c.example", "a.example").await.unwrap();
    world.tie(wbem("ESM:AllAlerts", "c.example")).await.unwrap_err();
    world.filter("g").await;
    world.tie(wbem("g", "c.example")).await.unwrap();
    check_refused(
        world.lead("a.example", "d.example").await,
        "by another destination are delivered to https://a.example:6736/, too",
    );
    let loopback = world.lead("b.example", "127.0.0.1").await;
    check_refused(loopback, "loopback");
}

#[tokio::test]
async fn policies_for_fatal_errors_are_acted_on_each_at_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.courier.set("a.example", Mood::Fails);
    world.listener("a.example").await;
    let mut ids = Vec::new();
    for (filter, action, after) in [
        ("remove", Some(OnFatalError::Remove), Some(600)),
        ("disable", Some(OnFatalError::Disable), Some(300)),
        ("ignore", Some(OnFatalError::Ignore), Some(400)),
        ("default", None, None),
    ] {
        world.filter(filter).await;
        let mut asked = wbem(filter, "a.example");
        asked.fatal = FatalErrorPolicy {
            action,
            after_secs: after,
        };
        world.tie(asked.clone()).await.unwrap();
        let all = world.registry.wbem_subscriptions();
        let made = all.into_iter().find(|status| status.wbem.same_name(&asked));
        ids.push(made.unwrap().id);
    }
    let watcher = world.subscribe("b.example").await;
    world.alerts(2).await;
    world.until_failures("a.example", 1).await;
    let start = world.clock.boot();
    let given_up = |world: &World| {
        let events = world.courier.events("b.example");
        events.iter().filter(|event| event.event_id == "C0000605").count()
    };
    // Time goes on until so many were told, step by step, as the worker sleeps in between.
    async fn until_given_up(world: &World, start: crate::time::BootTime, at: u64, count: usize) {
        let events = || world.courier.events("b.example");
        let told = || {
            events()
                .iter()
                .filter(|event| event.event_id == "C0000605")
                .count()
        };
        while world.clock.boot().since(start) < Duration::from_secs(at) {
            assert_eq!(told(), count - 1);
            world.advance(1);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        until(|| told() == count, || format!("{:?}", events())).await;
    }
    until_given_up(&world, start, 300, 1).await;
    assert_eq!(world.one(&ids[1]).unwrap().state, SubscriptionState::Disabled);
    until_given_up(&world, start, 400, 2).await;
    assert_eq!(world.one(&ids[2]).unwrap().state, SubscriptionState::Degraded);
    until_given_up(&world, start, 600, 3).await;
    until(|| world.one(&ids[0]).is_none(), || "still there".to_owned()).await;
    assert_eq!(given_up(&world), 3);
    assert!(world.one(&ids[3]).is_some());
    assert_eq!(world.registry.listener_destinations().len(), 2);
    world.registry.cancel(&watcher, None).await.unwrap();
}

#[tokio::test]
async fn a_transient_destination_goes_with_its_last_subscription() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path()).await;
    world.courier.set("a.example", Mood::Fails);
    world.filter("f").await;
    let transient = ListenerDestination {
        persistence: Persistence::Transient,
        ..listener("a.example")
    };
    world.registry.create_listener(transient, None).await.unwrap();
    let mut asked = wbem("f", "a.example");
    asked.fatal.after_secs = Some(0);
    world.tie(asked).await.unwrap();
    world.alert().await;
    let gone = || world.registry.listener_destinations().is_empty();
    until(gone, || "still there".to_owned()).await;
    assert!(world.registry.wbem_subscriptions().is_empty());
    let (clock, courier) = world.stop().await;
    let world = World::restarted(folder.path(), clock, courier, "boot-1").await;
    assert!(world.registry.listener_destinations().is_empty());
    assert!(world.registry.indication_filter("f").is_some());
}

#[tokio::test]
async fn everything_survives_a_restart_and_no_password_lies_open() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    world.filter("f").await;
    let secret = Credentials {
        user: "u".to_owned(),
        password: "a very long secret".to_owned().into(),
    };
    let with_login = ListenerDestination {
        user: Some("u".to_owned()),
        ..listener("a.example")
    };
    world
        .registry
        .create_listener(with_login.clone(), Some(secret))
        .await
        .unwrap();
    let asked = Wbem {
        duration_secs: Some(u64::MAX),
        info: Some("mine".to_owned()),
        ..wbem("f", "a.example")
    };
    let id = world.tie(asked).await.unwrap();
    let before = world.one(&id).unwrap();
    let (clock, courier) = world.stop().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"long secret"));
    }
    let mut world = World::restarted(folder.path(), clock, courier, "boot-2").await;
    let after = world.one(&id).unwrap();
    assert_eq!(after.wbem, before.wbem);
    assert_eq!(*world.registry.listener_destinations()[0], with_login);
    world.alert().await;
    world.until_events("a.example", 1).await;
}
