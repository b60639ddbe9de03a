//! The manager's side of reporting: subscribing to agents, receiving what they send.

pub mod report;
pub mod receiver;
pub mod subscriber;
