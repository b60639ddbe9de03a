//! The values that were set remotely, as the running agent keeps them.

use std::path::Path;

use super::agent::{self, Answer};
use crate::cim::Instance;
use crate::cli::Global;
use crate::cli::connect::{LocalArgs, block_on};
use crate::cli::exit::{Exit, Failure};
use crate::cli::local_agent::LocalAgent;
use crate::cli::output::{Output, printable};
use crate::client::instance_name::class_uri;
use crate::client::wsman::Resource;
use crate::wsman::{Invoke, RawValue};

const CLASS: &str = "ESM_RemoteSetting";

/// A value that was set remotely.
pub(super) struct KeptValue {
    /// The key as the configuration names it.
    pub(super) key: String,
    /// The key that the agent keeps it under.
    stored_key: String,
    /// The value, in TOML.
    pub(super) text: String,
    /// Whether it holds.
    pub(super) in_force: bool,
}

impl KeptValue {
    fn of(instance: &Instance) -> Self {
        let text = |name| instance.get_str(name).unwrap_or_default().to_owned();
        Self {
            key: text("ConfigurationKey"),
            stored_key: text("StoredKey"),
            text: text("Value"),
            in_force: instance.get("InForce") == Some(&true.into()),
        }
    }

    /// Whether its key names what is watched as people do, and as the file does.
    pub(super) fn is_named(&self) -> bool {
        self.key != self.stored_key
    }

    /// Whether `wanted` is its key, or the monitor or section that it is a value of.
    fn is_meant_by(&self, wanted: &str) -> bool {
        [&self.key, &self.stored_key]
            .into_iter()
            .any(|key| key == wanted || key.rsplit_once('.').is_some_and(|(section, _)| section == wanted))
    }
}

/// Asks the agent behind the socket.
///
/// # Errors
/// As [`agent::instances`].
pub(super) fn ask(socket: &Path, global: &Global) -> Result<Answer<KeptValue>, Failure> {
    Ok(match agent::instances(socket, CLASS, global)? {
        Answer::Known(instances) => Answer::Known(instances.iter().map(KeptValue::of).collect()),
        Answer::Nobody(why) => Answer::Nobody(why),
        Answer::Unsaid(why) => Answer::Unsaid(why),
    })
}

/// Drops values, those of `keys` or all, at once; prints the key of each.
///
/// # Errors
/// If nothing is set under one of the keys, or the agent refuses.
pub(super) fn reset(
    local: &LocalArgs,
    keys: &[String],
    global: &Global,
    out: &mut Output,
) -> Result<(), Failure> {
    let mut agent = LocalAgent::new(local, global)?;
    let (uri, _) = class_uri(CLASS)?;
    block_on(async {
        let all = agent.instances(&uri).await?;
        let all: Vec<KeptValue> = all.iter().map(KeptValue::of).collect();
        let meant = meant(&all, keys)?;
        if meant.is_empty() {
            return Ok(());
        }
        let mut call = Invoke::new(&uri, "Reset");
        let stored = meant
            .iter()
            .map(|value| RawValue::Text(value.stored_key.clone()))
            .collect();
        call.arguments
            .properties
            .push(("Keys".to_owned(), RawValue::Array(stored)));
        agent.client.invoke(&Resource::new(&uri), call).await?;
        for value in meant {
            out.line(&printable(&value.key))?;
        }
        Ok(())
    })
}

/// The values that the keys mean, each once; all where there are no keys.
fn meant<'a>(all: &'a [KeptValue], keys: &[String]) -> Result<Vec<&'a KeptValue>, Failure> {
    for key in keys {
        if !all.iter().any(|value| value.is_meant_by(key)) {
            let message = format!("nothing was set remotely for {key}; `esm config check` lists what was");
            return Err(Failure::new(Exit::Negative, message));
        }
    }
    let is_meant = |value: &&KeptValue| keys.is_empty() || keys.iter().any(|key| value.is_meant_by(key));
    Ok(all.iter().filter(is_meant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, expect: &[&str]) {
        let value = |key: &str, stored_key: &str| KeptValue {
            key: key.to_owned(),
            stored_key: stored_key.to_owned(),
            text: "1".to_owned(),
            in_force: true,
        };
        let all = [
            value("delivery.retry_first_secs", "delivery.retry_first_secs"),
            value("monitor.cpu.warning", "monitor.cpu.warning"),
            value("monitor.cpu.critical", "monitor.cpu.critical"),
            value("monitor.file-system.warning", "monitor.file-system.warning"),
            value(
                "monitor.file-system:/srv.warning",
                "monitor.file-system:0a1b.warning",
            ),
            value(
                "monitor.file-system:/srv.d.warning",
                "monitor.file-system:2c3d.warning",
            ),
        ];
        let found = meant(&all, &[wanted.to_owned()]).unwrap_or_default();
        let keys: Vec<&str> = found.iter().map(|value| value.key.as_str()).collect();
        assert_eq!(keys, expect, "{wanted}");
    }

    #[test]
    fn a_key_means_a_value_or_all_of_a_monitor_or_section() {
        check("monitor.cpu.warning", &["monitor.cpu.warning"]);
        check("monitor.cpu", &["monitor.cpu.warning", "monitor.cpu.critical"]);
        check("delivery", &["delivery.retry_first_secs"]);
        check("monitor.file-system", &["monitor.file-system.warning"]);
        check("monitor.file-system:/srv", &["monitor.file-system:/srv.warning"]);
        check("monitor.file-system:0a1b", &["monitor.file-system:/srv.warning"]);
        check(
            "monitor.file-system:/srv.d.warning",
            &["monitor.file-system:/srv.d.warning"],
        );
        check("monitor.cp", &[]);
        check("", &[]);
    }
}
