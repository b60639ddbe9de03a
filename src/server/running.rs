//! A server from its start to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::server::access_log;
use crate::server::auth::Authenticator;
use crate::server::body::LargeBodies;
use crate::server::http::HttpService;
use crate::server::limits::Limits;
use crate::server::listener::{Endpoint, Listener};
use crate::server::registry::Registry;
use crate::server::slots::Slots;
use crate::server::tally::Tally;

/// How often a stopping server looks whether its connections have ended.
const STOP_POLL: Duration = Duration::from_millis(10);

/// What a server serves, to whom, and within which limits.
pub struct Server {
    service: Arc<dyn HttpService>,
    authenticator: Authenticator,
    limits: Limits,
}

/// What the server has counted since its start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Requests whose head was read.
    pub requests: AtomicU64,
    /// Requests that ended in a panic.
    pub panics: AtomicU64,
    /// Requests with a wrong credential.
    pub failed_logins: AtomicU64,
    /// Connections closed at once because all that were open were working for authenticated callers.
    pub refused_connections: AtomicU64,
}

/// What every connection of one server shares.
pub(super) struct Shared {
    pub(super) service: Arc<dyn HttpService>,
    settings: RwLock<Arc<Settings>>,
    pub(super) registry: Arc<Registry>,
    pub(super) counters: Counters,
    pub(super) slots: Arc<Slots>,
    pub(super) strangers: Arc<Tally>,
    pub(super) large_bodies: LargeBodies,
    pub(super) stop: CancellationToken,
}

/// What can be changed while the server runs.
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) authenticator: Arc<Authenticator>,
}

impl Shared {
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }
}

/// A running server. Dropping it stops it at once; [`ServerHandle::shutdown`] stops it cleanly.
pub struct ServerHandle {
    shared: Arc<Shared>,
    acceptors: Vec<Acceptor>,
}

/// The task that accepts on one listener.
struct Acceptor {
    endpoint: Endpoint,
    address: Option<SocketAddr>,
    task: JoinHandle<()>,
}

/// How a clean stop went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ShutdownReport {
    /// Connections that were cut off because their request was not finished in time.
    pub cut_off: usize,
}

impl Server {
    /// A server of `service` with the default limits.
    pub fn new(service: Arc<dyn HttpService>, authenticator: Authenticator) -> Self {
        Self {
            service,
            authenticator,
            limits: Limits::default(),
        }
    }

    /// The same server with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts to accept on all `listeners`. Must be called within a tokio runtime.
    pub fn start(self, listeners: Vec<Listener>) -> ServerHandle {
        let shared = Arc::new(Shared {
            service: self.service,
            registry: Arc::new(Registry::new(&self.limits)),
            settings: RwLock::new(Arc::new(Settings {
                limits: self.limits,
                authenticator: Arc::new(self.authenticator),
            })),
            counters: Counters::default(),
            slots: Arc::default(),
            strangers: access_log::strangers(),
            large_bodies: LargeBodies::default(),
            stop: CancellationToken::new(),
        });
        let mut handle = ServerHandle {
            shared,
            acceptors: Vec::with_capacity(listeners.len()),
        };
        for listener in listeners {
            handle.listen(listener);
        }
        handle
    }
}

impl ServerHandle {
    /// The addresses listened on, in the order of the listeners, the local socket left out.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.acceptors
            .iter()
            .filter_map(|acceptor| acceptor.address)
            .collect()
    }

    /// What is listened on, as it was asked for.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let endpoints = self.acceptors.iter().map(|acceptor| &acceptor.endpoint);
        endpoints.cloned().collect()
    }

    /// Accepts on one more listener. Must be called within a tokio runtime.
    pub fn listen(&mut self, listener: Listener) {
        let (endpoint, address) = (listener.endpoint().clone(), listener.address());
        let task = tokio::spawn(listener.run(Arc::clone(&self.shared)));
        self.acceptors.push(Acceptor {
            endpoint,
            address,
            task,
        });
    }

    /// Accepts no more on `endpoint`; connections that came in there stay. The socket is closed a moment later.
    /// `false` if it was not listened on.
    pub fn stop_listening(&mut self, endpoint: &Endpoint) -> bool {
        let found = self
            .acceptors
            .iter()
            .position(|acceptor| acceptor.endpoint == *endpoint);
        if let Some(index) = found {
            self.acceptors.remove(index).task.abort();
        }
        found.is_some()
    }

    /// Other limits, for what comes from now on: the times of open connections stay as they are.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.registry.set_limits(&limits);
        let mut settings = self.shared.settings.write();
        let authenticator = Arc::clone(&settings.authenticator);
        *settings = Arc::new(Settings {
            limits,
            authenticator,
        });
    }

    /// Another authenticator, from the next request on. Open connections of the local socket and of client
    /// certificates stay authenticated as they are.
    pub fn set_authenticator(&self, authenticator: Authenticator) {
        let mut settings = self.shared.settings.write();
        let limits = settings.limits.clone();
        *settings = Arc::new(Settings {
            limits,
            authenticator: Arc::new(authenticator),
        });
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Requests being worked on now.
    pub fn in_flight(&self) -> usize {
        self.shared.slots.taken()
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        self.shared.registry.len()
    }

    /// Stops accepting, lets the requests being worked on finish, and closes all connections. What is
    /// not finished after `deadline` is cut off.
    pub async fn shutdown(mut self, deadline: Duration) -> ShutdownReport {
        self.shared.stop.cancel();
        for acceptor in self.acceptors.drain(..) {
            let _ = acceptor.task.await;
        }
        self.shared.registry.drain_all();
        tracing::info!(
            connections = self.shared.registry.len(),
            "no more is accepted; requests in flight may end"
        );
        let end = Instant::now() + deadline;
        while self.shared.registry.len() > 0 && Instant::now() < end {
            tokio::time::sleep(STOP_POLL).await;
        }
        let cut_off = self.shared.registry.len();
        ShutdownReport { cut_off }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        for acceptor in &self.acceptors {
            acceptor.task.abort();
        }
        self.shared.registry.abort_all();
    }
}

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let requests = self.shared.counters.requests.load(Relaxed);
        f.debug_struct("ServerHandle")
            .field("addresses", &self.addresses())
            .field("requests", &requests)
            .finish()
    }
}
