//! What `deny.toml` says of licences, bans and sources, read here without the network and without `cargo deny`; and that
//! each dependency is explained. Advisories need a database that is fetched: `cargo deny check advisories`.

use std::collections::BTreeSet;
use std::process::Command;

use crate::command::run;

fn rules() -> toml::Table {
    include_str!("../../deny.toml").parse().unwrap()
}

/// What cargo knows of the packages that are built for the targets of `deny.toml`.
fn metadata() -> serde_json::Value {
    let mut command = Command::new(env!("CARGO"));
    command.args([
        "metadata",
        "--format-version=1",
        "--all-features",
        "--locked",
        "--offline",
    ]);
    command.arg("--filter-platform=x86_64-unknown-linux-gnu");
    let ended = run(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// A property of every package that is built, beside its name.
fn packages(property: &str) -> Vec<(String, String)> {
    let metadata = metadata();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| (text(&package["name"]), text(&package[property])))
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
    let others: Vec<_> = packages("license")
        .into_iter()
        .filter(|(_, licence)| !is_allowed(licence, &allowed))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Who needs whom: the name of a package, and that of one which it is built with.
fn edges() -> Vec<(String, String)> {
    let metadata = metadata();
    // An id ends with `#NAME@VERSION`, or with `/NAME#VERSION` where the folder has the name.
    let name = |id: &serde_json::Value| {
        let (place, tail) = id.as_str().unwrap().rsplit_once('#').unwrap();
        match tail.split_once('@') {
            Some((name, _)) => name.to_owned(),
            None => place.rsplit('/').next().unwrap().to_owned(),
        }
    };
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap().iter();
    nodes
        .flat_map(|node| {
            let needs = node["deps"].as_array().unwrap().iter();
            needs.map(|need| (name(&node["id"]), name(&need["pkg"])))
        })
        .collect()
}

#[test]
fn nothing_banned_is_built() {
    let rules = rules();
    let edges = edges();
    assert!(edges.iter().any(|(_, needed)| needed == "rustls"), "{edges:?}");
    for ban in rules["bans"]["deny"].as_array().unwrap() {
        let banned = ban["name"].as_str().unwrap();
        // Some are allowed to those whose own they are.
        let wrappers = ban.get("wrappers").and_then(toml::Value::as_array);
        let wrappers: BTreeSet<&str> = wrappers
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect();
        let users = edges.iter().filter(|(_, needed)| needed == banned);
        let others: Vec<_> = users
            .filter(|(user, _)| !wrappers.contains(user.as_str()))
            .collect();
        assert!(others.is_empty(), "{banned}: {others:?}");
    }
}

#[test]
fn everything_comes_from_the_public_registry() {
    const PUBLIC: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let mut others = packages("source");
    others.retain(|(name, source)| source != PUBLIC && name != env!("CARGO_PKG_NAME"));
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn every_dependency_has_a_version() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    for table in ["dependencies", "dev-dependencies"] {
        for (name, wanted) in manifest[table].as_table().unwrap() {
            let version = wanted.as_str().or_else(|| wanted.get("version")?.as_str());
            assert!(
                version.is_some_and(|version| !version.contains('*')),
                "{name} = {wanted}"
            );
        }
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
