//! A manager that is told: an HTTPS server of Python's own, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use crate::peers;

/// How long a delivery may take on a loaded machine; tests that measure a time measure it themselves.
const PATIENCE: Duration = Duration::from_secs(60);

/// A listening manager. It ends when it is dropped.
pub struct Manager {
    child: Child,
    lines: Receiver<Value>,
    port: u16,
    tls: bool,
}

/// A certificate and its key, made by OpenSSL.
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Pair {
    /// A self-signed pair for 127.0.0.1 in `folder`.
    pub fn make(folder: &Path) -> Self {
        Self::openssl(folder, "manager", |_| {})
    }

    /// A further certificate for the key of `pair`, in `folder`.
    pub fn renewed(folder: &Path, pair: &Self) -> Self {
        Self::openssl(folder, "renewed", |command| {
            command.arg("-key").arg(&pair.key);
        })
    }

    /// A pair for 127.0.0.1 in `folder` that `authority` has signed.
    pub fn signed_by(folder: &Path, authority: &Self) -> Self {
        Self::openssl(folder, "signed", |command| {
            command
                .args(["-addext", "basicConstraints=critical,CA:FALSE", "-CA"])
                .arg(&authority.certificate)
                .arg("-CAkey")
                .arg(&authority.key);
        })
    }

    fn openssl(folder: &Path, name: &str, add: impl FnOnce(&mut Command)) -> Self {
        let pair = Self {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        let mut command = Command::new("openssl");
        command
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", &format!("/CN={name}")])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .arg(&pair.key)
            .arg("-out")
            .arg(&pair.certificate);
        add(&mut command);
        let made = command
            .output()
            .expect("openssl makes the manager's certificate: run tests/run, which installs it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        pair
    }
}

impl Manager {
    /// A manager that speaks TLS with `pair`.
    pub fn tls(pair: &Pair) -> Self {
        Self::start(Some(pair), &[])
    }

    /// A manager with further arguments of tests/peers/listener.py; without a pair it speaks clear text.
    pub fn start(pair: Option<&Pair>, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/listener.py");
        let mut command = Command::new("python3");
        command.arg(script);
        Self::run(command, pair, arguments)
    }

    /// A listener of pywbem's, with further arguments of tests/peers/wbem_listener.py.
    pub fn wbem(pair: Option<&Pair>, arguments: &[&str]) -> Self {
        Self::run(peers::python("wbem_listener.py"), pair, arguments)
    }

    fn run(mut command: Command, pair: Option<&Pair>, arguments: &[&str]) -> Self {
        command.args(arguments).stdout(Stdio::piped());
        if let Some(pair) = pair {
            command
                .arg("--cert")
                .arg(&pair.certificate)
                .arg("--key")
                .arg(&pair.key);
        }
        let mut child = command
            .spawn()
            .expect("python3 runs the manager: run tests/run, which installs it");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let said = serde_json::from_str(&line).expect("the manager says JSON");
                if sender.send(said).is_err() {
                    break;
                }
            }
        });
        let first: Value = lines
            .recv_timeout(PATIENCE)
            .expect("the manager says where it listens");
        let port = u16::try_from(first["port"].as_u64().expect("a port")).expect("a port");
        Self {
            child,
            lines,
            port,
            tls: pair.is_some(),
        }
    }

    /// Its port, for another that takes its place.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where deliveries go.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }

    /// The next thing that it says, or a failed test.
    #[track_caller]
    pub fn next(&self) -> Value {
        self.lines
            .recv_timeout(PATIENCE)
            .expect("the manager was not told in time")
    }

    /// Makes sure that nothing more is said within `quiet`.
    #[track_caller]
    pub fn nothing_more(&self, quiet: Duration) {
        match self.lines.recv_timeout(quiet) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("the manager was told more: {other:?}"),
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
