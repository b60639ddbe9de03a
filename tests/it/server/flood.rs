//! Floods of connections that say nothing, or little, from the very address of a valid caller.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use esm::net::http_client::{BasicCredentials, ClientLimits, ClientRequest, Endpoint, HttpClient};
use esm::net::tls::client::{ClientTls, Trust};
use esm::server::{Limits, raise_file_limit};

use super::harness::{PASSWORD, TestServer, USER, credentials, run, text};
use crate::raw_http::Connection;

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

/// As many requests as are worked on at once, each without the body that it announces.
#[test]
fn requests_whose_body_does_not_come_lock_nobody_out() {
    let limits = Limits {
        requests_in_flight: 2,
        anonymous_in_flight: 2,
        anonymous_in_flight_per_source: 2,
        ..Limits::default()
    };
    let server = TestServer::start_with(limits, |_| None);
    let stuck: Vec<TcpStream> = (0..20)
        .map(|n| {
            let mut stream = TcpStream::connect(server.plain).unwrap();
            let (path, login) = match n % 2 {
                0 => ("/open", ""),
                _ => ("/echo", "Authorization: Basic YW5uOnJpZ2h0IGhvcnNl\r\n"),
            };
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{login}Content-Length: 9\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let counters = server.handle.as_ref().unwrap().counters();
    while counters.requests.load(std::sync::atomic::Ordering::Relaxed) < 20 {
        std::thread::sleep(Duration::from_millis(2));
    }
    check_answered(&server);
    assert_eq!(text(&server.curl(&["-d", "hi", "/open"])), "hi");
    drop(stuck);
}

/// One account works as hard as it may; others, and a user of the local socket, find room.
#[test]
fn one_account_leaves_room_for_others() {
    let limits = Limits {
        requests_in_flight: 5,
        ..Limits::default()
    };
    let server = TestServer::start_with(limits, |_| None);
    let accounts = esm::net::accounts::Accounts::open(server.folder.path().join("accounts")).unwrap();
    accounts.set("bob", b"builder").unwrap();
    let ann = credentials();
    assert_eq!(
        text(&server.curl(&["-u", "bob:builder", "-d", "x", "/echo"])),
        "bob:x"
    );
    std::thread::scope(|scope| {
        let long: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| text(&server.curl(&["-u", &ann, "-d", "x", "/slower"]))))
            .collect();
        let handle = server.handle.as_ref().unwrap();
        while handle.in_flight() < 3 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let started = Instant::now();
        assert_eq!(
            text(&server.curl(&["-u", "bob:builder", "-d", "x", "/echo"])),
            "bob:x"
        );
        let local = run(Command::new("curl")
            .args(["-sS", "-d", "x", "http://localhost/echo", "--unix-socket"])
            .arg(server.folder.path().join("socket")));
        assert!(text(&local).ends_with(":x"), "{}", text(&local));
        assert!(started.elapsed() < Duration::from_secs(2), "they had to wait");
        let heard: Vec<String> = long.into_iter().map(|asked| asked.join().unwrap()).collect();
        let served = heard.iter().filter(|heard| *heard == "ann:x").count();
        let refused = heard
            .iter()
            .filter(|heard| heard.starts_with("Too many requests of this caller are being worked on"))
            .count();
        assert!(served >= 3 && refused >= 1 && served + refused == 10, "{heard:?}");
    });
}

/// More large replies than requests are worked on at once, none of them read.
#[test]
fn replies_that_nobody_reads_lock_nobody_out() {
    let limits = Limits {
        requests_in_flight: 2,
        ..Limits::default()
    };
    let server = TestServer::start_with(limits, |_| None);
    let login = "Authorization: Basic YW5uOnJpZ2h0IGhvcnNl\r\n";
    let unread: Vec<Connection> = (0..10)
        .map(|_| {
            let mut connection = Connection::open(server.plain);
            connection.request("POST", "/large", login, b"");
            assert_ne!(connection.read_some(&mut [0; 16]), 0, "it has begun");
            connection
        })
        .collect();
    check_answered(&server);
    drop(unread);
}

/// Large bodies are read while there is memory for them; small ones always.
#[test]
fn large_bodies_share_their_memory() {
    let limits = Limits {
        bodies_bytes: 600_000,
        ..Limits::default()
    };
    let server = TestServer::start_with(limits, |_| None);
    let half_sent = |bytes: usize| {
        let mut stream = TcpStream::connect(server.plain).unwrap();
        let head = "POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YW5uOnJpZ2h0IGhvcnNl\r\n";
        let length = format!("Content-Length: {}\r\n\r\n", bytes + 1);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(length.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; bytes]).unwrap();
        stream
    };
    let file = server.folder.path().join("large");
    std::fs::write(&file, vec![b'y'; 200_000]).unwrap();
    let data = format!("@{}", file.display());
    let credentials = credentials();
    let arguments = [
        "-u",
        &credentials,
        "--data-binary",
        &data,
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "/echo",
    ];
    let started = Instant::now();
    let mut first = half_sent(250_000);
    while text(&server.curl(&arguments)) != "503" {
        // The second came in before the first, which was refused instead, or not yet read.
        assert!(started.elapsed() < Duration::from_secs(60), "both had room");
        first = half_sent(250_000);
    }
    check_answered(&server);
    // If it was refused because an earlier one was still there, it is closed by now.
    let _ = first.write_all(b"x");
    let started = Instant::now();
    while text(&server.curl(&arguments)) != "200" {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "its memory was never given back"
        );
    }
}

/// One whose last login failed gives way before one that is logged in and has been idle for longer.
#[test]
fn a_refused_login_takes_the_right_to_stay_away() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let server = TestServer::start_with(limits, |_| None);
    let login = "Authorization: Basic YW5uOnJpZ2h0IGhvcnNl\r\n";
    let ask = |connection: &mut Connection, login: &str| {
        connection.request("POST", "/echo", login, b"hi");
        connection.reply().status
    };
    let mut idle = Connection::open(server.plain);
    assert_eq!(ask(&mut idle, login), 200);
    let mut refused = Connection::open(server.plain);
    assert_eq!(ask(&mut refused, login), 200);
    assert_eq!(ask(&mut refused, ""), 401);
    let mut third = Connection::open(server.plain);
    assert_eq!(ask(&mut third, login), 200);
    assert_eq!(ask(&mut idle, login), 200);
    assert_eq!(refused.read_some(&mut [0; 16]), 0, "it is closed");
}
