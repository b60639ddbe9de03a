//! The broker over the house schema, with providers whose instances stand in the test.

use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::cim::schema::house;
use crate::cim::{CimStatus, Value};
use crate::provider::{Caller, InstanceBuilder, stream_of};

const CIMV2: Namespace = Namespace::from_static("root/cimv2");
const ESM: Namespace = Namespace::from_static("root/ESMPRO/AS");

/// Serves what it holds and notes what it was told to change.
struct Fixed {
    class: Name,
    instances: Vec<Arc<Instance>>,
    modified: Mutex<Vec<Instance>>,
}

impl InstanceProvider for Fixed {
    fn class_name(&self) -> &Name {
        &self.class
    }
    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        Ok(stream_of(self.instances.clone()))
    }
    fn estimate(&self) -> Option<u64> {
        Some(self.instances.len() as u64)
    }
    fn modify(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        changes: Instance,
    ) -> Result<(), CimError> {
        self.modified.lock().push(changes);
        Ok(())
    }
}

fn fixed(class: &'static str, instances: Vec<Arc<Instance>>) -> Arc<Fixed> {
    Arc::new(Fixed {
        class: Name::from_static(class),
        instances,
        modified: Mutex::default(),
    })
}

struct Fixture {
    broker: Arc<Broker>,
    settings: Arc<Fixed>,
}

/// One computer system with two processors that are its devices, and one monitor setting.
fn fixture() -> Fixture {
    let schema = Arc::new(house().unwrap());
    let class = |name: &str| Arc::clone(schema.namespace(&ESM).unwrap().class(&Name::new(name)).unwrap());
    let system = InstanceBuilder::new(&class("ESM_GeneralInformation"))
        .set("CreationClassName", "ESM_GeneralInformation")
        .set("Name", "box")
        .build();
    let processor = |id: &str| {
        InstanceBuilder::new(&class("ESM_Processor"))
            .set("SystemCreationClassName", "ESM_GeneralInformation")
            .set("SystemName", "box")
            .set("CreationClassName", "ESM_Processor")
            .set("DeviceID", id)
            .set("LoadPercentage", 7_u16)
            .build()
    };
    let processors = vec![processor("cpu0"), processor("cpu1")];
    let device = |processor: &Instance| {
        InstanceBuilder::new(&class("ESM_SystemDevice"))
            .set("GroupComponent", class("ESM_GeneralInformation").path_of(&system))
            .set("PartComponent", class("ESM_Processor").path_of(processor))
            .build()
    };
    let devices = processors.iter().map(|processor| device(processor)).collect();
    let setting = InstanceBuilder::new(&class("ESM_MonitorSetting"))
        .set("InstanceID", "cpu")
        .build();
    let settings = fixed("ESM_MonitorSetting", vec![setting]);
    let both = [CIMV2, ESM];
    let broker = Broker::builder(schema)
        .serve(&both, fixed("ESM_GeneralInformation", vec![system]))
        .serve(&both, fixed("ESM_Processor", processors))
        .serve(&both, fixed("ESM_SystemDevice", devices))
        .serve(&[ESM], settings.clone())
        .build()
        .unwrap();
    Fixture {
        broker: Arc::new(broker),
        settings,
    }
}

fn in_namespace(namespace: &str) -> RequestContext {
    RequestContext {
        caller: Caller::Agent,
        namespace: Namespace::new(namespace),
        from: None,
    }
}

fn processor_path(class: &str, id: &str) -> InstancePath {
    InstancePath::new(Name::new(class))
        .with_key("SystemCreationClassName", "ESM_GeneralInformation")
        .with_key("SystemName", "box")
        .with_key("creationclassname", "ESM_Processor")
        .with_key("DeviceID", id)
}

fn system_path() -> InstancePath {
    InstancePath::new(Name::new("CIM_ComputerSystem"))
        .with_key("Name", "box")
        .with_key("CreationClassName", "ESM_GeneralInformation")
}

#[track_caller]
fn enumerated(namespace: &str, class: &str, polymorphism: Polymorphism) -> Vec<Arc<Instance>> {
    let stream = fixture()
        .broker
        .enumerate(&in_namespace(namespace), &Name::new(class), polymorphism, None);
    stream.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn an_enumeration_reaches_subclasses_as_its_polymorphism_says() {
    let all = enumerated(
        "root/cimv2",
        "cim_processor",
        Polymorphism::IncludeSubclassProperties,
    );
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].class_name, "ESM_Processor");
    assert!(all[0].property("UserPercent").is_some() || all[0].properties().len() > 20);

    let base = enumerated(
        "ROOT\\cimv2",
        "CIM_Processor",
        Polymorphism::ExcludeSubclassProperties,
    );
    assert_eq!(base.len(), 2);
    assert_eq!(base[0].class_name, "CIM_Processor");
    assert!(base[0].properties().len() < all[0].properties().len());
    assert_eq!(base[0].get("LoadPercentage"), Some(&Value::Uint16(7)));

    assert_eq!(
        enumerated("root/cimv2", "CIM_Processor", Polymorphism::None).len(),
        0
    );
    assert_eq!(
        enumerated("root/cimv2", "ESM_Processor", Polymorphism::None).len(),
        2
    );
    assert_eq!(
        enumerated("root/cimv2", "CIM_ManagedElement", Polymorphism::default()).len(),
        3
    );
}

