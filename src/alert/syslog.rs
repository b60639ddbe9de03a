//! An alert as a line of the system log: `SRC:<source>, ID:<8 hex digits>, MSG:<message>`, facility user.

use super::{Alert, Language, Severity};

/// The longest message text, in bytes: with its header the line stays below the 8 KiB that common log
/// daemons take in one piece.
const MAX_TEXT_BYTES: usize = 7 * 1024;

/// The priority and the text of one log line; the header (time and tag) is its writer's business.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SyslogLine {
    /// Facility and severity as one number (RFC 3164 §4.1.1).
    pub priority: u8,
    /// The text after the tag: one line, no control characters.
    pub text: String,
}

/// The log line of `alert`, its message in `language`.
pub fn syslog_line(alert: &Alert, language: Language) -> SyslogLine {
    let message = one_line(alert.message.in_language(language));
    let source = log_name(&alert.source);
    SyslogLine {
        priority: priority(alert.severity),
        text: format!("SRC:{source}, ID:{}, MSG:{message}", alert.event_id),
    }
}

/// Facility user (1) with info (6), warning (4) or err (3).
const fn priority(severity: Severity) -> u8 {
    const USER: u8 = 1 << 3;
    match severity {
        Severity::Information => USER | 6,
        Severity::Warning => USER | 4,
        Severity::Critical => USER | 3,
    }
}

/// The one source that logs have always shown in mixed case keeps its spelling there.
fn log_name(source: &str) -> &str {
    if source == "ESMCOMMONSERVICE" {
        "ESMCommonService"
    } else {
        source
    }
}

/// Control characters would end the line or be escaped by the daemon: each becomes a space.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut end = line.len().min(MAX_TEXT_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;
    use crate::alert::State;

    #[test]
    fn the_line_has_the_known_shape() {
        let line = syslog_line(&sample(State::Critical), Language::English);
        assert_eq!(line.priority, 11);
        insta::assert_snapshot!(
            line.text,
            @"SRC:ESMFSSERVICE, ID:C0000302, MSG:The free space of the file system /var has fallen to 2.5 %: the critical level of 3 % is reached."
        );
    }

    #[test]
    fn each_severity_has_its_priority() {
        let priority = |state| syslog_line(&sample(state), Language::English).priority;
        assert_eq!((priority(State::Warning), priority(State::Normal)), (12, 14));
    }

    #[test]
    fn a_message_is_one_line_and_cut_between_characters() {
        let mut alert = sample(State::Warning);
        alert.source = "ESMCOMMONSERVICE".to_owned();
        alert.message.ja = "一\n二\u{7}".to_owned() + &"三".repeat(5_000);
        let line = syslog_line(&alert, Language::Japanese);
        assert!(
            line.text
                .starts_with("SRC:ESMCommonService, ID:80000301, MSG:一 二 三"),
            "{}",
            line.text
        );
        assert!(line.text.len() <= MAX_TEXT_BYTES + 60);
        assert!(line.text.ends_with('三'));
    }
}
