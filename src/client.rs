//! WS-Management client for the manager and the command line.

pub mod classes;
pub mod instance_name;
pub mod server;
pub mod wsman;
