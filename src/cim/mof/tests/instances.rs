//! Instances and aliases.

use super::{check_errors, instances};
use crate::cim::{CimType, InstancePath, Name, Value};

const CLASSES: &str = r#"
    class Thing {
        [Key] string Id;
        uint16 Count = 7;
        uint8 Bytes[];
        [EmbeddedInstance("Part")] string Inner;
        [EmbeddedObject] string Any[];
    };
    class Part { string Name; };
    class Bolt : Part { uint8 Size; };
    [Abstract] class Shape { [Key] string Id; };
    [Association] class Link { [Key] Thing REF Left; [Key] Thing REF Right; };
"#;

fn made(text: &str) -> Vec<crate::cim::Instance> {
    instances(&format!("{text}{CLASSES}"))
}

#[track_caller]
fn check(text: &str, errors: &[&str]) {
    check_errors(&format!("{text}{CLASSES}"), errors);
}

#[test]
fn an_instance_has_every_property_of_its_class() {
    let [thing] = made("instance of thing { BYTES = {1, 0x2}; Id = \"a\"; };")
        .try_into()
        .unwrap();
    assert_eq!(thing.class_name.as_str(), "Thing");
    let names: Vec<_> = thing
        .properties()
        .iter()
        .map(|property| property.name.as_str())
        .collect();
    assert_eq!(names, ["Id", "Count", "Bytes", "Inner", "Any"]);
    assert_eq!(thing.get("Id"), Some(&Value::string("a")));
    assert_eq!(thing.get("Count"), Some(&Value::Uint16(7)), "the default");
    assert_eq!(thing.get("Bytes"), Some(&vec![1_u8, 2].into()));
    assert_eq!(thing.get("Inner"), None);
    assert_eq!(thing.property("Inner").unwrap().cim_type, CimType::String);
}

#[test]
fn qualifiers_on_instances_are_read() {
    made("[Description(\"d\")] instance of Thing { [Description(\"i\")] Id = \"a\"; };");
}

#[test]
fn aliases_become_paths() {
    let made = made(
        r#"instance of Link { Left = $a; Right = "root/x:Thing.Id=\"far\""; };
        instance of Thing as $A { Id = "near"; };"#,
    );
    let path = |id: &str| InstancePath::new(Name::new("Thing")).with_key("Id", id);
    assert_eq!(made[0].get("Left"), Some(&path("near").into()));
    assert_eq!(made[0].get("Right"), Some(&path("far").into()));
}

#[test]
fn instances_stand_in_instances() {
    let made = made(
        r#"instance of Thing { Id = "a"; Inner = $B; Any = { instance of Part { Name = "p"; }, $B, $T }; };
        instance of Bolt as $B { Size = 3; };
        class Tool as $T {};"#,
    );
    let Some(Value::Instance(bolt)) = made[0].get("Inner") else {
        panic!("an instance")
    };
    assert_eq!(bolt.get("Size"), Some(&Value::Uint8(3)));
    let any = made[0].get("Any").unwrap().items();
    assert!(
        matches!(any, [Value::Instance(_), Value::Instance(_), Value::Class(_)]),
        "{any:?}"
    );
    assert_eq!(made.len(), 2);
}

#[test]
fn faults_of_instances() {
    check(
        "instance of Nope {};",
        &["1:13: the class `Nope` is not declared"],
    );
    check(
        "instance of Thing { Id = \"a\"; Nope = 1; };",
        &["1:31: `Thing` has no property `Nope`"],
    );
    check(
        "instance of Thing { Id = \"a\";\nid = \"b\"; };",
        &["2:1: the value of `id` is declared already, at test:1:21"],
    );
    check(
        "instance of Thing { };",
        &["1:13: the key `Id` of `Thing` has no value"],
    );
    check(
        "instance of Thing { Id = NULL; };",
        &["1:13: the key `Id` of `Thing` has no value"],
    );
    check(
        "instance of Thing { Id = 5; };",
        &["1:26: expected string, found an integer"],
    );
    check(
        "instance of Shape { Id = \"a\"; };",
        &["1:13: `Shape` is abstract: only classes derived from it have instances"],
    );
    check(
        "instance of Thing { Id = \"a\"; };\ninstance of Thing { Id = \"a\"; };",
        &["2:13: the instance `Thing.Id=\"a\"` is declared already, at test:1:13"],
    );
    check(
        "[Nope] instance of Thing { Id = \"a\"; };",
        &["1:2: no qualifier type `Nope` is declared"],
    );
}

#[test]
fn faults_of_aliases() {
    check(
        "instance of Link { Left = $A; Right = $a; };",
        &[
            "1:27: no instance or class has the alias `$A`",
            "1:39: no instance or class has the alias `$a`",
        ],
    );
    check(
        "instance of Thing as $A { Id = \"a\"; };\ninstance of Thing as $a { Id = \"b\"; };",
        &["2:22: the alias `a` is declared already, at test:1:22"],
    );
    check(
        "instance of Link as $A { Left = $A; Right = $A; };",
        &[
            "1:33: the instance of alias `$A` refers to itself through its keys or embedded instances",
            "1:45: the instance of alias `$A` refers to itself through its keys or embedded instances",
        ],
    );
    check(
        "instance of Link { Left = $P; Right = \"nonsense!\"; };\ninstance of Part as $P {};",
        &[
            "1:27: an instance of `Part` cannot stand here; expected one of `Thing`",
            "1:39: `nonsense!` is no instance path, as `CIM_X.Name=\"a\",Index=1`",
        ],
    );
    check(
        "instance of Thing { Id = \"a\"; Inner = instance of Thing {}; };",
        &["1:39: an instance of `Thing` cannot stand here; expected one of `Part`"],
    );
    check(
        "instance of Thing { Id = \"a\"; Bytes = { $A }; };\ninstance of Part as $A {};",
        &["1:41: expected uint8, found an alias"],
    );
    check(
        "instance of Link { Left = $A; Right = $A; };\ninstance of Thing as $A { };",
        &["2:13: the key `Id` of `Thing` has no value"],
    );
}

#[test]
fn nesting_has_a_limit() {
    let deep = |depth: usize| {
        let open = "Any = { instance of Thing { ".repeat(depth);
        format!(
            "instance of Thing {{ Id = \"a\"; {open} {} }};",
            "}}; ".repeat(depth)
        )
    };
    assert_eq!(made(&deep(31)).len(), 1);
    check(&deep(32), &["1:907: instances are nested more than 32 deep"]);
    let chain: String = (0..40)
        .map(|at| {
            format!(
                "instance of Thing as $A{at} {{ Id = \"{at}\"; Any = {{ $A{} }}; }};",
                at + 1
            )
        })
        .collect();
    let errors = super::compile_text(&format!(
        "{chain}instance of Thing as $A40 {{ Id = \"40\"; }};{CLASSES}"
    ));
    let errors = errors.unwrap_err().to_string();
    assert!(
        errors.contains("instances are nested more than 32 deep"),
        "{errors}"
    );
}
