//! Requests: what a client asks for in one message (DSP0201, 5.2.6; DSP0200, 5.2).

mod decode;
mod encode;
mod parameters;
#[cfg(test)]
mod tests;

use super::{DecodeError, Operation};
use crate::cim::{CimError, Namespace};
use crate::xml::Limits;

/// A message with one or more requests, each of which is answered by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestMessage {
    /// `MESSAGE ID`, which the response repeats.
    pub message_id: String,
    /// Whether the requests came in a `MULTIREQ`; the responses go back in a `MULTIRSP` then.
    pub is_multiple: bool,
    /// The requests, in order; at least one.
    pub requests: Vec<Request>,
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The name of the operation or method, spelled as the client spelled it; the response repeats it.
    pub name: String,
    /// Whether it is a method call (`METHODCALL`) and no operation of DSP0200 itself.
    pub is_extrinsic: bool,
    /// The namespace, spelled as the client spelled it, as are all paths in the response.
    pub namespace: Namespace,
    /// What is asked for, or the error that this one request is answered with.
    pub operation: Result<Operation, CimError>,
}

impl RequestMessage {
    /// Reads a request message.
    ///
    /// What is wrong with the parameters of one request is an error of that request alone, and stands in its
    /// place.
    ///
    /// # Errors
    /// If the message as a whole cannot be read; [`DecodeError::cim_error_header`] says it to the sender.
    pub fn decode(text: &str, limits: Limits) -> Result<Self, DecodeError> {
        decode::message(text, limits)
    }

    /// A message with one request.
    pub fn single(message_id: &str, namespace: Namespace, operation: Operation) -> Self {
        Self {
            message_id: message_id.to_owned(),
            is_multiple: false,
            requests: vec![Request {
                name: operation.name().to_owned(),
                is_extrinsic: operation.is_extrinsic(),
                namespace,
                operation: Ok(operation),
            }],
        }
    }

    /// Writes the message. A request that stands for an error is written without parameters.
    pub fn encode(&self) -> String {
        encode::message(self)
    }
}
