//! ESM_PageFile: the swap areas, and all of them together.

use std::sync::Arc;

use super::condition::{Condition, SetCondition, enabled_state};
use super::extent::{READ_WRITE, SetSize};
use super::host_class::{HostClass, Maker, TOTAL};
use super::percent::rounded;
use crate::cim::Instance;
use crate::host::mounts::name_text;
use crate::host::{Host, Memory, SwapArea, SwapKind};

pub(super) struct PageFileClass;

impl HostClass for PageFileClass {
    type Facts = (Arc<Memory>, Arc<Vec<SwapArea>>);
    const NAME: &'static str = "ESM_PageFile";
    const KEY: &'static str = "DeviceID";

    fn read(&self, host: &Host) -> Self::Facts {
        (host.memory(), host.swap_areas())
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        Some((host.peek_memory()?, host.peek_swap_areas()?))
    }

    fn instances(&self, (memory, areas): &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        let areas = areas.iter().map(|area| one(area, maker));
        std::iter::once(total(memory, maker)).chain(areas).collect()
    }
}

fn total(memory: &Memory, maker: &Maker) -> Arc<Instance> {
    let total = memory.swap_total_bytes;
    maker
        .device(TOTAL)
        .set("Caption", "All swap space")
        .condition(Condition::Ok, None)
        .set(
            "EnabledState",
            enabled_state(total.is_some_and(|bytes| bytes > 0)),
        )
        .set("Access", READ_WRITE)
        .size(total)
        .set("IsComposite", true)
        .maybe("TotalBytes", total)
        .maybe("UsedBytes", memory.swap_used_bytes())
        .maybe("FreeBytes", memory.swap_free_bytes)
        .maybe("UsedPercent", memory.swap_used_percent().map(rounded))
        .build()
}

fn one(area: &SwapArea, maker: &Maker) -> Arc<Instance> {
    maker
        .device(&name(area))
        .set("Caption", "Swap area")
        .condition(Condition::Ok, None)
        .set("EnabledState", enabled_state(true))
        .set("Access", READ_WRITE)
        .size(Some(area.total_bytes))
        .set("IsComposite", false)
        .set("TotalBytes", area.total_bytes)
        .set("UsedBytes", area.used_bytes)
        .set("FreeBytes", area.total_bytes.saturating_sub(area.used_bytes))
        .maybe("UsedPercent", area.used_percent().map(rounded))
        .maybe("Kind", area.kind.map(kind_name))
        .maybe(
            "Priority",
            area.priority.and_then(|priority| i32::try_from(priority).ok()),
        )
        .set("Path", name_text(&area.path))
        .build()
}

/// The kernel's name of a device, the path of a file.
fn name(area: &SwapArea) -> String {
    let path = name_text(&area.path);
    path.strip_prefix("/dev/").map_or(path.clone(), str::to_owned)
}

const fn kind_name(kind: SwapKind) -> &'static str {
    match kind {
        SwapKind::Partition => "partition",
        SwapKind::File => "file",
    }
}
