//! Inheritance: what is handed down, what may be overridden, and what is refused.

use std::sync::Arc;

use super::{check_errors, class, classes};
use crate::cim::{Name, Value};

const BASE: &str = r#"
    [Version("1"), Description("base")]
    class Base {
        [Key, Description("id")] string Id;
        [MaxLen(9) : Restricted] string Text = "x";
        uint8 Run([Description("how")] uint8 How);
    };
"#;

#[test]
fn members_are_handed_down_in_order() {
    let schema = classes(&format!(
        r#"class Leaf : Middle {{ uint8 Last; }};
        class Middle : Base {{ [Override("Text"), Description("mine")] string Text; uint8 More; }};
        {BASE}"#
    ));
    let leaf = schema.class(&Name::new("Leaf")).unwrap();
    let members: Vec<_> = leaf
        .properties
        .iter()
        .map(|p| (p.name.as_str(), p.class_origin.as_str(), p.propagated))
        .collect();
    assert_eq!(
        members,
        [
            ("Id", "Base", true),
            ("Text", "Base", true),
            ("More", "Middle", true),
            ("Last", "Leaf", false)
        ]
    );
    let middle = schema.class(&Name::new("Middle")).unwrap();
    let text = middle.property("Text").unwrap();
    assert!(!text.propagated, "an override is the class's own");
    assert_eq!(text.default, None, "an override says its own default");
    let base = schema.class(&Name::new("Base")).unwrap();
    assert_eq!(base.property("Text").unwrap().default, Some(Value::string("x")));
    assert!(
        text.qualifier("MaxLen").is_none(),
        "Restricted is not handed down"
    );
    let method = leaf.method("Run").unwrap();
    assert!(method.propagated);
    assert!(method.parameters[0].qualifiers[0].propagated);
}

#[test]
fn qualifiers_are_handed_down_by_their_flavor() {
    let schema = classes(&format!("{BASE} class Leaf : Base {{}};"));
    let leaf = schema.class(&Name::new("Leaf")).unwrap();
    assert!(leaf.qualifier("Version").is_none());
    let description = leaf.qualifier("Description").unwrap();
    assert!(description.propagated);
    let id = leaf.property("Id").unwrap();
    assert!(id.is_key());
    assert!(id.qualifiers.iter().all(|qualifier| qualifier.propagated));
    let base = schema.class(&Name::new("Base")).unwrap();
    assert!(
        base.properties[0]
            .qualifiers
            .iter()
            .all(|qualifier| !qualifier.propagated)
    );
}

#[test]
fn what_is_inherited_is_shared() {
    let schema = classes(&format!(
        "{BASE} class A : Base {{}}; class B : Base {{}}; class C : B {{}};"
    ));
    let id = |class| {
        let class = schema.class(&Name::new(class)).unwrap();
        Arc::clone(&class.properties[0])
    };
    assert!(Arc::ptr_eq(&id("A"), &id("B")));
    assert!(Arc::ptr_eq(&id("A"), &id("C")));
}

#[test]
fn an_association_below_an_association_is_one() {
    let class = class(
        "[Association] class L { L REF R; }; class M : L { [Override(\"R\")] M REF R; };",
        "M",
    );
    assert!(class.is_association());
    assert_eq!(class.properties[0].ty.reference_class, Some(Name::new("M")));
}

#[test]
fn older_spellings_of_override_are_understood() {
    class(
        "class A { string P; }; class B : A { [Override(\"A.p\")] string P; };",
        "B",
    );
}

#[test]
fn overrides_that_are_refused() {
    for (member, error) in [
        (
            "string Text",
            "1:30: `Text` is inherited from `Base`: say Override(\"Text\")",
        ),
        (
            "uint8 Run()",
            "1:29: `Run` is inherited from `Base`: say Override(\"Run\")",
        ),
        (
            "[Override(\"Other\")] string Other",
            "1:50: `Other` overrides nothing: no superclass has a property of that name",
        ),
        (
            "[Override(\"Id\")] string Text",
            "1:47: Override names `Id`, but the overridden element is `Text`",
        ),
        (
            "[Override(\"Text\")] uint8 Text",
            "1:48: `Text` is uint8 here, but string in `Base`",
        ),
        (
            "[Override(\"Text\")] string Text[]",
            "1:49: `Text` is string[] here, but string in `Base`",
        ),
        (
            "[Override(\"Run\")] uint16 Run(uint8 How)",
            "1:48: `Run` is uint16 here, but uint8 in `Base`",
        ),
        (
            "[Override(\"Run\")] uint8 Run(string How)",
            "1:58: `How` is string here, but uint8 in `Base`",
        ),
        (
            "[Override(\"Id\"), Key(false)] string Id",
            "1:40: the qualifier `Key` is inherited from `Base` with another value and DisableOverride",
        ),
    ] {
        check_errors(&format!("class Leaf : Base {{   {member}; }};{BASE}"), &[error]);
    }
    check_errors(
        "class A {}; class B {};\n[Association] class L { A REF R; };\n[Association] class M : L { [Override(\"R\")] B REF R; };",
        &["3:45: `R` may only be narrowed to `A` or to a class that derives from it"],
    );
}

#[test]
fn limits_hold() {
    let properties: String = (0..1025).map(|at| format!("string P{at};")).collect();
    check_errors(
        &format!("class A {{ {properties} }};"),
        &["1:7: more than 1024 properties or methods in one class"],
    );
    let deep: String = (1..3000)
        .map(|at| format!("class A{at} : A{} {{}};", at - 1))
        .collect();
    assert_eq!(classes(&format!("{deep} class A0 {{}};")).classes().count(), 3000);
}
