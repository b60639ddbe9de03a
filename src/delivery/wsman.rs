//! Deliveries over WS-Management (DSP0226, 10.2): the courier of subscriptions made by WS-Eventing.

use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use sha2::{Digest as _, Sha256};

use super::connection::{Connection, ConnectionOptions, judge};
use super::courier::{Courier, Item, Line, Parcel, Receipt, SendError, Sending, Steps, Target};
use crate::cim::Namespace;
use crate::cim::schema::Schema;
use crate::net::http_client::{ClientRequest, ClientResponse};
use crate::subscription::{DeliveryMode, DestinationUrl, EndReason, EventingOptions, Subscription};
use crate::wsman::delivery::{DeliveryHead, EncodedEvent, EndStatus, SubscriptionEnd, decode_ack};
use crate::wsman::{self, Addressing, EndpointReference, Style};
use crate::xml::{Encoding, Limits, decode};

/// Where the classes of indications are.
const NAMESPACE: Namespace = Namespace::from_static("root/ESMPRO/AS");
/// The largest delivery to a subscriber that names no limit, in bytes.
const DEFAULT_ENVELOPE_BYTES: u64 = 512 * 1024;

/// How deliveries are made.
#[derive(Clone, Debug)]
pub struct WsmanCourierOptions {
    /// How destinations are reached.
    pub connection: Arc<ConnectionOptions>,
    /// The address of the subscription manager in messages that end a subscription.
    pub manager_address: String,
}

/// Carries deliveries over WS-Management.
pub struct WsmanCourier {
    schema: Arc<Schema>,
    options: Arc<parking_lot::RwLock<Arc<WsmanCourierOptions>>>,
}

impl WsmanCourier {
    /// A courier of indications whose classes are in `schema`.
    pub fn new(schema: Arc<Schema>, options: WsmanCourierOptions) -> Self {
        Self {
            schema,
            options: Arc::new(parking_lot::RwLock::new(Arc::new(options))),
        }
    }

    /// Other options, for deliveries from now on: a line that was made under the old ones is not used again.
    pub fn set_options(&self, options: WsmanCourierOptions) {
        *self.options.write() = Arc::new(options);
    }
}

impl Courier for WsmanCourier {
    fn line(&self, target: &Target) -> Box<dyn Line> {
        let options = Arc::clone(&self.options.read());
        Box::new(WsmanLine {
            schema: Arc::clone(&self.schema),
            connection: Connection::new(Arc::clone(&options.connection), target.clone()),
            options,
            in_force: Arc::clone(&self.options),
        })
    }
}

/// A line to one destination.
struct WsmanLine {
    schema: Arc<Schema>,
    options: Arc<WsmanCourierOptions>,
    in_force: Arc<parking_lot::RwLock<Arc<WsmanCourierOptions>>>,
    connection: Connection,
}

impl Line for WsmanLine {
    fn send<'a>(&'a mut self, parcel: &'a Parcel) -> Sending<'a> {
        Box::pin(async move {
            match parcel {
                Parcel::Events { subscription, items } => self.send_events(subscription, items).await,
                Parcel::Heartbeat { subscription } => {
                    let head = self.head(
                        subscription,
                        message_id(&[&subscription.id, "heartbeat", &unique()]),
                        None,
                    );
                    let text = head.encode_heartbeat(mode(subscription));
                    self.deliver(subscription, &head, text, 0).await
                }
                Parcel::Dropped { subscription, count } => {
                    let id = message_id(&[&subscription.id, "dropped", &unique()]);
                    let head = self.head(subscription, id, None);
                    let text = head.encode_dropped_events(mode(subscription), *count);
                    self.deliver(subscription, &head, text, 0).await
                }
                Parcel::StateChange { subscription, item } => self.send_state(subscription, item).await,
                Parcel::End { subscription, reason } => self.send_end(subscription, *reason).await,
            }
        })
    }

    fn is_connected(&self) -> bool {
        self.connection.is_open()
    }

    fn is_current(&self) -> bool {
        Arc::ptr_eq(&self.options, &self.in_force.read())
    }

    fn steps(&self) -> Steps {
        self.connection.steps()
    }
}

