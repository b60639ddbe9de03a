//! What a client wants to see of a class (DSP0200, 5.3.2.1).

use std::sync::Arc;

use crate::cim::{Class, Method, Name, PropertyDecl, Qualifier};
use crate::cimxml::ClassView;

/// A class that holds what `view` asks for, and no more.
pub fn view(class: &Class, view: &ClassView) -> Class {
    let listed = |property: &PropertyDecl| {
        view.property_list
            .as_ref()
            .is_none_or(|list| list.contains(&property.name))
    };
    let local = |propagated: bool| !(view.local_only && propagated);
    let properties = class.properties.iter();
    let methods = class.methods.iter();
    Class {
        name: class.name.clone(),
        superclass: class.superclass.clone(),
        qualifiers: qualifiers(&class.qualifiers, view),
        properties: properties
            .filter(|property| local(property.propagated) && listed(property))
            .map(|property| Arc::new(shown_property(property, view)))
            .collect(),
        methods: methods
            .filter(|method| local(method.propagated))
            .map(|method| Arc::new(shown_method(method, view)))
            .collect(),
    }
}

fn shown_property(property: &PropertyDecl, view: &ClassView) -> PropertyDecl {
    PropertyDecl {
        qualifiers: qualifiers(&property.qualifiers, view),
        class_origin: origin(&property.class_origin, view),
        ..property.clone()
    }
}

fn shown_method(method: &Method, view: &ClassView) -> Method {
    let mut shown = method.clone();
    shown.qualifiers = qualifiers(&method.qualifiers, view);
    shown.class_origin = origin(&method.class_origin, view);
    for parameter in &mut shown.parameters {
        parameter.qualifiers = qualifiers(&parameter.qualifiers, view);
    }
    shown
}

fn qualifiers(all: &[Qualifier], view: &ClassView) -> Vec<Qualifier> {
    if !view.include_qualifiers {
        return Vec::new();
    }
    let shown = all
        .iter()
        .filter(|qualifier| !(view.local_only && qualifier.propagated));
    shown.cloned().collect()
}

/// An empty name where origins are not shown.
fn origin(origin: &Name, view: &ClassView) -> Name {
    if view.include_class_origin {
        origin.clone()
    } else {
        Name::from_static("")
    }
}
