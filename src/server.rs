//! Sockets, sessions, authentication, limits, shutdown.
//!
//! The only room that accepts connections. A protocol is an [`HttpService`]; the way of a request is
//! `listener` (accept) → `registry` (limits on connections) → `connection` (TLS, HTTP, deadlines) →
//! `request` (route, authenticate, read the body, call the service, reply, log).
//!
//! Invariants:
//! - [`HttpService::call`] is handed a [`Principal`](crate::net::principal::Principal), which only an
//!   authenticator can make: no request of an unknown caller reaches it.
//! - A connection that has proved nothing gives way to a new one; one that has authenticated gives way last, and never
//!   while it is being served.
//! - What a service does wrong, a panic included, costs its own request alone.
//! - Whoever is slow to send or to read holds a connection, and nothing else that others need (`slots`).
//! - No caller gets all of anything that there is a bound on: there is room for the next one (`net::places`).

mod access_log;
mod auth;
mod body;
mod caller;
pub mod cimxml;
mod connection;
pub mod contexts;
pub mod enumerations;
mod http;
mod limits;
mod listener;
mod refusal;
mod registry;
mod request;
mod router;
mod running;
mod slots;
mod stream;
mod tally;
mod tracker;
mod turns;
mod work;
pub mod wsman;

pub use self::auth::Authenticator;
pub use self::http::{
    BoxFuture, HttpReply, HttpRequest, HttpService, Peer, ReplyBody, RequestHead, RequestId, Route,
    StreamAborted, Transport,
};
pub use self::limits::{Limits, raise_file_limit};
pub use self::listener::{BindError, Endpoint, Listener, Sharing};
pub use self::router::Router;
pub use self::running::{Counters, Server, ServerHandle, ShutdownReport};
pub use self::slots::Slot;
