//! One open connection: connect, shake hands, exchange, notice that the peer has gone.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use super::connect::connect;
use super::{AddressRule, ClientError, ClientLimits, ClientResponse, Endpoint, Stopwatch};
use crate::net::carrier::Carrier;
use crate::net::fingerprint::Fingerprints;
use crate::net::tls;
use crate::net::tls::client::{ClientTls, pin_mismatch};

const MAX_HEAD_BYTES: usize = 64 * 1024;

/// An open connection, its HTTP state, and whether the peer has begun to answer.
pub(super) struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    traffic: Arc<Traffic>,
    fingerprints: Option<Fingerprints>,
}

/// What has gone over a connection.
struct Traffic {
    since: Instant,
    /// Whether a byte has come since the last request was sent.
    answered: AtomicBool,
    /// When something was last written, in microseconds.
    written_micros: AtomicU64,
}

/// Opens a connection to `endpoint`, whose name is looked up for the account `whose`.
pub(super) async fn open(
    endpoint: &Endpoint,
    limits: &ClientLimits,
    whose: &str,
    allowed: Option<&AddressRule>,
    watch: &mut Stopwatch,
) -> Result<Link, ClientError> {
    let (carrier, fingerprints) = match endpoint {
        Endpoint::Local { path } => {
            let to = path.display().to_string();
            let stream = UnixStream::connect(path)
                .await
                .map_err(|error| ClientError::Connect { to, error })?;
            watch.steps.connected = Some(watch.elapsed());
            (Carrier::Local(stream), None)
        }
        Endpoint::Plain { host, port } => {
            let stream = connect(host, *port, limits, whose, allowed).await?;
            watch.steps.connected = Some(watch.elapsed());
            (Carrier::Plain(stream), None)
        }
        Endpoint::Tls { host, port, tls } => {
            let stream = connect(host, *port, limits, whose, allowed).await?;
            watch.steps.connected = Some(watch.elapsed());
            let (stream, fingerprints) = shake_hands(stream, host, *port, tls, limits).await?;
            watch.steps.handshake = Some(watch.elapsed());
            (Carrier::Tls(Box::new(stream.into())), Some(fingerprints))
        }
    };
    let traffic = Arc::new(Traffic {
        since: Instant::now(),
        answered: AtomicBool::new(false),
        written_micros: AtomicU64::new(0),
    });
    let stream = TrafficNoted {
        carrier,
        traffic: Arc::clone(&traffic),
    };
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    Ok(Link {
        sender,
        driver: Driver {
            connection,
            ended: false,
        },
        traffic,
        fingerprints,
    })
}

impl Link {
    /// What the certificate of the peer's handshake is recognised by.
    pub(super) fn fingerprints(&self) -> Option<Fingerprints> {
        self.fingerprints
    }

    /// Whether a byte has come since the last request was sent.
    pub(super) fn answered(&self) -> bool {
        self.traffic.answered.load(Relaxed)
    }

    /// When the last request had been written.
    pub(super) fn written(&self) -> Instant {
        self.traffic.since + Duration::from_micros(self.traffic.written_micros.load(Relaxed))
    }

    /// Whether another request can be sent. A peer that closed its half, or sent something unasked, is
    /// noticed here.
    pub(super) fn is_usable(&mut self) -> bool {
        self.driver.look();
        !self.driver.ended && !self.sender.is_closed()
    }

    /// Sends a request and reads the whole reply.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        body_limit: usize,
    ) -> Result<ClientResponse, ClientError> {
        let Self {
            sender,
            driver,
            traffic,
            ..
        } = self;
        traffic.answered.store(false, Relaxed);
        driver.run_until(poll_fn(|cx| sender.poll_ready(cx))).await?;
        let response = driver.run_until(sender.send_request(request)).await?;
        let (parts, body) = response.into_parts();
        let body = driver.run_until(read_body(body, body_limit)).await?;
        Ok(ClientResponse {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }
}

/// The connection's own work, done while something is waited for.
struct Driver {
    connection: http1::Connection<TokioIo<TrafficNoted>, Full<Bytes>>,
    ended: bool,
}

impl Driver {
    async fn run_until<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            self.step(cx);
            work.as_mut().poll(cx)
        })
        .await
    }

    fn look(&mut self) {
        self.step(&mut Context::from_waker(Waker::noop()));
    }

    /// How the connection ended is told to whoever waits for the reply.
    fn step(&mut self, cx: &mut Context<'_>) {
        if !self.ended && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.ended = true;
        }
    }
}

async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, ClientError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ClientError::TooLarge(limit));
    }
    let mut body = pin!(body);
    let mut collected = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(data) = frame?.into_data() else { continue };
        if data.len() > limit - collected.len() {
            return Err(ClientError::TooLarge(limit));
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected.freeze())
}

async fn shake_hands(
    stream: TcpStream,
    host: &str,
    port: u16,
    tls: &ClientTls,
    limits: &ClientLimits,
) -> Result<(TlsStream<TcpStream>, Fingerprints), ClientError> {
    let to = super::address::authority(host, port, 0);
    let limit = limits.handshake;
    match tokio::time::timeout(limit, tls.connect(stream, host)).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => {
            let mismatch = pin_mismatch(&error);
            let error = tls::explained(error);
            Err(mismatch.map_or(ClientError::Tls { to, error }, ClientError::PinMismatch))
        }
        Err(_) => Err(ClientError::HandshakeTimeout { to, limit }),
    }
}

/// A stream that notes what goes over it.
struct TrafficNoted {
    carrier: Carrier,
    traffic: Arc<Traffic>,
}

impl TrafficNoted {
    fn note_written(&self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(_))) {
            let micros = self.traffic.since.elapsed().as_micros();
            let micros = u64::try_from(micros).unwrap_or(u64::MAX);
            self.traffic.written_micros.store(micros, Relaxed);
        }
    }
}

impl AsyncRead for TrafficNoted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.carrier).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.traffic.answered.store(true, Relaxed);
        }
        match polled {
            // Many listeners close TLS without saying so. Whether a reply of known length is whole, hyper tells.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            polled => polled,
        }
    }
}

impl AsyncWrite for TrafficNoted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.carrier).poll_write(cx, buf);
        self.note_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.carrier).poll_write_vectored(cx, bufs);
        self.note_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.carrier.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carrier).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carrier).poll_shutdown(cx)
    }
}
