//! pywbem's client over TLS: every operation that it has, pulled and not.

mod classes;
mod queries;

use serde_json::{Value, json};

use crate::agent::{Agent, USER};
use crate::peers::Peer;
use crate::wsman_service::Service;
use crate::wsman_service::classes::HUGE;

/// pywbem with a server to talk to.
struct Client {
    peer: Peer,
    /// What its Iter methods use: the pulled operations, the others, or what the server has.
    pull: Option<bool>,
}

impl Client {
    #[track_caller]
    fn of_service(service: &Service) -> Self {
        let url = format!("https://localhost:{}", service.tls.port());
        let certificate = service.certificate();
        Self::new(&url, certificate.to_str().unwrap(), ["ann", "ann"], "root/test")
    }

    #[track_caller]
    fn of_agent(agent: &Agent) -> Self {
        let url = format!("https://127.0.0.1:{}", agent.cimxml_port());
        let certificate = agent.certificate();
        let login = [USER, &agent.password()];
        Self::new(&url, certificate.to_str().unwrap(), login, "root/ESMPRO/AS")
    }

    #[track_caller]
    fn new(url: &str, certificate: &str, [user, password]: [&str; 2], namespace: &str) -> Self {
        let environment = [
            ("ESM_URL", url),
            ("ESM_CA", certificate),
            ("ESM_USER", user),
            ("ESM_PASSWORD", password),
            ("ESM_NAMESPACE", namespace),
        ];
        let peer = Peer::python("pywbem_operations.py", &environment);
        Self { peer, pull: None }
    }

    /// What came of a method.
    #[track_caller]
    fn outcome(&mut self, call: &str, arguments: Value, named: Value) -> Value {
        let question = json!({"call": call, "arguments": arguments, "named": named, "pull": self.pull});
        self.peer.ask(&question)
    }

    /// Calls a method, which must succeed.
    #[track_caller]
    fn call(&mut self, call: &str, arguments: Value, named: Value) -> Value {
        let outcome = self.outcome(call, arguments, named);
        match outcome.get("result") {
            Some(result) => result.clone(),
            None => panic!("{call}: {outcome}"),
        }
    }

    /// Calls a method, which must fail; returns `CODE TEXT`.
    #[track_caller]
    fn refused(&mut self, call: &str, arguments: Value, named: Value) -> String {
        let outcome = self.outcome(call, arguments, named);
        match (outcome.get("code"), outcome.get("text")) {
            (Some(code), Some(text)) => format!("{code} {}", text.as_str().unwrap()),
            _ => panic!("{call}: {outcome}"),
        }
    }

    /// Does the same with pulled operations, without, and with what pywbem chooses.
    #[track_caller]
    fn each_way(&mut self, test: impl Fn(&mut Self)) {
        for pull in [Some(true), Some(false), None] {
            self.pull = pull;
            test(self);
        }
        self.pull = None;
    }
}

fn item(number: u32) -> Value {
    json!({"path": format!("root/test:Test_Item.Number={number}")})
}

/// The keys of instances or paths in a result.
#[track_caller]
fn keys(result: &Value) -> Vec<&str> {
    let keys = result.as_array().unwrap().iter().map(|item| {
        let path = item.get("path").unwrap_or(item).as_str().unwrap();
        path.split_once(':').unwrap().1
    });
    keys.collect()
}

const ITEMS: [&str; 5] = [
    "test_item.number=1",
    "test_item.number=2",
    "test_item.number=3",
    "test_item.number=4",
    "test_subitem.number=5",
];

