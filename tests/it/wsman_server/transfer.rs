//! Get, Put, Create, Delete and methods.

use crate::message::Message;
use crate::wsman_service::Service;

fn item(action: &str, number: &str) -> Message {
    Message::transfer(action, "Test_Item")
        .in_test()
        .selector("Number", number)
}

fn fragment(expression: &str) -> String {
    format!("<w:FragmentTransfer s:mustUnderstand=\"true\">{expression}</w:FragmentTransfer>")
}

#[test]
fn an_instance_is_found_by_its_keys() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let found = ann.ask(&item("Get", "5"));
    assert_eq!(found.body().children[0].local, "Test_SubItem");
    assert_eq!(found.body().text_at("Test_SubItem/Extra"), "more");
    let mut fault = |message: Message| ann.ask(&message).fault();
    insta::assert_snapshot!(fault(item("Get", "99")), @"s:Sender wsa:DestinationUnreachable CIM 6: there is no instance root/test:Test_Item.Number=99");
    insta::assert_snapshot!(fault(item("Get", "many")), @"s:Sender wsman:InvalidSelectors TypeMismatch: The selector `Number`: `many` is no uint32 (0 to 4294967295).");
    insta::assert_snapshot!(fault(item("Get", "1").selector("Note", "x")), @"s:Sender wsman:InvalidSelectors UnexpectedSelectors: `Note` is no key of Test_Item.");
    insta::assert_snapshot!(fault(item("Get", "1").selector("number", "1")), @"s:Sender wsman:InvalidSelectors DuplicateSelectors: The selector `number` stands twice.");
    insta::assert_snapshot!(fault(Message::transfer("Get", "Test_Item").in_test()), @"s:Sender wsman:InvalidSelectors InsufficientSelectors: There are several such instances of Test_Item; name one by its keys (Number).");
    insta::assert_snapshot!(fault(Message::transfer("Get", "Test_Nothing").in_test()), @"s:Sender wsa:DestinationUnreachable InvalidResourceURI CIM 5: namespace `root/test` has no class `Test_Nothing` (resource URI `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Nothing`).");
    insta::assert_snapshot!(fault(Message::transfer("Get", "Test_Item")), @"s:Sender wsa:DestinationUnreachable InvalidResourceURI CIM 5: namespace `root/cimv2` has no class `Test_Item` (resource URI `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Item`).");
    insta::assert_snapshot!(fault(item("Get", "1").selector("__cimnamespace", "root/nowhere")), @"s:Sender wsman:InvalidSelectors DuplicateSelectors: The selector `__cimnamespace` stands twice.");
}

/// Some clients name an instance by one key of several.
#[test]
fn an_instance_is_read_by_some_of_its_keys_if_no_other_has_them() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let computer = |action: &str| Message::transfer(action, "CIM_ComputerSystem").selector("Name", "box");
    assert_eq!(
        ann.ask(&computer("Get"))
            .body()
            .text_at("CIM_ComputerSystem/ElementName"),
        "The box"
    );
    insta::assert_snapshot!(ann.ask(&computer("Delete")).fault(), @"s:Sender wsman:InvalidSelectors InsufficientSelectors: The selector `CreationClassName` is missing.");
}

/// The only instance is read without its keys, and not deleted without them.
#[test]
fn what_is_deleted_is_named() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let only = |action: &str| Message::transfer(action, "CIM_ComputerSystem");
    insta::assert_snapshot!(ann.ask(&only("Delete")).fault(), @"s:Sender wsman:InvalidSelectors InsufficientSelectors: Delete takes the keys of an instance (Name, CreationClassName).");
    assert_eq!(
        ann.ask(&only("Get")).body().text_at("CIM_ComputerSystem/Name"),
        "box"
    );
}

