//! Classes whose instances follow from one reading of the host.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, has_keys, stream_of};
use crate::cim::{CimError, Class, Instance, InstancePath, Name};
use crate::clock::{BootTime, SharedClock};
use crate::host::{General, Host};

/// The class of the system that all devices belong to.
pub(super) const SYSTEM_CLASS: &str = "ESM_GeneralInformation";

/// The key of the instance that stands for all others of its class together.
pub(super) const TOTAL: &str = "_Total";

/// One class whose instances follow from one reading of the host.
pub(super) trait HostClass: Send + Sync + 'static {
    /// What is read.
    type Facts: Reading;

    /// The name of the class.
    const NAME: &'static str;

    /// The key whose value tells an instance from the others of its class.
    const KEY: &'static str;

    /// Reads the facts, or takes those that are still fresh. It may block.
    fn read(&self, host: &Host) -> Self::Facts;

    /// The facts if they are still fresh; never blocks.
    fn peek(&self, host: &Host) -> Option<Self::Facts>;

    /// The instances that follow.
    fn instances(&self, facts: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>>;
}

/// A reading, or several together, that can be told from the next one without a look at the values.
pub(super) trait Reading: Send + Sync + 'static {
    /// Whether both are the very same reading.
    fn is(&self, other: &Self) -> bool;
}

impl<T: Send + Sync + 'static> Reading for Arc<T> {
    fn is(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other)
    }
}

impl<A: Reading, B: Reading> Reading for (A, B) {
    fn is(&self, other: &Self) -> bool {
        self.0.is(&other.0) && self.1.is(&other.1)
    }
}

/// How long after they were last known to be fresh the instances are still handed out. A caller who was told
/// that the answer is in memory is so never made to wait because a reading went stale in between.
const GRACE: Duration = Duration::from_millis(100);

/// How long after that nobody looks at the readings again to say so: what is left of the grace is for who was told.
const LEFT_TO_ASK: Duration = Duration::from_millis(20);

/// Serves a [`HostClass`]. Instances are built once per reading and shared by all who ask, so that an
/// enumeration costs no more than its encoding.
pub(super) struct HostProvider<C: HostClass> {
    host: Host,
    clock: SharedClock,
    class: Arc<Class>,
    /// Where [`HostClass::KEY`] stands among the properties.
    key_at: Option<usize>,
    subject: C,
    built: Mutex<Option<Built<C::Facts>>>,
}

type Instances = Arc<[Arc<Instance>]>;

/// The instances of one reading. It keeps the reading, so that no later one can have its address.
struct Built<F> {
    facts: F,
    system_name: String,
    instances: Instances,
    /// When the reading was last known to be fresh.
    fresh_at: BootTime,
}

impl<C: HostClass> HostProvider<C> {
    /// Serves `subject` from `host` as instances of `class`.
    pub(super) fn new(host: Host, clock: SharedClock, class: Arc<Class>, subject: C) -> Self {
        let key_at = class
            .properties
            .iter()
            .position(|property| property.name == *C::KEY);
        Self {
            host,
            clock,
            class,
            key_at,
            subject,
            built: Mutex::new(None),
        }
    }

    /// Makes instances of this class as they are at this moment.
    pub(super) fn maker(&self) -> Maker {
        self.maker_on(self.host.general())
    }

    /// The host that is read.
    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    /// The instances if they are at hand; never blocks.
    pub(super) fn instances_in_memory(&self) -> Option<Instances> {
        self.recent().or_else(|| self.ready())
    }

    /// The one of `instances` that has the keys of `path`. Of each one only the key that tells it from the
    /// others is looked at, so that a walk over hundreds of processors stays quick.
    pub(super) fn find(&self, instances: &Instances, path: &InstancePath) -> Option<Arc<Instance>> {
        let (at, wanted) = (self.key_at?, path.key(C::KEY)?);
        instances
            .iter()
            .find(|instance| {
                let key = instance.properties().get(at);
                key.and_then(|key| key.value.as_ref()) == Some(wanted)
            })
            .filter(|instance| has_keys(instance, path))
            .cloned()
    }

    fn instances(&self) -> Instances {
        self.instances_in_memory()
            .unwrap_or_else(|| self.build(self.subject.read(&self.host), &self.maker()))
    }

