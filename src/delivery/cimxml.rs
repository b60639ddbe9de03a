//! Deliveries as CIM-XML exports (DSP0200, 5.4.3; DSP0201, 5.2.8): the courier of subscriptions whose destination
//! is a CIM_ListenerDestinationCIMXML.
//!
//! One indication per message, one message at a time: a listener takes them in the order of their numbers. Whether
//! it keeps the connection is its own choice; a TLS session is resumed where it does not.

use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use parking_lot::RwLock;

use super::connection::{Connection, ConnectionOptions, judge};
use super::courier::{Courier, Item, Line, Parcel, Receipt, SendError, Sending, Steps, Target};
use crate::cim::CimStatus;
use crate::cimxml::OperationError;
use crate::cimxml::export::{ExportMessage, ExportResponse};
use crate::net::http_client::{ClientRequest, ClientResponse};
use crate::subscription::Subscription;
use crate::xml::{Limits, decode};

/// `Content-Type`, in the form that the strictest listener wants.
const CONTENT_TYPE: &str = "application/xml; charset=\"utf-8\"";

/// The headers of every export (DSP0200, 6.3). There is no `Accept`: a listener that does not have exactly what it
/// says would refuse.
const HEADERS: [(&str, &str); 4] = [
    ("cimexport", "MethodRequest"),
    ("cimexportmethod", "ExportIndication"),
    ("cimprotocolversion", "1.0"),
    ("user-agent", concat!("esm/", env!("CARGO_PKG_VERSION"))),
];

/// Carries CIM-XML exports.
pub struct CimXmlCourier {
    options: Arc<RwLock<Arc<ConnectionOptions>>>,
}

impl CimXmlCourier {
    /// A courier that reaches destinations as `options` says.
    pub fn new(options: Arc<ConnectionOptions>) -> Self {
        Self {
            options: Arc::new(RwLock::new(options)),
        }
    }

    /// Other options, for deliveries from now on: a line that was made under the old ones is not used again.
    pub fn set_options(&self, options: Arc<ConnectionOptions>) {
        *self.options.write() = options;
    }
}

impl Courier for CimXmlCourier {
    fn line(&self, target: &Target) -> Box<dyn Line> {
        let options = Arc::clone(&self.options.read());
        Box::new(CimXmlLine {
            connection: Connection::new(Arc::clone(&options), target.clone()),
            options,
            in_force: Arc::clone(&self.options),
        })
    }
}

/// A line to one listener.
struct CimXmlLine {
    options: Arc<ConnectionOptions>,
    in_force: Arc<RwLock<Arc<ConnectionOptions>>>,
    connection: Connection,
}

