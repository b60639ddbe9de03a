//! Trust: by authority, by pin, by first use, and none; against our own server and OpenSSL's.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use esm::net::certificate;
use esm::net::fingerprint::Fingerprint;
use esm::net::http_client::{
    BasicCredentials, ClientError, ClientLimits, ClientRequest, Endpoint, HttpClient,
};
use esm::net::tls::client::{ClientTls, Trust};
use esm::net::tls::read_authorities;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::block_on;
use crate::server::harness::{PASSWORD, TestServer, USER, make_pair, make_pair_again};

fn client(host: &str, port: u16, tls: &ClientTls) -> HttpClient {
    let endpoint = Endpoint::Tls {
        host: host.into(),
        port,
        tls: tls.clone(),
    };
    let credentials = BasicCredentials::new(USER, PASSWORD).unwrap();
    HttpClient::new(endpoint, Some(credentials), ClientLimits::default()).unwrap()
}

fn echo() -> ClientRequest {
    ClientRequest::post("/echo", "text/plain", "hello")
}

fn fingerprint(folder: &Path) -> Fingerprint {
    certificate::describe(&folder.join("server.pem"))
        .unwrap()
        .fingerprint
}

fn key_fingerprint(folder: &Path) -> Fingerprint {
    certificate::describe(&folder.join("server.pem"))
        .unwrap()
        .key_fingerprint
}

fn tls(trust: Trust) -> ClientTls {
    ClientTls::new(trust).unwrap()
}

#[track_caller]
fn check(server: &TestServer, host: &str, trust: Trust, expect: Result<(), &str>) {
    let mut client = client(host, server.address.port(), &tls(trust.clone()));
    match (block_on(client.send(&echo())), expect) {
        (Ok(reply), Ok(())) => {
            assert_eq!(&reply.body[..], b"ann:hello");
            let shown = client.peer_fingerprints().unwrap();
            assert_eq!(shown.certificate, fingerprint(server.folder.path()));
            assert_eq!(shown.key, key_fingerprint(server.folder.path()));
        }
        (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{trust:?}: {error}"),
        (outcome, _) => panic!("{trust:?} to {host}: {outcome:?}"),
    }
}

#[test]
fn each_trust_lets_in_whom_it_should() {
    let server = TestServer::start();
    let own = read_authorities(&server.folder.path().join("server.pem")).unwrap();
    let pin = fingerprint(server.folder.path());
    check(&server, "localhost", Trust::Authorities(own.clone()), Ok(()));
    check(
        &server,
        "127.0.0.1",
        Trust::Authorities(own),
        Err("not valid for name"),
    );
    check(&server, "127.0.0.1", Trust::Pin(pin), Ok(()));
    let key = key_fingerprint(server.folder.path());
    check(&server, "127.0.0.1", Trust::Pin(key), Ok(()));
    check(&server, "127.0.0.1", Trust::FirstUse, Ok(()));
    check(&server, "localhost", Trust::Off, Ok(()));
    let other = Fingerprint::of(b"another");
    check(
        &server,
        "localhost",
        Trust::Pin(other),
        Err(&format!(
            "SHA-256 is {pin}, that of its key {key}, pinned is {other}"
        )),
    );

    let elsewhere = tempfile::tempdir().unwrap();
    let others = read_authorities(&make_pair(elsewhere.path()).certificate).unwrap();
    check(
        &server,
        "localhost",
        Trust::Authorities(others),
        Err("TLS with localhost"),
    );
}

#[test]
fn what_is_learned_on_first_use_is_held_to() {
    let server = TestServer::start();
    let first_use = tls(Trust::FirstUse);
    let mut client = client("localhost", server.address.port(), &first_use);
    assert_eq!(first_use.pin(), None);
    block_on(async {
        client.send(&echo()).await.unwrap();
        assert_eq!(first_use.pin(), Some(key_fingerprint(server.folder.path())));
        client.close();
        client.send(&echo()).await.unwrap();
        let new_pair = certificate::read(&make_pair_again(server.folder.path())).unwrap();
        server.tls.replace(&new_pair);
        client.send(&echo()).await.expect("the open connection lives on");
        client.close();
        // A resumed session is with the peer that was verified; a full handshake shows the new certificate.
        let mut fresh = super::tls::client(
            "localhost",
            server.address.port(),
            &tls(Trust::Pin(first_use.pin().unwrap())),
        );
        let error = fresh.send(&echo()).await.unwrap_err();
        assert!(matches!(error, ClientError::PinMismatch(_)), "{error}");
    });
}

/// A certificate that was renewed for the same key breaks no pin of the key.
#[test]
fn a_key_is_known_again_in_another_certificate() {
    let folder = tempfile::tempdir().unwrap();
    make_pair(folder.path());
    let (old, key) = (fingerprint(folder.path()), key_fingerprint(folder.path()));
    let renewed = Command::new("openssl")
        .args(["req", "-x509", "-new", "-key", "server.key", "-out", "server.pem"])
        .args(["-days", "3", "-subj", "/CN=localhost"])
        .current_dir(folder.path())
        .output()
        .expect("installed by tests/run");
    assert!(renewed.status.success(), "{renewed:?}");
    assert_ne!(fingerprint(folder.path()), old);
    let peer = Peer::openssl(folder.path(), "-tls1_3");
    let request = ClientRequest {
        method: hyper::Method::GET,
        path: "/".into(),
        ..echo()
    };
    let ask = |pin| block_on(client("localhost", peer.port, &tls(Trust::Pin(pin))).send(&request));
    assert_eq!(ask(key).unwrap().status, 200);
    let error = ask(old).unwrap_err();
    assert!(matches!(error, ClientError::PinMismatch(_)), "{error}");
}

/// OpenSSL's server answers HTTP/1.0 and closes.
#[test]
fn openssl_is_spoken_with_in_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    make_pair(folder.path());
    for version in ["-tls1_2", "-tls1_3"] {
        let peer = Peer::openssl(folder.path(), version);
        let mut client = client(
            "localhost",
            peer.port,
            &tls(Trust::Pin(fingerprint(folder.path()))),
        );
        let request = ClientRequest {
            method: hyper::Method::GET,
            path: "/".into(),
            ..echo()
        };
        for _ in 0..2 {
            let reply = block_on(client.send(&request)).unwrap_or_else(|error| panic!("{version}: {error}"));
            assert_eq!(reply.status, 200);
            assert!(
                String::from_utf8_lossy(&reply.body).contains("s_server"),
                "{version}"
            );
        }
    }
}

