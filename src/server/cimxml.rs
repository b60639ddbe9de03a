//! CIM-XML over HTTP (DSP0200): takes requests off the wire, asks the broker, answers.
//!
//! What is here knows no XML: `crate::cimxml` turns bytes into typed requests and typed answers into text. A large
//! answer is made piece by piece (`reply`), as the client takes it.

mod associations;
mod classes;
mod filter;
mod headers;
mod instances;
mod listing;
mod pull;
mod reply;
mod shape;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use parking_lot::RwLock;
use tokio::sync::mpsc;

use crate::broker::Broker;
use crate::cim::CimError;
use crate::cimxml::{DecodeError, Operation, Request, RequestMessage, ResponseWriter};
use crate::clock::SharedClock;
use crate::net::principal::Principal;
use crate::provider::{Caller, RequestContext};
use crate::server::enumerations::{Enumerations, Taken};
use crate::server::work;
use crate::server::{
    BoxFuture, HttpReply, HttpRequest, HttpService, Peer, ReplyBody, RequestHead, Route, StreamAborted,
};
use crate::xml;

use headers::{Headers, M_POST};
use listing::Listing;
pub(super) use pull::OpenEnumeration;
use reply::{Cut, Reply};

/// The paths that clients use (DSP0200, 6.1.2 leaves it to the server).
const PATHS: [&str; 2] = ["", "/cimom"];
/// How long the making of an answer, or of a piece of a large one, may take.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
/// What may be written on the reactor, where nothing has to be waited for.
const INLINE_BYTES: usize = 64 * 1024;
/// From this size on an answer goes out in chunks.
const STREAM_FROM: usize = 1 << 20;
/// The size of the chunks that follow.
const CHUNK_BYTES: usize = 256 * 1024;

/// How CIM-XML is served.
#[derive(Clone, Debug)]
pub struct CimxmlOptions {
    /// The name of this server in the paths that it hands out.
    pub server_name: Arc<str>,
    /// The largest answer that is not pulled, in bytes.
    pub max_reply_bytes: usize,
    /// The longest time between two pulls that a client may ask for, and what it gets if it does not ask.
    pub max_operation_timeout: Duration,
    /// Limits on the XML of requests.
    pub xml: xml::Limits,
}

