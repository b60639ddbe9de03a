//! CIM_IndicationFilter: made, changed, deleted, listed.

use std::sync::Arc;

use super::super::entry::Content;
use super::super::filters::{AlertFilter, FilterError};
use super::super::publisher::Publication;
use super::super::registry::Registry;
use super::{FILTER_CLASS, WbemError, is_own, own_name, shipped};
use crate::cim::schema::Schema;
use crate::store::commands::{DeleteFilter, PutFilter};
use crate::subscription::{Filter, IndicationFilter, Labels, MADE_UP, ObjectName, Subscription, check_size};

impl Registry {
    /// Every filter: those that come with the agent, those that were made, and those that stand for the filters
    /// of subscriptions made by WS-Eventing.
    pub fn indication_filters(&self) -> Vec<Arc<IndicationFilter>> {
        let system = self.shared.settings().system_name.clone();
        let mut filters: Vec<_> = shipped::filters(&system).map(Arc::new).collect();
        let book = self.shared.book.lock();
        filters.extend(book.named.filters.values().cloned());
        let made_up = book.entries.values().map(|entry| entry.subscription());
        let made_up = made_up.filter(|subscription| subscription.wbem.is_none());
        filters.extend(made_up.map(|subscription| Arc::new(made_up_filter(&subscription, &system))));
        filters
    }

    /// The filter of that name, whatever its system; of several the one that comes with the agent.
    pub fn indication_filter(&self, name: &str) -> Option<Arc<IndicationFilter>> {
        let mut filters = self.indication_filters().into_iter();
        filters.find(|filter| filter.name.name == name)
    }

    /// What a filter means to a subscription.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn filter_meaning(&self, filter: &IndicationFilter) -> Result<Filter, FilterError> {
        meaning(filter, &self.shared.schema)
    }

    /// Makes a filter; ready once it is on disk.
    ///
    /// # Errors
    /// What is wrong with it, or that there is one of its name already.
    pub async fn create_filter(&self, filter: IndicationFilter) -> Result<(), WbemError> {
        let shared = &self.shared;
        let _naming = shared.naming.lock().await;
        if !shared.settings().filter_creation {
            return Err(WbemError::NoCreation);
        }
        check_size(&filter, 0)?;
        meaning(&filter, &shared.schema)?;
        {
            let book = shared.book.lock();
            if is_own(&filter.name.name)
                || book
                    .named
                    .filters
                    .keys()
                    .any(|other| other.clashes_with(&filter.name))
            {
                return Err(WbemError::Exists(filter.name.to_string()));
            }
            let limit = shared.settings().max_per_account;
            let own = book
                .named
                .filters
                .values()
                .filter(|other| other.owner == filter.owner);
            if own.count() >= limit {
                return Err(WbemError::TooMany(limit));
            }
        }
        shared.store.ask(PutFilter(filter.clone())).await?;
        let mut book = shared.book.lock();
        book.named.filters.insert(filter.name.clone(), Arc::new(filter));
        Ok(())
    }

    /// Changes a filter, and with it what its subscriptions are told from now on; ready once it is on disk.
    ///
    /// # Errors
    /// There is none of that name, it is the agent's own, or what is wrong with the change.
    pub async fn modify_filter(
        &self,
        name: &ObjectName,
        change: impl FnOnce(&mut IndicationFilter) -> Result<(), WbemError> + Send,
    ) -> Result<(), WbemError> {
        let shared = &self.shared;
        let _naming = shared.naming.lock().await;
        let mut filter = IndicationFilter::clone(&*self.own_filter(name)?);
        change(&mut filter)?;
        check_size(&filter, 0)?;
        let meant = meaning(&filter, &shared.schema)?;
        let users: Vec<_> = {
            let mut book = shared.book.lock();
            let compile = |filter: &Filter| AlertFilter::compile(filter, &shared.schema);
            let compiled = book.filters.get_or_compile(&meant, compile)?;
            let entries = book.entries.values().filter_map(|entry| {
                let old = entry.subscription();
                let refers = old.wbem.as_ref().is_some_and(|wbem| wbem.filter == *name);
                (refers && !entry.life.lock().phase.is_over()).then(|| {
                    let subscription = Arc::new(Subscription {
                        filter: meant.clone(),
                        ..Subscription::clone(&old)
                    });
                    let filter = Arc::clone(&compiled);
                    (Arc::clone(entry), Content { subscription, filter })
                })
            });
            entries.collect()
        };
        for (_, content) in &users {
            check_size(&*content.subscription, 0)?;
        }
        let changed = users.iter().map(|(entry, content)| {
            let lease = entry.life.lock().lease;
            (Arc::clone(&content.subscription), lease)
        });
        let publication = Publication {
            filters: vec![filter.clone()],
            changed: changed.collect(),
            ..Publication::default()
        };
        let written = shared.publish(publication).await;
        written.map_err(|error| WbemError::Store(error.0))?;
        let mut book = shared.book.lock();
        book.named.filters.insert(filter.name.clone(), Arc::new(filter));
        for (entry, content) in users {
            entry.set_content(content);
        }
        Ok(())
    }

    /// Deletes a filter that no subscription refers to; ready once that is on disk.
    ///
    /// # Errors
    /// There is none of that name, it is the agent's own, or it is in use.
    pub async fn delete_filter(&self, name: &ObjectName) -> Result<(), WbemError> {
        let shared = &self.shared;
        let _naming = shared.naming.lock().await;
        self.own_filter(name)?;
        let subscriptions = shared.book.lock().users(|wbem| wbem.filter == *name);
        if subscriptions > 0 {
            let name = name.clone();
            return Err(WbemError::InUse { name, subscriptions });
        }
        shared.store.ask(DeleteFilter(name.clone())).await?;
        shared.book.lock().named.filters.remove(name);
        Ok(())
    }

    /// A filter that was made, as opposed to one of the agent's own.
    fn own_filter(&self, name: &ObjectName) -> Result<Arc<IndicationFilter>, WbemError> {
        if let Some(filter) = self.shared.book.lock().named.filters.get(name) {
            return Ok(Arc::clone(filter));
        }
        if self
            .indication_filters()
            .iter()
            .any(|filter| filter.name == *name)
        {
            Err(WbemError::Fixed(name.clone()))
        } else {
            Err(WbemError::NotFound(name.to_string()))
        }
    }
}

