//! The interop namespace, asked through the broker: what a client looks for to find out what the server is
//! (DSP1033, SNIA's Server profile), and every association of it in every way that it can be walked; and the
//! settings of the indication service (DSP1054) in a running agent.

use std::collections::BTreeSet;
use std::sync::Arc;

use esm::broker::{AssociationQuery, Broker};
use esm::cim::{Instance, InstancePath, Name, Namespace, Value};

use serde_json::Value as Json;

use crate::agent::Agent;
use crate::command::run;
use crate::providers::{context, enumerate, live};

const INTEROP: Namespace = Namespace::from_static("root/interop");
const PROFILE: &str = "CIM_RegisteredProfile";
const NAMES: [&str; 6] = [
    "interop",
    "root",
    "root/cimv2",
    "root/ESMPRO/AS",
    "root/interop",
    "root/PG_InterOp",
];

#[track_caller]
fn one(broker: &Broker, class: &str) -> Arc<Instance> {
    let all = enumerate(broker, &INTEROP, class);
    let [one] = all.as_slice() else {
        panic!("{} instances of {class}", all.len())
    };
    Arc::clone(one)
}

fn texts<'a>(instances: &'a [Arc<Instance>], property: &str) -> BTreeSet<&'a str> {
    let texts = instances
        .iter()
        .map(|instance| instance.get_str(property).unwrap());
    texts.collect()
}

#[test]
fn every_namespace_is_listed_under_every_name() {
    let broker = live();
    for asked in ["root/interop", "interop", "Root/pg_interop"] {
        let asked = Namespace::new(asked);
        let all = enumerate(&broker, &asked, "CIM_Namespace");
        assert_eq!(texts(&all, "Name"), BTreeSet::from(NAMES));
        let path = broker.path_of(&context(&asked), &all[0]).unwrap();
        assert_eq!(
            path.namespace.unwrap().as_str(),
            asked.as_str(),
            "as the client spelled it"
        );
    }
    for name in NAMES {
        assert!(broker.namespace(&Namespace::new(name)).is_ok(), "{name}");
    }
}

#[test]
fn namespaces_are_found_from_above() {
    let broker = live();
    let below = |namespace: &str| -> Vec<String> {
        let all = enumerate(&broker, &Namespace::new(namespace), "__Namespace");
        let names = all
            .iter()
            .map(|instance| instance.get_str("Name").unwrap().to_owned());
        names.collect()
    };
    let expected = ["cimv2", "ESMPRO/AS", "interop", "PG_InterOp"];
    assert_eq!(below("root"), expected);
    assert_eq!(below("ROOT"), expected);
    for name in below("root") {
        assert_eq!(below(&format!("root/{name}")), [""; 0], "{name}");
    }
}

#[test]
fn there_is_one_object_manager_and_it_says_its_version() {
    let broker = live();
    let manager = one(&broker, "CIM_ObjectManager");
    let version = concat!(" Version ", env!("CARGO_PKG_VERSION"));
    let description = manager.get_str("Description").unwrap();
    assert!(description.ends_with(version), "{description}");
    assert_eq!(manager.get("Started"), Some(&Value::Boolean(true)));
    assert_eq!(
        manager.get("OperationalStatus"),
        Some(&Value::Array(vec![Value::Uint16(2)]))
    );
    let server = one(&broker, "CIM_ComputerSystem");
    for (key, value) in [
        ("SystemCreationClassName", "ESM_GeneralInformation"),
        ("SystemName", server.get_str("Name").unwrap()),
        ("CreationClassName", "CIM_ObjectManager"),
    ] {
        assert_eq!(manager.get_str(key), Some(value), "{key}");
    }
    assert!(manager.get_str("ElementName").is_some());
    let name = manager.get_str("Name").unwrap();
    for namespace in enumerate(&broker, &INTEROP, "CIM_Namespace") {
        assert_eq!(namespace.get_str("ObjectManagerName"), Some(name));
    }
    let mechanism = one(&broker, "CIM_ObjectManagerCommunicationMechanism");
    assert_eq!(mechanism.get("CommunicationMechanism"), Some(&Value::Uint16(2)));
    assert_eq!(
        mechanism.get("PulledEnumerationMaximumOperationTimeout"),
        Some(&Value::Uint32(90))
    );
    assert_eq!(
        mechanism.get("AuthenticationMechanismsSupported"),
        Some(&Value::Array(vec![Value::Uint16(3)]))
    );
}

