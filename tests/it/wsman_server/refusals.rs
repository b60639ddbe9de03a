//! Messages that are refused, and how: every one with a fault that says what would be right.

use crate::message::Message;
use crate::raw_http::Reply;
use crate::wsman_service::Service;

fn get() -> Message {
    Message::transfer("Get", "Test_Group")
        .in_test()
        .selector("Name", "odd")
}

const MUST: &str = "s:mustUnderstand=\"true\"";

#[test]
fn a_header_that_must_be_understood_is_or_the_message_is_refused() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut ask = |header: &str| ann.ask(&get().header(header));
    let unknown = |must: &str| format!("<x:Odd xmlns:x=\"urn:odd\" {must}>1</x:Odd>");
    insta::assert_snapshot!(ask(&unknown(MUST)).envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:Action http://schemas.dmtf.org/wbem/wsman/1/wsman/fault
        wsa:MessageID uuid:*
        wsa:RelatesTo uuid:*
        s:NotUnderstood qname=h:Odd
      s:Body
        s:Fault
          s:Code
            s:Value s:MustUnderstand
          s:Reason
            s:Text xml:lang=en-US The header `x:Odd` must be understood and is not known here.
    ");
    assert_eq!(
        ask(&unknown("s:mustUnderstand=\"1\"")).fault(),
        ask(&unknown(MUST)).fault()
    );
    for ignored in ["", "s:mustUnderstand=\"false\"", "s:mustUnderstand=\"0\""] {
        assert_eq!(ask(&unknown(ignored)).status, 200, "{ignored}");
    }
    let elsewhere = format!("{MUST} s:role=\"http://example.org/another\"");
    assert_eq!(
        ask(&unknown(&elsewhere)).status,
        200,
        "a header for somebody else"
    );
    for known in [
        format!("<w:OptionSet {MUST}/>"),
        format!("<w:MaxEnvelopeSize {MUST}>51200</w:MaxEnvelopeSize>"),
        format!("<w:OperationTimeout {MUST}>PT60.000S</w:OperationTimeout>"),
        format!("<w:Locale xml:lang=\"en-GB\" {MUST}/>"),
        "<w:Locale xml:lang=\"ja\"/>".to_owned(),
    ] {
        assert_eq!(ask(&known).status, 200, "{known}");
    }
    insta::assert_snapshot!(ask(&format!("<w:Locale xml:lang=\"ja\" {MUST}/>")).fault(), @"s:Sender wsman:UnsupportedFeature Locale: The language `ja` is not offered; ask for `en`.");
    let option = "<w:OptionSet><w:Option Name=\"Odd\" MustComply=\"true\">1</w:Option></w:OptionSet>";
    insta::assert_snapshot!(ask(option).fault(), @"s:Sender wsman:InvalidOptions NotSupported: The option `Odd` is not known here.");
}

