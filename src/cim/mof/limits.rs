//! How much a compilation may be asked for. The largest schema in use, DMTF's, needs about a tenth.

/// Faults that are reported; there is no point in more.
pub(super) const FAULTS: usize = 100;

/// Bytes of one source that [`compile`](super::compile) takes.
pub const MAX_SOURCE_BYTES: usize = 32 << 20;

/// Bytes of all sources.
pub(super) const TOTAL_BYTES: usize = 256 << 20;

/// Sources.
pub(super) const SOURCES: usize = 50_000;

/// Files that are open at once because each includes the next.
pub(super) const INCLUDE_DEPTH: usize = 32;

/// Instances inside instances, and aliases that lead to aliases.
pub(super) const NESTED_INSTANCES: usize = 32;

/// Properties, methods, or qualifiers of one element, inherited ones included.
pub(super) const MEMBERS: usize = 1024;

/// Members and qualifiers of all classes, inherited ones included.
pub(super) const ALL_MEMBERS: usize = 1_000_000;
