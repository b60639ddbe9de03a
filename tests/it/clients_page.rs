//! The commands in `docs/clients.md` do what the page says: each block of them is run as it stands, with the ports of
//! the test put in.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::agent::Agent;
use crate::command::run;
use crate::peers::installed;

/// A block of commands of the page.
struct Block {
    /// The heading that it stands under.
    heading: String,
    /// The language behind the three backticks.
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut heading = "";
    let mut is_open = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), is_open) {
            (Some(language), false) => {
                blocks.push(Block {
                    heading: heading.to_owned(),
                    language: language.to_owned(),
                    text: String::new(),
                });
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => heading = line.strip_prefix('#').unwrap_or(heading),
        }
    }
    blocks
}

/// Each command made one of the recordings in `tests/wire`, which are sent again by other tests.
#[track_caller]
fn was_recorded(commands: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let files = std::fs::read_dir(folder).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let recorded: Vec<String> = texts
        .filter_map(|text| Some(plain(text.lines().next()?.strip_prefix("# ")?)))
        .collect();
    for command in commands.lines() {
        assert!(recorded.contains(&plain(command)), "{command}\n{recorded:#?}");
    }
}

/// A command without what the shell takes away, and without the host and the account of the recording.
fn plain(command: &str) -> String {
    let text = command
        .replace(['\\', '\'', '"'], "")
        .replace("127.0.0.1", "SERVER");
    let mut words: Vec<&str> = text.split(' ').collect();
    for (option, value) in [
        ("-P", "5986"),
        ("-u", "admin"),
        ("-p", "PASSWORD"),
        ("-c", "esm.pem"),
    ] {
        if let Some(at) = words.iter().position(|word| *word == option) {
            words[at + 1] = value;
        }
    }
    words.join(" ")
}

/// A port that nobody listens on, below those that the system gives out by itself.
fn free_port() -> u16 {
    let mut ports = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap()..32_000;
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

#[test]
fn every_command_of_the_page_works() {
    let agent = Agent::start_with("subscriptions.allow_destinations = [\"127.0.0.0/8\", \"::1/128\"]\n");
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    std::fs::copy(agent.certificate(), home.join("esm.pem")).unwrap();
    std::fs::create_dir(home.join("path")).unwrap();
    symlink(env!("CARGO_BIN_EXE_esm"), home.join("path/esm")).unwrap();
    let listener = free_port();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md");
    let blocks = blocks(&std::fs::read_to_string(page).unwrap());
    let mut counts = [0, 0];
    for block in &blocks {
        let text = block
            .text
            .replace("localhost:5986", &format!("localhost:{}", agent.port()))
            .replace("port=5986", &format!("port={}", agent.port()))
            .replace(
                "localhost:5988",
                &format!("localhost:{}", agent.cimxml_http_port()),
            )
            .replace("localhost:5989", &format!("localhost:{}", agent.cimxml_port()))
            .replace("6736", &listener.to_string());
        let venv = installed("ESM_TEST_VENV").join("bin");
        let mut command = Command::new("timeout");
        match block.language.as_str() {
            "sh" => command.args(["120", "sh", "-euc", &text]),
            "python" => command.args(["120", "python", "-c", &text]),
            "text" => {
                was_recorded(&block.text);
                continue;
            }
            other => panic!("{}: nobody runs {other}", block.heading),
        };
        counts[usize::from(block.language == "python")] += 1;
        let path = format!("{}:{}:/usr/bin:/bin", home.join("path").display(), venv.display());
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .env("LC_ALL", "C.UTF-8");
        command.env("ESM_CONFIG", agent.folder().join("esm.toml"));
        command.env("PASSWORD", agent.password()).current_dir(home);
        let ended = run(&mut command);
        assert_eq!(ended.code, Some(0), "{}:\n{text}\n{ended:#?}", block.heading);
        assert!(!ended.out.is_empty(), "{}:\n{text}\n{ended:#?}", block.heading);
    }
    assert!(counts[0] >= 8 && counts[1] >= 2, "{counts:?}");
}
