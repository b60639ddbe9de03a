//! One request: route it, authenticate its caller, read its body, call the service, log it.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tracing::Instrument;

use crate::net::principal::Principal;
use crate::server::access_log::AccessLog;
use crate::server::auth::Authentication;
use crate::server::body::{self, OutgoingBody, Whose};
use crate::server::connection::Connection;
use crate::server::http::{HttpReply, HttpRequest, RequestHead, RequestId, Route};
use crate::server::refusal::Refusal;
use crate::server::running::Settings;
use crate::server::tracker::Phase;

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
    let mut log = AccessLog::begin(&head, connection.source, started, &connection.shared.strangers);
    let span = tracing::info_span!("request", id = %id);
    let reply = answer(&connection, head, body, &mut log).instrument(span).await;
    log.end(&reply);
    Ok(into_response(reply, &connection))
}

async fn answer(
    connection: &Connection,
    head: RequestHead,
    body: Incoming,
    log: &mut AccessLog<'_>,
) -> HttpReply {
    let settings = connection.shared.settings();
    let limits = &settings.limits;
    let entry = match admit(connection, &settings, &head, &body).await {
        Ok(entry) => entry,
        Err(refusal) if body::dismiss(body, &head.headers, &connection.tracker) => {
            return refusal.reply(false);
        }
        Err(refusal) => return refuse_and_close(connection, refusal),
    };
    log.note_principal(entry.principal.as_ref());
    let whose = match &entry.principal {
        Some(principal) => Whose::Known(principal.clone()),
        None => Whose::Stranger(connection.source),
    };
    let mut share = connection.shared.large_bodies.share(whose, limits.bodies_bytes);
    let body = match body::collect(body, entry.body_limit, &mut share, &connection.tracker).await {
        Ok(body) => body,
        Err(refusal) => return refuse_and_close(connection, refusal),
    };
    log.note_received(body.len());
    let slots = &connection.shared.slots;
    let slot = match &entry.principal {
        Some(principal) => slots.take(principal, limits).await,
        None => slots.take_anonymous(connection.source, limits),
    };
    let slot = match slot {
        Ok(slot) => slot,
        Err(refusal) => return refusal.reply(false),
    };
    call(connection, HttpRequest { head, body, slot }, entry.principal).await
}

fn refuse_and_close(connection: &Connection, refusal: Refusal) -> HttpReply {
    connection.tracker.note_unread();
    refusal.reply(true)
}

/// What a request that may be read is given.
struct Entry {
    principal: Option<Principal>,
    body_limit: usize,
}

/// Everything that can be said about a request before its body is read.
async fn admit(
    connection: &Connection,
    settings: &Settings,
    head: &RequestHead,
    body: &Incoming,
) -> Result<Entry, Refusal> {
    let limits = &settings.limits;
    let (principal, body_limit) = match connection.shared.service.route(head) {
        Route::Unknown => return Err(Refusal::NotFound),
        Route::WrongMethod { allow } => return Err(Refusal::WrongMethod { allow }),
        Route::Anonymous => (None, limits.anonymous_body_bytes),
        Route::Authenticated => (
            Some(authenticate(connection, settings, &head.headers).await?),
            limits.body_bytes,
        ),
    };
    check_body_headers(head)?;
    if body.size_hint().lower() > body_limit as u64 {
        return Err(Refusal::BodyTooLarge { limit: body_limit });
    }
    Ok(Entry {
        principal,
        body_limit,
    })
}

async fn authenticate(
    connection: &Connection,
    settings: &Settings,
    headers: &HeaderMap,
) -> Result<Principal, Refusal> {
    let authenticated = match connection.caller.principal(&settings.authenticator) {
        Some(principal) => Authentication::Authenticated(principal),
        None => {
            let longest_pause = settings.limits.failed_login_pause;
            settings
                .authenticator
                .authenticate(headers, connection.origin(), longest_pause)
                .await
        }
    };
    let refusal = match authenticated {
        Authentication::Authenticated(principal) => {
            connection.note_proven();
            return Ok(principal);
        }
        Authentication::Anonymous => Refusal::NoCredential,
        Authentication::WrongScheme => Refusal::WrongScheme,
        Authentication::Failed => {
            connection.shared.counters.failed_logins.fetch_add(1, Relaxed);
            connection.note_failed_login();
            Refusal::WrongCredential
        }
    };
    connection.note_unproven();
    Err(refusal)
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

/// Calls the service. A panic, before or within its future, costs this request alone.
async fn call(connection: &Connection, request: HttpRequest, principal: Option<Principal>) -> HttpReply {
    let service = &connection.shared.service;
    let started = catch_unwind(AssertUnwindSafe(|| match principal {
        Some(principal) => service.call(request, principal),
        None => service.call_anonymous(request),
    }));
    let reply = match started {
        Ok(reply) => UnwindCaught(reply).await,
        Err(_) => None,
    };
    reply.unwrap_or_else(|| {
        connection.shared.counters.panics.fetch_add(1, Relaxed);
        tracing::error!("a panic while answering a request");
        Refusal::Panicked.reply(false)
    })
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

fn into_response(reply: HttpReply, connection: &Connection) -> Response<OutgoingBody> {
    let mut response = Response::new(OutgoingBody::begin(reply.body, &connection.tracker));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = match reply.content_type {
        Cow::Borrowed(text) => HeaderValue::from_str(text),
        Cow::Owned(text) => HeaderValue::try_from(text),
    };
    let headers = response.headers_mut();
    if let Ok(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    headers.extend(reply.headers);
    response
}
