//! Files that only their owner may read, replaced whole or not at all.
//!
//! Root works with the rights of the folder's owner, and no symbolic link is followed in the place of a file: see
//! [`crate::net::rights`].

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::net::rights::OwnersRights;

const NO_LINK: i32 = OFlags::NOFOLLOW.bits().cast_signed();
const PRIVATE_MODE: u32 = 0o600;

/// Writes `bytes` to `path` with mode 0600 by way of a temporary file beside it, so that a reader sees
/// the old content or the new, and a crash leaves one of the two.
pub(in crate::net) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes, PRIVATE_MODE)
}

/// As [`replace`], readable by all.
pub(in crate::net) fn replace_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes, 0o644)
}

/// Holds off other writers of `path` (this process's and others') until the answer is dropped.
pub(in crate::net) fn lock_beside(path: &Path) -> io::Result<File> {
    let _rights = OwnersRights::of(folder_of(path))?;
    create_parent(path)?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_MODE)
        .custom_flags(NO_LINK)
        .open(sibling(path, "lock"))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(lock)
}

/// Opens the file itself, to be read and then replaced: what it holds may end up in the new one.
pub(in crate::net) fn open_to_replace(path: &Path) -> io::Result<File> {
    let _rights = OwnersRights::of(folder_of(path))?;
    OpenOptions::new().read(true).custom_flags(NO_LINK).open(path)
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let _rights = OwnersRights::of(folder_of(path))?;
    create_parent(path)?;
    let temporary = sibling(path, &format!("{}.tmp", std::process::id()));
    let written =
        write_synced(&temporary, path, bytes, mode).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
        return written;
    }
    File::open(folder_of(path))?.sync_all()
}

fn write_synced(path: &Path, replaced: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    // The mode given at creation is subject to the umask.
    file.set_permissions(Permissions::from_mode(mode))?;
    hand_over(&file, replaced)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Where root writes with its own rights, the folder is root's: a file of another user stays that user's.
fn hand_over(file: &File, replaced: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let folder = || std::fs::metadata(folder_of(replaced));
    let model = std::fs::symlink_metadata(replaced).or_else(|_| folder())?;
    std::os::unix::fs::fchown(file, Some(model.uid()), Some(model.gid()))
}

fn create_parent(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{suffix}"))
}
