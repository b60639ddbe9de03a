//! Exports: how a CIM server delivers an indication to a listener, and what the listener answers (DSP0200,
//! 5.5; DSP0201, 5.2.8).

use super::message::{self, expect, only_child};
use super::{DecodeError, OperationError, instance, name};
use crate::cim::{CimError, Instance};
use crate::xml::{Limits, Reader, Start, Writer};

/// A message with one or more exports, each of which is answered by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportMessage {
    /// `MESSAGE ID`, which the response repeats.
    pub message_id: String,
    /// Whether the exports came in a `MULTIEXPREQ`; the responses go back in a `MULTIEXPRSP` then.
    pub is_multiple: bool,
    /// The exports, in order; at least one.
    pub exports: Vec<Export>,
}

/// One export.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The name of the export method, which the response repeats.
    pub method: String,
    /// The indication, or the error that this one export is answered with.
    pub indication: Result<ExportedIndication, CimError>,
}

/// An indication as it was exported.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedIndication {
    /// The indication.
    pub instance: Instance,
    /// Its element, as XML that stands for itself.
    pub xml: String,
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

/// How long the indications of one message may be together, in bytes of XML that stands for itself: what is declared
/// once in the message is declared in each of them.
const MAX_INDICATIONS_BYTES: usize = 16 * 1024 * 1024;

impl ExportMessage {
    /// Reads a message with exports.
    ///
    /// What is wrong with one export is an error of that export alone, and stands in its place.
    ///
    /// # Errors
    /// If the message as a whole cannot be read; [`DecodeError::cim_error_header`] says it to the sender.
    pub fn decode(text: &str, limits: Limits) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(text, limits)?;
        let (message, message_id) = message::open(&mut reader)?;
        let mut room = MAX_INDICATIONS_BYTES;
        let (is_multiple, exports) =
            message::requests(&mut reader, &message, "MULTIEXPREQ", |reader, element| {
                Export::decode(reader, element, limits, &mut room)
            })?;
        reader.finish()?;
        Ok(Self {
            message_id,
            is_multiple,
            exports,
        })
    }

    /// Writes the message that exports `indication` alone.
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

    /// Writes the response: of each export, in order, that the indication was taken, or why not.
    pub fn encode_response(&self, results: &[Result<(), CimError>]) -> String {
        let mut w = Writer::with_capacity(512).keeping_end_tags();
        message::begin(&mut w, &self.message_id);
        if self.is_multiple {
            w.start(name("MULTIEXPRSP"));
        }
        for (export, result) in self.exports.iter().zip(results) {
            w.start(name("SIMPLEEXPRSP"));
            w.start(name("EXPMETHODRESPONSE"));
            w.attr(name("NAME"), &export.method);
            match result {
                Ok(()) => w.empty(name("IRETURNVALUE")),
                Err(error) => message::encode_error(&mut w, error),
            }
            w.end(name("EXPMETHODRESPONSE"));
            w.end(name("SIMPLEEXPRSP"));
        }
        if self.is_multiple {
            w.end(name("MULTIEXPRSP"));
        }
        message::end(&mut w);
        w.finish()
    }
}

