//! The server, driven over real sockets by clients that were not written here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod basics;
pub mod harness;