    /// What was fresh a moment ago.
    fn recent(&self) -> Option<Instances> {
        self.fresh_within(GRACE, |built| Arc::clone(&built.instances))
    }

    fn fresh_within<T>(&self, time: Duration, of: impl FnOnce(&Built<C::Facts>) -> T) -> Option<T> {
        let built = self.built.lock();
        let built = built.as_ref()?;
        let is_recent = self.clock.boot().since(built.fresh_at) <= time;
        is_recent.then(|| of(built))
    }

    /// What follows from readings that are still fresh.
    fn ready(&self) -> Option<Instances> {
        let general = self.host.peek_general()?;
        let facts = self.subject.peek(&self.host)?;
        Some(self.build(facts, &self.maker_on(general)))
    }

    fn maker_on(&self, general: Arc<General>) -> Maker {
        Maker {
            class: Arc::clone(&self.class),
            general,
        }
    }

    /// The instances of a reading, built unless they were before.
    fn build(&self, facts: C::Facts, maker: &Maker) -> Instances {
        let fresh_at = self.clock.boot();
        if let Some(built) = self.built.lock().as_mut()
            && built.facts.is(&facts)
            && built.system_name == maker.system_name()
        {
            built.fresh_at = fresh_at;
            return Arc::clone(&built.instances);
        }
        let instances: Instances = self.subject.instances(&facts, maker).into();
        *self.built.lock() = Some(Built {
            facts,
            system_name: maker.system_name().to_owned(),
            instances: Arc::clone(&instances),
            fresh_at,
        });
        instances
    }
}

impl<C: HostClass> InstanceProvider for HostProvider<C> {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        self.fresh_within(LEFT_TO_ASK, |_| ()).is_some() || self.ready().is_some()
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let instances = self.instances();
        Ok(stream_of(
            (0..instances.len()).map_while(move |at| instances.get(at).cloned()),
        ))
    }

    fn get(&self, _context: &RequestContext, path: &InstancePath) -> Result<Option<Arc<Instance>>, CimError> {
        Ok(self.find(&self.instances(), path))
    }

    fn estimate(&self) -> Option<u64> {
        let built = self.built.lock();
        u64::try_from(built.as_ref()?.instances.len()).ok()
    }
}

/// `ESM:`, the class without its prefix, the name: unique among the instances of all classes.
pub(super) fn instance_id(class: &Name, name: &str) -> String {
    let class = class.as_str();
    let bare = class.split_once('_').map_or(class, |(_, bare)| bare);
    format!("ESM:{bare}:{name}")
}

/// Makes instances of one class on one system.
pub(super) struct Maker {
    class: Arc<Class>,
    general: Arc<General>,
}

impl Maker {
    /// What the system is called in keys.
    pub(super) fn system_name(&self) -> &str {
        self.general.name()
    }

    /// Begins the instance that is told from others of its class by `name`.
    pub(super) fn begin(&self, name: &str) -> InstanceBuilder {
        InstanceBuilder::new(&self.class)
            .set("InstanceID", self.instance_id(name))
            .set("ElementName", name)
    }

    /// Begins an instance below CIM_LogicalDevice.
    pub(super) fn device(&self, name: &str) -> InstanceBuilder {
        self.begin(name)
            .set("SystemCreationClassName", SYSTEM_CLASS)
            .set("SystemName", self.system_name())
            .set("CreationClassName", self.class.name.as_str())
            .set("DeviceID", name)
            .set("Name", name)
    }

    /// Begins an instance below CIM_PhysicalElement.
    pub(super) fn physical(&self, name: &str) -> InstanceBuilder {
        self.begin(name)
            .set("CreationClassName", self.class.name.as_str())
            .set("Tag", name)
            .set("Name", name)
    }

    /// Begins an instance below CIM_OperatingSystem or CIM_FileSystem.
    pub(super) fn hosted(&self, name: &str) -> InstanceBuilder {
        self.begin(name)
            .set("CSCreationClassName", SYSTEM_CLASS)
            .set("CSName", self.system_name())
            .set("CreationClassName", self.class.name.as_str())
            .set("Name", name)
    }

