//! What verifying credentials came to a short time ago, so that hashing is not paid on every request.
//!
//! Neither names nor passwords are kept: only a hash keyed with a random key of this process.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random;

/// How long it is remembered what a credential came to.
pub(in crate::net) const REMEMBERED_FOR: Duration = Duration::from_secs(60);
const MAX_REMEMBERED: usize = 1024;

/// The keyed hash of one credential.
#[derive(Clone, Copy)]
pub(in crate::net) struct CredentialTag([u8; 32]);

/// Of each credential a `T`. Bounded, and emptied whenever the accounts file changes.
pub(in crate::net) struct Memory<T> {
    key: [u8; 32],
    by_prefix: RwLock<HashMap<u64, Remembered<T>>>,
}

struct Remembered<T> {
    tag: CredentialTag,
    what: T,
    until: Instant,
}

impl<T: Clone> Memory<T> {
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

    pub(in crate::net) fn recall(&self, tag: &CredentialTag, now: Instant) -> Option<T> {
        let by_prefix = self.by_prefix.read();
        let found = by_prefix.get(&tag.prefix())?;
        found.is_of(tag, now).then(|| found.what.clone())
    }

    /// As [`Self::recall`], and what is recalled is remembered for longer: as long as it is in use, where nothing but
    /// [`Self::forget_all`] makes it wrong.
    pub(in crate::net) fn recall_and_keep(&self, tag: &CredentialTag, now: Instant) -> Option<T> {
        let (what, until) = {
            let by_prefix = self.by_prefix.read();
            let found = by_prefix.get(&tag.prefix())?;
            found.is_of(tag, now).then(|| (found.what.clone(), found.until))?
        };
        // Not each time: who writes keeps all readers out.
        if until.duration_since(now) < REMEMBERED_FOR / 2
            && let Some(found) = self.by_prefix.write().get_mut(&tag.prefix())
            && found.is_of(tag, now)
        {
            found.until = now + REMEMBERED_FOR;
        }
        Some(what)
    }

    pub(in crate::net) fn remember(&self, tag: CredentialTag, what: T, now: Instant) {
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
                what,
                until: now + REMEMBERED_FOR,
            },
        );
    }

    pub(in crate::net) fn forget_all(&self) {
        self.by_prefix.write().clear();
    }
}

impl<T> Remembered<T> {
    fn is_of(&self, tag: &CredentialTag, now: Instant) -> bool {
        let same: bool = self.tag.0.ct_eq(&tag.0).into();
        same && now < self.until
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
    use crate::net::principal::Principal;

    #[test]
    fn what_is_in_use_is_kept() {
        let memory = Memory::new().unwrap();
        let mut now = Instant::now();
        let (used, unused) = (memory.tag(b"used"), memory.tag(b"unused"));
        memory.remember(used, 1, now);
        memory.remember(unused, 2, now);
        for _ in 0..10 {
            now += REMEMBERED_FOR * 2 / 3;
            assert_eq!(memory.recall_and_keep(&used, now), Some(1));
        }
        assert_eq!(memory.recall_and_keep(&unused, now), None);
        now += REMEMBERED_FOR;
        assert_eq!(memory.recall_and_keep(&used, now), None, "past its time");
    }

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
        let (one, two) = (Memory::<()>::new().unwrap(), Memory::<()>::new().unwrap());
        assert_ne!(one.tag(b"x").0, two.tag(b"x").0);
    }
}
