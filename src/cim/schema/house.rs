//! The schema that the program brings along: `schemas/*.mof`, compiled when it starts.

use std::borrow::Cow;

use super::Schema;
use crate::cim::Namespace;
use crate::cim::mof::{Loader, MofErrors, Root, compile};

/// Names the files of `schemas/`, which are part of the binary.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../schemas/", $name)))),*]
    };
}

const FILES: [(&str, &str); 17] = files![
    "cim_core.mof",
    "cim_device.mof",
    "cim_event.mof",
    "cim_file_system.mof",
    "cim_interop.mof",
    "cim_namespace.mof",
    "cim_subscription.mof",
    "cim_system.mof",
    "esm_agent.mof",
    "esm_host.mof",
    "esm_indication.mof",
    "esm_system.mof",
    "qualifiers.mof",
    "root.mof",
    "root_cimv2.mof",
    "root_esmpro_as.mof",
    "root_interop.mof",
];

/// The files that name the others; each says its namespace itself.
const ROOTS: [&str; 4] = [
    "root.mof",
    "root_cimv2.mof",
    "root_esmpro_as.mof",
    "root_interop.mof",
];

/// Files that are there in builds for test suites alone; each is named by itself.
const TEST_FILES: &[(&str, &str)] = &[
    #[cfg(feature = "test-provider")]
    (
        "test_provider.mof",
        include_str!("../../../schemas/test/test_provider.mof"),
    ),
];

const ROOT: Namespace = Namespace::from_static("root");
const INTEROP: Namespace = Namespace::from_static("root/interop");
/// Other names under which clients look for the interop namespace (DSP1033 and older servers).
const INTEROP_ALIASES: [Namespace; 2] = [
    Namespace::from_static("interop"),
    Namespace::from_static("root/PG_InterOp"),
];

/// Compiles the house schema: `root`, `root/cimv2`, `root/ESMPRO/AS` and `root/interop`, the last under its
/// other names too.
///
/// # Errors
/// None unless the binary was built of faulty files; a test compiles them.
pub fn house() -> Result<Schema, MofErrors> {
    let tests = TEST_FILES.iter().map(|(file, _)| *file);
    let roots = ROOTS.into_iter().chain(tests).map(|file| Root {
        file,
        namespace: ROOT,
    });
    let schema = compile(&roots.collect::<Vec<_>>(), &Embedded)?.schema;
    let with_alias = |schema: Schema, alias| schema.with_alias(alias, &INTEROP);
    Ok(INTEROP_ALIASES.into_iter().fold(schema, with_alias))
}

/// The files in the binary.
struct Embedded;

impl Loader for Embedded {
    fn resolve(&self, name: &str, _from: Option<&str>) -> Result<String, String> {
        Ok(name.to_owned())
    }

    fn read(&self, file: &str) -> Result<Cow<'static, str>, String> {
        FILES
            .iter()
            .chain(TEST_FILES)
            .find(|(name, _)| *name == file)
            .map(|(_, text)| Cow::Borrowed(*text))
            .ok_or_else(|| "no such file in `schemas/`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::{CimType, Class, Name};
    use std::sync::Arc;

    fn class<'s>(schema: &'s Schema, namespace: &str, class: &str) -> &'s Arc<Class> {
        let namespace = schema.namespace(&Namespace::new(namespace)).unwrap();
        namespace.class(&Name::new(class)).unwrap()
    }

    #[test]
    fn every_file_is_in_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".mof"))
            .collect();
        found.sort();
        assert_eq!(found, FILES.map(|(name, _)| name));
    }

    #[test]
    fn the_house_schema_compiles() {
        let schema = house().unwrap_or_else(|errors| panic!("{errors}"));
        let processor = class(&schema, "root/ESMPRO/AS", "ESM_Processor");
        let keys: Vec<_> = processor.keys().map(|key| key.name.as_str()).collect();
        assert_eq!(
            keys,
            [
                "SystemCreationClassName",
                "SystemName",
                "CreationClassName",
                "DeviceID"
            ]
        );
        let load = processor.property("loadpercentage").unwrap();
        assert_eq!(load.ty.cim_type, CimType::Uint16);
    }

    /// All but the namespace that a feature for tests adds.
    fn served<'s>(names: impl Iterator<Item = &'s str>) -> Vec<&'s str> {
        names.filter(|name| *name != "test/TestProvider").collect()
    }

    #[test]
    fn interop_has_other_names() {
        let schema = house().unwrap();
        let own = class(&schema, "root/interop", "CIM_ObjectManager");
        for alias in ["interop", "ROOT/pg_interop"] {
            assert!(
                Arc::ptr_eq(own, class(&schema, alias, "CIM_ObjectManager")),
                "{alias}"
            );
        }
        let names = served(schema.names().map(Namespace::as_str));
        assert_eq!(
            names,
            [
                "interop",
                "root",
                "root/cimv2",
                "root/ESMPRO/AS",
                "root/interop",
                "root/PG_InterOp"
            ]
        );
        let own = schema.namespaces();
        let own = served(own.map(|namespace| namespace.name().as_str()));
        assert_eq!(own, ["root", "root/cimv2", "root/ESMPRO/AS", "root/interop"]);
    }

    #[test]
    fn namespaces_share_their_classes() {
        let schema = house().unwrap();
        assert!(Arc::ptr_eq(
            class(&schema, "root/cimv2", "ESM_Processor"),
            class(&schema, "root/ESMPRO/AS", "ESM_Processor")
        ));
    }
}
