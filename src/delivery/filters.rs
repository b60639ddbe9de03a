//! Filters in the form that is asked for each alert.

use std::sync::Arc;

use crate::alert::ChangeKind;
use crate::cim::query::{CheckedQuery, Language, Query};
use crate::cim::schema::{NamespaceSchema, Schema};
use crate::cim::{Instance, Name, Namespace};
use crate::subscription::Filter;

/// A filter that can be asked.
#[derive(Debug)]
pub struct AlertFilter {
    schema: Arc<Schema>,
    namespace: Namespace,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Class(Name),
    Query(CheckedQuery),
    Nothing,
}

/// Why a filter cannot be taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// There is no such namespace.
    #[error("there is no namespace `{0}`")]
    UnknownNamespace(String),
    /// There is no such class.
    #[error("there is no class `{class}` in `{namespace}`")]
    UnknownClass {
        /// The class.
        class: String,
        /// The namespace.
        namespace: String,
    },
    /// The class is no indication.
    #[error("`{0}` is no indication class: subscribe to CIM_Indication or a class below it")]
    NoIndication(String),
    /// Nobody speaks this language here.
    #[error("the query language `{0}` is not known: use WQL or CQL")]
    UnknownLanguage(String),
    /// The query has a fault.
    #[error("{0}")]
    Query(String),
}

impl AlertFilter {
    /// Reads `filter` and holds it against `schema`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn compile(filter: &Filter, schema: &Arc<Schema>) -> Result<Self, FilterError> {
        let (Filter::Class { namespace, .. } | Filter::Query { namespace, .. }) = filter;
        let name = Namespace::new(namespace);
        let classes = schema
            .namespace(&name)
            .ok_or_else(|| FilterError::UnknownNamespace(namespace.clone()))?;
        let test = match filter {
            Filter::Class { class, .. } => {
                Test::Class(indication_class(classes, &Name::new(class), namespace)?)
            }
            Filter::Query { language, text, .. } => compile_query(classes, language, text, namespace)?,
        };
        Ok(Self {
            schema: Arc::clone(schema),
            namespace: name,
            test,
        })
    }

    /// A filter that wants nothing: of a subscription whose own filter cannot be read any more.
    pub fn nothing(schema: &Arc<Schema>) -> Self {
        Self {
            schema: Arc::clone(schema),
            namespace: Namespace::new(""),
            test: Test::Nothing,
        }
    }

    /// Whether some change of an instance of `source` may be wanted.
    pub fn may_want_changes_of(&self, source: &Name) -> bool {
        let Some(classes) = self.schema.namespace(&self.namespace) else {
            return false;
        };
        let is_change = |class: &Name| {
            ChangeKind::ALL
                .map(ChangeKind::class)
                .iter()
                .any(|kind| kind == class || classes.is_a(kind, class))
        };
        match &self.test {
            Test::Class(class) => is_change(class),
            Test::Query(query) => {
                is_change(query.class()) && query.may_hold_of("SourceInstance", source, classes)
            }
            Test::Nothing => false,
        }
    }

    /// Whether `indication` is wanted.
    pub fn matches(&self, indication: &Instance) -> bool {
        let Some(classes) = self.schema.namespace(&self.namespace) else {
            return false;
        };
        match &self.test {
            Test::Class(class) => {
                indication.class_name == *class || classes.is_a(&indication.class_name, class)
            }
            Test::Query(query) => query.matches(indication, classes),
            Test::Nothing => false,
        }
    }
}

fn indication_class(classes: &NamespaceSchema, class: &Name, namespace: &str) -> Result<Name, FilterError> {
    let root = Name::from_static("CIM_Indication");
    if classes.class(class).is_none() {
        let (class, namespace) = (class.to_string(), namespace.to_owned());
        return Err(FilterError::UnknownClass { class, namespace });
    }
    if *class == root || classes.is_a(class, &root) {
        Ok(class.clone())
    } else {
        Err(FilterError::NoIndication(class.to_string()))
    }
}

