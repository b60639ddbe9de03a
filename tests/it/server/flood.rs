//! Floods of connections that say nothing, or little, from the very address of a valid caller.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use esm::net::http_client::{BasicCredentials, ClientLimits, ClientRequest, Endpoint, HttpClient};
use esm::net::tls::client::{ClientTls, Trust};
use esm::server::{Limits, raise_file_limit};

use super::harness::{PASSWORD, TestServer, USER, credentials, text};

const FLOOD: usize = 10_000;
/// The beginning of a TLS record whose rest never comes.
const HALF_A_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0];

fn need_files(count: u64) {
    let limit = raise_file_limit();
    assert!(
        limit.is_none_or(|limit| limit > count),
        "this test needs {count} open files, the limit is {limit:?}"
    );
}

fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.address).expect("the server accepts")
}

#[track_caller]
fn check_answered(server: &TestServer) {
    let started = Instant::now();
    let output = server.curl(&["--max-time", "5", "-u", &credentials(), "-d", "hi", "/echo"]);
    assert_eq!(
        text(&output),
        "ann:hi",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn ten_thousand_silent_connections_lock_nobody_out() {
    need_files(FLOOD as u64 + 1000);
    let server = TestServer::start();
    let client_tls = ClientTls::new(Trust::Off).unwrap();
    let endpoint = Endpoint::Tls {
        host: "127.0.0.1".into(),
        port: server.address.port(),
        tls: client_tls,
    };
    let basic = BasicCredentials::new(USER, PASSWORD).unwrap();
    let mut kept = HttpClient::new(endpoint, Some(basic), ClientLimits::default()).unwrap();
    let request = ClientRequest::post("/echo", "text/plain", "kept");
    assert_eq!(server.runtime.block_on(kept.send(&request)).unwrap().status, 200);

    let mut silent: Vec<TcpStream> = Vec::with_capacity(FLOOD);
    while silent.len() < FLOOD {
        silent.push(connect(&server));
        if silent.len().is_multiple_of(2500) {
            check_answered(&server);
        }
    }
    check_answered(&server);
    for stream in &mut silent {
        // Those that gave way are closed.
        let _ = stream.write_all(HALF_A_HELLO);
    }
    check_answered(&server);

    let open = server.handle.as_ref().unwrap().open_connections();
    assert!(open <= 256, "{open} connections are open");
    assert!(kept.is_connected());
    assert_eq!(server.runtime.block_on(kept.send(&request)).unwrap().status, 200);
    assert_eq!(
        server
            .handle
            .as_ref()
            .unwrap()
            .counters()
            .refused_connections
            .load(std::sync::atomic::Ordering::Relaxed),
        0
    );
}

/// Those that finished the handshake and then say nothing give way, too, but not to lesser ones.
#[test]
fn finished_handshakes_lock_nobody_out() {
    let server = TestServer::start_with(
        Limits {
            connections: 60,
            connections_per_source: 50,
            ..Limits::default()
        },
        |_| None,
    );
    let tls = ClientTls::new(Trust::Off).unwrap();
    let shaken: Vec<_> = server.runtime.block_on(async {
        let mut shaken = Vec::new();
        for _ in 0..100 {
            let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
            shaken.push(tls.connect(stream, "localhost").await.unwrap());
        }
        shaken
    });
    check_answered(&server);
    let silent: Vec<TcpStream> = (0..100).map(|_| connect(&server)).collect();
    check_answered(&server);
    drop((shaken, silent));
}
