//! Writing to the system log.

mod writer;

pub use writer::{SyslogWriter, WriterCounts};
