//! Classes and qualifiers.

use serde_json::{Value, json};

use super::Client;
use crate::wsman_service::Service;

#[test]
fn classes_and_qualifiers_are_read() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let whole = client.call(
        "GetClass",
        json!(["test_subitem"]),
        json!({"LocalOnly": false, "IncludeClassOrigin": true}),
    );
    assert_eq!(whole["class"], "Test_SubItem");
    assert_eq!(whole["properties"].as_array().unwrap().len(), 15);
    assert_eq!(
        whole["origins"],
        json!(["CIM_ManagedElement", "Test_Item", "Test_SubItem"])
    );
    let local = client.call("GetClass", json!(["Test_SubItem"]), json!({}));
    assert_eq!(
        (&local["properties"], &local["origins"]),
        (&json!(["Extra"]), &json!([]))
    );
    let named = json!({"PropertyList": ["number", "nope"], "LocalOnly": false});
    let few = client.call("GetClass", json!(["Test_SubItem"]), named);
    assert_eq!(few["properties"], json!(["Number"]));
    let association = client.call("GetClass", json!(["Test_Membership"]), json!({}));
    assert_eq!(association["qualifiers"], json!(["Association"]));
    let bare = client.call(
        "GetClass",
        json!(["Test_Membership"]),
        json!({"IncludeQualifiers": false}),
    );
    assert_eq!(bare["qualifiers"], json!([]));

    let top = client.call("EnumerateClassNames", json!([]), json!({}));
    assert!(top.as_array().unwrap().contains(&json!("Test_Many")));
    assert!(!top.as_array().unwrap().contains(&json!("Test_SubItem")));
    let below = client.call(
        "EnumerateClassNames",
        json!([]),
        json!({"ClassName": "Test_Item"}),
    );
    assert_eq!(below, json!(["Test_SubItem"]));
    let all = client.call(
        "EnumerateClasses",
        json!([]),
        json!({"DeepInheritance": true, "LocalOnly": false}),
    );
    let names = client.call("EnumerateClassNames", json!([]), json!({"DeepInheritance": true}));
    assert!(names.as_array().unwrap().len() > 20);
    let all: Vec<&Value> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|class| &class["class"])
        .collect();
    assert_eq!(all, names.as_array().unwrap().iter().collect::<Vec<_>>());

    let key = client.call("GetQualifier", json!(["key"]), json!({}));
    assert_eq!(key, "Key");
    let qualifiers = client.call("EnumerateQualifiers", json!([]), json!({}));
    assert!(qualifiers.as_array().unwrap().contains(&json!("ValueMap")));

    let around = client.call(
        "AssociatorNames",
        json!(["Test_Item"]),
        json!({"AssocClass": "Test_Membership"}),
    );
    assert_eq!(around, json!(["Test_Group"]));
    let by = client.call(
        "ReferenceNames",
        json!(["test_subitem"]),
        json!({"Role": "Member"}),
    );
    assert_eq!(by, json!(["Test_Membership"]));
    let by = client.call(
        "References",
        json!(["Test_Item"]),
        json!({"ResultClass": "Test_Membership"}),
    );
    assert_eq!(by[0][1]["properties"], json!(["Group", "Member", "Rank"]));
    let none = client.call(
        "Associators",
        json!(["Test_Item"]),
        json!({"ResultClass": "Test_Item"}),
    );
    assert_eq!(none, json!([]));
}

#[test]
fn the_schema_is_not_changed_by_clients() {
    let service = Service::start();
    let mut client = Client::of_service(&service);
    let class = json!({"class": "Test_New"});
    for (call, argument) in [
        ("CreateClass", class.clone()),
        ("ModifyClass", class),
        ("DeleteClass", json!("Test_Item")),
        ("DeleteQualifier", json!("Key")),
    ] {
        let refused = client.refused(call, json!([argument]), json!({}));
        assert!(
            refused.starts_with("7 ") && refused.contains("MOF"),
            "{call}: {refused}"
        );
    }
}
