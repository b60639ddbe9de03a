//! Queries, and enumerations that are filtered.

use serde_json::{Value, json};

use super::{Client, ITEMS, item, keys};
use crate::wsman_service::Service;

#[test]
fn queries_are_answered_each_way() {
    let service = Service::start();
    Client::of_service(&service).each_way(|client| {
        let query = "SELECT Number, Text FROM Test_Item WHERE Even = TRUE";
        let found = client.call("IterQueryInstances", json!(["WQL", query]), json!({}));
        let numbers: Vec<&Value> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|found| &found["properties"]["Number"])
            .collect();
        assert_eq!(numbers, [2, 4]);
        assert_eq!(found[0]["properties"].as_object().unwrap().len(), 2);
        let cql = json!(["DMTF:CQL", "SELECT * FROM Test_Group WHERE Name = 'odd'"]);
        let found = client.call("IterQueryInstances", cql, json!({}));
        assert_eq!(found[0]["properties"]["Name"], "odd");
    });
}

#[test]
fn enumerations_are_filtered_and_bounded() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    for (language, filter) in [
        ("DMTF:FQL", "Number > 1 AND Even = FALSE"),
        ("WQL", "SELECT * FROM Test_Item WHERE Number > 1 AND Even = FALSE"),
    ] {
        let named = json!({"FilterQueryLanguage": language, "FilterQuery": filter, "MaxObjectCount": 10});
        let found = client.call("OpenEnumerateInstances", json!(["Test_Item"]), named.clone());
        assert_eq!(keys(&found["instances"]), [ITEMS[2], ITEMS[4]], "{language}");
        assert_eq!((&found["eos"], &found["context"]), (&json!(true), &Value::Null));
        let found = client.call("OpenEnumerateInstancePaths", json!(["Test_Item"]), named);
        assert_eq!(keys(&found["paths"]), [ITEMS[2], ITEMS[4]], "{language}");
    }
    let filter =
        json!({"FilterQueryLanguage": "DMTF:FQL", "FilterQuery": "Name LIKE 'o.*'", "MaxObjectCount": 10});
    let found = client.call("OpenAssociatorInstances", json!([item(1)]), filter.clone());
    assert_eq!(keys(&found["instances"]), ["test_group.name=\"odd\""]);
    let found = client.call("OpenAssociatorInstancePaths", json!([item(2)]), filter);
    assert_eq!(found["paths"], json!([]));
    // None at first, then as many as are asked for, then the rest.
    let opened = client.call("OpenEnumerateInstances", json!(["Test_Item"]), json!({}));
    assert_eq!(
        (&opened["instances"], &opened["eos"]),
        (&json!([]), &json!(false))
    );
    let context = json!({"context": opened["context"]});
    let pulled = client.call("PullInstancesWithPath", json!([context, 2]), json!({}));
    assert_eq!(keys(&pulled["instances"]), ITEMS[..2]);
    assert_eq!(pulled["eos"], false);
    let kept_alive = client.call("PullInstancesWithPath", json!([context, 0]), json!({}));
    assert_eq!(
        (&kept_alive["instances"], &kept_alive["eos"]),
        (&json!([]), &json!(false))
    );
    let pulled = client.call("PullInstancesWithPath", json!([context, 3]), json!({}));
    assert_eq!(keys(&pulled["instances"]), ITEMS[2..]);
    assert_eq!(pulled["eos"], true, "the end is told with the last item");
    let late = client.refused("PullInstancesWithPath", json!([context, 1]), json!({}));
    assert!(late.starts_with("21 "), "{late}");
    assert_eq!(service.enumerations.len(), 0);
    // One that is closed is gone; one of another kind is not touched.
    let opened = client.call(
        "OpenEnumerateInstancePaths",
        json!(["Test_Item"]),
        json!({"OperationTimeout": 30}),
    );
    let context = json!({"context": opened["context"]});
    let wrong = client.refused("PullInstancesWithPath", json!([context, 1]), json!({}));
    assert!(wrong.starts_with("21 "), "{wrong}");
    client.call("CloseEnumeration", json!([context]), json!({}));
    let again = client.refused("CloseEnumeration", json!([context]), json!({}));
    assert!(again.starts_with("21 "), "{again}");
}

#[test]
fn bad_filters_have_their_codes() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    for (named, expect) in [
        (
            json!({"FilterQueryLanguage": "SQL", "FilterQuery": "Number > 1"}),
            "14 ",
        ),
        (
            json!({"FilterQueryLanguage": "DMTF:FQL", "FilterQuery": "Number >"}),
            "15 ",
        ),
        (
            json!({"FilterQueryLanguage": "DMTF:FQL", "FilterQuery": "Nope = 1"}),
            "15 ",
        ),
        (
            json!({"FilterQueryLanguage": "WQL", "FilterQuery": "SELECT * FROM Test_Group"}),
            "15 ",
        ),
        (json!({"OperationTimeout": 0}), "22 "),
        (json!({"OperationTimeout": 100_000}), "22 "),
    ] {
        let refused = client.refused("OpenEnumerateInstances", json!(["Test_Item"]), named.clone());
        assert!(refused.starts_with(expect), "{named}: {refused}");
    }
    let refused = client.refused("OpenEnumerateInstances", json!(["Test_Nope"]), json!({}));
    assert!(refused.starts_with("5 "), "{refused}");
    for (query, expect) in [
        (["SQL", "x"], "14 "),
        (["WQL", "SELECT"], "15 "),
        (["DMTF:FQL", "Number = 1"], "14 "),
    ] {
        for call in ["ExecQuery", "OpenQueryInstances"] {
            let refused = client.refused(call, json!(query), json!({}));
            assert!(refused.starts_with(expect), "{call} {query:?}: {refused}");
        }
    }
}
