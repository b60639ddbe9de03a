//! SMBIOS tables as firmware writes them, in several versions. Used by this room's tests and by the
//! comparison with dmidecode(8).

/// The machine's UUID as the tables store it.
pub const UUID: [u8; 16] = [
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
];

/// Where `dmidecode --from-dump` expects the structure table.
pub const DUMP_TABLE_OFFSET: usize = 32;

/// An entry point and the structures it tells of.
pub struct Tables {
    /// The entry point.
    pub entry_point: Vec<u8>,
    /// The structure table.
    pub table: Vec<u8>,
}

/// A server with two sockets, one of them empty, and three memory slots, the second of them empty.
pub fn server(major: u8, minor: u8) -> Tables {
    let version = (major, minor);
    let since = |earliest: (u8, u8)| version >= earliest;
    let mut table = Vec::new();
    let mut count = 0u16;
    let mut add = |kind: u8, fields: &[u8], strings: &[&str]| {
        table.extend([kind, (fields.len() + 4) as u8]);
        table.extend((0x100 + count).to_le_bytes());
        table.extend_from_slice(fields);
        for string in strings {
            table.extend_from_slice(string.as_bytes());
            table.push(0);
        }
        table.extend(if strings.is_empty() {
            [0, 0].as_slice()
        } else {
            [0].as_slice()
        });
        count += 1;
    };

    // Firmware: vendor, version, segment, date, size, characteristics, extension, releases.
    let mut fields = vec![
        1, 2, 0x00, 0xe0, 3, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 12, 0xff, 0xff,
    ];
    if since((3, 1)) {
        fields.extend([16, 0]);
    }
    add(0, &fields, &["Example Firmware", "U30 v2.40", "03/09/2021"]);

    let mut fields = vec![1, 2, 3, 4];
    fields.extend(UUID);
    fields.extend([6, 5, 6]);
    add(
        1,
        &fields,
        &[
            "Example Corp.",
            "Server 9000",
            "Rev. B",
            "SN-0042",
            "SKU-1",
            "Servers",
        ],
    );
    add(
        2,
        &[1, 2, 3, 4, 0, 9, 0, 0, 1, 10, 0],
        &["Example Corp.", "Board 1", "1.0", "BSN-1"],
    );
    add(
        3,
        &[1, 0x80 | 23, 0, 2, 3, 3, 3, 3, 3, 0, 0, 0, 0, 2, 1, 0, 0],
        &["Example Corp.", "CSN-1", "ASSET-7"],
    );
    for populated in [true, false] {
        add(
            4,
            &processor(version, populated),
            &["CPU", "Example Semiconductor", "Example Processor 7", "PSN-1"],
        );
    }
    let slots: [(&str, u16, u32); 3] = [
        ("DIMM_A1", 16 << 10, 0),
        ("DIMM_A2", 0, 0),
        ("DIMM_B1", if since((2, 7)) { 0x7fff } else { 0xffff }, 128 << 10),
    ];
    for (locator, size, extended) in slots {
        add(
            17,
            &memory_device(version, size, extended),
            &[locator, "Bank 0", "Example Memory", "MSN-1", "MA-1", "PN-1"],
        );
    }
    add(127, &[], &[]);

    let entry_point = if major >= 3 {
        entry_point_64(version, table.len())
    } else {
        entry_point_32(version, table.len(), count)
    };
    Tables { entry_point, table }
}

fn processor(version: (u8, u8), populated: bool) -> Vec<u8> {
    // Socket, type, family, maker, identity, version, voltage, clocks, status, upgrade, caches.
    let mut fields = vec![1, 3, 0xb3, 2];
    fields.extend([0x57, 0x06, 0x06, 0x00, 0xff, 0xfb, 0xeb, 0xbf]);
    fields.extend([3, 0x8c]);
    for clock in [100u16, 4000, 2600] {
        fields.extend(clock.to_le_bytes());
    }
    fields.extend([if populated { 0x41 } else { 0 }, 0x2b]);
    fields.extend([0xff; 6]);
    fields.extend([4, 0, 0]);
    if version >= (2, 5) {
        let counts = if version >= (3, 0) {
            [0xff, 0xff, 0xff]
        } else {
            [16, 16, 32]
        };
        fields.extend(counts);
        fields.extend([0x04, 0x00]);
    }
    if version >= (2, 6) {
        fields.extend([0xb3, 0x00]);
    }
    if version >= (3, 0) {
        for count in [288u16, 288, 576] {
            fields.extend(count.to_le_bytes());
        }
    }
    fields
}

fn memory_device(version: (u8, u8), size: u16, extended: u32) -> Vec<u8> {
    // Array, error handle, widths, size, form factor, set, locators, type, detail.
    let mut fields = vec![0x00, 0x10, 0xfe, 0xff, 72, 0, 64, 0];
    fields.extend(size.to_le_bytes());
    fields.extend([9, 0, 1, 2, 0x1a, 0x80, 0x20]);
    let fast = version >= (3, 3) && extended != 0 && size != 0;
    fields.extend(if fast { 0xffffu16 } else { 3200 }.to_le_bytes());
    fields.extend([3, 4, 5, 6]);
    if version >= (2, 6) {
        fields.push(2);
    }
    if version >= (2, 7) {
        fields.extend(extended.to_le_bytes());
        fields.extend(if fast { 4800u16 } else { 2933 }.to_le_bytes());
    }
    if version >= (2, 8) {
        for voltage in [1200u16, 1200, 1200] {
            fields.extend(voltage.to_le_bytes());
        }
    }
    if version >= (3, 2) {
        fields.extend([3, 0x08, 0x00, 0]);
        fields.extend([0; 8]);
        fields.extend([0; 32]);
    }
    if version >= (3, 3) {
        fields.extend(if fast { 70_000u32 } else { 0 }.to_le_bytes());
        fields.extend(0u32.to_le_bytes());
    }
    fields
}

fn entry_point_64((major, minor): (u8, u8), length: usize) -> Vec<u8> {
    let mut entry = b"_SM3_".to_vec();
    entry.extend([0, 24, major, minor, 0, 1, 0]);
    entry.extend((length as u32).to_le_bytes());
    entry.extend((DUMP_TABLE_OFFSET as u64).to_le_bytes());
    set_checksum(&mut entry, 5);
    entry
}

fn entry_point_32((major, minor): (u8, u8), length: usize, count: u16) -> Vec<u8> {
    let mut inner = b"_DMI_\0".to_vec();
    inner.extend((length as u16).to_le_bytes());
    inner.extend((DUMP_TABLE_OFFSET as u32).to_le_bytes());
    inner.extend(count.to_le_bytes());
    inner.push(major << 4 | minor);
    set_checksum(&mut inner, 5);
    let mut entry = b"_SM_".to_vec();
    entry.extend([0, 31, major, minor, 0xff, 0, 0, 0, 0, 0, 0, 0]);
    entry.extend(inner);
    set_checksum(&mut entry, 4);
    entry
}

/// Makes the sum of all bytes 0.
fn set_checksum(entry: &mut [u8], at: usize) {
    let sum = entry.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    entry[at] = 0u8.wrapping_sub(sum);
}
