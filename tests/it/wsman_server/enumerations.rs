//! Enumerate, Pull and Release: how many items a reply holds, in which form, and who may pull.

use std::time::Duration;

use esm::server::contexts::ContextLimits;

use crate::element::Element;
use crate::message::Message;
use crate::raw_http::Connection;
use crate::wsman_service::{Options, Service};

const OPTIMISED: &str = "<w:OptimizeEnumeration/>";

/// What tells the items of a response apart: the text of `key` in each.
#[track_caller]
fn keys(response: &Element, key: &str) -> Vec<String> {
    let items = response.at("Items").children.iter();
    items.map(|item| item.text_at(key).to_owned()).collect()
}

/// Opens an enumeration and returns its context.
#[track_caller]
fn open(connection: &mut Connection, class: &str) -> String {
    let opened = connection.ask(&Message::enumerate(class, "").in_test()).body();
    let context = opened.text_at("EnumerateResponse/EnumerationContext").to_owned();
    assert!(!context.is_empty());
    context
}

#[track_caller]
fn pull(connection: &mut Connection, context: &str, limits: &str) -> Element {
    let pulled = connection.ask(&Message::pull("Test_Item", context, limits).in_test());
    pulled.body().at("PullResponse").clone()
}

#[test]
fn a_pull_holds_what_fits_unless_it_says_less() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let context = open(&mut ann, "Test_Item");
    let first = pull(&mut ann, &context, "<n:MaxElements>2</n:MaxElements>");
    assert_eq!(keys(&first, "Number"), ["1", "2"]);
    assert_eq!(first.names(), ["wsen:EnumerationContext", "wsen:Items"]);
    assert_eq!(first.text_at("EnumerationContext"), context);
    let rest = pull(&mut ann, &context, "");
    assert_eq!(keys(&rest, "Number"), ["3", "4", "5"]);
    assert_eq!(rest.names(), ["wsen:Items", "wsen:EndOfSequence"]);
    let over = ann.ask(&Message::pull("Test_Item", &context, ""));
    insta::assert_snapshot!(over.fault(), @"s:Receiver wsen:InvalidEnumerationContext CIM 21: There is no such enumeration: it has ended, timed out, or gave way to newer ones. Enumerate again.");

    // The end is told with the last item where that is known, else with an empty reply.
    let context = open(&mut ann, "Test_Item");
    let all = pull(&mut ann, &context, "<n:MaxElements>5</n:MaxElements>");
    assert_eq!(all.at("Items").children.len(), 5);
    assert!(all.find("EndOfSequence").is_some());
}

#[test]
fn an_optimised_enumeration_begins_at_once() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let all = ann.ask(&Message::enumerate("Test_Group", OPTIMISED).in_test());
    insta::assert_snapshot!(all.envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:Action http://schemas.xmlsoap.org/ws/2004/09/enumeration/EnumerateResponse
        wsa:MessageID uuid:*
        wsa:RelatesTo uuid:*
      s:Body
        wsen:EnumerateResponse
          wsen:EnumerationContext
          wsman:Items
            p:Test_Group
              p:InstanceID xsi:nil=true
              p:Caption xsi:nil=true
              p:Description xsi:nil=true
              p:ElementName xsi:nil=true
              p:Generation xsi:nil=true
              p:Name odd
            p:Test_Group
              p:InstanceID xsi:nil=true
              p:Caption xsi:nil=true
              p:Description xsi:nil=true
              p:ElementName xsi:nil=true
              p:Generation xsi:nil=true
              p:Name even
          wsman:EndOfSequence
    ");
    let some = format!("{OPTIMISED}<w:MaxElements>2</w:MaxElements>");
    let some = ann.ask(&Message::enumerate("Test_Item", &some).in_test()).body();
    let some = some.at("EnumerateResponse");
    assert_eq!(some.names(), ["wsen:EnumerationContext", "wsman:Items"]);
    assert_eq!(keys(some, "Number"), ["1", "2"]);
    let context = some.text_at("EnumerationContext");
    assert_eq!(keys(&pull(&mut ann, context, ""), "Number"), ["3", "4", "5"]);
}

