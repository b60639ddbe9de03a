//! Qualifier types and the qualifiers that use them (DSP0004, 5.6.1).

use std::sync::Arc;

use super::super::ast::{At, FlavorWords, QualifierTypeDecl, QualifierUse};
use super::super::error::Problem;
use super::super::limits;
use super::Faults;
use super::literal::{no_objects, typed};
use crate::cim::schema::{QualifierType, QualifierTypes, Scopes};
use crate::cim::{ArraySize, CimType, Flavor, Name, Qualifier, Value};

/// The qualifier types of a namespace.
pub(super) fn declare(decls: &[&QualifierTypeDecl], faults: &mut Faults<'_>) -> QualifierTypes {
    let mut types = QualifierTypes::new();
    let mut places: std::collections::HashMap<&Name, At> = std::collections::HashMap::new();
    for decl in decls {
        let name = &decl.name.name;
        if let Some(first) = places.insert(name, decl.name.at) {
            faults.add_duplicate("qualifier type", name, decl.name.at, first);
            continue;
        }
        let default = decl.default.as_ref();
        let default = default.map(|literal| typed(literal, decl.cim_type, decl.array, &mut no_objects));
        let default = default.and_then(|result| faults.keep(result)).flatten();
        types.insert(
            name.clone(),
            QualifierType {
                name: name.clone(),
                cim_type: decl.cim_type,
                array: decl.array,
                default,
                scopes: decl.scopes,
                flavor: flavor(decl.flavor, Flavor::default()),
            },
        );
    }
    types
}

fn flavor(words: FlavorWords, default: Flavor) -> Flavor {
    Flavor {
        overridable: words.overridable.unwrap_or(default.overridable),
        to_subclass: words.to_subclass.unwrap_or(default.to_subclass),
        translatable: words.translatable.unwrap_or(default.translatable),
    }
}

/// An element that qualifiers stand on.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    /// Its kind, as a scope and as people call it.
    pub(super) scope: Scopes,
    pub(super) what: &'static str,
    /// The qualifiers of the element that it overrides, and the class that declares that.
    pub(super) inherited: Option<(&'a [Qualifier], &'a Name)>,
}

/// Types the qualifiers of classes and their members.
pub(super) struct Qualifiers<'t> {
    types: &'t QualifierTypes,
    /// Most qualifiers are flags: one value serves them all.
    yes: Arc<Value>,
}

impl<'t> Qualifiers<'t> {
    pub(super) fn new(types: &'t QualifierTypes) -> Self {
        Self {
            types,
            yes: Arc::new(Value::Boolean(true)),
        }
    }

    /// The qualifiers that `element` is given; those with a fault are left out.
    pub(super) fn of(
        &self,
        uses: &[QualifierUse],
        element: Element<'_>,
        faults: &mut Faults<'_>,
    ) -> Vec<Qualifier> {
        let mut qualifiers: Vec<Qualifier> = Vec::with_capacity(uses.len());
        for (at, given) in uses.iter().enumerate() {
            let name = &given.name.name;
            if at >= limits::MEMBERS {
                let (what, limit) = ("qualifiers on one element", limits::MEMBERS);
                faults.add(given.name.at, Problem::TooMany { what, limit });
                break;
            }
            if let Some(first) = uses.iter().take(at).find(|earlier| earlier.name.name == *name) {
                faults.add_duplicate("qualifier", name, given.name.at, first.name.at);
                continue;
            }
            let checked = self.check(given, element);
            qualifiers.extend(faults.keep(checked));
        }
        qualifiers
    }

    fn check(&self, given: &QualifierUse, element: Element<'_>) -> Result<Qualifier, (At, Problem)> {
        let at = given.name.at;
        let Some(declared) = self.types.get(&given.name.name) else {
            return Err((at, Problem::UnknownQualifier(given.name.name.clone())));
        };
        let name = declared.name.clone();
        if !declared.scopes.meets(element.scope) {
            let (element, scopes) = (element.what, declared.scopes.to_string());
            return Err((
                at,
                Problem::WrongScope {
                    name,
                    element,
                    scopes,
                },
            ));
        }
        let value = match &given.value {
            Some(literal) => typed(literal, declared.cim_type, declared.array, &mut no_objects)?,
            None => implied(declared),
        };
        if let Some((inherited, from)) = element.inherited
            && let Some(fixed) = inherited.iter().find(|qualifier| qualifier.name == name)
            && fixed.flavor.to_subclass
            && !fixed.flavor.overridable
            && fixed.value.as_deref() != value.as_ref()
        {
            let (qualifier, from) = (name, from.clone());
            return Err((at, Problem::QualifierFixed { qualifier, from }));
        }
        Ok(Qualifier {
            name,
            cim_type: declared.cim_type,
            value: value.map(|value| match value {
                Value::Boolean(true) => Arc::clone(&self.yes),
                value => Arc::new(value),
            }),
            flavor: flavor(given.flavor, declared.flavor),
            propagated: false,
        })
    }
}

/// The value of a qualifier that is named without one: a flag is true, an array empty, anything else NULL.
fn implied(declared: &QualifierType) -> Option<Value> {
    match (declared.cim_type, declared.array) {
        (CimType::Boolean, ArraySize::Scalar) => Some(Value::Boolean(true)),
        (_, ArraySize::Scalar) => None,
        (_, _) => Some(Value::Array(Vec::new())),
    }
}
