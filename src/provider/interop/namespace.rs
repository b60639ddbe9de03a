//! CIM_Namespace and `__Namespace`: which namespaces there are, other names included.

use std::sync::Arc;

use super::object_manager::ObjectManagerClass;
use crate::cim::schema::Schema;
use crate::cim::{CimError, Class, Instance, Name, Namespace};
use crate::host::{General, Host};
use crate::provider::host_class::{HostClass, Maker, SYSTEM_CLASS, instance_id};
use crate::provider::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};

/// The release of the CIM schema that the classes follow.
const SCHEMA_RELEASE: &str = "2.49.0";
/// `ClassInfo`: newer than what the values name.
const OTHER_RELEASE: u16 = 1;
/// `ClassType`: classes of the CIM schema.
const CIM_CLASSES: u16 = 2;

/// One instance per name of a namespace.
pub(super) struct NamespaceClass {
    names: Vec<Namespace>,
}

impl NamespaceClass {
    pub(super) fn new(schema: &Schema) -> Self {
        Self {
            names: schema.names().cloned().collect(),
        }
    }
}

impl HostClass for NamespaceClass {
    type Facts = Arc<General>;
    const NAME: &'static str = "CIM_Namespace";
    const KEY: &'static str = "Name";

    fn read(&self, host: &Host) -> Self::Facts {
        host.general()
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        host.peek_general()
    }

    fn instances(&self, _: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        let manager = instance_id(&Name::from_static(ObjectManagerClass::NAME), maker.system_name());
        let namespace = |name: &Namespace| {
            maker
                .begin(name.as_str())
                .set("Caption", "Namespace")
                .set("SystemCreationClassName", SYSTEM_CLASS)
                .set("SystemName", maker.system_name())
                .set("ObjectManagerCreationClassName", ObjectManagerClass::NAME)
                .set("ObjectManagerName", manager.as_str())
                .set("CreationClassName", Self::NAME)
                .set("Name", name.as_str())
                .set("ClassInfo", OTHER_RELEASE)
                .set("DescriptionOfClassInfo", format!("CIM {SCHEMA_RELEASE}"))
                .set("ClassType", CIM_CLASSES)
                .set("ClassTypeVersion", SCHEMA_RELEASE)
                .build()
        };
        self.names.iter().map(namespace).collect()
    }
}

/// Serves `__Namespace` in every namespace: the names of the namespaces below it, relative to it.
pub(super) struct NamespaceBelowProvider {
    class: Arc<Class>,
    names: Vec<Namespace>,
}

impl NamespaceBelowProvider {
    pub(super) const NAME: &'static str = "__Namespace";

    pub(super) fn new(class: Arc<Class>, schema: &Schema) -> Self {
        Self {
            class,
            names: schema.names().cloned().collect(),
        }
    }
}

impl InstanceProvider for NamespaceBelowProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, context: &RequestContext) -> Result<InstanceStream, CimError> {
        let above = context.namespace.as_str();
        let below = self.names.iter().filter_map(|name| {
            let (start, rest) = name.as_str().split_at_checked(above.len())?;
            let name = rest.strip_prefix('/')?;
            start.eq_ignore_ascii_case(above).then_some(name)
        });
        let instances: Vec<_> = below
            .map(|name| InstanceBuilder::new(&self.class).set("Name", name).build())
            .collect();
        Ok(stream_of(instances))
    }
}
