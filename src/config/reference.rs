//! The reference part of `docs/configuration.md`.

use std::fmt::Write as _;

use super::monitor::Rule;
use super::schema::{Key, MONITOR, SECTIONS, SectionSchema};

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
    text.push_str("| Rule | Worse is | Warning / reset | Critical / reset | Interval | Hold |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for rule in Rule::ALL {
        let own = |name: &str| {
            let value = rule.defaults().into_iter().find(|(key, _)| *key == name);
            value.map_or_else(|| "–".to_owned(), |(_, value)| value.to_string())
        };
        let (worse, interval) = match rule {
            Rule::Degradation => ("a state", "at start".to_owned()),
            Rule::Storage => ("a state", format!("{} s", own("interval_secs"))),
            Rule::FileSystem => ("below", format!("{} s", own("interval_secs"))),
            Rule::Cpu | Rule::PhysicalMemory | Rule::VirtualMemory | Rule::PageFile => {
                ("above", format!("{} s", own("interval_secs")))
            }
        };
        let _ = writeln!(
            text,
            "| `{rule}` | {worse} | {} / {} | {} / {} | {interval} | {} |",
            own("warning"),
            own("warning_reset"),
            own("critical"),
            own("critical_reset"),
            own("hold_samples"),
        );
    }
}