/// Another program that listens.
struct Peer {
    child: Child,
    port: u16,
}

impl Peer {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("installed by tests/run");
        let port = accept_port(child.stdout.take().unwrap());
        Self { child, port }
    }

    fn openssl(folder: &Path, version: &str) -> Self {
        let listen = ["s_server", "-accept", "127.0.0.1:0", "-www", version];
        let pair = ["-cert", "server.pem", "-key", "server.key"];
        Self::start(
            Command::new("openssl")
                .args(listen)
                .args(pair)
                .current_dir(folder),
        )
    }
}

/// `s_server` says `ACCEPT 127.0.0.1:PORT` once it listens, and so do the others here.
fn accept_port(output: std::process::ChildStdout) -> u16 {
    use std::io::{BufRead, BufReader};
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let line = lines
        .find(|line| line.starts_with("ACCEPT"))
        .expect("it says where it listens");
    let port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
    // Its output must go on being read, or it would die of a broken pipe.
    std::thread::spawn(move || lines.count());
    port
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Python's HTTPS servers close without a TLS close_notify; a refusal of theirs has no length.
#[test]
fn an_unannounced_end_of_tls_ends_a_reply() {
    const SERVER: &str = "
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(400)
        self.send_header('CIMError', 'unsupported-operation')
        self.end_headers()
        self.wfile.write(b'why')
    def log_message(self, *args): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('server.pem', 'server.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
print('ACCEPT 127.0.0.1:%d' % server.server_address[1], flush=True)
server.serve_forever()
";
    let folder = tempfile::tempdir().unwrap();
    make_pair(folder.path());
    let peer = Peer::start(
        Command::new("python3")
            .args(["-c", SERVER])
            .current_dir(folder.path()),
    );
    let mut client = client("localhost", peer.port, &tls(Trust::FirstUse));
    for _ in 0..2 {
        let reply = block_on(client.send(&echo())).unwrap();
        assert_eq!((reply.status, &reply.body[..]), (400, &b"why"[..]));
        assert_eq!(reply.header("cimerror"), Some("unsupported-operation"));
    }
}

/// A server that shows a certificate whose key it does not have.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

async fn start_impostor(shown: &Path, held: &Path, version: &'static SupportedProtocolVersion) -> u16 {
    let chain = vec![CertificateDer::from_pem_file(shown.join("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(held.join("server.key")).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Impostor(Arc::new(CertifiedKey::new(chain, key)))));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = acceptor.accept(stream).await;
        }
    });
    port
}

/// Whatever is trusted, a server must hold the key of what it shows; and nothing is learned from one that
/// does not.
#[test]
fn an_impostor_is_trusted_by_nobody() {
    let (shown, held) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make_pair(shown.path());
    make_pair(held.path());
    let first_use = tls(Trust::FirstUse);
    block_on(async {
        for version in [&TLS12, &TLS13] {
            for tls in [
                &tls(Trust::Pin(fingerprint(shown.path()))),
                &tls(Trust::Off),
                &first_use,
            ] {
                let port = start_impostor(shown.path(), held.path(), version).await;
                let error = client("localhost", port, tls).send(&echo()).await.unwrap_err();
                assert!(
                    error.to_string().contains("BadSignature"),
                    "{version:?} {tls:?}: {error}"
                );
            }
        }
    });
    assert_eq!(first_use.pin(), None);
}
