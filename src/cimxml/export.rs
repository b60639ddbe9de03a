//! Exports: how a CIM server delivers an indication to a listener, and what the listener answers (DSP0200,
//! 5.5; DSP0201, 5.2.8).

use super::{DecodeError, instance};
use crate::cim::{CimError, Instance};
use crate::xml::{Limits, Name as XmlName, Ns, Reader, Start, Writer};

/// An export request: one indication.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportRequest {
    /// `MESSAGE ID`, which the response repeats.
    pub message_id: String,
    /// The name of the export method, which the response repeats.
    pub method: String,
    /// The indication; `None` where the method is another than `ExportIndication`.
    pub indication: Option<Instance>,
}

/// The only export method there is.
const EXPORT_INDICATION: &str = "ExportIndication";

impl ExportRequest {
    /// Reads an export request.
    ///
    /// # Errors
    /// If it is malformed or none; [`DecodeError::cim_error_header`] says it to the sender.
    pub fn decode(text: &str, limits: Limits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(text, limits)?;
        let root = reader.root()?;
        expect(&root, "CIM")?;
        check_version(&root, "CIMVERSION", "2.", DecodeError::UnsupportedCimVersion)?;
        check_version(&root, "DTDVERSION", "2.", DecodeError::UnsupportedDtdVersion)?;
        let message = only_child(&mut reader, &root, "MESSAGE")?;
        check_version(
            &message,
            "PROTOCOLVERSION",
            "1.",
            DecodeError::UnsupportedProtocolVersion,
        )?;
        let message_id = message.plain_attribute("ID").unwrap_or_default().to_owned();
        let request = child(&mut reader, &message)?;
        if request.local == "MULTIEXPREQ" {
            return Err(DecodeError::MultipleRequests);
        }
        expect(&request, "SIMPLEEXPREQ")?;
        let call = only_child(&mut reader, &request, "EXPMETHODCALL")?;
        let method = call.plain_attribute("NAME").unwrap_or_default().to_owned();
        let indication = if method.eq_ignore_ascii_case(EXPORT_INDICATION) {
            Some(decode_parameter(&mut reader, &call)?)
        } else {
            None
        };
        reader.finish()?;
        Ok(Self {
            message_id,
            method,
            indication,
        })
    }

    /// Writes the response: that the indication was taken, or why not.
    pub fn encode_response(&self, result: Result<(), &CimError>) -> String {
        let mut w = Writer::with_capacity(512).keeping_end_tags();
        w.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
        w.start(name("CIM"));
        w.attr(name("CIMVERSION"), "2.0");
        w.attr(name("DTDVERSION"), "2.0");
        w.start(name("MESSAGE"));
        w.attr(name("ID"), &self.message_id);
        w.attr(name("PROTOCOLVERSION"), "1.0");
        w.start(name("SIMPLEEXPRSP"));
        w.start(name("EXPMETHODRESPONSE"));
        w.attr(name("NAME"), &self.method);
        match result {
            Ok(()) => w.empty(name("IRETURNVALUE")),
            Err(error) => {
                w.start(name("ERROR"));
                w.attr(name("CODE"), &error.status.code().to_string());
                w.attr(name("DESCRIPTION"), &error.detail);
                w.end_empty();
            }
        }
        for local in ["EXPMETHODRESPONSE", "SIMPLEEXPRSP", "MESSAGE", "CIM"] {
            w.end(name(local));
        }
        w.finish()
    }
}

/// The instance in the parameter `NewIndication`.
fn decode_parameter<'a>(reader: &mut Reader<'a>, call: &Start<'a>) -> Result<Instance, DecodeError> {
    while let Some(parameter) = reader.child(call)? {
        let is_indication = parameter
            .plain_attribute("NAME")
            .is_some_and(|name| name.eq_ignore_ascii_case("NewIndication"));
        if parameter.local == "EXPPARAMVALUE" && is_indication {
            let element = only_child(reader, &parameter, "INSTANCE")?;
            return instance::decode(reader, &element);
        }
    }
    Err(DecodeError::Invalid(
        "ExportIndication lacks its parameter NewIndication".to_owned(),
    ))
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

fn child<'a>(reader: &mut Reader<'a>, parent: &Start<'a>) -> Result<Start<'a>, DecodeError> {
    let child = reader.child(parent)?;
    child.ok_or_else(|| DecodeError::Invalid(format!("{} is empty", parent.local)))
}

fn only_child<'a>(
    reader: &mut Reader<'a>,
    parent: &Start<'a>,
    local: &str,
) -> Result<Start<'a>, DecodeError> {
    let child = child(reader, parent)?;
    expect(&child, local)?;
    Ok(child)
}

