//! The providers of the host's classes, asked through the broker: their instances against the schema, and
//! their values against an independent reading by other programs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use esm::broker::{AssociationQuery, Broker, Polymorphism};
use esm::cim::schema::house;
use esm::cim::{CimError, Class, Instance, InstancePath, Name, Namespace, Value};
use esm::clock::{BootTime, SharedClock, SystemClock, WallTime};
use esm::host::{Host, HostOptions, Root};
use esm::provider::alive::{Agent, AliveProvider, LastAlert, Vitals};
use esm::provider::interop::indication_service::{IndicationChanges, IndicationControl, IndicationSettings};
use esm::provider::{Caller, HostProviders, InteropParts, InteropProviders, RequestContext};
use esm::subscription::OnFatalError;

use crate::command::output_of;

const ESM: Namespace = Namespace::from_static("root/ESMPRO/AS");
const CIMV2: Namespace = Namespace::from_static("root/cimv2");
const INTEROP: Namespace = Namespace::from_static("root/interop");
const ROOT: Namespace = Namespace::from_static("root");

/// An agent that is always the same.
struct StillAgent;

impl Agent for StillAgent {
    fn vitals(&self) -> Vitals {
        Vitals {
            started: BootTime::ZERO,
            last_alert: Some(LastAlert {
                at: WallTime::from_unix_micros(1_700_000_000_000_000),
                event: "ESMAGENT 40000601".to_owned(),
            }),
            lease_count: 3,
            queue_length: 7,
        }
    }

    fn send_test_alert(&self) -> Result<(), CimError> {
        Ok(())
    }
}

/// Deliveries whose settings are always the same.
struct FixedDeliveries;

impl IndicationControl for FixedDeliveries {
    fn settings(&self) -> IndicationSettings {
        IndicationSettings {
            filter_creation: true,
            retry_attempts: 7,
            retry_interval_secs: 5,
            removal_action: OnFatalError::Disable,
            removal_interval_secs: 3600,
        }
    }

    fn max_subscriptions(&self) -> u32 {
        100
    }

    fn set(&self, _: IndicationChanges) -> Result<(), CimError> {
        Err(CimError::not_supported("they are fixed"))
    }

    fn reset(&self) -> Result<(), CimError> {
        Err(CimError::not_supported("they are fixed"))
    }
}

/// A broker over the machine whose files are in `root`. Its readings stay fresh, so that what is read twice
/// is the same.
fn broker_over(root: Root) -> Arc<Broker> {
    let clock: SharedClock = Arc::new(SystemClock);
    let options = HostOptions {
        max_age: Duration::from_secs(3600),
        ..HostOptions::default()
    };
    let host = Host::new(root, options, Arc::clone(&clock));
    host.sample_load();
    let schema = Arc::new(house().unwrap());
    let classes = schema.namespace(&ESM).unwrap();
    let alive = classes.class(&AliveProvider::CLASS).unwrap();
    let alive = AliveProvider::new(Arc::clone(alive), Arc::clone(&clock), Arc::new(StillAgent));
    let providers = HostProviders::new(&host, &clock, classes, false).unwrap();
    let interop_classes = schema.namespace(&INTEROP).unwrap();
    let interop = InteropProviders::new(&InteropParts {
        host: &host,
        clock: &clock,
        schema: &schema,
        classes: interop_classes,
        hosts: &providers,
        longest_pull: Arc::new(|| Duration::from_secs(90)),
        indications: Some(Arc::new(FixedDeliveries)),
        affected: Vec::new(),
    })
    .unwrap();
    let mut builder = Broker::builder(Arc::clone(&schema)).serve(&[ESM], Arc::new(alive));
    for provider in providers.system {
        builder = builder.serve(&[ESM, CIMV2, INTEROP], provider);
    }
    for provider in providers.parts {
        builder = builder.serve(&[ESM, CIMV2], provider);
    }
    for provider in interop.interop {
        builder = builder.serve(&[INTEROP], provider);
    }
    for provider in interop.everywhere {
        builder = builder.serve(&[ROOT, ESM, CIMV2, INTEROP], provider);
    }
    Arc::new(builder.build().unwrap())
}

pub fn live() -> Arc<Broker> {
    broker_over(Root::live())
}

pub fn context(namespace: &Namespace) -> RequestContext {
    RequestContext {
        caller: Caller::Agent,
        namespace: namespace.clone(),
        from: None,
    }
}

#[track_caller]
pub fn enumerate(broker: &Broker, namespace: &Namespace, class: &str) -> Vec<Arc<Instance>> {
    broker
        .enumerate(
            &context(namespace),
            &Name::new(class),
            Polymorphism::default(),
            None,
        )
        .unwrap_or_else(|error| panic!("{class}: {error}"))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{class}: {error}"))
}

