//! Writing and following system logs.
