//! WS-Management over HTTP (DSP0226, 5 and annex C): takes requests off the wire, asks the broker, answers.
//!
//! What is here knows no XML: `crate::wsman` turns bytes into typed requests and typed replies into text.

mod enumerate;
mod eventing;
mod exchange;
mod filter;
mod target;
mod transfer;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use parking_lot::RwLock;

use crate::broker::Broker;
use crate::clock::SharedClock;
use crate::delivery::Registry;
use crate::net::principal::Principal;
use crate::provider::Caller;
use crate::server::enumerations::Enumerations;
use crate::server::work::{Work, off_reactor};
use crate::server::{
    BoxFuture, HttpReply, HttpRequest, HttpService, Peer, RequestHead, Route, Slot, Transport,
};
use crate::wsman::identify::{HTTP_BASIC, HTTPS_BASIC, IdentifyResponse};
use crate::wsman::{Body, DateTimeStyle, Fault, FaultCause, FaultDetail, KnownTags, Refused, Request};
use crate::xml::{self, Encoding};

pub(super) use enumerate::OpenEnumeration;
use exchange::Exchange;

/// Where anyone may ask who answers here, without credentials.
const ANONYMOUS_PATH: &str = "/wsman-anon/identify";
/// How long an operation may take when the client does not say.
const DEFAULT_OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
/// An Identify that is longer is not kept; those of clients have a few hundred bytes.
const LONGEST_KNOWN_IDENTIFY: usize = 2048;

/// How WS-Management is served.
#[derive(Clone, Debug)]
pub struct WsmanOptions {
    /// The path; a slash at its end makes no difference.
    pub path: String,
    /// Prefixes of resource URIs of the vendor's own, each with a slash at its end.
    pub vendor_prefixes: Vec<Arc<str>>,
    /// The largest reply, in bytes.
    pub max_envelope_bytes: usize,
    /// The port of a destination that names none.
    pub delivery_port: u16,
    /// Limits on the XML of requests.
    pub xml: xml::Limits,
}

impl Default for WsmanOptions {
    fn default() -> Self {
        Self {
            path: "/wsman".to_owned(),
            vendor_prefixes: Vec::new(),
            max_envelope_bytes: 512 * 1024,
            delivery_port: 6736,
            xml: xml::Limits::default(),
        }
    }
}

/// Where an operation is done.
#[derive(Clone, Copy)]
enum Place {
    /// At once, as it waits for nothing.
    Here,
    OffReactor(Work),
}

impl Place {
    fn of_reading(is_quick: bool) -> Self {
        if is_quick {
            Self::Here
        } else {
            Self::OffReactor(Work::Reads)
        }
    }
}

/// A request that was read, and is to be carried out.
struct Operation {
    media: MediaType,
    exchange: Arc<Exchange>,
    body: Body,
    slot: Slot,
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct WsmanService {
    shared: Arc<Shared>,
}

struct Shared {
    broker: Arc<Broker>,
    clock: SharedClock,
    options: RwLock<Arc<WsmanOptions>>,
    enumerations: Enumerations,
    subscriptions: Option<Registry>,
    /// Of the broker's classes.
    tags: KnownTags,
    /// The first Identify that came: one in the same words need not be read again, and a client has no others.
    identify: OnceLock<Box<str>>,
}

impl WsmanService {
    /// A service over `broker` and `subscriptions`; without these nothing can be subscribed to. The open
    /// enumerations may be shared with other services.
    pub fn new(
        broker: Arc<Broker>,
        subscriptions: Option<Registry>,
        clock: SharedClock,
        enumerations: Enumerations,
        options: WsmanOptions,
    ) -> Self {
        let options = RwLock::new(Arc::new(options));
        Self {
            shared: Arc::new(Shared {
                broker,
                clock,
                options,
                enumerations,
                subscriptions,
                tags: KnownTags::default(),
                identify: OnceLock::new(),
            }),
        }
    }

    /// Changes the options; open enumerations stay.
    pub fn reconfigure(&self, options: WsmanOptions) {
        *self.shared.options.write() = Arc::new(options);
    }

