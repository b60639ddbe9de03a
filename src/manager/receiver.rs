//! Receives what agents deliver: WS-Eventing deliveries and CIM-XML exports, on any path.
//!
//! A delivery is acknowledged only after whoever takes the reports has said that they are safe. Until then
//! the sender waits, and what is not acknowledged it sends again: nothing is lost on the way.

use std::sync::Arc;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::report::{Content, Indication, Protocol, Report};
use crate::cim::{CimError, CimStatus};
use crate::cimxml::export::{ExportMessage, ExportedIndication};
use crate::client::classes::Classes;
use crate::client::wsman::items::events_xml;
use crate::net::principal::Principal;
use crate::server::{BoxFuture, HttpReply, HttpRequest, HttpService, Peer, RequestHead, Route};
use crate::wsman::delivery::{Delivered, DeliveredContent, encode_ack};
use crate::wsman::{RawInstance, Refused};
use crate::xml::{self, Limits, Reader};

/// How many messages are read, and wait to be taken, at once. Read, a message may take up many times what it took on the
/// wire, so the others are not read before there is room for them.
const AT_ONCE: usize = 16;
const SOAP: &str = "application/soap+xml;charset=UTF-8";
const CIM_XML: &str = "application/xml; charset=\"utf-8\"";

/// The service that deliveries are sent to.
#[derive(Debug)]
pub struct Receiver {
    deliveries: mpsc::Sender<Delivery>,
    room: Semaphore,
    classes: Arc<Classes>,
    asks_for_login: bool,
    limits: Limits,
}

/// What one message brought. Dropped without [`Delivery::confirm`], it is refused, and the sender will send
/// it again.
#[derive(Debug)]
pub struct Delivery {
    /// The reports, in order; there may be none.
    pub reports: Vec<Report>,
    confirmed: oneshot::Sender<()>,
}

impl Delivery {
    /// Tells the sender that the reports are taken.
    pub fn confirm(self) {
        // A sender that went away meanwhile will send it again.
        let _ = self.confirmed.send(());
    }
}

impl Receiver {
    /// A receiver, and where its deliveries are taken from. With `asks_for_login` only senders are heard that
    /// the server's accounts know.
    pub fn new(classes: Arc<Classes>, asks_for_login: bool) -> (Self, mpsc::Receiver<Delivery>) {
        let (deliveries, taken) = mpsc::channel(AT_ONCE);
        let receiver = Self {
            deliveries,
            room: Semaphore::new(AT_ONCE),
            classes,
            asks_for_login,
            limits: Limits::default(),
        };
        (receiver, taken)
    }

    async fn answer(&self, request: HttpRequest) -> HttpReply {
        // Until all that it brought is taken. It is never closed.
        let _room = self.room.acquire().await;
        let charset = request.head.header("content-type").and_then(|value| {
            let (_, after) = value.split_once("charset=")?;
            Some(after.split(';').next()?.trim().trim_matches('"').to_owned())
        });
        let text = match xml::decode(&request.body, charset.as_deref()) {
            Ok((text, _)) => text,
            Err(error) => return HttpReply::text(400, error),
        };
        let root = Reader::new(&text, self.limits)
            .and_then(|mut reader| reader.root().map(|root| root.local.to_owned()));
        match root.as_deref() {
            Ok("Envelope") => self.take_delivery(&text, request.head.peer).await,
            Ok("CIM") => self.take_export(&text, request.head.peer).await,
            Ok(_) => HttpReply::text(400, "There is neither a SOAP envelope nor a CIM-XML message."),
            Err(error) => HttpReply::text(400, error),
        }
    }

