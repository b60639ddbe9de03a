//! Wrong logins are slow, right ones are not, whoever else is trying; and the local socket needs none.

use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use esm::net::http_client::{BasicCredentials, ClientLimits, ClientRequest, Endpoint, HttpClient};

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
