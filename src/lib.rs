//! `esm`: a server-management agent and manager in one binary.
//!
//! The rooms below are listed in the order in which they may use one another: a room uses only
//! rooms above it. `docs/architecture.md` tells the way through them.
#![forbid(unsafe_code)]

pub mod agent;
pub mod alert;
pub mod broker;
pub mod cim;
pub mod cimxml;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod host;
pub mod manager;
pub mod monitor;
pub mod net;
pub mod provider;
pub mod server;
pub mod store;
pub mod subscription;
pub mod syslog;
pub mod watch;
pub mod wsman;
pub mod xml;
