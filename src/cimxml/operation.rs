//! The operations of CIM-XML (DSP0200, 5.3 and 5.4), typed, with the standard's defaults.
//!
//! Names, parameters and defaults are those of DSP0200; what a client may leave out is filled in when a request
//! is read. Values that came without a type are strings until the class says otherwise: see [`super::typed`].

use crate::cim::{CimType, Instance, InstancePath, Name, Property, Value};

/// One operation with its parameters.
///
/// Operations that change classes or qualifiers are no variants: a request for one is read as the error
/// `NOT_SUPPORTED`, as the schema comes from MOF files.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// A class.
    GetClass {
        /// Its name.
        class: Name,
        /// What is shown of it.
        view: ClassView,
    },
    /// The subclasses of a class, or the classes without a superclass.
    EnumerateClasses {
        /// The class; `None` stands for the top of the schema.
        class: Option<Name>,
        /// Whether indirect subclasses are wanted too.
        deep_inheritance: bool,
        /// What is shown of each; its property list is always `None`.
        view: ClassView,
    },
    /// The names of the subclasses of a class, or of the classes without a superclass.
    EnumerateClassNames {
        /// The class; `None` stands for the top of the schema.
        class: Option<Name>,
        /// Whether indirect subclasses are wanted too.
        deep_inheritance: bool,
    },
    /// A qualifier type.
    GetQualifier {
        /// Its name.
        qualifier: Name,
    },
    /// All qualifier types.
    EnumerateQualifiers,
    /// An instance.
    GetInstance {
        /// Its path.
        path: InstancePath,
        /// What is shown of it.
        view: InstanceView,
    },
    /// The instances of a class and of its subclasses.
    EnumerateInstances {
        /// The class.
        class: Name,
        /// Whether properties that subclasses add are shown.
        deep_inheritance: bool,
        /// What is shown of each.
        view: InstanceView,
    },
    /// The paths of the instances of a class and of its subclasses.
    EnumerateInstanceNames {
        /// The class.
        class: Name,
    },
    /// Creates an instance.
    CreateInstance {
        /// The instance.
        instance: Instance,
    },
    /// Changes an instance.
    ModifyInstance {
        /// Its path.
        path: InstancePath,
        /// The new values. Clients send the keys too, unchanged.
        instance: Instance,
        /// Which properties are changed; all that are given where it is `None`.
        property_list: Option<Vec<Name>>,
    },
    /// Deletes an instance.
    DeleteInstance {
        /// Its path.
        path: InstancePath,
    },
    /// The value of one property.
    GetProperty {
        /// The path of the instance.
        path: InstancePath,
        /// The property.
        property: Name,
    },
    /// Changes one property.
    SetProperty {
        /// The path of the instance.
        path: InstancePath,
        /// The property.
        property: Name,
        /// The new value without its type; `None` is NULL.
        value: Option<Value>,
    },
    /// The result of a query.
    ExecQuery(Query),
    /// The objects that are associated with an object.
    Associators {
        /// The object.
        object: ObjectName,
        /// What limits the walk.
        filter: AssociationFilter,
        /// What is shown of each result.
        view: InstanceView,
    },
    /// The paths of the objects that are associated with an object.
    AssociatorNames {
        /// The object.
        object: ObjectName,
        /// What limits the walk.
        filter: AssociationFilter,
    },
    /// The associations that refer to an object.
    References {
        /// The object.
        object: ObjectName,
        /// What limits the walk: result class and role alone.
        filter: AssociationFilter,
        /// What is shown of each result.
        view: InstanceView,
    },
    /// The paths of the associations that refer to an object.
    ReferenceNames {
        /// The object.
        object: ObjectName,
        /// What limits the walk: result class and role alone.
        filter: AssociationFilter,
    },
    /// Opens an enumeration.
    Open {
        /// What it yields.
        source: OpenSource,
        /// How it is served.
        options: OpenOptions,
    },
    /// The next instances or paths of an open enumeration.
    Pull {
        /// What the client expects to get.
        kind: PullKind,
        /// The context that the last reply gave.
        context: String,
        /// How many at most; 0 only keeps the context alive.
        max_object_count: u32,
    },
    /// Closes an open enumeration before its end.
    CloseEnumeration {
        /// The context that the last reply gave.
        context: String,
    },
    /// How many instances are left in an open enumeration, roughly.
    EnumerationCount {
        /// The context that the last reply gave.
        context: String,
    },
    /// Calls a method of a class (DSP0200, 5.4).
    Invoke(MethodCall),
}

