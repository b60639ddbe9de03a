//! `esm subscription` and the subscribing commands of `esm wsman`, against a running agent.

use serde_json::Value as Json;
use tokio::runtime::Builder;

use crate::agent::{Agent, USER};
use crate::command::{Ended, run};
use crate::crash::instances;

const LOOPBACK: &str = "subscriptions.allow_destinations = [\"127.0.0.0/8\", \"::1/128\"]\n";

/// Runs `esm ARGS` for this agent; it must end with that code.
#[track_caller]
fn ends(agent: &Agent, args: &[&str], code: i32) -> Ended {
    let ended = run(&mut agent.esm(args));
    assert_eq!(ended.code, Some(code), "{args:?}: {ended:#?}");
    ended
}

/// Subscribes over TLS and returns the answer.
#[track_caller]
fn subscribe(agent: &Agent, args: &[&str]) -> Json {
    let mut command = agent.wsman(&["subscribe", "CIM_AlertIndication", "--output", "json"]);
    let ended = run(command.args(args));
    assert_eq!(ended.code, Some(0), "{args:?}: {ended:#?}");
    serde_json::from_str(&ended.out).unwrap()
}

fn id(answer: &Json) -> &str {
    answer["id"].as_str().unwrap().strip_prefix("uuid:").unwrap()
}

/// Those that are made as instances are among the others, with the names of what they refer to.
#[test]
fn subscriptions_by_instance_are_listed_shown_and_deleted() {
    let agent = Agent::start_with(LOOPBACK);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let made = runtime.block_on(async {
        let mut client = agent.client();
        instances::make(&mut client, instances::ALL, "https://127.0.0.1:9", "/instance").await
    });
    let id = made.unwrap();
    let table = ends(&agent, &["subscription", "list"], 0).out;
    let line = table.lines().nth(1).unwrap();
    for expect in [USER, "WS-Eventing", "Push", "https://127.0.0.1:9/instance", "59m"] {
        assert!(line.contains(expect), "{expect} in {line}");
    }
    let shown = ends(&agent, &["subscription", "show", &id, "--output", "json"], 0).out;
    let shown: Json = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["FilterName"], instances::ALL);
    assert_eq!(shown["DestinationName"], "/instance");
    let gone = ends(
        &agent,
        &["subscription", "delete", "--destination", "127.0.0.1"],
        0,
    )
    .out;
    assert_eq!(format!("uuid:{}", gone.trim()), id);
    agent.stop();
}

