//! The level of a log, which can be changed while it is written.

use std::sync::Arc;

use parking_lot::RwLock;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;

/// Lets pass what is of its level. Whoever has something to say asks once and remembers the answer until the level
/// changes, so that a request does not ask at all. Clones share the level.
#[derive(Clone)]
pub(super) struct LevelSwitch(Arc<RwLock<LevelFilter>>);

impl LevelSwitch {
    pub(super) fn new(level: LevelFilter) -> Self {
        Self(Arc::new(RwLock::new(level)))
    }

    /// Changes the level, for everybody at once.
    pub(super) fn set(&self, level: LevelFilter) {
        *self.0.write() = level;
        tracing_core::callsite::rebuild_interest_cache();
    }

    fn lets_pass(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= *self.0.read()
    }
}

impl<S: Subscriber> Layer<S> for LevelSwitch {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.lets_pass(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.lets_pass(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(*self.0.read())
    }
}
