//! A WS-Management client: typed requests over one connection, typed replies back.

mod enumeration;
mod error;
pub mod items;

use std::time::Duration;

pub use enumeration::{Batch, Enumeration, EnumerationRequest};
pub use error::WsmanError;

use crate::client::instance_name::InstanceName;
use crate::client::server::ServerAddress;
use crate::net::http_client::{BasicCredentials, ClientLimits, ClientRequest, ClientResponse, HttpClient};
use crate::net::tls::client::ClientTls;
use crate::wsman::addressing::EndpointReference;
use crate::wsman::credentials::IssuedToken;
use crate::wsman::enumeration::{EnumerationReply, Pull};
use crate::wsman::eventing::{Renew, Subscribe, SubscribeResponse, decode_lease};
use crate::wsman::identify::IdentifyResponse;
use crate::wsman::invoke::decode_invoke_response;
use crate::wsman::ns::{self, action};
use crate::wsman::time::Expires;
use crate::wsman::transfer::{Representation, decode_created, decode_instance};
use crate::wsman::{Body, Fault, Headers, Invoke, RawInstance, Reply, Request, Selector, SelectorSet};
use crate::xml;

/// Where Identify is answered to everybody (DSP0226, 11).
const ANONYMOUS_IDENTIFY: &str = "/wsman-anon/identify";
/// What a reply may hold beyond the time that the server was given, for the way.
const WAY: Duration = Duration::from_secs(5);

/// How requests are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientOptions {
    /// `wsman:OperationTimeout`: how long the server may work on a request.
    pub timeout: Duration,
    /// `wsman:MaxEnvelopeSize`: the longest reply that is asked for, in bytes.
    pub max_envelope_bytes: u64,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            max_envelope_bytes: 512 * 1024,
        }
    }
}

/// What a request is about: a class, or one instance of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// `wsman:ResourceURI`.
    pub uri: String,
    /// `wsman:SelectorSet`.
    pub selectors: SelectorSet,
}

impl Resource {
    /// The class or all classes that `uri` names.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            selectors: SelectorSet::default(),
        }
    }

    /// The reference to it.
    pub fn to_reference(&self) -> EndpointReference {
        EndpointReference {
            resource_uri: Some(self.uri.clone()),
            selectors: self.selectors.clone(),
            ..EndpointReference::to(ns::ANONYMOUS)
        }
    }

    /// The same in that namespace, unless it says its namespace already.
    #[must_use]
    pub fn in_namespace(mut self, namespace: Option<&str>) -> Self {
        if let Some(namespace) = namespace
            && self.selectors.namespace().is_none()
        {
            let name = crate::wsman::resource_uri::NAMESPACE_SELECTOR;
            self.selectors.0.push(Selector::text(name, namespace));
        }
        self
    }
}

impl From<&InstanceName> for Resource {
    fn from(name: &InstanceName) -> Self {
        Self {
            uri: name.resource_uri.clone(),
            selectors: SelectorSet(name.selectors.clone()),
        }
    }
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Received<T> {
    /// What it says.
    pub content: T,
    /// The envelope, as it came.
    pub envelope: String,
}

/// A client of one server. Requests go one after the other over one connection, which is opened when it is
/// needed.
#[derive(Debug)]
pub struct WsmanClient {
    http: HttpClient,
    address: ServerAddress,
    has_credentials: bool,
    options: ClientOptions,
}

impl WsmanClient {
    /// A client of the server at `address`. `tls` says whom to trust, where TLS is spoken.
    ///
    /// # Errors
    /// If the host's name cannot stand in a request.
    pub fn new(
        address: ServerAddress,
        tls: &ClientTls,
        credentials: Option<BasicCredentials>,
        options: ClientOptions,
    ) -> Result<Self, WsmanError> {
        let limits = ClientLimits {
            response: options.timeout + WAY,
            ..ClientLimits::default()
        };
        Ok(Self {
            has_credentials: credentials.is_some(),
            http: HttpClient::new(address.endpoint(tls), credentials, limits)?,
            address,
            options,
        })
    }

