//! MOF: `esm mof check` as a user meets it, and the house schema against another compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use esm::cim::schema::{NamespaceSchema, house};
use esm::cim::{ArraySize, Class, Method, Name, PropertyDecl, Qualifier, TypeDecl, Value};
use serde_json::{Value as Json, json};

use crate::command::{esm, run};

#[test]
fn a_check_counts_what_the_files_hold() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("more")).unwrap();
    std::fs::write(
        home.path().join("top.mof"),
        "#pragma include (\"rest.mof\")\n[Association] class A { [Key] B REF Of; };\ninstance of B { Id = 1; };",
    )
    .unwrap();
    std::fs::write(
        home.path().join("more/rest.mof"),
        "Qualifier Association : boolean, Scope(association);\nQualifier Key : boolean, Scope(property, reference);
        class B { [Key] uint8 Id; };",
    )
    .unwrap();
    let mut check = esm(home.path());
    check.args(["mof", "check", "top.mof", "-I", "more", "--namespace", "root/x"]);
    let ended = run(&mut check);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<Vec<&str>> = ended
        .out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[1], ["root/x", "2", "1", "0", "2", "1"], "{}", ended.out);
    let ended = run(check.args(["--output", "json"]));
    let answer: Json = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(answer["files"], 2);
    assert_eq!(answer["namespaces"][0]["associations"], 1, "{answer}");
}

#[test]
fn every_fault_is_told_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(
        home.path().join("bad.mof"),
        "class A : B {};\nclass C {\n  string P = 5;\n};\n",
    )
    .unwrap();
    let mut check = esm(home.path());
    check.args(["mof", "check", "bad.mof"]);
    let ended = run(&mut check);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert_eq!(
        ended.err,
        "bad.mof:1:11: the superclass `B` is not declared\nbad.mof:3:14: expected string, found an integer\n"
    );
    let ended = run(check.args(["--output", "json"]));
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
    let answer: Json = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(
        answer["errors"][1],
        json!({ "file": "bad.mof", "line": 3, "column": 14, "message": "expected string, found an integer" })
    );
}

/// The same files through pywbem's compiler and its resolution of inheritance: every class, property, method,
/// parameter, inheritable qualifier and default must come out the same.
#[test]
fn pywbem_reads_the_house_schema_as_we_do() {
    let schema = house().unwrap();
    let files = [
        "root.mof",
        "root_cimv2.mof",
        "root_esmpro_as.mof",
        "root_interop.mof",
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let arguments = schema.namespaces().zip(files).map(|(namespace, file)| {
        let file = folder.join("schemas").join(file);
        format!("{}={}", namespace.name(), file.display())
    });
    let output = Command::new(python())
        .arg(folder.join("tests/it/mof/dump.py"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "pywbem must be installed for {}, as tests/run does: {}",
        python().display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs: Json = serde_json::from_slice(&output.stdout).unwrap();
    for namespace in schema.namespaces() {
        let theirs = theirs[namespace.name().as_str()].as_object().unwrap();
        let mut names: Vec<&str> = namespace.classes().map(|class| class.name.as_str()).collect();
        names.sort_unstable();
        let mut their_names: Vec<&str> = theirs.keys().map(String::as_str).collect();
        their_names.sort_unstable();
        assert_eq!(names, their_names, "{}", namespace.name());
        for (name, theirs) in theirs {
            let ours = described(class(namespace, name));
            assert!(ours == *theirs, "{name}\nours: {ours:#}\ntheirs: {theirs:#}");
        }
    }
}

/// The Python of the environment that `tests/run` prepares.
fn python() -> PathBuf {
    let environment = std::env::var_os("ESM_TEST_VENV")
        .expect("ESM_TEST_VENV must name a Python environment with pywbem; tests/run makes one");
    Path::new(&environment).join("bin/python")
}

fn class<'a>(namespace: &'a NamespaceSchema, name: &str) -> &'a Class {
    namespace.class(&Name::new(name)).unwrap()
}

fn described(class: &Class) -> Json {
    let mut properties: Vec<&PropertyDecl> = class.properties.iter().map(AsRef::as_ref).collect();
    properties.sort_by_key(|property| property.name.as_str());
    let mut methods: Vec<&Method> = class.methods.iter().map(AsRef::as_ref).collect();
    methods.sort_by_key(|method| method.name.as_str());
    let properties: Vec<Json> = properties
        .into_iter()
        .map(|property| {
            let mut described = typed(&property.name, &property.ty, &property.qualifiers);
            described["default"] = property.default.as_ref().map_or(Json::Null, text);
            described["origin"] = json!(property.class_origin.as_str());
            described
        })
        .collect();
    let methods: Vec<Json> = methods
        .into_iter()
        .map(|method| {
            let parameters = method.parameters.iter();
            let parameters = parameters.map(|it| typed(&it.name, &it.ty, &it.qualifiers));
            json!({
                "name": method.name.as_str(),
                "type": method.return_type.as_str(),
                "parameters": parameters.collect::<Vec<_>>(),
                "qualifiers": qualifiers(&method.qualifiers),
                "origin": method.class_origin.as_str(),
            })
        })
        .collect();
    json!({
        "superclass": class.superclass.as_ref().map(Name::as_str),
        "qualifiers": qualifiers(&class.qualifiers),
        "properties": properties,
        "methods": methods,
    })
}

fn typed(name: &Name, ty: &TypeDecl, of_element: &[Qualifier]) -> Json {
    json!({
        "name": name.as_str(),
        "type": ty.cim_type.as_str(),
        "array": ty.is_array(),
        "size": match ty.array {
            ArraySize::Fixed(size) => json!(size),
            ArraySize::Scalar | ArraySize::Variable => Json::Null,
        },
        "reference": ty.reference_class.as_ref().map(Name::as_str),
        "qualifiers": qualifiers(of_element),
    })
}

/// The qualifiers that subclasses inherit: pywbem hands down the others too, now and then.
fn qualifiers(of_element: &[Qualifier]) -> Json {
    of_element
        .iter()
        .filter(|qualifier| qualifier.flavor.to_subclass)
        .map(|qualifier| {
            let value = qualifier.value.as_deref().map_or(Json::Null, text);
            (
                qualifier.name.as_str().to_ascii_lowercase(),
                json!([qualifier.cim_type.as_str(), value]),
            )
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn text(value: &Value) -> Json {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        single => json!(single.to_text()),
    }
}
