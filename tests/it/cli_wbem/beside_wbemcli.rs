//! Side by side with Debian's wbemcli: the same words print the same bytes.

use std::process::Command;

use super::{agent, called, first, plain, same};
use crate::agent::USER;
use crate::command::{ends, run};

#[test]
fn reading_prints_what_wbemcli_prints() {
    let agent = agent();
    let server = plain(&agent);
    let managers = same(&agent, &server, &["ein", "@/root/interop:CIM_ObjectManager"]).out;
    let manager = format!("@/root/interop:{}", first(&managers));
    let service = same(&agent, &server, &["ein", "@/root/interop:CIM_HostedService"]).out;
    let service = format!("@/root/interop:{}", first(&service));
    let cpu = "@/root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"";
    let set = "Enabled,Warning,WarningReset,TargetClass,InstanceID";
    for words in [
        vec![
            "ei",
            "-nl",
            "-t",
            "@/root/ESMPRO/AS:ESM_Processor",
            "DeviceID,Family,OperationalStatus,Role",
        ],
        vec!["ei", "@/root/ESMPRO/AS:ESM_VideoController"],
        vec!["ei", "-t", "@/root/ESMPRO/AS:ESM_MonitorSetting", set],
        vec!["ein", "@/root/ESMPRO/AS:ESM_MonitorSetting"],
        vec!["ein", "@/root/cimv2:CIM_LogicalDevice"],
        vec!["ei", "-nl", "@/root/interop:CIM_RegisteredProfile"],
        vec!["gi", "-nl", "-t", cpu, set],
        vec!["gi", cpu, set],
        vec!["gi", &service],
        vec!["gp", cpu, "Warning"],
        vec!["gp", cpu, "InstanceID"],
        vec!["gc", "-nl", "-t", "@/root/ESMPRO/AS:ESM_Processor"],
        vec!["gc", "@/root/ESMPRO/AS:ESM_Processor", "DeviceID,Role"],
        vec!["gcd", "@/root/ESMPRO/AS:ESM_Processor"],
        vec!["ec", "-nl", "-t", "@/root/ESMPRO/AS:CIM_LogicalDevice"],
        vec!["ec", "@/root/interop"],
        vec!["ecn", "@/root/cimv2"],
        vec!["ecn", "@/root/cimv2:CIM_LogicalDevice"],
        vec!["ain", &manager],
        vec!["ai", "-nl", "-t", &manager, "Name,ElementName"],
        vec![
            "ai",
            "-ac",
            "CIM_NamespaceInManager",
            "-arc",
            "CIM_Namespace",
            "-ar",
            "Antecedent",
            "-arr",
            "Dependent",
            &manager,
            "Name",
        ],
        vec!["rin", "-dr", &manager],
        vec!["ri", "-nl", "-t", "-dr", &manager],
        vec!["ri", "-arc", "CIM_HostedService", "-ar", "Dependent", &manager],
    ] {
        let ended = same(&agent, &server, &words);
        assert_eq!((ended.code, &*ended.err), (Some(0), ""), "{words:?}");
        let may_be_empty = words.iter().any(|word| word.contains("VideoController"));
        assert!(may_be_empty || !ended.out.is_empty(), "{words:?}");
    }
}

#[test]
fn whole_instances_print_as_wbemcli_prints_them() {
    let agent = agent();
    let server = plain(&agent);
    // What stands still in them is the same; what moves is looked at by its name.
    for class in [
        "ESM_MonitorSetting",
        "ESM_GeneralInformation",
        "ESM_FileSystemThread",
        "ESM_Network",
    ] {
        let object = format!("{server}/root/ESMPRO/AS:{class}");
        let theirs = run(Command::new("wbemcli").args(["ei", "-nl", "-t", &object]));
        let ours = run(called(&agent, "wbemcli").args(["ei", "-nl", "-t", &object]));
        assert_eq!((ours.code, ours.err), (theirs.code, theirs.err), "{class}");
        let differing = ours.out.lines().zip(theirs.out.lines()).filter(|(a, b)| a != b);
        for (ours, theirs) in differing {
            let name = |line: &str| line.split_once('=').map(|(name, _)| name.to_owned());
            assert!(
                ours.starts_with('-') && name(ours) == name(theirs),
                "{ours}\n{theirs}"
            );
        }
        assert_eq!(ours.out.lines().count(), theirs.out.lines().count(), "{class}");
    }
}

