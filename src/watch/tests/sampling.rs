//! The sampling as a whole: a broker whose only provider shows what the test sets, the loop, the disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::alert::{Alert, State};
use crate::broker::Broker;
use crate::cim::schema::{Schema, house};
use crate::cim::{CimError, Instance, Name, Namespace};
use crate::clock::{Clock, ManualClock};
use crate::delivery::courier::{Courier, Line, Target};
use crate::delivery::{DestinationRule, Registry, RegistryParts, RetrySchedule, Settings, UNBOUNDED};
use crate::monitor::{Overrides, RuleSet, Setting, SettingValue, default_rules};
use crate::provider::{InstanceProvider, InstanceStream, RequestContext};
use crate::store::Store;
use crate::store::commands::Begin;
use crate::subscription::{LeaseTerms, Moment, OnFatalError};
use crate::time::{BootTime, WallTime};
use crate::watch::{Monitors, Watch, run};

/// What there is to see: mount point to UUID and free percent, and whether the class can be read at all.
#[derive(Default)]
struct FileSystems {
    mounted: Mutex<BTreeMap<&'static str, (&'static str, Option<f64>)>>,
    broken: Mutex<bool>,
    sampled: Mutex<u32>,
}

struct FileSystemProvider(Name, Arc<FileSystems>);

impl InstanceProvider for FileSystemProvider {
    fn class_name(&self) -> &Name {
        &self.0
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        *self.1.sampled.lock() += 1;
        if *self.1.broken.lock() {
            return Err(CimError::failed("as a test"));
        }
        let class = self.0.clone();
        let mounted: Vec<_> = self
            .1
            .mounted
            .lock()
            .iter()
            .map(|(name, seen)| (*name, *seen))
            .collect();
        Ok(Box::new(mounted.into_iter().map(move |(name, (uuid, free))| {
            let mut instance = Instance::new(class.clone());
            instance.set("CSCreationClassName", "ESM_GeneralInformation");
            instance.set("CSName", "agent.example");
            instance.set("CreationClassName", "ESM_FileSystemThread");
            instance.set("Name", name);
            instance.set("InstanceID", format!("ESM:FileSystemThread:{name}"));
            instance.set("MountPoint", name);
            instance.set("MonitorIdentity", uuid);
            instance.set_or_null("FreePercent", crate::cim::CimType::Real64, free);
            Ok(Arc::new(instance))
        })))
    }
}

/// A provider with a fault.
struct Faulty(Name);

impl InstanceProvider for Faulty {
    fn class_name(&self) -> &Name {
        &self.0
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        panic!("as a test")
    }
}

struct NoCourier;

impl Courier for NoCourier {
    fn line(&self, _target: &Target) -> Box<dyn Line> {
        unreachable!("nobody subscribes here")
    }
}

struct World {
    clock: ManualClock,
    seen: Arc<FileSystems>,
    monitors: Monitors,
    told: Arc<Mutex<Vec<Alert>>>,
    store: Store,
    registry: Registry,
    sampling: tokio::task::JoinHandle<()>,
}

fn rules(ids: &[&str]) -> RuleSet {
    let rules = default_rules().into_iter();
    let rules = rules.filter(|rule| ids.contains(&rule.id.as_str())).collect();
    RuleSet::new(rules, Overrides::default(), Overrides::default())
}

fn file_system_rule_alone() -> RuleSet {
    rules(&["file-system"])
}

impl World {
    async fn new(folder: &Path, mounted: &[(&'static str, &'static str, f64)]) -> Self {
        let clock = ManualClock::new(
            BootTime::from_millis(100_000),
            WallTime::from_unix_micros(1 << 50),
        );
        let seen = Arc::new(FileSystems::default());
        for (name, uuid, free) in mounted {
            seen.mounted.lock().insert(name, (uuid, Some(*free)));
        }
        Self::started(folder, clock, seen, file_system_rule_alone()).await
    }

