//! An alert as a CIM indication: ESM_ThresholdIndication for a state change, ESM_AlertIndication for the rest.

use super::{Alert, Crossing};
use crate::alert::catalog::number_text;
use crate::cim::{CimType, DateTime, Instance, Name};

/// `OwningEntity`, and `ProviderName`: who defines the messages and raises the indication.
const OWNER: &str = "ESM";

/// The class of the system that a system name belongs to.
const SYSTEM_CLASS: &str = "ESM_GeneralInformation";

/// `AlertingElementFormat`: CIMObjectPath.
const CIM_OBJECT_PATH: u16 = 2;

/// `AlertType`: Other. What it is, `OtherAlertType` says.
const OTHER: u16 = 1;

/// How many properties an indication has at most.
const PROPERTIES: usize = 32;

/// The indication of `alert`. What belongs to a delivery and not to the event (`SequenceContext`,
/// `SequenceNumber`, `IndicationFilterName`) is added when it is sent, see [`number`].
pub fn indication(alert: &Alert) -> Instance {
    let class = match alert.crossing {
        Some(_) => Name::from_static("ESM_ThresholdIndication"),
        None => Name::from_static("ESM_AlertIndication"),
    };
    let mut instance = Instance::with_capacity(class, PROPERTIES);
    describe_event(alert, &mut instance);
    describe_target(alert, &mut instance);
    describe_message(alert, &mut instance);
    if let Some(crossing) = &alert.crossing {
        describe_crossing(crossing, &mut instance);
    }
    instance
}

/// Gives an indication its place in the series of its destination (DSP1054 §7.9).
pub fn number(instance: &mut Instance, context: &str, number: i64) {
    instance.set("SequenceContext", context);
    instance.set("SequenceNumber", number);
}

fn describe_event(alert: &Alert, instance: &mut Instance) {
    let at = DateTime::from_wall(alert.at);
    instance.set("IndicationIdentifier", alert.identifier.as_str());
    instance.set("IndicationTime", at);
    instance.set("EventTime", at);
    instance.set("EventSource", alert.source.as_str());
    instance.set("EventID", alert.event_id.to_string());
    instance.set("PerceivedSeverity", alert.severity.perceived());
    instance.set("AlertType", alert.alert_type);
    let other = (alert.alert_type == OTHER).then_some("Agent");
    instance.set_or_null("OtherAlertType", CimType::String, other);
    instance.set("ProbableCause", alert.probable_cause);
}

fn describe_target(alert: &Alert, instance: &mut Instance) {
    instance.set("SystemCreationClassName", SYSTEM_CLASS);
    instance.set("SystemName", alert.system_name.as_str());
    instance.set("ProviderName", OWNER);
    let has_path = !alert.target.path.is_empty();
    let path = has_path.then_some(alert.target.path.as_str());
    instance.set_or_null("AlertingManagedElement", CimType::String, path);
    instance.set(
        "AlertingElementFormat",
        if has_path { CIM_OBJECT_PATH } else { 0 },
    );
    instance.set_or_null("TargetClass", CimType::String, non_empty(&alert.target.class));
    instance.set_or_null("TargetInstance", CimType::String, non_empty(&alert.target.name));
}

fn describe_message(alert: &Alert, instance: &mut Instance) {
    instance.set("TrapName", alert.trap_name.en.as_str());
    instance.set("Message", alert.message.en.as_str());
    instance.set("MessageJa", alert.message.ja.as_str());
    instance.set("MessageID", alert.message_id());
    instance.set("MessageArguments", alert.arguments.clone());
    instance.set("OwningEntity", OWNER);
    instance.set("Remedy", alert.remedy.en.as_str());
    instance.set("RecommendedActions", vec![alert.remedy.en.clone()]);
}

