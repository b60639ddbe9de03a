//! Whom deliveries trust, what they log in with, and listeners that come and go.

use std::time::Duration;

use super::{PUSH, Source, Subscribed, deliver, manage, numbers, subscribe};
use crate::manager::{Manager, Pair};
use crate::message::Message;

/// A pair in a folder of its own within `folder`.
fn pair(folder: &tempfile::TempDir, name: &str) -> Pair {
    let folder = folder.path().join(name);
    std::fs::create_dir(&folder).unwrap();
    Pair::make(&folder)
}

fn again(manager: Manager, pair: Option<&Pair>) -> Manager {
    let port = manager.port().to_string();
    drop(manager);
    Manager::start(pair, &["--port", &port])
}

#[test]
fn a_listener_that_was_away_gets_what_it_missed_in_order() {
    let source = Source::start();
    let manager = Manager::start(None, &[]);
    source.subscribe(&deliver(PUSH, &manager.url("/"), ""), "");
    source.alert();
    assert_eq!(numbers(&manager.next()), [0]);
    let port = manager.port().to_string();
    drop(manager);
    for _ in 0..5 {
        source.alert();
    }
    // One that is there but refuses is as good as away.
    let busy = Manager::start(None, &["--port", &port, "--status", "503"]);
    assert_eq!(busy.next()["answered"], 503);
    let manager = again(busy, None);
    for number in 1..=5 {
        assert_eq!(numbers(&manager.next()), [number]);
    }
    source.alert();
    assert_eq!(numbers(&manager.next()), [6]);
    manager.nothing_more(Duration::from_millis(1500));
    source.agent.stop();
}

/// What waits is on disk.
#[test]
fn what_waits_outlives_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::start(None, &[]);
    let port = manager.port().to_string();
    let url = manager.url("/");
    drop(manager);
    let source = Source::start_in(folder.path(), "");
    let filter = "<w:Filter Dialect=\"http://schemas.microsoft.com/wbem/wsman/1/WQL\">SELECT * FROM CIM_AlertIndication WHERE EventID = '4000060B'</w:Filter>";
    source.subscribe(&deliver(PUSH, &url, ""), filter);
    source.alert();
    source.alert();
    source.agent.kill();
    let source = Source::start_in(folder.path(), "");
    let manager = Manager::start(None, &["--port", &port]);
    let (first, second) = (manager.next(), manager.next());
    assert_eq!((numbers(&first), numbers(&second)), (vec![0], vec![1]));
    let context = |told: &serde_json::Value| told["events"][0][1]["SequenceContext"].clone();
    assert_eq!(context(&first), context(&second));
    source.agent.stop();
}

fn with_credentials(manager: &Manager) -> Message {
    let to = manager.url("/secret");
    let auth = "<w:Auth Profile=\"http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/basic\"/>";
    let tokens = format!(
        "<t:IssuedTokens xmlns:t=\"http://schemas.xmlsoap.org/ws/2005/02/trust\" s:mustUnderstand=\"true\">\
         <t:RequestSecurityTokenResponse>\
         <t:TokenType>http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#UsernameToken</t:TokenType>\
         <t:RequestedSecurityToken><u:UsernameToken xmlns:u=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
         <u:Username>evuser</u:Username><u:Password>ev pass &amp; w\u{f6}rd</u:Password></u:UsernameToken></t:RequestedSecurityToken>\
         <p:AppliesTo xmlns:p=\"http://schemas.xmlsoap.org/ws/2004/09/policy\"><a:EndpointReference><a:Address>{to}</a:Address></a:EndpointReference></p:AppliesTo>\
         </t:RequestSecurityTokenResponse></t:IssuedTokens>"
    );
    subscribe(&deliver(PUSH, &to, auth), "").header(&tokens)
}

/// The listener checks them; they are nowhere to be read, before a restart and after.
#[test]
fn deliveries_log_in_with_the_credentials_of_their_subscription() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let pair = pair(&folder, "manager");
    let password = "ev pass & w\u{f6}rd";
    let manager = Manager::start(Some(&pair), &["--user", "evuser", "--password", password]);
    let source = Source::start_in(&home, "");
    Subscribed::of(&source.ask(&with_credentials(&manager)));
    source.alert();
    assert_eq!(manager.next()["path"], "/secret");
    source.agent.kill();
    let source = Source::start_in(&home, "");
    source.alert();
    assert_eq!(manager.next()["path"], "/secret");
    let log = source.agent.stop();
    assert!(!log.contains("ev pass"), "{log}");
    for file in std::fs::read_dir(home.join("state")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let clear = bytes.windows(7).any(|window| window == b"ev pass");
            assert!(!clear, "{}", path.display());
        }
    }
}

#[test]
fn wrong_credentials_are_tried_again_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pair = pair(&folder, "manager");
    let strict = Manager::start(Some(&pair), &["--user", "evuser", "--password", "another"]);
    let source = Source::start();
    Subscribed::of(&source.ask(&with_credentials(&strict)));
    source.alert();
    let refused = strict.next();
    assert!(
        refused["refused"].as_str().unwrap().starts_with("Basic "),
        "{refused}"
    );
    let manager = again(strict, Some(&pair));
    assert_eq!(numbers(&manager.next()), [0]);
    source.agent.stop();
}

/// The certificate that was seen first is the listener's; another on its address is told nothing.
#[test]
fn a_certificate_is_pinned_when_it_is_first_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (pair(&folder, "own"), pair(&folder, "other"));
    let manager = Manager::tls(&own);
    let source = Source::start();
    source.subscribe(&deliver(PUSH, &manager.url("/"), ""), "");
    source.alert();
    assert_eq!(numbers(&manager.next()), [0]);
    let impostor = again(manager, Some(&other));
    source.alert();
    impostor.nothing_more(Duration::from_millis(3500));
    let manager = again(impostor, Some(&own));
    assert_eq!(numbers(&manager.next()), [1]);
    let renewed = Pair::renewed(folder.path(), &own);
    let manager = again(manager, Some(&renewed));
    source.alert();
    assert_eq!(numbers(&manager.next()), [2]);
    assert!(source.agent.stop().contains("certificate"));
}

#[test]
fn an_authority_vouches_for_listeners() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (pair(&folder, "authority"), pair(&folder, "other"));
    let trust = format!(
        "delivery.trust = \"ca\"\ndelivery.ca_file = '{}'\n",
        authority.certificate.display()
    );
    let source = Source::start_with(&trust);
    let manager = Manager::tls(&Pair::signed_by(folder.path(), &authority));
    let unknown = Manager::tls(&other);
    source.subscribe(&deliver(PUSH, &manager.url("/"), ""), "");
    source.subscribe(&deliver(PUSH, &unknown.url("/"), ""), "");
    source.alert();
    assert_eq!(numbers(&manager.next()), [0]);
    unknown.nothing_more(Duration::from_millis(2500));
    source.agent.stop();
}

/// One listener that hangs costs the others nothing.
#[test]
fn a_listener_that_hangs_delays_nobody_else() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    let nowhere = format!("http://{}/", silent.local_addr().unwrap());
    let hung = source.subscribe(&deliver(PUSH, &nowhere, ""), "");
    source.subscribe(&deliver(PUSH, &manager.url("/"), ""), "");
    for number in 0..3 {
        let began = std::time::Instant::now();
        source.alert();
        assert_eq!(numbers(&manager.next()), [number]);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    // It can be ended while it hangs, and the agent stops in time.
    assert_eq!(source.ask(&manage("Unsubscribe", &hung.id, "")).status, 200);
    source.agent.stop();
}