/// The instances of a class by the value of `key`.
#[track_caller]
fn by_key(broker: &Broker, class: &str, key: &str) -> HashMap<String, Arc<Instance>> {
    enumerate(broker, &ESM, class)
        .into_iter()
        .map(|instance| (instance.get_str(key).unwrap().to_owned(), instance))
        .collect()
}

#[track_caller]
fn number(instance: &Instance, property: &str) -> u64 {
    instance
        .get(property)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{property} of {instance:?}"))
}

#[track_caller]
fn percent(instance: &Instance, property: &str) -> f64 {
    let value = instance.get(property).and_then(Value::as_f64).expect(property);
    assert!((0.0..=100.0).contains(&value), "{property} is {value}");
    value
}

/// An instance has exactly the properties that its class declares, in their order, of their types, and a
/// value in each key.
#[track_caller]
fn check_against_class(instance: &Instance, class: &Class) {
    let declared: Vec<_> = class
        .properties
        .iter()
        .map(|property| (&property.name, property.ty.cim_type, property.ty.is_array()))
        .collect();
    let found: Vec<_> = instance
        .properties()
        .iter()
        .map(|property| (&property.name, property.cim_type, property.is_array))
        .collect();
    assert_eq!(found, declared, "{}", class.name);
    for property in instance.properties() {
        let Some(value) = &property.value else { continue };
        assert_eq!(
            value.is_array(),
            property.is_array,
            "{}.{}",
            class.name,
            property.name
        );
        for item in value.items() {
            assert_eq!(
                item.cim_type(),
                Some(property.cim_type),
                "{}.{}",
                class.name,
                property.name
            );
        }
    }
    for key in class.keys() {
        assert!(
            instance.get(key.name.as_str()).is_some(),
            "{}.{} is a key without a value",
            class.name,
            key.name
        );
    }
}

/// Every instance of every class of a namespace fits its class, and a get on its path returns the same.
fn check_namespace(broker: &Broker, namespace: &Namespace) -> usize {
    let context = context(namespace);
    let mut count = 0;
    let classes: Vec<Arc<Class>> = broker.namespace(namespace).unwrap().classes().cloned().collect();
    for class in classes.iter().filter(|class| class.name != AliveProvider::CLASS) {
        let instances = broker
            .enumerate(&context, &class.name, Polymorphism::None, None)
            .unwrap();
        for instance in instances {
            let instance = instance.unwrap();
            check_against_class(&instance, class);
            let path = class.path_of(&instance).in_namespace(namespace.clone());
            assert_eq!(broker.get(&context, &path).as_ref(), Ok(&instance), "{path}");
            count += 1;
        }
    }
    count
}

#[test]
fn instances_fit_their_classes_and_get_returns_what_enumerate_showed() {
    let broker = live();
    assert!(check_namespace(&broker, &ESM) > 10);
    assert!(check_namespace(&broker, &CIMV2) > 10);
    assert!(check_namespace(&broker, &INTEROP) > 20);
    assert_eq!(check_namespace(&broker, &ROOT), 4, "the namespaces below");
}

#[test]
fn a_host_that_tells_nothing_is_served_without_figures() {
    let empty = tempfile::tempdir().unwrap();
    let broker = broker_over(Root::at(empty.path()));
    check_namespace(&broker, &ESM);
    let unknown = [
        ("ESM_Processor", "LoadPercentage"),
        ("ESM_PhysicalMemory", "TotalBytes"),
        ("ESM_PhysicalMemory", "InUsePercent"),
        ("ESM_VirtualMemory", "UsedPercent"),
        ("ESM_PageFile", "TotalBytes"),
        ("ESM_PageFile", "UsedPercent"),
        ("ESM_GeneralInformation", "UUID"),
        ("ESM_GeneralInformation", "BIOSVersion"),
        ("ESM_GeneralInformation", "BootTime"),
    ];
    for (class, property) in unknown {
        for instance in enumerate(&broker, &ESM, class) {
            assert_eq!(instance.get(property), None, "{class}.{property}");
        }
    }
}

