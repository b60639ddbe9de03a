//! What `deny.toml` says of dependencies, as far as it can be seen without the network, and that each is explained.

use std::collections::BTreeSet;
use std::process::Command;

use crate::command::run;

fn rules() -> toml::Table {
    include_str!("../../deny.toml").parse().unwrap()
}

/// Name and licence of every package that is built for the targets of `deny.toml`.
fn packages() -> Vec<(String, String)> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version=1", "--locked", "--offline"]);
    command.arg("--filter-platform=x86_64-unknown-linux-gnu");
    let ended = run(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let metadata: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| (text(&package["name"]), text(&package["license"])))
        .collect()
}

/// Whether an SPDX expression without nested parentheses is satisfied; `/` is an old way to write OR.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    expression
        .split(" AND ")
        .all(|all| all.split(" OR ").any(|one| allowed.contains(one.trim())))
}

#[test]
fn every_licence_is_allowed() {
    let rules = rules();
    let allowed = rules["licenses"]["allow"].as_array().unwrap();
    let allowed: BTreeSet<&str> = allowed.iter().filter_map(toml::Value::as_str).collect();
    assert!(!is_allowed("GPL-3.0-only", &allowed) && !is_allowed("MIT AND GPL-3.0-only", &allowed));
    let others: Vec<_> = packages()
        .into_iter()
        .filter(|(_, licence)| !is_allowed(licence, &allowed))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn nothing_banned_is_built() {
    let rules = rules();
    let banned = rules["bans"]["deny"].as_array().unwrap().iter();
    // What is banned but for some users of it is left to `cargo deny`.
    let banned: BTreeSet<&str> = banned
        .filter(|ban| ban.get("wrappers").is_none())
        .map(|ban| ban["name"].as_str().unwrap())
        .collect();
    let found: Vec<_> = packages()
        .into_iter()
        .filter(|(name, _)| banned.contains(name.as_str()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
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
