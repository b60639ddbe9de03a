//! What the firmware tells of the machine (SMBIOS, DMTF DSP0134): maker, model, serial numbers, UUID, firmware
//! version, processor sockets, memory modules.
//!
//! The tables are readable by the super-user alone. What sysfs shows of them to everyone fills the gaps.

use std::fmt;

use super::root::Root;
use super::text;

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

/// The machine's UUID. SMBIOS 2.6 and later store its first three groups with the lowest byte first; older
/// tables store all bytes as they are displayed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SystemUuid {
    displayed: [u8; 16],
    raw: [u8; 16],
}

impl SystemUuid {
    /// Of the bytes in a table of that version. `None` if they are all 0 (no UUID) or all 255 (not set).
    pub fn from_table(raw: [u8; 16], version: SmbiosVersion) -> Option<Self> {
        if raw == [0; 16] || raw == [0xff; 16] {
            return None;
        }
        let is_swapped = version >= SmbiosVersion { major: 2, minor: 6 };
        let displayed = if is_swapped { swap_first_groups(raw) } else { raw };
        Some(Self { displayed, raw })
    }

    /// Of the text that the kernel displays, where the table itself cannot be read. The raw bytes are those
    /// of SMBIOS 2.6 and later.
    pub fn from_displayed(text: &str) -> Option<Self> {
        let displayed = *uuid::Uuid::try_parse(text).ok()?.as_bytes();
        (displayed != [0; 16] && displayed != [0xff; 16]).then(|| Self {
            displayed,
            raw: swap_first_groups(displayed),
        })
    }

    /// The bytes as SMBIOS stores them.
    pub fn raw(&self) -> [u8; 16] {
        self.raw
    }

    /// The bytes in the order in which they are displayed.
    pub fn displayed(&self) -> [u8; 16] {
        self.displayed
    }
}

/// As dmidecode(8) displays it, in upper case.
impl fmt::Display for SystemUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.displayed.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

fn swap_first_groups(bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let mut swapped = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
    if let Some(tail) = swapped.last_chunk_mut::<8>() {
        *tail = rest;
    }
    swapped
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

/// Reads an entry point (32-bit `_SM_`, 64-bit `_SM3_`, or the older `_DMI_`): the version of the tables.
pub fn parse_entry_point(entry_point: &[u8]) -> Option<SmbiosVersion> {
    let byte = |at: usize| entry_point.get(at).copied();
    let (major, minor) = if entry_point.starts_with(b"_SM3_") {
        (byte(7)?, byte(8)?)
    } else if entry_point.starts_with(b"_SM_") {
        (byte(6)?, byte(7)?)
    } else if entry_point.starts_with(b"_DMI_") {
        (byte(14)? >> 4, byte(14)? & 0x0f)
    } else {
        return None;
    };
    Some(SmbiosVersion { major, minor })
}

/// Reads the structure table. Without a version the UUID is left out, as its byte order is then not known.
pub fn parse_table(table: &[u8], version: Option<SmbiosVersion>) -> Smbios {
    let mut smbios = Smbios {
        version,
        ..Smbios::default()
    };
    let mut seen = [false; 4];
    for structure in Structures(table) {
        // Of those that there should be one of, the first counts.
        if let Some(seen) = seen.get_mut(usize::from(structure.kind))
            && std::mem::replace(seen, true)
        {
            continue;
        }
        match structure.kind {
            0 => smbios.firmware = firmware(&structure),
            1 => smbios.system = system(&structure, version),
            2 => smbios.board = board(&structure),
            3 => smbios.chassis = chassis(&structure),
            4 => smbios.processors.push(processor(&structure)),
            17 => smbios.memory_devices.push(memory_device(&structure)),
            _ => {}
        }
    }
    smbios
}

/// One structure: its bytes with the header, and its strings.
struct Structure<'a> {
    kind: u8,
    handle: u16,
    bytes: &'a [u8],
    strings: &'a [u8],
}

/// Walks over the table until its end, the end structure (type 127), or a structure that does not fit.
struct Structures<'a>(&'a [u8]);

impl<'a> Iterator for Structures<'a> {
    type Item = Structure<'a>;

    fn next(&mut self) -> Option<Structure<'a>> {
        let [kind, length, low, high] = *self.0.first_chunk::<4>()?;
        let (bytes, after) = self
            .0
            .split_at_checked(usize::from(length))
            .filter(|_| length >= 4)?;
        let end = after.windows(2).position(|pair| pair == [0, 0]);
        let (strings, rest) = match end {
            Some(end) => (after.get(..end)?, after.get(end + 2..)?),
            None => (after, [].as_slice()),
        };
        self.0 = if kind == 127 { &[] } else { rest };
        Some(Structure {
            kind,
            handle: u16::from_le_bytes([low, high]),
            bytes,
            strings,
        })
    }
}

