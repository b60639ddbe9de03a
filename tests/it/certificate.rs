//! The self-signed pair as OpenSSL reads it, and other pairs as we read them.

use std::process::Command;

use esm::net::certificate::{self, PairPaths};

use crate::server::harness::{make_pair, run, text};

#[test]
fn openssl_reads_ours() {
    let folder = tempfile::tempdir().unwrap();
    let paths = make_pair(folder.path());
    let openssl = |args: &[&str]| {
        text(&run(Command::new("openssl")
            .args(args)
            .current_dir(folder.path())))
    };
    let shown = openssl(&[
        "x509",
        "-in",
        "server.pem",
        "-noout",
        "-text",
        "-fingerprint",
        "-sha256",
    ]);
    let description = certificate::describe(&paths.certificate).unwrap();
    for expect in [
        "Public-Key: (256 bit)",
        "DNS:localhost, IP Address:0:0:0:0:0:0:0:1",
        "TLS Web Server Authentication",
        &format!("sha256 Fingerprint={}", description.fingerprint),
    ] {
        assert!(shown.contains(expect), "no {expect:?} in {shown}");
    }
    assert_eq!(
        openssl(&["verify", "-CAfile", "server.pem", "server.pem"]),
        "server.pem: OK\n"
    );
}

#[test]
fn we_read_pairs_of_others() {
    for (kind, key_type) in [
        ("rsa:2048", "RSA 2048"),
        ("ec -pkeyopt ec_paramgen_curve:P-384", "ECDSA P-384"),
        ("ec -pkeyopt ec_paramgen_curve:P-521", "ECDSA P-521"),
        ("ed25519", "Ed25519"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let script =
            format!("openssl req -x509 -newkey {kind} -nodes -keyout k -out c -days 5 -subj /O=Else/CN=web2");
        assert!(
            run(Command::new("sh")
                .args(["-c", &script])
                .current_dir(folder.path()))
            .status
            .success(),
            "{kind}"
        );
        let paths = PairPaths {
            certificate: folder.path().join("c"),
            key: folder.path().join("k"),
        };
        let pair = certificate::read(&paths);
        let description = certificate::describe(&paths.certificate).unwrap();
        assert_eq!(description.key_type, key_type);
        assert_eq!(description.subject, "O=Else, CN=web2");
        assert!(!description.own);
        // The TLS library has no P-521 keys.
        assert_eq!(pair.is_ok(), key_type != "ECDSA P-521", "{kind}: {pair:?}");
    }
}
