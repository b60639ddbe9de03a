//! Class declarations: properties, methods, qualifiers (DSP0004, 5.1 and 5.6).

use std::sync::Arc;

use super::{CimType, InstancePath, Name, Property, Value};

/// A class as it was declared, or, once a schema resolved it, with everything that it inherits.
///
/// Members are counted references: a class shares what it inherits unchanged with its superclass.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// The name.
    pub name: Name,
    /// The class it derives from.
    pub superclass: Option<Name>,
    /// Qualifiers on the class itself.
    pub qualifiers: Vec<Qualifier>,
    /// Properties; references of an association are among them.
    pub properties: Vec<Arc<PropertyDecl>>,
    /// Methods.
    pub methods: Vec<Arc<Method>>,
}

/// The type of a declared property, parameter or method result.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeDecl {
    /// The intrinsic type.
    pub cim_type: CimType,
    /// Whether it is an array, and how long.
    pub array: ArraySize,
    /// The class that a reference refers to.
    pub reference_class: Option<Name>,
}

/// Whether something is an array, and how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArraySize {
    /// One value.
    Scalar,
    /// Any number of values.
    Variable,
    /// Exactly that many values.
    Fixed(u32),
}

/// A property as a class declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyDecl {
    /// The name.
    pub name: Name,
    /// The type.
    pub ty: TypeDecl,
    /// The default value.
    pub default: Option<Value>,
    /// Qualifiers.
    pub qualifiers: Vec<Qualifier>,
    /// The class that declared it first: an override keeps the origin, as servers in use have it.
    pub class_origin: Name,
    /// Whether it was inherited unchanged.
    pub propagated: bool,
}

/// A method as a class declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// The name.
    pub name: Name,
    /// The type of the return value; never an array (DSP0004, 5.1.2.9).
    pub return_type: CimType,
    /// Parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Qualifiers.
    pub qualifiers: Vec<Qualifier>,
    /// The class that declared it first.
    pub class_origin: Name,
    /// Whether it was inherited unchanged.
    pub propagated: bool,
}

/// A parameter of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name.
    pub name: Name,
    /// The type.
    pub ty: TypeDecl,
    /// Qualifiers; `In` and `Out` are among them.
    pub qualifiers: Vec<Qualifier>,
}

/// A qualifier with its value and how far it goes down.
#[derive(Clone, Debug, PartialEq)]
pub struct Qualifier {
    /// The name.
    pub name: Name,
    /// The type of the value.
    pub cim_type: CimType,
    /// The value; `None` is NULL. Shared, as subclasses inherit it.
    pub value: Option<Arc<Value>>,
    /// How it is inherited.
    pub flavor: Flavor,
    /// Whether it was inherited.
    pub propagated: bool,
}

/// The flavours of a qualifier that matter (DSP0004, 5.6.1.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flavor {
    /// `EnableOverride`: a subclass may give another value.
    pub overridable: bool,
    /// `ToSubclass`: subclasses inherit it.
    pub to_subclass: bool,
    /// `Translatable`: it may stand in several languages.
    pub translatable: bool,
}

impl Default for Flavor {
    fn default() -> Self {
        Self {
            overridable: true,
            to_subclass: true,
            translatable: false,
        }
    }
}

/// What a string property holds in fact (DSP0004, `EmbeddedObject` and `EmbeddedInstance`).
#[derive(Clone, Debug, PartialEq)]
pub enum Embedded {
    /// Any instance or class.
    Object,
    /// An instance of that class or of one that derives from it.
    Instance(Name),
}

/// Looks a qualifier up.
fn qualifier<'a>(qualifiers: &'a [Qualifier], name: &str) -> Option<&'a Qualifier> {
    qualifiers.iter().find(|qualifier| qualifier.name == *name)
}

/// The value of the qualifier of that name, where it is there and not NULL.
fn value<'a>(qualifiers: &'a [Qualifier], name: &str) -> Option<&'a Value> {
    qualifier(qualifiers, name)?.value.as_deref()
}

/// Whether a boolean qualifier is there and true.
fn flag(qualifiers: &[Qualifier], name: &str) -> bool {
    matches!(value(qualifiers, name), Some(Value::Boolean(true)))
}

