//! Integration tests, one module per subject, in one binary so that they link once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod accounts;
mod agent;
mod certificate;
mod host;
mod host_hang;
mod http_client;
mod cert;
mod cli_wsman;
mod command;
mod config;
mod dependencies;
mod generated;
mod manager;
mod mof;
mod packaging;
mod passwd;
mod providers;
mod rooms;
mod server;
mod syslog;
mod told;
mod wire;
