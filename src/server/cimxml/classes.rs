//! Classes and qualifier types (DSP0200, 5.3.2.1, 5.3.2.9, 5.3.2.10, 5.3.2.20, 5.3.2.22).

use std::sync::Arc;

use super::listing::Listing;
use super::{Exchange, Outcome};
use crate::cim::{CimError, CimStatus, Class, Name};
use crate::cimxml::{Operation, Request, ResponseWriter, class};

impl Exchange {
    /// An operation that reads the schema.
    pub(super) fn browse(
        &self,
        request: &Request,
        operation: &Operation,
        response: &mut ResponseWriter,
    ) -> Result<Outcome, CimError> {
        let (broker, namespace) = (&self.shared.broker, &request.namespace);
        match operation {
            Operation::GetClass { class: name, view } => {
                let found = broker
                    .class(namespace, name)
                    .map_err(|error| match error.status {
                        CimStatus::InvalidClass => CimError::not_found(error.detail),
                        _ => error,
                    })?;
                response.begin(request);
                response.class(&class::view(found, view));
                response.end();
                Ok(Outcome::Answered)
            }
            Operation::EnumerateClasses {
                class: below,
                deep_inheritance,
                view,
            } => {
                let found = broker.subclasses(namespace, below.as_ref(), *deep_inheritance)?;
                let (found, view): (Vec<Arc<Class>>, _) = (found.cloned().collect(), view.clone());
                Ok(Outcome::Listing(Listing::of_known(
                    found,
                    move |response, found| {
                        response.class(&class::view(&found, &view));
                    },
                )))
            }
            Operation::EnumerateClassNames {
                class,
                deep_inheritance,
            } => {
                let found = broker.subclasses(namespace, class.as_ref(), *deep_inheritance)?;
                let names: Vec<Name> = found.map(|class| class.name.clone()).collect();
                Ok(Outcome::Listing(Listing::of_known(names, |response, name| {
                    response.class_name(&name);
                })))
            }
            Operation::GetQualifier { qualifier } => {
                let found = broker.qualifier_type(namespace, qualifier)?;
                response.begin(request);
                response.qualifier(found);
                response.end();
                Ok(Outcome::Answered)
            }
            Operation::EnumerateQualifiers => {
                let types = broker.namespace(namespace)?.qualifier_types();
                response.begin(request);
                for qualifier in types.values() {
                    response.qualifier(qualifier);
                }
                response.end();
                Ok(Outcome::Answered)
            }
            _ => Err(CimError::not_supported("this does not read the schema")),
        }
    }
}
