//! pypsrp's WSMan client over TLS: against the real binary for what it serves, and against the tests' own
//! classes for what changes them.

use std::path::Path;

use serde_json::{Value, json};

use crate::agent::{Agent, USER};
use crate::element::Element;
use crate::message::CIM_SCHEMA;
use crate::peers::Peer;
use crate::wsman_service::Service;
use crate::wsman_service::classes::MANY;

const ENUMERATION: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";

/// pypsrp with a server to talk to.
struct Client(Peer);

impl Client {
    #[track_caller]
    fn of_agent(agent: &Agent) -> Self {
        Self::new(
            "127.0.0.1",
            agent.port(),
            &agent.certificate(),
            USER,
            &agent.password(),
        )
    }

    #[track_caller]
    fn of_service(service: &Service) -> Self {
        let port = service.tls.port();
        Self::new("localhost", port, &service.certificate(), "ann", "ann")
    }

    #[track_caller]
    fn new(host: &str, port: u16, certificate: &Path, user: &str, password: &str) -> Self {
        let environment = [
            ("ESM_HOST", host),
            ("ESM_PORT", &port.to_string()),
            ("ESM_CA", certificate.to_str().unwrap()),
            ("ESM_USER", user),
            ("ESM_PASSWORD", password),
        ];
        Self(Peer::python("pypsrp_client.py", &environment))
    }

    /// Calls a method of the client; it must succeed.
    #[track_caller]
    fn call(&mut self, call: &str, class: &str, more: Value) -> Element {
        let outcome = self.outcome(call, class, more);
        let xml = outcome.get("xml").and_then(Value::as_str);
        Element::parse(xml.unwrap_or_else(|| panic!("{call} {class}: {outcome}")))
    }

    /// What came of a method, whatever it was.
    #[track_caller]
    fn outcome(&mut self, call: &str, class: &str, mut more: Value) -> Value {
        let resource = if class.contains("://") {
            class.to_owned()
        } else {
            format!("{CIM_SCHEMA}{class}")
        };
        more["call"] = call.into();
        more["resource"] = resource.into();
        self.0.ask(&more)
    }

    /// Enumerates a class: plain, with pulls of what fits or as many as `pull` says. Returns the items and how
    /// many replies they came in.
    #[track_caller]
    fn enumerate(&mut self, class: &str, options: &Value, pull: &str) -> (Vec<Element>, usize) {
        let mut opening = options.clone();
        opening["body"] = format!("<n:Enumerate xmlns:n='{ENUMERATION}'/>").into();
        let opened = self.call("enumerate", class, opening);
        let mut context = opened
            .at("EnumerateResponse/EnumerationContext")
            .text
            .trim()
            .to_owned();
        let mut items = Vec::new();
        for replies in 1.. {
            let mut pulling = options.clone();
            let body = format!(
                "<n:Pull xmlns:n='{ENUMERATION}'><n:EnumerationContext>{context}</n:EnumerationContext>{pull}</n:Pull>"
            );
            pulling["body"] = body.into();
            let pulled = self.call("pull", class, pulling);
            let response = pulled.at("PullResponse");
            items.extend(response.at("Items").children.iter().cloned());
            if response.find("EndOfSequence").is_some() {
                return (items, replies);
            }
            response.text_at("EnumerationContext").clone_into(&mut context);
        }
        unreachable!()
    }
}

fn in_test() -> Value {
    json!({"selectors": [["__cimnamespace", "root/test"]]})
}

fn person(key: &str) -> Value {
    json!({"selectors": [["Key", key], ["__cimnamespace", "root/test"]]})
}

