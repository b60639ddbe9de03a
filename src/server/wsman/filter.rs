//! From the filter of a request to a stream of the instances that it wants.

use std::sync::Arc;

use super::Shared;
use super::exchange::Exchange;
use super::target::Target;
use crate::broker::{AssociationQuery, Polymorphism, Predicate};
use crate::cim::query::{self, Language, Query, QueryError, Selectors, XPath};
use crate::cim::schema::NamespaceSchema;
use crate::cim::{CimError, CimStatus, InstancePath, KeyBinding, Name, Namespace};
use crate::provider::{InstanceStream, RequestContext};
use crate::wsman::filter::AssociationFilter;
use crate::wsman::resource_uri::default_namespace;
use crate::wsman::{Enumerate, Fault, Filter, PolymorphismMode, ResourceUri, SelectorSet};

/// The instances that an enumeration yields, and what of them.
pub(super) struct Selected {
    pub(super) stream: InstanceStream,
    /// The properties that are asked for; all where it is `None`.
    pub(super) properties: Option<Vec<Name>>,
    pub(super) context: RequestContext,
    /// The class that is enumerated; `None` for a walk along associations.
    pub(super) class: Option<Name>,
    pub(super) resource: ResourceUri,
    /// Whether nobody filters: they are all instances of the class.
    pub(super) is_whole: bool,
}

impl Shared {
    /// Opens the stream that a request for an enumeration asks for.
    pub(super) fn select(&self, exchange: &Exchange, request: &Enumerate) -> Result<Selected, Fault> {
        match &request.filter {
            None => {
                let target = self
                    .target(exchange)
                    .map_err(|fault| name_a_class(exchange, fault))?;
                self.selected(target, request, None, None)
            }
            Some(Filter::Wql(text)) => self.select_by_query(exchange, request, Language::Wql, text),
            Some(Filter::Cql(text)) => self.select_by_query(exchange, request, Language::Cql, text),
            Some(Filter::XPath(text)) => {
                let filter = query::Filter::XPath(XPath::parse(text).map_err(|error| bad_query(&error))?);
                let target = self
                    .target(exchange)
                    .map_err(|fault| name_a_class(exchange, fault))?;
                self.selected(target, request, Some(filter), None)
            }
            Some(Filter::Selectors(set)) => {
                let target = self.target(exchange)?;
                let selectors = Selectors::check(bindings(set, &target)?, &target.class)
                    .map_err(|error| cannot_process(format!("{error}.")))?;
                self.selected(target, request, Some(query::Filter::Selectors(selectors)), None)
            }
            Some(Filter::AssociatedInstances(walk)) => {
                self.walk(exchange, walk, |broker, context, path, query| {
                    broker.associators(context, path, query)
                })
            }
            Some(Filter::AssociationInstances(walk)) => {
                self.walk(exchange, walk, |broker, context, path, query| {
                    broker.references(context, path, query)
                })
            }
        }
    }

    fn select_by_query(
        &self,
        exchange: &Exchange,
        request: &Enumerate,
        language: Language,
        text: &str,
    ) -> Result<Selected, Fault> {
        let query = Query::parse(language, text).map_err(|error| bad_query(&error))?;
        let resource = exchange.resource()?;
        let Some(class_name) = query.from_class().cloned() else {
            return Err(cannot_process("The query has no FROM."));
        };
        let namespace = queried_namespace(exchange, &resource, &class_name);
        let schema = self.schema(&namespace)?;
        if let Some(named) = resource.class_name()
            && !schema.is_a(&class_name, named)
        {
            let reason = format!("The query is about {class_name}, the resource URI names {named}.");
            return Err(cannot_process(reason));
        }
        let checked = query.check(&*schema).map_err(|error| bad_query(&error))?;
        if schema.class(&class_name).is_none() {
            // Known to the query language alone: WMI's names of events.
            let reason = format!(
                "{class_name} stands for events, which are subscribed to; it has no instances to enumerate."
            );
            return Err(cannot_process(reason));
        }
        let class = Arc::clone(self.broker.class(&namespace, &class_name)?);
        let properties = checked.properties().map(<[Name]>::to_vec);
        let target = Target {
            class,
            context: exchange.context(namespace),
            style: exchange.style(&resource),
            resource,
        };
        self.selected(target, request, Some(query::Filter::Query(checked)), properties)
    }

