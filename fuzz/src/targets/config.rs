//! The configuration file.

use esm::config::{Config, Environment};

/// A file is taken or refused with its faults; none is silent.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(faults) = Config::parse(&text, &Environment::default()) {
        assert!(!faults.to_string().is_empty());
    }
}
