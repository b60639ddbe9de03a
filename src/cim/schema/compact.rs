//! A copy of a schema in memory of its own.
//!
//! What stays of a compilation is allocated in turns with what does not, and so lies scattered over more than twice
//! its size. A copy that is made in one go lies close together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{NamespaceSchema, QualifierType, QualifierTypes, Schema};
use crate::cim::{Class, Method, Name, Namespace, Parameter, PropertyDecl, Qualifier, TypeDecl, Value};

impl Schema {
    /// The same schema, of which nothing is shared with this one. What is shared within it is shared in the copy.
    #[must_use]
    pub fn compacted(&self) -> Self {
        let mut copier = Copier::default();
        Self {
            namespaces: self
                .namespaces
                .iter()
                .map(|(name, namespace)| (copy_of_name(name), copier.namespace(namespace)))
                .collect(),
        }
    }
}

/// What has been copied, by the address of the original.
#[derive(Default)]
struct Copier {
    names: HashSet<Arc<str>>,
    values: HashMap<*const Value, Arc<Value>>,
    properties: HashMap<*const PropertyDecl, Arc<PropertyDecl>>,
    methods: HashMap<*const Method, Arc<Method>>,
    classes: HashMap<*const Class, Arc<Class>>,
    types: HashMap<*const QualifierTypes, Arc<QualifierTypes>>,
    namespaces: HashMap<*const NamespaceSchema, Arc<NamespaceSchema>>,
}

fn copy_of_name(name: &Namespace) -> Namespace {
    Namespace::new(name.as_str())
}

impl Copier {
    fn namespace(&mut self, original: &Arc<NamespaceSchema>) -> Arc<NamespaceSchema> {
        if let Some(copy) = self.namespaces.get(&Arc::as_ptr(original)) {
            return Arc::clone(copy);
        }
        let types = self.types(original.qualifier_types());
        let classes: Vec<_> = original.classes().map(|class| self.class(class)).collect();
        let copy = Arc::new(NamespaceSchema::new(
            copy_of_name(original.name()),
            classes,
            types,
        ));
        self.namespaces.insert(Arc::as_ptr(original), Arc::clone(&copy));
        copy
    }

    fn types(&mut self, original: &Arc<QualifierTypes>) -> Arc<QualifierTypes> {
        if let Some(copy) = self.types.get(&Arc::as_ptr(original)) {
            return Arc::clone(copy);
        }
        let types = original.values().map(|declared| {
            let name = self.name(&declared.name);
            let copy = QualifierType {
                name: name.clone(),
                ..declared.clone()
            };
            (name, copy)
        });
        let copy: Arc<QualifierTypes> = Arc::new(types.collect());
        self.types.insert(Arc::as_ptr(original), Arc::clone(&copy));
        copy
    }

    fn class(&mut self, original: &Arc<Class>) -> Arc<Class> {
        if let Some(copy) = self.classes.get(&Arc::as_ptr(original)) {
            return Arc::clone(copy);
        }
        let copy = Arc::new(Class {
            name: self.name(&original.name),
            superclass: original.superclass.as_ref().map(|name| self.name(name)),
            qualifiers: self.qualifiers(&original.qualifiers),
            properties: original.properties.iter().map(|one| self.property(one)).collect(),
            methods: original.methods.iter().map(|one| self.method(one)).collect(),
        });
        self.classes.insert(Arc::as_ptr(original), Arc::clone(&copy));
        copy
    }

    fn property(&mut self, original: &Arc<PropertyDecl>) -> Arc<PropertyDecl> {
        if let Some(copy) = self.properties.get(&Arc::as_ptr(original)) {
            return Arc::clone(copy);
        }
        let copy = Arc::new(PropertyDecl {
            name: self.name(&original.name),
            ty: self.type_of(&original.ty),
            default: original.default.clone(),
            qualifiers: self.qualifiers(&original.qualifiers),
            class_origin: self.name(&original.class_origin),
            propagated: original.propagated,
        });
        self.properties.insert(Arc::as_ptr(original), Arc::clone(&copy));
        copy
    }

    fn method(&mut self, original: &Arc<Method>) -> Arc<Method> {
        if let Some(copy) = self.methods.get(&Arc::as_ptr(original)) {
            return Arc::clone(copy);
        }
        let parameters = original.parameters.iter().map(|parameter| Parameter {
            name: self.name(&parameter.name),
            ty: self.type_of(&parameter.ty),
            qualifiers: self.qualifiers(&parameter.qualifiers),
        });
        let copy = Arc::new(Method {
            parameters: parameters.collect(),
            name: self.name(&original.name),
            return_type: original.return_type,
            qualifiers: self.qualifiers(&original.qualifiers),
            class_origin: self.name(&original.class_origin),
            propagated: original.propagated,
        });
        self.methods.insert(Arc::as_ptr(original), Arc::clone(&copy));
        copy
    }

    fn qualifiers(&mut self, originals: &[Qualifier]) -> Vec<Qualifier> {
        let copies = originals.iter().map(|original| Qualifier {
            name: self.name(&original.name),
            cim_type: original.cim_type,
            value: original.value.as_ref().map(|value| self.value(value)),
            flavor: original.flavor,
            propagated: original.propagated,
        });
        copies.collect()
    }

    fn value(&mut self, original: &Arc<Value>) -> Arc<Value> {
        let copy = self.values.entry(Arc::as_ptr(original));
        Arc::clone(copy.or_insert_with(|| Arc::new(Value::clone(original))))
    }

    fn type_of(&mut self, original: &TypeDecl) -> TypeDecl {
        TypeDecl {
            reference_class: original.reference_class.as_ref().map(|name| self.name(name)),
            ..*original
        }
    }

    /// Names of the same spelling become one.
    fn name(&mut self, original: &Name) -> Name {
        let known = match self.names.get(original.as_str()) {
            Some(known) => Arc::clone(known),
            None => {
                let new: Arc<str> = Arc::from(original.as_str());
                self.names.insert(Arc::clone(&new));
                new
            }
        };
        Name::from(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::schema::house;

    #[test]
    fn a_copy_is_equal_and_shares_what_the_original_shares() {
        let original = house().unwrap();
        let copy = original.compacted();
        assert!(original.names().eq(copy.names()));
        let mut pairs = Vec::new();
        for (name, namespace) in original.namespaces.iter() {
            let copied = &copy.namespaces[name];
            assert_eq!(namespace.name().as_str(), copied.name().as_str());
            assert_eq!(namespace.qualifier_types(), copied.qualifier_types());
            assert!(namespace.classes().eq(copied.classes()), "{name}");
            pairs.extend(namespace.classes().zip(copied.classes()));
        }
        for (of, copied_of) in &pairs {
            assert!(!Arc::ptr_eq(of, copied_of), "{}", of.name);
            for (other, copied_other) in pairs.iter().filter(|(other, _)| other.name == of.name) {
                assert_eq!(
                    Arc::ptr_eq(of, other),
                    Arc::ptr_eq(copied_of, copied_other),
                    "{}",
                    of.name
                );
            }
        }
    }

    #[test]
    fn members_are_shared_with_the_superclass_still() {
        let copy = house().unwrap().compacted();
        let namespace = copy.namespace(&Namespace::from_static("root/cimv2")).unwrap();
        let first = |class: &str| {
            let class = namespace.class(&Name::new(class)).unwrap();
            Arc::clone(class.properties.first().unwrap())
        };
        assert!(Arc::ptr_eq(&first("CIM_LogicalElement"), &first("CIM_System")));
    }
}