    fn selected(
        &self,
        target: Target,
        request: &Enumerate,
        filter: Option<query::Filter>,
        properties: Option<Vec<Name>>,
    ) -> Result<Selected, Fault> {
        let is_whole = filter.is_none();
        let wanted = filter
            .map(|filter| {
                let schema = self.schema(&target.context.namespace)?;
                let wanted: Predicate = Arc::new(move |instance| filter.matches(instance, &*schema));
                Ok::<_, Fault>(wanted)
            })
            .transpose()?;
        let polymorphism = match request.polymorphism {
            PolymorphismMode::IncludeSubClassProperties => Polymorphism::IncludeSubclassProperties,
            PolymorphismMode::ExcludeSubClassProperties => Polymorphism::ExcludeSubclassProperties,
            PolymorphismMode::None => Polymorphism::None,
        };
        let stream = self
            .broker
            .enumerate(&target.context, &target.class.name, polymorphism, wanted)?;
        Ok(Selected {
            stream,
            properties,
            class: Some(target.class.name.clone()),
            context: target.context,
            resource: target.resource,
            is_whole,
        })
    }

    fn walk(
        &self,
        exchange: &Exchange,
        filter: &AssociationFilter,
        walk: impl FnOnce(
            &Arc<crate::broker::Broker>,
            &RequestContext,
            &InstancePath,
            &AssociationQuery,
        ) -> Result<InstanceStream, CimError>,
    ) -> Result<Selected, Fault> {
        let resource = exchange.resource()?;
        let object = filter.object.to_path()?;
        let namespace = object
            .namespace
            .clone()
            .unwrap_or_else(|| queried_namespace(exchange, &resource, &object.class_name));
        let context = exchange.context(namespace);
        let query = AssociationQuery {
            association_class: filter.association_class.clone(),
            result_class: filter.result_class.clone(),
            role: filter.role.clone(),
            result_role: filter.result_role.clone(),
        };
        let stream = walk(&self.broker, &context, &object, &query)?;
        let properties = (!filter.properties.is_empty()).then(|| filter.properties.clone());
        Ok(Selected {
            stream,
            properties,
            context,
            class: None,
            resource,
            is_whole: false,
        })
    }

    pub(super) fn schema(&self, namespace: &Namespace) -> Result<Arc<NamespaceSchema>, Fault> {
        self.broker.namespace(namespace)?;
        self.broker.schema().shared(namespace).ok_or_else(Fault::internal)
    }
}

/// The namespace of a query or a walk: what the request says, else where the class is at home.
fn queried_namespace(exchange: &Exchange, resource: &ResourceUri, class_name: &Name) -> Namespace {
    exchange
        .headers
        .selectors
        .namespace()
        .or_else(|| resource.namespace().cloned())
        .unwrap_or_else(|| default_namespace(class_name))
}

fn bindings(set: &SelectorSet, target: &Target) -> Result<Vec<KeyBinding>, Fault> {
    Ok(set.to_path(&target.class.name)?.keys)
}

fn bad_query(error: &QueryError) -> Fault {
    cannot_process(error.to_string())
}

fn cannot_process(reason: impl Into<String>) -> Fault {
    CimError::new(CimStatus::InvalidQuery, reason).into()
}

/// An enumeration without a filter needs a class; the fault says so.
fn name_a_class(exchange: &Exchange, fault: Fault) -> Fault {
    match exchange.resource() {
        Ok(ResourceUri::AllClasses { .. }) => {
            let uri = exchange.headers.resource_uri.as_deref().unwrap_or_default();
            let mut fault = Fault::invalid_resource_uri(uri);
            fault.reason =
                format!("`{uri}` is for queries and association filters; name a class, or send a filter.");
            fault
        }
        _ => fault,
    }
}
