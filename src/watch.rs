//! Takes samples through the broker, drives the monitors, and has what changed written down and told.
//!
//! - [`Monitors`] knows the rules in force and where each monitor stands; providers show and change it.
//! - [`run`] samples each rule at its interval. A new state counts only once it is on disk together with the
//!   alert that tells of it: if that fails, the next sample tries again.
//! - [`watch_changes`] tells of instances that came, changed or went, to whoever wants to know.
//! - [`Supervisor`] starts a worker again that panicked, and knows how each of them fares.

mod changes;
mod monitors;
mod run;
mod sample;
mod supervisor;
#[cfg(test)]
mod tests;

pub use changes::{ChangeWatch, watch_changes};
pub use monitors::{Monitors, Saved, UnknownMonitor};
pub use run::{Watch, run};
pub use supervisor::{Supervisor, WorkerState, WorkerStatus};
