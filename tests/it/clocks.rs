//! The wall clock of the machine is set by a day forward and back while the agent runs. libfaketime does that to
//! the agent alone, and leaves it the clocks that count the time since boot.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use esm::client::instance_name::InstanceName;
use esm::client::wsman::{Resource, WsmanClient};
use esm::wsman::addressing::EndpointReference;
use esm::wsman::eventing::Delivery;
use esm::wsman::time::Expires;
use esm::wsman::{Invoke, Subscribe};
use serde_json::Value;
use tokio::runtime::Builder;

use crate::agent::Agent;
use crate::crash::instances;
use crate::crash::load::LEASE;
use crate::manager::{Manager, Pair};

const DAY: i64 = 86_400;
const LONG_LEASE: Duration = Duration::from_secs(600);
/// Longer than the agent takes to notice that its clock was set.
const SHORT_LEASE: Duration = Duration::from_secs(4);
/// What a lease may last longer by, or an answer may be late by, on a loaded machine. A lease that followed the
/// wall clock would be off by a day.
const SLACK: Duration = Duration::from_secs(2);

const ALIVE: &str = "ESM_Alive?InstanceID=ESM:Alive:agent";
const CLOCK_STEPPED: &str = "40000606";
const LEASE_ENDED: &str = "80000604";
const TEST_ALERT: &str = "4000060B";

/// Nothing is told but what the test is about, however full the machine is.
const CONFIGURATION: &str = "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n\
                             subscriptions.min_lease_secs = 1\n\
                             [[monitor]]\nrule = \"file-system\"\nenabled = false\n";

/// The wall clock of an agent: so many seconds off the machine's.
struct WallClock {
    file: PathBuf,
}

impl WallClock {
    /// One that goes right.
    fn new(folder: &Path) -> Self {
        let clock = Self {
            file: folder.join("offset"),
        };
        clock.set(0);
        clock
    }

    /// Sets it, whole at once: the agent reads it with every look at its clock.
    fn set(&self, offset_secs: i64) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{offset_secs:+}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// An agent that goes by it.
    fn start_agent(&self) -> Agent {
        let library = faketime();
        let environment = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            // Files keep their own times.
            ("NO_FAKE_STAT", "1"),
        ];
        Agent::start_with_environment(CONFIGURATION, &environment)
    }
}

/// Where distributions have the library.
fn faketime() -> PathBuf {
    let arch = std::env::consts::ARCH;
    let folders = [format!("/usr/lib/{arch}-linux-gnu"), "/usr/lib64".to_owned()];
    let files = folders
        .iter()
        .map(|folder| Path::new(folder).join("faketime/libfaketime.so.1"));
    files
        .into_iter()
        .find(|file| file.exists())
        .expect("libfaketime is installed: run tests/run, which installs it")
}

/// A manager: what it asks, and where it is observer.
struct Observer {
    client: WsmanClient,
    notify_to: String,
}

impl Observer {
    /// Subscribes to the indications of a class.
    async fn subscribe(&mut self, class: &str, lease: Duration) -> String {
        let request = Subscribe {
            delivery: Delivery {
                notify_to: Some(EndpointReference::to(&self.notify_to)),
                ..Delivery::default()
            },
            expires: Some(Expires::After(lease)),
            ..Subscribe::default()
        };
        let events = resource(class);
        let subscribed = self.client.subscribe(&events, request, Vec::new()).await;
        subscribed.unwrap().content.identifier
    }

    /// What is left of a lease; none if the subscription is gone.
    async fn left(&mut self, identifier: &str) -> Option<Duration> {
        match self.client.get_status(identifier).await {
            Ok(status) => match status.content {
                Some(Expires::After(left)) => Some(left),
                other => panic!("{other:?}"),
            },
            Err(error) => {
                assert!(error.fault().is_some(), "{error}");
                None
            }
        }
    }

    /// Raises an alert.
    async fn alert(&mut self) {
        let alive = resource(ALIVE);
        let call = Invoke::new(&alive.uri, "SendTestAlert");
        let answer = self.client.invoke(&alive, call).await.unwrap().content;
        assert_eq!(answer.text("ReturnValue"), Some("0"));
    }

    /// The agent's wall clock, in seconds off the machine's.
    async fn clock_offset(&mut self) -> i64 {
        let alive = self.client.get(&resource(ALIVE)).await.unwrap().content;
        offset(alive.text("Time").unwrap())
    }
}

fn resource(name: &str) -> Resource {
    Resource::from(&name.parse::<InstanceName>().unwrap())
}

/// By how many seconds a CIM datetime of this moment is off the machine's clock, nearly.
fn offset(datetime: &str) -> i64 {
    let date = datetime.strip_suffix("+000").expect("the agent says UTC");
    let date = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S%.f", date).unwrap();
    let date = date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    date.duration_since(jiff::Timestamp::now()).as_secs()
}

