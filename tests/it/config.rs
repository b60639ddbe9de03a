//! `esm config` as a user meets it, and the documentation of its keys.

use std::fs;
use std::process::Stdio;

use crate::command::{Ended, esm, run};

#[track_caller]
fn check(file: &str, arguments: &[&str], code: i32) -> Ended {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("esm.toml"), file).unwrap();
    let mut ended = run(esm(home.path()).args(arguments));
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let place = home.path().display().to_string();
    ended.out = ended.out.replace(&place, "HOME");
    ended.err = ended.err.replace(&place, "HOME");
    ended
}

#[test]
fn a_file_without_fault_is_told_to_have_none() {
    let ended = check("[log]\nlevel = \"debug\"\n", &["config", "check"], 0);
    assert_eq!(ended.out, "HOME/esm.toml: no fault\n");
    let no_agent = "esm: no agent answers at ";
    let unknown = "values that were set remotely are not known\n";
    assert!(
        ended.err.starts_with(no_agent) && ended.err.ends_with(unknown),
        "{ended:?}"
    );
}

#[test]
fn every_fault_stands_on_a_line_of_standard_error() {
    let ended = check(
        "[log]\nlevel = \"loud\"\n[wsman]\nport = 1\n",
        &["config", "check"],
        1,
    );
    assert_eq!(ended.out, "");
    let faults: Vec<&str> = ended.err.lines().collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].starts_with("HOME/esm.toml:2: log.level = \"loud\": must be one of "),
        "{faults:?}"
    );
    assert!(
        faults[1].starts_with("HOME/esm.toml:4: wsman.port = 1: unknown key; "),
        "{faults:?}"
    );
}

/// Neither checked without a word nor started with.
#[track_caller]
fn check_named(file: &str, expect: &str) {
    for command in [&["config", "check"][..], &["serve"]] {
        let ended = check(file, command, 1);
        assert_eq!(ended.out, "", "{ended:?}");
        let told = ended
            .err
            .lines()
            .filter(|line| !line.starts_with("esm: no agent answers"));
        assert_eq!(told.collect::<Vec<_>>(), [expect], "{command:?}");
    }
}

#[test]
fn what_the_file_names_is_looked_at() {
    check_named(
        "[tls]\nclient_ca = \"/nope/ca\"\n",
        "HOME/esm.toml:2: tls.client_ca = \"/nope/ca\": cannot be read: No such file or directory (os error 2)",
    );
    check_named(
        "[delivery]\ntrust = \"ca\"\nca_file = \"/etc/passwd\"\n",
        "HOME/esm.toml:3: delivery.ca_file = \"/etc/passwd\": /etc/passwd: holds no certificate in PEM",
    );
    check_named(
        "[accounts]\nfile = \"/nope/accounts\"\n",
        "HOME/esm.toml:2: accounts.file = \"/nope/accounts\": there is no folder /nope: correct the path, or make \
         the folder",
    );
    check_named(
        "[local]\ngroup = \"nogrp\"\n",
        "HOME/esm.toml:2: local.group = \"nogrp\": there is no such group in /etc/group; groups of a directory \
         service alone are not seen",
    );
    check_named(
        "[tls]\ncertificate = \"/etc/passwd\"\nkey = \"/etc/group\"\n",
        "HOME/esm.toml:2: tls.certificate = \"/etc/passwd\": holds no certificate in PEM",
    );
    assert!(!std::path::Path::new("/nope").exists());
}

#[test]
fn every_file_in_a_folder_that_is_not_there_is_told() {
    let file = "[tls]\ncertificate = \"/nope/c.pem\"\nkey = \"/nope/k.pem\"\n";
    for command in [&["config", "check"][..], &["serve"]] {
        let told = check(file, command, 1).err;
        for key in ["esm.toml:2: tls.certificate = ", "esm.toml:3: tls.key = "] {
            assert!(
                told.contains(key) && told.contains("there is no folder /nope"),
                "{told}"
            );
        }
    }
    assert!(!std::path::Path::new("/nope").exists());
}

