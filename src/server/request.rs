//! One request: route it, authenticate its caller, read its body, call the service, send the reply, log it.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue,
    TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::net::principal::Principal;
use crate::server::auth::Authentication;
use crate::server::connection::Connection;
use crate::server::http::{HttpReply, HttpRequest, ReplyBody, RequestHead, RequestId, Route, StreamAborted};
use crate::server::tracker::Phase;

/// How much of an unwanted body is read so that the connection can be kept.
const MAX_DRAINED_BYTES: u64 = 1024 * 1024;

/// Answers one request. There is always an answer.
pub(super) async fn respond(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<OutgoingBody>, Infallible> {
    let started = Instant::now();
    connection.tracker.enter(Phase::Working);
    let id = RequestId(connection.shared.counters.requests.fetch_add(1, Relaxed) + 1);
    let (parts, body) = request.into_parts();
    let head = RequestHead::new(id, parts, connection.peer, connection.local, connection.transport);
    let mut log = AccessLog::new(&connection, &head, started);

    let span = tracing::info_span!("request", id = %id);
    let reply = match answer(&connection, head, body, &mut log).instrument(span).await {
        Ok(reply) => reply,
        Err(refusal) => refusal.reply(),
    };
    log.write(&reply);
    connection.tracker.enter(Phase::Writing);
    Ok(into_response(reply))
}

async fn answer(
    connection: &Connection,
    head: RequestHead,
    body: Incoming,
    log: &mut AccessLog<'_>,
) -> Result<HttpReply, Refusal> {
    let service = &connection.shared.service;
    let limits = &connection.shared.limits;
    let route = service.route(&head);
    let (principal, body_limit) = match route {
        Route::Unknown => return Err(refuse_unread(&head.headers, body, Refusal::NotFound)),
        Route::WrongMethod { allow } => {
            return Err(refuse_unread(&head.headers, body, Refusal::WrongMethod(allow)));
        }
        Route::Anonymous => (None, limits.anonymous_body_bytes),
        Route::Authenticated => match principal_of(connection, &head.headers).await {
            Ok(principal) => (Some(principal), limits.body_bytes),
            Err(refusal) => return Err(refuse_unread(&head.headers, body, refusal)),
        },
    };
    log.principal = principal.as_ref().map(|principal| principal.name().to_owned());

    let _in_flight = InFlight::enter(connection).ok_or(Refusal::Busy)?;
    check_body_headers(&head)?;
    let body = read_body(connection, body, body_limit).await?;
    log.received_bytes = body.len();

    let request = HttpRequest { head, body };
    // A service may panic before it returns its future, too.
    let call = AssertUnwindSafe(|| match principal {
        Some(principal) => service.call(request, principal),
        None => service.call_anonymous(request),
    });
    let reply = match catch_unwind(call) {
        Ok(reply) => UnwindCaught(reply).await,
        Err(_) => None,
    };
    reply.ok_or_else(|| {
        connection.shared.counters.panics.fetch_add(1, Relaxed);
        tracing::error!("a panic while answering a request");
        Refusal::Panicked
    })
}

async fn principal_of(connection: &Connection, headers: &HeaderMap) -> Result<Principal, Refusal> {
    if let Some(principal) = &connection.principal {
        connection.note_proven();
        return Ok(principal.clone());
    }
    match connection
        .shared
        .authenticator
        .authenticate(headers, connection.source)
        .await
    {
        Authentication::Authenticated(principal) => {
            connection.note_proven();
            Ok(principal)
        }
        Authentication::Anonymous => Err(Refusal::NoCredential),
        Authentication::WrongScheme => Err(Refusal::WrongScheme),
        Authentication::Failed => {
            connection.shared.counters.failed_logins.fetch_add(1, Relaxed);
            Err(Refusal::WrongCredential)
        }
    }
}

fn check_body_headers(head: &RequestHead) -> Result<(), Refusal> {
    let headers = &head.headers;
    let has_length = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if !has_length && (head.method == Method::POST || head.method == Method::PUT) {
        return Err(Refusal::NoLength);
    }
    match headers.get(CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(Refusal::Encoded),
        _ => Ok(()),
    }
}

/// Collects the body, in most cases a single piece that is not copied.
async fn read_body(connection: &Connection, body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Refusal::TooLarge(limit));
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let tracker = &connection.tracker;
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    loop {
        let frame = poll_fn(|cx| {
            if tracker.body_is_overdue() {
                return Poll::Ready(Err(Refusal::BodyOverdue));
            }
            let polled = body.as_mut().poll_frame(cx);
            if polled.is_pending() && tracker.phase() != Phase::Body {
                tracker.enter(Phase::Body);
            }
            polled.map(Ok)
        });
        let Some(frame) = frame.await? else { break };
        let Ok(data) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() else {
            continue;
        };
        let have = rest.as_ref().map_or(first.len(), BytesMut::len);
        if data.len() > limit - have {
            return Err(Refusal::TooLarge(limit));
        }
        match &mut rest {
            Some(rest) => rest.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
                let mut joined = BytesMut::with_capacity(have + data.len().max(expected).min(limit));
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&data);
                rest = Some(joined);
            }
        }
        if body.is_end_stream() {
            break;
        }
    }
    tracker.enter(Phase::Working);
    Ok(rest.map_or(first, BytesMut::freeze))
}

