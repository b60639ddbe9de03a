//! pywbem's subscription manager against the agent: destinations, filters and subscriptions that it owns, and
//! permanent ones.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::peers::Peer;

const CONFIGURATION: &str = "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n";
const EVERYTHING: &str = "SELECT * FROM CIM_AlertIndication";

/// pywbem's manager, talking to an agent.
struct Manager {
    agent: Agent,
    peer: Peer,
}

impl Manager {
    fn start() -> Self {
        Self::of(Agent::start_with(CONFIGURATION))
    }

    fn of(agent: Agent) -> Self {
        let peer = Self::connect(&agent);
        Self { agent, peer }
    }

    fn connect(agent: &Agent) -> Peer {
        Peer::pywbem("pywbem_subscriptions.py", agent)
    }

    /// Calls a method, which must succeed.
    #[track_caller]
    fn call(&mut self, call: &str, arguments: Value, named: Value) -> Value {
        let outcome = self
            .peer
            .ask(&json!({"call": call, "arguments": arguments, "named": named}));
        match outcome.get("result") {
            Some(result) => result.clone(),
            None => panic!("{call}: {outcome}"),
        }
    }

    /// Calls a method, which must fail; returns its status code and text.
    #[track_caller]
    fn refused(&mut self, call: &str, arguments: Value, named: Value) -> (u64, String) {
        let outcome = self
            .peer
            .ask(&json!({"call": call, "arguments": arguments, "named": named}));
        let code = outcome["code"].as_u64();
        let code = code.unwrap_or_else(|| panic!("{call}: {outcome}"));
        (code, outcome["text"].as_str().unwrap().to_owned())
    }

    /// What the manager lists: subscriptions, filters, destinations.
    #[track_caller]
    fn counts(&mut self, which: &str) -> [usize; 3] {
        ["subscriptions", "filters", "destinations"].map(|kind| {
            let listed = self.call(&format!("get_{which}_{kind}"), json!([]), json!({}));
            listed.as_array().unwrap().len()
        })
    }
}

fn path(shown: &Value) -> Value {
    json!({"path": shown["path"]})
}

#[test]
fn what_the_manager_owns_is_found_again_and_removed() {
    let mut manager = Manager::start();
    // The filters that ship are there before anything is made.
    let [none, shipped, nowhere] = manager.counts("all");
    assert_eq!((none, nowhere), (0, 0));
    assert!(shipped >= 8);
    let url = "https://127.0.0.1:6736";
    let destination = manager.call(
        "add_destination",
        json!([url]),
        json!({"owned": true, "destination_id": "one"}),
    );
    assert_eq!(destination["properties"]["Destination"], url);
    assert_eq!(destination["properties"]["Name"], "pywbemdestination:esm:one");
    assert_eq!(destination["properties"]["PersistenceType"], 3);
    let filter = manager.call(
        "add_filter",
        json!(["root/ESMPRO/AS", EVERYTHING]),
        json!({"query_language": "WQL", "owned": true, "filter_id": "all"}),
    );
    assert_eq!(filter["properties"]["Query"], EVERYTHING);
    let made = manager.call(
        "add_subscriptions",
        json!([path(&filter), [path(&destination)]]),
        json!({"owned": true}),
    );
    let subscription = &made[0]["properties"];
    assert_eq!(subscription["SubscriptionState"], 2);
    assert_eq!(subscription["OnFatalErrorPolicy"], 4);
    assert_eq!(subscription["RepeatNotificationPolicy"], 2);
    assert_eq!(subscription["SubscriptionTimeRemaining"], Value::Null);
    assert_eq!(subscription["Filter"]["text"], filter["text"]);

    // A manager that starts anew finds what it owns, and all is in both namespaces.
    assert_eq!(manager.call("new", json!([]), json!({})), true);
    assert_eq!(manager.counts("owned"), [1, 1, 1]);
    for namespace in ["root/interop", "interop", "root/PG_InterOp", "root/ESMPRO/AS"] {
        let listed = manager.call(
            "EnumerateInstances",
            json!(["CIM_IndicationSubscription"]),
            json!({"namespace": namespace}),
        );
        let reference = listed[0]["properties"]["Filter"]["text"].as_str().unwrap();
        assert!(
            reference.starts_with(&format!("{}:cim_indicationfilter.", namespace.to_lowercase())),
            "{reference}"
        );
        let got = manager.call("GetInstance", json!([path(&listed[0])]), json!({}));
        let text = |shown: &Value| shown["properties"]["Handler"]["text"].clone();
        assert_eq!(text(&got), text(&listed[0]));
    }
    for (of, expect) in [(&filter, &destination), (&destination, &filter)] {
        let named = json!({"AssocClass": "CIM_IndicationSubscription"});
        let found = manager.call("AssociatorNames", json!([path(of)]), named.clone());
        assert_eq!(found[0]["text"], expect["text"]);
        assert_eq!(
            manager.call("References", json!([path(of)]), json!({}))[0]["text"],
            made[0]["text"]
        );
    }

    let (code, text) = manager.refused("remove_filter", json!([path(&filter)]), json!({}));
    assert_eq!(code, 1, "{text}");
    let (code, text) = manager.refused("DeleteInstance", json!([path(&destination)]), json!({}));
    assert_eq!((code, text.contains("is in use by 1")), (1, true), "{text}");
    manager.call("remove_subscriptions", json!([path(&made[0])]), json!({}));
    manager.call("remove_filter", json!([path(&filter)]), json!({}));
    manager.call("remove_destinations", json!([path(&destination)]), json!({}));
    assert_eq!(manager.counts("all"), [0, shipped, 0]);
    manager.agent.stop();
}

