//! The server's TLS as OpenSSL and curl see it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use esm::net::certificate;
use esm::net::fingerprint::Fingerprint;
use esm::net::tls::read_authorities;
use esm::net::tls::server::{ClientCertificates, ClientMapping, ClientMatch};
use esm::server::Limits;

use super::harness::{TestServer, credentials, make_pair_again, run, text};

/// What `openssl s_client` says about a handshake.
fn s_client(server: &TestServer, options: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &server.address.to_string(),
            "-servername",
            "localhost",
        ])
        .arg("-CAfile")
        .arg(server.folder.path().join("server.pem"))
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed by tests/run");
    child.stdin.take().unwrap().write_all(b"Q\n").unwrap();
    let output = child.wait_with_output().unwrap();
    text(&output) + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn check(server: &TestServer, options: &[&str], expect: &[&str]) {
    let said = s_client(server, options);
    for expect in expect {
        assert!(
            said.contains(expect),
            "s_client {options:?} does not say {expect:?}: {said}"
        );
    }
}

#[test]
fn versions_and_protocols() {
    let server = TestServer::start();
    check(
        &server,
        &["-tls1_3"],
        &["New, TLSv1.3", "Verify return code: 0 (ok)", "No ALPN negotiated"],
    );
    check(
        &server,
        &["-tls1_2"],
        &["New, TLSv1.2", "Verify return code: 0 (ok)"],
    );
    check(&server, &["-tls1_1"], &["no peer certificate available"]);
    check(&server, &["-alpn", "h2,http/1.1"], &["ALPN protocol: http/1.1"]);
    check(&server, &["-reconnect", "-tls1_2"], &["Reused, TLSv1.2"]);
}

#[test]
fn curl_verifies_the_certificate_by_its_names() {
    let server = TestServer::start();
    let by_address = run(Command::new("curl")
        .args(["-sS", "--cacert"])
        .arg(server.folder.path().join("server.pem"))
        .arg(format!("https://{}/open", server.address)));
    assert_eq!(by_address.status.code(), Some(60), "127.0.0.1 is no name of it");
    assert_eq!(
        text(&server.curl(&["--tlsv1.2", "--tls-max", "1.2", "-d", "x", "/open"])),
        "x"
    );
    assert_eq!(text(&server.curl(&["--tlsv1.3", "-d", "x", "/open"])), "x");
    assert_eq!(
        text(&server.curl(&["--http2", "-w", "%{http_version}", "-d", "", "/open"])),
        "1.1"
    );
}

#[test]
fn a_new_pair_is_presented_without_a_restart() {
    let server = TestServer::start();
    let folder = server.folder.path();
    let presented = || {
        let said = s_client(&server, &[]);
        let pem =
            &said[said.find("-----BEGIN").unwrap()..said.find("-----END CERTIFICATE-----").unwrap() + 25];
        let file = folder.join("presented.pem");
        std::fs::write(&file, pem).unwrap();
        certificate::describe(&file).unwrap().fingerprint
    };
    let old = certificate::describe(&folder.join("server.pem"))
        .unwrap()
        .fingerprint;
    assert_eq!(presented(), old);
    let pair = certificate::read(&make_pair_again(folder)).unwrap();
    server.tls.replace(&pair);
    assert_ne!(pair.description().fingerprint, old);
    assert_eq!(presented(), pair.description().fingerprint);
}

/// Makes an authority and two client certificates with OpenSSL.
fn make_clients(folder: &Path) {
    let script = "
        set -e
        ec='ec -pkeyopt ec_paramgen_curve:P-256'
        openssl req -x509 -newkey $ec -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
        echo basicConstraints=CA:FALSE > v3
        for name in carol dave; do
            openssl req -newkey $ec -nodes -keyout $name.key -out $name.csr -subj /O=x/CN=$name
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile v3 -days 2 -out $name.pem
        done
        openssl req -x509 -newkey $ec -nodes -keyout mallory.key -out mallory.pem -days 2 -subj /CN=carol
    ";
    let output = run(Command::new("sh").args(["-c", script]).current_dir(folder));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn start_with_clients(mapping: impl FnOnce(&Path) -> ClientMapping) -> TestServer {
    TestServer::start_with(Limits::default(), |folder| {
        make_clients(folder);
        let authority = read_authorities(&folder.join("ca.pem")).unwrap();
        Some(ClientCertificates {
            authority,
            mapping: mapping(folder),
        })
    })
}

#[track_caller]
fn check_client(server: &TestServer, client: &str, options: &[&str], expect: &str) {
    let file = |kind| {
        server
            .folder
            .path()
            .join(format!("{client}.{kind}"))
            .display()
            .to_string()
    };
    let (certificate, key) = (file("pem"), file("key"));
    let fixed = ["--cert", &certificate, "--key", &key, "-d", "hi"];
    let output = server.curl(&[&fixed[..], options, &["/echo"]].concat());
    assert_eq!(
        text(&output),
        expect,
        "{client}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_client_certificate_stands_for_its_subject() {
    let server = start_with_clients(|_| ClientMapping::CommonName);
    for version in ["1.2", "1.3"] {
        check_client(&server, "carol", &["--tls-max", version], "carol:hi");
    }
    check_client(&server, "dave", &[], "dave:hi");
    check_client(&server, "mallory", &[], "");
    assert_eq!(
        text(&server.curl(&["-u", &credentials(), "-d", "hi", "/echo"])),
        "ann:hi"
    );
}

#[test]
fn client_certificates_can_be_listed() {
    let fingerprint = |folder: &Path| -> Fingerprint {
        certificate::describe(&folder.join("dave.pem"))
            .unwrap()
            .fingerprint
    };
    let server = start_with_clients(|folder| {
        ClientMapping::Listed(vec![(
            ClientMatch::Fingerprint(fingerprint(folder)),
            "operator".to_owned(),
        )])
    });
    check_client(&server, "dave", &[], "operator:hi");
    check_client(
        &server,
        "carol",
        &[],
        "Credentials are needed: send Authorization: Basic.\n",
    );
    check_client(&server, "carol", &["-u", &credentials()], "ann:hi");
}

#[test]
fn client_certificates_can_be_allowed_and_refused_while_running() {
    let server = TestServer::start();
    make_clients(server.folder.path());
    let needed = "Credentials are needed: send Authorization: Basic.\n";
    check_client(&server, "carol", &[], needed);
    let authority = read_authorities(&server.folder.path().join("ca.pem")).unwrap();
    let clients = ClientCertificates {
        authority,
        mapping: ClientMapping::CommonName,
    };
    server.tls.set_rules(server.tls.rules(Some(clients)).unwrap());
    check_client(&server, "carol", &[], "carol:hi");
    server.tls.set_rules(server.tls.rules(None).unwrap());
    check_client(&server, "carol", &[], needed);
}