#[test]
fn without_swap_the_page_file_is_there_and_its_percentage_is_not() {
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir(tree.path().join("proc")).unwrap();
    let meminfo =
        "MemTotal: 1000 kB\nMemFree: 400 kB\nMemAvailable: 700 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
    std::fs::write(tree.path().join("proc/meminfo"), meminfo).unwrap();
    let broker = broker_over(Root::at(tree.path()));
    let areas = enumerate(&broker, &ESM, "ESM_PageFile");
    let [total] = areas.as_slice() else {
        panic!("{areas:?}")
    };
    assert_eq!(total.get_str("DeviceID"), Some("_Total"));
    assert_eq!(number(total, "TotalBytes"), 0);
    assert_eq!(total.get("UsedPercent"), None);
    let memory = &enumerate(&broker, &ESM, "ESM_PhysicalMemory")[0];
    assert_eq!(number(memory, "UsedBytes"), 600 * 1024);
    assert_eq!(percent(memory, "UsedPercent"), 60.0);
    assert_eq!(percent(memory, "InUsePercent"), 30.0);
    let both = &enumerate(&broker, &ESM, "ESM_VirtualMemory")[0];
    assert_eq!(percent(both, "UsedPercent"), 60.0);
    assert_eq!(percent(both, "InUsePercent"), 30.0);
}

#[test]
fn the_classes_of_cimv2_show_the_same_instances() {
    let broker = live();
    for (parent, class) in [
        ("CIM_ComputerSystem", "ESM_GeneralInformation"),
        ("CIM_OperatingSystem", "ESM_OperatingSystem"),
        ("CIM_Processor", "ESM_Processor"),
        ("CIM_PhysicalMemory", "ESM_PhysicalMemory"),
        ("CIM_LocalFileSystem", "ESM_FileSystemThread"),
        ("CIM_DiskDrive", "ESM_StorageThread"),
        ("CIM_NetworkPort", "ESM_Network"),
    ] {
        let seen = enumerate(&broker, &CIMV2, parent);
        assert_eq!(seen, enumerate(&broker, &ESM, class), "{parent}");
        assert!(!seen.is_empty(), "{parent} has no instances");
    }
}

#[test]
fn the_server_is_associated_with_its_parts_both_ways() {
    let broker = live();
    let context = context(&CIMV2);
    let server = &enumerate(&broker, &CIMV2, "CIM_ComputerSystem")[0];
    let server_path = broker.path_of(&context, server).unwrap();
    let through = |path: &InstancePath, association: &str, result: Option<&str>| -> Vec<Arc<Instance>> {
        let query = AssociationQuery {
            association_class: Some(Name::new(association)),
            result_class: result.map(Name::new),
            ..AssociationQuery::default()
        };
        let found = broker.associators(&context, path, &query).unwrap();
        found.collect::<Result<_, _>>().unwrap()
    };
    let devices = through(&server_path, "CIM_SystemDevice", None);
    assert_eq!(
        devices.len(),
        enumerate(&broker, &CIMV2, "CIM_LogicalDevice").len()
    );
    let processors = through(&server_path, "CIM_SystemDevice", Some("CIM_Processor"));
    assert_eq!(processors, enumerate(&broker, &CIMV2, "CIM_Processor"));
    assert_eq!(
        through(&server_path, "CIM_HostedFileSystem", None),
        enumerate(&broker, &CIMV2, "CIM_FileSystem")
    );
    let systems = enumerate(&broker, &CIMV2, "CIM_OperatingSystem");
    assert_eq!(through(&server_path, "CIM_RunningOS", None), systems);
    assert_eq!(through(&server_path, "CIM_InstalledOS", None), systems);
    let device_path = broker.path_of(&context, &processors[0]).unwrap();
    assert_eq!(
        through(&device_path, "CIM_SystemDevice", None),
        [Arc::clone(server)]
    );
}

#[test]
fn the_sign_of_life_counts_its_readings() {
    let broker = live();
    let read = || Arc::clone(&enumerate(&broker, &ESM, "ESM_Alive")[0]);
    let (first, second) = (read(), read());
    check_against_class(&second, broker.class(&ESM, &AliveProvider::CLASS).unwrap());
    assert_eq!(number(&second, "Sequence"), number(&first, "Sequence") + 1);
    assert_eq!(number(&first, "LeaseCount"), 3);
    assert_eq!(number(&first, "QueueLength"), 7);
    assert_eq!(first.get_str("LastAlert"), Some("ESMAGENT 40000601"));
    let up = output_of("cat", &["/proc/uptime"]);
    let up: f64 = up.split_whitespace().next().unwrap().parse().unwrap();
    assert!((number(&second, "HostUpTimeSecs") as f64 - up).abs() < 5.0);
    let path = broker.path_of(&context(&ESM), &first).unwrap();
    let result = broker.invoke(&context(&ESM), &path, &Name::new("SendTestAlert"), &[]);
    assert_eq!(result.unwrap().return_value, Value::Uint32(0));
}

#[track_caller]
fn json(program: &str, arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&output_of(program, arguments)).unwrap()
}

