//! `esm subscription`: who is subscribed to the agent of this machine.

mod test;

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value as Json;

use super::Global;
use super::connect::{LocalArgs, block_on};
use super::exit::{Exit, Failure};
use super::local_agent::LocalAgent;
use super::output::{Output, TableOrJson, printable, shortened};
use super::show::json::instance_json;
use super::show::layout::Layout;
use super::show::{duration_text, value_text};
use crate::cim::{Instance, Value};
use crate::client::classes::Classes;
use crate::client::instance_name::class_uri;
use crate::client::wsman::Resource;
use crate::net::http_client::HttpUrl;
use crate::wsman::Selector;

/// List, show, test and delete subscriptions to the agent of this machine
///
/// An ID may be cut short, as long as only one subscription begins with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm subscription list
  esm subscription show 0059f4d7
  esm subscription test 0059f4d7
  esm subscription delete 0059f4d7
  esm subscription delete --destination manager.example --yes")]
pub struct Args {
    #[command(flatten)]
    local: LocalArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List all subscriptions
    #[command(after_help = "\
Examples:
  esm subscription list
  esm subscription list --output json | jq '.[].Destination'")]
    List {
        /// The form of the answer
        #[arg(long, value_enum, default_value_t, value_name = "FORM")]
        output: TableOrJson,
    },
    /// Show everything about one subscription
    #[command(after_help = "\
Example:
  esm subscription show 0059f4d7     the ID as `esm subscription list` prints it, or its beginning")]
    Show {
        /// Its ID
        #[arg(value_name = "ID")]
        id: String,
        /// The form of the answer
        #[arg(long, value_enum, default_value_t, value_name = "FORM")]
        output: TableOrJson,
    },
    /// Send a test indication, and print each step of its delivery with its time
    ///
    /// It goes by the way that every indication takes, whatever the filter of the subscription says, after all that
    /// is queued before it. Ends with 0 when it was acknowledged, and with 1 when it was not: it is then
    /// taken out of the queue again.
    #[command(after_help = "\
Examples:
  esm subscription test 0059f4d7
  esm subscription test --output json     all subscriptions")]
    Test(test::TestArgs),
    /// Delete subscriptions; prints the ID of each
    ///
    /// More than one is deleted only with --yes, or after a question on the terminal. What is queued for them is
    /// dropped.
    Delete(DeleteArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm subscription delete 0059f4d7
  esm subscription delete --destination manager.example --yes")]
struct DeleteArgs {
    /// Their IDs
    #[arg(value_name = "ID", required_unless_present = "destination")]
    ids: Vec<String>,
    /// All that deliver to this host, by the name or address in their URL
    #[arg(long, value_name = "HOST", conflicts_with = "ids")]
    destination: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

const CLASS: &str = "ESM_Subscription";
/// The columns of the list.
const HEADS: [&str; 10] = [
    "ID",
    "OWNER",
    "PROTOCOL",
    "MODE",
    "DESTINATION",
    "FILTER",
    "STATE",
    "LEFT",
    "QUEUE",
    "LAST ERROR",
];

/// The longest filter or error in the list; `show` and the JSON have it whole.
const LONGEST_CELL: usize = 48;

pub(super) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let mut agent = LocalAgent::new(&args.local, global)?;
    let uri = class_uri(CLASS)?.0;
    block_on(async {
        let all = agent.instances(&uri).await?;
        match &args.action {
            Action::List { output } => list(&all, *output, out),
            Action::Show { id, output } => show(find(&all, id)?, *output, &agent.classes, out),
            Action::Test(args) => test::run(&all, args, &uri, &mut agent, out).await,
            Action::Delete(args) => delete(&wanted(&all, args)?, args.yes, &uri, &mut agent, out).await,
        }
    })
}

fn list(all: &[Instance], form: TableOrJson, out: &mut Output) -> Result<Exit, Failure> {
    match form {
        TableOrJson::Table => {
            let rows: Vec<[String; HEADS.len()]> = all.iter().map(row).collect();
            out.table(HEADS, &rows)?;
        }
        TableOrJson::Json => {
            let list = all.iter().map(|one| Json::from(instance_json(one, None)));
            out.json(&list.collect())?;
        }
    }
    Ok(Exit::Done)
}

fn show(
    subscription: &Instance,
    form: TableOrJson,
    classes: &Classes,
    out: &mut Output,
) -> Result<Exit, Failure> {
    match form {
        TableOrJson::Table => Layout::List.write(out, subscription, classes)?,
        TableOrJson::Json => out.json(&Json::from(instance_json(subscription, None)))?,
    }
    Ok(Exit::Done)
}

async fn delete(
    wanted: &[&Instance],
    is_sure: bool,
    uri: &str,
    agent: &mut LocalAgent,
    out: &mut Output,
) -> Result<Exit, Failure> {
    if wanted.is_empty() {
        return Err(Failure::new(Exit::Negative, "there is no such subscription"));
    }
    if wanted.len() > 1 && !is_sure {
        confirm(wanted)?;
    }
    for subscription in wanted {
        let mut resource = Resource::new(uri);
        let key = subscription.get_str("InstanceID").unwrap_or_default();
        resource.selectors.0.push(Selector::text("InstanceID", key));
        agent.client.delete(&resource).await?;
        // Should a later one fail, it is known what is gone.
        out.line(&printable(id_of(subscription)))?;
        out.flush()?;
    }
    Ok(Exit::Done)
}

/// Asks on the terminal whether all of these are meant.
fn confirm(wanted: &[&Instance]) -> Result<(), Failure> {
    let refuse = |why: &str| Err(Failure::new(Exit::Usage, why));
    let input = std::io::stdin();
    if !input.is_terminal() {
        return refuse(&format!(
            "these are {} subscriptions, and there is no terminal to ask on: give --yes if all are meant",
            wanted.len()
        ));
    }
    for subscription in wanted {
        let destination = subscription.get_str("Destination").unwrap_or("pulled");
        eprintln!("  {}  {}", printable(id_of(subscription)), printable(destination));
    }
    eprint!("Delete these {} subscriptions? [y/N] ", wanted.len());
    std::io::stderr().flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => refuse("nothing was deleted"),
    }
}

/// The subscriptions that are to be deleted. If one that is named is not there, none is.
fn wanted<'a>(all: &'a [Instance], args: &DeleteArgs) -> Result<Vec<&'a Instance>, Failure> {
    if let Some(host) = &args.destination {
        return Ok(all.iter().filter(|one| delivers_to(one, host)).collect());
    }
    let mut wanted: Vec<&Instance> = Vec::new();
    for id in &args.ids {
        let found = find(all, id)?;
        if !wanted.contains(&found) {
            wanted.push(found);
        }
    }
    Ok(wanted)
}