#[test]
fn the_state_of_the_machine_is_read() {
    let agent = Agent::start();
    let mut client = Client::of_agent(&agent);
    let (processors, _) = client.enumerate("CIM_Processor", &json!({}), "");
    let online = std::thread::available_parallelism().unwrap().get();
    let ids: Vec<&str> = processors.iter().map(|item| item.text_at("DeviceID")).collect();
    assert!(
        ids.len() > online && ids.contains(&"_Total") && ids.contains(&"cpu0"),
        "{ids:?}"
    );
    for processor in &processors {
        assert_eq!(processor.local, "ESM_Processor");
        // The mean of the last minute is not known in the first seconds.
        let load = processor.text_at("LoadPercentage");
        assert!(load.is_empty() || load.parse::<u16>().unwrap() <= 100, "{load}");
    }

    let one = processors
        .iter()
        .find(|item| item.text_at("DeviceID") == "cpu0")
        .unwrap();
    let keys = [
        "SystemCreationClassName",
        "SystemName",
        "CreationClassName",
        "DeviceID",
    ];
    let selectors: Vec<[&str; 2]> = keys.map(|key| [key, one.text_at(key)]).into();
    let found = client.call("get", "CIM_Processor", json!({"selectors": selectors}));
    assert_eq!(found.at("ESM_Processor").names(), one.names());
    assert_eq!(found.at("ESM_Processor").text_at("DeviceID"), "cpu0");

    // The Windows form of the same class.
    let wmi = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/CIM_ComputerSystem";
    let system = client.call("get", wmi, json!({}));
    assert_eq!(
        system.at("ESM_GeneralInformation").text_at("Name"),
        one.text_at("SystemName")
    );
    assert_eq!(
        system.at("ESM_GeneralInformation").ns,
        "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/ESM_GeneralInformation"
    );
    agent.stop();
}

#[track_caller]
fn check_fault(outcome: &Value, code: &str, reason: &str) {
    let fault = &outcome["fault"];
    assert_eq!(fault["code"], code, "{outcome}");
    let said = fault["reason"].as_str().unwrap();
    assert!(said.contains(reason), "`{said}` does not say `{reason}`");
}

#[test]
fn what_the_agent_refuses_is_understood() {
    let agent = Agent::start();
    let mut client = Client::of_agent(&agent);
    let mut check = |call: &str, class: &str, more: Value, code: &str, reason: &str| {
        check_fault(&client.outcome(call, class, more), code, reason);
    };
    check(
        "get",
        "CIM_Nothing",
        json!({}),
        "wsa:DestinationUnreachable",
        "CIM_Nothing",
    );
    check(
        "get",
        "urn:nothing://x",
        json!({}),
        "wsa:DestinationUnreachable",
        "urn:nothing",
    );
    check(
        "get",
        "ESM_Processor",
        json!({}),
        "wsman:InvalidSelectors",
        "DeviceID",
    );
    let none = json!({"selectors": [["Name", "nobody"], ["CreationClassName", "CIM_ComputerSystem"]]});
    check(
        "get",
        "CIM_ComputerSystem",
        none,
        "wsa:DestinationUnreachable",
        "nobody",
    );
    let unknown = json!({"selectors": [["__cimnamespace", "root/nowhere"]]});
    check(
        "get",
        "CIM_ComputerSystem",
        unknown,
        "wsman:InvalidSelectors",
        "root/nowhere",
    );
    let shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd";
    check(
        "create",
        shell,
        json!({"body": "<x/>"}),
        "wsa:DestinationUnreachable",
        "windows/shell",
    );
    check(
        "command",
        "CIM_ComputerSystem",
        json!({"body": "<x/>"}),
        "wsa:ActionNotSupported",
        "Command",
    );
    let body = format!(
        "<c:CIM_ComputerSystem xmlns:c='{CIM_SCHEMA}CIM_ComputerSystem'><c:Name>x</c:Name></c:CIM_ComputerSystem>"
    );
    check(
        "create",
        "CIM_ComputerSystem",
        json!({"body": body}),
        "wsa:ActionNotSupported",
        "created",
    );
    check(
        "delete",
        "CIM_ComputerSystem",
        json!({}),
        "wsman:InvalidSelectors",
        "Name, CreationClassName",
    );
    let pull = format!(
        "<n:Pull xmlns:n='{ENUMERATION}'><n:EnumerationContext>uuid:1</n:EnumerationContext></n:Pull>"
    );
    check(
        "pull",
        "CIM_ComputerSystem",
        json!({"body": pull}),
        "wsen:InvalidEnumerationContext",
        "Enumerate again",
    );
    let small = json!({"max_envelope_size": 100});
    check(
        "get",
        "CIM_ComputerSystem",
        small,
        "wsman:EncodingLimit",
        "at least 8192",
    );
    agent.stop();
}

