//! What the kernel tells about this machine, as plain values.
//!
//! - Parsing is pure and never fails as a whole: what cannot be understood is left out, what is not known is
//!   `None`, never 0.
//! - Reading goes through a [`Root`], so that a recorded tree can stand in the place of the machine.
//! - What may hang is asked on threads of its own with a deadline, and costs its own answer alone.
//! - Callers share what was read: a [`Host`] reads a subject at most once in [`HostOptions::max_age`].

pub mod block;
mod cache;
pub mod disk;
pub mod drive_type;
pub mod filesystem;
pub mod load;
pub mod memory;
pub mod monitored;
pub mod mounts;
pub mod netlink;
pub mod network;
pub mod os;
mod patience;
pub mod processor;
mod root;
pub mod smbios;
pub mod space;
pub mod swap;
#[cfg(test)]
pub(crate) mod testtree;
mod text;
pub mod video;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

pub use disk::{Bus, Disk, Health};
pub use drive_type::DriveType;
pub use filesystem::FileSystem;
pub use load::{Load, LoadRing, Loads};
pub use memory::Memory;
pub use monitored::{FileSystemRule, Unmonitored};
pub use mounts::Mount;
pub use netlink::{AddressScope, InterfaceAddress};
pub use network::{Counters, Interface, Traffic, outward};
pub use os::{General, OsRelease};
pub use processor::{Processor, ProcessorModel, Processors};
pub use root::Root;
pub use smbios::{MemoryDevice, Smbios, SystemUuid};
pub use space::{Space, SpaceAnswer, SpaceSource};
pub use swap::{SwapArea, SwapKind};
pub use video::VideoAdapter;

use crate::clock::SharedClock;
use cache::Cached;
use disk::TemperatureAsker;
use filesystem::SpaceAsker;
use processor::Layout;
use space::{KernelSpace, SharedSpaceSource};

/// How a [`Host`] reads.
#[derive(Clone)]
pub struct HostOptions {
    /// How old a reading may be that is handed out.
    pub max_age: Duration,
    /// How long a file system or a device may take to answer.
    pub answer_deadline: Duration,
    /// Which file systems are served and monitored.
    pub file_systems: FileSystemRule,
    /// Who is asked how full a file system is.
    pub space: SharedSpaceSource,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(1),
            answer_deadline: Duration::from_secs(2),
            file_systems: FileSystemRule::default(),
            space: Arc::new(KernelSpace),
        }
    }
}

/// The machine that the agent runs on. Clones share their readings. Its methods read files and may take
/// as long as [`HostOptions::answer_deadline`], so they are called where blocking is allowed; those named
/// `peek_` never block.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    root: Root,
    clock: SharedClock,
    max_age: Duration,
    space: SharedSpaceSource,
    space_asker: SpaceAsker,
    temperature_asker: TemperatureAsker,
    file_system_rule: RwLock<Arc<FileSystemRule>>,
    load: Mutex<LoadSampler>,
    layout: Mutex<Layout>,
    processors: Cached<Processors>,
    memory: Cached<Memory>,
    swap_areas: Cached<Vec<SwapArea>>,
    mounts: Cached<Vec<Mount>>,
    file_systems: RwLock<Arc<Cached<Vec<FileSystem>>>>,
    disks: Cached<Vec<Disk>>,
    interfaces: Cached<Vec<Interface>>,
    general: Cached<General>,
    smbios: OnceLock<Arc<Smbios>>,
    video_adapters: OnceLock<Arc<Vec<VideoAdapter>>>,
}

#[derive(Default)]
struct LoadSampler {
    ring: LoadRing,
    text: Vec<u8>,
}

