//! Classes: superclasses first, then each with its members checked against what it inherits.

mod member;
mod reference;

use std::collections::HashMap;
use std::sync::Arc;

use super::super::ast::{At, ClassDecl, QualifierUse};
use super::super::error::Problem;
use super::super::limits;
use super::qualifier::{Element, Qualifiers};
use super::{Faults, Shared, Unit};
use crate::cim::schema::{Inheritance, NamespaceSchema, QualifierTypes, Scopes, inherit};
use crate::cim::{Class, Name, Namespace, Value};

pub(super) use reference::check_references;

/// The schema of the namespace `name`. Classes with faults may be missing.
pub(super) fn compile(
    name: &Namespace,
    unit: &Unit<'_>,
    types: Arc<QualifierTypes>,
    shared: &mut Shared,
    faults: &mut Faults<'_>,
) -> NamespaceSchema {
    let mut classes = Classes {
        decls: &unit.classes,
        known: HashMap::with_capacity(unit.classes.len()),
        states: Vec::with_capacity(unit.classes.len()),
        qualifiers: Qualifiers::new(&types),
        types_address: Arc::as_ptr(&types) as usize,
        shared,
    };
    for (at, decl) in unit.classes.iter().enumerate() {
        let first = *classes.known.entry(&decl.name.name).or_insert(at);
        classes
            .states
            .push(if first == at { State::New } else { State::Broken });
        if let Some(earlier) = unit.classes.get(first)
            && first != at
        {
            faults.add_duplicate("class", &decl.name.name, decl.name.at, earlier.name.at);
        }
    }
    for at in 0..unit.classes.len() {
        classes.resolve_with_superclasses(at, faults);
    }
    let resolved = classes.states.into_iter().filter_map(|state| match state {
        State::Resolved(resolved) => Some(resolved.class),
        _ => None,
    });
    let resolved: Vec<_> = resolved.collect();
    NamespaceSchema::new(name.clone(), resolved, types)
}

/// How far a class is.
enum State {
    New,
    /// Its superclasses are being resolved.
    Open,
    Resolved(Resolved),
    /// It has a fault that was reported; what derives from it is not looked at.
    Broken,
}

/// A finished class and, once something derives from it, what it hands down.
struct Resolved {
    class: Arc<Class>,
    inheritance: Option<Inheritance>,
}

struct Classes<'s, 'u> {
    decls: &'u [&'s ClassDecl],
    known: HashMap<&'s Name, usize>,
    states: Vec<State>,
    qualifiers: Qualifiers<'u>,
    types_address: usize,
    shared: &'u mut Shared,
}

