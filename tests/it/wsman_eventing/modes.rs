//! The delivery modes, and what a delivery carries.

use std::time::Duration;

use super::{EVENTS, PULL, PUSH, PUSH_WITH_ACK, Source, Subscribed, deliver, manage, numbers, subscribe};
use crate::element::Element;
use crate::manager::Manager;
use crate::message::{ADDRESSING_10, Message};

const EVENT: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Event";

#[test]
fn push_tells_one_event_at_a_time() {
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    source.subscribe(&deliver(PUSH, &manager.url("/told?by=push"), ""), "");
    for number in 0..3 {
        source.alert();
        let told = manager.next();
        assert_eq!(numbers(&told), [number]);
        assert_eq!(
            (&told["action"], &told["path"]),
            (&EVENT.into(), &"/told?by=push".into())
        );
        assert_eq!(told["wants_ack"], false);
        let (class, event) = (&told["events"][0][0], &told["events"][0][1]);
        assert_eq!(
            (class, &event["EventID"]),
            (&"ESM_AlertIndication".into(), &"4000060B".into())
        );
    }
    source.agent.stop();
}

#[test]
fn a_destination_is_written_in_any_form() {
    let source = Source::start();
    for (host, url, path) in [
        (
            "127.0.0.1",
            "http://localhost:{port}/a/b?c=d&amp;e=%20f",
            "/a/b?c=d&e=%20f",
        ),
        ("127.0.0.1", "HTTP://127.0.0.1:{port}", "/"),
        ("::1", "http://[::1]:{port}/x", "/x"),
    ] {
        let manager = Manager::start(None, &["--host", host]);
        let url = url.replace("{port}", &manager.port().to_string());
        let subscribed = source.subscribe(&deliver(PUSH, &url, ""), "");
        source.alert();
        assert_eq!(manager.next()["path"], path, "{url}");
        source.ask(&manage("Unsubscribe", &subscribed.id, ""));
    }
    source.agent.stop();
}

/// Some listeners misspell the action of their acknowledgement.
#[test]
fn a_misspelt_acknowledgement_is_one() {
    let misspelt = "http://schemas.xmlsoap.org/wbmem/wsman/1/wsman/Ack";
    let manager = Manager::start(None, &["--ack", misspelt]);
    let source = Source::start();
    source.subscribe(&deliver(PUSH_WITH_ACK, &manager.url("/"), ""), "");
    source.alert();
    source.alert();
    assert_eq!(
        (numbers(&manager.next()), numbers(&manager.next())),
        (vec![0], vec![1])
    );
    source.agent.stop();
    let other = Manager::start(None, &["--ack", "urn:something/else"]);
    let source = Source::start();
    source.subscribe(&deliver(PUSH_WITH_ACK, &other.url("/"), ""), "");
    source.alert();
    assert_eq!(
        other.next()["message_id"],
        other.next()["message_id"],
        "it is sent again"
    );
    source.agent.stop();
}

/// An event that is not acknowledged comes again as the same message, and the next one waits for it.
#[test]
fn push_with_ack_waits_for_the_acknowledgement() {
    let deaf = Manager::start(None, &["--no-ack"]);
    let source = Source::start();
    source.subscribe(&deliver(PUSH_WITH_ACK, &deaf.url("/"), ""), "");
    source.alert();
    source.alert();
    let (first, again) = (deaf.next(), deaf.next());
    assert_eq!(first["wants_ack"], true);
    assert_eq!(
        (&first["message_id"], numbers(&first)),
        (&again["message_id"], vec![0])
    );
    let port = deaf.port().to_string();
    drop(deaf);
    let manager = Manager::start(None, &["--port", &port]);
    let (first_taken, second) = (manager.next(), manager.next());
    assert_eq!(first_taken["message_id"], first["message_id"]);
    assert_eq!((numbers(&first_taken), numbers(&second)), (vec![0], vec![1]));
    manager.nothing_more(Duration::from_millis(1500));
    source.agent.stop();
}

#[test]
fn events_come_in_batches_of_the_size_and_age_asked_for() {
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    let batch = "<w:MaxElements>3</w:MaxElements><w:MaxTime>PT2S</w:MaxTime>";
    source.subscribe(&deliver(EVENTS, &manager.url("/"), batch), "");
    for _ in 0..4 {
        source.alert();
    }
    let (full, rest) = (manager.next(), manager.next());
    assert_eq!((numbers(&full), numbers(&rest)), (vec![0, 1, 2], vec![3]));
    assert_eq!(
        full["action"],
        "http://schemas.dmtf.org/wbem/wsman/1/wsman/Events"
    );
    assert_eq!(full["wants_ack"], true);
    source.agent.stop();
}

