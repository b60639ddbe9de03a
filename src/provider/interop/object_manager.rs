//! CIM_ObjectManager: the agent as a server of CIM.

use std::sync::Arc;

use crate::cim::Instance;
use crate::host::{General, Host};
use crate::provider::condition::{Condition, SetCondition, enabled_state};
use crate::provider::host_class::{HostClass, Maker};

/// What people call it; clients show it as the brand of the server.
const LABEL: &str = "ESM Agent";

pub(super) struct ObjectManagerClass;

impl HostClass for ObjectManagerClass {
    type Facts = Arc<General>;
    const NAME: &'static str = "CIM_ObjectManager";
    const KEY: &'static str = "Name";

    fn read(&self, host: &Host) -> Self::Facts {
        host.general()
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        host.peek_general()
    }

    fn instances(&self, _: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        // Clients look for the version behind the word, at the very end.
        let description = concat!("ESM Agent Version ", env!("CARGO_PKG_VERSION"));
        let manager = maker
            .service(LABEL)
            .set("Caption", "Object manager")
            .set("Description", description)
            .condition(Condition::Ok, None)
            .set("EnabledState", enabled_state(true))
            .set("Started", true)
            .set("GatherStatisticalData", false)
            .build();
        vec![manager]
    }
}
