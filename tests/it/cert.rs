//! `esm cert` as a user meets it, read by another program too.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Ended, esm, run};

fn cert(home: &Path, arguments: &[&str]) -> Ended {
    run(esm(home).arg("cert").args(arguments))
}

fn pair(home: &Path) -> [PathBuf; 2] {
    ["cert.pem", "key.pem"].map(|name| home.join("state/certs").join(name))
}

fn shown(home: &Path) -> serde_json::Value {
    serde_json::from_str(&cert(home, &["show", "--output", "json"]).out).unwrap()
}

/// What openssl says of the certificate.
fn openssl(home: &Path, arguments: &[&str]) -> String {
    let [certificate, _] = pair(home);
    let mut command = Command::new("openssl");
    let ended = run(command
        .args(["x509", "-noout", "-in"])
        .arg(certificate)
        .args(arguments));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}

#[test]
fn a_pair_is_made_out_to_this_machine() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let ended = cert(home, &["create", "--name", "esm.example.com", "192.0.2.7"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let names = openssl(home, &["-ext", "subjectAltName"]);
    let host_name = run(&mut Command::new("hostname")).out;
    for name in [host_name.trim(), "esm.example.com"] {
        assert!(names.contains(&format!("DNS:{name}")), "{name}: {names}");
    }
    let said: BTreeSet<IpAddr> = names
        .split([',', '\n'])
        .filter_map(|part| part.trim().strip_prefix("IP Address:"))
        .map(|address| address.parse().unwrap())
        .collect();
    let own = addresses_by_ip();
    assert!(
        own.is_subset(&said) && said.contains(&"192.0.2.7".parse().unwrap()),
        "{own:?} {said:?}"
    );
    let key = openssl(home, &["-text"]);
    assert!(
        key.contains("NIST CURVE: P-256") && key.contains("TLS Web Server Authentication"),
        "{key}"
    );
}

/// Every address that `ip` knows but those of one link alone, those that come and go, and those of bridges: of a
/// bridge it depends on what is connected to it.
fn addresses_by_ip() -> BTreeSet<IpAddr> {
    let listed = run(Command::new("ip").args(["-j", "-d", "address"])).out;
    let interfaces: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let addresses = interfaces
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["linkinfo"]["info_kind"] != "bridge")
        .flat_map(|one| one["addr_info"].as_array().unwrap());
    let passes = |address: &serde_json::Value| {
        ["temporary", "deprecated", "tentative", "dadfailed"]
            .iter()
            .any(|flag| address[flag] == true)
    };
    addresses
        .filter(|address| address["scope"] != "link" && !passes(address))
        .map(|address| address["local"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// SHA-256 of the public key as openssl writes it.
fn openssl_key_digest(home: &Path) -> String {
    let public = "openssl x509 -in state/certs/cert.pem -noout -pubkey";
    let script = format!("{public} | openssl pkey -pubin -outform DER | sha256sum");
    let digest = run(Command::new("sh").args(["-c", &script]).current_dir(home)).out;
    digest.split(' ').next().unwrap().to_owned()
}

#[test]
fn what_is_shown_is_what_openssl_sees() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(cert(home, &["create", "--days", "90"]).code, Some(0));
    let shown = shown(home);
    let fingerprint = openssl(home, &["-fingerprint", "-sha256"]);
    let plain = |text: &str| text.replace(':', "").trim().to_ascii_lowercase();
    let expected = plain(fingerprint.split('=').nth(1).unwrap());
    assert_eq!(plain(shown["sha256"].as_str().unwrap()), expected);
    assert_eq!(shown["made_by_esm"], true);
    let key = openssl_key_digest(home);
    assert_eq!(plain(shown["key_sha256"].as_str().unwrap()), key);
    let table = cert(home, &["show"]).out;
    let line = |label: &str| {
        let line = table.lines().find(|line| line.starts_with(label)).unwrap();
        plain(line.rsplit(' ').next().unwrap())
    };
    assert_eq!((line("SHA-256"), line("Key SHA-256")), (expected, key));
    let until: jiff::Timestamp = shown["valid_until"].as_str().unwrap().parse().unwrap();
    let days = until.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert!((88..=90).contains(&days), "{days} days");
}

#[test]
fn a_pair_that_is_there_is_replaced_only_by_force() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    cert(home, &["create"]);
    let before = pair(home).map(|file| fs::read(file).unwrap());
    let refused = cert(home, &["create"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("overwritten only with --force"),
        "{refused:?}"
    );
    assert_eq!(pair(home).map(|file| fs::read(file).unwrap()), before);
    assert_eq!(cert(home, &["create", "--force"]).code, Some(0));
    assert_ne!(pair(home).map(|file| fs::read(file).unwrap()), before);
}

#[test]
fn what_cannot_be_done_is_said() {
    let home = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], code: i32, words: &str| {
        let ended = cert(home.path(), arguments);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.err.contains(words) && ended.out.is_empty(), "{ended:?}");
    };
    check(&["show"], 6, "cert.pem: No such file");
    check(&["show"], 6, "`esm cert create`");
    check(&["create", "--days", "0"], 2, "1 to 36500 days");
    check(
        &["create", "--name", "no name"],
        2,
        "`no name` cannot be a name in a certificate",
    );
    fs::create_dir_all(home.path().join("state/certs")).unwrap();
    fs::write(home.path().join("state/certs/cert.pem"), "none").unwrap();
    check(&["show"], 1, "cert.pem");
}

#[test]
fn a_certificate_that_has_ended_is_shown_and_is_the_answer_no() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    cert(home, &["create", "--days", "1"]);
    // The same command, three days later.
    let mut command = Command::new("faketime");
    command.args(["-f", "+3d", env!("CARGO_BIN_EXE_esm"), "cert", "show"]);
    command.env("ESM_CONFIG", home.join("esm.toml"));
    let ended = run(&mut command);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.out.contains("Valid until") && ended.err.contains("validity ended at"),
        "{ended:?}"
    );
}
