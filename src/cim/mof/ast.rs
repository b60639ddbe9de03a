//! What a MOF source says, before anything is looked up: names are names, values have no type yet.

use crate::cim::schema::Scopes;
use crate::cim::{ArraySize, CimType, Name, Namespace};

/// A place as the compiler carries it: a source and a byte offset in it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct At {
    pub(super) file: u32,
    pub(super) offset: u32,
}

/// A name and where it stands.
#[derive(Debug)]
pub(super) struct Ident {
    pub(super) name: Name,
    pub(super) at: At,
}

/// One declaration or directive of a file.
#[derive(Debug)]
pub(super) enum Item {
    Namespace(Namespace),
    Include(Include),
    QualifierType(QualifierTypeDecl),
    Class(ClassDecl),
    Instance(InstanceDecl),
}

/// `#pragma include ("file")`.
#[derive(Debug)]
pub(super) struct Include {
    pub(super) name: String,
    pub(super) at: At,
    /// The source it stands for, once that is loaded.
    pub(super) file: Option<u32>,
}

/// `Qualifier Name : type = default, Scope(...), Flavor(...);`.
#[derive(Debug)]
pub(super) struct QualifierTypeDecl {
    pub(super) name: Ident,
    pub(super) cim_type: CimType,
    pub(super) array: ArraySize,
    pub(super) default: Option<Literal>,
    pub(super) scopes: Scopes,
    pub(super) flavor: FlavorWords,
}

/// The flavors that are written out; the others have their defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FlavorWords {
    pub(super) overridable: Option<bool>,
    pub(super) to_subclass: Option<bool>,
    pub(super) translatable: Option<bool>,
}

/// `Name (value) : Flavor` in a qualifier list.
#[derive(Debug)]
pub(super) struct QualifierUse {
    pub(super) name: Ident,
    pub(super) value: Option<Literal>,
    pub(super) flavor: FlavorWords,
}

/// `class Name : Superclass { ... };`.
#[derive(Debug)]
pub(super) struct ClassDecl {
    pub(super) name: Ident,
    pub(super) alias: Option<Ident>,
    pub(super) superclass: Option<Ident>,
    pub(super) qualifiers: Vec<QualifierUse>,
    pub(super) properties: Vec<PropertyNode>,
    pub(super) methods: Vec<MethodNode>,
}

/// The type of a property or parameter.
#[derive(Debug)]
pub(super) struct TypeNode {
    pub(super) cim_type: CimType,
    pub(super) array: ArraySize,
    pub(super) reference_class: Option<Ident>,
}

#[derive(Debug)]
pub(super) struct PropertyNode {
    pub(super) name: Ident,
    pub(super) ty: TypeNode,
    pub(super) default: Option<Literal>,
    pub(super) qualifiers: Vec<QualifierUse>,
}

#[derive(Debug)]
pub(super) struct MethodNode {
    pub(super) name: Ident,
    pub(super) return_type: CimType,
    pub(super) parameters: Vec<ParameterNode>,
    pub(super) qualifiers: Vec<QualifierUse>,
}

#[derive(Debug)]
pub(super) struct ParameterNode {
    pub(super) name: Ident,
    pub(super) ty: TypeNode,
    pub(super) qualifiers: Vec<QualifierUse>,
}

/// `instance of Class as $Alias { name = value; ... }`.
#[derive(Debug)]
pub(super) struct InstanceDecl {
    pub(super) class: Ident,
    pub(super) alias: Option<Ident>,
    pub(super) qualifiers: Vec<QualifierUse>,
    pub(super) values: Vec<ValueNode>,
}

/// One property of an instance.
#[derive(Debug)]
pub(super) struct ValueNode {
    pub(super) name: Ident,
    pub(super) qualifiers: Vec<QualifierUse>,
    pub(super) value: Literal,
}

/// A value as it is written.
#[derive(Debug)]
pub(super) struct Literal {
    pub(super) at: At,
    pub(super) kind: LiteralKind,
}

#[derive(Debug)]
pub(super) enum LiteralKind {
    Null,
    Boolean(bool),
    /// In a box: there are few, and each value of whichever kind would be half as large again.
    Integer(Box<i128>),
    Real(f64),
    Char(u16),
    String(String),
    Alias(String),
    Array(Vec<Literal>),
    Instance(Box<InstanceDecl>),
}
