//! The server, driven over real sockets by clients that were not written here, and by raw bytes.

mod basics;
mod files;
mod flood;
pub mod harness;
mod log;
mod logins;
mod tls;
mod wire;
