//! What carries deliveries: the wire form is a courier's business, order and retries are not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::alert::indication::number;
use crate::cim::Instance;
pub use crate::net::http_client::Steps;
use crate::subscription::{Carrier, Credentials, Destination, EndReason, Subscription};

/// Makes lines to destinations.
pub trait Courier: Send + Sync + 'static {
    /// A line to `target`. Nothing is connected yet.
    fn line(&self, target: &Target) -> Box<dyn Line>;
}

/// A courier for each protocol.
#[derive(Clone)]
pub struct Couriers {
    /// Who carries deliveries over WS-Management.
    pub wsman: Arc<dyn Courier>,
    /// Who carries CIM-XML exports.
    pub cim_xml: Arc<dyn Courier>,
}

impl Courier for Couriers {
    fn line(&self, target: &Target) -> Box<dyn Line> {
        match target.destination.carrier {
            Carrier::WsMan => self.wsman.line(target),
            Carrier::CimXml => self.cim_xml.line(target),
        }
    }
}

/// A line to one destination: one delivery at a time, over a connection that is kept while the peer keeps it.
pub trait Line: Send {
    /// Hands `parcel` over. Ready once the destination has taken it, or has not.
    fn send<'a>(&'a mut self, parcel: &'a Parcel) -> Sending<'a>;

    /// Whether a connection is open.
    fn is_connected(&self) -> bool;

    /// Whether the options under which it was made are still in force. One whose are not is not used again.
    fn is_current(&self) -> bool {
        true
    }

    /// When the steps of the last sending were done.
    fn steps(&self) -> Steps {
        Steps::default()
    }
}

/// A delivery under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Receipt, SendError>> + Send + 'a>>;

/// Where a line goes.
#[derive(Clone, Debug)]
pub struct Target {
    /// The destination.
    pub destination: Destination,
    /// What deliveries log in with.
    pub credentials: Option<Credentials>,
    /// The SHA-256 fingerprint of the certificate that it showed first.
    pub pin: Option<Vec<u8>>,
}

/// One delivery.
#[derive(Clone, Debug)]
pub enum Parcel {
    /// Events of one subscription, in order, never none.
    Events {
        /// Whose.
        subscription: Arc<Subscription>,
        /// What.
        items: Vec<Item>,
    },
    /// Events of the subscription were dropped, as too much waited (DSP0226, 10.2.7).
    Dropped {
        /// Whose.
        subscription: Arc<Subscription>,
        /// How many.
        count: u64,
    },
    /// The subscription lives and has nothing to tell.
    Heartbeat {
        /// Whose.
        subscription: Arc<Subscription>,
    },
    /// The state of the subscription is another one, and it wants to be told so.
    StateChange {
        /// Whose.
        subscription: Arc<Subscription>,
        /// What is told, in a series of its own: it belongs to no queue.
        item: Item,
    },
    /// The subscription has ended.
    End {
        /// Whose.
        subscription: Arc<Subscription>,
        /// Why.
        reason: EndReason,
    },
}

/// One event of a delivery.
#[derive(Clone, Debug)]
pub struct Item {
    /// The indication, without its sequence context and number.
    pub indication: Arc<Instance>,
    /// `SequenceContext`.
    pub context: Arc<str>,
    /// `SequenceNumber`.
    pub number: i64,
    /// Its place in the history: a bookmark.
    pub seq: i64,
}

impl Item {
    /// The indication as it is delivered to `subscription`: with its place in the series, and the name of the filter
    /// that chose it (DSP1054, 7.9).
    pub fn indication_for(&self, subscription: &Subscription) -> Instance {
        let mut indication = Instance::clone(&self.indication);
        number(&mut indication, &self.context, self.number);
        indication.set("IndicationFilterName", subscription.filter_name());
        indication
    }
}

/// What was taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Whether the destination itself took it. Where there was nothing to send, or it went to another server, as the
    /// end of a subscription may, that says nothing about the destination.
    pub from_destination: bool,
    /// How many of the items, from the first on: fewer than offered where they did not fit.
    pub accepted: usize,
    /// The certificate that the destination showed, if it was not known.
    pub learned_pin: Option<Vec<u8>>,
}

/// Why a delivery failed. Each text is for people.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SendError {
    /// Nobody answers, or not in time: it may be different the next time.
    #[error("{0}")]
    Unreachable(String),
    /// The destination must not be delivered to, or does not let us in: somebody has to act.
    #[error("{0}")]
    Refused(String),
    /// The destination answers, and wants this very message at another time.
    #[error("{0}")]
    Later(String),
    /// The destination answers, and does not want this very message: it may be different the next time.
    #[error("{0}")]
    Rejected(String),
    /// The destination answers, and will never want this very message.
    #[error("{0}")]
    Unwanted(String),
}
