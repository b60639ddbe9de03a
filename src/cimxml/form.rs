//! What an operation returns, and so which elements its answer holds (DSP0201, 5.2.7; DSP0200, 5.3.2).

use super::{Operation, PullKind};

/// What stands in the `IRETURNVALUE` of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// There is none.
    Nothing,
    /// `CLASS`.
    Class,
    /// `CLASSNAME`.
    ClassName,
    /// `QUALIFIER.DECLARATION`.
    Qualifier,
    /// `INSTANCE`.
    Instance,
    /// `VALUE.NAMEDINSTANCE`.
    NamedInstance,
    /// `INSTANCENAME`.
    InstanceName,
    /// `VALUE.OBJECT`.
    Object,
    /// `VALUE.OBJECTWITHPATH`.
    ObjectWithPath,
    /// `OBJECTPATH`.
    ObjectPath,
    /// `VALUE.INSTANCEWITHPATH`.
    InstanceWithPath,
    /// `INSTANCEPATH`.
    InstancePath,
    /// A value.
    Value,
}

impl Form {
    /// What `operation` returns.
    pub const fn of(operation: &Operation) -> Self {
        match operation {
            Operation::GetClass { .. } | Operation::EnumerateClasses { .. } => Self::Class,
            Operation::EnumerateClassNames { .. } => Self::ClassName,
            Operation::GetQualifier { .. } | Operation::EnumerateQualifiers => Self::Qualifier,
            Operation::GetInstance { .. } => Self::Instance,
            Operation::EnumerateInstances { .. } => Self::NamedInstance,
            Operation::EnumerateInstanceNames { .. } | Operation::CreateInstance { .. } => Self::InstanceName,
            Operation::GetProperty { .. } | Operation::EnumerationCount { .. } => Self::Value,
            Operation::ExecQuery(_) => Self::Object,
            Operation::Associators { .. } | Operation::References { .. } => Self::ObjectWithPath,
            Operation::AssociatorNames { .. } | Operation::ReferenceNames { .. } => Self::ObjectPath,
            Operation::Open { source, .. } => Self::of_pull(source.pull_kind()),
            Operation::Pull { kind, .. } => Self::of_pull(*kind),
            Operation::ModifyInstance { .. }
            | Operation::DeleteInstance { .. }
            | Operation::SetProperty { .. }
            | Operation::CloseEnumeration { .. }
            | Operation::Invoke(_) => Self::Nothing,
        }
    }

    const fn of_pull(kind: PullKind) -> Self {
        match kind {
            PullKind::InstancesWithPath => Self::InstanceWithPath,
            PullKind::InstancePaths => Self::InstancePath,
            PullKind::Instances => Self::Instance,
        }
    }
}
