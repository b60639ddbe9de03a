//! Standard error behind a buffer, for the log of a server.
//!
//! - What is said of every request is gathered for some milliseconds and written in one piece by a thread of its
//!   own: no request waits for whoever reads the log, and requests do not wait for one another.
//! - A warning or an error goes out at once, after all that was said before it.
//! - Nothing is dropped: where the reader is slow and the buffer full, whoever logs waits.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered.
const GATHERING: Duration = Duration::from_millis(5);
/// A buffer with so much in it is written at once.
const FULL_BYTES: usize = 256 * 1024;
/// What an empty buffer keeps.
const KEPT_BYTES: usize = 16 * 1024;

/// The buffer. Clones share it.
#[derive(Clone)]
pub(super) struct LogOutput {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Vec<u8>>,
    lines_came: Condvar,
    /// Whoever holds this writes; the lines in it are older than those that wait.
    target: Mutex<Target>,
}

struct Target {
    lines: Vec<u8>,
    out: Box<dyn Write + Send>,
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
        Self::new(Box::new(io::stderr()))
    }

    fn new(out: Box<dyn Write + Send>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            lines_came: Condvar::new(),
            target: Mutex::new(Target {
                lines: Vec::new(),
                out,
            }),
        });
        let output = Self { shared };
        let writer = output.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || writer.write_for_ever())?;
        Ok(output)
    }

    /// Writes what waits; it is written when this returns.
    pub(super) fn flush(&self) {
        let mut target = self.shared.target.lock();
        let Target { lines, out } = &mut *target;
        std::mem::swap(lines, &mut *self.shared.waiting.lock());
        // There is nobody left to tell.
        let _ = out.write_all(lines).and_then(|()| out.flush());
        lines.clear();
        lines.shrink_to(KEPT_BYTES);
    }

    fn write_for_ever(&self) {
        loop {
            let mut waiting = self.shared.waiting.lock();
            while waiting.is_empty() {
                self.shared.lines_came.wait(&mut waiting);
            }
            drop(waiting);
            thread::sleep(GATHERING);
            self.flush();
        }
    }

    fn push(&self, line: &[u8], is_urgent: bool) {
        let mut waiting = self.shared.waiting.lock();
        let is_first = waiting.is_empty();
        waiting.extend_from_slice(line);
        let is_full = waiting.len() >= FULL_BYTES;
        drop(waiting);
        if is_urgent || is_full {
            self.flush();
        } else if is_first {
            self.shared.lines_came.notify_one();
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
    use std::sync::mpsc::{Receiver, Sender, channel};

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
        (LogOutput::new(Box::new(Pieces(sender))).unwrap(), pieces)
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
    fn an_urgent_line_goes_out_at_once_and_after_those_before_it() {
        let (output, pieces) = output();
        output.push(b"one\n", false);
        output.push(b"two\n", true);
        assert_eq!(pieces.try_iter().collect::<String>(), "one\ntwo\n");
    }

    #[test]
    fn a_flush_leaves_nothing_behind() {
        let (output, pieces) = output();
        output.push(b"one\n", false);
        output.flush();
        assert_eq!(pieces.try_iter().collect::<String>(), "one\n");
    }

    #[test]
    fn a_full_buffer_is_written_by_whoever_fills_it() {
        let (output, pieces) = output();
        output.push(&[b'x'; FULL_BYTES], false);
        assert_eq!(
            pieces.try_iter().map(|piece| piece.len()).sum::<usize>(),
            FULL_BYTES
        );
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
        output.flush();
        let all: String = pieces.try_iter().collect();
        for thread in 0..4 {
            let of_thread = all.lines().filter(|line| line.starts_with(&format!("{thread} ")));
            let expected: Vec<String> = (0..1000).map(|number| format!("{thread} {number}")).collect();
            assert_eq!(of_thread.collect::<Vec<_>>(), expected);
        }
    }
}
