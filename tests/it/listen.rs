//! `esm listen`: what is posted to it, what it prints and answers; and with a real agent.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use crate::agent::{Agent, USER};
use crate::command;
use crate::dsp0203;

/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `esm listen`. Dropped, it is killed.
struct Listening {
    child: Child,
    printed: Receiver<String>,
    told: Receiver<String>,
    url: String,
}

impl Listening {
    #[track_caller]
    fn start(home: &Path, args: &[&str]) -> Self {
        let mut command = command::esm(home);
        command.args(["listen", "--listen", "127.0.0.1:0"]).args(args);
        let mut child = command
            .env(
                "ESM_PASSWORD",
                std::fs::read_to_string(home.join("password")).unwrap_or_default(),
            )
            .env("ESM_ACCEPT_PASSWORD", "right horse")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut listening = Self {
            printed: lines(child.stdout.take().unwrap()),
            told: lines(child.stderr.take().unwrap()),
            child,
            url: String::new(),
        };
        let line = listening.hears("listening on ");
        listening.url = line.rsplit(' ').next().unwrap().to_owned();
        listening
    }

    /// The next line on standard error that holds `text`.
    #[track_caller]
    fn hears(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self
            .told
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if line.contains(text) {
                return line;
            }
        }
        panic!("`{text}` was not said on standard error");
    }

    /// The next line on standard output.
    #[track_caller]
    fn line(&self) -> String {
        self.printed.recv_timeout(PATIENCE).expect("a line")
    }

    /// The next line that tells of an indication of that event.
    #[track_caller]
    fn event(&self, event_id: &str) -> Json {
        loop {
            let line: Json = serde_json::from_str(&self.line()).unwrap();
            if line["event_id"] == event_id {
                return line;
            }
        }
    }

    /// Posts with curl, and returns the status, the head and the body of the reply.
    #[track_caller]
    fn post(&self, content_type: &str, headers: &[&str], body: &str) -> (u16, String, String) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-i", "--insecure", "--max-time", "60", "-H"])
            .arg(format!("Content-Type: {content_type}"));
        for header in headers {
            curl.args(["-H", header]);
        }
        let output = curl
            .args(["--data-binary", body])
            .arg(&self.url)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    #[track_caller]
    fn post_soap(&self, headers: &str, body: &str) -> (u16, String) {
        let (status, _, reply) = self.post(
            "application/soap+xml;charset=UTF-8",
            &[],
            &envelope(headers, body),
        );
        (status, reply)
    }

    /// Waits for its end, which must come with that code.
    #[track_caller]
    fn ends(mut self, code: i32) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
                None => panic!("it did not end"),
            }
        };
        let told: Vec<String> = self.told.iter().collect();
        assert_eq!(status.code(), Some(code), "{told:?}");
        told
    }

    #[track_caller]
    fn stop(self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.ends(0)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

fn envelope(headers: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" xmlns:e=\"http://schemas.xmlsoap.org/ws/2004/08/eventing\">\
         <s:Header><a:MessageID>uuid:7</a:MessageID>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn action(name: &str) -> String {
    format!("<a:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/{name}</a:Action>")
}

fn alert(number: u32) -> String {
    format!(
        "<p:ESM_ThresholdIndication xmlns:p=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ESM_ThresholdIndication\">\
         <p:EventID>8000010{number}</p:EventID><p:EventSource>ESMCPUPERF</p:EventSource><p:EventTime>20260131120000.000000+000</p:EventTime>\
         <p:IndicationIdentifier>ESM:{number}</p:IndicationIdentifier><p:Message>Load &gt; 85 %</p:Message>\
         <p:PerceivedSeverity>3</p:PerceivedSeverity><p:SequenceNumber>{number}</p:SequenceNumber><p:State>Warning</p:State>\
         <p:SystemName>server</p:SystemName><p:TargetInstance>cpu</p:TargetInstance></p:ESM_ThresholdIndication>"
    )
}

fn export(method: &str, property: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\"><MESSAGE ID=\"9\" PROTOCOLVERSION=\"1.0\">\
         <SIMPLEEXPREQ><EXPMETHODCALL NAME=\"{method}\"><EXPPARAMVALUE NAME=\"NewIndication\"><INSTANCE CLASSNAME=\"CIM_AlertIndication\">\
         <PROPERTY NAME=\"EventID\" TYPE=\"string\"><VALUE>x</VALUE></PROPERTY>{property}\
         </INSTANCE></EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ></MESSAGE></CIM>"
    )
}

