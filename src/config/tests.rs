//! The configuration as a whole.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::monitor::{Rule, RuleSet, Subject};

fn environment() -> Environment {
    Environment {
        is_root: true,
        ..Environment::default()
    }
}

fn parse(text: &str) -> Config {
    Config::parse(text, &environment()).unwrap()
}

fn faults(text: &str) -> String {
    Config::parse(text, &environment()).unwrap_err().to_string()
}

fn effective(config: &Config, key: &str) -> (String, String) {
    let (_, effective) = config.effective().find(|(name, _)| name == key).unwrap();
    (
        effective.value.as_ref().unwrap().to_string(),
        effective.source.to_string(),
    )
}

fn remote(values: &[(&str, &str)]) -> Remote {
    values
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.parse().unwrap()))
        .collect()
}

fn rule(config: &Config, rule: &str, instance: Option<&str>) -> Rule {
    let subject = instance.map(|name| Subject { name, identity: name });
    config.monitors.resolve(rule, subject).unwrap()
}

/// The values shown in the example, with the `#` before each key taken away where `wanted` says so.
fn uncommented(wanted: impl Fn(&str) -> bool) -> String {
    let is_value = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(value) if is_value(line) && wanted(value) => value.to_owned(),
        _ => line.to_owned(),
    };
    example().lines().map(uncomment).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_a_file_the_defaults_hold() {
    let config = Config::load(None, &environment()).unwrap();
    assert_eq!(config.file(), None);
    assert_eq!(config.state_dir, PathBuf::from("/var/lib/esm"));
    assert_eq!(config.agent.mode, Mode::Service);
    assert_eq!(config.wsman.listen, ["0.0.0.0:5986".parse().unwrap()]);
    assert_eq!(config.cimxml.https_listen, ["0.0.0.0:5989".parse().unwrap()]);
    assert_eq!(config.cimxml.http_listen, ["127.0.0.1:5988".parse().unwrap()]);
    assert_eq!(
        config.tls.certificate,
        PathBuf::from("/var/lib/esm/certs/cert.pem")
    );
    assert_eq!(config.subscriptions.default_lease, Duration::from_secs(3600));
    assert_eq!(config.delivery.retry_total, Duration::from_secs(72 * 3600));
    assert_eq!(config.delivery.trust, Trust::Pin);
    assert_eq!(config.monitors, RuleSet::default());
}

#[test]
fn what_lies_in_the_state_folder_moves_with_it() {
    let config = parse("state_dir = '/srv/esm'");
    assert_eq!(config.tls.key, PathBuf::from("/srv/esm/certs/key.pem"));
    assert_eq!(config.accounts.file, PathBuf::from("/srv/esm/accounts"));
    assert_eq!(config.local.socket, PathBuf::from("/run/esm/esm.sock"));
    let own = Config::parse("state_dir = '/srv/esm'", &Environment::default()).unwrap();
    assert_eq!(own.local.socket, PathBuf::from("/srv/esm/esm.sock"));
}

#[test]
fn the_example_as_it_stands_is_the_defaults() {
    let config = parse(&example());
    assert_eq!(config.changed(&parse("")), []);
    assert!(
        config
            .effective()
            .all(|(_, effective)| effective.source == Source::Default)
    );
}

#[test]
fn the_example_with_every_default_set_is_the_defaults() {
    let has_default = |line: &str| {
        let name = line.split(' ').next().unwrap();
        let examples = [
            "vendor_uri_prefix",
            "group",
            "client_ca",
            "pam_service",
            "ca_file",
        ];
        !examples.contains(&name)
    };
    let config = parse(&uncommented(has_default));
    // `[[monitor]]` shows the rule's own values for one instance.
    assert_eq!(config.changed(&parse("")), [Section::Monitors]);
    let var = Some("/var");
    assert_eq!(
        rule(&config, "file-system", var),
        rule(&parse(""), "file-system", var)
    );
}

