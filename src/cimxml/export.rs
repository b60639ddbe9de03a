//! Exports: how a CIM server delivers an indication to a listener, and what the listener answers (DSP0200,
//! 5.5; DSP0201, 5.2.8).

use super::message::{self, child, expect, only_child};
use super::{DecodeError, OperationError, instance, name};
use crate::cim::{CimError, Instance};
use crate::xml::{Limits, Reader, Start, Writer};

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

/// What a listener answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExportResponse {
    /// `MESSAGE ID` of the request.
    pub message_id: String,
    /// Whether the indication was taken, or why not.
    pub result: Result<(), OperationError>,
}

/// The only export method there is.
const EXPORT_INDICATION: &str = "ExportIndication";

/// Its only parameter.
const NEW_INDICATION: &str = "NewIndication";

impl ExportRequest {
    /// Reads an export request.
    ///
    /// # Errors
    /// If it is malformed or none; [`DecodeError::cim_error_header`] says it to the sender.
    pub fn decode(text: &str, limits: Limits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(text, limits)?;
        let (message, message_id) = message::open(&mut reader)?;
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

    /// Writes the request that exports `indication`.
    pub fn encode(message_id: &str, indication: &Instance) -> String {
        let mut w = Writer::with_capacity(4096).keeping_end_tags();
        message::begin(&mut w, message_id);
        w.start(name("SIMPLEEXPREQ"));
        w.start(name("EXPMETHODCALL"));
        w.attr(name("NAME"), EXPORT_INDICATION);
        w.start(name("EXPPARAMVALUE"));
        w.attr(name("NAME"), NEW_INDICATION);
        instance::encode(&mut w, indication, None, instance::Shown::all());
        w.end(name("EXPPARAMVALUE"));
        w.end(name("EXPMETHODCALL"));
        w.end(name("SIMPLEEXPREQ"));
        message::end(&mut w);
        w.finish()
    }

    /// Writes the response: that the indication was taken, or why not.
    pub fn encode_response(&self, result: Result<(), &CimError>) -> String {
        let mut w = Writer::with_capacity(512).keeping_end_tags();
        message::begin(&mut w, &self.message_id);
        w.start(name("SIMPLEEXPRSP"));
        w.start(name("EXPMETHODRESPONSE"));
        w.attr(name("NAME"), &self.method);
        match result {
            Ok(()) => w.empty(name("IRETURNVALUE")),
            Err(error) => message::encode_error(&mut w, error),
        }
        w.end(name("EXPMETHODRESPONSE"));
        w.end(name("SIMPLEEXPRSP"));
        message::end(&mut w);
        w.finish()
    }
}

impl ExportResponse {
    /// Reads the response to an export.
    ///
    /// # Errors
    /// If it is malformed, or no response to an export.
    pub fn decode(text: &str, limits: Limits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(text, limits)?;
        let (message, message_id) = message::open(&mut reader)?;
        let response = only_child(&mut reader, &message, "SIMPLEEXPRSP")?;
        let answer = only_child(&mut reader, &response, "EXPMETHODRESPONSE")?;
        let mut result = Ok(());
        while let Some(child) = reader.child(&answer)? {
            match child.local {
                "ERROR" => result = Err(OperationError::decode(&child)?),
                "IRETURNVALUE" => {}
                _ => return Err(DecodeError::unexpected(&child, &answer)),
            }
        }
        reader.finish()?;
        Ok(Self { message_id, result })
    }
}

/// The instance in the parameter `NewIndication`.
fn decode_parameter<'a>(reader: &mut Reader<'a>, call: &Start<'a>) -> Result<Instance, DecodeError> {
    while let Some(parameter) = reader.child(call)? {
        let is_indication = parameter
            .plain_attribute("NAME")
            .is_some_and(|name| name.eq_ignore_ascii_case(NEW_INDICATION));
        if parameter.local == "EXPPARAMVALUE" && is_indication {
            let element = only_child(reader, &parameter, "INSTANCE")?;
            return instance::decode(reader, &element);
        }
    }
    Err(DecodeError::Invalid(
        "ExportIndication lacks its parameter NewIndication".to_owned(),
    ))
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

    #[test]
    fn an_indication_is_written_as_listeners_read_it() {
        let mut indication = Instance::new(crate::cim::Name::new("CIM_AlertIndication"));
        indication.set("Message", "a < b & \"c\"");
        indication.set("MessageArguments", vec!["1".to_owned(), "2".to_owned()]);
        indication.set_or_null("OtherAlertType", crate::cim::CimType::String, None::<&str>);
        indication.set("SequenceNumber", 7_i64);
        let text = ExportRequest::encode("12", &indication);
        insta::assert_snapshot!(text, @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="12" PROTOCOLVERSION="1.0"><SIMPLEEXPREQ><EXPMETHODCALL NAME="ExportIndication"><EXPPARAMVALUE NAME="NewIndication"><INSTANCE CLASSNAME="CIM_AlertIndication"><PROPERTY NAME="Message" TYPE="string"><VALUE>a &lt; b &amp; &quot;c&quot;</VALUE></PROPERTY><PROPERTY.ARRAY NAME="MessageArguments" TYPE="string"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY NAME="OtherAlertType" TYPE="string"></PROPERTY><PROPERTY NAME="SequenceNumber" TYPE="sint64"><VALUE>7</VALUE></PROPERTY></INSTANCE></EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ></MESSAGE></CIM>
        "#);
        let request = decode(&text).unwrap();
        assert_eq!(
            (request.message_id.as_str(), request.indication),
            ("12", Some(indication))
        );
    }

    #[track_caller]
    fn check_response(inner: &str, expect: Result<Result<(), (u32, &str)>, &str>) {
        let text = message(inner);
        let found = ExportResponse::decode(&text, Limits::default());
        let found = found.map(|response| {
            assert_eq!(response.message_id, "42");
            response.result.map_err(|error| (error.code, error.description))
        });
        let expect = expect.map(|result| result.map_err(|(code, text)| (code, text.to_owned())));
        assert_eq!(
            found.map_err(|error| error.to_string()),
            expect.map_err(str::to_owned)
        );
    }

    fn response(inner: &str) -> String {
        format!(
            "<SIMPLEEXPRSP><EXPMETHODRESPONSE NAME=\"ExportIndication\">{inner}</EXPMETHODRESPONSE></SIMPLEEXPRSP>"
        )
    }

    #[test]
    fn answers_of_listeners_are_read() {
        check_response(&response(""), Ok(Ok(())));
        check_response(&response("<IRETURNVALUE/>"), Ok(Ok(())));
        check_response(&response("<IRETURNVALUE></IRETURNVALUE>"), Ok(Ok(())));
        check_response(
            &response("<ERROR CODE=\"7\" DESCRIPTION=\"a &lt; b\"/>"),
            Ok(Err((7, "a < b"))),
        );
        check_response(&response("<ERROR CODE=\"999\"></ERROR>"), Ok(Err((999, ""))));
        check_response(
            &response("<ERROR CODE=\"x\"/>"),
            Err("ERROR lacks its CODE, a number"),
        );
        check_response(
            "<SIMPLERSP/>",
            Err("there is SIMPLERSP where SIMPLEEXPRSP belongs"),
        );
        check_response(
            &response("<RETURNVALUE/>"),
            Err("RETURNVALUE may not stand in EXPMETHODRESPONSE"),
        );
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
            let _ = ExportResponse::decode(&text, Limits::default());
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
