//! The agent's certificate, its accounts and its first password.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use esm::client::server::ServerAddress;
use esm::client::wsman::{WsmanClient, WsmanError};
use esm::net::http_client::{BasicCredentials, ClientLimits, ClientRequest, HttpClient};
use esm::net::tls::client::{ClientTls, Trust};

use crate::agent::{Agent, USER};
use crate::command::{esm, run};
use crate::manager::Pair;
use crate::message::Message;

/// A connection that shows which certificate its handshake was made with.
struct Line(HttpClient);

impl Line {
    fn open(agent: &Agent) -> Self {
        let tls = ClientTls::new(Trust::Off).unwrap();
        let address = ServerAddress::parse(agent.url()).unwrap();
        let credentials = BasicCredentials::new(USER, &agent.password()).unwrap();
        let endpoint = address.endpoint(&tls);
        Self(HttpClient::new(endpoint, Some(credentials), ClientLimits::default()).unwrap())
    }

    /// Asks something, and returns the fingerprint of the certificate of the connection.
    async fn ask(&mut self) -> String {
        let message = Message::transfer("Get", "ESM_OperatingSystem");
        let request = ClientRequest::post("/wsman", "application/soap+xml;charset=UTF-8", message.text());
        let response = self.0.send(&request).await.unwrap();
        assert_eq!(
            response.status,
            200,
            "{}",
            String::from_utf8_lossy(&response.body)
        );
        self.0.peer_fingerprints().unwrap().certificate.to_string()
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_and_open_connections_go_on() {
    let agent = Agent::start();
    let old = agent.fingerprint().to_owned();
    let mut open = Line::open(&agent);
    assert_eq!(open.ask().await, old);

    let again = run(&mut agent.esm(&["cert", "create"]));
    assert_eq!(again.code, Some(1), "{again:#?}");
    assert!(again.err.contains("--force"), "{again:#?}");
    let made = run(&mut agent.esm(&["cert", "create", "--force", "--name", "agent.example"]));
    assert_eq!(made.code, Some(0), "{made:#?}");
    let line = agent.wait_for_log("a new certificate is in use");
    let new = Line::open(&agent).ask().await;
    assert_ne!(new, old);
    assert!(line.contains(&new), "{line}");
    assert!(run(&mut agent.esm(&["cert", "show"])).out.contains(&new));
    assert_eq!(open.ask().await, old, "an open connection goes on as it is");
    agent.stop();
}

#[test]
fn a_pair_of_its_own_that_ends_soon_is_renewed_and_another_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(esm(folder.path()).args(["cert", "create", "--days", "20"]));
    assert_eq!(made.code, Some(0), "{made:#?}");
    let agent = Agent::start_in(folder.path(), "");
    assert!(!made.out.contains(agent.fingerprint()));
    agent.wait_for_log("a new certificate is in use");
    agent.stop();

    let pair = Pair::make(folder.path());
    for (from, to) in [(&pair.certificate, "cert.pem"), (&pair.key, "key.pem")] {
        std::fs::copy(from, folder.path().join("state/certs").join(to)).unwrap();
    }
    let shown = run(esm(folder.path()).args(["cert", "show"]));
    let agent = Agent::start_in(folder.path(), "");
    assert!(shown.out.contains(agent.fingerprint()), "{shown:#?}");
    agent.stop();
}

#[tokio::test]
async fn a_pair_that_does_not_fit_leaves_the_old_one_in_use() {
    let agent = Agent::start();
    let certificate = std::fs::read(agent.certificate()).unwrap();
    std::fs::write(agent.certificate(), "no certificate").unwrap();
    agent.wait_for_log("the old one stays in use");
    assert_eq!(Line::open(&agent).ask().await, agent.fingerprint());
    std::fs::write(agent.certificate(), certificate).unwrap();
    agent.wait_for_log("the certificate can be used again");
    assert_eq!(Line::open(&agent).ask().await, agent.fingerprint());
    agent.stop();
}

/// `esm passwd` with that on its standard input.
#[track_caller]
fn passwd(agent: &Agent, args: &[&str], password: &str) {
    let mut command = agent.esm(&["passwd"]);
    let mut child = command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    assert!(child.wait().unwrap().success());
}

/// Whether the agent lets this client in.
async fn is_let_in(client: &mut WsmanClient) -> bool {
    match client.identify().await {
        Ok(_) => true,
        Err(WsmanError::LoginRefused { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_changed_accounts_file_counts_from_the_next_request() {
    // Without a pause for wrong passwords, so that this test is quick.
    let agent = Agent::start_with("[limits]\nlogin_pause_secs = 0\n");
    let mut alice = agent.client_as("alice", "one");
    assert!(!is_let_in(&mut alice).await, "not yet");
    passwd(&agent, &["alice"], "one");
    assert!(is_let_in(&mut alice).await);
    assert!(is_let_in(&mut alice).await, "from memory");
    passwd(&agent, &["alice"], "two");
    assert!(!is_let_in(&mut alice).await, "the old password");
    let mut alice = agent.client_as("alice", "two");
    assert!(is_let_in(&mut alice).await);
    passwd(&agent, &["alice", "--delete"], "");
    assert!(!is_let_in(&mut alice).await, "on an open connection, too");
    assert!(is_let_in(&mut agent.client()).await, "others are as they were");
    agent.stop();
}

/// What one verification of a password takes, in KiB.
const HASH_KIB: u64 = 19_456;

#[test]
fn a_login_takes_memory_for_its_time_alone() {
    let agent = Agent::start_with("[limits]\nlogin_pause_secs = 0\n");
    for round in 0..4 {
        std::thread::scope(|scope| {
            for manager in 0..8 {
                let mut client = agent.client_as(USER, &format!("guess {round} {manager}"));
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    assert!(!runtime.unwrap().block_on(is_let_in(&mut client)));
                });
            }
        });
    }
    let own = agent.own_memory_kib();
    assert!(
        own < HASH_KIB,
        "{own} KiB are kept: as much as a login needs, or more"
    );
    agent.stop();
}

fn all_files(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_files(&path, into);
        } else if path.is_file() {
            into.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
}

#[tokio::test]
async fn the_first_password_stands_in_its_file_alone() {
    let agent = Agent::start_with("[log]\nlevel = \"trace\"\n");
    let file = agent.password_file();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(agent.greeting().contains(&file.display().to_string()));
    let password = agent.password();
    // Also where it was used.
    agent.client().identify().await.unwrap();
    let sent = BASE64_STANDARD.encode(format!("{USER}:{password}"));

    assert!(!agent.greeting().contains(&password));
    let mut files = BTreeMap::new();
    all_files(agent.folder(), &mut files);
    assert!(files.len() >= 6, "{:?}", files.keys());
    for (path, content) in files {
        let holds = |secret: &[u8]| content.windows(secret.len()).any(|window| window == secret);
        assert_eq!(holds(password.as_bytes()), path == file, "{}", path.display());
        assert!(!holds(sent.as_bytes()), "{}", path.display());
    }
    agent.stop();
}
