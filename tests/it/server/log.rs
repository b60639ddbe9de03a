//! What the log says of each request, and what it never says.

use std::io;
use std::sync::Arc;

use esm::net::accounts::Accounts;
use esm::net::http_client::{BasicCredentials, ClientLimits, ClientRequest, Endpoint, HttpClient};
use esm::server::{Authenticator, Listener, Server};
use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;

use super::harness::EchoService;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn ask(address: std::net::SocketAddr, path: &str, password: Option<&str>) -> u16 {
    let endpoint = Endpoint::Plain {
        host: address.ip().to_string(),
        port: address.port(),
    };
    let credentials = password.map(|password| BasicCredentials::new("ann", password).unwrap());
    let mut client = HttpClient::new(endpoint, credentials, ClientLimits::default()).unwrap();
    client
        .send(&ClientRequest::post(path, "text/plain", "the body"))
        .await
        .unwrap()
        .status
}

#[test]
fn each_request_has_a_line_without_secrets() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .without_time()
        .with_max_level(tracing::Level::TRACE)
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(folder.path().join("accounts")).unwrap();
    accounts.set("ann", b"open sesame").unwrap();
    // One thread does everything, so that the subscriber of this thread hears everything.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = Listener::plain("127.0.0.1:0".parse().unwrap()).unwrap();
        let authenticator = Authenticator::new(Some(Arc::new(accounts)), None);
        let handle = Server::new(Arc::new(EchoService), authenticator).start(vec![listener]);
        let address = handle.addresses()[0];
        assert_eq!(ask(address, "/echo?secret=1", Some("open sesame")).await, 200);
        assert_eq!(ask(address, "/echo", Some("close sesame")).await, 401);
        assert_eq!(ask(address, "/open", None).await, 200);
        assert_eq!(ask(address, "/panic-late", Some("open sesame")).await, 500);
    });
    let log = String::from_utf8(log.0.lock().clone()).unwrap();

    let lines: Vec<&str> = log.lines().filter(|line| line.contains("esm::access")).collect();
    for (line, expect) in lines.iter().zip([
        "answered request=00000001 peer=127.0.0.1:PORT principal=\"ann\" method=POST path=\"/echo\" status=200 received_bytes=8 sent_bytes=12",
        "answered request=00000002 peer=127.0.0.1:PORT principal=\"-\" method=POST path=\"/echo\" status=401 received_bytes=0 sent_bytes=35",
        "answered request=00000003 peer=127.0.0.1:PORT principal=\"-\" method=POST path=\"/open\" status=200 received_bytes=8 sent_bytes=8",
        "answered request=00000004 peer=127.0.0.1:PORT principal=\"ann\" method=POST path=\"/panic-late\" status=500 received_bytes=8 sent_bytes=57",
    ]) {
        let (start, rest) = line.split_once("127.0.0.1:").unwrap();
        let line = format!("{start}127.0.0.1:PORT {}", rest.split_once(' ').unwrap().1);
        assert!(line.contains(expect), "{line}\nlacks {expect}");
    }
    assert_eq!(lines.len(), 4, "{log}");
    assert!(
        log.contains("ERROR request{id=00000004}: esm::server::request: a panic while answering a request"),
        "{log}"
    );
    for secret in ["sesame", "secret=1", "YW5uO", "the body"] {
        assert!(!log.contains(secret), "{secret:?} stands in the log");
    }
}
