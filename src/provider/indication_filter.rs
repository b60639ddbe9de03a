//! CIM_IndicationFilter: what subscriptions want to be told (DSP1054 §10.6).

use std::sync::Arc;

use super::wbem_object::{
    Changes, at_path, cim_error, describe, is_path_of, labels_of, new_name, path_of, text_or, texts_or,
};
use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};
use crate::cim::{CimError, Class, Instance, InstancePath, Name};
use crate::delivery::Registry;
use crate::delivery::wbem::{FILTER_CLASS, WbemError};
use crate::subscription::{IndicationFilter, Labels, ObjectName};

/// Serves filters: those that come with the agent, those that clients made, and those of subscriptions that were
/// made by WS-Eventing.
pub struct IndicationFilterProvider {
    class: Arc<Class>,
    changes: Changes,
}

impl IndicationFilterProvider {
    /// The class that it serves.
    pub const CLASS: Name = Name::from_static(FILTER_CLASS);

    /// Serves the filters of `registry`. `class` is [`Self::CLASS`] with all that it inherits. Must be called
    /// within a tokio runtime.
    pub fn new(class: Arc<Class>, registry: Registry) -> Self {
        Self {
            class,
            changes: Changes::new(registry),
        }
    }

    fn instance(&self, filter: &IndicationFilter) -> Arc<Instance> {
        describe(InstanceBuilder::new(&self.class), &filter.name, &filter.labels)
            .maybe("SourceNamespace", filter.source_namespace.as_deref())
            .maybe("SourceNamespaces", filter.source_namespaces.clone())
            .set("IndividualSubscriptionSupported", true)
            .set("Query", filter.query.as_str())
            .set("QueryLanguage", filter.language.as_str())
            .maybe("TemplateVariable", filter.template_variables.clone())
            .build()
    }

    fn find(&self, path: &InstancePath) -> Result<ObjectName, CimError> {
        let filters = self.changes.registry.indication_filters();
        let found = filters.iter().find(|filter| is_path_of(path, &filter.name));
        found
            .map(|filter| filter.name.clone())
            .ok_or_else(|| CimError::not_found(format!("there is no filter {path}")))
    }
}

/// Puts what `given` has into `filter`.
fn apply(given: &Instance, filter: &mut IndicationFilter) -> Result<(), WbemError> {
    let required = |property: &str, before: &str| {
        text_or(given, property, &Some(before.to_owned()))
            .filter(|text| !text.is_empty())
            .ok_or_else(|| WbemError::Value(format!("{FILTER_CLASS}.{property} is missing")))
    };
    filter.query = required("Query", &filter.query)?;
    filter.language = required("QueryLanguage", &filter.language)?;
    filter.labels = labels_of(given, &filter.labels);
    filter.source_namespace = text_or(given, "SourceNamespace", &filter.source_namespace);
    filter.source_namespaces = texts_or(given, "SourceNamespaces", &filter.source_namespaces);
    filter.template_variables = texts_or(given, "TemplateVariable", &filter.template_variables);
    Ok(())
}

impl InstanceProvider for IndicationFilterProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn may_modify(&self, _property: &Name) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let filters = self.changes.registry.indication_filters();
        let instances: Vec<_> = filters.iter().map(|filter| self.instance(filter)).collect();
        Ok(stream_of(instances))
    }

    fn get(&self, _context: &RequestContext, path: &InstancePath) -> Result<Option<Arc<Instance>>, CimError> {
        let filters = self.changes.registry.indication_filters();
        Ok(at_path(filters.iter().map(|filter| self.instance(filter)), path))
    }

    fn create(&self, context: &RequestContext, instance: Instance) -> Result<InstancePath, CimError> {
        let registry = &self.changes.registry;
        let name = new_name(&instance, &self.class.name, registry)?;
        let mut filter = IndicationFilter {
            name: name.clone(),
            owner: context.caller.name().to_owned(),
            labels: Labels::default(),
            source_namespaces: None,
            source_namespace: None,
            namespace: context.namespace.to_string(),
            language: String::new(),
            query: String::new(),
            template_variables: None,
        };
        apply(&instance, &mut filter).map_err(|error| cim_error(&error))?;
        self.changes.wait(registry.create_filter(filter))?;
        Ok(path_of(&name))
    }

    fn modify(
        &self,
        _context: &RequestContext,
        path: &InstancePath,
        changes: Instance,
    ) -> Result<(), CimError> {
        let name = self.find(path)?;
        let change = |filter: &mut IndicationFilter| apply(&changes, filter);
        self.changes
            .wait(self.changes.registry.modify_filter(&name, change))
    }

    fn delete(&self, _context: &RequestContext, path: &InstancePath) -> Result<(), CimError> {
        let name = self.find(path)?;
        self.changes.wait(self.changes.registry.delete_filter(&name))
    }
}
