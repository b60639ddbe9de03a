//! pywbem's view of the server as a whole: what it is, how its parts are associated, its schema against pywbem's own
//! MOF compiler, and the same instances through CIM-XML as through WS-Management.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value as Json, json};

use crate::agent::{Agent, USER};
use crate::command::run;
use crate::peers;

/// Runs the script for one look at the agent; it must find no fault.
#[track_caller]
fn look(agent: &Agent, arguments: &[&str]) -> Json {
    let mut command = peers::python("pywbem_server.py");
    command
        .args(arguments)
        .env("ESM_URL", format!("https://127.0.0.1:{}", agent.cimxml_port()))
        .env("ESM_CA", agent.certificate())
        .env("ESM_USER", USER)
        .env("ESM_PASSWORD", agent.password());
    let mut replies = peers::Replies::of(&mut command);
    let found = serde_json::from_str(&output(&mut command)).unwrap();
    assert!(replies.len() > 0, "no reply was written down");
    replies.check();
    found
}

/// What a command prints; it must succeed.
#[track_caller]
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}: {out}{err}");
    assert!(
        !format!("{out}{err}").contains("Warning"),
        "{command:?}: {out}{err}"
    );
    out.into_owned()
}

#[test]
fn pywbem_finds_out_what_the_server_is() {
    let agent = Agent::start();
    let facts = look(&agent, &["facts"]);
    let expected = json!({
        "interop": "interop",
        "namespaces": ["interop", "root", "root/ESMPRO/AS", "root/PG_InterOp", "root/cimv2", "root/interop"],
        "class": "CIM_Namespace",
        "brand": "ESM Agent",
        "version": env!("CARGO_PKG_VERSION"),
        "profiles": {
            "DMTF Indications 1.2.2": ["CIM_IndicationService"],
            "DMTF Profile Registration 1.0.0": ["CIM_RegisteredProfile"],
            "SNIA Indication 1.2.0": ["CIM_IndicationService"],
            "SNIA Server 1.2.0": ["CIM_ObjectManager"],
        },
    });
    for (at, facts) in facts.as_array().unwrap().iter().enumerate() {
        assert_eq!(*facts, expected, "with default namespace {at}");
    }
    agent.stop();
}

#[test]
fn pywbem_walks_the_associations_of_the_server_in_every_way() {
    let agent = Agent::start();
    let counts = look(&agent, &["associations"]);
    assert_eq!(
        (&counts["namespaces"], &counts["mechanisms"]),
        (&json!(6), &json!(1))
    );
    assert!(counts["filters"].as_u64() > Some(0), "{counts}");
    agent.stop();
}

/// Every class that is served, fetched one by one and all at once, is what pywbem's compiler makes of our MOF.
#[test]
fn the_schema_that_is_served_is_the_schema_of_our_files() {
    let agent = Agent::start();
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let namespaces = [
        ("root", "root.mof"),
        ("root/cimv2", "root_cimv2.mof"),
        ("root/ESMPRO/AS", "root_esmpro_as.mof"),
        ("root/interop", "root_interop.mof"),
    ];
    let files = namespaces.map(|(namespace, file)| format!("{namespace}={}", schemas.join(file).display()));
    let mut arguments = vec!["schema"];
    arguments.extend(files.iter().map(String::as_str));
    let compared = look(&agent, &arguments);
    assert_eq!(compared["root"], 1);
    for (namespace, _) in &namespaces[1..] {
        assert!(compared[namespace].as_u64() > Some(50), "{compared}");
    }
    agent.stop();
}

/// What pywbemcli shows of the agent; all of `expected` must be in it.
#[track_caller]
fn pywbemcli(agent: &Agent, arguments: &[&str], expected: &[&str]) {
    let mut command = peers::of_python("pywbemcli");
    command
        .args(arguments)
        .env(
            "PYWBEMCLI_SERVER",
            format!("https://127.0.0.1:{}", agent.cimxml_port()),
        )
        .env("PYWBEMCLI_USER", USER)
        .env("PYWBEMCLI_PASSWORD", agent.password())
        .env("PYWBEMCLI_CA_CERTS", agent.certificate())
        .env(
            "PYWBEMCLI_CONNECTIONS_FILE",
            agent.folder().join("connections.yaml"),
        )
        .env("PYWBEMTOOLS_TERMWIDTH", "200")
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("CURL_CA_BUNDLE");
    let shown = output(&mut command);
    for text in expected {
        assert!(shown.contains(text), "{arguments:?}: no {text} in\n{shown}");
    }
}

