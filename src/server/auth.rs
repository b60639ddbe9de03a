//! Who a request comes from: the local peer, the client certificate, or a Basic credential (RFC 7617).
//!
//! A wrong credential is answered late, with a pause that grows for its source. Nothing else of that
//! source waits: a remembered right credential costs a lookup, and another is hashed before older guesses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use parking_lot::Mutex;

use crate::net::accounts::Accounts;
use crate::net::credential::CredentialCheck;
use crate::net::local_peer::LocalPeers;
use crate::net::principal::Principal;
use crate::server::registry::Source;
use crate::server::turns::Turns;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A source without a failure for this long starts afresh.
const FORGIVEN_AFTER: Duration = Duration::from_secs(300);
const MAX_SOURCES: usize = 4096;

/// What all listeners authenticate with.
pub struct Authenticator {
    checks: Vec<Check>,
    local_peers: Option<LocalPeers>,
    sources: Mutex<HashMap<Source, SourceState>>,
}

/// A source of accounts, and whose credential it verifies next.
struct Check {
    accounts: Arc<dyn CredentialCheck>,
    turns: Arc<Turns>,
}

/// The outcome of looking at a request's head.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Authentication {
    Authenticated(Principal),
    /// No credential came.
    Anonymous,
    /// A credential of a scheme that is not served here.
    WrongScheme,
    /// A wrong credential; the pause has passed.
    Failed,
}

#[derive(Debug)]
struct SourceState {
    failures: u32,
    last_failure: Instant,
}

impl Authenticator {
    /// Basic credentials are checked against `accounts`, peers of the local socket by `local_peers`.
    pub fn new(accounts: Option<Arc<Accounts>>, local_peers: Option<LocalPeers>) -> Self {
        let authenticator = Self {
            checks: Vec::new(),
            local_peers,
            sources: Mutex::default(),
        };
        match accounts {
            Some(accounts) => authenticator.or(accounts),
            None => authenticator,
        }
    }

    /// The same, which also takes whom `accounts` knows.
    #[must_use]
    pub fn or(mut self, accounts: Arc<dyn CredentialCheck>) -> Self {
        let turns = Turns::new(accounts.at_once());
        self.checks.push(Check { accounts, turns });
        self
    }

    /// The principal of a process on the local socket.
    pub(super) fn local_peer(&self, uid: u32, gid: u32) -> Option<Principal> {
        self.local_peers.as_ref()?.admit(uid, gid)
    }

    /// Checks the request's credential. Returns late if it is wrong, after `longest_pause` at the latest.
    pub(super) async fn authenticate(
        &self,
        headers: &HeaderMap,
        source: Source,
        longest_pause: Duration,
    ) -> Authentication {
        let Some(authorization) = headers.get(AUTHORIZATION) else {
            return Authentication::Anonymous;
        };
        let Some(credential) = basic_credential(authorization.as_bytes()) else {
            return Authentication::WrongScheme;
        };
        if let Some(principal) = self
            .checks
            .iter()
            .find_map(|check| check.accounts.recall(credential))
        {
            return Authentication::Authenticated(principal);
        }
        if let Some(principal) = self.verify(credential, source).await {
            return Authentication::Authenticated(principal);
        }
        tokio::time::sleep(self.note_failure(source, Instant::now()).min(longest_pause)).await;
        Authentication::Failed
    }

    async fn verify(&self, credential: &[u8], source: Source) -> Option<Principal> {
        for check in &self.checks {
            let _turn = check.turns.take(source).await?;
            if let Some(principal) = check.accounts.verify(credential).await {
                return Some(principal);
            }
        }
        None
    }

    /// Counts a failure and returns the pause it costs.
    fn note_failure(&self, source: Source, now: Instant) -> Duration {
        let mut sources = self.sources.lock();
        let state = state_of(&mut sources, source, now);
        if now.duration_since(state.last_failure) > FORGIVEN_AFTER {
            state.failures = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << state.failures.min(16));
        state.failures = state.failures.saturating_add(1);
        state.last_failure = now;
        pause
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
    sources.retain(|_, state| state.failures > 0 && now.duration_since(state.last_failure) <= FORGIVEN_AFTER);
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

/// The base64 text of `Basic base64`, the scheme in any case.
fn basic_credential(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = authorization.split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"Basic ").then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn source(last: u8) -> Source {
        Source::Network(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
    }

    #[test]
    fn the_pause_grows_per_source_and_is_forgiven() {
        let authenticator = Authenticator::new(None, None);
        let start = Instant::now();
        let pauses: Vec<u128> = (0..7)
            .map(|_| authenticator.note_failure(source(1), start).as_millis())
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 16000]);
        assert_eq!(
            authenticator.note_failure(source(2), start),
            FIRST_PAUSE,
            "another source"
        );
        let later = start + FORGIVEN_AFTER + Duration::from_secs(1);
        assert_eq!(
            authenticator.note_failure(source(1), later),
            FIRST_PAUSE,
            "forgiven"
        );
    }

    #[test]
    fn sources_are_bounded_and_the_worst_are_kept() {
        let authenticator = Authenticator::new(None, None);
        let now = Instant::now();
        authenticator.note_failure(source(1), now);
        authenticator.note_failure(source(1), now);
        for uid in 0..3 * MAX_SOURCES {
            authenticator.note_failure(Source::User(uid as u32), now);
        }
        assert!(authenticator.sources.lock().len() <= MAX_SOURCES);
        assert_eq!(authenticator.note_failure(source(1), now), FIRST_PAUSE * 4);
    }

    #[track_caller]
    fn check(authorization: &str, expect: Option<&str>) {
        assert_eq!(
            basic_credential(authorization.as_bytes()),
            expect.map(str::as_bytes),
            "{authorization:?}"
        );
    }

    #[test]
    fn only_basic_is_read() {
        check("Basic YTpi", Some("YTpi"));
        check("basic  YTpi ", Some("YTpi"));
        check("BASIC YTpi", Some("YTpi"));
        check("Basic", None);
        check("BasicYTpi", None);
        check("Digest YTpi", None);
        check("Negotiate abc", None);
        check("", None);
    }
}
