//! Network interfaces that come, go, and lose their link: real ones of the kernel, in a network of the agent's own.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::Agent;
use crate::command::run;

/// How long something may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a subscription in the mode Pull is told.
struct Told {
    context: String,
    events: Vec<Value>,
}

impl Told {
    #[track_caller]
    fn of(agent: &Agent, query: &str) -> Self {
        let subscribed = run(&mut agent.esm(&[
            "wsman",
            "subscribe",
            "--filter",
            query,
            "--mode",
            "pull",
            "--output",
            "json",
        ]));
        assert_eq!(subscribed.code, Some(0), "{subscribed:?}");
        let subscribed: Value = serde_json::from_str(&subscribed.out).unwrap();
        Self {
            context: subscribed["context"].as_str().unwrap().to_owned(),
            events: Vec::new(),
        }
    }

    /// Waits until it was told these things since the last time: a class, an interface, and whether its link is up.
    #[track_caller]
    fn until(&mut self, agent: &Agent, expect: &[(&str, &str, Option<bool>)]) {
        let began = Instant::now();
        while self.events.len() < expect.len() && began.elapsed() < PATIENCE {
            let pull = [
                "wsman",
                "pull",
                &self.context,
                "--wait",
                "10s",
                "--output",
                "json",
            ];
            let pulled = run(&mut agent.esm(&pull));
            if pulled.code == Some(0) {
                let events: Vec<Value> = serde_json::from_str(&pulled.out).unwrap();
                self.events.extend(events);
                // What it says there is what it has next to be asked with.
                self.context = pulled.err.trim().to_owned();
            }
        }
        let events = std::mem::take(&mut self.events);
        let told: Vec<_> = events
            .iter()
            .map(|event| {
                let source = &event["SourceInstance"];
                (
                    event["__class"].as_str().unwrap(),
                    source["DeviceID"].as_str().unwrap(),
                    source["LinkUp"].as_bool(),
                )
            })
            .collect();
        assert_eq!(told, expect, "{events:#?}");
    }
}

#[track_caller]
fn ip(agent: &Agent, args: &[&str]) {
    let ended = run(&mut agent.in_its_network("ip", args));
    assert_eq!(
        ended.code,
        Some(0),
        "this test makes network interfaces, so run it as root: {ended:?}"
    );
}

#[test]
fn links_are_told_as_they_come_go_up_and_down() {
    let agent = Agent::start_in_own_network();
    let mut told = Told::of(
        &agent,
        "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA ESM_Network AND SourceInstance.DeviceID = 'esm0'",
    );
    let (made, changed, gone) = ("CIM_InstCreation", "CIM_InstModification", "CIM_InstDeletion");
    ip(
        &agent,
        &["link", "add", "esm0", "type", "veth", "peer", "name", "esm1"],
    );
    told.until(&agent, &[(made, "esm0", None)]);
    // There is a link once both ends are up.
    ip(&agent, &["link", "set", "esm1", "up"]);
    ip(&agent, &["link", "set", "esm0", "up"]);
    told.until(&agent, &[(changed, "esm0", Some(true))]);
    ip(&agent, &["link", "set", "esm1", "down"]);
    told.until(&agent, &[(changed, "esm0", Some(false))]);
    ip(&agent, &["link", "delete", "esm0"]);
    told.until(&agent, &[(gone, "esm0", Some(false))]);
    agent.stop();
}