#[track_caller]
fn assert_near(offset: i64, expect: i64) {
    let slack = i64::try_from(SLACK.as_secs()).unwrap();
    assert!(
        (offset - expect).abs() <= slack,
        "{offset} s instead of {expect} s"
    );
}

/// The next delivery, which has that place in the series: nothing is lost and nothing comes twice.
#[track_caller]
fn next_event(manager: &Manager, number: &mut u64) -> Value {
    let delivery = manager.next();
    let event = delivery["events"][0][1].clone();
    assert_eq!(event["SequenceNumber"], number.to_string(), "{delivery}");
    *number += 1;
    event
}

/// A lease that was granted between two moments.
struct Lease {
    identifier: String,
    length: Duration,
    asked: Instant,
    granted: Instant,
}

impl Lease {
    async fn ask(observer: &mut Observer, class: &str, length: Duration) -> Self {
        let asked = Instant::now();
        let identifier = observer.subscribe(class, length).await;
        Self {
            identifier,
            length,
            asked,
            granted: Instant::now(),
        }
    }

    /// The duration of a subscription that is made as an instance. Nothing is told to it: no threshold is crossed.
    async fn of_instance(observer: &mut Observer, listener: &str) -> Self {
        let asked = Instant::now();
        let made = instances::make(&mut observer.client, "ESM:ESMCPUPERF", listener, "/instance").await;
        Self {
            identifier: made.unwrap(),
            length: LEASE,
            asked,
            granted: Instant::now(),
        }
    }

    /// The agent says that as much is left of it as is.
    async fn lasts(&self, observer: &mut Observer) {
        let left = observer.left(&self.identifier).await;
        let left = left.unwrap_or_else(|| panic!("a lease of {:?} ended early", self.length));
        let expect = self.length.saturating_sub(self.asked.elapsed());
        assert!(
            left.abs_diff(expect) <= SLACK,
            "{left:?} are left instead of {expect:?}"
        );
    }

    /// Waits for its end, which may come neither early nor late.
    async fn ends_in_time(&self, observer: &mut Observer) {
        while observer.left(&self.identifier).await.is_some() {
            let lasted = self.granted.elapsed();
            assert!(
                lasted <= self.length + SLACK,
                "a lease of {:?} still lasts after {lasted:?}",
                self.length
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let lasted = self.asked.elapsed();
        assert!(
            lasted >= self.length,
            "a lease of {:?} ended after {lasted:?}",
            self.length
        );
    }
}

#[test]
fn a_clock_that_is_set_ends_no_lease_and_loses_no_alert() {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::tls(&Pair::make(folder.path()));
    let clock = WallClock::new(folder.path());
    let agent = clock.start_agent();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut observer = Observer {
            client: agent.client(),
            notify_to: manager.url("/"),
        };
        assert_near(observer.clock_offset().await, 0);
        let lasting = Lease::ask(&mut observer, "ESM_AlertIndication", LONG_LEASE).await;
        let by_instance = Lease::of_instance(&mut observer, &manager.url("")).await;
        let mut number = 0;
        let mut was = 0;
        for offset_secs in [DAY, 0, -DAY, 0] {
            // Nothing is told to this one: no threshold is crossed.
            let short = Lease::ask(&mut observer, "ESM_ThresholdIndication", SHORT_LEASE).await;
            observer.alert().await;
            clock.set(offset_secs);
            observer.alert().await;
            assert_near(observer.clock_offset().await, offset_secs);
            short.lasts(&mut observer).await;

            assert_eq!(next_event(&manager, &mut number)["EventID"], TEST_ALERT);
            // The agent may notice before or after the second alert.
            let mut both = [(); 2].map(|()| next_event(&manager, &mut number));
            both.sort_by_key(|event| event["EventID"] == TEST_ALERT);
            let [stepped, after] = both;
            assert_eq!(stepped["EventID"], CLOCK_STEPPED, "{stepped}");
            let said = stepped["MessageArguments"].as_str().unwrap();
            assert_near(said.parse().unwrap(), offset_secs - was);
            assert_eq!(after["EventID"], TEST_ALERT, "{after}");
            assert_near(offset(after["EventTime"].as_str().unwrap()), offset_secs);
            was = offset_secs;

            short.ends_in_time(&mut observer).await;
            assert_eq!(next_event(&manager, &mut number)["EventID"], LEASE_ENDED);
            lasting.lasts(&mut observer).await;
            by_instance.lasts(&mut observer).await;
        }
    });
    manager.nothing_more(Duration::ZERO);
    agent.stop();
}
