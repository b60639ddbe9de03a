//! `esm serve`: the agent.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::Global;
use super::exit::{Exit, Failure};
use super::logging;
use crate::agent::Agent;
use crate::agent::identity::write_initial_password;
use crate::clock::SystemClock;
use crate::net::sd_notify::Notifier;

/// Threads that serve connections. The agent shares its machine with what the machine is for, and every thread
/// keeps memory of its own.
const WORKERS: usize = 2;

/// Threads for what may wait for a disk or a file system, at most. What waits for longer has threads of its own
/// (`crate::host`).
const BLOCKING_THREADS: usize = 32;

/// How long such a thread waits for more to do.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Addresses that a thread's stack takes up; memory is only what it uses.
const STACK_BYTES: usize = 1 << 20;

/// Run the agent: serve this machine's state over WS-Management, watch it, tell managers.
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
`initial-password` of the state folder. Standard output carries the start-up lines alone, the last of which
begins with READY; logs go to standard error.")]
pub struct Args {}

/// Runs the command; it returns when the agent has stopped.
///
/// # Errors
/// What keeps the agent from starting.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, Failure> {
    let config = global.load()?;
    let logging = logging::start_for_server(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Failure::new(Exit::Local, format!("no runtime: {error}")))?;
    runtime.block_on(serve(config, logging.clone()))
}

async fn serve(config: crate::config::Config, logging: logging::Logging) -> Result<Exit, Failure> {
    let local = |error: std::io::Error| Failure::new(Exit::Local, error);
    let mut terminate = signal(SignalKind::terminate()).map_err(local)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(local)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(local)?;
    let on_reload = Arc::new(move |config: &crate::config::Config| logging.apply(&config.log));
    let agent = Agent::start(config, SystemClock::shared(), on_reload)
        .await
        .map_err(|error| Failure::new(Exit::Local, error))?;
    greet(&agent)?;
    let notifier = Notifier::from_environment();
    notifier.ready("serving");

    loop {
        tokio::select! {
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

/// Prints the start-up lines; the last says READY.
fn greet(agent: &Agent) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    write!(out, "{}", agent.greeting())?;
    if let Some(password) = agent.first_password() {
        if out.is_terminal() {
            writeln!(out, "  password       {}   (shown this once)", password.reveal())?;
        } else {
            let path = write_initial_password(&agent.config().state_dir, password)
                .map_err(|error| Failure::new(Exit::Local, format!("initial-password: {error}")))?;
            writeln!(out, "  password       in {}", path.display())?;
        }
    }
    writeln!(out, "READY")?;
    out.flush()?;
    Ok(())
}