#[test]
fn a_wrong_password_is_told_from_a_fault() {
    let agent = Agent::start();
    let mut client = Client::of_agent(&agent);
    let wrong = client.outcome("get", "CIM_ComputerSystem", json!({"password": "not this"}));
    assert!(wrong.get("unauthenticated").is_some(), "{wrong}");
    client.call("get", "CIM_ComputerSystem", json!({}));
    let log = agent.stop();
    assert!(!log.contains("not this"), "{log}");
}

#[test]
fn instances_are_created_changed_and_deleted() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let uri = format!("{CIM_SCHEMA}MSFT_Person");
    let as_body = |properties: &str| -> Value {
        format!("<c:MSFT_Person xmlns:c='{uri}'>{properties}</c:MSFT_Person>").into()
    };
    let mut creating = in_test();
    creating["body"] = as_body("<c:Key>42</c:Key><c:First>Eve</c:First><c:Last>Fox</c:Last>");
    let created = client.call("create", "MSFT_Person", creating.clone());
    let selectors = &created
        .at("ResourceCreated/ReferenceParameters/SelectorSet")
        .children;
    assert!(
        selectors
            .iter()
            .any(|selector| selector.attribute("Name") == Some("Key") && selector.text == "42")
    );

    let mut change = person("42");
    change["body"] = as_body("<c:Key>42</c:Key><c:First>Eva</c:First><c:Last>Fox</c:Last>");
    let changed = client.call("put", "MSFT_Person", change);
    assert_eq!(changed.text_at("MSFT_Person/First"), "Eva");
    let found = client.call("get", "MSFT_Person", person("42"));
    assert_eq!(found.text_at("MSFT_Person/First"), "Eva");

    check_fault(
        &client.outcome("create", "MSFT_Person", creating),
        "wsman:AlreadyExists",
        "there already",
    );
    let deleted = client.call("delete", "MSFT_Person", person("42"));
    assert!(deleted.children.is_empty());
    let gone = client.outcome("get", "MSFT_Person", person("42"));
    check_fault(&gone, "wsa:DestinationUnreachable", "MSFT_Person.Key=");
}

fn setting(id: &str, more: Value) -> Value {
    let mut operation = more;
    operation["selectors"] = json!([["InstanceID", id]]);
    operation
}

