//! Client certificates as a login, made by OpenSSL.

use std::path::Path;
use std::process::Command;

use esm::client::server::ServerAddress;
use esm::net::http_client::{ClientLimits, ClientRequest, HttpClient};
use esm::net::tls::client::{ClientTls, Identity, Trust};
use rustix::process::Signal;

use crate::agent::Agent;
use crate::command::run;
use crate::message::Message;

/// Two authorities; of the first one `carol` as it should be and `old` of X.509 version 1, of the other one `mallory`.
fn make_certificates(folder: &Path) {
    let script = "
        set -e
        ec='ec -pkeyopt ec_paramgen_curve:P-256'
        for authority in one other; do
            openssl req -x509 -newkey $ec -nodes -keyout $authority.key -out $authority.pem -days 2 -subj /CN=$authority
        done
        for name in carol old mallory; do
            openssl req -newkey $ec -nodes -keyout $name.key -out $name.csr -subj /CN=$name
        done
        echo basicConstraints=CA:FALSE > v3
        openssl x509 -req -in carol.csr -CA one.pem -CAkey one.key -CAcreateserial -days 2 -extfile v3 -out carol.pem
        openssl x509 -req -in mallory.csr -CA other.pem -CAkey other.key -CAcreateserial -days 2 -extfile v3 -out mallory.pem
        openssl x509 -req -in old.csr -CA one.pem -CAkey one.key -CAcreateserial -days 2 -out old.pem
        cp one.pem trusted.pem
    ";
    let made = run(Command::new("sh").args(["-c", script]).current_dir(folder));
    assert_eq!(made.code, Some(0), "{made:#?}");
}

fn accepting(folder: &Path) -> String {
    format!("tls.client_ca = '{}'\n", folder.join("trusted.pem").display())
}

/// A connection that shows a certificate and sends no other credential.
struct Client(HttpClient);

impl Client {
    fn new(agent: &Agent, folder: &Path, name: &str) -> Self {
        let file = |kind| folder.join(format!("{name}.{kind}"));
        let identity = Identity::read(&file("pem"), &file("key")).unwrap();
        let trust = Trust::Pin(agent.fingerprint().parse().unwrap());
        let tls = ClientTls::with_identity(trust, identity).unwrap();
        let endpoint = ServerAddress::parse(agent.url()).unwrap().endpoint(&tls);
        Self(HttpClient::new(endpoint, None, ClientLimits::default()).unwrap())
    }

    /// The status of the answer.
    async fn ask(&mut self) -> u16 {
        let message = Message::transfer("Get", "ESM_OperatingSystem").text();
        let request = ClientRequest::post("/wsman", "application/soap+xml;charset=UTF-8", message);
        self.0.send(&request).await.unwrap().status
    }
}

/// Has the agent read its configuration again, and waits until that is done.
#[track_caller]
fn reload(agent: &Agent, more: &str) {
    let taken = || agent.log().matches("the configuration was read again").count();
    let before = taken();
    agent.configure(more);
    agent.signal(Signal::HUP);
    while taken() == before {
        assert!(!agent.log().contains("the old one stays"), "{}", agent.log());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_a_login_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let agent = Agent::start_with(&accepting(folder.path()));
    assert_eq!(Client::new(&agent, folder.path(), "carol").ask().await, 200);

    for (name, word, advice) in [
        ("old", "UnsupportedCertVersion", "one of version 3"),
        ("one", "CaUsedAsEndEntity", "CA:FALSE"),
        ("mallory", "UnknownIssuer", ""),
    ] {
        // curl shows what our own client would refuse to show.
        let mut curl = Command::new("curl");
        curl.current_dir(folder.path())
            .args(["-sS", "--insecure", "--data", ""]);
        let ended = run(curl
            .args(["--cert", &format!("{name}.pem"), "--key", &format!("{name}.key")])
            .arg(agent.url()));
        assert_eq!(ended.code, Some(56), "{name}: {ended:#?}");
        let line = agent.wait_for_log(word);
        assert!(
            line.contains("a client certificate is refused") && line.contains(advice),
            "{line}"
        );
    }
    agent.stop();
}

/// An authority that is taken away is one whose certificates may be in wrong hands.
#[tokio::test]
async fn an_open_connection_is_a_stranger_once_its_authority_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let accepting = accepting(folder.path());
    let agent = Agent::start_with(&accepting);
    let mut carol = Client::new(&agent, folder.path(), "carol");
    assert_eq!(carol.ask().await, 200);

    for (what, configuration, authority, expect) in [
        ("nothing has changed", &*accepting, "one", 200),
        ("another authority in the same file", &*accepting, "other", 401),
        ("the first one is back", &*accepting, "one", 200),
        ("no authority at all", "", "one", 401),
    ] {
        let file = |name: &str| folder.path().join(name);
        std::fs::copy(file(&format!("{authority}.pem")), file("trusted.pem")).unwrap();
        reload(&agent, configuration);
        assert_eq!(carol.ask().await, expect, "{what}");
        assert_eq!(
            carol.0.steps().connected,
            None,
            "{what}: the connection is still the first"
        );
    }
    agent.stop();
}
