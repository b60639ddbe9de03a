//! Subscriptions at work, and one worker per destination: order, retries, acknowledgement.
//!
//! - [`Registry`] is what the server, the providers and the monitors speak to. What it answers is on disk first.
//! - One *publisher* turns what happened into one transaction: states, alerts, and a row of the outbox for each
//!   subscription that wants one. It alone gives out sequence numbers, so their order is the order on disk.
//! - One *worker* per destination that has something waiting sends it, in order, at least once, and ends when
//!   there is nothing left: an idle destination costs no task and no connection.
//! - One *alarm clock* ends leases at their very end, not when somebody happens to look.
//!
//! A destination that is slow, hung or gone costs its own worker alone; see `gate` for what keeps many of them
//! from holding up the rest. All of it runs on boot time.

mod alarms;
mod book;
pub mod cimxml;
pub mod connection;
pub mod courier;
mod entry;
mod fatal;
pub mod filters;
mod gate;
mod held;
pub mod interest;
mod publisher;
mod queue;
mod recall;
mod registry;
mod request;
mod retry;
mod rule;
mod shared;
mod station;
mod status;
mod trace;
mod views;
pub mod wbem;
mod worker;
pub mod wsman;

#[cfg(test)]
mod tests;

pub use self::publisher::{Publication, PublishError};
pub use self::registry::{AlertObserver, Registry, RegistryParts};
pub use self::request::{
    Bookmark, Granted, NewTarget, PullBatch, SubscribeError, SubscribeRequest, SubscriptionError,
};
pub use self::retry::{RetrySchedule, UNBOUNDED};
pub use self::rule::{DestinationRule, Forbidden};
pub use self::shared::Settings;
pub use self::status::{DeliveryState, DestinationStatus, Fare, SubscriptionState, SubscriptionStatus};
pub use self::trace::{TestError, TestOutcome, TestReport};
