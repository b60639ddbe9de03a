//! Whole disks from `/sys/block`, with what the kernel knows of their health.

use std::fs;

use super::block::udev_property;
use super::patience::{Patience, Question};
use super::root::Root;
use super::text;

/// A whole disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Disk {
    /// The kernel's name, as in `sda` or `nvme0n1`.
    pub name: String,
    /// Major and minor number.
    pub device_number: Option<(u32, u32)>,
    /// Who made it. SATA drives show `ATA` here, as the translation to SCSI commands has it.
    pub vendor: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Version of its firmware.
    pub firmware: Option<String>,
    /// World-wide name.
    pub wwid: Option<String>,
    /// Size in bytes.
    pub size_bytes: Option<u64>,
    /// Size of the blocks that are addressed, in bytes.
    pub logical_block_bytes: Option<u64>,
    /// Size of the blocks that it writes in one go, in bytes.
    pub physical_block_bytes: Option<u64>,
    /// How it is reached.
    pub bus: Option<Bus>,
    /// Whether it has platters that turn. Hypervisors often say so of disks that have none.
    pub rotational: Option<bool>,
    /// Whether its medium can be taken out.
    pub removable: Option<bool>,
    /// Whether it can only be read.
    pub read_only: Option<bool>,
    /// The kernel's state of it, as in `running`, `offline` or `live`.
    pub state: Option<String>,
    /// What the kernel makes of its health.
    pub health: Health,
    /// Input and output errors that the kernel counted.
    pub io_errors: Option<u64>,
    /// How much of its life is used up, in percent, where the kernel shows it.
    pub wear_percent: Option<u8>,
    /// Its temperature.
    pub temperature: Reading,
}

/// How a disk is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bus {
    /// Serial or parallel ATA.
    Ata,
    /// Serial attached SCSI.
    Sas,
    /// Another kind of SCSI, or a RAID controller that shows its volumes as such.
    Scsi,
    /// Fibre Channel.
    FibreChannel,
    /// iSCSI.
    Iscsi,
    /// NVMe on PCI Express.
    Nvme,
    /// NVMe over a network.
    NvmeOverFabrics,
    /// USB.
    Usb,
    /// SD card or eMMC.
    Mmc,
    /// A disk of a virtual machine.
    Virtio,
    /// A disk of a Xen guest.
    Xen,
}

impl Bus {
    /// Its name in lower case, as lsblk(8) has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ata => "sata",
            Self::Sas => "sas",
            Self::Scsi => "scsi",
            Self::FibreChannel => "fc",
            Self::Iscsi => "iscsi",
            Self::Nvme => "nvme",
            Self::NvmeOverFabrics => "nvme-of",
            Self::Usb => "usb",
            Self::Mmc => "mmc",
            Self::Virtio => "virtio",
            Self::Xen => "xen",
        }
    }
}

/// What the kernel makes of a disk's health. It does not read the drive's own records (SMART).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Health {
    /// The kernel does not say.
    #[default]
    Unknown,
    /// It works.
    Ok,
    /// It works, and says that it will not for long.
    PredictiveFailure,
    /// The kernel has given it up.
    Failed,
}

/// A figure that the device itself must be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Reading {
    /// It has none.
    #[default]
    None,
    /// In degrees Celsius.
    Celsius(f64),
    /// It did not answer in time, and has not since.
    Stalled,
}

impl Reading {
    /// The temperature, if it is known.
    pub fn celsius(self) -> Option<f64> {
        match self {
            Self::Celsius(celsius) => Some(celsius),
            Self::None | Self::Stalled => None,
        }
    }
}

/// Asks disks for their temperature, with a deadline for each: a drive that is about to fail may take
/// minutes.
pub(super) type TemperatureAsker = Patience<String, Option<f64>>;

