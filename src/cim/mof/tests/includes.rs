//! Files that include files, and namespaces.

use super::{Memory, compile_files};
use crate::cim::mof::{Root, compile};
use crate::cim::{Name, Namespace};

#[track_caller]
fn check(files: &[(&str, &str)], error: Option<&str>) {
    let got = compile_files(files).err().map(|errors| errors.to_string());
    assert_eq!(got.as_deref(), error, "{files:?}");
}

#[test]
fn a_file_counts_once() {
    check(
        &[
            ("top", "#pragma include (\"a\")\n#pragma include (\"b\")"),
            ("a", "#pragma include (\"b\") class A : B {};"),
            ("b", "class B {};"),
        ],
        None,
    );
}

#[test]
fn what_cannot_be_included_is_told() {
    check(
        &[("top", "\n #pragma include (\"gone\")")],
        Some("top:2:19: cannot read `gone`: no such file"),
    );
    check(
        &[
            ("top", "#pragma include (\"a\")"),
            ("a", "#pragma include (\"top\")"),
        ],
        Some("a:1:18: `top` includes itself"),
    );
    check(
        &[("top", "#pragma include (\"top\")")],
        Some("top:1:18: `top` includes itself"),
    );
    check(
        &[
            ("top", "class A : B {};\n#pragma include (\"a\")"),
            ("a", "class"),
            ("b", ""),
        ],
        Some("a:1:6: expected the name of the class, found the end of the file"),
    );
    let names: Vec<String> = (0..40).map(|at| format!("f{at}")).collect();
    let texts: Vec<String> = (1..41).map(|at| format!("#pragma include (\"f{at}\")")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_str))
        .collect();
    check(&files, Some("f31:1:18: includes are nested more than 32 deep"));
}

#[test]
fn a_root_that_is_not_there_is_told() {
    let root = Root {
        file: "gone",
        namespace: Namespace::from_static("root"),
    };
    let errors = compile(&[root], &Memory(&[])).unwrap_err();
    assert_eq!(errors.to_string(), "gone:1:1: cannot read `gone`: no such file");
}

#[test]
fn a_namespace_holds_to_the_end_of_its_file() {
    let compiled = compile_files(&[
        (
            "top",
            "#pragma include (\"a\")\nclass T {};\n#pragma namespace (\"//host/root/b/\")\nclass B {};",
        ),
        (
            "a",
            "#pragma namespace (\"root\\\\a\")\n#pragma include (\"c\")\nclass A : C {};",
        ),
        ("c", "class C {};"),
    ])
    .unwrap();
    let names = |namespace| {
        let namespace = compiled
            .schema
            .namespace(&Namespace::from_static(namespace))
            .unwrap();
        namespace
            .classes()
            .map(|class| class.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("root/test"), ["T"]);
    assert_eq!(names("root/a"), ["C", "A"]);
    assert_eq!(names("root/b"), ["B"]);
    assert_eq!(compiled.files, 4);
}

#[test]
fn a_fault_in_a_file_of_several_namespaces_is_told_once() {
    check(
        &[
            (
                "top",
                "#pragma include (\"a\")\n#pragma namespace (\"root/b\")\n#pragma include (\"a\")",
            ),
            ("a", "class A : B {};"),
        ],
        Some("a:1:11: the superclass `B` is not declared"),
    );
}

#[test]
fn namespaces_share_classes_with_the_same_superclass() {
    let compiled = compile_files(&[
        (
            "top",
            "#pragma namespace (\"root/a\")\n#pragma include (\"leaf\")\n#pragma include (\"base\")
            #pragma namespace (\"root/b\")\n#pragma include (\"leaf\")\n#pragma include (\"base\")
            #pragma namespace (\"root/c\")\n#pragma include (\"leaf\")\nclass Base { uint8 Other; };",
        ),
        ("leaf", "class Leaf : Base {};"),
        ("base", "class Base { string P; };"),
    ])
    .unwrap();
    let leaf = |namespace| {
        let namespace = compiled
            .schema
            .namespace(&Namespace::from_static(namespace))
            .unwrap();
        std::sync::Arc::clone(namespace.class(&Name::new("Leaf")).unwrap())
    };
    assert!(std::sync::Arc::ptr_eq(&leaf("root/a"), &leaf("root/b")));
    assert!(leaf("root/c").property("Other").is_some());
}
