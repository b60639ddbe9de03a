//! Why a request got no reply.

use std::io;
use std::time::Duration;

use crate::net::tls::client::PinMismatch;

/// Why a request got no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The request cannot be put on the wire.
    #[error("the request cannot be sent: {0}")]
    BadRequest(String),
    /// The name has no address.
    #[error("`{host}` has no address: {error}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        error: io::Error,
    },
    /// A rule forbids every address of the endpoint.
    #[error("`{host}` may not be connected to: {reason}")]
    Forbidden {
        /// The name or address.
        host: String,
        /// What the rule says of the last address.
        reason: String,
    },
    /// No address of the endpoint answered.
    #[error("no connection to {to}: {error}")]
    Connect {
        /// The endpoint.
        to: String,
        /// What the system said of the last address.
        error: io::Error,
    },
    /// Connecting took too long.
    #[error("no connection to {to} within {limit:?}")]
    ConnectTimeout {
        /// The endpoint.
        to: String,
        /// The limit.
        limit: Duration,
    },
    /// The server showed another certificate than the pinned one.
    #[error(transparent)]
    PinMismatch(#[from] PinMismatch),
    /// The TLS handshake failed or the server is not trusted.
    #[error("TLS with {to}: {error}")]
    Tls {
        /// The endpoint.
        to: String,
        /// What the TLS library said.
        error: io::Error,
    },
    /// The TLS handshake took too long.
    #[error("no TLS handshake with {to} within {limit:?}")]
    HandshakeTimeout {
        /// The endpoint.
        to: String,
        /// The limit.
        limit: Duration,
    },
    /// The connection broke before the reply was whole.
    #[error("the connection broke: {0}")]
    Broken(hyper::Error),
    /// What came is no HTTP.
    #[error("the reply is no valid HTTP: {0}")]
    Malformed(hyper::Error),
    /// The same in clear text, where it may be TLS that the server speaks.
    #[error("the reply is no valid HTTP: {0}; a URL of a server that speaks TLS begins with https://")]
    MalformedInClear(hyper::Error),
    /// The reply's body is larger than allowed.
    #[error("the reply's body has more than {0} bytes")]
    TooLarge(usize),
    /// The reply took too long.
    #[error("no whole reply within {0:?}")]
    ResponseTimeout(Duration),
}

impl ClientError {
    /// The same, known to have come in clear text.
    pub(super) fn in_clear(self) -> Self {
        match self {
            Self::Malformed(error) => Self::MalformedInClear(error),
            other => other,
        }
    }

    /// Whether the connection itself failed, as that of a peer does which closed it meanwhile.
    pub(super) fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() {
            Self::Malformed(error)
        } else {
            Self::Broken(error)
        }
    }
}