    /// Begins an instance below CIM_Service or CIM_ServiceAccessPoint. There is one of its class on a system;
    /// `label` is what people call it.
    pub(super) fn service(&self, label: &str) -> InstanceBuilder {
        let id = self.instance_id(self.system_name());
        InstanceBuilder::new(&self.class)
            .set("InstanceID", id.as_str())
            .set("ElementName", label)
            .set("SystemCreationClassName", SYSTEM_CLASS)
            .set("SystemName", self.system_name())
            .set("CreationClassName", self.class.name.as_str())
            .set("Name", id)
    }

    /// `ESM:`, the class without its prefix, the name.
    fn instance_id(&self, name: &str) -> String {
        instance_id(&self.class.name, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::schema::house;
    use crate::cim::{Namespace, Value};
    use crate::clock::{ManualClock, WallTime};
    use crate::host::{HostOptions, Root};
    use crate::provider::Caller;
    use crate::provider::virtual_memory::VirtualMemoryClass;

    const ESM: Namespace = Namespace::from_static("root/ESMPRO/AS");

    /// A machine with a memory file that can be written anew.
    struct Machine {
        tree: tempfile::TempDir,
        clock: ManualClock,
        max_age: Duration,
        provider: HostProvider<VirtualMemoryClass>,
    }

    impl Machine {
        fn new() -> Self {
            let tree = tempfile::tempdir().unwrap();
            std::fs::create_dir(tree.path().join("proc")).unwrap();
            let clock = ManualClock::new(BootTime::from_millis(60_000), WallTime::default());
            let shared: SharedClock = Arc::new(clock.clone());
            let options = HostOptions::default();
            let max_age = options.max_age;
            let host = Host::new(Root::at(tree.path()), options, Arc::clone(&shared));
            let schema = house().unwrap();
            let class = Name::from_static(VirtualMemoryClass::NAME);
            let class = schema.namespace(&ESM).unwrap().class(&class).unwrap();
            let provider = HostProvider::new(host, shared, Arc::clone(class), VirtualMemoryClass);
            Self {
                tree,
                clock,
                max_age,
                provider,
            }
        }

        fn set_total_kib(&self, kib: u64) {
            let meminfo = format!("MemTotal: {kib} kB\nSwapTotal: 0 kB\n");
            std::fs::write(self.tree.path().join("proc/meminfo"), meminfo).unwrap();
        }

        fn enumerate(&self) -> Arc<Instance> {
            let context = RequestContext {
                caller: Caller::Agent,
                namespace: ESM,
                from: None,
            };
            let mut stream = self.provider.enumerate(&context).unwrap();
            stream.next().unwrap().unwrap()
        }

        fn total_kib(&self) -> Option<u64> {
            let total = self.enumerate().get("TotalBytes").and_then(Value::as_u64);
            total.map(|bytes| bytes / 1024)
        }
    }

    #[test]
    fn instances_are_shared_until_the_next_reading() {
        let machine = Machine::new();
        machine.set_total_kib(1);
        assert!(!machine.provider.answers_from_memory());
        let first = machine.enumerate();
        assert!(machine.provider.answers_from_memory());
        assert!(Arc::ptr_eq(&first, &machine.enumerate()));
        machine.set_total_kib(2);
        assert_eq!(machine.total_kib(), Some(1));
        machine
            .clock
            .advance(machine.max_age + GRACE + Duration::from_millis(1));
        assert!(!machine.provider.answers_from_memory());
        assert_eq!(machine.total_kib(), Some(2));
    }

    #[test]
    fn who_was_told_that_it_is_in_memory_gets_it_from_there() {
        let machine = Machine::new();
        machine.set_total_kib(1);
        machine.enumerate();
        machine.clock.advance(machine.max_age);
        assert!(machine.provider.answers_from_memory());
        machine.set_total_kib(2);
        machine.clock.advance(Duration::from_millis(1));
        assert_eq!(machine.total_kib(), Some(1), "stale by a millisecond");
        machine.clock.advance(LEFT_TO_ASK);
        assert!(!machine.provider.answers_from_memory());
        machine.clock.advance(GRACE);
        assert_eq!(machine.total_kib(), Some(2));
    }
}
