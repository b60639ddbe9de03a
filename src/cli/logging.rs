//! Logs, always on standard error.

mod fields;
mod output;

use std::io::IsTerminal as _;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt, reload};

use crate::config::{LogConfig, LogFormat, LogLevel};
use fields::PlainFields;
use output::LogOutput;

/// The log of this process, whose level can be changed. Dropped, it leaves no line in a buffer.
#[derive(Clone)]
pub struct Logging {
    level: reload::Handle<LevelFilter, Registry>,
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
    start(config, LogOutput::to_stderr().ok())
}

/// Only the first call of a process has an effect.
fn start(config: &LogConfig, output: Option<LogOutput>) -> Logging {
    let (filter, level) = reload::Layer::new(level_filter(config.level));
    let writer = match output.clone() {
        Some(output) => BoxMakeWriter::new(output),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let is_terminal = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(writer).with_ansi(is_terminal);
    let lines = match config.format {
        LogFormat::Text if is_terminal => lines.boxed(),
        LogFormat::Text => lines.fmt_fields(PlainFields).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // An error means that a subscriber is set already: then that one stays.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Logging { level, output }
}

impl Logging {
    /// Takes the level of another configuration; the form of a line stays until the next start.
    pub fn apply(&self, config: &LogConfig) {
        // An error means that the subscriber is gone, and with it the log.
        let _ = self.level.reload(level_filter(config.level));
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        if let Some(output) = &self.output {
            output.flush();
        }
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
