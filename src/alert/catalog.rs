//! The catalog: every alert that the agent can raise, with its number, severity and texts.
//!
//! The table itself is in [`table`]; here are the ways into it and the making of an [`Alert`] from it.

pub mod table;

use super::{Alert, Crossing, EventId, Occasion, Severity, State, Target, Text};

/// A source of alerts and the numbers that belong to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Source {
    /// Processor load.
    CpuPerf,
    /// Physical memory, virtual memory, page file.
    MemoryUsage,
    /// File systems.
    FileSystem,
    /// Drives.
    Storage,
    /// Hardware as a whole.
    Common,
    /// The agent itself.
    Agent,
}

impl Source {
    /// The name that receivers know, as in `ESMCPUPERF`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CpuPerf => "ESMCPUPERF",
            Self::MemoryUsage => "ESMMEMORYUSAGE",
            Self::FileSystem => "ESMFSSERVICE",
            Self::Storage => "ESM STORAGE SERVICE",
            Self::Common => "ESMCOMMONSERVICE",
            Self::Agent => "ESMAGENT",
        }
    }
}

/// One line of the catalog.
#[derive(Debug)]
pub struct Entry {
    /// Who speaks.
    pub source: Source,
    /// The event's number, 1 to FFF.
    pub number: u16,
    /// How bad it is.
    pub severity: Severity,
    /// `ProbableCause` of CIM_AlertIndication.
    pub probable_cause: u16,
    /// The names of the message's variable parts, in the order of `MessageArguments`.
    pub arguments: &'static [&'static str],
    /// The one-line summary.
    pub trap_name: Words,
    /// What happened, with `{argument}` placeholders.
    pub message: Words,
    /// What to do about it.
    pub remedy: Words,
}

/// A fixed text in every language.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// English.
    pub en: &'static str,
    /// Japanese.
    pub ja: &'static str,
}

impl Words {
    fn text(self) -> Text {
        Text {
            en: self.en.to_owned(),
            ja: self.ja.to_owned(),
        }
    }

    fn render(self, names: &[&str], values: &[String]) -> Text {
        Text {
            en: fill(self.en, names, values),
            ja: fill(self.ja, names, values),
        }
    }
}

impl Entry {
    /// The event's full number.
    pub const fn event_id(&self) -> EventId {
        EventId::new(self.severity, self.number)
    }

    /// `AlertType` of CIM_AlertIndication: other 1, communications 2, quality of service 3, processing error 4,
    /// device 5, security 8.
    pub const fn alert_type(&self) -> u16 {
        use table::agent;
        match self.source {
            Source::CpuPerf | Source::MemoryUsage | Source::FileSystem => 3,
            Source::Storage | Source::Common => 5,
            Source::Agent => match self.number {
                agent::CERTIFICATE_EXPIRING
                | agent::CERTIFICATE_RENEWED
                | agent::CERTIFICATE_REPLACED
                | agent::CERTIFICATE_UNUSABLE => 8,
                agent::LEASE_LAPSED | agent::DELIVERY_GIVEN_UP => 2,
                agent::WORKER_RESTARTED
                | agent::LOG_UNREADABLE
                | agent::STORE_DAMAGED
                | agent::CONFIGURATION_REFUSED => 4,
                _ => 1,
            },
        }
    }

    /// An alert of this kind. `values` are the message's variable parts in the order of
    /// [`Entry::arguments`]; a missing one leaves its place empty.
    pub fn alert(&self, occasion: Occasion, target: Target, values: Vec<String>) -> Alert {
        Alert {
            identifier: format!("ESM:{}", occasion.id),
            source: self.source.name().to_owned(),
            event_id: self.event_id(),
            severity: self.severity,
            at: occasion.at,
            system_name: occasion.system_name,
            target,
            crossing: None,
            alert_type: self.alert_type(),
            probable_cause: self.probable_cause,
            trap_name: self.trap_name.text(),
            message: self.message.render(self.arguments, &values),
            arguments: values,
            remedy: self.remedy.text(),
        }
    }
}

/// The entry with the event number `number`.
pub fn find(number: u16) -> Option<&'static Entry> {
    table::ALL
        .iter()
        .copied()
        .flatten()
        .find(|entry| entry.number == number)
}

/// The entry that tells a rule's change from `previous` to `state`; none for a rule without a place in
/// the catalog and for a change that is none.
pub fn threshold_entry(rule: &str, previous: State, state: State) -> Option<&'static Entry> {
    let (_, block) = table::RULE_BLOCKS.iter().find(|(name, _)| *name == rule)?;
    let digit = match (previous, state) {
        (State::Critical, State::Warning) => 3,
        (_, State::Warning) => 1,
        (_, State::Critical) => 2,
        (_, State::Normal) => 4,
        (_, State::Unknown) => 5,
        (_, State::Unmonitored) => 6,
    };
    find(block + digit)
}

