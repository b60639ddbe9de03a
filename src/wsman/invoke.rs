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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::CimType;
    use crate::wsman::sample;
    use crate::xml::Limits;

    #[test]
    fn the_reply_holds_outputs_and_the_return_value() {
        let job = Property {
            name: Name::from_static("Job"),
            cim_type: CimType::String,
            is_array: false,
            value: Some(Value::string("j1")),
        };
        let xml = encode_invoke_response(
            &sample::head(),
            &Name::from_static("ESM_Sample"),
            "Reset",
            Some(&Value::Uint32(0)),
            &[job],
            &Style::default(),
        );
        insta::assert_snapshot!(sample::pretty(&xml), @r#"
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <s:Header>
    <wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>
    <wsa:Action>http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample/ResetResponse</wsa:Action>
    <wsa:MessageID>uuid:reply</wsa:MessageID>
    <wsa:RelatesTo>uuid:request</wsa:RelatesTo>
  </s:Header>
  <s:Body>
    <p:Reset_OUTPUT xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_Sample">
      <p:Job>j1</p:Job>
      <p:ReturnValue>0</p:ReturnValue>
    </p:Reset_OUTPUT>
  </s:Body>
</s:Envelope>
"#);
        let output = decode_invoke_response(Reply::decode(&xml, Limits::default()).unwrap()).unwrap();
        assert_eq!(output.text("ReturnValue"), Some("0"));
        assert_eq!(output.text("Job"), Some("j1"));
    }
}
