//! Indications as CIM-XML exports: pywbem subscribes, pywbem's listeners are told.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use esm::client::instance_name::InstanceName;
use esm::client::wsman::Resource;
use esm::wsman::Invoke;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::command::{Ended, run};
use crate::manager::{Manager, Pair};
use crate::peers::{Peer, of_python};
use crate::told::Tmpfs;

/// Delivers to this machine, and tries again after a second.
const CONFIG: &str = "subscriptions.allow_destinations = [\"127.0.0.0/8\"]\n\
    [delivery]\nretry_first_secs = 1\nretry_max_secs = 1\n";

/// What [`raise`] raises, and nothing else.
const TESTS: &str = "SELECT * FROM ESM_AlertIndication WHERE EventID = '4000060B'";

/// How long something may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An administrator's script.
struct Administrator(Peer);

impl Administrator {
    #[track_caller]
    fn of(agent: &Agent) -> Self {
        Self(Peer::pywbem("pywbem_subscriber.py", agent))
    }

    #[track_caller]
    fn subscribe(&mut self, url: &str, query: &str) {
        self.subscribe_with(url, query, json!({}));
    }

    #[track_caller]
    fn subscribe_with(&mut self, url: &str, query: &str, properties: Value) {
        let wish = json!({"url": url, "query": query, "properties": properties});
        let made = self.0.ask(&wish);
        assert!(made["subscription"].is_string(), "{made}");
    }
}

/// Raises that many alerts, one after the other.
#[track_caller]
fn raise(agent: &Agent, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut client = agent.client();
        let alive = Resource::from(&"ESM_Alive".parse::<InstanceName>().unwrap());
        for _ in 0..count {
            let call = Invoke::new(&alive.uri, "SendTestAlert");
            client.invoke(&alive, call).await.unwrap();
        }
    });
}

/// What a listener is told next, `count` times.
#[track_caller]
fn told(listener: &Manager, count: usize) -> Vec<Value> {
    (0..count).map(|_| listener.next()).collect()
}

fn numbers(exports: &[Value]) -> Vec<i64> {
    exports
        .iter()
        .map(|export| export["number"].as_i64().unwrap())
        .collect()
}

fn different<'a>(exports: &'a [Value], what: &str) -> BTreeSet<&'a str> {
    let texts = exports.iter().map(|export| export[what].as_str().unwrap());
    texts.collect()
}

#[test]
fn a_thousand_arrive_complete_and_in_order_whether_the_listener_keeps_the_connection_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let closes = Manager::wbem(Some(&pair), &[]);
    let keeps = Manager::wbem(Some(&pair), &["--keep-alive"]);
    let without_length = Manager::wbem(Some(&pair), &["--no-length"]);
    let in_clear = Manager::wbem(None, &["--keep-alive"]);
    let agent = Agent::start_with(CONFIG);
    let mut administrator = Administrator::of(&agent);
    administrator.subscribe(&closes.url("/"), TESTS);
    administrator.subscribe(&keeps.url("/"), TESTS);
    raise(&agent, 900);
    administrator.subscribe(&without_length.url("/"), TESTS);
    administrator.subscribe(&in_clear.url("/"), TESTS);
    raise(&agent, 100);
    for (listener, count, keeps) in [
        (&closes, 1_000, false),
        (&keeps, 1_000, true),
        (&without_length, 100, false),
        (&in_clear, 100, true),
    ] {
        let exports = told(listener, count);
        assert_eq!(numbers(&exports), (0..count as i64).collect::<Vec<_>>());
        assert_eq!(different(&exports, "context").len(), 1);
        assert_eq!(different(&exports, "identifier").len(), count);
        let connections: BTreeSet<_> = exports.iter().map(|export| export["peer"].as_i64()).collect();
        let few = count / 10;
        assert_eq!(
            connections.len() <= few,
            keeps,
            "{} connections",
            connections.len()
        );
        check_form(&exports[0]);
    }
    agent.stop();
}

/// The headers that the strictest listener wants, and what an indication holds.
#[track_caller]
fn check_form(export: &Value) {
    assert_eq!(export["path"], "/");
    let headers = export["headers"].as_object().unwrap();
    let header = |name: &str| headers.get(name).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(header("content-type"), "application/xml; charset=\"utf-8\"");
    assert_eq!(header("cimexport"), "MethodRequest");
    assert_eq!(header("cimexportmethod"), "ExportIndication");
    assert_eq!(header("cimprotocolversion"), "1.0");
    assert!(header("content-length").parse::<u32>().is_ok(), "{headers:?}");
    for absent in ["accept", "accept-encoding", "transfer-encoding", "authorization"] {
        assert!(!headers.contains_key(absent), "{headers:?}");
    }
    let properties = &export["properties"];
    assert_eq!(export["class"], "ESM_AlertIndication");
    assert_eq!(properties["Message"], "This is a test of the alert path.");
    assert_eq!(properties["RecommendedActions"], json!(["No action is needed."]));
    assert_eq!(properties["PerceivedSeverity"], 2);
    let filter = properties["IndicationFilterName"].as_str().unwrap();
    assert!(filter.starts_with("tests-filter-"), "{filter}");
    assert_eq!(properties["AlertingManagedElement"], Value::Null);
}

