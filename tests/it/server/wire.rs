//! Raw bytes in, raw bytes out: what is refused and how, what keeps the connection and what ends it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use esm::server::Limits;

use super::harness::TestServer;

/// `ann:right horse`
const AUTHORIZATION: &str = "Authorization: Basic YW5uOnJpZ2h0IGhvcnNl\r\n";

fn limits() -> Limits {
    Limits {
        body_bytes: 100_000,
        header: Duration::from_millis(300),
        handshake: Duration::from_millis(300),
        body: Duration::from_millis(300),
        idle: Duration::from_millis(600),
        ..Limits::default()
    }
}

/// Sends the pieces, with a short pause between them, and returns all that comes until the server closes.
/// `{auth}` stands for a right `Authorization` header.
fn talk(server: &TestServer, pieces: &[&str]) -> String {
    let mut stream = TcpStream::connect(server.plain).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        stream
            .write_all(piece.replace("{auth}", AUTHORIZATION).as_bytes())
            .unwrap();
    }
    let mut heard = Vec::new();
    stream
        .read_to_end(&mut heard)
        .expect("the server closes, and not with a reset");
    String::from_utf8(heard).unwrap()
}

/// Compares without the Date header.
#[track_caller]
fn check(server: &TestServer, pieces: &[&str], expect: &str) {
    let heard = talk(server, pieces);
    let lines: Vec<&str> = heard
        .split("\r\n")
        .filter(|line| !line.starts_with("Date: "))
        .collect();
    assert_eq!(lines.join("\n"), expect, "{:.200}", pieces.concat());
}

#[test]
fn replies_have_a_length_and_a_body() {
    let server = TestServer::start_with(limits(), |_| None);
    check(
        &server,
        &["POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{auth}Content-Length: 2\r\n\r\nhi"],
        "HTTP/1.1 200 OK\nContent-Type: application/octet-stream\nConnection: close\nContent-Length: 6\n\nann:hi",
    );
    check(
        &server,
        &["POST /echo HTTP/1.0\r\n{auth}Content-Length: 2\r\n\r\nhi"],
        "HTTP/1.0 200 OK\nContent-Type: application/octet-stream\nContent-Length: 6\n\nann:hi",
    );
    check(
        &server,
        &["POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"],
        "HTTP/1.1 401 Unauthorized\nContent-Type: text/plain; charset=utf-8\nWww-Authenticate: Basic realm=\"esm\"\n\
         Connection: close\nContent-Length: 51\n\nCredentials are needed: send Authorization: Basic.\n",
    );
}

#[test]
fn what_is_no_request_is_told_so() {
    let server = TestServer::start_with(limits(), |_| None);
    check(
        &server,
        &["\u{16}\u{3}\u{1} this is TLS\r\n\r\n"],
        "HTTP/1.1 400 Bad Request\nContent-Type: text/plain; charset=utf-8\nContent-Length: 35\nConnection: close\n\n\
         This is no valid HTTP/1.1 request.\n",
    );
    let long = format!(
        "POST /echo HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    check(
        &server,
        &[&long],
        "HTTP/1.1 431 Request Header Fields Too Large\nContent-Type: text/plain; charset=utf-8\nContent-Length: 112\n\
         Connection: close\n\nThe head of the request is too large: it may have 100 lines, and as many bytes as \
         `limits.max_head_bytes` says.\n",
    );
    check(
        &server,
        &["POST /echo HTTP/1.1\r\nHost:"],
        "HTTP/1.1 408 Request Timeout\nContent-Type: text/plain; charset=utf-8\nContent-Length: 46\nConnection: close\n\n\
         The head of the request did not come in time.\n",
    );
}

#[track_caller]
fn check_status(server: &TestServer, pieces: &[&str], expect: &[&str]) {
    let heard = talk(server, pieces);
    let statuses: Vec<&str> = heard
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|reply| reply.split("\r\n").next().unwrap())
        .collect();
    assert_eq!(statuses, expect, "{:.200} got {heard}", pieces.concat());
}

