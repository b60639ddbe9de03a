//! Who a request comes from, once that has been proved.
//!
//! The constructors are visible in this room alone, so a [`Principal`] in hand means that one of the
//! authenticators here (accounts, local peers, client certificates) made it.

use std::fmt;
use std::sync::Arc;

use crate::net::fingerprint::Fingerprint;

/// An authenticated caller.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Principal {
    name: Arc<str>,
    kind: PrincipalKind,
}

/// How a [`Principal`] proved who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum PrincipalKind {
    /// A name and password of the accounts file (RFC 7617).
    Account,
    /// The credentials of the process at the other end of the local socket, as the kernel tells them.
    LocalPeer {
        /// Effective user id of the peer.
        uid: u32,
        /// Effective group id of the peer.
        gid: u32,
    },
    /// A client certificate that the configured authority signed.
    Certificate {
        /// SHA-256 of the certificate.
        fingerprint: Fingerprint,
    },
}

impl Principal {
    pub(in crate::net) fn account(name: &str) -> Self {
        Self {
            name: name.into(),
            kind: PrincipalKind::Account,
        }
    }

    pub(in crate::net) fn local_peer(name: &str, uid: u32, gid: u32) -> Self {
        Self {
            name: name.into(),
            kind: PrincipalKind::LocalPeer { uid, gid },
        }
    }

    pub(in crate::net) fn certificate(name: &str, fingerprint: Fingerprint) -> Self {
        Self {
            name: name.into(),
            kind: PrincipalKind::Certificate { fingerprint },
        }
    }

    /// An account's principal without any proof, for tests of the rooms that are handed one.
    #[cfg(test)]
    pub fn for_test(name: &str) -> Self {
        Self::account(name)
    }

    /// The account name, the local user's name (or `uid:N`), or the name a certificate stands for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the caller proved who it is.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