#[test]
fn instances_are_enumerated_each_way() {
    let service = Service::start();
    Client::of_service(&service).each_way(|client| {
        let instances = client.call("IterEnumerateInstances", json!(["test_ITEM"]), json!({}));
        assert_eq!(keys(&instances), ITEMS);
        assert_eq!(instances[4]["properties"]["Extra"], "more");
        assert_eq!(instances[0]["properties"]["Text"], "item <1> & \u{e9}\u{65e5}");
        assert_eq!(instances[2]["properties"]["Levels"], json!([0, 1, 2]));
        assert_eq!(instances[0]["properties"]["When"], "20270115080000.123457+000");
        assert_eq!(instances[0]["properties"]["Part"]["properties"]["Weight"], 7);
        assert_eq!(instances[0]["properties"]["Note"], Value::Null);
        let named = json!({"PropertyList": ["number", "EVEN"], "DeepInheritance": false});
        let few = client.call("IterEnumerateInstances", json!(["Test_Item"]), named);
        assert_eq!(few[4]["properties"], json!({"Number": 5, "Even": false}));
        let named = json!({"DeepInheritance": false});
        let shallow = client.call("IterEnumerateInstances", json!(["Test_Item"]), named);
        assert_eq!(keys(&shallow), ITEMS, "subclasses are there, as what they are");
        assert_eq!(shallow[4]["properties"].get("Extra"), None);
        assert_eq!(shallow[4]["properties"]["Number"], 5);
        let paths = client.call("IterEnumerateInstancePaths", json!(["Test_Item"]), json!({}));
        assert_eq!(keys(&paths), ITEMS);
    });
    assert_eq!(service.enumerations.len(), 0);
}

#[test]
fn an_instance_is_the_same_enumerated_and_got() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let enumerated = client.call("EnumerateInstances", json!(["Test_Item"]), json!({}));
    for (number, enumerated) in (1..=4).zip(enumerated.as_array().unwrap()) {
        let got = client.call("GetInstance", json!([item(number)]), json!({}));
        assert_eq!(got["properties"], enumerated["properties"]);
        assert_eq!(got["class"], enumerated["class"]);
    }
    // A path may name a class above the instance's own.
    let sub = client.call("GetInstance", json!([item(5)]), json!({}));
    assert_eq!(sub["class"], "Test_SubItem");
    assert_eq!(sub["properties"], enumerated[4]["properties"]);
}

#[test]
fn associations_are_walked_each_way() {
    let service = Service::start();
    Client::of_service(&service).each_way(|client| {
        let found = client.call("IterAssociatorInstances", json!([item(2)]), json!({}));
        assert_eq!(keys(&found), ["test_group.name=\"even\""]);
        let group = json!({"path": "root/test:Test_Group.Name=\"odd\""});
        let found = client.call("IterAssociatorInstancePaths", json!([group]), json!({}));
        assert_eq!(keys(&found), [ITEMS[0], ITEMS[2], ITEMS[4]]);
        let named = json!({"ResultClass": "Test_SubItem", "Role": "Group", "ResultRole": "member"});
        let found = client.call("IterAssociatorInstancePaths", json!([group]), named);
        assert_eq!(keys(&found), [ITEMS[4]]);
        let found = client.call("IterReferenceInstances", json!([group]), json!({"Role": "Group"}));
        assert_eq!(found.as_array().unwrap().len(), 3);
        assert_eq!(found[0]["properties"]["Rank"], "#1");
        assert_eq!(
            found[0]["properties"]["Member"], "root/test:test_item.number=1",
            "the namespace as the client spelled it"
        );
        let found = client.call("IterReferenceInstancePaths", json!([item(1)]), json!({}));
        assert_eq!(found.as_array().unwrap().len(), 1);
        let none = client.call(
            "IterReferenceInstances",
            json!([item(1)]),
            json!({"Role": "Group"}),
        );
        assert_eq!(none, json!([]));
    });
}

#[test]
fn a_provider_that_fails_is_an_error_each_way() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let whole = client.refused("EnumerateInstances", json!(["Test_Failing"]), json!({}));
    assert_eq!(whole, "1 the third one broke");
    // What came before the error is served first; without ContinueOnError the error is the end.
    for (continues, then) in [(false, "21 "), (true, "")] {
        let named = json!({"MaxObjectCount": 2, "ContinueOnError": continues});
        let opened = client.call("OpenEnumerateInstances", json!(["Test_Failing"]), named);
        assert_eq!(opened["instances"].as_array().unwrap().len(), 2);
        let context = json!({"context": opened["context"]});
        let failed = client.refused("PullInstancesWithPath", json!([context, 5]), json!({}));
        assert_eq!(failed, "1 the third one broke");
        if continues {
            let rest = client.call("PullInstancesWithPath", json!([context, 5]), json!({}));
            assert_eq!((&rest["instances"], &rest["eos"]), (&json!([]), &json!(true)));
        } else {
            let failed = client.refused("PullInstancesWithPath", json!([context, 5]), json!({}));
            assert!(failed.starts_with(then), "{failed}");
        }
    }
    assert_eq!(service.enumerations.len(), 0);
}

