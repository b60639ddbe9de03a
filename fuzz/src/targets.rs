//! The targets, by the room whose parser they try.

pub mod cim;
pub mod cimxml;
pub mod config;
pub mod host;
pub mod net;
pub mod query;
pub mod wsman;
pub mod xml;
