//! Encodings, versions of WS-Addressing, and what the User-Agent says about its client.

use crate::element::Element;
use crate::message::{ADDRESSING_10, Message};
use crate::wsman_service::Service;

const WINRM: &str = "Microsoft WinRM Client";

fn get() -> Message {
    Message::transfer("Get", "Test_Item")
        .in_test()
        .selector("Number", "3")
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let bytes = |unit: u16| {
        if big {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    };
    std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(bytes)
        .collect()
}

fn from_utf16(bytes: &[u8], big: bool) -> String {
    let unit = |pair: &[u8]| {
        let pair = [pair[0], pair[1]];
        if big {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        }
    };
    let units: Vec<u16> = bytes.chunks(2).map(unit).collect();
    let text = String::from_utf16(&units).unwrap();
    text.trim_start_matches('\u{feff}').to_owned()
}

/// A WinRM client reads what it writes; all others get UTF-8.
#[test]
fn utf_16_is_answered_in_kind_where_the_client_is_winrm() {
    let service = Service::start();
    let plain = service.ask(&get()).body();
    for big in [false, true] {
        let body = utf16(&get().text(), big);
        let mut other = service.connect_as("ann");
        let reply = other.post("application/soap+xml;charset=UTF-16", &body);
        assert_eq!(
            reply.header("content-type"),
            Some("application/soap+xml;charset=UTF-8")
        );
        assert_eq!(reply.body(), plain);

        let mut winrm = service.connect_as("ann").with_header("User-Agent", WINRM);
        let reply = winrm.post("application/soap+xml;charset=UTF-16", &body);
        assert_eq!(
            reply.header("content-type"),
            Some("application/soap+xml;charset=UTF-16")
        );
        let envelope = Element::parse(&from_utf16(&reply.body, big));
        assert_eq!(
            envelope.text_at("Body/Test_Item/Text"),
            plain.text_at("Test_Item/Text")
        );
    }
}

/// Twice the bytes per character count twice against the envelope.
#[test]
fn utf_16_replies_keep_to_the_envelope_too() {
    let service = Service::start();
    let mut winrm = service.connect_as("ann").with_header("User-Agent", WINRM);
    let size = "<w:MaxEnvelopeSize>20000</w:MaxEnvelopeSize>";
    let message = Message::enumerate("Test_Many", "<w:OptimizeEnumeration/>")
        .in_test()
        .header(size);
    let reply = winrm.post(
        "application/soap+xml;charset=UTF-16",
        &utf16(&message.text(), false),
    );
    assert!(
        reply.body.len() <= 20_000 && reply.body.len() > 12_000,
        "{}",
        reply.body.len()
    );
}

#[test]
fn winrm_reads_datetimes_as_elements() {
    let service = Service::start();
    let mut winrm = service.connect_as("ann").with_header("User-Agent", WINRM);
    let item = winrm.ask(&get()).body();
    insta::assert_snapshot!(item.at("Test_Item/When").outline(), @r"
    p:When
      cim:Datetime 2027-01-15T08:00:00.123459+00:00
    ");
    insta::assert_snapshot!(item.at("Test_Item/Lasts").outline(), @r"
    p:Lasts
      cim:Interval PT259261S
    ");
    let item = service.ask(&get()).body();
    insta::assert_snapshot!(item.at("Test_Item/When").outline(), @"p:When 20270115080000.123459+000");
    insta::assert_snapshot!(item.at("Test_Item/Lasts").outline(), @"p:Lasts 00000003000101.000000:000");
}

#[test]
fn the_charset_of_the_content_type_counts() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let note = |text: &str| {
        let properties = format!("<c:Number>1</c:Number><c:Note>{text}</c:Note>");
        Message::transfer("Put", "Test_Item")
            .in_test()
            .selector("Number", "1")
            .instance("Test_Item", &properties)
            .text()
    };
    let latin: Vec<u8> = note("caf\u{e9}")
        .chars()
        .map(|character| character as u8)
        .collect();
    for content_type in [
        "application/soap+xml; charset=ISO-8859-1",
        "text/xml;charset=\"iso-8859-1\"",
        "Application/SOAP+XML;Charset='ISO-8859-1'",
    ] {
        let reply = ann.post(content_type, &latin);
        assert_eq!(
            reply.body().text_at("Test_Item/Note"),
            "caf\u{e9}",
            "{content_type}"
        );
        assert!(
            reply.header("content-type").unwrap().ends_with("charset=UTF-8")
                || reply.header("content-type").unwrap().ends_with("utf-8")
        );
    }
    let declared = format!("<?xml version='1.0' encoding='ISO-8859-1'?>{}", note("na\u{ef}f"));
    let declared: Vec<u8> = declared.chars().map(|character| character as u8).collect();
    let reply = ann.post("application/soap+xml", &declared);
    assert_eq!(reply.body().text_at("Test_Item/Note"), "na\u{ef}f");
    let utf8 = format!("\u{feff}{}", note("\u{65e5}\u{672c}"));
    let reply = ann.post("application/soap+xml;charset=utf-8", utf8.as_bytes());
    assert_eq!(reply.body().text_at("Test_Item/Note"), "\u{65e5}\u{672c}");

    insta::assert_snapshot!(ann.post("application/soap+xml;charset=utf-8", &latin).fault(), @"s:Sender wsman:EncodingLimit CharacterSet: the bytes are not valid UTF-8 (byte 941)");
    insta::assert_snapshot!(ann.post("application/soap+xml;charset=Shift_JIS", &latin).fault(), @"s:Sender wsman:EncodingLimit CharacterSet: the character set `Shift_JIS` is not offered; send UTF-8, UTF-16 with a byte-order mark or ISO-8859-1 (byte 0)");
    let refused = ann.post("application/json", &latin);
    insta::assert_snapshot!(format!("{} {}", refused.status, refused.text()), @"415 WS-Management messages have the Content-Type application/soap+xml;charset=UTF-8.");
}

/// A reply is in the version of its request, references and faults included.
#[test]
fn both_versions_of_addressing_are_answered_in_kind() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let group = Message::transfer("Get", "Test_Group")
        .in_test()
        .selector("Name", "odd");
    let newer = group.clone().addressing(ADDRESSING_10).header("<w:RequestEPR/>");
    insta::assert_snapshot!(ann.ask(&newer).envelope().at("Header").outline(), @r"
    s:Header
      wsa10:To http://www.w3.org/2005/08/addressing/anonymous
      wsa10:Action http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse
      wsa10:MessageID uuid:*
      wsa10:RelatesTo uuid:*
      wsman:RequestedEPR
        wsa10:EndpointReference
          wsa10:Address http://www.w3.org/2005/08/addressing/anonymous
          wsa10:ReferenceParameters
            wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Group
            wsman:SelectorSet
              wsman:Selector Name=Name odd
              wsman:Selector Name=__cimnamespace root/test
    ");
    let missing = Message::transfer("Get", "Test_Nothing").addressing(ADDRESSING_10);
    insta::assert_snapshot!(ann.ask(&missing).envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa10:To http://www.w3.org/2005/08/addressing/anonymous
        wsa10:Action http://www.w3.org/2005/08/addressing/fault
        wsa10:MessageID uuid:*
        wsa10:RelatesTo uuid:*
      s:Body
        s:Fault
          s:Code
            s:Value s:Sender
            s:Subcode
              s:Value wsa:DestinationUnreachable
          s:Reason
            s:Text xml:lang=en-US namespace `root/cimv2` has no class `Test_Nothing` (resource URI `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Nothing`).
          s:Detail
            wsman:FaultDetail http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/InvalidResourceURI
            wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Nothing
            p:OMI_Error wsmb:IsCIM_Error=true
              p:OwningEntity xsi:type=cim:cimString OMI:CIMOM
              p:MessageID xsi:type=cim:cimString OMI:MI_Result:5
              p:Message xsi:type=cim:cimString namespace `root/cimv2` has no class `Test_Nothing` (resource URI `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Nothing`).
              p:PerceivedSeverity xsi:type=cim:cimUnsignedInt 7
              p:ProbableCause xsi:type=cim:cimUnsignedInt 0
              p:CIMStatusCode xsi:type=cim:cimUnsignedInt 5
              p:CIMStatusCodeDescription xsi:type=cim:cimString CIM_ERR_INVALID_CLASS
              p:OMI_Code xsi:type=cim:cimUnsignedInt 5
              p:OMI_Category xsi:type=cim:cimUnsignedInt 0
              p:OMI_Type xsi:type=cim:cimString MI
              p:OMI_ErrorMessage xsi:type=cim:cimString namespace `root/cimv2` has no class `Test_Nothing` (resource URI `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Nothing`).
    ");

    // An enumeration that was opened in one version may be pulled in the other.
    let content = "<w:EnumerationMode>EnumerateEPR</w:EnumerationMode>";
    let opened = ann.ask(
        &Message::enumerate("Test_Group", content)
            .in_test()
            .addressing(ADDRESSING_10),
    );
    let context = opened
        .body()
        .text_at("EnumerateResponse/EnumerationContext")
        .to_owned();
    let pulled = ann
        .ask(&Message::pull("Test_Group", &context, "").in_test())
        .body();
    assert_eq!(
        pulled.at("PullResponse/Items").names(),
        ["wsa:EndpointReference"; 2]
    );
}
