//! TLS configuration, certificates and pins, accounts, the outgoing HTTP connection.