    async fn take_delivery(&self, text: &str, from: Peer) -> HttpReply {
        let delivered = match Delivered::decode(text, self.limits) {
            Ok(delivered) => delivered,
            Err(refused) => return soap_fault(&refused),
        };
        let contents = match &delivered.content {
            DeliveredContent::Events(events) => self.indications(events, text),
            DeliveredContent::Heartbeat => vec![Content::Heartbeat],
            DeliveredContent::DroppedEvents(count) => vec![Content::DroppedEvents(*count)],
            DeliveredContent::SubscriptionEnd(end) => vec![Content::SubscriptionEnd(end.clone())],
        };
        if !self.hand_on(from, Protocol::WsEventing, contents).await {
            return busy();
        }
        let body = if delivered.wants_ack() {
            encode_ack(&delivered.headers.reply(format!("uuid:{}", crate::random::uuid())))
        } else {
            String::new()
        };
        HttpReply::new(200, SOAP, body)
    }

    fn indications(&self, events: &[RawInstance], text: &str) -> Vec<Content> {
        // The text was read a moment ago, so it can be read again.
        let mut xml = events_xml(text).unwrap_or_default().into_iter();
        let mut indication = |event| {
            let instance = self.classes.typed(event);
            let xml = xml.next().unwrap_or_default();
            Content::Indication(Box::new(Indication { instance, xml }))
        };
        events.iter().map(&mut indication).collect()
    }

    async fn take_export(&self, text: &str, from: Peer) -> HttpReply {
        let message = match ExportMessage::decode(text, self.limits) {
            Ok(message) => message,
            Err(error) => {
                let header = HeaderValue::from_static(error.cim_error_header());
                let reply = HttpReply::text(error.http_status(), &error);
                return reply.with_header(HeaderName::from_static("cimerror"), header);
            }
        };
        let mut results = Vec::with_capacity(message.exports.len());
        for export in &message.exports {
            results.push(match &export.indication {
                Ok(indication) => self.take_exported(indication, from).await,
                Err(error) => Err(error.clone()),
            });
        }
        let reply = HttpReply::new(200, CIM_XML, message.encode_response(&results));
        reply.with_header(
            HeaderName::from_static("cimexport"),
            HeaderValue::from_static("MethodResponse"),
        )
    }

    async fn take_exported(&self, exported: &ExportedIndication, from: Peer) -> Result<(), CimError> {
        let indication = Indication {
            instance: exported.instance.clone(),
            xml: exported.xml.clone(),
        };
        let contents = vec![Content::Indication(Box::new(indication))];
        if self.hand_on(from, Protocol::CimXml, contents).await {
            Ok(())
        } else {
            // This code says "later" to a sender that keeps what it could not deliver.
            Err(CimError::new(CimStatus::Failed, "The listener is going down."))
        }
    }

    /// Hands reports on; says whether they were taken.
    async fn hand_on(&self, from: Peer, protocol: Protocol, contents: Vec<Content>) -> bool {
        let report = |content| Report {
            from,
            protocol,
            content,
        };
        let (confirmed, confirmation) = oneshot::channel();
        let delivery = Delivery {
            reports: contents.into_iter().map(report).collect(),
            confirmed,
        };
        self.deliveries.send(delivery).await.is_ok() && confirmation.await.is_ok()
    }
}

impl HttpService for Receiver {
    fn route(&self, head: &RequestHead) -> Route {
        if head.method != Method::POST {
            // M-POST, too: its senders then use POST (DSP0200, 6.2.3).
            Route::WrongMethod { allow: "POST" }
        } else if self.asks_for_login {
            Route::Authenticated
        } else {
            Route::Anonymous
        }
    }

    fn call<'a>(&'a self, request: HttpRequest, _sender: Principal) -> BoxFuture<'a, HttpReply> {
        Box::pin(self.answer(request))
    }

    fn call_anonymous<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, HttpReply> {
        Box::pin(self.answer(request))
    }
}

fn soap_fault(refused: &Refused) -> HttpReply {
    let fault = refused.encode(format!("uuid:{}", crate::random::uuid()));
    HttpReply::new(500, SOAP, fault)
}

fn busy() -> HttpReply {
    HttpReply::text(503, "The listener is going down: send it again later.")
}
