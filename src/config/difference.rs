//! What differs between two configurations, value by value.

use std::collections::BTreeMap;

use super::build::Config;
use super::value::Value;

/// Whether a running agent takes no other value of this key: it is read at the start alone.
pub fn needs_restart(key: &str) -> bool {
    matches!(key, "state_dir" | "agent.mode" | "log.format") || key.starts_with("host.")
}

/// A value that differs, as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The full key (`log.level`).
    pub key: String,
    /// The value before.
    pub old: String,
    /// The value now.
    pub new: String,
}

impl Config {
    /// Every value that is another in `new`, in the order of the documentation; those of monitors that only this
    /// configuration names come last.
    pub fn differences(&self, new: &Self) -> Vec<Difference> {
        let mut before: BTreeMap<String, Option<Value>> = values(self).collect();
        let mut found = Vec::new();
        for (key, now) in values(new) {
            let was = before.remove(&key).flatten();
            if was != now {
                let (old, new) = (shown(was.as_ref()), shown(now.as_ref()));
                found.push(Difference { key, old, new });
            }
        }
        let gone = before.into_iter().filter_map(|(key, was)| {
            let (old, new) = (shown(Some(&was?)), shown(None));
            Some(Difference { key, old, new })
        });
        found.extend(gone);
        found
    }
}

fn values(config: &Config) -> impl Iterator<Item = (String, Option<Value>)> {
    config
        .effective()
        .map(|(key, effective)| (key, effective.value.clone()))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "unset".to_owned(),
        Some(Value::Text(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[track_caller]
    fn check(old: &str, new: &str, expect: &[&str]) {
        let [old, new] = [old, new].map(|text| Config::parse(text, &Environment::default()).unwrap());
        let found: Vec<String> = old
            .differences(&new)
            .iter()
            .map(|found| format!("{}: {} -> {}", found.key, found.old, found.new))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn every_value_that_is_another_is_named() {
        check("", "", &[]);
        check("", "[log]\nlevel = \"info\"\n", &[]);
        check(
            "[log]\nlevel = \"debug\"\n",
            "cimxml.http_listen = []\n[local]\ngroup = \"adm\"\n",
            &[
                "cimxml.http_listen: [\"127.0.0.1:5988\"] -> []",
                "local.group: unset -> adm",
                "log.level: debug -> info",
            ],
        );
        let monitor = "[[monitor]]\nrule = \"file-system\"\ninstance = \"/srv\"\nenabled = false\n";
        check("", monitor, &["monitor.file-system:/srv.enabled: unset -> false"]);
        check(monitor, "", &["monitor.file-system:/srv.enabled: false -> unset"]);
    }
}
