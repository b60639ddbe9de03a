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
    cim_reply in cimxml,
    cim_request in cimxml,
    configuration in config,
    datetime in cim,
    delivery in wsman,
    envelope in wsman,
    export_reply in cimxml,
    export_request in cimxml,
    mof in cim,
    netlink in host,
    path in cim,
    proc in host,
    query in query,
    reply in wsman,
    smbios in host,
    url in net,
    wsman_text in wsman,
    xml in xml,
    xpath in query,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_a_binary_and_a_line_in_the_documentation() {
        let manifest = include_str!("../Cargo.toml");
        let documentation = include_str!("../../docs/fuzzing.md");
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for Target { name, .. } in TARGETS {
            assert!(folder.join("seeds").join(name).is_dir(), "{name} has no seeds");
            assert!(
                folder.join(format!("fuzz_targets/{name}.rs")).is_file(),
                "{name} has no binary"
            );
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
                "{name} is not built"
            );
            assert!(
                documentation.contains(&format!("| `{name}` |")),
                "{name} is not documented"
            );
        }
        assert_eq!(
            std::fs::read_dir(folder.join("fuzz_targets")).unwrap().count(),
            TARGETS.len()
        );
    }
}