#[test]
fn a_filter_chooses_instances() {
    let wanted: Predicate = Arc::new(|instance| instance.get_str("DeviceID") == Some("cpu1"));
    let context = in_namespace("root/cimv2");
    let stream = fixture().broker.enumerate(
        &context,
        &Name::new("CIM_Processor"),
        Polymorphism::default(),
        Some(wanted),
    );
    assert_eq!(stream.unwrap().count(), 1);
}

#[test]
fn an_instance_is_found_under_every_class_above_its_own() {
    let broker = fixture().broker;
    for class in [
        "ESM_Processor",
        "CIM_Processor",
        "CIM_LogicalDevice",
        "cim_managedelement",
    ] {
        let found = broker
            .get(&in_namespace("root/cimv2"), &processor_path(class, "cpu1"))
            .unwrap();
        assert_eq!(found.get_str("DeviceID"), Some("cpu1"), "{class}");
    }
}

#[track_caller]
fn check_error(namespace: &str, path: &InstancePath, expect: CimStatus) {
    let error = fixture().broker.get(&in_namespace(namespace), path).unwrap_err();
    assert_eq!(error.status, expect, "{error}");
}

#[test]
fn what_is_not_there_says_so() {
    check_error(
        "root/nowhere",
        &processor_path("CIM_Processor", "cpu0"),
        CimStatus::InvalidNamespace,
    );
    check_error(
        "root/cimv2",
        &processor_path("CIM_Nothing", "cpu0"),
        CimStatus::InvalidClass,
    );
    check_error(
        "root/cimv2",
        &processor_path("CIM_Processor", "cpu9"),
        CimStatus::NotFound,
    );
    check_error(
        "root/cimv2",
        &processor_path("ESM_GeneralInformation", "cpu0"),
        CimStatus::NotFound,
    );
}

#[test]
fn only_writable_properties_reach_the_provider() {
    let Fixture { broker, settings } = fixture();
    let context = in_namespace("root/ESMPRO/AS");
    let path = InstancePath::new(Name::new("ESM_MonitorSetting")).with_key("InstanceID", "cpu");
    let mut changes = Instance::new(Name::new("ESM_MonitorSetting"));
    changes.set("InstanceID", "cpu");
    changes.set("State", "critical");
    changes.set("Warning", 80.0);
    changes.set("Critical", 90.0);
    broker.modify(&context, &path, changes.clone(), None).unwrap();
    broker
        .modify(&context, &path, changes.clone(), Some(&[Name::new("critical")]))
        .unwrap();
    let seen: Vec<Vec<String>> = settings
        .modified
        .lock()
        .iter()
        .map(|changes| {
            changes
                .properties()
                .iter()
                .map(|property| property.name.to_string())
                .collect()
        })
        .collect();
    assert_eq!(seen, [vec!["Warning", "Critical"], vec!["Critical"]]);

    changes.set("InstanceID", "other");
    let error = broker.modify(&context, &path, changes, None).unwrap_err();
    assert_eq!(error.status, CimStatus::InvalidParameter);
}

