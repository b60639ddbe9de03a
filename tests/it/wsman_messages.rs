//! The message builder that Intel's device-management toolkit talks to machines with, sent by Node over TLS:
//! every class that it knows, with every message that it builds for all of them.

use serde_json::{Value, json};

use crate::agent::{Agent, USER};
use crate::element::Element;
use crate::peers::Peer;

struct Toolkit(Peer);

/// What the server said to a message.
struct Said {
    status: u64,
    envelope: Element,
}

impl Toolkit {
    #[track_caller]
    fn of(agent: &Agent) -> Self {
        let certificate = agent.certificate();
        let environment = [
            ("ESM_HOST", "127.0.0.1"),
            ("ESM_PORT", &agent.port().to_string()),
            ("ESM_CA", certificate.to_str().unwrap()),
            ("ESM_USER", USER),
            ("ESM_PASSWORD", &agent.password()),
        ];
        Self(Peer::node("wsman_messages.mjs", &environment))
    }

    /// The builders by name, each with its class.
    #[track_caller]
    fn builders(&mut self) -> Vec<(String, String)> {
        let list = self.0.ask(&json!({"list": true}));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let builders = list.as_array().unwrap().iter();
        builders
            .map(|one| (text(&one["name"]), text(&one["class"])))
            .collect()
    }

    #[track_caller]
    fn send(&mut self, builder: &str, message: &str, arguments: Value) -> Said {
        let question = json!({"class": builder, "message": message, "arguments": arguments});
        let answer = self.0.ask(&question);
        let sent = Element::parse(answer["sent"].as_str().unwrap());
        let envelope = Element::parse(answer["text"].as_str().unwrap());
        assert_eq!(
            envelope.text_at("Header/RelatesTo"),
            sent.text_at("Header/MessageID"),
            "{builder}.{message}"
        );
        Said {
            status: answer["status"].as_u64().unwrap(),
            envelope,
        }
    }
}

impl Said {
    #[track_caller]
    fn body(&self) -> &Element {
        assert_eq!(self.status, 200, "{}", self.envelope.outline());
        self.envelope.at("Body")
    }

    #[track_caller]
    fn check_fault(&self, subcode: &str) {
        assert_eq!(self.status, 500, "{}", self.envelope.outline());
        let said = self.envelope.text_at("Body/Fault/Code/Subcode/Value");
        assert_eq!(said, subcode, "{}", self.envelope.outline());
    }
}

/// Classes that are served, each with the one key that the builder names an instance by, and an instance that
/// every machine has.
const SERVED: &[(&str, &str, Option<&str>)] = &[
    ("CIM_Processor", "DeviceID", Some("cpu0")),
    ("CIM_PhysicalMemory", "Tag", Some("_Total")),
    ("CIM_Chip", "Tag", Some("_Total")),
    ("CIM_MediaAccessDevice", "DeviceID", None),
];

#[test]
fn every_message_for_classes_that_are_served_is_answered() {
    let agent = Agent::start();
    let mut toolkit = Toolkit::of(&agent);
    let builders = toolkit.builders();
    for (class, key, instance) in SERVED {
        let (builder, _) = builders.iter().find(|(_, of)| of == class).unwrap();
        let opened = toolkit.send(builder, "Enumerate", json!([]));
        let context = opened.body().at("EnumerateResponse/EnumerationContext");
        assert!(!context.text.is_empty());
        let pulled = toolkit.send(builder, "Pull", json!([context.text]));
        let response = pulled.body().at("PullResponse");
        assert!(response.find("EndOfSequence").is_some(), "{}", response.outline());
        let by_key = |value: &str| json!([{"name": key, "value": value}]);
        toolkit
            .send(builder, "Get", by_key("no such thing"))
            .check_fault("wsa:DestinationUnreachable");
        if let Some(value) = instance {
            let items = &response.at("Items").children;
            let item = items.iter().find(|item| item.text_at(key) == *value).unwrap();
            let got = toolkit.send(builder, "Get", by_key(value));
            let got = &got.body().children[0];
            assert_eq!((got.name(), got.names()), (item.name(), item.names()));
            assert_eq!(got.text_at(key), *value);
        }
    }
    // More than one processor matches no key at all.
    toolkit
        .send("Processor", "Get", json!([]))
        .check_fault("wsman:InvalidSelectors");
    agent.stop();
}

#[test]
fn a_class_that_is_not_served_is_refused_as_such() {
    let agent = Agent::start();
    let mut toolkit = Toolkit::of(&agent);
    let mut refused = 0;
    for (builder, class) in toolkit.builders() {
        if SERVED.iter().any(|(served, ..)| *served == class) {
            continue;
        }
        for message in ["Enumerate", "Get"] {
            toolkit
                .send(&builder, message, json!([]))
                .check_fault("wsa:DestinationUnreachable");
            refused += 1;
        }
    }
    assert!(refused > 20, "the builder knows many classes: {refused}");
    // Methods that take references and plain arguments are read, and their class is found missing.
    for (builder, message, arguments) in [
        ("BootConfigSetting", "ChangeBootOrder", json!(["Boot: CD"])),
        ("BootService", "SetBootConfigRole", json!(["Config 0", 1])),
        ("BootService", "RequestStateChange", json!([2])),
        ("PowerManagementService", "RequestPowerStateChange", json!([8])),
        (
            "WiFiEndpointSettings",
            "Delete",
            json!([{"name": "InstanceID", "value": "x"}]),
        ),
    ] {
        toolkit
            .send(builder, message, arguments)
            .check_fault("wsa:DestinationUnreachable");
    }
    let gone = toolkit.send("Processor", "Pull", json!(["uuid:nothing"]));
    gone.check_fault("wsen:InvalidEnumerationContext");
    agent.stop();
}
