//! Sockets, sessions, authentication, limits, shutdown.
