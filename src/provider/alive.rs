//! ESM_Alive: the agent's sign of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{InstanceBuilder, InstanceProvider, InstanceStream, MethodResult, RequestContext, stream_of};
use crate::cim::{
    CimError, CimStatus, Class, DateTime, Instance, InstancePath, Method, Name, Property, Value,
};
use crate::clock::{BootTime, SharedClock, WallTime};

/// What the agent knows of itself at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vitals {
    /// When the agent was started.
    pub started: BootTime,
    /// The last alert, once there was one.
    pub last_alert: Option<LastAlert>,
    /// Subscriptions in force.
    pub lease_count: u32,
    /// Deliveries that wait to be acknowledged.
    pub queue_length: u64,
}

/// The last alert that the agent raised.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastAlert {
    /// When it was raised.
    pub at: WallTime,
    /// Its source and its event identifier, as in `ESMAGENT 40000601`.
    pub event: String,
}

/// The agent as far as [`AliveProvider`] needs it.
pub trait Agent: Send + Sync {
    /// How the agent is now. It does not block.
    fn vitals(&self) -> Vitals;

    /// Raises the test alert; once this returns, the alert is on its way for good.
    fn send_test_alert(&self) -> Result<(), CimError>;
}

/// Serves the one instance of ESM_Alive.
pub struct AliveProvider {
    class: Arc<Class>,
    clock: SharedClock,
    agent: Arc<dyn Agent>,
    readings: AtomicU64,
}

impl AliveProvider {
    /// The class that it serves.
    pub const CLASS: Name = Name::from_static("ESM_Alive");

    /// Serves the state of `agent`. `class` is [`Self::CLASS`] with all that it inherits.
    pub fn new(class: Arc<Class>, clock: SharedClock, agent: Arc<dyn Agent>) -> Self {
        Self {
            class,
            clock,
            agent,
            readings: AtomicU64::new(0),
        }
    }

    fn instance(&self) -> Arc<Instance> {
        let vitals = self.agent.vitals();
        let boot = self.clock.boot();
        let last_alert = vitals.last_alert.as_ref();
        InstanceBuilder::new(&self.class)
            .set("InstanceID", "ESM:Alive:agent")
            .set("ElementName", "agent")
            .set("Caption", "Sign of life")
            .set("AgentUpTimeSecs", boot.since(vitals.started).as_secs())
            .set("HostUpTimeSecs", boot.as_duration().as_secs())
            .set("Sequence", self.readings.fetch_add(1, Ordering::Relaxed) + 1)
            .set("Time", DateTime::from_wall(self.clock.wall()))
            .maybe(
                "LastAlertTime",
                last_alert.map(|alert| DateTime::from_wall(alert.at)),
            )
            .maybe("LastAlert", last_alert.map(|alert| alert.event.as_str()))
            .set("LeaseCount", vitals.lease_count)
            .set("QueueLength", vitals.queue_length)
            .build()
    }
}

impl InstanceProvider for AliveProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        Ok(stream_of([self.instance()]))
    }

    fn estimate(&self) -> Option<u64> {
        Some(1)
    }

    fn invoke(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        method: &Method,
        _arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        if method.name != *"SendTestAlert" {
            return Err(CimError::new(
                CimStatus::MethodNotFound,
                format!("{} has no method {}", self.class.name, method.name),
            ));
        }
        self.agent.send_test_alert()?;
        Ok(MethodResult {
            return_value: Value::Uint32(0),
            out: Vec::new(),
        })
    }
}
