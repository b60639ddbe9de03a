//! Drives the fuzz targets with mutated seeds, for a set time. It sees no coverage, so it finds less than
//! libFuzzer does; it needs no nightly compiler.
//!
//! `smoke [--seconds N] [--seed N] [--number N] [TARGET…]`: `--seconds` is the time for each target (5), `--seed`
//! the start of the random numbers (the time of day), `--number` runs the one input of that number. `smoke --list`
//! names the targets.

use std::os::unix::fs::FileExt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use esm_fuzz::mutate::Mutator;
use esm_fuzz::{TARGETS, Target};

/// One input that takes longer than this is a failure.
const HANG: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(options) if options.list => {
            for target in TARGETS {
                println!("{}", target.name);
            }
            ExitCode::SUCCESS
        }
        Ok(options) => {
            for target in &options.targets {
                if let Err(message) = run(target, &options) {
                    eprintln!("{message}");
                    return ExitCode::FAILURE;
                }
            }
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("smoke: {message}");
            ExitCode::from(2)
        }
    }
}

struct Options {
    list: bool,
    time: Duration,
    seed: u64,
    number: Option<u64>,
    targets: Vec<Target>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut options = Self {
            list: false,
            time: Duration::from_secs(5),
            seed: now.map_or(0, |now| now.as_secs()),
            number: None,
            targets: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let text = arguments.next().ok_or(format!("{argument} needs a number"))?;
                text.parse::<u64>()
                    .map_err(|_| format!("{argument}: `{text}` is no number"))
            };
            match argument.as_str() {
                "--list" => options.list = true,
                "--seconds" => options.time = Duration::from_secs(value()?),
                "--seed" => options.seed = value()?,
                "--number" => options.number = Some(value()?),
                name => {
                    let known = TARGETS.iter().find(|target| target.name == name);
                    options
                        .targets
                        .push(*known.ok_or(format!("there is no target `{name}`"))?);
                }
            }
        }
        if options.targets.is_empty() {
            options.targets = TARGETS.to_vec();
        }
        Ok(options)
    }
}

/// Runs one target until its time is over. The error says how to see the failure again.
fn run(target: &Target, options: &Options) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mutator = Mutator::new(seeds(&folder.join("seeds").join(target.name)));
    let artifacts = folder.join("artifacts").join(target.name);
    if let Some(number) = options.number {
        return try_one(target, &mutator, options.seed, number, &artifacts);
    }
    std::fs::create_dir_all(&artifacts).map_err(|error| format!("{}: {error}", artifacts.display()))?;
    // A crash that no handler sees leaves the number of its input behind.
    let progress = artifacts.join("number");
    let progress =
        std::fs::File::create(&progress).map_err(|error| format!("{}: {error}", progress.display()))?;
    let current = Arc::new(AtomicU64::new(0));
    watch(target.name, options.seed, Arc::clone(&current));
    let start = Instant::now();
    let mut slowest = (Duration::ZERO, 0);
    let mut number = 0;
    while start.elapsed() < options.time {
        current.store(number, Ordering::Relaxed);
        let shown = format!("{} {number:020}\n", options.seed);
        let _ = progress.write_all_at(shown.as_bytes(), 0);
        let before = Instant::now();
        try_one(target, &mutator, options.seed, number, &artifacts)?;
        slowest = slowest.max((before.elapsed(), number));
        number += 1;
    }
    current.store(u64::MAX, Ordering::Relaxed);
    println!(
        "{:14} {number:>10} inputs in {:.0?}, seed {}; the slowest, number {}, took {:.1?}",
        target.name,
        start.elapsed(),
        options.seed,
        slowest.1,
        slowest.0
    );
    Ok(())
}

fn try_one(
    target: &Target,
    mutator: &Mutator,
    seed: u64,
    number: u64,
    artifacts: &Path,
) -> Result<(), String> {
    let input = mutator.input(seed, number);
    if catch_unwind(|| (target.run)(&input)).is_ok() {
        return Ok(());
    }
    let kept = artifacts.join(format!("crash-{seed}-{number}"));
    let _ = std::fs::create_dir_all(artifacts);
    let _ = std::fs::write(&kept, &input);
    Err(format!(
        "{} failed on {}; again: smoke --seed {seed} --number {number} {}",
        target.name,
        kept.display(),
        target.name
    ))
}

/// Ends the process when one input takes too long.
fn watch(name: &'static str, seed: u64, current: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        let mut last = u64::MAX;
        loop {
            std::thread::sleep(HANG);
            let now = current.load(Ordering::Relaxed);
            if now == u64::MAX {
                return;
            }
            if now == last {
                eprintln!("{name} hangs; again: smoke --seed {seed} --number {now} {name}");
                std::process::exit(1);
            }
            last = now;
        }
    });
}

/// The files of a folder, in the order of their names.
fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort_unstable();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}
