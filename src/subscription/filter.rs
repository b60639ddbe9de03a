//! What a subscription wants to be told.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};

/// A filter as the subscriber wrote it.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Every instance of an indication class, its subclasses included.
    Class {
        /// The namespace.
        namespace: String,
        /// The class.
        class: String,
    },
    /// What a query selects.
    Query {
        /// The namespace whose classes the query names.
        namespace: String,
        /// The query language, under the name the subscriber gave it.
        language: String,
        /// The query.
        text: String,
    },
}

/// Filters in their compiled form, each compiled once however many subscriptions have it.
#[derive(Debug)]
pub struct SharedFilters<C> {
    compiled: HashMap<Filter, Weak<C>>,
}

impl<C> Default for SharedFilters<C> {
    fn default() -> Self {
        Self {
            compiled: HashMap::new(),
        }
    }
}

impl<C> SharedFilters<C> {
    /// The compiled form of `filter`, made by `compile` unless somebody still holds one.
    ///
    /// # Errors
    /// What `compile` says.
    pub fn get_or_compile<E>(
        &mut self,
        filter: &Filter,
        compile: impl FnOnce(&Filter) -> Result<C, E>,
    ) -> Result<Arc<C>, E> {
        if let Some(shared) = self.compiled.get(filter).and_then(Weak::upgrade) {
            return Ok(shared);
        }
        let fresh = Arc::new(compile(filter)?);
        self.compiled.retain(|_, held| held.strong_count() > 0);
        self.compiled.insert(filter.clone(), Arc::downgrade(&fresh));
        Ok(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_compiled_once_while_it_is_held() {
        let filter = Filter::Class {
            namespace: "root/cimv2".to_owned(),
            class: "CIM_Indication".to_owned(),
        };
        let mut filters = SharedFilters::default();
        let mut compiled = 0;
        let mut get = |filters: &mut SharedFilters<u32>| {
            filters.get_or_compile(&filter, |_| {
                compiled += 1;
                Ok::<_, String>(compiled)
            })
        };
        let first = get(&mut filters).unwrap();
        assert!(Arc::ptr_eq(&first, &get(&mut filters).unwrap()));
        drop(first);
        assert_eq!(*get(&mut filters).unwrap(), 2);
        let failing = Filter::Class {
            namespace: String::new(),
            class: String::new(),
        };
        assert_eq!(filters.get_or_compile(&failing, |_| Err("bad")), Err("bad"));
    }
}
