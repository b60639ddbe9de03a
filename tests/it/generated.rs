//! What is generated and committed is current.

use std::collections::BTreeMap;
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

#[test]
fn the_pages_about_classes_and_alerts_are_current() {
    let home = tempfile::tempdir().unwrap();
    let ended = run(esm(home.path()).args(["man", "--reference", "docs"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for (name, text) in pages(&home.path().join("docs")) {
        let committed = fs::read_to_string(docs.join(&name)).unwrap();
        assert!(
            text == committed,
            "docs/{name} is not current: cargo run -- man --reference docs"
        );
    }
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

/// What bash offers for the last of these words.
#[track_caller]
fn bash_offers(script: &std::path::Path, words: &[&str]) -> Vec<String> {
    let last = words.len() - 1;
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let program = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD={last}; _esm esm \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{}]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        words.join(" "),
        last - 1
    );
    let ended = run(std::process::Command::new("bash").args(["-c", &program]));
    assert_eq!((ended.code, &*ended.err), (Some(0), ""), "{words:?}");
    ended.out.lines().map(str::to_owned).collect()
}

/// `esm wbem` reads its words itself, as wbemcli does: shells complete them all the same.
#[test]
fn operations_and_options_of_wbemcli_are_completed() {
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("esm.bash");
    let ended = run(esm(home.path()).args(["completions", "bash"]));
    fs::write(&script, ended.out).unwrap();
    let offered = |words: &[&str]| bash_offers(&script, words);
    assert_eq!(offered(&["esm", "wbem", "ei"]), ["ei", "ein"]);
    assert_eq!(offered(&["esm", "wbem", "ei", "-ca"]), ["-cacert"]);
    assert_eq!(offered(&["esm", "wbem", "ei", "--soc"]), ["--socket"]);
    assert_eq!(
        offered(&["esm", "wbem", "gi", "--output", ""]),
        ["wbemcli", "table", "json", "xml"]
    );
}
