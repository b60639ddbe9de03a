//! What is no TOML in a file: each fault once, and the lines that cannot be taken at their word because of it.
//!
//! The parser goes on behind a fault, and what it makes of the rest is a guess: what follows a broken head of a table
//! stands in no table, and an array that is not closed takes in the lines behind it.

use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};

use super::lines::Lines;

/// The faults, and what they spoil.
#[derive(Debug, Default)]
pub(super) struct Syntax {
    /// Where each fault is in the text, and what it is; in the order of the text.
    pub(super) faults: Vec<(usize, String)>,
    /// Whole lines, which say nothing for sure; in order, none touching another.
    spoilt: Vec<Range<usize>>,
}

impl Syntax {
    /// Judges what the parser says of the text.
    pub(super) fn of(text: &str, lines: &Lines, document: &DeTable<'_>, errors: &[Error]) -> Self {
        let place = |error: &Error| error.span().map_or(text.len(), |span| span.start);
        let mut errors: Vec<(usize, &str)> = errors
            .iter()
            .map(|error| (place(error), error.message()))
            .collect();
        errors.sort_by_key(|(at, _)| *at);
        let mut found = Self::default();
        if errors.is_empty() {
            return found;
        }
        let mut values = Vec::new();
        collect_values(text, document, &mut values);
        values.sort_by_key(|value| value.start);
        let mut rest = errors.as_slice();
        for value in values {
            let (before, others) = rest.split_at(rest.partition_point(|(at, _)| *at < value.start));
            let (inside, behind) = others.split_at(others.partition_point(|(at, _)| *at <= value.end));
            found.take_each(text, lines, before);
            found.take_value(lines, value, inside);
            rest = behind;
        }
        found.take_each(text, lines, rest);
        found
    }

    /// Whether what stands there cannot be taken at its word.
    pub(super) fn is_spoilt(&self, at: usize) -> bool {
        let next = self.spoilt.partition_point(|lines| lines.end <= at);
        self.spoilt.get(next).is_some_and(|lines| lines.contains(&at))
    }

    /// The first fault of each line.
    fn take_each(&mut self, text: &str, lines: &Lines, errors: &[(usize, &str)]) {
        let mut last = None;
        for (at, message) in errors {
            let mut spoilt = lines.around(*at..*at);
            if last.replace(spoilt.start) == Some(spoilt.start) {
                continue;
            }
            let is_head = text
                .get(spoilt.clone())
                .is_some_and(|line| line.trim_start().starts_with('['));
            if is_head && *message != DUPLICATE {
                spoilt.end = next_head(text, spoilt.end);
            }
            self.take(*at, message, spoilt);
        }
    }

    /// Everything that is wrong within one value is one fault, of which the end that is missing is the cause.
    fn take_value(&mut self, lines: &Lines, value: Range<usize>, errors: &[(usize, &str)]) {
        let unclosed = errors
            .iter()
            .find(|(_, message)| message.starts_with("unclosed"))
            .map(|(_, message)| (value.start, *message));
        if let Some((at, message)) = unclosed.or(errors.first().copied()) {
            self.take(at, message, lines.around(value));
        }
    }

    fn take(&mut self, at: usize, message: &str, spoilt: Range<usize>) {
        let reason = format!("not TOML: {}", message.trim().replace('\n', "; "));
        self.faults.push((at, reason));
        match self.spoilt.last_mut() {
            Some(last) if spoilt.start <= last.end => last.end = last.end.max(spoilt.end),
            _ => self.spoilt.push(spoilt),
        }
    }
}

/// What the parser says of a table or key that stands twice: it is well-formed, and so is what follows it.
const DUPLICATE: &str = "duplicate key";

/// Where the values stand that are written behind a key, whole arrays and inline tables among them.
fn collect_values(text: &str, table: &DeTable<'_>, found: &mut Vec<Range<usize>>) {
    for (_, item) in table {
        let begins = |with: &str| text.get(item.span()).is_some_and(|text| text.starts_with(with));
        match item.get_ref() {
            DeValue::Table(table) if !begins("{") => collect_values(text, table, found),
            DeValue::Array(items) if begins("[[") && items.iter().all(|item| item.get_ref().is_table()) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                tables.for_each(|table| collect_values(text, table, found));
            }
            _ => found.push(item.span()),
        }
    }
}

/// Where the first line at or behind `from` begins that is the head of a table; the end of the text without one.
fn next_head(text: &str, from: usize) -> usize {
    let mut at = from;
    for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            break;
        }
        at += line.len();
    }
    at
}
