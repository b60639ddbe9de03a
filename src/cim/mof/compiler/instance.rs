//! Instances, and the aliases by which values name them (DSP0004, 7.9).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::ast::{At, Ident, InstanceDecl, Literal, LiteralKind, ValueNode};
use super::super::error::Problem;
use super::super::limits;
use super::literal::{Fault, typed, wrong};
use super::qualifier::{Element, Qualifiers};
use super::{Faults, Unit};
use crate::cim::schema::{NamespaceSchema, Scopes};
use crate::cim::{CimType, Class, Embedded, Instance, InstancePath, Name, PropertyDecl, Value};

/// The instances of a namespace, in the order of their declarations. Those with faults are missing.
pub(super) fn compile(unit: &Unit<'_>, schema: &NamespaceSchema, faults: &mut Faults<'_>) -> Vec<Instance> {
    let mut instances = Instances {
        unit,
        schema,
        qualifiers: Qualifiers::new(schema.qualifier_types()),
        declared: unit.classes.iter().map(|decl| &decl.name.name).collect(),
        aliases: aliases(unit, faults),
        states: unit.instances.iter().map(|_| State::New).collect(),
        open: 0,
        faults,
    };
    for at in 0..unit.instances.len() {
        instances.top_level(at);
    }
    let states = std::mem::take(&mut instances.states);
    let made = unit
        .instances
        .iter()
        .zip(states)
        .filter_map(|(decl, state)| match state {
            State::Made(Some(instance)) => Some((decl.class.at, Arc::unwrap_or_clone(instance))),
            _ => None,
        });
    unique(made, schema, faults)
}

/// What an alias stands for: a place among the unit's declarations.
#[derive(Clone, Copy)]
enum Alias {
    Instance(usize),
    Class(usize),
}

fn aliases<'s>(unit: &Unit<'s>, faults: &mut Faults<'_>) -> HashMap<&'s Name, Alias> {
    let classes = unit.classes.iter().enumerate();
    let classes = classes.filter_map(|(at, decl)| Some((decl.alias.as_ref()?, Alias::Class(at))));
    let instances = unit.instances.iter().enumerate();
    let instances = instances.filter_map(|(at, decl)| Some((decl.alias.as_ref()?, Alias::Instance(at))));
    let mut places: HashMap<&Name, At> = HashMap::new();
    let mut aliases = HashMap::new();
    for (ident, alias) in classes.chain(instances) {
        if let Some(first) = places.get(&ident.name) {
            faults.add_duplicate("alias", &ident.name, ident.at, *first);
            continue;
        }
        places.insert(&ident.name, ident.at);
        aliases.insert(&ident.name, alias);
    }
    aliases
}

/// Leaves out all but the first instance of each path. Instances without keys are all different.
fn unique(
    made: impl Iterator<Item = (At, Instance)>,
    schema: &NamespaceSchema,
    faults: &mut Faults<'_>,
) -> Vec<Instance> {
    let mut paths: HashMap<String, At> = HashMap::new();
    let mut instances = Vec::new();
    for (at, instance) in made {
        let path = schema
            .class(&instance.class_name)
            .map(|class| class.path_of(&instance));
        if let Some(path) = path.filter(|path| !path.keys.is_empty()) {
            let text = path.to_string();
            if let Some(first) = paths.get(&text) {
                faults.add_duplicate("instance", &Name::new(&text), at, *first);
                continue;
            }
            paths.insert(text, at);
        }
        instances.push(instance);
    }
    instances
}

enum State {
    New,
    Open,
    /// `None` where it has a fault, which was reported.
    Made(Option<Arc<Instance>>),
}

struct Instances<'a, 's> {
    unit: &'a Unit<'a>,
    schema: &'a NamespaceSchema,
    qualifiers: Qualifiers<'a>,
    /// The classes that are declared, with and without faults.
    declared: HashSet<&'a Name>,
    aliases: HashMap<&'a Name, Alias>,
    states: Vec<State>,
    /// How many instances are being made because one needs the next.
    open: usize,
    faults: &'a mut Faults<'s>,
}

