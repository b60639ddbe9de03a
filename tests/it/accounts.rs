//! Account files that other tools wrote.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use esm::net::accounts::Accounts;

use crate::server::harness::{run, text};

const PASSWORD: &str = "correct höрse";

/// What `program` prints with these arguments and the password on its standard input.
fn hash(program: &str, args: &[&str]) -> String {
    let script = format!("printf %s \"$PASSWORD\" | {program} {}", args.join(" "));
    let output = run(Command::new("sh").args(["-c", &script]).env("PASSWORD", PASSWORD));
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text(&output).trim().to_owned()
}

#[track_caller]
fn check(line: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts");
    std::fs::write(&path, format!("{line}\n")).unwrap();
    let accounts = Accounts::open(&path).unwrap();
    assert_eq!(accounts.faults(), [], "{line}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let verify = |password: &str| {
        runtime.block_on(accounts.verify(STANDARD.encode(format!("user:{password}")).as_bytes()))
    };
    assert_eq!(verify(&PASSWORD.to_uppercase()), None, "{line}");
    assert_eq!(
        verify(PASSWORD)
            .map(|principal| principal.name().to_owned())
            .as_deref(),
        Some("user"),
        "{line}"
    );
}

#[test]
fn htpasswd() {
    for kind in [
        &["-B", "-C", "5"][..],
        &["-m"],
        &["-2"],
        &["-5"],
        &["-5", "-r", "12000"],
    ] {
        check(&hash("htpasswd", &[&["-n", "-i"], kind, &["user"]].concat()));
    }
}

#[test]
fn mkpasswd() {
    for kind in [
        &["-m", "sha-512"][..],
        &["-m", "sha-256"],
        &["-m", "sha-512", "-R", "20000"],
        &["-m", "bcrypt", "-R", "5"],
        &["-m", "bcrypt-a", "-R", "4"],
    ] {
        check(&format!(
            "user:{}",
            hash("mkpasswd", &[&["--stdin"], kind].concat())
        ));
    }
}

#[test]
fn openssl_passwd() {
    for kind in ["-apr1", "-5", "-6"] {
        check(&format!("user:{}", hash("openssl passwd -stdin", &[kind])));
    }
}

#[test]
fn argon2_of_every_variant() {
    for variant in ["-i", "-d", "-id"] {
        for version in ["10", "13"] {
            let args = [
                "saltsaltsalt",
                variant,
                "-v",
                version,
                "-t",
                "2",
                "-m",
                "10",
                "-p",
                "2",
                "-e",
            ];
            check(&format!("user:{}", hash("argon2", &args)));
        }
    }
}
