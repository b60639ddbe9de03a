//! Every filter dialect of an enumeration.

use crate::message::{ADDRESSING_2004, ALL_CLASSES, CIM_SCHEMA, Message, WQL};
use crate::raw_http::Reply;
use crate::wsman_service::Service;

const CQL: &str = "http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf";
const SELECTOR: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter";
const ASSOCIATION: &str = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter";
const XPATH: &str = "http://www.w3.org/TR/1999/REC-xpath-19991116";

/// An optimised enumeration with a filter.
fn enumerate(class: &str, dialect: &str, filter: &str) -> Message {
    let content = format!("<w:OptimizeEnumeration/><w:Filter Dialect=\"{dialect}\">{filter}</w:Filter>");
    Message::enumerate(class, &content)
}

/// The items in a line: what tells them apart, or the fault.
fn found(reply: &Reply) -> String {
    if reply.status != 200 {
        return reply.fault();
    }
    let body = reply.body();
    let items = body.at("EnumerateResponse/Items").children.iter();
    let items = items.map(|item| {
        let tell = ["Number", "Name", "Rank"];
        let tell = tell.iter().find_map(|name| item.find(name));
        tell.map_or_else(|| item.local.clone(), |tell| tell.text.clone())
    });
    items.collect::<Vec<_>>().join(" ")
}

/// The same for a filter.
fn found_by(service: &Service, class: &str, dialect: &str, filter: &str) -> String {
    found(&service.ask(&enumerate(class, dialect, filter).in_test()))
}

#[track_caller]
fn check(service: &Service, class: &str, dialect: &str, filter: &str, expect: &str) {
    assert_eq!(found_by(service, class, dialect, filter), expect, "{filter}");
}

#[test]
fn queries_choose_instances_and_properties() {
    let service = Service::start();
    let wql = |query: &str, expect: &str| check(&service, ALL_CLASSES, WQL, query, expect);
    wql("SELECT * FROM Test_Item", "1 2 3 4 5");
    wql("select * from test_item where even = true", "2 4");
    wql(
        "SELECT * FROM Test_Item WHERE Number &gt; 1 AND NOT Ratio &gt;= 1.0",
        "2 3",
    );
    wql(
        "SELECT * FROM Test_Item WHERE Text LIKE '%4%' OR Number = 0x1",
        "1 4",
    );
    wql("SELECT * FROM Test_Item WHERE __CLASS = 'Test_SubItem'", "5");
    wql("SELECT * FROM Test_Item WHERE Note IS NOT NULL", "");
    wql("SELECT * FROM Test_SubItem", "5");
    wql(
        "SELECT * FROM Test_Item WHERE Nothing = 1",
        "s:Sender wsman:CannotProcessFilter CIM 15: line 1, column 31: class `Test_Item` has no property `Nothing`",
    );
    check(&service, "Test_Item", WQL, "SELECT Number FROM Test_SubItem", "5");
    let cql = |query: &str, expect: &str| check(&service, ALL_CLASSES, CQL, query, expect);
    cql("SELECT * FROM Test_Item WHERE Test_Item ISA Test_SubItem", "5");
    cql("SELECT * FROM Test_Item WHERE Levels[1] = 1", "2 3 4 5");
}