impl Class {
    /// The qualifier of that name on the class itself.
    pub fn qualifier(&self, name: &str) -> Option<&Qualifier> {
        qualifier(&self.qualifiers, name)
    }

    /// The property of that name.
    pub fn property(&self, name: &str) -> Option<&PropertyDecl> {
        self.properties
            .iter()
            .map(Arc::as_ref)
            .find(|property| property.name == *name)
    }

    /// The method of that name.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods
            .iter()
            .map(Arc::as_ref)
            .find(|method| method.name == *name)
    }

    /// The key properties, in the order of declaration.
    pub fn keys(&self) -> impl Iterator<Item = &PropertyDecl> {
        self.properties
            .iter()
            .map(Arc::as_ref)
            .filter(|property| property.is_key())
    }

    /// Whether instances relate other instances.
    pub fn is_association(&self) -> bool {
        flag(&self.qualifiers, "Association")
    }

    /// Whether instances are events.
    pub fn is_indication(&self) -> bool {
        flag(&self.qualifiers, "Indication")
    }

    /// Whether no instances of the class itself may exist.
    pub fn is_abstract(&self) -> bool {
        flag(&self.qualifiers, "Abstract")
    }

    /// The path of an instance of this class: the keys in the order of declaration. A key that is NULL or
    /// missing is left out.
    pub fn path_of(&self, instance: &super::Instance) -> InstancePath {
        let mut path = InstancePath::new(instance.class_name.clone());
        for key in self.keys() {
            if let Some(value) = instance.get(key.name.as_str()) {
                path.keys.push(super::KeyBinding {
                    name: key.name.clone(),
                    value: value.clone(),
                });
            }
        }
        path
    }
}

impl TypeDecl {
    /// One value of an intrinsic type.
    pub const fn scalar(cim_type: CimType) -> Self {
        Self {
            cim_type,
            array: ArraySize::Scalar,
            reference_class: None,
        }
    }

    /// Whether it is an array.
    pub const fn is_array(&self) -> bool {
        !matches!(self.array, ArraySize::Scalar)
    }
}

impl PropertyDecl {
    /// The qualifier of that name.
    pub fn qualifier(&self, name: &str) -> Option<&Qualifier> {
        qualifier(&self.qualifiers, name)
    }

    /// Whether it is part of the instance path.
    pub fn is_key(&self) -> bool {
        flag(&self.qualifiers, "Key")
    }

    /// Whether a client may write it.
    pub fn is_writable(&self) -> bool {
        flag(&self.qualifiers, "Write")
    }

    /// What a string property holds in fact, where it is no plain text.
    pub fn embedded(&self) -> Option<Embedded> {
        embedded(&self.qualifiers)
    }

    /// The property of an instance that this declares, with `value`.
    pub fn with_value(&self, value: Option<Value>) -> Property {
        Property {
            name: self.name.clone(),
            cim_type: self.ty.cim_type,
            is_array: self.ty.is_array(),
            value,
        }
    }
}

impl Method {
    /// The parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == *name)
    }

    /// Whether it is called on the class and not on an instance.
    pub fn is_static(&self) -> bool {
        flag(&self.qualifiers, "Static")
    }
}

impl Parameter {
    /// Whether the caller gives it; so unless `In(false)` is said (DSP0004, `In`).
    pub fn is_in(&self) -> bool {
        !matches!(value(&self.qualifiers, "In"), Some(Value::Boolean(false)))
    }

    /// Whether the method returns it.
    pub fn is_out(&self) -> bool {
        flag(&self.qualifiers, "Out")
    }

    /// What a string parameter holds in fact, where it is no plain text.
    pub fn embedded(&self) -> Option<Embedded> {
        embedded(&self.qualifiers)
    }
}

fn embedded(qualifiers: &[Qualifier]) -> Option<Embedded> {
    if let Some(Value::String(class)) = value(qualifiers, "EmbeddedInstance") {
        return Some(Embedded::Instance(Name::new(class)));
    }
    flag(qualifiers, "EmbeddedObject").then_some(Embedded::Object)
}
