//! The HTTP connection of a line: whom it may reach, whom it takes for the destination, what it logs in with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;

use super::courier::{SendError, Target};
use super::rule::DestinationRule;
use crate::net::fingerprint::Fingerprint;
use crate::net::http_client::{
    AddressRule, BasicCredentials, ClientError, ClientLimits, ClientRequest, ClientResponse, Endpoint,
    HttpClient, Steps,
};
use crate::net::tls::client::{ClientTls, Trust};
use crate::subscription::{DestinationUrl, Scheme};

/// What an answer to a delivery may be long, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Whom to take for a destination.
#[derive(Clone, Debug)]
pub enum DestinationTrust {
    /// Whoever shows the key that was shown first.
    Pin,
    /// Whoever one of these authorities vouches for.
    Authorities(RootCertStore),
    /// Anyone.
    Off,
}

/// How destinations are reached.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// Whom to take for a destination.
    pub trust: DestinationTrust,
    /// The time to connect, and as much again for the TLS handshake.
    pub connect: Duration,
    /// The time that a destination has to answer.
    pub reply: Duration,
    /// Where deliveries may go.
    pub rule: DestinationRule,
}

/// A connection to one destination: made when it is needed, kept while the peer keeps it.
pub(super) struct Connection {
    options: Arc<ConnectionOptions>,
    target: Target,
    client: Option<HttpClient>,
    steps: Steps,
}

impl Connection {
    /// A connection to `target`, which is not made yet.
    pub fn new(options: Arc<ConnectionOptions>, target: Target) -> Self {
        Self {
            options,
            target,
            client: None,
            steps: Steps::default(),
        }
    }

    /// Where it leads.
    pub fn url(&self) -> &DestinationUrl {
        &self.target.destination.url
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.client.as_ref().is_some_and(HttpClient::is_connected)
    }

    /// When the steps of the last sending were done.
    pub const fn steps(&self) -> Steps {
        self.steps
    }

    /// Sends a request to the destination. A connection over which something failed is not used again.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn send(&mut self, request: &ClientRequest) -> Result<ClientResponse, SendError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => self.client_for(self.url())?,
        };
        let response = client.send(request).await;
        self.steps = client.steps();
        let response = response.map_err(|error| send_error(&error))?;
        self.client = Some(client);
        Ok(response)
    }

    /// The fingerprint of the key that the destination shows, where none was known and it is to be known by it from
    /// now on: asked for once something was handed over.
    pub fn learn_pin(&mut self) -> Option<Vec<u8>> {
        if self.target.pin.is_some() || !matches!(self.options.trust, DestinationTrust::Pin) {
            return None;
        }
        let shown = self.client.as_ref()?.peer_fingerprints()?;
        self.target.pin = Some(shown.key.as_bytes().to_vec());
        self.target.pin.clone()
    }

    /// Sends one request to another place, over a connection of its own. Only where it is the destination's own
    /// server, credentials and pin are the destination's: nobody else is shown them.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn send_to(
        &self,
        url: &DestinationUrl,
        request: &ClientRequest,
    ) -> Result<ClientResponse, SendError> {
        let mut client = self.client_for(url)?;
        client.send(request).await.map_err(|error| send_error(&error))
    }

    fn client_for(&self, url: &DestinationUrl) -> Result<HttpClient, SendError> {
        let is_destination = url.same_origin(self.url());
        let (host, port) = (url.host.clone(), url.port);
        let endpoint = match url.scheme {
            Scheme::Http => Endpoint::Plain { host, port },
            Scheme::Https => Endpoint::Tls {
                host,
                port,
                tls: self.tls(is_destination)?,
            },
        };
        let refused = |error: ClientError| SendError::Refused(error.to_string());
        let login = self.target.credentials.as_ref().filter(|_| is_destination);
        let credentials = login
            .map(|login| BasicCredentials::new(&login.user, &login.password))
            .transpose()
            .map_err(refused)?;
        let limits = ClientLimits {
            connect: self.options.connect,
            handshake: self.options.connect,
            response: self.options.reply,
            body_bytes: MAX_ANSWER_BYTES,
        };
        let client = HttpClient::new(endpoint, credentials, limits).map_err(refused)?;
        let owner = &self.target.destination.owner;
        Ok(client.on_behalf_of(owner).with_rule(self.rule(url.scheme)))
    }

    /// The rule for addresses, held against what a name resolves to each time.
    fn rule(&self, scheme: Scheme) -> AddressRule {
        let (options, subscribers) = (
            Arc::clone(&self.options),
            self.target.destination.subscribers.clone(),
        );
        Arc::new(move |address: IpAddr| {
            options
                .rule
                .check(address, &subscribers, scheme)
                .map_err(|forbidden| forbidden.to_string())
        })
    }

    fn tls(&self, is_destination: bool) -> Result<ClientTls, SendError> {
        let named = self.target.destination.thumbprint.as_deref();
        let named = named.filter(|_| is_destination);
        let named = named.map(str::parse::<Fingerprint>).transpose();
        let named =
            named.map_err(|error| SendError::Refused(format!("the certificate thumbprint: {error}")))?;
        let pin = self
            .target
            .pin
            .as_deref()
            .filter(|_| is_destination)
            .and_then(|pin| <[u8; 32]>::try_from(pin).ok())
            .map(Fingerprint::from);
        let trust = match (named, &self.options.trust) {
            (Some(named), _) => Trust::Pin(named),
            (None, DestinationTrust::Pin) => pin.map_or(Trust::FirstUse, Trust::Pin),
            (None, DestinationTrust::Authorities(authorities)) => Trust::Authorities(authorities.clone()),
            (None, DestinationTrust::Off) => Trust::Off,
        };
        ClientTls::new(trust).map_err(|error| SendError::Refused(error.to_string()))
    }
}

/// What a status says of a delivery. Whatever may be different the next time is tried again.
pub(super) fn judge(answer: &ClientResponse) -> Result<(), SendError> {
    let said = || format!("the destination answered {}", answer.status);
    match answer.status {
        200..=299 => Ok(()),
        400 | 413 | 415 => Err(SendError::Rejected(said())),
        300..=499 => Err(SendError::Refused(said())),
        _ => Err(SendError::Unreachable(said())),
    }
}

fn send_error(error: &ClientError) -> SendError {
    let text = error.to_string();
    match error {
        ClientError::PinMismatch(_) | ClientError::Forbidden { .. } | ClientError::BadRequest(_) => {
            SendError::Refused(text)
        }
        ClientError::Resolve { .. }
        | ClientError::Connect { .. }
        | ClientError::ConnectTimeout { .. }
        | ClientError::Tls { .. }
        | ClientError::HandshakeTimeout { .. }
        | ClientError::Broken(_)
        | ClientError::Malformed(_)
        | ClientError::MalformedInClear(_)
        | ClientError::TooLarge(_)
        | ClientError::ResponseTimeout(_) => SendError::Unreachable(text),
    }
}
