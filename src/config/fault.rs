//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

use super::values::Source;

/// One fault: where it stands, which key and value, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where the value comes from.
    pub place: Source,
    /// The full key (`wsman.listen`), or empty when the fault is no key's.
    pub key: String,
    /// The value as it was written, if there is one.
    pub value: Option<String>,
    /// What is wrong, and the allowed range or form.
    pub reason: String,
}

/// `FILE:LINE: KEY = VALUE: REASON`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match (self.key.as_str(), &self.value) {
            ("", _) => {}
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
            (key, None) => write!(f, "{key}: ")?,
        }
        f.write_str(&self.reason)
    }
}

/// Every fault of a configuration, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFaults {
    faults: Vec<Fault>,
    is_unreadable: bool,
}

impl ConfigFaults {
    /// `Ok` if there is no fault; all of them, sorted by place, otherwise.
    ///
    /// # Errors
    /// These faults.
    pub fn none_of(mut faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() {
            return Ok(());
        }
        faults.sort_by_key(|fault| fault.place.line());
        Err(Self {
            faults,
            is_unreadable: false,
        })
    }

    /// The file could not be read.
    pub(super) fn unreadable(file: PathBuf, error: &std::io::Error) -> Self {
        Self {
            is_unreadable: true,
            ..Self::of_file(file, format!("cannot be read: {error}"))
        }
    }

    /// The file as a whole is none.
    pub(super) fn of_file(file: PathBuf, reason: String) -> Self {
        let place = Source::File { file, line: None };
        Self {
            faults: vec![Fault {
                place,
                key: String::new(),
                value: None,
                reason,
            }],
            is_unreadable: false,
        }
    }

    /// Whether nothing is known of the file, as it could not be read.
    pub const fn is_unreadable(&self) -> bool {
        self.is_unreadable
    }

    /// The faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.faults.iter()
    }
}

impl std::error::Error for ConfigFaults {}

/// One fault per line.
impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}
