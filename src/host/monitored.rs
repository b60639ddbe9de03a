//! Which file systems are monitored, and why the others are not.

use std::fmt;

use super::drive_type::DriveType;
use super::mounts::{Mount, name_text};
use super::space::SpaceAnswer;

/// Which file systems are monitored: those on a fixed drive, of one of these types, of this size at least;
/// and which are so beyond or in spite of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileSystemRule {
    /// Mount points that are served and monitored whatever they are.
    pub include: Vec<String>,
    /// Mount points that are not monitored. They win over `include`.
    pub exclude: Vec<String>,
    /// File system types that are monitored.
    pub types: Vec<String>,
    /// The size in bytes from which a file system is monitored.
    pub min_size_bytes: u64,
}

impl Default for FileSystemRule {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            types: ["ext2", "ext3", "ext4", "xfs"].map(str::to_owned).to_vec(),
            min_size_bytes: 100 << 20,
        }
    }
}

impl FileSystemRule {
    /// Whether any of the places where a file system is mounted is included.
    pub(super) fn includes(&self, mounts: &[&Mount]) -> bool {
        any_named(&self.include, mounts)
    }

    /// Whether any of the places where a file system is mounted is excluded.
    pub(super) fn excludes(&self, mounts: &[&Mount]) -> bool {
        any_named(&self.exclude, mounts)
    }

    /// Why a file system that is mounted at these places is not monitored; `None` if it is. What has not
    /// told its size is not thought too small.
    pub(super) fn objection(
        &self,
        mounts: &[&Mount],
        drive_type: DriveType,
        fs_type: &str,
        space: &SpaceAnswer,
    ) -> Option<Unmonitored> {
        if self.excludes(mounts) {
            Some(Unmonitored::Excluded)
        } else if self.includes(mounts) {
            None
        } else if drive_type != DriveType::Fixed {
            Some(Unmonitored::DriveType(drive_type))
        } else if !self.types.iter().any(|monitored| monitored == fs_type) {
            Some(Unmonitored::FileSystemType)
        } else if space
            .known()
            .is_some_and(|space| space.size_bytes < self.min_size_bytes)
        {
            Some(Unmonitored::TooSmall {
                min_size_bytes: self.min_size_bytes,
            })
        } else {
            None
        }
    }
}

fn any_named(list: &[String], mounts: &[&Mount]) -> bool {
    mounts
        .iter()
        .any(|mount| list.iter().any(|entry| names(entry, mount)))
}

/// Whether a mount point in the configuration means this mount. Both its bytes and its name are good.
fn names(entry: &str, mount: &Mount) -> bool {
    let trimmed = entry.trim_end_matches('/');
    let entry = if trimmed.is_empty() { "/" } else { trimmed };
    entry.as_bytes() == mount.mount_point || entry == name_text(&mount.mount_point)
}

/// Why a file system is not monitored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unmonitored {
    /// The configuration excludes it.
    Excluded,
    /// It is not on a fixed drive.
    DriveType(DriveType),
    /// Its type is not among those that are monitored.
    FileSystemType,
    /// It is smaller than the least size.
    TooSmall {
        /// The least size in bytes.
        min_size_bytes: u64,
    },
}

impl fmt::Display for Unmonitored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded => f.write_str("excluded by the configuration"),
            Self::DriveType(found) => write!(f, "drive type is {found}, not Fixed"),
            Self::FileSystemType => f.write_str("file system type is not among the monitored types"),
            Self::TooSmall { min_size_bytes } => write!(f, "smaller than {min_size_bytes} bytes"),
        }
    }
}
