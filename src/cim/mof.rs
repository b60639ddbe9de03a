//! A compiler for MOF, the text form of classes and instances (DSP0004, 7 and annex A).
//!
//! [`compile`] reads files through a [`Loader`], so that this module opens none itself, and gives a
//! [`Schema`](crate::cim::schema::Schema). A file is parsed once however often it is included; in a namespace
//! its declarations count once. Declarations may stand in any order: names are looked up when all files are
//! read. All faults of a run are reported together, each with its file, line and column.

mod ast;
mod compiler;
mod error;
mod lexer;
mod limits;
mod parser;
mod print;
mod source;
#[cfg(test)]
mod tests;

pub use compiler::{Compiled, Root, compile};
pub use error::{MofError, MofErrors, Place, Problem};
pub use limits::MAX_SOURCE_BYTES;
pub use print::{print, print_class};
pub use source::Loader;