/// Where one request at once is worked on.
#[test]
fn a_pull_that_waits_keeps_nobody_out() {
    let source = Source::start_with("[limits]\nmax_requests_in_flight = 1\n");
    let subscribed = source.subscribe(&deliver(PULL, "http://127.0.0.1:9/", ""), "");
    let pull = Message::pull(
        "CIM_Indication",
        &subscribed.context,
        "<n:MaxTime>PT20S</n:MaxTime>",
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| source.ask(&pull));
        std::thread::sleep(Duration::from_millis(300));
        source.alert();
        assert_eq!(waiting.join().unwrap().status, 200);
    });
    source.agent.stop();
}

#[test]
fn events_are_pulled() {
    let source = Source::start();
    let subscribed = source.subscribe(&deliver(PULL, "http://127.0.0.1:9/", ""), "");
    let pull = |context: &str, limits: &str| source.ask(&Message::pull("CIM_Indication", context, limits));
    let quick = "<n:MaxTime>PT0.2S</n:MaxTime>";
    let none = pull(&subscribed.context, quick);
    insta::assert_snapshot!(none.fault(), @"s:Receiver wsman:TimedOut: No event came in this time; pull again.");
    for _ in 0..3 {
        source.alert();
    }
    let numbers = |body: &Element| -> Vec<String> {
        let items = body.at("PullResponse/Items").children.iter();
        items
            .map(|item| item.text_at("SequenceNumber").to_owned())
            .collect()
    };
    let first = pull(&subscribed.context, "<n:MaxElements>2</n:MaxElements>").body();
    assert_eq!(numbers(&first), ["0", "1"]);
    assert_eq!(
        first.at("PullResponse").names(),
        ["wsen:EnumerationContext", "wsen:Items"]
    );
    // Until the next pull says that they have arrived, they can be had again.
    assert_eq!(numbers(&pull(&subscribed.context, "").body()), ["0", "1", "2"]);
    let next = first.text_at("PullResponse/EnumerationContext");
    let second = pull(next, "").body();
    assert_eq!(numbers(&second), ["2"]);
    // A pull that waits is answered as soon as there is something.
    let last = second.text_at("PullResponse/EnumerationContext").to_owned();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pull(&last, "<n:MaxTime>PT20S</n:MaxTime>"));
        std::thread::sleep(Duration::from_millis(300));
        source.alert();
        assert_eq!(numbers(&waiting.join().unwrap().body()), ["3"]);
    });
    assert_eq!(source.ask(&Message::release("CIM_Indication", &last)).status, 200);
    insta::assert_snapshot!(pull(&last, quick).fault(), @"s:Receiver wsen:InvalidEnumerationContext CIM 21: There is no such enumeration: it has ended, timed out, or gave way to newer ones. Enumerate again.");
    assert_eq!(source.ask(&manage("GetStatus", &subscribed.id, "")).status, 500);
    source.agent.stop();
}

/// Both versions of WS-Addressing put what the listener wants back elsewhere.
#[test]
fn reference_parameters_come_back_as_headers() {
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    let to = |kind: &str| {
        format!(
            "<e:Delivery><e:NotifyTo><a:Address>{}</a:Address><a:{kind}><t:Tag xmlns:t=\"urn:t\">4 &amp; 2</t:Tag>\
             <t:Deep xmlns:t=\"urn:t\"><t:In>x</t:In></t:Deep></a:{kind}></e:NotifyTo></e:Delivery>",
            manager.url("/")
        )
    };
    for (kind, newer) in [
        ("ReferenceParameters", false),
        ("ReferenceProperties", false),
        ("ReferenceParameters", true),
    ] {
        let message = subscribe(&to(kind), "");
        let message = if newer {
            message.addressing(ADDRESSING_10)
        } else {
            message
        };
        let subscribed = super::Subscribed::of(&source.ask(&message));
        source.alert();
        let told = manager.next();
        assert_eq!(told["headers"]["Tag"], "4 & 2", "{told}");
        assert!(told["headers"].get("Deep").is_some(), "{told}");
        assert_eq!(
            told["headers"]["Action"], EVENT,
            "in the version of the subscription"
        );
        source.ask(&manage("Unsubscribe", &subscribed.id, ""));
    }
    source.agent.stop();
}

#[test]
fn an_idle_subscription_is_told_that_it_lives() {
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    let beats = "<w:Heartbeats>PT1.000000S</w:Heartbeats>";
    source.subscribe(&deliver(PUSH, &manager.url("/"), beats), "");
    for _ in 0..2 {
        let beat = manager.next();
        assert_eq!(
            beat["action"],
            "http://schemas.dmtf.org/wbem/wsman/1/wsman/Heartbeat"
        );
        assert_eq!(beat["events"].as_array().unwrap().len(), 0);
    }
    source.alert();
    let mut told = manager.next();
    while told["events"].as_array().unwrap().is_empty() {
        told = manager.next();
    }
    assert_eq!(numbers(&told), [0], "heartbeats take no number");
    source.agent.stop();
}