#[test]
fn pywbemcli_shows_namespaces_brand_profiles_and_central_instances() {
    let agent = Agent::start();
    let check = |arguments: &[&str], expected: &[&str]| pywbemcli(&agent, arguments, expected);
    check(
        &["namespace", "list"],
        &["root/ESMPRO/AS", "root/cimv2", "root/interop"],
    );
    check(&["namespace", "interop"], &["interop"]);
    check(&["server", "brand"], &["ESM Agent"]);
    check(
        &["server", "info"],
        &["ESM Agent", env!("CARGO_PKG_VERSION"), "root/PG_InterOp"],
    );
    check(
        &["profile", "list"],
        &["Profile Registration", "Indications", "Server", "1.2.0"],
    );
    let central = ["SNIA:Server:1.2.0", "CIM_ObjectManager", "DMTF:Indications:1.2.2"];
    check(&["profile", "centralinsts"], &central);
    check(&["profile", "centralinsts", "--rd", "snia"], &central);
    let associated = [
        "instance",
        "associators",
        "CIM_ObjectManager.?",
        "-n",
        "interop",
        "--no",
    ];
    check(&associated, &["CIM_Namespace", "ESM_GeneralInformation"]);
    agent.stop();
}

/// Its query command is not here: it breaks on every server, with an error of its own.
#[test]
fn pywbemcli_works_on_classes_and_instances() {
    let agent = Agent::start();
    let check = |arguments: &[&str], expected: &[&str]| {
        let words: Vec<&str> = ["-d", "root/ESMPRO/AS"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        pywbemcli(&agent, &words, expected);
    };
    check(
        &["class", "get", "esm_alive", "--pl", "Sequence"],
        &["class ESM_Alive : CIM_ManagedElement", "uint64 Sequence;"],
    );
    check(
        &["class", "find", "*FileSystemThread"],
        &[
            "root/ESMPRO/AS: ESM_FileSystemThread",
            "root/cimv2: ESM_FileSystemThread",
        ],
    );
    check(&["class", "tree", "CIM_LogicalDevice"], &["+-- ESM_Processor"]);
    check(
        &["class", "associators", "ESM_GeneralInformation", "--no"],
        &["CIM_LogicalDevice"],
    );
    check(
        &["class", "references", "ESM_GeneralInformation", "--no"],
        &["ESM_SystemDevice"],
    );
    check(&["qualifier", "get", "Key"], &["Qualifier Key : boolean = false"]);
    for pull in ["yes", "no"] {
        let check = |words: &str, expected: &str| {
            let words = format!("--use-pull {pull} --pull-max-cnt 2 instance {words}");
            check(&words.split(' ').collect::<Vec<_>>(), &[expected]);
        };
        check("enumerate CIM_Processor --pl DeviceID", "DeviceID = \"_Total\";");
        check("enumerate CIM_Processor --no", "DeviceID=\"cpu0\"");
        let system = "ESM_GeneralInformation.?";
        check(&format!("associators {system} --no"), "ESM_Processor.");
        check(
            &format!("references {system} --rc ESM_RunningOS"),
            "instance of ESM_RunningOS",
        );
    }
    let filtered = [
        "--use-pull",
        "yes",
        "instance",
        "enumerate",
        "ESM_Processor",
        "--fql",
        "DMTF:FQL",
    ];
    check(
        &[&filtered[..], &["--fq", "DeviceID = '_Total'", "-s", "--no"]].concat(),
        &["1 CIMInstanceName(s) returned"],
    );
    let setting = "ESM_MonitorSetting.InstanceID=\"cpu\"";
    check(&["instance", "modify", setting, "-p", "Critical=96"], &[]);
    check(
        &["instance", "get", setting, "--pl", "critical"],
        &["Critical = 96.0;"],
    );
    check(&["instance", "delete", setting], &[]);
    let filter = [
        "instance",
        "create",
        "CIM_IndicationFilter",
        "-n",
        "interop",
        "-p",
        "Name=cli",
    ];
    let query = [
        "-p",
        "QueryLanguage=WQL",
        "-p",
        "Query=SELECT * FROM CIM_AlertIndication",
    ];
    check(
        &[&filter[..], &query].concat(),
        &["interop:CIM_IndicationFilter.", "Name=\"cli\""],
    );
    check(
        &["instance", "invokemethod", "ESM_Alive.?", "SendTestAlert"],
        &["ReturnValue=0"],
    );
    agent.stop();
}

#[test]
fn pywbem_writes_the_settings_of_the_indication_service() {
    let agent = Agent::start();
    let seen = look(&agent, &["settings"]);
    let expected = json!([
        [true, 65_535, 5, 2, 259_200],
        [true, 9, 5, 2, 259_200],
        [true, 9, 5, 3, 259_200],
        [false, 9, 5, 3, 4_000],
        [true, 65_535, 5, 2, 259_200],
    ]);
    assert_eq!(seen, expected);
    agent.stop();
}

/// The classes that general managers look for in `root/cimv2`.
const CLASSES: [&str; 9] = [
    "CIM_ComputerSystem",
    "CIM_OperatingSystem",
    "CIM_Processor",
    "CIM_PhysicalMemory",
    "CIM_Memory",
    "CIM_LocalFileSystem",
    "CIM_DiskDrive",
    "CIM_NetworkPort",
    "CIM_StorageExtent",
];

#[test]
fn both_protocols_serve_the_same_instances() {
    // What was read is served again, so that figures stand still between two questions.
    let agent = Agent::start_with("[host]\nmax_age_millis = 60000\n");
    for round in 0.. {
        let over_cimxml = look(&agent, &[&["instances"], &CLASSES[..]].concat());
        let differing: Vec<String> = CLASSES
            .iter()
            .flat_map(|class| differences(class, &over_cimxml[class], &over_wsman(&agent, class)))
            .collect();
        // A reading may have become too old between the two.
        if differing.is_empty() {
            break;
        }
        assert!(round < 3, "{}", differing.join("\n"));
    }
    agent.stop();
}

#[track_caller]
fn over_wsman(agent: &Agent, class: &str) -> Json {
    let arguments = [
        "enumerate",
        class,
        "--namespace",
        "root/cimv2",
        "--output",
        "json",
    ];
    let ended = run(agent.esm(&["wsman"]).args(arguments));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

/// The properties that are not the same in both answers.
fn differences(class: &str, cimxml: &Json, wsman: &Json) -> Vec<String> {
    let (cimxml, wsman) = (by_identity(cimxml), by_identity(wsman));
    let mut found = Vec::new();
    if cimxml.is_empty() || !cimxml.keys().eq(wsman.keys()) {
        found.push(format!("{class}: {:?} and {:?}", cimxml.keys(), wsman.keys()));
    }
    for (identity, ours) in &cimxml {
        let Some(theirs) = wsman.get(identity) else {
            continue;
        };
        let names = ours.keys().chain(theirs.keys().filter(|name| *name != "__class"));
        for name in names {
            if !is_same(ours.get(name), theirs.get(name)) {
                found.push(format!(
                    "{class} {identity}.{name}: {:?} and {:?}",
                    ours.get(name),
                    theirs.get(name)
                ));
            }
        }
    }
    found
}

/// Every instance by its InstanceID, which all of these classes have.
fn by_identity(instances: &Json) -> BTreeMap<&str, &Map<String, Json>> {
    let instances = instances.as_array().unwrap().iter();
    instances
        .map(|instance| {
            (
                instance["InstanceID"].as_str().unwrap(),
                instance.as_object().unwrap(),
            )
        })
        .collect()
}

/// The same value. A number may stand with or without a fraction; an array without items leaves no trace in
/// WS-Management, which has an element per item (DSP0230).
fn is_same(a: Option<&Json>, b: Option<&Json>) -> bool {
    match (a, b) {
        (Some(Json::Number(a)), Some(Json::Number(b))) if a.is_f64() || b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        (Some(Json::Array(items)), None) => items.is_empty(),
        (a, b) => a == b,
    }
}
