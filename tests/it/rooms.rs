//! Proves the order of the rooms: a room uses only rooms that `src/lib.rs` lists above it, and the pure
//! rooms name no socket, file, task, process or clock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rooms that only compute.
const PURE: [&str; 8] = [
    "time",
    "cim",
    "xml",
    "cimxml",
    "wsman",
    "alert",
    "monitor",
    "subscription",
];

/// What a pure room may not name outside its tests.
const IMPURE: [&str; 9] = [
    "tokio",
    "hyper",
    "rustls",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "Clock",
];

#[test]
fn every_room_uses_only_rooms_above_it() {
    let order = rooms();
    let mut faults = Vec::new();
    for (at, room) in order.iter().enumerate() {
        for (file, code) in sources(room) {
            for used in used_rooms(&code) {
                if !order.iter().take(at + 1).any(|above| *above == used) {
                    faults.push(format!("{}: `{room}` uses `{used}`", file.display()));
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "rooms below are out of reach:\n{}",
        faults.join("\n")
    );
}

#[test]
fn pure_rooms_only_compute() {
    let mut faults = Vec::new();
    for room in PURE {
        for (file, code) in sources(room) {
            for word in IMPURE.iter().filter(|word| names(&code, word)) {
                faults.push(format!("{}: names `{word}`", file.display()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "pure rooms must not do this:\n{}",
        faults.join("\n")
    );
}

#[test]
fn every_room_is_listed() {
    let listed: BTreeSet<String> = rooms().into_iter().collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in std::fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.starts_with('.') {
            continue;
        }
        assert!(
            listed.contains(&name) || name == "lib" || name == "main",
            "{name} is not in src/lib.rs"
        );
    }
}

#[track_caller]
fn check_used(code: &str, expect: &[&str]) {
    let code = without_comments_and_tests(code);
    assert_eq!(
        used_rooms(&code).into_iter().collect::<Vec<_>>(),
        expect,
        "{code}"
    );
}

#[test]
fn the_reading_of_paths_is_itself_right() {
    check_used("use crate::cim::Name;", &["cim"]);
    check_used(
        "use crate::{\n    cim::{Name, Value},\n    xml,\n};",
        &["cim", "xml"],
    );
    check_used("fn f() { crate::store::open() }", &["store"]);
    check_used("// crate::server\n/* crate::agent */ fn f() {}", &[]);
    check_used("fn f() {}\n#[cfg(test)]\nmod tests { use crate::cli; }", &[]);
    check_used("let text = \"crate::cli\";", &[]);
    check_used(
        "let c = '\"'; crate::net::x(); let d = \"\\\"crate::cli\";",
        &["net"],
    );
    check_used(
        "let r = r#\"say \"crate::cli\" loud\"#; crate::host::x()",
        &["host"],
    );
    assert!(names("use std::fs::File;", "std::fs"));
    assert!(names("fn f(clock: &dyn Clock)", "Clock"));
    assert!(!names("struct Clockwork;", "Clock"));
    assert!(!names("let tokios = 1;", "tokio"));
}

/// The rooms in the order of `src/lib.rs`.
fn rooms() -> Vec<String> {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let code = std::fs::read_to_string(lib).unwrap();
    let listed = code
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let rooms: Vec<_> = listed.map(str::to_owned).collect();
    assert!(rooms.len() > PURE.len());
    rooms
}

/// Every source file of a room with its code, comments, strings and unit tests taken out.
fn sources(room: &str) -> Vec<(PathBuf, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source.join(format!("{room}.rs"))];
    collect(&source.join(room), &mut files);
    let read = |file: PathBuf| {
        let code = std::fs::read_to_string(&file).unwrap();
        (file, without_comments_and_tests(&code))
    };
    files
        .into_iter()
        .filter(|file| file.file_stem().is_some_and(|stem| stem != "tests"))
        .map(read)
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The first segments of all `crate::` paths, groups included.
fn used_rooms(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => used.extend(group_heads(group)),
            None => used.extend(first_word(after)),
        }
    }
    // `pub(crate)` and `$crate` macros apart, a lone word is an item of the crate's root, not a room.
    used.retain(|word| !word.is_empty() && word != "self");
    used
}

/// The heads of a use group, nested groups skipped.
fn group_heads(group: &str) -> Vec<String> {
    let (mut heads, mut depth, mut at_head) = (Vec::new(), 0u32, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && (c.is_alphanumeric() || c == '_') => {
                heads.extend(group.get(at..).and_then(first_word));
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!word.is_empty()).then_some(word)
}

/// Whether `word` stands in `code` as a whole word or path.
fn names(code: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// Code alone: comments and literals are dropped, and so is all from the unit tests on, which stand last.
fn without_comments_and_tests(code: &str) -> String {
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or(code);
    let code = code
        .split("#[cfg(test)]\npub(crate) mod tests")
        .next()
        .unwrap_or(code);
    let bytes: Vec<char> = code.chars().collect();
    let mut out = String::with_capacity(code.len());
    let mut at = 0;
    while let Some(&c) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let fresh = !out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        at = match (c, next) {
            ('/', Some('/')) => skip_line(&bytes, at),
            ('/', Some('*')) => skip_block(&bytes, at),
            ('"', _) => skip_string(&bytes, at),
            ('r', Some('"' | '#')) if fresh => skip_raw(&bytes, at).unwrap_or_else(|| keep(&mut out, c, at)),
            ('b', Some('"')) if fresh => skip_string(&bytes, at + 1),
            ('\'', _) => skip_char(&bytes, at).unwrap_or_else(|| keep(&mut out, c, at)),
            _ => keep(&mut out, c, at),
        };
    }
    out
}

fn keep(out: &mut String, c: char, at: usize) -> usize {
    out.push(c);
    at + 1
}

fn skip_line(code: &[char], from: usize) -> usize {
    (from..code.len())
        .find(|at| code[*at] == '\n')
        .unwrap_or(code.len())
}

fn skip_block(code: &[char], from: usize) -> usize {
    (from + 2..code.len())
        .find(|at| code[at - 1] == '*' && code[*at] == '/')
        .map_or(code.len(), |at| at + 1)
}

fn skip_string(code: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(c) = code.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    code.len()
}

fn skip_raw(code: &[char], from: usize) -> Option<usize> {
    let hashes = code[from + 1..].iter().take_while(|c| **c == '#').count();
    if code.get(from + 1 + hashes) != Some(&'"') {
        return None;
    }
    let mut at = from + 2 + hashes;
    while at < code.len() {
        let closes =
            code[at] == '"' && code[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        if closes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(code.len())
}

/// A character literal; none for a lifetime.
fn skip_char(code: &[char], from: usize) -> Option<usize> {
    match (code.get(from + 1), code.get(from + 2), code.get(from + 3)) {
        (Some('\\'), ..) => (from + 3..code.len())
            .find(|at| code[*at] == '\'')
            .map(|at| at + 1),
        (Some(_), Some('\''), _) => Some(from + 3),
        _ => None,
    }
}