    fn options(&self) -> Arc<WsmanOptions> {
        Arc::clone(&self.shared.options.read())
    }

    /// Reads the request and answers it; every fault becomes a reply.
    fn answer(&self, request: HttpRequest, caller: Option<Principal>) -> BoxFuture<'_, HttpReply> {
        match self.read(request, caller) {
            Ok(operation) => Box::pin(self.carry_out(operation)),
            Err(reply) => Box::pin(std::future::ready(reply)),
        }
    }

    /// Reads the request. What is wrong with it, and who answers here, is said at once.
    fn read(&self, request: HttpRequest, caller: Option<Principal>) -> Result<Operation, HttpReply> {
        let (media, charset) = MediaType::of(&request.head)?;
        let options = self.options();
        let user_agent = request.head.header("user-agent");
        let (text, encoding) = match xml::decode(&request.body, charset) {
            Ok((text, encoding)) => (text, mirrored(encoding, user_agent)),
            Err(error) => return Err(media.fault(&refused(Fault::from(error)), Encoding::Utf8)),
        };
        let identity = || media.reply(200, identity(request.head.transport), encoding);
        let known = self.shared.identify.get();
        if known.is_some_and(|known| **known == *text) {
            return Err(identity());
        }
        let decoded =
            Request::decode(&text, options.xml).map_err(|refused| media.fault(&refused, encoding))?;
        if decoded.body == Body::Identify {
            if known.is_none() && text.len() <= LONGEST_KNOWN_IDENTIFY {
                // Another one may have come first.
                let _ = self.shared.identify.set(text.into());
            }
            return Err(identity());
        }
        let Some(principal) = caller else {
            let refused = Refused {
                fault: Fault::access_denied(format!("Only Identify is answered at {ANONYMOUS_PATH}.")),
                headers: decoded.headers,
            };
            return Err(media.fault(&refused, encoding));
        };
        let exchange = Exchange {
            headers: decoded.headers,
            caller: Caller::Authenticated(principal),
            datetime: DateTimeStyle::for_user_agent(user_agent),
            encoding,
            max_envelope_bytes: options.max_envelope_bytes,
            from: match request.head.peer {
                Peer::Network(address) => Some(address.ip()),
                Peer::Local { .. } => None,
            },
            options,
        };
        Ok(Operation {
            media,
            exchange: Arc::new(exchange.limited()),
            body: decoded.body,
            slot: request.slot,
        })
    }

    async fn carry_out(&self, operation: Operation) -> HttpReply {
        let Operation {
            media,
            exchange,
            body,
            slot,
        } = operation;
        match self.dispatch(&exchange, body, slot).await {
            Ok(text) => media.reply(200, text, exchange.encoding),
            Err(fault) => {
                tracing::debug!(fault = %fault, action = exchange.headers.action, "request failed");
                let text = fault.encode(&exchange.head());
                media.reply(500, text, exchange.encoding)
            }
        }
    }

