//! The structure table of SMBIOS and its entry point (DSP0134, 5.2, 6 and 7): from its bytes to what it tells.

use super::{
    Board, Chassis, Firmware, MemoryDevice, ProcessorSocket, Smbios, SmbiosVersion, System, SystemUuid,
    meaningful,
};
use crate::host::text;

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
    use super::super::sample::{self, Tables};
    use super::*;

    fn parse(tables: &Tables) -> Smbios {
        parse_table(&tables.table, parse_entry_point(&tables.entry_point))
    }

    #[test]
    fn every_version_of_the_tables() {
        #[track_caller]
        fn check(major: u8, minor: u8, uuid: &str) {
            let smbios = parse(&sample::server(major, minor));
            assert_eq!(smbios.version, Some(SmbiosVersion { major, minor }));
            assert_eq!(smbios.system.uuid.unwrap().to_string(), uuid);
            assert_eq!(smbios.system.uuid.unwrap().raw(), sample::UUID);
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
        let old = parse(&sample::server(2, 4));
        assert_eq!(old.memory_devices[2].size_bytes, None, "0xFFFF is not known");
        assert_eq!(old.memory_devices[0].speed_mts, None, "not in this version");
        assert_eq!(old.processors[0].cores, None);
        let new = parse(&sample::server(3, 3));
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
        let tables = sample::server(3, 3);
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
}
