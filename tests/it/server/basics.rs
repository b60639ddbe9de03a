//! What any HTTP client meets: authentication, errors with a text, kept connections.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use esm::net::accounts::Accounts;
use esm::server::{Authenticator, BindError, Endpoint, Limits, Listener, Sharing, ShutdownReport};

use super::harness::{TestServer, credentials, run, text};

const SHOW: [&str; 2] = ["-w", "|%{http_code}|%{num_connects}"];

#[track_caller]
fn check(server: &TestServer, args: &[&str], expect: &str) {
    let output = server.curl(&[&SHOW[..], args].concat());
    assert_eq!(
        text(&output),
        expect,
        "curl {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn curl_is_answered_as_the_route_and_the_credentials_say() {
    let server = TestServer::start();
    let right = credentials();
    let wrong = "ann:wrong";
    check(
        &server,
        &["-u", &right, "-d", "hello", "/echo"],
        "ann:hello|200|1",
    );
    check(&server, &["-d", "hello", "/open"], "hello|200|1");
    check(
        &server,
        &["-d", "x", "/echo"],
        "Credentials are needed: send Authorization: Basic.\n|401|1",
    );
    check(
        &server,
        &["-u", wrong, "-d", "x", "/echo"],
        "The name or the password is wrong.\n|401|1",
    );
    check(
        &server,
        &["-H", "Authorization: Digest x", "-d", "x", "/echo"],
        "Only Basic credentials are taken here.\n|401|1",
    );
    check(
        &server,
        &["-d", "x", "/other"],
        "Nothing is served under this path.\n|404|1",
    );
    check(
        &server,
        &["-u", &right, "/echo"],
        "This path serves POST only.\n|405|1",
    );
    check(
        &server,
        &["-u", &right, "-d", "x", "/panic"],
        "Answering this request failed; the agent's log says why.\n|500|1",
    );
    check(
        &server,
        &["-u", &right, "-d", "x", "/panic-late"],
        "Answering this request failed; the agent's log says why.\n|500|1",
    );
    check(
        &server,
        &["-u", &right, "-d", "after", "/echo"],
        "ann:after|200|1",
    );
}

#[test]
fn a_clean_stop_waits_for_what_is_being_worked_on() {
    let mut server = TestServer::start();
    let handle = server.handle.take().unwrap();
    let report = std::thread::scope(|scope| {
        let slow = scope.spawn(|| server.curl(&["-u", &credentials(), "-d", "x", "/slow"]));
        server.runtime.block_on(async {
            while handle.in_flight() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let report = server.runtime.block_on(handle.shutdown(Duration::from_secs(10)));
        assert_eq!(text(&slow.join().unwrap()), "ann:x");
        report
    });
    assert_eq!(report, ShutdownReport { cut_off: 0 });
    assert!(
        std::net::TcpStream::connect(server.address).is_err(),
        "nobody accepts any more"
    );
    assert!(!server.folder.path().join("socket").exists());
}

#[test]
fn limits_accounts_and_listeners_change_while_running() {
    let mut server = TestServer::start();
    let mut handle = server.handle.take().unwrap();
    check(
        &server,
        &["-u", &credentials(), "-d", "12345", "/echo"],
        "ann:12345|200|1",
    );

    handle.set_limits(Limits {
        body_bytes: 4,
        ..Limits::default()
    });
    check(
        &server,
        &["-u", &credentials(), "-d", "12345", "/echo"],
        "The body may have at most 4 bytes.\n|413|1",
    );

    let accounts = Accounts::open(server.folder.path().join("others")).unwrap();
    accounts.set("bob", b"builder").unwrap();
    handle.set_authenticator(Authenticator::new(Some(Arc::new(accounts)), None));
    check(
        &server,
        &["-u", &credentials(), "-d", "1", "/echo"],
        "The name or the password is wrong.\n|401|1",
    );
    check(&server, &["-u", "bob:builder", "-d", "1", "/echo"], "bob:1|200|1");

    let plain = format!("http://{}/open", server.plain);
    let ask = || text(&run(Command::new("curl").args(["-sS", "-d", "x", &plain])));
    assert_eq!(ask(), "x");
    let any_port = Endpoint::Plain("127.0.0.1:0".parse().unwrap());
    assert!(handle.stop_listening(&any_port));
    assert!(!handle.stop_listening(&any_port), "it is listened on no more");
    while std::net::TcpStream::connect(server.plain).is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let again = Endpoint::Plain(server.plain);
    server.runtime.block_on(async {
        handle.listen(Listener::bind(&again, &server.tls, Sharing::Exclusive).unwrap());
    });
    assert_eq!(ask(), "x");

    // On all addresses instead of the one: the new listener is there before the old one goes.
    let everywhere = Endpoint::Plain(SocketAddr::new([0, 0, 0, 0].into(), server.plain.port()));
    assert!(everywhere.overlaps(&again));
    server.runtime.block_on(async {
        assert!(matches!(
            Listener::bind(&everywhere, &server.tls, Sharing::Exclusive),
            Err(BindError::InUse(_))
        ));
        handle.listen(Listener::bind(&everywhere, &server.tls, Sharing::Overlapping).unwrap());
    });
    assert!(handle.stop_listening(&again));
    assert_eq!(ask(), "x");
    assert_eq!(handle.addresses().len(), 2);
}

#[test]
fn a_streamed_reply_keeps_the_connection_and_a_broken_one_shows() {
    let server = TestServer::start();
    let url = format!("https://localhost:{}/echo", server.address.port());
    let credentials = credentials();
    let after = ["-u", &credentials, "-d", "x", &url, "/stream"];
    check(
        &server,
        &[&SHOW[..], &after].concat(),
        "ann:x|200|1one two three|200|0",
    );
    let output = server.curl(&["-u", &credentials, "-d", "x", "/broken-stream"]);
    assert_eq!(text(&output), "one two three");
    assert_eq!(
        output.status.code(),
        Some(18),
        "curl says that the transfer was partial"
    );
}

/// Whoever sends the body of a request without a login, and sends it slowly.
#[test]
fn strangers_who_send_slowly_lock_nobody_out() {
    let limits = Limits {
        requests_in_flight: 1,
        ..Limits::default()
    };
    let server = TestServer::start_with(limits, |_| None);
    let mut slow = std::net::TcpStream::connect(server.plain).unwrap();
    slow.write_all(b"POST /open HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .unwrap();
    let mut reply = [0; 1000];
    let length = slow.read(&mut reply).unwrap();
    assert!(
        reply[..length].starts_with(b"HTTP/1.1 100"),
        "its body is waited for"
    );
    let answer = server.curl(&["-u", &credentials(), "-d", "x", "/echo"]);
    assert_eq!(text(&answer), "ann:x");
    slow.write_all(b"body").unwrap();
    let length = slow.read(&mut reply).unwrap();
    assert!(reply[..length].starts_with(b"HTTP/1.1 200"));
}

fn one_at_once() -> Limits {
    Limits {
        requests_in_flight: 1,
        ..Limits::default()
    }
}

/// Asks for `path` while `long` is being worked on, in a server that works on one request at once.
fn ask_beside(long: &str, path: &str) -> (String, String) {
    let server = TestServer::start_with(one_at_once(), |_| None);
    let credentials = credentials();
    let ask = |path| {
        text(&server.curl(&[
            "-u",
            &credentials,
            "-d",
            "x",
            "-w",
            "|%{http_code}|%header{retry-after}",
            path,
        ]))
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(long));
        while server.handle.as_ref().unwrap().in_flight() == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let second = ask(path);
        (first.join().unwrap(), second)
    })
}

#[test]
fn too_many_at_once_wait_for_a_moment() {
    let served = "ann:x|200|".to_owned();
    assert_eq!(ask_beside("/slow", "/echo"), (served.clone(), served));
}

#[test]
fn too_many_at_once_are_told_to_come_again() {
    let (first, second) = ask_beside("/slower", "/echo");
    assert_eq!(first, "ann:x|200|");
    assert_eq!(
        second,
        "Too many requests are being worked on: try again soon.\n|503|1"
    );
}

#[test]
fn unknown_callers_take_no_place_of_the_known() {
    assert_eq!(ask_beside("/slow", "/open").1, "x|200|");
}