#[test]
fn permanent_ones_outlive_the_manager_and_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::of(Agent::start_in(folder.path(), CONFIGURATION));
    let url = "https://127.0.0.1:6736";
    let destination = manager.call(
        "add_destination",
        json!([url]),
        json!({"owned": false, "name": "my destination", "persistence_type": "permanent"}),
    );
    let filter = manager.call(
        "add_filter",
        json!(["root/ESMPRO/AS", EVERYTHING]),
        json!({"query_language": "DMTF:CQL", "owned": false, "name": "my filter"}),
    );
    let (code, _) = manager.refused(
        "add_filter",
        json!(["root/ESMPRO/AS", EVERYTHING]),
        json!({"query_language": "WQL", "owned": false, "name": "my filter"}),
    );
    assert_eq!(code, 11);
    let (code, text) = manager.refused(
        "add_filter",
        json!(["root/ESMPRO/AS", "SELECT * FROM"]),
        json!({"query_language": "WQL", "owned": false, "name": "bad"}),
    );
    assert_eq!(code, 4, "{text}");
    manager.call(
        "add_subscriptions",
        json!([path(&filter), [path(&destination)]]),
        json!({"owned": false}),
    );
    assert_eq!(manager.counts("owned"), [0, 0, 0]);
    let [_, filters, _] = manager.counts("all");
    manager.agent.stop();
    let mut manager = Manager::of(Agent::start_in(folder.path(), CONFIGURATION));
    assert_eq!(manager.counts("all"), [1, filters, 1]);
    manager.agent.stop();
}

#[test]
fn a_subscription_is_made_with_all_that_it_has_and_changed() {
    let mut manager = Manager::start();
    let destination = manager.call(
        "add_destination",
        json!(["http://127.0.0.1:5000"]),
        json!({"owned": true, "destination_id": "d"}),
    );
    let shipped = manager.call(
        "EnumerateInstances",
        json!(["CIM_IndicationFilter"]),
        json!({"namespace": "root/interop"}),
    );
    let filter = shipped
        .as_array()
        .unwrap()
        .iter()
        .find(|filter| filter["properties"]["Name"] == "ESM:ESMFSSERVICE");
    let number = |value: u64, of: &str| json!({"value": value, "type": of});
    let asked = json!({
        "instance": "CIM_FormattedIndicationSubscription", "of": null,
        "properties": {
            "Filter": path(filter.unwrap()), "Handler": path(&destination),
            "SubscriptionDuration": number(3600, "uint64"),
            "OnFatalErrorPolicy": number(3, "uint16"),
            "FailureTriggerTimeInterval": number(60, "uint64"),
            "RepeatNotificationPolicy": number(4, "uint16"),
            "RepeatNotificationCount": number(2, "uint16"),
            "RepeatNotificationInterval": number(30, "uint64"),
            "RepeatNotificationGap": number(10, "uint64"),
            "SubscriptionInfo": {"value": "mine", "type": "string"},
            "TextFormat": {"value": "{0}", "type": "string"},
        }
    });
    let made = manager.call(
        "CreateInstance",
        json!([asked]),
        json!({"namespace": "root/interop"}),
    );
    let shown = |manager: &mut Manager, name: &str| {
        let got = manager.call("GetInstance", json!([path(&made)]), json!({}));
        got["properties"][name].clone()
    };
    for (name, expect) in [
        ("SubscriptionDuration", json!(3600)),
        ("OnFatalErrorPolicy", json!(3)),
        ("FailureTriggerTimeInterval", json!(60)),
        ("RepeatNotificationPolicy", json!(4)),
        ("RepeatNotificationCount", json!(2)),
        ("RepeatNotificationInterval", json!(30)),
        ("RepeatNotificationGap", json!(10)),
        ("SubscriptionInfo", json!("mine")),
        ("TextFormat", json!("{0}")),
        ("SubscriptionState", json!(2)),
    ] {
        assert_eq!(shown(&mut manager, name), expect, "{name}");
    }
    let left = shown(&mut manager, "SubscriptionTimeRemaining").as_u64().unwrap();
    assert!((3_500..=3_600).contains(&left), "{left}");
    let mut change = |name: &str, value: Value| {
        let change = json!({
            "instance": "CIM_FormattedIndicationSubscription", "of": path(&made), "properties": {name: value}
        });
        manager.call("ModifyInstance", json!([change]), json!({}));
        shown(&mut manager, name)
    };
    assert_eq!(change("SubscriptionState", number(4, "uint16")), 4);
    assert_eq!(change("SubscriptionState", number(2, "uint16")), 2);
    assert_eq!(change("SubscriptionDuration", number(7200, "uint64")), 7200);
    assert_eq!(
        change("SubscriptionDuration", json!({"value": null, "type": "uint64"})),
        Value::Null
    );
    assert_eq!(change("OnFatalErrorPolicy", number(2, "uint16")), 2);
    manager.call("DeleteInstance", json!([path(&made)]), json!({}));
    let (code, _) = manager.refused("GetInstance", json!([path(&made)]), json!({}));
    assert_eq!(code, 6);
    manager.agent.stop();
}