impl Host {
    /// The machine whose files stand in `root`.
    pub fn new(root: Root, options: HostOptions, clock: SharedClock) -> Self {
        let shared = Shared {
            root,
            clock,
            max_age: options.max_age,
            space: options.space,
            space_asker: SpaceAsker::new(options.answer_deadline),
            temperature_asker: TemperatureAsker::new(options.answer_deadline),
            file_system_rule: RwLock::new(Arc::new(options.file_systems)),
            load: Mutex::default(),
            layout: Mutex::default(),
            processors: Cached::default(),
            memory: Cached::default(),
            swap_areas: Cached::default(),
            mounts: Cached::default(),
            file_systems: RwLock::default(),
            disks: Cached::default(),
            interfaces: Cached::default(),
            general: Cached::default(),
            smbios: OnceLock::new(),
            video_adapters: OnceLock::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The machine itself, read as by default.
    pub fn live(clock: SharedClock) -> Self {
        Self::new(Root::live(), HostOptions::default(), clock)
    }

    /// Takes a sample of the processors' time. The mean over the last minute needs one every
    /// [`load::LOAD_SPACING`]; [`Self::processors`] takes one too.
    pub fn sample_load(&self) {
        let mut sampler = self.shared.load.lock();
        let LoadSampler { ring, text } = &mut *sampler;
        if self.shared.root.read_into("proc/stat", text).is_ok() {
            ring.push(self.shared.clock.boot(), &load::parse_stat(text));
        }
    }

    /// The logical processors and their mean load over the last minute.
    pub fn processors(&self) -> Arc<Processors> {
        self.cached(&self.shared.processors, || {
            self.sample_load();
            let loads = self.shared.load.lock().ring.mean(load::LOAD_WINDOW);
            let mut layout = self.shared.layout.lock();
            layout.refresh(&self.shared.root);
            layout.snapshot(&self.shared.root, &loads)
        })
    }

    /// [`Self::processors`] if a fresh reading is there.
    pub fn peek_processors(&self) -> Option<Arc<Processors>> {
        self.peek(&self.shared.processors)
    }

    /// Memory, swap and commit figures.
    pub fn memory(&self) -> Arc<Memory> {
        self.cached(&self.shared.memory, || {
            memory::parse_meminfo(&self.read("proc/meminfo"))
        })
    }

    /// [`Self::memory`] if a fresh reading is there.
    pub fn peek_memory(&self) -> Option<Arc<Memory>> {
        self.peek(&self.shared.memory)
    }

    /// The swap areas in use.
    pub fn swap_areas(&self) -> Arc<Vec<SwapArea>> {
        self.cached(&self.shared.swap_areas, || {
            swap::parse_swaps(&self.read("proc/swaps"))
        })
    }

    /// [`Self::swap_areas`] if a fresh reading is there.
    pub fn peek_swap_areas(&self) -> Option<Arc<Vec<SwapArea>>> {
        self.peek(&self.shared.swap_areas)
    }

    /// Everything that is mounted, as this process sees it.
    pub fn mounts(&self) -> Arc<Vec<Mount>> {
        self.cached(&self.shared.mounts, || {
            mounts::parse_mountinfo(&self.read("proc/self/mountinfo"))
        })
    }

    /// The file systems with a device behind them and those that are included, with their size and what is
    /// left, sorted by mount point.
    pub fn file_systems(&self) -> Arc<Vec<FileSystem>> {
        let cached = Arc::clone(&self.shared.file_systems.read());
        self.cached(&cached, || self.read_file_systems(|_| true))
    }

    /// [`Self::file_systems`] if a fresh reading is there.
    pub fn peek_file_systems(&self) -> Option<Arc<Vec<FileSystem>>> {
        let cached = Arc::clone(&self.shared.file_systems.read());
        self.peek(&cached)
    }

    /// The one of [`Self::file_systems`] that has this name (its mount point). If it must be asked, it alone
    /// is, so that one that hangs does not delay it.
    pub fn file_system(&self, name: &str) -> Option<FileSystem> {
        if let Some(file_systems) = self.peek_file_systems() {
            return file_systems
                .iter()
                .find(|file_system| file_system.name == name)
                .cloned();
        }
        self.read_file_systems(|other| other == name).pop()
    }

    /// The whole disks, sorted by name.
    pub fn disks(&self) -> Arc<Vec<Disk>> {
        self.cached(&self.shared.disks, || {
            disk::read(&self.shared.root, &self.shared.temperature_asker)
        })
    }

    /// [`Self::disks`] if a fresh reading is there.
    pub fn peek_disks(&self) -> Option<Arc<Vec<Disk>>> {
        self.peek(&self.shared.disks)
    }

    /// The network interfaces in the order of their numbers.
    pub fn interfaces(&self) -> Arc<Vec<Interface>> {
        self.cached(&self.shared.interfaces, || network::read(&self.shared.root))
    }

    /// [`Self::interfaces`] if a fresh reading is there.
    pub fn peek_interfaces(&self) -> Option<Arc<Vec<Interface>>> {
        self.peek(&self.shared.interfaces)
    }

    /// The machine and its operating system as a whole.
    pub fn general(&self) -> Arc<General> {
        self.cached(&self.shared.general, || {
            os::read(&self.shared.root, self.smbios())
        })
    }

    /// [`Self::general`] if a fresh reading is there.
    pub fn peek_general(&self) -> Option<Arc<General>> {
        self.peek(&self.shared.general)
    }

    /// What the firmware tells. It is read once.
    pub fn smbios(&self) -> Arc<Smbios> {
        Arc::clone(
            self.shared
                .smbios
                .get_or_init(|| Arc::new(smbios::read(&self.shared.root))),
        )
    }

    /// The graphics adapters. They are read once.
    pub fn video_adapters(&self) -> Arc<Vec<VideoAdapter>> {
        Arc::clone(
            self.shared
                .video_adapters
                .get_or_init(|| Arc::new(video::read(&self.shared.root))),
        )
    }

    /// [`Self::video_adapters`] once they were read.
    pub fn peek_video_adapters(&self) -> Option<Arc<Vec<VideoAdapter>>> {
        self.shared.video_adapters.get().map(Arc::clone)
    }

    /// Which file systems are served and monitored.
    pub fn file_system_rule(&self) -> Arc<FileSystemRule> {
        Arc::clone(&self.shared.file_system_rule.read())
    }

    /// Sets which file systems are served and monitored, from the next call on.
    pub fn set_file_system_rule(&self, rule: FileSystemRule) {
        *self.shared.file_system_rule.write() = Arc::new(rule);
        *self.shared.file_systems.write() = Arc::default();
    }

    fn read_file_systems(&self, wanted: impl Fn(&str) -> bool) -> Vec<FileSystem> {
        let rule = self.file_system_rule();
        let Shared {
            root,
            space,
            space_asker,
            ..
        } = &*self.shared;
        let reader = filesystem::Reader {
            root,
            rule: &rule,
            source: space,
            asker: space_asker,
        };
        reader.read(&self.mounts(), wanted)
    }

    fn cached<T>(&self, cached: &Cached<T>, read: impl FnOnce() -> T) -> Arc<T> {
        cached.get(&self.shared.clock, self.shared.max_age, read)
    }

    fn peek<T>(&self, cached: &Cached<T>) -> Option<Arc<T>> {
        cached.peek(self.shared.clock.boot(), self.shared.max_age)
    }

    fn read(&self, relative: &str) -> Vec<u8> {
        self.shared.root.read(relative).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_all(bytes: &[u8]) {
        disk::unit_serial(bytes);
        load::parse_stat(bytes);
        memory::parse_meminfo(bytes);
        mounts::hidden_mounts(&mounts::parse_mountinfo(bytes));
        netlink::parse_addresses(bytes);
        network::parse_net_dev(bytes);
        os::find_fqdn("server1", bytes, bytes);
        os::find_fqdn(&String::from_utf8_lossy(bytes), bytes, bytes);
        os::parse_os_release(bytes);
        processor::parse_cpuinfo(bytes);
        processor::parse_loadavg(bytes);
        let version = smbios::parse_entry_point(bytes);
        smbios::parse_table(bytes, version);
        swap::parse_swaps(bytes);
        video::find_names(bytes, Some(0x10de), Some(1));
    }

    /// The words that the kernel's texts are made of, and bytes that are none.
    fn kernel_text() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            prop::sample::select(vec![
                "cpu",
                "cpu0",
                " ",
                "\n",
                "\t",
                ":",
                "=",
                "-",
                ",",
                "0",
                "18446744073709551615",
                "MemTotal",
                "kB",
                "8:1",
                "/",
                "/mnt\\040x",
                "rw",
                "ro",
                " - ",
                "ext4",
                "/dev/sda1",
                "eth0",
                "processor",
                "\\777",
                "\"",
                "search",
                "server1",
                "#",
                "partition",
                "btime",
                "NAME",
            ])
            .prop_map(|word| word.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(token, 0..80).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            parse_all(&bytes);
        }

        #[test]
        fn no_kernel_text_makes_a_parser_panic(text in kernel_text()) {
            parse_all(&text);
        }

        #[test]
        fn a_mount_points_name_gives_its_bytes_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let name = mounts::name_text(&bytes);
            prop_assert!(!name.chars().any(char::is_control));
            prop_assert_eq!(mounts::unescape(name.as_bytes()), bytes);
        }

        #[test]
        fn no_samples_make_a_load_out_of_range(
            samples in prop::collection::vec((0..40_000u64, prop::collection::vec((0..4u32, any::<[u8; 5]>()), 0..4)), 0..30),
        ) {
            let mut ring = LoadRing::new();
            let mut at = 0;
            for (pause, processors) in samples {
                at += pause;
                let mut times = load::CpuTimes::default();
                for (id, [user, system, idle, iowait, steal]) in processors {
                    let [user, system, idle, iowait, steal] = [user, system, idle, iowait, steal].map(u64::from);
                    times.total = load::Ticks { user, system, idle, iowait, steal };
                    times.processors.push((id, times.total));
                }
                times.processors.sort_unstable_by_key(|(id, _)| *id);
                times.processors.dedup_by_key(|(id, _)| *id);
                ring.push(crate::clock::BootTime::from_millis(at), &times);
                let loads = ring.mean(load::LOAD_WINDOW);
                for load in loads.total.iter().chain(loads.processors.iter().map(|(_, load)| load)) {
                    let parts = load.user_percent + load.system_percent + load.steal_percent;
                    prop_assert!((load.busy_percent - parts).abs() < 1e-6);
                    prop_assert!(load.busy_percent >= 0.0 && load.busy_percent + load.iowait_percent <= 100.0 + 1e-6);
                }
            }
        }
    }

    #[test]
    fn a_tree_with_nothing_in_it_gives_no_error() {
        let (host, _) = testtree::TestTree::new().host(HostOptions::default());
        assert_eq!(*host.memory(), Memory::default());
        assert_eq!(*host.processors(), Processors::default());
        assert!(host.swap_areas().is_empty() && host.mounts().is_empty() && host.file_systems().is_empty());
        assert!(host.disks().is_empty() && host.interfaces().is_empty() && host.video_adapters().is_empty());
        let general = host.general();
        assert_eq!(
            (general.name(), general.boot_time, general.process_count),
            ("localhost", None, None)
        );
    }
}
