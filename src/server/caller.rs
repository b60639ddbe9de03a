//! Who a connection itself speaks for, whatever its requests say: the process at the other end of the local socket,
//! or the client certificate.
//!
//! That was judged when the connection came, and is judged anew once the rules have changed: a caller whom they no
//! longer let in is a stranger from the next request on, though the connection stays.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::net::principal::Principal;
use crate::net::tls::server::{HandshakeRules, ServerTls, ShownCertificate};
use crate::server::auth::Authenticator;

/// Who a connection speaks for.
pub(super) enum Caller {
    /// Nobody: each of its requests says who it is from.
    Unknown,
    /// A process of this machine, by the ids that the kernel told.
    Local {
        uid: u32,
        gid: u32,
        judged: Judged<Authenticator>,
    },
    /// Whom a client certificate stands for.
    Certificate {
        shown: ShownCertificate,
        tls: Arc<ServerTls>,
        judged: Judged<HandshakeRules>,
    },
}

impl Caller {
    pub(super) fn local(uid: u32, gid: u32) -> Self {
        Self::Local {
            uid,
            gid,
            judged: Judged::default(),
        }
    }

    pub(super) fn certificate(shown: ShownCertificate, tls: &Arc<ServerTls>) -> Self {
        Self::Certificate {
            shown,
            tls: Arc::clone(tls),
            judged: Judged::default(),
        }
    }

    /// The principal, by the rules that are in force now.
    pub(super) fn principal(&self, authenticator: &Arc<Authenticator>) -> Option<Principal> {
        match self {
            Self::Unknown => None,
            Self::Local { uid, gid, judged } => {
                judged.by(authenticator, |rules| rules.local_peer(*uid, *gid))
            }
            Self::Certificate { shown, tls, judged } => {
                judged.by(&tls.rules_in_force(), |rules| rules.principal(shown))
            }
        }
    }
}

/// The last judgement, with the rules that it follows from.
pub(super) struct Judged<R>(Mutex<Option<(Arc<R>, Option<Principal>)>>);

impl<R> Default for Judged<R> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<R> Judged<R> {
    fn by(&self, rules: &Arc<R>, judge: impl FnOnce(&R) -> Option<Principal>) -> Option<Principal> {
        let mut last = self.0.lock();
        match &*last {
            Some((by, principal)) if Arc::ptr_eq(by, rules) => principal.clone(),
            _ => {
                let principal = judge(rules);
                *last = Some((Arc::clone(rules), principal.clone()));
                principal
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::local_peer::LocalPeers;

    #[test]
    fn a_local_peer_is_judged_anew_by_other_rules() {
        let rules = |group: Option<&str>| {
            let peers = LocalPeers::new(group.map(str::to_owned));
            Arc::new(Authenticator::new(None, Some(peers)))
        };
        // No user has this number, and `daemon` has this one in every `/etc/group`.
        let caller = Caller::local(4_000_000_000, 1);
        let (with, without) = (rules(Some("daemon")), rules(None));
        for (rules, expect) in [(&with, true), (&with, true), (&without, false), (&with, true)] {
            assert_eq!(caller.principal(rules).is_some(), expect);
        }
        assert!(Caller::Unknown.principal(&with).is_none());
    }
}
