//! ESM_Subscription: the subscriptions, however they were made; deleting an instance ends its subscription.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, MethodResult, RequestContext, stream_of};
use crate::cim::{
    CimError, CimStatus, CimType, Class, DateTime, Instance, InstancePath, Method, Name, Property, Value,
};
use crate::delivery::{
    DeliveryState, Registry, SubscriptionError, SubscriptionStatus, TestError, TestOutcome, TestReport,
};
use crate::subscription::{Carrier, DeliveryMode, Filter};

/// What stands before the subscription's identifier in its InstanceID.
const PREFIX: &str = "ESM:Subscription:";

/// How long a test is followed where nothing is said.
const TEST_PATIENCE: Duration = Duration::from_secs(30);

/// Serves the subscriptions.
pub struct SubscriptionProvider {
    class: Arc<Class>,
    registry: Registry,
    runtime: Handle,
}

impl SubscriptionProvider {
    /// The class that it serves.
    pub const CLASS: Name = Name::from_static("ESM_Subscription");

    /// Serves the subscriptions of `registry`. `class` is [`Self::CLASS`] with all that it inherits. Must be
    /// called within a tokio runtime.
    pub fn new(class: Arc<Class>, registry: Registry) -> Self {
        Self {
            class,
            registry,
            runtime: Handle::current(),
        }
    }

    fn instance(&self, status: &SubscriptionStatus) -> Arc<Instance> {
        let (language, text) = match &status.filter {
            Filter::Class { class, .. } => (None, format!("SELECT * FROM {class}")),
            Filter::Query { language, text, .. } => (Some(language.as_str()), text.clone()),
        };
        let destination = status.destination.as_ref();
        let fare = destination.map(|destination| &destination.fare);
        let error = fare.and_then(|fare| fare.last_error.as_ref());
        let state = match (status.keep_until, fare) {
            (Some(_), _) => "lapsed",
            (None, _) if status.disabled => "disabled",
            (None, Some(fare)) => fare.state.name(),
            (None, None) => DeliveryState::Active.name(),
        };
        InstanceBuilder::new(&self.class)
            .set("InstanceID", format!("{PREFIX}{}", status.id))
            .set("ElementName", status.id.as_str())
            .set("Caption", "Subscription")
            .set("SubscriptionID", status.id.as_str())
            .set("Owner", status.owner.as_str())
            .set("Protocol", protocol_name(status.carrier))
            .set("DeliveryMode", mode_name(status))
            .maybe(
                "FilterName",
                status.names.as_ref().map(|(filter, _)| filter.as_str()),
            )
            .maybe(
                "DestinationName",
                status.names.as_ref().map(|(_, handler)| handler.as_str()),
            )
            .set("Filter", text)
            .set("FilterLanguage", language.unwrap_or("WQL"))
            .maybe(
                "Destination",
                destination.map(|destination| destination.destination.url.to_string()),
            )
            .set("State", state)
            .maybe("TimeRemainingSecs", status.remaining.map(|left| left.as_secs()))
            .set("StartTime", DateTime::from_wall(status.created))
            .maybe("QueueLength", fare.map(|fare| fare.queued))
            .maybe("LastError", error.map(|error| error.text.as_str()))
            .maybe("LastErrorTime", error.map(|error| DateTime::from_wall(error.at)))
            .maybe("ErrorCleared", error.map(|error| error.is_cleared))
            .maybe(
                "LastDeliveryTime",
                fare.and_then(|fare| fare.last_success).map(DateTime::from_wall),
            )
            .build()
    }
}

const fn protocol_name(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::WsMan => "WS-Eventing",
        Carrier::CimXml => "CIM-XML",
    }
}

const fn mode_name(status: &SubscriptionStatus) -> &'static str {
    if matches!(status.carrier, Carrier::CimXml) {
        return "Export";
    }
    match status.mode {
        DeliveryMode::Push => "Push",
        DeliveryMode::PushWithAck => "PushWithAck",
        DeliveryMode::Events => "Events",
        DeliveryMode::Pull => "Pull",
    }
}

impl InstanceProvider for SubscriptionProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let instances: Vec<_> = self
            .registry
            .list()
            .iter()
            .map(|status| self.instance(status))
            .collect();
        Ok(stream_of(instances))
    }

    fn delete(&self, _context: &RequestContext, path: &InstancePath) -> Result<(), CimError> {
        let id = id_in(path);
        // Called where blocking is allowed, as every change is.
        self.runtime
            .block_on(self.registry.cancel(id, None))
            .map_err(|error| match error {
                SubscriptionError::Unknown(_) => CimError::not_found(error.to_string()),
                error => CimError::new(CimStatus::Failed, error.to_string()),
            })
    }

    fn invoke(
        &self,
        _context: &RequestContext,
        path: &InstancePath,
        method: &Method,
        arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        if method.name != *"SendTest" {
            let detail = format!("{} has no method {}", self.class.name, method.name);
            return Err(CimError::new(CimStatus::MethodNotFound, detail));
        }
        let patience = patience(arguments)?;
        // Called where blocking is allowed, as every method is.
        let tested = self
            .runtime
            .block_on(self.registry.test(id_in(path), None, patience));
        tested
            .map(|report| test_result(&report))
            .map_err(|error| match error {
                TestError::Unknown(_) => CimError::not_found(error.to_string()),
                TestError::NotLive(_) | TestError::Store(_) => CimError::failed(error.to_string()),
            })
    }
}

/// The identifier of the subscription at a path.
fn id_in(path: &InstancePath) -> &str {
    path.key_str("InstanceID")
        .and_then(|id| id.strip_prefix(PREFIX))
        .unwrap_or_default()
}

/// How long a test is followed.
fn patience(arguments: &[Property]) -> Result<Duration, CimError> {
    let given = arguments.iter().find(|argument| argument.name == *"TimeoutSecs");
    let given = given.and_then(|argument| argument.value.as_ref());
    match given.map(Value::as_u64) {
        None => Ok(TEST_PATIENCE),
        Some(Some(secs @ 1..=60)) => Ok(Duration::from_secs(secs)),
        Some(_) => Err(CimError::invalid_parameter("`TimeoutSecs` must be 1 to 60")),
    }
}

fn test_result(report: &TestReport) -> MethodResult {
    let code: u32 = match report.outcome {
        TestOutcome::Acknowledged => 0,
        TestOutcome::Failed(_) => 1,
        TestOutcome::TimedOut => 2,
        TestOutcome::Waits => 3,
    };
    let steps = report.steps();
    let names: Vec<String> = steps.iter().map(|(step, _)| (*step).to_owned()).collect();
    let micros = |at: &Duration| Value::Uint64(u64::try_from(at.as_micros()).unwrap_or(u64::MAX));
    let micros: Vec<Value> = steps.iter().map(|(_, at)| micros(at)).collect();
    let mut out = Instance::new(SubscriptionProvider::CLASS);
    out.set("Identifier", report.identifier.as_str());
    out.set("Chosen", report.chosen);
    out.set("Ahead", report.ahead);
    out.set("Steps", names);
    out.set("StepMicros", Value::Array(micros));
    out.set_or_null("Error", CimType::String, report.error());
    out.set_or_null("Advice", CimType::String, report.advice());
    MethodResult {
        return_value: Value::Uint32(code),
        out: out.properties().to_vec(),
    }
}
