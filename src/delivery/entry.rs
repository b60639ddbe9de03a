//! A subscription while the agent runs.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::filters::AlertFilter;
use super::station::{Hold, Station};
use crate::alert::Event;
use crate::subscription::{Lease, Repeats, Subscription};
use crate::time::BootTime;

/// One subscription.
pub(super) struct Entry {
    /// Its name.
    pub id: Arc<str>,
    /// What it is and wants, as it is now.
    content: Mutex<Content>,
    /// How it is told.
    pub way: Way,
    /// Where its life stands.
    pub life: Mutex<Life>,
    /// Held while its lease is renewed: two renewals at once would leave one in memory and the other on disk.
    pub renewal: tokio::sync::Mutex<()>,
    /// What it was told of lately, for its repeat policy.
    pub repeats: Mutex<Repeats>,
    /// The last event that was queued for it.
    produced: Mutex<Option<Arc<Event>>>,
}

/// What a subscription is, and its filter in the form that is asked.
#[derive(Clone)]
pub(super) struct Content {
    /// What it is.
    pub subscription: Arc<Subscription>,
    /// What it wants.
    pub filter: Arc<AlertFilter>,
}

/// How a subscription is told.
pub(super) enum Way {
    /// Deliveries are sent.
    Sent(Arc<Station>),
    /// The subscriber fetches.
    Fetched(Fetched),
}

/// What a subscription that fetches has of its own.
pub(super) struct Fetched {
    /// The numbers of its indications.
    pub series: Mutex<Series>,
    /// Something came.
    pub arrived: Notify,
}

/// Where a subscription's life stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// Its lease.
    pub lease: Lease,
    /// Whether it is told anything.
    pub phase: Phase,
    /// When something was last handed over.
    pub last_told: BootTime,
    /// When it last lost its queue because deliveries fail and its policy is to go on.
    pub forgiven: Option<BootTime>,
    /// When people were last told of that.
    pub last_ignored: Option<BootTime>,
}

/// The phases of a subscription's life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// It is told what it wants.
    Live,
    /// It is told nothing until it is enabled again; its queue is kept, and its lease runs.
    Disabled,
    /// Its lease ended; its queue is kept until then.
    Lapsed(BootTime),
    /// It is gone.
    Gone,
}

impl Phase {
    /// The phase in which `subscription` begins.
    pub fn of(subscription: &Subscription) -> Self {
        if subscription.is_disabled() {
            Self::Disabled
        } else {
            Self::Live
        }
    }

    /// Whether its lease has ended, or everything.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Live | Self::Disabled => false,
            Self::Lapsed(_) | Self::Gone => true,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// A subscription in its place.
    pub fn new(content: Content, way: Way, life: Life) -> Arc<Self> {
        Arc::new(Self {
            id: content.subscription.id.as_str().into(),
            content: Mutex::new(content),
            way,
            life: Mutex::new(life),
            renewal: tokio::sync::Mutex::default(),
            repeats: Mutex::default(),
            produced: Mutex::default(),
        })
    }

    /// What it is, as it is now.
    pub fn subscription(&self) -> Arc<Subscription> {
        Arc::clone(&self.content.lock().subscription)
    }

    /// What it wants, as it is now.
    pub fn filter(&self) -> Arc<AlertFilter> {
        Arc::clone(&self.content.lock().filter)
    }

    /// Makes something else of it; its name stays.
    pub fn set_content(&self, content: Content) {
        *self.content.lock() = content;
    }

    /// The last event that was queued for it, as far as is known.
    pub fn produced(&self) -> Option<Arc<Event>> {
        self.produced.lock().clone()
    }

    /// Notes that an event was queued for it.
    pub fn note_produced(&self, event: &Arc<Event>) {
        *self.produced.lock() = Some(Arc::clone(event));
    }

    /// Whether it stays for a while once it has lapsed, with so much in its queue.
    pub fn outlives_its_lease(&self, queued: u64) -> bool {
        queued > 0 || self.subscription().wbem.is_some()
    }

    /// Whether it is told what it wants.
    pub fn is_live(&self) -> bool {
        self.life.lock().phase == Phase::Live
    }

    /// Where its deliveries go.
    pub fn station(&self) -> Option<&Arc<Station>> {
        match &self.way {
            Way::Sent(station) => Some(station),
            Way::Fetched(_) => None,
        }
    }

    /// Holds back what waits where its deliveries go, until the answer is dropped.
    pub fn hold(&self) -> Option<Hold> {
        self.station().map(Station::hold)
    }

    /// The series that its indications are numbered in.
    pub fn series(&self) -> &Mutex<Series> {
        match &self.way {
            Way::Sent(station) => &station.series,
            Way::Fetched(fetched) => &fetched.series,
        }
    }
}

/// What hardly any alert exceeds as it is stored.
const LARGE_ALERT_BYTES: u64 = 4_096;

/// How many alerts fit into `bytes` for sure, or as good as.
pub(super) const fn room_in(bytes: u64) -> u64 {
    bytes / LARGE_ALERT_BYTES
}

/// A series of sequence numbers (DSP1054 §7.9): from 0 on, one by one.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// Its name, used once in all time.
    pub context: Arc<str>,
    /// The next number.
    pub next: i64,
    /// How many more may be queued before the queue is measured.
    pub room: u64,
}

impl Series {
    /// The series that is called `context`; `room_bytes` are left in its queue.
    pub fn new(context: String, room_bytes: u64) -> Self {
        Self {
            context: context.into(),
            next: 0,
            room: room_in(room_bytes),
        }
    }

    /// Takes the next number; after the greatest one comes 0.
    pub fn take(&mut self) -> i64 {
        let number = self.next;
        self.next = number.checked_add(1).unwrap_or(0);
        self.room = self.room.saturating_sub(1);
        number
    }
}
