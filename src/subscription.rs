//! Subscriptions: who wants to be told what, where, and for how long. Pure, and the same thing inside
//! whichever protocol made it.

mod destination;
mod filter;
mod lease;
mod named;
mod repeat;
mod size;
mod wbem;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::destination::{Credentials, Destination, DestinationUrl, Scheme, UrlError};
pub use self::filter::{Filter, SharedFilters};
pub use self::lease::{Expiry, Lease, LeaseError, LeaseTerms, Moment};
pub use self::named::{IndicationFilter, Labels, ListenerDestination, Persistence, WsmanDestination};
pub use self::repeat::{Remembered, RepeatError, RepeatPolicy, RepeatProperties, Repeats};
pub use self::size::{MAX_STORED_BYTES, TooLarge, check_size};
pub use self::wbem::{FatalErrorPolicy, MADE_UP, ObjectName, OnFatalError, TextFormat, Wbem};

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
    /// What it is as a CIM instance; none where it was made by WS-Eventing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wbem: Option<Box<Wbem>>,
}

impl Subscription {
    /// What it asks of its deliveries, where they are made over WS-Management.
    pub fn eventing(&self) -> Option<&EventingOptions> {
        match &self.protocol {
            Protocol::Eventing(options) => Some(options),
            Protocol::CimXml => None,
        }
    }

    /// How often an idle subscription is to be told that it lives; none if it never is.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.eventing()?.heartbeat_millis.map(Duration::from_millis)
    }

    /// The delivery mode; an export is a push.
    pub fn mode(&self) -> DeliveryMode {
        self.eventing().map_or(DeliveryMode::Push, |options| options.mode)
    }

    /// Whether its subscriber fetches.
    pub fn fetches(&self) -> bool {
        self.mode() == DeliveryMode::Pull
    }

    /// Whether it was disabled, and is told nothing until it is enabled again.
    pub fn is_disabled(&self) -> bool {
        self.wbem.as_ref().is_some_and(|wbem| !wbem.enabled)
    }

    /// The name of its filter as a CIM instance: its client's own, or one that is made up.
    pub fn filter_name(&self) -> String {
        match &self.wbem {
            Some(wbem) => wbem.filter.name.clone(),
            None => format!("{MADE_UP}{}", self.id),
        }
    }

    /// What is done with repetitions of the same event.
    pub fn repeat(&self) -> RepeatPolicy {
        self.wbem.as_ref().map(|wbem| wbem.repeat).unwrap_or_default()
    }

    /// What makes a new subscription the heir of one that ended: account, filter and destination.
    pub fn same_wish(&self, other: &Self) -> bool {
        self.owner == other.owner
            && self.filter == other.filter
            && self.fetches() == other.fetches()
            && self.protocol.carrier() == other.protocol.carrier()
    }
}

/// How a subscription is told, with what that way knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// WS-Eventing with the extensions of WS-Management (DSP0226 §10).
    Eventing(EventingOptions),
    /// CIM-XML exports (DSP0200 §5.4.3).
    CimXml,
}

impl Protocol {
    /// Who carries its deliveries.
    pub const fn carrier(&self) -> Carrier {
        match self {
            Self::Eventing(_) => Carrier::WsMan,
            Self::CimXml => Carrier::CimXml,
        }
    }
}

/// The protocol that a destination is delivered to in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carrier {
    /// WS-Management.
    #[default]
    WsMan,
    /// CIM-XML.
    CimXml,
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

impl EventingOptions {
    /// Deliveries in `mode`, with nothing asked of them.
    pub const fn new(mode: DeliveryMode) -> Self {
        Self {
            mode,
            reference_parameters: String::new(),
            end_to: None,
            addressing_1_0: false,
            heartbeat_millis: None,
            bookmarks: false,
            batch: Batch {
                max_items: None,
                max_wait_millis: None,
            },
            locale: None,
            utf16: false,
            max_envelope_bytes: None,
        }
    }
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
