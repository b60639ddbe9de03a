//! The seam between the server and the protocols: what a request is, what a reply is, and who answers.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Uri};
use tokio::sync::mpsc;

use crate::net::principal::Principal;
use crate::server::slots::Slot;

/// A future on the heap, as the methods of [`HttpService`] return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A protocol served over HTTP.
pub trait HttpService: Send + Sync + 'static {
    /// Whether this service has the path, and whom it serves there. Called before the body is read; must be quick.
    fn route(&self, head: &RequestHead) -> Route;

    /// Answers a request of an authenticated caller.
    fn call<'a>(&'a self, request: HttpRequest, principal: Principal) -> BoxFuture<'a, HttpReply>;

    /// Answers a request on a path that [`HttpService::route`] called anonymous.
    fn call_anonymous<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, HttpReply>;
}

/// What a service says about a request's head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route {
    /// Served to any caller, who is not asked for credentials.
    Anonymous,
    /// Served to authenticated callers alone.
    Authenticated,
    /// The path is served, the method is not: answered 405.
    WrongMethod {
        /// The methods that are served, as the `Allow` header has them.
        allow: &'static str,
    },
    /// The path is not of this service: answered 404.
    Unknown,
}

/// A request with its whole body, which is being worked on.
#[derive(Debug)]
pub struct HttpRequest {
    /// Everything but the body.
    pub head: RequestHead,
    /// The body, without transfer coding.
    pub body: Bytes,
    /// Its place among those that are worked on; it is to live as long as the work.
    pub slot: Slot,
}

/// A request's method, target and headers, and where it came from.
#[derive(Debug)]
pub struct RequestHead {
    /// Names the request in every log line about it.
    pub id: RequestId,
    /// The method.
    pub method: Method,
    /// The request target as it came.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The other end of the connection.
    pub peer: Peer,
    /// The address it connected to; `None` on the local socket.
    pub local: Option<SocketAddr>,
    /// What carries the connection.
    pub transport: Transport,
}

/// Numbers requests since the process started.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct RequestId(pub(super) u64);

/// The other end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Peer {
    /// An address and port; an IPv4 address mapped into IPv6 stands as IPv4.
    Network(SocketAddr),
    /// A process on this machine.
    Local {
        /// Its effective user id.
        uid: u32,
        /// Its effective group id.
        gid: u32,
        /// Its process id, where the kernel tells it.
        pid: Option<i32>,
    },
}

/// What carries a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Transport {
    /// TLS over TCP.
    Tls,
    /// TCP in clear text.
    Plain,
    /// The local (Unix) socket.
    Local,
}

/// A reply. It goes out with Content-Length, head and body in one write; a stream goes out in chunks.
#[derive(Debug)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: Cow<'static, str>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: ReplyBody,
}

/// The body of a reply.
#[derive(Debug)]
pub enum ReplyBody {
    /// The whole body.
    Full(Bytes),
    /// A body that is sent as it is made. The channel's end is the body's end; an error breaks the
    /// connection off, so that the client sees that the body is not whole.
    Stream(mpsc::Receiver<Result<Bytes, StreamAborted>>),
}

/// The producer of a streamed reply could not finish it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the reply was broken off")]
pub struct StreamAborted;

impl HttpReply {
    /// A reply with a whole body.
    pub fn new(status: u16, content_type: impl Into<Cow<'static, str>>, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: content_type.into(),
            headers: Vec::new(),
            body: ReplyBody::Full(body.into()),
        }
    }

    /// A short plain text, with a line end added: what HTTP errors carry.
    pub fn text(status: u16, text: impl fmt::Display) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{text}\n"))
    }

    /// The reply with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl RequestHead {
    pub(super) fn new(
        id: RequestId,
        parts: Parts,
        peer: Peer,
        local: Option<SocketAddr>,
        transport: Transport,
    ) -> Self {
        Self {
            id,
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            peer,
            local,
            transport,
        }
    }

    /// The path of the request target, without its query.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The first header of this name (in any case), if it is plain ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(f),
            Self::Local {
                uid, pid: Some(pid), ..
            } => write!(f, "local uid {uid} pid {pid}"),
            Self::Local { uid, pid: None, .. } => write!(f, "local uid {uid}"),
        }
    }
}