#[test]
fn headers_that_are_missing_or_stand_twice_are_told() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut ask = |from: &str, to: &str| {
        let text = get().text();
        assert!(text.contains(from), "{from}");
        ann.post("application/soap+xml", text.replace(from, to).as_bytes())
    };
    let id = "<a:MessageID>uuid:00000000-0000-0000-0000-000000000001</a:MessageID>";
    insta::assert_snapshot!(ask(id, "").fault(), @"s:Sender wsa:MessageInformationHeaderRequired: The header wsa:MessageID is missing.");
    insta::assert_snapshot!(ask(id, &id.repeat(2)).fault(), @"s:Sender wsa:InvalidMessageInformationHeader: The header wsa:MessageID is not valid: it stands twice.");
    let action =
        "<a:Action s:mustUnderstand=\"true\">http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action>";
    insta::assert_snapshot!(ask(action, "").fault(), @"s:Sender wsa:MessageInformationHeaderRequired: The header wsa:Action is missing.");
    insta::assert_snapshot!(ask("transfer/Get<", "transfer/Fetch<").fault(), @"s:Sender wsa:ActionNotSupported: The action `http://schemas.xmlsoap.org/ws/2004/09/transfer/Fetch` is not supported for this resource.");
    insta::assert_snapshot!(ask("cim-schema/2/Test_Group", "cim-schema/2/").fault(), @"s:Sender wsa:DestinationUnreachable InvalidResourceURI: The resource URI `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/` names no class here; write http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CLASS.");
    let reply_to = |to: &str| format!("{id}<a:ReplyTo><a:Address>{to}</a:Address></a:ReplyTo>");
    let anonymous = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
    assert_eq!(ask(id, &reply_to(anonymous)).status, 200);
    insta::assert_snapshot!(ask(id, &reply_to("http://elsewhere.example/")).fault(), @"s:Sender wsman:UnsupportedFeature AddressingMode: Replies go back on the connection alone: wsa:ReplyTo must be http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous.");
    insta::assert_snapshot!(ask("<s:Body></s:Body>", "").fault(), @"s:Sender wsman:SchemaValidationError: The envelope has no s:Body.");
    insta::assert_snapshot!(ask("<s:Body></s:Body>", "<s:Body/><s:Body/>").fault(), @"s:Sender wsman:SchemaValidationError: The envelope holds `Body` where s:Header and one s:Body belong.");
    insta::assert_snapshot!(ask("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/").fault(), @"s:VersionMismatch: The envelope is of `SOAP 1.1`; send SOAP 1.2, namespace http://www.w3.org/2003/05/soap-envelope.");
    insta::assert_snapshot!(ask("http://www.w3.org/2003/05/soap-envelope", "urn:odd").status.to_string(), @"500");
    insta::assert_snapshot!(ask("</s:Header>", "").fault(), @"s:Sender wsman:SchemaValidationError: the XML is not well-formed: ill-formed document: expected `</s:Header>`, but `</s:Envelo (byte 824)");
}

/// The id of a message is any text; it comes back as it was, and the same one again is no duplicate.
#[test]
fn a_message_id_is_any_text() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    for id in ["1", "uuid:nothing like one", "\u{65e5} &lt;&amp;"] {
        for _ in 0..2 {
            let reply = ann.ask(&get().id(id));
            let expect = id.replace("&lt;", "<").replace("&amp;", "&");
            assert_eq!(reply.envelope().text_at("Header/RelatesTo"), expect);
        }
    }
}

#[test]
fn what_is_meant_to_harm_is_refused() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut post = |body: &str| ann.post("application/soap+xml;charset=UTF-8", body.as_bytes());
    let doctype = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"{}\"><!ENTITY b \"&a;&a;&a;&a;\">]>{}",
        "lol".repeat(10),
        get().text()
    );
    insta::assert_snapshot!(post(&doctype).fault(), @"s:Sender wsman:SchemaValidationError: a DOCTYPE is not allowed; leave it out (byte 21)");
    let entity = get().text().replace("odd", "&secret;");
    insta::assert_snapshot!(post(&entity).fault(), @"s:Sender wsman:SchemaValidationError: `&secret;` is none of &lt; &gt; &amp; &quot; &apos; and refers to no character that XML 1.0 allows (byte 783)");
    let deep = |count: usize| {
        let (open, close) = ("<x>".repeat(count), "</x>".repeat(count));
        get().body(&format!("{open}{close}")).text()
    };
    insta::assert_snapshot!(post(&deep(10_000)).fault(), @"s:Sender wsman:EncodingLimit: elements are nested deeper than 64 (byte 1012)");
    let attributes: String = (0..1_000).map(|count| format!(" a{count}=\"1\"")).collect();
    insta::assert_snapshot!(post(&get().header(&format!("<x{attributes}/>")).text()).fault(), @"s:Sender wsman:EncodingLimit: an element has more than 64 attributes (byte 807)");
    let long = format!("<{}/>", "x".repeat(500_000));
    insta::assert_snapshot!(post(&get().header(&long).text()).fault(), @"s:Sender wsman:EncodingLimit: a start tag is longer than 16384 bytes (byte 807)");
    let selectors = (0..10_000).fold(get(), |message, count| {
        message.selector(&format!("k{count}"), "v")
    });
    insta::assert_snapshot!(post(&selectors.text()).fault(), @"s:Sender wsman:EncodingLimit SelectorLimit: There are more than 64 selectors.");
    let control = get().text().replace("odd", "o&#1;dd");
    insta::assert_snapshot!(post(&control).fault(), @"s:Sender wsman:SchemaValidationError: `&#1;` is none of &lt; &gt; &amp; &quot; &apos; and refers to no character that XML 1.0 allows (byte 780)");
    for (cut, body) in [(0, String::new()), (40, get().text()), (400, get().text())] {
        let reply = post(&body[..cut]);
        assert!(
            reply.fault().starts_with("s:Sender wsman:SchemaValidationError"),
            "{cut}: {}",
            reply.fault()
        );
    }
    assert_eq!(
        post(&get().text()).status,
        200,
        "the connection and the server are well"
    );
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut ask = |content: &str| -> Reply { ann.ask(&Message::enumerate("Test_Group", content).in_test()) };
    insta::assert_snapshot!(ask("<w:MaxElements>0</w:MaxElements>").fault(), @"s:Sender wsman:UnsupportedFeature MaxElements: MaxElements is `0`; it must be at least 1.");
    insta::assert_snapshot!(ask("<w:MaxElements>-1</w:MaxElements>").fault(), @"s:Sender wsman:UnsupportedFeature MaxElements: MaxElements is `-1`; it must be at least 1.");
    insta::assert_snapshot!(ask("<n:Expires>soon</n:Expires>").fault(), @"s:Sender wsen:InvalidExpirationTime: wsen:Expires is not an xs:dateTime such as 2026-01-31T12:00:00Z.");
    insta::assert_snapshot!(ask("<n:EndTo><a:Address>http://x/</a:Address></n:EndTo>").fault(), @"s:Sender wsman:UnsupportedFeature AddressingMode: wsen:EndTo is not offered; leave it out.");
    let context = ask("")
        .body()
        .text_at("EnumerateResponse/EnumerationContext")
        .to_owned();
    let mut pull = |content: &str| ann.ask(&Message::pull("Test_Group", &context, content).in_test());
    insta::assert_snapshot!(pull("<n:MaxTime>1s</n:MaxTime>").fault(), @"s:Sender wsman:UnsupportedFeature MaxTime: wsen:MaxTime is not an xs:duration such as PT60S or P1DT2H.");
    insta::assert_snapshot!(pull("<n:MaxCharacters>some</n:MaxCharacters>").fault(), @"s:Sender wsman:SchemaValidationError: wsen:MaxCharacters is no number.");
    assert_eq!(pull("").status, 200, "a refused pull takes nothing away");
}