impl WsmanLine {
    /// As many of the items as one message takes: one, or in batches as many as fit.
    async fn send_events(
        &mut self,
        subscription: &Subscription,
        items: &[Item],
    ) -> Result<Receipt, SendError> {
        let options = options(subscription);
        let offered = if options.mode == DeliveryMode::Events {
            items
        } else {
            items.get(..1).unwrap_or(items)
        };
        let style = Style {
            addressing: addressing(options),
            ..Style::default()
        };
        let limit = options.max_envelope_bytes.unwrap_or(DEFAULT_ENVELOPE_BYTES);
        let mut events = Vec::with_capacity(offered.len());
        let mut bytes = 4096_u64;
        for item in offered {
            let event = self.encode(subscription, item, &style)?;
            let weight = event.as_xml().len() as u64 * if options.utf16 { 2 } else { 1 } + 512;
            if !events.is_empty() && bytes + weight > limit {
                break;
            }
            bytes += weight;
            events.push(event);
        }
        let (Some(first), Some(last)) = (offered.first(), offered.get(events.len().saturating_sub(1))) else {
            return Err(SendError::Rejected("there is nothing to deliver".to_owned()));
        };
        // The same events have the same message id on every retry.
        let id = message_id(&[&subscription.id, &first.seq.to_string(), &last.seq.to_string()]);
        let head = self.head(subscription, id, options.bookmarks.then_some(last.seq));
        let text = head.encode_events(mode(subscription), &events);
        self.deliver(subscription, &head, text, events.len()).await
    }

    /// Tells an event that belongs to no queue.
    async fn send_state(&mut self, subscription: &Subscription, item: &Item) -> Result<Receipt, SendError> {
        let style = Style {
            addressing: addressing(options(subscription)),
            ..Style::default()
        };
        let event = self.encode(subscription, item, &style)?;
        let head = self.head(
            subscription,
            message_id(&[&subscription.id, "state", &unique()]),
            None,
        );
        let text = head.encode_events(mode(subscription), &[event]);
        self.deliver(subscription, &head, text, 1).await
    }

    fn encode(
        &self,
        subscription: &Subscription,
        item: &Item,
        style: &Style,
    ) -> Result<EncodedEvent, SendError> {
        let indication = item.indication_for(subscription);
        let class = self
            .schema
            .namespace(&NAMESPACE)
            .and_then(|schema| schema.class(&indication.class_name));
        let class = class
            .ok_or_else(|| SendError::Rejected(format!("there is no class {}", indication.class_name)))?;
        Ok(EncodedEvent::new(&indication, class, style))
    }

    /// Tells that a subscription has ended, where the subscriber wants to be told.
    async fn send_end(
        &mut self,
        subscription: &Subscription,
        reason: EndReason,
    ) -> Result<Receipt, SendError> {
        let Some(end_to) = options(subscription).end_to.clone() else {
            return Ok(Receipt {
                from_destination: false,
                accepted: 0,
                learned_pin: None,
            });
        };
        let (status, words) = match reason {
            EndReason::Cancelled => (EndStatus::SourceCanceling, "It was ended at the agent."),
            EndReason::Lapsed => (EndStatus::SourceCanceling, "Its lease has ended."),
            EndReason::DeliveryFailed => (EndStatus::DeliveryFailure, "Deliveries failed for too long."),
        };
        let mut head = self.head(subscription, message_id(&[&subscription.id, "end"]), None);
        head.to = epr(&end_to.url, &end_to.reference_parameters);
        head.ack_requested = false;
        let end = SubscriptionEnd {
            manager_address: self.options.manager_address.clone(),
            identifier: format!("uuid:{}", subscription.id),
            status,
            reason: Some(words.to_owned()),
        };
        let text = head.encode_subscription_end(&end);
        let request = request(&end_to.url, text, options(subscription).utf16);
        let answer = self.connection.send_to(&end_to.url, &request).await?;
        judge(&answer).map(|()| Receipt {
            from_destination: end_to.url.same_origin(self.connection.url()),
            accepted: 0,
            learned_pin: None,
        })
    }

