//! The agent's own certificate over its life, and what is told of it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::{Agent, USER};
use crate::command::{esm, run};

const PATIENCE: Duration = Duration::from_secs(60);

/// The system log, as far as alerts go there.
struct SystemLog {
    socket: UnixDatagram,
    config: String,
}

impl SystemLog {
    fn start(folder: &Path) -> Self {
        let path = folder.join("system-log");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let config = format!("syslog.socket = '{}'\n", path.display());
        Self { socket, config }
    }

    /// The next line with that event.
    #[track_caller]
    fn hears(&self, event: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut line = [0; 4096];
        while Instant::now() < until {
            if let Ok(length) = self.socket.recv(&mut line) {
                let line = String::from_utf8_lossy(&line[..length]).into_owned();
                if line.contains(event) {
                    return line;
                }
            }
        }
        panic!("nothing of {event}");
    }
}

fn asks(agent: &Agent, pin: &str) -> Option<i32> {
    let args = [
        "wsman",
        "--url",
        agent.url(),
        "--user",
        USER,
        "--pin",
        pin,
        "identify",
    ];
    run(agent.esm(&args).env("ESM_PASSWORD", agent.password())).code
}

#[test]
fn a_renewed_certificate_is_for_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let log = SystemLog::start(folder.path());
    let agent = Agent::start_in(folder.path(), &log.config);
    let (old, key) = (agent.fingerprint().to_owned(), agent.key_fingerprint().to_owned());
    assert_eq!((asks(&agent, &old), asks(&agent, &key)), (Some(0), Some(0)));
    agent.stop();

    let config = format!("{}tls.names = [\"further.example\"]", log.config);
    let agent = Agent::start_in(folder.path(), &config);
    let new = agent.fingerprint();
    assert_ne!(new, old);
    assert_eq!(agent.key_fingerprint(), key);
    assert_eq!((asks(&agent, &old), asks(&agent, &key)), (Some(3), Some(0)));
    let alert = log.hears("8000060C");
    let line = agent.wait_for_log("a new certificate is in use, for the same key");
    assert!(line.contains("WARN"), "{line}");
    for told in [&alert, &line] {
        assert!(told.contains(&old) && told.contains(new), "{told}");
        assert!(told.contains("further.example"), "{told}");
    }
    agent.stop();
}

/// As a power cut between the writing of the two files leaves it.
#[test]
fn a_pair_of_ours_that_does_not_fit_is_made_good_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let log = SystemLog::start(folder.path());
    let agent = Agent::start_in(folder.path(), &log.config);
    let old = agent.fingerprint().to_owned();
    agent.stop();
    let other = tempfile::tempdir().unwrap();
    assert_eq!(run(esm(other.path()).args(["cert", "create"])).code, Some(0));
    let key = "state/certs/key.pem";
    std::fs::copy(other.path().join(key), folder.path().join(key)).unwrap();

    let agent = Agent::start_in(folder.path(), &log.config);
    assert_eq!(asks(&agent, agent.key_fingerprint()), Some(0));
    let alert = log.hears("8000060D");
    assert!(
        alert.contains(&old) && alert.contains(agent.fingerprint()),
        "{alert}"
    );
    agent.wait_for_log("with another key");
    agent.stop();
}

#[test]
fn a_pair_that_cannot_be_used_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = SystemLog::start(folder.path());
    let agent = Agent::start_in(folder.path(), &log.config);
    let certificate = std::fs::read(agent.certificate()).unwrap();
    std::fs::write(agent.certificate(), "no certificate").unwrap();
    let alert = log.hears("8000060E");
    assert!(alert.contains("cert.pem"), "{alert}");
    // Two more looks.
    std::thread::sleep(Duration::from_secs(5));
    std::fs::write(agent.certificate(), certificate).unwrap();
    agent.wait_for_log("the certificate can be used again");
    assert_eq!(agent.log().matches("the old one stays in use").count(), 1);

    let old = agent.fingerprint().to_owned();
    let made = run(&mut agent.esm(&["cert", "create", "--force"]));
    assert_eq!(made.code, Some(0), "{made:#?}");
    let alert = log.hears("8000060D");
    assert!(
        alert.contains(&old) && alert.contains("its files were replaced"),
        "{alert}"
    );
    agent.stop();
}