/// The alert that tells of `crossing`, seen by `rule` at `target`. The observed value and the threshold are
/// message arguments where the catalog's text has a place for them.
pub fn threshold_alert(rule: &str, occasion: Occasion, target: Target, crossing: Crossing) -> Option<Alert> {
    let entry = threshold_entry(rule, crossing.previous, crossing.state)?;
    let argument = |name: &&str| match *name {
        "target" => target.name.clone(),
        "value" => crossing.observed.map(number_text).unwrap_or_default(),
        "limit" => crossing.threshold.map(number_text).unwrap_or_default(),
        _ => String::new(),
    };
    let values = entry.arguments.iter().map(argument).collect();
    Some(Alert {
        crossing: Some(crossing),
        ..entry.alert(occasion, target, values)
    })
}

/// A measured value for people: one decimal, none where it would be zero.
pub fn number_text(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Replaces each `{name}` by its value. What a value holds is never looked at again.
fn fill(template: &str, names: &[&str], values: &[String]) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, name, after)) = next_placeholder(rest) {
        out.push_str(before);
        let position = names.iter().position(|known| *known == name);
        if let Some(value) = position.and_then(|at| values.get(at)) {
            out.push_str(value);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Splits `text` around its first `{name}`.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, tail) = text.split_once('{')?;
    let (name, after) = tail.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    fn entries() -> impl Iterator<Item = &'static Entry> {
        table::ALL.iter().copied().flatten()
    }

    fn placeholders(text: &str) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        let mut rest = text;
        while let Some((_, name, after)) = next_placeholder(rest) {
            names.insert(name);
            rest = after;
        }
        names
    }

    #[test]
    fn numbers_are_unique_and_in_range() {
        let mut seen = HashSet::new();
        for entry in entries() {
            assert!((1..=0xFFF).contains(&entry.number), "{:X}", entry.number);
            assert!(seen.insert(entry.number), "{:X} stands twice", entry.number);
        }
    }

    #[test]
    fn both_languages_say_the_same_arguments() {
        for entry in entries() {
            let declared: BTreeSet<_> = entry.arguments.iter().copied().collect();
            assert_eq!(
                placeholders(entry.message.en),
                declared,
                "{:X} English",
                entry.number
            );
            assert_eq!(
                placeholders(entry.message.ja),
                declared,
                "{:X} Japanese",
                entry.number
            );
            for words in [entry.trap_name, entry.remedy] {
                assert!(placeholders(words.en).is_empty() && placeholders(words.ja).is_empty());
            }
        }
    }

    #[test]
    fn texts_are_there_and_fit_the_oldest_receivers() {
        for entry in entries() {
            let at = entry.number;
            for (words, limit) in [(entry.trap_name, 79), (entry.message, 400), (entry.remedy, 507)] {
                assert!(
                    !words.en.is_empty() && words.en.is_ascii(),
                    "{at:X}: {}",
                    words.en
                );
                assert!(words.en.len() <= limit, "{at:X}: {}", words.en);
                // Two bytes for each full-width character, as in Shift_JIS.
                let width: usize = words.ja.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                assert!(!words.ja.is_ascii(), "{at:X}: {}", words.ja);
                assert!(width <= limit, "{at:X}: {}", words.ja);
            }
        }
    }

    #[test]
    fn every_rule_tells_every_change() {
        for (rule, block) in table::RULE_BLOCKS {
            for previous in State::ALL {
                for state in State::ALL.into_iter().filter(|state| *state != previous) {
                    let entry = threshold_entry(rule, previous, state).unwrap();
                    assert_eq!(entry.number & 0xFF0, *block);
                    assert_eq!(entry.severity, state.severity(), "{:X}", entry.number);
                }
            }
        }
        assert!(threshold_entry("no-such-rule", State::Normal, State::Warning).is_none());
    }

    #[test]
    fn numbers_stand_in_the_blocks_of_their_sources() {
        for entry in entries() {
            let block = match entry.source {
                Source::CpuPerf => 0x100..=0x10F,
                Source::MemoryUsage => 0x200..=0x22F,
                Source::FileSystem => 0x300..=0x30F,
                Source::Storage => 0x400..=0x40F,
                Source::Common => 0x501..=0x5FF,
                Source::Agent => 0x601..=0x6FF,
            };
            assert!(block.contains(&entry.number), "{:X}", entry.number);
        }
    }

    #[track_caller]
    fn check_fill(template: &str, expect: &str) {
        assert_eq!(
            fill(template, &["a", "b"], &["{b}".to_owned(), "2".to_owned()]),
            expect
        );
    }

    #[test]
    fn placeholders_are_filled_once() {
        check_fill("{a} and {b}", "{b} and 2");
        check_fill("none", "none");
        check_fill("{unknown}.", ".");
        check_fill("open { end", "open { end");
    }

    #[test]
    fn numbers_are_short() {
        let text = [85.0, 2.55, 0.04, 100.0].map(number_text);
        assert_eq!(text, ["85", "2.5", "0", "100"]);
    }
}