#[test]
fn the_profiles_are_registered() {
    let broker = live();
    let profiles = enumerate(&broker, &INTEROP, "CIM_RegisteredProfile");
    let class = broker
        .class(&INTEROP, &Name::new("CIM_RegisteredProfile"))
        .unwrap();
    let organization = class.property("RegisteredOrganization").unwrap();
    let names = |qualifier: &str| {
        let found = organization.qualifiers.iter().find(|it| it.name == *qualifier);
        found.unwrap().value.as_deref().unwrap().items().to_vec()
    };
    let (map, values) = (names("ValueMap"), names("Values"));
    let titles: BTreeSet<String> = profiles
        .iter()
        .map(|profile| {
            let number = profile.get("RegisteredOrganization").unwrap().to_text();
            let at = map.iter().position(|value| value.to_text() == number).unwrap();
            let text = |property: &str| profile.get_str(property).unwrap().to_owned();
            format!(
                "{} {} {}",
                values[at].to_text(),
                text("RegisteredName"),
                text("RegisteredVersion")
            )
        })
        .collect();
    let expected = [
        "DMTF Indications 1.2.2",
        "DMTF Profile Registration 1.0.0",
        "SNIA Indication 1.2.0",
        "SNIA Server 1.2.0",
    ];
    assert_eq!(titles, BTreeSet::from(expected.map(str::to_owned)));
}

#[test]
fn the_indication_service_says_what_is_in_force_and_that_it_can_be_set() {
    let broker = live();
    for class in ["CIM_IndicationService", "CIM_IndicationServiceSettingData"] {
        let instance = one(&broker, class);
        for (property, value) in [
            ("FilterCreationEnabled", Value::Boolean(true)),
            ("DeliveryRetryAttempts", Value::Uint16(7)),
            ("DeliveryRetryInterval", Value::Uint32(5)),
            ("SubscriptionRemovalAction", Value::Uint16(3)),
            ("SubscriptionRemovalTimeInterval", Value::Uint32(3600)),
        ] {
            assert_eq!(instance.get(property), Some(&value), "{class}.{property}");
        }
    }
    let capabilities = one(&broker, "CIM_IndicationServiceCapabilities");
    for property in capabilities.properties() {
        if property.name.as_str().ends_with("IsSettable") {
            assert_eq!(property.value, Some(Value::Boolean(true)), "{}", property.name);
        }
    }
}

/// An association between two instances: walked from either end, with and without each limit.
struct Walk<'a> {
    broker: &'a Arc<Broker>,
    association: &'a str,
    /// No object stands at both ends of it, so that a limit that says nothing new changes nothing.
    one_way: bool,
}

impl Walk<'_> {
    /// All ways from `from` through `role` to `far_role`; the far ends, of class `far`.
    #[track_caller]
    fn far_ends(&self, from: &InstancePath, role: &str, far_role: &str, far: &str) -> Vec<InstancePath> {
        let name = |text: &str| Some(Name::new(text));
        let exact = AssociationQuery {
            association_class: name(self.association),
            result_class: name(far),
            role: name(role),
            result_role: name(far_role),
        };
        let expected = self.associated(from, &exact);
        let loose = AssociationQuery {
            result_class: None,
            ..exact.clone()
        };
        assert_eq!(self.associated(from, &loose), expected, "{}", self.association);
        let wrong = AssociationQuery {
            result_class: name("CIM_OperatingSystem"),
            ..exact.clone()
        };
        assert_eq!(self.associated(from, &wrong), [], "{}", self.association);
        let through: Vec<InstancePath> = self
            .references(from, Some(role))
            .iter()
            .map(|reference| far_end(reference, far_role))
            .collect();
        assert_eq!(through, expected, "{}", self.association);
        if self.one_way {
            self.check_roles(from, &exact, &expected);
        }
        expected
    }

    #[track_caller]
    fn check_roles(&self, from: &InstancePath, exact: &AssociationQuery, expected: &[InstancePath]) {
        let without_role = AssociationQuery {
            role: None,
            ..exact.clone()
        };
        let without_result_role = AssociationQuery {
            result_role: None,
            ..exact.clone()
        };
        let alone = AssociationQuery {
            association_class: exact.association_class.clone(),
            ..AssociationQuery::default()
        };
        for loose in [without_role, without_result_role, alone] {
            assert_eq!(self.associated(from, &loose), expected, "{loose:?}");
        }
        let wrong_role = AssociationQuery {
            role: exact.result_role.clone(),
            ..exact.clone()
        };
        let wrong_result_role = AssociationQuery {
            result_role: exact.role.clone(),
            ..exact.clone()
        };
        for wrong in [wrong_role, wrong_result_role] {
            assert_eq!(self.associated(from, &wrong), [], "{wrong:?}");
        }
        assert_eq!(self.references(from, None).len(), expected.len());
        assert_eq!(
            self.references(from, exact.result_role.as_ref().map(Name::as_str)),
            []
        );
    }

    #[track_caller]
    fn associated(&self, from: &InstancePath, query: &AssociationQuery) -> Vec<InstancePath> {
        let context = context(&INTEROP);
        let found = self.broker.associators(&context, from, query).unwrap();
        found
            .map(|instance| self.broker.path_of(&context, &instance.unwrap()).unwrap())
            .collect()
    }

    #[track_caller]
    fn references(&self, to: &InstancePath, role: Option<&str>) -> Vec<Arc<Instance>> {
        let query = AssociationQuery {
            result_class: Some(Name::new(self.association)),
            role: role.map(Name::new),
            ..AssociationQuery::default()
        };
        let found = self.broker.references(&context(&INTEROP), to, &query).unwrap();
        found.map(Result::unwrap).collect()
    }
}

