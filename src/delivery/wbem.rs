//! Subscriptions as CIM instances (DSP1054): filters and destinations that stand by themselves, and what ties
//! them together.
//!
//! Everything here is one thing with what WS-Eventing makes: a subscription of either way is listed as
//! CIM_IndicationSubscription, with a filter and a destination that are made up for it where it has none of its
//! own. What refers to something and what is referred to change under one lock, so that nothing is left dangling.

mod filters;
mod listeners;
mod redirect;
mod shipped;
mod subscriptions;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::book::Book;
use super::filters::FilterError;
use super::request::{SubscribeError, SubscriptionError};
use super::rule::Forbidden;
use crate::store::StoreError;
use crate::store::commands::{Loaded, StoredListener};
use crate::subscription::{IndicationFilter, MADE_UP, ObjectName, Persistence, TooLarge, UrlError, Wbem};

pub use self::subscriptions::WbemStatus;

/// The class of the system that our own instances belong to.
pub(super) const SYSTEM_CLASS: &str = "ESM_GeneralInformation";

/// The class of filters.
pub const FILTER_CLASS: &str = "CIM_IndicationFilter";
/// The class of destinations that take CIM-XML exports.
pub const CIMXML_CLASS: &str = "CIM_ListenerDestinationCIMXML";
/// The class of destinations that take WS-Management events.
pub const WSMAN_CLASS: &str = "CIM_ListenerDestinationWSManagement";

/// Why something cannot be done with a filter, a destination or a subscription.
#[derive(Debug, thiserror::Error)]
pub enum WbemError {
    /// There is none of that name.
    #[error("there is no {0}")]
    NotFound(String),
    /// There is one already.
    #[error("there is a {0} already")]
    Exists(String),
    /// A subscription refers to it.
    #[error("{name} is in use by {subscriptions} subscription(s): delete these first")]
    InUse {
        /// What it is.
        name: ObjectName,
        /// How many refer to it.
        subscriptions: usize,
    },
    /// Its deliveries are one with those by another destination, and cannot go elsewhere without them.
    #[error(
        "{name} cannot be changed: subscriptions by another destination are delivered to {url}, too; delete one of the two"
    )]
    SharedDestination {
        /// What it is.
        name: ObjectName,
        /// Where both are, or would be.
        url: String,
    },
    /// It is the agent's own.
    #[error("{0} is the agent's own: it cannot be changed or deleted")]
    Fixed(ObjectName),
    /// Clients may make none.
    #[error("filters cannot be made here: FilterCreationEnabled of the indication service is false")]
    NoCreation,
    /// It was made by WS-Eventing, which alone knows how to change it.
    #[error("this subscription was made by WS-Eventing: it can be deleted here, but not changed")]
    MadeByEventing,
    /// Its duration is over.
    #[error("the subscription has expired: it can be deleted, but not changed")]
    Expired,
    /// A value that is refused.
    #[error("{0}")]
    Value(String),
    /// The query has a fault.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The address is none.
    #[error("Destination: {0}")]
    Url(#[from] UrlError),
    /// Deliveries may not go there.
    #[error("Destination: {0}")]
    Forbidden(#[from] Forbidden),
    /// The account has as many as it may.
    #[error("the account has {0} of these, which is the limit: delete one, or raise `max_per_account`")]
    TooMany(usize),
    /// It is too large to be kept.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// It could not be written down.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for WbemError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<SubscribeError> for WbemError {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Filter(error) => Self::Filter(error),
            SubscribeError::Forbidden(error) => Self::Forbidden(error),
            SubscribeError::TooMany(limit) => Self::TooMany(limit),
            SubscribeError::TooLarge(error) => Self::TooLarge(error),
            SubscribeError::Store(error) => Self::Store(error),
            error @ (SubscribeError::Lease(_)
            | SubscribeError::ModeAndTarget(_)
            | SubscribeError::BookmarkExpired(_)) => Self::Value(error.to_string()),
        }
    }
}

impl From<SubscriptionError> for WbemError {
    fn from(error: SubscriptionError) -> Self {
        match error {
            SubscriptionError::Unknown(id) => Self::NotFound(format!("subscription `{id}`")),
            SubscriptionError::Lapsed(_) => Self::Expired,
            SubscriptionError::Store(error) => Self::Store(error),
            error @ (SubscriptionError::Lease(_)
            | SubscriptionError::NoLease(_)
            | SubscriptionError::NotFetched(_)) => Self::Value(error.to_string()),
        }
    }
}

/// Filters and destinations that stand by themselves.
#[derive(Default)]
pub(super) struct Named {
    filters: BTreeMap<ObjectName, Arc<IndicationFilter>>,
    listeners: BTreeMap<ObjectName, Arc<StoredListener>>,
}

impl Book {
    /// Takes up the filters and destinations that were kept.
    pub fn take_up_named(&mut self, loaded: &Loaded) {
        let filters = loaded.filters.iter().cloned();
        self.named.filters = filters
            .map(|filter| (filter.name.clone(), Arc::new(filter)))
            .collect();
        let listeners = loaded.listeners.iter().cloned();
        self.named.listeners = listeners
            .map(|stored| (stored.listener.name.clone(), Arc::new(stored)))
            .collect();
    }

    /// Whether there is a destination of that persistence that no subscription refers to.
    pub fn is_unused(&self, name: &ObjectName, persistence: Persistence) -> bool {
        let is_meant = self
            .named
            .listeners
            .get(name)
            .is_some_and(|stored| stored.listener.persistence == persistence);
        is_meant && self.users(|wbem| wbem.handler == *name) == 0
    }

    /// Forgets a destination.
    pub fn forget_listener(&mut self, name: &ObjectName) {
        self.named.listeners.remove(name);
    }

    /// How many subscriptions refer to something.
    fn users(&self, refers: impl Fn(&Wbem) -> bool) -> usize {
        let subscriptions = self.entries.values().map(|entry| entry.subscription());
        subscriptions
            .filter(|subscription| subscription.wbem.as_ref().is_some_and(|wbem| refers(wbem)))
            .count()
    }
}

/// Whether the `Name` of a filter or destination is one that the agent gives, and nobody else may. Such an instance
/// belongs to the system of now: where the machine has been given another name since, a reference that was made before
/// is still one to it.
pub fn is_own(name: &str) -> bool {
    shipped::is_shipped(name) || name.starts_with(MADE_UP)
}

/// The name of something of the agent's own.
fn own_name(class: &str, system: &str, name: String) -> ObjectName {
    ObjectName {
        class: class.to_owned(),
        system_class: SYSTEM_CLASS.to_owned(),
        system: system.to_owned(),
        name,
    }
}