impl Line for CimXmlLine {
    fn send<'a>(&'a mut self, parcel: &'a Parcel) -> Sending<'a> {
        Box::pin(async move {
            match parcel {
                Parcel::Events { subscription, items } => match items.first() {
                    Some(item) => self.export(subscription, item).await,
                    None => Ok(NOTHING),
                },
                Parcel::StateChange { subscription, item } => self.export(subscription, item).await,
                // There is no export that says any of these.
                Parcel::Dropped { .. } | Parcel::Heartbeat { .. } | Parcel::End { .. } => Ok(NOTHING),
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

const NOTHING: Receipt = Receipt {
    from_destination: false,
    accepted: 0,
    learned_pin: None,
};

impl CimXmlLine {
    async fn export(&mut self, subscription: &Subscription, item: &Item) -> Result<Receipt, SendError> {
        let request = self.request(subscription, item);
        let answer = self.connection.send(&request).await?;
        judge_export(&answer)?;
        Ok(Receipt {
            from_destination: true,
            accepted: 1,
            learned_pin: self.connection.learn_pin(),
        })
    }

    fn request(&self, subscription: &Subscription, item: &Item) -> ClientRequest {
        let indication = item.indication_for(subscription);
        // The same indication has the same message id on every retry.
        let text = ExportMessage::encode(&item.seq.to_string(), &indication);
        let path = self.connection.url().path_and_query.clone();
        let mut request = ClientRequest::post(path, CONTENT_TYPE, text);
        for (name, value) in HEADERS {
            request = request.with_header(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        request
    }
}

/// What an answer says of an export.
fn judge_export(answer: &ClientResponse) -> Result<(), SendError> {
    judge(answer).map_err(|error| with_cim_error(error, answer))?;
    // Simple listeners answer with the status alone.
    if answer.body.trim_ascii().is_empty() {
        return Ok(());
    }
    let unreadable = |error: &dyn std::fmt::Display| {
        SendError::Unreachable(format!("the answer to the export cannot be read: {error}"))
    };
    let (text, _) = decode(&answer.body, None).map_err(|error| unreadable(&error))?;
    match ExportResponse::decode(&text, Limits::default()) {
        Ok(response) => response.result.map_err(|error| judge_error(&error)),
        Err(error) => Err(unreadable(&error)),
    }
}

/// What becomes of an indication that a listener answers with a CIM error.
///
/// | Status | |
/// |---|---|
/// | FAILED 1, SERVER_LIMITS_EXCEEDED 27, SERVER_IS_SHUTTING_DOWN 28 | later |
/// | INVALID_PARAMETER 4, NOT_SUPPORTED 7 | never: the indication ends |
/// | ACCESS_DENIED 2 | somebody has to act: the destination is suspended, and tried again |
/// | any other | offered a few times more, then it ends |
fn judge_error(error: &OperationError) -> SendError {
    let said = format!("the listener answered {error}");
    match error.status() {
        Some(CimStatus::Failed | CimStatus::ServerLimitsExceeded | CimStatus::ServerIsShuttingDown) => {
            SendError::Later(said)
        }
        Some(CimStatus::InvalidParameter | CimStatus::NotSupported) => SendError::Unwanted(said),
        Some(CimStatus::AccessDenied) => SendError::Refused(said),
        _ => SendError::Rejected(said),
    }
}

/// The reason that a listener gives beside the HTTP status (DSP0200, 6.3.1).
fn with_cim_error(error: SendError, answer: &ClientResponse) -> SendError {
    let Some(reason) = answer.header("CIMError") else {
        return error;
    };
    let said = format!("{error} ({reason})");
    match (answer.status, error) {
        // It will not learn the protocol between two tries; somebody has to act.
        (501, _) | (_, SendError::Refused(_)) => SendError::Refused(said),
        (_, SendError::Rejected(_)) => SendError::Rejected(said),
        (_, SendError::Unwanted(_)) => SendError::Unwanted(said),
        (_, SendError::Later(_)) => SendError::Later(said),
        (_, SendError::Unreachable(_)) => SendError::Unreachable(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::HeaderMap;

    fn answer(status: u16, cim_error: Option<&'static str>, body: &str) -> ClientResponse {
        let mut headers = HeaderMap::new();
        if let Some(error) = cim_error {
            headers.insert("CIMError", HeaderValue::from_static(error));
        }
        ClientResponse {
            status,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn response(inner: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.4\"><MESSAGE ID=\"1\" PROTOCOLVERSION=\"1.4\"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME=\"ExportIndication\">{inner}</EXPMETHODRESPONSE></SIMPLEEXPRSP></MESSAGE></CIM>"
        )
    }

    #[track_caller]
    fn check(answer: &ClientResponse, expect: Result<(), &str>) {
        let found = judge_export(answer).map_err(|error| format!("{error:?}"));
        match expect {
            Ok(()) => assert_eq!(found, Ok(())),
            Err(part) => {
                let found = found.unwrap_err();
                assert!(found.starts_with(part), "{found}");
            }
        }
    }

    #[test]
    fn an_answer_says_what_becomes_of_an_indication() {
        check(&answer(200, None, &response("")), Ok(()));
        check(&answer(200, None, &response("<IRETURNVALUE/>")), Ok(()));
        check(&answer(200, None, ""), Ok(()));
        check(&answer(204, None, "\r\n"), Ok(()));
        let code = |code: u16| {
            answer(
                200,
                None,
                &response(&format!("<ERROR CODE=\"{code}\" DESCRIPTION=\"no\"/>")),
            )
        };
        check(
            &code(1),
            Err("Later(\"the listener answered CIM_ERR_FAILED: no\")"),
        );
        check(&code(27), Err("Later"));
        check(&code(28), Err("Later"));
        check(&code(4), Err("Unwanted"));
        check(&code(7), Err("Unwanted"));
        check(&code(2), Err("Refused"));
        for other in [3, 5, 6, 11, 17, 999] {
            check(&code(other), Err("Rejected"));
        }
        check(&answer(200, None, "<html>"), Err("Unreachable"));
        check(
            &answer(400, Some("request-not-valid"), "x"),
            Err("Rejected(\"the destination answered 400 (request-not-valid)\")"),
        );
        check(
            &answer(501, Some("unsupported-protocol-version"), ""),
            Err("Refused"),
        );
        check(&answer(501, None, ""), Err("Unreachable"));
        check(&answer(401, None, ""), Err("Refused"));
        check(&answer(503, None, ""), Err("Unreachable"));
    }
}
