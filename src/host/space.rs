//! How full a file system is, from the kernel itself.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags};

use super::memory::percent;
use super::mounts::Mount;

/// The size of a file system and what is left of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Space {
    /// Size in bytes.
    pub size_bytes: u64,
    /// Bytes that nothing uses, those kept for the super-user included.
    pub free_bytes: u64,
    /// Bytes that everyone may use.
    pub available_bytes: u64,
    /// Number of files there can be; 0 where the file system has no such limit.
    pub inodes: u64,
    /// Number of files that can still be made.
    pub inodes_free: u64,
    /// Unit of allocation in bytes.
    pub block_bytes: u64,
    /// Longest file name in bytes.
    pub max_name_bytes: u64,
}

impl Space {
    /// Bytes in use.
    pub fn used_bytes(&self) -> u64 {
        self.size_bytes.saturating_sub(self.free_bytes)
    }

    /// What is left to everyone, of what everyone may use. It is reckoned as df(1) does: the blocks kept for
    /// the super-user count as neither, so that it is 0 when the first ordinary program fails to write.
    pub fn free_percent(&self) -> Option<f64> {
        percent(
            self.available_bytes,
            self.used_bytes().saturating_add(self.available_bytes),
        )
    }

    /// 100 less [`Self::free_percent`].
    pub fn used_percent(&self) -> Option<f64> {
        percent(
            self.used_bytes(),
            self.used_bytes().saturating_add(self.available_bytes),
        )
    }
}

/// What came of the question how full a file system is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SpaceAnswer {
    /// It answered.
    Known(Space),
    /// It did not answer in time, and has not since.
    Stalled,
    /// It answered with an error, or another mount stands before it now.
    Failed(String),
}

impl SpaceAnswer {
    /// The figures, if it answered.
    pub fn known(&self) -> Option<&Space> {
        match self {
            Self::Known(space) => Some(space),
            Self::Stalled | Self::Failed(_) => None,
        }
    }
}

/// Asks how full the file system of a mount is. It may block for as long as the file system does.
pub trait SpaceSource: Send + Sync + 'static {
    /// The figures, or what the kernel answered instead.
    ///
    /// # Errors
    /// What the kernel answered, or that the mount's path leads to another mount.
    fn space(&self, mount: &Mount) -> io::Result<Space>;
}

/// A space source shared with the threads that ask it.
pub type SharedSpaceSource = Arc<dyn SpaceSource>;

/// The running machine's kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelSpace;

impl SpaceSource for KernelSpace {
    fn space(&self, mount: &Mount) -> io::Result<Space> {
        let path = OsStr::from_bytes(&mount.mount_point);
        // O_PATH needs no right to read the directory and sets off no automount.
        let place = rustix::fs::openat(
            CWD,
            path,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let identity = rustix::fs::statx(&place, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
        // Kernels before 5.8 do not tell the mount; what they answer is then believed.
        if let Ok(identity) = identity
            && identity.stx_mask & StatxFlags::MNT_ID.bits() != 0
            && identity.stx_mnt_id != u64::from(mount.id)
        {
            return Err(io::Error::other(NotReachable));
        }
        let figures = rustix::fs::fstatvfs(&place)?;
        let unit = if figures.f_frsize == 0 {
            figures.f_bsize
        } else {
            figures.f_frsize
        };
        Ok(Space {
            size_bytes: figures.f_blocks.saturating_mul(unit),
            free_bytes: figures.f_bfree.saturating_mul(unit),
            available_bytes: figures.f_bavail.saturating_mul(unit),
            inodes: figures.f_files,
            inodes_free: figures.f_ffree,
            block_bytes: figures.f_bsize,
            max_name_bytes: figures.f_namemax,
        })
    }
}

/// The path of a mount leads to another one.
#[derive(Clone, Copy, Debug)]
struct NotReachable;

impl fmt::Display for NotReachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another mount stands at its mount point")
    }
}

impl std::error::Error for NotReachable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_leave_out_what_is_kept_for_the_super_user() {
        #[track_caller]
        fn check(size_bytes: u64, free_bytes: u64, available_bytes: u64, free_percent: Option<f64>) {
            let space = Space {
                size_bytes,
                free_bytes,
                available_bytes,
                ..Space::default()
            };
            assert_eq!(space.free_percent(), free_percent);
            assert_eq!(space.used_percent(), free_percent.map(|free| 100.0 - free));
        }
        check(100, 100, 100, Some(100.0));
        check(1000, 200, 0, Some(0.0));
        check(1100, 300, 200, Some(20.0));
        check(0, 0, 0, None);
        // A file system that tells more free than it has.
        check(10, 20, 20, Some(100.0));
    }

    #[test]
    fn the_kernel_answers_for_the_mount_that_was_meant() {
        let mountinfo = std::fs::read("/proc/self/mountinfo").unwrap();
        let mounts = super::super::mounts::parse_mountinfo(&mountinfo);
        let proc = mounts.iter().find(|mount| mount.mount_point == b"/proc").unwrap();
        KernelSpace.space(proc).unwrap();
        let other = Mount {
            id: proc.id + 100_000,
            ..proc.clone()
        };
        assert!(KernelSpace.space(&other).is_err());
        let gone = Mount {
            mount_point: b"/nowhere/at/all".into(),
            ..proc.clone()
        };
        assert_eq!(
            KernelSpace.space(&gone).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