    async fn started(folder: &Path, clock: ManualClock, seen: Arc<FileSystems>, rules: RuleSet) -> Self {
        let shared: crate::clock::SharedClock = Arc::new(clock.clone());
        let schema: Arc<Schema> = Arc::new(house().unwrap());
        let provider = FileSystemProvider(Name::from_static("ESM_FileSystemThread"), Arc::clone(&seen));
        let namespace = Namespace::from_static("root/ESMPRO/AS");
        let broker = Broker::builder(Arc::clone(&schema))
            .serve(std::slice::from_ref(&namespace), Arc::new(provider))
            .serve(
                std::slice::from_ref(&namespace),
                Arc::new(Faulty(Name::from_static("ESM_Processor"))),
            )
            .build()
            .unwrap();
        let store = Store::open(folder, clock.wall()).unwrap().store;
        let now = Moment {
            boot: clock.boot(),
            wall: clock.wall(),
        };
        let begin = Begin {
            boot_id: "boot".to_owned(),
            now,
            grace: Duration::ZERO,
        };
        let loaded = store.ask(begin).await.unwrap();
        let told: Arc<Mutex<Vec<Alert>>> = Arc::default();
        let observed = Arc::clone(&told);
        let parts = RegistryParts {
            store: store.clone(),
            clock: Arc::clone(&shared),
            courier: Arc::new(NoCourier),
            schema,
            settings: settings(),
            on_alert: Arc::new(move |alert| observed.lock().push(alert.clone())),
        };
        let registry = Registry::start(parts, &loaded);
        let monitors = Monitors::new(rules, loaded.monitors, Arc::clone(&shared));
        let watch = Watch {
            broker: Arc::new(broker),
            monitors: monitors.clone(),
            registry: registry.clone(),
            clock: shared,
            system_name: "agent.example".into(),
        };
        let sampling = tokio::spawn(run(watch));
        let world = Self {
            clock,
            seen,
            monitors,
            told,
            store,
            registry,
            sampling,
        };
        world.until_sampled().await;
        world
    }

    async fn restarted(self, folder: &Path) -> Self {
        self.sampling.abort();
        self.registry.stop(Duration::from_secs(5)).await;
        self.store.close_async().await;
        Self::started(folder, self.clock, self.seen, file_system_rule_alone()).await
    }

    fn set(&self, name: &'static str, free: Option<f64>) {
        if let Some(seen) = self.seen.mounted.lock().get_mut(name) {
            seen.1 = free;
        }
    }

    /// One interval goes by, and its samples are judged.
    async fn interval(&self) {
        self.clock.advance(Duration::from_secs(60));
        self.until_sampled().await;
    }

    /// Waits until whatever is due was sampled, judged and written down.
    async fn until_sampled(&self) {
        for _ in 0..5_000 {
            if self.monitors.due().0.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("still due: {:?}", self.monitors.due());
    }

    fn state(&self, name: &str) -> State {
        let views = self.monitors.list();
        let view = views
            .iter()
            .find(|view| view.instance.as_deref() == Some(name))
            .unwrap();
        view.state.as_ref().unwrap().state
    }

    #[track_caller]
    fn check(&self, name: &str, state: State, told: &[&str]) {
        assert_eq!(self.state(name), state);
        let found: Vec<_> = self
            .told
            .lock()
            .drain(..)
            .map(|alert| format!("{} {}", alert.event_id, alert.target.name))
            .collect();
        assert_eq!(found, told);
    }
}

fn settings() -> Settings {
    let hour = Duration::from_secs(3_600);
    Settings {
        terms: LeaseTerms {
            default: hour,
            min: hour,
            max: hour,
        },
        queue_keep: hour,
        max_per_account: 1,
        rule: DestinationRule::default(),
        retry: RetrySchedule {
            first: hour,
            max: hour,
            total: hour,
            attempts: UNBOUNDED,
        },
        on_fatal_error: OnFatalError::Remove,
        default_port: 6_736,
        filter_creation: true,
        max_queue_bytes: 1 << 20,
        keep_alerts: 100,
        system_name: "agent.example".to_owned(),
    }
}

/// A class that cannot be read at all must not silence what watches the others.
#[tokio::test]
async fn a_provider_that_panics_holds_up_no_other_rule() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(
        BootTime::from_millis(100_000),
        WallTime::from_unix_micros(1 << 50),
    );
    let seen = Arc::new(FileSystems::default());
    let world = World::started(folder.path(), clock, seen, rules(&["cpu", "file-system"])).await;
    // The supervisor is told of it.
    assert!(world.sampling.await.unwrap_err().is_panic());
    assert_eq!(*world.seen.sampled.lock(), 1);
}

#[tokio::test]
async fn a_file_system_that_fills_is_told_of_once_for_each_state() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), &[("/", "u-root", 50.0), ("/var", "u-var", 50.0)]).await;
    world.check("/var", State::Normal, &[]);
    for (free, state, told) in [
        (9.0, State::Warning, &["80000301 /var"][..]),
        (11.0, State::Warning, &[]),
        (2.0, State::Critical, &["C0000302 /var"]),
        (1.0, State::Critical, &[]),
        (5.0, State::Warning, &["80000303 /var"]),
        (60.0, State::Normal, &["40000304 /var"]),
    ] {
        world.set("/var", Some(free));
        world.interval().await;
        world.check("/var", state, told);
    }
}