#[test]
fn the_example_with_every_key_set_is_allowed() {
    let config = parse(&uncommented(|_| true));
    let is_set = |(key, effective): &(String, &Effective)| {
        key.starts_with("monitor.") || effective.source != Source::Default
    };
    assert!(config.effective().all(|setting| is_set(&setting)));
}

#[test]
fn crlf_and_a_byte_order_mark_change_nothing() {
    let text = "[agent]\nmode = \"provider-only\"\n[wsman]\npath = 3\n";
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(faults(text), faults(&windows));
    assert_eq!(
        parse("[agent]\r\nmode = \"provider-only\"\r\n").agent.mode,
        Mode::ProviderOnly
    );
}

#[test]
fn every_fault_is_told_with_its_place() {
    insta::assert_snapshot!(faults(r#"
wsmann = 1
state_dir = "relative"
agent = 3
[wsman]
listen = ["localhost:5986", "192.0.2.1:5"]
path = "wsman"
max_envelope_bytes = 5
lissten = []
context_expiry_secs = 1979-05-27
[limits]
max_xml_depth = 0x10
max_xml_attributes = 99999999999999999999
idle_secs = 1.5
[subscriptions]
allow_destinations = [
  "10.0.0.0/8",
  "10.0.0.1/8",
]
[delivery]
trust = "maybe"
"#), @r#"
    esm.toml:2: wsmann = 1: unknown; a configuration has: state_dir, [agent], [wsman], [cimxml], [local], [tls], [accounts], [limits], [host], [file_systems], [syslog], [subscriptions], [delivery], [log], [[monitor]]
    esm.toml:3: state_dir = "relative": must be an absolute path such as "/var/lib/esm"
    esm.toml:4: agent = 3: must be a table: [agent]
    esm.toml:6: wsman.listen = ["localhost:5986", "192.0.2.1:5"]: must be a list of addresses with a port, such as ["0.0.0.0:5986", "[::]:5986"]; `localhost:5986` is none
    esm.toml:7: wsman.path = "wsman": must be a path such as "/wsman", without space, `?` or `#`
    esm.toml:8: wsman.max_envelope_bytes = 5: must be a whole number from 8192 to 67108864 (bytes)
    esm.toml:9: wsman.lissten = []: unknown key; [wsman] has: listen, http_listen, http_force, path, vendor_uri_prefix, max_envelope_bytes, max_contexts_per_account, max_contexts_bytes, context_expiry_secs
    esm.toml:10: wsman.context_expiry_secs = 1979-05-27: must be a whole number from 10 to 86400 (seconds)
    esm.toml:13: limits.max_xml_attributes = 99999999999999999999: must be a whole number from 8 to 1024
    esm.toml:14: limits.idle_secs = 1.5: must be a whole number from 1 to 86400 (seconds)
    esm.toml:16: subscriptions.allow_destinations = [ "10.0.0.0/8", "10.0.0.1/8", ]: must be a list of networks, such as ["127.0.0.0/8", "2001:db8::/32"]; `10.0.0.1/8` has bits set beyond its prefix; the network is `10.0.0.0/8`
    esm.toml:21: delivery.trust = "maybe": must be one of "pin", "ca", "off"
    "#);
}

#[test]
fn what_is_not_toml_is_told_beside_the_other_faults() {
    insta::assert_snapshot!(faults("[log\nlevel = 'loud'\n[agent]\nmode = 1\nmode = 2\npath =\n"), @r#"
    esm.toml:1: not TOML: unclosed table, expected `]`
    esm.toml:4: agent.mode = 1: must be one of "service", "provider-only"
    esm.toml:5: not TOML: duplicate key
    esm.toml:6: not TOML: string values must be quoted, expected literal string
    "#);
}

#[track_caller]
fn check_syntax(text: &str, expect: &[&str]) {
    let told = faults(text);
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told, expect, "{text}");
}

#[test]
fn a_broken_line_is_one_fault() {
    let no_end = "esm.toml:1: not TOML: unclosed table, expected `]`";
    check_syntax("[log\nlevel = \"info\"\n", &[no_end]);
    check_syntax("[log\nlevel = \"loud\"\n[wsman]\n", &[no_end]);
    let monitor = "[[monitor]\nrule = \"cpu\"\nwarning = 50\n";
    check_syntax(
        monitor,
        &["esm.toml:1: not TOML: unclosed array table, expected `]`"],
    );
    let unclosed = "esm.toml:2: not TOML: unclosed array, expected `]`";
    check_syntax(
        "[wsman]\nlisten = [\"0.0.0.0:1\"\n[log]\nlevel = \"debug\"\n",
        &[unclosed],
    );
    check_syntax(
        "[wsman]\nlisten = [a, b]\nlissten = 1\n",
        &[
            "esm.toml:2: not TOML: string values must be quoted, expected literal string",
            "esm.toml:3: wsman.lissten = 1: unknown key; [wsman] has: listen, http_listen, http_force, path, \
             vendor_uri_prefix, max_envelope_bytes, max_contexts_per_account, max_contexts_bytes, context_expiry_secs",
        ],
    );
    check_syntax(
        "state_dir = \"/var\n[log]\nlevel = \"loud\"\n",
        &[
            "esm.toml:1: not TOML: invalid basic string, expected `\"`",
            "esm.toml:3: log.level = \"loud\": must be one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"",
        ],
    );
}

#[test]
fn what_does_not_fit_together_is_told() {
    insta::assert_snapshot!(faults(r#"
[wsman]
http_listen = ["127.0.0.1:5985", "0.0.0.0:5985"]
[subscriptions]
min_lease_secs = 7200
max_lease_secs = 600
[delivery]
retry_first_secs = 600
[tls]
key = "/etc/esm/key.pem"
[file_systems]
include = ["/srv", "/mnt"]
exclude = ["/mnt"]
"#), @r#"
    esm.toml:3: wsman.http_listen = ["127.0.0.1:5985", "0.0.0.0:5985"]: plain HTTP listens on loopback addresses only, and 0.0.0.0 is none; set `wsman.http_force = true` to allow it
    esm.toml:5: subscriptions.min_lease_secs = 7200: `subscriptions.min_lease_secs` (7200) must be at most `subscriptions.default_lease_secs` (3600)
    esm.toml:6: subscriptions.max_lease_secs = 600: `subscriptions.default_lease_secs` (3600) must be at most `subscriptions.max_lease_secs` (600)
    esm.toml:8: delivery.retry_first_secs = 600: `delivery.retry_first_secs` (600) must be at most `delivery.retry_max_secs` (300)
    esm.toml:10: tls.key = "/etc/esm/key.pem": `tls.certificate` and `tls.key` are set together or not at all
    esm.toml:13: file_systems.exclude = ["/mnt"]: `/mnt` is both included and excluded
    "#);
}

#[test]
fn a_refused_value_does_not_breed_other_faults() {
    // With the default for max_lease_secs the minimum would be too great.
    let faults = faults(
        "[subscriptions]\nmin_lease_secs = 100000\ndefault_lease_secs = 100000\nmax_lease_secs = 'week'",
    );
    assert_eq!(faults.lines().count(), 1, "{faults}");
    let faults = self::faults("[[monitor]]\nrule = 'cpu'\nwarning = 96\ncritical = 'much'\n");
    assert_eq!(faults.lines().count(), 1, "{faults}");
}

#[test]
fn plain_http_leaves_loopback_only_by_force() {
    let config = parse("[wsman]\nhttp_listen = ['127.0.0.1:5985', '[::1]:5985', '[::ffff:127.0.0.1]:1']");
    assert_eq!(config.wsman.http_listen.len(), 3);
    let forced = parse("[wsman]\nhttp_listen = ['0.0.0.0:5985']\nhttp_force = true");
    assert_eq!(forced.wsman.http_listen.len(), 1);
}

#[test]
fn plain_http_beyond_loopback_is_warned_of() {
    let warnings = |text: &str| {
        let warnings = parse(text).warnings();
        warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(warnings(""), "");
    insta::assert_snapshot!(
        warnings("[wsman]\nhttp_listen = ['0.0.0.0:5985']\nhttp_force = true\n[cimxml]\nhttp_listen = ['127.0.0.1:5988', '192.0.2.1:5988']"),
        @r#"
    esm.toml:2: wsman.http_listen = ["0.0.0.0:5985"]: 0.0.0.0 is no loopback address: passwords cross the network in clear where a client uses it
    esm.toml:5: cimxml.http_listen = ["127.0.0.1:5988", "192.0.2.1:5988"]: 192.0.2.1 is no loopback address: passwords cross the network in clear where a client uses it
    "#);
}

#[test]
fn the_protocols_have_paths_of_their_own() {
    for path in ["/", "/cimom", "/cimom/"] {
        let told = faults(&format!("[wsman]\npath = '{path}'"));
        assert!(told.contains("CIM-XML is served under"), "{path}: {told}");
    }
}

#[test]
fn a_monitor_changes_what_it_names() {
    let config = parse(
        "[[monitor]]\nrule = 'file-system'\nwarning = 20\nwarning_reset = 22.5\ninterval_secs = 1\n\
         [[monitor]]\nrule = 'file-system'\ninstance = '/var.d/x'\ncritical = 'none'\nhold_samples = 4\n",
    );
    let root = rule(&config, "file-system", Some("/"));
    assert_eq!((root.warning, root.warning_reset), (Some(20.0), Some(22.5)));
    assert_eq!((root.critical, root.critical_reset), (Some(3.0), Some(5.0)));
    assert_eq!((root.interval_secs, root.hold_samples), (1, 1));
    let own = rule(&config, "file-system", Some("/var.d/x"));
    assert_eq!((own.warning, own.warning_reset), (Some(20.0), Some(22.5)));
    assert_eq!(own.critical, None);
    assert_eq!((own.interval_secs, own.hold_samples), (1, 4));
    let place = ("\"none\"".to_owned(), "esm.toml:9".to_owned());
    assert_eq!(effective(&config, "monitor.file-system:/var.d/x.critical"), place);
}

#[test]
fn every_fault_of_a_monitor_is_told() {
    insta::assert_snapshot!(faults(r#"
[[monitor]]
rule = "cpu"
warning = 99
hold_samples = 200
[[monitor]]
rule = "cpu"
instance = "a"
[[monitor]]
rule = "physical-memory"
critical_reset = 95
warning_reset = "none"
[[monitor]]
rule = "file-system"
instance = "/var"
warning = 2
colour = "red"
[[monitor]]
rule = "file-system"
instance = "/var"
[[monitor]]
rule = "file-system"
instance = "var"
[[monitor]]
rule = "net"
warning = "x"
[[monitor]]
interval_secs = 0
"#), @r#"
    esm.toml:4: monitor.cpu.warning = 99: `warning` is 99: it must be below `critical`, which is 95, or equal to it
    esm.toml:5: monitor.cpu.hold_samples = 200: must be a whole number from 1 to 100
    esm.toml:8: monitor.instance = "a": the rule `cpu` has no instances; leave `instance` out
    esm.toml:11: monitor.physical-memory.critical_reset = 95: `critical_reset` is 95: it must be below `critical`, which is 95
    esm.toml:12: monitor.physical-memory.warning_reset = "none": `warning` is set, so `warning_reset` must be set too
    esm.toml:16: monitor.file-system:/var.warning = 2: `warning` is 2: it must be above `critical`, which is 3, or equal to it
    esm.toml:17: monitor.file-system:/var.colour = "red": unknown key; a monitor has: rule, instance, enabled, warning, warning_reset, critical, critical_reset, interval_secs, hold_samples
    esm.toml:18: monitor: this monitor stands twice in the file; make one of the two
    esm.toml:23: monitor.instance = "var": must be a mount point, such as "/var"
    esm.toml:25: monitor.rule = "net": must be one of "cpu", "physical-memory", "virtual-memory", "page-file", "file-system"
    esm.toml:26: monitor.warning = "x": must be a number from 0 to 100 (percent), or "none"
    esm.toml:27: monitor.rule: is missing, and must be one of "cpu", "physical-memory", "virtual-memory", "page-file", "file-system"
    esm.toml:28: monitor.interval_secs = 0: must be a whole number from 1 to 86400 (seconds)
    "#);
    let as_table = faults("[monitor]\nrule = 'cpu'");
    insta::assert_snapshot!(as_table, @"esm.toml:1: monitor = [monitor]: each monitor is a table of its own: [[monitor]]");
}

#[test]
fn a_remote_value_comes_before_the_file_and_the_file_before_the_default() {
    let file = parse("[[monitor]]\nrule = 'cpu'\nwarning = 70\nwarning_reset = 60");
    let config = file
        .with_remote(&remote(&[
            ("monitor.cpu.warning", "75.5"),
            ("monitor.file-system:/var.enabled", "false"),
            ("log.level", "\"debug\""),
        ]))
        .unwrap();
    let cpu = rule(&config, "cpu", None);
    assert_eq!((cpu.warning, cpu.warning_reset), (Some(75.5), Some(60.0)));
    assert_eq!(config.log.level, LogLevel::Debug);
    assert!(!rule(&config, "file-system", Some("/var")).enabled);
    assert!(rule(&config, "file-system", Some("/")).enabled);
    assert_eq!(
        effective(&config, "monitor.cpu.warning"),
        ("75.5".into(), "remote".into())
    );
    assert_eq!(
        effective(&config, "monitor.cpu.warning_reset"),
        ("60".into(), "esm.toml:4".into())
    );
    assert_eq!(
        effective(&config, "monitor.cpu.critical"),
        ("95".into(), "default".into())
    );
    let overridden: Vec<String> = config
        .overridden()
        .map(|(key, value, place)| format!("{place}: {key} = {value}"))
        .collect();
    assert_eq!(overridden, ["esm.toml:3: monitor.cpu.warning = 70"]);
    assert_eq!(config.changed(&file), [Section::Monitors, Section::Log]);
    // Taking the remote values away brings the file's back.
    assert_eq!(config.with_remote(&Remote::new()).unwrap().changed(&file), []);
}

/// The file names the mount point, the remote values the identity of what is mounted there.
#[test]
fn remote_values_of_an_instance_must_fit_what_the_file_says_of_it() {
    let file =
        parse("[[monitor]]\nrule = 'file-system'\ninstance = '/var'\nwarning = 30\nwarning_reset = 35");
    let at = |name, values: &[(&str, &str)]| {
        let config = file.with_remote(&remote(values)).unwrap();
        let subject = Subject {
            name,
            identity: "0a1b",
        };
        config.check_monitors([("file-system", subject)])
    };
    // It would fit the default.
    let reset = [("monitor.file-system:0a1b.warning_reset", "15.0")];
    insta::assert_snapshot!(at("/var", &reset).unwrap_err(), @"remote: monitor.file-system:/var.warning_reset = 15.0: `warning_reset` is 15: it must be above `warning`, which is 30 (`warning_reset`: remote, `warning`: esm.toml:4)");
    assert_eq!(at("/srv", &reset), Ok(()));
    // It would not.
    let critical = [
        ("monitor.file-system:0a1b.critical", "20.0"),
        ("monitor.file-system:0a1b.critical_reset", "25.0"),
    ];
    assert_eq!(at("/var", &critical), Ok(()));
    insta::assert_snapshot!(at("/srv", &critical).unwrap_err(), @"remote: monitor.file-system:/srv.critical = 20.0: `warning` is 10: it must be above `critical`, which is 20, or equal to it (`critical`: remote, `warning`: default)");
}

#[test]
fn a_remote_value_is_checked_like_any_other() {
    let values = remote(&[
        ("monitor.cpu.warning", "99"),
        ("monitor.net.warning", "1"),
        ("monitor.cpu.colour", "1"),
        ("monitor.cpu:0.enabled", "true"),
        ("log.level", "\"loud\""),
        ("log.colour", "true"),
        ("state_dir", "\"/elsewhere\""),
    ]);
    insta::assert_snapshot!(parse("").with_remote(&values).unwrap_err(), @r#"
    remote: log.colour = true: unknown key
    remote: log.level = "loud": must be one of "error", "warn", "info", "debug", "trace"
    remote: monitor.cpu.colour = 1: unknown key; a monitor has: rule, instance, enabled, warning, warning_reset, critical, critical_reset, interval_secs, hold_samples
    remote: monitor.cpu:0.enabled = true: the rule `cpu` has no instances; leave `instance` out
    remote: monitor.net.warning = 1: must be one of "cpu", "physical-memory", "virtual-memory", "page-file", "file-system"
    remote: state_dir = "/elsewhere": tells where remote values are kept, so it is no such value
    remote: monitor.cpu.warning = 99: `warning` is 99: it must be below `critical`, which is 95, or equal to it
    "#);
}

#[test]
fn a_file_that_was_asked_for_must_be_there_and_be_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("esm.toml");
    let load = || Config::load(Some(&file), &environment()).unwrap_err().to_string();
    let place = file.display();
    assert_eq!(
        load(),
        format!("{place}: cannot be read: No such file or directory (os error 2)")
    );
    std::fs::write(&file, b"[log]\nlevel = \"info\"\n# \xff\n").unwrap();
    assert_eq!(load(), format!("{place}: line 3 is not UTF-8"));
}

#[test]
fn a_file_that_changed_is_seen_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("esm.toml");
    let environment = Environment {
        default_file: Some(file.clone()),
        ..environment()
    };
    let first = Config::load(None, &environment).unwrap();
    let first = first
        .with_remote(&remote(&[("monitor.cpu.enabled", "false")]))
        .unwrap();
    let none = first.file_stamp();
    assert_eq!(first.file_stamp(), none);

    std::fs::write(&file, "[log]\nlevel = 'debug'\n").unwrap();
    let written = first.file_stamp();
    assert_ne!(written, none);
    let second = first.reload().unwrap();
    assert_eq!(
        (second.file(), second.log.level),
        (Some(file.as_path()), LogLevel::Debug)
    );
    assert!(!rule(&second, "cpu", None).enabled, "remote values stay");
    assert_eq!(second.file_stamp(), written);

    std::fs::write(&file, "[log]\nlevel = 'loud'\n").unwrap();
    assert_ne!(second.file_stamp(), written);
    assert_eq!(second.reload().unwrap_err().iter().count(), 1);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(second.file_stamp(), none);
    assert_eq!(second.reload().unwrap().log.level, LogLevel::Info);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

    /// Whatever stands in a file, the answer is a configuration or a list of faults.
    #[test]
    fn no_text_is_too_much(text in "[\\PC\n]{0,200}") {
        let _ = Config::parse(&text, &environment());
    }

    /// Nor is an example that was cut, doubled or mistyped in places.
    #[test]
    fn no_damage_is_too_much(
        cuts in proptest::collection::vec((0..1000_usize, 0..80_usize, "[\"'\\[\\]{}=.,0-9a-z\n\\PC]{0,3}"), 1..6),
    ) {
        let mut text: Vec<char> = uncommented(|_| true).chars().collect();
        for (at, length, replacement) in cuts {
            let from = at * text.len() / 1000;
            let to = (from + length).min(text.len());
            text.splice(from..to, replacement.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(faults) = Config::parse(&text, &environment()) {
            for fault in faults.iter() {
                proptest::prop_assert!(fault.place != Source::Default, "{fault}");
            }
        }
    }

    /// A remote value goes through its text form unchanged.
    #[test]
    fn a_text_value_survives_its_written_form(text in "\\PC{0,40}") {
        let value = Value::Text(text);
        proptest::prop_assert_eq!(value.to_string().parse(), Ok(value));
    }
}
