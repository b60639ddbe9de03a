//! A registry over a store in a temporary folder, and a courier that notes what it is given.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use crate::alert::{Alert, State, tests::sample};
use crate::cim::schema::Schema;
use crate::clock::{Clock, ManualClock};
use crate::delivery::courier::{Courier, Line, Parcel, Receipt, SendError, Sending, Steps, Target};
use crate::delivery::{
    DestinationRule, DestinationStatus, NewTarget, Publication, Registry, RegistryParts, RetrySchedule,
    Settings, SubscribeRequest, UNBOUNDED,
};
use crate::store::Store;
use crate::store::commands::Begin;
use crate::subscription::{
    Batch, DeliveryMode, EventingOptions, Expiry, Filter, LeaseTerms, Moment, OnFatalError, Protocol,
};
use crate::time::{BootTime, WallTime};

/// What a destination does with what it is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Mood {
    #[default]
    Takes,
    Fails,
    Refuses,
    /// Takes everything but this alert.
    Rejects(String),
    /// Never wants this alert.
    NeverWants(String),
    /// Wants this alert later, and takes all others.
    Later(String),
    /// Wants everything later.
    AllLater,
    Hangs,
    /// Takes everything, and its answer is lost.
    AnswerLost,
    /// Panics once, then takes.
    Panics,
    /// Takes so many of a batch.
    TakesOnly(usize),
}

/// One delivery, as its destination saw it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Delivered {
    pub host: String,
    pub subscription: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Events(Vec<Event>),
    Heartbeat,
    Dropped(u64),
    State(String),
    End(crate::subscription::EndReason),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub identifier: String,
    pub event_id: String,
    pub context: String,
    pub number: i64,
    pub seq: i64,
}

#[derive(Default)]
pub(super) struct TestCourier {
    moods: Mutex<HashMap<String, Mood>>,
    log: Mutex<Vec<Delivered>>,
    pub tries: Mutex<Vec<(String, BootTime)>>,
    /// The options in force, as a number.
    pub options: AtomicU64,
    /// The options under which lines were made.
    pub lines: Mutex<Vec<u64>>,
    clock: OnceLock<ManualClock>,
}

impl TestCourier {
    pub fn set(&self, host: &str, mood: Mood) {
        self.moods.lock().insert(host.to_owned(), mood);
    }

    /// Everything that `host` took.
    pub fn at(&self, host: &str) -> Vec<Delivered> {
        self.log
            .lock()
            .iter()
            .filter(|delivered| delivered.host == host)
            .cloned()
            .collect()
    }

    /// Every event that `host` took.
    pub fn events(&self, host: &str) -> Vec<Event> {
        let events = self
            .at(host)
            .into_iter()
            .filter_map(|delivered| match delivered.what {
                What::Events(events) => Some(events),
                What::Heartbeat | What::Dropped(_) | What::State(_) | What::End(_) => None,
            });
        events.flatten().collect()
    }

    fn take(&self, line_to: &str, parcel: &Parcel) -> Result<Receipt, SendError> {
        let end_to = match parcel {
            Parcel::End { subscription, .. } => {
                subscription.eventing().and_then(|options| options.end_to.clone())
            }
            _ => None,
        };
        let host = end_to.as_ref().map_or(line_to, |end_to| &end_to.url.host);
        let (subscription, mut what) = match parcel {
            Parcel::Events { subscription, items } => {
                let event = |item: &crate::delivery::courier::Item| Event {
                    identifier: item
                        .indication
                        .get_str("IndicationIdentifier")
                        .unwrap()
                        .to_owned(),
                    event_id: item.indication.get_str("EventID").unwrap().to_owned(),
                    context: item.context.to_string(),
                    number: item.number,
                    seq: item.seq,
                };
                (subscription, What::Events(items.iter().map(event).collect()))
            }
            Parcel::Dropped { subscription, count } => (subscription, What::Dropped(*count)),
            Parcel::Heartbeat { subscription } => (subscription, What::Heartbeat),
            Parcel::StateChange { subscription, item } => {
                let message = item.indication.get_str("Message").unwrap();
                (subscription, What::State(message.to_owned()))
            }
            Parcel::End { subscription, reason } => (subscription, What::End(*reason)),
        };
        let mood = self.moods.lock().get(host).cloned().unwrap_or_default();
        match (&mood, &mut what) {
            (Mood::Fails, _) => return Err(SendError::Unreachable("nobody answers".to_owned())),
            (Mood::Refuses, _) => return Err(SendError::Refused("401".to_owned())),
            (Mood::Rejects(bad), What::Events(events)) if events.iter().any(|e| e.identifier == *bad) => {
                return Err(SendError::Rejected("not this one".to_owned()));
            }
            (Mood::NeverWants(bad), What::Events(events)) if events.iter().any(|e| e.identifier == *bad) => {
                return Err(SendError::Unwanted("never this one".to_owned()));
            }
            (Mood::Later(bad), What::Events(events)) if events.iter().any(|e| e.identifier == *bad) => {
                return Err(SendError::Later("not this one now".to_owned()));
            }
            (Mood::AllLater, _) => return Err(SendError::Later("not now".to_owned())),
            (Mood::Panics, _) => {
                self.set(host, Mood::Takes);
                panic!("as a test");
            }
            (Mood::TakesOnly(count), What::Events(events)) => events.truncate(*count),
            _ => {}
        }
        let is_lost = mood == Mood::AnswerLost;
        let accepted = if let What::Events(events) = &what {
            events.len()
        } else {
            0
        };
        let delivered = Delivered {
            host: host.to_owned(),
            subscription: subscription.id.clone(),
            what,
        };
        self.log.lock().push(delivered);
        if is_lost {
            return Err(SendError::Unreachable("no whole answer".to_owned()));
        }
        Ok(Receipt {
            from_destination: host == line_to,
            accepted,
            learned_pin: Some(vec![7; 32]),
        })
    }
}