#[test]
fn what_a_listener_answers_is_heeded() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    // Later twice, never, and never in other words; the rest is taken.
    let answers = ["--answer", "1:1,1", "--answer", "3:4", "--answer", "4:7"];
    let listener = Manager::wbem(Some(&pair), &answers);
    let agent = Agent::start_with(CONFIG);
    Administrator::of(&agent).subscribe(&listener.url("/"), TESTS);
    raise(&agent, 6);
    let exports = told(&listener, 8);
    assert_eq!(numbers(&exports), [0, 1, 1, 1, 2, 3, 4, 5]);
    assert_eq!(different(&exports, "identifier").len(), 6);
    let same = |what: &str| exports[1][what] == exports[2][what] && exports[2][what] == exports[3][what];
    assert!(same("identifier") && same("context") && same("message"));
    agent.wait_for_log("as the test says");
    listener.nothing_more(Duration::from_millis(1_500));
    let list = run(&mut agent.esm(&["subscription", "list", "--output", "json"]));
    let list: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list[0]["QueueLength"], 0);
    assert_eq!(list[0]["Protocol"], "CIM-XML");
    agent.stop();
}

#[test]
fn one_that_is_wanted_later_for_ever_does_not_hold_up_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let never = format!("0:{}", vec!["1"; 500].join(","));
    let listener = Manager::wbem(Some(&pair), &["--keep-alive", "--answer", &never]);
    let agent = Agent::start_with(CONFIG);
    Administrator::of(&agent).subscribe(&listener.url("/"), TESTS);
    raise(&agent, 5);
    let mut taken = Vec::new();
    while taken.len() < 4 {
        let export = listener.next();
        if export["answer"] == 0 {
            taken.push(export);
        }
    }
    assert_eq!(numbers(&taken), [1, 2, 3, 4]);
    // The agent goes on trying it, and that costs the others no time.
    raise(&agent, 1);
    let began = Instant::now();
    while listener.next()["number"] != 5 {}
    assert!(began.elapsed() < Duration::from_secs(5));
    agent.stop();
}

#[test]
fn what_was_queued_before_a_kill_keeps_its_context_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    // What comes is asked to come later, until there is another listener.
    let listener = Manager::wbem(
        Some(&pair),
        &["--answer=-1:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"],
    );
    let port = listener.port();
    let agent = Agent::start_in(&home, CONFIG);
    Administrator::of(&agent).subscribe(&listener.url("/"), TESTS);
    raise(&agent, 3);
    let first = listener.next();
    agent.kill();
    drop(listener);

    let agent = Agent::start_in(&home, CONFIG);
    raise(&agent, 2);
    let listener = Manager::wbem(Some(&pair), &["--port", &port.to_string()]);
    let exports = told(&listener, 5);
    assert_eq!(numbers(&exports), [0, 1, 2, 0, 1]);
    assert_eq!(
        (&exports[0]["context"], &exports[0]["identifier"]),
        (&first["context"], &first["identifier"])
    );
    let contexts: Vec<_> = exports.iter().map(|export| &export["context"]).collect();
    assert!(contexts[..3].iter().all(|context| *context == contexts[0]));
    assert!(contexts[3] != contexts[0] && contexts[4] == contexts[3]);
    listener.nothing_more(Duration::from_millis(1_500));
    agent.stop();
}

#[test]
fn a_repeat_policy_holds_back_what_it_should_and_a_restart_does_not_repeat_it() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let listener = Manager::wbem(Some(&pair), &[]);
    let agent = Agent::start_in(&home, CONFIG);
    let suppress = json!({
        "RepeatNotificationPolicy": 3,
        "RepeatNotificationCount": 2,
        "RepeatNotificationInterval": 3600,
    });
    Administrator::of(&agent).subscribe_with(&listener.url("/"), TESTS, suppress);
    raise(&agent, 5);
    // Numbers are given to what is sent alone: nothing is missing.
    assert_eq!(numbers(&told(&listener, 2)), [0, 1]);
    listener.nothing_more(Duration::from_millis(500));
    agent.stop();
    let agent = Agent::start_in(&home, CONFIG);
    raise(&agent, 2);
    listener.nothing_more(Duration::from_millis(1_500));
    agent.stop();
}