fn describe_crossing(crossing: &Crossing, instance: &mut Instance) {
    instance.set("PreviousState", crossing.previous.name());
    instance.set("State", crossing.state.name());
    instance.set("ThresholdIdentifier", crossing.monitor.as_str());
    instance.set_or_null(
        "ObservedValue",
        CimType::String,
        crossing.observed.map(number_text),
    );
    instance.set_or_null(
        "ThresholdValue",
        CimType::String,
        crossing.threshold.map(number_text),
    );
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;
    use crate::alert::{Occasion, State, Target, catalog};

    fn shown(instance: &Instance) -> String {
        let line = |property: &crate::cim::Property| {
            let value = match &property.value {
                None => "NULL".to_owned(),
                Some(value) if value.is_array() => value
                    .items()
                    .iter()
                    .map(crate::cim::Value::to_text)
                    .collect::<Vec<_>>()
                    .join(" | "),
                Some(value) => value.to_text(),
            };
            format!("{} {} = {value}\n", property.cim_type, property.name)
        };
        instance.properties().iter().map(line).collect()
    }

    #[test]
    fn a_state_change_is_a_threshold_indication() {
        let mut instance = indication(&sample(State::Critical));
        number(&mut instance, "ctx", 7);
        assert_eq!(instance.class_name, "ESM_ThresholdIndication");
        insta::assert_snapshot!(shown(&instance), @r#"
        string IndicationIdentifier = ESM:00000000-0000-0000-0000-000000001234
        datetime IndicationTime = 20260131120000.000000+000
        datetime EventTime = 20260131120000.000000+000
        string EventSource = ESMFSSERVICE
        string EventID = C0000302
        uint16 PerceivedSeverity = 6
        uint16 AlertType = 3
        string OtherAlertType = NULL
        uint16 ProbableCause = 52
        string SystemCreationClassName = ESM_GeneralInformation
        string SystemName = host.example
        string ProviderName = ESM
        string AlertingManagedElement = /root/ESMPRO/AS:ESM_FileSystemThread.Name="/var"
        uint16 AlertingElementFormat = 2
        string TargetClass = ESM_FileSystemThread
        string TargetInstance = /var
        string TrapName = File system free space: critical
        string Message = The free space of the file system /var has fallen to 2.5 %: the critical level of 3 % is reached.
        string MessageJa = ファイルシステム /var の空き容量が 2.5 % となり、異常のしきい値 3 % に達しました。
        string MessageID = ESM0302
        string MessageArguments = /var | 2.5 | 3
        string OwningEntity = ESM
        string Remedy = Delete or move files that are not needed, extend the file system, or change the threshold.
        string RecommendedActions = Delete or move files that are not needed, extend the file system, or change the threshold.
        string PreviousState = normal
        string State = critical
        string ThresholdIdentifier = file-system:/var
        string ObservedValue = 2.5
        string ThresholdValue = 3
        string SequenceContext = ctx
        sint64 SequenceNumber = 7
        "#);
    }

    #[test]
    fn an_event_of_the_agent_is_an_alert_indication() {
        let occasion = Occasion {
            id: uuid::Uuid::nil(),
            at: crate::time::WallTime::from_unix_micros(0),
            system_name: "h".to_owned(),
        };
        let entry = catalog::find(catalog::table::agent::STARTED).unwrap();
        let instance = indication(&entry.alert(occasion, Target::default(), vec!["1.0".to_owned()]));
        assert_eq!(instance.class_name, "ESM_AlertIndication");
        assert_eq!(instance.get_str("OtherAlertType"), Some("Agent"));
        assert_eq!(instance.get("AlertingManagedElement"), None);
        assert_eq!(instance.get_str("Message"), Some("The agent 1.0 has started."));
    }

    #[test]
    fn every_property_is_one_of_its_class_in_the_schema() {
        // The schema itself is compiled and checked elsewhere; here names alone are held against its text.
        let schema = concat!(
            include_str!("../../schemas/esm_indication.mof"),
            include_str!("../../schemas/cim_event.mof")
        );
        for property in indication(&sample(State::Warning)).properties() {
            let declared = [";", "[]", " ="].map(|end| format!(" {}{end}", property.name));
            assert!(
                declared.iter().any(|text| schema.contains(text)),
                "{} is not declared",
                property.name
            );
        }
    }
}
