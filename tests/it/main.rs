//! Integration tests, one module per subject, in one binary so that they link once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accounts;
mod agent;
mod cert;
mod certificate;
mod cimxml_messages;
mod cimxml_server;
mod cli_subscription;
mod cli_wbem;
mod cli_wsman;
mod cimxml_client;
mod clients_page;
mod clocks;
mod command;
mod config;
mod crash;
mod dependencies;
mod destinations;
mod dsp0203;
mod element;
mod export;
mod generated;
mod hammer;
mod host;
mod host_hang;
mod http_client;
mod interop;
mod links;
mod listen;
mod live;
mod manager;
mod message;
mod mof;
mod packaging;
#[cfg(feature = "pam")]
mod pam;
mod passwd;
mod peers;
mod providers;
mod pypsrp;
mod pywbem_operations;
mod pywbem_server;
mod pywbem_subscriptions;
mod raw_http;
mod rooms;
mod server;
mod syslog;
#[cfg(feature = "test-provider")]
mod test_provider;
mod told;
mod wbemcli;
mod wire;
mod wsman_eventing;
mod wsman_client;
mod wsman_messages;
mod wsman_server;
mod wsman_service;
mod wsman_wire;