#[test]
fn deliveries_are_printed_and_answered() {
    let home = tempfile::tempdir().unwrap();
    let listening = Listening::start(home.path(), &["--output", "json"]);
    assert!(
        listening.url.starts_with("https://127.0.0.1:"),
        "{}",
        listening.url
    );

    let (status, reply) = listening.post_soap(&action("Event"), &alert(1));
    assert_eq!((status, reply.as_str()), (200, ""), "a plain push needs no more");
    let line: Json = serde_json::from_str(&listening.line()).unwrap();
    for (name, expect) in [
        ("kind", Json::from("indication")),
        ("protocol", "ws-eventing".into()),
        ("from", "127.0.0.1".into()),
        ("time", "2026-01-31T12:00:00Z".into()),
        ("severity", "warning".into()),
        ("source", "ESMCPUPERF".into()),
        ("event_id", "80000101".into()),
        ("system", "server".into()),
        ("target", "cpu".into()),
        ("message", "Load > 85 %".into()),
        ("state", "Warning".into()),
        ("sequence", 1.into()),
        ("identifier", "ESM:1".into()),
        ("duplicate", false.into()),
    ] {
        assert_eq!(line[name], expect, "{name} in {line:#}");
    }
    assert_eq!(line["indication"]["PerceivedSeverity"], 3, "typed by the schema");

    let (status, ack) = listening.post_soap(&format!("{}<w:AckRequested/>", action("Event")), &alert(1));
    assert_eq!(status, 200);
    assert!(
        ack.contains("http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack<"),
        "{ack}"
    );
    assert!(ack.contains("RelatesTo>uuid:7<"), "{ack}");
    assert_eq!(listening.event("80000101")["duplicate"], true);

    let event = |content: &str| format!("<w:Event Action=\"urn:x\">{content}</w:Event>");
    let batch = format!("<w:Events>{}{}</w:Events>", event(&alert(2)), event(&alert(3)));
    let (status, ack) = listening.post_soap(&format!("{}<w:AckRequested/>", action("Events")), &batch);
    assert!(status == 200 && ack.contains("wsman/Ack<"), "{status} {ack}");
    assert_eq!(listening.event("80000102")["sequence"], 2);
    assert_eq!(listening.event("80000103")["sequence"], 3);

    assert_eq!(listening.post_soap(&action("Heartbeat"), "").0, 200);
    assert!(listening.line().contains("\"kind\":\"heartbeat\""));
    let dropped = "<w:DroppedEvents Action=\"urn:x\">5</w:DroppedEvents>";
    assert_eq!(listening.post_soap(&action("DroppedEvents"), dropped).0, 200);
    assert!(listening.line().contains("\"count\":5"));
    let end = "<e:SubscriptionEnd><e:SubscriptionManager><a:Address>x</a:Address><a:ReferenceParameters><e:Identifier>id1</e:Identifier></a:ReferenceParameters>\
        </e:SubscriptionManager><e:Status>http://schemas.xmlsoap.org/ws/2004/08/eventing/SourceCanceling</e:Status><e:Reason>why not</e:Reason></e:SubscriptionEnd>";
    assert_eq!(
        listening
            .post_soap(
                "<a:Action>http://schemas.xmlsoap.org/ws/2004/08/eventing/SubscriptionEnd</a:Action>",
                end
            )
            .0,
        200
    );
    let line = listening.line();
    assert!(line.contains("id1") && line.contains("why not"), "{line}");
    listening.stop();
}

