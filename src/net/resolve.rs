//! Looking up the addresses of names, a few at once.
//!
//! `getaddrinfo` holds a thread until the name server answers or is given up, which may take many seconds, whether or
//! not somebody still waits for it. So that names which are dead, and hang, hold up no others:
//! - names that resolved when they were looked up last, names that did not, and names that are new have threads of
//!   their own, a few each, of which nobody gets all;
//! - a name is looked up once at a time, for all who ask meanwhile;
//! - that it does not resolve is remembered for a moment. What it resolves to is not: only the name server knows for how
//!   long that holds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::net::places::{Place, Places};

/// How many names of each kind are looked up at once.
const AT_ONCE: usize = 4;

/// How long it is remembered that a name did not resolve.
const REMEMBERED: Duration = Duration::from_secs(3);

/// Of how many names it is known whether they resolved.
const MOST_KNOWN: usize = 4096;

/// The addresses of a name or address literal (IPv6 without brackets), each with `port`. `whose` is the account that
/// they are looked up for: the look-ups of one leave room for those of others.
///
/// # Errors
/// If the name cannot be looked up.
pub async fn addresses(host: &str, port: u16, whose: &str) -> io::Result<Vec<SocketAddr>> {
    static RESOLVER: LazyLock<Arc<Resolver>> =
        LazyLock::new(|| Resolver::new(|host| (host, 0).to_socket_addrs().map(Iterator::collect)));

    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let mut addresses = RESOLVER.ask(host, whose).await?;
    addresses.iter_mut().for_each(|address| address.set_port(port));
    Ok(addresses)
}

/// Who looks a name up.
type LookUp = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

struct Resolver {
    look_up: Box<LookUp>,
    resolving: Arc<Places<Arc<str>>>,
    failing: Arc<Places<Arc<str>>>,
    new: Arc<Places<Arc<str>>>,
    names: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    /// Those that are being looked up.
    under_way: HashMap<Arc<str>, watch::Receiver<Option<Answer>>>,
    known: HashMap<Arc<str>, Known>,
}

/// What the last look-up of a name came to.
enum Known {
    Resolves,
    Fails { at: Instant, why: Failure },
}

type Answer = Result<Vec<SocketAddr>, Failure>;

/// An [`io::Error`] for all who asked.
#[derive(Clone, Debug)]
struct Failure {
    kind: io::ErrorKind,
    text: Arc<str>,
}

impl Resolver {
    fn new(look_up: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            look_up: Box::new(look_up),
            resolving: Places::new(AT_ONCE),
            failing: Places::new(AT_ONCE),
            new: Places::new(AT_ONCE),
            names: Mutex::default(),
        })
    }

    async fn ask(self: &Arc<Self>, host: &str, whose: &str) -> io::Result<Vec<SocketAddr>> {
        let host: Arc<str> = host.to_ascii_lowercase().into();
        let begun = self.joined(&host);
        let mut answer = match begun {
            Some(answer) => answer,
            None => {
                let places = self.places_for(&host);
                let place = places.take(&whose.into()).await;
                // Somebody else may have begun, or ended, while this one waited.
                self.joined(&host).unwrap_or_else(|| self.begin(&host, place))
            }
        };
        let lost = || io::Error::other("the look-up of the name failed");
        let answer = answer.wait_for(Option::is_some).await.map_err(|_| lost())?;
        answer.clone().ok_or_else(lost)?.map_err(io::Error::from)
    }

    /// The answer that is under way, or is still remembered.
    fn joined(&self, host: &str) -> Option<watch::Receiver<Option<Answer>>> {
        let names = self.names.lock();
        if let Some(answer) = names.under_way.get(host) {
            return Some(answer.clone());
        }
        let why = names.remembered(host, Instant::now())?;
        Some(watch::Sender::new(Some(Err(why))).subscribe())
    }

    fn places_for(&self, host: &str) -> &Arc<Places<Arc<str>>> {
        match self.names.lock().known.get(host) {
            None => &self.new,
            Some(Known::Resolves) => &self.resolving,
            Some(Known::Fails { .. }) => &self.failing,
        }
    }

    /// Looks the name up on a thread of its own, which has its place until it has ended; unless that has begun.
    fn begin(
        self: &Arc<Self>,
        host: &Arc<str>,
        place: Option<Place<Arc<str>>>,
    ) -> watch::Receiver<Option<Answer>> {
        let (sender, answer) = watch::channel(None);
        match self.names.lock().under_way.entry(Arc::clone(host)) {
            Entry::Occupied(known) => return known.get().clone(),
            Entry::Vacant(new) => new.insert(answer.clone()),
        };
        let (resolver, host) = (Arc::clone(self), Arc::clone(host));
        tokio::task::spawn_blocking(move || {
            let under_way = UnderWay { resolver, host };
            let found = under_way.look_up();
            drop((under_way, place));
            sender.send_replace(Some(found));
        });
        answer
    }
}

/// A look-up on its thread.
struct UnderWay {
    resolver: Arc<Resolver>,
    host: Arc<str>,
}

impl UnderWay {
    fn look_up(&self) -> Answer {
        let found = (self.resolver.look_up)(&self.host).map_err(|error| Failure {
            kind: error.kind(),
            text: error.to_string().into(),
        });
        let mut names = self.resolver.names.lock();
        names.note(&self.host, &found, Instant::now());
        found
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.resolver.names.lock().under_way.remove(&self.host);
    }
}