fn expect(element: &Start<'_>, local: &str) -> Result<(), DecodeError> {
    if element.local == local {
        return Ok(());
    }
    let found: String = element.local.chars().take(80).collect();
    Err(DecodeError::Invalid(format!(
        "there is {found} where {local} belongs"
    )))
}

const fn name(local: &'static str) -> XmlName {
    Ns::NONE.name(local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::CimStatus;

    fn message(inner: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\" ?><CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">\
             <MESSAGE ID=\"42\" PROTOCOLVERSION=\"1.0\">{inner}</MESSAGE></CIM>"
        )
    }

    fn export(method: &str, parameter: &str, content: &str) -> String {
        message(&format!(
            "<SIMPLEEXPREQ><EXPMETHODCALL NAME=\"{method}\"><EXPPARAMVALUE NAME=\"{parameter}\">{content}</EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ>"
        ))
    }

    fn decode(text: &str) -> Result<ExportRequest, DecodeError> {
        ExportRequest::decode(text, Limits::default())
    }

    #[test]
    fn an_indication_is_read_and_answered() {
        let instance = "<INSTANCE CLASSNAME=\"CIM_AlertIndication\"><PROPERTY NAME=\"EventID\" TYPE=\"string\"><VALUE>1</VALUE></PROPERTY></INSTANCE>";
        let request = decode(&export("ExportIndication", "NewIndication", instance)).unwrap();
        let indication = request.indication.as_ref().unwrap();
        assert_eq!(indication.get_str("EventID"), Some("1"));
        insta::assert_snapshot!(request.encode_response(Ok(())), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="42" PROTOCOLVERSION="1.0"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><IRETURNVALUE></IRETURNVALUE></EXPMETHODRESPONSE></SIMPLEEXPRSP></MESSAGE></CIM>
        "#);
        let error = CimError::new(CimStatus::Failed, "later");
        insta::assert_snapshot!(request.encode_response(Err(&error)), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="42" PROTOCOLVERSION="1.0"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><ERROR CODE="1" DESCRIPTION="later"/></EXPMETHODRESPONSE></SIMPLEEXPRSP></MESSAGE></CIM>
        "#);
        let other = decode(&export("Other", "NewIndication", instance)).unwrap();
        assert_eq!((other.method.as_str(), other.indication), ("Other", None));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", at in 0_usize..400, cut in 0_usize..40) {
            let path = "<INSTANCENAME CLASSNAME=\"C\"><KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"numeric\">1</KEYVALUE></KEYBINDING></INSTANCENAME>";
            let reference = format!("<PROPERTY.REFERENCE NAME=\"R\"><VALUE.REFERENCE>{path}</VALUE.REFERENCE></PROPERTY.REFERENCE>");
            let array = "<PROPERTY.ARRAY NAME=\"A\" TYPE=\"uint8\"><VALUE.ARRAY><VALUE>1</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>";
            let content = format!("<INSTANCE CLASSNAME=\"C\">{reference}{array}</INSTANCE>");
            let mut message = export("ExportIndication", "NewIndication", &content);
            let _ = decode(&text);
            let at = at.min(message.len());
            let end = (at + cut).min(message.len());
            message.replace_range(at..end, &text);
            let _ = decode(&message);
        }
    }

    #[track_caller]
    fn check(text: &str, header: &str, message: &str) {
        let error = decode(text).unwrap_err();
        assert_eq!(
            (error.cim_error_header(), error.to_string().as_str()),
            (header, message)
        );
    }

    #[test]
    fn what_is_no_export_is_refused() {
        check(
            "<CIM",
            "request-not-well-formed",
            &decode("<CIM").unwrap_err().to_string(),
        );
        check("<X/>", "request-not-valid", "there is X where CIM belongs");
        check(
            "<CIM CIMVERSION=\"3.0\"/>",
            "unsupported-cim-version",
            "the CIM version `3.0` is not served: send 2.0",
        );
        check(
            "<CIM CIMVERSION=\"2.0\" DTDVERSION=\"1.0\"/>",
            "unsupported-dtd-version",
            "the DTD version `1.0` is not served: send 2.0",
        );
        check(
            "<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\"><MESSAGE ID=\"1\" PROTOCOLVERSION=\"2.0\"/></CIM>",
            "unsupported-protocol-version",
            "the protocol version `2.0` is not served: send 1.0",
        );
        check(
            &message("<MULTIEXPREQ/>"),
            "multiple-requests-unsupported",
            "several requests in one message are not served",
        );
        check(
            &message("<SIMPLEREQ/>"),
            "request-not-valid",
            "there is SIMPLEREQ where SIMPLEEXPREQ belongs",
        );
        check(
            &export("ExportIndication", "Other", ""),
            "request-not-valid",
            "ExportIndication lacks its parameter NewIndication",
        );
        check(
            &export("ExportIndication", "NewIndication", ""),
            "request-not-valid",
            "EXPPARAMVALUE is empty",
        );
    }
}
