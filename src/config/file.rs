//! Reading the file: every value into its place, every fault with its line.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use super::monitor::{self, Rule};
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
    let mut reader = Reader {
        file,
        text,
        found: FileValues::default(),
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.syntax_error(error);
    }
    let spoilt: BTreeSet<Option<usize>> = reader
        .found
        .faults
        .iter()
        .map(|fault| fault.place.line())
        .collect();
    reader.document(document.get_ref());
    // What follows from a broken line is no fault of its own.
    let mut index = 0;
    reader.found.faults.retain(|fault| {
        index += 1;
        index <= errors.len() || !spoilt.contains(&fault.place.line())
    });
    reader.found
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    found: FileValues,
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Item<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn syntax_error(&mut self, error: &toml::de::Error) {
        let at = error.span().map_or(self.text.len(), |span| span.start);
        let reason = format!("not TOML: {}", error.message().trim().replace('\n', "; "));
        self.fault(at, String::new(), None, reason);
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

    fn monitor(&mut self, span: Range<usize>, table: &DeTable<'_>, seen: &mut BTreeSet<String>) {
        let Some((rule, instance)) = self.monitor_id(span.clone(), table) else {
            return self.monitor_without_id(table);
        };
        let id = monitor::id(rule, instance.as_deref());
        if !seen.insert(id.clone()) {
            let reason = "this monitor stands twice in the file; make one of the two".to_owned();
            self.fault(span.start, format!("{}.{id}", MONITOR.name), None, reason);
        }
        for (key, item) in table {
            let name = key.get_ref().as_ref();
            if matches!(name, "rule" | "instance") {
                continue;
            }
            let full = monitor::full_key(&id, name);
            let checked = match Value::from_toml(item.get_ref()) {
                Some(value) => monitor::check_key(rule, name, &value).map(|()| value),
                None => Err(match MONITOR.key(name) {
                    Some(schema) => format!("must be {}", schema.kind),
                    None => monitor::unknown_key(),
                }),
            };
            match checked {
                Ok(value) => self.accept(key, full, value),
                Err(reason) => self.refuse(key, item, full, reason),
            }
        }
    }

    /// The rule and instance that a `[[monitor]]` is for, or `None` after telling what is wrong.
    fn monitor_id(&mut self, span: Range<usize>, table: &DeTable<'_>) -> Option<(Rule, Option<String>)> {
        let entry = |name: &str| table.iter().find(|(key, _)| key.get_ref() == name);
        let Some((key, item)) = entry("rule") else {
            let names = Rule::ALL.map(Rule::name).join(", ");
            let reason = format!("a monitor needs `rule`, one of {names}");
            self.fault(span.start, "monitor.rule".to_owned(), None, reason);
            return None;
        };
        let Some(rule) = item.get_ref().as_str().and_then(Rule::from_name) else {
            let reason = format!("must be one of {}", Rule::ALL.map(Rule::name).join(", "));
            self.refuse(key, item, "monitor.rule".to_owned(), reason);
            return None;
        };
        let Some((key, item)) = entry("instance") else {
            return Some((rule, None));
        };
        let checked = match item.get_ref().as_str() {
            Some(instance) => monitor::check_instance(rule, instance).map(|()| instance.to_owned()),
            None => Err("must be a text".to_owned()),
        };
        match checked {
            Ok(instance) => Some((rule, Some(instance))),
            Err(reason) => {
                self.refuse(key, item, "monitor.instance".to_owned(), reason);
                None
            }
        }
    }

    /// Checks what can be checked of a monitor whose rule is not known.
    fn monitor_without_id(&mut self, table: &DeTable<'_>) {
        for (key, item) in table {
            let name = key.get_ref().as_ref();
            let full = format!("{}.{name}", MONITOR.name);
            match MONITOR.key(name) {
                None => self.refuse(key, item, full, monitor::unknown_key()),
                Some(schema) if !matches!(name, "rule" | "instance") => {
                    let checked = Value::from_toml(item.get_ref()).map(|value| schema.kind.check(&value));
                    if !matches!(checked, Some(Ok(()))) {
                        self.refuse(key, item, full, format!("must be {}", schema.kind));
                    }
                }
                Some(_) => {}
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

    fn fault(&mut self, at: usize, key: String, value: Option<String>, reason: String) {
        let place = self.place(at);
        self.found.faults.push(Fault {
            place,
            key,
            value,
            reason,
        });
    }

    fn place(&self, at: usize) -> Source {
        let before = self.text.as_bytes().iter().take(at);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Source::File {
            file: self.file.to_path_buf(),
            line: Some(line),
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