/// What a filter means to a subscription: its query in the first of its namespaces that has the classes.
pub(super) fn meaning(filter: &IndicationFilter, schema: &Arc<Schema>) -> Result<Filter, FilterError> {
    let mut first_fault = None;
    let mut found = None;
    for namespace in filter.namespaces() {
        let meant = Filter::Query {
            namespace: namespace.to_owned(),
            language: filter.language.clone(),
            text: filter.query.clone(),
        };
        match AlertFilter::compile(&meant, schema) {
            Ok(_) => {
                found.get_or_insert(meant);
            }
            Err(error @ FilterError::UnknownNamespace(_)) => return Err(error),
            Err(error) => {
                first_fault.get_or_insert(error);
            }
        }
    }
    match (found, first_fault) {
        (Some(meant), _) => Ok(meant),
        (None, Some(error)) => Err(error),
        (None, None) => Err(FilterError::UnknownNamespace(String::new())),
    }
}

/// The name of the filter that stands for the filter of a subscription made by WS-Eventing.
pub(super) fn made_up_name(id: &str, system: &str) -> ObjectName {
    own_name(FILTER_CLASS, system, format!("{MADE_UP}{id}"))
}

fn made_up_filter(subscription: &Subscription, system: &str) -> IndicationFilter {
    let (namespace, language, query) = match &subscription.filter {
        Filter::Class { namespace, class } => (namespace, "WQL".to_owned(), format!("SELECT * FROM {class}")),
        Filter::Query {
            namespace,
            language,
            text,
        } => (namespace, language.clone(), text.clone()),
    };
    IndicationFilter {
        name: made_up_name(&subscription.id, system),
        owner: subscription.owner.clone(),
        labels: Labels {
            element_name: Some("The filter of a subscription made by WS-Eventing".to_owned()),
            ..Labels::default()
        },
        source_namespaces: Some(vec![namespace.clone()]),
        source_namespace: None,
        namespace: namespace.clone(),
        language,
        query,
        template_variables: None,
    }
}
