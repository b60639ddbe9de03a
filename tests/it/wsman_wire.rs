//! Requests as real clients put them on the wire (`tests/wire`), sent again byte for byte but for host, account
//! and enumeration context: each gets the reply that its client can read.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::agent::{Agent, USER};
use crate::element::Element;
use crate::manager::{Manager, Pair};
use crate::message::Message;
use crate::raw_http::{Connection, Reply};
use crate::wsman_service::Service;

/// One recorded request.
struct Recorded {
    /// The lines of its head.
    head: Vec<String>,
    body: String,
}

/// The requests of one file of `tests/wire`.
#[track_caller]
fn recorded(file: &str) -> Vec<Recorded> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/wire")
        .join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let requests = text.split("--- next request\n");
    requests
        .map(|request| {
            let request = request.replace("\r\n", "\n");
            let (head, body) = request.split_once("\n\n").unwrap();
            let lines = head.lines().filter(|line| !line.starts_with('#'));
            Recorded {
                head: lines.map(str::to_owned).collect(),
                body: body.trim().to_owned(),
            }
        })
        .collect()
}

/// The files of `tests/wire` in order, whose names are about subscriptions or not.
fn recordings(about_subscriptions: bool) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|file| (file.contains("subscribe") || file.contains("renew")) == about_subscriptions)
        .collect();
    // What is deleted is gone for the others.
    files.sort_by_key(|file| (file.contains("delete") || file.contains("-di."), file.clone()));
    files
}

/// Where recordings are sent.
struct Target {
    address: SocketAddr,
    authorization: String,
    /// What of the bodies is written otherwise.
    renames: Vec<(String, String)>,
}

impl Target {
    fn of_service(service: &Service) -> Self {
        Self {
            address: service.plain,
            authorization: basic("ann", "ann"),
            renames: Vec::new(),
        }
    }

    /// Replays one file over one connection as its client sent it; returns the replies.
    #[track_caller]
    fn replay(&self, file: &str) -> Vec<Reply> {
        let mut connection = Connection::open(self.address);
        let mut context = String::new();
        let mut replies = Vec::new();
        for mut request in recorded(file) {
            request.body = request.body.replace("uuid:ctx-1", &context);
            for (from, to) in &self.renames {
                request.body = request.body.replace(from, to);
            }
            let is_anonymous = request.head[0].contains("/wsman-anon/");
            if file.starts_with("wsman-") && !is_anonymous {
                connection.send(&self.bytes(&request, None));
                check_challenge(&connection.reply());
            }
            let authorization = (!is_anonymous).then_some(self.authorization.as_str());
            connection.send(&self.bytes(&request, authorization));
            let reply = connection.reply();
            check_reply(file, &request, &reply);
            if reply.status == 200 {
                let response = reply.body();
                let opened = response.text_at("EnumerateResponse/EnumerationContext");
                opened.clone_into(&mut context);
            }
            replies.push(reply);
            if context.is_empty() {
                // The client looks at the context: where there is none it does not pull.
                break;
            }
        }
        replies
    }

    /// The request with our host, account and length.
    fn bytes(&self, request: &Recorded, authorization: Option<&str>) -> Vec<u8> {
        let mut bytes = String::new();
        for line in &request.head {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            match name.as_str() {
                "host" => bytes += &format!("Host: {}\r\n", self.address),
                "content-length" => bytes += &format!("Content-Length: {}\r\n", request.body.len()),
                "authorization" => {
                    if let Some(value) = authorization {
                        bytes += &format!("Authorization: {value}\r\n");
                    }
                }
                _ => bytes += &format!("{line}\r\n"),
            }
        }
        (bytes + "\r\n" + &request.body).into_bytes()
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// The connection is used on, and the message that comes again with the same MessageID is no duplicate.
#[track_caller]
fn check_challenge(reply: &Reply) {
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"esm\""));
    assert_eq!(reply.header("connection"), None);
}