#[test]
fn a_projection_leaves_the_rest_out() {
    let service = Service::start();
    let query = "SELECT Ratio, Number FROM Test_Item WHERE Number = 3";
    let reply = service.ask(&enumerate(ALL_CLASSES, WQL, query).in_test());
    insta::assert_snapshot!(reply.body().at("EnumerateResponse").outline(), @r"
    wsen:EnumerateResponse
      wsen:EnumerationContext
      wsman:Items
        p:Test_Item
          p:Number 3
          p:Ratio 0.75
      wsman:EndOfSequence
    ");
}

/// The URI that Windows clients send queries to names the namespace.
#[test]
fn a_query_may_name_its_namespace_in_the_uri() {
    let service = Service::start();
    let uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/test/*";
    let reply = service.ask(&enumerate(
        uri,
        WQL,
        "SELECT Number FROM Test_Item WHERE Number = 1",
    ));
    insta::assert_snapshot!(reply.body().at("EnumerateResponse/Items").outline(), @r"
    wsman:Items
      p:Test_Item
        p:Number 1
    ");
}

#[test]
fn selectors_choose_by_equality() {
    let service = Service::start();
    let set = |selectors: &str| format!("<w:SelectorSet>{selectors}</w:SelectorSet>");
    let selectors = |filter: &str, expect: &str| check(&service, "Test_Item", SELECTOR, &set(filter), expect);
    selectors("<w:Selector Name=\"Number\">3</w:Selector>", "3");
    selectors("<w:Selector Name=\"number\">9</w:Selector>", "");
    let unknown = set("<w:Selector Name=\"Nothing\">3</w:Selector>");
    insta::assert_snapshot!(found_by(&service, "Test_Item", SELECTOR, &unknown), @"s:Sender wsman:CannotProcessFilter CIM 15: class `Test_Item` has no property `Nothing`.");
}

#[test]
fn xpath_chooses_by_properties() {
    let service = Service::start();
    let xpath = |filter: &str| found_by(&service, "Test_Item", XPATH, filter);
    insta::assert_snapshot!(xpath("Number = 3"), @"3");
    insta::assert_snapshot!(xpath("../Test_Item[Even=\"true\"]"), @"s:Sender wsman:CannotProcessFilter CIM 15: line 1, column 1: `..` is not in XPath level 1: paths only lead down");
    insta::assert_snapshot!(xpath("Number &gt; 1 and Ratio &lt; 1"), @"2 3");
    insta::assert_snapshot!(xpath("Levels[3] = 2"), @"3 4 5");
    insta::assert_snapshot!(xpath("Note"), @"1 2 3 4 5");
    insta::assert_snapshot!(xpath("//*[Number=\"2\""), @"s:Sender wsman:CannotProcessFilter CIM 15: line 1, column 1: `//` is not in XPath level 1: name every step");
}

fn walk(kind: &str, class: &str, selector: (&str, &str), rest: &str) -> String {
    let (name, value) = selector;
    format!(
        "<b:{kind}><b:Object><a:Address>{ADDRESSING_2004}/role/anonymous</a:Address><a:ReferenceParameters>\
         <w:ResourceURI>{CIM_SCHEMA}{class}</w:ResourceURI><w:SelectorSet>\
         <w:Selector Name=\"__cimnamespace\">root/test</w:Selector>\
         <w:Selector Name=\"{name}\">{value}</w:Selector></w:SelectorSet></a:ReferenceParameters></b:Object>{rest}</b:{kind}>"
    )
}

#[test]
fn associations_are_walked_both_ways() {
    let service = Service::start();
    let check = |kind: &str, class: &str, selector: (&str, &str), rest: &str, expect: &str| {
        check(
            &service,
            ALL_CLASSES,
            ASSOCIATION,
            &walk(kind, class, selector, rest),
            expect,
        );
    };
    let (even, two) = (("Name", "even"), ("Number", "2"));
    check("AssociatedInstances", "Test_Group", even, "", "2 4");
    check("AssociatedInstances", "Test_Item", two, "", "even");
    let by = "<b:AssociationClassName>Test_Membership</b:AssociationClassName>";
    let role = "<b:Role>Group</b:Role>";
    let class = "<b:ResultClassName>Test_SubItem</b:ResultClassName>";
    let odd = ("Name", "odd");
    check("AssociatedInstances", "Test_Group", odd, by, "1 3 5");
    check(
        "AssociatedInstances",
        "Test_Group",
        odd,
        &format!("{by}{role}{class}"),
        "5",
    );
    check(
        "AssociatedInstances",
        "Test_Item",
        two,
        &format!("{by}{role}"),
        "",
    );
    let to = "<b:ResultRole>Member</b:ResultRole>";
    check(
        "AssociatedInstances",
        "Test_Group",
        odd,
        &format!("{role}{to}"),
        "1 3 5",
    );
    check("AssociationInstances", "Test_Group", even, "", "#2 #4");
    check(
        "AssociationInstances",
        "Test_Item",
        two,
        "<b:Role>Member</b:Role>",
        "#2",
    );
    check(
        "AssociationInstances",
        "Test_Item",
        two,
        "<b:Role>Group</b:Role>",
        "",
    );
    let refused = |kind: &str, number: &str, rest: &str| {
        let filter = walk(kind, "Test_Item", ("Number", number), rest);
        found_by(&service, ALL_CLASSES, ASSOCIATION, &filter)
    };
    insta::assert_snapshot!(refused("AssociatedInstances", "99", ""), @r#"s:Sender wsa:DestinationUnreachable CIM 6: there is no instance root/test:Test_Item.Number="99""#);
    let class = "<b:AssociationClassName>Test_Item</b:AssociationClassName>";
    insta::assert_snapshot!(refused("AssociatedInstances", "2", class), @"s:Sender wsman:InvalidParameter InvalidValue CIM 4: Test_Item is no association");
    insta::assert_snapshot!(refused("Neither", "2", ""), @"s:Sender wsman:CannotProcessFilter: An association filter holds `Neither`; it must be AssociatedInstances or AssociationInstances.");
}

#[test]
fn an_association_filter_may_choose_properties() {
    let service = Service::start();
    let rest = "<b:IncludeResultProperty>Number</b:IncludeResultProperty><b:IncludeResultProperty>Even</b:IncludeResultProperty>";
    let filter = walk("AssociatedInstances", "Test_Group", ("Name", "even"), rest);
    let reply = service.ask(&enumerate(ALL_CLASSES, ASSOCIATION, &filter).in_test());
    insta::assert_snapshot!(reply.body().at("EnumerateResponse/Items").outline(), @r"
    wsman:Items
      p:Test_Item
        p:Number 2
        p:Even true
      p:Test_Item
        p:Number 4
        p:Even true
    ");
    let references = walk("AssociationInstances", "Test_Item", ("Number", "2"), "");
    let reply = service.ask(&enumerate(ALL_CLASSES, ASSOCIATION, &references).in_test());
    insta::assert_snapshot!(reply.body().at("EnumerateResponse/Items").outline(), @r"
    wsman:Items
      p:Test_Membership
        p:Group
          wsa:Address http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
          wsa:ReferenceParameters
            wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Group
            wsman:SelectorSet
              wsman:Selector Name=Name even
        p:Member
          wsa:Address http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
          wsa:ReferenceParameters
            wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Item
            wsman:SelectorSet
              wsman:Selector Name=Number 2
        p:Rank #2
    ");
}

#[test]
fn a_dialect_that_is_not_offered_is_told_with_those_that_are() {
    let service = Service::start();
    let reply = service.ask(&enumerate("Test_Item", "urn:unknown", "x").in_test());
    insta::assert_snapshot!(reply.envelope().at("Body").outline(), @r"
    s:Body
      s:Fault
        s:Code
          s:Value s:Sender
          s:Subcode
            s:Value wsen:FilterDialectRequestedUnavailable
        s:Reason
          s:Text xml:lang=en-US The filter dialect `urn:unknown` is not offered.
        s:Detail
          wsen:SupportedDialect http://schemas.microsoft.com/wbem/wsman/1/WQL
          wsen:SupportedDialect http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf
          wsen:SupportedDialect http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter
          wsen:SupportedDialect http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter
          wsen:SupportedDialect http://www.w3.org/TR/1999/REC-xpath-19991116
    ");
    let none = service.ask(&Message::enumerate(ALL_CLASSES, "").in_test());
    insta::assert_snapshot!(none.fault(), @"s:Sender wsa:DestinationUnreachable InvalidResourceURI: `http://schemas.dmtf.org/wbem/wscim/1/*` is for queries and association filters; name a class, or send a filter.");
    let two = "<w:Filter>Number</w:Filter><n:Filter>Number</n:Filter>";
    let two = service.ask(&Message::enumerate("Test_Item", two).in_test());
    insta::assert_snapshot!(two.fault(), @"s:Sender wsman:CannotProcessFilter: There are two filters; send one.");
}
