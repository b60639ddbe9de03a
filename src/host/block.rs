//! Block devices as sysfs names them: which disk a device number, a partition or a mapped device lies on.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::mounts::name_text;
use super::root::Root;
use super::text;

/// Mapped devices lie on mapped devices, but hardly deeper than this.
const DEEPEST: usize = 8;

/// The kernel's name of a block device, as in `sda1` or `dm-0`.
pub fn kernel_name(root: &Root, device: (u32, u32)) -> Option<String> {
    let (major, minor) = device;
    let name = root.link_name(format!("sys/dev/block/{major}:{minor}"))?;
    name.into_string().ok()
}

/// The whole disks that a block device lies on: of a partition the disk, of a mapped device or RAID those
/// of its parts, of a disk itself.
pub fn disks_below(root: &Root, name: &str) -> BTreeSet<String> {
    let mut disks = BTreeSet::new();
    collect_disks(root, name, DEEPEST, &mut disks);
    disks
}

fn collect_disks(root: &Root, name: &str, depth: usize, disks: &mut BTreeSet<String>) {
    let disk = disk_of(root, name);
    let parts = root.names(format!("sys/block/{disk}/slaves"));
    if parts.is_empty() || depth == 0 {
        disks.insert(disk);
        return;
    }
    for part in parts.iter().filter_map(|part| part.to_str()) {
        collect_disks(root, part, depth - 1, disks);
    }
}

/// The disk that a partition is on; the name itself if it is no partition.
fn disk_of(root: &Root, name: &str) -> String {
    let link = format!("sys/class/block/{name}");
    if !root.exists(format!("{link}/partition")) {
        return name.to_owned();
    }
    let parent = fs::read_link(root.path(&link)).ok();
    let parent = parent
        .as_deref()
        .and_then(Path::parent)
        .and_then(Path::file_name)
        .and_then(OsStr::to_str);
    parent.unwrap_or(name).to_owned()
}

/// The UUIDs of file systems by the kernel's name of the device they lie on.
#[derive(Clone, Debug, Default)]
pub struct Uuids {
    by_name: HashMap<String, String>,
}

impl Uuids {
    /// Reads the links in `/dev/disk/by-uuid` and, for btrfs, which spans devices, its own directory in
    /// sysfs.
    pub fn read(root: &Root) -> Self {
        let mut by_name = HashMap::new();
        for uuid in root.names("sys/fs/btrfs") {
            // Beside the file systems there are `features` and the like.
            let Some(uuid) = uuid.to_str().filter(|uuid| uuid.len() == 36) else {
                continue;
            };
            for device in root.names(format!("sys/fs/btrfs/{uuid}/devices")) {
                by_name.extend(device.into_string().ok().map(|device| (device, uuid.to_owned())));
            }
        }
        for uuid in root.names("dev/disk/by-uuid") {
            let target = root.link_name(Path::new("dev/disk/by-uuid").join(&uuid));
            let device = target.and_then(|target| target.into_string().ok());
            // udev writes odd bytes of a UUID as \x20.
            by_name.extend(device.map(|device| (device, name_text(&uuid.into_vec()))));
        }
        Self { by_name }
    }

    /// The UUID of the file system on a device: from the links, else from what udev has noted of it.
    pub fn of(&self, root: &Root, name: Option<&str>, device: (u32, u32)) -> Option<String> {
        let linked = name.and_then(|name| self.by_name.get(name));
        linked
            .cloned()
            .or_else(|| udev_property(root, device, b"ID_FS_UUID"))
    }
}

/// A property that udev has noted of a block device (`E:KEY=VALUE` in `/run/udev/data`).
pub fn udev_property(root: &Root, device: (u32, u32), key: &[u8]) -> Option<String> {
    let (major, minor) = device;
    let noted = root.read(format!("run/udev/data/b{major}:{minor}")).ok()?;
    let value = text::lines(&noted).find_map(|line| {
        let (found, value) = text::key_value(line.strip_prefix(b"E:")?, b'=')?;
        (found == key).then_some(value)
    })?;
    text::text(value)
}

/// The kernel's name of a device by the path that a user gave to mount it: `/dev/sda1`, or a link as
/// device-mapper makes them.
pub fn name_of_path(root: &Root, path: &[u8]) -> Option<String> {
    let relative = Path::new(OsStr::from_bytes(path.strip_prefix(b"/dev/")?));
    let linked = root.link_name(Path::new("dev").join(relative));
    linked
        .or_else(|| relative.file_name().map(OsStr::to_owned))?
        .into_string()
        .ok()
}
