//! One outgoing HTTP/1.1 connection: opened when needed, kept while the peer keeps it, bounded in time
//! and size.
//!
//! No redirects are followed, nothing is compressed, requests carry Content-Length. The connection has no
//! task of its own: it is driven while a request is under way, and looked at before it is used again.

mod address;
mod connect;
mod error;
mod link;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use zeroize::Zeroizing;

pub use self::address::{HttpUrl, ParseUrlError};
pub use self::error::ClientError;

use self::link::Link;
use crate::net::fingerprint::Fingerprints;
use crate::net::tls::client::ClientTls;

/// Where requests go.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A host name or address literal (IPv6 without brackets), in clear text.
    Plain {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// The same over TLS.
    Tls {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// Whom to trust.
        tls: ClientTls,
    },
    /// A Unix socket.
    Local {
        /// Its path.
        path: PathBuf,
    },
}

/// How long things may take and how large a reply may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientLimits {
    /// Name resolution and TCP connection, over all addresses of the name together (10 s).
    pub connect: Duration,
    /// The TLS handshake (10 s).
    pub handshake: Duration,
    /// From sending a request to the end of its reply (60 s).
    pub response: Duration,
    /// Bytes of a reply's body (16 MiB).
    pub body_bytes: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            response: Duration::from_secs(60),
            body_bytes: 16 * 1024 * 1024,
        }
    }
}

/// A name and password for Basic authentication (RFC 7617). Never shown by `Debug`.
#[derive(Clone)]
pub struct BasicCredentials(HeaderValue);

/// A request without its transport.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// Mostly POST.
    pub method: Method,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Headers beside Host, Content-Length and Authorization.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A whole reply.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, without transfer coding.
    pub body: Bytes,
}

/// Says whether a connection may be made to an address, or why not. A name is held against it each time it
/// is resolved.
pub type AddressRule = Arc<dyn Fn(IpAddr) -> Result<(), String> + Send + Sync>;

/// When the steps of an exchange were done, counted from its beginning. A kept connection is neither connected nor
/// shaken hands over; a step that was not reached has no time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Steps {
    /// The connection is there.
    pub connected: Option<Duration>,
    /// The TLS handshake is done.
    pub handshake: Option<Duration>,
    /// The request has left, as far as this side can tell.
    pub sent: Option<Duration>,
    /// The whole reply has come.
    pub answered: Option<Duration>,
}

