//! ESM_VideoController: the graphics adapters.

use std::sync::Arc;

use super::condition::{Condition, SetCondition, enabled_state};
use super::host_class::{HostClass, Maker};
use crate::cim::Instance;
use crate::host::{Host, VideoAdapter};

/// `ProtocolSupported`.
const PCI: u16 = 5;

pub(super) struct VideoControllerClass;

impl HostClass for VideoControllerClass {
    type Facts = Arc<Vec<VideoAdapter>>;
    const NAME: &'static str = "ESM_VideoController";
    const KEY: &'static str = "DeviceID";

    fn read(&self, host: &Host) -> Self::Facts {
        host.video_adapters()
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        host.peek_video_adapters()
    }

    fn instances(&self, adapters: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        adapters.iter().map(|adapter| one(adapter, maker)).collect()
    }
}

fn one(adapter: &VideoAdapter, maker: &Maker) -> Arc<Instance> {
    let device = adapter.device.clone();
    maker
        .device(&adapter.bus_address)
        .set("Caption", "Graphics adapter")
        .maybe("Description", device.clone())
        .condition(Condition::Unknown, None)
        .set("EnabledState", enabled_state(adapter.driver.is_some()))
        .maybe("ProtocolSupported", adapter.vendor_id.map(|_| PCI))
        .maybe("VideoProcessor", device.clone())
        .maybe(
            "Vendor",
            adapter.vendor.clone().or_else(|| number(adapter.vendor_id)),
        )
        .maybe("Device", device.or_else(|| number(adapter.device_id)))
        .maybe("Driver", adapter.driver.clone())
        .set("BusAddress", adapter.bus_address.as_str())
        .build()
}

/// A PCI number as lspci(8) writes it.
fn number(id: Option<u16>) -> Option<String> {
    id.map(|id| format!("0x{id:04x}"))
}