/// Figures that move while they are read: both readings agree within `slack`.
#[track_caller]
fn check_near(what: &str, ours: u64, theirs: u64, slack: u64) {
    assert!(
        ours.abs_diff(theirs) <= slack,
        "{what}: ours {ours}, theirs {theirs}"
    );
}

#[test]
fn memory_is_what_free_tells() {
    let broker = live();
    let text = output_of("free", &["-b"]);
    let row = |name: &str| -> Vec<u64> {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap())
            .collect()
    };
    let (mem, swap) = (row("Mem:"), row("Swap:"));
    let slack = 256 << 20;
    let memory = &by_key(&broker, "ESM_PhysicalMemory", "Tag")["_Total"];
    assert_eq!(number(memory, "TotalBytes"), mem[0]);
    check_near("free", number(memory, "FreeBytes"), mem[2], slack);
    check_near("available", number(memory, "AvailableBytes"), mem[5], slack);
    let in_use = (mem[0] - mem[5]) as f64 * 100.0 / mem[0] as f64;
    assert!((percent(memory, "InUsePercent") - in_use).abs() < 5.0);
    let page_file = &by_key(&broker, "ESM_PageFile", "DeviceID")["_Total"];
    assert_eq!(number(page_file, "TotalBytes"), swap[0]);
    let both = &enumerate(&broker, &ESM, "ESM_VirtualMemory")[0];
    assert_eq!(number(both, "TotalBytes"), mem[0] + swap[0]);
    check_near(
        "used",
        number(both, "UsedBytes"),
        mem[0] - mem[2] + swap[1],
        slack,
    );
}

#[test]
fn processors_are_as_many_as_nproc_counts() {
    let broker = live();
    let count: usize = output_of("nproc", &["--all"]).trim().parse().unwrap();
    let processors = by_key(&broker, "ESM_Processor", "DeviceID");
    assert_eq!(processors.len(), count + 1);
    assert!(processors.contains_key("_Total") && processors.contains_key("cpu0"));
    let online = processors
        .iter()
        .filter(|(name, cpu)| *name != "_Total" && cpu.get("Online") == Some(&Value::Boolean(true)))
        .count();
    let server = &enumerate(&broker, &ESM, "ESM_GeneralInformation")[0];
    assert_eq!(number(server, "LogicalProcessorCount"), online as u64);
}

#[test]
fn the_load_follows_two_samples() {
    let host = Host::new(Root::live(), HostOptions::default(), Arc::new(SystemClock));
    host.sample_load();
    let clock: SharedClock = Arc::new(SystemClock);
    let schema = Arc::new(house().unwrap());
    let providers = HostProviders::new(&host, &clock, schema.namespace(&ESM).unwrap(), true).unwrap();
    let mut builder = Broker::builder(schema);
    for provider in providers.system.into_iter().chain(providers.parts) {
        builder = builder.serve(&[ESM], provider);
    }
    let broker = builder.build().unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let total = Arc::clone(&by_key(&broker, "ESM_Processor", "DeviceID")["_Total"]);
        if total.get("LoadPercentage").is_some() {
            let busy = percent(&total, "BusyPercent");
            assert_eq!(number(&total, "LoadPercentage"), busy.round() as u64);
            break;
        }
        assert!(std::time::Instant::now() < deadline, "no load after two samples");
        std::thread::sleep(Duration::from_millis(100));
    }
    let server = &enumerate(&broker, &ESM, "ESM_GeneralInformation")[0];
    assert_eq!(server.get_str("Mode"), Some("provider-only"));
    assert_eq!(server.get("Capabilities"), Some(&Value::Array(Vec::new())));
}

#[test]
fn file_systems_are_what_df_tells() {
    let broker = live();
    let file_systems = by_key(&broker, "ESM_FileSystemThread", "Name");
    assert!(!file_systems.is_empty());
    for (name, ours) in &file_systems {
        let text = output_of("df", &["-B1", "--output=size,used,avail,fstype", name]);
        let fields: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let figure = |at: usize| -> u64 { fields[at].parse().unwrap() };
        assert_eq!(number(ours, "SizeBytes"), figure(0), "{name}");
        let slack = figure(0) / 20;
        check_near(name, number(ours, "UsedBytes"), figure(1), slack);
        check_near(name, number(ours, "AvailableBytes"), figure(2), slack);
        assert_eq!(ours.get_str("FileSystemType"), Some(fields[3]), "{name}");
        let (free, used) = (percent(ours, "FreePercent"), percent(ours, "UsedPercent"));
        assert!((free + used - 100.0).abs() < 0.01, "{name}: {free} + {used}");
        let expected = figure(2) as f64 * 100.0 / (figure(1) + figure(2)) as f64;
        assert!((free - expected).abs() < 5.0, "{name}: {free}, df {expected}");
    }
}