#[test]
fn errors_print_what_wbemcli_prints() {
    let agent = agent();
    let server = plain(&agent);
    let port = agent.cimxml_http_port();
    let wrong = format!("http://{USER}:wrong@127.0.0.1:{port}/root/cimv2:CIM_Processor");
    let nobody = format!("http://127.0.0.1:{port}/root/cimv2:CIM_Processor");
    for (words, code) in [
        (vec!["ei", "@/root/ESMPRO/AS:ESM_Nothing"], 5),
        (vec!["ei", "@/root/nothing:ESM_Processor"], 3),
        (
            vec!["gi", "@/root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"nothing\""],
            6,
        ),
        (
            vec![
                "gp",
                "@/root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"",
                "Nothing",
            ],
            12,
        ),
        (
            vec![
                "di",
                "@/root/interop:CIM_IndicationFilter.SystemCreationClassName=\"a\",SystemName=\"b\",CreationClassName=\"CIM_IndicationFilter\",Name=\"c\"",
            ],
            6,
        ),
        (
            vec![
                "cm",
                "@/root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"",
                "Nothing",
            ],
            17,
        ),
        (vec!["dc", "@/root/ESMPRO/AS:ESM_Processor"], 7),
    ] {
        let ended = same(&agent, &server, &words);
        assert_eq!(ended.code, Some(16), "{words:?}: {ended:?}");
        assert!(
            ended.err.contains(&format!("* wbemcli: Cim: ({code}) CIM_ERR_")),
            "{words:?}: {ended:?}"
        );
    }
    for object in [&wrong, &nobody] {
        let ended = same(&agent, &server, &["ei", object]);
        assert!(ended.err.contains("Http Exception: "), "{ended:?}");
    }
    // A method's error is an answer like any other where the XML is asked for.
    let answer = same(
        &agent,
        &server,
        &[
            "cmx",
            "@/root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"",
            "Nothing",
        ],
    );
    assert!(
        answer
            .out
            .starts_with("<METHODRESPONSE NAME=\"Nothing\"><ERROR CODE=\"17\""),
        "{answer:?}"
    );
}

#[test]
fn what_one_of_them_writes_the_other_reads() {
    let agent = agent();
    let server = plain(&agent);
    let cpu = format!("{server}/root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"");
    let ours = |words: &[&str]| ends(called(&agent, "wbemcli").args(words), 0).out;
    let theirs = |words: &[&str]| ends(Command::new("wbemcli").args(words), 0).out;
    assert_eq!(ours(&["mi", &cpu, "Warning=70,WarningReset=65"]), "");
    assert_eq!(theirs(&["gp", &cpu, "Warning"]), "70.0\n");
    assert_eq!(theirs(&["sp", &cpu, "Warning=71"]), "");
    assert_eq!(ours(&["gp", &cpu, "Warning"]), "71.0\n");
    assert_eq!(ours(&["sp", &cpu, "Warning=72"]), "");
    assert_eq!(theirs(&["mi", &cpu, "HoldSamples=2"]), "");
    assert_eq!(
        ours(&["gi", &cpu, "Warning,HoldSamples"]),
        theirs(&["gi", &cpu, "Warning,HoldSamples"])
    );

    let keys = "SystemCreationClassName=\"a\",SystemName=\"b\",CreationClassName=\"CIM_IndicationFilter\",Name=\"of esm\"";
    let filter = format!("{server}/root/interop:CIM_IndicationFilter.{keys}");
    let query = "Query=\"select * from CIM_AlertIndication where Message = 'a,b'\",QueryLanguage=\"WQL\"";
    // wbemcli takes the comma in a text for the end of it.
    let made = ours(&["ci", &filter, query]);
    let name = made.trim_end().split_once("/root/interop:").unwrap().1;
    let filter = format!("{server}/root/interop:{name}");
    assert_eq!(
        theirs(&["gp", &filter, "Query"]),
        "select * from CIM_AlertIndication where Message = 'a,b'\n"
    );
    assert_eq!(theirs(&["di", &filter]), "");
    let gone = run(called(&agent, "wbemcli").args(["gi", &filter]));
    assert!(gone.err.contains("CIM_ERR_NOT_FOUND"), "{gone:?}");

    let theirs_made = theirs(&[
        "ci",
        &filter.replace("of esm", "of wbemcli"),
        &format!("{},{query}", keys.replace("of esm", "of wbemcli")).replace("a,b", "a"),
    ]);
    let theirs_name = theirs_made.trim_end().split_once("/root/interop:").unwrap().1;
    assert_eq!(ours(&["di", &format!("{server}/root/interop:{theirs_name}")]), "");
}
