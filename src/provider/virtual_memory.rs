//! ESM_VirtualMemory: physical memory and swap space together.

use std::sync::Arc;

use super::condition::{Condition, SetCondition, enabled_state};
use super::extent::{READ_WRITE, SetSize};
use super::host_class::{HostClass, Maker, TOTAL};
use super::percent::rounded;
use crate::cim::Instance;
use crate::host::{Host, Memory};

pub(super) struct VirtualMemoryClass;

impl HostClass for VirtualMemoryClass {
    type Facts = Arc<Memory>;
    const NAME: &'static str = "ESM_VirtualMemory";
    const KEY: &'static str = "DeviceID";

    fn read(&self, host: &Host) -> Arc<Memory> {
        host.memory()
    }

    fn peek(&self, host: &Host) -> Option<Arc<Memory>> {
        host.peek_memory()
    }

    fn instances(&self, memory: &Arc<Memory>, maker: &Maker) -> Vec<Arc<Instance>> {
        let instance = maker
            .device(TOTAL)
            .set("Caption", "Virtual memory")
            .condition(Condition::Ok, None)
            .set("EnabledState", enabled_state(true))
            .set("Access", READ_WRITE)
            .size(memory.virtual_total_bytes())
            .set("IsComposite", true)
            .maybe("TotalBytes", memory.virtual_total_bytes())
            .maybe("UsedBytes", memory.virtual_used_bytes())
            .maybe("FreeBytes", memory.virtual_free_bytes())
            .maybe("UsedPercent", memory.virtual_used_percent().map(rounded))
            .maybe("InUsePercent", memory.virtual_in_use_percent().map(rounded))
            .maybe("CommitLimitBytes", memory.commit_limit_bytes)
            .maybe("CommittedBytes", memory.committed_bytes)
            .build();
        vec![instance]
    }
}
