//! What the WS-Management service does, seen from the wire: over classes of the tests' own, some of which
//! misbehave.

mod encodings;
mod enumerations;
mod filters;
mod refusals;
mod streams;
mod transfer;
mod trouble;
