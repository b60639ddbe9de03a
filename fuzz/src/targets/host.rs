//! What the kernel and the firmware tell. None of these parsers may fail; they leave out what they do not
//! understand.

use esm::host::{load, memory, mounts, netlink as rtnetlink, network, os, processor, smbios as tables, swap};

/// The text files of `/proc` and `/etc`, each parser with the same input.
pub fn proc(data: &[u8]) {
    load::parse_stat(data);
    memory::parse_meminfo(data);
    network::parse_net_dev(data);
    processor::parse_cpuinfo(data);
    processor::parse_loadavg(data);
    swap::parse_swaps(data);
    os::parse_os_release(data);
    os::find_fqdn("host", data, data);
    mounts::unescape(data);
    mounts::name_text(data);
    let mounted = mounts::parse_mountinfo(data);
    mounts::hidden_mounts(&mounted);
}

/// The tables of the firmware, in each of the versions that differ.
pub fn smbios(data: &[u8]) {
    tables::parse_table(data, None);
    for (major, minor) in [(2, 1), (2, 6), (3, 2), (3, 7)] {
        tables::parse_table(data, Some(tables::SmbiosVersion { major, minor }));
    }
    tables::parse_entry_point(data);
}

/// An answer of the kernel about addresses.
pub fn netlink(data: &[u8]) {
    rtnetlink::parse_addresses(data);
}