#[tokio::test]
async fn nothing_is_repeated_and_nothing_is_missed_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), &[("/var", "u-var", 9.0)]).await;
    world.check("/var", State::Warning, &["80000301 /var"]);
    let world = world.restarted(folder.path()).await;
    world.check("/var", State::Warning, &[]);
    world.set("/var", Some(80.0));
    let world = world.restarted(folder.path()).await;
    world.check("/var", State::Normal, &["40000304 /var"]);
}

#[tokio::test]
async fn an_unmount_is_no_alert_and_the_identity_keeps_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), &[("/", "u-root", 50.0), ("/var", "u-var", 9.0)]).await;
    world.check("/var", State::Warning, &["80000301 /var"]);
    world.seen.mounted.lock().remove("/var");
    world.interval().await;
    world.check("/var", State::Unmonitored, &[]);
    // Mounted elsewhere it is the same file system, in the state that was told.
    world.seen.mounted.lock().insert("/srv", ("u-var", Some(8.0)));
    world.interval().await;
    world.check("/srv", State::Warning, &[]);
    world.set("/srv", Some(50.0));
    world.interval().await;
    world.check("/srv", State::Normal, &["40000304 /srv"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), &[("/", "u-root", 50.0), ("/var", "u-var", 50.0)]).await;
    world.set("/var", None);
    world.interval().await;
    world.check("/var", State::Unknown, &["80000305 /var"]);
    world.check("/", State::Normal, &[]);
    world.set("/var", Some(50.0));
    world.interval().await;
    world.check("/var", State::Normal, &["40000304 /var"]);
    // Where the class as a whole cannot be read, nothing is known of any of them.
    *world.seen.broken.lock() = true;
    world.interval().await;
    world.check("/var", State::Unknown, &["80000305 /", "80000305 /var"]);
    *world.seen.broken.lock() = false;
    world.interval().await;
    world.check("/", State::Normal, &["40000304 /", "40000304 /var"]);
}

#[tokio::test]
async fn a_shorter_interval_counts_at_once_and_for_its_own_instance_alone() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), &[("/", "u-root", 50.0), ("/var", "u-var", 50.0)]).await;
    let rules = world.monitors.rules();
    let mut remote = rules.remote().clone();
    let own = remote.entry("file-system", Some("u-var"));
    own.set(Setting::IntervalSecs, SettingValue::Count(2)).unwrap();
    world.monitors.set_rules(rules.with_remote(remote));
    world.set("/", Some(1.0));
    world.set("/var", Some(1.0));
    world.clock.advance(Duration::from_secs(2));
    world.until_sampled().await;
    world.check("/var", State::Critical, &["C0000302 /var"]);
    world.clock.advance(Duration::from_secs(58));
    world.until_sampled().await;
    world.check("/", State::Critical, &["C0000302 /"]);
}

#[tokio::test]
async fn a_change_that_is_not_on_disk_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), &[("/var", "u-var", 50.0)]).await;
    world.store.close_async().await;
    world.set("/var", Some(1.0));
    let before = *world.seen.sampled.lock();
    world.interval().await;
    assert!(*world.seen.sampled.lock() > before);
    world.check("/var", State::Normal, &[]);
    let world = world.restarted(folder.path()).await;
    world.check("/var", State::Critical, &["C0000302 /var"]);
}

#[tokio::test]
async fn what_is_forgotten_is_so_on_disk_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path(), &[("/", "u-root", 50.0), ("/var", "u-var", 9.0)]).await;
    world.check("/var", State::Warning, &["80000301 /var"]);
    world.seen.mounted.lock().remove("/var");
    world.interval().await;
    world.clock.advance(Duration::from_secs(30 * 86_400));
    world.until_sampled().await;
    let world = world.restarted(folder.path()).await;
    let views = world.monitors.list();
    let known: Vec<_> = views.iter().filter_map(|view| view.instance.as_deref()).collect();
    assert_eq!(known, ["/"]);
    world.seen.mounted.lock().insert("/var", ("u-var", Some(9.0)));
    world.interval().await;
    world.check("/var", State::Warning, &["80000301 /var"]);
}
