//! The five states of a monitor.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Severity;

/// What a monitor says of its target.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody is looking: switched off, no level set, or the target is gone.
    Unmonitored,
    /// There is no value to judge.
    Unknown,
    /// No level is crossed.
    Normal,
    /// The warning level is crossed.
    Warning,
    /// The critical level is crossed.
    Critical,
}

impl State {
    /// Every state, mildest first.
    pub const ALL: [Self; 5] = [
        Self::Unmonitored,
        Self::Unknown,
        Self::Normal,
        Self::Warning,
        Self::Critical,
    ];

    /// The state's name, as in `normal`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unmonitored => "unmonitored",
            Self::Unknown => "unknown",
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The three letters that consoles show, as in `Nor`.
    pub const fn abbreviation(self) -> &'static str {
        match self {
            Self::Unmonitored => "Unm",
            Self::Unknown => "Unk",
            Self::Normal => "Nor",
            Self::Warning => "War",
            Self::Critical => "Cri",
        }
    }

    /// The state of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|state| state.name().eq_ignore_ascii_case(name))
    }

    /// How bad it is to come into this state.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Unmonitored | Self::Normal => Severity::Information,
            Self::Unknown | Self::Warning => Severity::Warning,
            Self::Critical => Severity::Critical,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
