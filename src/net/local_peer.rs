//! Who may use the local socket: root, the agent's own user, and the members of one configured group.

use std::path::{Path, PathBuf};

use crate::net::principal::Principal;

/// Decides about the process at the other end of a Unix socket by the ids the kernel tells.
///
/// Membership is looked up in `/etc/passwd` and `/etc/group` at each connection, so a changed group
/// takes effect at once. Groups that come from a directory service alone are not seen.
#[derive(Clone, Debug)]
pub struct LocalPeers {
    own_uid: u32,
    group: Option<String>,
    etc: PathBuf,
}

impl LocalPeers {
    /// Trusts root, the user this process runs as, and the members of `group` (a name or a number).
    pub fn new(group: Option<String>) -> Self {
        Self {
            own_uid: rustix::process::geteuid().as_raw(),
            group,
            etc: PathBuf::from("/etc"),
        }
    }

    /// The principal for a peer with these effective ids, or `None` if it is not trusted.
    pub fn admit(&self, uid: u32, gid: u32) -> Option<Principal> {
        let user = self.user_name(uid);
        let trusted = uid == 0 || uid == self.own_uid || self.in_group(user.as_deref(), gid);
        trusted.then(|| {
            let name = user.unwrap_or_else(|| format!("uid:{uid}"));
            Principal::local_peer(&name, uid, gid)
        })
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        let passwd = read_lossy(&self.etc.join("passwd"));
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let entry_uid = fields.nth(1)?.parse::<u32>().ok()?;
            (entry_uid == uid).then(|| name.to_owned())
        })
    }

    /// A peer belongs by its effective group, or as a member that `/etc/group` lists.
    fn in_group(&self, user: Option<&str>, gid: u32) -> bool {
        let Some(wanted) = &self.group else { return false };
        let groups = read_lossy(&self.etc.join("group"));
        groups.lines().any(|line| {
            let mut fields = line.split(':');
            let (Some(name), Some(entry_gid)) = (fields.next(), fields.nth(1)) else {
                return false;
            };
            let Ok(number) = entry_gid.parse::<u32>() else {
                return false;
            };
            let named = name == wanted || entry_gid == wanted;
            let member = |user| {
                fields
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .any(|member| member.trim() == user)
            };
            named && (number == gid || user.is_some_and(member))
        })
    }
}

/// Whether `/etc/group` has a group of this name or number.
pub fn is_group(wanted: &str) -> bool {
    let groups = read_lossy(Path::new("/etc/group"));
    groups.lines().any(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next(), fields.nth(1));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
            && (name == Some(wanted) || number == Some(wanted))
    })
}

fn read_lossy(path: &Path) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::principal::PrincipalKind;

    fn peers(group: Option<&str>) -> (tempfile::TempDir, LocalPeers) {
        let etc = tempfile::tempdir().unwrap();
        let passwd = "root:x:0:0::/root:/bin/sh\n\
                      broken line\n\
                      esm:x:900:900::/:/bin/false\n\
                      ann:x:1000:1000::/home/ann:/bin/sh\n\
                      bob:x:1001:1001::/home/bob:/bin/sh\n";
        let group_file = "root:x:0:\nesmadm:x:950:ann, carl\n:::\nbad\nusers:x:100:bob\n";
        std::fs::write(etc.path().join("passwd"), passwd).unwrap();
        std::fs::write(etc.path().join("group"), group_file).unwrap();
        let peers = LocalPeers {
            own_uid: 900,
            group: group.map(str::to_owned),
            etc: etc.path().to_owned(),
        };
        (etc, peers)
    }

    #[track_caller]
    fn check(group: Option<&str>, uid: u32, gid: u32, expect: Option<&str>) {
        let (_etc, peers) = peers(group);
        let admitted = peers.admit(uid, gid);
        assert_eq!(
            admitted.as_ref().map(Principal::name),
            expect,
            "group {group:?}, uid {uid}, gid {gid}"
        );
        if let Some(principal) = admitted {
            assert_eq!(principal.kind(), PrincipalKind::LocalPeer { uid, gid });
        }
    }

    #[test]
    fn root_own_user_and_group_members_are_trusted() {
        check(None, 0, 0, Some("root"));
        check(None, 900, 900, Some("esm"));
        check(None, 1000, 1000, None);
        check(Some("esmadm"), 1000, 1000, Some("ann"));
        check(Some("950"), 1000, 1000, Some("ann"));
        check(Some("esmadm"), 1001, 1001, None);
        check(Some("esmadm"), 1001, 950, Some("bob"));
        check(Some("esmadm"), 4242, 950, Some("uid:4242"));
        check(Some("esmadm"), 4242, 4242, None);
        check(Some("missing"), 1000, 1000, None);
    }
}
