//! The schema of the tests' own classes and the providers that serve them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, Weak};
use std::time::Duration;

use esm::broker::Broker;
use esm::cim::mof::{Loader, Root, compile};
use esm::cim::schema::Schema;
use esm::cim::{
    CimError, CimStatus, Class, DateTime, Instance, InstancePath, Method, Name, Namespace, Property, Value,
};
use esm::provider::{
    InstanceBuilder, InstanceProvider, InstanceStream, MethodResult, RequestContext, has_keys, stream_of,
};
use esm::time::WallTime;

pub const TEST: Namespace = Namespace::from_static("root/test");
const CIMV2: Namespace = Namespace::from_static("root/cimv2");

/// How many instances Test_Many has.
pub const MANY: u32 = 100_000;
/// The length of the text of the large instance of Test_Huge, in bytes.
pub const HUGE: usize = 1 << 20;

/// What the tests can see and steer of the providers.
#[derive(Default)]
pub struct World {
    /// Instances of Test_Many that were made.
    pub made: AtomicUsize,
    /// The most instances of Test_Many that were in memory at one time.
    pub most_alive: AtomicUsize,
    /// Whether something waits in Test_Stuck or Test_Slow now.
    pub stuck: AtomicBool,
    open: Mutex<bool>,
    opened: Condvar,
}

impl World {
    /// Lets go whatever waits.
    pub fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        self.stuck.store(true, Ordering::SeqCst);
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.opened.wait(open).unwrap();
        }
        self.stuck.store(false, Ordering::SeqCst);
    }
}

/// A broker over the house schema and the tests' own classes.
pub fn broker(world: &Arc<World>) -> Broker {
    let schema = schema();
    let class = |namespace: &Namespace, name: &str| -> Arc<Class> {
        let namespace = schema.namespace(namespace).unwrap();
        Arc::clone(namespace.class(&Name::new(name)).unwrap())
    };
    let test = |name: &str| class(&TEST, name);
    let table = |class: Arc<Class>, rows: Vec<Arc<Instance>>| Arc::new(Table::new(class, rows));
    let (item, sub, group) = (test("Test_Item"), test("Test_SubItem"), test("Test_Group"));
    let part = test("Test_Part");
    let items: Vec<_> = (1..=4)
        .map(|number| an_item(&item, &part, number).build())
        .collect();
    let subs = vec![an_item(&sub, &part, 5).set("Extra", "more").build()];
    let groups: Vec<_> = ["odd", "even"]
        .map(|name| InstanceBuilder::new(&group).set("Name", name).build())
        .into();
    let members = items.iter().chain(&subs).map(|member| {
        let is_even = member.get("Even") == Some(&Value::Boolean(true));
        InstanceBuilder::new(&test("Test_Membership"))
            .set("Group", group.path_of(&groups[usize::from(is_even)]))
            .set("Member", item.path_of(member))
            .set("Rank", format!("#{}", member.get("Number").unwrap().to_text()))
            .build()
    });
    let members = table(test("Test_Membership"), members.collect());
    let person = |key: u32, first: &str, last: &str| {
        InstanceBuilder::new(&test("MSFT_Person"))
            .set("Key", key)
            .set("First", first)
            .set("Last", last)
            .build()
    };
    let people = vec![person(1, "Ann", "Bee"), person(7, "Bob", "Cox")];
    let bench = class(&CIMV2, "Bench_Item10");
    let benches = (0..10_u32).map(|id| {
        InstanceBuilder::new(&bench)
            .set("Id", id)
            .set("Text", "ten of them")
            .build()
    });
    let benches = table(bench.clone(), benches.collect());
    let computer = class(&CIMV2, "CIM_ComputerSystem");
    let system = class(&CIMV2, "CIM_OperatingSystem");
    let running = class(&CIMV2, "CIM_RunningOS");
    let a_computer = InstanceBuilder::new(&computer)
        .set("CreationClassName", "CIM_ComputerSystem")
        .set("Name", "box")
        .set("ElementName", "The box")
        .build();
    let a_system = InstanceBuilder::new(&system)
        .set("CSCreationClassName", "CIM_ComputerSystem")
        .set("CSName", "box")
        .set("CreationClassName", "CIM_OperatingSystem")
        .set("Name", "Linux")
        .set("Caption", "An operating system")
        .build();
    let runs = InstanceBuilder::new(&running)
        .set("Antecedent", system.path_of(&a_system))
        .set("Dependent", computer.path_of(&a_computer))
        .build();
    Broker::builder(Arc::new(schema.clone()))
        .serve(&[TEST], table(item, items))
        .serve(&[TEST], table(sub, subs))
        .serve(&[TEST], table(group, groups))
        .serve(&[TEST], members)
        .serve(&[TEST], table(test("MSFT_Person"), people))
        .serve(&[TEST], Arc::new(Many(test("Test_Many"), Arc::clone(world))))
        .serve(&[TEST], Arc::new(Huge(test("Test_Huge"))))
        .serve(&[TEST], Arc::new(Stuck(test("Test_Stuck"), Arc::clone(world))))
        .serve(&[TEST], Arc::new(Slow(test("Test_Slow"), Arc::clone(world))))
        .serve(&[TEST], Arc::new(Panicking(test("Test_Panicking"))))
        .serve(&[TEST], Arc::new(Failing(test("Test_Failing"))))
        .serve(&[TEST], Arc::new(Breaking(test("Test_Breaking"))))
        .serve(&[CIMV2], benches)
        .serve(&[CIMV2], table(computer, vec![a_computer]))
        .serve(&[CIMV2], table(system, vec![a_system]))
        .serve(&[CIMV2], table(running, vec![runs]))
        .build()
        .unwrap()
}