#[track_caller]
fn far_end(reference: &Instance, role: &str) -> InstancePath {
    match reference.get(role) {
        Some(Value::Reference(path)) => path.as_ref().clone(),
        other => panic!("{role} is {other:?}"),
    }
}

/// Every instance of the association is found from both of its ends, and leads to the other one.
#[track_caller]
fn check_both_ways(broker: &Arc<Broker>, association: &str, ends: [(&str, &str); 2], count: usize) {
    let one_way = !ends
        .iter()
        .all(|(_, class)| [PROFILE, "CIM_ManagedElement"].contains(class));
    let walk = Walk {
        broker,
        association,
        one_way,
    };
    let all = enumerate(broker, &INTEROP, association);
    assert_eq!(all.len(), count, "{association}");
    let [(role, class), (far_role, far_class)] = ends;
    for instance in all {
        let (near, far) = (far_end(&instance, role), far_end(&instance, far_role));
        let is_found = |ends: &[InstancePath], end: &InstancePath| ends.contains(end);
        assert!(
            is_found(&walk.far_ends(&near, role, far_role, far_class), &far),
            "{association}"
        );
        assert!(
            is_found(&walk.far_ends(&far, far_role, role, class), &near),
            "{association}"
        );
    }
}

#[test]
fn associations_are_walked_both_ways() {
    let broker = live();
    let manager = ("Antecedent", "CIM_ObjectManager");
    let system = ("Antecedent", "CIM_System");
    let namespaces = [manager, ("Dependent", "CIM_Namespace")];
    check_both_ways(&broker, "CIM_NamespaceInManager", namespaces, NAMES.len());
    let mechanisms = [manager, ("Dependent", "CIM_ObjectManagerCommunicationMechanism")];
    check_both_ways(&broker, "CIM_CommMechanismForManager", mechanisms, 1);
    check_both_ways(
        &broker,
        "CIM_HostedService",
        [system, ("Dependent", "CIM_Service")],
        2,
    );
    let access_points = [system, ("Dependent", "CIM_ServiceAccessPoint")];
    check_both_ways(&broker, "CIM_HostedAccessPoint", access_points, 1);
    let references = [("Antecedent", PROFILE), ("Dependent", PROFILE)];
    check_both_ways(&broker, "CIM_ReferencedProfile", references, 3);
    let conformances = [
        ("ConformantStandard", PROFILE),
        ("ManagedElement", "CIM_ManagedElement"),
    ];
    check_both_ways(&broker, "CIM_ElementConformsToProfile", conformances, 6);
    let service = ("ManagedElement", "CIM_IndicationService");
    let capabilities = [service, ("Capabilities", "CIM_Capabilities")];
    check_both_ways(&broker, "CIM_ElementCapabilities", capabilities, 1);
    let settings = [service, ("SettingData", "CIM_SettingData")];
    check_both_ways(&broker, "CIM_ElementSettingData", settings, 1);
}

const SERVICE: &str = "CIM_IndicationService";
const SETTING: &str = "CIM_IndicationServiceSettingData";