    /// Who is asked.
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Asks who is there. Over the network and without credentials, where everybody may ask.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn identify(&mut self) -> Result<Received<IdentifyResponse>, WsmanError> {
        let request = Request {
            headers: Headers::default(),
            body: Body::Identify,
        };
        let anonymous = !self.has_credentials && matches!(self.address, ServerAddress::Url(_));
        let path = if anonymous {
            ANONYMOUS_IDENTIFY
        } else {
            self.address.path()
        }
        .to_owned();
        let envelope = self.exchange(&path, request.encode()).await?;
        read(envelope, IdentifyResponse::decode)
    }

    /// Reads an instance.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn get(&mut self, resource: &Resource) -> Result<Received<RawInstance>, WsmanError> {
        let envelope = self.call(action::GET, Some(resource), Body::Get).await?;
        read(envelope, whole_instance)
    }

    /// Replaces an instance. Some servers do not tell what it is then.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn put(
        &mut self,
        resource: &Resource,
        instance: RawInstance,
    ) -> Result<Received<Option<RawInstance>>, WsmanError> {
        let body = Body::Put(Representation::Instance(instance));
        let envelope = self.call(action::PUT, Some(resource), body).await?;
        let is_empty = Reply::decode(&envelope, limits()).is_ok_and(Reply::is_empty);
        if is_empty {
            return Ok(Received {
                content: None,
                envelope,
            });
        }
        read(envelope, |reply| whole_instance(reply).map(Some))
    }

    /// Makes an instance and returns the reference to it.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn create(
        &mut self,
        resource: &Resource,
        instance: RawInstance,
    ) -> Result<Received<EndpointReference>, WsmanError> {
        let body = Body::Create(Representation::Instance(instance));
        let envelope = self.call(action::CREATE, Some(resource), body).await?;
        read(envelope, decode_created)
    }

    /// Deletes an instance.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn delete(&mut self, resource: &Resource) -> Result<(), WsmanError> {
        let envelope = self.call(action::DELETE, Some(resource), Body::Delete).await?;
        read_empty(envelope)
    }

    /// Calls a method; what comes back are `ReturnValue` and the output parameters.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn invoke(
        &mut self,
        resource: &Resource,
        call: Invoke,
    ) -> Result<Received<RawInstance>, WsmanError> {
        let action = format!("{}/{}", resource.uri, call.method);
        let envelope = self.call(&action, Some(resource), Body::Invoke(call)).await?;
        read(envelope, decode_invoke_response)
    }

    /// Begins an enumeration. Nothing is sent before the first batch is asked for.
    pub fn enumerate(&mut self, resource: Resource, request: EnumerationRequest) -> Enumeration<'_> {
        Enumeration::new(self, resource, request)
    }

    /// Subscribes to events; `tokens` are the credentials for deliveries.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn subscribe(
        &mut self,
        resource: &Resource,
        request: Subscribe,
        tokens: Vec<IssuedToken>,
    ) -> Result<Received<SubscribeResponse>, WsmanError> {
        let mut headers = self.headers(action::SUBSCRIBE, Some(resource));
        headers.issued_tokens = tokens;
        let body = Body::Subscribe(Box::new(request));
        let envelope = self.send(headers, body).await?;
        read(envelope, SubscribeResponse::decode)
    }

    /// Prolongs a subscription and returns what was granted.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn renew(
        &mut self,
        identifier: &str,
        expires: Option<Expires>,
    ) -> Result<Received<Option<Expires>>, WsmanError> {
        let body = Body::Renew(Renew { expires });
        let envelope = self.manage(action::RENEW, identifier, body).await?;
        read(envelope, decode_lease)
    }

    /// Asks how long a subscription lasts.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn get_status(&mut self, identifier: &str) -> Result<Received<Option<Expires>>, WsmanError> {
        let envelope = self
            .manage(action::GET_STATUS, identifier, Body::GetStatus)
            .await?;
        read(envelope, decode_lease)
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn unsubscribe(&mut self, identifier: &str) -> Result<(), WsmanError> {
        let envelope = self
            .manage(action::UNSUBSCRIBE, identifier, Body::Unsubscribe)
            .await?;
        read_empty(envelope)
    }

    /// Asks for the next items of an enumeration, or the next events of a subscription in the mode Pull.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn pull(
        &mut self,
        resource: Option<&Resource>,
        request: Pull,
    ) -> Result<Received<EnumerationReply>, WsmanError> {
        let envelope = self.call(action::PULL, resource, Body::Pull(request)).await?;
        read(envelope, EnumerationReply::decode)
    }

    /// Sends a request about a subscription, which a header names.
    async fn manage(&mut self, action: &str, identifier: &str, body: Body) -> Result<String, WsmanError> {
        let mut headers = self.headers(action, None);
        headers.identifier = Some(identifier.to_owned());
        self.send(headers, body).await
    }

    async fn call(
        &mut self,
        action: &str,
        resource: Option<&Resource>,
        body: Body,
    ) -> Result<String, WsmanError> {
        let headers = self.headers(action, resource);
        self.send(headers, body).await
    }

    fn headers(&self, action: &str, resource: Option<&Resource>) -> Headers {
        Headers {
            to: Some(match &self.address {
                ServerAddress::Url(url) => url.to_string(),
                ServerAddress::Local(_) => format!("http://localhost{}", self.address.path()),
            }),
            message_id: Some(format!("uuid:{}", crate::random::uuid())),
            resource_uri: resource.map(|resource| resource.uri.clone()),
            selectors: resource.map_or_else(SelectorSet::default, |resource| resource.selectors.clone()),
            max_envelope_size: Some(self.options.max_envelope_bytes),
            operation_timeout: Some(self.options.timeout),
            ..Headers::new(action)
        }
    }

    async fn send(&mut self, headers: Headers, body: Body) -> Result<String, WsmanError> {
        let path = self.address.path().to_owned();
        self.exchange(&path, Request { headers, body }.encode()).await
    }

    /// Sends a message and returns the envelope of the reply, unless that is a fault.
    async fn exchange(&mut self, path: &str, message: String) -> Result<String, WsmanError> {
        let request = ClientRequest::post(path, "application/soap+xml;charset=UTF-8", message);
        let response = self.http.send(&request).await?;
        if response.status == 401 || response.status == 403 {
            return Err(WsmanError::LoginRefused {
                address: self.address.to_string(),
                had_credentials: self.has_credentials,
                is_local: matches!(self.address, ServerAddress::Local(_)),
            });
        }
        let text = decode_text(&response)?;
        if response.status == 200 {
            return Ok(text);
        }
        match Reply::decode(&text, limits()).map(Reply::empty) {
            Ok(Err(fault)) => Err(WsmanError::Fault(Box::new(fault))),
            Ok(Ok(_)) | Err(_) => Err(WsmanError::status(response.status, &text)),
        }
    }
}

