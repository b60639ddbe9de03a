//! The host's classes over recorded machines.

use std::sync::Arc;
use std::time::Duration;

use super::{Caller, HostProviders, InstanceProvider, RequestContext};
use crate::cim::schema::{NamespaceSchema, Schema, house};
use crate::cim::{Instance, Name, Namespace, Value};
use crate::clock::{ManualClock, SharedClock};
use crate::host::HostOptions;
use crate::host::testtree::{TableSpace, TestTree};

const ESM: Namespace = Namespace::from_static("root/ESMPRO/AS");

/// A recorded machine and the providers over it.
struct Machine {
    schema: Schema,
    providers: Vec<Arc<dyn InstanceProvider>>,
    clock: ManualClock,
    host: crate::host::Host,
}

impl Machine {
    fn new(tree: &TestTree, options: HostOptions) -> Self {
        let (host, clock) = tree.host(options);
        let schema = house().unwrap();
        let shared: SharedClock = Arc::new(clock.clone());
        let HostProviders { system, parts, .. } =
            HostProviders::new(&host, &shared, schema.namespace(&ESM).unwrap(), false).unwrap();
        Self {
            schema,
            providers: system.into_iter().chain(parts).collect(),
            clock,
            host,
        }
    }

    fn classes(&self) -> &NamespaceSchema {
        self.schema.namespace(&ESM).unwrap()
    }

    #[track_caller]
    fn provider(&self, class: &str) -> &Arc<dyn InstanceProvider> {
        let serves = |provider: &&Arc<dyn InstanceProvider>| *provider.class_name() == *class;
        self.providers.iter().find(serves).unwrap()
    }

    /// All instances of a class; each of them is also found by its path.
    #[track_caller]
    fn all(&self, class: &str) -> Vec<Arc<Instance>> {
        let context = RequestContext {
            caller: Caller::Agent,
            namespace: ESM,
            from: None,
        };
        let provider = self.provider(class);
        let all: Vec<_> = provider
            .enumerate(&context)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let declared = self.classes().class(&Name::new(class)).unwrap();
        for instance in &all {
            let found = provider.get(&context, &declared.path_of(instance)).unwrap();
            assert_eq!(found.as_ref(), Some(instance));
        }
        all
    }

    /// The instance whose `key` is `value`.
    #[track_caller]
    fn one(&self, class: &str, key: &str, value: &str) -> Arc<Instance> {
        let all = self.all(class);
        let found = all
            .into_iter()
            .find(|instance| instance.get_str(key) == Some(value));
        found.unwrap_or_else(|| panic!("no {class} with {key} {value}"))
    }
}

/// The properties that have a value, from the first that `since` names on.
fn shown(instance: &Instance, since: &str) -> String {
    let text = |value: &Value| {
        let items: Vec<String> = value.items().iter().map(Value::to_text).collect();
        if value.is_array() {
            format!("[{}]", items.join(", "))
        } else {
            items.concat()
        }
    };
    instance
        .properties()
        .iter()
        .skip_while(|property| property.name != *since)
        .filter_map(|property| {
            Some(format!(
                "{} = {}\n",
                property.name,
                text(property.value.as_ref()?)
            ))
        })
        .collect()
}