/// Every kind of property, and none of it lost.
#[test]
fn values_of_every_kind_are_written() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let context = open(&mut ann, "Test_SubItem");
    let item = pull(&mut ann, &context, "");
    insta::assert_snapshot!(item.at("Items").children[0].outline(), @r"
    p:Test_SubItem
      p:InstanceID xsi:nil=true
      p:Caption xsi:nil=true
      p:Description xsi:nil=true
      p:ElementName xsi:nil=true
      p:Generation xsi:nil=true
      p:Number 5
      p:Text item <5> & é日
      p:Note xsi:nil=true
      p:Levels 0
      p:Levels 1
      p:Levels 2
      p:Levels 3
      p:Levels 4
      p:Even false
      p:Ratio 1.25
      p:When 20270115080000.123461+000
      p:Lasts 00000003000101.000000:000
      p:Part xsi:type=e:Test_Part_Type
        p:Name part 5
        p:Weight 7
      p:Extra more
    ");
}

#[test]
fn limits_in_characters_and_time_bound_a_reply() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let context = open(&mut ann, "Test_Many");
    let characters = "<n:MaxCharacters>20000</n:MaxCharacters>";
    let reply = ann.ask(&Message::pull("Test_Many", &context, characters).in_test());
    let count = reply.body().at("PullResponse/Items").children.len();
    assert!(reply.body.len() <= 20_000 + 4_096, "{}", reply.body.len());
    assert!(count > 40, "{count}");
    // Time that stands still bounds nothing; a time of zero gives the one item that makes progress.
    let none = pull(&mut ann, &context, "<n:MaxTime>PT0S</n:MaxTime>");
    assert_eq!(none.at("Items").children.len(), 1);
}

#[test]
fn the_envelope_of_the_client_bounds_a_reply() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let size = |bytes: usize| format!("<w:MaxEnvelopeSize>{bytes}</w:MaxEnvelopeSize>");
    for bytes in [8_192, 20_000, 100_000] {
        let context = open(&mut ann, "Test_Many");
        let reply = ann.ask(
            &Message::pull("Test_Many", &context, "")
                .in_test()
                .header(&size(bytes)),
        );
        let used = reply.body.len();
        assert!(used <= bytes && used > bytes * 7 / 10, "{used} of {bytes}");
    }
    let small = Message::enumerate("Test_Item", OPTIMISED)
        .in_test()
        .header(&size(8_191));
    insta::assert_snapshot!(ann.ask(&small).fault(), @"s:Sender wsman:EncodingLimit MinimumEnvelopeLimit: wsman:MaxEnvelopeSize is 8191; it must be at least 8192 bytes.");
    let number = Message::enumerate("Test_Item", "")
        .in_test()
        .header("<w:MaxEnvelopeSize>big</w:MaxEnvelopeSize>");
    insta::assert_snapshot!(ann.ask(&number).fault(), @"s:Sender wsman:SchemaValidationError: wsman:MaxEnvelopeSize is no number of bytes.");
}

/// What can never be sent is a fault, after everything before it was sent; what stands behind it is lost with
/// the enumeration.
#[test]
fn an_item_that_never_fits_ends_the_enumeration() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let context = open(&mut ann, "Test_Huge");
    let before = pull(&mut ann, &context, "");
    assert_eq!(keys(&before, "Number"), ["1"]);
    assert_eq!(before.text_at("EnumerationContext"), context);
    let never = ann.ask(&Message::pull("Test_Huge", &context, "").in_test());
    insta::assert_snapshot!(never.fault(), @"s:Sender wsman:EncodingLimit MaxEnvelopeSizeExceeded: An item does not fit into a reply of this size; raise wsman:MaxEnvelopeSize or ask for fewer properties (there are 521994 bytes for items).");
    let gone = ann.ask(&Message::pull("Test_Huge", &context, "").in_test());
    assert!(gone.fault().contains("InvalidEnumerationContext"));
    let one = ann.ask(
        &Message::transfer("Get", "Test_Huge")
            .in_test()
            .selector("Number", "2"),
    );
    insta::assert_snapshot!(one.fault(), @"s:Sender wsman:EncodingLimit MaxEnvelopeSizeExceeded: The reply has 1049308 bytes, more than the 524288 that wsman:MaxEnvelopeSize or the server allows.");
}