#[test]
fn associations_are_walked_both_ways() {
    let broker = fixture().broker;
    let context = in_namespace("root/cimv2");
    let walk = |path: &InstancePath, query: AssociationQuery| -> Result<Vec<String>, CimStatus> {
        let found = broker
            .associators(&context, path, &query)
            .map_err(|error| error.status)?;
        let name = |item: Result<Arc<Instance>, CimError>| {
            let item = item.unwrap();
            item.get_str("DeviceID")
                .or(item.get_str("Name"))
                .unwrap()
                .to_owned()
        };
        Ok(found.map(name).collect())
    };
    let class = |name: &str| Some(Name::new(name));
    let any = AssociationQuery::default;
    assert_eq!(
        walk(&system_path(), any()),
        Ok(vec!["cpu0".into(), "cpu1".into()])
    );
    assert_eq!(
        walk(&processor_path("CIM_Processor", "cpu1"), any()),
        Ok(vec!["box".into()])
    );
    let by = AssociationQuery {
        association_class: class("CIM_SystemDevice"),
        ..any()
    };
    assert_eq!(walk(&system_path(), by.clone()).map(|found| found.len()), Ok(2));
    let roles = AssociationQuery {
        role: class("PartComponent"),
        ..by.clone()
    };
    assert_eq!(walk(&system_path(), roles), Ok(vec![]));
    let roles = AssociationQuery {
        role: class("GroupComponent"),
        result_role: class("partcomponent"),
        ..by.clone()
    };
    assert_eq!(walk(&system_path(), roles).map(|found| found.len()), Ok(2));
    let wrong_class = AssociationQuery {
        result_class: class("CIM_NetworkPort"),
        ..by
    };
    assert_eq!(walk(&system_path(), wrong_class), Ok(vec![]));
    let none = AssociationQuery {
        association_class: class("CIM_Processor"),
        ..any()
    };
    assert_eq!(walk(&system_path(), none), Err(CimStatus::InvalidParameter));
    assert_eq!(
        walk(&processor_path("CIM_Processor", "cpu9"), any()),
        Err(CimStatus::NotFound)
    );

    let references = broker
        .references(&context, &processor_path("CIM_Processor", "cpu0"), &any())
        .unwrap();
    let references: Vec<_> = references.map(Result::unwrap).collect();
    assert_eq!(references.len(), 1);
    assert_eq!(references[0].class_name, "ESM_SystemDevice");
}

/// DSP0200, 5.3.2.15: the result is a set of objects.
#[test]
fn an_object_comes_once_however_many_associations_lead_to_it() {
    let schema = Arc::new(house().unwrap());
    let class = |name: &str| Arc::clone(schema.namespace(&ESM).unwrap().class(&Name::new(name)).unwrap());
    let system = InstanceBuilder::new(&class("ESM_GeneralInformation"))
        .set("CreationClassName", "ESM_GeneralInformation")
        .set("Name", "box")
        .build();
    let os = InstanceBuilder::new(&class("ESM_OperatingSystem"))
        .set("CSCreationClassName", "ESM_GeneralInformation")
        .set("CSName", "box")
        .set("CreationClassName", "ESM_OperatingSystem")
        .set("Name", "linux")
        .build();
    let [system_path, os_path] =
        [&system, &os].map(|instance| class(instance.class_name.as_str()).path_of(instance));
    let running = InstanceBuilder::new(&class("ESM_RunningOS"))
        .set("Antecedent", os_path.clone())
        .set("Dependent", system_path.clone())
        .build();
    let installed = InstanceBuilder::new(&class("ESM_InstalledOS"))
        .set("GroupComponent", system_path.clone())
        .set("PartComponent", os_path)
        .build();
    let broker = Broker::builder(schema)
        .serve(&[ESM], fixed("ESM_GeneralInformation", vec![system]))
        .serve(&[ESM], fixed("ESM_OperatingSystem", vec![os]))
        .serve(&[ESM], fixed("ESM_RunningOS", vec![running]))
        .serve(&[ESM], fixed("ESM_InstalledOS", vec![installed]))
        .build();
    let (broker, context) = (Arc::new(broker.unwrap()), in_namespace("root/ESMPRO/AS"));
    let query = AssociationQuery::default();
    let found = broker.associators(&context, &system_path, &query).unwrap();
    assert_eq!(found.map(Result::unwrap).count(), 1);
    let found = broker.references(&context, &system_path, &query).unwrap();
    assert_eq!(found.map(Result::unwrap).count(), 2);
}

#[test]
fn a_method_that_is_not_declared_or_not_available_says_so() {
    let broker = fixture().broker;
    let context = in_namespace("root/ESMPRO/AS");
    let path = InstancePath::new(Name::new("ESM_MonitorSetting")).with_key("InstanceID", "cpu");
    let call = |method: &str| {
        broker
            .invoke(&context, &path, &Name::new(method), &[])
            .unwrap_err()
            .status
    };
    assert_eq!(call("Nothing"), CimStatus::MethodNotFound);
    assert_eq!(call("resume"), CimStatus::MethodNotAvailable);
}

#[test]
fn two_providers_for_one_class_are_a_mistake() {
    let schema = Arc::new(house().unwrap());
    let twice = Broker::builder(schema)
        .serve(&[ESM], fixed("ESM_Processor", Vec::new()))
        .serve(
            &[Namespace::new("ROOT/esmpro/as")],
            fixed("ESM_Processor", Vec::new()),
        )
        .build();
    assert!(matches!(twice, Err(BrokerError::TwoProviders { .. })));
}
