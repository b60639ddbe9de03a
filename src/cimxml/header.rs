//! The header fields that go with a message over HTTP (DSP0200, 6.3): what a client sends, and what a server checks.
//!
//! Names are percent-encoded by some clients and sent as they are by others; a server takes both.

use super::{ObjectName, Operation, Request, RequestMessage};
use crate::cim::Namespace;

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

/// Why the header fields of a message are refused, with what the `CIMError` field of the answer says and its HTTP
/// status.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderError {
    /// `CIMOperation` names something else.
    #[error("the header field CIMOperation is to be MethodCall")]
    UnsupportedOperation,
    /// A field contradicts the message.
    #[error("the header field {0} contradicts the message")]
    Mismatch(&'static str),
}

impl HeaderError {
    /// What the `CIMError` header of the HTTP reply says (DSP0200, 6.3.1).
    pub const fn cim_error_header(&self) -> &'static str {
        match self {
            Self::UnsupportedOperation => "unsupported-operation",
            Self::Mismatch(_) => "header-mismatch",
        }
    }

    /// The HTTP status beside it.
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::UnsupportedOperation => 501,
            Self::Mismatch(_) => 400,
        }
    }
}

/// Checks the header fields that came with a message; `field` looks one up by its name. A field that is missing is
/// no error, as the message says the same.
///
/// # Errors
/// If a field contradicts the message. Of the object of a method call, the namespace alone is compared: clients
/// write its path in many ways.
pub fn check<'a>(
    message: &RequestMessage,
    field: impl Fn(&'static str) -> Option<&'a str>,
) -> Result<(), HeaderError> {
    if field(CIM_OPERATION).is_some_and(|value| !value.trim().eq_ignore_ascii_case(METHOD_CALL)) {
        return Err(HeaderError::UnsupportedOperation);
    }
    let [request] = message.requests.as_slice() else {
        return Ok(());
    };
    let decoded = |name| field(name).map(|value| percent_decode(value.trim()));
    if decoded(CIM_METHOD).is_some_and(|method| !method.eq_ignore_ascii_case(&request.name)) {
        return Err(HeaderError::Mismatch(CIM_METHOD));
    }
    if decoded(CIM_OBJECT).is_some_and(|object| !names_namespace(&object, request)) {
        return Err(HeaderError::Mismatch(CIM_OBJECT));
    }
    Ok(())
}

/// Whether an object is the namespace of the request, or stands in it.
fn names_namespace(object: &str, request: &Request) -> bool {
    let is_namespace = |text: &str| Namespace::new(text) == request.namespace;
    if !request.is_extrinsic {
        return is_namespace(object);
    }
    let local = match object.strip_prefix("//") {
        Some(located) => located.split_once('/').map_or("", |(_, local)| local),
        None => object,
    };
    let is_class_alone = !local.contains(['/', ':']);
    let mut prefixes = local.match_indices(':').filter_map(|(at, _)| local.get(..at));
    is_class_alone || is_namespace(local) || prefixes.any(is_namespace)
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
        assert_eq!(percent_decode("root%2fx%"), "root/x%");
        assert_eq!(percent_decode("%FF%zz"), "\u{FFFD}%zz");
    }

    #[track_caller]
    fn check_fields(message: &RequestMessage, fields: &[(&str, &str)], expect: Result<(), HeaderError>) {
        let field = |name: &'static str| {
            let found = fields.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| *value)
        };
        assert_eq!(check(message, field), expect, "{fields:?}");
    }

    #[test]
    fn fields_must_not_contradict_the_message() {
        let message = request(Operation::EnumerateQualifiers);
        let mismatch = |name| Err(HeaderError::Mismatch(name));
        check_fields(&message, &[], Ok(()));
        check_fields(
            &message,
            &[
                ("CIMOperation", "methodcall"),
                ("CIMMethod", "enumerateQualifiers"),
                ("CIMObject", "ROOT%2FESMPRO%2FAS/"),
            ],
            Ok(()),
        );
        check_fields(
            &message,
            &[("CIMOperation", "Export")],
            Err(HeaderError::UnsupportedOperation),
        );
        check_fields(&message, &[("CIMMethod", "GetClass")], mismatch(CIM_METHOD));
        check_fields(&message, &[("CIMObject", "root/cimv2")], mismatch(CIM_OBJECT));
        for object in [
            "root%2FESMPRO%2FAS%3AC_X.Name=\"a\",Index=1",
            "root/ESMPRO/AS:C_X.Index=1,Name=\"a\"",
            "//host:5989/root/ESMPRO/AS:C_X",
            "C_X",
        ] {
            check_fields(&call(instance()), &[("CIMObject", object)], Ok(()));
        }
        check_fields(
            &call(instance()),
            &[("CIMObject", "root/x:C_X.Name=\"a\"")],
            mismatch(CIM_OBJECT),
        );
        let mut several = message;
        several.requests.extend(call(instance()).requests);
        check_fields(&several, &[("CIMMethod", "Any")], Ok(()));
    }
}
