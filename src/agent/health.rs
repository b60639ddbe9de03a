//! How the workers of the agent fare: those that are supervised, and one per destination.

use std::sync::Arc;

use crate::delivery::Registry;
use crate::provider::agent_health::{WorkerHealth, Workers};
use crate::watch::{Supervisor, WorkerState};

/// Knows how every worker fares.
pub(super) struct Health {
    pub(super) supervisor: Arc<Supervisor>,
    pub(super) registry: Option<Registry>,
}

impl Workers for Health {
    fn health(&self) -> Vec<WorkerHealth> {
        let supervised = self.supervisor.status().into_iter().map(|worker| WorkerHealth {
            name: worker.name.to_owned(),
            state: match worker.state {
                WorkerState::Running => "running",
                WorkerState::Restarting => "restarting",
                WorkerState::Stopped => "stopped",
            },
            restarts: worker.restarts,
            last_error: worker.last_error,
            ..WorkerHealth::default()
        });
        let destinations = self
            .registry
            .as_ref()
            .map(Registry::destinations)
            .unwrap_or_default();
        let delivering = destinations.into_iter().map(|destination| WorkerHealth {
            name: format!("delivery:{}", destination.destination.url),
            state: "running",
            restarts: u64::from(destination.fare.restarts),
            last_error: destination.fare.last_error.map(|error| (error.at, error.text)),
            queue_length: Some(destination.fare.queued),
            latency_millis: destination
                .fare
                .latency
                .map(|latency| latency.as_secs_f64() * 1000.0),
        });
        supervised.chain(delivering).collect()
    }
}
