//! ESM_OperatingSystem: the operating system that runs the server.

use std::sync::Arc;

use super::condition::{Condition, SetCondition, enabled_state};
use super::date::{local, utc_offset_minutes};
use super::general_information::os_version;
use super::host_class::{HostClass, Maker};
use crate::cim::{DateTime, Instance};
use crate::clock::SharedClock;
use crate::host::{General, Host, Memory};

/// `OSType` of Linux distributions in 32 and 64 bits, by the ID of os-release(5).
const OS_TYPES: [(&str, u16, u16); 8] = [
    ("centos", 106, 107),
    ("debian", 95, 96),
    ("mandriva", 89, 90),
    ("ol", 108, 109),
    ("rhel", 79, 80),
    ("sles", 84, 85),
    ("suse", 82, 83),
    ("ubuntu", 93, 94),
];

/// `OSType` of any other Linux.
const LINUX: (u16, u16) = (36, 101);

/// Serves the operating system. Its sizes are in units of 1024 bytes, as the class has it.
pub(super) struct OperatingSystemClass {
    pub(super) clock: SharedClock,
}

impl HostClass for OperatingSystemClass {
    type Facts = (Arc<General>, Arc<Memory>);
    const NAME: &'static str = "ESM_OperatingSystem";
    const KEY: &'static str = "Name";

    fn read(&self, host: &Host) -> Self::Facts {
        (host.general(), host.memory())
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        Some((host.peek_general()?, host.peek_memory()?))
    }

    fn instances(&self, (general, memory): &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        let kib = |bytes: Option<u64>| bytes.map(|bytes| bytes / 1024);
        let now = self.clock.wall();
        let instance = maker
            .hosted(general.os.name.as_deref().unwrap_or("Linux"))
            .set("Caption", "Operating system")
            .condition(Condition::Ok, None)
            .set("EnabledState", enabled_state(true))
            .set("OSType", os_type(general))
            .maybe("OtherTypeDescription", general.os.pretty_name.clone())
            .maybe("Version", os_version(general))
            .maybe("LastBootUpTime", general.boot_time.map(DateTime::from_wall))
            .maybe("LocalDateTime", local(now))
            .set("CurrentTimeZone", utc_offset_minutes(now))
            .maybe("NumberOfProcesses", general.process_count)
            .maybe("MaxNumberOfProcesses", general.max_processes)
            .maybe("TotalSwapSpaceSize", kib(memory.swap_total_bytes))
            .maybe("TotalVirtualMemorySize", kib(memory.virtual_total_bytes()))
            .maybe("FreeVirtualMemory", kib(memory.virtual_free_bytes()))
            .maybe("FreePhysicalMemory", kib(memory.free_bytes))
            .maybe("TotalVisibleMemorySize", kib(memory.total_bytes))
            .maybe("SizeStoredInPagingFiles", kib(memory.swap_total_bytes))
            .maybe("FreeSpaceInPagingFiles", kib(memory.swap_free_bytes))
            .set("Distributed", false)
            .maybe("DistributionID", general.os.id.clone())
            .maybe("KernelVersion", general.kernel_release.clone())
            .maybe("Architecture", general.architecture.clone())
            .set("UpTimeSecs", self.clock.boot().as_duration().as_secs())
            .build();
        vec![instance]
    }
}

fn os_type(general: &General) -> u16 {
    let id = general.os.id.as_deref().unwrap_or_default();
    let (narrow, wide) = OS_TYPES
        .iter()
        .find(|(known, ..)| *known == id)
        .map_or(LINUX, |(_, narrow, wide)| (*narrow, *wide));
    let architecture = general.architecture.as_deref().unwrap_or_default();
    let is_wide = architecture.contains("64") || architecture == "s390x";
    if is_wide { wide } else { narrow }
}
