//! `esm`: a server-management agent and manager in one binary.
//!
//! The rooms below are listed in the order in which they may use one another: a room uses only
//! rooms above it. `docs/architecture.md` tells the way through them.
#![forbid(unsafe_code)]

pub mod time;
pub mod cim;
pub mod xml;
pub mod cimxml;
pub mod wsman;
pub mod alert;
pub mod monitor;
pub mod subscription;
pub mod clock;
pub mod random;
pub mod config;
pub mod store;
pub mod host;
pub mod syslog;
pub mod net;
pub mod delivery;
pub mod provider;
pub mod broker;
pub mod watch;
pub mod server;
pub mod agent;
pub mod client;
pub mod manager;
pub mod cli;