/// Who kept the last bookmark goes on from there, whatever happened to the subscription.
#[test]
fn a_bookmark_brings_what_came_after_it() {
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    let push = deliver(PUSH, &manager.url("/"), "");
    let first = source.subscribe(&push, "<w:SendBookmarks/>");
    source.alert();
    source.alert();
    let bookmark = manager.next()["bookmark"].as_str().unwrap().to_owned();
    let second = manager.next();
    assert_ne!(second["bookmark"].as_str().unwrap(), bookmark);
    let identifier = |told: &serde_json::Value| told["events"][0][1]["IndicationIdentifier"].clone();
    let expect = identifier(&second);
    source.ask(&manage("Unsubscribe", &first.id, ""));
    let with = |bookmark: &str| format!("<w:Bookmark>{bookmark}</w:Bookmark><w:SendBookmarks/>");
    let again = source.subscribe(&push, &with(&bookmark));
    let told = manager.next();
    assert_eq!(identifier(&told), expect, "{told}");
    source.ask(&manage("Unsubscribe", &again.id, ""));
    let wrong = source.ask(&subscribe(&push, &with("nothing like one")));
    insta::assert_snapshot!(wrong.fault(), @"s:Sender wsman:InvalidBookmark InvalidFormat: The bookmark is none that this agent gave.");
    let beyond = source.ask(&subscribe(&push, &with("999999999")));
    insta::assert_snapshot!(beyond.fault(), @"s:Sender wsman:InvalidBookmark Expired: not everything is kept that came after the bookmark 999999999: subscribe with the earliest one, or with none.");
    source.agent.stop();
}

/// Each subscription gets what its own filter lets through.
#[test]
fn a_filter_lets_through_what_it_says() {
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    let to = |path: &str| deliver(PUSH, &manager.url(path), "");
    let query = |dialect: &str, text: &str| format!("<w:Filter Dialect=\"{dialect}\">{text}</w:Filter>");
    let wql = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
    let cql = "http://schemas.dmtf.org/wbem/cql/1/dsp0202.pdf";
    source.subscribe(&to("/none"), &query(wql, "SELECT * FROM ESM_ThresholdIndication"));
    source.subscribe(
        &to("/severe"),
        &query(
            wql,
            "SELECT * FROM CIM_AlertIndication WHERE PerceivedSeverity &gt; 5",
        ),
    );
    let test = "EventID = '4000060B'";
    source.subscribe(
        &to("/wql"),
        &query(wql, &format!("SELECT * FROM CIM_AlertIndication WHERE {test}")),
    );
    source.subscribe(
        &to("/cql"),
        &query(
            cql,
            &format!("SELECT * FROM CIM_Indication WHERE CIM_Indication.ESM_AlertIndication::{test}"),
        ),
    );
    source.alert();
    let mut paths = [manager.next(), manager.next()].map(|told| told["path"].as_str().unwrap().to_owned());
    paths.sort();
    assert_eq!(paths, ["/cql", "/wql"]);
    manager.nothing_more(Duration::from_millis(1000));
    source.agent.stop();
}

/// Windows clients name namespaces and events as WMI does. What they mean is subscribed to; what they are told of
/// has the names of CIM.
#[test]
fn events_may_be_named_as_wmi_names_them() {
    const ALL: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/ESMPRO/AS/*";
    let wql = |text: &str| {
        format!("<w:Filter Dialect=\"http://schemas.microsoft.com/wbem/wsman/1/WQL\">{text}</w:Filter>")
    };
    let manager = Manager::start(None, &[]);
    let source = Source::start();
    let ask = |query: &str| {
        let delivery = deliver(PUSH, &manager.url("/"), "");
        source.ask(&subscribe(&delivery, &wql(query)).on(ALL))
    };
    let modified = "SELECT * FROM __InstanceModificationEvent WITHIN 5 \
                    WHERE TargetInstance ISA 'ESM_MonitorSetting' AND TargetInstance.Enabled = TRUE";
    Subscribed::of(&ask(modified));
    let put = |enabled| {
        let setting = Message::transfer("Put", "ESM_MonitorSetting").selector("InstanceID", "cpu");
        let changed = format!("<c:Enabled>{enabled}</c:Enabled><c:InstanceID>cpu</c:InstanceID>");
        let reply = source.ask(&setting.instance("ESM_MonitorSetting", &changed));
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    };
    put(true);
    let told = manager.next();
    let (class, event) = (&told["events"][0][0], &told["events"][0][1]);
    assert_eq!(
        (class, &event["ChangedPropertyNames"]),
        (&"CIM_InstModification".into(), &"Enabled".into())
    );

    let enumerate = Message::enumerate(ALL, &wql("SELECT * FROM __InstanceCreationEvent"));
    let of_no_class = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Win32_Process'";
    for (reply, expect) in [
        (
            ask("SELECT * FROM __TimerEvent"),
            "there is no class `__TimerEvent`",
        ),
        (
            ask(of_no_class),
            "line 1, column 64: there is no class `Win32_Process`",
        ),
        (source.ask(&enumerate), "stands for events"),
    ] {
        let fault = reply.fault();
        assert!(fault.contains(expect), "{expect}: {fault}");
    }
    source.agent.stop();
}
