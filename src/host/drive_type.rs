//! What kind of drive a file system lies on.

use std::fmt;

use super::mounts::Mount;
use super::root::Root;

/// What a file system lies on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DriveType {
    /// A disk that stays in the machine.
    Fixed,
    /// A medium that can be taken out.
    Removable,
    /// An optical disc.
    Optical,
    /// Another machine.
    Network,
    /// Memory.
    Ram,
    /// Nothing of these: a view of other file systems, or a program's own making.
    Other,
}

impl fmt::Display for DriveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "Fixed",
            Self::Removable => "Removable",
            Self::Optical => "Optical",
            Self::Network => "Network",
            Self::Ram => "RAM",
            Self::Other => "Other",
        })
    }
}

/// File systems that span devices have a device number of their own making.
const SPANNING_TYPES: [&[u8]; 3] = [b"btrfs", b"bcachefs", b"zfs"];

/// Whether a block device, or several, are behind a mount.
pub(super) fn has_device(mount: &Mount) -> bool {
    mount.device.0 != 0 || SPANNING_TYPES.contains(&mount.fs_type.as_slice())
}

/// File system types whose data is on other machines.
const NETWORK_TYPES: [&str; 22] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "fuse.ceph",
    "fuse.curlftpfs",
    "fuse.davfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "orangefs",
    "smb3",
    "smbfs",
];

/// From the type of the file system, and from the `disks` that it lies on.
pub(super) fn drive_type(root: &Root, mount: &Mount, disks: &[String]) -> DriveType {
    let fs_type = mount.fs_type.as_slice();
    if NETWORK_TYPES.iter().any(|network| network.as_bytes() == fs_type) {
        return DriveType::Network;
    }
    if matches!(fs_type, b"tmpfs" | b"ramfs") {
        return DriveType::Ram;
    }
    if !has_device(mount) {
        return DriveType::Other;
    }
    let any_starts_with = |prefixes: &[&str]| {
        disks
            .iter()
            .any(|disk| prefixes.iter().any(|p| disk.starts_with(p)))
    };
    if any_starts_with(&["sr"]) {
        DriveType::Optical
    } else if any_starts_with(&["ram", "zram"]) {
        DriveType::Ram
    } else if any_starts_with(&["fd"])
        || disks
            .iter()
            .any(|disk| root.number(format!("sys/block/{disk}/removable")) == Some(1))
    {
        DriveType::Removable
    } else {
        DriveType::Fixed
    }
}
