//! The schema that the agent serves, in as little memory as can be.

use std::panic::resume_unwind;
use std::thread;

use crate::cim::mof::MofErrors;
use crate::cim::schema::{Schema, house};

/// Compiles the house schema.
///
/// The system's allocator keeps the memory of a thread apart. So a schema is compiled on one thread, copied here,
/// and thrown away on a thread again: all that the compiler needed goes back to the system.
///
/// # Errors
/// As [`house`].
pub(super) fn schema() -> Result<Schema, MofErrors> {
    let compiled = aside(house)?;
    let schema = compiled.compacted();
    aside(move || drop(compiled));
    Ok(schema)
}

fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let done = scope.spawn(work).join();
        done.unwrap_or_else(|panic| resume_unwind(panic))
    })
}
