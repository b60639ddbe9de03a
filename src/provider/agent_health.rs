//! ESM_AgentHealth: how each worker of the agent fares.

use std::sync::Arc;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};
use crate::cim::{CimError, Class, DateTime, Instance, Name};
use crate::time::WallTime;

/// How a worker fares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerHealth {
    /// Its name.
    pub name: String,
    /// `running`, `restarting` or `stopped`.
    pub state: &'static str,
    /// How often it was started again after a failure.
    pub restarts: u64,
    /// The last error, and when it was where that is known.
    pub last_error: Option<(WallTime, String)>,
    /// Work that waits for it, where it has a queue.
    pub queue_length: Option<u64>,
    /// How long its last piece of work took.
    pub latency_millis: Option<f64>,
}

/// Who knows how the workers fare.
pub trait Workers: Send + Sync {
    /// Every worker. It does not block.
    fn health(&self) -> Vec<WorkerHealth>;
}

/// Serves the health of the workers.
pub struct AgentHealthProvider {
    class: Arc<Class>,
    workers: Arc<dyn Workers>,
}

impl AgentHealthProvider {
    /// The class that it serves.
    pub const CLASS: Name = Name::from_static("ESM_AgentHealth");

    /// Serves the health of `workers`. `class` is [`Self::CLASS`] with all that it inherits.
    pub fn new(class: Arc<Class>, workers: Arc<dyn Workers>) -> Self {
        Self { class, workers }
    }

    fn instance(&self, worker: &WorkerHealth) -> Arc<Instance> {
        let error = worker.last_error.as_ref();
        InstanceBuilder::new(&self.class)
            .set("InstanceID", format!("ESM:AgentHealth:{}", worker.name))
            .set("ElementName", worker.name.as_str())
            .set("Caption", "Worker of the agent")
            .set("State", worker.state)
            .set("Restarts", worker.restarts)
            .maybe("LastError", error.map(|(_, text)| text.as_str()))
            .maybe("LastErrorTime", error.map(|(at, _)| DateTime::from_wall(*at)))
            .maybe("QueueLength", worker.queue_length)
            .maybe("LatencyMillis", worker.latency_millis)
            .build()
    }
}

impl InstanceProvider for AgentHealthProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let instances: Vec<_> = self
            .workers
            .health()
            .iter()
            .map(|worker| self.instance(worker))
            .collect();
        Ok(stream_of(instances))
    }
}
