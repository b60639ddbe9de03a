//! What a subscription is asked for with, what is granted, and why not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::courier::Item;
use super::filters::FilterError;
use super::rule::Forbidden;
use crate::subscription::{
    Credentials, DeliveryMode, DestinationUrl, Expiry, Filter, Lease, LeaseError, Protocol, Subscription,
    TooLarge,
};
use crate::time::WallTime;

/// A subscription that is asked for.
#[derive(Clone, Debug)]
pub struct SubscribeRequest {
    /// The account that asks.
    pub owner: String,
    /// What it wants to be told.
    pub filter: Filter,
    /// How.
    pub protocol: Protocol,
    /// Where; none where the subscriber fetches.
    pub target: Option<NewTarget>,
    /// For how long.
    pub expires: Option<Expiry>,
    /// What of the history it begins with.
    pub bookmark: Option<Bookmark>,
    /// The address that asks; none over the local socket.
    pub from: Option<IpAddr>,
}

/// Where a subscription is to be delivered to.
#[derive(Clone, Debug)]
pub struct NewTarget {
    /// The address.
    pub url: DestinationUrl,
    /// What deliveries log in with.
    pub credentials: Option<Credentials>,
    /// The SHA-256 fingerprint of the certificate that it must show, in hexadecimal.
    pub thumbprint: Option<String>,
}

/// Where in the history a subscription begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bookmark {
    /// With everything that is kept.
    Earliest,
    /// After this place.
    After(i64),
}

/// A lease that was granted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Granted {
    /// The subscription.
    pub id: String,
    /// Its lease.
    pub lease: Lease,
    /// What is left of it.
    pub remaining: Option<Duration>,
    /// When it ends by the wall clock as it stands now.
    pub ends_at: Option<WallTime>,
}

/// Why a subscription is not made.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The filter has a fault.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The lease cannot be granted.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// Deliveries may not go there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A mode that pushes, without an address; or the other way round.
    #[error("the delivery mode {0:?} and the address to deliver to do not go together")]
    ModeAndTarget(DeliveryMode),
    /// The account has as many as it may.
    #[error("the account has {0} subscriptions, which is the limit: end one, or raise `max_per_account`")]
    TooMany(usize),
    /// Something that came after its bookmark is not kept any more, or nothing has come that far: it is of another
    /// database.
    #[error(
        "not everything is kept that came after the bookmark {0}: subscribe with the earliest one, or with none"
    )]
    BookmarkExpired(i64),
    /// It is too large to be kept.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// It could not be written down.
    #[error("{0}")]
    Store(String),
}

/// Why something cannot be done with a subscription.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// The account has no such subscription.
    #[error("there is no subscription `{0}`")]
    Unknown(String),
    /// Its lease has ended.
    #[error("the lease of `{0}` has ended: subscribe again")]
    Lapsed(String),
    /// The lease cannot be granted.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// It was made as a CIM instance and is renewed as one.
    #[error("`{0}` was made as a CIM_IndicationSubscription: modify its SubscriptionDuration")]
    NoLease(String),
    /// Its events are sent and cannot be fetched.
    #[error("`{0}` is not in the mode Pull")]
    NotFetched(String),
    /// It could not be written down.
    #[error("{0}")]
    Store(String),
}

/// Events that were fetched.
#[derive(Clone, Debug)]
pub struct PullBatch {
    /// Whose.
    pub subscription: Arc<Subscription>,
    /// The events, in order.
    pub items: Vec<Item>,
    /// What the next fetch names: it says that these have arrived.
    pub position: i64,
}
