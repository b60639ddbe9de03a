//! Telling the service manager how the service is (the protocol of `sd_notify(3)`).
//!
//! Without `NOTIFY_SOCKET` in the environment every call does nothing. No failure here is worth more than
//! a log line: the service goes on.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Where the service manager listens, if there is one.
#[derive(Debug)]
pub struct Notifier {
    target: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var_os(name);
        let watchdog_is_ours =
            variable("WATCHDOG_PID").is_none_or(|pid| pid == *std::process::id().to_string());
        let watchdog = variable("WATCHDOG_USEC").filter(|_| watchdog_is_ours);
        Self::new(variable("NOTIFY_SOCKET").as_deref(), watchdog.as_deref())
    }

    fn new(socket: Option<&OsStr>, watchdog_usec: Option<&OsStr>) -> Self {
        let target = socket.and_then(|name| match open(name) {
            Ok(target) => Some(target),
            Err(error) => {
                tracing::warn!(socket = ?name, %error, "the service manager's socket cannot be used");
                None
            }
        });
        let micros = watchdog_usec
            .and_then(OsStr::to_str)
            .and_then(|micros| micros.parse::<u64>().ok());
        Self {
            target,
            watchdog: micros.filter(|&micros| micros > 0).map(Duration::from_micros),
        }
    }

    /// The service is up, with one line that says how.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// The configuration is being read anew; [`Notifier::ready`] says when that is done.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The service has begun to stop.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The service is alive; to be said at least once in each [`Notifier::watchdog_interval`].
    pub fn watchdog(&self) {
        self.send("WATCHDOG=1");
    }

    /// How often to say [`Notifier::watchdog`] (half of what the manager allows), if it wants to hear it.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|allowed| allowed / 2)
    }

    fn send(&self, message: &str) {
        let Some((socket, address)) = &self.target else {
            return;
        };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }
}

/// A path, or with `@` before it a name in the abstract namespace.
fn open(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read must not hold up the service.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn tells_a_socket_in_the_file_system() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(Some(path.as_os_str()), Some(OsStr::new("3000000")));
        notifier.ready("two\nlines");
        assert_eq!(heard(&manager), "READY=1\nSTATUS=two lines");
        notifier.watchdog();
        assert_eq!(heard(&manager), "WATCHDOG=1");
        notifier.reloading();
        assert!(heard(&manager).starts_with("RELOADING=1\nMONOTONIC_USEC="));
        notifier.stopping();
        assert_eq!(heard(&manager), "STOPPING=1");
        assert_eq!(notifier.watchdog_interval(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn tells_a_socket_in_the_abstract_namespace() {
        let name = format!("esm-notify-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Notifier::new(Some(OsStr::new(&format!("@{name}"))), None).stopping();
        assert_eq!(heard(&manager), "STOPPING=1");
    }

    #[test]
    fn nobody_to_tell_is_no_error() {
        for socket in [None, Some(OsStr::new("/nowhere/notify")), Some(OsStr::new(""))] {
            let notifier = Notifier::new(socket, Some(OsStr::new("no number")));
            notifier.ready("up");
            assert_eq!(notifier.watchdog_interval(), None);
        }
    }
}
