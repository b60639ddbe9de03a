//! Standard error behind a buffer, for the log of a server.
//!
//! - Lines are gathered for some milliseconds and written in one piece by a thread of their own: no request waits for
//!   whoever reads the log, and requests do not wait for one another.
//! - A warning or an error goes out at once, after all that was said before it; whoever has it to say waits a moment
//!   for that, so that a crash right after it does not swallow it.
//! - The buffer is bounded. Where nobody reads for so long that it is full, further lines are lost; how many they
//!   were is said as soon as somebody reads again.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered.
const GATHERING: Duration = Duration::from_millis(5);
/// A buffer with so much in it is written at once.
const FULL_BYTES: usize = 256 * 1024;
/// The most that waits to be written.
const MAX_BYTES: usize = 1024 * 1024;
/// Room beyond that, for warnings and errors alone.
const URGENT_BYTES: usize = 64 * 1024;
/// What an empty buffer keeps.
const KEPT_BYTES: usize = 16 * 1024;
/// How long whoever warns waits for the warning to be written.
const URGENT_PATIENCE: Duration = Duration::from_millis(20);

/// The buffer. Clones share it.
#[derive(Clone)]
pub(super) struct LogOutput {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    buffer: Mutex<Buffer>,
    lines_came: Condvar,
    lines_went: Condvar,
}

#[derive(Default)]
struct Buffer {
    waiting: Vec<u8>,
    /// Something that waits is not to be gathered.
    is_urgent: bool,
    is_writing: bool,
    /// Somebody waited in vain; until all is written nobody waits again.
    is_stuck: bool,
    /// How many pieces have been written.
    written: u64,
    /// Lines that found no room.
    lost: u64,
    writer: Option<ThreadId>,
}

/// One line on its way into the buffer.
pub(super) struct Line<'a> {
    output: &'a LogOutput,
    is_urgent: bool,
}

impl LogOutput {
    /// A buffer before standard error.
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub(super) fn to_stderr() -> io::Result<Self> {
        Self::new(io::stderr(), |lines| {
            tracing::warn!(lines, "log lines were lost: nobody read them in time");
        })
    }

    /// A buffer before `out`. `tell_lost` is told, on the thread that writes, how many lines were lost.
    fn new(out: impl Write + Send + 'static, tell_lost: impl Fn(u64) + Send + 'static) -> io::Result<Self> {
        let output = Self {
            shared: Arc::default(),
        };
        let writer = output.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || writer.write_for_ever(out, tell_lost))?;
        Ok(output)
    }

    /// Waits until all is written, or `patience` is at its end.
    pub(super) fn flush(&self, patience: Duration) {
        let mut buffer = self.shared.buffer.lock();
        buffer.is_urgent = true;
        self.shared.lines_came.notify_one();
        let end = Instant::now() + patience;
        while buffer.is_writing || !buffer.waiting.is_empty() {
            if self.shared.lines_went.wait_until(&mut buffer, end).timed_out() {
                return;
            }
        }
    }

    fn write_for_ever(&self, mut out: impl Write, tell_lost: impl Fn(u64)) {
        let mut lines = Vec::new();
        self.shared.buffer.lock().writer = Some(thread::current().id());
        loop {
            self.gather(&mut lines);
            // There is nobody left to tell.
            let _ = out.write_all(&lines).and_then(|()| out.flush());
            lines.clear();
            lines.shrink_to(KEPT_BYTES);
            let lost = self.note_written();
            if lost > 0 {
                tell_lost(lost);
            }
        }
    }

    /// Waits for lines, and for those that come soon after.
    fn gather(&self, lines: &mut Vec<u8>) {
        let lines_came = &self.shared.lines_came;
        let mut buffer = self.shared.buffer.lock();
        while buffer.waiting.is_empty() {
            lines_came.wait(&mut buffer);
        }
        let end = Instant::now() + GATHERING;
        while !buffer.is_urgent
            && buffer.waiting.len() < FULL_BYTES
            && !lines_came.wait_until(&mut buffer, end).timed_out()
        {}
        std::mem::swap(lines, &mut buffer.waiting);
        buffer.is_urgent = false;
        buffer.is_writing = true;
    }

    /// Notes that a piece was written; returns how many lines were lost.
    fn note_written(&self) -> u64 {
        let mut buffer = self.shared.buffer.lock();
        buffer.is_writing = false;
        buffer.written += 1;
        buffer.is_stuck &= !buffer.waiting.is_empty();
        self.shared.lines_went.notify_all();
        std::mem::take(&mut buffer.lost)
    }

    fn push(&self, line: &[u8], is_urgent: bool) {
        let mut buffer = self.shared.buffer.lock();
        let room = if is_urgent {
            MAX_BYTES + URGENT_BYTES
        } else {
            MAX_BYTES
        };
        let before = buffer.waiting.len();
        let after = before + line.len();
        if after > room {
            buffer.lost += 1;
            return;
        }
        buffer.waiting.extend_from_slice(line);
        buffer.is_urgent |= is_urgent;
        let is_full = before < FULL_BYTES && after >= FULL_BYTES;
        if before == 0 || is_urgent || is_full {
            self.shared.lines_came.notify_one();
        }
        if is_urgent && !buffer.is_stuck && buffer.writer != Some(thread::current().id()) {
            self.wait_for_what_waits(buffer);
        }
    }

    fn wait_for_what_waits(&self, mut buffer: MutexGuard<'_, Buffer>) {
        // What is being written now was taken before.
        let piece = buffer.written + 1 + u64::from(buffer.is_writing);
        let end = Instant::now() + URGENT_PATIENCE;
        while buffer.written < piece {
            if self.shared.lines_went.wait_until(&mut buffer, end).timed_out() {
                buffer.is_stuck = true;
                return;
            }
        }
    }
}

