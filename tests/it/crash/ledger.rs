//! What was asked of the agent, and what of it was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::instances;

/// A moment of the wall clock, in microseconds after the Unix epoch. The agent stamps alerts with it.
pub type Micros = i64;

pub fn now() -> Micros {
    jiff::Timestamp::now().as_microsecond()
}

/// A call of SendTestAlert. One is made after the other, so that the time of an alert says which one raised it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub sent: Micros,
    /// When it was answered, or given up.
    pub ended: Micros,
    pub answered: bool,
}

/// The alerts that were raised.
#[derive(Default)]
pub struct Alerts {
    calls: Vec<Call>,
}

impl Alerts {
    pub fn note(&mut self, sent: Micros, answered: bool) {
        self.calls.push(Call {
            sent,
            ended: now(),
            answered,
        });
    }

    pub fn answered(&self) -> usize {
        self.calls.iter().filter(|call| call.answered).count()
    }

    /// The call that an alert of that time comes from.
    pub fn call_at(&self, at: Micros) -> Option<&Call> {
        let after = self.calls.partition_point(|call| call.sent <= at);
        let call = &self.calls[after.checked_sub(1)?];
        (at <= call.ended).then_some(call)
    }

    /// The answered calls that were made after `since`.
    pub fn answered_since(&self, since: Micros) -> impl Iterator<Item = &Call> {
        self.calls
            .iter()
            .filter(move |call| call.answered && call.sent >= since)
    }

    /// The last call.
    pub fn last(&self) -> Call {
        *self.calls.last().unwrap()
    }
}

impl fmt::Display for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} alerts answered", self.answered(), self.calls.len())
    }
}

/// The subscriptions that were made. Each has its alerts sent to a path of its own, which names it here.
#[derive(Default)]
pub struct Subscriptions {
    live: BTreeMap<String, Live>,
    /// Calls that were not answered: they may have been done or not.
    in_doubt: BTreeSet<String>,
    made: usize,
    ended: usize,
    doubted: usize,
}

struct Live {
    identifier: String,
    since: Micros,
}

impl Subscriptions {
    /// A path that no subscription has had: of one that is made as an instance, or by Subscribe.
    pub fn new_path(&self, by_instance: bool) -> String {
        let number = self.made + self.doubted;
        if by_instance {
            instances::path_of(number)
        } else {
            format!("/passing/{number}")
        }
    }

    /// A Subscribe was answered.
    pub fn made(&mut self, path: &str, identifier: &str) {
        self.made += 1;
        self.adopt(path, identifier);
    }

    fn adopt(&mut self, path: &str, identifier: &str) {
        let live = Live {
            identifier: identifier.to_owned(),
            since: now(),
        };
        assert!(self.live.insert(path.to_owned(), live).is_none(), "{path}");
    }

    /// A Subscribe or Unsubscribe was not answered.
    pub fn doubt(&mut self, path: &str) {
        self.doubted += 1;
        self.live.remove(path);
        self.in_doubt.insert(path.to_owned());
    }

    /// An Unsubscribe was answered.
    pub fn ended(&mut self, path: &str) {
        self.ended += 1;
        self.live.remove(path);
    }

    /// Those that were answered and not ended: path and identifier.
    pub fn live(&self) -> impl Iterator<Item = (&str, &str)> {
        self.live
            .iter()
            .map(|(path, live)| (path.as_str(), live.identifier.as_str()))
    }

    /// The same: path, and since when.
    pub fn live_since(&self) -> impl Iterator<Item = (&str, Micros)> {
        self.live.iter().map(|(path, live)| (path.as_str(), live.since))
    }

    pub fn answered(&self) -> usize {
        self.made + self.ended
    }

    /// Compares with what the agent lists, by path with identifiers. It says what became of calls in doubt.
    pub fn compare(&mut self, mut listed: BTreeMap<String, String>) {
        for (path, live) in &self.live {
            let found = listed.remove(path);
            assert_eq!(
                found.as_deref(),
                Some(live.identifier.as_str()),
                "{path} was answered and is lost"
            );
        }
        let in_doubt = std::mem::take(&mut self.in_doubt);
        for (path, identifier) in listed {
            assert!(in_doubt.contains(&path), "{path} was ended and is back");
            self.adopt(&path, &identifier);
        }
    }
}

impl fmt::Display for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            live,
            made,
            ended,
            doubted,
            ..
        } = self;
        write!(
            f,
            "{made} subscriptions made, {ended} ended, {} there, {doubted} calls unanswered",
            live.len()
        )
    }
}