#[test]
fn disks_are_what_lsblk_tells() {
    let broker = live();
    let disks = by_key(&broker, "ESM_StorageThread", "DeviceID");
    let theirs = json(
        "lsblk",
        &["-J", "-b", "-d", "-o", "NAME,SIZE,TYPE,MODEL,SERIAL,ROTA,LOG-SEC"],
    );
    let theirs: HashMap<&str, &serde_json::Value> = theirs["blockdevices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| (device["name"].as_str().unwrap(), device))
        .collect();
    assert!(!disks.is_empty());
    for (name, ours) in &disks {
        let theirs = theirs[name.as_str()];
        assert_eq!(theirs["type"].as_str(), Some("disk"), "{name}");
        assert_eq!(
            number(ours, "SizeBytes"),
            theirs["size"].as_u64().unwrap(),
            "{name}"
        );
        assert_eq!(
            ours.get("Rotational").and_then(Value::as_bool),
            theirs["rota"].as_bool(),
            "{name}"
        );
        assert_eq!(
            number(ours, "DefaultBlockSize"),
            theirs["log-sec"].as_u64().unwrap(),
            "{name}"
        );
        if let Some(model) = theirs["model"].as_str() {
            assert_eq!(ours.get_str("Model"), Some(model.trim()), "{name}");
        }
    }
}

#[test]
fn interfaces_are_what_ip_tells() {
    let broker = live();
    let interfaces = by_key(&broker, "ESM_Network", "DeviceID");
    let theirs = json("ip", &["-j", "address"]);
    let theirs = theirs.as_array().unwrap();
    assert_eq!(interfaces.len(), theirs.len());
    for theirs in theirs {
        let name = theirs["ifname"].as_str().unwrap();
        let ours = &interfaces[name];
        assert_eq!(
            number(ours, "InterfaceIndex"),
            theirs["ifindex"].as_u64().unwrap()
        );
        assert_eq!(
            number(ours, "ActiveMaximumTransmissionUnit"),
            theirs["mtu"].as_u64().unwrap(),
            "{name}"
        );
        assert_eq!(
            ours.get_str("OperationalState"),
            theirs["operstate"].as_str().map(str::to_lowercase).as_deref(),
            "{name}"
        );
        if theirs["link_type"] == "ether" {
            assert_eq!(ours.get_str("MACAddress"), theirs["address"].as_str(), "{name}");
            assert_eq!(ours.get_str("InterfaceType"), Some("Ethernet"), "{name}");
        }
        let mut addresses: Vec<String> = theirs["addr_info"]
            .as_array()
            .unwrap()
            .iter()
            .map(|address| format!("{}/{}", address["local"].as_str().unwrap(), address["prefixlen"]))
            .collect();
        let items = ours.get("IPAddresses").unwrap().items();
        let mut found: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
        addresses.sort();
        found.sort_unstable();
        assert_eq!(found, addresses, "{name}");
    }
}

#[test]
fn the_system_is_what_uname_and_hostname_tell() {
    let broker = live();
    let server = &enumerate(&broker, &ESM, "ESM_GeneralInformation")[0];
    let system = &enumerate(&broker, &ESM, "ESM_OperatingSystem")[0];
    let release = output_of("uname", &["-r"]);
    assert_eq!(server.get_str("KernelVersion"), Some(release.trim()));
    assert_eq!(system.get_str("KernelVersion"), Some(release.trim()));
    assert_eq!(
        server.get_str("Architecture"),
        Some(output_of("uname", &["-m"]).trim())
    );
    assert_eq!(
        server.get_str("HostName"),
        Some(output_of("hostname", &[]).trim())
    );
    let name = server.get_str("FQDN").or(server.get_str("HostName"));
    assert_eq!(server.get_str("Name"), name);
    assert_eq!(system.get_str("CSName"), name);
    let booted: jiff::civil::DateTime = output_of("uptime", &["-s"]).trim().parse().unwrap();
    let booted = booted
        .to_zoned(jiff::tz::TimeZone::system())
        .unwrap()
        .timestamp()
        .as_second();
    let Some(Value::DateTime(boot_time)) = server.get("BootTime") else {
        panic!("{server:?}")
    };
    let boot_time = boot_time.to_wall().unwrap().unix_micros() / 1_000_000;
    assert!(
        (boot_time - booted).abs() <= 2,
        "ours {boot_time}, uptime's {booted}"
    );
}
