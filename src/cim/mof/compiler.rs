//! From declarations to a schema.

mod class;
mod instance;
mod literal;
mod qualifier;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::ast::{At, ClassDecl, InstanceDecl, Item, QualifierTypeDecl};
use super::error::{MofErrors, Problem};
use super::limits;
use super::source::{Loader, Sources};
use crate::cim::schema::{QualifierTypes, Schema};
use crate::cim::{Class, Instance, Name, Namespace};

/// A file to compile and the namespace that its declarations belong to unless it says otherwise.
#[derive(Clone, Debug)]
pub struct Root<'a> {
    /// The name of the file, for the loader.
    pub file: &'a str,
    /// The namespace.
    pub namespace: Namespace,
}

/// What the files hold.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The classes and qualifier types.
    pub schema: Schema,
    /// The instances with their namespaces, in the order of declaration. Every property of the class is there.
    pub instances: Vec<(Namespace, Instance)>,
    /// How many files were read.
    pub files: usize,
}

/// Compiles the files of `roots` as one unit: what one declares the others may use, in any order.
///
/// # Errors
/// All faults that were found, up to a hundred. Faults of the grammar come alone: what cannot be read would be
/// missed everywhere.
pub fn compile(roots: &[Root<'_>], loader: &dyn Loader) -> Result<Compiled, MofErrors> {
    let mut sources = Sources::default();
    let mut files = Vec::new();
    for root in roots {
        if let Some(file) = sources.load(root.file, loader) {
            files.push((file, root.namespace.clone()));
        }
    }
    sources.errors(Vec::new())?;
    let mut units = Units::default();
    for (file, namespace) in files {
        units.collect(&sources, file, namespace);
    }
    let mut faults = Faults {
        sources: &sources,
        found: Vec::new(),
    };
    let compiled = units.compile(&mut faults);
    sources.errors(faults.found)?;
    Ok(compiled)
}

/// The declarations of one namespace, in order.
#[derive(Default)]
struct Unit<'s> {
    qualifier_types: Vec<&'s QualifierTypeDecl>,
    classes: Vec<&'s ClassDecl>,
    instances: Vec<&'s InstanceDecl>,
}

#[derive(Default)]
struct Units<'s> {
    by_namespace: BTreeMap<Namespace, Unit<'s>>,
    /// The files whose declarations a namespace has.
    collected: HashSet<(Namespace, u32)>,
}

impl<'s> Units<'s> {
    fn unit(&mut self, namespace: &Namespace) -> &mut Unit<'s> {
        self.by_namespace.entry(namespace.clone()).or_default()
    }

    /// Sorts what stands in a file, and in those that it includes, into namespaces. A namespace directive
    /// holds to the end of its file.
    fn collect(&mut self, sources: &'s Sources, file: u32, mut namespace: Namespace) {
        if !self.collected.insert((namespace.clone(), file)) {
            return;
        }
        for item in sources.items(file) {
            match item {
                Item::Namespace(name) => namespace = name.clone(),
                Item::Include(include) => {
                    if let Some(included) = include.file {
                        self.collect(sources, included, namespace.clone());
                    }
                }
                Item::QualifierType(decl) => self.unit(&namespace).qualifier_types.push(decl),
                Item::Class(decl) => self.unit(&namespace).classes.push(decl),
                Item::Instance(decl) => self.unit(&namespace).instances.push(decl),
            }
        }
    }

    fn compile(&self, faults: &mut Faults<'_>) -> Compiled {
        let mut shared = Shared::default();
        let mut namespaces = Vec::new();
        let mut instances = Vec::new();
        for (name, unit) in &self.by_namespace {
            let types = shared.types(qualifier::declare(&unit.qualifier_types, faults));
            let schema = class::compile(name, unit, types, &mut shared, faults);
            class::check_references(unit, &schema, faults);
            let made = instance::compile(unit, &schema, faults);
            instances.extend(made.into_iter().map(|instance| (name.clone(), instance)));
            namespaces.push(schema);
        }
        Compiled {
            schema: Schema::new(namespaces),
            instances,
            files: faults.sources.count(),
        }
    }
}

/// What namespaces share.
#[derive(Default)]
struct Shared {
    types: Vec<Arc<QualifierTypes>>,
    /// Resolved classes by the place of their declaration, their superclass and their qualifier types, the
    /// latter two by their addresses: these live as long as this table.
    classes: HashMap<(At, usize, usize), Arc<Class>>,
    members: usize,
}

impl Shared {
    fn types(&mut self, types: QualifierTypes) -> Arc<QualifierTypes> {
        if let Some(same) = self.types.iter().find(|known| ***known == types) {
            return Arc::clone(same);
        }
        let new = Arc::new(types);
        self.types.push(Arc::clone(&new));
        new
    }
}

/// The faults that were found.
struct Faults<'s> {
    sources: &'s Sources,
    found: Vec<(At, Problem)>,
}

impl Faults<'_> {
    fn add(&mut self, at: At, problem: Problem) {
        if self.found.len() < limits::FAULTS {
            self.found.push((at, problem));
        }
    }

    /// The value, or `None` and the fault is kept.
    fn keep<T>(&mut self, result: Result<T, (At, Problem)>) -> Option<T> {
        result.map_err(|(at, problem)| self.add(at, problem)).ok()
    }

    fn add_duplicate(&mut self, kind: &'static str, name: &Name, at: At, first: At) {
        // A place is costly to find in a large file.
        if self.found.len() < limits::FAULTS {
            let first = self.sources.place(first).to_string();
            let name = name.clone();
            self.add(at, Problem::Duplicate { kind, name, first });
        }
    }
}
