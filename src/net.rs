//! TLS configuration, certificates and pins, accounts, the outgoing HTTP connection.

pub mod accounts;
pub(crate) mod carrier;
pub mod certificate;
pub mod credential;
pub mod fingerprint;
pub mod http_client;
pub mod local_peer;
#[cfg(feature = "pam")]
pub mod pam;
pub(crate) mod places;
pub mod principal;
mod private_file;
pub mod resolve;
pub mod rights;
pub mod sd_notify;
pub mod tls;
