//! Destinations of exports as their listeners see them: logins, changes while they are in use, and series of numbers.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::Agent;
use crate::command::run;
use crate::manager::{Manager, Pair};

/// Delivers to this machine, and tries again after a second.
const CONFIG: &str = "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n\
    [delivery]\nretry_first_secs = 1\nretry_max_secs = 1\n";

/// How long something may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `esm ARGS` prints; it must end with that code.
#[track_caller]
fn esm(agent: &Agent, args: &[&str], code: i32) -> String {
    let ended = run(&mut agent.esm(args));
    assert_eq!(ended.code, Some(code), "{args:?}: {ended:#?}");
    format!("{}{}", ended.out.trim(), ended.err.trim())
}

/// Makes a destination of exports; its path.
#[track_caller]
fn destination(agent: &Agent, name: &str, url: &str, login: &str) -> String {
    let values = format!("Name={name},Destination={url}{login}");
    esm(
        agent,
        &[
            "wbem",
            "ci",
            "root/interop:CIM_ListenerDestinationCIMXML",
            &values,
        ],
        0,
    )
}

/// Makes a filter that chooses what `query` says; its path.
#[track_caller]
fn filter(agent: &Agent, name: &str, query: &str) -> String {
    let values = format!("Name={name},SourceNamespaces=root/ESMPRO/AS,QueryLanguage=WQL,Query=\"{query}\"");
    esm(
        agent,
        &["wbem", "ci", "root/interop:CIM_IndicationFilter", &values],
        0,
    )
}

/// Ties the two; the path of the subscription.
#[track_caller]
fn tie(agent: &Agent, filter: &str, destination: &str) -> String {
    let values = format!("Filter={filter},Handler={destination}");
    esm(
        agent,
        &["wbem", "ci", "root/interop:CIM_IndicationSubscription", &values],
        0,
    )
}

/// What is shown of the only subscription.
#[track_caller]
fn only(agent: &Agent) -> Value {
    let list = esm(agent, &["subscription", "list", "--output", "json"], 0);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    list[0].clone()
}

