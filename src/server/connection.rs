//! One connection: its TLS handshake, its HTTP requests one after the other, its deadlines, its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::Poll;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::net::carrier::Carrier;
use crate::net::tls::server::{ServerTls, ShownCertificate};
use crate::net::tls::{explained, refuses_certificate};
use crate::server::auth::Origin;
use crate::server::body::OutgoingBody;
use crate::server::caller::Caller;
use crate::server::http::{Peer, Transport};
use crate::server::limits::Limits;
use crate::server::registry::{Place, Source, Standing};
use crate::server::request::respond;
use crate::server::running::Shared;
use crate::server::stream::WatchedStream;
use crate::server::tracker::{Phase, Tracker};

/// hyper's smallest buffer; heads are never bounded below it.
const MIN_HEAD_BYTES: usize = 8 * 1024;

/// What the requests of one connection have in common.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) tracker: Arc<Tracker>,
    pub(super) peer: Peer,
    pub(super) source: Source,
    pub(super) local: Option<SocketAddr>,
    pub(super) transport: Transport,
    pub(super) caller: Caller,
    place: Place,
    proven: AtomicBool,
    failed_logins: AtomicU32,
}

/// A socket as the listener accepted it.
pub(super) enum Accepted {
    Tls(TcpStream, Arc<ServerTls>),
    Plain(TcpStream),
    Local(tokio::net::UnixStream),
}

impl Connection {
    /// Its caller is known: from now on this connection gives way last.
    pub(super) fn note_proven(&self) {
        if !self.proven.swap(true, Relaxed) {
            self.place.set_standing(Standing::Proven);
        }
    }

    /// A credential that came on it was wrong.
    pub(super) fn note_failed_login(&self) {
        self.failed_logins.fetch_add(1, Relaxed);
    }

