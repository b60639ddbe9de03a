//! Walks along associations, from an instance or from a class (DSP0200, 5.3.2.15 to 5.3.2.18).

use std::sync::Arc;

use super::Exchange;
use super::listing::Listing;
use super::shape::Shape;
use crate::broker::{AssociationQuery, Broker};
use crate::cim::{CimError, CimStatus, Class, InstancePath, Name};
use crate::cimxml::{AssociationFilter, ClassView, InstanceView, ObjectName, Operation, class};
use crate::provider::{InstanceStream, RequestContext};

/// Which way a walk goes.
#[derive(Clone, Copy)]
pub(super) enum Walk {
    /// To the objects at the other ends.
    Associators,
    /// To the associations themselves.
    References,
}

impl Walk {
    /// The instances at the end of the walk.
    pub(super) fn open(
        self,
        broker: &Arc<Broker>,
        context: &RequestContext,
        from: &InstancePath,
        query: &AssociationQuery,
    ) -> Result<InstanceStream, CimError> {
        match self {
            Self::Associators => broker.associators(context, from, query),
            Self::References => broker.references(context, from, query),
        }
        .map_err(as_parameter)
    }
}

impl Exchange {
    /// One of the four operations.
    pub(super) fn walk(
        self: &Arc<Self>,
        context: &RequestContext,
        operation: &Operation,
    ) -> Result<Listing, CimError> {
        let (walk, object, filter, view) = match operation {
            Operation::Associators { object, filter, view } => {
                (Walk::Associators, object, filter, Some(view))
            }
            Operation::AssociatorNames { object, filter } => (Walk::Associators, object, filter, None),
            Operation::References { object, filter, view } => (Walk::References, object, filter, Some(view)),
            Operation::ReferenceNames { object, filter } => (Walk::References, object, filter, None),
            _ => return Err(CimError::not_supported("this is no walk along associations")),
        };
        let query = query_of(filter);
        match object {
            ObjectName::Instance(path) => self.walk_instances(context, walk, path, query, view),
            ObjectName::Class(class) => self.walk_classes(context, walk, class, &query, view),
        }
    }

    fn walk_instances(
        self: &Arc<Self>,
        context: &RequestContext,
        walk: Walk,
        from: &InstancePath,
        query: AssociationQuery,
        view: Option<&InstanceView>,
    ) -> Result<Listing, CimError> {
        let shape = match view {
            Some(view) => Shape::instances(self, context, view.clone()),
            None => Shape::paths(self, context),
        };
        let from = self.resolve(context, from).map_err(as_parameter)?;
        let (broker, context) = (Arc::clone(&self.shared.broker), context.clone());
        Listing::of_instances(shape, None, move || walk.open(&broker, &context, &from, &query))
    }

    fn walk_classes(
        &self,
        context: &RequestContext,
        walk: Walk,
        from: &Name,
        query: &AssociationQuery,
        view: Option<&InstanceView>,
    ) -> Result<Listing, CimError> {
        let (broker, namespace) = (&self.shared.broker, &context.namespace);
        let found = match walk {
            Walk::Associators => broker.class_associators(namespace, from, query),
            Walk::References => broker.class_references(namespace, from, query),
        };
        let found: Vec<Arc<Class>> = found.map_err(as_parameter)?.into_iter().cloned().collect();
        Ok(match view {
            None => Listing::of_known(found, |response, class| response.class_name(&class.name)),
            Some(view) => {
                let view = ClassView {
                    local_only: false,
                    include_qualifiers: view.include_qualifiers,
                    include_class_origin: view.include_class_origin,
                    property_list: view.property_list.clone(),
                };
                Listing::of_known(found, move |response, found| {
                    response.class(&class::view(&found, &view));
                })
            }
        })
    }
}

/// What the broker calls a filter on a walk.
pub(super) fn query_of(filter: &AssociationFilter) -> AssociationQuery {
    AssociationQuery {
        association_class: filter.association_class.clone(),
        result_class: filter.result_class.clone(),
        role: filter.role.clone(),
        result_role: filter.result_role.clone(),
    }
}

/// In a walk a class that there is not is a wrong parameter: the operations know no `INVALID_CLASS`.
pub(super) fn as_parameter(error: CimError) -> CimError {
    match error.status {
        CimStatus::InvalidClass => CimError::invalid_parameter(error.detail),
        _ => error,
    }
}
