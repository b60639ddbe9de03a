//! Monitor rules and their state machine. Pure.
