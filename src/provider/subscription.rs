//! ESM_Subscription: the subscriptions, however they were made; deleting an instance ends its subscription.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};
use crate::cim::{CimError, CimStatus, Class, DateTime, Instance, InstancePath, Name};
use crate::delivery::{DeliveryState, Registry, SubscriptionError, SubscriptionStatus};
use crate::subscription::{Carrier, DeliveryMode, Filter};

/// What stands before the subscription's identifier in its InstanceID.
const PREFIX: &str = "ESM:Subscription:";

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
            .maybe("LastError", fare.and_then(|fare| fare.last_error.as_deref()))
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
        let id = path
            .key_str("InstanceID")
            .and_then(|id| id.strip_prefix(PREFIX))
            .unwrap_or_default();
        // Called where blocking is allowed, as every change is.
        self.runtime
            .block_on(self.registry.cancel(id, None))
            .map_err(|error| match error {
                SubscriptionError::Unknown(_) => CimError::not_found(error.to_string()),
                error => CimError::new(CimStatus::Failed, error.to_string()),
            })
    }
}
