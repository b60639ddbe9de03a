//! `esm subscription test`: one indication is sent and followed.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::exit::{Exit, Failure};
use super::super::length::parse_within;
use super::super::output::{Output, TableOrJson, printable};
use super::{CLASS, LocalAgent, find, id_of};
use crate::cim::{Instance, Name, Value};
use crate::client::wsman::Resource;
use crate::wsman::{Invoke, RawValue, Selector};

#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// Its ID; without one, all are tested, one after the other
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// How long to wait for the end of the first try, as 10s or 50s
    #[arg(long, value_name = "LENGTH", default_value = "30s", value_parser = parse_timeout)]
    timeout: Duration,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: TableOrJson,
}

/// The agent answers within a minute, whatever comes of the try.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    parse_within(text, 1..=50)
}

pub(super) async fn run(
    all: &[Instance],
    args: &TestArgs,
    uri: &str,
    agent: &mut LocalAgent,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let wanted: Vec<&Instance> = match &args.id {
        Some(id) => vec![find(all, id)?],
        None => all.iter().collect(),
    };
    if wanted.is_empty() {
        return Err(Failure::new(Exit::Negative, "there is no subscription"));
    }
    let mut exit = Exit::Done;
    let mut reports = Vec::new();
    for subscription in wanted {
        let state = subscription.get_str("State").unwrap_or_default();
        if args.id.is_none() && NOT_LIVE.contains(&state) {
            exit = Exit::Negative;
            let id = id_of(subscription);
            match args.output {
                TableOrJson::Table => out.line(&format!("{}  not tested: it is {state}", printable(id)))?,
                TableOrJson::Json => reports.push(json!({ "id": id, "outcome": state })),
            }
            continue;
        }
        let report = Report {
            id: id_of(subscription).to_owned(),
            result: send_test(agent, uri, subscription, args.timeout).await?,
        };
        if !report.is_acknowledged() {
            exit = Exit::Negative;
        }
        match args.output {
            TableOrJson::Table => {
                report.print(out)?;
                out.flush()?;
            }
            TableOrJson::Json => reports.push(report.json()),
        }
    }
    if args.output == TableOrJson::Json {
        out.json(&reports.into())?;
    }
    Ok(exit)
}

/// The states in which a subscription is told nothing.
const NOT_LIVE: [&str; 2] = ["disabled", "lapsed"];

async fn send_test(
    agent: &mut LocalAgent,
    uri: &str,
    subscription: &Instance,
    timeout: Duration,
) -> Result<Instance, Failure> {
    let mut resource = Resource::new(uri);
    let key = subscription.get_str("InstanceID").unwrap_or_default();
    resource.selectors.0.push(Selector::text("InstanceID", key));
    let mut call = Invoke::new(uri, METHOD.as_str());
    let timeout = RawValue::Text(timeout.as_secs().to_string());
    call.arguments
        .properties
        .push(("TimeoutSecs".to_owned(), timeout));
    let answer = agent.client.invoke(&resource, call).await?.content;
    let class = agent.classes.find(&Name::new(CLASS));
    Ok(agent.classes.outputs(&answer, class.as_deref(), &METHOD))
}

const METHOD: Name = Name::from_static("SendTest");

/// What the agent says of a test.
struct Report {
    /// The subscription.
    id: String,
    /// The return value and the output parameters.
    result: Instance,
}

impl Report {
    fn is_acknowledged(&self) -> bool {
        self.code() == Some(0)
    }

    fn code(&self) -> Option<u64> {
        self.result.get("ReturnValue").and_then(Value::as_u64)
    }

    /// The steps with their times in seconds.
    fn steps(&self) -> Vec<(String, f64)> {
        let items = |name| self.result.get(name).map(Value::items).unwrap_or_default();
        let micros = items("StepMicros").iter().map(Value::as_f64);
        let names = items("Steps").iter().map(Value::to_text);
        names
            .zip(micros)
            .map(|(name, micros)| (name, micros.unwrap_or_default() / 1e6))
            .collect()
    }

    fn outcome(&self) -> &'static str {
        match self.code() {
            Some(0) => "acknowledged",
            Some(2) => "timed-out",
            Some(3) => "waits",
            _ => "failed",
        }
    }

    fn print(&self, out: &mut Output) -> Result<(), Failure> {
        let text = |name| self.result.get_str(name).map(printable);
        out.line(&format!(
            "{}  test indication {}",
            printable(&self.id),
            text("Identifier").unwrap_or_default()
        ))?;
        for (step, secs) in self.steps() {
            out.line(&format!("{secs:9.3} s  {}", printable(&step)))?;
        }
        if let Some(error) = text("Error") {
            out.line(&format!("   failed    {error}"))?;
        }
        if let Some(advice) = text("Advice") {
            out.line(&format!("   to do     {advice}"))?;
        }
        if self.result.get("Chosen") == Some(&Value::Boolean(false)) {
            out.line("   note      the filter of this subscription would not have chosen it")?;
        }
        Ok(())
    }

    fn json(&self) -> Json {
        let text = |name| self.result.get_str(name);
        let steps = self
            .steps()
            .into_iter()
            .map(|(step, secs)| json!({ "step": step, "secs": secs }));
        json!({
            "id": self.id,
            "identifier": text("Identifier"),
            "outcome": self.outcome(),
            "chosen": self.result.get("Chosen") == Some(&Value::Boolean(true)),
            "ahead": self.result.get("Ahead").and_then(Value::as_u64),
            "steps": steps.collect::<Vec<_>>(),
            "error": text("Error"),
            "advice": text("Advice"),
        })
    }
}
