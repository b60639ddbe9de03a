//! `esm config check|show|default`.

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, TableOrJson};
use crate::config::{Config, Value, example, reference};

/// Check, show or write a configuration
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm config default > /etc/esm/esm.toml    begin with a commented file
  esm config check                          before a reload
  esm config show | grep -v default         what differs from the defaults")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check the configuration and tell every fault with file, line, key, value and allowed range
    ///
    /// Exits with 1 if there is one.
    Check,
    /// Show every value in force and where it comes from
    Show {
        /// The form of the answer
        #[arg(long, value_enum, default_value_t, value_name = "FORM")]
        output: TableOrJson,
    },
    /// Write a commented example with every key and its default
    Default,
    /// Write the reference part of docs/configuration.md
    #[command(hide = true)]
    Reference,
}

pub(super) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    match &args.action {
        Action::Check => check(&global.load()?, out)?,
        Action::Show {
            output: TableOrJson::Table,
        } => show_table(&global.load()?, out)?,
        Action::Show {
            output: TableOrJson::Json,
        } => show_json(&global.load()?, out)?,
        Action::Default => out.text(&example())?,
        Action::Reference => out.text(&reference())?,
    }
    Ok(Exit::Done)
}

fn check(config: &Config, out: &mut Output) -> std::io::Result<()> {
    for (key, value, place) in config.overridden() {
        out.line(&format!("{place}: {key} = {value}: overridden by a remote value"))?;
    }
    for warning in config.warnings() {
        out.line(&format!("warning: {warning}"))?;
    }
    match config.file() {
        Some(file) => out.line(&format!("{}: no fault", file.display())),
        None => out.line("no configuration file: the defaults hold"),
    }
}

fn show_table(config: &Config, out: &mut Output) -> std::io::Result<()> {
    let rows: Vec<[String; 3]> = config
        .effective()
        .map(|(key, effective)| [key, shown(effective.value.as_ref()), effective.source.to_string()])
        .collect();
    out.table(["KEY", "VALUE", "SOURCE"], &rows)
}

fn show_json(config: &Config, out: &mut Output) -> std::io::Result<()> {
    let settings: Vec<serde_json::Value> = config
        .effective()
        .map(|(key, effective)| {
            json!({
                "key": key,
                "value": effective.value.as_ref().map(to_json),
                "source": effective.source.to_string(),
            })
        })
        .collect();
    out.json(&settings.into())
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