impl<'a> Instances<'a, '_> {
    /// Makes an instance of the unit unless it is made.
    fn top_level(&mut self, at: usize) {
        let (Some(decl), Some(state)) = (self.unit.instances.get(at), self.states.get_mut(at)) else {
            return;
        };
        if matches!(state, State::New) {
            *state = State::Open;
            let made = self.instance(decl, true).map(Arc::new);
            if let Some(state) = self.states.get_mut(at) {
                *state = State::Made(made);
            }
        }
    }

    /// The instance; `None` where it has faults. One that stands in a value needs no keys: it has no path.
    fn instance(&mut self, decl: &InstanceDecl, needs_keys: bool) -> Option<Instance> {
        let before = self.faults.found.len();
        let Some(class) = self.schema.class(&decl.class.name).map(Arc::clone) else {
            let name = decl.class.name.clone();
            // A class with a fault of its own is declared: that fault is enough.
            if !self.declared.contains(&name) {
                self.faults.add(decl.class.at, Problem::UnknownClass(name));
            }
            return None;
        };
        if class.is_abstract() {
            let problem = Problem::AbstractInstance(class.name.clone());
            self.faults.add(decl.class.at, problem);
        }
        self.check_qualifiers(decl);
        let given = self.given(decl, &class);
        let mut instance = Instance::with_capacity(class.name.clone(), class.properties.len());
        for property in &class.properties {
            let value = match given.get(&property.name) {
                Some(node) => self.value(node, property),
                None => property.default.clone(),
            };
            let has_fault = self.faults.found.len() > before;
            if needs_keys && !has_fault && value.is_none() && property.is_key() {
                let (class, name) = (class.name.clone(), property.name.clone());
                self.faults
                    .add(decl.class.at, Problem::KeyWithoutValue { class, name });
            }
            instance.push(property.with_value(value));
        }
        (self.faults.found.len() == before).then_some(instance)
    }

    /// Qualifiers on instances mean nothing any more (DSP0004, 7.9), but they must exist.
    fn check_qualifiers(&mut self, decl: &InstanceDecl) {
        let element = |what| Element {
            scope: Scopes::ANY,
            what,
            inherited: None,
        };
        self.qualifiers
            .of(&decl.qualifiers, element("an instance"), self.faults);
        for node in &decl.values {
            self.qualifiers.of(
                &node.qualifiers,
                element("a property of an instance"),
                self.faults,
            );
        }
    }

    /// The values that are given, by the name of their property.
    fn given<'d>(&mut self, decl: &'d InstanceDecl, class: &Class) -> HashMap<&'d Name, &'d ValueNode> {
        let mut given: HashMap<&Name, &ValueNode> = HashMap::new();
        let known: HashSet<&Name> = class.properties.iter().map(|property| &property.name).collect();
        for node in &decl.values {
            let Ident { name, at } = &node.name;
            if let Some(first) = given.get(name) {
                self.faults.add_duplicate("value of", name, *at, first.name.at);
            } else if known.contains(name) {
                given.insert(name, node);
            } else {
                let (class, name) = (class.name.clone(), name.clone());
                self.faults.add(*at, Problem::UnknownProperty { class, name });
            }
        }
        given
    }

    fn value(&mut self, node: &ValueNode, property: &PropertyDecl) -> Option<Value> {
        let embedded = property.embedded();
        let mut object = |literal: &Literal, cim_type| match (cim_type, &embedded) {
            (CimType::Reference, _) => self.reference(literal, property.ty.reference_class.as_ref()),
            (CimType::String, Some(embedded)) => self.embedded(literal, embedded),
            _ => Err(wrong(literal, cim_type.to_string())),
        };
        let value = typed(&node.value, property.ty.cim_type, property.ty.array, &mut object);
        self.faults.keep(value).flatten()
    }

    /// What an alias stands for. A stand-in without properties takes the place of an instance with faults:
    /// they are reported, and nothing of this run is handed out.
    fn target(&mut self, at: At, alias: &str) -> Result<Target, Fault> {
        match self.aliases.get(&Name::new(alias)) {
            None => Err((at, Problem::UnknownAlias(alias.to_owned()))),
            Some(&Alias::Class(class)) => {
                let name = self.unit.classes.get(class).map(|decl| &decl.name.name);
                let class = name.and_then(|name| self.schema.class(name));
                class
                    .map(|class| Target::Class(Arc::clone(class)))
                    .ok_or_else(|| (at, Problem::UnknownAlias(alias.to_owned())))
            }
            Some(&Alias::Instance(instance)) => self.instance_of_alias(at, alias, instance),
        }
    }

    fn instance_of_alias(&mut self, at: At, alias: &str, instance: usize) -> Result<Target, Fault> {
        if matches!(self.states.get(instance), Some(State::Open)) {
            return Err((at, Problem::AliasCycle(alias.to_owned())));
        }
        if self.open >= limits::NESTED_INSTANCES {
            return Err((at, Problem::TooDeep(limits::NESTED_INSTANCES)));
        }
        self.open += 1;
        self.top_level(instance);
        self.open -= 1;
        let made = match self.states.get(instance) {
            Some(State::Made(Some(made))) => Arc::clone(made),
            _ => {
                let class = self
                    .unit
                    .instances
                    .get(instance)
                    .map(|decl| decl.class.name.clone());
                Arc::new(Instance::new(class.unwrap_or_else(|| Name::new(alias))))
            }
        };
        Ok(Target::Instance(made))
    }

    /// The path of what an alias stands for.
    fn reference(&mut self, literal: &Literal, expected: Option<&Name>) -> Result<Value, Fault> {
        let LiteralKind::Alias(alias) = &literal.kind else {
            return Err(wrong(
                literal,
                "an alias or the path of an instance as a string".to_owned(),
            ));
        };
        let path = match self.target(literal.at, alias)? {
            Target::Class(class) => InstancePath::new(class.name.clone()),
            Target::Instance(instance) => match self.schema.class(&instance.class_name) {
                Some(class) => class.path_of(&instance),
                None => InstancePath::new(instance.class_name.clone()),
            },
        };
        if let Some(expected) = expected {
            self.check_class(literal.at, &path.class_name, expected)?;
        }
        Ok(Value::Reference(Box::new(path)))
    }

    /// The object itself, as the value of a string property.
    fn embedded(&mut self, literal: &Literal, embedded: &Embedded) -> Result<Value, Fault> {
        let target = match &literal.kind {
            LiteralKind::Alias(alias) => self.target(literal.at, alias)?,
            LiteralKind::Instance(decl) => {
                let made = self.instance(decl, false);
                Target::Instance(Arc::new(
                    made.unwrap_or_else(|| Instance::new(decl.class.name.clone())),
                ))
            }
            _ => return Err(wrong(literal, "an instance or its alias".to_owned())),
        };
        match (target, embedded) {
            (Target::Instance(instance), Embedded::Object) => Ok(Value::Instance(instance)),
            (Target::Instance(instance), Embedded::Instance(expected)) => {
                self.check_class(literal.at, &instance.class_name, expected)?;
                Ok(Value::Instance(instance))
            }
            (Target::Class(class), Embedded::Object) => Ok(Value::Class(class)),
            (Target::Class(_), Embedded::Instance(expected)) => {
                Err(wrong(literal, format!("an instance of {expected}")))
            }
        }
    }

    /// An error unless `found` is `expected` or derives from it. Classes with faults pass.
    fn check_class(&self, at: At, found: &Name, expected: &Name) -> Result<(), Fault> {
        let both_known = self.schema.class(found).is_some() && self.schema.class(expected).is_some();
        if both_known && !self.schema.is_a(found, expected) {
            let (found, expected) = (found.clone(), expected.clone());
            return Err((at, Problem::WrongClass { expected, found }));
        }
        Ok(())
    }
}

/// What an alias led to.
enum Target {
    Instance(Arc<Instance>),
    Class(Arc<Class>),
}