fn an_item(class: &Arc<Class>, part: &Arc<Class>, number: u32) -> InstanceBuilder {
    let when = WallTime::from_unix_micros(1_800_000_000_123_456 + i64::from(number));
    let part = InstanceBuilder::new(part)
        .set("Name", format!("part {number}"))
        .set("Weight", 7_u8)
        .build();
    let levels: Vec<Value> = (0..number).map(|level| Value::Uint16(level as u16)).collect();
    InstanceBuilder::new(class)
        .set("Number", number)
        .set("Text", format!("item <{number}> & \u{e9}\u{65e5}"))
        .set("Levels", Value::Array(levels))
        .set("Even", number.is_multiple_of(2))
        .set("Ratio", f64::from(number) / 4.0)
        .set("When", DateTime::from_wall(when))
        .set(
            "Lasts",
            DateTime::from_duration(Duration::from_secs(86_400 * 3 + 61)),
        )
        .set("Part", Value::Instance(part))
}

/// The house schema, and the files beside this one.
fn schema() -> Schema {
    struct Files;
    impl Loader for Files {
        fn resolve(&self, name: &str, _from: Option<&str>) -> Result<String, String> {
            Ok(name.to_owned())
        }
        fn read(&self, file: &str) -> Result<Cow<'static, str>, String> {
            Ok(match file {
                "test.mof" => include_str!("test.mof").into(),
                "test_cimv2.mof" => include_str!("test_cimv2.mof").into(),
                _ => {
                    let path = format!("{}/schemas/{file}", env!("CARGO_MANIFEST_DIR"));
                    let text = std::fs::read_to_string(path);
                    text.map_err(|error| error.to_string())?.into()
                }
            })
        }
    }
    let files = [
        "root.mof",
        "root_cimv2.mof",
        "root_esmpro_as.mof",
        "root_interop.mof",
        "test.mof",
        "test_cimv2.mof",
    ];
    let roots = files.map(|file| Root {
        file,
        namespace: Namespace::from_static("root"),
    });
    compile(&roots, &Files)
        .unwrap_or_else(|errors| panic!("{errors}"))
        .schema
}

