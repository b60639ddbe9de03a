//! A server from its start to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::server::auth::Authenticator;
use crate::server::http::HttpService;
use crate::server::limits::Limits;
use crate::server::listener::Listener;
use crate::server::registry::Registry;

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
    /// Requests being worked on now.
    pub in_flight: AtomicUsize,
    /// Requests that ended in a panic.
    pub panics: AtomicU64,
    /// Requests with a wrong credential.
    pub failed_logins: AtomicU64,
    /// Connections closed at once because all that were open had authenticated.
    pub refused_connections: AtomicU64,
}

/// What every connection of one server shares.
pub(super) struct Shared {
    pub(super) service: Arc<dyn HttpService>,
    pub(super) authenticator: Authenticator,
    pub(super) limits: Limits,
    pub(super) registry: Arc<Registry>,
    pub(super) counters: Counters,
    pub(super) stop: CancellationToken,
}

/// A running server. Dropping it stops it at once; [`ServerHandle::shutdown`] stops it cleanly.
pub struct ServerHandle {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    acceptors: Vec<JoinHandle<()>>,
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
        let addresses = listeners.iter().filter_map(Listener::address).collect();
        let shared = Arc::new(Shared {
            service: self.service,
            authenticator: self
                .authenticator
                .with_longest_pause(self.limits.failed_login_pause),
            registry: Arc::new(Registry::new(
                self.limits.connections,
                self.limits.connections_per_source,
            )),
            limits: self.limits,
            counters: Counters::default(),
            stop: CancellationToken::new(),
        });
        let acceptors = listeners
            .into_iter()
            .map(|listener| tokio::spawn(listener.run(Arc::clone(&shared))))
            .collect();
        ServerHandle {
            shared,
            addresses,
            acceptors,
        }
    }
}

impl ServerHandle {
    /// The addresses listened on, in the order of the listeners, the local socket left out.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
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
            let _ = acceptor.await;
        }
        self.shared.registry.drain_all();
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
            acceptor.abort();
        }
        self.shared.registry.abort_all();
    }
}

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let requests = self.shared.counters.requests.load(Relaxed);
        f.debug_struct("ServerHandle")
            .field("addresses", &self.addresses)
            .field("requests", &requests)
            .finish()
    }
}