struct TestLine {
    courier: Arc<TestCourier>,
    host: String,
    options: u64,
    steps: Steps,
}

impl Courier for Arc<TestCourier> {
    fn line(&self, target: &Target) -> Box<dyn Line> {
        let options = self.options.load(Relaxed);
        self.lines.lock().push(options);
        Box::new(TestLine {
            courier: Arc::clone(self),
            options,
            host: target.destination.url.host.clone(),
            steps: Steps::default(),
        })
    }
}

impl Line for TestLine {
    fn send<'a>(&'a mut self, parcel: &'a Parcel) -> Sending<'a> {
        Box::pin(async move {
            let now = self.courier.clock.get().unwrap().boot();
            self.courier.tries.lock().push((self.host.clone(), now));
            if self.courier.moods.lock().get(&self.host) == Some(&Mood::Hangs) {
                std::future::pending::<()>().await;
            }
            let mood = self.courier.moods.lock().get(&self.host).cloned();
            let leaves = mood != Some(Mood::Fails);
            self.steps.sent = leaves.then_some(Duration::ZERO);
            self.courier.take(&self.host, parcel)
        })
    }

    fn steps(&self) -> Steps {
        self.steps
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn is_current(&self) -> bool {
        self.options == self.courier.options.load(Relaxed)
    }
}

pub(super) struct World {
    pub clock: ManualClock,
    pub courier: Arc<TestCourier>,
    pub registry: Registry,
    pub store: Store,
    alerts: u128,
}

pub(super) const RETRY: RetrySchedule = RetrySchedule {
    first: Duration::from_secs(10),
    max: Duration::from_secs(300),
    total: Duration::from_secs(72 * 3_600),
    attempts: UNBOUNDED,
};

/// What may wait for one destination.
pub(super) const MAX_QUEUE_BYTES: u64 = 400 * 1024;

pub(super) fn settings() -> Settings {
    Settings {
        terms: LeaseTerms {
            default: Duration::from_secs(3_600),
            min: Duration::from_secs(60),
            max: Duration::from_secs(86_400),
        },
        queue_keep: Duration::from_secs(86_400),
        max_per_account: 2_000,
        rule: DestinationRule::new(vec!["10.0.0.0/8".parse().unwrap()]),
        retry: RETRY,
        on_fatal_error: OnFatalError::Remove,
        default_port: 6_736,
        filter_creation: true,
        max_queue_bytes: MAX_QUEUE_BYTES,
        keep_alerts: 1_000,
        system_name: "agent.example".to_owned(),
    }
}

/// Compiled once for all tests of this room.
pub(super) fn schema() -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    Arc::clone(SCHEMA.get_or_init(|| Arc::new(crate::cim::schema::house().unwrap())))
}

impl World {
    pub async fn new(folder: &Path) -> Self {
        let clock = ManualClock::new(
            BootTime::from_millis(1_000_000),
            WallTime::from_unix_micros(1 << 50),
        );
        Self::restarted(folder, clock, Arc::default(), "boot-1").await
    }

