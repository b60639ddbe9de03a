//! The reference part of `docs/configuration.md`.

use std::fmt::Write as _;

use super::monitor::default_value;
use super::schema::{Key, MONITOR, SECTIONS, SectionSchema};
use crate::monitor::{Setting, default_rules};

/// Every section and key, in Markdown: what `docs/configuration.md` holds below its marker line.
pub fn reference() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let title = if section.name.is_empty() {
            "Before any section".to_owned()
        } else {
            format!("`[{}]`", section.name)
        };
        one_section(&mut text, &title, section);
    }
    one_section(&mut text, "`[[monitor]]`", &MONITOR);
    rules(&mut text);
    text
}

fn one_section(text: &mut String, title: &str, section: &SectionSchema) {
    let _ = write!(text, "### {title}\n\n{}\n\n", section.doc);
    text.push_str("| Key | What it is for | Allowed | Default |\n|---|---|---|---|\n");
    for Key {
        name,
        kind,
        default,
        doc,
    } in section.keys
    {
        let _ = writeln!(text, "| `{name}` | {doc} | {kind} | {} |", default.describe());
    }
    text.push('\n');
}

fn rules(text: &mut String) {
    text.push_str("The rules as they come (levels in percent):\n\n");
    text.push_str("| Rule | Bad is | Warning / reset | Critical / reset | Interval | Hold |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for rule in default_rules() {
        let own = |setting: Setting| default_value(&rule, setting);
        let _ = writeln!(
            text,
            "| `{}` | {} | {} / {} | {} / {} | {} s | {} |",
            rule.id,
            rule.direction.name(),
            own(Setting::Warning),
            own(Setting::WarningReset),
            own(Setting::Critical),
            own(Setting::CriticalReset),
            own(Setting::IntervalSecs),
            own(Setting::HoldSamples),
        );
    }
}