#[test]
fn a_certificate_that_is_not_valid_is_a_warning() {
    let home = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["agent".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2024, 2, 1);
    params.not_after = rcgen::date_time_ymd(2025, 2, 1);
    let certificate = params.self_signed(&key).unwrap();
    let [shown, cert, private] = ["", "cert.pem", "key.pem"].map(|name| home.path().join(name));
    fs::write(cert, certificate.pem()).unwrap();
    fs::write(private, key.serialize_pem()).unwrap();
    let shown = shown.display();
    let file = format!("[tls]\ncertificate = '{shown}cert.pem'\nkey = '{shown}key.pem'\n");
    fs::write(home.path().join("esm.toml"), file).unwrap();

    let checked = run(esm(home.path()).args(["config", "check"]));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let ended = "the certificate's validity ended at 2025-02-01T00:00:00Z, and the clock here says ";
    assert!(
        checked.out.starts_with("warning: ") && checked.out.contains(ended),
        "{checked:?}"
    );
    let shown = run(esm(home.path()).args(["cert", "show"]));
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(shown.err.contains(ended), "{shown:?}");
}

#[test]
fn an_option_comes_before_the_environment() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("other.toml"), "[log]\nformat = \"json\"\n").unwrap();
    let shown = run(esm(home.path()).args(["config", "show", "--config", "other.toml"]));
    let line = shown
        .out
        .lines()
        .find(|line| line.starts_with("log.format "))
        .unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["log.format", "\"json\"", "other.toml:2"]
    );
}

#[test]
fn a_missing_file_that_was_asked_for_is_a_fault() {
    let ended = check("", &["config", "show", "--config", "none.toml"], 6);
    let fault = "none.toml: cannot be read: No such file or directory (os error 2)\n";
    assert!(ended.err.starts_with(fault), "{ended:?}");
    assert_eq!(ended.out, "", "{ended:?}");
    assert!(ended.err.contains("no agent answers at "), "{ended:?}");
    let faulty = check("[log]\nlevel = \"loud\"\n", &["config", "show"], 1);
    assert_eq!(faulty.out, "", "{faulty:?}");
    assert!(faulty.err.contains("no value is in force"), "{faulty:?}");
}

#[test]
fn what_is_shown_as_json_is_json() {
    let ended = check(
        "[wsman]\npath = \"/w\"\n",
        &["config", "show", "--output", "json"],
        0,
    );
    let shown: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let path = shown
        .as_array()
        .unwrap()
        .iter()
        .find(|setting| setting["key"] == "wsman.path")
        .unwrap();
    let expected = serde_json::json!({ "key": "wsman.path", "value": "/w", "source": "HOME/esm.toml:2" });
    assert_eq!(*path, expected);
}

#[test]
fn the_commented_example_is_accepted() {
    let example = check("", &["config", "default"], 0).out;
    let shown = check(&example, &["config", "show"], 0).out;
    assert!(
        shown.lines().skip(1).all(|line| line.ends_with(" default")),
        "{shown}"
    );
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    assert!(check("", &["config"], 2).err.contains("Usage:"));
    assert!(check("", &["config", "chekc"], 2).err.contains("check"));
    let help = check("", &["--help"], 0);
    assert!(
        help.out.contains("Exit codes:") && help.err.is_empty(),
        "{help:?}"
    );
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    let home = tempfile::tempdir().unwrap();
    let mut child = esm(home.path())
        .args(["config", "default"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &[][..]));
}

#[test]
fn a_full_disk_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = run(esm(home.path()).args(["config", "default"]).stdout(full));
    assert_eq!(ended.code, Some(6), "{ended:?}");
}

#[test]
fn the_documentation_has_every_key() {
    let documented = include_str!("../../docs/configuration.md");
    let (_, reference) = documented
        .split_once("`esm config reference` writes it. -->\n\n")
        .unwrap();
    assert!(
        reference == esm::config::reference(),
        "docs/configuration.md is not current: replace what follows its marker with what \
         `cargo run -- config reference` writes"
    );
}
