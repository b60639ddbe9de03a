//! How destinations fare, as people see it.

use std::fmt;
use std::time::Duration;

use crate::subscription::{Carrier, DeliveryMode, Destination, Filter, Lease};
use crate::time::{BootTime, WallTime};

/// The state of deliveries to a destination.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DeliveryState {
    /// Nothing is wrong.
    #[default]
    Active,
    /// Deliveries fail and are tried again.
    Retrying,
    /// Deliveries are refused: they are tried again, but somebody has to act.
    Suspended,
}

impl DeliveryState {
    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retrying => "retrying",
            Self::Suspended => "suspended",
        }
    }
}

/// `SubscriptionState` of a subscription as a CIM instance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubscriptionState {
    /// In force (2).
    Enabled,
    /// In force, but deliveries fail (3).
    Degraded,
    /// It is told nothing: it was disabled, or its duration is over (4).
    Disabled,
}

impl SubscriptionState {
    /// Its number.
    pub const fn value(self) -> u16 {
        match self {
            Self::Enabled => 2,
            Self::Degraded => 3,
            Self::Disabled => 4,
        }
    }
}

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Enabled => "Enabled",
            Self::Degraded => "Enabled Degraded",
            Self::Disabled => "Disabled",
        };
        write!(f, "{} ({name})", self.value())
    }
}

/// How a destination fares.
#[derive(Clone, Debug, Default)]
pub struct Fare {
    /// The state of its deliveries.
    pub state: DeliveryState,
    /// Failures in a row.
    pub failures: u32,
    /// When the next try is made; none while nothing fails.
    pub next_try: Option<BootTime>,
    /// When it is given up; none while nothing fails.
    pub give_up: Option<BootTime>,
    /// What was wrong last.
    pub last_error: Option<LastError>,
    /// When something was last handed over.
    pub last_success: Option<WallTime>,
    /// How long the last delivery took.
    pub latency: Option<Duration>,
    /// Events handed over since the agent started.
    pub delivered: u64,
    /// Events that it did not take and that were dropped, since the agent started.
    pub dropped: u64,
    /// Events that wait.
    pub queued: u64,
    /// How often its worker failed and was started again.
    pub restarts: u32,
}

/// What was wrong with a delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastError {
    /// What.
    pub text: String,
    /// When.
    pub at: WallTime,
    /// Whether something was delivered since.
    pub is_cleared: bool,
}

impl Fare {
    /// Something is wrong from now on.
    pub(super) fn note_error(&mut self, text: impl Into<String>, now: WallTime) {
        self.last_error = Some(LastError {
            text: text.into(),
            at: now,
            is_cleared: false,
        });
    }

    /// Nothing is wrong any more; whether something was.
    pub(super) fn end_outage(&mut self) -> bool {
        self.state = DeliveryState::Active;
        self.failures = 0;
        self.next_try = None;
        self.give_up.take().is_some()
    }
}

/// A destination and how it fares.
#[derive(Clone, Debug)]
pub struct DestinationStatus {
    /// Its number.
    pub id: i64,
    /// What it is.
    pub destination: Destination,
    /// How it fares.
    pub fare: Fare,
}

/// A subscription and where its life stands.
#[derive(Clone, Debug)]
pub struct SubscriptionStatus {
    /// Its name.
    pub id: String,
    /// The account that made it.
    pub owner: String,
    /// What it wants.
    pub filter: Filter,
    /// How it is told.
    pub mode: DeliveryMode,
    /// The protocol of its deliveries.
    pub carrier: Carrier,
    /// The names of its filter and its destination, where it was made as a CIM instance.
    pub names: Option<(String, String)>,
    /// Whether it is disabled, and told nothing until it is enabled again.
    pub disabled: bool,
    /// When it was made.
    pub created: WallTime,
    /// Its lease.
    pub lease: Lease,
    /// What is left of it.
    pub remaining: Option<Duration>,
    /// Until when its queue is kept, if it has lapsed.
    pub keep_until: Option<BootTime>,
    /// Where it is delivered to, and how that fares; none where the subscriber fetches.
    pub destination: Option<DestinationStatus>,
}