/// Instances in memory that can be created, changed and deleted.
struct Table {
    class: Arc<Class>,
    rows: Mutex<Vec<Arc<Instance>>>,
}

impl Table {
    fn new(class: Arc<Class>, rows: Vec<Arc<Instance>>) -> Self {
        let rows = Mutex::new(rows);
        Self { class, rows }
    }

    fn change<T>(
        &self,
        path: &InstancePath,
        change: impl FnOnce(&mut Vec<Arc<Instance>>, usize) -> T,
    ) -> Result<T, CimError> {
        let mut rows = self.rows.lock().unwrap();
        let at = rows.iter().position(|row| has_keys(row, path));
        let at = at.ok_or_else(|| CimError::not_found(format!("there is no instance {path}")))?;
        Ok(change(&mut rows, at))
    }
}

impl InstanceProvider for Table {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn enumerate(&self, _: &RequestContext) -> Result<InstanceStream, CimError> {
        Ok(stream_of(self.rows.lock().unwrap().clone()))
    }

    fn estimate(&self) -> Option<u64> {
        Some(self.rows.lock().unwrap().len() as u64)
    }

    fn create(&self, _: &RequestContext, instance: Instance) -> Result<InstancePath, CimError> {
        let path = self.class.path_of(&instance);
        let mut rows = self.rows.lock().unwrap();
        if rows.iter().any(|row| has_keys(row, &path)) {
            return Err(CimError::new(
                CimStatus::AlreadyExists,
                format!("{path} is there already"),
            ));
        }
        rows.push(Arc::new(instance));
        Ok(path)
    }

    fn modify(&self, _: &RequestContext, path: &InstancePath, changes: Instance) -> Result<(), CimError> {
        self.change(path, |rows, at| {
            let row = Arc::make_mut(&mut rows[at]);
            for property in changes.properties() {
                row.set_property(property.clone());
            }
        })
    }

    fn delete(&self, _: &RequestContext, path: &InstancePath) -> Result<(), CimError> {
        self.change(path, |rows, at| {
            rows.remove(at);
        })
    }

    fn invoke(
        &self,
        _: &RequestContext,
        _: &InstancePath,
        method: &Method,
        arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        let argument = |name: &str| {
            let found = arguments.iter().find(|argument| argument.name == *name);
            found.and_then(|argument| argument.value.clone())
        };
        let number = |name: &str| {
            let value = argument(name).and_then(|value| value.as_u64());
            value.ok_or_else(|| CimError::invalid_parameter(format!("{name} is missing")))
        };
        let (return_value, out) = match method.name.as_str() {
            "Add" => {
                let sum = (number("X")? + number("Y")?) as u32;
                (0, properties(vec![("Z", Value::Uint32(sum))]))
            }
            "Repeat" => {
                let text = argument("Text").ok_or_else(|| CimError::invalid_parameter("Text is missing"))?;
                let pieces = vec![text; number("Times")? as usize];
                let result = pieces.iter().filter_map(Value::as_str).collect::<String>();
                let out = vec![
                    ("Result", Value::string(result)),
                    ("Pieces", Value::Array(pieces)),
                ];
                (0, properties(out))
            }
            "Total" => (self.rows.lock().unwrap().len() as u32, Vec::new()),
            other => return Err(CimError::new(CimStatus::MethodNotAvailable, other)),
        };
        Ok(MethodResult {
            return_value: Value::Uint32(return_value),
            out,
        })
    }
}

fn properties(values: Vec<(&str, Value)>) -> Vec<Property> {
    let mut instance = Instance::new(Name::from_static("out"));
    for (name, value) in values {
        instance.set(name, value);
    }
    instance.properties().to_vec()
}

fn numbered(class: &Arc<Class>, number: u32) -> Arc<Instance> {
    InstanceBuilder::new(class).set("Number", number).build()
}

/// Makes its instances as they are asked for, and watches how many there are at a time.
struct Many(Arc<Class>, Arc<World>);

