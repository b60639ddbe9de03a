//! `esm config check|show|reset|default`.

mod agent;
mod remote;

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::Global;
use super::connect::LocalArgs;
use super::exit::{Exit, Failure};
use super::output::{Output, TableOrJson, printable};
use crate::agent::named;
use crate::config::{
    Config, ConfigFaults, Fault, ParseValueError, Source, Value, example, reference, rule_and_instance,
};
use crate::monitor::Subject;
use agent::{Answer, RunningValue};
use remote::KeptValue;

/// Check, show, reset or write a configuration
///
/// Values that were set remotely, over WS-Management for example, stand above the file. The running agent of this
/// machine is asked for them over its local socket.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm config default > esm.toml             begin with a commented file
  esm config check                          before a reload
  esm config show | grep -v default         what differs from the defaults
  esm config reset monitor.cpu              the file's levels of this monitor hold again")]
pub struct Args {
    #[command(flatten)]
    local: LocalArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check the configuration and tell every fault with file, line, key, value and allowed range
    ///
    /// What it names is looked at too: certificates, authorities, accounts, the group. What may not be read by whoever
    /// checks is a warning, and so is what the running agent does not take before it is restarted. Exits with 1 if there is a fault. Values that were set remotely are listed, and what they override in the file.
    #[command(after_help = "\
Examples:
  esm config check                            the file that the agent uses
  esm config check --config ./esm.toml        one that is to be put in its place")]
    Check,
    /// Show every value in force and where it comes from: default, file and line, or set remotely
    ///
    /// While the configuration is faulty, the values shown are those that the running agent has; the faults are told, and it exits with 1.
    #[command(after_help = "\
Examples:
  esm config show | grep -v default           what differs from the defaults
  esm config show --output json | jq .        for programs")]
    Show {
        /// The form of the answer
        #[arg(long, value_enum, default_value_t, value_name = "FORM")]
        output: TableOrJson,
    },
    /// Drop values that were set remotely, so that the file's hold again; prints the key of each
    Reset(ResetArgs),
    /// Write a commented example with every key and its default
    #[command(after_help = "\
Example:
  esm config default > esm.toml               every key is there, as a comment
  sudo install -D -m 644 esm.toml /etc/esm/esm.toml")]
    Default,
    /// Write the reference part of docs/configuration.md
    #[command(hide = true)]
    Reference,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm config reset monitor.cpu.warning        the file's value holds again
  esm config reset monitor.file-system:/var   all values of this monitor
  esm config reset --all")]
struct ResetArgs {
    /// Keys as `esm config show` prints them (monitor.cpu.warning), or all keys of a section or monitor
    /// (monitor.file-system:/var)
    #[arg(value_name = "KEY", required_unless_present = "all")]
    keys: Vec<String>,
    /// All that were set remotely
    #[arg(long, conflicts_with = "keys")]
    all: bool,
}

pub(super) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    match &args.action {
        Action::Check => return check(&Overlaid::load(args, global)?, global, out),
        Action::Show { output } => return show(args, *output, global, out),
        Action::Reset(reset) => remote::reset(&args.local, &reset.keys, global, out)?,
        Action::Default => out.text(&example())?,
        Action::Reference => out.text(&reference())?,
    }
    Ok(Exit::Done)
}

/// The file with the remote values over it, as an agent that reads the file now has it.
struct Overlaid {
    config: Config,
    kept: Vec<KeptValue>,
    /// Where the agent is asked.
    socket: PathBuf,
}

impl Overlaid {
    /// Loads the file and asks the agent. Without an agent the file stands alone, which standard error says.
    fn load(args: &Args, global: &Global) -> Result<Self, Failure> {
        let config = global.load()?;
        let socket = args.local.path(global)?;
        let kept = match remote::ask(&socket, global)? {
            Answer::Known(kept) => kept,
            Answer::Nobody(why) | Answer::Unsaid(why) => {
                eprintln!("esm: {why}: values that were set remotely are not known");
                Vec::new()
            }
        };
        for idle in kept.iter().filter(|value| !value.in_force) {
            eprintln!(
                "esm: warning: {} = {} was set remotely and does not fit the rest: it is not in force; \
                 `esm config reset {}` drops it",
                idle.key, idle.text, idle.key
            );
        }
        let remote = kept.iter().filter(|value| value.in_force);
        let remote = remote
            .map(|value| Ok((value.key.clone(), value.text.parse()?)))
            .collect::<Result<_, ParseValueError>>()
            .map_err(|error| Failure::new(Exit::PeerFault, error))?;
        let config = config.with_remote(&remote).map_err(misfit)?;
        let named = kept.iter().filter(|value| value.in_force && value.is_named());
        let named: BTreeSet<_> = named.filter_map(|value| rule_and_instance(&value.key)).collect();
        let named = named
            .into_iter()
            .map(|(rule, name)| (rule, Subject { name, identity: name }));
        config.check_monitors(named).map_err(misfit)?;
        Ok(Self { config, kept, socket })
    }
}

/// The file alone has no fault, so what does not fit is between it and the remote values.
fn misfit(faults: ConfigFaults) -> Failure {
    Failure::from(faults).with_advice(
        "values that were set remotely do not fit the file: the agent does not take it; correct it, or drop them \
         by `esm config reset KEY`",
    )
}

