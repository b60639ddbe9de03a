//! Wrong logins are slow, right ones are not, whoever else is trying; and the local socket needs none.

use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use esm::net::http_client::{BasicCredentials, ClientLimits, ClientRequest, Endpoint, HttpClient};
use esm::server::Limits;

use super::harness::{PASSWORD, TestServer, USER, credentials, run, text};

const WRONG: &str = "The name or the password is wrong.\n";

fn timed(server: &TestServer, credentials: &str) -> (String, Duration) {
    let started = Instant::now();
    let output = server.curl(&["-u", credentials, "-d", "hi", "/echo"]);
    (text(&output), started.elapsed())
}

#[test]
fn wrong_logins_wait_longer_and_longer_and_right_ones_do_not() {
    let server = TestServer::start();
    let (heard, first) = timed(&server, "ann:wrong");
    assert_eq!(heard, WRONG);
    let (heard, second) = timed(&server, "nobody:wrong");
    assert_eq!(heard, WRONG);
    let (heard, third) = timed(&server, "ann:wrong");
    assert_eq!(heard, WRONG);
    assert!(first >= Duration::from_millis(250), "{first:?}");
    assert!(second >= Duration::from_millis(500), "{second:?}");
    assert!(third >= Duration::from_millis(1000), "{third:?}");

    std::thread::scope(|scope| {
        let guessers: Vec<_> = (0..8)
            .map(|n| {
                let server = &server;
                scope.spawn(move || timed(server, &format!("ann:guess{n}")))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));
        for _ in 0..3 {
            let (heard, took) = timed(&server, &credentials());
            assert_eq!(heard, "ann:hi");
            assert!(
                took < Duration::from_secs(4),
                "a right login took {took:?}: less than the pause of most guesses"
            );
        }
        for guesser in guessers {
            assert_eq!(guesser.join().unwrap().0, WRONG);
        }
    });
    assert_eq!(
        server
            .handle
            .as_ref()
            .unwrap()
            .counters()
            .failed_logins
            .load(Relaxed),
        11
    );
}

#[test]
fn a_changed_accounts_file_takes_effect_at_once() {
    let server = TestServer::start();
    let accounts = esm::net::accounts::Accounts::open(server.folder.path().join("accounts")).unwrap();
    assert_eq!(timed(&server, &credentials()).0, "ann:hi");
    accounts.set("bob", b"builder").unwrap();
    assert_eq!(timed(&server, "bob:builder").0, "bob:hi");
    accounts.set("ann", b"changed").unwrap();
    assert_eq!(timed(&server, &credentials()).0, WRONG);
    assert_eq!(timed(&server, "ann:changed").0, "ann:hi");
    assert!(accounts.delete("ann").unwrap());
    assert_eq!(timed(&server, "ann:changed").0, WRONG);
    assert_eq!(timed(&server, "bob:builder").0, "bob:hi");
}

#[test]
fn the_local_socket_knows_its_peer() {
    let server = TestServer::start();
    let output = run(Command::new("curl")
        .args(["-sS", "-d", "hi", "http://localhost/echo", "--unix-socket"])
        .arg(server.folder.path().join("socket")));
    let own_name = text(&run(Command::new("id").arg("-un")));
    assert_eq!(text(&output), format!("{}:hi", own_name.trim()));
}

