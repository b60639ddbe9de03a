//! A test of one subscription: an indication is followed on its way.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::courier::{Parcel, SendError, Steps};
use super::publisher::Publication;
use super::registry::Registry;
use super::request::SubscriptionError;
use crate::alert::catalog::table::agent::TEST;
use crate::time::BootTime;

/// What became of a test indication.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TestReport {
    /// `IndicationIdentifier` of the test indication.
    pub identifier: String,
    /// Whether the filter of the subscription would have chosen it. It was sent whatever the filter says.
    pub chosen: bool,
    /// How many indications were queued before it.
    pub ahead: u64,
    /// How long it took until it was on disk.
    pub queued: Duration,
    /// When its delivery began, counted from the beginning of the test; none if it did not.
    pub began: Option<Duration>,
    /// The steps of its delivery, counted from where that began.
    pub steps: Steps,
    /// What came of it.
    pub outcome: TestOutcome,
}

/// What came of a test indication.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TestOutcome {
    /// The destination acknowledged it.
    Acknowledged,
    /// The first try failed. The indication stays queued and is tried again.
    Failed(SendError),
    /// The time was over before a try had ended. The indication stays queued.
    TimedOut,
    /// It waits for the subscriber, who fetches.
    Waits,
}

/// An indication that is followed.
pub(super) struct Trace {
    identifier: String,
    tried: Mutex<Option<Tried>>,
    ended: Notify,
}

/// The first try to deliver it.
#[derive(Clone)]
struct Tried {
    began: BootTime,
    steps: Steps,
    outcome: Result<(), SendError>,
}

/// The indications that are followed now: mostly none.
#[derive(Default)]
pub(super) struct Traces(Mutex<Vec<Arc<Trace>>>);

impl Traces {
    /// Notes what came of a try to deliver `parcel`, which began at `began`.
    pub fn note(&self, parcel: &Parcel, began: BootTime, steps: Steps, outcome: Result<(), &SendError>) {
        let Parcel::Events { items, .. } = parcel else {
            return;
        };
        for trace in &*self.0.lock() {
            let is_in = items
                .iter()
                .any(|item| item.indication.get_str("IndicationIdentifier") == Some(&trace.identifier));
            if is_in {
                let mut tried = trace.tried.lock();
                tried.get_or_insert_with(|| Tried {
                    began,
                    steps,
                    outcome: outcome.map_err(Clone::clone),
                });
                trace.ended.notify_one();
            }
        }
    }
}

impl Registry {
    /// Sends a test indication to a subscription by the way that all take, whatever its filter says, and follows it
    /// for up to `patience`. `account` is who asks, none for who may do everything.
    ///
    /// # Errors
    /// There is no such subscription for this account, its lease is over, or the indication cannot be written down.
    pub async fn test(
        &self,
        id: &str,
        account: Option<&str>,
        patience: Duration,
    ) -> Result<TestReport, SubscriptionError> {
        let shared = &self.shared;
        let entry = self.find(id, account)?;
        if !entry.is_live() {
            return Err(SubscriptionError::Lapsed(id.to_owned()));
        }
        let alert = shared.own_alert(TEST, id, Vec::new());
        let alert =
            alert.ok_or_else(|| SubscriptionError::Store("the catalog has no test indication".to_owned()))?;
        let trace = Arc::new(Trace {
            identifier: alert.identifier.clone(),
            tried: Mutex::new(None),
            ended: Notify::new(),
        });
        let ahead = entry.station().map_or(0, |station| station.fare.lock().queued);
        let chosen = entry
            .filter()
            .matches(&crate::alert::indication::indication(&alert));
        shared.traces.0.lock().push(Arc::clone(&trace));
        let follow = async {
            let began = shared.clock.boot();
            let publication = Publication {
                alerts: vec![alert],
                only: Some(Arc::clone(&entry)),
                ..Publication::default()
            };
            let published = shared.publish(publication).await;
            published.map_err(|error| SubscriptionError::Store(error.to_string()))?;
            let queued = shared.clock.boot().since(began);
            let outcome = match entry.station() {
                None => None,
                Some(station) => {
                    // A pause between tries ends: whoever tests wants to know now.
                    station.kick.notify_one();
                    tokio::select! {
                        () = trace.ended.notified() => trace.tried.lock().clone(),
                        () = shared.clock.sleep(patience) => None,
                    }
                }
            };
            Ok(TestReport {
                identifier: trace.identifier.clone(),
                chosen,
                ahead,
                queued,
                began: outcome.as_ref().map(|tried| tried.began.since(began)),
                steps: outcome.as_ref().map(|tried| tried.steps).unwrap_or_default(),
                outcome: match (entry.station(), outcome) {
                    (None, _) => TestOutcome::Waits,
                    (Some(_), None) => TestOutcome::TimedOut,
                    (Some(_), Some(tried)) => match tried.outcome {
                        Ok(()) => TestOutcome::Acknowledged,
                        Err(error) => TestOutcome::Failed(error),
                    },
                },
            })
        };
        let report = follow.await;
        shared.traces.0.lock().retain(|other| !Arc::ptr_eq(other, &trace));
        report
    }
}