fn decode_text(response: &ClientResponse) -> Result<String, WsmanError> {
    let charset = response.header("content-type").and_then(|value| {
        let (_, after) = value.split_once("charset=")?;
        Some(after.split(';').next()?.trim().trim_matches('"'))
    });
    match xml::decode(&response.body, charset) {
        Ok((text, _)) => Ok(text.into_owned()),
        Err(_) if response.status != 200 => Err(WsmanError::status(response.status, "")),
        Err(error) => Err(WsmanError::Malformed(error.to_string())),
    }
}

/// How large a reply may be, and how deep.
fn limits() -> xml::Limits {
    xml::Limits {
        total_bytes: ClientLimits::default().body_bytes,
        ..xml::Limits::default()
    }
}

/// Reads what an envelope says. An error is the peer's fault, or its reply is malformed.
fn read<T>(
    envelope: String,
    decode: impl FnOnce(Reply<'_>) -> Result<T, Fault>,
) -> Result<Received<T>, WsmanError> {
    let malformed = |error: Fault| WsmanError::Malformed(error.reason);
    let reply = Reply::decode(&envelope, limits()).map_err(malformed)?;
    // A reply that is a fault says so in its action (DSP0226, 14.2).
    let is_fault = reply.action.ends_with("/fault");
    match decode(reply) {
        Ok(content) => Ok(Received { content, envelope }),
        Err(fault) if is_fault => Err(WsmanError::Fault(Box::new(fault))),
        Err(error) => Err(malformed(error)),
    }
}

/// Makes sure that the reply is no fault.
fn read_empty(envelope: String) -> Result<(), WsmanError> {
    read(envelope, |reply| reply.empty()).map(drop)
}

fn whole_instance(reply: Reply<'_>) -> Result<RawInstance, Fault> {
    match decode_instance(reply)? {
        Representation::Instance(instance) => Ok(instance),
        Representation::Fragment(_) => {
            Err(Fault::schema("The reply holds a fragment; nobody asked for one."))
        }
    }
}
