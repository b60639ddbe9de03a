//! Queries: those of ExecQuery and OpenQueryInstances, and the filters of open operations (DSP0200, 5.3.2.13 and
//! 5.3.2.24).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Exchange;
use crate::broker::{Broker, Polymorphism, Predicate};
use crate::cim::query::{CheckedQuery, Language, Query, QueryError};
use crate::cim::schema::NamespaceSchema;
use crate::cim::{CimError, CimStatus, Class, Instance, Name};
use crate::cimxml::{self, ClassView, InstanceView, class};
use crate::provider::{InstanceStream, RequestContext};

/// A query over the instances of a class.
pub(super) struct Selection {
    class: Arc<Class>,
    properties: Option<Vec<Name>>,
    wanted: Predicate,
}

impl Selection {
    /// What the query selects of each instance.
    pub(super) fn view(&self) -> InstanceView {
        InstanceView {
            property_list: self.properties.clone(),
            ..InstanceView::default()
        }
    }

    /// The class of the results: that after FROM, with what the query selects.
    pub(super) fn result_class(&self) -> Class {
        let view = ClassView {
            local_only: false,
            include_qualifiers: true,
            include_class_origin: false,
            property_list: self.properties.clone(),
        };
        class::view(&self.class, &view)
    }

    /// The results.
    pub(super) fn open(&self, broker: &Broker, context: &RequestContext) -> Result<InstanceStream, CimError> {
        let wanted = Some(Arc::clone(&self.wanted));
        broker.enumerate(context, &self.class.name, Polymorphism::default(), wanted)
    }
}

impl Exchange {
    /// A query with SELECT and FROM, held against the schema.
    pub(super) fn select(
        &self,
        context: &RequestContext,
        query: &cimxml::Query,
    ) -> Result<Selection, CimError> {
        let language = match language(query)? {
            Language::Fql => return Err(unknown_language(query, "WQL, DMTF:CQL")),
            language => language,
        };
        let parsed = Query::parse(language, &query.text).map_err(invalid)?;
        let schema = self.schema(context)?;
        let checked = parsed.check(&*schema).map_err(invalid)?;
        let from = parsed
            .from_class()
            .ok_or_else(|| CimError::new(CimStatus::InvalidQuery, "the query has no FROM"))?;
        Ok(Selection {
            class: Arc::clone(self.shared.broker.class(&context.namespace, from)?),
            properties: checked.properties().map(<[Name]>::to_vec),
            wanted: Arc::new(move |instance| checked.matches(instance, &*schema)),
        })
    }

    /// The filter of an open operation, whose results are instances of `class` where that is known.
    pub(super) fn filter(
        &self,
        context: &RequestContext,
        query: &cimxml::Query,
        class: Option<&Name>,
    ) -> Result<Predicate, CimError> {
        let language = language(query)?;
        let parsed = Query::parse(language, &query.text).map_err(invalid)?;
        let schema = self.schema(context)?;
        let checked = match (parsed.from_class(), class) {
            (None, Some(class)) => parsed.check_for(class, &*schema).map_err(invalid)?,
            (None, None) => return Ok(judged_by_class(parsed, schema)),
            (Some(from), class) => {
                let checked = parsed.check(&*schema).map_err(invalid)?;
                if let Some(class) = class
                    && !schema.is_a(from, class)
                    && !schema.is_a(class, from)
                {
                    let reason = format!("the filter is about {from}, the enumeration about {class}");
                    return Err(CimError::new(CimStatus::InvalidQuery, reason));
                }
                checked
            }
        };
        Ok(Arc::new(move |instance| checked.matches(instance, &*schema)))
    }

    fn schema(&self, context: &RequestContext) -> Result<Arc<NamespaceSchema>, CimError> {
        let broker = &self.shared.broker;
        broker.namespace(&context.namespace)?;
        broker
            .schema()
            .shared(&context.namespace)
            .ok_or_else(|| CimError::failed("the namespace is gone"))
    }
}

/// A condition on instances of whatever class: each class is held against it when its first instance comes. A
/// class that it does not fit has no instance that it is true of.
fn judged_by_class(query: Query, schema: Arc<NamespaceSchema>) -> Predicate {
    let by_class: Mutex<HashMap<Name, Option<Arc<CheckedQuery>>>> = Mutex::default();
    Arc::new(move |instance: &Instance| {
        let checked = by_class
            .lock()
            .entry(instance.class_name.clone())
            .or_insert_with(|| query.check_for(&instance.class_name, &*schema).ok().map(Arc::new))
            .clone();
        checked.is_some_and(|checked| checked.matches(instance, &*schema))
    })
}

fn language(query: &cimxml::Query) -> Result<Language, CimError> {
    Language::from_name(&query.language).ok_or_else(|| unknown_language(query, "DMTF:FQL, WQL, DMTF:CQL"))
}

fn unknown_language(query: &cimxml::Query, known: &str) -> CimError {
    let named: String = query.language.chars().take(80).collect();
    CimError::new(
        CimStatus::QueryLanguageNotSupported,
        format!("the query language `{named}` is not known here; use one of {known}"),
    )
}

fn invalid(error: QueryError) -> CimError {
    CimError::new(CimStatus::InvalidQuery, error.to_string())
}