#[test]
fn the_number_of_items_is_told_where_it_is_asked_for_and_known() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let ask = "<w:RequestTotalItemsCountEstimate/>";
    let estimate = |reply: crate::raw_http::Reply| {
        let envelope = reply.envelope();
        let header = envelope.find("Header/TotalItemsCountEstimate");
        header.map(|header| (header.text.clone(), header.attributes.clone()))
    };
    let known = |count: &str| Some((count.to_owned(), Vec::new()));
    let unknown = Some((String::new(), vec![("xsi:nil".to_owned(), "true".to_owned())]));
    let opening = |class: &str, content: &str| Message::enumerate(class, content).in_test();
    assert_eq!(estimate(ann.ask(&opening("Test_Item", ""))), None);
    assert_eq!(
        estimate(ann.ask(&opening("Test_Item", "").header(ask))),
        known("5")
    );
    assert_eq!(estimate(ann.ask(&opening("Test_Huge", "").header(ask))), unknown);
    let context = open(&mut ann, "Test_Item");
    let pulling = Message::pull("Test_Item", &context, "<n:MaxElements>1</n:MaxElements>").in_test();
    assert_eq!(estimate(ann.ask(&pulling.clone().header(ask))), known("5"));
    assert_eq!(estimate(ann.ask(&pulling)), None);
}

#[test]
fn items_are_instances_or_their_references_or_both() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut items = |mode: &str| {
        let content = format!("{OPTIMISED}<w:EnumerationMode>{mode}</w:EnumerationMode>");
        ann.ask(&Message::enumerate("Test_Group", &content).in_test())
    };
    insta::assert_snapshot!(items("EnumerateEPR").body().at("EnumerateResponse/Items").outline(), @r"
    wsman:Items
      wsa:EndpointReference
        wsa:Address http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:ReferenceParameters
          wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Group
          wsman:SelectorSet
            wsman:Selector Name=Name odd
            wsman:Selector Name=__cimnamespace root/test
      wsa:EndpointReference
        wsa:Address http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:ReferenceParameters
          wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Group
          wsman:SelectorSet
            wsman:Selector Name=Name even
            wsman:Selector Name=__cimnamespace root/test
    ");
    insta::assert_snapshot!(items("EnumerateObjectAndEPR").body().at("EnumerateResponse/Items").outline(), @r"
    wsman:Items
      wsman:Item
        p:Test_Group
          p:InstanceID xsi:nil=true
          p:Caption xsi:nil=true
          p:Description xsi:nil=true
          p:ElementName xsi:nil=true
          p:Generation xsi:nil=true
          p:Name odd
        wsa:EndpointReference
          wsa:Address http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
          wsa:ReferenceParameters
            wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Group
            wsman:SelectorSet
              wsman:Selector Name=Name odd
              wsman:Selector Name=__cimnamespace root/test
      wsman:Item
        p:Test_Group
          p:InstanceID xsi:nil=true
          p:Caption xsi:nil=true
          p:Description xsi:nil=true
          p:ElementName xsi:nil=true
          p:Generation xsi:nil=true
          p:Name even
        wsa:EndpointReference
          wsa:Address http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
          wsa:ReferenceParameters
            wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Group
            wsman:SelectorSet
              wsman:Selector Name=Name even
              wsman:Selector Name=__cimnamespace root/test
    ");
    insta::assert_snapshot!(items("EnumerateNothing").fault(), @"s:Sender wsman:UnsupportedFeature EnumerationMode: The enumeration mode `EnumerateNothing` is not offered; use EnumerateEPR, EnumerateObjectAndEPR or none.");
}

#[test]
fn polymorphism_is_as_asked_for() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut reply = |mode: &str| {
        let content = format!("{OPTIMISED}<b:PolymorphismMode>{mode}</b:PolymorphismMode>");
        ann.ask(&Message::enumerate("Test_Item", &content).in_test())
    };
    let mut names = |mode: &str| -> Vec<String> {
        let body = reply(mode).body();
        let items = body.at("EnumerateResponse/Items").children.iter();
        items
            .map(|item| format!("{} {}", item.local, item.find("Extra").is_some()))
            .collect()
    };
    let base = "Test_Item false".to_owned();
    let with = |last: &str| [vec![base.clone(); 4], vec![last.to_owned()]].concat();
    assert_eq!(names("IncludeSubClassProperties"), with("Test_SubItem true"));
    assert_eq!(names("ExcludeSubClassProperties"), with("Test_Item false"));
    assert_eq!(names("None"), vec![base.clone(); 4]);
    insta::assert_snapshot!(reply("Some").fault(), @"s:Sender wsmb:PolymorphismModeNotSupported: The polymorphism mode `Some` is not offered; use IncludeSubClassProperties, ExcludeSubClassProperties or None.");
}

