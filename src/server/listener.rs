//! Sockets that accept: TLS, plain TCP, and the local socket.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, UnixListener};

use crate::net::tls::server::ServerTls;
use crate::server::connection::{self, Accepted};
use crate::server::http::Peer;
use crate::server::registry::Source;
use crate::server::running::Shared;
use crate::server::tracker::Tracker;

const BACKLOG: u32 = 1024;
/// The pause after an accept that failed for want of files or memory; it doubles to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// Where a server listens, and how it speaks there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP address that speaks TLS. Port 0 is one that the system chooses.
    Tls(SocketAddr),
    /// A TCP address in clear text.
    Plain(SocketAddr),
    /// The path of a local socket.
    Local(PathBuf),
}

impl Endpoint {
    /// The TCP address; `None` for a local socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tls(address) | Self::Plain(address) => Some(*address),
            Self::Local(_) => None,
        }
    }

    /// Whether connections to one could be connections to the other: the same port of the same address, or of
    /// all addresses.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (self.address(), other.address()) else {
            return self == other;
        };
        let same_hosts = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
        one.port() != 0 && one.port() == other.port() && one.is_ipv4() == other.is_ipv4() && same_hosts
    }
}

/// A bound socket. Connections wait in it until the server starts.
pub struct Listener {
    endpoint: Endpoint,
    socket: Socket,
}

/// Who may listen on an overlapping address at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody.
    Exclusive,
    /// Other listeners of this user: those that this one is to take over from.
    Overlapping,
}

enum Socket {
    Tls(TcpListener, Arc<ServerTls>),
    Plain(TcpListener),
    Local(UnixListener),
}

/// Why a socket could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("{0} is in use by another process: stop it, or listen on another address")]
    InUse(String),
    /// Ports under 1024 need a privilege.
    #[error(
        "{0}: permission denied (ports under 1024 need CAP_NET_BIND_SERVICE; a socket needs a folder that can be written)"
    )]
    Denied(String),
    /// No interface has the address.
    #[error("{0}: no interface of this host has this address")]
    NoSuchAddress(String),
    /// Something that is not a socket is in the way.
    #[error("{} exists and is no socket", .0.display())]
    NotASocket(PathBuf),
    /// Anything else.
    #[error("{at}: {error}")]
    Other {
        /// The address or path.
        at: String,
        /// What the system said.
        error: io::Error,
    },
}

impl Listener {
    /// Binds what `endpoint` names; `tls` is for those that speak it. Must be called within a tokio runtime, as its
    /// siblings must.
    ///
    /// # Errors
    /// As [`Listener::tls`] and [`Listener::local`].
    pub fn bind(endpoint: &Endpoint, tls: &Arc<ServerTls>, sharing: Sharing) -> Result<Self, BindError> {
        let socket = match endpoint {
            Endpoint::Tls(address) => Socket::Tls(bind_tcp(*address, sharing)?, Arc::clone(tls)),
            Endpoint::Plain(address) => Socket::Plain(bind_tcp(*address, sharing)?),
            Endpoint::Local(path) => return Self::local(path),
        };
        Ok(Self {
            endpoint: endpoint.clone(),
            socket,
        })
    }

    /// Binds a TCP socket that speaks TLS; `[::]` takes IPv6 alone.
    ///
    /// # Errors
    /// If the address is in use, not of this host, or not allowed.
    pub fn tls(address: SocketAddr, tls: Arc<ServerTls>) -> Result<Self, BindError> {
        Self::bind(&Endpoint::Tls(address), &tls, Sharing::Exclusive)
    }

    /// Binds a TCP socket in clear text.
    ///
    /// # Errors
    /// As [`Listener::tls`].
    pub fn plain(address: SocketAddr) -> Result<Self, BindError> {
        Ok(Self {
            endpoint: Endpoint::Plain(address),
            socket: Socket::Plain(bind_tcp(address, Sharing::Exclusive)?),
        })
    }