#[test]
fn large_instances_come_in_chunks_and_in_pulls() {
    let service = Service::start();
    Client::of_service(&service).each_way(|client| {
        let instances = client.call("IterEnumerateInstances", json!(["Test_Huge"]), json!({}));
        let lengths: Vec<usize> = instances
            .as_array()
            .unwrap()
            .iter()
            .map(|instance| instance["properties"]["Text"].as_str().unwrap().len())
            .collect();
        assert_eq!(lengths, [10, HUGE, 10]);
    });
    assert_eq!(service.enumerations.len(), 0);
}

#[test]
fn instances_are_created_changed_and_deleted() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let group = json!({"instance": "Test_Group", "properties": {"Name": "third"}, "at": null});
    let path = client.call("CreateInstance", json!([group]), json!({}));
    assert_eq!(path, "root/test:test_group.name=\"third\"");
    let again = client.refused("CreateInstance", json!([group]), json!({}));
    assert!(again.starts_with("11 "), "{again}");
    let unknown = json!({"instance": "Test_Group", "properties": {"Name": "x", "Nope": "y"}, "at": null});
    let unknown = client.refused("CreateInstance", json!([unknown]), json!({}));
    assert!(unknown.starts_with("12 "), "{unknown}");
    client.call("DeleteInstance", json!([{"path": path}]), json!({}));
    let gone = client.refused("GetInstance", json!([{"path": path}]), json!({}));
    assert!(gone.starts_with("6 "), "{gone}");

    let at = "root/test:Test_Item.Number=3";
    let changed = json!({"instance": "Test_Item", "properties": {"Note": "new"}, "at": at});
    client.call("ModifyInstance", json!([changed]), json!({}));
    let both = json!({"instance": "Test_Item", "properties": {"Note": "newer", "Levels": {"type": "uint16", "value": [7]}}, "at": at});
    client.call("ModifyInstance", json!([both]), json!({"PropertyList": ["note"]}));
    let got = client.call(
        "GetInstance",
        json!([item(3)]),
        json!({"PropertyList": ["Note", "Levels"]}),
    );
    assert_eq!(got["properties"], json!({"Note": "newer", "Levels": [0, 1, 2]}));
}

#[test]
fn methods_are_called() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let named = json!({"Text": "ab"});
    let missing = client.refused("InvokeMethod", json!(["Repeat", item(1)]), named);
    assert!(missing.starts_with("4 "), "{missing}");
    let total = client.call("InvokeMethod", json!(["total", "test_item"]), json!({}));
    assert_eq!(total, json!([4, {}]));
    let on_class = client.refused("InvokeMethod", json!(["Repeat", "Test_Item"]), json!({}));
    assert!(on_class.starts_with("4 "), "{on_class}");
    let unknown = client.refused("InvokeMethod", json!(["Nope", "Test_Item"]), json!({}));
    assert!(unknown.starts_with("17 "), "{unknown}");
    let nowhere = client.refused("InvokeMethod", json!(["Total", "Test_Nope"]), json!({}));
    assert!(nowhere.starts_with("5 "), "{nowhere}");
}

#[test]
fn the_agent_is_read_each_way() {
    let agent = Agent::start();
    Client::of_agent(&agent).each_way(|client| {
        let processors = client.call("IterEnumerateInstances", json!(["ESM_Processor"]), json!({}));
        let total = processors
            .as_array()
            .unwrap()
            .iter()
            .find(|processor| processor["properties"]["DeviceID"] == "_Total")
            .unwrap();
        let got = client.call("GetInstance", json!([{"path": total["path"]}]), json!({}));
        assert_eq!(got["properties"]["SystemName"], total["properties"]["SystemName"]);
        let system = client.call(
            "IterAssociatorInstances",
            json!([{"path": total["path"]}]),
            json!({"ResultClass": "CIM_ComputerSystem"}),
        );
        assert_eq!(system[0]["class"], "ESM_GeneralInformation");
        let namespaces = client.call(
            "IterEnumerateInstancePaths",
            json!(["CIM_ObjectManager", "interop"]),
            json!({}),
        );
        assert_eq!(namespaces.as_array().unwrap().len(), 1);
    });
}

