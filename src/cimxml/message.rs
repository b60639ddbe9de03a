//! What all messages have in common (DSP0201, 5.2.1 and 5.2.6): `CIM`, `MESSAGE` and `ERROR`.

use super::{DecodeError, name};
use crate::cim::CimError;
use crate::xml::{Reader, Start, Writer};

/// Begins a message.
pub(super) fn begin(w: &mut Writer, message_id: &str) {
    w.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    w.start(name("CIM"));
    w.attr(name("CIMVERSION"), "2.0");
    w.attr(name("DTDVERSION"), "2.0");
    w.start(name("MESSAGE"));
    w.attr(name("ID"), message_id);
    w.attr(name("PROTOCOLVERSION"), "1.0");
}

/// Ends a message.
pub(super) fn end(w: &mut Writer) {
    w.end(name("MESSAGE"));
    w.end(name("CIM"));
}

/// Writes an `ERROR`.
pub(super) fn encode_error(w: &mut Writer, error: &CimError) {
    w.start(name("ERROR"));
    w.attr(name("CODE"), &error.status.code().to_string());
    w.attr(name("DESCRIPTION"), &error.detail);
    w.end_empty();
}

/// Reads to the `MESSAGE` of a document; all versions that we know are the same to us. Returns it with its ID.
pub(super) fn open<'a>(reader: &mut Reader<'a>) -> Result<(Start<'a>, String), DecodeError> {
    let root = reader.root()?;
    expect(&root, "CIM")?;
    check_version(&root, "CIMVERSION", "2.", DecodeError::UnsupportedCimVersion)?;
    check_version(&root, "DTDVERSION", "2.", DecodeError::UnsupportedDtdVersion)?;
    let message = only_child(reader, &root, "MESSAGE")?;
    check_version(
        &message,
        "PROTOCOLVERSION",
        "1.",
        DecodeError::UnsupportedProtocolVersion,
    )?;
    let id = message.plain_attribute("ID").unwrap_or_default().to_owned();
    Ok((message, id))
}

/// How many requests one message may hold.
const MAX_REQUESTS: usize = 1_000;

/// Reads the request of a message, or each of several in an element `multiple` (DSP0201, 5.2.2), by `one`. Says
/// whether they came in such an element.
pub(super) fn requests<'a, T>(
    reader: &mut Reader<'a>,
    message: &Start<'a>,
    multiple: &str,
    mut one: impl FnMut(&mut Reader<'a>, &Start<'a>) -> Result<T, DecodeError>,
) -> Result<(bool, Vec<T>), DecodeError> {
    let first = child(reader, message)?;
    if first.local != multiple {
        return Ok((false, vec![one(reader, &first)?]));
    }
    let mut requests = Vec::new();
    while let Some(element) = reader.child(&first)? {
        if requests.len() == MAX_REQUESTS {
            return Err(DecodeError::Invalid(format!(
                "there are more than {MAX_REQUESTS} requests in one message"
            )));
        }
        requests.push(one(reader, &element)?);
    }
    if requests.is_empty() {
        return Err(DecodeError::Invalid(format!("{multiple} is empty")));
    }
    Ok((true, requests))
}

/// The call in a request, behind what relates the request to others.
pub(super) fn call<'a>(reader: &mut Reader<'a>, request: &Start<'a>) -> Result<Start<'a>, DecodeError> {
    let mut call = child(reader, request)?;
    while call.local == "CORRELATOR" {
        let next = reader.child(request)?;
        call = next.ok_or_else(|| DecodeError::Invalid(format!("{} holds no call", request.local)))?;
    }
    Ok(call)
}

fn check_version(
    element: &Start<'_>,
    attribute: &str,
    prefix: &str,
    refuse: impl FnOnce(String) -> DecodeError,
) -> Result<(), DecodeError> {
    let version = element.plain_attribute(attribute).unwrap_or_default();
    if version.starts_with(prefix) {
        return Ok(());
    }
    Err(refuse(version.chars().take(20).collect()))
}

/// The first element in `parent`, which must hold one.
pub(super) fn child<'a>(reader: &mut Reader<'a>, parent: &Start<'a>) -> Result<Start<'a>, DecodeError> {
    let child = reader.child(parent)?;
    child.ok_or_else(|| DecodeError::Invalid(format!("{} is empty", parent.local)))
}

/// The first element in `parent`, which must be a `local`.
pub(super) fn only_child<'a>(
    reader: &mut Reader<'a>,
    parent: &Start<'a>,
    local: &str,
) -> Result<Start<'a>, DecodeError> {
    let child = child(reader, parent)?;
    expect(&child, local)?;
    Ok(child)
}

/// Refuses an element that is no `local`.
pub(super) fn expect(element: &Start<'_>, local: &str) -> Result<(), DecodeError> {
    if element.local == local {
        return Ok(());
    }
    Err(DecodeError::misplaced(element, local))
}
