//! ESM_GeneralInformation: the server as a whole.

use std::sync::Arc;

use super::condition::{Condition, SetCondition, enabled_state};
use super::date::midnight;
use super::host_class::{HostClass, Maker};
use crate::cim::{DateTime, Instance};
use crate::host::{General, Host, Memory, Processors};

/// `Dedicated`: for no one purpose.
const NOT_DEDICATED: u16 = 0;

pub(super) struct GeneralInformationClass {
    /// Whether the agent serves data and does no more.
    pub(super) provider_only: bool,
}

impl HostClass for GeneralInformationClass {
    type Facts = (Arc<General>, (Arc<Memory>, Arc<Processors>));
    const NAME: &'static str = "ESM_GeneralInformation";
    const KEY: &'static str = "Name";

    fn read(&self, host: &Host) -> Self::Facts {
        (host.general(), (host.memory(), host.processors()))
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        Some((
            host.peek_general()?,
            (host.peek_memory()?, host.peek_processors()?),
        ))
    }

    fn instances(&self, (general, (memory, processors)): &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        let (firmware, system) = (&general.smbios.firmware, &general.smbios.system);
        let (mode, capabilities): (_, &[&str]) = if self.provider_only {
            ("provider-only", &[])
        } else {
            ("service", &["monitoring", "reporting", "settings"])
        };
        let uuid = system.uuid.as_ref();
        let instance = maker
            .begin(general.name())
            .set("Caption", "Server")
            .set("Description", "The server that this agent looks after")
            .condition(Condition::Ok, None)
            .set("EnabledState", enabled_state(true))
            .set("CreationClassName", Self::NAME)
            .set("Name", general.name())
            .set("NameFormat", "Other")
            .maybe("OtherIdentifyingInfo", uuid.map(|uuid| vec![uuid.to_string()]))
            .maybe("IdentifyingDescriptions", uuid.map(|_| vec!["CIM:GUID"]))
            .set("Dedicated", vec![NOT_DEDICATED])
            .set("HostName", general.host_name.as_str())
            .maybe("FQDN", general.fqdn.clone())
            .maybe("Manufacturer", system.manufacturer.clone())
            .maybe("Model", system.product.clone())
            .maybe("SerialNumber", system.serial.clone())
            .maybe("AssetTag", general.smbios.chassis.asset_tag.clone())
            .maybe("UUID", uuid.map(ToString::to_string))
            .maybe("UUIDBytes", uuid.map(|uuid| uuid.raw().to_vec()))
            .maybe("BIOSVendor", firmware.vendor.clone())
            .maybe("BIOSVersion", firmware.version.clone())
            .maybe("BIOSReleaseDate", firmware.ymd().and_then(midnight))
            .maybe("OSName", general.os.name.clone())
            .maybe("OSVersion", os_version(general))
            .maybe("KernelVersion", general.kernel_release.clone())
            .maybe("Architecture", general.architecture.clone())
            .maybe("BootTime", general.boot_time.map(DateTime::from_wall))
            .maybe(
                "LogicalProcessorCount",
                u32::try_from(processors.online_count()).ok(),
            )
            .maybe("TotalMemoryBytes", memory.total_bytes)
            .set("AgentVersion", env!("CARGO_PKG_VERSION"))
            .set("Mode", mode)
            .set("Capabilities", capabilities.to_vec())
            .build();
        vec![instance]
    }
}

/// The version by number, or, on distributions without numbers, as it is called.
pub(super) fn os_version(general: &General) -> Option<String> {
    let os = &general.os;
    os.version_id.clone().or_else(|| os.version.clone())
}
