//! What the firmware tells of the machine (SMBIOS, DMTF DSP0134): maker, model, serial numbers, UUID, firmware
//! version, processor sockets, memory modules.
//!
//! The tables are readable by the super-user alone. What sysfs shows of them to everyone fills the gaps.

#[cfg(test)]
mod sample;
mod table;
mod uuid;

pub use table::{parse_entry_point, parse_table};
pub use uuid::SystemUuid;

use super::root::Root;

/// What SMBIOS tells. A string that the firmware left out or empty is `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Smbios {
    /// Version of the specification that the tables follow.
    pub version: Option<SmbiosVersion>,
    /// The firmware (type 0).
    pub firmware: Firmware,
    /// The machine (type 1).
    pub system: System,
    /// The main board (type 2).
    pub board: Board,
    /// The case (type 3).
    pub chassis: Chassis,
    /// The processor sockets (type 4).
    pub processors: Vec<ProcessorSocket>,
    /// The memory modules and the slots for them (type 17).
    pub memory_devices: Vec<MemoryDevice>,
}

impl Smbios {
    /// The slots that have a module in them.
    pub fn memory_modules(&self) -> impl Iterator<Item = &MemoryDevice> {
        self.memory_devices
            .iter()
            .filter(|device| device.size_bytes != Some(0))
    }
}

/// Version of the SMBIOS specification.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct SmbiosVersion {
    /// The part before the dot.
    pub major: u8,
    /// The part after the dot.
    pub minor: u8,
}

/// The firmware (BIOS or UEFI).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Firmware {
    /// Who made it.
    pub vendor: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its date as the firmware writes it, `mm/dd/yyyy`.
    pub date: Option<String>,
}

impl Firmware {
    /// [`Self::date`] as year, month and day. A year of two digits is of the 1900s, as DSP0134 has it.
    pub fn ymd(&self) -> Option<(u16, u8, u8)> {
        let mut parts = self.date.as_deref()?.split('/');
        let mut part = || parts.next();
        let [month, day, year] = [part()?, part()?, part()?];
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
        let number: u16 = year.parse().ok()?;
        let year = if year.len() == 2 { 1900 + number } else { number };
        let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && (1900..=9999).contains(&year);
        (is_date && part().is_none()).then_some((year, month, day))
    }
}

/// The machine as a whole.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct System {
    /// Who made it.
    pub manufacturer: Option<String>,
    /// Model name.
    pub product: Option<String>,
    /// Version of the model.
    pub version: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// The maker's order number.
    pub sku: Option<String>,
    /// The family of models.
    pub family: Option<String>,
    /// The machine's UUID.
    pub uuid: Option<SystemUuid>,
}

/// The main board.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Board {
    /// Who made it.
    pub manufacturer: Option<String>,
    /// Model name.
    pub product: Option<String>,
    /// Version of the model.
    pub version: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
}

/// The case.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chassis {
    /// Who made it.
    pub manufacturer: Option<String>,
    /// What kind of case, by the numbers of DSP0134 (3 desktop, 17 main server, 23 rack mount).
    pub kind: Option<u8>,
    /// Serial number.
    pub serial: Option<String>,
    /// The owner's number for it.
    pub asset_tag: Option<String>,
}

/// A processor socket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProcessorSocket {
    /// What is printed beside it, as in `CPU1`.
    pub designation: Option<String>,
    /// Whether a processor is in it.
    pub populated: bool,
    /// Who made the processor.
    pub manufacturer: Option<String>,
    /// The processor's name.
    pub version: Option<String>,
    /// Highest clock of the processors for this socket, in MHz.
    pub max_clock_mhz: Option<u16>,
    /// Clock at start-up, in MHz.
    pub clock_mhz: Option<u16>,
    /// Number of cores.
    pub cores: Option<u16>,
    /// Number of cores that are switched on.
    pub enabled_cores: Option<u16>,
    /// Number of threads.
    pub threads: Option<u16>,
    /// Serial number.
    pub serial: Option<String>,
}

/// A slot for a memory module, and what is in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MemoryDevice {
    /// Handle of the table entry: different for each.
    pub handle: u16,
    /// Size in bytes; 0 is an empty slot.
    pub size_bytes: Option<u64>,
    /// What is printed beside the slot, as in `DIMM_A1`.
    pub locator: Option<String>,
    /// What is printed beside the bank.
    pub bank: Option<String>,
    /// Form factor by the numbers of DSP0134 (9 DIMM, 13 SO-DIMM).
    pub form_factor: Option<u8>,
    /// Kind of memory by the numbers of DSP0134 (24 DDR3, 26 DDR4, 34 DDR5).
    pub memory_type: Option<u8>,
    /// Width with error correction bits, in bits.
    pub total_width_bits: Option<u16>,
    /// Width without them, in bits.
    pub data_width_bits: Option<u16>,
    /// Highest speed, in MT/s.
    pub max_speed_mts: Option<u32>,
    /// Speed that is set, in MT/s.
    pub speed_mts: Option<u32>,
    /// Voltage that is set, in mV.
    pub voltage_mv: Option<u16>,
    /// Number of ranks.
    pub ranks: Option<u8>,
    /// Who made the module.
    pub manufacturer: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// The owner's number for it.
    pub asset_tag: Option<String>,
    /// The maker's part number.
    pub part_number: Option<String>,
}

