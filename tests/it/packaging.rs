//! The files under `packaging/` are what the programs that read them accept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Ended, esm, run};

/// `systemd-analyze security` goes from 0 (nothing exposed) to 10.
const HIGHEST_EXPOSURE: f64 = 2.5;

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

/// Output in English and without colour.
fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_PAGER", "");
    command
}

#[track_caller]
fn accepted(command: &mut Command) -> Ended {
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{command:?}: {ended:?}");
    ended
}

#[test]
fn the_unit_exposes_little() {
    let unit = packaging("esm.service");
    let ended = accepted(
        program("systemd-analyze")
            .args(["security", "--offline=true"])
            .arg(unit),
    );
    let overall = ended
        .out
        .lines()
        .find(|line| line.contains("Overall exposure level"))
        .unwrap();
    let exposure: f64 = overall
        .rsplit(": ")
        .next()
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(exposure <= HIGHEST_EXPOSURE, "{overall}");
}

#[test]
fn the_unit_has_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("esm.service");
    let text = fs::read_to_string(packaging("esm.service")).unwrap();
    // The binary that is here, and no search for manual pages that are not installed.
    let text = text.replace("/usr/bin/esm", env!("CARGO_BIN_EXE_esm"));
    let lines = text.lines().filter(|line| !line.starts_with("Documentation="));
    fs::write(&unit, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let ended = accepted(program("systemd-analyze").args(["verify", "--man=no"]).arg(unit));
    assert_eq!(ended.err, "", "warnings");
}

#[test]
fn the_user_is_made() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    let root_option = format!("--root={}", root.path().display());
    accepted(
        program("systemd-sysusers")
            .arg(&root_option)
            .arg(packaging("sysusers.d/esm.conf")),
    );
    let users = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(
        users.starts_with("esm:x:") && users.contains("/nologin"),
        "{users}"
    );
    // Whoever runs the test can give a folder to nobody else.
    let (user, group) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    let text = fs::read_to_string(packaging("tmpfiles.d/esm.conf")).unwrap();
    let snippet = root.path().join("esm.conf");
    fs::write(
        &snippet,
        text.replace("0755 root root", &format!("0755 {user} {group}")),
    )
    .unwrap();
    accepted(
        program("systemd-tmpfiles")
            .args([&root_option, "--create"])
            .arg(snippet),
    );
    assert!(root.path().join("etc/esm").is_dir());
}

fn compose(arguments: &[&str]) -> String {
    let mut command = program("docker-compose");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    accepted(command.arg("config").args(arguments)).out
}

#[test]
fn the_composition_is_accepted() {
    let services = compose(&["--services"]);
    let mut services: Vec<&str> = services.lines().collect();
    services.sort_unstable();
    assert_eq!(services, ["agent", "manager"]);
}

/// Each service's command line is one that the binary knows.
#[test]
fn the_composition_says_what_the_binary_understands() {
    let home = tempfile::tempdir().unwrap();
    let composition = compose(&[]);
    let mut commands = 0;
    for after in composition.split("    command:\n").skip(1) {
        let arguments: Vec<&str> = after
            .lines()
            .map_while(|line| line.strip_prefix("    - "))
            .collect();
        // With `--help` nothing runs, but every argument before it must be right.
        accepted(esm(home.path()).args(&arguments).arg("--help"));
        let mut wrong = esm(home.path());
        let ended = run(wrong.args(&arguments).args(["--no-such-option", "--help"]));
        assert_eq!(
            ended.code,
            Some(2),
            "an argument that is wrong is told before the help"
        );
        commands += 1;
    }
    assert_eq!(commands, 2, "{composition}");
}

#[test]
fn the_configuration_of_the_container_is_accepted() {
    let home = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(packaging("container/agent.toml")).unwrap();
    // The folder of the secrets is there in the container alone.
    let secrets = home.path().display().to_string();
    let file = home.path().join("agent.toml");
    fs::write(&file, text.replace("/run/secrets", &secrets)).unwrap();
    accepted(esm(home.path()).args(["config", "check", "--config"]).arg(file));
}