fn compile_query(
    classes: &NamespaceSchema,
    language: &str,
    text: &str,
    namespace: &str,
) -> Result<Test, FilterError> {
    let known =
        Language::from_name(language).ok_or_else(|| FilterError::UnknownLanguage(language.to_owned()))?;
    let query = Query::parse(known, text).map_err(|error| FilterError::Query(error.to_string()))?;
    let checked = match query.from_class() {
        Some(named) => {
            // The name may be one that the query language alone knows.
            let meant = query.class_meant(classes).map_or(named, |class| &class.name);
            indication_class(classes, meant, namespace)?;
            query.check(classes)
        }
        None => query.check_for(&Name::from_static("CIM_AlertIndication"), classes),
    };
    checked
        .map(Test::Query)
        .map_err(|error| FilterError::Query(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{State, indication::indication, tests::sample};

    fn schema() -> Arc<Schema> {
        Arc::new(crate::cim::schema::house().unwrap())
    }

    fn class(namespace: &str, class: &str) -> Filter {
        Filter::Class {
            namespace: namespace.to_owned(),
            class: class.to_owned(),
        }
    }

    fn query(language: &str, text: &str) -> Filter {
        Filter::Query {
            namespace: "root/ESMPRO/AS".to_owned(),
            language: language.to_owned(),
            text: text.to_owned(),
        }
    }

    #[track_caller]
    fn check(filter: &Filter, expect: bool) {
        let compiled = AlertFilter::compile(filter, &schema()).unwrap();
        assert_eq!(
            compiled.matches(&indication(&sample(State::Warning))),
            expect,
            "{filter:?}"
        );
    }

    #[track_caller]
    fn check_refused(filter: &Filter, expect: &str) {
        let error = AlertFilter::compile(filter, &schema()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }

    #[test]
    fn a_filter_on_any_parent_class_matches() {
        for name in [
            "CIM_Indication",
            "CIM_AlertIndication",
            "CIM_ThresholdIndication",
            "esm_thresholdindication",
        ] {
            check(&class("root/ESMPRO/AS", name), true);
            check(&query("WQL", &format!("SELECT * FROM {name}")), true);
        }
        check(&class("root/ESMPRO/AS", "ESM_AlertIndication"), false);
        check(
            &query(
                "WQL",
                "select * from CIM_AlertIndication where PerceivedSeverity > 2",
            ),
            true,
        );
        check(
            &query(
                "DMTF:CQL",
                "SELECT * FROM ESM_ThresholdIndication WHERE State = 'critical'",
            ),
            false,
        );
    }

    #[track_caller]
    fn check_changes(filter: &Filter, expect: &[&str]) {
        let compiled = AlertFilter::compile(filter, &schema()).unwrap();
        let wanted: Vec<_> = ["ESM_Network", "ESM_MonitorSetting"]
            .into_iter()
            .filter(|class| compiled.may_want_changes_of(&Name::new(class)))
            .collect();
        assert_eq!(wanted, expect, "{filter:?}");
    }

    #[test]
    fn only_changes_that_may_be_wanted_are_looked_for() {
        let both = ["ESM_Network", "ESM_MonitorSetting"];
        check_changes(&class("root/ESMPRO/AS", "CIM_Indication"), &both);
        check_changes(&class("root/ESMPRO/AS", "CIM_InstModification"), &both);
        check_changes(&class("root/ESMPRO/AS", "CIM_AlertIndication"), &[]);
        check_changes(&query("WQL", "SELECT * FROM CIM_InstIndication"), &both);
        let monitors = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA ESM_MonitorSetting";
        check_changes(&query("WQL", monitors), &["ESM_MonitorSetting"]);
        check_changes(
            &query("WQL", &format!("{monitors} AND SourceInstanceHost = 'a'")),
            &["ESM_MonitorSetting"],
        );
        let either = format!("{monitors} OR SourceInstance ISA CIM_NetworkPort");
        check_changes(&query("WQL", &either), &both);
        check_changes(
            &query(
                "DMTF:CQL",
                "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_Processor",
            ),
            &[],
        );
    }

    #[test]
    fn a_bad_filter_is_refused_with_its_fault() {
        check_refused(
            &class("root/nowhere", "CIM_Indication"),
            "there is no namespace `root/nowhere`",
        );
        check_refused(
            &class("root/ESMPRO/AS", "CIM_Nothing"),
            "there is no class `CIM_Nothing`",
        );
        check_refused(
            &class("root/ESMPRO/AS", "ESM_Processor"),
            "`ESM_Processor` is no indication class",
        );
        check_refused(&query("SQL", "SELECT 1"), "the query language `SQL` is not known");
        check_refused(
            &query("WQL", "SELECT * FROM CIM_AlertIndication WHERE Nonsense = 1"),
            "Nonsense",
        );
    }
}
