//! The limits of the server, with their defaults.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How much of everything a caller may take. The default suits an agent on a small machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of a request's body (8 MiB). More is answered 413.
    pub body_bytes: usize,
    /// Bytes of the body of a request that needs no authentication (8 KiB). More is answered 413.
    pub anonymous_body_bytes: usize,
    /// Bytes of all large bodies, above 64 KiB each, that are read or worked on at once (64 MiB), half of them of one
    /// caller. More are answered 503. At least twice `body_bytes`, or the largest are never taken.
    pub bodies_bytes: usize,
    /// Bytes of a request's head: request line and headers (32 KiB, at least 8 KiB). More is answered 431.
    pub head_bytes: usize,
    /// Open connections in all (1024). Never more than the limit on open files leaves room for.
    pub connections: usize,
    /// Open connections from one address, or one /64 of IPv6, or one local user (256).
    pub connections_per_source: usize,
    /// Requests of known callers that are worked on at once (256), half of them of one caller. More wait up to two
    /// seconds and are then answered 503.
    pub requests_in_flight: usize,
    /// Requests of unknown callers that are worked on at once (16). More are answered 503.
    pub anonymous_in_flight: usize,
    /// The same for one source (4).
    pub anonymous_in_flight_per_source: usize,
    /// From the connection to the end of its TLS handshake (10 s).
    pub handshake: Duration,
    /// From a head's first byte to its last, and from the handshake to the first head (10 s).
    pub header: Duration,
    /// From a body's first read to its end (30 s). More is answered 408.
    pub body: Duration,
    /// Between two requests, and between two pieces of a streamed reply (120 s).
    pub idle: Duration,
    /// Without a byte of the reply being taken (30 s).
    pub write_stall: Duration,
    /// The longest pause before a failed login is answered (5 s).
    pub failed_login_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 8 * 1024 * 1024,
            anonymous_body_bytes: 8 * 1024,
            bodies_bytes: 64 * 1024 * 1024,
            head_bytes: 32 * 1024,
            connections: 1024,
            connections_per_source: 256,
            requests_in_flight: 256,
            anonymous_in_flight: 16,
            anonymous_in_flight_per_source: 4,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            write_stall: Duration::from_secs(30),
            failed_login_pause: Duration::from_secs(5),
        }
    }
}

/// Open files that connections leave to the rest of the process, as far as it is allowed twice as many.
const FILES_FOR_OTHERS: u64 = 128;

impl Limits {
    /// How many connections may be open, with the limit on open files that is in force.
    pub(super) fn connections_within_files(&self) -> usize {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let room = files - FILES_FOR_OTHERS.min(files / 2);
        self.connections.min(usize::try_from(room).unwrap_or(usize::MAX))
    }
}

/// Raises this process's soft limit on open files to the hard one; returns the limit then in force, or
/// `None` if there is none.
pub fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit.current == limit.maximum || setrlimit(Resource::Nofile, raised).is_err() {
        return limit.current;
    }
    limit.maximum
}
