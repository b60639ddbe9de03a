//! Trust: by authority, by pin, by first use, and none; against our own server and OpenSSL's.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use esm::net::certificate;
use esm::net::fingerprint::Fingerprint;
use esm::net::http_client::{
    BasicCredentials, ClientError, ClientLimits, ClientRequest, Endpoint, HttpClient,
};
use esm::net::tls::client::{ClientTls, Trust};
use esm::net::tls::read_authorities;

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

fn tls(trust: Trust) -> ClientTls {
    ClientTls::new(trust).unwrap()
}

#[track_caller]
fn check(server: &TestServer, host: &str, trust: Trust, expect: Result<(), &str>) {
    let mut client = client(host, server.address.port(), &tls(trust.clone()));
    match (block_on(client.send(&echo())), expect) {
        (Ok(reply), Ok(())) => {
            assert_eq!(&reply.body[..], b"ann:hello");
            assert_eq!(client.peer_fingerprint(), Some(fingerprint(server.folder.path())));
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
    check(&server, "127.0.0.1", Trust::FirstUse, Ok(()));
    check(&server, "localhost", Trust::Off, Ok(()));
    let other = Fingerprint::of(b"another");
    check(
        &server,
        "localhost",
        Trust::Pin(other),
        Err(&format!("SHA-256 is {pin}, pinned is {other}")),
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
        assert_eq!(first_use.pin(), Some(fingerprint(server.folder.path())));
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

/// OpenSSL's server answers HTTP/1.0 and closes.
#[test]
fn openssl_is_spoken_with_in_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    make_pair(folder.path());
    for version in ["-tls1_2", "-tls1_3"] {
        let peer = OpensslServer::start(folder.path(), version);
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

struct OpensslServer {
    child: Child,
    port: u16,
}

impl OpensslServer {
    fn start(folder: &Path, version: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", version, "-cert"])
            .arg(folder.join("server.pem"))
            .arg("-key")
            .arg(folder.join("server.key"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed by tests/run");
        let port = accept_port(child.stdout.take().unwrap());
        Self { child, port }
    }
}

/// `s_server` says `ACCEPT 127.0.0.1:PORT` once it listens.
fn accept_port(output: std::process::ChildStdout) -> u16 {
    use std::io::{BufRead, BufReader};
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let line = lines
        .find(|line| line.starts_with("ACCEPT"))
        .expect("openssl says where it listens");
    let port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
    // Its output must go on being read, or it would die of a broken pipe.
    std::thread::spawn(move || lines.count());
    port
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
