//! TLS configuration, certificates and pins, accounts, the outgoing HTTP connection.

pub mod accounts;
pub mod certificate;
pub mod fingerprint;
pub mod local_peer;
pub mod principal;
mod private_file;
pub mod tls;