/// The whole disks, sorted by name.
pub(super) fn read(root: &Root, asker: &TemperatureAsker) -> Vec<Disk> {
    let mut disks: Vec<Disk> = root
        .names("sys/block")
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .filter(|name| is_whole_disk(root, name))
        .map(|name| disk(root, name))
        .collect();
    let questions = disks.iter().map(|disk| question(root, &disk.name)).collect();
    for (disk, answer) in disks.iter_mut().zip(asker.ask_all(questions)) {
        disk.temperature = match answer {
            Some(Some(celsius)) => Reading::Celsius(celsius),
            Some(None) => Reading::None,
            None => Reading::Stalled,
        };
    }
    disks
}

/// Disks have a device behind them; loops, mapped devices and memory have none. Optical and floppy drives,
/// the hidden paths of a multipath NVMe, and the boot areas of an eMMC are no disks.
fn is_whole_disk(root: &Root, name: &str) -> bool {
    let is_drive_of_media = ["sr", "fd"].iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|rest| text::number(rest.as_bytes()).is_some())
    });
    let is_area = name.starts_with("mmcblk") && (name.contains("boot") || name.contains("rpmb"));
    !is_drive_of_media
        && !is_area
        && root.exists(format!("sys/block/{name}/device"))
        && root.number(format!("sys/block/{name}/hidden")) != Some(1)
}