impl Structure<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn word(&self, at: usize) -> Option<u16> {
        self.chunk(at).map(u16::from_le_bytes)
    }

    fn double_word(&self, at: usize) -> Option<u32> {
        self.chunk(at).map(u32::from_le_bytes)
    }

    fn chunk<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk::<N>().copied()
    }

    /// A word where 0 and 0xFFFF mean that it is not known.
    fn known_word(&self, at: usize) -> Option<u16> {
        self.word(at).filter(|word| !matches!(word, 0 | 0xffff))
    }

    /// The string whose number stands at `at`; number 0 is none.
    fn string(&self, at: usize) -> Option<String> {
        let number = usize::from(self.byte(at)?).checked_sub(1)?;
        text::text(self.strings.split(|byte| *byte == 0).nth(number)?).and_then(meaningful)
    }
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

fn firmware(structure: &Structure<'_>) -> Firmware {
    Firmware {
        vendor: structure.string(4),
        version: structure.string(5),
        date: structure.string(8),
    }
}

fn system(structure: &Structure<'_>, version: Option<SmbiosVersion>) -> System {
    System {
        manufacturer: structure.string(4),
        product: structure.string(5),
        version: structure.string(6),
        serial: structure.string(7),
        uuid: structure
            .chunk(8)
            .zip(version)
            .and_then(|(raw, version)| SystemUuid::from_table(raw, version)),
        sku: structure.string(0x19),
        family: structure.string(0x1a),
    }
}

fn board(structure: &Structure<'_>) -> Board {
    Board {
        manufacturer: structure.string(4),
        product: structure.string(5),
        version: structure.string(6),
        serial: structure.string(7),
    }
}

fn chassis(structure: &Structure<'_>) -> Chassis {
    Chassis {
        manufacturer: structure.string(4),
        // The highest bit says that there is a lock.
        kind: structure.byte(5).map(|kind| kind & 0x7f),
        serial: structure.string(7),
        asset_tag: structure.string(8),
    }
}

fn processor(structure: &Structure<'_>) -> ProcessorSocket {
    // Counts above 255 stand in words of their own since 3.0.
    let count = |at: usize, wide: usize| match structure.byte(at)? {
        0 => None,
        0xff => structure.known_word(wide).or(Some(0xff)),
        count => Some(u16::from(count)),
    };
    ProcessorSocket {
        designation: structure.string(4),
        populated: structure.byte(0x18).is_some_and(|status| status & 0x40 != 0),
        manufacturer: structure.string(7),
        version: structure.string(0x10),
        max_clock_mhz: structure.known_word(0x14),
        clock_mhz: structure.known_word(0x16),
        serial: structure.string(0x20),
        cores: count(0x23, 0x2a),
        enabled_cores: count(0x24, 0x2c),
        threads: count(0x25, 0x2e),
    }
}

fn memory_device(structure: &Structure<'_>) -> MemoryDevice {
    let known = |byte: u8| (!matches!(byte, 0..=2)).then_some(byte);
    // Speeds above 65,534 MT/s stand in double words of their own since 3.3.
    let speed = |at: usize, wide: usize| match structure.word(at)? {
        0 => None,
        0xffff => structure
            .double_word(wide)
            .map(|speed| speed & 0x7fff_ffff)
            .filter(|speed| *speed != 0),
        speed => Some(u32::from(speed)),
    };
    MemoryDevice {
        handle: structure.handle,
        total_width_bits: structure.known_word(8),
        data_width_bits: structure.known_word(0x0a),
        size_bytes: memory_size(structure),
        form_factor: structure.byte(0x0e).and_then(known),
        locator: structure.string(0x10),
        bank: structure.string(0x11),
        memory_type: structure.byte(0x12).and_then(known),
        max_speed_mts: speed(0x15, 0x54),
        manufacturer: structure.string(0x17),
        serial: structure.string(0x18),
        asset_tag: structure.string(0x19),
        part_number: structure.string(0x1a),
        ranks: structure
            .byte(0x1b)
            .map(|attributes| attributes & 0x0f)
            .filter(|ranks| *ranks != 0),
        speed_mts: speed(0x20, 0x58),
        voltage_mv: structure.known_word(0x26),
    }
}

/// In MiB, or in KiB if the highest bit is set; from 32 GiB on in a double word of its own.
fn memory_size(structure: &Structure<'_>) -> Option<u64> {
    const MIB: u64 = 1 << 20;
    match structure.word(0x0c)? {
        0xffff => None,
        0x7fff => Some(u64::from(structure.double_word(0x1c)? & 0x7fff_ffff) * MIB),
        size if size & 0x8000 != 0 => Some(u64::from(size & 0x7fff) * 1024),
        size => Some(u64::from(size) * MIB),
    }
}

