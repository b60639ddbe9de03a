//! Logins by PAM against the real libpam, with a service and its module of our own (`pam_wrapper`): through the helper
//! by itself, and through a running agent.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::agent::Agent;
use crate::command::esm;

/// A module that knows the users of a plain file, for tests of PAM applications.
fn test_module() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    folders
        .chain([PathBuf::from("/usr/lib64")])
        .map(|folder| folder.join("pam_wrapper/pam_matrix.so"))
        .find(|module| module.exists())
        .expect("pam_wrapper is installed by tests/run")
}

/// A service `esm` that knows `bob` with `secret`; `carl` belongs to another service.
fn make_service(home: &Path) {
    let module = test_module().display().to_string();
    let users = home.join("users");
    std::fs::write(&users, "bob:secret:esm\ncarl:secret:other\n").unwrap();
    let users = users.display();
    let service =
        format!("auth required {module} passdb={users}\naccount required {module} passdb={users}\n");
    std::fs::create_dir(home.join("pam.d")).unwrap();
    std::fs::write(home.join("pam.d/esm"), service).unwrap();
}

fn answers(questions: &[&str]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    make_service(home.path());
    let mut helper = esm(home.path())
        .args(["pam-helper", "--service", "esm"])
        .env("LD_PRELOAD", "libpam_wrapper.so")
        .env("PAM_WRAPPER", "1")
        .env("PAM_WRAPPER_SERVICE_DIR", home.path().join("pam.d"))
        .env("PAM_WRAPPER_DEBUGLEVEL", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = helper.stdin.take().unwrap();
    for question in questions {
        writeln!(input, "{question}").unwrap();
    }
    drop(input);
    let output = helper.wait_with_output().unwrap();
    assert!(output.status.success(), "the helper ends with its input");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn pam_decides() {
    let credential = |text: &str| STANDARD.encode(text);
    let questions = [
        (credential("bob:secret"), "right"),
        (credential("bob:Secret"), "wrong"),
        (credential("bob:"), "wrong"),
        (credential("nobody:secret"), "wrong"),
        (credential("carl:secret"), "wrong"),
        (credential("bob\0:secret"), "wrong"),
        (credential("bob:secret\0"), "wrong"),
        (credential(":secret"), "wrong"),
        (credential("no colon"), "wrong"),
        ("!!!".to_owned(), "wrong"),
        (String::new(), "wrong"),
        (credential("bob:secret"), "right"),
    ];
    let asked: Vec<&str> = questions.iter().map(|(question, _)| question.as_str()).collect();
    let expect: Vec<&str> = questions.iter().map(|&(_, answer)| answer).collect();
    assert_eq!(answers(&asked), expect);
}

#[test]
fn accounts_of_the_system_log_in_to_the_agent() {
    let services = tempfile::tempdir().unwrap();
    make_service(services.path());
    let folder = services.path().join("pam.d").display().to_string();
    let agent = Agent::start_with_environment(
        "[accounts]\npam_service = \"esm\"\n",
        &[
            ("LD_PRELOAD", "libpam_wrapper.so"),
            ("PAM_WRAPPER", "1"),
            ("PAM_WRAPPER_SERVICE_DIR", &folder),
            ("PAM_WRAPPER_DEBUGLEVEL", "0"),
        ],
    );
    let get = |user: &str, password: &str| {
        let mut command = agent.esm(&["wsman", "--url", agent.url(), "--user", user]);
        command.args(["--pin", agent.fingerprint(), "enumerate", "ESM_Alive"]);
        let output = command.env("ESM_PASSWORD", password).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let own = agent.password();
    for (user, password, lets_in) in [
        ("bob", "secret", true),
        ("bob", "Secret", false),
        ("carl", "secret", false),
        (crate::agent::USER, own.as_str(), true),
        ("bob", "secret", true),
    ] {
        let (code, text) = get(user, password);
        if lets_in {
            assert_eq!(code, Some(0), "{user}: {text}");
            assert!(text.contains("ESM:Alive:"), "{user}: {text}");
        } else {
            assert_ne!(code, Some(0), "{user}: {text}");
            assert!(text.contains("refused the login"), "{user}: {text}");
        }
    }
}
