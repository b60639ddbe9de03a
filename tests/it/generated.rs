//! What is generated and committed is current.

use std::collections::{BTreeMap, BTreeSet};
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

/// `rustix` is named twice, the second time with a feature for tests.
#[test]
fn every_dependency_is_explained_once() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let names = |table: &str| manifest[table].as_table().unwrap().keys().cloned();
    let named: BTreeSet<String> = names("dependencies").chain(names("dev-dependencies")).collect();
    let rows = include_str!("../../docs/dependencies.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| "));
    let first_cells = rows.map(|row| row.split(' ').next().unwrap().to_owned());
    let explained: Vec<String> = first_cells.filter(|cell| cell != "Crate").collect();
    assert_eq!(
        explained.len(),
        explained.iter().collect::<BTreeSet<_>>().len(),
        "a crate stands twice"
    );
    assert_eq!(
        named,
        explained.into_iter().collect(),
        "docs/dependencies.md and Cargo.toml differ"
    );
}