/// 200 connections of one source guess as fast as they are answered, each time another password; half of them are made
/// anew for each guess. Meanwhile logins of the
/// same source that are right, those that were verified before and those that were not, are answered at once.
#[test]
fn right_logins_do_not_wait_for_connections_that_guess_all_the_time() {
    let limits = Limits {
        failed_login_pause: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = TestServer::start_with(limits, |_| None);
    let names = ["known", "new1", "new2", "new3", "new4", "new5"];
    share_password(&server, &names);
    server.runtime.block_on(async {
        let started = Instant::now();
        assert_eq!(
            client(&server, "known", PASSWORD)
                .send(&ping())
                .await
                .unwrap()
                .status,
            200
        );
        let one_hashing = started.elapsed();
        let guessers: Vec<_> = (0..200)
            .map(|number| tokio::spawn(guess_on(plain(&server), number)))
            .collect();
        let counters = server.handle.as_ref().unwrap().counters();
        while counters.requests.load(Relaxed) < 200 || counters.failed_logins.load(Relaxed) < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for (name, hashings) in names.into_iter().zip([2, 12, 12, 12, 12, 12]) {
            let started = Instant::now();
            let mut client = client(&server, name, PASSWORD);
            assert_eq!(client.send(&ping()).await.unwrap().status, 200, "{name}");
            let took = started.elapsed();
            let limit = hashings * one_hashing;
            assert!(took < limit, "{name} took {took:?}, one hashing {one_hashing:?}");
        }
        guessers.iter().for_each(tokio::task::JoinHandle::abort);
    });
}

/// Gives all of them the password of [`USER`], without hashing it for each.
fn share_password(server: &TestServer, names: &[&str]) {
    let path = server.folder.path().join("accounts");
    let file = std::fs::read_to_string(&path).unwrap();
    let hash = file.lines().find_map(|line| line.strip_prefix("ann:")).unwrap();
    let lines: String = names.iter().map(|name| format!("{name}:{hash}\n")).collect();
    std::fs::write(&path, file.clone() + &lines).unwrap();
}

async fn guess_on((host, port): (String, u16), number: usize) {
    let connect = || tokio::net::TcpStream::connect((host.as_str(), port));
    let mut connection = connect().await.unwrap();
    for guess in 0.. {
        use base64::Engine as _;
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{number}-{guess}"));
        let request = format!(
            "POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Length: 0\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(WRONG.as_bytes()) {
            assert_ne!(connection.read_buf(&mut reply).await.unwrap(), 0, "it is kept");
        }
        if number.is_multiple_of(2) {
            connection = connect().await.unwrap();
        }
    }
}

fn plain(server: &TestServer) -> (String, u16) {
    (server.plain.ip().to_string(), server.plain.port())
}

fn client(server: &TestServer, user: &str, password: &str) -> HttpClient {
    let credentials = BasicCredentials::new(user, password).unwrap();
    let (host, port) = plain(server);
    let endpoint = Endpoint::Plain { host, port };
    HttpClient::new(endpoint, Some(credentials), ClientLimits::default()).unwrap()
}

fn ping() -> ClientRequest {
    ClientRequest::post("/echo", "text/plain", "hi")
}

/// As many guesses at once as one source may send, each another password; then the right one, for the first time.
#[test]
fn a_right_login_does_not_wait_behind_a_flood_of_guesses() {
    let server = TestServer::start();
    let ask = |user: &str, password: String| {
        let user = user.to_owned();
        let (host, port) = (server.plain.ip().to_string(), server.plain.port());
        async move {
            let credentials = BasicCredentials::new(&user, &password).unwrap();
            let endpoint = Endpoint::Plain { host, port };
            let mut client = HttpClient::new(endpoint, Some(credentials), ClientLimits::default()).unwrap();
            client
                .send(&ClientRequest::post("/echo", "text/plain", "hi"))
                .await
                .unwrap()
                .status
        }
    };
    let accounts = esm::net::accounts::Accounts::open(server.folder.path().join("accounts")).unwrap();
    accounts.set("bob", b"builder").unwrap();
    server.runtime.block_on(async {
        let started = Instant::now();
        assert_eq!(ask("bob", "builder".to_owned()).await, 200);
        let one_hashing = started.elapsed();
        let guesses: Vec<_> = (0..200)
            .map(|n| tokio::spawn(ask(USER, format!("guess {n}"))))
            .collect();
        let requests = &server.handle.as_ref().unwrap().counters().requests;
        while requests.load(Relaxed) < 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let started = Instant::now();
        assert_eq!(ask(USER, PASSWORD.to_owned()).await, 200);
        let took = started.elapsed();
        // Behind all guesses, two at a time, it would be a hundred.
        assert!(
            took < 40 * one_hashing,
            "a right login took {took:?}, one hashing {one_hashing:?}"
        );
        drop(guesses);
    });
}
