//! Fuzz targets: one function per parser, each fed with any bytes.
//!
//! A target fails by panicking. Beside not failing by itself, a parser that has a counterpart must be stable: what
//! is written of a value reads back to the same value.
//!
//! The functions are called by libFuzzer (`fuzz_targets/`) and by `src/bin/smoke.rs`, which needs no more than a
//! stable compiler.

pub mod mutate;
mod targets;

/// A parser under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name, of the seeds' folder too.
    pub name: &'static str,
    /// What is done with the bytes.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident in $module:ident),* $(,)?) => {
        $(pub use targets::$module::$name;)*

        /// All targets, in alphabetical order.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name }),*];
    };
}

targets! {
    accounts in net,
    configuration in config,
    datetime in cim,
    mof in cim,
    netlink in host,
    path in cim,
    proc in host,
    query in query,
    smbios in host,
    url in net,
    xml in xml,
    xpath in query,
}
