//! CIM-XML over HTTP as bytes: what headers must say, and how answers are sent.

mod chunked;
mod requests;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use esm::server::cimxml::CimxmlOptions;
use esm::server::contexts::ContextLimits;

use crate::agent::Agent;
use crate::dsp0203::{check_broken_off, check_reply};
use crate::message::Message;
use crate::raw_http::{Connection, Reply};
use crate::wsman_service::classes::MANY;
use crate::wsman_service::{Options, Service};
use chunked::ChunkedReply;
use requests::{Asked, context_of, enumerate_instance_names, message, operation, pull};

/// Sends one request as `ann`, on a connection of its own.
#[track_caller]
fn ask(service: &Service, asked: &Asked) -> Reply {
    let mut connection = service.connect_as("ann");
    asked.send(&mut connection);
    let reply = connection.reply();
    if reply.status == 200 {
        check_reply(reply.text());
    }
    reply
}

/// `STATUS CIMError`.
#[track_caller]
fn check(service: &Service, asked: &Asked, expect: &str) {
    let reply = ask(service, asked);
    let error = reply.header("cimerror").unwrap_or_default();
    let got = format!("{} {error}", reply.status);
    assert_eq!(got.trim_end(), expect, "{asked:?}: {}", reply.text());
    if reply.status != 200 {
        assert!(
            reply.text().ends_with(".\n"),
            "a text that says why: {}",
            reply.text()
        );
    }
}

#[test]
fn headers_say_what_a_request_is() {
    let service = Service::start();
    let good = enumerate_instance_names("Test_Group");
    check(&service, &good, "200");
    for (header, value, expect) in [
        ("CIMOperation", None, "400 unsupported-operation"),
        ("CIMOperation", Some("MethodRequest"), "400 unsupported-operation"),
        ("CIMOperation", Some("methodcall"), "200"),
        ("CIMProtocolVersion", Some("1.0"), "200"),
        ("CIMProtocolVersion", Some("1.4"), "200"),
        (
            "CIMProtocolVersion",
            Some("2.0"),
            "501 unsupported-protocol-version",
        ),
        ("CIMMethod", None, "400 header-mismatch"),
        ("CIMMethod", Some("GetInstance"), "400 header-mismatch"),
        ("CIMMethod", Some("enumerateinstanceNAMES"), "200"),
        ("CIMMethod", Some("Enumerate%49nstanceNames"), "200"),
        ("CIMObject", None, "400 header-mismatch"),
        ("CIMObject", Some("root%2Ftest"), "200"),
        ("CIMObject", Some("ROOT/TEST"), "200"),
        ("CIMObject", Some("root/cimv2"), "400 header-mismatch"),
        ("Content-Type", None, "200"),
        ("Content-Type", Some("text/xml; charset=UTF-8"), "200"),
        ("Content-Type", Some("Application/XML;charset='utf-8'"), "200"),
        ("Content-Type", Some("application/json"), "415"),
        (
            "Content-Type",
            Some("application/xml; charset=klingon"),
            "400 request-not-well-formed",
        ),
    ] {
        check(&service, &good.clone().with(header, value), expect);
    }
}

#[test]
fn what_is_no_request_is_an_http_error() {
    let service = Service::start();
    let good = enumerate_instance_names("Test_Group");
    let text = String::from_utf8(good.body.clone()).unwrap();
    for (body, expect) in [
        ("".to_owned(), "400 request-not-well-formed"),
        ("<CIM".to_owned(), "400 request-not-well-formed"),
        ("<!DOCTYPE CIM><CIM/>".to_owned(), "400 request-not-well-formed"),
        ("<CIM/>".to_owned(), "501 unsupported-cim-version"),
        (
            text.replace("CIMVERSION=\"2.0\"", "CIMVERSION=\"3.0\""),
            "501 unsupported-cim-version",
        ),
        (
            text.replace("DTDVERSION=\"2.0\"", "DTDVERSION=\"1.0\""),
            "501 unsupported-dtd-version",
        ),
        (
            text.replace("PROTOCOLVERSION=\"1.0\"", "PROTOCOLVERSION=\"2.0\""),
            "501 unsupported-protocol-version",
        ),
        (text.replace("SIMPLEREQ", "SIMPLERSP"), "400 request-not-valid"),
    ] {
        check(&service, &good.clone().with_body(body.as_bytes()), expect);
    }
    check(&service, &good.clone().to("GET", "/cimom"), "405");
    check(&service, &good.clone().to("POST", "/nowhere"), "404");
    for path in ["/", "/cimom", "/cimom/"] {
        check(&service, &good.clone().to("POST", path), "200");
    }
    let mut stranger = Connection::open(service.plain);
    good.send(&mut stranger);
    let refused = stranger.reply();
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"esm\""));
}

