//! The messages of the load, as a client would send them.

use crate::many::ACCOUNT;

/// A POST of CIM-XML as it goes over the wire, and the length of its body.
pub fn post((operation, body): &(&str, String)) -> (Vec<u8>, usize) {
    let head = format!(
        "POST /cimom HTTP/1.1\r\nHost: localhost:5989\r\nAuthorization: Basic {}\r\n\
         Content-Type: application/xml; charset=\"utf-8\"\r\nCIMOperation: MethodCall\r\nCIMMethod: {operation}\r\n\
         CIMObject: root/ESMPRO/AS\r\nContent-Length: {}\r\n\r\n{body}",
        ACCOUNT.2,
        body.len()
    );
    (head.into_bytes(), body.len())
}

pub fn enumerate_instances(class: &str) -> (&'static str, String) {
    operation("EnumerateInstances", &class_name(class))
}

/// Opens an enumeration and takes nothing of it yet.
pub fn open(class: &str) -> (&'static str, String) {
    operation("OpenEnumerateInstances", &class_name(class))
}

pub fn pull(context: &str, count: u32) -> (&'static str, String) {
    let parameters = format!(
        "<IPARAMVALUE NAME=\"EnumerationContext\"><VALUE>{context}</VALUE></IPARAMVALUE>\
         <IPARAMVALUE NAME=\"MaxObjectCount\"><VALUE>{count}</VALUE></IPARAMVALUE>"
    );
    operation("PullInstancesWithPath", &parameters)
}

/// The context in a reply; `None` at the end of the enumeration.
pub fn context(reply: &[u8]) -> Option<String> {
    let near = reply.len().saturating_sub(1024);
    let text = std::str::from_utf8(&reply[near..]).ok()?;
    let rest = text.split_once("NAME=\"EnumerationContext\"")?.1;
    let context = rest.split_once("<VALUE>")?.1.split_once('<')?.0;
    (!context.is_empty()).then(|| context.to_owned())
}

/// How many instances with their paths a reply holds.
pub fn count(reply: &[u8]) -> usize {
    let text = std::str::from_utf8(reply).unwrap();
    text.matches("</VALUE.INSTANCEWITHPATH>").count()
}

/// A body without the framing of its chunks, if it has any.
pub fn without_chunks(reply: &[u8]) -> String {
    let mut body = Vec::new();
    let mut rest = reply;
    while !rest.starts_with(b"<?xml") && !rest.is_empty() {
        let line_end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..line_end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&rest[line_end + 2..line_end + 2 + size]);
        rest = &rest[line_end + 2 + size + 2..];
    }
    let whole = if body.is_empty() { reply.to_vec() } else { body };
    String::from_utf8(whole).unwrap()
}

fn class_name(class: &str) -> String {
    format!("<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"{class}\"/></IPARAMVALUE>")
}

fn operation(name: &'static str, parameters: &str) -> (&'static str, String) {
    let namespace = "<LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"ESMPRO\"/><NAMESPACE NAME=\"AS\"/></LOCALNAMESPACEPATH>";
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?><CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\"><MESSAGE ID=\"1001\" PROTOCOLVERSION=\"1.0\">\
         <SIMPLEREQ><IMETHODCALL NAME=\"{name}\">{namespace}{parameters}</IMETHODCALL></SIMPLEREQ></MESSAGE></CIM>"
    );
    (name, body)
}
