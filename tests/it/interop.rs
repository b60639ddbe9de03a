//! The interop namespace, asked through the broker: what a client looks for to find out what the server is
//! (DSP1033, SNIA's Server profile), and every association of it in every way that it can be walked.

use std::collections::BTreeSet;
use std::sync::Arc;

use esm::broker::{AssociationQuery, Broker};
use esm::cim::{Instance, InstancePath, Name, Namespace, Value};

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
    let expected = ["DMTF Profile Registration 1.0.0", "SNIA Server 1.2.0"];
    assert_eq!(titles, BTreeSet::from(expected.map(str::to_owned)));
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
        1,
    );
    let access_points = [system, ("Dependent", "CIM_ServiceAccessPoint")];
    check_both_ways(&broker, "CIM_HostedAccessPoint", access_points, 1);
    let references = [("Antecedent", PROFILE), ("Dependent", PROFILE)];
    check_both_ways(&broker, "CIM_ReferencedProfile", references, 1);
    let conformances = [
        ("ConformantStandard", PROFILE),
        ("ManagedElement", "CIM_ManagedElement"),
    ];
    check_both_ways(&broker, "CIM_ElementConformsToProfile", conformances, 2);
}