impl MemoryDevice {
    /// The name of [`Self::memory_type`].
    pub fn memory_type_name(&self) -> Option<&'static str> {
        Some(match self.memory_type? {
            0x03 => "DRAM",
            0x07 => "RAM",
            0x09 => "Flash",
            0x0f => "SDRAM",
            0x12 => "DDR",
            0x13 => "DDR2",
            0x14 => "DDR2 FB-DIMM",
            0x18 => "DDR3",
            0x1a => "DDR4",
            0x1b => "LPDDR",
            0x1c => "LPDDR2",
            0x1d => "LPDDR3",
            0x1e => "LPDDR4",
            0x1f => "Logical non-volatile device",
            0x20 => "HBM",
            0x21 => "HBM2",
            0x22 => "DDR5",
            0x23 => "LPDDR5",
            0x24 => "HBM3",
            _ => return None,
        })
    }
}

/// Reads the machine's tables, and what sysfs or the device tree tells in their place.
pub(super) fn read(root: &Root) -> Smbios {
    let tables = "sys/firmware/dmi/tables";
    let entry_point = root
        .read(format!("{tables}/smbios_entry_point"))
        .unwrap_or_default();
    let version = parse_entry_point(&entry_point);
    let table = root.read(format!("{tables}/DMI")).unwrap_or_default();
    let mut smbios = parse_table(&table, version);
    fill_gaps(root, &mut smbios);
    smbios
}

/// What sysfs shows to everyone, with some fields to the super-user alone.
fn fill_gaps(root: &Root, smbios: &mut Smbios) {
    let fill = |place: &mut Option<String>, name: &str| {
        if place.is_none() {
            *place = root.text(format!("sys/class/dmi/id/{name}")).and_then(meaningful);
        }
    };
    fill(&mut smbios.firmware.vendor, "bios_vendor");
    fill(&mut smbios.firmware.version, "bios_version");
    fill(&mut smbios.firmware.date, "bios_date");
    fill(&mut smbios.system.manufacturer, "sys_vendor");
    fill(&mut smbios.system.product, "product_name");
    fill(&mut smbios.system.version, "product_version");
    fill(&mut smbios.system.serial, "product_serial");
    fill(&mut smbios.system.sku, "product_sku");
    fill(&mut smbios.system.family, "product_family");
    fill(&mut smbios.board.manufacturer, "board_vendor");
    fill(&mut smbios.board.product, "board_name");
    fill(&mut smbios.board.version, "board_version");
    fill(&mut smbios.board.serial, "board_serial");
    fill(&mut smbios.chassis.manufacturer, "chassis_vendor");
    fill(&mut smbios.chassis.serial, "chassis_serial");
    fill(&mut smbios.chassis.asset_tag, "chassis_asset_tag");
    let system = &mut smbios.system;
    if system.uuid.is_none() {
        let shown = root.text("sys/class/dmi/id/product_uuid");
        system.uuid = shown.and_then(|shown| SystemUuid::from_displayed(&shown));
    }
    // Machines without SMBIOS have a device tree.
    let device_tree = |name: &str| root.text(format!("sys/firmware/devicetree/base/{name}"));
    system.product = system.product.take().or_else(|| device_tree("model"));
    system.serial = system.serial.take().or_else(|| device_tree("serial-number"));
}

/// Firmware fills fields that nobody set with words like these.
fn meaningful(text: String) -> Option<String> {
    const FILLERS: [&str; 9] = [
        "default string",
        "n/a",
        "none",
        "not available",
        "not specified",
        "system serial number",
        "to be filled by o.e.m.",
        "unknown",
        "0123456789",
    ];
    let is_filler = FILLERS.iter().any(|filler| text.eq_ignore_ascii_case(filler));
    (!is_filler).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::testtree::TestTree;
    use super::*;

    #[test]
    fn dates() {
        #[track_caller]
        fn check(date: &str, expect: Option<(u16, u8, u8)>) {
            let firmware = Firmware {
                date: Some(date.to_owned()),
                ..Firmware::default()
            };
            assert_eq!(firmware.ymd(), expect, "{date}");
        }
        check("03/09/2021", Some((2021, 3, 9)));
        check("12/31/98", Some((1998, 12, 31)));
        check("13/01/2020", None);
        check("1/2", None);
        check("1/2/2020/3", None);
        check("", None);
    }

    #[test]
    fn what_sysfs_shows_fills_the_gaps() {
        let tree = TestTree::new();
        tree.file("sys/class/dmi/id/sys_vendor", "Maker\n")
            .file("sys/class/dmi/id/product_serial", "To Be Filled By O.E.M.\n")
            .file(
                "sys/class/dmi/id/product_uuid",
                "33221100-5544-7766-8899-aabbccddeeff\n",
            );
        let smbios = read(&tree.root());
        assert_eq!(smbios.system.manufacturer.as_deref(), Some("Maker"));
        assert_eq!(smbios.system.serial, None);
        assert_eq!(smbios.system.uuid.unwrap().raw(), sample::UUID);

        let tree = TestTree::new();
        tree.file("sys/firmware/devicetree/base/model", "Board X\0");
        assert_eq!(read(&tree.root()).system.product.as_deref(), Some("Board X"));
        assert_eq!(read(&TestTree::new().root()), Smbios::default());
    }
}