/// Anyone may ask who answers; nothing else is answered there.
#[test]
fn without_an_account_there_is_identify_and_nothing_else() {
    let service = Service::start();
    let anonymous = |body: &str| {
        let mut connection = crate::raw_http::Connection::open(service.plain);
        let head = format!(
            "POST /wsman-anon/identify HTTP/1.1\r\nHost: x\r\nContent-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.send(head.as_bytes());
        connection.reply()
    };
    let denied = anonymous(&get().text()).fault();
    let identify = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:i=\"http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd\"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>";
    insta::assert_snapshot!(anonymous(identify).envelope().outline(), @r"
    s:Envelope
      s:Header
      s:Body
        wsmid:IdentifyResponse
          wsmid:ProtocolVersion http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd
          wsmid:ProductVendor esm
          wsmid:ProductVersion 0.1.0
          wsmid:SecurityProfiles
            wsmid:SecurityProfileName http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/http/basic
          wsmid:AddressingVersionURI http://schemas.xmlsoap.org/ws/2004/08/addressing
          wsmid:AddressingVersionURI http://www.w3.org/2005/08/addressing
    ");
    insta::assert_snapshot!(denied, @"s:Sender wsman:AccessDenied: Only Identify is answered at /wsman-anon/identify.");
    // The words of an Identify are remembered, and nothing else is taken for one then.
    let answer = anonymous(identify).envelope().outline();
    for other in [
        identify.to_owned(),
        identify.replace("i:", "id:").replace(":i=", ":id="),
    ] {
        assert_eq!(anonymous(&other).envelope().outline(), answer, "{other}");
    }
    assert_eq!(anonymous(&get().text()).fault(), denied);
    let mut unknown = crate::raw_http::Connection::open(service.plain);
    let refused = unknown.post("application/soap+xml", identify.as_bytes());
    assert_eq!(refused.status, 401);
    let mut wrong = crate::raw_http::Connection::open(service.plain).logged_in("ann", "wrong");
    assert_eq!(
        wrong.post("application/soap+xml", identify.as_bytes()).status,
        401
    );
}