#[test]
fn a_reply_is_what_its_request_was() {
    let service = Service::start();
    let good = enumerate_instance_names("Test_Group");
    let reply = ask(&service, &good);
    assert_eq!(reply.header("cimoperation"), Some("MethodResponse"));
    assert_eq!(
        reply.header("content-type"),
        Some("application/xml; charset=\"utf-8\"")
    );
    assert!(reply.came_at_once, "head and body in one write");
    let as_text = good.clone().with("Content-Type", Some("text/xml"));
    assert_eq!(
        ask(&service, &as_text).header("content-type"),
        Some("text/xml; charset=\"utf-8\"")
    );
    // Other encodings are read; the answer is in UTF-8.
    let latin = enumerate_instance_names("Gr\u{f6}\u{df}e")
        .with("Content-Type", Some("application/xml; charset=iso-8859-1"))
        .encoded(|text| text.chars().map(|c| c as u8).collect());
    assert!(ask(&service, &latin).text().contains("Gr\u{f6}\u{df}e"));
    let wide = good.clone().encoded(|text| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    });
    assert_eq!(ask(&service, &wide).text(), reply.text());
}

/// POST with the headers of RFC 2774.
#[test]
fn extended_requests_are_served() {
    let service = Service::start();
    let man = "http://www.dmtf.org/cim/mapping/http/v1.0";
    let good = enumerate_instance_names("Test_Group").to("M-POST", "/cimom");
    check(&service, &good, "510");
    let extended = good
        .clone()
        .renamed("CIMOperation", "73-CIMOperation")
        .renamed("CIMMethod", "73-CIMMethod")
        .renamed("CIMObject", "73-CIMObject")
        .with("Man", Some(&format!("{man} ; ns=73")));
    let reply = ask(&service, &extended);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("73-cimoperation"), Some("MethodResponse"));
    assert_eq!(reply.header("ext"), Some(""));
    check(
        &service,
        &extended.renamed("73-CIMMethod", "CIMMethod"),
        "400 header-mismatch",
    );
}

#[test]
fn a_method_call_names_its_object_in_either_form() {
    let service = Service::start();
    let path = "<LOCALINSTANCEPATH><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"test\"/></LOCALNAMESPACEPATH>\
        <INSTANCENAME CLASSNAME=\"Test_Item\"><KEYBINDING NAME=\"Number\"><KEYVALUE VALUETYPE=\"numeric\">2</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH>";
    let arguments = "<PARAMVALUE NAME=\"Text\" PARAMTYPE=\"string\"><VALUE>ab</VALUE></PARAMVALUE><PARAMVALUE NAME=\"Times\"><VALUE>2</VALUE></PARAMVALUE>";
    let body = message(&format!(
        "<SIMPLEREQ><METHODCALL NAME=\"Repeat\">{path}{arguments}</METHODCALL></SIMPLEREQ>"
    ));
    let call = Asked::new("Repeat", "", body);
    for (object, expect) in [
        ("root/test:Test_Item.Number=2", "200"),
        ("root%2Ftest%3ATest_Item.Number%3D2", "200"),
        ("//localhost:5988/root/test:test_item.number=2", "200"),
        ("root/test:Test_Group.Number=2", "400 header-mismatch"),
        ("root/cimv2:Test_Item.Number=2", "400 header-mismatch"),
        ("root/test", "400 header-mismatch"),
    ] {
        check(&service, &call.clone().with("CIMObject", Some(object)), expect);
    }
    let reply = ask(
        &service,
        &call.with("CIMObject", Some("root/test:Test_Item.Number=2")),
    );
    assert!(reply.text().contains("<VALUE>abab</VALUE>"), "{}", reply.text());
}

#[test]
fn many_requests_of_one_message_are_answered_one_by_one() {
    let service = Service::start();
    let class =
        |name: &str| format!("<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"{name}\"/></IPARAMVALUE>");
    let requests = [
        operation("EnumerateInstanceNames", &class("Test_Group")),
        operation("EnumerateInstanceNames", &class("Test_Nope")),
        operation("EnumerateInstances", &class("Test_Failing")),
        operation("DeleteClass", &class("Test_Group")),
        operation("EnumerateInstanceNames", &class("Test_SubItem")),
    ];
    let body = message(&format!("<MULTIREQ>{}</MULTIREQ>", requests.concat()));
    let asked = Asked::new("", "", body)
        .with("CIMMethod", None)
        .with("CIMObject", None)
        .with("CIMBatch", Some(""));
    let reply = ask(&service, &asked);
    let answers: Vec<&str> = reply.text().split("<SIMPLERSP>").skip(1).collect();
    assert_eq!(answers.len(), 5, "{}", reply.text());
    for (answer, expect) in answers.into_iter().zip([
        "<KEYVALUE VALUETYPE=\"string\">odd</KEYVALUE>",
        "<ERROR CODE=\"5\"",
        "<ERROR CODE=\"1\" DESCRIPTION=\"the third one broke\"",
        "<ERROR CODE=\"7\"",
        "<INSTANCENAME CLASSNAME=\"Test_SubItem\">",
    ]) {
        assert!(answer.contains(expect), "{expect}: {answer}");
    }
}

