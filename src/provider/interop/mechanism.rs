//! CIM_CIMXMLCommunicationMechanism: that CIM-XML is spoken, and which parts of it.

use std::sync::Arc;
use std::time::Duration;

use crate::cim::Instance;
use crate::host::{General, Host};
use crate::provider::condition::{Condition, SetCondition, enabled_state};
use crate::provider::host_class::{HostClass, Maker};

/// `FunctionalProfilesSupported` (the functional groups of DSP0200): basic read and write, instance
/// manipulation, association traversal, query execution, indications, and pulled enumerations with their count
/// and their queries. Classes and qualifiers are read and cannot be changed.
const FUNCTIONAL_PROFILES: [u16; 9] = [2, 3, 5, 6, 7, 9, 10, 11, 12];
/// `AuthenticationMechanismsSupported`: Basic.
const BASIC: u16 = 3;
/// `AdvertiseTypes`: not advertised.
const NOT_ADVERTISED: u16 = 2;
/// `CIMXMLProtocolVersion`: 1.0.
const PROTOCOL_1_0: u16 = 1;

/// Tells the longest timeout that a pulled enumeration may ask for.
pub type PullTimeout = Arc<dyn Fn() -> Duration + Send + Sync>;

pub(super) struct MechanismClass {
    pub(super) longest_pull: PullTimeout,
}

impl HostClass for MechanismClass {
    type Facts = Arc<General>;
    const NAME: &'static str = "CIM_CIMXMLCommunicationMechanism";
    const KEY: &'static str = "Name";

    fn read(&self, host: &Host) -> Self::Facts {
        host.general()
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        host.peek_general()
    }

    fn instances(&self, _: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        let longest = u32::try_from((self.longest_pull)().as_secs()).unwrap_or(u32::MAX);
        let mechanism = maker
            .service("CIM-XML")
            .set("Caption", "Access by CIM-XML")
            .condition(Condition::Ok, None)
            .set("EnabledState", enabled_state(true))
            .set("FunctionalProfilesSupported", FUNCTIONAL_PROFILES.to_vec())
            .set("MultipleOperationsSupported", true)
            .set("AuthenticationMechanismsSupported", vec![BASIC])
            .set("Version", "1.0")
            .set("CIMXMLProtocolVersion", PROTOCOL_1_0)
            .set("AdvertiseTypes", vec![NOT_ADVERTISED])
            .set("CIMValidated", false)
            .set("PulledEnumerationContinuationOnErrorSupported", true)
            .set("PulledEnumerationMinimumOperationTimeout", 1_u32)
            .set("PulledEnumerationMaximumOperationTimeout", longest)
            // An account's oldest idle enumeration gives way when it opens too many.
            .set("PulledEnumerationClosureOnExceedingServerLimitsSupported", true)
            .set("PulledEnumerationNoOperationTimeoutSupported", false)
            .build();
        vec![mechanism]
    }
}
