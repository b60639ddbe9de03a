//! The open enumerations of all protocols: one bound for an account, whatever it speaks.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

use super::contexts::{ContextError, ContextLimits, Contexts};
use super::{cimxml, wsman};
use crate::time::BootTime;

/// The open enumerations. Clones share them.
#[derive(Clone)]
pub struct Enumerations {
    contexts: Arc<Mutex<Contexts<Open>>>,
}

/// An open enumeration, as the protocol that opened it keeps it.
pub(super) enum Open {
    Wsman(Box<wsman::OpenEnumeration>),
    Cimxml(Box<cimxml::OpenEnumeration>),
}

/// What one protocol keeps of an enumeration. What another opened is not there for it.
pub(super) trait Kept: Sized {
    fn wrap(self) -> Open;
    fn narrow(open: Open) -> Result<Self, Open>;
}

/// An enumeration taken out of the open ones for one request. If the request does not put it back (it ended,
/// failed, or the client went away) the enumeration ends.
pub(super) struct Taken<E: Kept> {
    id: Uuid,
    contexts: Arc<Mutex<Contexts<Open>>>,
    pub(super) enumeration: Option<E>,
}

impl Enumerations {
    /// None is open yet.
    pub fn new(limits: ContextLimits) -> Self {
        Self {
            contexts: Arc::new(Mutex::new(Contexts::new(limits))),
        }
    }

    /// Changes the limits; open enumerations stay.
    pub fn set_limits(&self, limits: ContextLimits) {
        self.contexts.lock().set_limits(limits);
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.contexts.lock().len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.contexts.lock().is_empty()
    }

    /// Keeps an enumeration; see [`Contexts::insert`].
    pub(super) fn keep<E: Kept>(
        &self,
        owner: &str,
        enumeration: E,
        weight: usize,
        lifetime: Option<Duration>,
        now: BootTime,
    ) -> Result<Uuid, ContextError> {
        let mut contexts = self.contexts.lock();
        contexts.insert(owner, enumeration.wrap(), weight, lifetime, now)
    }

    /// Takes the enumeration of that context, which must be the caller's own.
    pub(super) fn take<E: Kept>(
        &self,
        id: Uuid,
        owner: &str,
        now: BootTime,
    ) -> Result<Taken<E>, ContextError> {
        let enumeration = self.contexts.lock().take_as(id, owner, now, E::narrow)?;
        Ok(Taken {
            id,
            contexts: Arc::clone(&self.contexts),
            enumeration: Some(enumeration),
        })
    }
}

impl<E: Kept> Taken<E> {
    /// The enumeration has more to give.
    pub(super) fn put_back(mut self, now: BootTime) {
        if let Some(enumeration) = self.enumeration.take() {
            self.contexts.lock().put_back(self.id, enumeration.wrap(), now);
        }
    }
}

impl<E: Kept> Drop for Taken<E> {
    fn drop(&mut self) {
        if self.enumeration.is_some() {
            self.contexts.lock().finish(self.id);
        }
    }
}

impl Kept for wsman::OpenEnumeration {
    fn wrap(self) -> Open {
        Open::Wsman(Box::new(self))
    }

    fn narrow(open: Open) -> Result<Self, Open> {
        match open {
            Open::Wsman(enumeration) => Ok(*enumeration),
            other @ Open::Cimxml(_) => Err(other),
        }
    }
}

impl Kept for cimxml::OpenEnumeration {
    fn wrap(self) -> Open {
        Open::Cimxml(Box::new(self))
    }

    fn narrow(open: Open) -> Result<Self, Open> {
        match open {
            Open::Cimxml(enumeration) => Ok(*enumeration),
            other @ Open::Wsman(_) => Err(other),
        }
    }
}
