//! `esm mof check`.

mod files;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::exit::{Exit, Failure};
use super::output::Output;
use crate::cim::Namespace;
use crate::cim::mof::{Compiled, MofErrors, Root, compile};
use files::Files;

/// Check MOF files: classes, instances and qualifiers of CIM as text
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm mof check cim_schema_2.49.0.mof
  esm mof check qualifiers.mof vendor.mof -I /usr/share/mof --output json")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Compile files as one unit and tell every fault with file, line and column
    ///
    /// Declarations may stand in any order. Exits with 1 if there is a fault.
    #[command(after_help = "\
Examples:
  esm mof check cim_schema_2.49.0.mof
  esm mof check qualifiers.mof vendor.mof -I /usr/share/mof --output json")]
    Check(Check),
}

#[derive(Debug, clap::Args)]
struct Check {
    /// The files; what they include is looked for beside the including file
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Look for included files in this folder too
    #[arg(short = 'I', value_name = "DIR")]
    include: Vec<PathBuf>,
    /// The namespace of what stands before a `#pragma namespace`
    #[arg(long, value_name = "NAMESPACE", default_value = "root/cimv2")]
    namespace: String,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: CheckFormat,
}

/// Forms in which the answer of a check can be shown.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum CheckFormat {
    /// A table for people.
    #[default]
    Table,
    /// JSON.
    Json,
}

pub(super) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let Action::Check(check) = &args.action;
    let roots: Vec<Root<'_>> = check
        .files
        .iter()
        .map(|file| Root {
            file,
            namespace: Namespace::new(&check.namespace),
        })
        .collect();
    let started = Instant::now();
    let result = compile(&roots, &Files::new(&check.include));
    let took = started.elapsed();
    match (result, check.output) {
        (Ok(compiled), CheckFormat::Table) => show_table(&compiled, took, out)?,
        (Ok(compiled), CheckFormat::Json) => show_json(&compiled, took, out)?,
        (Err(errors), CheckFormat::Table) => return Err(Failure::plain(Exit::Negative, errors)),
        (Err(errors), CheckFormat::Json) => {
            out.json(&errors_as_json(&errors))?;
            return Ok(Exit::Negative);
        }
    }
    Ok(Exit::Done)
}

/// How much a namespace holds.
struct Counts {
    namespace: String,
    classes: usize,
    associations: usize,
    indications: usize,
    qualifiers: usize,
    instances: usize,
}

fn counts(compiled: &Compiled) -> impl Iterator<Item = Counts> {
    compiled.schema.namespaces().map(|namespace| {
        let instances = compiled.instances.iter();
        Counts {
            namespace: namespace.name().to_string(),
            classes: namespace.classes().count(),
            associations: namespace.classes().filter(|class| class.is_association()).count(),
            indications: namespace.classes().filter(|class| class.is_indication()).count(),
            qualifiers: namespace.qualifier_types().len(),
            instances: instances.filter(|(name, _)| name == namespace.name()).count(),
        }
    })
}

fn show_table(compiled: &Compiled, took: Duration, out: &mut Output) -> std::io::Result<()> {
    let heads = [
        "NAMESPACE",
        "CLASSES",
        "ASSOCIATIONS",
        "INDICATIONS",
        "QUALIFIERS",
        "INSTANCES",
    ];
    let rows: Vec<[String; 6]> = counts(compiled)
        .map(|counts| {
            [
                counts.namespace,
                counts.classes.to_string(),
                counts.associations.to_string(),
                counts.indications.to_string(),
                counts.qualifiers.to_string(),
                counts.instances.to_string(),
            ]
        })
        .collect();
    out.table(heads, &rows)?;
    let files = compiled.files;
    out.line(&format!("{files} files in {} ms: no fault", took.as_millis()))
}

fn show_json(compiled: &Compiled, took: Duration, out: &mut Output) -> std::io::Result<()> {
    let namespaces: Vec<serde_json::Value> = counts(compiled)
        .map(|counts| {
            json!({
                "namespace": counts.namespace,
                "classes": counts.classes,
                "associations": counts.associations,
                "indications": counts.indications,
                "qualifiers": counts.qualifiers,
                "instances": counts.instances,
            })
        })
        .collect();
    out.json(&json!({
        "namespaces": namespaces,
        "files": compiled.files,
        "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }))
}

fn errors_as_json(errors: &MofErrors) -> serde_json::Value {
    let errors: Vec<serde_json::Value> = errors
        .0
        .iter()
        .map(|error| {
            json!({
                "file": *error.place.file,
                "line": error.place.line,
                "column": error.place.column,
                "message": error.problem.to_string(),
            })
        })
        .collect();
    json!({ "errors": errors })
}
