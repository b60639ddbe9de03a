//! The commented example that `esm config default` prints.

use std::fmt::Write as _;

use super::schema::{Default, Key, MONITOR, SECTIONS, SectionSchema};
use super::value::Value;

/// The widest a comment gets.
const WIDTH: usize = 96;

/// Every key with its documentation, allowed form and default. Values stand behind `#`, so that the
/// text is a configuration of defaults as it is, and a key is set by taking its `#` away.
pub fn example() -> String {
    let mut text = String::new();
    comment(
        &mut text,
        "Configuration of esm. Every value shown is the default, or an example where a key has none; \
         take the `#` away before a key to change it. Unknown keys are refused. After a change: \
         `esm config check`.",
    );
    for section in SECTIONS {
        text.push('\n');
        comment(&mut text, section.doc);
        if !section.name.is_empty() {
            let _ = writeln!(text, "[{}]", section.name);
        }
        section_keys(&mut text, section);
    }
    text.push('\n');
    comment(&mut text, MONITOR.doc);
    text.push_str("#[[monitor]]\n");
    section_keys(&mut text, &MONITOR);
    text
}

fn section_keys(text: &mut String, section: &SectionSchema) {
    for key in section.keys {
        comment(text, &documentation(key));
        let _ = writeln!(text, "#{} = {}", key.name, value_shown(section, key));
    }
}

fn documentation(key: &Key) -> String {
    match key.default {
        Default::Unset(meaning) => format!("{} Allowed: {}. Unset: {meaning}.", key.doc, key.kind),
        Default::StateDir | Default::Socket | Default::InStateDir(_) => {
            format!("{} Default: {}.", key.doc, key.default.describe())
        }
        Default::Bool(_) | Default::Integer(_) | Default::Text(_) | Default::List(_) => {
            format!("{} Allowed: {}.", key.doc, key.kind)
        }
    }
}

/// The default as TOML, or an example where there is none that fits every machine.
fn value_shown(section: &SectionSchema, key: &Key) -> String {
    let example = match (section.full_key(key.name).as_str(), key.default) {
        (_, Default::Bool(_) | Default::Integer(_) | Default::Text(_) | Default::List(_)) => {
            return key.default.describe();
        }
        (_, Default::StateDir) => "/var/lib/esm",
        (_, Default::Socket) => "/run/esm/esm.sock",
        (_, Default::InStateDir(name)) => return Value::Text(format!("/var/lib/esm/{name}")).to_string(),
        ("wsman.vendor_uri_prefix", _) => "http://example.com/wbem/wscim/1/esm/",
        ("local.group", _) => "esm",
        ("accounts.pam_service", _) => "esm",
        ("tls.client_ca", _) => "/etc/esm/client-ca.pem",
        ("delivery.ca_file", _) => "/etc/esm/managers-ca.pem",
        ("monitor.rule", _) => "file-system",
        ("monitor.instance", _) => "/var",
        ("monitor.warning", _) => return "10".into(),
        ("monitor.warning_reset", _) => return "12".into(),
        ("monitor.critical", _) => return "3".into(),
        ("monitor.critical_reset", _) => return "5".into(),
        ("monitor.interval_secs", _) => return "60".into(),
        (_, Default::Unset(_)) => return "1".into(),
    };
    Value::Text(example.to_owned()).to_string()
}

/// The text as comment lines, broken between words.
fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