#[test]
fn processors_by_the_dozen_and_one_offline() {
    let tree = TestTree::new();
    tree.processors(64, &[3]);
    let machine = Machine::new(&tree, HostOptions::default());
    machine.host.sample_load();
    let stat: String = std::iter::once("cpu  150 0 100 850 0 0 0 0 0 0\n".to_owned())
        .chain(
            (0..64)
                .filter(|id| *id != 3)
                .map(|id| format!("cpu{id} 15 0 10 85 0 0 0 0 0 0\n")),
        )
        .collect();
    tree.file("proc/stat", stat);
    machine.clock.advance(Duration::from_secs(10));
    assert_eq!(machine.all("ESM_Processor").len(), 65);
    insta::assert_snapshot!(shown(&machine.one("ESM_Processor", "DeviceID", "_Total"), "LoadPercentage"), @r#"
    LoadPercentage = 50
    CPUStatus = 1
    NumberOfEnabledCores = 63
    BusyPercent = 50.0
    UserPercent = 50.0
    SystemPercent = 0.0
    IOWaitPercent = 0.0
    StealPercent = 0.0
    LoadAverage1Min = 1.5
    LoadAverage5Min = 1.25
    LoadAverage15Min = 1.0
    Online = true
    "#);
    insta::assert_snapshot!(shown(&machine.one("ESM_Processor", "DeviceID", "cpu0"), "Role"), @r#"
    Role = Central Processor
    MaxClockSpeed = 3721
    CurrentClockSpeed = 2000
    DataWidth = 64
    AddressWidth = 64
    LoadPercentage = 50
    Stepping = 1
    CPUStatus = 1
    Characteristics = [2, 4]
    BusyPercent = 50.0
    UserPercent = 50.0
    SystemPercent = 0.0
    IOWaitPercent = 0.0
    StealPercent = 0.0
    Model = AMD EPYC 7713 64-Core Processor
    Socket = 0
    Core = 0
    Online = true
    "#);
    insta::assert_snapshot!(shown(&machine.one("ESM_Processor", "DeviceID", "cpu3"), "OperationalStatus"), @r#"
    OperationalStatus = [10]
    CommunicationStatus = 2
    PrimaryStatus = 1
    EnabledState = 3
    RequestedState = 12
    EnabledDefault = 2
    TransitioningToState = 12
    SystemCreationClassName = ESM_GeneralInformation
    SystemName = localhost
    CreationClassName = ESM_Processor
    DeviceID = cpu3
    Role = Central Processor
    CPUStatus = 2
    Online = false
    "#);
}

#[test]
fn swap_areas_are_named_by_device_or_path() {
    let tree = TestTree::new();
    tree.file(
        "proc/swaps",
        "Filename\tType\tSize\tUsed\tPriority\n\
         /dev/sda2 partition 1000 250 -2\n\
         /swap\\040file file 500 0 10\n",
    )
    .file(
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 1000 kB\nMemAvailable: 1000 kB\nSwapTotal: 1500 kB\nSwapFree: 1250 kB\n",
    );
    let machine = Machine::new(&tree, HostOptions::default());
    let total = machine.one("ESM_PageFile", "DeviceID", "_Total");
    assert_eq!(total.get("UsedPercent"), Some(&Value::Real64(16.667)));
    insta::assert_snapshot!(shown(&machine.one("ESM_PageFile", "DeviceID", "sda2"), "TotalBytes"), @r#"
    TotalBytes = 1024000
    UsedBytes = 256000
    FreeBytes = 768000
    UsedPercent = 25.0
    Kind = partition
    Priority = -2
    Path = /dev/sda2
    "#);
    insta::assert_snapshot!(shown(&machine.one("ESM_PageFile", "DeviceID", "/swap file"), "TotalBytes"), @r#"
    TotalBytes = 512000
    UsedBytes = 0
    FreeBytes = 512000
    UsedPercent = 0.0
    Kind = file
    Priority = 10
    Path = /swap file
    "#);
}

#[test]
fn a_file_system_that_hangs_says_so_and_delays_no_other() {
    let tree = TestTree::new();
    tree.disk("sda", (8, 0), 1 << 24)
        .partition("sda", "sda1", (8, 1))
        .partition("sda", "sda2", (8, 2))
        .file(
            "proc/self/mountinfo",
            b"28 1 8:1 / / rw - ext4 /dev/sda1 rw\n29 28 8:2 / /stuck\\377 rw - ext4 /dev/sda2 rw\n",
        );
    let space = TableSpace::sizes(&[(b"/", 100 << 30), (b"/stuck\xff", 100 << 30)]);
    space
        .slow
        .lock()
        .push((b"/stuck\xff".to_vec(), Duration::from_secs(600)));
    let options = HostOptions {
        space: Arc::new(space),
        answer_deadline: Duration::from_millis(50),
        ..HostOptions::default()
    };
    let machine = Machine::new(&tree, options);
    insta::assert_snapshot!(shown(&machine.one("ESM_FileSystemThread", "Name", "/"), "OperationalStatus"), @r#"
    OperationalStatus = [2]
    HealthState = 5
    CommunicationStatus = 2
    PrimaryStatus = 1
    EnabledState = 2
    RequestedState = 12
    EnabledDefault = 2
    TransitioningToState = 12
    CSCreationClassName = ESM_GeneralInformation
    CSName = localhost
    CreationClassName = ESM_FileSystemThread
    Root = /
    FileSystemSize = 107374182400
    AvailableSpace = 26843545600
    ReadOnly = false
    FileSystemType = ext4
    PersistenceType = 2
    IsFixedSize = 0
    PathNameSeparatorString = /
    MountPoint = /
    Device = /dev/sda1
    DriveType = Fixed
    SizeBytes = 107374182400
    FreeBytes = 26843545600
    AvailableBytes = 26843545600
    UsedBytes = 80530636800
    FreePercent = 25.0
    UsedPercent = 75.0
    Monitored = true
    MonitorIdentity = /dev/sda1
    "#);
    insta::assert_snapshot!(shown(&machine.one("ESM_FileSystemThread", "Name", "/stuck\\377"), "OperationalStatus"), @r#"
    OperationalStatus = [13]
    StatusDescriptions = [the file system does not answer]
    HealthState = 0
    CommunicationStatus = 3
    PrimaryStatus = 0
    EnabledState = 2
    RequestedState = 12
    EnabledDefault = 2
    TransitioningToState = 12
    CSCreationClassName = ESM_GeneralInformation
    CSName = localhost
    CreationClassName = ESM_FileSystemThread
    Root = /stuck\377
    ReadOnly = false
    FileSystemType = ext4
    PersistenceType = 2
    IsFixedSize = 0
    PathNameSeparatorString = /
    MountPoint = /stuck\377
    Device = /dev/sda2
    DriveType = Fixed
    Monitored = true
    MonitorIdentity = /dev/sda2
    "#);
}

#[test]
fn an_interface_as_it_is_recorded() {
    let tree = TestTree::new();
    tree.interfaces(40);
    let machine = Machine::new(&tree, HostOptions::default());
    assert_eq!(machine.all("ESM_Network").len(), 40);
    insta::assert_snapshot!(shown(&machine.one("ESM_Network", "DeviceID", "eth9"), "OperationalStatus"), @r#"
    OperationalStatus = [2]
    HealthState = 5
    CommunicationStatus = 2
    PrimaryStatus = 1
    EnabledState = 2
    RequestedState = 12
    EnabledDefault = 2
    TransitioningToState = 12
    SystemCreationClassName = ESM_GeneralInformation
    SystemName = localhost
    CreationClassName = ESM_Network
    DeviceID = eth9
    Speed = 10000000000
    LinkTechnology = 2
    NetworkAddresses = [020000000009]
    FullDuplex = true
    ActiveMaximumTransmissionUnit = 1500
    InterfaceIndex = 11
    InterfaceType = Ethernet
    MACAddress = 02:00:00:00:00:09
    IPAddresses = [10.0.9.1/24]
    LinkUp = true
    OperationalState = up
    ReceivedOctets = 9000
    SentOctets = 500
    ReceivedPackets = 10
    SentPackets = 5
    ReceiveErrors = 0
    SendErrors = 0
    ReceiveDrops = 0
    SendDrops = 0
    "#);
}

#[test]
fn a_disk_as_it_is_recorded() {
    let tree = TestTree::new();
    tree.disk("sda", (8, 0), 1 << 24)
        .file("sys/devices/virtual-bus/block/sda/device/model", "ST1000\n");
    let machine = Machine::new(&tree, HostOptions::default());
    let disks = machine.all("ESM_StorageThread");
    insta::assert_snapshot!(disks.iter().map(|disk| shown(disk, "OperationalStatus")).collect::<String>(), @r#"
    OperationalStatus = [0]
    HealthState = 0
    PrimaryStatus = 0
    EnabledState = 2
    RequestedState = 12
    EnabledDefault = 2
    TransitioningToState = 12
    SystemCreationClassName = ESM_GeneralInformation
    SystemName = localhost
    CreationClassName = ESM_StorageThread
    DeviceID = sda
    Capabilities = [3, 4]
    MaxMediaSize = 8589934
    DefaultBlockSize = 512
    MinBlockSize = 512
    Model = ST1000
    SizeBytes = 8589934592
    Rotational = true
    Removable = false
    DevicePath = /dev/sda
    "#);
}