#[cfg(test)]
mod tests {
    use super::super::smbios_tables::{self, Tables};
    use super::super::testtree::TestTree;
    use super::*;

    fn parse(tables: &Tables) -> Smbios {
        parse_table(&tables.table, parse_entry_point(&tables.entry_point))
    }

    #[test]
    fn every_version_of_the_tables() {
        #[track_caller]
        fn check(major: u8, minor: u8, uuid: &str) {
            let smbios = parse(&smbios_tables::server(major, minor));
            assert_eq!(smbios.version, Some(SmbiosVersion { major, minor }));
            assert_eq!(smbios.system.uuid.unwrap().to_string(), uuid);
            assert_eq!(smbios.system.uuid.unwrap().raw(), smbios_tables::UUID);
            assert_eq!(smbios.system.manufacturer.as_deref(), Some("Example Corp."));
            assert_eq!(smbios.system.serial.as_deref(), Some("SN-0042"));
            assert_eq!(smbios.firmware.ymd(), Some((2021, 3, 9)));
            assert_eq!(smbios.chassis.kind, Some(23));
            assert_eq!(smbios.chassis.asset_tag.as_deref(), Some("ASSET-7"));
            let modules: Vec<_> = smbios
                .memory_modules()
                .map(|module| module.locator.as_deref())
                .collect();
            assert_eq!(modules, [Some("DIMM_A1"), Some("DIMM_B1")]);
            assert_eq!(smbios.memory_devices[0].size_bytes, Some(16 << 30));
            assert_eq!(smbios.memory_devices[0].memory_type_name(), Some("DDR4"));
            assert_eq!(smbios.memory_devices[1].size_bytes, Some(0));
            assert_eq!(smbios.processors.len(), 2);
            assert_eq!(
                (smbios.processors[0].populated, smbios.processors[1].populated),
                (true, false)
            );
        }
        check(2, 4, "00112233-4455-6677-8899-AABBCCDDEEFF");
        check(2, 6, "33221100-5544-7766-8899-AABBCCDDEEFF");
        check(2, 8, "33221100-5544-7766-8899-AABBCCDDEEFF");
        check(3, 3, "33221100-5544-7766-8899-AABBCCDDEEFF");
    }

    #[test]
    fn large_modules_and_many_cores() {
        let old = parse(&smbios_tables::server(2, 4));
        assert_eq!(old.memory_devices[2].size_bytes, None, "0xFFFF is not known");
        assert_eq!(old.memory_devices[0].speed_mts, None, "not in this version");
        assert_eq!(old.processors[0].cores, None);
        let new = parse(&smbios_tables::server(3, 3));
        assert_eq!(new.memory_devices[2].size_bytes, Some(128 << 30));
        assert_eq!(
            (
                new.memory_devices[2].max_speed_mts,
                new.memory_devices[2].speed_mts
            ),
            (Some(70_000), Some(4800))
        );
        assert_eq!(
            (new.processors[0].cores, new.processors[0].threads),
            (Some(288), Some(576))
        );
    }

    #[test]
    fn cut_and_broken_tables_do_not_panic() {
        let tables = smbios_tables::server(3, 3);
        let version = parse_entry_point(&tables.entry_point);
        for length in 0..tables.table.len() {
            parse_table(&tables.table[..length], version);
            let mut broken = tables.table.clone();
            for byte in [0, 1, 3, 0xff] {
                broken[length] = byte;
                parse_table(&broken, version);
            }
        }
        for length in 0..tables.entry_point.len() {
            parse_entry_point(&tables.entry_point[..length]);
        }
        assert_eq!(parse_entry_point(b"_XY_ and more"), None);
    }

    #[test]
    fn a_uuid_that_nobody_set_is_none() {
        let version = SmbiosVersion { major: 3, minor: 0 };
        assert_eq!(SystemUuid::from_table([0; 16], version), None);
        assert_eq!(SystemUuid::from_table([0xff; 16], version), None);
        assert_eq!(SystemUuid::from_displayed("not a uuid"), None);
    }

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
        assert_eq!(smbios.system.uuid.unwrap().raw(), smbios_tables::UUID);

        let tree = TestTree::new();
        tree.file("sys/firmware/devicetree/base/model", "Board X\0");
        assert_eq!(read(&tree.root()).system.product.as_deref(), Some("Board X"));
        assert_eq!(read(&TestTree::new().root()), Smbios::default());
    }
}
