//! Subscriptions over the wire, against the real binary; what it delivers is received and read by a listener of
//! Python's own.

mod instances;
mod leases;
mod modes;
mod trust;

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use crate::agent::{Agent, USER};
use crate::element::Element;
use crate::message::Message;
use crate::raw_http::{Connection, Reply};

const EVENTING: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing";

/// An agent that delivers to this machine, and what is asked of it.
struct Source {
    agent: Agent,
    address: SocketAddr,
}

/// A subscription that was made.
struct Subscribed {
    id: String,
    expires: String,
    /// The context to pull from, in the mode Pull.
    context: String,
}

impl Source {
    fn start() -> Self {
        Self::start_with("")
    }

    /// With more sections of configuration.
    fn start_with(more: &str) -> Self {
        Self::of(Agent::start_with(&configuration(more)))
    }

    /// On what an earlier one left in the folder.
    fn start_in(folder: &Path, more: &str) -> Self {
        Self::of(Agent::start_in(folder, &configuration(more)))
    }

    /// The same, on a machine of that name.
    fn start_on_host(folder: &Path, host_name: &str) -> Self {
        Self::of(Agent::start_on_host(folder, host_name, &configuration("")))
    }

    fn of(agent: Agent) -> Self {
        let plain = agent.greeting().split("http://").nth(1).unwrap();
        let address = plain.split('/').next().unwrap().parse().unwrap();
        Self { agent, address }
    }

    #[track_caller]
    fn ask(&self, message: &Message) -> Reply {
        self.ask_as(USER, &self.agent.password(), message)
    }

    #[track_caller]
    fn ask_as(&self, user: &str, password: &str, message: &Message) -> Reply {
        Connection::open(self.address)
            .logged_in(user, password)
            .ask(message)
    }

    /// Subscribes to everything that happens, delivered as `delivery` says. What comes and goes among the instances,
    /// as other subscriptions do, would come between a test's own alerts.
    #[track_caller]
    fn subscribe(&self, delivery: &str, more: &str) -> Subscribed {
        Subscribed::of(&self.ask(&subscribe(delivery, more)))
    }

    /// Raises an alert.
    #[track_caller]
    fn alert(&self) {
        let reply = self.ask(&Message::invoke("ESM_Alive", "SendTestAlert", ""));
        assert_eq!(reply.body().text_at("SendTestAlert_OUTPUT/ReturnValue"), "0");
    }
}

impl Subscribed {
    #[track_caller]
    fn of(reply: &Reply) -> Self {
        let body = reply.body();
        let response = body.at("SubscribeResponse");
        let identifiers = descendants(response, "Identifier");
        assert_eq!(identifiers.len(), 1, "{}", response.outline());
        Self {
            id: identifiers[0].text.clone(),
            expires: response.text_at("Expires").to_owned(),
            context: response.text_at("EnumerationContext").to_owned(),
        }
    }
}

/// Nothing is watched: what a busy or full machine has to tell would come between a test's own alerts.
fn configuration(more: &str) -> String {
    let rules = [
        "cpu",
        "physical-memory",
        "virtual-memory",
        "page-file",
        "file-system",
    ];
    let unwatched: String = rules
        .map(|rule| format!("[[monitor]]\nrule = \"{rule}\"\nenabled = false\n"))
        .concat();
    format!(
        "wsman.http_listen = [\"127.0.0.1:0\"]\n\
         delivery.retry_first_secs = 1\n\
         delivery.retry_max_secs = 1\n\
         subscriptions.allow_destinations = [\"127.0.0.0/8\", \"::1/128\"]\n{more}{unwatched}"
    )
}

fn descendants<'e>(element: &'e Element, local: &str) -> Vec<&'e Element> {
    let mut found: Vec<&Element> = element
        .children
        .iter()
        .filter(|child| child.local == local)
        .collect();
    for child in &element.children {
        found.extend(descendants(child, local));
    }
    found
}

/// A Subscribe with that in `wse:Delivery`, mode and all, and that after it.
fn subscribe(delivery: &str, more: &str) -> Message {
    let body = format!("<e:Subscribe>{delivery}{more}</e:Subscribe>");
    Message::new(&format!("{EVENTING}/Subscribe"))
        .on("CIM_ProcessIndication")
        .body(&body)
}

const PUSH: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing/DeliveryModes/Push";
const PUSH_WITH_ACK: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/PushWithAck";
const EVENTS: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Events";
const PULL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull";

fn deliver(mode: &str, to: &str, more: &str) -> String {
    format!(
        "<e:Delivery Mode=\"{mode}\"><e:NotifyTo><a:Address>{to}</a:Address></e:NotifyTo>{more}</e:Delivery>"
    )
}

/// Renew, GetStatus or Unsubscribe, as clients send them: with the identifier and no resource URI.
fn manage(action: &str, id: &str, content: &str) -> Message {
    Message::new(&format!("{EVENTING}/{action}"))
        .header(&format!("<e:Identifier>{id}</e:Identifier>"))
        .body(&format!("<e:{action}>{content}</e:{action}>"))
}

fn expires(value: &str) -> String {
    format!("<e:Expires>{value}</e:Expires>")
}

/// The places of the events of a delivery in the series for their destination.
#[track_caller]
fn numbers(delivery: &Value) -> Vec<u64> {
    let events = delivery["events"]
        .as_array()
        .unwrap_or_else(|| panic!("{delivery}"));
    let number = |event: &Value| event[1]["SequenceNumber"].as_str().unwrap().parse().unwrap();
    events.iter().map(number).collect()
}
