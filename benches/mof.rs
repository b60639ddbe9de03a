//! How long MOF takes. With `ESM_BENCH_MOF=FILE` that file and all that it includes, for example the whole
//! CIM Schema of DMTF; without it the house schema.
#![allow(clippy::expect_used, reason = "a benchmark of nothing is no benchmark")]

use std::borrow::Cow;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use esm::cim::mof::{Loader, Root, compile};
use esm::cim::schema::house;
use esm::cim::{Name, Namespace};

/// Files on disk, without the folders to search that `esm mof check` has.
struct Files;

impl Loader for Files {
    fn resolve(&self, name: &str, from: Option<&str>) -> Result<String, String> {
        let folder = from
            .and_then(|from| Path::new(from).parent())
            .unwrap_or(Path::new(""));
        Ok(folder.join(name).display().to_string())
    }

    fn read(&self, file: &str) -> Result<Cow<'static, str>, String> {
        std::fs::read_to_string(file)
            .map(Cow::Owned)
            .map_err(|error| error.to_string())
    }
}

fn mof(criterion: &mut Criterion) {
    match std::env::var("ESM_BENCH_MOF") {
        Ok(file) => {
            let root = Root {
                file: &file,
                namespace: Namespace::from_static("root/cimv2"),
            };
            criterion.bench_function("compile ESM_BENCH_MOF", |bencher| {
                bencher.iter(|| compile(std::slice::from_ref(&root), &Files).expect("it compiles"));
            });
        }
        Err(_) => {
            criterion.bench_function("compile the house schema", |bencher| {
                bencher.iter(|| house().expect("it compiles"));
            });
        }
    }
}

fn schema(criterion: &mut Criterion) {
    let house = house().expect("it compiles");
    let namespace = house
        .namespace(&Namespace::from_static("root/ESMPRO/AS"))
        .expect("it is a namespace of ours");
    let [sub, sup] = ["ESM_FileSystemThread", "CIM_ManagedElement"].map(Name::from_static);
    criterion.bench_function("is_a over the whole chain", |bencher| {
        bencher.iter(|| namespace.is_a(&sub, &sup));
    });
}

criterion_group!(benches, mof, schema);
criterion_main!(benches);