#[test]
fn the_path_is_told_where_it_is_asked_for() {
    let service = Service::start();
    let found = service.ask(&item("Get", "5").header("<w:RequestEPR/>"));
    insta::assert_snapshot!(found.envelope().at("Header").outline(), @r"
    s:Header
      wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
      wsa:Action http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse
      wsa:MessageID uuid:*
      wsa:RelatesTo uuid:*
      wsman:RequestedEPR
        wsa:EndpointReference
          wsa:Address http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
          wsa:ReferenceParameters
            wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_SubItem
            wsman:SelectorSet
              wsman:Selector Name=Number 5
              wsman:Selector Name=__cimnamespace root/test
    ");
}

#[test]
fn a_part_of_an_instance_is_read() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut get = |expression: &str| ann.ask(&item("Get", "3").header(&fragment(expression)));
    insta::assert_snapshot!(get("Text").envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:Action http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse
        wsa:MessageID uuid:*
        wsa:RelatesTo uuid:*
        wsman:FragmentTransfer Text
      s:Body
        wsman:XmlFragment
          p:Text item <3> & é日
    ");
    insta::assert_snapshot!(get("Number/text()").body().outline(), @r"
    s:Body
      wsman:XmlFragment 3
    ");
    insta::assert_snapshot!(get("Levels").body().outline(), @r"
    s:Body
      wsman:XmlFragment
        p:Levels 0
        p:Levels 1
        p:Levels 2
    ");
    insta::assert_snapshot!(get("Levels[2]").body().outline(), @r"
    s:Body
      wsman:XmlFragment
        p:Levels 1
    ");
    insta::assert_snapshot!(get("Part").body().outline(), @r"
    s:Body
      wsman:XmlFragment
        p:Part xsi:type=e:Test_Part_Type
          p:Name part 3
          p:Weight 7
    ");
    insta::assert_snapshot!(get("Note").body().outline(), @r"
    s:Body
      wsman:XmlFragment
        p:Note xsi:nil=true
    ");
    insta::assert_snapshot!(get("Nothing").fault(), @"s:Sender wxf:InvalidRepresentation InvalidFragment: Test_Item has no property `Nothing`.");
    insta::assert_snapshot!(get("Text[").fault(), @"s:Sender wxf:InvalidRepresentation InvalidFragment: line 1, column 6: a property, `*` or a value is expected, not the end of the expression");
    let dialect = "<w:FragmentTransfer s:mustUnderstand=\"true\" Dialect=\"urn:x\">Text</w:FragmentTransfer>";
    insta::assert_snapshot!(ann.ask(&item("Get", "3").header(dialect)).fault(), @"s:Sender wsman:FragmentDialectNotSupported: The fragment dialect `urn:x` is not offered; use XPath.");
}

#[test]
fn what_can_be_written_is_and_the_rest_is_passed_over() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut put = |properties: &str| ann.ask(&item("Put", "1").instance("Test_Item", properties));
    let reply = put(
        "<c:Number>1</c:Number><c:Text>other</c:Text><c:Note>noted</c:Note><c:Levels>7</c:Levels><c:Levels>8</c:Levels>",
    );
    let changed = reply.body();
    let changed = changed.at("Test_Item");
    let levels = changed.children.iter().filter(|child| child.local == "Levels");
    let levels: Vec<&str> = levels.map(|level| level.text.as_str()).collect();
    assert_eq!((changed.text_at("Note"), levels), ("noted", vec!["7", "8"]));
    assert_eq!(changed.text_at("Text"), "item <1> & \u{e9}\u{65e5}");
    insta::assert_snapshot!(put("<c:Number>2</c:Number><c:Note>x</c:Note>").fault(), @"s:Sender wsman:InvalidParameter InvalidValue CIM 4: the key Number cannot be changed");
    insta::assert_snapshot!(put("<c:Number>1</c:Number><c:Levels>70000</c:Levels>").fault(), @"s:Sender wxf:InvalidRepresentation InvalidValues: Test_Item.Levels: `70000` is no uint16 (0 to 65535).");
    insta::assert_snapshot!(put("<c:Number>1</c:Number><c:Wrong>1</c:Wrong>").fault(), @"s:Sender wxf:InvalidRepresentation InvalidValues: Test_Item has no property `Wrong`.");
    insta::assert_snapshot!(ann.ask(&item("Put", "1")).fault(), @"s:Sender wsman:SchemaValidationError: The body must hold an instance.");
    insta::assert_snapshot!(ann.ask(&item("Put", "1").instance("Test_Group", "")).fault(), @"s:Sender wxf:InvalidRepresentation InvalidNamespace: The element in the body must be Test_Item, or a class above it.");
}

/// What a client read can be put back whole, whatever it holds.
#[test]
fn an_instance_as_it_was_read_can_be_put_back() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let before = ann.ask(&item("Get", "3"));
    let text = before.text();
    let inner = &text[text.find("<s:Body>").unwrap() + 8..text.find("</s:Body>").unwrap()];
    let xsi = inner.replacen(
        "<p:Test_Item ",
        "<p:Test_Item xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" ",
        1,
    );
    let after = ann.ask(&item("Put", "3").body(&xsi));
    assert_eq!(after.body(), before.body());
}

#[test]
fn a_part_of_an_instance_is_written() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut put = |expression: &str, part: &str| {
        let body = format!("<w:XmlFragment>{part}</w:XmlFragment>");
        ann.ask(&item("Put", "3").header(&fragment(expression)).body(&body))
    };
    insta::assert_snapshot!(put("Note", "<Note>new</Note>").envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:Action http://schemas.xmlsoap.org/ws/2004/09/transfer/PutResponse
        wsa:MessageID uuid:*
        wsa:RelatesTo uuid:*
        wsman:FragmentTransfer Note
      s:Body
        wsman:XmlFragment
          p:Note new
    ");
    insta::assert_snapshot!(put("Levels[1]", "<Levels>9</Levels>").body().outline(), @r"
    s:Body
      wsman:XmlFragment
        p:Levels 9
    ");
    insta::assert_snapshot!(put("Note", "<Text>new</Text>").fault(), @"s:Sender wxf:InvalidRepresentation InvalidFragment: The fragment must hold the property `Note` alone.");
    insta::assert_snapshot!(put("Levels", "<Levels>many</Levels>").fault(), @"s:Sender wxf:InvalidRepresentation InvalidValues: Test_Item.Levels: `many` is no uint16 (0 to 65535).");
    let got = ann.ask(&item("Get", "3")).body();
    assert_eq!(got.text_at("Test_Item/Note"), "new");
    let plain = ann.ask(
        &item("Put", "3")
            .header(&fragment("Note"))
            .instance("Test_Item", "<c:Number>3</c:Number>"),
    );
    insta::assert_snapshot!(plain.fault(), @"s:Sender wxf:InvalidRepresentation InvalidFragment: A wsman:XmlFragment in the body and the header wsman:FragmentTransfer go together.");
}

#[test]
fn instances_come_and_go() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let create = Message::transfer("Create", "Test_Group")
        .in_test()
        .instance("Test_Group", "<c:Name>new</c:Name>");
    insta::assert_snapshot!(ann.ask(&create).envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:Action http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse
        wsa:MessageID uuid:*
        wsa:RelatesTo uuid:*
      s:Body
        wxf:ResourceCreated
          wsa:Address http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
          wsa:ReferenceParameters
            wsman:ResourceURI http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Group
            wsman:SelectorSet
              wsman:Selector Name=Name new
              wsman:Selector Name=__cimnamespace root/test
    ");
    insta::assert_snapshot!(ann.ask(&create).fault(), @r#"s:Sender wsman:AlreadyExists CIM 11: Test_Group.Name="new" is there already"#);
    let group = |action: &str| {
        Message::transfer(action, "Test_Group")
            .in_test()
            .selector("Name", "new")
    };
    assert_eq!(ann.ask(&group("Get")).body().text_at("Test_Group/Name"), "new");
    assert!(ann.ask(&group("Delete")).body().children.is_empty());
    insta::assert_snapshot!(ann.ask(&group("Delete")).fault(), @r#"s:Sender wsa:DestinationUnreachable CIM 6: there is no instance root/test:Test_Group.Name="new""#);
}

#[test]
fn a_method_takes_and_gives_arguments() {
    let service = Service::start();
    let mut ann = service.connect_as("ann");
    let mut call = |method: &str, arguments: &str| {
        let message = Message::invoke("Test_Item", method, arguments).in_test();
        ann.ask(&message.selector("Number", "1"))
    };
    insta::assert_snapshot!(call("Repeat", "<c:Text>ab</c:Text><c:Times>2</c:Times>").envelope().outline(), @r"
    s:Envelope
      s:Header
        wsa:To http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous
        wsa:Action http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Item/RepeatResponse
        wsa:MessageID uuid:*
        wsa:RelatesTo uuid:*
      s:Body
        p:Repeat_OUTPUT
          p:Result abab
          p:Pieces ab
          p:Pieces ab
          p:ReturnValue 0
    ");
    insta::assert_snapshot!(call("repeat", "<c:Times>1</c:Times><c:Text>ab</c:Text>").body().outline(), @r"
    s:Body
      p:Repeat_OUTPUT
        p:Result ab
        p:Pieces ab
        p:ReturnValue 0
    ");
    insta::assert_snapshot!(call("Repeat", "<c:Text>ab</c:Text><c:Times>300</c:Times>").fault(), @"s:Sender wsman:InvalidParameter TypeMismatch: Test_Item.Times: `300` is no uint8 (0 to 255).");
    insta::assert_snapshot!(call("Repeat", "<c:Text>ab</c:Text>").fault(), @"s:Sender wsman:InvalidParameter InvalidValue CIM 4: Times is missing");
    insta::assert_snapshot!(call("Repeat", "<c:Other>ab</c:Other>").fault(), @"s:Sender wsman:InvalidParameter InvalidName: Repeat takes no parameter `Other`.");
    insta::assert_snapshot!(call("Nothing", "").fault(), @"s:Sender wsa:ActionNotSupported CIM 17: The action `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Test_Item/Nothing` is not supported for this resource.");
    let total = ann.ask(&Message::invoke("Test_Item", "Total", "").in_test());
    insta::assert_snapshot!(total.body().outline(), @r"
    s:Body
      p:Total_OUTPUT
        p:ReturnValue 4
    ");
}

/// The definition of a class, as openwsman's clients ask for it.
#[test]
fn a_class_definition_is_read() {
    let service = Service::start();
    let uri = "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/*";
    let message = Message::transfer("Get", uri).in_test();
    let class = service.ask(&message.clone().selector("ClassName", "Test_Membership"));
    insta::assert_snapshot!(class.body().outline(), @r"
    s:Body
      CLASS NAME=Test_Membership
        QUALIFIER NAME=Association TYPE=boolean OVERRIDABLE=false
          VALUE TRUE
        PROPERTY.REFERENCE NAME=Group REFERENCECLASS=Test_Group CLASSORIGIN=Test_Membership
          QUALIFIER NAME=Key TYPE=boolean OVERRIDABLE=false
            VALUE TRUE
        PROPERTY.REFERENCE NAME=Member REFERENCECLASS=Test_Item CLASSORIGIN=Test_Membership
          QUALIFIER NAME=Key TYPE=boolean OVERRIDABLE=false
            VALUE TRUE
        PROPERTY NAME=Rank TYPE=string CLASSORIGIN=Test_Membership
    ");
    insta::assert_snapshot!(service.ask(&message).fault(), @"s:Sender wsman:InvalidSelectors InsufficientSelectors: The selector `ClassName` is missing: it names the class whose definition is wanted.");
    insta::assert_snapshot!(service.ask(&message.selector("ClassName", "Nothing")).fault(), @"s:Sender wsa:DestinationUnreachable InvalidResourceURI CIM 5: namespace `root/test` has no class `Nothing` (resource URI `http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/*`).");

    // Without a namespace the class says which one it is.
    let message = Message::transfer("Get", uri).selector("ClassName", "ESM_Alive");
    let class = service.ask(&message).body().outline();
    assert!(class.contains("CLASS NAME=ESM_Alive"), "{class}");
}

/// openwsman's own operations on classes, called as methods.
#[test]
fn classes_are_listed_and_read_as_openwsmans_clients_do() {
    let service = Service::start();
    let intrinsic = "http://schemas.openwsman.org/wbem/wscim/1/intrinsic";
    let call = |uri: &str, method: &str| {
        let message = Message::new(&format!("{uri}/{method}")).on(uri).in_test();
        service.ask(&message.body(&format!("<c:{method}_INPUT xmlns:c=\"{uri}\"/>")))
    };
    let names = call(intrinsic, "EnumerateClassNames").body();
    let names: Vec<&str> = names.children[0]
        .children
        .iter()
        .map(|name| name.text.as_str())
        .collect();
    assert!(
        names.contains(&"Test_Item") && names.contains(&"CIM_ManagedElement"),
        "{names:?}"
    );
    insta::assert_snapshot!(call(&format!("{intrinsic}/Test_Group"), "GetClass").body().outline(), @r"
    s:Body
      {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}GetClass
        {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}name Test_Group
        {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}properties
          {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}property
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}name InstanceID
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}type string
          {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}property
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}name Caption
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}type string
          {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}property
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}name Description
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}type string
          {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}property
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}name ElementName
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}type string
          {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}property
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}name Generation
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}type uint64
          {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}property
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}name Name
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}type string
            {http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group}key true
    ");
    insta::assert_snapshot!(call(&format!("{intrinsic}/Test_Group"), "DeleteClass").fault(), @"s:Sender wsa:ActionNotSupported: The action `http://schemas.openwsman.org/wbem/wscim/1/intrinsic/Test_Group/DeleteClass` is not supported for this resource.");
    insta::assert_snapshot!(call(&format!("{intrinsic}/Test_Nothing"), "GetClass").fault(), @"s:Sender wsa:DestinationUnreachable InvalidResourceURI CIM 5: namespace `root/test` has no class `Test_Nothing`");
}
