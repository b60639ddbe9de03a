//! The filters that come with the agent: one for each event source, so that no manager needs to write a query.

use super::{FILTER_CLASS, own_name};
use crate::subscription::{IndicationFilter, Labels};

/// The namespace of the classes that the queries name.
const NAMESPACE: &str = "root/ESMPRO/AS";

/// A filter that comes with the agent.
struct Shipped {
    name: &'static str,
    label: &'static str,
    class: &'static str,
    source: Option<&'static str>,
}

const THRESHOLD: &str = "ESM_ThresholdIndication";
const ALERT: &str = "ESM_AlertIndication";

const fn of_source(
    name: &'static str,
    label: &'static str,
    class: &'static str,
    source: &'static str,
) -> Shipped {
    Shipped {
        name,
        label,
        class,
        source: Some(source),
    }
}

const SHIPPED: [Shipped; 9] = [
    Shipped {
        name: "ESM:AllAlerts",
        label: "Every alert",
        class: "CIM_AlertIndication",
        source: None,
    },
    of_source("ESM:ESMCPUPERF", "Processor load", THRESHOLD, "ESMCPUPERF"),
    of_source("ESM:ESMMEMORYUSAGE", "Memory usage", THRESHOLD, "ESMMEMORYUSAGE"),
    of_source(
        "ESM:ESMFSSERVICE",
        "File system free space",
        THRESHOLD,
        "ESMFSSERVICE",
    ),
    of_source(
        "ESM:ESMSTORAGESERVICE",
        "Drive health",
        THRESHOLD,
        "ESM STORAGE SERVICE",
    ),
    of_source("ESM:ESMCOMMONSERVICE", "Hardware", ALERT, "ESMCOMMONSERVICE"),
    of_source("ESM:ESMAGENT", "The agent itself", ALERT, "ESMAGENT"),
    of_source("ESM:ESMPROCESS", "Processes and services", ALERT, "ESMPROCESS"),
    of_source("ESM:ESMNETWORK", "Network links", ALERT, "ESMNETWORK"),
];

/// Whether a filter of that name comes with the agent.
pub(super) fn is_shipped(name: &str) -> bool {
    SHIPPED.iter().any(|shipped| shipped.name == name)
}

/// Every filter that comes with the agent, as one of the system of that name.
pub(super) fn filters(system: &str) -> impl Iterator<Item = IndicationFilter> {
    SHIPPED.iter().map(move |shipped| IndicationFilter {
        name: own_name(FILTER_CLASS, system, shipped.name.to_owned()),
        owner: "agent".to_owned(),
        labels: Labels {
            element_name: Some(shipped.label.to_owned()),
            ..Labels::default()
        },
        source_namespaces: Some(vec![NAMESPACE.to_owned()]),
        source_namespace: None,
        namespace: NAMESPACE.to_owned(),
        language: "DMTF:CQL".to_owned(),
        query: match shipped.source {
            Some(source) => format!("SELECT * FROM {} WHERE EventSource = '{source}'", shipped.class),
            None => format!("SELECT * FROM {}", shipped.class),
        },
        template_variables: None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alert::catalog::{self, table};
    use crate::alert::indication::indication;
    use crate::alert::{Crossing, Occasion, State, Target};
    use crate::cim::Instance;
    use crate::delivery::filters::AlertFilter;

    fn occasion() -> Occasion {
        Occasion {
            id: uuid::Uuid::nil(),
            at: crate::time::WallTime::default(),
            system_name: "host".to_owned(),
        }
    }

    /// One indication of every kind that the catalog knows.
    fn indications() -> Vec<Instance> {
        let plain = table::ALL
            .iter()
            .copied()
            .flatten()
            .filter(|entry| entry.number >= 0x500);
        let plain = plain.map(|entry| entry.alert(occasion(), Target::default(), Vec::new()));
        let crossings = table::RULE_BLOCKS.iter().filter_map(|(rule, _)| {
            let crossing = Crossing {
                monitor: (*rule).to_owned(),
                previous: State::Normal,
                state: State::Critical,
                observed: None,
                threshold: None,
            };
            catalog::threshold_alert(rule, occasion(), Target::default(), crossing)
        });
        plain.chain(crossings).map(|alert| indication(&alert)).collect()
    }

    #[test]
    fn every_alert_is_chosen_by_the_filter_of_its_source_and_by_no_other() {
        let schema = Arc::new(crate::cim::schema::house().unwrap());
        let compiled: Vec<_> = filters("host")
            .map(|filter| {
                let meant = super::super::filters::meaning(&filter, &schema).unwrap();
                (filter, AlertFilter::compile(&meant, &schema).unwrap())
            })
            .collect();
        let indications = indications();
        assert!(indications.len() > 15);
        for instance in indications {
            let source = instance.get_str("EventSource").unwrap();
            let chosen: Vec<_> = compiled
                .iter()
                .filter(|(_, compiled)| compiled.matches(&instance))
                .map(|(filter, _)| filter.name.name.clone())
                .collect();
            let own = format!("ESM:{}", source.replace(' ', ""));
            assert_eq!(chosen, ["ESM:AllAlerts", &own]);
        }
    }
}
