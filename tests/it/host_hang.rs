//! A file system that stops answering, for real: a FUSE daemon that is stopped and let go again.
//!
//! The test runs itself a second time in mount and process namespaces of its own. Whatever happens there,
//! the mounts and the daemon go with the namespaces, and no other test ever sees them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use esm::clock::SystemClock;
use esm::host::{FileSystemRule, Host, HostOptions, Root, SpaceAnswer};

const INSIDE: &str = "ESM_TEST_INSIDE_NAMESPACES";
const DEADLINE: Duration = Duration::from_secs(2);

#[test]
fn a_file_system_that_stops_answering_delays_nothing_but_itself() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let this_test = "host_hang::a_file_system_that_stops_answering_delays_nothing_but_itself";
    let output = Command::new("timeout")
        .args([
            "--signal=KILL",
            "120",
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", this_test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("`timeout` and `unshare`, which this test needs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{}: {text}",
        output.status
    );
}

fn inside() {
    let place = tempfile::TempDir::new().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    mount_tmpfs(&path(""));
    for name in ["backing", "fuse", "fine"] {
        fs::create_dir(path(name)).unwrap();
    }
    mount_tmpfs(&path("fine"));
    let mut daemon = Command::new("bindfs")
        .args(["-f", &path("backing"), &path("fuse")])
        .spawn()
        .expect("`bindfs`, which this test needs");
    wait_until("the FUSE mount", || is_mounted(&path("fuse")));

    let rule = FileSystemRule {
        include: vec![path("fuse"), path("fine")],
        ..FileSystemRule::default()
    };
    let options = HostOptions {
        max_age: Duration::ZERO,
        answer_deadline: DEADLINE,
        file_systems: rule,
        ..HostOptions::default()
    };
    let host = Host::new(Root::live(), options, Arc::new(SystemClock));
    let space = |name: &str| host.file_system(&path(name)).expect("mounted").space;
    assert!(space("fuse").known().is_some());

    signal(&daemon, Signal::STOP);
    // The first that asks waits for it, but not the answers of the others.
    let (file_systems, took) = timed(|| host.file_systems());
    assert!(took >= DEADLINE && took < DEADLINE * 2, "{took:?}");
    let stalled: Vec<&str> = file_systems
        .iter()
        .filter(|at| at.space == SpaceAnswer::Stalled)
        .map(|at| at.name.as_str())
        .collect();
    assert_eq!(stalled, [path("fuse")]);
    assert!(
        file_systems
            .iter()
            .any(|at| at.name == path("fine") && at.space.known().is_some())
    );
    // From now on nobody waits at all, however often they ask, and one thread alone is stuck.
    let ((), took) = timed(|| {
        for _ in 0..20 {
            assert_eq!(
                host.file_systems()
                    .iter()
                    .filter(|at| at.space == SpaceAnswer::Stalled)
                    .count(),
                1
            );
            assert_eq!(space("fuse"), SpaceAnswer::Stalled);
            assert!(space("fine").known().is_some());
        }
    });
    assert!(took < DEADLINE, "{took:?}");
    assert!(asking_threads() <= 3, "{} threads", asking_threads());

    signal(&daemon, Signal::CONT);
    wait_until("the file system's answer", || space("fuse").known().is_some());

    // Stopped and killed: the mount answers with an error, then goes.
    signal(&daemon, Signal::STOP);
    assert_eq!(space("fuse"), SpaceAnswer::Stalled);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    wait_until("the error", || matches!(space("fuse"), SpaceAnswer::Failed(_)));
    run("umount", &["--lazy", &path("fuse")]);
    assert!(host.file_system(&path("fuse")).is_none());
    run("umount", &[&path("fine")]);
    run("umount", &["--lazy", &path("")]);
}

fn mount_tmpfs(at: &str) {
    run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs", at]);
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().expect(program);
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn is_mounted(at: &str) -> bool {
    fs::read_to_string("/proc/self/mountinfo")
        .unwrap()
        .lines()
        .any(|line| line.split(' ').nth(4) == Some(at))
}

fn asking_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(Path::new(&task.path()).join("comm")).ok());
    names.filter(|name| name.trim() == "esm-ask").count()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

#[track_caller]
fn wait_until(what: &str, mut is_there: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_there() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}
