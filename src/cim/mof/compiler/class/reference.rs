//! The classes that members name: they may be declared anywhere, so they are looked up at the end.

use std::collections::HashSet;

use super::super::super::ast::{At, ClassDecl, Ident, LiteralKind, PropertyNode, QualifierUse};
use super::super::super::error::Problem;
use super::super::{Faults, Unit};
use crate::cim::Name;
use crate::cim::schema::NamespaceSchema;

/// Checks that the classes which references and embedded instances name are declared, and that an override
/// narrows a reference if it changes it.
pub(crate) fn check_references(unit: &Unit<'_>, schema: &NamespaceSchema, faults: &mut Faults<'_>) {
    let mut check = Check {
        // A class with a fault is not in the schema, but it is declared.
        declared: unit.classes.iter().map(|decl| &decl.name.name).collect(),
        schema,
        faults,
    };
    for decl in &unit.classes {
        check.class(decl);
    }
}

struct Check<'a, 's> {
    declared: HashSet<&'a Name>,
    schema: &'a NamespaceSchema,
    faults: &'a mut Faults<'s>,
}

impl Check<'_, '_> {
    fn class(&mut self, decl: &ClassDecl) {
        for property in &decl.properties {
            if let Some(class) = &property.ty.reference_class {
                self.declared(class.at, &class.name);
                self.narrowed(decl, property, class);
            }
            self.embedded(&property.qualifiers);
        }
        for method in &decl.methods {
            self.embedded(&method.qualifiers);
            for parameter in &method.parameters {
                if let Some(class) = &parameter.ty.reference_class {
                    self.declared(class.at, &class.name);
                }
                self.embedded(&parameter.qualifiers);
            }
        }
    }

    fn declared(&mut self, at: At, class: &Name) {
        if !self.declared.contains(class) {
            self.faults.add(at, Problem::UnknownClass(class.clone()));
        }
    }

    fn embedded(&mut self, qualifiers: &[QualifierUse]) {
        let named = qualifiers
            .iter()
            .find(|given| given.name.name == *"EmbeddedInstance");
        if let Some(value) = named.and_then(|given| given.value.as_ref())
            && let LiteralKind::String(class) = &value.kind
        {
            self.declared(value.at, &Name::new(class));
        }
    }

    fn narrowed(&mut self, decl: &ClassDecl, property: &PropertyNode, class: &Ident) {
        let name = &property.name.name;
        let inherited = self
            .schema
            .superclass(&decl.name.name)
            .and_then(|superclass| superclass.property(name.as_str()))
            .and_then(|old| old.ty.reference_class.as_ref());
        if let Some(inherited) = inherited
            && self.schema.class(&class.name).is_some()
            && self.schema.class(inherited).is_some()
            && !self.schema.is_a(&class.name, inherited)
        {
            let (name, inherited) = (name.clone(), inherited.clone());
            self.faults
                .add(class.at, Problem::NotNarrower { name, inherited });
        }
    }
}
