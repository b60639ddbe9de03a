//! Root in other users' folders: with their rights, and no more.
//!
//! The state folder belongs to the agent's user. A symbolic link that this user puts there must not make root's
//! commands read, create or replace what the user itself could not.

use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Gid, Uid};
use rustix::process::{getegid, geteuid, getgroups};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// While it lives, this thread has the rights of a folder's owner, if it is root's otherwise.
#[derive(Debug)]
pub struct OwnersRights {
    roots: Option<Groups>,
    /// The rights are the thread's: it stays where it was made.
    _thread: PhantomData<*const ()>,
}

#[derive(Debug)]
struct Groups {
    effective: Gid,
    others: Vec<Gid>,
}

impl OwnersRights {
    /// Takes on the rights of whoever owns `folder`, or the first folder on the way to it that is not root's: whoever
    /// owns that one can lead elsewhere from there. Nothing changes for other users than root, and on a way that is
    /// all root's. What does not exist yet is whose that is in which it would be made.
    ///
    /// # Errors
    /// If a folder on the way cannot be looked at, or root may not take on other users' rights.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let mut rights = Self {
            roots: None,
            _thread: PhantomData,
        };
        if !geteuid().is_root() {
            return Ok(rights);
        }
        if let Some((user, group)) = first_other_owner(folder)? {
            let before = Groups {
                effective: getegid(),
                others: getgroups()?,
            };
            rights.roots = Some(before);
            set_thread_groups(&[group])?;
            set_thread_res_gid(None, Some(group), None)?;
            set_thread_res_uid(None, Some(user), None)?;
        }
        Ok(rights)
    }
}

impl Drop for OwnersRights {
    fn drop(&mut self) {
        let Some(roots) = &self.roots else {
            return;
        };
        let back = set_thread_res_uid(None, Some(Uid::ROOT), None)
            .and_then(|()| set_thread_res_gid(None, Some(roots.effective), None))
            .and_then(|()| set_thread_groups(&roots.others));
        if let Err(error) = back {
            tracing::error!(%error, "the rights of root are not had again");
        }
    }
}

fn first_other_owner(folder: &Path) -> io::Result<Option<(Uid, Gid)>> {
    let folder = std::path::absolute(folder)?;
    let mut way: Vec<&Path> = folder.ancestors().collect();
    way.reverse();
    for place in way {
        // A link is whoever's it is, wherever it leads.
        for looked_at in [place.symlink_metadata(), place.metadata()] {
            match looked_at {
                Ok(found) if found.uid() == 0 => {}
                Ok(found) => return Ok(Some((Uid::from_raw(found.uid()), Gid::from_raw(found.gid())))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_made_in_a_folder_is_its_owners_and_rights_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let before = (geteuid(), getegid(), getgroups().unwrap());
        if before.0.is_root() {
            std::os::unix::fs::chown(&inner, Some(12_345), Some(23_456)).unwrap();
        }
        let rights = OwnersRights::of(&inner.join("deeper/still")).unwrap();
        std::fs::create_dir_all(inner.join("deeper/still")).unwrap();
        drop(rights);
        let owner = |path: &Path| {
            let found = path.metadata().unwrap();
            (found.uid(), found.gid())
        };
        assert_eq!(owner(&inner.join("deeper/still")), owner(&inner));
        assert_eq!((geteuid(), getegid(), getgroups().unwrap()), before);
        let _rights = OwnersRights::of(folder.path()).unwrap();
        assert_eq!(geteuid(), before.0);
    }
}