#[test]
fn bodies_are_bounded_in_size_and_time() {
    let server = TestServer::start_with(limits(), |_| None);
    let large = "x".repeat(150_000);
    let declared = format!("POST /echo HTTP/1.1\r\nHost: x\r\n{{auth}}Content-Length: 150000\r\n\r\n{large}");
    check_status(&server, &[&declared], &["413 Payload Too Large"]);
    let huge = "POST /echo HTTP/1.1\r\nHost: x\r\n{auth}Content-Length: 99999999999\r\n\r\nx";
    check_status(&server, &[huge], &["413 Payload Too Large"]);
    let chunked = format!(
        "POST /echo HTTP/1.1\r\nHost: x\r\n{{auth}}Transfer-Encoding: chunked\r\n\r\n249F0\r\n{large}\r\n0\r\n\r\n"
    );
    check_status(&server, &[&chunked], &["413 Payload Too Large"]);
    let slow = "POST /echo HTTP/1.1\r\nHost: x\r\n{auth}Content-Length: 9\r\n\r\nhalf";
    check_status(&server, &[slow], &["408 Request Timeout"]);
    let broken = "POST /echo HTTP/1.1\r\nHost: x\r\n{auth}Transfer-Encoding: chunked\r\n\r\nZZ\r\n";
    check_status(&server, &[broken], &["400 Bad Request"]);
    let lengthless = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{auth}\r\n";
    check_status(&server, &[lengthless], &["411 Length Required"]);
    let encoded = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{auth}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx";
    check_status(&server, &[encoded], &["415 Unsupported Media Type"]);
}

#[test]
fn bodies_in_chunks_and_pieces_arrive_whole() {
    let server = TestServer::start_with(limits(), |_| None);
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{auth}";
    let chunked = [
        head,
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "2;x=y\r\nde\r\n",
        "0\r\nTrailer: t\r\n\r\n",
    ];
    assert!(talk(&server, &chunked).ends_with("\r\n\r\nann:abcde"));
    let pieces = [head, "Content-Length: 6\r\n\r\n", "ab", "cd", "ef"];
    assert!(talk(&server, &pieces).ends_with("\r\n\r\nann:abcdef"));
}

#[test]
fn the_client_that_waits_for_continue_hears_a_refusal_first() {
    let server = TestServer::start_with(limits(), |_| None);
    let expect = "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    check_status(&server, &[head, expect], &["401 Unauthorized"]);
    check_status(
        &server,
        &[head, "{auth}", expect, "hi"],
        &["100 Continue", "200 OK"],
    );
    let large = "{auth}Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n";
    check_status(&server, &[head, large], &["413 Payload Too Large"]);
}

/// As a client does that sends its first request without credentials, and the same again with them.
#[test]
fn a_refusal_keeps_the_connection() {
    let server = TestServer::start_with(limits(), |_| None);
    let anonymous = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
    let right = "POST /echo HTTP/1.1\r\nHost: x\r\n{auth}Content-Length: 5\r\n\r\nhello";
    check_status(
        &server,
        &[anonymous, "he", "llo", right],
        &["401 Unauthorized", "200 OK"],
    );
    let all_at_once = format!("{anonymous}hello{right}{right}");
    check_status(
        &server,
        &[&all_at_once],
        &["401 Unauthorized", "200 OK", "200 OK"],
    );
    let elsewhere = "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    check_status(&server, &[elsewhere, right], &["404 Not Found", "200 OK"]);
}

#[test]
fn silent_connections_are_closed() {
    let server = TestServer::start_with(limits(), |_| None);
    let started = Instant::now();
    assert_eq!(talk(&server, &[""]), "");
    assert!(
        started.elapsed() >= Duration::from_millis(300),
        "the handshake's time"
    );
    let started = Instant::now();
    check_status(&server, &["GET /open HTTP/1.1\r\nHost: x\r\n\r\n"], &["200 OK"]);
    assert!(started.elapsed() >= Duration::from_millis(600), "the idle time");
    assert!(started.elapsed() < Duration::from_secs(3));
}

/// A reply that came in two writes would at times be read in two pieces.
#[test]
fn head_and_body_come_in_one_piece() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.plain).unwrap();
    let request = format!(
        "POST /echo HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}Content-Length: 3000\r\n\r\n{}",
        "x".repeat(3000)
    );
    let mut buffer = [0; 8192];
    for _ in 0..200 {
        stream.write_all(request.as_bytes()).unwrap();
        let count = stream.read(&mut buffer).unwrap();
        assert!(
            buffer[..count].ends_with(b"xxx") && count > 3100,
            "{count} bytes came first"
        );
    }
}

/// Many clients that go away in the middle leave the server well.
#[test]
fn clients_that_reset_do_no_harm() {
    let server = TestServer::start();
    for length in [1, 20, 60, 90] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(server.plain).unwrap();
            let request = "POST /echo HTTP/1.1\r\nHost: x\r\n{auth}Content-Length: 5\r\n\r\nhello"
                .replace("{auth}", AUTHORIZATION);
            stream.write_all(&request.as_bytes()[..length]).unwrap();
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        }
    }
    let right = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{auth}Content-Length: 5\r\n\r\nhello";
    check_status(&server, &[right], &["200 OK"]);
}
