//! A server with as many instances as are asked for: the real service over a provider that makes them up.

use std::path::Path;
use std::sync::Arc;

use esm::clock::SystemClock;
use esm::server::cimxml::{CimxmlOptions, CimxmlService};
use esm::server::contexts::ContextLimits;
use esm::server::enumerations::Enumerations;

use crate::many;

pub const CLASS: &str = many::CLASS;

/// Serves on a port of its own; prints the address when it is ready.
pub fn run(folder: &Path, certificate: &Path, key: &Path, count: u32) {
    let service = CimxmlService::new(
        Arc::new(many::broker(count)),
        SystemClock::shared(),
        Enumerations::new(ContextLimits::default()),
        CimxmlOptions::default(),
    );
    many::serve(Arc::new(service), folder, certificate, key);
}
