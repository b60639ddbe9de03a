//! Credentials that were verified a short time ago, so that hashing is not paid on every request.
//!
//! Neither names nor passwords are kept: only a hash keyed with a random key of this process.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::net::principal::Principal;
use crate::random;

/// How long a verified credential is remembered.
pub(in crate::net) const REMEMBERED_FOR: Duration = Duration::from_secs(60);
const MAX_REMEMBERED: usize = 1024;

/// The keyed hash of one credential.
#[derive(Clone, Copy)]
pub(in crate::net) struct CredentialTag([u8; 32]);

/// Bounded, and emptied whenever the accounts file changes.
pub(in crate::net) struct Memory {
    key: [u8; 32],
    by_prefix: RwLock<HashMap<u64, Remembered>>,
}

struct Remembered {
    tag: CredentialTag,
    principal: Principal,
    until: Instant,
}

impl Memory {
    pub(in crate::net) fn new() -> io::Result<Self> {
        Ok(Self {
            key: random::bytes()?,
            by_prefix: RwLock::default(),
        })
    }

    /// The key comes first and the digest never leaves the process, so a plain prefix-keyed hash suffices.
    pub(in crate::net) fn tag(&self, credential: &[u8]) -> CredentialTag {
        CredentialTag(
            Sha256::new()
                .chain_update(self.key)
                .chain_update(credential)
                .finalize()
                .into(),
        )
    }

    pub(in crate::net) fn recall(&self, tag: &CredentialTag, now: Instant) -> Option<Principal> {
        let by_prefix = self.by_prefix.read();
        let found = by_prefix.get(&tag.prefix())?;
        let same: bool = found.tag.0.ct_eq(&tag.0).into();
        (same && now < found.until).then(|| found.principal.clone())
    }

    pub(in crate::net) fn remember(&self, tag: CredentialTag, principal: Principal, now: Instant) {
        let mut by_prefix = self.by_prefix.write();
        if by_prefix.len() >= MAX_REMEMBERED {
            by_prefix.retain(|_, remembered| now < remembered.until);
        }
        if by_prefix.len() >= MAX_REMEMBERED {
            let first_to_end = by_prefix
                .iter()
                .min_by_key(|(_, remembered)| remembered.until)
                .map(|(&prefix, _)| prefix);
            first_to_end.map(|prefix| by_prefix.remove(&prefix));
        }
        by_prefix.insert(
            tag.prefix(),
            Remembered {
                tag,
                principal,
                until: now + REMEMBERED_FOR,
            },
        );
    }

    pub(in crate::net) fn forget_all(&self) {
        self.by_prefix.write().clear();
    }
}

impl CredentialTag {
    fn prefix(&self) -> u64 {
        self.0
            .iter()
            .take(8)
            .fold(0, |prefix, &byte| prefix << 8 | u64::from(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_for_a_time_and_never_more_than_the_bound() {
        let memory = Memory::new().unwrap();
        let start = Instant::now();
        let ann = memory.tag(b"ann:secret");
        memory.remember(ann, Principal::for_test("ann"), start);

        assert_eq!(memory.recall(&ann, start).unwrap().name(), "ann");
        assert!(memory.recall(&memory.tag(b"ann:secreT"), start).is_none());
        assert!(
            memory.recall(&ann, start + REMEMBERED_FOR).is_none(),
            "past its time"
        );

        for user in 0..2 * MAX_REMEMBERED {
            let later = start + Duration::from_millis(1 + user as u64);
            memory.remember(
                memory.tag(&user.to_be_bytes()),
                Principal::for_test("other"),
                later,
            );
        }
        assert_eq!(memory.by_prefix.read().len(), MAX_REMEMBERED);
        assert!(memory.recall(&ann, start).is_none(), "the oldest gave way");

        memory.forget_all();
        assert_eq!(memory.by_prefix.read().len(), 0);
    }

    #[test]
    fn another_process_has_other_tags() {
        let (one, two) = (Memory::new().unwrap(), Memory::new().unwrap());
        assert_ne!(one.tag(b"x").0, two.tag(b"x").0);
    }
}
