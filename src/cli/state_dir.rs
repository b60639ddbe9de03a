//! The state folder, made by whichever command needs it first.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;

use super::exit::{Exit, Failure};
use crate::config::Config;

/// Makes the state folder, for its owner alone, if there is none.
///
/// # Errors
/// If it cannot be made.
pub fn ensure(config: &Config) -> Result<(), Failure> {
    let folder = &config.state_dir;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::new(Exit::Local, format!("{}: {error}", folder.display())))
}
