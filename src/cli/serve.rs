//! `esm serve`: the agent.

use std::io::{IsTerminal as _, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Interval;

use super::Global;
use super::exit::{Exit, Failure};
use super::logging;
use crate::agent::{Agent, Observer, StartError};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::net::sd_notify::Notifier;

/// Threads that serve connections. The agent shares its machine with what the machine is for, and every thread
/// keeps memory of its own.
const WORKERS: usize = 2;

/// Threads for what may wait for a disk or a file system, at most. What waits for longer has threads of its own
/// (`crate::host`). What callers ask for may take 60 of them (`crate::server`), look-ups of names 12 (`crate::net`), the
/// hashing of passwords 2; the others are for what the agent does by itself.
const BLOCKING_THREADS: usize = 88;

/// How long such a thread waits for more to do.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Addresses that a thread's stack takes up; memory is only what it uses.
const STACK_BYTES: usize = 1 << 20;

/// How long the end waits for threads that are still busy: what must be on disk is there before.
const LAST_PATIENCE: Duration = Duration::from_millis(500);

/// How the service is, for the service manager.
const SERVING: &str = "serving";

/// Run the agent: serve this machine's state over WS-Management and CIM-XML, watch it, tell managers.
///
/// It needs no configuration: on first start it makes its state folder, its certificate and an account, and
/// prints how to reach it. SIGTERM and SIGINT stop it cleanly, SIGHUP makes it read its configuration again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm serve                         with defaults
  esm --config /etc/esm/esm.toml serve
  esm config default > esm.toml     a commented configuration to begin with

The first password is printed once if standard output is a terminal; otherwise it is in the file
`initial-password` of the state folder. Standard output carries the start-up lines alone, the last
of which begins with READY; logs go to standard error.")]
pub struct Args {}

/// Runs the command; it returns when the agent has stopped.
///
/// # Errors
/// What keeps the agent from starting.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, Failure> {
    let config = global.load()?;
    let logging = logging::start_for_server(&config.log);
    let _flushed_at_last = logging.last_flush();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Failure::new(Exit::Local, format!("no runtime: {error}")))?;
    // The main thread's stack would keep several copies of it.
    let ended = runtime.block_on(Box::pin(serve(config, logging)));
    // What still runs may wait for a name server or a file system.
    runtime.shutdown_timeout(LAST_PATIENCE);
    ended
}

async fn serve(config: Config, logging: logging::Logging) -> Result<Exit, Failure> {
    let local = |error: std::io::Error| Failure::new(Exit::Local, error);
    let mut terminate = signal(SignalKind::terminate()).map_err(local)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(local)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(local)?;
    let notifier = Arc::new(Notifier::from_environment());
    let surroundings = Arc::new(Surroundings {
        logging,
        notifier: Arc::clone(&notifier),
    });
    let agent = Agent::start(config, SystemClock::shared(), surroundings)
        .await
        .map_err(not_started)?;
    greet(&agent)?;
    notifier.ready(SERVING);

    let mut watchdog = notifier.watchdog_interval().map(tokio::time::interval);
    loop {
        tokio::select! {
            () = next_tick(watchdog.as_mut()) => notifier.watchdog(),
            _ = terminate.recv() => break tracing::info!("stopping on SIGTERM"),
            _ = interrupt.recv() => break tracing::info!("stopping on SIGINT"),
            _ = hangup.recv() => agent.reload(),
        }
    }
    notifier.stopping();
    let report = agent.stop().await;
    if report.cut_off > 0 {
        tracing::warn!(
            connections = report.cut_off,
            "requests were cut off: they did not end in time"
        );
    }
    Ok(Exit::Done)
}

/// Faults of the configuration begin with their place, as every command tells them.
fn not_started(error: StartError) -> Failure {
    match error {
        StartError::Configuration(faults) => faults.into(),
        error => Failure::new(Exit::Local, error),
    }
}

/// Waits for the next tick; for ever where nobody wants any.
async fn next_tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

/// Makes the first account where there is none, and prints the start-up lines. No account remains whose password
/// nobody has seen.
fn greet(agent: &Agent) -> Result<(), Failure> {
    let local = |error: &dyn std::fmt::Display| Failure::new(Exit::Local, error);
    let mut out = std::io::stdout().lock();
    let Some(account) = agent.first_account().map_err(|error| local(&error))? else {
        return start_up_lines(&mut out, agent, None);
    };
    if out.is_terminal() {
        account.make().map_err(|error| local(&error))?;
        let shown = format!("{}   (shown this once)", account.password());
        return start_up_lines(&mut out, agent, Some(&shown)).inspect_err(|_| {
            if let Err(error) = account.unmake() {
                tracing::error!(%error, "an account remains whose password nobody has seen: delete it");
            }
        });
    }
    let path = account
        .keep_password(&agent.config().state_dir)
        .map_err(|error| local(&error))?;
    account.make().map_err(|error| {
        // It would be taken for the password of an account.
        let _ = std::fs::remove_file(&path);
        local(&error)
    })?;
    start_up_lines(&mut out, agent, Some(&format!("in {}", path.display())))
}

/// Prints the start-up lines; the last says READY.
fn start_up_lines(out: &mut impl Write, agent: &Agent, password: Option<&str>) -> Result<(), Failure> {
    write!(out, "{}", agent.greeting())?;
    if let Some(password) = password {
        writeln!(out, "  password       {password}")?;
    }
    writeln!(out, "READY")?;
    out.flush()?;
    Ok(())
}

/// What a running agent's configuration concerns beside it: the log, and the service manager.
struct Surroundings {
    logging: logging::Logging,
    notifier: Arc<Notifier>,
}

impl Observer for Surroundings {
    fn reload_begins(&self) {
        self.notifier.reloading();
    }

    fn config_taken(&self, config: &Config) {
        self.logging.apply(&config.log);
    }

    fn reload_ends(&self, outcome: Result<(), &str>) {
        match outcome {
            Ok(()) => self.notifier.ready(SERVING),
            Err(reason) => self.notifier.ready(&format!(
                "{SERVING}; the changed configuration is refused: {reason}"
            )),
        }
    }
}