impl<'a> MakeWriter<'a> for LogOutput {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            output: self,
            is_urgent: true,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line {
            output: self,
            is_urgent: *metadata.level() <= Level::WARN,
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.output.push(line, self.is_urgent);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

    const LONG: Duration = Duration::from_secs(60);

    /// Hands on what is written, piece by piece.
    struct Pieces(Sender<String>);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output() -> (LogOutput, Receiver<String>) {
        let (sender, pieces) = channel();
        let output = LogOutput::new(Pieces(sender), |lost| panic!("{lost} lines are lost"));
        (output.unwrap(), pieces)
    }

    #[test]
    fn lines_are_written_by_themselves() {
        let (output, pieces) = output();
        output.push(b"one\n", false);
        assert_eq!(pieces.recv().unwrap(), "one\n");
        output.push(b"two\n", false);
        assert_eq!(pieces.recv().unwrap(), "two\n");
    }

    #[test]
    fn an_urgent_line_comes_after_those_before_it() {
        let (output, pieces) = output();
        output.push(b"one\n", false);
        output.push(b"two\n", true);
        output.flush(LONG);
        assert_eq!(pieces.try_iter().collect::<String>(), "one\ntwo\n");
    }

    #[test]
    fn a_flush_leaves_nothing_behind() {
        let (output, pieces) = output();
        output.push(b"one\n", false);
        output.flush(LONG);
        assert_eq!(pieces.try_iter().collect::<String>(), "one\n");
    }

    #[test]
    fn lines_of_many_threads_stay_whole_and_in_their_order() {
        let (output, pieces) = output();
        thread::scope(|scope| {
            for thread in 0..4 {
                let output = &output;
                scope.spawn(move || {
                    for number in 0..1000 {
                        output.push(format!("{thread} {number}\n").as_bytes(), number % 100 == 0);
                    }
                });
            }
        });
        output.flush(LONG);
        let all: String = pieces.try_iter().collect();
        for thread in 0..4 {
            let of_thread = all.lines().filter(|line| line.starts_with(&format!("{thread} ")));
            let expected: Vec<String> = (0..1000).map(|number| format!("{thread} {number}")).collect();
            assert_eq!(of_thread.collect::<Vec<_>>(), expected);
        }
    }

    /// A pipe that nobody reads, until somebody does.
    #[test]
    fn nobody_waits_for_a_reader_and_what_is_lost_is_counted() {
        let (reader, writer) = io::pipe().unwrap();
        let (tell, told) = sync_channel(1);
        let output = LogOutput::new(writer, move |lost| tell.send(lost).unwrap()).unwrap();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let lines = 3000;
        let started = Instant::now();
        for _ in 0..lines {
            output.push(&line, false);
        }
        output.push(b"a warning\n", true);
        output.push(b"another\n", true);
        output.flush(Duration::from_millis(10));
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{:?}",
            started.elapsed()
        );

        let reading = thread::spawn(move || io::read_to_string(ShortOf(reader, false)).unwrap());
        let lost = told.recv_timeout(LONG).unwrap();
        output.flush(LONG);
        output.push(b"\0", true);
        let read = reading.join().unwrap();
        assert_eq!(read.lines().count() as u64 + lost, lines + 2);
        assert!(
            read.ends_with("a warning\nanother\n"),
            "there is room for warnings"
        );
        assert!(
            lost <= lines - 1024,
            "{lost} are lost: less was kept than there is room for"
        );
    }

    /// What comes before a NUL, and whether it has come: it may come in one piece with what is before it.
    struct ShortOf(io::PipeReader, bool);

    impl io::Read for ShortOf {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.1 {
                return Ok(0);
            }
            let read = self.0.read(into)?;
            let end = into[..read].iter().position(|&byte| byte == 0);
            self.1 = end.is_some();
            Ok(end.unwrap_or(read))
        }
    }
}
