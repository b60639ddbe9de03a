//! Reading the file: every value into its place, every fault with its line.

mod lines;
mod syntax;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use lines::Lines;
use syntax::Syntax;

use super::fault::Fault;
use super::monitor::{self, MonitorId};
use super::schema::{MONITOR, SECTIONS, SectionSchema};
use super::value::Value;
use super::values::{Layer, Source};

/// What a file says, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct FileValues {
    /// The values that are allowed.
    pub(super) layer: Layer,
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
    /// Keys whose value was refused.
    pub(super) refused: BTreeSet<String>,
}

/// Reads the text of a file. Line ends may be LF or CR LF; a byte-order mark is skipped.
pub(super) fn parse(file: &Path, text: &str) -> FileValues {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let document = document.get_ref();
    let lines = Lines::of(text);
    let mut reader = Reader {
        file,
        text,
        syntax: Syntax::of(text, &lines, document, &errors),
        lines,
        found: FileValues::default(),
    };
    reader.syntax_faults();
    reader.document(document);
    reader.found
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    lines: Lines,
    syntax: Syntax,
    found: FileValues,
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Item<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn syntax_faults(&mut self) {
        for (at, reason) in &self.syntax.faults {
            self.found.faults.push(Fault {
                place: self.place(*at),
                key: String::new(),
                value: None,
                reason: reason.clone(),
            });
        }
    }

    fn document(&mut self, table: &DeTable<'_>) {
        for (key, item) in table {
            let name = key.get_ref().as_ref();
            if name == MONITOR.name {
                self.monitors(key, item);
            } else if let Some(section) = SECTIONS
                .iter()
                .find(|section| section.name == name && !name.is_empty())
            {
                match item.get_ref() {
                    DeValue::Table(table) => self.section(section, table),
                    _ => self.refuse(key, item, name.to_owned(), format!("must be a table: [{name}]")),
                }
            } else {
                match SECTIONS.iter().find(|section| section.name.is_empty()) {
                    Some(top) if top.key(name).is_some() => self.key(top, key, item),
                    _ => self.refuse(key, item, name.to_owned(), unknown_at_top()),
                }
            }
        }
    }

    fn section(&mut self, section: &SectionSchema, table: &DeTable<'_>) {
        for (key, item) in table {
            self.key(section, key, item);
        }
    }

    fn key(&mut self, section: &SectionSchema, key: &Key<'_>, item: &Item<'_>) {
        let name = key.get_ref().as_ref();
        let full = section.full_key(name);
        if self.syntax.is_spoilt(key.span().start) {
            self.found.refused.insert(full);
            return;
        }
        let Some(schema) = section.key(name) else {
            let known: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
            let reason = format!("unknown key; [{}] has: {}", section.name, known.join(", "));
            return self.refuse(key, item, full, reason);
        };
        match Value::from_toml(item.get_ref()) {
            None => self.refuse(key, item, full, format!("must be {}", schema.kind)),
            Some(value) => match schema.kind.check(&value) {
                Ok(()) => self.accept(key, full, value),
                Err(reason) => self.refuse(key, item, full, reason),
            },
        }
    }

    fn monitors(&mut self, key: &Key<'_>, item: &Item<'_>) {
        let DeValue::Array(tables) = item.get_ref() else {
            let reason = "each monitor is a table of its own: [[monitor]]".to_owned();
            return self.refuse(key, item, MONITOR.name.to_owned(), reason);
        };
        let mut seen = BTreeSet::new();
        for table in tables.iter() {
            match table.get_ref() {
                DeValue::Table(entries) => self.monitor(table.span(), entries, &mut seen),
                _ => {
                    let reason = "must be a table: [[monitor]]".to_owned();
                    let written = self.written(table.span());
                    self.fault(table.span().start, MONITOR.name.to_owned(), Some(written), reason);
                }
            }
        }
    }

    fn monitor(&mut self, span: Range<usize>, table: &DeTable<'_>, seen: &mut BTreeSet<MonitorId>) {
        let id = self.monitor_id(span.clone(), table);
        let full_key = |key: &str| match &id {
            Some(id) => id.full_key(key),
            None => format!("{}.{key}", MONITOR.name),
        };
        for (key, item) in table {
            let name = key.get_ref().as_ref();
            if matches!(name, "rule" | "instance") {
                continue;
            }
            let value = Value::from_toml(item.get_ref());
            match (monitor::check_key(name, value.as_ref()), value) {
                (Err(reason), _) => self.refuse(key, item, full_key(name), reason),
                (Ok(()), Some(value)) if id.is_some() => self.accept(key, full_key(name), value),
                // A value for no known monitor: the fault is told already.
                (Ok(()), _) => {}
            }
        }
        if id.is_some_and(|id| !seen.insert(id)) {
            let reason = "this monitor stands twice in the file; make one of the two".to_owned();
            self.fault(span.start, MONITOR.name.to_owned(), None, reason);
        }
    }

    /// The rule and instance that a `[[monitor]]` is for, or `None` after telling what is wrong.
    fn monitor_id(&mut self, span: Range<usize>, table: &DeTable<'_>) -> Option<MonitorId> {
        let entry = |name: &str| table.iter().find(|(key, _)| key.get_ref() == name);
        let Some((rule_key, rule)) = entry("rule") else {
            let reason = format!("is missing, and {}", monitor::must_be_a_rule());
            self.fault(span.start, "monitor.rule".to_owned(), None, reason);
            return None;
        };
        let instance = entry("instance");
        // What is no text is as wrong as an empty one.
        let text = |item: &Item<'_>| item.get_ref().as_str().unwrap_or_default().to_owned();
        let instance_text = instance.map(|(_, item)| text(item));
        match (MonitorId::new(&text(rule), instance_text.as_deref()), instance) {
            (Ok(id), _) => Some(id),
            (Err(("instance", reason)), Some((key, item))) => {
                self.refuse(key, item, "monitor.instance".to_owned(), reason);
                None
            }
            (Err((_, reason)), _) => {
                self.refuse(rule_key, rule, "monitor.rule".to_owned(), reason);
                None
            }
        }
    }

    fn accept(&mut self, key: &Key<'_>, full: String, value: Value) {
        let place = self.place(key.span().start);
        self.found.layer.insert(full, (value, place));
    }

    fn refuse(&mut self, key: &Key<'_>, item: &Item<'_>, full: String, reason: String) {
        self.found.refused.insert(full.clone());
        let written = self.written(item.span());
        self.fault(key.span().start, full, Some(written), reason);
    }

    /// What follows from a broken line is no fault of its own.
    fn fault(&mut self, at: usize, key: String, value: Option<String>, reason: String) {
        if self.syntax.is_spoilt(at) {
            return;
        }
        let place = self.place(at);
        self.found.faults.push(Fault {
            place,
            key,
            value,
            reason,
        });
    }

    fn place(&self, at: usize) -> Source {
        Source::File {
            file: self.file.to_path_buf(),
            line: Some(self.lines.number(at)),
        }
    }

    /// What stands at the place, on one line and not too long.
    fn written(&self, span: Range<usize>) -> String {
        const LONGEST: usize = 60;
        let text = self.text.get(span).unwrap_or_default();
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= LONGEST {
            line
        } else {
            line.chars().take(LONGEST).chain(['…']).collect()
        }
    }
}

fn unknown_at_top() -> String {
    let mut known: Vec<String> = Vec::new();
    for section in SECTIONS {
        if section.name.is_empty() {
            known.extend(section.keys.iter().map(|key| key.name.to_owned()));
        } else {
            known.push(format!("[{}]", section.name));
        }
    }
    format!(
        "unknown; a configuration has: {}, [[{}]]",
        known.join(", "),
        MONITOR.name
    )
}
