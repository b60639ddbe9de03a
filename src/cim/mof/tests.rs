//! The compiler as a whole, on sources in memory.

mod any_text;
mod errors;
mod grammar;
mod includes;
mod instances;
mod overrides;

use std::borrow::Cow;
use std::sync::Arc;

use super::{Compiled, Loader, MofErrors, Root, compile};
use crate::cim::schema::NamespaceSchema;
use crate::cim::{Class, Instance, Name, Namespace};

/// The qualifier types that the sources of the tests use.
const QUALIFIERS: &str = r#"
Qualifier Abstract : boolean = false, Scope(class, association, indication), Flavor(Restricted);
Qualifier Association : boolean = false, Scope(association), Flavor(DisableOverride);
Qualifier Indication : boolean = false, Scope(class, indication), Flavor(DisableOverride);
Qualifier Description : string, Scope(any), Flavor(Translatable);
Qualifier EmbeddedInstance : string, Scope(property, method, parameter);
Qualifier EmbeddedObject : boolean = false, Scope(property, method, parameter), Flavor(DisableOverride);
Qualifier In : boolean = true, Scope(parameter), Flavor(DisableOverride);
Qualifier Out : boolean = false, Scope(parameter), Flavor(DisableOverride);
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride);
Qualifier MaxLen : uint32, Scope(property, method, parameter);
Qualifier Override : string, Scope(property, reference, method), Flavor(Restricted);
Qualifier Values : string[], Scope(property, method, parameter), Flavor(Translatable);
Qualifier Version : string, Scope(class, association, indication), Flavor(Restricted);
"#;

/// Files in memory: names and texts.
pub(super) struct Memory<'a>(pub(super) &'a [(&'a str, &'a str)]);

impl Loader for Memory<'_> {
    fn resolve(&self, name: &str, _from: Option<&str>) -> Result<String, String> {
        Ok(name.to_owned())
    }

    fn read(&self, file: &str) -> Result<Cow<'static, str>, String> {
        let found = self.0.iter().find(|(name, _)| *name == file);
        found
            .map(|(_, text)| Cow::Owned((*text).to_owned()))
            .ok_or_else(|| "no such file".to_owned())
    }
}

/// Compiles `files`, of which the first is the one that includes the others, together with [`QUALIFIERS`].
fn compile_files(files: &[(&str, &str)]) -> Result<Compiled, MofErrors> {
    let all: Vec<(&str, &str)> = [("qualifiers", QUALIFIERS)]
        .iter()
        .chain(files)
        .copied()
        .collect();
    let root = |file| Root {
        file,
        namespace: Namespace::from_static("root/test"),
    };
    compile(&[root("qualifiers"), root(files[0].0)], &Memory(&all))
}

fn compile_text(text: &str) -> Result<Compiled, MofErrors> {
    compile_files(&[("test", text)])
}

/// The classes of a text that is right.
#[track_caller]
pub(super) fn classes(text: &str) -> NamespaceSchema {
    let compiled = compile_text(text).unwrap_or_else(|errors| panic!("{errors}"));
    let namespace = compiled.schema.namespace(&Namespace::new("root/test"));
    namespace.unwrap().clone()
}

/// One class of a text that is right.
#[track_caller]
fn class(text: &str, name: &str) -> Arc<Class> {
    Arc::clone(classes(text).class(&Name::new(name)).unwrap())
}

/// The instances of a text that is right.
#[track_caller]
fn instances(text: &str) -> Vec<Instance> {
    let compiled = compile_text(text).unwrap_or_else(|errors| panic!("{errors}"));
    compiled
        .instances
        .into_iter()
        .map(|(_, instance)| instance)
        .collect()
}

/// Compiles a text with faults and compares them, each as `line:column: message`.
#[track_caller]
fn check_errors(text: &str, expect: &[&str]) {
    let errors = compile_text(text).expect_err(text);
    let got: Vec<String> = errors
        .0
        .iter()
        .map(|error| format!("{}:{}: {}", error.place.line, error.place.column, error.problem))
        .collect();
    assert_eq!(got, expect, "{text}");
}