impl InstanceProvider for Many {
    fn class_name(&self) -> &Name {
        &self.0.name
    }

    fn enumerate(&self, _: &RequestContext) -> Result<InstanceStream, CimError> {
        let (class, world) = (Arc::clone(&self.0), Arc::clone(&self.1));
        let mut alive: VecDeque<Weak<Instance>> = VecDeque::new();
        Ok(Box::new((0..MANY).map(move |number| {
            alive.retain(|instance| instance.strong_count() > 0);
            let instance = InstanceBuilder::new(&class)
                .set("Number", number)
                .set("Filler", "x".repeat(100))
                .build();
            alive.push_back(Arc::downgrade(&instance));
            world.made.fetch_add(1, Ordering::SeqCst);
            world.most_alive.fetch_max(alive.len(), Ordering::SeqCst);
            Ok(instance)
        })))
    }

    fn estimate(&self) -> Option<u64> {
        Some(MANY.into())
    }
}

struct Huge(Arc<Class>);

impl InstanceProvider for Huge {
    fn class_name(&self) -> &Name {
        &self.0.name
    }

    fn enumerate(&self, _: &RequestContext) -> Result<InstanceStream, CimError> {
        let of = |number: u32, length| {
            InstanceBuilder::new(&self.0)
                .set("Number", number)
                .set("Text", "x".repeat(length))
                .build()
        };
        Ok(stream_of([of(1, 10), of(2, HUGE), of(3, 10)]))
    }
}

/// Answers nobody until the world lets it.
struct Stuck(Arc<Class>, Arc<World>);

impl InstanceProvider for Stuck {
    fn class_name(&self) -> &Name {
        &self.0.name
    }

    fn enumerate(&self, _: &RequestContext) -> Result<InstanceStream, CimError> {
        self.1.wait();
        Ok(stream_of([numbered(&self.0, 1)]))
    }
}

/// Gives its first instance at once, the others when the world lets it.
struct Slow(Arc<Class>, Arc<World>);

impl InstanceProvider for Slow {
    fn class_name(&self) -> &Name {
        &self.0.name
    }

    fn enumerate(&self, _: &RequestContext) -> Result<InstanceStream, CimError> {
        let (class, world) = (Arc::clone(&self.0), Arc::clone(&self.1));
        Ok(Box::new((1..=4).map(move |number| {
            if number == 2 {
                world.wait();
            }
            Ok(numbered(&class, number))
        })))
    }
}

struct Panicking(Arc<Class>);

impl InstanceProvider for Panicking {
    fn class_name(&self) -> &Name {
        &self.0.name
    }

    fn enumerate(&self, _: &RequestContext) -> Result<InstanceStream, CimError> {
        panic!("as asked");
    }
}

/// Gives many instances and then an error.
struct Breaking(Arc<Class>);

impl InstanceProvider for Breaking {
    fn class_name(&self) -> &Name {
        &self.0.name
    }

    fn enumerate(&self, _: &RequestContext) -> Result<InstanceStream, CimError> {
        let class = Arc::clone(&self.0);
        let good = (0..20_000_u32).map(move |number| {
            let instance = InstanceBuilder::new(&class).set("Number", number);
            Ok(instance.set("Filler", "x".repeat(100)).build())
        });
        Ok(Box::new(good.chain([Err(CimError::failed("the disk broke"))])))
    }

    fn estimate(&self) -> Option<u64> {
        Some(20_000)
    }
}

/// Gives two instances and then an error.
struct Failing(Arc<Class>);

impl InstanceProvider for Failing {
    fn class_name(&self) -> &Name {
        &self.0.name
    }

    fn enumerate(&self, _: &RequestContext) -> Result<InstanceStream, CimError> {
        let good = [numbered(&self.0, 1), numbered(&self.0, 2)].map(Ok);
        let bad = Err(CimError::failed("the third one broke"));
        Ok(Box::new(good.into_iter().chain([bad])))
    }
}