/// Levels are changed for good, one by one or all back to what the configuration says.
#[test]
fn monitors_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start_in(folder.path(), "");
    let mut client = Client::of_agent(&agent);
    let class = "ESM_MonitorSetting";
    let (settings, _) = client.enumerate(class, &json!({}), "");
    assert!(
        settings
            .iter()
            .any(|setting| setting.text_at("InstanceID") == "cpu")
    );
    let change = |properties: Value| setting("cpu", json!({"properties": properties}));
    let levels = |found: &Element| {
        let setting = found.at(class);
        ["Warning", "Critical", "Source"].map(|name| setting.text_at(name).to_owned())
    };
    let before = client.call("get", class, setting("cpu", json!({})));
    assert_eq!(levels(&before), ["85.0", "95.0", "default"]);
    let changed = client.call(
        "change",
        class,
        change(json!({"Warning": "70", "WarningReset": "60.5"})),
    );
    assert_eq!(levels(&changed), ["70.0", "95.0", "remote"]);
    let refused = client.outcome("change", class, change(json!({"Warning": "99"})));
    check_fault(&refused, "wsman:InvalidParameter", "arning");
    let refused = client.outcome("change", class, change(json!({"Warning": "high"})));
    check_fault(&refused, "wxf:InvalidRepresentation", "`high` is no real64");
    agent.kill();

    let agent = Agent::start_in(folder.path(), "");
    let mut client = Client::of_agent(&agent);
    let kept = client.call("get", class, setting("cpu", json!({})));
    assert_eq!(levels(&kept), ["70.0", "95.0", "remote"]);
    let action = |method: &str| format!("{CIM_SCHEMA}{class}/{method}");
    let pause =
        format!("<c:Pause_INPUT xmlns:c='{CIM_SCHEMA}{class}'><c:Seconds>60</c:Seconds></c:Pause_INPUT>");
    let call = setting("cpu", json!({"action": action("Pause"), "body": pause}));
    let paused = client.call("invoke", class, call);
    assert_eq!(paused.text_at("Body/Pause_OUTPUT/ReturnValue"), "0");
    let found = client.call("get", class, setting("cpu", json!({})));
    let left: u32 = found.at(class).text_at("PauseRemainingSecs").parse().unwrap();
    assert!((50..=60).contains(&left), "{left}");
    client.call(
        "invoke",
        class,
        setting("cpu", json!({"action": action("Resume")})),
    );
    client.call("delete", class, setting("cpu", json!({})));
    let after = client.call("get", class, setting("cpu", json!({})));
    assert_eq!(levels(&after), ["85.0", "95.0", "default"]);
    assert_eq!(after.at(class).text_at("PauseRemainingSecs"), "");
    let none = client.outcome("get", class, setting("nothing", json!({})));
    check_fault(&none, "wsa:DestinationUnreachable", "nothing");
    agent.stop();
}

#[test]
fn a_method_is_called() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let uri = format!("{CIM_SCHEMA}MSFT_Person");
    let mut call = person("1");
    call["action"] = format!("{uri}/Add").into();
    call["body"] = format!("<c:Add_INPUT xmlns:c='{uri}'><c:X>3</c:X><c:Y>4</c:Y></c:Add_INPUT>").into();
    let reply = client.call("invoke", "MSFT_Person", call.clone());
    assert_eq!(reply.text_at("Header/Action"), format!("{uri}/AddResponse"));
    assert_eq!(reply.text_at("Body/Add_OUTPUT/Z"), "7");
    assert_eq!(reply.text_at("Body/Add_OUTPUT/ReturnValue"), "0");
    call["body"] = format!("<c:Add_INPUT xmlns:c='{uri}'><c:X>three</c:X></c:Add_INPUT>").into();
    let outcome = client.outcome("invoke", "MSFT_Person", call);
    check_fault(&outcome, "wsman:InvalidParameter", "three");
}

/// The envelope that the client asks for bounds every reply; what is large comes in many of them.
#[test]
fn a_large_enumeration_fits_the_envelopes_of_the_client() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let mut options = in_test();
    options["max_envelope_size"] = 32_768.into();
    let (items, replies) = client.enumerate("Bench_Item10", &json!({}), "");
    assert_eq!((items.len(), replies), (10, 1));
    let (items, replies) = client.enumerate("Bench_Item10", &json!({}), "<n:MaxElements>3</n:MaxElements>");
    assert_eq!((items.len(), replies), (10, 4));

    let opened = {
        let mut opening = options.clone();
        opening["body"] = format!("<n:Enumerate xmlns:n='{ENUMERATION}'/>").into();
        client.call("enumerate", "Test_Many", opening)
    };
    let context = opened.text_at("EnumerateResponse/EnumerationContext").to_owned();
    let mut next = 0;
    while next < MANY / 100 {
        let mut pulling = options.clone();
        pulling["body"] = format!(
            "<n:Pull xmlns:n='{ENUMERATION}'><n:EnumerationContext>{context}</n:EnumerationContext></n:Pull>"
        )
        .into();
        let pulled = client.call("pull", "Test_Many", pulling);
        let items = &pulled.at("PullResponse/Items").children;
        assert!(items.len() > 50 && items.len() < 300, "{}", items.len());
        for item in items {
            assert_eq!(item.text_at("Number"), next.to_string());
            next += 1;
        }
    }
}
