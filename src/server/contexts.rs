//! Open enumerations, whichever protocol opened them (DSP0226, 8.1; DSP0200, 5.4.2.24).
//!
//! Clients leave enumerations open and go away, so each account may keep a bounded number of them and its own
//! oldest idle one gives way to a new one. In all they are bounded by weight alone: past that bound the account
//! that holds the most gives way. No account can so lock out another.
//!
//! All protocols share one [`Contexts`], so that an account has one bound, whatever it speaks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::time::BootTime;

/// How many enumerations may be open, and for how long without being pulled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContextLimits {
    /// Open enumerations of one account.
    pub per_account: usize,
    /// The weight of all of them together, in bytes.
    pub total_weight: usize,
    /// How long an enumeration lives without a pull, unless its client asks for another time.
    pub idle: Duration,
}

impl Default for ContextLimits {
    fn default() -> Self {
        Self {
            per_account: 64,
            total_weight: 64 << 20,
            idle: Duration::from_secs(600),
        }
    }
}

/// Why a context cannot be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ContextError {
    /// It never was, has expired, gave way or belongs to somebody else: the caller cannot tell which.
    #[error("there is no such enumeration context; it may have expired: enumerate again")]
    Unknown,
    /// Another request is pulling from it right now.
    #[error("another request is using this enumeration context")]
    Busy,
    /// Every context of the account is being pulled from at this moment.
    #[error("all enumeration contexts of this account are in use")]
    TooMany,
}

/// The open enumerations of all accounts, each with a state of type `T`.
#[derive(Debug)]
pub struct Contexts<T> {
    limits: ContextLimits,
    entries: HashMap<Uuid, Entry<T>>,
    owners: HashMap<Arc<str>, Owner>,
    /// When each idle entry ends.
    ends: BTreeMap<IdleSince, Uuid>,
    weight: usize,
    /// Tells entries that were used at the same moment apart.
    sequence: u64,
}

#[derive(Debug)]
struct Entry<T> {
    owner: Arc<str>,
    weight: usize,
    /// How long it lives without a pull, where its client said so.
    lifetime: Option<Duration>,
    /// `None` while a request uses it.
    idle: Option<Idle<T>>,
}

#[derive(Debug)]
struct Idle<T> {
    since: IdleSince,
    end: IdleSince,
    state: T,
}

/// A moment; the number tells entries of the same moment apart. So idle entries give way, and end, in order.
type IdleSince = (BootTime, u64);

#[derive(Debug, Default)]
struct Owner {
    idle: BTreeMap<IdleSince, Uuid>,
    count: usize,
    weight: usize,
}

impl<T> Contexts<T> {
    /// No open enumerations yet.
    pub fn new(limits: ContextLimits) -> Self {
        Self {
            limits,
            entries: HashMap::new(),
            owners: HashMap::new(),
            ends: BTreeMap::new(),
            weight: 0,
            sequence: 0,
        }
    }

    /// Changes the limits; what is open already stays until it must give way.
    pub fn set_limits(&mut self, limits: ContextLimits) {
        self.limits = limits;
    }

    /// How many enumerations are open.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keeps an enumeration of `owner` that weighs about `weight` bytes, and returns its identifier. With a
    /// `lifetime` it ends when it was not pulled from for that long, else for [`ContextLimits::idle`].
    pub fn insert(
        &mut self,
        owner: &str,
        state: T,
        weight: usize,
        lifetime: Option<Duration>,
        now: BootTime,
    ) -> Result<Uuid, ContextError> {
        self.expire(now);
        let owner: Arc<str> = match self.owners.get_key_value(owner) {
            Some((owner, _)) => Arc::clone(owner),
            None => Arc::from(owner),
        };
        if self
            .owners
            .get(&owner)
            .is_some_and(|o| o.count >= self.limits.per_account)
            && !self.drop_oldest_of(&owner)
        {
            return Err(ContextError::TooMany);
        }
        let id = crate::random::uuid();
        self.entries.insert(
            id,
            Entry {
                owner: Arc::clone(&owner),
                weight,
                lifetime,
                idle: None,
            },
        );
        let account = self.owners.entry(owner).or_default();
        account.count += 1;
        account.weight += weight;
        self.weight += weight;
        self.put_back(id, state, now);
        while self.weight > self.limits.total_weight && self.drop_from_heaviest(id) {}
        Ok(id)
    }