    /// Takes a request to where it is answered: at once where nothing has to be waited for, else off the
    /// reactor. Whoever waits for events holds no slot.
    async fn dispatch(&self, exchange: &Arc<Exchange>, body: Body, slot: Slot) -> Result<String, Fault> {
        let shared = Arc::clone(&self.shared);
        match body {
            Body::Get => {
                let place = Place::of_reading(shared.answers_from_memory(exchange));
                self.reply(exchange, place, move |exchange| shared.get(exchange))
                    .await
            }
            Body::Enumerate(request) => {
                let quick = request.filter.is_none() && shared.answers_from_memory(exchange);
                self.reply(exchange, Place::of_reading(quick), move |exchange| {
                    shared.enumerate(exchange, request)
                })
                .await
            }
            Body::Pull(request) if eventing::is_subscription(&request.context) => {
                drop(slot);
                Box::pin(shared.fetch(exchange, &request)).await
            }
            Body::Pull(request) => {
                let taken = shared.take(exchange, &request.context)?;
                let place = Place::of_reading(shared.pulls_from_memory(&taken));
                let pulled = self.run(exchange, place, move |exchange| {
                    shared.pull(exchange, &request, taken)
                });
                let (text, rest) = pulled.await?;
                let text = exchange.fitting(text)?;
                // Not before the reply is there to be sent: what a request took that was given up in the
                // meantime is lost, and the enumeration ends with it.
                if let Some(rest) = rest {
                    rest.put_back(self.shared.clock.boot());
                }
                Ok(text)
            }
            Body::Release(request) if eventing::is_subscription(&request.context) => {
                Box::pin(shared.release_subscription(exchange, &request)).await
            }
            Body::Release(request) => shared.release(exchange, &request),
            Body::Put(body) => {
                self.reply(exchange, Place::OffReactor(Work::Changes), move |exchange| {
                    shared.put(exchange, body)
                })
                .await
            }
            Body::Create(body) => {
                self.reply(exchange, Place::OffReactor(Work::Changes), move |exchange| {
                    shared.create(exchange, body)
                })
                .await
            }
            Body::Delete => {
                self.reply(exchange, Place::OffReactor(Work::Changes), move |exchange| {
                    shared.delete(exchange)
                })
                .await
            }
            Body::Invoke(call) => {
                self.reply(exchange, Place::OffReactor(Work::Changes), move |exchange| {
                    shared.invoke(exchange, &call)
                })
                .await
            }
            Body::Identify => Ok(identity(Transport::Tls).to_owned()),
            Body::Subscribe(request) => Box::pin(shared.subscribe(exchange, &request)).await,
            Body::Renew(request) => Box::pin(shared.renew(exchange, &request)).await,
            Body::GetStatus => shared.subscription_status(exchange),
            Body::Unsubscribe => Box::pin(shared.unsubscribe(exchange)).await,
            Body::Ack | Body::Unknown => Err(Fault::action_not_supported(&exchange.headers.action)),
        }
    }

    /// The reply of one operation, if it is no larger than it may be.
    async fn reply(
        &self,
        exchange: &Arc<Exchange>,
        place: Place,
        work: impl FnOnce(&Exchange) -> Result<String, Fault> + Send + 'static,
    ) -> Result<String, Fault> {
        exchange.fitting(self.run(exchange, place, work).await?)
    }

    /// Runs one operation, here or where blocking is allowed, and within its time.
    async fn run<T: Send + 'static>(
        &self,
        exchange: &Arc<Exchange>,
        place: Place,
        work: impl FnOnce(&Exchange) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let kind = match place {
            Place::Here => return work(exchange),
            Place::OffReactor(kind) => kind,
        };
        let limit = exchange
            .headers
            .operation_timeout
            .unwrap_or(DEFAULT_OPERATION_TIMEOUT);
        let owned = Arc::clone(exchange);
        let span = tracing::Span::current();
        let running = off_reactor(kind, &exchange.caller, move || span.in_scope(|| work(&owned)));
        match tokio::time::timeout(limit, running).await {
            Ok(Ok(result)) => result,
            Ok(Err(failed)) => {
                tracing::error!(error = %failed, "an operation ended in a panic");
                Err(Fault::internal())
            }
            Err(_) => Err(Fault::new(
                FaultCause::TimedOut,
                format!("The operation did not end within its {} ms.", limit.as_millis()),
            )
            .detail(FaultDetail::OperationTimeout)),
        }
    }
}

impl HttpService for WsmanService {
    fn route(&self, head: &RequestHead) -> Route {
        let path = head.path().trim_end_matches('/');
        let route = if path == self.shared.options.read().path.trim_end_matches('/') {
            Route::Authenticated
        } else if path == ANONYMOUS_PATH {
            Route::Anonymous
        } else {
            return Route::Unknown;
        };
        if head.method == Method::POST {
            route
        } else {
            Route::WrongMethod { allow: "POST" }
        }
    }

