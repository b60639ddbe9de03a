//! Reports on standard output, each as one line.

use std::io;

use serde_json::{Map, Value as Json, json};

use crate::cim::Value;
use crate::cli::output::{Format, Output, printable, shortened};
use crate::cli::show::json::instance_json;
use crate::cli::show::{heading, value_text};
use crate::client::classes::Classes;
use crate::manager::report::{Content, Indication, Report, Seen};
use crate::server::Peer;

/// The columns and how wide each is at least; what is longer moves the rest of its line.
const COLUMNS: [(&str, usize); 10] = [
    ("TIME", 20),
    ("SEVERITY", 11),
    ("SOURCE", 20),
    ("EVENT", 8),
    ("SYSTEM", 16),
    ("TARGET", 20),
    ("STATE", 8),
    ("SEQ", 4),
    ("MESSAGE", 48),
    ("IDENTIFIER", 0),
];
/// The longest text in the columns before the message; the other forms have it whole.
const LONGEST_CELL: usize = 20;

/// Prints reports, each flushed at once.
pub struct Printer<'o> {
    format: Format,
    classes: &'o Classes,
    out: &'o mut Output,
    seen: Seen,
    indications: u64,
}

impl<'o> Printer<'o> {
    /// A printer, which begins with the heads of the columns where there are any.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn new(format: Format, classes: &'o Classes, out: &'o mut Output) -> io::Result<Self> {
        if format == Format::Table {
            out.line(&row(COLUMNS.map(|(head, _)| head.to_owned())))?;
        }
        out.flush()?;
        Ok(Self {
            format,
            classes,
            out,
            seen: Seen::default(),
            indications: 0,
        })
    }

    /// How many indications were printed, duplicates among them.
    pub const fn indications(&self) -> u64 {
        self.indications
    }

    /// Prints one report. What is no indication is told on standard error, unless the form is JSON.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn print(&mut self, report: &Report) -> io::Result<()> {
        match (&report.content, self.format) {
            (Content::Indication(indication), format) => {
                let is_duplicate = self.seen.is_duplicate(indication);
                self.indications += 1;
                match format {
                    Format::Table => {
                        let target = target(indication, self.classes);
                        self.out.line(&table_line(indication, target, is_duplicate))?;
                    }
                    Format::Json => {
                        let target = target(indication, self.classes);
                        let line = indication_json(report, indication, target, is_duplicate);
                        self.out.line(&line.to_string())?;
                    }
                    Format::Xml => self.out.line(&indication.xml.replace(['\r', '\n'], " "))?,
                }
            }
            (content, Format::Json) => self.out.line(&notice_json(report, content).to_string())?,
            (content, Format::Table | Format::Xml) => {
                eprintln!("esm: {}: {}", origin(report.from), notice(content));
            }
        }
        self.out.flush()
    }
}

fn row(cells: [String; COLUMNS.len()]) -> String {
    let mut line = String::new();
    for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
        line.push_str(&format!("{:width$}  ", printable(cell)));
    }
    line.trim_end().to_owned()
}

/// The part of the computer that it is about; of a change, what tells the instance from others of its class.
fn target(indication: &Indication, classes: &Classes) -> Option<String> {
    indication.target().or_else(|| {
        let changed = indication.change()?.source;
        let class = classes.find(&changed.class_name);
        let heading = heading(changed, class.as_deref());
        let keys = heading.strip_prefix(changed.class_name.as_str())?.trim_start();
        (!keys.is_empty()).then(|| keys.to_owned())
    })
}

fn table_line(indication: &Indication, target: Option<String>, is_duplicate: bool) -> String {
    let mut identifier = indication.identifier().unwrap_or_default();
    if is_duplicate {
        identifier.push_str(" (duplicate)");
    }
    let time = indication.time().map(|at| value_text(&Value::DateTime(at), None));
    let short = |text: Option<String>| shortened(&text.unwrap_or_default(), LONGEST_CELL);
    row([
        time.unwrap_or_default(),
        indication.severity().to_owned(),
        short(indication.source()),
        short(indication.event_id()),
        short(indication.system()),
        short(target),
        short(indication.state()),
        short(indication.sequence_number()),
        indication.message().unwrap_or_default(),
        identifier,
    ])
}

/// What matters by short names, and the whole instance.
fn indication_json(
    report: &Report,
    indication: &Indication,
    target: Option<String>,
    is_duplicate: bool,
) -> Json {
    let time = indication.time().and_then(|at| Some(at.to_wall()?.to_string()));
    let sequence = indication
        .sequence_number()
        .and_then(|number| number.parse::<i64>().ok());
    let mut line = begin(report, "indication");
    for (name, value) in [
        ("time", json!(time)),
        ("severity", json!(indication.severity())),
        ("source", json!(indication.source())),
        ("event_id", json!(indication.event_id())),
        ("system", json!(indication.system())),
        ("target", json!(target)),
        ("message", json!(indication.message())),
        ("state", json!(indication.state())),
        ("sequence", json!(sequence)),
        ("sequence_context", json!(indication.sequence_context())),
        ("identifier", json!(indication.identifier())),
        ("duplicate", json!(is_duplicate)),
        ("indication", instance_json(&indication.instance, None).into()),
    ] {
        line.insert(name.to_owned(), value);
    }
    line.into()
}

fn notice_json(report: &Report, content: &Content) -> Json {
    let (kind, more) = match content {
        Content::Heartbeat | Content::Indication(_) => ("heartbeat", None),
        Content::DroppedEvents(count) => ("dropped-events", Some(("count", json!(count)))),
        Content::SubscriptionEnd(end) => (
            "subscription-end",
            Some((
                "subscription",
                json!({ "id": end.identifier, "status": end.status.uri(), "reason": end.reason }),
            )),
        ),
    };
    let mut line = begin(report, kind);
    line.extend(more.map(|(name, value)| (name.to_owned(), value)));
    line.into()
}

fn begin(report: &Report, kind: &str) -> Map<String, Json> {
    let mut line = Map::new();
    line.insert("kind".to_owned(), kind.into());
    line.insert("from".to_owned(), origin(report.from).into());
    line.insert("protocol".to_owned(), report.protocol.as_str().into());
    line
}

fn notice(content: &Content) -> String {
    match content {
        Content::Heartbeat | Content::Indication(_) => "heartbeat".to_owned(),
        Content::DroppedEvents(count) => format!("{count} events were lost there"),
        Content::SubscriptionEnd(end) => {
            let reason = end.reason.as_deref().unwrap_or(end.status.uri());
            format!("subscription {} has ended: {reason}", end.identifier)
        }
    }
}

/// The sender's address; its port says nothing.
fn origin(from: Peer) -> String {
    match from {
        Peer::Network(address) => address.ip().to_string(),
        local @ Peer::Local { .. } => local.to_string(),
    }
}