    /// Takes an enumeration of `owner` out to pull from it. Until it is put back others find it busy.
    pub fn take(&mut self, id: Uuid, owner: &str, now: BootTime) -> Result<T, ContextError> {
        self.take_as(id, owner, now, Ok)
    }

    /// Takes out an enumeration that is `narrow`'s: one that it gives back is not there for this caller.
    pub fn take_as<U>(
        &mut self,
        id: Uuid,
        owner: &str,
        now: BootTime,
        narrow: impl FnOnce(T) -> Result<U, T>,
    ) -> Result<U, ContextError> {
        self.expire(now);
        let entry = self
            .entries
            .get_mut(&id)
            .filter(|entry| &*entry.owner == owner)
            .ok_or(ContextError::Unknown)?;
        let Idle { since, end, state } = entry.idle.take().ok_or(ContextError::Busy)?;
        match narrow(state) {
            Ok(state) => {
                self.ends.remove(&end);
                if let Some(account) = self.owners.get_mut(owner) {
                    account.idle.remove(&since);
                }
                Ok(state)
            }
            Err(state) => {
                entry.idle = Some(Idle { since, end, state });
                Err(ContextError::Unknown)
            }
        }
    }

    /// Puts back an enumeration that was taken out and has more to give.
    pub fn put_back(&mut self, id: Uuid, state: T, now: BootTime) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        self.sequence += 1;
        let since = (now, self.sequence);
        let end = (now + entry.lifetime.unwrap_or(self.limits.idle), self.sequence);
        entry.idle = Some(Idle { since, end, state });
        self.ends.insert(end, id);
        if let Some(account) = self.owners.get_mut(&entry.owner) {
            account.idle.insert(since, id);
        }
    }

    /// Ends an enumeration that was taken out.
    pub fn finish(&mut self, id: Uuid) {
        self.remove(id);
    }

    /// Drops what has been idle for too long.
    pub fn expire(&mut self, now: BootTime) {
        while let Some((&(end, _), &id)) = self.ends.first_key_value()
            && end <= now
        {
            self.remove(id);
        }
    }

    fn drop_oldest_of(&mut self, owner: &str) -> bool {
        let oldest = self
            .owners
            .get(owner)
            .and_then(|owner| owner.idle.values().next().copied());
        oldest.is_some_and(|id| self.remove(id))
    }

    /// Drops the oldest idle entry of the account with the most weight, but never `keep`.
    fn drop_from_heaviest(&mut self, keep: Uuid) -> bool {
        let heaviest = self
            .owners
            .values()
            .filter(|owner| !owner.idle.is_empty())
            .max_by_key(|owner| owner.weight);
        let oldest = heaviest.and_then(|owner| owner.idle.values().find(|id| **id != keep).copied());
        oldest.is_some_and(|id| self.remove(id))
    }

    fn remove(&mut self, id: Uuid) -> bool {
        let Some(entry) = self.entries.remove(&id) else {
            return false;
        };
        self.weight = self.weight.saturating_sub(entry.weight);
        if let Some(idle) = &entry.idle {
            self.ends.remove(&idle.end);
        }
        if let Some(account) = self.owners.get_mut(&entry.owner) {
            if let Some(idle) = &entry.idle {
                account.idle.remove(&idle.since);
            }
            account.count = account.count.saturating_sub(1);
            account.weight = account.weight.saturating_sub(entry.weight);
            if account.count == 0 {
                self.owners.remove(&entry.owner);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts(per_account: usize, total_weight: usize) -> Contexts<u32> {
        Contexts::new(ContextLimits {
            per_account,
            total_weight,
            idle: Duration::from_secs(60),
        })
    }

    fn at(secs: u64) -> BootTime {
        BootTime::from_millis(secs * 1000)
    }

    #[test]
    fn a_context_belongs_to_its_account_and_to_one_request_at_a_time() {
        let mut contexts = contexts(4, 1000);
        let id = contexts.insert("a", 7, 1, None, at(0)).unwrap();
        assert_eq!(contexts.take(id, "b", at(0)), Err(ContextError::Unknown));
        assert_eq!(contexts.take(id, "a", at(0)), Ok(7));
        assert_eq!(contexts.take(id, "a", at(0)), Err(ContextError::Busy));
        contexts.put_back(id, 8, at(1));
        assert_eq!(contexts.take(id, "a", at(1)), Ok(8));
        contexts.finish(id);
        assert_eq!(contexts.take(id, "a", at(1)), Err(ContextError::Unknown));
        assert!(
            contexts.is_empty()
                && contexts.owners.is_empty()
                && contexts.ends.is_empty()
                && contexts.weight == 0
        );
    }

    #[test]
    fn the_oldest_idle_one_of_the_same_account_gives_way() {
        let mut contexts = contexts(2, 1000);
        let other = contexts.insert("b", 0, 1, None, at(0)).unwrap();
        let first = contexts.insert("a", 1, 1, None, at(0)).unwrap();
        let second = contexts.insert("a", 2, 1, None, at(1)).unwrap();
        let used = contexts.take(first, "a", at(2)).unwrap();
        contexts.put_back(first, used, at(2));
        let third = contexts.insert("a", 3, 1, None, at(3)).unwrap();
        assert_eq!(contexts.take(second, "a", at(3)), Err(ContextError::Unknown));
        assert!(contexts.take(first, "a", at(3)).is_ok());
        assert!(contexts.take(third, "a", at(3)).is_ok());
        assert_eq!(
            contexts.insert("a", 4, 1, None, at(3)),
            Err(ContextError::TooMany)
        );
        assert!(contexts.take(other, "b", at(3)).is_ok());
    }

    #[test]
    fn past_the_total_weight_the_heaviest_account_gives_way() {
        let mut contexts = contexts(100, 10);
        let small = contexts.insert("small", 0, 1, None, at(0)).unwrap();
        let heavy: Vec<_> = (0..20)
            .map(|n| contexts.insert("heavy", n, 1, None, at(1)).unwrap())
            .collect();
        assert_eq!(contexts.len(), 10);
        assert!(contexts.take(small, "small", at(2)).is_ok());
        assert!(contexts.take(heavy[0], "heavy", at(2)).is_err());
        assert!(contexts.take(heavy[19], "heavy", at(2)).is_ok());
    }

    #[test]
    fn what_is_not_pulled_expires_by_boot_time() {
        let mut contexts = contexts(4, 1000);
        let id = contexts.insert("a", 1, 1, None, at(0)).unwrap();
        let state = contexts.take(id, "a", at(59)).unwrap();
        contexts.expire(at(500));
        contexts.put_back(id, state, at(500));
        assert!(contexts.take(id, "a", at(560)).is_err());
    }

    #[test]
    fn a_client_may_ask_for_another_lifetime() {
        let mut contexts = contexts(4, 1000);
        let short = contexts
            .insert("a", 1, 1, Some(Duration::from_secs(5)), at(0))
            .unwrap();
        let usual = contexts.insert("a", 2, 1, None, at(0)).unwrap();
        let state = contexts.take(short, "a", at(4)).unwrap();
        contexts.put_back(short, state, at(4));
        assert!(contexts.take(short, "a", at(9)).is_err());
        assert!(contexts.take(usual, "a", at(9)).is_ok());
        assert!(contexts.ends.is_empty());
    }

    #[test]
    fn what_is_of_another_kind_stays_where_it_is() {
        let mut contexts = contexts(4, 1000);
        let id = contexts.insert("a", 1, 1, None, at(0)).unwrap();
        let refused: Result<(), _> = contexts.take_as(id, "a", at(1), Err);
        assert_eq!(refused, Err(ContextError::Unknown));
        assert!(contexts.take(id, "a", at(59)).is_ok());
    }
}