#[test]
fn subscriptions_are_listed_shown_and_deleted() {
    let agent = Agent::start_with(LOOPBACK);
    assert_eq!(
        ends(&agent, &["subscription", "list", "--output", "json"], 0).out,
        "[]\n"
    );
    let push = subscribe(&agent, &["--notify-to", "127.0.0.1:9/a", "--expires", "3600"]);
    let ack = subscribe(
        &agent,
        &["--notify-to", "https://127.0.0.1:9/b", "--mode", "push-with-ack"],
    );
    let batches = subscribe(
        &agent,
        &[
            "--notify-to",
            "https://[::1]:9/",
            "--mode",
            "events",
            "--expires",
            "1d",
        ],
    );
    let pull = subscribe(&agent, &["--mode", "pull", "--expires", "5m"]);
    assert_eq!(
        (&push["expires"], &batches["expires"], &pull["expires"]),
        (&3600.into(), &86400.into(), &300.into())
    );
    assert!(push["context"].is_null() && pull["context"].is_string());

    let table = ends(&agent, &["subscription", "list"], 0).out;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    assert!(
        lines[0].starts_with("ID ") && lines[0].contains("LAST ERROR"),
        "{table}"
    );
    let line = lines
        .iter()
        .find(|line| line.contains(id(&ack)))
        .unwrap_or_else(|| panic!("{ack} in {table}"));
    for expect in [
        USER,
        "WS-Eventing",
        "PushWithAck",
        "https://127.0.0.1:9/b",
        "CIM_AlertIndication",
        "59m",
    ] {
        assert!(line.contains(expect), "{expect} in {line}");
    }
    assert!(table.contains("https://127.0.0.1:9/a "), "{table}");
    let json: Json =
        serde_json::from_str(&ends(&agent, &["subscription", "list", "--output", "json"], 0).out).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 4);

    let shown = ends(&agent, &["subscription", "show", &id(&batches)[..13]], 0).out;
    assert!(
        shown.contains("https://[::1]:9/") && shown.contains("Events"),
        "{shown}"
    );
    ends(&agent, &["subscription", "show", "no-such"], 1);
    ends(&agent, &["subscription", "show", "uuid:"], 1);

    ends(&agent, &["subscription", "delete"], 2);
    ends(&agent, &["subscription", "delete", id(&push), "no-such"], 1);
    let unsure = ends(
        &agent,
        &["subscription", "delete", "--destination", "127.0.0.1"],
        2,
    );
    assert!(unsure.err.contains("these are 2 subscriptions"), "{unsure:#?}");
    assert_eq!(
        ends(&agent, &["subscription", "list"], 0).out.lines().count(),
        5,
        "nothing was deleted"
    );
    assert_eq!(
        ends(&agent, &["subscription", "delete", "--destination", "::1"], 0).out,
        format!("{}\n", id(&batches))
    );
    let both = ends(
        &agent,
        &["subscription", "delete", "--destination", "127.0.0.1", "--yes"],
        0,
    )
    .out;
    assert!(
        both.contains(id(&push)) && both.contains(id(&ack)) && both.lines().count() == 2,
        "{both}"
    );
    ends(
        &agent,
        &["subscription", "delete", "--destination", "127.0.0.1"],
        1,
    );
    ends(
        &agent,
        &["subscription", "delete", pull["id"].as_str().unwrap()],
        0,
    );
    assert_eq!(ends(&agent, &["subscription", "list"], 0).out.lines().count(), 1);
    agent.stop();
}

#[test]
fn a_subscription_is_renewed_pulled_and_ended() {
    let agent = Agent::start_with(LOOPBACK);
    let pull = subscribe(&agent, &["--mode", "pull"]);
    let context = pull["context"].as_str().unwrap();
    let confused = run(&mut agent.wsman(&["pull", pull["id"].as_str().unwrap()]));
    assert_eq!(confused.code, Some(5), "{confused:#?}");
    assert!(confused.err.contains("identifier is none"), "{confused:#?}");
    let none = run(&mut agent.wsman(&["pull", context, "--wait", "1s"]));
    assert_eq!(
        (none.code, none.out.as_str(), none.err.as_str()),
        (Some(1), "", "")
    );

    // A configuration that cannot be taken is told.
    let config = agent.folder().join("esm.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n[nonsense]\n")).unwrap();
    let take = || {
        let pulled = run(&mut agent.wsman(&["pull", context, "--wait", "20s", "--output", "json"]));
        assert_eq!(pulled.code, Some(0), "{pulled:#?}");
        let json: Json = serde_json::from_str(&pulled.out).unwrap();
        let events = json.as_array().unwrap().iter();
        let events: Vec<Json> = events.map(|event| event["EventID"].clone()).collect();
        (events, pulled.err)
    };
    let (events, next) = take();
    assert_eq!(events, ["8000060A"]);
    assert_eq!(
        take(),
        (events, next.clone()),
        "nobody has said that they arrived"
    );
    let none = run(&mut agent.wsman(&["pull", next.trim_end(), "--wait", "1s"]));
    assert_eq!((none.code, none.out.as_str()), (Some(1), ""), "{none:#?}");
    std::fs::write(&config, text).unwrap();

    let renew = |code, args: &[&str]| {
        let ended = run(&mut agent.wsman(&[&["renew", pull["id"].as_str().unwrap()], args].concat()));
        assert_eq!(ended.code, Some(code), "{ended:#?}");
        ended.out
    };
    assert_eq!(renew(0, &["--expires", "2h"]), "Expires  in 2h\n");
    let ended = run(&mut agent.wsman(&["unsubscribe", pull["id"].as_str().unwrap()]));
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{ended:#?}");
    renew(5, &[]);
    agent.stop();
}
