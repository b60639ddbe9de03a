//! Alerts as lines of the system log (RFC 3164), by the local socket that syslog daemons and the journal read.
//!
//! Nobody waits for the daemon: lines go into a bounded queue, and a task of its own sends them. A daemon that
//! is restarted is found again; what came in between is sent then, as far as the queue reaches.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixDatagram, UnixStream};
use tokio::sync::mpsc;

use crate::alert::syslog::SyslogLine;
use crate::clock::{SharedClock, WallTime};

/// Lines that may wait for the daemon.
const QUEUE: usize = 1024;
/// The pause before the daemon is looked for again, which doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The name of the process in a line.
const TAG: &str = "esm";

/// Writes lines to the system log. Clones share the queue; the task ends with the last of them.
#[derive(Clone, Debug)]
pub struct SyslogWriter {
    queue: mpsc::Sender<(WallTime, SyslogLine)>,
    counts: Arc<WriterCounts>,
}

/// What became of the lines.
#[derive(Debug, Default)]
pub struct WriterCounts {
    /// Lines that the daemon took.
    pub written: AtomicU64,
    /// Lines that were dropped because the queue was full.
    pub dropped: AtomicU64,
}

impl SyslogWriter {
    /// A writer to the socket at `path`. Must be called within a tokio runtime.
    pub fn start(path: PathBuf, clock: SharedClock) -> Self {
        let (queue, lines) = mpsc::channel(QUEUE);
        let counts = Arc::new(WriterCounts::default());
        tokio::spawn(run(path, clock, lines, Arc::clone(&counts)));
        Self { queue, counts }
    }

    /// Hands a line over; `at` is when what it tells happened. Never waits.
    pub fn send(&self, at: WallTime, line: SyslogLine) {
        if self.queue.try_send((at, line)).is_err() {
            let dropped = self.counts.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(dropped, "the system log does not take lines: one was dropped");
        }
    }

    /// What became of the lines so far.
    pub fn counts(&self) -> &WriterCounts {
        &self.counts
    }
}

async fn run(
    path: PathBuf,
    clock: SharedClock,
    mut lines: mpsc::Receiver<(WallTime, SyslogLine)>,
    counts: Arc<WriterCounts>,
) {
    let mut socket = None;
    while let Some((at, line)) = lines.recv().await {
        let message = message(at, &line);
        let mut pause = FIRST_PAUSE;
        while let Err(error) = send(&mut socket, &path, message.as_bytes()).await {
            // Once per outage is enough; the dropped ones are counted.
            if pause == FIRST_PAUSE {
                tracing::warn!(socket = %path.display(), %error, "the system log cannot be reached");
            }
            // Nobody will ever want the line if all writers are gone.
            if lines.is_closed() {
                return;
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        counts.written.fetch_add(1, Ordering::Relaxed);
    }
}

/// The two kinds of socket that daemons offer.
enum Socket {
    Datagram(UnixDatagram),
    Stream(UnixStream),
}

/// Sends one message, over a new connection where the old one is gone.
async fn send(socket: &mut Option<Socket>, path: &Path, message: &[u8]) -> io::Result<()> {
    if let Some(open) = socket {
        if open.send(message).await.is_ok() {
            return Ok(());
        }
        *socket = None;
    }
    let mut fresh = Socket::connect(path).await?;
    fresh.send(message).await?;
    *socket = Some(fresh);
    Ok(())
}

impl Socket {
    async fn connect(path: &Path) -> io::Result<Self> {
        let datagram = UnixDatagram::unbound()?;
        match datagram.connect(path) {
            Ok(()) => Ok(Self::Datagram(datagram)),
            // EPROTOTYPE: the socket is of the other kind.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) => {
                UnixStream::connect(path).await.map(Self::Stream)
            }
            Err(error) => Err(error),
        }
    }

    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Datagram(socket) => socket.send(message).await.map(drop),
            Self::Stream(socket) => {
                // On a stream the message ends with a NUL, as the C library sends it.
                socket.write_all(message).await?;
                socket.write_all(&[0]).await
            }
        }
    }
}

/// `<PRI>Mmm dd hh:mm:ss TAG: text`, in the local time as RFC 3164 has it; the daemon adds the host name.
fn message(at: WallTime, line: &SyslogLine) -> String {
    let local = at.timestamp().to_zoned(jiff::tz::TimeZone::system());
    format!(
        "<{}>{} {TAG}: {}",
        line.priority,
        local.strftime("%b %e %H:%M:%S"),
        line.text
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn line(text: &str) -> SyslogLine {
        SyslogLine {
            priority: 12,
            text: text.to_owned(),
        }
    }

    async fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).await.unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[tokio::test]
    async fn a_line_has_priority_time_and_tag() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let writer = SyslogWriter::start(path, SystemClock::shared());
        writer.send(
            WallTime::from_unix_micros(0),
            line("SRC:A, ID:80000101, MSG:two lines"),
        );
        let received = receive(&daemon).await;
        assert!(received.starts_with("<12>"), "{received}");
        assert!(
            received.ends_with(" esm: SRC:A, ID:80000101, MSG:two lines"),
            "{received}"
        );
        assert_eq!(
            received.len(),
            "<12>Jan  1 00:00:00 esm: SRC:A, ID:80000101, MSG:two lines".len()
        );
    }

    #[tokio::test]
    async fn a_daemon_that_comes_back_gets_what_waited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let writer = SyslogWriter::start(path.clone(), SystemClock::shared());
        writer.send(WallTime::default(), line("one"));
        writer.send(WallTime::default(), line("two"));
        let daemon = UnixDatagram::bind(&path).unwrap();
        assert!(receive(&daemon).await.ends_with("one"));
        assert!(receive(&daemon).await.ends_with("two"));
    }

    #[tokio::test]
    async fn a_stream_socket_is_written_too() {
        use tokio::io::AsyncReadExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = tokio::net::UnixListener::bind(&path).unwrap();
        let writer = SyslogWriter::start(path, SystemClock::shared());
        writer.send(WallTime::default(), line("x"));
        let (mut stream, _) = daemon.accept().await.unwrap();
        drop(writer);
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        assert!(received.ends_with(b"esm: x\0"));
    }
}