#[test]
fn changes_of_instances_are_told_to_those_who_want_them() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let listener = Manager::wbem(Some(&pair), &["--keep-alive"]);
    let others = Manager::wbem(Some(&pair), &[]);
    let watcher = Manager::wbem(Some(&pair), &[]);
    let manager = Manager::tls(&pair);
    let place = folder.path().join("disk");
    let agent = Agent::start_with(&format!(
        "{CONFIG}[file_systems]\ninclude = ['{}']\n",
        place.display()
    ));
    let mut administrator = Administrator::of(&agent);
    administrator.subscribe(
        &listener.url("/"),
        "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA ESM_MonitorSetting",
    );
    administrator.subscribe(
        &others.url("/"),
        "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_LocalFileSystem",
    );
    administrator.subscribe(
        &watcher.url("/"),
        "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA ESM_Subscription \
         AND SourceInstance.Protocol = 'WS-Eventing'",
    );

    let over_wsman = run(agent
        .wsman(&["subscribe", "CIM_InstModification", "--notify-to"])
        .arg(manager.url("/")));
    assert_eq!(over_wsman.code, Some(0), "{over_wsman:?}");
    // It is itself a change that somebody wants to be told of.
    let url = manager.url("/");
    let created = watcher.next();
    assert_eq!(
        created["properties"]["SourceInstance"]["properties"]["Destination"],
        url
    );

    let put = run(&mut agent.wsman(&["put", "ESM_MonitorSetting?InstanceID=cpu", "Warning=90"]));
    assert_eq!(put.code, Some(0), "{put:?}");
    let changed = listener.next();
    assert_eq!(changed["class"], "CIM_InstModification");
    let properties = &changed["properties"];
    assert_eq!(properties["SourceInstance"]["class"], "ESM_MonitorSetting");
    assert_eq!(properties["SourceInstance"]["properties"]["Warning"], 90.0);
    assert_eq!(properties["PreviousInstance"]["properties"]["Warning"], 85.0);
    assert_eq!(properties["ChangedPropertyNames"], json!(["Warning"]));
    let path = properties["SourceInstanceModelPath"].as_str().unwrap();
    assert!(path.ends_with("ESM_MonitorSetting.InstanceID=\"cpu\""), "{path}");

    let event = manager.next()["events"][0].clone();
    assert_eq!(event[0], "CIM_InstModification");
    assert_eq!(event[1]["ChangedPropertyNames"], "Warning", "{event}");
    assert!(
        event[1]["SourceInstanceModelPath"]
            .as_str()
            .unwrap()
            .ends_with("\"cpu\"")
    );

    let disk = Tmpfs::mount(&place, 16);
    let mounted = others.next();
    assert_eq!(mounted["class"], "CIM_InstCreation");
    let source = &mounted["properties"]["SourceInstance"];
    assert_eq!(source["class"], "ESM_FileSystemThread");
    assert_eq!(source["properties"]["Name"], place.to_str().unwrap());
    drop(disk);
    assert_eq!(others.next()["class"], "CIM_InstDeletion");

    let subscribed = run(agent
        .wsman(&["subscribe", "CIM_AlertIndication", "--output", "json"])
        .args(["--mode", "pull", "--expires", "1h"]));
    assert_eq!(subscribed.code, Some(0), "{subscribed:?}");
    let subscribed: Value = serde_json::from_str(&subscribed.out).unwrap();
    let id = subscribed["id"].as_str().unwrap().trim_start_matches("uuid:");
    let created = watcher.next();
    assert_eq!(created["class"], "CIM_InstCreation");
    assert_eq!(
        created["properties"]["SourceInstance"]["properties"]["SubscriptionID"],
        id
    );
    let deleted = run(&mut agent.esm(&["subscription", "delete", id]));
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    assert_eq!(watcher.next()["class"], "CIM_InstDeletion");
    listener.nothing_more(Duration::from_millis(100));
    agent.stop();
}

/// The program that administrators run.
struct Pywbemlistener(Child);

