//! Wrong logins are slow, right ones are not, whoever else is trying; and the local socket needs none.

use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::harness::{TestServer, credentials, run, text};

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
            assert!(took < Duration::from_millis(1500), "a right login took {took:?}");
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
