//! Who a request comes from: the local peer, the client certificate, or a Basic credential (RFC 7617).
//!
//! A wrong credential is answered late, with a pause that grows for its source. Nothing else of that
//! source waits for it: a remembered right credential costs a lookup, and another is hashed as soon as its source has
//! a turn (`turns`). A credential that proved wrong a short time ago is not hashed again. Whoever goes away without waiting for the answer has tried all the same: what is hashed is hashed
//! to its end, in its turn, and counted.

mod failures;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::net::accounts::Accounts;
use crate::net::credential::CredentialCheck;
use crate::net::local_peer::LocalPeers;
use crate::net::principal::Principal;
use crate::server::registry::Source;
use crate::server::turns::{Claim, Turn, Turns};
pub(super) use failures::{Failures, NameKey};

/// What all listeners authenticate with.
pub struct Authenticator {
    checks: Vec<Check>,
    local_peers: Option<LocalPeers>,
    failures: Arc<Failures>,
}

/// A source of accounts, and whose credential it verifies next.
struct Check {
    accounts: Arc<dyn CredentialCheck>,
    turns: Arc<Turns>,
}

/// Where a credential comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) source: Source,
    /// How many logins have failed on its connection.
    pub(super) failures: u32,
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

impl Authenticator {
    /// Basic credentials are checked against `accounts`, peers of the local socket by `local_peers`.
    pub fn new(accounts: Option<Arc<Accounts>>, local_peers: Option<LocalPeers>) -> Self {
        let authenticator = Self {
            checks: Vec::new(),
            local_peers,
            failures: Arc::new(Failures::new()),
        };
        match accounts {
            Some(accounts) => authenticator.or(accounts),
            None => authenticator,
        }
    }

    /// The same, which also takes whom `accounts` knows.
    #[must_use]
    pub fn or(mut self, accounts: Arc<dyn CredentialCheck>) -> Self {
        let turns = Turns::new(accounts.at_once(), &self.failures);
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
        from: Origin,
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
        // Rare, and long: not a part of each request's future.
        match Box::pin(self.verify(credential, from)).await {
            Ok(principal) => Authentication::Authenticated(principal),
            Err(pause) => {
                tokio::time::sleep(pause.min(longest_pause)).await;
                Authentication::Failed
            }
        }
    }

    /// Has the credential verified; if it is wrong, the pause that this costs.
    async fn verify(&self, credential: &[u8], from: Origin) -> Result<Principal, Duration> {
        let source = from.source;
        let name = self.failures.name_key(source, credential);
        let failures = from.failures;
        let mut pause = None;
        for (index, check) in self.checks.iter().enumerate() {
            let is_last = index + 1 == self.checks.len();
            let turn = match check.accounts.recalls_wrong(credential) {
                true => None,
                false => check.turns.take(source, Claim { failures, name }).await,
            };
            // The same may have proved wrong while this one waited.
            let turn = turn.filter(|_| !check.accounts.recalls_wrong(credential));
            let Some(turn) = turn else {
                pause.get_or_insert_with(|| self.failures.charge(source, Instant::now()));
                if is_last {
                    self.failures.tell(source);
                    self.failures.charge_name(name, Instant::now());
                }
                continue;
            };
            // It counts as a failure from here on, until it proves to be right.
            pause.get_or_insert_with(|| self.failures.charge(source, Instant::now()));
            let trial = Trial {
                accounts: Arc::clone(&check.accounts),
                failures: Arc::clone(&self.failures),
                credential: Zeroizing::new(credential.to_vec()),
                source,
                name,
                is_last,
                _turn: turn,
            };
            // A task of its own: it goes on to its end if the connection does not.
            if let Ok(Some(principal)) = tokio::spawn(trial.run()).await {
                return Ok(principal);
            }
        }
        Err(pause.unwrap_or_default())
    }
}

/// One credential being verified, which holds its turn until that is done.
struct Trial {
    accounts: Arc<dyn CredentialCheck>,
    failures: Arc<Failures>,
    credential: Zeroizing<Vec<u8>>,
    source: Source,
    name: NameKey,
    /// Whether nobody else is asked if this one says no.
    is_last: bool,
    _turn: Turn,
}

impl Trial {
    async fn run(self) -> Option<Principal> {
        let principal = self.accounts.verify(&self.credential).await;
        if principal.is_some() {
            self.failures.take_back(self.source);
        } else if self.is_last {
            self.failures.tell(self.source);
            self.failures.charge_name(self.name, Instant::now());
        }
        principal
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
    use std::future::Future;
    use std::net::Ipv4Addr;
    use std::pin::Pin;

    use hyper::header::HeaderValue;
    use tokio::sync::Semaphore;

    /// Says that nobody is right, when it is let.
    struct Slow {
        begun: Semaphore,
        may_end: Semaphore,
    }

    impl CredentialCheck for Slow {
        fn at_once(&self) -> usize {
            1
        }

        fn recall(&self, _: &[u8]) -> Option<Principal> {
            None
        }

        fn recalls_wrong(&self, credential: &[u8]) -> bool {
            credential == WRONG
        }

        fn verify<'a>(&'a self, _: &'a [u8]) -> Pin<Box<dyn Future<Output = Option<Principal>> + Send + 'a>> {
            Box::pin(async {
                self.begun.add_permits(1);
                self.may_end.acquire().await.unwrap().forget();
                None
            })
        }
    }

    const WRONG: &[u8] = b"d3Jvbmc=";

    /// It is answered as late as any other.
    #[tokio::test]
    async fn what_is_known_to_be_wrong_counts_and_is_not_hashed() {
        let check = Arc::new(Slow {
            begun: Semaphore::new(0),
            may_end: Semaphore::new(0),
        });
        let authenticator = Authenticator::new(None, None).or(Arc::clone(&check) as Arc<dyn CredentialCheck>);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic d3Jvbmc="));
        for _ in 0..3 {
            let asked = authenticator.authenticate(&headers, origin(), Duration::ZERO);
            assert_eq!(asked.await, Authentication::Failed);
        }
        assert_eq!(check.begun.available_permits(), 0);
        let failures = authenticator.failures.charge(source(), Instant::now());
        assert_eq!(failures, Duration::from_millis(250) * 8, "three were counted");
    }

    fn source() -> Source {
        Source::Network(Ipv4Addr::new(192, 0, 2, 1).into())
    }

    fn origin() -> Origin {
        Origin {
            source: source(),
            failures: 0,
        }
    }

    /// Guesses whose connections are dropped while they are hashed.
    #[tokio::test]
    async fn a_guess_that_is_given_up_counts_and_keeps_its_turn() {
        let check = Arc::new(Slow {
            begun: Semaphore::new(0),
            may_end: Semaphore::new(0),
        });
        let authenticator = Authenticator::new(None, None).or(Arc::clone(&check) as Arc<dyn CredentialCheck>);
        let authenticator = Arc::new(authenticator);
        let guess = || {
            let authenticator = Arc::clone(&authenticator);
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
            tokio::spawn(async move {
                authenticator
                    .authenticate(&headers, origin(), Duration::ZERO)
                    .await
            })
        };
        for _ in 0..3 {
            let given_up = guess();
            check.begun.acquire().await.unwrap().forget();
            given_up.abort();
            assert!(given_up.await.unwrap_err().is_cancelled());
            let next = guess();
            tokio::task::yield_now().await;
            assert_eq!(check.begun.available_permits(), 0, "the turn is still held");
            next.abort();
            check.may_end.add_permits(1);
        }
        let failures = authenticator.failures.charge(source(), Instant::now());
        assert_eq!(failures, Duration::from_millis(250) * 8, "three were counted");
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