impl Pywbemlistener {
    /// On a free port; what it is told is appended to `file`.
    #[track_caller]
    fn start(pair: &Pair, file: &Path) -> (Self, u16) {
        for _ in 0..10 {
            let port = {
                let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                probe.local_addr().unwrap().port()
            };
            let mut command = of_python("pywbemlistener");
            command
                .args(["run", "esm-test", "--scheme", "https", "--bind-addr", "127.0.0.1"])
                .args(["--port", &port.to_string(), "--indi-file"])
                .arg(file)
                .args(["--indi-format", "{i[EventID]} {i[SequenceNumber]} {i[State]}"])
                .arg("--certfile")
                .arg(&pair.certificate)
                .arg("--keyfile")
                .arg(&pair.key)
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            let mut listener = Self(command.spawn().unwrap());
            let began = Instant::now();
            while began.elapsed() < PATIENCE && listener.0.try_wait().unwrap().is_none() {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return (listener, port);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("pywbemlistener does not listen");
    }
}

impl Drop for Pywbemlistener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a file holds these lines.
#[track_caller]
fn until_lines(file: &Path, expect: &[&str]) {
    let began = Instant::now();
    let read = || std::fs::read_to_string(file).unwrap_or_default();
    while read().lines().count() < expect.len() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(read().lines().collect::<Vec<_>>(), expect);
}

#[test]
fn pywbemlistener_is_told_of_a_file_system_that_fills() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let disk = Tmpfs::mount(&folder.path().join("disk"), 64);
    let file = folder.path().join("indications");
    let (_listener, port) = Pywbemlistener::start(&pair, &file);
    let agent = Agent::start_with(&format!(
        "{CONFIG}[file_systems]\ninclude = ['{}']\n\
         [[monitor]]\nrule = \"file-system\"\ninterval_secs = 1\n",
        disk.0.display()
    ));
    let url = format!("https://127.0.0.1:{port}");
    Administrator::of(&agent).subscribe(&url, "SELECT * FROM CIM_ThresholdIndication");
    disk.fill("most", 59);
    until_lines(&file, &["80000301 0 warning"]);
    disk.fill("rest", 4);
    until_lines(&file, &["80000301 0 warning", "C0000302 1 critical"]);
    disk.empty("most");
    until_lines(
        &file,
        &["80000301 0 warning", "C0000302 1 critical", "40000304 2 normal"],
    );
    agent.stop();
}

/// Runs `esm subscription test ARGS`, which must end with that code.
#[track_caller]
fn test_ends(agent: &Agent, args: &[&str], code: i32) -> Ended {
    let mut command = agent.esm(&["subscription", "test"]);
    let ended = run(command.args(args));
    assert_eq!(ended.code, Some(code), "{args:?}: {ended:#?}");
    ended
}

fn steps(report: &Value) -> Vec<&str> {
    let steps = report["steps"].as_array().unwrap().iter();
    let times: Vec<f64> = steps.clone().map(|step| step["secs"].as_f64().unwrap()).collect();
    assert!(
        times.is_sorted() && times.iter().all(|secs| *secs < 50.0),
        "{times:?}"
    );
    steps.map(|step| step["step"].as_str().unwrap()).collect()
}

#[test]
fn a_test_of_a_subscription_says_how_far_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let agent = Agent::start_with(CONFIG);
    assert_eq!(test_ends(&agent, &[], 1).err, "esm: there is no subscription\n");
    let listener = Manager::wbem(Some(&pair), &["--answer", "2:7"]);
    let query = "SELECT * FROM CIM_ThresholdIndication";
    Administrator::of(&agent).subscribe(&listener.url("/"), query);
    let tested = |code| -> Value {
        let ended = test_ends(&agent, &["--output", "json"], code);
        let reports: Value = serde_json::from_str(&ended.out).unwrap();
        reports[0].clone()
    };

    // It comes whatever the filter says, and that is told.
    let report = tested(0);
    assert_eq!(report["outcome"], "acknowledged");
    assert_eq!(report["chosen"], false);
    assert_eq!(
        steps(&report),
        ["queued", "connected", "handshake", "sent", "acknowledged"]
    );
    let export = listener.next();
    assert_eq!(export["identifier"], report["identifier"]);
    assert_eq!(export["properties"]["EventID"], "4000060B");

    let id = report["id"].as_str().unwrap();
    let text = test_ends(&agent, &[&id[..8]], 0).out;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{id}  test indication ESM:")),
        "{text}"
    );
    assert!(lines[5].ends_with(" s  acknowledged"), "{text}");
    assert!(lines[6].contains("would not have chosen it"), "{text}");
    listener.next();

    let report = tested(1);
    assert_eq!(report["outcome"], "failed");
    assert_eq!(steps(&report).last(), Some(&"answered"));
    let error = report["error"].as_str().unwrap();
    assert!(error.contains("as the test says"), "{error}");

    let port = listener.port();
    drop(listener);
    let report = tested(1);
    assert_eq!(
        (&report["outcome"], steps(&report)),
        (&"failed".into(), vec!["queued"])
    );
    assert!(
        report["advice"]
            .as_str()
            .unwrap()
            .contains("listens at this address")
    );

    // Another certificate than the one that was seen first.
    let impostor = folder.path().join("impostor");
    std::fs::create_dir(&impostor).unwrap();
    let listener = Manager::wbem(Some(&Pair::make(&impostor)), &["--port", &port.to_string()]);
    let report = tested(1);
    assert_eq!(steps(&report), ["queued", "connected"]);
    assert!(
        report["error"].as_str().unwrap().contains("another certificate"),
        "{report}"
    );
    assert!(
        report["advice"].as_str().unwrap().contains("subscribe again"),
        "{report}"
    );
    drop(listener);
    agent.stop();
}