/// More than a subscriber would note while its agent says nothing, each with an identifier that is nobody's.
#[test]
fn ends_of_subscriptions_that_anybody_sends_hold_up_nothing() {
    let home = tempfile::tempdir().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let agent = format!("https://{}", silent.local_addr().unwrap());
    let subscribe = ["--subscribe", &agent, "--insecure", "--user", USER];
    std::fs::write(home.path().join("password"), "x").unwrap();
    let listening = Listening::start(home.path(), &[&["--output", "json"], &subscribe[..]].concat());
    for number in 0..100 {
        let end = format!(
            "<e:SubscriptionEnd><e:SubscriptionManager><a:Address>x</a:Address><a:ReferenceParameters><e:Identifier>{number}</e:Identifier>\
             </a:ReferenceParameters></e:SubscriptionManager><e:Status>http://schemas.xmlsoap.org/ws/2004/08/eventing/SourceCanceling</e:Status></e:SubscriptionEnd>"
        );
        let action = "<a:Action>http://schemas.xmlsoap.org/ws/2004/08/eventing/SubscriptionEnd</a:Action>";
        assert_eq!(listening.post_soap(action, &end).0, 200, "{number}");
    }
    assert_eq!(listening.post_soap(&action("Event"), &alert(1)).0, 200);
    assert_eq!(listening.event("80000101")["sequence"], 1);
}

