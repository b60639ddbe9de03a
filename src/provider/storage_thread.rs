//! ESM_StorageThread: the whole disks.

use std::sync::Arc;

use super::condition::{Condition, SetCondition, enabled_state};
use super::host_class::{HostClass, Maker};
use crate::cim::Instance;
use crate::host::{Bus, Disk, Health, Host};

/// `DiskType`.
const HARD_DISK_DRIVE: u16 = 2;
const SOLID_STATE_DRIVE: u16 = 3;

/// `Capabilities`.
const RANDOM_ACCESS: u16 = 3;
const SUPPORTS_WRITING: u16 = 4;
const REMOVABLE_MEDIA: u16 = 7;

/// `InterconnectType`: none of the list.
const OTHER: u16 = 1;

pub(super) struct StorageClass;

impl HostClass for StorageClass {
    type Facts = Arc<Vec<Disk>>;
    const NAME: &'static str = "ESM_StorageThread";
    const KEY: &'static str = "DeviceID";

    fn read(&self, host: &Host) -> Self::Facts {
        host.disks()
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        host.peek_disks()
    }

    fn instances(&self, disks: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        disks.iter().map(|disk| one(disk, maker)).collect()
    }
}

fn one(disk: &Disk, maker: &Maker) -> Arc<Instance> {
    let interconnect = disk.bus.map(interconnect_type);
    maker
        .device(&disk.name)
        .set("Caption", "Disk")
        .condition(condition(disk.health), None)
        .set("EnabledState", enabled_state(disk.health != Health::Failed))
        .maybe("OtherIdentifyingInfo", disk.wwid.clone().map(|wwid| vec![wwid]))
        .maybe(
            "IdentifyingDescriptions",
            disk.wwid.as_ref().map(|_| vec!["WWID"]),
        )
        .set("Capabilities", capabilities(disk))
        // The class counts in kilobytes.
        .maybe("MaxMediaSize", disk.size_bytes.map(|bytes| bytes / 1000))
        .maybe("DefaultBlockSize", disk.logical_block_bytes)
        .maybe("MinBlockSize", disk.logical_block_bytes)
        .maybe("DiskType", disk_type(disk))
        .maybe("InterconnectType", interconnect)
        .maybe(
            "OtherInterconnectType",
            disk.bus
                .filter(|_| interconnect == Some(OTHER))
                .map(|bus| bus.name()),
        )
        .maybe("Manufacturer", disk.vendor.clone())
        .maybe("Model", disk.model.clone())
        .maybe("SerialNumber", disk.serial.clone())
        .maybe("FirmwareVersion", disk.firmware.clone())
        .maybe("SizeBytes", disk.size_bytes)
        .maybe("Bus", disk.bus.map(|bus| bus.name()))
        .maybe("Rotational", disk.rotational)
        .maybe("Removable", disk.removable)
        .maybe("DriveHealth", drive_health(disk.health))
        .maybe(
            "TemperatureCelsius",
            disk.temperature.celsius().map(whole_degrees),
        )
        .maybe("WearPercent", disk.wear_percent.map(u16::from))
        .maybe("SysfsState", disk.state.clone())
        .set("DevicePath", format!("/dev/{}", disk.name))
        .build()
}

const fn condition(health: Health) -> Condition {
    match health {
        Health::Unknown => Condition::Unknown,
        Health::Ok => Condition::Ok,
        Health::PredictiveFailure => Condition::PredictiveFailure,
        Health::Failed => Condition::Error,
    }
}

const fn drive_health(health: Health) -> Option<u16> {
    match health {
        Health::Unknown => None,
        Health::Ok => Some(1),
        Health::PredictiveFailure => Some(2),
        Health::Failed => Some(3),
    }
}

fn capabilities(disk: &Disk) -> Vec<u16> {
    [
        Some(RANDOM_ACCESS),
        (disk.read_only == Some(false)).then_some(SUPPORTS_WRITING),
        (disk.removable == Some(true)).then_some(REMOVABLE_MEDIA),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Hypervisors call their disks rotational whatever lies beneath.
fn disk_type(disk: &Disk) -> Option<u16> {
    match disk.bus {
        None | Some(Bus::Virtio | Bus::Xen) => None,
        Some(_) => disk.rotational.map(|rotational| {
            if rotational {
                HARD_DISK_DRIVE
            } else {
                SOLID_STATE_DRIVE
            }
        }),
    }
}

const fn interconnect_type(bus: Bus) -> u16 {
    match bus {
        Bus::Ata => 4,
        Bus::Sas => 5,
        Bus::FibreChannel => 6,
        Bus::Scsi
        | Bus::Iscsi
        | Bus::Nvme
        | Bus::NvmeOverFabrics
        | Bus::Usb
        | Bus::Mmc
        | Bus::Virtio
        | Bus::Xen => OTHER,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the value is clamped")]
fn whole_degrees(celsius: f64) -> i16 {
    celsius.clamp(f64::from(i16::MIN), f64::from(i16::MAX)).round() as i16
}