impl<'s> Classes<'s, '_> {
    /// Resolves a class after all that it derives from. The chain is a list: a deep inheritance must not be a
    /// deep recursion.
    fn resolve_with_superclasses(&mut self, class: usize, faults: &mut Faults<'_>) {
        let mut chain = Vec::new();
        let mut next = Some(class);
        let mut broken = false;
        while let Some(at) = next
            && let (Some(decl), Some(state)) = (self.decls.get(at), self.states.get_mut(at))
        {
            match state {
                State::New => *state = State::Open,
                State::Open => {
                    faults.add(decl.name.at, Problem::InheritanceCycle(decl.name.name.clone()));
                    broken = true;
                    break;
                }
                State::Resolved(_) => break,
                State::Broken => {
                    broken = true;
                    break;
                }
            }
            chain.push((at, *decl));
            next = None;
            if let Some(superclass) = &decl.superclass {
                next = self.known.get(&superclass.name).copied();
                if next.is_none() {
                    faults.add(superclass.at, Problem::UnknownSuperclass(superclass.name.clone()));
                    broken = true;
                }
            }
        }
        let mut superclass = next;
        for (at, decl) in chain.into_iter().rev() {
            let resolved = if broken {
                None
            } else {
                self.resolve(decl, superclass, faults)
            };
            broken = resolved.is_none();
            if let Some(state) = self.states.get_mut(at) {
                *state = resolved.map_or(State::Broken, |class| {
                    State::Resolved(Resolved {
                        class,
                        inheritance: None,
                    })
                });
            }
            superclass = Some(at);
        }
    }

    /// The class with what it inherits from `superclass`, which is resolved.
    fn resolve(
        &mut self,
        decl: &'s ClassDecl,
        superclass: Option<usize>,
        faults: &mut Faults<'_>,
    ) -> Option<Arc<Class>> {
        let parent = match superclass.and_then(|at| self.states.get_mut(at)) {
            Some(State::Resolved(parent)) => Some(parent),
            _ => None,
        };
        let parent_address = parent
            .as_ref()
            .map_or(0, |parent| Arc::as_ptr(&parent.class) as usize);
        let key = (decl.name.at, parent_address, self.types_address);
        if let Some(same) = self.shared.classes.get(&key) {
            return Some(Arc::clone(same));
        }
        let mut declare = Declare {
            qualifiers: &self.qualifiers,
            decl,
            parent: parent.as_ref().map(|parent| parent.class.as_ref()),
            faults,
        };
        let mut class = declare.class();
        if let Some(parent) = parent {
            let inheritance = parent
                .inheritance
                .get_or_insert_with(|| Inheritance::of(&parent.class));
            class = inherit(class, inheritance);
        }
        self.shared.members += class.properties.len() + class.methods.len() + class.qualifiers.len();
        let count = class.properties.len().max(class.methods.len());
        let too_many = if count > limits::MEMBERS {
            Some(("properties or methods in one class", limits::MEMBERS))
        } else if self.shared.members > limits::ALL_MEMBERS {
            Some((
                "properties, methods and qualifiers of all classes",
                limits::ALL_MEMBERS,
            ))
        } else {
            None
        };
        if let Some((what, limit)) = too_many {
            faults.add(decl.name.at, Problem::TooMany { what, limit });
            return None;
        }
        let class = Arc::new(class);
        self.shared.classes.insert(key, Arc::clone(&class));
        Some(class)
    }
}

/// Makes a class of its declaration: what it says itself, without what it inherits.
struct Declare<'a, 's> {
    qualifiers: &'a Qualifiers<'a>,
    decl: &'a ClassDecl,
    parent: Option<&'a Class>,
    faults: &'a mut Faults<'s>,
}

impl Declare<'_, '_> {
    fn class(&mut self) -> Class {
        let decl = self.decl;
        let flag = |name, inherited: fn(&Class) -> bool| {
            self.parent.is_some_and(inherited) || is_flagged(&decl.qualifiers, name)
        };
        let association = flag("Association", Class::is_association);
        let (scope, what) = if association {
            (Scopes::ASSOCIATION, "an association")
        } else if flag("Indication", Class::is_indication) {
            (Scopes::INDICATION, "an indication")
        } else {
            (Scopes::CLASS, "a class")
        };
        let element = Element {
            scope,
            what,
            inherited: self
                .parent
                .map(|parent| (parent.qualifiers.as_slice(), &parent.name)),
        };
        Class {
            name: decl.name.name.clone(),
            superclass: decl.superclass.as_ref().map(|superclass| superclass.name.clone()),
            qualifiers: self.qualifiers.of(&decl.qualifiers, element, self.faults),
            properties: self.properties(association),
            methods: self.methods(),
        }
    }

    /// Whether a member is the first of its name; a fault if it is not, or if there are too many.
    fn is_first<'n>(
        &mut self,
        kind: &'static str,
        seen: &mut HashMap<&'n Name, At>,
        name: &'n super::super::ast::Ident,
    ) -> bool {
        if let Some(first) = seen.get(&name.name) {
            self.faults.add_duplicate(kind, &name.name, name.at, *first);
            return false;
        }
        seen.insert(&name.name, name.at);
        seen.len() <= limits::MEMBERS + 1
    }
}

/// Whether a boolean qualifier is among these and true.
fn is_flagged(qualifiers: &[QualifierUse], name: &str) -> bool {
    use super::super::ast::LiteralKind;
    qualifiers.iter().any(|given| {
        given.name.name == *name
            && given
                .value
                .as_ref()
                .is_none_or(|value| matches!(value.kind, LiteralKind::Boolean(true)))
    })
}

/// The text of a string qualifier.
fn text<'a>(qualifiers: &'a [crate::cim::Qualifier], name: &str) -> Option<&'a str> {
    let qualifier = qualifiers.iter().find(|qualifier| qualifier.name == *name)?;
    qualifier.value.as_deref().and_then(Value::as_str)
}
