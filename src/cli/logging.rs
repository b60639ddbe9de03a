//! Logs, always on standard error.

mod fields;
mod level;
mod output;
mod timestamp;

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{LogConfig, LogFormat, LogLevel};
use fields::PlainFields;
use level::LevelSwitch;
use output::LogOutput;
use timestamp::Timestamp;

/// How long the end of a server waits for whoever reads its log.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// The log of this process, whose level can be changed.
#[derive(Clone)]
pub struct Logging {
    level: LevelSwitch,
    output: Option<LogOutput>,
}

/// Logs of a command that runs once: warnings and errors, as text.
pub fn start_for_tool() -> Logging {
    let config = LogConfig {
        level: LogLevel::Warn,
        format: LogFormat::Text,
    };
    start(&config, None)
}

/// Logs of a server, as configured.
pub fn start_for_server(config: &LogConfig) -> Logging {
    // Without a thread for it, every line is written by whoever has it to say.
    let logging = start(config, LogOutput::to_stderr().ok());
    std::panic::set_hook(Box::new(log_panic));
    logging
}

/// Only the first call of a process has an effect.
fn start(config: &LogConfig, output: Option<LogOutput>) -> Logging {
    let level = LevelSwitch::new(level_filter(config.level));
    let writer = match output.clone() {
        Some(output) => BoxMakeWriter::new(output),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let is_terminal = std::io::stderr().is_terminal();
    let lines = fmt::layer()
        .with_timer(Timestamp)
        .with_writer(writer)
        .with_ansi(is_terminal);
    let lines = match config.format {
        LogFormat::Text if is_terminal => lines.boxed(),
        LogFormat::Text => lines.fmt_fields(PlainFields).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // An error means that a subscriber is set already: then that one stays.
    let _ = tracing_subscriber::registry()
        .with(level.clone())
        .with(lines)
        .try_init();
    Logging { level, output }
}

impl Logging {
    /// Takes the level of another configuration; the form of a line stays until the next start.
    pub fn apply(&self, config: &LogConfig) {
        self.level.set(level_filter(config.level));
    }

    /// What is dropped last of a server.
    pub fn last_flush(&self) -> LastFlush {
        LastFlush(self.output.clone())
    }
}

/// Dropped, it waits until the lines that are left are written, or a second is over.
#[must_use = "it is to be dropped when everything else is"]
pub struct LastFlush(Option<LogOutput>);

impl Drop for LastFlush {
    fn drop(&mut self) {
        if let Some(output) = &self.0 {
            output.flush(LAST_PATIENCE);
        }
    }
}

/// Says of a panic what the standard library would, but in the log: standard error may be stuck.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(
        place,
        "a thread panicked: {}",
        text.unwrap_or("it does not say why")
    );
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