fn delivers_to(subscription: &Instance, host: &str) -> bool {
    let url = subscription.get_str("Destination").map(str::parse::<HttpUrl>);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    matches!(url, Some(Ok(url)) if url.host.eq_ignore_ascii_case(host))
}

/// The only subscription whose ID is `id` or begins with it, whether `uuid:` stands before it or not.
fn find<'a>(all: &'a [Instance], id: &str) -> Result<&'a Instance, Failure> {
    let wanted = bare(id);
    let found: Vec<&Instance> = all
        .iter()
        .filter(|one| !wanted.is_empty() && bare(id_of(one)).starts_with(wanted))
        .collect();
    let exact = found.iter().find(|one| bare(id_of(one)) == wanted);
    match (exact, found.as_slice()) {
        (Some(exact), _) => Ok(exact),
        (None, [only]) => Ok(only),
        (None, []) => Err(Failure::new(
            Exit::Negative,
            format!("there is no subscription {id}"),
        )),
        (None, several) => {
            let message = format!(
                "{} subscriptions begin with {id}: give more of the ID",
                several.len()
            );
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

/// An ID without the scheme that stands before it in messages.
fn bare(id: &str) -> &str {
    id.strip_prefix("uuid:").unwrap_or(id)
}

/// The identifier that the subscriber was given, else the key.
fn id_of(subscription: &Instance) -> &str {
    let id = subscription.get_str("SubscriptionID");
    id.or_else(|| subscription.get_str("InstanceID"))
        .unwrap_or_default()
}

fn row(subscription: &Instance) -> [String; HEADS.len()] {
    let text = |name| subscription.get(name).map(Value::to_text).unwrap_or_default();
    let left = subscription.get("TimeRemainingSecs").and_then(Value::as_u64);
    let left = left.map(|secs| duration_text(std::time::Duration::from_secs(secs)));
    [
        id_of(subscription).to_owned(),
        text("Owner"),
        text("Protocol"),
        text("DeliveryMode"),
        text("Destination"),
        shortened(&text("Filter"), LONGEST_CELL),
        text("State"),
        left.unwrap_or_else(|| "for good".to_owned()),
        text("QueueLength"),
        error_now(subscription),
    ]
}

/// What is wrong with deliveries, and since when; nothing once they work again.
fn error_now(subscription: &Instance) -> String {
    let is_cleared = subscription.get("ErrorCleared") == Some(&true.into());
    let error = subscription.get_str("LastError").filter(|_| !is_cleared);
    let at = subscription.get("LastErrorTime").map(|at| value_text(at, None));
    match (error, at) {
        (None, _) => String::new(),
        (Some(error), None) => shortened(error, LONGEST_CELL),
        (Some(error), Some(at)) => format!("{at}: {}", shortened(error, LONGEST_CELL)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::{DateTime, Name};

    fn subscriptions() -> Vec<Instance> {
        [
            ("0a1", "https://manager:6736/"),
            ("0a12", "https://[2001:db8::1]/x"),
            ("0b", "https://Manager/"),
        ]
        .map(|(id, destination)| {
            let mut instance = Instance::new(Name::new(CLASS));
            instance.set("InstanceID", format!("key-{id}"));
            instance.set("SubscriptionID", id);
            instance.set("Destination", destination);
            instance
        })
        .to_vec()
    }

    #[track_caller]
    fn check(id: &str, expect: Option<&str>) {
        let all = subscriptions();
        let found = find(&all, id).ok().map(id_of);
        assert_eq!(found, expect, "{id}");
    }

    #[test]
    fn an_id_may_be_cut_short() {
        check("uuid:0b", Some("0b"));
        check("0b", Some("0b"));
        check("0", None);
        check("0a1", Some("0a1"));
        check("uuid:0a12", Some("0a12"));
        check("uuid:0a", None);
        check("uuid:", None);
        check("", None);
        check("1", None);
    }

    #[test]
    fn an_error_is_listed_until_it_is_cleared() {
        let mut instance = Instance::new(Name::new(CLASS));
        assert_eq!(error_now(&instance), "");
        instance.set("LastError", format!("no {}", "x".repeat(100)));
        let short = format!("no {}…", "x".repeat(44));
        assert_eq!(error_now(&instance), short);
        let at: DateTime = "20260131120000.000000+000".parse().unwrap();
        instance.set("LastErrorTime", at);
        instance.set("ErrorCleared", false);
        assert_eq!(error_now(&instance), format!("2026-01-31 12:00:00Z: {short}"));
        instance.set("ErrorCleared", true);
        assert_eq!(error_now(&instance), "");
    }

    #[track_caller]
    fn check_host(host: &str, expect: usize) {
        let all = subscriptions();
        let args = DeleteArgs {
            ids: Vec::new(),
            destination: Some(host.to_owned()),
            yes: false,
        };
        assert_eq!(wanted(&all, &args).unwrap().len(), expect, "{host}");
    }

    #[test]
    fn a_destination_is_a_whole_host() {
        check_host("manager", 2);
        check_host("2001:db8::1", 1);
        check_host("[2001:db8::1]", 1);
        check_host("man", 0);
        check_host("", 0);
    }
}
