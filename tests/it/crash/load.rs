//! The load: alerts over the local socket, subscriptions over TLS, until the agent is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use esm::client::instance_name::InstanceName;
use esm::client::server::ServerAddress;
use esm::client::wsman::{ClientOptions, EnumerationRequest, Resource, WsmanClient, WsmanError};
use esm::net::tls::client::{ClientTls, Trust};
use esm::wsman::addressing::EndpointReference;
use esm::wsman::eventing::Delivery;
use esm::wsman::time::Expires;
use esm::wsman::{Invoke, Subscribe};

use super::instances;
use super::ledger::{self, Alerts, Subscriptions};
use super::random::Random;
use crate::agent::Agent;
use crate::manager::Manager;

const ALIVE: &str = "ESM_Alive?InstanceID=ESM:Alive:agent";

/// No lease ends by itself.
pub const LEASE: Duration = Duration::from_secs(3600);
/// How many subscriptions there are at once beside the one that lasts.
const MOST: usize = 4;
/// The pause between two alerts: the listener should not fall far behind.
const BETWEEN_ALERTS: Duration = Duration::from_millis(10);

/// Managers that ask for much.
pub struct Load {
    listener: String,
}

/// A client of the local socket.
pub fn local_client(agent: &Agent) -> WsmanClient {
    let address = ServerAddress::Local(agent.socket());
    let tls = ClientTls::new(Trust::Off).unwrap();
    WsmanClient::new(address, &tls, None, ClientOptions::default()).unwrap()
}

pub fn resource(name: &str) -> Resource {
    Resource::from(&name.parse::<InstanceName>().unwrap())
}

/// Whether it was answered. Not to be answered is all that may go wrong: a fault is none of the failures that a
/// kill explains.
#[track_caller]
pub fn answered<T>(answer: Result<T, WsmanError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(WsmanError::Http(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Calls SendTestAlert and notes the outcome.
pub async fn raise(client: &mut WsmanClient, alerts: &mut Alerts) -> Option<()> {
    let alive = resource(ALIVE);
    let call = Invoke::new(&alive.uri, "SendTestAlert");
    let sent = ledger::now();
    let answer = answered(client.invoke(&alive, call).await);
    alerts.note(sent, answer.is_some());
    assert_eq!(answer?.content.text("ReturnValue"), Some("0"));
    Some(())
}

/// How many deliveries wait.
pub async fn queue_length(client: &mut WsmanClient) -> u64 {
    let alive = client.get(&resource(ALIVE)).await.unwrap().content;
    alive.text("QueueLength").unwrap().parse().unwrap()
}

/// Subscribes and returns the identifier.
async fn make(client: &mut WsmanClient, request: Subscribe) -> Option<String> {
    let events = resource("CIM_AlertIndication");
    let subscribed = client.subscribe(&events, request, Vec::new()).await;
    Some(answered(subscribed)?.content.identifier)
}

/// Looks which subscriptions there are, all of them and no others.
pub async fn take_stock(client: &mut WsmanClient, subscriptions: &mut Subscriptions) -> Option<()> {
    let mut listed = BTreeMap::new();
    let mut enumeration = client.enumerate(resource("ESM_Subscription"), EnumerationRequest::default());
    while let Some(batch) = answered(enumeration.next_batch().await)? {
        for item in batch.items {
            let subscription = item.instance.unwrap();
            let destination = subscription.text("Destination").unwrap();
            let path = destination.splitn(4, '/').nth(3).unwrap();
            // What is sent is the name on the wire, as Subscribe answers it.
            let identifier = format!("uuid:{}", subscription.text("SubscriptionID").unwrap());
            listed.insert(format!("/{path}"), identifier);
        }
    }
    subscriptions.compare(listed);
    Some(())
}

impl Load {
    /// Those whose alerts go to `listener`.
    pub fn new(listener: &Manager) -> Self {
        Self {
            listener: listener.url(""),
        }
    }

    /// A request for all alerts, to be sent to `path`.
    fn request(&self, path: &str) -> Subscribe {
        Subscribe {
            delivery: Delivery {
                notify_to: Some(EndpointReference::to(format!("{}{path}", self.listener))),
                ..Delivery::default()
            },
            expires: Some(Expires::After(LEASE)),
            ..Subscribe::default()
        }
    }

    /// Raises alerts until the agent is gone.
    pub async fn alert(&self, mut client: WsmanClient, alerts: &mut Alerts) {
        while raise(&mut client, alerts).await.is_some() {
            tokio::time::sleep(BETWEEN_ALERTS).await;
        }
    }

    /// Looks which subscriptions there are, then makes, renews and ends some, until the agent is gone.
    pub async fn subscribe(
        &self,
        mut client: WsmanClient,
        random: &mut Random,
        subscriptions: &mut Subscriptions,
    ) {
        if take_stock(&mut client, subscriptions).await.is_none() {
            return;
        }
        while self.turn(&mut client, random, subscriptions).await.is_some() {}
    }

    async fn turn(
        &self,
        client: &mut WsmanClient,
        random: &mut Random,
        subscriptions: &mut Subscriptions,
    ) -> Option<()> {
        let passing: Vec<(String, String)> = subscriptions
            .live()
            .filter(|(path, _)| !super::is_steady(path))
            .map(|(path, identifier)| (path.to_owned(), identifier.to_owned()))
            .collect();
        let wish = random.below(6);
        if passing.is_empty() || (passing.len() < MOST && wish < 2) {
            let path = subscriptions.new_path(random.below(2) == 0);
            let Some(identifier) = self.make(client, &path).await else {
                subscriptions.doubt(&path);
                return None;
            };
            subscriptions.made(&path, &identifier);
            return Some(());
        }
        let at = usize::try_from(random.below(passing.len() as u64)).unwrap();
        let (path, identifier) = &passing[at];
        if wish != 2 && !instances::is_one(path) {
            let renewed = client.renew(identifier, Some(Expires::After(LEASE))).await;
            return answered(renewed).map(|_| ());
        }
        let ended = answered(client.unsubscribe(identifier).await);
        match ended {
            Some(()) => subscriptions.ended(path),
            None => subscriptions.doubt(path),
        }
        ended?;
        if instances::is_one(path) {
            instances::clear(client, path).await?;
        }
        Some(())
    }

    /// Makes a subscription whose alerts go to `path`, by the way that the path says.
    pub async fn make(&self, client: &mut WsmanClient, path: &str) -> Option<String> {
        if instances::is_one(path) {
            instances::make(client, instances::ALL, &self.listener, path).await
        } else {
            make(client, self.request(path)).await
        }
    }
}