/// One sender lets many connections stand that have sent half a delivery each; another one is heard.
#[test]
fn senders_that_are_slow_hold_up_nobody() {
    let home = tempfile::tempdir().unwrap();
    let listening = Listening::start(home.path(), &["--output", "json", "--plain"]);
    let address = listening.url.trim_start_matches("http://").trim_end_matches('/');
    let half = vec![b' '; 1 << 20];
    let slow: Vec<_> = (0..100)
        .map(|number| {
            use std::io::Write as _;
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let length = if number % 2 == 0 { 9 } else { half.len() + 1 };
            let head = format!(
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            // Beyond what there is memory for it is told so, and closed.
            let _ = stream.write_all(&half[..(length - 1) / 2]);
            stream
        })
        .collect();
    assert_eq!(listening.post_soap(&action("Event"), &alert(1)).0, 200);
    assert_eq!(listening.event("80000101")["sequence"], 1);
    drop(slow);
}

#[test]
fn exports_are_printed_and_answered() {
    let home = tempfile::tempdir().unwrap();
    let listening = Listening::start(home.path(), &["--output", "json", "--plain"]);
    let xml = "application/xml; charset=\"utf-8\"";
    let export_headers = ["CIMExport: MethodRequest", "CIMExportMethod: ExportIndication"];
    let property = "<PROPERTY NAME=\"Message\" TYPE=\"string\"><VALUE>hot &amp; loud</VALUE></PROPERTY>";
    let (status, head, body) = listening.post(xml, &export_headers, &export("ExportIndication", property));
    assert_eq!(status, 200);
    assert!(head.contains("\r\ncimexport: methodresponse"), "{head}");
    assert!(
        head.contains("\r\ncontent-type: application/xml; charset=\"utf-8\""),
        "{head}"
    );
    assert!(head.contains("\r\ncontent-length: "), "{head}");
    assert!(
        body.contains("<EXPMETHODRESPONSE NAME=\"ExportIndication\"><IRETURNVALUE></IRETURNVALUE>"),
        "{body}"
    );
    let line = listening.event("x");
    assert_eq!(
        (&line["protocol"], &line["message"]),
        (&"cim-xml".into(), &"hot & loud".into())
    );

    let refused = |body: &str, status: u16, expect: &str| {
        let (got, head, body) = listening.post(xml, &export_headers, body);
        assert_eq!(got, status, "{body}");
        assert!(
            format!("{head}{body}").contains(expect),
            "{expect}: {head}\n{body}"
        );
    };
    refused(&export("Other", ""), 200, "<ERROR CODE=\"7\"");
    refused("<CIM", 400, "not well-formed");
    refused(
        "<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\"><MESSAGE ID=\"1\" PROTOCOLVERSION=\"9.0\"/></CIM>",
        501,
        "cimerror: unsupported-protocol-version",
    );
    refused(
        &export(
            "ExportIndication",
            "<PROPERTY NAME=\"A\" TYPE=\"uint8\"><VALUE>x</VALUE></PROPERTY>",
        ),
        200,
        "<ERROR CODE=\"4\" DESCRIPTION=\"",
    );
    refused("<html/>", 400, "neither a SOAP envelope nor");
    listening.stop();
}

/// The one export of a message, as one of several.
fn part(message: &str) -> &str {
    let (_, part) = message.split_once("PROTOCOLVERSION=\"1.0\">").unwrap();
    part.split_once("</MESSAGE>").unwrap().0
}

#[test]
fn several_exports_in_a_message_are_answered_one_by_one() {
    let home = tempfile::tempdir().unwrap();
    let listening = Listening::start(home.path(), &["--output", "xml", "--plain", "--count", "2"]);
    let message = |text: &str| {
        export(
            "ExportIndication",
            &format!("<PROPERTY NAME=\"Message\" TYPE=\"string\"><VALUE>{text}</VALUE></PROPERTY>"),
        )
    };
    let (first, second) = (message("1"), message("2"));
    let bad = export(
        "ExportIndication",
        "<PROPERTY NAME=\"A\" TYPE=\"uint8\"><VALUE>x</VALUE></PROPERTY>",
    );
    let several = [
        &first,
        &bad,
        &export("Other", ""),
        &second,
        &message("one too many"),
    ];
    let several: String = several.into_iter().map(|message| part(message)).collect();
    let several = first.replace(part(&first), &format!("<MULTIEXPREQ>{several}</MULTIEXPREQ>"));
    let headers = ["CIMExport: MethodRequest", "CIMExportBatch:"];
    let (status, head, body) = listening.post("application/xml; charset=\"utf-8\"", &headers, &several);
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("\r\ncimexport: methodresponse"), "{head}");
    dsp0203::check_reply(&body);
    insta::assert_snapshot!(body, @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="9" PROTOCOLVERSION="1.0"><MULTIEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><IRETURNVALUE></IRETURNVALUE></EXPMETHODRESPONSE></SIMPLEEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><ERROR CODE="4" DESCRIPTION="the property `A`: `x` is no uint8 (0 to 255)"/></EXPMETHODRESPONSE></SIMPLEEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="Other"><ERROR CODE="7" DESCRIPTION="ExportIndication is the only export method."/></EXPMETHODRESPONSE></SIMPLEEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><IRETURNVALUE></IRETURNVALUE></EXPMETHODRESPONSE></SIMPLEEXPRSP><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><ERROR CODE="1" DESCRIPTION="The listener is going down."/></EXPMETHODRESPONSE></SIMPLEEXPRSP></MULTIEXPRSP></MESSAGE></CIM>
    "#);
    for number in ["1", "2"] {
        let line = listening.line();
        let is_element = line.starts_with("<INSTANCE CLASSNAME=") && line.ends_with("</INSTANCE>");
        assert!(
            is_element && line.contains(&format!("<VALUE>{number}</VALUE>")),
            "{line}"
        );
    }
    listening.ends(0);
}

#[test]
fn a_table_has_a_line_for_each_indication_and_enough_is_enough() {
    let home = tempfile::tempdir().unwrap();
    let listening = Listening::start(home.path(), &["--count", "3"]);
    for number in [1, 1, 2] {
        assert_eq!(listening.post_soap(&action("Event"), &alert(number)).0, 200);
    }
    let table: Vec<String> = (0..4).map(|_| listening.line()).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    TIME                  SEVERITY     SOURCE                EVENT     SYSTEM            TARGET                STATE     SEQ   MESSAGE                                           IDENTIFIER
    2026-01-31 12:00:00Z  warning      ESMCPUPERF            80000101  server            cpu                   Warning   1     Load > 85 %                                       ESM:1
    2026-01-31 12:00:00Z  warning      ESMCPUPERF            80000101  server            cpu                   Warning   1     Load > 85 %                                       ESM:1 (duplicate)
    2026-01-31 12:00:00Z  warning      ESMCPUPERF            80000102  server            cpu                   Warning   2     Load > 85 %                                       ESM:2
    ");
    listening.ends(0);
    let xml = Listening::start(home.path(), &["--count", "1", "--output", "xml"]);
    assert_eq!(xml.post_soap(&action("Event"), &alert(1)).0, 200);
    assert!(xml.line().starts_with("<p:ESM_ThresholdIndication xmlns:p="));
    xml.ends(0);
}

#[test]
fn a_listener_is_known_by_its_certificate_and_may_ask_for_a_login() {
    let home = tempfile::tempdir().unwrap();
    let first = Listening::start(home.path(), &[]);
    let fingerprint = first.hears("SHA-256");
    first.stop();
    let args = ["--accept-user", "agent", "--output", "json"];
    let again = Listening::start(home.path(), &args);
    assert_eq!(again.hears("SHA-256"), fingerprint, "kept over a restart");
    let soap = "application/soap+xml";
    let message = envelope(&action("Event"), &alert(1));
    // base64 of agent:wrong and of agent:right horse
    let wrong = "Authorization: Basic YWdlbnQ6d3Jvbmc=";
    let right = "Authorization: Basic YWdlbnQ6cmlnaHQgaG9yc2U=";
    assert_eq!(again.post(soap, &[], &message).0, 401);
    assert_eq!(again.post(soap, &[wrong], &message).0, 401);
    assert_eq!(again.post(soap, &[right], &message).0, 200);
    assert_eq!(again.event("80000101")["identifier"], "ESM:1");
    again.stop();
    let ended = command::run(command::esm(home.path()).args(["listen", "--user", "x"]));
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

/// Deliveries stay on this machine.
const LOOPBACK: &str = "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n";

#[track_caller]
fn subscribed(agent: &Agent, args: &[&str]) -> Listening {
    std::fs::write(agent.folder().join("password"), agent.password()).unwrap();
    let subscribe = [
        "--output",
        "json",
        "--user",
        USER,
        "--pin",
        agent.fingerprint(),
        "--subscribe",
        agent.url(),
    ];
    Listening::start(agent.folder(), &[&subscribe, args].concat())
}

#[test]
fn an_agent_that_was_restarted_still_reports() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start_in(folder.path(), LOOPBACK);
    let listening = subscribed(&agent, &["--accept-user", "agent", "--expires", "60s"]);
    let subscribed = listening.hears("subscribed for 1m as ");
    let same_port = format!("wsman.listen = [\"127.0.0.1:{}\"]\n{LOOPBACK}", agent.port());
    agent.stop();
    let agent = Agent::start_in(folder.path(), &same_port);
    // What it could not deliver before it stopped it delivers now, and in order.
    let stopped = listening.event("40000602");
    let started = listening.event("40000601");
    assert_eq!(stopped["source"], "ESMAGENT");
    assert_ne!(started["identifier"], stopped["identifier"]);
    let identifier = subscribed.rsplit(' ').next().unwrap();
    let renewed = command::run(&mut agent.wsman(&["renew", identifier]));
    assert_eq!(renewed.code, Some(0), "{renewed:?}");
    let told = listening.stop();
    assert!(
        told.iter().any(|line| line.ends_with(": unsubscribed")),
        "{told:?}"
    );
    let renewed = command::run(&mut agent.wsman(&["renew", identifier]));
    assert_eq!(renewed.code, Some(5), "{renewed:?}");
    agent.stop();
}

#[test]
fn a_subscription_is_renewed_and_made_again_once_it_is_gone() {
    let agent = Agent::start_with(&format!("{LOOPBACK}subscriptions.min_lease_secs = 2\n"));
    let listening = subscribed(&agent, &["--expires", "2s", "--events", "CIM_AlertIndication"]);
    let first = listening.hears("subscribed for 2s as ");
    // Longer than the lease: without a renewal it would be gone by now.
    std::thread::sleep(Duration::from_secs(4));
    let identifier = first.rsplit(' ').next().unwrap();
    let ended = command::run(&mut agent.wsman(&["unsubscribe", identifier]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    listening.hears("the subscription is gone");
    let second = listening.hears("subscribed for 2s as ");
    assert_ne!(first, second);
    agent.stop();
}

#[test]
fn an_alert_is_printed_within_two_seconds() {
    let agent = Agent::start_with(LOOPBACK);
    let args = [
        "--filter",
        "select * from CIM_AlertIndication where EventID = '4000060B'",
        "--count",
        "1",
    ];
    let listening = subscribed(&agent, &args);
    listening.hears("subscribed");
    let asked = Instant::now();
    let sent = command::run(&mut agent.wsman(&["invoke", "ESM_Alive", "SendTestAlert"]));
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let line: Json = serde_json::from_str(&listening.line()).unwrap();
    let taken = asked.elapsed();
    assert_eq!(
        (&line["event_id"], &line["severity"]),
        (&"4000060B".into(), &"information".into())
    );
    assert_eq!(line["indication"]["__class"], "ESM_AlertIndication");
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    let told = listening.ends(0);
    assert!(
        told.iter().any(|line| line.ends_with(": unsubscribed")),
        "{told:?}"
    );
    agent.stop();
}

#[test]
fn a_subscription_that_is_deleted_at_the_agent_is_made_again() {
    let agent = Agent::start_with(LOOPBACK);
    let listening = subscribed(&agent, &["--events", "CIM_AlertIndication"]);
    let first = listening.hears("subscribed for 10m as ");
    let identifier = first.rsplit(' ').next().unwrap();
    let deleted = command::run(&mut agent.esm(&["subscription", "delete", identifier]));
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    let end: Json = serde_json::from_str(&listening.line()).unwrap();
    assert_eq!(end["kind"], "subscription-end", "{end:#}");
    assert_eq!(end["subscription"]["id"], identifier);
    assert_ne!(listening.hears("subscribed for 10m as "), first);
    listening.stop();
    agent.stop();
}

/// The class of what changes is known where it is at home, without a namespace in the request.
#[test]
fn a_change_of_an_instance_is_told_in_words() {
    let agent = Agent::start_with(LOOPBACK);
    let query = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA ESM_MonitorSetting";
    let listening = subscribed(&agent, &["--filter", query]);
    listening.hears("subscribed for 10m as ");
    // The agent tells what is other than when it first looked, and nobody knows when that is.
    let mut levels = [70, 71].into_iter().cycle();
    let line = loop {
        let level = levels.next().unwrap();
        let (warning, reset) = (format!("Warning={level}"), format!("WarningReset={}", level - 5));
        let mut put = agent.wsman(&["put", "ESM_MonitorSetting?InstanceID=cpu", &warning, &reset]);
        assert_eq!(command::run(&mut put).code, Some(0));
        if let Ok(line) = listening.printed.recv_timeout(Duration::from_secs(5)) {
            break line;
        }
    };
    let line: Json = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["source"], &line["target"]),
        (&"ESM_MonitorSetting".into(), &"cpu".into())
    );
    let message = line["message"].as_str().unwrap();
    for expect in ["changed: ", "Warning ", "WarningReset ", " -> "] {
        assert!(message.contains(expect), "{line}");
    }
    agent.stop();
}

#[test]
fn a_stored_filter_is_subscribed_to_by_its_name() {
    let agent = Agent::start_with(LOOPBACK);
    let listening = subscribed(&agent, &["--filter-name", "ESM:ESMAGENT"]);
    listening.hears("subscribed for 10m as ");
    let stored = "CIM_IndicationFilter?Name=ESM:ESMFSSERVICE";
    let ended = command::run(&mut agent.wsman(&["subscribe", stored, "--mode", "pull"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let list = command::run(&mut agent.esm(&["subscription", "list", "--output", "json"])).out;
    let list: Json = serde_json::from_str(&list).unwrap();
    let mut filters: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["Filter"].as_str())
        .collect();
    filters.sort_unstable();
    assert!(
        filters[0].contains("'ESMAGENT'") && filters[1].contains("'ESMFSSERVICE'"),
        "{filters:?}"
    );
    subscribed(&agent, &["--filter-name", "nowhere"]).ends(5);
    subscribed(&agent, &["--namespace", "root/none"]).ends(5);
    agent.stop();
}

#[test]
fn a_refused_subscription_ends_it() {
    let agent = Agent::start_with(LOOPBACK);
    let wrong_query = subscribed(&agent, &["--filter", "select * from"]);
    let told = wrong_query.ends(5);
    assert!(
        told.iter().any(|line| line.contains("a class is expected")),
        "{told:?}"
    );
    std::fs::write(agent.folder().join("wrong"), "not it").unwrap();
    subscribed(&agent, &["--password-file", "wrong"]).ends(4);
    let clear = agent.url().replace("https://", "http://");
    let told = subscribed(&agent, &["--subscribe", &clear]).ends(2);
    assert!(told.iter().any(|line| line.contains("for https://")), "{told:?}");
    agent.stop();
}
