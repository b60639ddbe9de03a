//! TLS as a server and as a client: rustls with the ring provider, versions 1.2 and 1.3.

pub mod server;