impl Export {
    /// Takes from `room` what the indication needs.
    fn decode<'a>(
        reader: &mut Reader<'a>,
        element: &Start<'a>,
        limits: Limits,
        room: &mut usize,
    ) -> Result<Self, DecodeError> {
        expect(element, "SIMPLEEXPREQ")?;
        let call = message::call(reader, element)?;
        expect(&call, "EXPMETHODCALL")?;
        let method = call.plain_attribute("NAME").unwrap_or_default().to_owned();
        let indication = if method.eq_ignore_ascii_case(EXPORT_INDICATION) {
            match new_indication(reader, &call, limits, room) {
                Ok(indication) => Ok(indication),
                Err(DecodeError::Invalid(reason)) => Err(CimError::invalid_parameter(reason)),
                Err(error) => return Err(error),
            }
        } else {
            Err(CimError::not_supported(
                "ExportIndication is the only export method.",
            ))
        };
        Ok(Self { method, indication })
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
fn new_indication<'a>(
    reader: &mut Reader<'a>,
    call: &Start<'a>,
    limits: Limits,
    room: &mut usize,
) -> Result<ExportedIndication, DecodeError> {
    while let Some(parameter) = reader.child(call)? {
        let is_indication = parameter
            .plain_attribute("NAME")
            .is_some_and(|name| name.eq_ignore_ascii_case(NEW_INDICATION));
        if parameter.local == "EXPPARAMVALUE" && is_indication {
            let element = only_child(reader, &parameter, "INSTANCE")?;
            let xml = reader.capture(&element, *room)?;
            *room -= xml.len().min(*room);
            // What was captured may be longer than it was, as special characters are escaped in it.
            let limits = Limits {
                total_bytes: xml.len(),
                ..limits
            };
            let mut reader = Reader::new(&xml, limits)?;
            let element = reader.root()?;
            let instance = instance::decode(&mut reader, &element)?;
            return Ok(ExportedIndication { instance, xml });
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

    fn decode(text: &str) -> Result<ExportMessage, DecodeError> {
        ExportMessage::decode(text, Limits::default())
    }

    /// The only export of a message that holds one.
    #[track_caller]
    fn only(message: &ExportMessage) -> &Export {
        assert!(!message.is_multiple);
        let [export] = message.exports.as_slice() else {
            panic!("{message:?}")
        };
        export
    }

    #[test]
    fn an_indication_is_read_and_answered() {
        let instance = "<INSTANCE CLASSNAME=\"CIM_AlertIndication\"><PROPERTY NAME=\"EventID\" TYPE=\"string\"><VALUE>1</VALUE></PROPERTY></INSTANCE>";
        let request = decode(&export("ExportIndication", "NewIndication", instance)).unwrap();
        let indication = only(&request).indication.as_ref().unwrap();
        assert_eq!(indication.instance.get_str("EventID"), Some("1"));
        assert_eq!(indication.xml, instance);
        insta::assert_snapshot!(request.encode_response(&[Ok(())]), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="42" PROTOCOLVERSION="1.0"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><IRETURNVALUE></IRETURNVALUE></EXPMETHODRESPONSE></SIMPLEEXPRSP></MESSAGE></CIM>
        "#);
        let error = CimError::new(CimStatus::Failed, "later");
        insta::assert_snapshot!(request.encode_response(&[Err(error)]), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="42" PROTOCOLVERSION="1.0"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><ERROR CODE="1" DESCRIPTION="later"/></EXPMETHODRESPONSE></SIMPLEEXPRSP></MESSAGE></CIM>
        "#);
        check_refused(
            &export("Other", "NewIndication", instance),
            CimStatus::NotSupported,
            "ExportIndication is the only export method.",
        );
        let no_parameter = "ExportIndication lacks its parameter NewIndication";
        check_refused(
            &export("ExportIndication", "Other", ""),
            CimStatus::InvalidParameter,
            no_parameter,
        );
        check_refused(
            &export("ExportIndication", "NewIndication", ""),
            CimStatus::InvalidParameter,
            "EXPPARAMVALUE is empty",
        );
    }

    #[track_caller]
    fn check_refused(text: &str, status: CimStatus, detail: &str) {
        let refused = only(&decode(text).unwrap()).indication.clone();
        assert_eq!(refused, Err(CimError::new(status, detail)));
    }

    #[test]
    fn several_exports_are_read_and_answered_in_order() {
        let correlator = "<CORRELATOR NAME=\"c\" TYPE=\"string\"><VALUE>1</VALUE></CORRELATOR>";
        let one = |class: &str, type_name: &str| {
            format!(
                "<SIMPLEEXPREQ>{correlator}<EXPMETHODCALL NAME=\"ExportIndication\"><EXPPARAMVALUE NAME=\"NewIndication\">\
                 <INSTANCE CLASSNAME=\"{class}\"><PROPERTY NAME=\"A\" TYPE=\"{type_name}\"><VALUE>x</VALUE></PROPERTY></INSTANCE>\
                 </EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ>"
            )
        };
        let other = "<SIMPLEEXPREQ><EXPMETHODCALL NAME=\"Other\"/></SIMPLEEXPREQ>";
        let exports = [
            one("C_1", "string"),
            one("C_2", "uint8"),
            other.to_owned(),
            one("C_3", "string"),
        ];
        let text = message(&format!("<MULTIEXPREQ>{}</MULTIEXPREQ>", exports.concat()));
        let several = decode(&text).unwrap();
        let results: Vec<Result<(), CimError>> = several
            .exports
            .iter()
            .map(|export| export.indication.clone().map(drop))
            .collect();
        let classes = several.exports.iter().map(|export| &export.indication);
        let classes: Vec<&str> = classes
            .flatten()
            .map(|indication| indication.instance.class_name.as_str())
            .collect();
        assert_eq!(classes, ["C_1", "C_3"]);
        insta::assert_snapshot!(several.encode_response(&results), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="42" PROTOCOLVERSION="1.0"><MULTIEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><IRETURNVALUE></IRETURNVALUE></EXPMETHODRESPONSE></SIMPLEEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><ERROR CODE="4" DESCRIPTION="the property `A`: `x` is no uint8 (0 to 255)"/></EXPMETHODRESPONSE></SIMPLEEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="Other"><ERROR CODE="7" DESCRIPTION="ExportIndication is the only export method."/></EXPMETHODRESPONSE></SIMPLEEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><IRETURNVALUE></IRETURNVALUE></EXPMETHODRESPONSE></SIMPLEEXPRSP></MULTIEXPRSP></MESSAGE></CIM>
        "#);
    }

    #[test]
    fn an_indication_is_written_as_listeners_read_it() {
        let mut indication = Instance::new(crate::cim::Name::new("CIM_AlertIndication"));
        indication.set("Message", "a < b & \"c\"");
        indication.set("MessageArguments", vec!["1".to_owned(), "2".to_owned()]);
        indication.set_or_null("OtherAlertType", crate::cim::CimType::String, None::<&str>);
        indication.set("SequenceNumber", 7_i64);
        let text = ExportMessage::encode("12", &indication);
        insta::assert_snapshot!(text, @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="12" PROTOCOLVERSION="1.0"><SIMPLEEXPREQ><EXPMETHODCALL NAME="ExportIndication"><EXPPARAMVALUE NAME="NewIndication"><INSTANCE CLASSNAME="CIM_AlertIndication"><PROPERTY NAME="Message" TYPE="string"><VALUE>a &lt; b &amp; &quot;c&quot;</VALUE></PROPERTY><PROPERTY.ARRAY NAME="MessageArguments" TYPE="string"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY NAME="OtherAlertType" TYPE="string"></PROPERTY><PROPERTY NAME="SequenceNumber" TYPE="sint64"><VALUE>7</VALUE></PROPERTY></INSTANCE></EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ></MESSAGE></CIM>
        "#);
        let request = decode(&text).unwrap();
        assert_eq!(request.message_id, "12");
        let read = only(&request).indication.as_ref().unwrap();
        assert_eq!(read.instance, indication);
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

    #[test]
    fn what_is_declared_once_does_not_grow_without_bound() {
        let name = "x".repeat(15 * 1024);
        let several = |count: usize| {
            let each = "<SIMPLEEXPREQ><EXPMETHODCALL NAME=\"ExportIndication\"><EXPPARAMVALUE NAME=\"NewIndication\">\
                        <INSTANCE CLASSNAME=\"C\"><p:PROPERTY NAME=\"A\" TYPE=\"string\"/></INSTANCE></EXPPARAMVALUE>\
                        </EXPMETHODCALL></SIMPLEEXPREQ>";
            let text = format!(
                "<MULTIEXPREQ xmlns=\"{name}\">{}</MULTIEXPREQ>",
                each.repeat(count)
            );
            decode(&message(&text).replacen("<CIM ", &format!("<CIM xmlns:p=\"{name}\" "), 1))
        };
        let some = several(10).unwrap();
        assert!(
            some.exports.iter().all(|export| export.indication.is_ok()),
            "{some:?}"
        );
        let error = several(1000).unwrap_err();
        assert_eq!(error.cim_error_header(), "request-not-well-formed", "{error}");
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
            "request-not-valid",
            "MULTIEXPREQ is empty",
        );
        let many = "<SIMPLEEXPREQ><EXPMETHODCALL NAME=\"A\"/></SIMPLEEXPREQ>".repeat(1001);
        check(
            &message(&format!("<MULTIEXPREQ>{many}</MULTIEXPREQ>")),
            "request-not-valid",
            "there are more than 1000 requests in one message",
        );
        check(
            &message("<MULTIEXPREQ><SIMPLEREQ/></MULTIEXPREQ>"),
            "request-not-valid",
            "there is SIMPLEREQ where SIMPLEEXPREQ belongs",
        );
        check(
            &message("<SIMPLEEXPREQ><CORRELATOR/></SIMPLEEXPREQ>"),
            "request-not-valid",
            "SIMPLEEXPREQ holds no call",
        );
        check(
            &message("<SIMPLEREQ/>"),
            "request-not-valid",
            "there is SIMPLEREQ where SIMPLEEXPREQ belongs",
        );
    }
}