fn check(overlaid: &Overlaid, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let config = &overlaid.config;
    for value in &overlaid.kept {
        out.line(&format!("remote: {} = {}", value.key, value.text))?;
    }
    for (key, value, place) in config.overridden() {
        out.line(&format!("{place}: {key} = {value}: overridden by a remote value"))?;
    }
    let named = named::look(config, Timestamp::now());
    let unread = named
        .unreadable
        .into_iter()
        .filter(|fault| config.is_set(&fault.key));
    let restarts = match agent::values(&overlaid.socket, global)? {
        Answer::Known(running) => fixed_otherwise(config, &running),
        // It was said already.
        Answer::Nobody(_) | Answer::Unsaid(_) => Vec::new(),
    };
    let warnings = config.warnings().into_iter().chain(named.warnings);
    for warning in warnings.chain(unread).chain(restarts) {
        out.line(&format!("warning: {warning}"))?;
    }
    ConfigFaults::none_of(named.faults)?;
    match config.file() {
        Some(file) => out.line(&format!("{}: no fault", file.display()))?,
        None => out.line("no configuration file: the defaults hold")?,
    }
    Ok(Exit::Done)
}

/// The values that the running agent does not take before it is restarted, since it has others. A default is the same
/// for both, though it may depend on who asks.
fn fixed_otherwise(config: &Config, running: &[RunningValue]) -> Vec<Fault> {
    let is_other = |running: &&RunningValue| {
        let found = config.effective().find(|(key, _)| *key == running.key);
        found.is_some_and(|(_, here)| {
            let both_default =
                here.source == Source::Default && running.source == Source::Default.to_string();
            here.value != running.value && !both_default
        })
    };
    let fixed = running.iter().filter(|value| value.needs_restart);
    fixed
        .filter(is_other)
        .map(|running| {
            let has = running
                .value
                .as_ref()
                .map_or_else(|| "no value".to_owned(), Value::to_string);
            let reason = format!(
                "the running agent has {has}, takes another value only when it is restarted, and refuses the file until then"
            );
            config.fault_at(&running.key, reason)
        })
        .collect()
}

fn show(args: &Args, form: TableOrJson, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    match Overlaid::load(args, global) {
        Ok(overlaid) => show_own(&overlaid.config, form, out)?,
        Err(faulty) if [Exit::Negative, Exit::Local].contains(&faulty.exit()) => {
            return Err(show_running(args, faulty, form, global, out)?);
        }
        Err(failure) => return Err(failure),
    }
    Ok(Exit::Done)
}

fn show_own(config: &Config, form: TableOrJson, out: &mut Output) -> std::io::Result<()> {
    match form {
        TableOrJson::Table => {
            let rows: Vec<[String; 3]> = config
                .effective()
                .map(|(key, effective)| [key, shown(effective.value.as_ref()), effective.source.to_string()])
                .collect();
            out.table(["KEY", "VALUE", "SOURCE"], &rows)
        }
        TableOrJson::Json => {
            let settings = config.effective().map(|(key, effective)| {
                json!({
                    "key": key,
                    "value": effective.value.as_ref().map(to_json),
                    "source": effective.source.to_string(),
                })
            });
            out.json(&settings.collect())
        }
    }
}

/// What holds while the configuration is faulty: the values that the running agent has. The answer is the faults, and
/// whose values are shown.
fn show_running(
    args: &Args,
    faulty: Failure,
    form: TableOrJson,
    global: &Global,
    out: &mut Output,
) -> Result<Failure, Failure> {
    let socket = args.local.likely_path(global)?;
    let values = match agent::values(&socket.path, global) {
        Ok(Answer::Known(values)) => values,
        Ok(Answer::Nobody(why)) if socket.is_certain => {
            return Ok(faulty.with_advice(&format!(
                "{why}: no value is in force, and with these faults no agent starts"
            )));
        }
        Ok(Answer::Nobody(why)) => {
            return Ok(faulty.with_advice(&format!(
                "{why}, and the faults leave in doubt where its socket is: name it by --socket to see what is in force"
            )));
        }
        Ok(Answer::Unsaid(why)) => {
            return Ok(faulty.with_advice(&format!("what is in force is not known: {why}")));
        }
        Err(failure) => {
            faulty.tell();
            return Err(failure);
        }
    };
    match form {
        TableOrJson::Table => {
            let rows: Vec<[String; 3]> = values
                .into_iter()
                .map(|one| [one.key, shown(one.value.as_ref()), one.source].map(|cell| printable(&cell)))
                .collect();
            out.table(["KEY", "VALUE AT THE RUNNING AGENT", "SOURCE"], &rows)?;
        }
        TableOrJson::Json => {
            let settings = values.iter().map(|one| {
                json!({
                    "key": one.key,
                    "value": one.value.as_ref().map(to_json),
                    "source": one.source,
                    "running": true,
                })
            });
            out.json(&settings.collect())?;
        }
    }
    out.flush()?;
    Ok(faulty.with_advice(&format!(
        "the configuration is faulty and not in force: what is shown is in force at the running agent, asked at {}",
        socket.path.display()
    )))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "-".to_owned(), Value::to_string)
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Number(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::List(items) => json!(items),
    }
}
