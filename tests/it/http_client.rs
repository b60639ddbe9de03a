//! The outgoing connection against peers that behave well, oddly and badly.

mod peers;
mod tls;

use std::time::Duration;

use esm::net::http_client::{
    BasicCredentials, ClientError, ClientLimits, ClientRequest, ClientResponse, Endpoint, HttpClient,
};

use self::peers::{Script, play};

const OK_KEPT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn request() -> ClientRequest {
    ClientRequest::post("/to?x=1", "text/xml", "body")
}

fn client_of(port: u16, limits: ClientLimits) -> HttpClient {
    let endpoint = Endpoint::Plain {
        host: "127.0.0.1".into(),
        port,
    };
    HttpClient::new(endpoint, None, limits).unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// Sends `requests` requests one after the other to a peer that plays the scripts, one per connection.
fn send(scripts: &[Script], requests: usize) -> (Vec<Result<ClientResponse, ClientError>>, Vec<Vec<String>>) {
    let limits = ClientLimits {
        response: Duration::from_millis(500),
        body_bytes: 1000,
        ..ClientLimits::default()
    };
    let (port, peer) = play(scripts);
    let outcomes = block_on(async {
        let mut client = client_of(port, limits);
        let mut outcomes = Vec::new();
        for _ in 0..requests {
            outcomes.push(client.send(&request()).await);
        }
        outcomes
    });
    (outcomes, peer.join().unwrap())
}

/// What each request came to (status and body, or the error's beginning), and how many requests each
/// connection carried.
#[track_caller]
fn check(scripts: &[Script], expect: &[&str], expect_per_connection: &[usize]) {
    let (outcomes, heard) = send(scripts, expect.len());
    let shown: Vec<String> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(reply) => format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body)),
            Err(error) => error.to_string(),
        })
        .collect();
    for (shown, expect) in shown.iter().zip(expect) {
        assert!(shown.starts_with(expect), "expected {expect:?}, got {shown:?}");
    }
    let per_connection: Vec<usize> = heard.iter().map(Vec::len).collect();
    assert_eq!(
        per_connection, expect_per_connection,
        "requests on each connection"
    );
}

#[test]
fn a_connection_is_kept_while_the_peer_keeps_it() {
    check(
        &[Script(&[OK_KEPT, OK_KEPT, OK_KEPT])],
        &["200 ok", "200 ok", "200 ok"],
        &[3],
    );
}

#[test]
fn a_listener_of_http_1_0_closes_each_time() {
    let reply = "HTTP/1.0 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nok";
    check(
        &[Script(&[reply]), Script(&[reply])],
        &["200 ok", "200 ok"],
        &[1, 1],
    );
    let to_the_end = "HTTP/1.0 501 Not Implemented\r\nCIMError: unsupported\r\n\r\nwhy";
    check(
        &[Script(&[to_the_end]), Script(&[OK_KEPT])],
        &["501 why", "200 ok"],
        &[1, 1],
    );
}

#[test]
fn an_error_reply_without_a_length_ends_with_the_connection() {
    check(
        &[
            Script(&["HTTP/1.1 400 Bad\r\nCIMError: x\r\n\r\n"]),
            Script(&[OK_KEPT]),
        ],
        &["400 ", "200 ok"],
        &[1, 1],
    );
}

#[test]
fn chunked_replies_and_interim_replies_are_read() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    check(
        &[Script(&[chunked, interim, OK_KEPT])],
        &["200 abcde", "200 x", "200 ok"],
        &[3],
    );
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced() {
    check(
        &[Script(&[OK_KEPT]), Script(&[OK_KEPT])],
        &["200 ok", "200 ok"],
        &[1, 1],
    );
}

/// The peer takes the second request and closes without a byte: it is sent again, once.
#[test]
fn a_request_that_met_a_closing_connection_is_sent_again() {
    check(
        &[Script(&[OK_KEPT, ""]), Script(&[OK_KEPT])],
        &["200 ok", "200 ok"],
        &[2, 1],
    );
    check(
        &[Script(&[OK_KEPT, ""]), Script(&[""]), Script(&[OK_KEPT])],
        &["200 ok", "the connection broke", "200 ok"],
        &[2, 1, 1],
    );
}

#[test]
fn a_request_is_not_sent_again_once_the_reply_has_begun() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    check(
        &[Script(&[OK_KEPT, half]), Script(&[OK_KEPT])],
        &["200 ok", "the connection broke", "200 ok"],
        &[2, 1],
    );
    check(
        &[Script(&[OK_KEPT, "HTTP"]), Script(&[OK_KEPT])],
        &["200 ok", "the connection broke", "200 ok"],
        &[2, 1],
    );
}

/// On a fresh connection a close is final.
#[test]
fn a_request_that_met_a_fresh_closing_connection_is_not() {
    check(
        &[Script(&[""]), Script(&[OK_KEPT])],
        &["the connection broke", "200 ok"],
        &[1, 1],
    );
}

#[test]
fn what_is_no_http_or_too_large_is_an_error() {
    check(
        &[Script(&["SSH-2.0-OpenSSH\r\n\r\n"])],
        &["the reply is no valid HTTP"],
        &[1],
    );
    check(
        &[Script(&["HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"])],
        &["the reply's body has more than 1000 bytes"],
        &[1],
    );
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(2000));
    check(
        &[Script(&[&endless])],
        &["the reply's body has more than 1000 bytes"],
        &[1],
    );
}

#[test]
fn a_silent_peer_is_given_up() {
    check(
        &[Script(&["wait"]), Script(&[OK_KEPT])],
        &["no whole reply within 500ms", "200 ok"],
        &[1, 1],
    );
    check(
        &[Script(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "wait",
        ])],
        &["no whole reply within 500ms"],
        &[1],
    );
}

#[test]
fn nobody_there_is_told_with_the_address() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let error = block_on(client_of(port, ClientLimits::default()).send(&request())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("no connection to 127.0.0.1:{port}: Connection refused (os error 111)")
    );
}

#[test]
fn the_request_goes_out_whole_and_in_one_piece() {
    let (port, peer) = play(&[Script(&[OK_KEPT])]);
    block_on(async {
        let credentials = BasicCredentials::new("ann", "secret").unwrap();
        assert_eq!(format!("{credentials:?}"), "BasicCredentials(..)");
        let endpoint = Endpoint::Plain {
            host: "127.0.0.1".into(),
            port,
        };
        let mut client = HttpClient::new(endpoint, Some(credentials), ClientLimits::default()).unwrap();
        assert_eq!(client.send(&request()).await.unwrap().status, 200);
    });
    let heard = peer
        .join()
        .unwrap()
        .concat()
        .concat()
        .replace(&port.to_string(), "PORT");
    assert_eq!(
        heard,
        "POST /to?x=1 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n\
         Content-Type: text/xml\r\nContent-Length: 4\r\n\r\nbody"
    );
}
