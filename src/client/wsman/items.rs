//! What a reply holds, as XML that stands for itself.

use super::limits;
use crate::wsman::ns;
use crate::xml::{Reader, Start, XmlError};

/// Longest item that is kept, in bytes of XML.
const MAX_ITEM_BYTES: usize = 16 * 1024 * 1024;

/// The element in the body of an envelope; `None` where the body is empty.
///
/// # Errors
/// If the envelope is malformed.
pub fn body_xml(envelope: &str) -> Result<Option<String>, XmlError> {
    let mut reader = Reader::new(envelope, limits())?;
    let Some(element) = first_of_body(&mut reader)? else {
        return Ok(None);
    };
    reader.capture(&element, MAX_ITEM_BYTES).map(Some)
}

/// The items in the reply to Enumerate or Pull.
///
/// # Errors
/// If the envelope is malformed.
pub fn items_xml(envelope: &str) -> Result<Vec<String>, XmlError> {
    let mut reader = Reader::new(envelope, limits())?;
    let mut xml = Vec::new();
    let Some(response) = first_of_body(&mut reader)? else {
        return Ok(xml);
    };
    while let Some(part) = reader.child(&response)? {
        if part.is(ns::WSMAN.name("Items")) || part.is(ns::WSEN.name("Items")) {
            while let Some(item) = reader.child(&part)? {
                xml.push(reader.capture(&item, MAX_ITEM_BYTES)?);
            }
        }
    }
    Ok(xml)
}

/// The events in a delivery: the element in the body, or what a batch holds.
///
/// # Errors
/// If the envelope is malformed.
pub fn events_xml(envelope: &str) -> Result<Vec<String>, XmlError> {
    let mut reader = Reader::new(envelope, limits())?;
    let mut xml = Vec::new();
    let Some(first) = first_of_body(&mut reader)? else {
        return Ok(xml);
    };
    if !first.is(ns::WSMAN.name("Events")) {
        xml.push(reader.capture(&first, MAX_ITEM_BYTES)?);
        return Ok(xml);
    }
    while let Some(event) = reader.child(&first)? {
        while let Some(content) = reader.child(&event)? {
            xml.push(reader.capture(&content, MAX_ITEM_BYTES)?);
        }
    }
    Ok(xml)
}

/// The first element of the body, with the reader standing before what it holds.
fn first_of_body<'a>(reader: &mut Reader<'a>) -> Result<Option<Start<'a>>, XmlError> {
    let envelope = reader.root()?;
    while let Some(part) = reader.child(&envelope)? {
        if part.is(ns::SOAP.name("Body")) {
            return reader.child(&part);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stand_for_themselves() {
        let envelope = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:p='urn:x'>\
            <s:Header/><s:Body><r xmlns:n='http://schemas.xmlsoap.org/ws/2004/09/enumeration'>\
            <n:Items><p:A><p:B>1</p:B></p:A><p:A/></n:Items></r></s:Body></s:Envelope>";
        assert_eq!(
            items_xml(envelope).unwrap(),
            [
                "<p:A xmlns:p=\"urn:x\"><p:B>1</p:B></p:A>",
                "<p:A xmlns:p=\"urn:x\"></p:A>"
            ]
        );
        let body = body_xml(envelope).unwrap().unwrap();
        assert!(body.starts_with("<r><n:Items xmlns:n="), "{body}");
        assert_eq!(events_xml(envelope).unwrap().len(), 1);
        let batch = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body>\
            <w:Events xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd'><w:Event Action='a'><B/></w:Event>\
            <w:Event><C/></w:Event></w:Events></s:Body></s:Envelope>";
        assert_eq!(events_xml(batch).unwrap(), ["<B></B>", "<C></C>"]);
        let empty = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body/></s:Envelope>";
        assert_eq!(body_xml(empty), Ok(None));
        assert_eq!(items_xml(empty), Ok(Vec::new()));
    }
}