    /// Where its credentials come from.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            source: self.source,
            failures: self.failed_logins.load(Relaxed),
        }
    }

    /// Its caller is not known, or no more.
    pub(super) fn note_unproven(&self) {
        if self.proven.swap(false, Relaxed) {
            self.place.set_standing(Standing::Unproven);
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn run(
    shared: Arc<Shared>,
    accepted: Accepted,
    peer: Peer,
    tracker: Arc<Tracker>,
    place: Place,
) {
    let mut connection = Connection {
        source: Source::of(&peer),
        shared,
        tracker,
        peer,
        local: None,
        transport: Transport::Plain,
        caller: Caller::Unknown,
        place,
        proven: AtomicBool::new(false),
        failed_logins: AtomicU32::new(0),
    };
    let carrier = match accepted {
        Accepted::Local(stream) => {
            connection.transport = Transport::Local;
            if let Peer::Local { uid, gid, .. } = peer {
                connection.caller = Caller::local(uid, gid);
            }
            Carrier::Local(stream)
        }
        Accepted::Plain(stream) => {
            connection.local = local_address(&stream);
            if !first_byte_comes(&connection, &stream).await {
                return;
            }
            Carrier::Plain(stream)
        }
        Accepted::Tls(stream, tls) => {
            connection.transport = Transport::Tls;
            connection.local = local_address(&stream);
            let Some(stream) = handshake(&connection, stream, &tls).await else {
                return;
            };
            if let Some(shown) = ShownCertificate::of(stream.get_ref().1) {
                connection.caller = Caller::certificate(shown, &tls);
            }
            Carrier::Tls(Box::new(stream.into()))
        }
    };
    let authenticator = &connection.shared.settings().authenticator;
    match connection.caller.principal(authenticator) {
        Some(_) => connection.note_proven(),
        None => connection.place.set_standing(Standing::Unproven),
    }
    serve(carrier, connection).await;
}

fn local_address(stream: &TcpStream) -> Option<SocketAddr> {
    let address = stream.local_addr().ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// Waits for the peer to say something. Until then nothing is spent on it but its socket.
async fn first_byte_comes(connection: &Connection, stream: &TcpStream) -> bool {
    let mut byte = [0];
    let first = tokio::time::timeout(
        connection.shared.settings().limits.handshake,
        stream.peek(&mut byte),
    );
    matches!(first.await, Ok(Ok(1)))
}

async fn handshake(
    connection: &Connection,
    stream: TcpStream,
    tls: &ServerTls,
) -> Option<TlsStream<TcpStream>> {
    let end = tokio::time::Instant::now() + connection.shared.settings().limits.handshake;
    if !first_byte_comes(connection, &stream).await {
        return None;
    }
    connection.place.set_standing(Standing::Handshaking);
    match tokio::time::timeout_at(end, TlsAcceptor::from(tls.config()).accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) if refuses_certificate(&error) => {
            let error = explained(error);
            tracing::info!(peer = %connection.peer, %error, "a client certificate is refused");
            None
        }
        Ok(Err(error)) => {
            tracing::debug!(peer = %connection.peer, %error, "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(peer = %connection.peer, "no TLS handshake in time");
            None
        }
    }
}

async fn serve(carrier: Carrier, connection: Connection) {
    let connection = Arc::new(connection);
    let tracker = Arc::clone(&connection.tracker);
    let limits = connection.shared.settings().limits.clone();
    tracker.enter(Phase::FirstHead);
    let stream = WatchedStream::new(carrier, Arc::clone(&tracker));
    let service = {
        let connection = Arc::clone(&connection);
        service_fn(move |request| respond(Arc::clone(&connection), request))
    };
    let mut http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .half_close(false)
        .title_case_headers(true)
        .max_header_size(limits.head_bytes.max(MIN_HEAD_BYTES))
        .max_buf_size(limits.head_bytes.max(MIN_HEAD_BYTES) * 2)
        .serve_connection(TokioIo::new(stream), service);

    let end = drive(&mut http, &tracker, &limits).await;
    let mut stream = http.into_parts().io.into_inner();
    match end {
        End::Finished if !tracker.leaves_unread() => return,
        End::Finished => {}
        End::Failed(error) => tracing::debug!(peer = %connection.peer, %error, "connection ended"),
        End::Overdue(Phase::FirstHead | Phase::Head) => stream.refuse_overdue_head(),
        End::Overdue(phase) => {
            tracing::debug!(peer = %connection.peer, ?phase, "connection cut off: the peer takes too long");
            return;
        }
    }
    stream.close(limits.body_bytes).await;
}

/// How a connection came to its end.
enum End {
    Finished,
    Failed(hyper::Error),
    Overdue(Phase),
}

type Http<S> = http1::Connection<TokioIo<WatchedStream>, S>;

/// Runs the connection until it ends, or the peer has taken longer than it may.
async fn drive<S>(http: &mut Http<S>, tracker: &Tracker, limits: &Limits) -> End
where
    S: Service<Request<Incoming>, Response = Response<OutgoingBody>, Error = Infallible>,
{
    let mut alarm = pin!(tokio::time::sleep_until((Instant::now() + limits.header).into()));
    let mut told_to_drain = false;
    poll_fn(|cx| {
        tracker.register(cx.waker());
        if tracker.is_draining() && !told_to_drain {
            told_to_drain = true;
            Pin::new(&mut *http).graceful_shutdown();
        }
        loop {
            if let Poll::Ready(result) = Pin::new(&mut *http).poll(cx) {
                return Poll::Ready(result.map_or_else(End::Failed, |()| End::Finished));
            }
            let Some(deadline) = tracker.deadline(limits) else {
                return Poll::Pending;
            };
            // A later deadline leaves the alarm as it is: when it rings too early it is set again.
            if deadline < alarm.deadline().into_std() {
                alarm.as_mut().reset(deadline.into());
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() < deadline {
                alarm.as_mut().reset(deadline.into());
                continue;
            }
            match tracker.phase() {
                Phase::Body if !tracker.body_is_overdue() => tracker.declare_body_overdue(),
                Phase::Idle => {
                    tracker.enter(Phase::Closing);
                    Pin::new(&mut *http).graceful_shutdown();
                }
                phase => return Poll::Ready(End::Overdue(phase)),
            }
        }
    })
    .await
}