/// The refusal of a request whose body has not been read. A short body that is on its way is read and
/// thrown away, so that the connection can be kept; a client that waits for `100 Continue` sends none.
fn refuse_unread(headers: &HeaderMap, body: Incoming, refusal: Refusal) -> Refusal {
    let short = body
        .size_hint()
        .upper()
        .is_none_or(|bytes| bytes <= MAX_DRAINED_BYTES);
    if short && !body.is_end_stream() && !headers.contains_key(EXPECT) {
        tokio::spawn(drain(body));
    }
    refusal
}

async fn drain(body: Incoming) {
    let mut body = pin!(body);
    let mut drained = 0;
    while let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        drained += frame.data_ref().map_or(0, |data| data.len() as u64);
        if drained > MAX_DRAINED_BYTES {
            break;
        }
    }
}

/// A request that no service saw, or none could answer.
enum Refusal {
    NotFound,
    WrongMethod(&'static str),
    NoCredential,
    WrongScheme,
    WrongCredential,
    NoLength,
    Encoded,
    TooLarge(usize),
    BodyOverdue,
    BodyBroken,
    Busy,
    Panicked,
}

impl Refusal {
    fn reply(self) -> HttpReply {
        const CLOSE: HeaderValue = HeaderValue::from_static("close");
        match self {
            Self::NotFound => HttpReply::text(404, "Nothing is served under this path."),
            Self::WrongMethod(allow) => HttpReply::text(405, format_args!("This path serves {allow} only."))
                .with_header(ALLOW, HeaderValue::from_static(allow)),
            Self::NoCredential => challenge("Credentials are needed: send Authorization: Basic."),
            Self::WrongScheme => challenge("Only Basic credentials are taken here."),
            Self::WrongCredential => challenge("The name or the password is wrong."),
            Self::NoLength => HttpReply::text(411, "The request needs a Content-Length or a chunked body."),
            Self::Encoded => HttpReply::text(415, "Send the body without Content-Encoding."),
            Self::TooLarge(limit) => {
                HttpReply::text(413, format_args!("The body may have at most {limit} bytes."))
                    .with_header(CONNECTION, CLOSE)
            }
            Self::BodyOverdue => {
                HttpReply::text(408, "The body did not come in time.").with_header(CONNECTION, CLOSE)
            }
            Self::BodyBroken => {
                HttpReply::text(400, "The body is malformed or ended early.").with_header(CONNECTION, CLOSE)
            }
            Self::Busy => HttpReply::text(503, "Too many requests are being worked on: try again soon.")
                .with_header(hyper::header::RETRY_AFTER, HeaderValue::from_static("1")),
            Self::Panicked => {
                HttpReply::text(500, "Answering this request failed; the agent's log says why.")
            }
        }
    }
}

fn challenge(text: &str) -> HttpReply {
    HttpReply::text(401, text).with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"esm\""))
}

/// Counts a request among those being worked on.
struct InFlight<'a>(&'a Connection);

impl<'a> InFlight<'a> {
    fn enter(connection: &'a Connection) -> Option<Self> {
        let before = connection.shared.counters.in_flight.fetch_add(1, Relaxed);
        let entered = Self(connection);
        (before < connection.shared.limits.requests_in_flight).then_some(entered)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.shared.counters.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Gives `None` where the future panics.
struct UnwindCaught<F>(F);

impl<F: Future + Unpin> Future for UnwindCaught<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.0).poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}

fn into_response(reply: HttpReply) -> Response<OutgoingBody> {
    let mut response = Response::new(match reply.body {
        ReplyBody::Full(bytes) => OutgoingBody::Full(bytes),
        ReplyBody::Stream(receiver) => OutgoingBody::Stream(receiver),
    });
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = match reply.content_type {
        std::borrow::Cow::Borrowed(text) => HeaderValue::from_str(text),
        std::borrow::Cow::Owned(text) => HeaderValue::try_from(text),
    };
    if let Ok(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response.headers_mut().extend(reply.headers);
    response
}

/// A reply's body as hyper sends it.
pub(super) enum OutgoingBody {
    Full(Bytes),
    Stream(mpsc::Receiver<Result<Bytes, StreamAborted>>),
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = StreamAborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamAborted>>> {
        match &mut *self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(receiver) => receiver.poll_recv(cx).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// One line for each request. Filled only where somebody listens.
struct AccessLog<'a> {
    connection: &'a Connection,
    request: Option<(RequestId, Method, String)>,
    principal: Option<String>,
    received_bytes: usize,
    started: Instant,
}

impl<'a> AccessLog<'a> {
    fn new(connection: &'a Connection, head: &RequestHead, started: Instant) -> Self {
        let wanted = tracing::enabled!(target: "esm::access", tracing::Level::INFO);
        let request = wanted.then(|| (head.id, head.method.clone(), head.path().to_owned()));
        Self {
            connection,
            request,
            principal: None,
            received_bytes: 0,
            started,
        }
    }

    fn write(self, reply: &HttpReply) {
        let Some((id, method, path)) = self.request else {
            return;
        };
        let sent_bytes = match &reply.body {
            ReplyBody::Full(bytes) => Some(bytes.len()),
            ReplyBody::Stream(_) => None,
        };
        tracing::info!(
            target: "esm::access",
            request = %id,
            peer = %self.connection.peer,
            principal = self.principal.as_deref().unwrap_or("-"),
            %method,
            path,
            status = reply.status,
            received_bytes = self.received_bytes,
            sent_bytes,
            duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}
