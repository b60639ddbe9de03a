//! Subscriptions that are made as instances: a destination, and a subscription that ties it to a filter which
//! comes with the agent.

use std::collections::BTreeSet;

use esm::client::instance_name::InstanceName;
use esm::client::wsman::{EnumerationRequest, Resource, WsmanClient};
use esm::wsman::addressing::EndpointReference;
use esm::wsman::raw::RawValue;
use esm::wsman::{EnumerationMode, RawInstance};

use super::load::{LEASE, answered, resource};

const LISTENER: &str = "CIM_ListenerDestinationWSManagement";
const SUBSCRIPTION: &str = "CIM_IndicationSubscription";
/// The filter that chooses every alert.
pub const ALL: &str = "ESM:AllAlerts";
/// What the path of each of them begins with.
const PREFIX: &str = "/instance";

/// Whether the subscription to that path is made as an instance.
pub fn is_one(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// The path under [`PREFIX`].
pub fn path_of(number: usize) -> String {
    format!("{PREFIX}/{number}")
}

fn instance(class: &str, properties: Vec<(&str, RawValue)>) -> RawInstance {
    RawInstance {
        class_name: class.to_owned(),
        ns: resource(class).uri,
        properties: properties
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

fn text(text: impl Into<String>) -> RawValue {
    RawValue::Text(text.into())
}

fn in_interop(class: &str) -> Resource {
    resource(class).in_namespace(Some("root/interop"))
}

/// Makes a subscription to what a filter chooses, to be sent to `path` at `listener`, and returns its identifier.
pub async fn make(client: &mut WsmanClient, filter: &str, listener: &str, path: &str) -> Option<String> {
    let destination = instance(
        LISTENER,
        vec![
            ("Name", text(path)),
            ("Destination", text(format!("{listener}{path}"))),
        ],
    );
    let made = client.create(&in_interop(LISTENER), destination).await;
    let handler = answered(made)?.content;
    let filter = format!("CIM_IndicationFilter?Name={filter}");
    let filter = filter.parse::<InstanceName>().unwrap().to_reference();
    let duration = text(LEASE.as_secs().to_string());
    let subscription = instance(
        SUBSCRIPTION,
        vec![
            ("Filter", RawValue::Reference(filter)),
            ("Handler", RawValue::Reference(handler)),
            ("SubscriptionDuration", duration),
        ],
    );
    let made = client.create(&in_interop(SUBSCRIPTION), subscription).await;
    answered(made)?;
    identifier_of(client, path).await
}

async fn identifier_of(client: &mut WsmanClient, path: &str) -> Option<String> {
    let mut found = None;
    let mut enumeration = client.enumerate(resource("ESM_Subscription"), EnumerationRequest::default());
    while let Some(batch) = answered(enumeration.next_batch().await)? {
        for item in batch.items {
            let one = item.instance.unwrap();
            if one.text("Destination").is_some_and(|url| url.ends_with(path)) {
                found = one.text("SubscriptionID").map(|id| format!("uuid:{id}"));
            }
        }
    }
    assert!(found.is_some(), "{path} was answered and is lost");
    found
}

/// The paths of all destinations that there are.
pub async fn destinations(client: &mut WsmanClient) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut enumeration = client.enumerate(in_interop(LISTENER), EnumerationRequest::default());
    while let Some(batch) = enumeration.next_batch().await.unwrap() {
        let instances = batch.items.into_iter().filter_map(|item| item.instance);
        names.extend(instances.map(|one| one.text("Name").unwrap().to_owned()));
    }
    names
}

/// Deletes the destination of a subscription that has ended.
pub async fn clear(client: &mut WsmanClient, path: &str) -> Option<()> {
    let references = EnumerationRequest {
        mode: EnumerationMode::Epr,
        ..EnumerationRequest::default()
    };
    let mut enumeration = client.enumerate(in_interop(LISTENER), references);
    let mut own: Option<EndpointReference> = None;
    while let Some(batch) = answered(enumeration.next_batch().await)? {
        let references = batch.items.into_iter().filter_map(|item| item.epr);
        own = own.or(references
            .into_iter()
            .find(|reference| reference.selectors.text("Name") == Some(path)));
    }
    let own = InstanceName::of_reference(&own?).unwrap();
    answered(client.delete(&Resource::from(&own)).await)
}