#[test]
fn a_context_is_its_accounts_own() {
    let service = Service::start();
    let (mut ann, mut bob) = (service.connect_as("ann"), service.connect_as("bob"));
    let context = open(&mut ann, "Test_Item");
    for message in [
        Message::pull("Test_Item", &context, ""),
        Message::release("Test_Item", &context),
    ] {
        let refused = bob.ask(&message.in_test()).fault();
        assert!(
            refused.starts_with("s:Receiver wsen:InvalidEnumerationContext"),
            "{refused}"
        );
    }
    assert_eq!(pull(&mut ann, &context, "").at("Items").children.len(), 5);
}

#[test]
fn a_released_enumeration_is_gone() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let context = open(&mut ann, "Test_Item");
    assert_eq!(service.enumerations.len(), 1);
    let released = ann.ask(&Message::release("Test_Item", &context).in_test());
    assert!(released.body().children.is_empty());
    assert_eq!(service.enumerations.len(), 0);
    let again = ann.ask(&Message::release("Test_Item", &context).in_test());
    assert!(again.fault().contains("InvalidEnumerationContext"));
}

/// Clients leave enumerations open and never release them.
#[test]
fn abandoned_enumerations_lock_nobody_out() {
    let service = Service::start_with(Options {
        contexts: ContextLimits {
            per_account: 8,
            ..ContextLimits::default()
        },
        ..Options::default()
    });
    let (mut ann, mut bob) = (service.connect_as("ann"), service.connect_as("bob"));
    let of_bob = open(&mut bob, "Test_Item");
    let oldest = open(&mut ann, "Test_Item");
    let used = open(&mut ann, "Test_Item");
    service.clock.advance(Duration::from_secs(1));
    pull(&mut ann, &used, "<n:MaxElements>1</n:MaxElements>");
    for _ in 0..7 {
        open(&mut ann, "Test_Item");
    }
    assert_eq!(service.enumerations.len(), 9);
    let oldest = ann.ask(&Message::pull("Test_Item", &oldest, "")).fault();
    assert!(oldest.contains("InvalidEnumerationContext"), "{oldest}");
    assert_eq!(keys(&pull(&mut ann, &used, ""), "Number"), ["2", "3", "4", "5"]);
    for _ in 0..200 {
        open(&mut ann, "Test_Item");
    }
    assert_eq!(pull(&mut bob, &of_bob, "").at("Items").children.len(), 5);
}

#[test]
fn an_enumeration_that_nobody_pulls_expires() {
    let idle = Duration::from_secs(60);
    let service = Service::start_with(Options {
        contexts: ContextLimits {
            idle,
            ..ContextLimits::default()
        },
        ..Options::default()
    });
    let mut ann = service.connect_as("ann");
    let context = open(&mut ann, "Test_Item");
    service.clock.advance(idle - Duration::from_secs(1));
    pull(&mut ann, &context, "<n:MaxElements>1</n:MaxElements>");
    // The wall clock has no say in it.
    service.clock.step_wall(86_400_000_000);
    service.clock.advance(idle - Duration::from_secs(1));
    pull(&mut ann, &context, "<n:MaxElements>1</n:MaxElements>");
    service.clock.advance(idle);
    let late = ann.ask(&Message::pull("Test_Item", &context, "")).fault();
    assert!(late.contains("InvalidEnumerationContext"), "{late}");
    open(&mut ann, "Test_Item");
    assert_eq!(service.enumerations.len(), 1);
}
