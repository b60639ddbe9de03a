//! The sampling itself.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::monitors::Monitors;
use super::sample::sample;
use crate::broker::Broker;
use crate::clock::SharedClock;
use crate::delivery::{Publication, Registry};
use crate::monitor::Rule;

/// A round that has not ended after so long may be stuck: the next one is begun beside it.
const HESITATION: Duration = Duration::from_millis(200);

/// What sampling needs.
#[derive(Clone)]
pub struct Watch {
    /// Through which samples are taken.
    pub broker: Arc<Broker>,
    /// The rules, and where the monitors stand.
    pub monitors: Monitors,
    /// Who writes down what changed, and has it told.
    pub registry: Registry,
    /// The clocks.
    pub clock: SharedClock,
    /// The name of this host in alerts.
    pub system_name: Arc<str>,
}

/// Samples for ever.
pub async fn run(watch: Watch) {
    loop {
        let (due, next) = watch.monitors.due();
        rounds(&watch, due).await;
        let next = watch.monitors.due().1.min(next);
        tokio::select! {
            () = watch.clock.sleep_until(next) => {}
            () = watch.monitors.changed() => {}
        }
    }
}

/// The rounds of several rules. One that takes long does not hold up the samples of the others; one that does not is
/// waited for, as each thread that reads beside another keeps memory of its own.
async fn rounds(watch: &Watch, due: Vec<Rule>) {
    let mut rounds = JoinSet::new();
    let mut panic = None;
    for rule in due {
        let watch = watch.clone();
        rounds.spawn(async move { watch.round(&rule).await });
        if let Ok(Some(ended)) = timeout(HESITATION, rounds.join_next()).await {
            panic = panic.or(panic_of(ended));
        }
    }
    while let Some(ended) = rounds.join_next().await {
        panic = panic.or(panic_of(ended));
    }
    if let Some(panic) = panic {
        // The supervisor counts it and starts the sampling again; not before the others had their turn.
        std::panic::resume_unwind(panic);
    }
}

fn panic_of(round: Result<(), JoinError>) -> Option<Box<dyn Any + Send>> {
    round.err()?.try_into_panic().ok()
}

impl Watch {
    /// One round of a rule: sample, judge, write down, tell.
    async fn round(&self, rule: &Rule) {
        let (broker, sampled) = (Arc::clone(&self.broker), rule.clone());
        let samples = match tokio::task::spawn_blocking(move || sample(&broker, &sampled)).await {
            Ok(Ok(samples)) => samples,
            Ok(Err(error)) => {
                tracing::error!(rule = rule.id, %error, "a sample could not be taken");
                self.monitors.without_values(rule)
            }
            // A provider panicked. The rule waits for its interval, lest it be due first after each restart.
            Err(failed) => {
                self.monitors.postpone(rule);
                std::panic::resume_unwind(failed.into_panic())
            }
        };
        let round = self.monitors.judge(rule, &samples, &self.system_name);
        if round.rows.is_empty() && round.alerts.is_empty() && round.forgotten.is_empty() {
            self.monitors.keep(rule, round);
            return;
        }
        let mut publication = Publication::default();
        publication.monitors.clone_from(&round.rows);
        publication.gone_monitors.clone_from(&round.forgotten);
        publication.alerts.clone_from(&round.alerts);
        match self.registry.publish(publication).await {
            Ok(()) => self.monitors.keep(rule, round),
            Err(error) => {
                tracing::error!(rule = rule.id, %error, "a change of state could not be written down");
                self.monitors.postpone(rule);
            }
        }
    }
}