impl Default for CimxmlOptions {
    fn default() -> Self {
        Self {
            server_name: Arc::from("localhost"),
            max_reply_bytes: 64 << 20,
            max_operation_timeout: Duration::from_secs(600),
            xml: xml::Limits::default(),
        }
    }
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct CimxmlService {
    shared: Arc<Shared>,
}

struct Shared {
    broker: Arc<Broker>,
    clock: SharedClock,
    enumerations: Enumerations,
    options: RwLock<Arc<CimxmlOptions>>,
}

/// One message on its way: who asks, and what it is answered with.
struct Exchange {
    shared: Arc<Shared>,
    caller: Caller,
    /// The address that asks; `None` on the local socket.
    from: Option<IpAddr>,
    options: Arc<CimxmlOptions>,
}

/// What became of a request that did not fail.
enum Outcome {
    /// Its answer is written.
    Answered,
    /// Its answer is the items of a listing.
    Listing(Listing),
    /// Its answer is written, and the enumeration goes on once that is sure to be sent.
    Pulled(Taken<OpenEnumeration>),
}

impl CimxmlService {
    /// A service over `broker`. The open enumerations may be shared with other services.
    pub fn new(
        broker: Arc<Broker>,
        clock: SharedClock,
        enumerations: Enumerations,
        options: CimxmlOptions,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                broker,
                clock,
                enumerations,
                options: RwLock::new(Arc::new(options)),
            }),
        }
    }

    /// Changes the options; open enumerations stay.
    pub fn reconfigure(&self, options: CimxmlOptions) {
        *self.shared.options.write() = Arc::new(options);
    }

    /// Reads the message and answers it. What is wrong with HTTP or with the message as a whole is an HTTP error;
    /// what is wrong with a request is its answer.
    async fn answer(&self, request: HttpRequest, caller: Principal) -> HttpReply {
        let headers = match Headers::read(&request.head) {
            Ok(headers) => headers,
            Err(refused) => return refused.reply(),
        };
        let options = Arc::clone(&self.shared.options.read());
        let decoded = xml::decode(&request.body, headers.charset())
            .map_err(DecodeError::from)
            .and_then(|(text, _)| RequestMessage::decode(&text, options.xml));
        let message = match decoded {
            Ok(message) => Arc::new(message),
            Err(error) => return headers::Refused::from(&error).reply(),
        };
        if let Err(refused) = headers.check(&message) {
            return refused.reply();
        }
        let exchange = Arc::new(Exchange {
            shared: Arc::clone(&self.shared),
            caller: Caller::Authenticated(caller),
            from: match request.head.peer {
                Peer::Network(address) => Some(address.ip()),
                Peer::Local { .. } => None,
            },
            options,
        });
        headers.reply(self.body(&exchange, &message).await)
    }

    /// Makes the answer: at once where nothing has to be waited for, else off the reactor.
    async fn body(&self, exchange: &Arc<Exchange>, message: &Arc<RequestMessage>) -> ReplyBody {
        let mut reply = Reply::new(Arc::clone(exchange), Arc::clone(message));
        let mut begun = Ok(());
        if exchange.answers_from_memory(message) {
            begun = reply.go_on(INLINE_BYTES);
        }
        if begun.is_ok() && !reply.is_done() {
            match off_reactor(reply, STREAM_FROM).await {
                Ok(more) => reply = more,
                Err(error) => return ReplyBody::Full(exchange.failed(message, &error).into()),
            }
        }
        if reply.is_done() {
            let (text, taken) = reply.finish();
            // Not before the answer is there to be sent: what a request took that was given up in the meantime
            // is lost, and the enumeration ends with it.
            if let Some(taken) = taken {
                taken.put_back(self.shared.clock.boot());
            }
            return ReplyBody::Full(text.into());
        }
        stream(reply)
    }
}

/// Goes on with an answer where blocking is allowed, until `enough` is written.
async fn off_reactor(mut reply: Reply, enough: usize) -> Result<Reply, CimError> {
    let span = tracing::Span::current();
    let (kind, caller) = (reply.kind(), reply.caller());
    let running = work::off_reactor(kind, &caller, move || {
        let outcome = span.in_scope(|| reply.go_on(enough));
        outcome.map(|()| reply)
    });
    match tokio::time::timeout(OPERATION_TIMEOUT, running).await {
        Ok(Ok(Ok(reply))) => Ok(reply),
        Ok(Ok(Err(Cut))) => Err(CimError::failed("the answer was broken off")),
        Ok(Err(failed)) => {
            tracing::error!(error = %failed, "an operation ended in a panic");
            Err(CimError::failed(
                "answering this request failed; the agent's log says why",
            ))
        }
        Err(_) => Err(CimError::failed(format!(
            "the operation did not end within {} s",
            OPERATION_TIMEOUT.as_secs()
        ))),
    }
}

/// Sends what is there of a large answer, and makes the rest as the client takes it: no thread and no more than
/// a chunk or two waits for a slow one.
fn stream(mut reply: Reply) -> ReplyBody {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while !reply.is_done() {
            if sender.send(Ok(reply.take().into())).await.is_err() {
                return;
            }
            reply = match off_reactor(reply, CHUNK_BYTES).await {
                Ok(reply) => reply,
                Err(error) => {
                    tracing::warn!(%error, "an answer was broken off; its client sees that it is not whole");
                    // The client may be gone already.
                    let _ = sender.send(Err(StreamAborted)).await;
                    return;
                }
            };
        }
        let clock = reply.clock();
        let (text, taken) = reply.finish();
        if sender.send(Ok(text.into())).await.is_ok()
            && let Some(taken) = taken
        {
            taken.put_back(clock.boot());
        }
    });
    ReplyBody::Stream(receiver)
}