/// What is shown of a class.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClassView {
    /// Whether what is inherited unchanged is left out; the default is that it is.
    pub local_only: bool,
    /// Whether qualifiers are shown, as they are by default.
    pub include_qualifiers: bool,
    /// Whether the class that introduced each member is shown; by default it is not.
    pub include_class_origin: bool,
    /// The properties that are shown; all where it is `None`, none where it is empty.
    pub property_list: Option<Vec<Name>>,
}

impl Default for ClassView {
    fn default() -> Self {
        Self {
            local_only: true,
            include_qualifiers: true,
            include_class_origin: false,
            property_list: None,
        }
    }
}

/// What is shown of an instance.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InstanceView {
    /// Whether only properties of the instance's own class are shown. Where an operation has this parameter, its
    /// default is true; but it is deprecated, and a server may take it for false (DSP0200, 5.3.2.2), as clients
    /// in use expect. False where the operation does not have it.
    pub local_only: bool,
    /// Whether qualifiers are shown; by default they are not. Deprecated.
    pub include_qualifiers: bool,
    /// Whether the class that introduced each property is shown; by default it is not.
    pub include_class_origin: bool,
    /// The properties that are shown; all where it is `None`, none where it is empty.
    pub property_list: Option<Vec<Name>>,
}

impl InstanceView {
    /// Whether the property of that name is shown.
    pub fn shows(&self, property: &Name) -> bool {
        self.property_list
            .as_ref()
            .is_none_or(|list| list.contains(property))
    }
}

/// The object that a walk along associations begins at.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectName {
    /// A class: the walk goes along the association classes of the schema.
    Class(Name),
    /// An instance.
    Instance(InstancePath),
}

impl ObjectName {
    /// The class itself, or the class of the instance.
    pub const fn class_name(&self) -> &Name {
        match self {
            Self::Class(name) => name,
            Self::Instance(path) => &path.class_name,
        }
    }
}

/// What limits a walk along associations; what is not given limits nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AssociationFilter {
    /// The class of the association.
    pub association_class: Option<Name>,
    /// The class of the results.
    pub result_class: Option<Name>,
    /// The reference through which the association refers to the object itself.
    pub role: Option<Name>,
    /// The reference through which the association refers to the result.
    pub result_role: Option<Name>,
}

/// A query, neither of whose parts was looked at yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// The name of its language, as [`crate::cim::query::Language::from_name`] reads it.
    pub language: String,
    /// Its text.
    pub text: String,
}

/// What an enumeration yields that is pulled piece by piece (DSP0200, 5.3.2.24).
#[derive(Clone, Debug, PartialEq)]
pub enum OpenSource {
    /// `OpenEnumerateInstances`.
    Instances {
        /// The class.
        class: Name,
        /// Whether properties that subclasses add are shown.
        deep_inheritance: bool,
        /// What is shown of each.
        view: InstanceView,
    },
    /// `OpenEnumerateInstancePaths`.
    InstancePaths {
        /// The class.
        class: Name,
    },
    /// `OpenAssociatorInstances`.
    AssociatorInstances {
        /// The instance the walk begins at.
        path: InstancePath,
        /// What limits the walk.
        filter: AssociationFilter,
        /// What is shown of each.
        view: InstanceView,
    },
    /// `OpenAssociatorInstancePaths`.
    AssociatorInstancePaths {
        /// The instance the walk begins at.
        path: InstancePath,
        /// What limits the walk.
        filter: AssociationFilter,
    },
    /// `OpenReferenceInstances`.
    ReferenceInstances {
        /// The instance the walk begins at.
        path: InstancePath,
        /// What limits the walk: result class and role alone.
        filter: AssociationFilter,
        /// What is shown of each.
        view: InstanceView,
    },
    /// `OpenReferenceInstancePaths`.
    ReferenceInstancePaths {
        /// The instance the walk begins at.
        path: InstancePath,
        /// What limits the walk: result class and role alone.
        filter: AssociationFilter,
    },
    /// `OpenQueryInstances`.
    Query {
        /// The query.
        query: Query,
        /// Whether the class of the results is wanted too.
        return_query_result_class: bool,
    },
}

