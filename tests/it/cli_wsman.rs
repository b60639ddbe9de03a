//! `esm wsman` against a running agent: answers, forms and exit codes.

use serde_json::Value as Json;

use crate::agent::{Agent, USER};
use crate::command::{Ended, ends};

/// Runs `esm wsman ARGS` over the local socket; it must end with that code.
#[track_caller]
fn local(agent: &Agent, args: &[&str], code: i32) -> Ended {
    ends(agent.esm(&["wsman"]).args(args), code)
}

#[track_caller]
fn json(agent: &Agent, args: &[&str]) -> Json {
    let ended = local(agent, &[args, &["--output", "json"]].concat(), 0);
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn logins_and_trust_have_their_exit_codes() {
    let agent = Agent::start();
    let other = "00".repeat(32);
    let certificate = agent.certificate().display().to_string();
    let (url, pin) = (agent.url(), agent.fingerprint());
    let get = |trust: &[&str], code, expect: &str| {
        let mut command = agent.esm(&[
            "wsman",
            "--url",
            url,
            "--user",
            USER,
            "get",
            "ESM_GeneralInformation",
        ]);
        let ended = ends(command.args(trust).env("ESM_PASSWORD", agent.password()), code);
        assert!(
            format!("{}{}", ended.out, ended.err).contains(expect),
            "{expect}: {ended:#?}"
        );
    };
    get(&["--pin", pin], 0, "AgentVersion");
    get(
        &["--pin", &pin.replace(':', "").to_lowercase()],
        0,
        "AgentVersion",
    );
    get(&["--ca", &certificate], 0, "AgentVersion");
    get(&["--insecure"], 0, "AgentVersion");
    get(&["--pin", &other], 3, "another certificate than the pinned one");
    get(&["--ca", &certificate, "--insecure"], 2, "exclude one another");
    get(&["--ca", "/nowhere"], 6, "/nowhere");
    get(&["--pin", "12"], 2, "is no SHA-256 fingerprint");
    get(&["--pin", pin, "--password-file", "wrong"], 6, "wrong: ");
    std::fs::write(agent.folder().join("wrong"), "not it\n").unwrap();
    get(
        &["--pin", pin, "--password-file", "wrong"],
        4,
        "the password is wrong",
    );
    get(&["--pin", pin, "--user", "nobody"], 4, "the password is wrong");
    get(
        &["--pin", pin, "--password-file", "state/initial-password"],
        0,
        "AgentVersion",
    );

    let clear = url.replace("https://", "http://");
    get(&["--url", &clear, "--pin", pin], 2, "for https://");
    get(&["--url", &clear, "--ca", &certificate], 2, "for https://");
    get(&["--url", &clear], 3, "begins with https://");
    let elsewhere = ["--url", "http://0.0.0.0:9"];
    get(
        &elsewhere,
        2,
        "the password would be sent in clear text to http://0.0.0.0:9/wsman",
    );
    get(
        &[&elsewhere[..], &["--allow-clear-text"]].concat(),
        3,
        "warning: the password is sent in clear text",
    );

    let without = |args: &[&str], code, expect: &str| {
        let ended = ends(agent.esm(&["wsman", "--url", url, "--pin", pin]).args(args), code);
        assert!(
            format!("{}{}", ended.out, ended.err).contains(expect),
            "{ended:#?}"
        );
    };
    without(&["identify"], 0, "Vendor");
    without(&["get", "ESM_GeneralInformation"], 4, "--user NAME");
    without(&["--user", "a:b", "identify"], 2, "no password for a:b");
    agent.stop();
}

#[test]
fn what_cannot_be_reached_or_understood_has_its_exit_codes() {
    let agent = Agent::start();
    local(&agent, &["--url", "ftp://host", "identify"], 2);
    local(&agent, &["get", "no class"], 2);
    local(&agent, &["get", "ESM_Processor?DeviceID"], 2);
    local(&agent, &["enumerate"], 2);
    local(&agent, &["--user", "admin", "identify"], 2);
    local(&agent, &["put", "ESM_MonitorSetting"], 2);
    local(&agent, &["subscribe", "CIM_Indication"], 2);
    local(
        &agent,
        &["--insecure", "--url", "127.0.0.1:9", "--timeout", "0", "identify"],
        2,
    );
    for timeout in ["50", "50s"] {
        local(&agent, &["--timeout", timeout, "identify"], 0);
        ends(
            &mut agent.esm(&["wbem", "ein", "ESM_Alive", "--timeout", timeout]),
            0,
        );
        let none = ends(&mut agent.esm(&["subscription", "test", "--timeout", timeout]), 1);
        assert!(none.err.contains("there is no subscription"), "{none:#?}");
    }

    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = local(&agent, &["--insecure", "--url", &free.to_string(), "identify"], 3);
    assert!(nobody.err.contains("Connection refused"), "{nobody:#?}");
    // What is not there is the answer no, whatever was to be done with it.
    for words in [
        &["get"][..],
        &["delete"],
        &["put", "Warning=3"],
        &["invoke", "Pause", "Seconds=5"],
    ] {
        let (operation, values) = words.split_first().unwrap();
        let missing = ["ESM_MonitorSetting?InstanceID=none"];
        let ended = local(&agent, &[&[*operation], &missing[..], values].concat(), 1);
        assert!(ended.err.contains("there is no instance"), "{ended:#?}");
    }
    let unread = local(&agent, &["--config", "none.toml", "identify"], 6);
    assert!(unread.err.contains("none.toml: cannot be read"), "{unread:#?}");
    let elsewhere = agent.url().replace("/wsman", "/other");
    let ended = local(
        &agent,
        &["--insecure", "--url", &elsewhere, "get", "ESM_Alive"],
        5,
    );
    assert!(ended.err.contains("HTTP status 404"), "{ended:#?}");

    let fault = local(&agent, &["get", "ESM_Unheard"], 5);
    assert!(fault.err.contains("no class `ESM_Unheard`"), "{fault:#?}");
    assert!(fault.err.contains("InvalidResourceURI"), "{fault:#?}");
    let fault = local(
        &agent,
        &["enumerate", "--filter", "select * from ESM_Processor wher"],
        5,
    );
    assert!(fault.err.contains("wsman:CannotProcessFilter"), "{fault:#?}");
    local(&agent, &["get", "ESM_Processor?DeviceID=cpu4711"], 1);
    local(
        &agent,
        &["get", "ESM_GeneralInformation", "--namespace", "root/none"],
        5,
    );

    let socket = agent.socket();
    agent.stop();
    let home = tempfile::tempdir().unwrap();
    let mut command = crate::command::esm(home.path());
    let ended = ends(command.args(["wsman", "identify"]), 3);
    assert!(
        ended.err.contains("is the agent of this machine running?"),
        "{ended:#?}"
    );
    assert!(!socket.exists());
}

#[test]
fn instances_are_read_by_as_much_of_their_name_as_is_needed() {
    let agent = Agent::start();
    let host = json(&agent, &["get", "ESM_GeneralInformation"]);
    assert_eq!(host["__class"], "ESM_GeneralInformation");
    assert_eq!(host["AgentVersion"], env!("CARGO_PKG_VERSION"));
    assert!(host["TotalMemoryBytes"].is_u64(), "{host:#}");

    let total = json(&agent, &["get", "ESM_Processor?DeviceID=_Total"]);
    assert_eq!(total["DeviceID"], "_Total");
    assert!(
        total["OperationalStatus"].is_array() && total["Socket"].is_null(),
        "{total:#}"
    );
    let of_total = |names| ["get", "ESM_Processor?DeviceID=_Total", "--properties", names];
    let some = json(&agent, &of_total("Socket,deviceid"));
    assert_eq!(some["DeviceID"], "_Total");
    assert!(
        some.get("Socket").is_some() && some.get("Family").is_none(),
        "{some:#}"
    );
    let misspelt = local(&agent, &of_total("LoadPercent"), 2);
    assert!(
        misspelt.err.contains("did you mean `LoadPercentage`?"),
        "{misspelt:#?}"
    );
    let again = json(&agent, &["get", "esm_processor", "--selector", "deviceid=_Total"]);
    assert_eq!(again["DeviceID"], "_Total");
    let several = local(
        &agent,
        &[
            "get",
            "ESM_Processor?SystemCreationClassName=ESM_GeneralInformation",
        ],
        2,
    );
    assert!(several.err.contains("name one of them"), "{several:#?}");

    let paths = local(&agent, &["enumerate", "ESM_Processor", "--epr"], 0).out;
    for path in paths.lines() {
        let instance = json(&agent, &["get", path]);
        assert!(path.contains(instance["DeviceID"].as_str().unwrap()), "{path}");
    }
    assert!(paths.lines().count() > 1, "{paths}");

    let xml = local(&agent, &["get", "ESM_GeneralInformation", "--output", "xml"], 0).out;
    assert!(xml.starts_with("<p:ESM_GeneralInformation "), "{xml}");
    let table = local(&agent, &["get", "ESM_GeneralInformation"], 0).out;
    assert!(
        table.starts_with("ESM_GeneralInformation ") && !table.contains("InstallDate"),
        "{table}"
    );
    agent.stop();
}

#[test]
fn enumerations_are_filtered_shaped_and_bounded() {
    let agent = Agent::start();
    let ids = |args: &[&str]| -> Vec<String> {
        let list = json(&agent, &[&["enumerate"], args].concat());
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| item["DeviceID"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = ids(&["ESM_Processor"]);
    assert!(all.len() > 1 && all.contains(&"cpu0".to_owned()), "{all:?}");
    assert_eq!(ids(&["ESM_Processor", "--batch", "1"]), all, "pulled one by one");
    assert_eq!(ids(&["ESM_Processor", "--max", "1"]).len(), 1);
    for filter in [
        &["--filter", "select * from ESM_Processor where DeviceID = 'cpu0'"][..],
        &[
            "--filter",
            "select * from ESM_Processor where DeviceID = 'cpu0'",
            "--dialect",
            "cql",
        ],
        &[
            "ESM_Processor",
            "--filter",
            "DeviceID=cpu0",
            "--dialect",
            "selector",
        ],
        &[
            "CIM_Processor",
            "--filter",
            "/*[DeviceID='cpu0']",
            "--dialect",
            "xpath",
        ],
    ] {
        assert_eq!(ids(filter), ["cpu0"], "{filter:?}");
    }
    assert_eq!(
        ids(&["ESM_Processor", "--associated-with", "ESM_GeneralInformation"]),
        all
    );
    let links = json(
        &agent,
        &[
            "enumerate",
            "CIM_SystemDevice",
            "--references-of",
            "ESM_Processor?DeviceID=cpu0",
        ],
    );
    let part = links[0]["PartComponent"].as_str().unwrap();
    assert!(
        part.starts_with("ESM_Processor?") && part.contains("DeviceID=cpu0"),
        "{part}"
    );

    let both = json(
        &agent,
        &[
            "enumerate",
            "ESM_Processor",
            "--object-and-epr",
            "--properties",
            "deviceid",
        ],
    );
    let first = both[0].as_object().unwrap();
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        ["DeviceID", "__class", "__path"]
    );
    let table = local(
        &agent,
        &["enumerate", "ESM_Processor", "--properties", "DeviceID,Online"],
        0,
    )
    .out;
    assert!(table.starts_with("DeviceID  Online\n_Total    true\n"), "{table}");
    let unknown = local(
        &agent,
        &["enumerate", "ESM_Processor", "--properties", "Speed"],
        2,
    );
    assert!(unknown.err.contains("no property `Speed`"), "{unknown:#?}");
    let list = local(&agent, &["enumerate", "ESM_Processor", "--list"], 0).out;
    assert!(
        list.starts_with("ESM_Processor _Total\n") && list.contains("\n\nESM_Processor cpu0\n"),
        "{list}"
    );
    let xml = local(
        &agent,
        &["enumerate", "ESM_Processor", "--output", "xml", "--max", "2"],
        0,
    )
    .out;
    assert_eq!(
        xml.lines()
            .filter(|line| line.starts_with("<p:ESM_Processor "))
            .count(),
        2,
        "{xml}"
    );
    let plain = json(
        &agent,
        &["enumerate", "CIM_Processor", "--polymorphism", "exclude"],
    );
    assert_eq!(plain[0]["__class"], "CIM_Processor");
    let none = json(
        &agent,
        &[
            "enumerate",
            "--filter",
            "select * from ESM_Processor where DeviceID = 'x'",
        ],
    );
    assert_eq!(none, Json::Array(Vec::new()));
    agent.stop();
}

#[test]
fn the_same_answers_come_over_tls() {
    let agent = Agent::start();
    let get = ["get", "ESM_GeneralInformation", "--output", "json"];
    let over_tls: Json = serde_json::from_str(&ends(&mut agent.wsman(&get), 0).out).unwrap();
    assert_eq!(over_tls, json(&agent, &["get", "ESM_GeneralInformation"]));
    let identity = local(&agent, &["identify"], 0).out;
    assert_eq!(ends(&mut agent.wsman(&["identify"]), 0).out, identity);
    assert!(identity.contains("Vendor             esm\n"), "{identity}");
    agent.stop();
}

#[test]
fn settings_are_changed_called_and_reset() {
    let agent = Agent::start();
    const CPU: &str = "ESM_MonitorSetting?InstanceID=cpu";
    let setting = || json(&agent, &["get", CPU]);
    let before = setting();
    let after = json(&agent, &["put", CPU, "Warning=70", "warningreset=65.5"]);
    assert_eq!(
        (&after["Warning"], &after["WarningReset"]),
        (&70.0.into(), &65.5.into())
    );
    assert_eq!(
        after["Critical"], before["Critical"],
        "what is not named keeps its value"
    );
    let after = json(
        &agent,
        &["put", CPU, "--null", "Critical", "--null", "CriticalReset"],
    );
    assert!(
        after["Critical"].is_null() && after["Warning"] == 70.0,
        "{after:#}"
    );
    let ended = local(&agent, &["put", CPU, "Warning=700"], 5);
    assert!(ended.err.contains("0 to 100"), "{ended:#?}");
    let ended = local(&agent, &["put", CPU, "Warning=high"], 5);
    assert!(ended.err.contains("`high` is no real64"), "{ended:#?}");
    assert_eq!(setting()["Warning"], 70.0);

    let called = json(&agent, &["invoke", CPU, "Pause", "Seconds=60"]);
    assert_eq!(called, serde_json::json!({ "ReturnValue": 0 }));
    assert_eq!(
        local(&agent, &["invoke", CPU, "Resume"], 0).out,
        "ReturnValue  0\n"
    );
    let ended = local(&agent, &["invoke", CPU, "Pause", "Minutes=1"], 5);
    assert!(ended.err.contains("`Minutes`"), "{ended:#?}");

    assert_eq!(local(&agent, &["delete", CPU], 0).out, "");
    assert_eq!(setting()["Warning"], before["Warning"]);
    agent.stop();
}

#[test]
fn what_is_not_offered_is_refused_in_words() {
    let agent = Agent::start();
    let call = [
        "invoke",
        "ESM_GeneralInformation",
        "RequestStateChange",
        "RequestedState=11",
    ];
    let ended = local(&agent, &call, 5);
    assert!(ended.err.contains("wsa:ActionNotSupported"), "{ended:#?}");
    let ended = local(&agent, &["delete", "ESM_GeneralInformation"], 5);
    assert!(ended.err.contains("fault s:Sender"), "{ended:#?}");
    let ended = local(&agent, &["put", "ESM_GeneralInformation", "Nothing=1"], 5);
    assert!(ended.err.contains("`Nothing`"), "{ended:#?}");
    let ended = local(&agent, &["create", "ESM_Processor", "DeviceID=x"], 5);
    assert!(ended.err.contains("fault s:Sender"), "{ended:#?}");
    agent.stop();
}
