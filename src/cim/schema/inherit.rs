//! What a class gets from its superclass (DSP0004, 5.1.2.8, 5.5.3 and 5.6.1.4).

use std::sync::Arc;

use crate::cim::{Class, Method, Name, Parameter, PropertyDecl, Qualifier};

/// What a class hands down to its subclasses: made once, so that all of them share it.
#[derive(Clone, Debug)]
pub struct Inheritance {
    qualifiers: Vec<Qualifier>,
    properties: Vec<Arc<PropertyDecl>>,
    methods: Vec<Arc<Method>>,
}

impl Inheritance {
    /// What this resolved class hands down.
    pub fn of(class: &Class) -> Self {
        Self {
            qualifiers: inherit_qualifiers(Vec::new(), &class.qualifiers),
            properties: class.properties.iter().map(hand_down).collect(),
            methods: class.methods.iter().map(hand_down).collect(),
        }
    }
}

/// The class with everything that it inherits; `declared` holds what the class itself says.
///
/// Inherited members come first, in the superclass's order; a member of the same name takes the inherited
/// one's place and is its override: it keeps the inherited origin and qualifiers, but no default value, as
/// servers in use have it. What is inherited unchanged is marked as propagated.
pub fn inherit(declared: Class, inheritance: &Inheritance) -> Class {
    Class {
        name: declared.name,
        superclass: declared.superclass,
        qualifiers: inherit_qualifiers(declared.qualifiers, &inheritance.qualifiers),
        properties: inherit_members(declared.properties, &inheritance.properties),
        methods: inherit_members(declared.methods, &inheritance.methods),
    }
}

/// What properties and methods have in common here.
trait Member: Clone {
    fn name(&self) -> &Name;
    fn propagated(&self) -> bool;
    /// The same member as a subclass inherits it.
    fn handed_down(&self) -> Self;
    /// The member, which overrides `inherited`, with the qualifiers that it inherits.
    fn over(self, inherited: &Self) -> Self;
}

fn hand_down<M: Member>(member: &Arc<M>) -> Arc<M> {
    if member.propagated() {
        Arc::clone(member)
    } else {
        Arc::new(member.handed_down())
    }
}

fn inherit_members<M: Member>(declared: Vec<Arc<M>>, inherited: &[Arc<M>]) -> Vec<Arc<M>> {
    let mut members: Vec<Arc<M>> = Vec::with_capacity(inherited.len() + declared.len());
    members.extend_from_slice(inherited);
    for member in declared {
        match members.iter_mut().find(|old| old.name() == member.name()) {
            Some(old) => *old = Arc::new(Arc::unwrap_or_clone(member).over(old)),
            None => members.push(member),
        }
    }
    members.shrink_to_fit();
    members
}

impl Member for PropertyDecl {
    fn name(&self) -> &Name {
        &self.name
    }

    fn propagated(&self) -> bool {
        self.propagated
    }

    fn handed_down(&self) -> Self {
        Self {
            qualifiers: inherit_qualifiers(Vec::new(), &self.qualifiers),
            propagated: true,
            ..self.clone()
        }
    }

    fn over(mut self, inherited: &Self) -> Self {
        self.qualifiers = inherit_qualifiers(self.qualifiers, &inherited.qualifiers);
        self.class_origin = inherited.class_origin.clone();
        self
    }
}

impl Member for Method {
    fn name(&self) -> &Name {
        &self.name
    }

    fn propagated(&self) -> bool {
        self.propagated
    }

    fn handed_down(&self) -> Self {
        let handed_down = |parameter: &Parameter| Parameter {
            qualifiers: inherit_qualifiers(Vec::new(), &parameter.qualifiers),
            ..parameter.clone()
        };
        Self {
            parameters: self.parameters.iter().map(handed_down).collect(),
            qualifiers: inherit_qualifiers(Vec::new(), &self.qualifiers),
            propagated: true,
            ..self.clone()
        }
    }

    fn over(mut self, inherited: &Self) -> Self {
        self.qualifiers = inherit_qualifiers(self.qualifiers, &inherited.qualifiers);
        for parameter in &mut self.parameters {
            if let Some(old) = inherited.parameter(parameter.name.as_str()) {
                let own = std::mem::take(&mut parameter.qualifiers);
                parameter.qualifiers = inherit_qualifiers(own, &old.qualifiers);
            }
        }
        self.class_origin = inherited.class_origin.clone();
        self
    }
}

/// The qualifiers of an element: its own, then those that the superclass's element hands down to it.
fn inherit_qualifiers(own: Vec<Qualifier>, inherited: &[Qualifier]) -> Vec<Qualifier> {
    let mut qualifiers = own;
    let own_count = qualifiers.len();
    for qualifier in inherited.iter().filter(|qualifier| qualifier.flavor.to_subclass) {
        let given = qualifiers
            .iter()
            .take(own_count)
            .any(|own| own.name == qualifier.name);
        if !given {
            qualifiers.push(Qualifier {
                propagated: true,
                ..qualifier.clone()
            });
        }
    }
    qualifiers.shrink_to_fit();
    qualifiers
}
