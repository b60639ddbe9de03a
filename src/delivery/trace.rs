//! A test of one subscription: an indication is followed on its way.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::courier::{Parcel, SendError, Steps};
use super::entry::Entry;
use super::publisher::Publication;
use super::registry::Registry;
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
    /// The first try failed, or one to deliver what is queued before it. The test indication is taken back.
    Failed(SendError),
    /// The time was over before a try had ended. The test indication is taken back; where it is just being sent, it
    /// may still arrive.
    TimedOut,
    /// It waits for the subscriber, who fetches.
    Waits,
}

/// Why a subscription cannot be tested.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TestError {
    /// The account has no such subscription.
    #[error("there is no subscription `{0}`")]
    Unknown(String),
    /// Its lease has ended, or it is disabled.
    #[error("the subscription `{0}` is told nothing: its lease has ended, or it is disabled")]
    NotLive(String),
    /// The test indication could not be written down.
    #[error("the test indication could not be written down: {0}")]
    Store(String),
}

impl TestReport {
    /// The steps that were done, in order, each with its time from the beginning of the test.
    pub fn steps(&self) -> Vec<(&'static str, Duration)> {
        let began = self.began.unwrap_or_default();
        let last = match self.outcome {
            TestOutcome::Acknowledged => "acknowledged",
            TestOutcome::Failed(_) | TestOutcome::TimedOut | TestOutcome::Waits => "answered",
        };
        let delivery = [
            ("connected", self.steps.connected),
            ("handshake", self.steps.handshake),
            ("sent", self.steps.sent),
            (last, self.steps.answered),
        ];
        let delivery = delivery
            .into_iter()
            .filter_map(|(step, at)| Some((step, began + at?)));
        // The delivery may begin before whoever had it queued is told so.
        let queued = self.began.map_or(self.queued, |began| self.queued.min(began));
        std::iter::once(("queued", queued)).chain(delivery).collect()
    }

    /// What went wrong, if something did.
    pub fn error(&self) -> Option<String> {
        match &self.outcome {
            TestOutcome::Acknowledged | TestOutcome::Waits => None,
            TestOutcome::Failed(error) => Some(error.to_string()),
            TestOutcome::TimedOut if self.ahead > 0 => {
                let text = "it was not its turn in time: what was queued before it goes first";
                Some(text.to_owned())
            }
            TestOutcome::TimedOut => Some("the destination has not answered in time".to_owned()),
        }
    }

    /// What to mend, where something went wrong.
    pub fn advice(&self) -> Option<&'static str> {
        let error = match &self.outcome {
            TestOutcome::Acknowledged => return None,
            TestOutcome::Waits => return Some("Let the subscriber pull: the indication waits for it."),
            TestOutcome::TimedOut => {
                return Some("Look at the subscription's queue and last error.");
            }
            TestOutcome::Failed(error) => error,
        };
        let steps = &self.steps;
        Some(match error {
            SendError::Refused(_) if steps.answered.is_some() => {
                "Check the path, the user name and the password that deliveries log in with, and the destination's log."
            }
            SendError::Refused(_) if steps.connected.is_some() => {
                "If the destination's certificate was changed on purpose, delete the subscription and subscribe again."
            }
            SendError::Refused(_) => {
                "Check the destination's address against `subscriptions.allow_destinations` of the configuration."
            }
            SendError::Unreachable(_) if steps.answered.is_some() => {
                "The destination answers, and does not acknowledge: its log says why."
            }
            SendError::Unreachable(_) if steps.sent.is_some() => {
                "The destination took the indication and gave no whole answer: its log says why."
            }
            SendError::Unreachable(_) if steps.connected.is_some() => {
                "Something listens there and does not speak TLS as expected: check the scheme, the port, and `delivery.trust`."
            }
            SendError::Unreachable(_) => {
                "Check that the destination runs and listens at this address and port, and the firewalls in between."
            }
            SendError::Later(_) => "The listener is there and asks to be sent it later: its log says why.",
            SendError::Rejected(_) | SendError::Unwanted(_) => {
                "The listener is there and does not want the indication: check that it serves this protocol at this path."
            }
        })
    }
}

/// An indication that is followed.
pub(super) struct Trace {
    identifier: String,
    /// Where it goes; none where the subscriber fetches.
    destination: Option<i64>,
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
    /// Notes what came of a try to deliver `parcel` to a destination, which began at `began`. What keeps back those
    /// behind it is the end of their test, too.
    pub fn note(
        &self,
        destination: i64,
        parcel: &Parcel,
        began: BootTime,
        steps: Steps,
        outcome: Result<(), &SendError>,
    ) {
        let Parcel::Events { items, .. } = parcel else {
            return;
        };
        let holds_up = !matches!(outcome, Ok(()) | Err(SendError::Unwanted(_)));
        for trace in &*self.0.lock() {
            let is_in = items
                .iter()
                .any(|item| item.indication.get_str("IndicationIdentifier") == Some(&trace.identifier));
            if is_in || (holds_up && trace.destination == Some(destination)) {
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
    /// A test ends with its result: nobody is told of it hours later.
    async fn take_back(&self, entry: &Arc<Entry>, identifier: &str) {
        let publication = Publication {
            withdrawn: vec![(Arc::clone(entry), identifier.to_owned())],
            ..Publication::default()
        };
        if let Err(error) = self.shared.publish(publication).await {
            tracing::error!(subscription = %entry.id, %error, "a test indication stays queued");
        }
        if let Some(station) = entry.station() {
            station.queue.lock().reload();
            self.shared.recount(station).await;
        }
    }

    /// Sends a test indication to a subscription by the way that all take, whatever its filter says, and follows it
    /// for up to `patience`. `account` is who asks, none for who may do everything.
    ///
    /// # Errors
    /// There is no such subscription for this account, it is told nothing, or the indication cannot be written down.
    pub async fn test(
        &self,
        id: &str,
        account: Option<&str>,
        patience: Duration,
    ) -> Result<TestReport, TestError> {
        let shared = &self.shared;
        let unknown = |_| TestError::Unknown(id.to_owned());
        let entry = self.find(id, account).map_err(unknown)?;
        if !entry.is_live() {
            return Err(TestError::NotLive(id.to_owned()));
        }
        let alert = shared.own_alert(TEST, id, Vec::new());
        let alert = alert.ok_or_else(|| TestError::Store("the catalog has no test indication".to_owned()))?;
        let trace = Arc::new(Trace {
            identifier: alert.identifier.clone(),
            destination: entry.station().map(|station| station.id),
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
            published.map_err(|error| TestError::Store(error.to_string()))?;
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
        if let Ok(report) = &report
            && matches!(report.outcome, TestOutcome::Failed(_) | TestOutcome::TimedOut)
        {
            self.take_back(&entry, &trace.identifier).await;
        }
        report
    }
}
