//! Method calls (DSP0230, 9).

use super::Fault;
use super::binding::{Style, encode_method_output};
use super::raw::RawInstance;
use super::reply::{Reply, ReplyHead};
use crate::cim::{Name, Property, Value};

/// Writes the reply to a method call: `METHOD_OUTPUT` with what the method gives back and its return value.
pub fn encode_invoke_response(
    head: &ReplyHead,
    class_name: &Name,
    method: &str,
    return_value: Option<&Value>,
    outputs: &[Property],
    style: &Style,
) -> String {
    let action = format!("{}/{method}Response", style.form.class_uri(class_name.as_str()));
    head.envelope(&action, &[], 1024, |w| {
        encode_method_output(w, class_name.as_str(), method, return_value, outputs, style);
    })
}

/// The reply to a method call, as a client reads it: `ReturnValue` and what the method gives back, without
/// types.
pub fn decode_invoke_response(mut reply: Reply<'_>) -> Result<RawInstance, Fault> {
    let first = reply.first()?;
    let output = RawInstance::decode(&mut reply.reader, &first)?;
    reply.reader.finish()?;
    Ok(output)
}