impl Names {
    fn remembered(&self, host: &str, now: Instant) -> Option<Failure> {
        match self.known.get(host)? {
            Known::Fails { at, why } if now.duration_since(*at) < REMEMBERED => Some(why.clone()),
            Known::Fails { .. } | Known::Resolves => None,
        }
    }

    fn note(&mut self, host: &Arc<str>, found: &Answer, now: Instant) {
        if self.known.len() >= MOST_KNOWN && !self.known.contains_key(host) {
            self.known.retain(|_, known| matches!(known, Known::Resolves));
        }
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        let known = match found {
            Ok(_) => Known::Resolves,
            Err(why) => Known::Fails {
                at: now,
                why: why.clone(),
            },
        };
        self.known.insert(Arc::clone(host), known);
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind, failure.text.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc::{Sender, channel};

    /// Names that begin with `dead` hang until the sender is dropped, and then have no address.
    struct Net {
        resolver: Arc<Resolver>,
        looked_up: Arc<AtomicUsize>,
        hang: Option<Sender<()>>,
    }

    impl Net {
        fn new() -> Self {
            let (hang, hung) = channel::<()>();
            let hung = Mutex::new(hung);
            let looked_up = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&looked_up);
            let resolver = Resolver::new(move |host| {
                count.fetch_add(1, SeqCst);
                if host.starts_with("dead") {
                    // The first to get the lock waits for the end, and the others for the lock.
                    let _ = hung.lock().recv();
                    return Err(io::Error::other("no such name"));
                }
                Ok(vec!["192.0.2.1:0".parse().unwrap()])
            });
            Self {
                resolver,
                looked_up,
                hang: Some(hang),
            }
        }

        fn ask(&self, host: &str, whose: &str) -> tokio::task::JoinHandle<io::Result<Vec<SocketAddr>>> {
            let (resolver, host, whose) = (Arc::clone(&self.resolver), host.to_owned(), whose.to_owned());
            tokio::spawn(async move { resolver.ask(&host, &whose).await })
        }

        async fn until_looked_up(&self, count: usize) {
            while self.looked_up.load(SeqCst) < count {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn literals_and_names_have_addresses() {
        let literal = addresses("2001:db8::1", 5, "").await.unwrap();
        assert_eq!(literal, ["[2001:db8::1]:5".parse().unwrap()]);
        let local = addresses("localhost", 6, "").await.unwrap();
        assert!(!local.is_empty());
        assert!(
            local
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 6)
        );
        assert!(addresses("no such name.invalid", 7, "").await.is_err());
    }

    #[tokio::test]
    async fn dead_names_hold_up_neither_others_nor_names_that_resolve() {
        let mut net = Net::new();
        net.ask("good", "ann").await.unwrap().unwrap();
        let dead: Vec<_> = (0..20)
            .map(|number| net.ask(&format!("dead-{number}"), "ann"))
            .collect();
        net.until_looked_up(1 + AT_ONCE / 2).await;
        assert!(
            net.ask("good", "ann").await.unwrap().is_ok(),
            "it resolved before"
        );
        assert!(net.ask("new", "bob").await.unwrap().is_ok(), "another account");
        net.hang = None;
        for dead in dead {
            assert_eq!(dead.await.unwrap().unwrap_err().to_string(), "no such name");
        }
        // From now on it is known that they are dead: they do not even hold up what is new.
        let resolver = &net.resolver;
        assert!(Arc::ptr_eq(resolver.places_for("dead-0"), &resolver.failing));
        assert!(Arc::ptr_eq(resolver.places_for("other"), &resolver.new));
        assert!(resolver.names.lock().under_way.is_empty());
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_ask() {
        let mut net = Net::new();
        let asked: Vec<_> = (0..10)
            .map(|number| net.ask(["dead", "DEAD"][number % 2], "ann"))
            .collect();
        let other = net.ask("dead", "bob");
        net.until_looked_up(1).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        net.hang = None;
        for asked in asked {
            asked.await.unwrap().unwrap_err();
        }
        other.await.unwrap().unwrap_err();
        net.ask("dead", "ann").await.unwrap().unwrap_err();
        assert_eq!(
            net.looked_up.load(SeqCst),
            1,
            "the answer is remembered for a moment"
        );
    }

    /// As from a name server that does not answer, for which nobody waits any more.
    #[tokio::test]
    async fn a_look_up_takes_its_place_until_it_ends() {
        let mut net = Net::new();
        let given_up = net.ask("dead", "ann");
        net.until_looked_up(1).await;
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        assert_eq!(net.resolver.new.taken(), 1);
        let next = net.ask("dead", "ann");
        net.hang = None;
        next.await.unwrap().unwrap_err();
        assert_eq!(net.resolver.new.taken(), 0);
    }

    #[test]
    fn what_does_not_resolve_is_forgotten_soon_and_bounded() {
        let mut names = Names::default();
        let start = Instant::now();
        let failed = Err(Failure {
            kind: io::ErrorKind::Other,
            text: "none".into(),
        });
        names.note(&"good".into(), &Ok(Vec::new()), start);
        names.note(&"dead".into(), &failed, start);
        assert!(names.remembered("dead", start).is_some());
        assert!(names.remembered("dead", start + REMEMBERED).is_none());
        assert!(names.remembered("good", start).is_none());
        for number in 0..2 * MOST_KNOWN {
            names.note(&number.to_string().into(), &failed, start);
            assert!(names.known.len() <= MOST_KNOWN);
        }
        assert!(matches!(names.known.get("good"), Some(Known::Resolves)));
    }
}
