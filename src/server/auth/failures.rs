//! How often logins from each source failed, in all and by the name that they claimed, and what that costs the next.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::net::credential::claimed_name;
use crate::server::registry::Source;
use crate::server::tally::Tally;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A source without a failure for this long starts afresh.
const FORGIVEN_AFTER: Duration = Duration::from_secs(300);
const MAX_SOURCES: usize = 4096;
const MAX_NAMES: usize = 4096;
/// Of each source, one failure in this time has a line in the log, and the number of the others.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

pub(in crate::server) struct Failures {
    sources: Mutex<HashMap<Source, SourceState>>,
    names: Mutex<HashMap<NameKey, SourceState>>,
    key: RandomState,
    warnings: Arc<Tally>,
}

/// Stands for a name as claimed by a source, whether or not there is such an account.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(in crate::server) struct NameKey(u64);

#[derive(Debug)]
struct SourceState {
    failures: u32,
    last_failure: Instant,
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures").finish_non_exhaustive()
    }
}

impl Failures {
    pub(in crate::server) fn new() -> Self {
        let warnings = Tally::new(BETWEEN_WARNINGS, 1, |culprit, more| {
            tracing::warn!(failures = more, from = %culprit, "more logins failed");
        });
        Self {
            sources: Mutex::default(),
            names: Mutex::default(),
            key: RandomState::new(),
            warnings,
        }
    }

    /// Counts a failure and returns the pause it costs.
    pub(in crate::server) fn charge(&self, source: Source, now: Instant) -> Duration {
        let mut sources = self.sources.lock();
        let state = state_of(&mut sources, source, now);
        if state.is_forgiven(now) {
            state.failures = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << state.failures.min(16));
        state.failures = state.failures.saturating_add(1);
        state.last_failure = now;
        pause
    }

    /// What stands for the name that `credential` claims to be of, as `source` claims it.
    pub(in crate::server) fn name_key(&self, source: Source, credential: &[u8]) -> NameKey {
        NameKey(self.key.hash_one((source, claimed_name(credential))))
    }

    /// How many logins with that name have failed lately.
    pub(in crate::server) fn of_name(&self, name: NameKey, now: Instant) -> u32 {
        let names = self.names.lock();
        let state = names.get(&name).filter(|state| !state.is_forgiven(now));
        state.map_or(0, |state| state.failures)
    }

    /// A login with that name has failed.
    pub(in crate::server) fn charge_name(&self, name: NameKey, now: Instant) {
        let mut names = self.names.lock();
        if names.len() >= MAX_NAMES && !names.contains_key(&name) {
            names.retain(|_, state| !state.is_forgiven(now));
            if names.len() >= MAX_NAMES {
                names.clear();
            }
        }
        let state = names.entry(name).or_insert(SourceState {
            failures: 0,
            last_failure: now,
        });
        if state.is_forgiven(now) {
            state.failures = 0;
        }
        state.failures = state.failures.saturating_add(1);
        state.last_failure = now;
    }

    /// What was counted as a failure was none.
    pub(in crate::server) fn take_back(&self, source: Source) {
        let mut sources = self.sources.lock();
        if let Some(state) = sources.get_mut(&source) {
            state.failures = state.failures.saturating_sub(1);
            if state.failures == 0 {
                sources.remove(&source);
            }
        }
    }

    /// Says in the log that a login failed, unless that was said a short time ago.
    pub(in crate::server) fn tell(&self, source: Source) {
        if self.warnings.note(source) {
            tracing::warn!(from = %source, "a login failed: the name or the password is wrong");
        }
    }
}

impl SourceState {
    fn is_forgiven(&self, now: Instant) -> bool {
        now.duration_since(self.last_failure) > FORGIVEN_AFTER
    }
}

fn state_of(sources: &mut HashMap<Source, SourceState>, source: Source, now: Instant) -> &mut SourceState {
    if !sources.contains_key(&source) && sources.len() >= MAX_SOURCES {
        make_room(sources, now);
    }
    sources.entry(source).or_insert_with(|| SourceState {
        failures: 0,
        last_failure: now,
    })
}

/// Forgets who is forgiven; else an eighth of the sources, those with the fewest failures the longest ago.
fn make_room(sources: &mut HashMap<Source, SourceState>, now: Instant) {
    sources.retain(|_, state| state.failures > 0 && !state.is_forgiven(now));
    if sources.len() < MAX_SOURCES {
        return;
    }
    let mut ranks: Vec<_> = sources
        .iter()
        .map(|(&source, state)| (state.failures, state.last_failure, source))
        .collect();
    ranks.sort_unstable_by_key(|&(failures, last_failure, _)| (failures, last_failure));
    for (_, _, source) in ranks.into_iter().take(MAX_SOURCES / 8) {
        sources.remove(&source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        Source::Network([192, 0, 2, last].into())
    }

    #[test]
    fn the_pause_grows_per_source_and_is_forgiven() {
        let failures = Failures::new();
        let start = Instant::now();
        let pauses: Vec<u128> = (0..7)
            .map(|_| failures.charge(source(1), start).as_millis())
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 16000]);
        assert_eq!(failures.charge(source(2), start), FIRST_PAUSE, "another source");
        let later = start + FORGIVEN_AFTER + Duration::from_secs(1);
        assert_eq!(failures.charge(source(1), later), FIRST_PAUSE, "forgiven");
    }

    #[test]
    fn a_right_login_costs_nothing_and_forgives_nothing() {
        let failures = Failures::new();
        let now = Instant::now();
        failures.charge(source(1), now);
        failures.charge(source(1), now);
        failures.take_back(source(1));
        assert_eq!(failures.charge(source(1), now), FIRST_PAUSE * 2);
        failures.charge(source(2), now);
        failures.take_back(source(2));
        assert_eq!(failures.sources.lock().len(), 1);
    }

    #[test]
    fn failures_of_a_name_count_for_who_claims_it_and_are_forgiven() {
        let failures = Failures::new();
        let now = Instant::now();
        // `ann:x`, `ann:y` and `bob:x`.
        let [ann, again, bob] = [b"YW5uOng=", b"YW5uOnk=", b"Ym9iOng="];
        failures.charge_name(failures.name_key(source(1), ann), now);
        failures.charge_name(failures.name_key(source(1), again), now);
        let of = |number, credential, at| failures.of_name(failures.name_key(source(number), credential), at);
        assert_eq!((of(1, ann, now), of(2, ann, now), of(1, bob, now)), (2, 0, 0));
        let later = now + FORGIVEN_AFTER + Duration::from_secs(1);
        assert_eq!(of(1, ann, later), 0);
        failures.charge_name(failures.name_key(source(1), ann), later);
        assert_eq!(of(1, ann, later), 1);
        for number in 0..3 * MAX_NAMES {
            failures.charge_name(NameKey(number as u64), now);
        }
        assert!(failures.names.lock().len() <= MAX_NAMES);
    }

    #[test]
    fn sources_are_bounded_and_the_worst_are_kept() {
        let failures = Failures::new();
        let now = Instant::now();
        failures.charge(source(1), now);
        failures.charge(source(1), now);
        for uid in 0..3 * MAX_SOURCES {
            failures.charge(Source::User(uid as u32), now);
        }
        assert!(failures.sources.lock().len() <= MAX_SOURCES);
        assert_eq!(failures.charge(source(1), now), FIRST_PAUSE * 4);
    }
}
