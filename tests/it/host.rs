//! What the host room reads of this machine, against an independent reading by other programs.

use std::process::Command;
use std::sync::Arc;

use esm::clock::SystemClock;
use esm::host::{FileSystemRule, Host, HostOptions, Root};

/// The standard output of a program that must be there and succeed.
#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    let output =
        output.unwrap_or_else(|error| panic!("cannot run `{program}`, which this test needs: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{program}` failed: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn host() -> Host {
    Host::live(Arc::new(SystemClock))
}

/// Figures that move while they are read: both readings agree within `slack`.
#[track_caller]
fn check_near(what: &str, ours: Option<u64>, theirs: u64, slack: u64) {
    let ours = ours.unwrap_or_else(|| panic!("{what} is not known"));
    assert!(
        ours.abs_diff(theirs) <= slack,
        "{what}: ours {ours}, theirs {theirs}"
    );
}

#[test]
fn memory_and_swap_as_free_tells_them() {
    let text = run("free", &["-b", "-w"]);
    let row = |name: &str| -> Vec<u64> {
        let line = text.lines().find(|line| line.starts_with(name)).expect(name);
        line.split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap())
            .collect()
    };
    let memory = host().memory();
    let slack = 256 << 20;
    let (mem, swap) = (row("Mem:"), row("Swap:"));
    assert_eq!(memory.total_bytes, Some(mem[0]));
    check_near("free", memory.free_bytes, mem[2], slack);
    check_near("buffers", memory.buffers_bytes, mem[4], slack);
    check_near("available", memory.available_bytes, mem[6], slack);
    assert_eq!(memory.swap_total_bytes, Some(swap[0]));
    check_near("swap used", memory.swap_used_bytes(), swap[1], slack);
    let areas = host().swap_areas();
    assert_eq!(areas.iter().map(|area| area.total_bytes).sum::<u64>(), swap[0]);
}

#[test]
fn processors_as_nproc_counts_them() {
    let processors = host().processors();
    let online: usize = run("nproc", &["--all"]).trim().parse().unwrap();
    assert_eq!(processors.online_count(), online);
    let averages = processors.load_averages.expect("load averages");
    assert!(averages.iter().all(|average| *average >= 0.0));
}

#[test]
fn file_systems_as_df_tells_them() {
    // Every mount that df shows, so that there is something to compare whatever this machine has.
    let all = run(
        "df",
        &["-B1", "-a", "--output=target,fstype,size,used,avail,itotal"],
    );
    let rows: Vec<Vec<&str>> = all
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .filter(|row: &Vec<_>| row.len() == 6)
        .collect();
    let include = rows.iter().map(|row| row[0].to_owned()).collect();
    let rule = FileSystemRule {
        include,
        ..FileSystemRule::default()
    };
    let options = HostOptions {
        file_systems: rule,
        ..HostOptions::default()
    };
    let host = Host::new(Root::live(), options, Arc::new(SystemClock));
    let file_systems = host.file_systems();
    let mut compared = 0;
    for row in rows {
        let Some(ours) = file_systems.iter().find(|ours| ours.name == row[0]) else {
            continue;
        };
        let Some(space) = ours.space.known() else { continue };
        let slack = 256 << 20;
        assert_eq!(ours.fs_type, row[1], "{}", row[0]);
        if let Ok(size) = row[2].parse::<u64>() {
            assert_eq!(space.size_bytes, size, "{}", row[0]);
            check_near("used", Some(space.used_bytes()), row[3].parse().unwrap(), slack);
            check_near(
                "available",
                Some(space.available_bytes),
                row[4].parse().unwrap(),
                slack,
            );
            compared += 1;
        }
    }
    let root = file_systems
        .iter()
        .find(|ours| ours.name == "/")
        .expect("the root file system");
    assert!(root.space.known().is_some());
    assert!(compared >= 3, "only {compared} file systems compared");
}
