//! The state folder: made on first use, for its owner alone, and used by one agent at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::net::rights::OwnersRights;

/// What is opened to be written in the state folder is the file itself: no symbolic link is followed in its place.
pub(super) const NO_LINK: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It cannot be made or written.
    #[error("state folder {}: {error}; set `state_dir` to one that this user may write", path.display())]
    Unusable {
        /// The folder or a file in it.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another agent is running on it.
    #[error("another agent is using the state folder {}; stop it, or set another `state_dir`", .0.display())]
    InUse(PathBuf),
}

/// The state folder of a running agent. No other agent can have it at the same time.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Makes the folder (mode 0700) if there is none, and takes it.
    ///
    /// # Errors
    /// If it cannot be made or written, or another agent has it.
    pub fn take(path: &Path) -> Result<Self, StateDirError> {
        make(path)?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(NO_LINK)
            .open(&lock_path)
            .map_err(|error| StateDirError::Unusable {
                path: lock_path,
                error,
            })?;
        // The kernel lets go of the lock when the process ends, however it ends.
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| StateDirError::InUse(path.to_owned()))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes the folder, for its owner alone, if there is none.
///
/// # Errors
/// If it cannot be made.
pub fn make(path: &Path) -> Result<(), StateDirError> {
    let create = |_: OwnersRights| DirBuilder::new().recursive(true).mode(0o700).create(path);
    OwnersRights::of(path)
        .and_then(create)
        .map_err(|error| StateDirError::Unusable {
            path: path.to_owned(),
            error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = StateDir::take(&path).unwrap();
        assert!(matches!(StateDir::take(&path), Err(StateDirError::InUse(_))));
        drop(first);
        assert!(StateDir::take(&path).is_ok());
    }
}
