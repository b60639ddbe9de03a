//! `esm wbem` against a running agent.

mod beside_wbemcli;

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde_json::Value as Json;

use crate::agent::{Agent, USER};
use crate::command::{Ended, ends, esm, run};
use crate::peers;

/// An agent with CIM-XML on ports of its own.
fn agent() -> Agent {
    Agent::start()
}

/// `http://USER:PASSWORD@HOST:PORT`.
fn plain(agent: &Agent) -> String {
    let (port, password) = (agent.cimxml_http_port(), agent.password());
    format!("http://{USER}:{password}@127.0.0.1:{port}")
}

/// The program under another name: `wbemcli`, `wbemei`.
fn called(agent: &Agent, name: &str) -> Command {
    let mut command = esm(agent.folder());
    command.arg0(name);
    command
}

/// The word with the server for the `@` that it may begin with.
fn in_place(word: &str, server: &str) -> String {
    match word.strip_prefix("@/") {
        Some(object) => format!("{server}/{object}"),
        None => word.to_owned(),
    }
}

/// What wbemcli says; what we say under its name must be the same, byte by byte. `@` stands for the server.
#[track_caller]
fn same(agent: &Agent, server: &str, words: &[&str]) -> Ended {
    let words: Vec<String> = words.iter().map(|word| in_place(word, server)).collect();
    let theirs = run(Command::new("wbemcli").args(&words));
    let ours = run(called(agent, "wbemcli").args(&words));
    assert_eq!(ours, theirs, "{words:?}");
    theirs
}

/// Runs `esm wbem WORDS` over the local socket; it must end with that code.
#[track_caller]
fn local(agent: &Agent, words: &[&str], code: i32) -> Ended {
    ends(agent.esm(&["wbem"]).args(words), code)
}

#[track_caller]
fn json(agent: &Agent, words: &[&str]) -> Json {
    let ended = local(agent, &[words, &["--output", "json"]].concat(), 0);
    serde_json::from_str(&ended.out).unwrap()
}

/// The name of an instance without what stands in front of its class.
fn name(line: &str) -> &str {
    let keys = line.find('=').unwrap_or(line.len());
    let class = line[..keys].rfind(':').map_or(0, |colon| colon + 1);
    &line[class..]
}

/// The name of the first instance.
#[track_caller]
fn first(lines: &str) -> &str {
    name(lines.lines().next().unwrap())
}

#[test]
fn methods_are_called() {
    let agent = agent();
    let server = plain(&agent);
    let alive = local(&agent, &["ein", "ESM_Alive"], 0).out;
    let alive = first(&alive);
    let object = format!("@/root/ESMPRO/AS:{alive}");
    let answered = same(&agent, &server, &["cm", &object, "SendTestAlert"]);
    assert!(answered.out.contains(" SendTestAlert: 0"), "{answered:?}");
    let answered = same(&agent, &server, &["cm", "-nl", &object, "SendTestAlert"]);
    assert!(answered.out.contains(" SendTestAlert: 0"), "{answered:?}");
    let raw = local(&agent, &["cmx", alive, "SendTestAlert"], 0).out;
    assert!(
        raw.starts_with("<METHODRESPONSE NAME=\"SendTestAlert\"><RETURNVALUE"),
        "{raw}"
    );
    let object = json(&agent, &["cm", alive, "SendTestAlert"]);
    assert_eq!(object["ReturnValue"], 0, "{object}");
}