#[track_caller]
fn until_state(agent: &Agent, state: &str) -> Value {
    let began = Instant::now();
    loop {
        let shown = only(agent);
        if shown["State"] == state {
            return shown;
        }
        assert!(began.elapsed() < PATIENCE, "{shown}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the answers of all listeners have come.
#[track_caller]
fn until_all_taken(agent: &Agent) {
    let began = Instant::now();
    loop {
        let list = esm(agent, &["subscription", "list", "--output", "json"], 0);
        let list: Value = serde_json::from_str(&list).unwrap();
        if list.as_array().unwrap().iter().all(|one| one["QueueLength"] == 0) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{list}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Raises that many alerts, one after the other.
#[track_caller]
fn raise(agent: &Agent, count: usize) {
    for _ in 0..count {
        esm(agent, &["wsman", "invoke", "ESM_Alive", "SendTestAlert"], 0);
    }
}

#[track_caller]
fn told(listener: &Manager, count: usize) -> Vec<Value> {
    (0..count).map(|_| listener.next()).collect()
}

fn numbers(exports: &[Value]) -> Vec<i64> {
    exports
        .iter()
        .map(|export| export["number"].as_i64().unwrap())
        .collect()
}

const TESTS: &str = "SELECT * FROM ESM_AlertIndication WHERE EventID = '4000060B'";

#[test]
fn a_listener_gets_the_login_that_it_asks_for_and_another_one_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let asks = ["--keep-alive", "--user", "agent", "--password", "the right one"];
    let listener = Manager::wbem(Some(&pair), &asks);
    let agent = Agent::start_with(CONFIG);
    let url = listener.url("/");
    let handler = destination(&agent, "d", &url, ",username=agent,password=\"a wrong one\"");
    tie(&agent, &filter(&agent, "f", TESTS), &handler);
    raise(&agent, 3);
    let refused = "Basic YWdlbnQ6YSB3cm9uZyBvbmU=";
    assert_eq!(listener.next()["refused"], refused);
    let shown = until_state(&agent, "suspended");
    let error = shown["LastError"].as_str().unwrap();
    assert!(error.contains("401"), "{shown}");
    // What a table shows of it; the number alone may stand in an identifier, too.
    let error: String = error.chars().take(12).collect();
    assert_eq!(shown["ErrorCleared"], false, "{shown}");
    let failed_at = shown["LastErrorTime"].as_str().unwrap().to_owned();
    let listed = esm(&agent, &["subscription", "list"], 0);
    assert!(listed.contains(&error), "{listed}");

    // Written where it is in use: what waits goes out under it, and nobody is shown it.
    let secret = "password=\"the right one\"";
    esm(&agent, &["wbem", "mi", &handler, secret], 0);
    let taken = loop {
        let said = listener.next();
        if said["refused"].is_null() {
            break said;
        }
    };
    let mut exports = vec![taken];
    exports.extend(told(&listener, 2));
    assert_eq!(numbers(&exports), [0, 1, 2]);
    let login = "Basic YWdlbnQ6dGhlIHJpZ2h0IG9uZQ==";
    assert!(
        exports
            .iter()
            .all(|export| export["headers"]["authorization"] == login)
    );
    let shown = until_state(&agent, "active");
    assert_eq!(shown["ErrorCleared"], true, "{shown}");
    assert!(
        shown["LastErrorTime"].as_str().unwrap() >= failed_at.as_str(),
        "{shown}"
    );
    let listed = esm(&agent, &["subscription", "list"], 0);
    assert!(!listed.contains(&error), "{listed}");
    let shown = esm(&agent, &["wbem", "gi", "-nl", &handler], 0);
    assert!(
        shown.contains("-username=\"agent\"") && !shown.contains("right one"),
        "{shown}"
    );
    for (values, why) in [
        ("Destination=https://127.0.0.1:9", "password is missing"),
        (
            "Destination=http://127.0.0.1:9,password=x",
            "a password is sent over https alone",
        ),
    ] {
        let refused = esm(&agent, &["wbem", "mi", &handler, values], 16);
        assert!(refused.contains(why), "{refused}");
    }
    assert!(!agent.stop().contains("right one"));
}

#[test]
fn a_destination_is_led_elsewhere_while_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let first = Manager::wbem(Some(&pair), &[]);
    // With a certificate of its own: the one that was seen first belongs to the first.
    let second = Manager::wbem(Some(&Pair::make(&other)), &[]);
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let agent = Agent::start_in(&home, CONFIG);
    let handler = destination(&agent, "d", &first.url("/"), "");
    tie(&agent, &filter(&agent, "f", TESTS), &handler);
    raise(&agent, 1);
    let mut exports = told(&first, 1);
    until_all_taken(&agent);
    drop(first);
    raise(&agent, 3);
    until_state(&agent, "retrying");
    let elsewhere = format!("Destination={}", second.url("/elsewhere"));
    esm(&agent, &["wbem", "mi", &handler, &elsewhere], 0);
    exports.extend(told(&second, 3));
    assert_eq!(numbers(&exports), [0, 1, 2, 3]);
    assert!(
        exports
            .iter()
            .all(|export| export["context"] == exports[0]["context"])
    );
    assert_eq!(exports[3]["path"], "/elsewhere");
    until_state(&agent, "active");
    agent.kill();
    let agent = Agent::start_in(&home, CONFIG);
    raise(&agent, 1);
    assert_eq!(numbers(&told(&second, 1)), [0]);
    assert_eq!(only(&agent)["Destination"], second.url("/elsewhere"));
    second.nothing_more(Duration::from_millis(500));
    agent.stop();
}

/// Several subscriptions of one manager share a series: what goes with one of them is no loss to the others.
#[test]
fn a_subscription_that_goes_leaves_no_gap_to_those_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let listener = Manager::wbem(Some(&pair), &[]);
    let port = listener.port();
    let agent = Agent::start_with(CONFIG);
    let handler = destination(&agent, "d", &listener.url("/"), "");
    tie(&agent, &filter(&agent, "f", TESTS), &handler);
    let deleted = tie(&agent, &filter(&agent, "g", TESTS), &handler);
    let disabled = tie(&agent, &filter(&agent, "h", TESTS), &handler);
    raise(&agent, 1);
    assert_eq!(numbers(&told(&listener, 3)), [0, 1, 2]);
    until_all_taken(&agent);
    drop(listener);

    raise(&agent, 3);
    esm(&agent, &["wbem", "di", &deleted], 0);
    esm(&agent, &["wbem", "sp", &disabled, "SubscriptionState=4"], 0);
    let tested = esm(&agent, &["subscription", "test"], 1);
    assert!(tested.contains("not tested: it is disabled"), "{tested}");
    assert_eq!(tested.matches("test indication").count(), 1, "{tested}");
    let listener = Manager::wbem(Some(&pair), &["--port", &port.to_string()]);
    // No test is among them: each ended with its result.
    let exports = told(&listener, 3);
    assert_eq!(numbers(&exports), [3, 4, 5]);
    assert!(
        exports
            .iter()
            .all(|export| export["properties"]["IndicationFilterName"] == "f")
    );
    esm(&agent, &["wbem", "sp", &disabled, "SubscriptionState=2"], 0);
    let exports = told(&listener, 3);
    assert_eq!(numbers(&exports), [6, 7, 8]);
    assert_eq!(exports[0]["properties"]["IndicationFilterName"], "h");
    listener.nothing_more(Duration::from_millis(500));
    let last = esm(&agent, &["wbem", "gp", &disabled, "LastIndicationIdentifier"], 0);
    assert!(
        last.contains(exports[2]["identifier"].as_str().unwrap()),
        "{last}"
    );
    agent.stop();
}

#[test]
fn a_change_of_state_is_told_to_the_own_listener_in_either_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let exports = Manager::wbem(Some(&pair), &[]);
    let events = Manager::tls(&pair);
    let agent = Agent::start_with(CONFIG);
    let over_wsman = format!("Name=w,DeliveryMode=3,Destination={}", events.url("/"));
    let class = "root/interop:CIM_ListenerDestinationWSManagement";
    let over_wsman = esm(&agent, &["wbem", "ci", class, &over_wsman], 0);
    let over_cimxml = destination(&agent, "d", &exports.url("/"), "");
    // It chooses nothing: what is told is told whatever the filter says.
    let chosen = filter(
        &agent,
        "none",
        "SELECT * FROM ESM_AlertIndication WHERE EventID = 'none'",
    );
    for handler in [&over_cimxml, &over_wsman] {
        let made = tie(&agent, &chosen, handler);
        esm(&agent, &["wbem", "sp", &made, "AlertOnStateChange=TRUE"], 0);
        esm(&agent, &["wbem", "sp", &made, "SubscriptionState=4"], 0);
        esm(&agent, &["wbem", "sp", &made, "SubscriptionState=2"], 0);
    }
    for state in ["4 (Disabled)", "2 (Enabled)"] {
        let export = exports.next();
        let event = &events.next()["events"][0][1];
        for told in [&export["properties"], event] {
            assert_eq!(told["EventID"], "4000060F");
            assert_eq!(told["IndicationFilterName"], "none");
            let message = told["Message"].as_str().unwrap();
            assert!(message.contains(&format!(" is {state} now.")), "{message}");
        }
    }
    agent.stop();
}

/// The third within the window is told, and then none as long as the gap is.
#[test]
fn a_delayed_event_is_told_once_it_came_often_enough() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let listener = Manager::wbem(Some(&pair), &["--keep-alive"]);
    let agent = Agent::start_with(CONFIG);
    let handler = destination(&agent, "d", &listener.url("/"), "");
    let values = format!(
        "Filter={},Handler={handler},RepeatNotificationPolicy=4,RepeatNotificationCount=2,\
         RepeatNotificationInterval=3600,RepeatNotificationGap=3600",
        filter(&agent, "f", TESTS)
    );
    let class = "root/interop:CIM_IndicationSubscription";
    esm(&agent, &["wbem", "ci", class, &values], 0);
    raise(&agent, 2);
    listener.nothing_more(Duration::from_millis(500));
    raise(&agent, 1);
    assert_eq!(listener.next()["number"], 0);
    raise(&agent, 3);
    listener.nothing_more(Duration::from_millis(500));
    agent.stop();
}
