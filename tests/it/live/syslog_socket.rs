//! A system log's socket on which the alerts of an agent without subscribers are seen.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an alert may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct SyslogSocket(UnixDatagram);

impl SyslogSocket {
    #[track_caller]
    pub fn bind(path: &Path) -> Self {
        Self(UnixDatagram::bind(path).unwrap())
    }

    /// Waits for a line with `text`.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.receive(left);
            let line = line.unwrap_or_else(|| panic!("the system log got nothing with `{text}`"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// What comes within `time`.
    pub fn lines_within(&self, time: Duration) -> Vec<String> {
        let until = Instant::now() + time;
        std::iter::from_fn(|| self.receive(until.saturating_duration_since(Instant::now()))).collect()
    }

    fn receive(&self, within: Duration) -> Option<String> {
        if within.is_zero() {
            return None;
        }
        self.0.set_read_timeout(Some(within)).unwrap();
        let mut buffer = [0; 8192];
        let count = self.0.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..count]).into_owned())
    }
}