fn disk(root: &Root, name: String) -> Disk {
    let home = format!("sys/block/{name}");
    let number = |file: &str| root.number(format!("{home}/{file}"));
    let truth = |file: &str| number(file).map(|number| number != 0);
    let shown = |file: &str| root.text(format!("{home}/{file}"));
    let device_number = shown("dev").and_then(|dev| {
        let (major, minor) = dev.split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    let bus = bus(root, &home, &name);
    let state = shown("device/state").or_else(|| controller_state(root, &home));
    let wear_percent = mmc_wear(root, &home);
    Disk {
        device_number,
        // Virtio shows a PCI number here, which is no name.
        vendor: shown("device/vendor").filter(|vendor| !vendor.starts_with("0x")),
        model: shown("device/model").or_else(|| shown("device/name").filter(|_| bus == Some(Bus::Mmc))),
        serial: serial(root, &home, device_number),
        firmware: ["device/firmware_rev", "device/rev", "device/fwrev"]
            .into_iter()
            .find_map(shown),
        wwid: shown("wwid").or_else(|| shown("device/wwid")),
        size_bytes: number("size").and_then(|sectors| sectors.checked_mul(512)),
        logical_block_bytes: number("queue/logical_block_size"),
        physical_block_bytes: number("queue/physical_block_size"),
        bus,
        rotational: truth("queue/rotational"),
        removable: truth("removable"),
        read_only: truth("ro"),
        health: health(root, &home, state.as_deref(), wear_percent),
        state,
        io_errors: root
            .read(format!("{home}/device/ioerr_cnt"))
            .ok()
            .and_then(|errors| text::hexadecimal(&errors)),
        wear_percent,
        temperature: Reading::None,
        name,
    }
}

/// From the way that the device takes through the tree of devices; the kernel names no bus as such.
fn bus(root: &Root, home: &str, name: &str) -> Option<Bus> {
    if name.starts_with("nvme") {
        let over_network = transports(root, home).iter().any(|transport| transport != "pcie");
        return Some(if over_network {
            Bus::NvmeOverFabrics
        } else {
            Bus::Nvme
        });
    }
    if name.starts_with("mmcblk") {
        return Some(Bus::Mmc);
    }
    let path = fs::canonicalize(root.path(home)).ok()?;
    let path = path.to_string_lossy();
    let passes = |part: &str| path.split('/').any(|step| step.starts_with(part));
    let digits_follow = |part: &str| {
        path.split('/').any(|step| {
            step.strip_prefix(part)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    Some(if digits_follow("usb") {
        Bus::Usb
    } else if digits_follow("ata") {
        Bus::Ata
    } else if passes("end_device-") {
        Bus::Sas
    } else if passes("rport-") {
        Bus::FibreChannel
    } else if digits_follow("session") {
        Bus::Iscsi
    } else if digits_follow("host") && digits_follow("target") {
        Bus::Scsi
    } else if digits_follow("virtio") {
        Bus::Virtio
    } else if passes("vbd-") {
        Bus::Xen
    } else {
        return None;
    })
}

/// The controllers of an NVMe disk: the device itself, or those below its subsystem where there may be
/// several ways to it.
fn nvme_controllers(root: &Root, home: &str) -> Vec<String> {
    let device = format!("{home}/device");
    if root.exists(format!("{device}/transport")) {
        return vec![device];
    }
    let names = root
        .names(&device)
        .into_iter()
        .filter_map(|name| name.into_string().ok());
    let is_controller = |name: &String| {
        name.strip_prefix("nvme")
            .is_some_and(|rest| text::number(rest.as_bytes()).is_some())
    };
    names
        .filter(is_controller)
        .map(|name| format!("{device}/{name}"))
        .collect()
}

fn transports(root: &Root, home: &str) -> Vec<String> {
    nvme_controllers(root, home)
        .iter()
        .filter_map(|at| root.text(format!("{at}/transport")))
        .collect()
}

/// The best state of an NVMe disk's controllers: one that is alive is enough.
fn controller_state(root: &Root, home: &str) -> Option<String> {
    let states: Vec<String> = nvme_controllers(root, home)
        .iter()
        .filter_map(|at| root.text(format!("{at}/state")))
        .collect();
    states
        .iter()
        .find(|state| *state == "live")
        .or(states.first())
        .cloned()
}

fn serial(root: &Root, home: &str, device_number: Option<(u32, u32)>) -> Option<String> {
    let shown = |file: &str| root.text(format!("{home}/{file}"));
    shown("device/serial")
        .or_else(|| shown("serial"))
        .or_else(|| unit_serial(&root.read(format!("{home}/device/vpd_pg80")).ok()?))
        .or_else(|| udev_property(root, device_number?, b"ID_SERIAL_SHORT"))
}

/// A SCSI unit's serial number page (SPC-4, 7.8.18): a header of four bytes whose last two are the length.
pub fn unit_serial(page: &[u8]) -> Option<String> {
    let ([_, code, high, low], rest) = page.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    (*code == 0x80).then(|| text::text(rest.get(..length)?)).flatten()
}

fn health(root: &Root, home: &str, state: Option<&str>, wear_percent: Option<u8>) -> Health {
    // The reserve of an eMMC (JESD84-B51, PRE_EOL_INFO): 2 is 80 % used, 3 is 90 %.
    let reserve = root
        .read(format!("{home}/device/pre_eol_info"))
        .ok()
        .and_then(|info| text::hexadecimal(&info));
    match state {
        Some("offline" | "transport-offline" | "dead" | "deleting" | "deleted" | "cancel") => Health::Failed,
        _ if matches!(reserve, Some(2 | 3)) || wear_percent.is_some_and(|wear| wear > 90) => {
            Health::PredictiveFailure
        }
        Some("running" | "live") => Health::Ok,
        _ if reserve == Some(1) => Health::Ok,
        _ => Health::Unknown,
    }
}

/// The higher of an eMMC's two life time estimates (JESD84-B51), each in steps of 10 % that are counted
/// from 1; 11 is past its life.
fn mmc_wear(root: &Root, home: &str) -> Option<u8> {
    let estimates = root.read(format!("{home}/device/life_time")).ok()?;
    let steps = text::words(&estimates)
        .filter_map(text::hexadecimal)
        .filter(|step| (1..=11).contains(step))
        .max()?;
    u8::try_from(steps * 10).ok()
}

fn question(root: &Root, name: &str) -> Question<String, Option<f64>> {
    let (root, home) = (root.clone(), format!("sys/block/{name}/device"));
    Question {
        key: name.to_owned(),
        ask: Box::new(move || temperature(&root, &home)),
    }
}

/// The first sensor of a disk's hardware monitor, which is the drive itself; in thousandths of a degree.
fn temperature(root: &Root, device: &str) -> Option<f64> {
    let mut monitors = Vec::new();
    for home in
        std::iter::once(device.to_owned()).chain(nvme_controllers(root, device.strip_suffix("/device")?))
    {
        for place in [home.clone(), format!("{home}/hwmon")] {
            let names = root
                .names(&place)
                .into_iter()
                .filter_map(|name| name.into_string().ok());
            monitors.extend(
                names
                    .filter(|name| name.starts_with("hwmon"))
                    .map(|name| format!("{place}/{name}")),
            );
        }
    }
    monitors
        .iter()
        .find_map(|monitor| Some(root.signed(format!("{monitor}/temp1_input"))? as f64 / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::super::HostOptions;
    use super::super::testtree::TestTree;
    use super::*;

    /// Makes a disk whose device is at `device` in the tree of devices.
    fn disk_at(tree: &TestTree, name: &str, device: &str, files: &[(&str, &str)]) {
        let home = format!("sys/devices/{device}/block/{name}");
        tree.file(&format!("{home}/size"), "2097152\n")
            .file(&format!("{home}/dev"), "8:0\n")
            .link(&format!("{home}/device"), "../..")
            .link(
                &format!("sys/block/{name}"),
                format!("../devices/{device}/block/{name}"),
            );
        for (file, content) in files {
            tree.file(&format!("sys/devices/{device}/{file}"), content);
        }
    }

    fn one(tree: &TestTree) -> Disk {
        let (host, _) = tree.host(HostOptions::default());
        let disks = host.disks();
        assert_eq!(disks.len(), 1, "{disks:#?}");
        disks[0].clone()
    }

    #[test]
    fn a_sata_drive() {
        let tree = TestTree::new();
        let device = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0";
        disk_at(
            &tree,
            "sda",
            device,
            &[
                ("vendor", "ATA     \n"),
                ("model", "SSDSA2SH064G1GC \n"),
                ("rev", "445C\n"),
                ("state", "running\n"),
                ("ioerr_cnt", "0x1f\n"),
                ("hwmon/hwmon3/temp1_input", "31500\n"),
            ],
        );
        tree.file(&format!("sys/devices/{device}/vpd_pg80"), b"\0\x80\0\x08  SN1234");
        let disk = one(&tree);
        assert_eq!(disk.vendor.as_deref(), Some("ATA"));
        assert_eq!(disk.model.as_deref(), Some("SSDSA2SH064G1GC"));
        assert_eq!(disk.firmware.as_deref(), Some("445C"));
        assert_eq!(disk.serial.as_deref(), Some("SN1234"));
        assert_eq!(disk.size_bytes, Some(1 << 30));
        assert_eq!(
            (disk.bus, disk.health, disk.io_errors),
            (Some(Bus::Ata), Health::Ok, Some(31))
        );
        assert_eq!(disk.temperature, Reading::Celsius(31.5));
    }

    #[test]
    fn an_nvme_drive_below_its_controller_and_below_a_subsystem() {
        let tree = TestTree::new();
        let files = [
            ("model", "Example NVMe 1TB\n"),
            ("serial", "  S1  \n"),
            ("firmware_rev", "1.0\n"),
            ("state", "live\n"),
            ("transport", "pcie\n"),
            ("hwmon1/temp1_input", "40850\n"),
        ];
        let device = "pci0000:00/0000:01:00.0/nvme/nvme0";
        disk_at(&tree, "nvme0n1", device, &files);
        let disk = one(&tree);
        assert_eq!(
            (disk.bus, disk.state.as_deref(), disk.health),
            (Some(Bus::Nvme), Some("live"), Health::Ok)
        );
        assert_eq!(
            (disk.serial.as_deref(), disk.firmware.as_deref()),
            (Some("S1"), Some("1.0"))
        );
        assert_eq!(disk.temperature.celsius(), Some(40.85));

        let tree = TestTree::new();
        disk_at(
            &tree,
            "nvme1n1",
            "virtual/nvme-subsystem/nvme-subsys1",
            &[
                ("model", "Array\n"),
                ("nvme1/state", "connecting\n"),
                ("nvme1/transport", "tcp\n"),
                ("nvme2/state", "live\n"),
                ("nvme2/transport", "tcp\n"),
            ],
        );
        disk_at(&tree, "nvme1c1n1", "hidden/nvme1", &[("state", "live\n")]);
        tree.file("sys/devices/hidden/nvme1/block/nvme1c1n1/hidden", "1\n");
        let disk = one(&tree);
        assert_eq!(
            (disk.bus, disk.state.as_deref()),
            (Some(Bus::NvmeOverFabrics), Some("live"))
        );
        assert_eq!(disk.temperature, Reading::None);
    }

    #[test]
    fn buses_and_states() {
        #[track_caller]
        fn check(name: &str, device: &str, files: &[(&str, &str)], bus: Option<Bus>, health: Health) {
            let tree = TestTree::new();
            disk_at(&tree, name, device, files);
            let disk = one(&tree);
            assert_eq!((disk.bus, disk.health), (bus, health), "{device}");
        }
        let scsi = "host0/target0:0:0/0:0:0:0";
        let state = |state: &'static str| [("state", state)];
        check(
            "sda",
            &format!("pci0/usb1/1-1/{scsi}"),
            &state("running"),
            Some(Bus::Usb),
            Health::Ok,
        );
        check(
            "sda",
            &format!("pci0/{scsi}"),
            &state("offline"),
            Some(Bus::Scsi),
            Health::Failed,
        );
        check(
            "sda",
            "pci0/host0/port-0:0/end_device-0:0/target0:0:0/0:0:0:0",
            &[],
            Some(Bus::Sas),
            Health::Unknown,
        );
        check(
            "sda",
            "pci0/host3/rport-3:0-1/target3:0:0/3:0:0:0",
            &[],
            Some(Bus::FibreChannel),
            Health::Unknown,
        );
        check(
            "sda",
            "platform/host4/session1/target4:0:0/4:0:0:1",
            &[],
            Some(Bus::Iscsi),
            Health::Unknown,
        );
        check(
            "vda",
            "pci0/0000:00:02.0/virtio1",
            &[("vendor", "0x1af4\n")],
            Some(Bus::Virtio),
            Health::Unknown,
        );
        check("xvda", "vbd-51712", &[], Some(Bus::Xen), Health::Unknown);
        check(
            "nvme0n1",
            "pci0/nvme/nvme0",
            &[("state", "dead\n"), ("transport", "pcie")],
            Some(Bus::Nvme),
            Health::Failed,
        );
        let worn = [
            ("life_time", "0x02 0x0b\n"),
            ("pre_eol_info", "0x01\n"),
            ("name", "CARD\n"),
        ];
        check(
            "mmcblk0",
            "platform/mmc0/mmc0:0001",
            &worn,
            Some(Bus::Mmc),
            Health::PredictiveFailure,
        );
        let fresh = [("life_time", "0x01 0x01\n"), ("pre_eol_info", "0x01\n")];
        check(
            "mmcblk0",
            "platform/mmc0/mmc0:0001",
            &fresh,
            Some(Bus::Mmc),
            Health::Ok,
        );
        check(
            "mmcblk0",
            "platform/mmc0/mmc0:0001",
            &[("pre_eol_info", "0x02")],
            Some(Bus::Mmc),
            Health::PredictiveFailure,
        );
    }

    #[test]
    fn what_is_no_disk() {
        let tree = TestTree::new();
        tree.disk("loop0", (7, 0), 10)
            .mapped("dm-0", (253, 0), 10, &["loop0"]);
        for name in ["sr0", "fd0", "mmcblk0boot0", "mmcblk0rpmb"] {
            disk_at(&tree, name, &format!("pci0/{name}"), &[]);
        }
        let (host, _) = tree.host(HostOptions::default());
        assert!(host.disks().is_empty(), "{:?}", host.disks());
    }

    #[test]
    fn serial_pages() {
        #[track_caller]
        fn check(page: &[u8], expect: Option<&str>) {
            assert_eq!(unit_serial(page).as_deref(), expect);
        }
        check(b"\0\x80\0\x04ABCDEF", Some("ABCD"));
        check(b"\0\x80\xff\xffAB", Some("AB"));
        check(b"\0\x83\0\x04ABCD", None);
        check(b"\0\x80\0", None);
        check(b"\0\x80\0\0", None);
    }
}