/// What holds for every reply.
#[track_caller]
fn check_reply(file: &str, request: &Recorded, reply: &Reply) {
    assert!(matches!(reply.status, 200 | 500), "{file}: {}", reply.status);
    assert_eq!(
        reply.header("content-type"),
        Some("application/soap+xml;charset=UTF-8"),
        "{file}"
    );
    assert_eq!(reply.header("transfer-encoding"), None, "{file}");
    assert_eq!(reply.header("content-encoding"), None, "{file}");
    assert_eq!(reply.header("connection"), None, "{file}: it is used on");
    assert!(reply.came_at_once || reply.body.len() > 60_000, "{file}");
    assert!(
        reply.body.starts_with(b"<s:Envelope "),
        "{file}: no byte-order mark, nothing before"
    );
    assert!(!reply.text().contains("&#"), "{file}: no numeric references");
    let (sent, envelope) = (Element::parse(&request.body), reply.envelope());
    assert_eq!(envelope.names(), ["s:Header", "s:Body"], "{file}");
    let id = sent.text_at("Header/MessageID");
    assert_eq!(envelope.text_at("Header/RelatesTo"), id, "{file}");
    let response = envelope.at("Body").children.first();
    if let Some(response) = response.filter(|response| response.local == "EnumerateResponse") {
        check_enumerate_response(file, &sent, response);
    }
    if let Some(response) = response.filter(|response| response.local == "PullResponse") {
        check_pull_response(file, response);
    }
}

/// The context is always there; items only where the enumeration is optimised, and before the end.
#[track_caller]
fn check_enumerate_response(file: &str, sent: &Element, response: &Element) {
    let optimised = sent.find("Body/Enumerate/OptimizeEnumeration").is_some();
    let has_more = !response.text_at("EnumerationContext").is_empty();
    let expect: &[&str] = match (optimised, has_more) {
        (false, _) => &["wsen:EnumerationContext"],
        (true, true) => &["wsen:EnumerationContext", "wsman:Items"],
        (true, false) => &["wsen:EnumerationContext", "wsman:Items", "wsman:EndOfSequence"],
    };
    assert_eq!(response.names(), expect, "{file}");
}

/// Either there is a context with content or the end, never both.
#[track_caller]
fn check_pull_response(file: &str, response: &Element) {
    let has_more = !response.text_at("EnumerationContext").is_empty();
    let expect: &[&str] = if has_more {
        &["wsen:EnumerationContext", "wsen:Items"]
    } else {
        &["wsen:Items", "wsen:EndOfSequence"]
    };
    assert_eq!(response.names(), expect, "{file}");
}

