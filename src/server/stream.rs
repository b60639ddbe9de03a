//! The byte stream under HTTP, watched by the connection's tracker.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::net::carrier::Carrier;
use crate::server::refusal::raw_reply;
use crate::server::tracker::{Phase, Tracker};

/// How long the peer may take to close after we did.
const LINGER: Duration = Duration::from_secs(2);

/// A carrier whose traffic the tracker sees.
///
/// hyper answers a malformed head by itself, without a body; such a reply is replaced here by one that
/// says what was wrong.
pub(super) struct WatchedStream {
    carrier: Carrier,
    tracker: Arc<Tracker>,
    replacement: Vec<u8>,
}

impl WatchedStream {
    pub(super) fn new(carrier: Carrier, tracker: Arc<Tracker>) -> Self {
        Self {
            carrier,
            tracker,
            replacement: Vec::new(),
        }
    }
}

impl WatchedStream {
    /// Answers a head that did not come in time, as far as the peer takes the answer.
    pub(super) fn refuse_overdue_head(&mut self) {
        self.replacement = raw_reply(StatusCode::REQUEST_TIMEOUT);
    }

    /// Closes in a way that lets the last reply arrive: our half first, then what the peer still sends is
    /// read and thrown away until it closes, too. Otherwise the system would answer it with a reset, which
    /// makes the peer forget what it has not read yet.
    pub(super) async fn close(mut self, most_bytes: usize) {
        let lingering = async {
            self.shutdown().await?;
            let socket = &mut self.carrier;
            let mut scrap = [0; 4096];
            let mut read = 0;
            while read < most_bytes {
                match socket.read_below(&mut scrap).await? {
                    0 => break,
                    count => read += count,
                }
            }
            Ok::<(), io::Error>(())
        };
        // What goes wrong now is of no consequence.
        let _ = tokio::time::timeout(LINGER, lingering).await;
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.carrier).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.tracker.note_read();
        }
        polled
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.tracker.awaits_request() {
            self.replace_reply(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        let polled = Pin::new(&mut self.carrier).poll_write(cx, buf);
        self.written(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.tracker.awaits_request() {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
            self.replace_reply(first);
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let polled = Pin::new(&mut self.carrier).poll_write_vectored(cx, bufs);
        self.written(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.carrier.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_replacement(cx))?;
        let polled = Pin::new(&mut self.carrier).poll_flush(cx);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.tracker.note_flushed();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_replacement(cx))?;
        Pin::new(&mut self.carrier).poll_shutdown(cx)
    }
}

impl WatchedStream {
    /// Notes a reply of our own in the place of the bare one that begins with `bare`.
    fn replace_reply(&mut self, bare: &[u8]) {
        let status = bare
            .get(9..12)
            .and_then(|digits| StatusCode::from_bytes(digits).ok());
        self.replacement = raw_reply(status.unwrap_or(StatusCode::BAD_REQUEST));
        self.tracker.enter(Phase::Writing);
    }

    fn poll_write_replacement(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.replacement.is_empty() {
            let count = ready!(Pin::new(&mut self.carrier).poll_write(cx, &self.replacement))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.replacement.drain(..count);
        }
        Poll::Ready(Ok(()))
    }

    fn written(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(polled, Poll::Ready(Ok(count)) if count > 0) {
            self.tracker.note_written();
        }
        polled
    }
}