/// The value with every text in it written otherwise: small letters and capitals by turns.
fn in_other_letters(value: &Value) -> Value {
    match value {
        Value::String(text) => text
            .chars()
            .enumerate()
            .map(|(at, c)| match at % 2 {
                0 => c.to_ascii_lowercase(),
                _ => c.to_ascii_uppercase(),
            })
            .collect::<String>()
            .into(),
        Value::Array(items) => items.iter().map(in_other_letters).collect(),
        // Names of Python's arguments are not the server's.
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), in_other_letters(value)))
            .collect(),
        other => other.clone(),
    }
}

/// Classes, properties, keys, roles, methods, qualifiers and namespaces are found however they are spelled
/// (DSP0004, 5.1.2.11), in each operation.
#[test]
fn names_count_in_any_case() {
    let service = Service::start();
    Client::of_service(&service).each_way(|client| {
        for (call, arguments, named) in [
            (
                "GetClass",
                json!(["Test_SubItem"]),
                json!({"LocalOnly": false, "PropertyList": ["Number"]}),
            ),
            ("EnumerateClasses", json!([]), json!({"ClassName": "Test_Item"})),
            (
                "EnumerateClassNames",
                json!([]),
                json!({"ClassName": "Test_Item"}),
            ),
            ("GetQualifier", json!(["ValueMap"]), json!({})),
            (
                "GetInstance",
                json!([item(2)]),
                json!({"PropertyList": ["Number", "Text"]}),
            ),
            (
                "IterEnumerateInstances",
                json!(["Test_Item"]),
                json!({"PropertyList": ["Number", "Levels"]}),
            ),
            (
                "IterEnumerateInstances",
                json!(["Test_Item"]),
                json!({"FilterQueryLanguage": "DMTF:FQL", "FilterQuery": "Number > 2"}),
            ),
            ("IterEnumerateInstancePaths", json!(["Test_Item"]), json!({})),
            (
                "IterAssociatorInstances",
                json!([item(2)]),
                json!({
                    "AssocClass": "Test_Membership", "ResultClass": "Test_Group", "Role": "Member",
                    "ResultRole": "Group", "PropertyList": ["Name"],
                }),
            ),
            (
                "IterAssociatorInstancePaths",
                json!([item(2)]),
                json!({"AssocClass": "Test_Membership", "ResultRole": "Group"}),
            ),
            (
                "IterReferenceInstances",
                json!([item(2)]),
                json!({"ResultClass": "Test_Membership", "Role": "Member"}),
            ),
            (
                "IterReferenceInstancePaths",
                json!([item(2)]),
                json!({"Role": "Member"}),
            ),
            (
                "AssociatorNames",
                json!(["Test_Item"]),
                json!({"AssocClass": "Test_Membership", "ResultClass": "Test_Group"}),
            ),
            ("ReferenceNames", json!(["Test_Item"]), json!({"Role": "Member"})),
            (
                "IterQueryInstances",
                json!(["WQL", "SELECT Number FROM Test_Item WHERE Number > 2"]),
                json!({}),
            ),
            ("InvokeMethod", json!(["Total", "Test_Item"]), json!({})),
        ] {
            // The filter is the pulled operations' alone.
            if client.pull == Some(false) && named.get("FilterQuery").is_some() {
                continue;
            }
            let usual = client.call(call, arguments.clone(), named.clone());
            let count = usual.as_array().map_or(1, Vec::len);
            assert!(count > 0, "{call}");
            let mut elsewhere = in_other_letters(&named);
            // Calls whose object is no path name the namespace apart.
            let names_path = arguments.to_string().contains("path");
            if !names_path && !matches!(call, "InvokeMethod" | "AssociatorNames" | "ReferenceNames") {
                elsewhere["namespace"] = json!("ROOT/Test");
            }
            let spelled = client.call(call, in_other_letters(&arguments), elsewhere);
            // Paths and references have the namespace as the client spelled it.
            let same = |value: &Value| value.to_string().to_lowercase();
            assert_eq!(same(&spelled), same(&usual), "{call}");
        }
    });
}
