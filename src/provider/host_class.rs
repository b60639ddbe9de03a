//! Classes whose instances follow from one reading of the host.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};
use crate::cim::{CimError, Class, Instance, Name};
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

/// Serves a [`HostClass`]. Instances are built once per reading and shared by all who ask, so that an
/// enumeration costs no more than its encoding.
pub(super) struct HostProvider<C: HostClass> {
    host: Host,
    class: Arc<Class>,
    subject: C,
    built: Mutex<Option<Built<C::Facts>>>,
}

/// The instances of one reading. It keeps the reading, so that no later one can have its address.
struct Built<F> {
    facts: F,
    system_name: String,
    instances: Arc<[Arc<Instance>]>,
}

impl<C: HostClass> HostProvider<C> {
    /// Serves `subject` from `host` as instances of `class`.
    pub(super) fn new(host: Host, class: Arc<Class>, subject: C) -> Self {
        Self {
            host,
            class,
            subject,
            built: Mutex::new(None),
        }
    }

    /// Makes instances of this class as they are at this moment.
    pub(super) fn maker(&self) -> Maker {
        Maker {
            class: Arc::clone(&self.class),
            general: self.host.general(),
        }
    }

    /// The host that is read.
    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    fn instances(&self) -> Arc<[Arc<Instance>]> {
        let facts = self.subject.read(&self.host);
        let maker = self.maker();
        if let Some(instances) = self.already_built(&facts, maker.system_name()) {
            return instances;
        }
        let instances: Arc<[Arc<Instance>]> = self.subject.instances(&facts, &maker).into();
        *self.built.lock() = Some(Built {
            facts,
            system_name: maker.system_name().to_owned(),
            instances: Arc::clone(&instances),
        });
        instances
    }

    fn already_built(&self, facts: &C::Facts, system_name: &str) -> Option<Arc<[Arc<Instance>]>> {
        let built = self.built.lock();
        let built = built.as_ref()?;
        let same = built.facts.is(facts) && built.system_name == system_name;
        same.then(|| Arc::clone(&built.instances))
    }
}

impl<C: HostClass> InstanceProvider for HostProvider<C> {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        self.host.peek_general().is_some() && self.subject.peek(&self.host).is_some()
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let instances = self.instances();
        Ok(stream_of(
            (0..instances.len()).map_while(move |at| instances.get(at).cloned()),
        ))
    }

    fn estimate(&self) -> Option<u64> {
        let built = self.built.lock();
        u64::try_from(built.as_ref()?.instances.len()).ok()
    }
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

    /// `ESM:`, the class without its prefix, the name.
    fn instance_id(&self, name: &str) -> String {
        let class = self.class.name.as_str();
        format!("ESM:{}:{name}", class.strip_prefix("ESM_").unwrap_or(class))
    }
}