/// A reply in a line.
fn summary(reply: &Reply) -> String {
    if reply.status != 200 {
        return reply.fault();
    }
    let header = reply.envelope();
    let estimate = header.find("Header/TotalItemsCountEstimate");
    let estimate = estimate.map_or(String::new(), |estimate| format!(" of {}", estimate.text));
    let body = reply.body();
    let parts = body.children.iter().map(|part| match part.find("Items") {
        Some(items) => {
            let items: Vec<String> = items.children.iter().map(item_summary).collect();
            let end = part.find("EndOfSequence").map_or("more", |_| "end");
            format!("{}{estimate} [{}] {end}", part.local, items.join(", "))
        }
        None if part.local == "EnumerateResponse" => format!("{}{estimate}", part.local),
        None => item_summary(part),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// An item and what tells it from others.
fn item_summary(item: &Element) -> String {
    if item.local == "Item" {
        let parts: Vec<String> = item.children.iter().map(item_summary).collect();
        return format!("({})", parts.join(" + "));
    }
    let tell = [
        "Name",
        "ElementName",
        "Id",
        "Key",
        "First",
        "Last",
        "Z",
        "ReturnValue",
        "ProductVendor",
    ];
    let mut line = item.name();
    for property in &item.children {
        if tell.contains(&property.local.as_str()) && !property.text.is_empty() {
            line += &format!(" {}={}", property.local, property.text);
        } else if property.local == "ReferenceParameters" {
            let selectors = property.at("SelectorSet").children.iter();
            for selector in selectors {
                let name = selector.attribute("Name").unwrap_or_default();
                line += &format!(" {name}={}", selector.text);
            }
        }
    }
    if item.children.is_empty() && !item.text.is_empty() {
        line += &format!(" {}", item.text);
    }
    line
}

/// Where an agent listens without TLS.
#[track_caller]
fn plain_address(agent: &Agent) -> SocketAddr {
    let plain = agent.greeting().split("http://").nth(1).unwrap();
    plain.split('/').next().unwrap().parse().unwrap()
}

#[track_caller]
fn summaries(target: &Target) -> String {
    let mut lines = Vec::new();
    for file in recordings(false) {
        let replies = target.replay(&file);
        let replies: Vec<String> = replies.iter().map(summary).collect();
        lines.push(format!("{file}: {}", replies.join(" ; ")));
    }
    lines.join("\n")
}

/// Against classes like those of the machines where the requests were recorded.
#[test]
fn every_recorded_request_gets_what_its_client_wanted() {
    let service = Service::start();
    insta::assert_snapshot!(summaries(&Target::of_service(&service)), @r#"
    libmi-ci.http: wxf:ResourceCreated Key=77 __cimnamespace=root/test
    libmi-ei-maxelements.http: EnumerateResponse [p:Bench_Item10 Id=0, p:Bench_Item10 Id=1] more
    libmi-ei.http: EnumerateResponse [p:MSFT_Person Key=1 First=Ann Last=Bee, p:MSFT_Person Key=7 First=Bob Last=Cox, p:MSFT_Person Key=77 First=Ann Last=Lee] end
    libmi-gi.http: p:MSFT_Person Key=1 First=Ann Last=Bee
    libmi-iv.http: p:Add_OUTPUT Z=7 ReturnValue=0
    libmi-mi.http: p:MSFT_Person Key=1 First=Ann Last=Lee
    libmi-wql-ok.http: EnumerateResponse [p:Bench_Item10 Id=3] end
    wsman-anonid.http: wsmid:IdentifyResponse ProductVendor=esm
    wsman-associators-full.http: EnumerateResponse ; PullResponse [] end
    wsman-create.http: s:Sender wsman:AlreadyExists CIM 11: CIM_ComputerSystem.CreationClassName="CIM_ComputerSystem",Name="box" is there already
    wsman-enumerate-cimext.http: EnumerateResponse ; PullResponse [p:CIM_ComputerSystem ElementName=The box Name=box] end
    wsman-enumerate-epr.http: EnumerateResponse ; PullResponse [wsa:EndpointReference Name=box CreationClassName=CIM_ComputerSystem __cimnamespace=root/cimv2] end
    wsman-enumerate-estimate.http: EnumerateResponse of 1 ; PullResponse of 1 [p:CIM_ComputerSystem ElementName=The box Name=box] end
    wsman-enumerate-filter-nodialect.http: s:Sender wsman:CannotProcessFilter CIM 15: line 1, column 1: this is a query and no XPath: name the dialect of WQL or CQL
    wsman-enumerate-flags.http: EnumerateResponse ; PullResponse [] end
    wsman-enumerate-objepr.http: EnumerateResponse ; PullResponse [(p:CIM_ComputerSystem ElementName=The box Name=box + wsa:EndpointReference Name=box CreationClassName=CIM_ComputerSystem __cimnamespace=root/cimv2)] end
    wsman-enumerate-optimized-m10.http: EnumerateResponse [p:CIM_ComputerSystem ElementName=The box Name=box] end
    wsman-enumerate-optimized.http: EnumerateResponse [p:CIM_ComputerSystem ElementName=The box Name=box] end
    wsman-enumerate-plain.http: EnumerateResponse ; PullResponse [p:CIM_ComputerSystem ElementName=The box Name=box] end
    wsman-enumerate-poly-include.http: EnumerateResponse ; PullResponse [p:CIM_ComputerSystem ElementName=The box Name=box] end
    wsman-enumerate-selectorfilter.http: EnumerateResponse ; PullResponse [] end
    wsman-enumerate-wql.http: EnumerateResponse ; PullResponse [p:CIM_ComputerSystem ElementName=The box Name=box] end
    wsman-get-fragment.http: wsman:XmlFragment ElementName=The box
    wsman-get-ns.http: s:Sender wsa:DestinationUnreachable CIM 6: there is no instance root/interop:CIM_ComputerSystem.CreationClassName="CIM_ComputerSystem",Name="box"
    wsman-get.http: p:CIM_ComputerSystem ElementName=The box Name=box
    wsman-identify.http: wsmid:IdentifyResponse ProductVendor=esm
    wsman-invoke-args.http: s:Sender wsa:ActionNotSupported CIM 17: The action `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ComputerSystem/RequestStateChange` is not supported for this resource.
    wsman-invoke-noargs.http: s:Sender wsa:ActionNotSupported CIM 17: The action `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ComputerSystem/Reset` is not supported for this resource.
    wsman-pull.http: s:Receiver wsen:InvalidEnumerationContext CIM 21: There is no such enumeration: it has ended, timed out, or gave way to newer ones. Enumerate again.
    wsman-put-k.http: p:CIM_ComputerSystem ElementName=The box Name=box
    wsman-references.http: EnumerateResponse ; PullResponse [p:CIM_RunningOS] end
    wsman-release.http: s:Receiver wsen:InvalidEnumerationContext CIM 21: There is no such enumeration: it has ended, timed out, or gave way to newer ones. Enumerate again.
    libmi-di.http: 
    wsman-delete.http:
    "#);
}

/// Against the real binary. The computer has another name and class there; what it does not serve is refused.
#[test]
fn the_agent_answers_every_recorded_request() {
    let agent = Agent::start_with("wsman.http_listen = [\"127.0.0.1:0\"]");
    let address = plain_address(&agent);
    let password = agent.password();
    let system = Connection::open(address)
        .logged_in(USER, &password)
        .ask(&Message::transfer("Get", "CIM_ComputerSystem"));
    let system = system.body().children[0].clone();
    let (name, element) = (system.text_at("Name"), system.text_at("ElementName"));
    let class = "ESM_GeneralInformation";
    let target = Target {
        address,
        authorization: basic(USER, &password),
        renames: vec![
            (">box<".into(), format!(">{name}<")),
            ("'box'".into(), format!("'{name}'")),
            (">CIM_ComputerSystem</".into(), format!(">{class}</")),
            (">X</".into(), format!(">{class}</")),
        ],
    };
    let lines = summaries(&target)
        .replace(&format!("ElementName={element}"), "ElementName=<element>")
        .replace(&format!("Name={name}"), "Name=<name>")
        .replace(&format!("\"{name}\""), "\"<name>\"");
    insta::assert_snapshot!(lines, @r"
    libmi-ci.http: s:Sender wsman:InvalidSelectors InvalidValue CIM 3: there is no namespace `root/test` here
    libmi-ei-maxelements.http: s:Sender wsa:DestinationUnreachable InvalidResourceURI CIM 5: namespace `root/cimv2` has no class `Bench_Item10` (resource URI `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Bench_Item10`).
    libmi-ei.http: s:Sender wsman:InvalidSelectors InvalidValue CIM 3: there is no namespace `root/test` here
    libmi-gi.http: s:Sender wsman:InvalidSelectors InvalidValue CIM 3: there is no namespace `root/test` here
    libmi-iv.http: s:Sender wsman:InvalidSelectors InvalidValue CIM 3: there is no namespace `root/test` here
    libmi-mi.http: s:Sender wsman:InvalidSelectors InvalidValue CIM 3: there is no namespace `root/test` here
    libmi-wql-ok.http: s:Sender wsman:CannotProcessFilter CIM 15: line 1, column 15: there is no class `Bench_Item10` in the namespace
    wsman-anonid.http: wsmid:IdentifyResponse ProductVendor=esm
    wsman-associators-full.http: EnumerateResponse ; PullResponse [] end
    wsman-create.http: s:Sender wsa:ActionNotSupported CIM 7: instances of CIM_ComputerSystem cannot be created
    wsman-enumerate-cimext.http: EnumerateResponse ; PullResponse [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-enumerate-epr.http: EnumerateResponse ; PullResponse [wsa:EndpointReference Name=<name> CreationClassName=ESM_GeneralInformation __cimnamespace=root/cimv2] end
    wsman-enumerate-estimate.http: EnumerateResponse of 1 ; PullResponse of 1 [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-enumerate-filter-nodialect.http: s:Sender wsman:CannotProcessFilter CIM 15: line 1, column 1: this is a query and no XPath: name the dialect of WQL or CQL
    wsman-enumerate-flags.http: EnumerateResponse ; PullResponse [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-enumerate-objepr.http: EnumerateResponse ; PullResponse [(p:ESM_GeneralInformation ElementName=<element> Name=<name> + wsa:EndpointReference Name=<name> CreationClassName=ESM_GeneralInformation __cimnamespace=root/cimv2)] end
    wsman-enumerate-optimized-m10.http: EnumerateResponse [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-enumerate-optimized.http: EnumerateResponse [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-enumerate-plain.http: EnumerateResponse ; PullResponse [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-enumerate-poly-include.http: EnumerateResponse ; PullResponse [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-enumerate-selectorfilter.http: EnumerateResponse ; PullResponse [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-enumerate-wql.http: EnumerateResponse ; PullResponse [p:ESM_GeneralInformation ElementName=<element> Name=<name>] end
    wsman-get-fragment.http: wsman:XmlFragment ElementName=<element>
    wsman-get-ns.http: p:ESM_GeneralInformation ElementName=<element> Name=<name>
    wsman-get.http: p:ESM_GeneralInformation ElementName=<element> Name=<name>
    wsman-identify.http: wsmid:IdentifyResponse ProductVendor=esm
    wsman-invoke-args.http: s:Sender wsa:ActionNotSupported CIM 17: The action `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ComputerSystem/RequestStateChange` is not supported for this resource.
    wsman-invoke-noargs.http: s:Sender wsa:ActionNotSupported CIM 17: The action `http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ComputerSystem/Reset` is not supported for this resource.
    wsman-pull.http: s:Receiver wsen:InvalidEnumerationContext CIM 21: There is no such enumeration: it has ended, timed out, or gave way to newer ones. Enumerate again.
    wsman-put-k.http: p:ESM_GeneralInformation ElementName=<element> Name=<name>
    wsman-references.http: EnumerateResponse ; PullResponse [p:ESM_RunningOS] end
    wsman-release.http: s:Receiver wsen:InvalidEnumerationContext CIM 21: There is no such enumeration: it has ended, timed out, or gave way to newer ones. Enumerate again.
    libmi-di.http: s:Sender wsman:InvalidSelectors InvalidValue CIM 3: there is no namespace `root/test` here
    wsman-delete.http: s:Sender wsa:ActionNotSupported CIM 7: instances of ESM_GeneralInformation cannot be deleted
    ");
    agent.stop();
}

/// Each recorded subscription is told of an alert, renewed and ended, all by recorded requests.
#[test]
fn recorded_subscriptions_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Manager::start(
        Some(&Pair::make(folder.path())),
        &["--user", "evuser", "--password", "evpass"],
    );
    let (open, plain) = (
        Manager::tls(&Pair::make(folder.path())),
        Manager::start(None, &[]),
    );
    let agent = Agent::start_with(
        "wsman.http_listen = [\"127.0.0.1:0\"]\nsubscriptions.allow_destinations = [\"127.0.0.0/8\"]",
    );
    let mut target = Target {
        address: plain_address(&agent),
        authorization: basic(USER, &agent.password()),
        renames: Vec::new(),
    };
    let mut subscribed = 0;
    for file in recordings(true)
        .into_iter()
        .filter(|file| file.contains("-subscribe-"))
    {
        let secure = if file.contains("creds") { &tls } else { &open };
        target.renames = vec![
            ("https://127.0.0.1:6736/ev".into(), secure.url("/ev")),
            ("http://127.0.0.1:6736/ev".into(), plain.url("/ev")),
        ];
        let is_secure = recorded(&file)[0].body.contains("https://127.0.0.1:6736/ev");
        let response = target.replay(&file)[0].body().at("SubscribeResponse").clone();
        let expires = response.text_at("Expires");
        assert!(["PT60S", "PT3600S"].contains(&expires), "{file}: {expires}");
        let id = response
            .text_at("SubscriptionManager/ReferenceParameters/Identifier")
            .to_owned();
        alert(&target);
        if !file.contains("pull") {
            check_told(&file, if is_secure { secure } else { &plain });
        }
        target.renames = vec![("uuid:11111111-2222-3333-4444-555555555555".into(), id)];
        for renewal in ["wsman-renew.http", "wsman-renew-nouri.http"] {
            let renewed = target.replay(renewal)[0].body();
            assert_eq!(renewed.text_at("RenewResponse/Expires"), "PT120S", "{file}");
        }
        let ended = target.replay("wsman-unsubscribe.http")[0].body();
        assert!(ended.children.is_empty(), "{file}");
        subscribed += 1;
    }
    assert_eq!(subscribed, 8);
    let unknown = target.replay("wsman-renew.http")[0].fault();
    assert!(unknown.starts_with("s:Receiver wse:UnableToRenew"), "{unknown}");
    agent.stop();
}

#[track_caller]
fn alert(target: &Target) {
    let message = Message::invoke("ESM_Alive", "SendTestAlert", "");
    let mut connection = Connection::open(target.address).with_header("Authorization", &target.authorization);
    assert_eq!(connection.ask(&message).status, 200);
}

/// Who subscribes to everything may be told, too, that an earlier subscription is gone or that its own has come.
#[track_caller]
fn check_told(file: &str, manager: &Manager) {
    let mut told = manager.next();
    let is_change = |event: &Value| {
        event[0]
            .as_str()
            .is_some_and(|class| class.starts_with("CIM_Inst"))
    };
    while told["events"]
        .as_array()
        .is_some_and(|events| events.iter().all(is_change))
    {
        told = manager.next();
    }
    assert_eq!(told["path"], "/ev", "{file}");
    let mut events = told["events"].as_array().unwrap().iter();
    let event = events.find(|event| !is_change(event)).unwrap();
    assert_eq!(event[1]["EventID"], "4000060B", "{file}: {told}");
    let wants_ack = file.contains("withack") || file.contains("events");
    assert_eq!(told["wants_ack"], wants_ack, "{file}");
    assert_eq!(told["bookmark"].is_string(), file.contains("bookmark"), "{file}");
    let tag = file.contains("refprops").then_some("42");
    assert_eq!(told["headers"]["tag"].as_str(), tag, "{file}");
}
