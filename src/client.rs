//! Clients of WS-Management and CIM-XML, for the manager and the command line.

pub mod cimxml;
pub mod classes;
pub mod instance_name;
pub mod server;
pub mod wsman;