/// `esm wsman VERB CLASS` in the interop namespace; it must end with that code. Its standard output.
#[track_caller]
fn wsman(agent: &Agent, arguments: &[&str], code: i32) -> String {
    let mut command = agent.esm(&["wsman", "--namespace", "root/interop"]);
    let ended = run(command.args(arguments));
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    if code == 0 { ended.out } else { ended.err }
}

/// The five settings as that class shows them.
#[track_caller]
fn settings(agent: &Agent, class: &str) -> [u64; 5] {
    let answer = wsman(agent, &["get", class, "--output", "json"], 0);
    let answer: Json = serde_json::from_str(&answer).unwrap();
    let instance = answer.get("instance").unwrap_or(&answer);
    [
        "FilterCreationEnabled",
        "DeliveryRetryAttempts",
        "DeliveryRetryInterval",
        "SubscriptionRemovalAction",
        "SubscriptionRemovalTimeInterval",
    ]
    .map(|property| match &instance[property] {
        Json::Bool(flag) => u64::from(*flag),
        number => number.as_u64().unwrap_or_else(|| panic!("{property}: {answer}")),
    })
}

#[track_caller]
fn check_settings(agent: &Agent, expected: [u64; 5]) {
    assert_eq!(settings(agent, SERVICE), expected);
    assert_eq!(settings(agent, SETTING), expected);
}

#[test]
fn the_settings_of_deliveries_are_written_and_outlive_a_restart() {
    const FROM_FILE: [u64; 5] = [1, 65_535, 20, 2, 259_200];
    let home = tempfile::tempdir().unwrap();
    let file = "[delivery]\nretry_first_secs = 20\n";
    let agent = Agent::start_in(home.path(), file);
    check_settings(&agent, FROM_FILE);

    wsman(
        &agent,
        &[
            "put",
            SERVICE,
            "DeliveryRetryAttempts=3",
            "SubscriptionRemovalAction=4",
        ],
        0,
    );
    check_settings(&agent, [1, 3, 20, 4, 259_200]);
    wsman(
        &agent,
        &[
            "put",
            SETTING,
            "FilterCreationEnabled=false",
            "DeliveryRetryInterval=600",
        ],
        0,
    );
    let changed = [0, 3, 600, 4, 259_200];
    check_settings(&agent, changed);

    for (change, expect) in [
        ("SubscriptionRemovalAction=5", "SubscriptionRemovalAction"),
        ("DeliveryRetryInterval=0", "delivery.retry_first_secs"),
        ("SubscriptionRemovalTimeInterval=300", "delivery.retry_max_secs"),
        ("PrimaryOwnerName=me", "PrimaryOwnerName"),
    ] {
        let refusal = wsman(&agent, &["put", SERVICE, change], 5);
        assert!(refusal.contains(expect), "{change}: {refusal}");
    }
    check_settings(&agent, changed);
    let filter = ["create", "CIM_IndicationFilter", "Name=mine", "QueryLanguage=WQL"];
    let filter = [&filter[..], &["Query=SELECT * FROM CIM_Indication"]].concat();
    assert!(wsman(&agent, &filter, 5).contains("FilterCreationEnabled"));
    agent.stop();

    let agent = Agent::start_in(home.path(), file);
    check_settings(&agent, changed);
    let instance = format!("{SETTING}?InstanceID=ESM:IndicationServiceSettingData:agent");
    wsman(&agent, &["delete", &instance], 0);
    check_settings(&agent, FROM_FILE);
    wsman(&agent, &filter, 0);
    let affected = wsman(
        &agent,
        &["enumerate", "CIM_ServiceAffectsElement", "--output", "json"],
        0,
    );
    assert!(affected.contains("mine"), "{affected}");
    agent.stop();
}

#[test]
fn an_agent_that_serves_data_alone_has_no_indication_service() {
    let agent = Agent::start_with("[agent]\nmode = \"provider-only\"\n");
    for class in [SERVICE, SETTING, "CIM_IndicationServiceCapabilities"] {
        let listed = wsman(&agent, &["enumerate", class, "--output", "json"], 0);
        assert!(!listed.contains("DeliveryRetryAttempts"), "{listed}");
    }
    let profiles = wsman(&agent, &["enumerate", PROFILE, "--output", "json"], 0);
    assert!(
        profiles.contains("\"Server\"") && !profiles.contains("Indication"),
        "{profiles}"
    );
    agent.stop();
}