#[test]
fn https_is_trusted_as_told() {
    let agent = agent();
    let (port, password) = (agent.cimxml_port(), agent.password());
    let certificate = agent.certificate().display().to_string();
    let server = format!("https://{USER}:{password}@127.0.0.1:{port}");
    let ended = same(
        &agent,
        &server,
        &["ein", "-cacert", &certificate, "@/root/ESMPRO/AS:ESM_Processor"],
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = same(&agent, &server, &["ecn", "-noverify", "@/root/interop"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let object = format!("https://{USER}@127.0.0.1:{port}/root/interop:CIM_Namespace");
    let ask = |options: &[&str], code| {
        let mut command = agent.esm(&["wbem", "ein", &object]);
        ends(command.args(options).env("ESM_PASSWORD", &password), code)
    };
    ask(&["--pin", agent.fingerprint()], 0);
    ask(&["--ca", &certificate], 0);
    ask(&["--insecure"], 0);
    let other = "00".repeat(32);
    let refused = ask(&["--pin", &other], 16).err;
    assert!(
        refused.starts_with("*\n* esm wbem: Http Exception: the server shows another certificate"),
        "{refused}"
    );
    let untrusted = ask(&[], 16).err;
    assert!(
        untrusted.contains("\n* if the certificate is the agent's own: --pin SHA256"),
        "{untrusted}"
    );
    let both = ask(&["--pin", &other, "--ca", &certificate], 16).err;
    assert!(both.contains("exclude one another"), "{both}");
    let clear = object.replace("https://", "http://");
    let mut command = agent.esm(&["wbem", "ein", &clear, "--pin", agent.fingerprint()]);
    let clear = ends(command.env("ESM_PASSWORD", &password), 16).err;
    assert!(clear.contains("for https://"), "{clear}");
}

#[test]
fn a_certificate_of_ones_own_is_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let script = "make() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$1 -keyout $1.key -out $1.pem \
        $2 -addext basicConstraints=critical,CA:$3; }; make ca '' TRUE; make ann '-CA ca.pem -CAkey ca.key' FALSE";
    let made = run(Command::new("sh")
        .args(["-euc", script])
        .current_dir(folder.path()));
    assert_eq!(made.code, Some(0), "{made:?}");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let agent = Agent::start_with(&format!("[tls]\nclient_ca = '{}'\n", file("ca.pem")));
    let server = format!("https://127.0.0.1:{}", agent.cimxml_port());
    let (certificate, ann, key) = (
        agent.certificate().display().to_string(),
        file("ann.pem"),
        file("ann.key"),
    );
    let trust = ["ein", "-cacert", &certificate, "@/root/interop:CIM_Namespace"];
    let ended = same(
        &agent,
        &server,
        &[&trust[..], &["-clientcert", &ann, "-clientkey", &key]].concat(),
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let without = same(&agent, &server, &trust);
    assert!(without.err.contains("Username/password required."), "{without:?}");
    let half = same(&agent, &server, &[&trust[..], &["-clientcert", &ann]].concat());
    assert!(
        half.err.contains("Must specify both -clientcert and -clientkey"),
        "{half:?}"
    );
    let missing = file("none");
    let object = format!("{server}/root/interop:CIM_Namespace");
    let words = [
        "ein",
        "--insecure",
        &object,
        "-clientcert",
        &ann,
        "-clientkey",
        &missing,
    ];
    let told = local(&agent, &words, 16).err;
    assert!(
        told.contains("Cmd Exception: ") && told.contains(&missing),
        "{told}"
    );
}

#[test]
fn a_password_need_not_stand_in_the_list_of_processes() {
    let agent = agent();
    let port = agent.cimxml_http_port();
    let server = format!("http://127.0.0.1:{port}");
    let file = agent.password_file().display().to_string();
    let words = ["wbem", "ecn", "root/interop", "--url", &server, "--user", USER];
    let read = ends(agent.esm(&words).args(["--password-file", &file]), 0).out;
    assert!(
        read.contains(&format!("127.0.0.1:{port}/root/interop:CIM_Namespace\n")),
        "{read}"
    );
    assert_eq!(
        ends(agent.esm(&words).env("ESM_PASSWORD", agent.password()), 0).out,
        read
    );
    let missing = ends(&mut agent.esm(&words), 16).err;
    assert!(missing.contains("no password for admin"), "{missing}");
    // On a terminal it is asked for, and not shown.
    let mut terminal = peers::python("terminal.py");
    terminal
        .env("ANSWER", agent.password())
        .env_remove("ESM_PASSWORD");
    let shown = ends(terminal.arg(env!("CARGO_BIN_EXE_esm")).args(words), 0).out;
    assert_eq!(shown, format!("Password of admin: \n{read}"));
    let in_path = format!("http://{USER}@127.0.0.1:{port}/root/interop");
    assert_eq!(
        ends(
            agent
                .esm(&["wbem", "ecn", &in_path])
                .args(["--password-file", &file]),
            0
        )
        .out,
        read
    );
}

#[test]
fn the_agent_of_this_machine_needs_no_server_and_no_login() {
    let agent = agent();
    let namespaces = local(&agent, &["ein", "root/interop:CIM_Namespace"], 0).out;
    assert!(
        namespaces
            .lines()
            .all(|line| line.starts_with("root/interop:CIM_Namespace.")),
        "{namespaces}"
    );
    assert!(namespaces.contains("Name=\"root/ESMPRO/AS\""), "{namespaces}");
    // What is printed is what the command takes.
    for name in namespaces.lines() {
        let instance = local(&agent, &["gi", "-nl", name], 0).out;
        assert_eq!(instance.lines().next(), Some(name));
    }
    let associations = local(&agent, &["rin", namespaces.lines().next().unwrap()], 0).out;
    for name in associations.lines() {
        local(&agent, &["gi", name], 0);
    }
    // Without a namespace it is that of the class.
    let processors = local(&agent, &["ein", "ESM_Processor"], 0).out;
    assert!(
        processors.starts_with("root/ESMPRO/AS:ESM_Processor."),
        "{processors}"
    );
    let processors = local(&agent, &["ein", "CIM_Processor"], 0).out;
    assert!(
        processors.starts_with("root/cimv2:ESM_Processor."),
        "{processors}"
    );
    let classes = local(&agent, &["ecn", "--namespace", "interop", "CIM_Service"], 0).out;
    assert!(classes.contains("interop:CIM_ObjectManager\n"), "{classes}");
    let refused = local(&agent, &["ein", "ESM_Alive", "--user", "admin"], 16).err;
    assert!(refused.contains("whose socket needs no login"), "{refused}");
}

/// As the other commands take it: by the path of its socket, whatever the configuration says or fails to say.
#[test]
fn the_agent_of_this_machine_can_be_named_by_its_socket() {
    let agent = agent();
    let socket = agent.socket().display().to_string();
    let elsewhere = tempfile::tempdir().unwrap();
    let asked = ["wbem", "ein", "ESM_Alive", "--socket", &socket];
    let named = ends(esm(elsewhere.path()).args(asked), 0).out;
    assert_eq!(local(&agent, &["ein", "ESM_Alive"], 0).out, named);
    std::fs::write(elsewhere.path().join("esm.toml"), "no toml").unwrap();
    assert_eq!(ends(esm(elsewhere.path()).args(asked), 0).out, named);
    let both = [
        "ein",
        "ESM_Alive",
        "--socket",
        &socket,
        "--url",
        "http://127.0.0.1",
    ];
    let refused = local(&agent, &both, 16).err;
    assert!(
        refused.contains("--socket is for the agent of this machine"),
        "{refused}"
    );
}

#[test]
fn enumerations_are_pulled_in_pieces_and_whole_alike() {
    let agent = agent();
    let whole = local(
        &agent,
        &[
            "ein",
            "CIM_ManagedElement",
            "--namespace",
            "root/interop",
            "--max-objects",
            "0",
        ],
        0,
    )
    .out;
    for count in ["1", "3", "1000"] {
        let pieces = local(
            &agent,
            &[
                "ein",
                "CIM_ManagedElement",
                "--namespace",
                "root/interop",
                "--max-objects",
                count,
            ],
            0,
        )
        .out;
        assert_eq!(pieces, whole, "{count}");
    }
    assert!(whole.lines().count() > 10, "{whole}");
}

#[test]
fn queries_are_asked() {
    let agent = agent();
    let query = "select DeviceID from ESM_Processor where DeviceID = '_Total'";
    let found = local(&agent, &["eq", "root/ESMPRO/AS", query], 0).out;
    assert!(
        found.starts_with("root/ESMPRO/AS:ESM_Processor ") && found.contains("DeviceID=\"_Total\""),
        "{found}"
    );
    let found = local(
        &agent,
        &[
            "eq",
            "root/ESMPRO/AS",
            query,
            "--language",
            "DMTF:CQL",
            "--max-objects=0",
        ],
        0,
    )
    .out;
    assert!(found.contains("DeviceID=\"_Total\""), "{found}");
    let refused = local(&agent, &["eq", "root/ESMPRO/AS", "select"], 16).err;
    assert!(refused.contains("Cim: (15) CIM_ERR_INVALID_QUERY"), "{refused}");
}

#[test]
fn answers_have_the_forms_of_the_other_commands() {
    let agent = agent();
    let all = json(
        &agent,
        &["ei", "ESM_MonitorSetting", "InstanceID,Enabled,Warning"],
    );
    let cpu = all
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["InstanceID"] == "cpu")
        .unwrap();
    assert_eq!(cpu["Enabled"], true, "{cpu}");
    assert_eq!(cpu["__class"], "ESM_MonitorSetting");
    let path = cpu["__path"].as_str().unwrap();
    assert_eq!(path, "root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"");
    let one = json(&agent, &["gi", path, "InstanceID,Warning"]);
    assert_eq!(
        (&one["InstanceID"], &one["__path"]),
        (&cpu["InstanceID"], &cpu["__path"]),
        "{one}"
    );
    assert_eq!(json(&agent, &["gp", path, "InstanceID"]), "cpu");
    let paths = json(&agent, &["ein", "ESM_MonitorSetting"]);
    assert!(
        paths.as_array().unwrap().iter().any(|item| item == path),
        "{paths}"
    );
    let class = json(&agent, &["gc", "ESM_MonitorSetting"]);
    let keys: Vec<_> = class["properties"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|property| property["key"] == true)
        .collect();
    assert_eq!(keys.len(), 1, "{class}");
    let none = json(&agent, &["ein", "root/interop:CIM_IndicationSubscription"]);
    assert_eq!(none, Json::Array(Vec::new()));

    let xml = local(&agent, &["gi", path, "--output", "xml"], 0).out;
    assert!(
        xml.starts_with("<INSTANCE CLASSNAME=\"ESM_MonitorSetting\">") && xml.ends_with("</INSTANCE>\n"),
        "{xml}"
    );
    let table = local(
        &agent,
        &[
            "ei",
            "ESM_MonitorSetting",
            "InstanceID,Enabled,Interval",
            "--output",
            "table",
        ],
        0,
    )
    .out;
    assert!(table.starts_with("InstanceID"), "{table}");
    let table = local(
        &agent,
        &["gc", "ESM_MonitorSetting", "InstanceID", "--output=table"],
        0,
    )
    .out;
    assert!(
        table.starts_with("PROPERTY") && table.contains("InstanceID  string  key"),
        "{table}"
    );
}

#[test]
fn it_goes_by_the_names_of_wbemcli() {
    let agent = agent();
    let names = ends(called(&agent, "wbemein").arg("root/interop:CIM_Namespace"), 0).out;
    assert_eq!(
        local(&agent, &["ein", "root/interop:CIM_Namespace"], 0).out,
        names
    );
    let names = ends(
        called(&agent, "/opt/bin/esm-wbemcli").args(["ein", "root/interop:CIM_Namespace"]),
        0,
    )
    .out;
    assert!(!names.is_empty());
    let wrong = ends(called(&agent, "wbemei").arg("-zz"), 16).err;
    assert!(
        wrong.starts_with("wbemei: Invalid invocation syntax: there is no option `-zz`\nusage: wbemei "),
        "{wrong}"
    );
    let help = ends(agent.esm(&["wbem"]).arg("-h"), 0).out;
    assert!(
        help.contains("Operations:") && help.contains("-cacert FILE"),
        "{help}"
    );
    assert_eq!(ends(&mut agent.esm(&["wbem", "--help"]), 0).out, help);
    assert_eq!(ends(&mut called(&agent, "wbemcli"), 0).out, help);
    let version = ends(&mut agent.esm(&["wbem", "-v"]), 0).out;
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}

#[test]
fn a_file_of_names_stands_for_servers() {
    let agent = agent();
    let server = plain(&agent);
    std::fs::write(agent.folder().join("wbemcli.ind"), format!("myhost: {server}\n")).unwrap();
    let mut real = Command::new("wbemcli");
    real.current_dir(agent.folder())
        .args(["ecn", "myhost/root/interop"]);
    let theirs = ends(&mut real, 0).out;
    assert_eq!(local(&agent, &["ecn", "myhost/root/interop"], 0).out, theirs);
}
