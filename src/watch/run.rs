//! The sampling itself.

use std::sync::Arc;

use super::monitors::Monitors;
use super::sample::sample;
use crate::broker::Broker;
use crate::clock::SharedClock;
use crate::delivery::{Publication, Registry};
use crate::monitor::Rule;

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
        for rule in due {
            watch.round(&rule).await;
        }
        let next = watch.monitors.due().1.min(next);
        tokio::select! {
            () = watch.clock.sleep_until(next) => {}
            () = watch.monitors.changed() => {}
        }
    }
}

impl Watch {
    /// One round of a rule: sample, judge, write down, tell.
    async fn round(&self, rule: &Rule) {
        let (broker, sampled) = (Arc::clone(&self.broker), rule.clone());
        let samples = match tokio::task::spawn_blocking(move || sample(&broker, &sampled)).await {
            Ok(Ok(samples)) => samples,
            Ok(Err(error)) => {
                tracing::error!(rule = rule.id, %error, "a sample could not be taken");
                self.monitors.postpone(rule);
                return;
            }
            // A provider panicked: the supervisor counts it and starts the sampling again.
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        };
        let round = self.monitors.judge(rule, &samples, &self.system_name);
        if round.rows.is_empty() {
            self.monitors.keep(rule, round);
            return;
        }
        let mut publication = Publication::default();
        publication.monitors.clone_from(&round.rows);
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