/// Takes the times of one exchange.
struct Stopwatch {
    began: Instant,
    steps: Steps,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            began: Instant::now(),
            steps: Steps::default(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A connection to one endpoint, with one request at a time.
pub struct HttpClient {
    endpoint: Endpoint,
    credentials: Option<BasicCredentials>,
    limits: ClientLimits,
    allowed: Option<AddressRule>,
    whose: Arc<str>,
    host: HeaderValue,
    link: Option<Link>,
    fingerprints: Option<Fingerprints>,
    watch: Stopwatch,
}

impl HttpClient {
    /// A client that connects when the first request is sent.
    ///
    /// # Errors
    /// If the host's name cannot stand in a `Host` header.
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<BasicCredentials>,
        limits: ClientLimits,
    ) -> Result<Self, ClientError> {
        let host = endpoint.host_header()?;
        Ok(Self {
            endpoint,
            credentials,
            limits,
            allowed: None,
            whose: Arc::default(),
            host,
            link: None,
            fingerprints: None,
            watch: Stopwatch::start(),
        })
    }

    /// The same client, which connects to no address that `rule` refuses.
    #[must_use]
    pub fn with_rule(mut self, rule: AddressRule) -> Self {
        self.allowed = Some(rule);
        self
    }

    /// The same client, which looks names up for the account `whose`.
    #[must_use]
    pub fn on_behalf_of(mut self, whose: &str) -> Self {
        self.whose = whose.into();
        self
    }

    /// Sends a request and waits for the whole reply, whatever its status.
    ///
    /// A kept connection that the peer closed meanwhile is replaced; if it breaks before a byte of the
    /// reply has come, the request is sent once more on a fresh one.
    ///
    /// # Errors
    /// If no connection could be made, or no whole reply came within the limits. The connection is then gone.
    pub async fn send(&mut self, request: &ClientRequest) -> Result<ClientResponse, ClientError> {
        self.watch = Stopwatch::start();
        if let Some(mut link) = self.take_usable() {
            match self.exchange(&mut link, request).await {
                Err(error) if error.is_broken_connection() && !link.answered() => {}
                outcome => return self.keep(link, outcome),
            }
        }
        let mut link = link::open(
            &self.endpoint,
            &self.limits,
            &self.whose,
            self.allowed.as_ref(),
            &mut self.watch,
        )
        .await?;
        self.fingerprints = link.fingerprints();
        let outcome = self.exchange(&mut link, request).await;
        self.keep(link, outcome)
    }

    /// What the certificate is recognised by that the peer showed on the last connection that was made.
    pub fn peer_fingerprints(&self) -> Option<Fingerprints> {
        self.fingerprints
    }

    /// When the steps of the last exchange were done.
    pub fn steps(&self) -> Steps {
        self.watch.steps
    }

    /// Whether a connection is kept for the next request.
    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Closes the connection, if there is one.
    pub fn close(&mut self) {
        self.link = None;
    }

    async fn exchange(
        &mut self,
        link: &mut Link,
        request: &ClientRequest,
    ) -> Result<ClientResponse, ClientError> {
        let request = self.compose(request)?;
        let exchange = link.exchange(request, self.limits.body_bytes);
        let outcome = tokio::time::timeout(self.limits.response, exchange)
            .await
            .unwrap_or(Err(ClientError::ResponseTimeout(self.limits.response)))
            .map_err(|error| match self.endpoint {
                Endpoint::Plain { .. } => error.in_clear(),
                Endpoint::Tls { .. } | Endpoint::Local { .. } => error,
            });
        let written = link.written().checked_duration_since(self.watch.began);
        self.watch.steps.sent = written;
        self.watch.steps.answered = outcome.is_ok().then(|| self.watch.elapsed());
        outcome
    }

    fn keep(
        &mut self,
        mut link: Link,
        outcome: Result<ClientResponse, ClientError>,
    ) -> Result<ClientResponse, ClientError> {
        if outcome.is_ok() && link.is_usable() {
            self.link = Some(link);
        }
        outcome
    }

    fn take_usable(&mut self) -> Option<Link> {
        let mut link = self.link.take()?;
        link.is_usable().then_some(link)
    }

    fn compose(&self, request: &ClientRequest) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut composed = Request::new(Full::new(request.body.clone()));
        *composed.method_mut() = request.method.clone();
        *composed.uri_mut() = request
            .path
            .parse()
            .map_err(|_| ClientError::BadRequest(format!("`{}` is no path", request.path)))?;
        let headers = composed.headers_mut();
        headers.insert(HOST, self.host.clone());
        if let Some(credentials) = &self.credentials {
            headers.insert(AUTHORIZATION, credentials.0.clone());
        }
        headers.extend(request.headers.clone());
        headers.insert(CONTENT_LENGTH, request.body.len().into());
        Ok(composed)
    }
}

impl ClientRequest {
    /// A POST of `body`.
    pub fn post(path: impl Into<String>, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            hyper::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        );
        Self {
            method: Method::POST,
            path: path.into(),
            headers,
            body: body.into(),
        }
    }

    /// The request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl ClientResponse {
    /// The first header of this name (in any case), if it is plain ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl BasicCredentials {
    /// # Errors
    /// If the name holds a colon, which RFC 7617 cannot express.
    pub fn new(user: &str, password: &str) -> Result<Self, ClientError> {
        if user.contains(':') {
            return Err(ClientError::BadRequest(
                "a user name cannot hold a colon".to_owned(),
            ));
        }
        let plain = Zeroizing::new(format!("{user}:{password}"));
        let text = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(plain.as_bytes()));
        let mut value = HeaderValue::try_from(format!("Basic {}", *text))
            .map_err(|error| ClientError::BadRequest(error.to_string()))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicCredentials(..)")
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("endpoint", &self.endpoint)
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    fn host_header(&self) -> Result<HeaderValue, ClientError> {
        let text = match self {
            Self::Plain { host, port } => address::authority(host, *port, 80),
            Self::Tls { host, port, .. } => address::authority(host, *port, 443),
            Self::Local { .. } => "localhost".to_owned(),
        };
        HeaderValue::try_from(&text).map_err(|_| ClientError::BadRequest(format!("`{text}` is no host name")))
    }
}
