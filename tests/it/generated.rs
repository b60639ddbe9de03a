//! What is generated and committed is current.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::command::{esm, run};

#[test]
fn the_manual_pages_are_current() {
    let home = tempfile::tempdir().unwrap();
    let ended = run(esm(home.path()).args(["man", "--out", "man"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let generated = pages(&home.path().join("man"));
    let committed = pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man"));
    assert!(
        generated == committed,
        "packaging/man is not current: rm packaging/man/*.1 && cargo run -- man --out packaging/man"
    );
}

fn pages(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files
        .map(|file| {
            (
                file.file_name().into_string().unwrap(),
                fs::read_to_string(file.path()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn every_shell_gets_its_completions() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = run(esm(home.path()).args(["completions", shell]));
        assert!(
            ended.code == Some(0) && ended.out.contains("config"),
            "{shell}: {ended:?}"
        );
    }
}
