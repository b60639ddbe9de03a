//! Logs, always on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt, reload};

use crate::config::{LogConfig, LogFormat, LogLevel};

/// The log of this process, whose level can be changed.
#[derive(Clone, Debug)]
pub struct Logging {
    level: reload::Handle<LevelFilter, Registry>,
}

/// Logs of a command that runs once: warnings and errors, as text.
pub fn start_for_tool() -> Logging {
    start(&LogConfig {
        level: LogLevel::Warn,
        format: LogFormat::Text,
    })
}

/// Logs as configured. Only the first call of a process has an effect.
pub fn start(config: &LogConfig) -> Logging {
    let (filter, level) = reload::Layer::new(level_filter(config.level));
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // An error means that a subscriber is set already: then that one stays.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Logging { level }
}

impl Logging {
    /// Takes the level of another configuration; the form of a line stays until the next start.
    pub fn apply(&self, config: &LogConfig) {
        // An error means that the subscriber is gone, and with it the log.
        let _ = self.level.reload(level_filter(config.level));
    }
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
