//! Subscriptions: who wants to be told what, where, and for how long. Pure, and the same thing inside
//! whichever protocol made it.

mod destination;
mod filter;
mod lease;
mod repeat;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::destination::{Credentials, Destination, DestinationUrl, Scheme, UrlError};
pub use self::filter::{Filter, SharedFilters};
pub use self::lease::{Expiry, Lease, LeaseError, LeaseTerms, Moment};
pub use self::repeat::{RepeatError, RepeatPolicy, RepeatProperties, Repeats};

/// One subscription. Where its lease stands is kept beside it, see [`Lease`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its name among all subscriptions: a UUID in its text form.
    pub id: String,
    /// The account that made it.
    pub owner: String,
    /// What it wants to be told.
    pub filter: Filter,
    /// How it is told.
    pub protocol: Protocol,
    /// When it was made, in microseconds after the Unix epoch.
    pub created_micros: i64,
}

impl Subscription {
    /// How often an idle subscription is to be told that it lives; none if it never is.
    pub fn heartbeat(&self) -> Option<Duration> {
        let Protocol::Eventing(options) = &self.protocol;
        options.heartbeat_millis.map(Duration::from_millis)
    }

    /// The delivery mode.
    pub fn mode(&self) -> DeliveryMode {
        let Protocol::Eventing(options) = &self.protocol;
        options.mode
    }

    /// What makes a new subscription the heir of one that ended: account, filter and destination.
    pub fn same_wish(&self, other: &Self) -> bool {
        let is_pull = |one: &Self| one.mode() == DeliveryMode::Pull;
        self.owner == other.owner && self.filter == other.filter && is_pull(self) == is_pull(other)
    }
}

/// How a subscription was made, with what that way knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// WS-Eventing with the extensions of WS-Management (DSP0226 §10).
    Eventing(EventingOptions),
}

/// What a WS-Eventing subscription asks of its deliveries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventingOptions {
    /// How events are handed over.
    pub mode: DeliveryMode,
    /// The reference parameters and properties of `NotifyTo`: XML that each delivery carries as headers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference_parameters: String,
    /// Where the end of the subscription is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_to: Option<EndTo>,
    /// Whether the subscriber speaks WS-Addressing 1.0 rather than the version of August 2004.
    #[serde(default)]
    pub addressing_1_0: bool,
    /// The pause after which an idle subscription is told that it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_millis: Option<u64>,
    /// Whether deliveries carry bookmarks.
    #[serde(default)]
    pub bookmarks: bool,
    /// How many events are put into one delivery, for [`DeliveryMode::Events`].
    #[serde(default)]
    pub batch: Batch,
    /// The language that was asked for, as in `ja-JP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Whether deliveries are to be in UTF-16.
    #[serde(default)]
    pub utf16: bool,
    /// The largest envelope that the subscriber takes, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_envelope_bytes: Option<u64>,
}

/// `wse:EndTo`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndTo {
    /// The address.
    pub url: DestinationUrl,
    /// Its reference parameters and properties, as XML.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference_parameters: String,
}

/// The delivery modes of DSP0226 §10.2.9.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryMode {
    /// One event per message; the HTTP status acknowledges.
    #[default]
    Push,
    /// One event per message; an `Ack` message acknowledges.
    PushWithAck,
    /// Batches; an `Ack` message acknowledges.
    Events,
    /// The subscriber fetches.
    Pull,
}

/// The limits of one batch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The greatest number of events (`wsman:MaxElements`); none: as many as wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u32>,
    /// How long a batch is kept back for more (`wsman:MaxTime`); none: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait_millis: Option<u64>,
}

/// Why a subscription ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndReason {
    /// Its subscriber, or an administrator, ended it.
    Cancelled,
    /// Its lease ended without a renewal.
    Lapsed,
    /// Its destination did not answer for too long.
    DeliveryFailed,
}