impl OpenSource {
    /// The pull operation that goes on with it.
    pub const fn pull_kind(&self) -> PullKind {
        match self {
            Self::Instances { .. } | Self::AssociatorInstances { .. } | Self::ReferenceInstances { .. } => {
                PullKind::InstancesWithPath
            }
            Self::InstancePaths { .. }
            | Self::AssociatorInstancePaths { .. }
            | Self::ReferenceInstancePaths { .. } => PullKind::InstancePaths,
            Self::Query { .. } => PullKind::Instances,
        }
    }
}

/// The parameters that all open operations have.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OpenOptions {
    /// The filter query, beside what the source itself yields; always `None` for a query.
    pub filter: Option<Query>,
    /// For how many seconds the context lives between two requests: 0 asks for no end, and `None` leaves it to
    /// the server.
    pub operation_timeout: Option<u32>,
    /// Whether the enumeration goes on after an error in it; by default it does not.
    pub continue_on_error: bool,
    /// How many items the first reply may hold; 0 by default.
    pub max_object_count: u32,
}

/// The three pull operations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PullKind {
    /// `PullInstancesWithPath`.
    InstancesWithPath,
    /// `PullInstancePaths`.
    InstancePaths,
    /// `PullInstances`: the results of a query, which have no path.
    Instances,
}

/// A call of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodCall {
    /// The class of a static method, or the instance.
    pub object: ObjectName,
    /// The method.
    pub method: Name,
    /// The input arguments; [`super::typed::arguments`] gives them their types.
    pub arguments: Vec<Argument>,
}

/// An argument of a method, or an output parameter of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// The parameter.
    pub name: Name,
    /// The type that was said; where it is `None`, texts are strings for now.
    pub cim_type: Option<CimType>,
    /// Whether the value is an array.
    pub is_array: bool,
    /// The value; `None` is NULL.
    pub value: Option<Value>,
}

impl From<Property> for Argument {
    fn from(property: Property) -> Self {
        Self {
            name: property.name,
            cim_type: Some(property.cim_type),
            is_array: property.is_array,
            value: property.value,
        }
    }
}

impl Operation {
    /// The name of the operation on the wire; of a method call, the method's.
    pub fn name(&self) -> &str {
        match self {
            Self::GetClass { .. } => "GetClass",
            Self::EnumerateClasses { .. } => "EnumerateClasses",
            Self::EnumerateClassNames { .. } => "EnumerateClassNames",
            Self::GetQualifier { .. } => "GetQualifier",
            Self::EnumerateQualifiers => "EnumerateQualifiers",
            Self::GetInstance { .. } => "GetInstance",
            Self::EnumerateInstances { .. } => "EnumerateInstances",
            Self::EnumerateInstanceNames { .. } => "EnumerateInstanceNames",
            Self::CreateInstance { .. } => "CreateInstance",
            Self::ModifyInstance { .. } => "ModifyInstance",
            Self::DeleteInstance { .. } => "DeleteInstance",
            Self::GetProperty { .. } => "GetProperty",
            Self::SetProperty { .. } => "SetProperty",
            Self::ExecQuery(_) => "ExecQuery",
            Self::Associators { .. } => "Associators",
            Self::AssociatorNames { .. } => "AssociatorNames",
            Self::References { .. } => "References",
            Self::ReferenceNames { .. } => "ReferenceNames",
            Self::Open { source, .. } => source.name(),
            Self::Pull { kind, .. } => kind.name(),
            Self::CloseEnumeration { .. } => "CloseEnumeration",
            Self::EnumerationCount { .. } => "EnumerationCount",
            Self::Invoke(call) => call.method.as_str(),
        }
    }

    /// Whether it is a method call and no operation of DSP0200 itself.
    pub const fn is_extrinsic(&self) -> bool {
        matches!(self, Self::Invoke(_))
    }
}

impl OpenSource {
    const fn name(&self) -> &'static str {
        match self {
            Self::Instances { .. } => "OpenEnumerateInstances",
            Self::InstancePaths { .. } => "OpenEnumerateInstancePaths",
            Self::AssociatorInstances { .. } => "OpenAssociatorInstances",
            Self::AssociatorInstancePaths { .. } => "OpenAssociatorInstancePaths",
            Self::ReferenceInstances { .. } => "OpenReferenceInstances",
            Self::ReferenceInstancePaths { .. } => "OpenReferenceInstancePaths",
            Self::Query { .. } => "OpenQueryInstances",
        }
    }
}

impl PullKind {
    const fn name(self) -> &'static str {
        match self {
            Self::InstancesWithPath => "PullInstancesWithPath",
            Self::InstancePaths => "PullInstancePaths",
            Self::Instances => "PullInstances",
        }
    }
}