    fn call<'a>(&'a self, request: HttpRequest, principal: Principal) -> BoxFuture<'a, HttpReply> {
        self.answer(request, Some(principal))
    }

    fn call_anonymous<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, HttpReply> {
        self.answer(request, None)
    }
}

/// Who answers here (DSP0226, 11): the same each time. A program that knows neither account nor certificate may read
/// it.
fn identity(transport: Transport) -> &'static str {
    static OVER_TLS: LazyLock<String> = LazyLock::new(|| identity_of(HTTPS_BASIC));
    static PLAIN: LazyLock<String> = LazyLock::new(|| identity_of(HTTP_BASIC));
    match transport {
        Transport::Tls | Transport::Local => &OVER_TLS,
        Transport::Plain => &PLAIN,
    }
}

fn identity_of(profile: &str) -> String {
    let identity = IdentifyResponse {
        product_vendor: "esm".to_owned(),
        product_version: env!("CARGO_PKG_VERSION").to_owned(),
        security_profiles: vec![profile.to_owned()],
    };
    identity.encode()
}

/// A reply is UTF-8, unless a client is known to want the encoding of its request back.
fn mirrored(encoding: Encoding, user_agent: Option<&str>) -> Encoding {
    let is_winrm = user_agent.is_some_and(|agent| agent.contains("Microsoft WinRM Client"));
    if is_winrm { encoding } else { Encoding::Utf8 }
}

fn refused(fault: Fault) -> Refused {
    Refused {
        fault,
        headers: crate::wsman::Headers::default(),
    }
}

/// A new message id for a reply.
fn message_id() -> String {
    let mut text = String::with_capacity(41);
    text.push_str("uuid:");
    text.push_str(
        crate::random::public_uuid()
            .hyphenated()
            .encode_lower(&mut uuid::Uuid::encode_buffer()),
    );
    text
}

/// The media type of SOAP 1.2.
const SOAP: &str = "application/soap+xml";
/// What most messages say that they are, requests and replies.
const SOAP_IN_UTF_8: &str = "application/soap+xml;charset=UTF-8";

/// The media type of a request, which its reply has too.
struct MediaType {
    essence: &'static str,
}

impl MediaType {
    /// `application/soap+xml` or `text/xml`, in any case; SOAP where none is named. With it comes the charset, if
    /// there is one.
    fn of(head: &RequestHead) -> Result<(Self, Option<&str>), HttpReply> {
        let value = head.headers.get(CONTENT_TYPE);
        let Some(value) = value.filter(|value| *value != SOAP_IN_UTF_8) else {
            return Ok((Self { essence: SOAP }, value.map(|_| "UTF-8")));
        };
        let value = value.to_str().unwrap_or_default();
        let mut parts = value.split(';').map(str::trim);
        let named = parts.next().unwrap_or_default();
        let known = [SOAP, "text/xml", "application/xml"];
        let Some(essence) = known.into_iter().find(|known| known.eq_ignore_ascii_case(named)) else {
            return Err(HttpReply::text(
                415,
                format_args!("WS-Management messages have the Content-Type {SOAP_IN_UTF_8}."),
            ));
        };
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches(['"', '\'']))
        });
        Ok((Self { essence }, charset))
    }

    fn reply(&self, status: u16, text: impl Into<Cow<'static, str>>, encoding: Encoding) -> HttpReply {
        let content_type = match (self.essence, encoding) {
            (SOAP, Encoding::Utf8 | Encoding::Latin1) => Cow::Borrowed(SOAP_IN_UTF_8),
            (essence, encoding) => format!("{essence};charset={}", encoding.reply_charset()).into(),
        };
        let body = match (text.into(), encoding) {
            (Cow::Borrowed(text), Encoding::Utf8) => Bytes::from_static(text.as_bytes()),
            (text, encoding) => encoding.encode(text.into_owned()).into(),
        };
        HttpReply::new(status, content_type, body)
    }

    /// Faults are 500, whoever is to blame: real clients read the body of no other error.
    fn fault(&self, refused: &Refused, encoding: Encoding) -> HttpReply {
        self.reply(500, refused.encode(message_id()), encoding)
    }
}
