//! Raw and validated configuration, precedence, where each value comes from.
//!
//! One table, [`schema::SECTIONS`], says for every key what it is called, what it may hold, its
//! default and what it is for. Reading, checking, `esm config show`, `esm config default` and the
//! check of `docs/configuration.md` all follow from it; a new key is one line there and one field in
//! the struct of its section.
//!
//! Precedence of every value: default, then file, then the value set remotely or by a tool (kept by
//! the store, key by key, and handed in with [`Config::with_remote`]). Every fault is reported, not
//! only the first, and a configuration with a fault is never used in part.

mod build;
mod difference;
mod environment;
mod example;
mod fault;
mod file;
mod monitor;
mod network;
mod reference;
pub mod schema;
mod sections;
mod stamp;
mod value;
mod values;

pub use build::{Config, LocalSocket, Section};
pub use difference::{Difference, needs_restart};
pub use environment::{Environment, SYSTEM_SOCKET};
pub use example::example;
pub use fault::{ConfigFaults, Fault};
pub use monitor::rule_and_instance;
pub use network::{Network, NetworkError};
pub use reference::reference;
pub use sections::{
    AccountsConfig, AgentConfig, CimxmlConfig, DeliveryConfig, FileSystemsConfig, HostConfig, LimitsConfig,
    LocalConfig, LogConfig, LogFormat, LogLevel, Mode, SubscriptionsConfig, SyslogConfig, TlsConfig, Trust,
    WsmanConfig,
};
pub use stamp::FileStamp;
pub use value::{ParseValueError, Remote, Value};
pub use values::{Effective, Source};

#[cfg(test)]
mod tests;
