//! CIM-XML messages in both directions.

use esm::cim::{Class, Name};
use esm::cimxml::export::{ExportMessage, ExportResponse};
use esm::cimxml::instance::Shown;
use esm::cimxml::{
    Item, ObjectName, Operation, Request, RequestMessage, ResponseMessage, ResponseWriter, Returned, header,
    typed,
};
use esm::xml::Limits;

use super::query::schema;

/// A request that is read and written again is stable. Of a request that is read, the header fields and the types are
/// looked at as the server does it, and it is answered.
pub fn cim_request(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(message) = RequestMessage::decode(&text, Limits::default()) else {
        return;
    };
    serve(&message);
    let once = message.encode();
    let Ok(again) = RequestMessage::decode(&once, Limits::default()) else {
        // What was let pass in may be more than goes out again, as with the names of operations.
        return;
    };
    let twice = again.encode();
    if let Ok(third) = RequestMessage::decode(&twice, Limits::default()) {
        assert_eq!(third.encode(), twice);
    }
}

/// A response is read as our client does it, and what it holds can be answered with again.
pub fn cim_reply(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(message) = ResponseMessage::decode(&text, Limits::default()) else {
        return;
    };
    for response in &message.responses {
        match &response.result {
            Ok(returned) => relay(returned),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// An export is read as a listener does it, and answered.
pub fn export_request(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(message) = ExportMessage::decode(&text, Limits::default()) else {
        return;
    };
    let results: Vec<_> = message
        .exports
        .iter()
        .map(|export| export.indication.as_ref().map(drop).map_err(Clone::clone))
        .collect();
    let answer = message.encode_response(&results);
    if message.is_multiple {
        assert_eq!(answer.matches("<SIMPLEEXPRSP>").count(), results.len());
    } else {
        let answer = ExportResponse::decode(&answer, Limits::default()).expect("our own answer");
        assert_eq!(answer.result.is_ok(), results.iter().all(Result::is_ok));
    }
    for indication in message.exports.iter().flat_map(|export| &export.indication) {
        let again = ExportMessage::encode(&message.message_id, &indication.instance);
        assert!(ExportMessage::decode(&again, Limits::default()).is_ok());
    }
}

/// The answer to an export is read as a delivery does it.
pub fn export_reply(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(response) = ExportResponse::decode(&text, Limits::default()) {
        assert!(
            response
                .result
                .map_or_else(|error| !error.to_string().is_empty(), |()| true)
        );
    }
}

/// What a server does with a message before and after it asks a provider.
fn serve(message: &RequestMessage) {
    for (name, value) in header::of_request(message) {
        let decoded = header::percent_decode(&value);
        assert_eq!(
            header::percent_decode(&header::percent_encode(&decoded)),
            decoded,
            "{name}"
        );
    }
    let mut response = ResponseWriter::new(message, "server");
    for request in &message.requests {
        match &request.operation {
            Ok(operation) => answer(&mut response, request, operation),
            Err(error) => response.error(request, error),
        }
    }
    let text = response.finish();
    let read = ResponseMessage::decode(&text, Limits::default()).expect("our own reply is read");
    assert_eq!(read.responses.len(), message.requests.len());
}

fn answer(response: &mut ResponseWriter, request: &Request, operation: &Operation) {
    response.begin(request);
    match operation {
        Operation::CreateInstance { instance } => {
            if let Some(class) = class(&instance.class_name) {
                let _ = typed::instance(instance, &class);
            }
        }
        Operation::GetInstance { path, .. } | Operation::DeleteInstance { path } => {
            if let Some(class) = class(&path.class_name) {
                let _ = typed::keys(path, &class);
            }
        }
        Operation::Invoke(call) => {
            let method = class(call.object.class_name());
            if let Some(method) = method
                .as_ref()
                .and_then(|class| class.method(call.method.as_str()))
            {
                let _ = typed::arguments(&call.arguments, method);
            }
            if let ObjectName::Instance(path) = &call.object {
                assert!(!path.to_string().is_empty());
            }
        }
        _ => {}
    }
    response.end();
}

fn class(name: &Name) -> Option<std::sync::Arc<Class>> {
    schema().class(name).cloned()
}

/// Writes what was read into a response of our own.
fn relay(returned: &Returned) {
    let _ = returned.enumeration_context();
    let namespace = "root/x".into();
    let message = RequestMessage::single("1", namespace, Operation::EnumerateQualifiers);
    let mut response = ResponseWriter::new(&message, "server");
    for request in &message.requests {
        response.begin(request);
        for item in &returned.items {
            match item {
                Item::Instance { path, instance } => {
                    let path = path
                        .clone()
                        .unwrap_or(esm::cim::InstancePath::new(instance.class_name.clone()));
                    response.instance(&path, instance, Shown::all());
                }
                Item::InstancePath(path) => response.path(path),
                Item::Class { class, .. } => response.class(class),
                Item::ClassPath(path) => response.class_name(&path.class_name),
                Item::Qualifier(qualifier) => response.qualifier(qualifier),
                Item::Value(value) => {
                    response.value(value.cim_type().unwrap_or(esm::cim::CimType::String), Some(value));
                }
            }
        }
        response.end();
    }
    let text = response.finish();
    let limits = Limits {
        total_bytes: usize::MAX,
        text_bytes: usize::MAX,
        ..Limits::default()
    };
    let read = ResponseMessage::decode(&text, limits);
    assert!(read.is_ok(), "{read:?}: {text}");
}