impl Exchange {
    /// The context of a request's operations.
    fn context(&self, request: &Request) -> RequestContext {
        RequestContext {
            caller: self.caller.clone(),
            namespace: request.namespace.clone(),
            from: self.from,
        }
    }

    /// Whether the message would be answered without waiting for anything. An error is told by the operation
    /// itself.
    fn answers_from_memory(&self, message: &RequestMessage) -> bool {
        let [request] = message.requests.as_slice() else {
            return false;
        };
        let Ok(operation) = &request.operation else {
            return true;
        };
        match operation {
            Operation::GetClass { .. }
            | Operation::EnumerateClassNames { .. }
            | Operation::GetQualifier { .. }
            | Operation::EnumerateQualifiers => true,
            Operation::GetInstance { path, .. } | Operation::GetProperty { path, .. } => self
                .shared
                .broker
                .answers_from_memory(&request.namespace, &path.class_name),
            Operation::EnumerateInstances { class, .. } | Operation::EnumerateInstanceNames { class } => {
                self.shared.broker.answers_from_memory(&request.namespace, class)
            }
            _ => false,
        }
    }

    /// Answers one request. If it fails nothing was written.
    fn answer(
        self: &Arc<Self>,
        request: &Request,
        operation: &Operation,
        response: &mut ResponseWriter,
    ) -> Result<Outcome, CimError> {
        let context = self.context(request);
        self.shared.broker.namespace(&context.namespace)?;
        match operation {
            Operation::GetClass { .. }
            | Operation::EnumerateClasses { .. }
            | Operation::EnumerateClassNames { .. }
            | Operation::GetQualifier { .. }
            | Operation::EnumerateQualifiers => self.browse(request, operation, response),
            Operation::EnumerateInstances { .. }
            | Operation::EnumerateInstanceNames { .. }
            | Operation::ExecQuery(_) => self.list(&context, operation).map(Outcome::Listing),
            Operation::Associators { .. }
            | Operation::AssociatorNames { .. }
            | Operation::References { .. }
            | Operation::ReferenceNames { .. } => self.walk(&context, operation).map(Outcome::Listing),
            Operation::Open { source, options } => {
                self.open(request, &context, source, options, response)?;
                Ok(Outcome::Answered)
            }
            Operation::Pull {
                kind,
                context,
                max_object_count,
            } => self.pull(request, *kind, context, *max_object_count, response),
            Operation::CloseEnumeration { context } => {
                self.close(context)?;
                response.begin(request);
                response.end();
                Ok(Outcome::Answered)
            }
            Operation::EnumerationCount { context } => self.count(request, context, response),
            Operation::GetInstance { .. }
            | Operation::CreateInstance { .. }
            | Operation::ModifyInstance { .. }
            | Operation::DeleteInstance { .. }
            | Operation::GetProperty { .. }
            | Operation::SetProperty { .. }
            | Operation::Invoke(_) => {
                self.operate(request, &context, operation, response)?;
                Ok(Outcome::Answered)
            }
        }
    }

    /// An answer to a message whose own answer is lost: each of its requests failed.
    fn failed(&self, message: &RequestMessage, error: &CimError) -> String {
        let mut response = ResponseWriter::new(message, &self.options.server_name);
        for request in &message.requests {
            response.error(request, error);
        }
        response.finish()
    }
}

impl HttpService for CimxmlService {
    fn route(&self, head: &RequestHead) -> Route {
        if !PATHS.contains(&head.path().trim_end_matches('/')) {
            Route::Unknown
        } else if head.method == Method::POST || head.method.as_str() == M_POST {
            Route::Authenticated
        } else {
            Route::WrongMethod {
                allow: "POST, M-POST",
            }
        }
    }

    fn call<'a>(&'a self, request: HttpRequest, principal: Principal) -> BoxFuture<'a, HttpReply> {
        Box::pin(self.answer(request, principal))
    }

    fn call_anonymous<'a>(&'a self, _request: HttpRequest) -> BoxFuture<'a, HttpReply> {
        // No path is routed here.
        Box::pin(std::future::ready(HttpReply::text(
            401,
            "CIM-XML needs credentials.",
        )))
    }
}