    fn head(&self, subscription: &Subscription, message_id: String, bookmark: Option<i64>) -> DeliveryHead {
        let options = options(subscription);
        DeliveryHead {
            to: epr(self.connection.url(), &options.reference_parameters),
            addressing: addressing(options),
            message_id,
            ack_requested: wants_ack(options.mode),
            bookmark: bookmark.map(|seq| format!("<wsman:Bookmark>{seq}</wsman:Bookmark>")),
        }
    }

    /// Posts a message and takes the answer for what it is.
    async fn deliver(
        &mut self,
        subscription: &Subscription,
        head: &DeliveryHead,
        text: String,
        accepted: usize,
    ) -> Result<Receipt, SendError> {
        let options = options(subscription);
        let request = request(self.connection.url(), text, options.utf16);
        let answer = self.connection.send(&request).await?;
        judge(&answer)?;
        if wants_ack(options.mode) && !is_acknowledged(&answer, &head.message_id)? {
            return Err(SendError::Unreachable(
                "the destination answered, and did not acknowledge".to_owned(),
            ));
        }
        Ok(Receipt {
            from_destination: true,
            accepted,
            learned_pin: self.connection.learn_pin(),
        })
    }
}

/// A destination of this protocol has subscriptions of this protocol alone; should there be another, it is
/// delivered to in the plainest way.
fn options(subscription: &Subscription) -> &EventingOptions {
    static PLAIN: EventingOptions = EventingOptions::new(DeliveryMode::Push);
    subscription.eventing().unwrap_or(&PLAIN)
}

fn addressing(options: &EventingOptions) -> Addressing {
    if options.addressing_1_0 {
        Addressing::V10
    } else {
        Addressing::V200408
    }
}

fn mode(subscription: &Subscription) -> wsman::DeliveryMode {
    match subscription.mode() {
        DeliveryMode::Push => wsman::DeliveryMode::Push,
        DeliveryMode::PushWithAck => wsman::DeliveryMode::PushWithAck,
        DeliveryMode::Events => wsman::DeliveryMode::Events,
        DeliveryMode::Pull => wsman::DeliveryMode::Pull,
    }
}

const fn wants_ack(mode: DeliveryMode) -> bool {
    matches!(mode, DeliveryMode::PushWithAck | DeliveryMode::Events)
}

fn epr(url: &DestinationUrl, parameters: &str) -> EndpointReference {
    let mut epr = EndpointReference::to(url.to_string());
    if !parameters.is_empty() {
        epr.parameters.push(parameters.to_owned());
    }
    epr
}

/// A message id made of what the message is: the same message has the same id.
fn message_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, from)| *byte = from);
    format!("uuid:{}", uuid::Builder::from_random_bytes(bytes).into_uuid())
}

fn unique() -> String {
    crate::random::uuid().to_string()
}

fn request(url: &DestinationUrl, text: String, utf16: bool) -> ClientRequest {
    let (content_type, body) = if utf16 {
        (
            "application/soap+xml;charset=UTF-16",
            Encoding::Utf16Le.encode(text),
        )
    } else {
        ("application/soap+xml;charset=UTF-8", text.into_bytes())
    };
    let agent: (HeaderName, HeaderValue) = (
        USER_AGENT,
        HeaderValue::from_static(concat!("esm/", env!("CARGO_PKG_VERSION"))),
    );
    ClientRequest::post(url.path_and_query.clone(), content_type, body).with_header(agent.0, agent.1)
}

/// Whether the answer is an acknowledgement of that message.
fn is_acknowledged(answer: &ClientResponse, message_id: &str) -> Result<bool, SendError> {
    let charset = answer
        .header(CONTENT_TYPE.as_str())
        .and_then(|value| value.split_once("charset="))
        .map(|(_, set)| set);
    let unreadable =
        |error: &dyn std::fmt::Display| SendError::Unreachable(format!("the acknowledgement: {error}"));
    let (text, _) =
        decode(&answer.body, charset.map(|set| set.trim_matches('"'))).map_err(|error| unreadable(&error))?;
    decode_ack(&text, Limits::default(), message_id).map_err(|fault| unreadable(&fault))
}
