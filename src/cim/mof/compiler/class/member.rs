//! Properties and methods, and what an override may change (DSP0004, 5.1.2.8 and 5.6.3.34 `Override`).

use std::collections::HashMap;
use std::sync::Arc;

use super::super::super::ast::{At, Ident, MethodNode, ParameterNode, PropertyNode, TypeNode};
use super::super::super::error::Problem;
use super::super::literal::{no_objects, typed};
use super::super::qualifier::Element;
use super::{Declare, is_flagged, text};
use crate::cim::schema::Scopes;
use crate::cim::{ArraySize, CimType, Method, Name, Parameter, PropertyDecl, Qualifier, TypeDecl};

impl<'a> Declare<'a, '_> {
    pub(super) fn properties(&mut self, association: bool) -> Vec<Arc<PropertyDecl>> {
        let decl = self.decl;
        let mut seen = HashMap::new();
        let mut properties = Vec::with_capacity(decl.properties.len());
        for node in &decl.properties {
            if self.is_first("property", &mut seen, &node.name) {
                let is_reference = node.ty.cim_type == CimType::Reference;
                if is_reference && !association {
                    let problem = Problem::ReferenceOutsideAssociation(decl.name.name.clone());
                    self.faults.add(node.name.at, problem);
                }
                properties.push(Arc::new(self.property(node, is_reference)));
            }
        }
        properties
    }

    fn property(&mut self, node: &PropertyNode, is_reference: bool) -> PropertyDecl {
        let inherited = self
            .parent
            .and_then(|parent| parent.property(node.name.name.as_str()));
        let (scope, what) = if is_reference {
            (Scopes::REFERENCE, "a reference")
        } else {
            (Scopes::PROPERTY, "a property")
        };
        let element = Element {
            scope,
            what,
            inherited: inherited.map(|old| (old.qualifiers.as_slice(), &old.class_origin)),
        };
        let qualifiers = self.qualifiers.of(&node.qualifiers, element, self.faults);
        let ty = type_of(&node.ty);
        if is_reference && ty.is_array() {
            self.faults.add(node.name.at, Problem::ReferenceArray);
        }
        self.check_override(
            &node.name,
            "property",
            &qualifiers,
            inherited.map(|old| &old.class_origin),
        );
        if let Some(old) = inherited {
            self.check_same_type(&node.name, &ty, &old.ty, &old.class_origin);
        }
        if is_flagged(&node.qualifiers, "Key") {
            self.check_key(node, inherited);
        }
        let default = node.default.as_ref();
        let default = default.map(|literal| typed(literal, ty.cim_type, ty.array, &mut no_objects));
        PropertyDecl {
            name: node.name.name.clone(),
            ty,
            default: default.and_then(|result| self.faults.keep(result)).flatten(),
            qualifiers,
            class_origin: self.decl.name.name.clone(),
            propagated: false,
        }
    }

    /// Keys are no arrays, and a class takes all of its keys from the topmost class that has any.
    fn check_key(&mut self, node: &PropertyNode, inherited: Option<&PropertyDecl>) {
        if node.ty.array != ArraySize::Scalar {
            self.faults.add(node.name.at, Problem::KeyArray);
        }
        let was_key = inherited.is_some_and(PropertyDecl::is_key);
        if let Some(parent) = self.parent
            && !was_key
            && parent.keys().next().is_some()
        {
            let (name, superclass) = (node.name.name.clone(), parent.name.clone());
            self.faults
                .add(node.name.at, Problem::KeyAdded { name, superclass });
        }
    }

    /// A member of an inherited name says `Override` with that name; no other one says it.
    fn check_override(
        &mut self,
        member: &Ident,
        what: &'static str,
        qualifiers: &[Qualifier],
        inherited: Option<&Name>,
    ) {
        let name = member.name.clone();
        let problem = match (text(qualifiers, "Override"), inherited) {
            (None, None) => return,
            (None, Some(from)) => Problem::OverrideMissing {
                name,
                from: from.clone(),
            },
            (Some(_), None) => Problem::OverridesNothing { name, what },
            (Some(text), Some(_)) => {
                // Older schemas write the class before the name.
                let found = text.rsplit_once('.').map_or(text, |(_class, name)| name);
                if name == *found {
                    return;
                }
                let found = text.to_owned();
                Problem::OverrideName { name, found }
            }
        };
        self.faults.add(member.at, problem);
    }

    /// An override keeps the type. The class of a reference is looked at when all classes are known.
    fn check_same_type(&mut self, member: &Ident, own: &TypeDecl, old: &TypeDecl, from: &Name) {
        if own.cim_type != old.cim_type || own.array != old.array {
            self.add_type_change(member, display(own), display(old), from);
        }
    }

    fn add_type_change(&mut self, member: &Ident, found: String, inherited: String, from: &Name) {
        self.faults.add(
            member.at,
            Problem::OverrideType {
                name: member.name.clone(),
                found,
                inherited,
                from: from.clone(),
            },
        );
    }

    pub(super) fn methods(&mut self) -> Vec<Arc<Method>> {
        let decl = self.decl;
        let mut seen = HashMap::new();
        let mut methods = Vec::with_capacity(decl.methods.len());
        for node in &decl.methods {
            if self.is_first("method", &mut seen, &node.name) {
                methods.push(Arc::new(self.method(node)));
            }
        }
        methods
    }

    fn method(&mut self, node: &MethodNode) -> Method {
        let inherited = self
            .parent
            .and_then(|parent| parent.method(node.name.name.as_str()));
        let element = Element {
            scope: Scopes::METHOD,
            what: "a method",
            inherited: inherited.map(|old| (old.qualifiers.as_slice(), &old.class_origin)),
        };
        let qualifiers = self.qualifiers.of(&node.qualifiers, element, self.faults);
        self.check_override(
            &node.name,
            "method",
            &qualifiers,
            inherited.map(|old| &old.class_origin),
        );
        if let Some(old) = inherited
            && old.return_type != node.return_type
        {
            let (found, was) = (node.return_type.to_string(), old.return_type.to_string());
            self.add_type_change(&node.name, found, was, &old.class_origin);
        }
        let mut seen: HashMap<&Name, At> = HashMap::new();
        let mut parameters = Vec::with_capacity(node.parameters.len());
        for parameter in &node.parameters {
            if self.is_first("parameter", &mut seen, &parameter.name) {
                parameters.push(self.parameter(parameter, inherited));
            }
        }
        Method {
            name: node.name.name.clone(),
            return_type: node.return_type,
            parameters,
            qualifiers,
            class_origin: self.decl.name.name.clone(),
            propagated: false,
        }
    }

    fn parameter(&mut self, node: &ParameterNode, method: Option<&'a Method>) -> Parameter {
        let inherited = method.and_then(|method| {
            let old = method.parameter(node.name.name.as_str())?;
            Some((old, &method.class_origin))
        });
        let element = Element {
            scope: Scopes::PARAMETER,
            what: "a parameter",
            inherited: inherited.map(|(old, from)| (old.qualifiers.as_slice(), from)),
        };
        let ty = type_of(&node.ty);
        if let Some((old, from)) = inherited {
            self.check_same_type(&node.name, &ty, &old.ty, from);
        }
        Parameter {
            name: node.name.name.clone(),
            ty,
            qualifiers: self.qualifiers.of(&node.qualifiers, element, self.faults),
        }
    }
}

fn type_of(node: &TypeNode) -> TypeDecl {
    TypeDecl {
        cim_type: node.cim_type,
        array: node.array,
        reference_class: node.reference_class.as_ref().map(|class| class.name.clone()),
    }
}

/// The type as people read it.
fn display(ty: &TypeDecl) -> String {
    match ty.array {
        ArraySize::Scalar => ty.cim_type.to_string(),
        ArraySize::Variable => format!("{}[]", ty.cim_type),
        ArraySize::Fixed(size) => format!("{}[{size}]", ty.cim_type),
    }
}