    /// Begins with what `folder` holds.
    pub async fn restarted(folder: &Path, clock: ManualClock, courier: Arc<TestCourier>, boot: &str) -> Self {
        let _ = courier.clock.set(clock.clone());
        let store = Store::open(folder, WallTime::default()).unwrap().store;
        let now = Moment {
            boot: clock.boot(),
            wall: clock.wall(),
        };
        let begin = Begin {
            boot_id: boot.to_owned(),
            now,
            grace: Duration::from_secs(300),
        };
        let loaded = store.ask(begin).await.unwrap();
        let parts = RegistryParts {
            store: store.clone(),
            clock: Arc::new(clock.clone()),
            courier: Arc::new(Arc::clone(&courier)),
            schema: schema(),
            settings: settings(),
            on_alert: Arc::new(|_| {}),
        };
        let registry = Registry::start(parts, &loaded);
        Self {
            clock,
            courier,
            registry,
            store,
            alerts: u128::from(loaded.starts) << 64,
        }
    }

    /// Stops everything, as a service manager would.
    pub async fn stop(self) -> (ManualClock, Arc<TestCourier>) {
        self.registry.stop(Duration::from_secs(5)).await;
        self.store.close_async().await;
        (self.clock, self.courier)
    }

    pub async fn subscribe(&self, host: &str) -> String {
        self.registry
            .subscribe(request(host, DeliveryMode::Push))
            .await
            .unwrap()
            .id
    }

    /// Something happens; its identifier.
    pub async fn alert(&mut self) -> String {
        self.alerts(1).await.remove(0)
    }

    pub async fn alerts(&mut self, count: usize) -> Vec<String> {
        let alerts: Vec<Alert> = (0..count).map(|_| self.fresh_alert()).collect();
        let identifiers = alerts.iter().map(|alert| alert.identifier.clone()).collect();
        self.registry
            .publish(Publication {
                alerts,
                ..Publication::default()
            })
            .await
            .unwrap();
        identifiers
    }

    /// One that nobody was told of yet.
    pub fn fresh_alert(&mut self) -> Alert {
        self.alerts += 1;
        let identifier = format!("ESM:{}", uuid::Uuid::from_u128(self.alerts));
        Alert {
            identifier,
            ..sample(State::Warning)
        }
    }

    /// Waits until `host` has taken so many events.
    pub async fn until_events(&self, host: &str, count: usize) -> Vec<Event> {
        until(
            || self.courier.events(host).len() >= count,
            || format!("{:?}", self.courier.at(host)),
        )
        .await;
        self.courier.events(host)
    }

    /// Waits until a try to deliver to `host` has failed so often.
    pub async fn until_failures(&self, host: &str, failures: u32) {
        let fare = || self.destination(host).map(|status| status.fare);
        until(
            || fare().is_some_and(|fare| fare.failures >= failures),
            || format!("{:?}", fare()),
        )
        .await;
    }

    pub async fn until_queued(&self, host: &str, queued: u64) {
        let fare = || self.destination(host).map(|status| status.fare);
        until(
            || fare().is_some_and(|fare| fare.queued == queued),
            || format!("{:?}", fare()),
        )
        .await;
    }

    pub fn destination(&self, host: &str) -> Option<DestinationStatus> {
        self.registry
            .destinations()
            .into_iter()
            .find(|status| status.destination.url.host == host)
    }

    pub fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

/// Time that goes by while it is held, 5 s at a time.
pub(super) struct Passing(tokio::task::JoinHandle<()>);

impl Passing {
    pub fn of(clock: &ManualClock) -> Self {
        let clock = clock.clone();
        Self(tokio::spawn(async move {
            loop {
                clock.advance(Duration::from_secs(5));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for a condition that other tasks bring about.
pub(super) async fn until(condition: impl Fn() -> bool, shown: impl Fn() -> String) {
    for _ in 0..5_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come about: {}", shown());
}

pub(super) fn request(host: &str, mode: DeliveryMode) -> SubscribeRequest {
    let target = (mode != DeliveryMode::Pull).then(|| NewTarget {
        url: format!("https://{host}:6736/").parse().unwrap(),
        credentials: None,
        thumbprint: None,
    });
    SubscribeRequest {
        owner: "operator".to_owned(),
        filter: Filter::Class {
            namespace: "root/ESMPRO/AS".to_owned(),
            class: "CIM_AlertIndication".to_owned(),
        },
        protocol: Protocol::Eventing(EventingOptions {
            mode,
            reference_parameters: String::new(),
            end_to: None,
            addressing_1_0: false,
            heartbeat_millis: None,
            bookmarks: false,
            batch: Batch::default(),
            locale: None,
            utf16: false,
            max_envelope_bytes: None,
        }),
        target,
        expires: None,
        bookmark: None,
        from: None,
    }
}

pub(super) fn for_secs(secs: u64) -> Option<Expiry> {
    Some(Expiry::After(Duration::from_secs(secs)))
}

pub(super) fn identifiers(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.identifier.as_str()).collect()
}

pub(super) fn numbers(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.number).collect()
}
