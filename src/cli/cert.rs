//! `esm cert create|show`.

use std::io::ErrorKind;

use jiff::Timestamp;
use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure};
use super::output::{Output, TableOrJson, printable};
use crate::agent::{own_certificate, state_dir};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::host::Host;
use crate::net::certificate::{self, CertificateDescription, CertificateError, DEFAULT_DAYS};

/// Make or show the agent's certificate
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm cert show                                    names, validity and fingerprints
  esm cert create --name esm.example.com           before the first start
  esm cert create --force --days 90                in place of the pair that is there")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a self-signed certificate (ECDSA P-256) and its key
    ///
    /// It is made out to the host name, the fully qualified name and every address of this machine. A
    /// running agent takes it at once, and renews it in time, for the same key.
    Create(CreateArgs),
    /// Show what the certificate says
    ///
    /// Exits with 1 if it is not valid now.
    #[command(after_help = "\
Examples:
  esm cert show
  esm cert show --output json | jq -r .key_sha256     for --pin; it outlives a renewal")]
    Show {
        /// The form of the answer
        #[arg(long, value_enum, default_value_t, value_name = "FORM")]
        output: TableOrJson,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm cert create                                  where there is none yet
  esm cert create --name esm.example.com --name 192.0.2.7
  esm cert create --force --days 90                in place of the pair that is there")]
struct CreateArgs {
    /// Replace the pair that is there, the key too: whoever pinned it must be told
    #[arg(long)]
    force: bool,
    /// A further host name or address; `tls.names` in the configuration keeps it over renewals
    #[arg(long, value_name = "HOST", num_args = 1..)]
    name: Vec<String>,
    /// How long it is valid, in days
    #[arg(long, value_name = "N", default_value_t = DEFAULT_DAYS)]
    days: u32,
}

pub(super) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    match &args.action {
        Action::Create(args) => create(args, &config, out),
        Action::Show { output } => show(&config, *output, out),
    }
}

fn create(args: &CreateArgs, config: &Config, out: &mut Output) -> Result<Exit, Failure> {
    let extra: Vec<String> = config.tls.names.iter().chain(&args.name).cloned().collect();
    let names = own_certificate::certificate_names(&Host::live(SystemClock::shared()), &extra);
    state_dir::make(&config.state_dir).map_err(|error| Failure::new(Exit::Local, error))?;
    let paths = own_certificate::pair_paths(config);
    certificate::create(&paths, &names, args.days, args.force, Timestamp::now())?;
    describe(&certificate::describe(&paths.certificate)?, config, out)?;
    Ok(Exit::Done)
}

fn show(config: &Config, form: TableOrJson, out: &mut Output) -> Result<Exit, Failure> {
    let description = certificate::describe(&config.tls.certificate).map_err(not_shown)?;
    match form {
        TableOrJson::Table => describe(&description, config, out)?,
        TableOrJson::Json => out.json(&to_json(&description, config))?,
    }
    let now = Timestamp::now();
    if let Some(reason) = description.invalidity(now) {
        return Err(Failure::new(Exit::Negative, reason));
    }
    Ok(Exit::Done)
}

fn not_shown(error: CertificateError) -> Failure {
    let is_missing =
        matches!(&error, CertificateError::File { error, .. } if error.kind() == ErrorKind::NotFound);
    let failure = Failure::from(error);
    match is_missing {
        true => failure.with_advice("the agent makes it when it starts; before that, `esm cert create` does"),
        false => failure,
    }
}

fn describe(description: &CertificateDescription, config: &Config, out: &mut Output) -> std::io::Result<()> {
    let addresses: Vec<String> = description.addresses.iter().map(ToString::to_string).collect();
    let hosts: Vec<&str> = description.hosts.iter().map(String::as_str).collect();
    let rows = [
        ("File", config.tls.certificate.display().to_string()),
        ("Subject", description.subject.clone()),
        ("Issuer", description.issuer.clone()),
        ("Names", hosts.join(", ")),
        ("Addresses", addresses.join(", ")),
        ("Key", description.key_type.clone()),
        ("Valid from", description.not_before.to_string()),
        ("Valid until", description.not_after.to_string()),
        ("SHA-256", description.fingerprint.to_string()),
        ("Key SHA-256", description.key_fingerprint.to_string()),
        (
            "Made by esm",
            if description.own { "yes" } else { "no" }.to_owned(),
        ),
    ];
    for (name, value) in rows {
        out.line(&format!("{name:12} {}", printable(&value)))?;
    }
    Ok(())
}

fn to_json(description: &CertificateDescription, config: &Config) -> serde_json::Value {
    json!({
        "file": config.tls.certificate,
        "subject": description.subject,
        "issuer": description.issuer,
        "names": description.hosts,
        "addresses": description.addresses,
        "key": description.key_type,
        "valid_from": description.not_before.to_string(),
        "valid_until": description.not_after.to_string(),
        "sha256": description.fingerprint.to_string(),
        "key_sha256": description.key_fingerprint.to_string(),
        "made_by_esm": description.own,
    })
}

impl From<CertificateError> for Failure {
    fn from(error: CertificateError) -> Self {
        let exit = match error {
            CertificateError::Exists(_)
            | CertificateError::Content { .. }
            | CertificateError::Mismatch { .. } => Exit::Negative,
            CertificateError::Name(_) | CertificateError::Days(_) => Exit::Usage,
            CertificateError::File { .. } | CertificateError::Make(_) => Exit::Local,
        };
        Self::new(exit, error)
    }
}