fn enumerate_many() -> Asked {
    Asked::operation(
        "EnumerateInstances",
        "<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"Test_Many\"/></IPARAMVALUE>",
    )
}

#[test]
fn a_large_answer_comes_in_chunks_as_it_is_taken() {
    let service = Service::start();
    let mut connection = service.connect_as("ann");
    enumerate_many().send(&mut connection);
    let mut reply = ChunkedReply::begin(&mut connection);
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    assert_eq!(reply.header("content-length"), None);
    // While nobody takes the rest it is not made.
    let made = || service.world.made.load(Ordering::SeqCst);
    let until = Instant::now() + Duration::from_secs(60);
    let mut before = usize::MAX;
    while before != made() {
        assert!(Instant::now() < until, "it goes on: {}", made());
        before = made();
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(before < MANY as usize, "{before} are made already");
    reply.read_to_end(&mut connection);
    assert!(reply.is_whole, "the last chunk came");
    let text = reply.text();
    assert_eq!(text.matches("<VALUE.NAMEDINSTANCE>").count(), MANY as usize);
    check_reply(text);
    let most = service.world.most_alive.load(Ordering::SeqCst);
    assert!(most <= 2, "{most} at a time");
    // The connection is kept.
    enumerate_instance_names("Test_Group").send(&mut connection);
    assert_eq!(connection.reply().status, 200);
}

#[test]
fn an_answer_beyond_the_limit_names_the_pulled_operations() {
    for (limit, made_at_most) in [(64 << 10, 2_000), (4 << 20, 20_000)] {
        let service = Service::start_with(Options {
            cimxml: CimxmlOptions {
                max_reply_bytes: limit,
                ..CimxmlOptions::default()
            },
            ..Options::default()
        });
        let reply = ask(&service, &enumerate_many());
        let text = reply.text();
        assert!(text.contains("<ERROR CODE=\"1\""), "{text}");
        assert!(
            text.contains("OpenEnumerateInstances") && text.contains("PullInstancesWithPath"),
            "{text}"
        );
        let made = service.world.made.load(Ordering::SeqCst);
        assert!(made < made_at_most, "{made} were made before the limit was seen");
        // How many a query yields nobody knows: they are counted, and none is kept.
        let query = "<IPARAMVALUE NAME=\"QueryLanguage\"><VALUE>WQL</VALUE></IPARAMVALUE>\
            <IPARAMVALUE NAME=\"Query\"><VALUE>SELECT * FROM Test_Many</VALUE></IPARAMVALUE>";
        let reply = ask(&service, &Asked::operation("ExecQuery", query));
        assert!(reply.text().contains("<ERROR CODE=\"1\""), "{}", reply.text());
        let most = service.world.most_alive.load(Ordering::SeqCst);
        assert!(most <= 2, "{most} at a time");
    }
}

#[test]
fn an_answer_that_breaks_after_its_first_chunk_is_cut() {
    let service = Service::start();
    let mut connection = service.connect_as("ann");
    Asked::operation(
        "EnumerateInstances",
        "<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"Test_Breaking\"/></IPARAMVALUE>",
    )
    .send(&mut connection);
    let mut reply = ChunkedReply::begin(&mut connection);
    reply.read_to_end(&mut connection);
    assert!(!reply.is_whole, "the client sees that it is not whole");
    check_broken_off(reply.text());
}

#[test]
fn enumerations_of_both_protocols_have_one_bound() {
    let service = Service::start_with(Options {
        contexts: ContextLimits {
            per_account: 4,
            ..ContextLimits::default()
        },
        ..Options::default()
    });
    let open = || {
        let class = "<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"Test_Item\"/></IPARAMVALUE>";
        context_of(&ask(&service, &Asked::operation("OpenEnumerateInstances", class)))
    };
    let pull_one = |context: &str| {
        ask(&service, &pull("PullInstancesWithPath", context, 1))
            .text()
            .to_owned()
    };
    let opened = [open(), open(), open()];
    let mut ann = service.connect_as("ann");
    let enumerate = Message::enumerate("Test_Item", "").in_test();
    let foreign = ann.ask(&enumerate);
    let foreign = foreign
        .body()
        .text_at("EnumerateResponse/EnumerationContext")
        .to_owned();
    assert_eq!(service.enumerations.len(), 4);
    // What one protocol opened is not there for the other, and stays.
    let refused = pull_one(foreign.trim_start_matches("uuid:"));
    assert!(refused.contains("<ERROR CODE=\"21\""), "{refused}");
    let refused = ann
        .ask(&Message::pull("Test_Item", &opened[0], "").in_test())
        .fault();
    assert!(refused.contains("InvalidEnumerationContext"), "{refused}");
    assert_eq!(service.enumerations.len(), 4);
    // The oldest gives way, whoever opened it.
    ann.ask(&enumerate);
    assert_eq!(service.enumerations.len(), 4);
    assert!(pull_one(&opened[0]).contains("<ERROR CODE=\"21\""));
    assert!(pull_one(&opened[1]).contains("<VALUE.INSTANCEWITHPATH>"));
    assert_eq!(
        ann.ask(&Message::pull("Test_Item", &foreign, "").in_test())
            .status,
        200
    );
}

#[test]
fn an_enumeration_ends_after_the_time_that_its_client_asked_for() {
    let service = Service::start();
    let open = |more: &str| {
        let class = "<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"Test_Item\"/></IPARAMVALUE>";
        let opening = Asked::operation("OpenEnumerateInstancePaths", &format!("{class}{more}"));
        context_of(&ask(&service, &opening))
    };
    let goes_on = |context: &str| {
        let reply = ask(&service, &pull("PullInstancePaths", context, 1));
        !reply.text().contains("<ERROR CODE=\"21\"")
    };
    let short = open("<IPARAMVALUE NAME=\"OperationTimeout\"><VALUE>5</VALUE></IPARAMVALUE>");
    let usual = open("");
    service.clock.advance(Duration::from_secs(4));
    assert!(goes_on(&short) && goes_on(&usual));
    service.clock.advance(Duration::from_secs(5));
    assert!(!goes_on(&short) && goes_on(&usual));
    service.clock.advance(Duration::from_secs(600));
    assert!(!goes_on(&usual));
}

#[test]
fn what_is_left_of_an_enumeration_is_counted() {
    let service = Service::start();
    let class = "<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"Test_Item\"/></IPARAMVALUE>";
    let filter = "<IPARAMVALUE NAME=\"FilterQueryLanguage\"><VALUE>DMTF:FQL</VALUE></IPARAMVALUE>\
        <IPARAMVALUE NAME=\"FilterQuery\"><VALUE>Number &gt; 2</VALUE></IPARAMVALUE>";
    for (more, all) in [("", 5), (filter, 3)] {
        let opening = Asked::operation("OpenEnumerateInstances", &format!("{class}{more}"));
        let context = context_of(&ask(&service, &opening));
        let counted = |left: u32| {
            let named =
                format!("<IPARAMVALUE NAME=\"EnumerationContext\"><VALUE>{context}</VALUE></IPARAMVALUE>");
            let reply = ask(&service, &Asked::operation("EnumerationCount", &named));
            assert!(
                reply
                    .text()
                    .contains(&format!("<IRETURNVALUE><VALUE>{left}</VALUE>")),
                "{}",
                reply.text()
            );
        };
        counted(all);
        ask(&service, &pull("PullInstancesWithPath", &context, 2));
        counted(all - 2);
    }
}

/// No password stands on a command line: the caller is known by its process.
#[test]
fn the_local_socket_serves_it_too() {
    let agent = Agent::start();
    let asked = Asked::operation(
        "EnumerateInstanceNames",
        "<IPARAMVALUE NAME=\"ClassName\"><CLASSNAME NAME=\"ESM_Alive\"/></IPARAMVALUE>",
    )
    .in_namespace("root/ESMPRO/AS");
    let mut socket = UnixStream::connect(agent.socket()).unwrap();
    socket
        .write_all(&asked.with("Connection", Some("close")).bytes())
        .unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(reply.contains("ESM:Alive:agent"), "{reply}");
    check_reply(reply.split_once("\r\n\r\n").unwrap().1);
}

/// The agent warns of HTTP that leaves the machine, in its log and in `config check`.
#[test]
fn http_beyond_loopback_is_warned_of() {
    let opened = "cimxml.https_listen = []\ncimxml.http_listen = [\"0.0.0.0:0\"]";
    let agent = Agent::start_with(opened);
    let warned = agent.wait_for_log("cimxml.http_listen");
    assert!(warned.contains("WARN") && warned.contains("in clear"), "{warned}");
    let checked = crate::command::run(&mut agent.esm(&["config", "check"]));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.out.contains("warning: ") && checked.out.contains("cimxml.http_listen"),
        "{checked:?}"
    );
    let usual = Agent::start();
    assert!(!usual.log().contains("in clear"), "{}", usual.log());
}
