//! WS-Management messages in both directions.

use std::sync::Arc;
use std::time::Duration;

use esm::cim::query::{Language, Query, XPath};
use esm::cim::schema::NamespaceSchema;
use esm::cim::{Class, Name};
use esm::wsman::delivery::{self, Delivered};
use esm::wsman::enumeration::EnumerationReply;
use esm::wsman::eventing::{self, SubscribeResponse};
use esm::wsman::identify::IdentifyResponse;
use esm::wsman::time::{Expires, format_duration, parse_duration};
use esm::wsman::typed::{typed, typed_arguments};
use esm::wsman::{Body, Filter, Reply, Request, ResourceUri, transfer};
use esm::xml::Limits;

use super::query::schema;

/// A request that is read and written again is stable; a refused one is answered. Of a request that is read, the
/// resource, the path, the types and the filter are looked at as the server does it.
pub fn envelope(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Request::decode(&text, Limits::default()) {
        Err(refused) => {
            refused.encode("uuid:1".to_owned());
        }
        Ok(request) => {
            serve(&request);
            let once = request.encode();
            let Ok(again) = Request::decode(&once, Limits::default()) else {
                // What was let pass in may be more than goes out again, as with reference parameters.
                return;
            };
            let twice = again.encode();
            if let Ok(third) = Request::decode(&twice, Limits::default()) {
                assert_eq!(third.encode(), twice);
            }
        }
    }
}

/// A delivery is read as a listener does it, and so is an acknowledgement.
pub fn delivery(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Delivered::decode(&text, Limits::default()) {
        Ok(delivered) => {
            delivery::encode_ack(&delivered.headers.reply("uuid:1".to_owned()));
        }
        Err(refused) => {
            refused.encode("uuid:1".to_owned());
        }
    }
    let _ = delivery::decode_ack(&text, Limits::default(), "uuid:1");
}

/// A reply is read as a client does it, whatever it had asked.
pub fn reply(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let reply = || Reply::decode(&text, Limits::default());
    if let Err(fault) = reply() {
        assert!(!fault.to_string().is_empty());
        return;
    }
    let _ = reply().and_then(EnumerationReply::decode);
    let _ = reply().and_then(SubscribeResponse::decode);
    let _ = reply().and_then(IdentifyResponse::decode);
    let _ = reply().and_then(eventing::decode_lease);
    let _ = reply().and_then(transfer::decode_instance);
    let _ = reply().and_then(transfer::decode_created);
    let _ = reply().and_then(Reply::empty);
}

/// Durations, dates and resource URIs read back from what is written of them.
pub fn wsman_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(length) = parse_duration(&text) {
        let whole_micros = Duration::new(length.as_secs(), length.subsec_micros() * 1000);
        assert_eq!(parse_duration(&format_duration(length)), Ok(whole_micros));
    }
    if let Ok(expires @ Expires::At(_)) = Expires::parse(&text) {
        assert_eq!(Expires::parse(&expires.to_string()), Ok(expires));
    }
    let vendor: [Arc<str>; 1] = [Arc::from("http://vendor.example/")];
    if let Ok(uri) = ResourceUri::parse(&text, &vendor) {
        let written = uri.to_string();
        let again = ResourceUri::parse(&written, &vendor);
        assert_eq!(again.map(|uri| uri.to_string()).ok(), Some(written));
    }
}

fn serve(request: &Request) {
    let Ok(resource) = request.headers.resource(&[]) else {
        return;
    };
    let _ = request.headers.path(&resource);
    let classes = |name: &Name| NamespaceSchema::class(schema(), name).cloned();
    let class = resource.class_name().and_then(classes);
    match (&request.body, class) {
        (Body::Put(transfer::Representation::Instance(raw)), Some(class))
        | (Body::Create(transfer::Representation::Instance(raw)), Some(class)) => {
            let _ = typed(raw, &class, &classes);
        }
        (Body::Invoke(invoke), Some(class)) => invoke_typed(invoke, &class),
        (Body::Enumerate(enumerate), _) => match &enumerate.filter {
            Some(Filter::Wql(text)) => drop(Query::parse(Language::Wql, text)),
            Some(Filter::Cql(text)) => drop(Query::parse(Language::Cql, text)),
            Some(Filter::XPath(text)) => drop(XPath::parse(text)),
            _ => {}
        },
        _ => {}
    }
}

fn invoke_typed(invoke: &esm::wsman::Invoke, class: &Class) {
    let classes = |name: &Name| NamespaceSchema::class(schema(), name).cloned();
    if let Some(method) = class.method(&invoke.method) {
        let _ = typed_arguments(&invoke.arguments, class, method, &classes);
    }
}