    /// Binds the local socket at `path`. All users of the machine may connect; who is served is decided by
    /// peer credentials. A socket that a dead process left behind is replaced.
    ///
    /// # Errors
    /// If another process listens there, or the path cannot be written or is no socket.
    pub fn local(path: &Path) -> Result<Self, BindError> {
        let at = path.display().to_string();
        let fault = |error| bind_error(&at, error);
        remove_dead_socket(path)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(fault)?;
        }
        let socket = UnixListener::bind(path).map_err(fault)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).map_err(fault)?;
        Ok(Self {
            endpoint: Endpoint::Local(path.to_owned()),
            socket: Socket::Local(socket),
        })
    }

    /// What it was bound for.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The address that is listened on, with the port the system chose where 0 was asked; `None` on the
    /// local socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tls(socket, _) | Socket::Plain(socket) => socket.local_addr().ok(),
            Socket::Local(_) => None,
        }
    }

    /// Accepts until the server stops. No error ends this loop.
    pub(super) async fn run(self, shared: Arc<Shared>) {
        let mut backoff = FIRST_BACKOFF;
        let mut last_warning: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                () = shared.stop.cancelled() => return,
                accepted = self.accept() => accepted,
            };
            match accepted {
                Ok((accepted, peer)) => {
                    backoff = FIRST_BACKOFF;
                    admit(&shared, accepted, peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if last_warning.is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
                        last_warning = Some(Instant::now());
                        tracing::warn!(%error, "accepting connections is delayed");
                    }
                    let _ = shared.registry.evict_one();
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match &self.socket {
            Socket::Tls(socket, tls) => {
                let (stream, peer) = accept_tcp(socket).await?;
                Ok((Accepted::Tls(stream, Arc::clone(tls)), peer))
            }
            Socket::Plain(socket) => {
                let (stream, peer) = accept_tcp(socket).await?;
                Ok((Accepted::Plain(stream), peer))
            }
            Socket::Local(socket) => {
                let (stream, _) = socket.accept().await?;
                let credentials = stream.peer_cred()?;
                let peer = Peer::Local {
                    uid: credentials.uid(),
                    gid: credentials.gid(),
                    pid: credentials.pid(),
                };
                Ok((Accepted::Local(stream), peer))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Endpoint::Local(path) = &self.endpoint {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn admit(shared: &Arc<Shared>, accepted: Accepted, peer: Peer) {
    let tracker = Arc::new(Tracker::new());
    let admitted = shared
        .registry
        .admit(Source::of(&peer), Arc::clone(&tracker), |place| {
            tokio::spawn(connection::run(
                Arc::clone(shared),
                accepted,
                peer,
                tracker,
                place,
            ))
            .abort_handle()
        });
    if admitted.is_err() {
        shared
            .counters
            .refused_connections
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tracing::debug!(%peer, "connection refused: the limit is reached by connections that work for authenticated callers");
    }
}

async fn accept_tcp(socket: &TcpListener) -> io::Result<(tokio::net::TcpStream, Peer)> {
    let (stream, peer) = socket.accept().await?;
    // A reply goes out in one write; waiting for more to send would only delay it.
    let _ = stream.set_nodelay(true);
    Ok((
        stream,
        Peer::Network(SocketAddr::new(peer.ip().to_canonical(), peer.port())),
    ))
}

/// Errors that the connection waiting to be accepted brought with it, which is gone with them.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            | Kind::NotConnected
    )
}

fn bind_tcp(address: SocketAddr, sharing: Sharing) -> Result<TcpListener, BindError> {
    let bind = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => {
                let socket = TcpSocket::new_v6()?;
                // So that `0.0.0.0` and `[::]` can be listened on side by side.
                rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
                socket
            }
        };
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(sharing == Sharing::Overlapping)?;
        socket.bind(address)?;
        // From now on a listener of this user that says so, too, may be bound beside it, to take over from it.
        socket.set_reuseport(true)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|error| bind_error(&address.to_string(), error))
}

fn bind_error(at: &str, error: io::Error) -> BindError {
    let at = at.to_owned();
    match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(at),
        io::ErrorKind::PermissionDenied => BindError::Denied(at),
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress(at),
        _ => BindError::Other { at, error },
    }
}

fn remove_dead_socket(path: &Path) -> Result<(), BindError> {
    let at = path.display().to_string();
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(bind_error(&at, error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(BindError::InUse(at)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| bind_error(&at, error))
        }
        Err(error) => Err(bind_error(&at, error)),
    }
}
