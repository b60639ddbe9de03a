//! The header fields that go with a message over HTTP (DSP0200, 6.3): what a client sends, and how a server reads it.
//!
//! Names are percent-encoded by some clients and sent as they are by others; a server takes both.

use super::{ObjectName, Operation, Request, RequestMessage};

/// Says that a message holds calls of operations.
pub const CIM_OPERATION: &str = "CIMOperation";
/// The one value of [`CIM_OPERATION`].
pub const METHOD_CALL: &str = "MethodCall";
/// Names the operation or method that is called.
pub const CIM_METHOD: &str = "CIMMethod";
/// Names the namespace, or the object whose method is called.
pub const CIM_OBJECT: &str = "CIMObject";
/// Says that a message holds several requests; it has no value.
pub const CIM_BATCH: &str = "CIMBatch";
/// In an answer that is no CIM-XML: what was wrong with the request.
pub const CIM_ERROR: &str = "CIMError";

/// The header fields that a client sends with a message, beside those of HTTP itself.
pub fn of_request(message: &RequestMessage) -> Vec<(&'static str, String)> {
    let mut fields = vec![(CIM_OPERATION, METHOD_CALL.to_owned())];
    match message.requests.as_slice() {
        [request] if !message.is_multiple => {
            fields.push((CIM_METHOD, percent_encode(&request.name)));
            fields.push((CIM_OBJECT, percent_encode(&object(request))));
        }
        _ => fields.push((CIM_BATCH, String::new())),
    }
    fields
}

/// What `CIMObject` says of a request, not yet encoded.
fn object(request: &Request) -> String {
    let namespace = &request.namespace;
    match &request.operation {
        Ok(Operation::Invoke(call)) => match &call.object {
            ObjectName::Class(class) => format!("{namespace}:{class}"),
            ObjectName::Instance(path) => path.clone().in_namespace(namespace.clone()).to_string(),
        },
        _ => namespace.to_string(),
    }
}

/// A text as a header field may hold it: what is not ASCII, not printable or of meaning in a URI is `%` and two
/// hexadecimal digits for each byte of its UTF-8 form (DSP0200, 6.3.2).
pub fn percent_encode(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()/:=,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The text that was percent-encoded; what is no encoding stands for itself.
pub fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, behind @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default());
                rest = behind;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::InstancePath;
    use crate::cimxml::MethodCall;

    fn request(operation: Operation) -> RequestMessage {
        RequestMessage::single("1", "root/ESMPRO/AS".into(), operation)
    }

    fn call(object: ObjectName) -> RequestMessage {
        request(Operation::Invoke(MethodCall {
            object,
            method: "Reset".into(),
            arguments: Vec::new(),
        }))
    }

    fn instance() -> ObjectName {
        ObjectName::Instance(
            InstancePath::new("C_X".into())
                .with_key("Name", "ü\"")
                .with_key("Index", 1_u8),
        )
    }

    fn sent(message: &RequestMessage) -> String {
        let fields = of_request(message);
        fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect()
    }

    #[test]
    fn a_client_says_what_it_calls() {
        insta::assert_snapshot!(sent(&request(Operation::EnumerateQualifiers)), @r#"
        CIMOperation: MethodCall
        CIMMethod: EnumerateQualifiers
        CIMObject: root/ESMPRO/AS
        "#);
        insta::assert_snapshot!(sent(&call(instance())), @r#"
        CIMOperation: MethodCall
        CIMMethod: Reset
        CIMObject: root/ESMPRO/AS:C_X.Index=1,Name=%22%C3%BC%5C%22%22
        "#);
        insta::assert_snapshot!(sent(&call(ObjectName::Class("C_X".into()))), @r#"
        CIMOperation: MethodCall
        CIMMethod: Reset
        CIMObject: root/ESMPRO/AS:C_X
        "#);
        let mut several = request(Operation::EnumerateQualifiers);
        several.is_multiple = true;
        several.requests.extend(several.requests.clone());
        insta::assert_snapshot!(sent(&several), @r#"
        CIMOperation: MethodCall
        CIMBatch:
        "#);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in ["", "root/cimv2", "a b%2Fc", "日本語<>\"\r\n", "100%"] {
            let encoded = percent_encode(text);
            assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()), "{encoded}");
            assert_eq!(percent_decode(&encoded), text);
        }
        for (text, expect) in [
            ("root%2Fcimv2%3aCIM_X", "root/cimv2:CIM_X"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%C3%A4%", "ä%"),
            ("%+1", "%+1"),
            ("%FF", "\u{FFFD}"),
        ] {
            assert_eq!(percent_decode(text), expect);
        }
    }
}
