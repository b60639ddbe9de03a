//! The logical processors: which there are, what they are, where they sit, and how busy they are.

use std::collections::HashMap;
use std::sync::Arc;

use super::load::{Load, Loads};
use super::root::Root;
use super::text;

/// All processors at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processors {
    /// Those that are in the machine, online or not, by number in ascending order.
    pub processors: Vec<Processor>,
    /// The mean load of all together; `None` before the second sample.
    pub load: Option<Load>,
    /// The load averages over 1, 5 and 15 minutes: the mean number of tasks that ran or wanted to.
    pub load_averages: Option<[f64; 3]>,
}

impl Processors {
    /// How many are online.
    pub fn online_count(&self) -> usize {
        self.processors
            .iter()
            .filter(|processor| processor.online)
            .count()
    }

    /// How many physical packages are online processors of.
    pub fn socket_count(&self) -> usize {
        let mut sockets: Vec<u32> = self
            .processors
            .iter()
            .filter_map(|processor| processor.socket)
            .collect();
        sockets.sort_unstable();
        sockets.dedup();
        sockets.len()
    }

    /// The processor of that number.
    pub fn get(&self, id: u32) -> Option<&Processor> {
        let at = self
            .processors
            .binary_search_by_key(&id, |processor| processor.id)
            .ok()?;
        self.processors.get(at)
    }
}

/// One logical processor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processor {
    /// The kernel's number.
    pub id: u32,
    /// Whether the kernel runs tasks on it.
    pub online: bool,
    /// Its mean load; `None` when offline, and before the second sample.
    pub load: Option<Load>,
    /// What it is; processors alike share it.
    pub model: Arc<ProcessorModel>,
    /// The number of its physical package.
    pub socket: Option<u32>,
    /// The number of its core in the package.
    pub core: Option<u32>,
    /// The clock it runs at now, in MHz.
    pub clock_mhz: Option<u32>,
    /// The highest clock it can run at, in MHz.
    pub max_clock_mhz: Option<u32>,
}

impl Processor {
    /// The kernel's name of it, as in `cpu0`.
    pub fn name(&self) -> String {
        format!("cpu{}", self.id)
    }
}

/// What kind of processor it is, from `/proc/cpuinfo`.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ProcessorModel {
    /// The maker, as in `GenuineIntel`.
    pub vendor: Option<String>,
    /// The name on the box.
    pub name: Option<String>,
    /// Family number.
    pub family: Option<u32>,
    /// Model number.
    pub model: Option<u32>,
    /// Stepping or revision.
    pub stepping: Option<String>,
    /// Version of its microcode.
    pub microcode: Option<String>,
    /// Whether it runs 64-bit code, where the kernel tells.
    pub long_mode: Option<bool>,
    /// Whether it runs virtual machines (VT-x or AMD-V), where the kernel tells.
    pub virtualization: Option<bool>,
}

/// What `/proc/cpuinfo` tells of one processor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuInfo {
    /// The kernel's number.
    pub id: u32,
    /// What it is.
    pub model: Arc<ProcessorModel>,
    /// The clock at the time of reading, in MHz.
    pub clock_mhz: Option<f64>,
    /// The number of its physical package.
    pub socket: Option<u32>,
    /// The number of its core.
    pub core: Option<u32>,
}

/// Reads the text of `/proc/cpuinfo`: a paragraph for each processor that is online. Paragraphs without a
/// `processor` line, as some architectures end with, describe the machine and are left out.
pub fn parse_cpuinfo(cpuinfo: &[u8]) -> Vec<CpuInfo> {
    let mut processors = Vec::new();
    let mut models: HashMap<ProcessorModel, Arc<ProcessorModel>> = HashMap::new();
    let mut paragraph = Paragraph::default();
    for line in text::lines(cpuinfo).chain([b"".as_slice()]) {
        if !line.trim_ascii().is_empty() {
            paragraph.take(line);
        } else if let Some(id) = paragraph.id {
            let Paragraph {
                model,
                clock_mhz,
                socket,
                core,
                ..
            } = std::mem::take(&mut paragraph);
            let model = match models.get(&model) {
                Some(known) => Arc::clone(known),
                None => Arc::clone(models.entry(model.clone()).or_insert_with(|| Arc::new(model))),
            };
            processors.push(CpuInfo {
                id,
                model,
                clock_mhz,
                socket,
                core,
            });
        } else {
            paragraph = Paragraph::default();
        }
    }
    processors
}

#[derive(Default)]
struct Paragraph {
    id: Option<u32>,
    model: ProcessorModel,
    clock_mhz: Option<f64>,
    socket: Option<u32>,
    core: Option<u32>,
}

impl Paragraph {
    /// Keys as x86 prints them, then as ARM, POWER and others do.
    fn take(&mut self, line: &[u8]) {
        let Some((key, value)) = text::key_value(line, b':') else {
            return;
        };
        let small = || text::number(value).and_then(|number| u32::try_from(number).ok());
        let model = &mut self.model;
        match key {
            b"processor" => self.id = small(),
            b"physical id" => self.socket = small(),
            b"core id" => self.core = small(),
            b"cpu MHz" | b"clock" => {
                let digits = value.strip_suffix(b"MHz").unwrap_or(value);
                self.clock_mhz = text::real(digits);
            }
            b"vendor_id" | b"CPU implementer" => model.vendor = text::text(value),
            b"model name" | b"cpu" | b"Processor" | b"cpu model" => model.name = text::text(value),
            b"cpu family" => model.family = small(),
            b"model" => model.model = small(),
            b"stepping" | b"revision" | b"CPU revision" => model.stepping = text::text(value),
            b"microcode" => model.microcode = text::text(value),
            b"flags" => {
                let flag = |wanted: &[u8]| text::words(value).any(|flag| flag == wanted);
                model.long_mode = Some(flag(b"lm"));
                model.virtualization = Some(flag(b"vmx") || flag(b"svm"));
            }
            _ => {}
        }
    }
}

/// Reads the text of `/proc/loadavg`: the load averages over 1, 5 and 15 minutes.
pub fn parse_loadavg(loadavg: &[u8]) -> Option<[f64; 3]> {
    let mut words = text::words(loadavg);
    Some([
        text::real(words.next()?)?,
        text::real(words.next()?)?,
        text::real(words.next()?)?,
    ])
}

/// What stays as it is while the same processors are online.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    online: Vec<u8>,
    present: Vec<u8>,
    processors: Vec<Processor>,
    /// Whether the kernel tells each clock in a file of its own.
    has_cpufreq: bool,
}

const CPU: &str = "sys/devices/system/cpu";

impl Layout {
    /// Reads it again if another set of processors is online or present than when it was last read.
    pub(super) fn refresh(&mut self, root: &Root) {
        let list = |name| root.read(format!("{CPU}/{name}")).unwrap_or_default();
        let (online, present) = (list("online"), list("present"));
        if self.processors.is_empty() || online != self.online || present != self.present {
            *self = Self::read(root, online, present);
        }
    }

    fn read(root: &Root, online: Vec<u8>, present: Vec<u8>) -> Self {
        let infos = parse_cpuinfo(&root.read("proc/cpuinfo").unwrap_or_default());
        let infos: HashMap<u32, CpuInfo> = infos.into_iter().map(|info| (info.id, info)).collect();
        let running = text::number_list(&online);
        let mut ids = text::number_list(&present);
        // Where sysfs is not there, those that the kernel describes are all that are known.
        ids.extend(running.iter().chain(infos.keys()).copied());
        ids.sort_unstable();
        ids.dedup();
        let is_online = |id: &u32| {
            if running.is_empty() {
                infos.contains_key(id)
            } else {
                running.contains(id)
            }
        };
        let running: std::collections::HashSet<u32> = ids.iter().copied().filter(is_online).collect();
        let processors: Vec<Processor> = ids
            .iter()
            .map(|id| processor(root, *id, running.contains(id), infos.get(id)))
            .collect();
        let has_cpufreq = processors
            .iter()
            .any(|processor| root.exists(cpufreq(processor.id, "scaling_cur_freq")));
        Self {
            online,
            present,
            processors,
            has_cpufreq,
        }
    }

    /// The processors as they are now.
    pub(super) fn snapshot(&self, root: &Root, loads: &Loads) -> Processors {
        let mut processors = self.processors.clone();
        for processor in &mut processors {
            processor.load = loads.of(processor.id).filter(|_| processor.online);
            if self.has_cpufreq && processor.online {
                processor.clock_mhz =
                    megahertz(root, processor.id, "scaling_cur_freq").or(processor.clock_mhz);
            }
        }
        Processors {
            processors,
            load: loads.total,
            load_averages: root
                .read("proc/loadavg")
                .ok()
                .and_then(|loadavg| parse_loadavg(&loadavg)),
        }
    }
}

fn processor(root: &Root, id: u32, online: bool, info: Option<&CpuInfo>) -> Processor {
    let topology = |name: &str| {
        let number = root.number(format!("{CPU}/cpu{id}/topology/{name}"))?;
        u32::try_from(number).ok()
    };
    let rounded = |mhz: f64| (mhz >= 0.5 && mhz < f64::from(u32::MAX)).then_some(mhz.round() as u32);
    Processor {
        id,
        online,
        load: None,
        model: info.map(|info| Arc::clone(&info.model)).unwrap_or_default(),
        socket: topology("physical_package_id").or(info.and_then(|info| info.socket)),
        core: topology("core_id").or(info.and_then(|info| info.core)),
        clock_mhz: info.and_then(|info| info.clock_mhz).and_then(rounded),
        max_clock_mhz: megahertz(root, id, "cpuinfo_max_freq"),
    }
}

fn cpufreq(id: u32, name: &str) -> String {
    format!("{CPU}/cpu{id}/cpufreq/{name}")
}

fn megahertz(root: &Root, id: u32, name: &str) -> Option<u32> {
    let kilohertz = root.number(cpufreq(id, name))?;
    u32::try_from(kilohertz.checked_add(500)? / 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::super::HostOptions;
    use super::super::testtree::TestTree;
    use super::*;

    #[test]
    fn cpuinfo_of_several_architectures() {
        let x86 = b"processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\n\
            model name\t: Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz\nstepping\t: 6\nmicrocode\t: 0xd000363\n\
            cpu MHz\t\t: 2000.123\nphysical id\t: 1\ncore id\t\t: 7\nflags\t\t: fpu vmx lm\n\n\
            processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\n\
            model name\t: Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz\nstepping\t: 6\nmicrocode\t: 0xd000363\n\
            cpu MHz\t\t: 1999.9\nflags\t\t: fpu vmx lm\n\n";
        let infos = parse_cpuinfo(x86);
        assert_eq!(infos.len(), 2);
        assert_eq!((infos[0].socket, infos[0].core), (Some(1), Some(7)));
        assert_eq!(infos[0].clock_mhz, Some(2000.123));
        assert_eq!(
            infos[0].model.name.as_deref(),
            Some("Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz")
        );
        assert_eq!(infos[0].model.family, Some(6));
        assert_eq!(
            (infos[0].model.long_mode, infos[0].model.virtualization),
            (Some(true), Some(true))
        );
        assert!(Arc::ptr_eq(&infos[0].model, &infos[1].model));

        let arm = b"processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU revision\t: 1\n\n\
            processor\t: 1\nCPU implementer\t: 0x41\nCPU revision\t: 1\n\nHardware\t: Board\n";
        let infos = parse_cpuinfo(arm);
        assert_eq!(infos.len(), 2);
        assert_eq!(infos[1].model.vendor.as_deref(), Some("0x41"));
        assert_eq!(infos[1].model.name, None);

        let power = b"processor\t: 8\ncpu\t\t: POWER9 (raw), altivec supported\nclock\t\t: 2300.000000MHz\n\
            revision\t: 2.2 (pvr 004e 1202)\n\ntimebase\t: 512000000\n";
        let infos = parse_cpuinfo(power);
        assert_eq!(
            (infos.len(), infos[0].id, infos[0].clock_mhz),
            (1, 8, Some(2300.0))
        );
    }

    #[test]
    fn odd_cpuinfo() {
        #[track_caller]
        fn check(given: &[u8], processors: usize) {
            assert_eq!(
                parse_cpuinfo(given).len(),
                processors,
                "{}",
                String::from_utf8_lossy(given)
            );
        }
        check(b"", 0);
        check(b"\n\n\n", 0);
        check(b"processor : -1\n", 0);
        check(b"processor : 0", 1);
        check(b"processor : 0\ncpu MHz : nan\nmodel name : \xff\xff\n", 1);
        check(
            b"vendor_id : IBM/S390\n# processors : 2\nprocessor 0: version = FF\n",
            0,
        );
    }

    #[test]
    fn load_averages() {
        assert_eq!(
            parse_loadavg(b"0.16 0.34 12.18 1/87 10326\n"),
            Some([0.16, 0.34, 12.18])
        );
        assert_eq!(parse_loadavg(b"0.16 0.34\n"), None);
        assert_eq!(parse_loadavg(b"inf 0 0"), None);
    }

    #[test]
    fn many_processors_some_of_them_offline() {
        let tree = TestTree::new();
        tree.processors(256, &[7, 255]);
        let (host, clock) = tree.host(HostOptions::default());
        let processors = host.processors();
        assert_eq!(processors.processors.len(), 256);
        assert_eq!(processors.online_count(), 254);
        assert_eq!(processors.socket_count(), 64);
        assert_eq!(
            (processors.load, processors.load_averages),
            (None, Some([1.5, 1.25, 1.0]))
        );
        let ninth = processors.get(9).unwrap();
        assert_eq!((ninth.socket, ninth.core), (Some(2), Some(1)));
        assert_eq!((ninth.clock_mhz, ninth.max_clock_mhz), (Some(2009), Some(3721)));
        assert_eq!(
            ninth.model.name.as_deref(),
            Some("AMD EPYC 7713 64-Core Processor")
        );
        let offline = processors.get(7).unwrap();
        assert_eq!(
            (offline.online, offline.clock_mhz, offline.load),
            (false, None, None)
        );

        // One comes online, one goes; the rest has a load.
        tree.processors(256, &[9, 255]);
        let stat = String::from_utf8(tree.root().read("proc/stat").unwrap()).unwrap();
        let stat = stat
            .replace("cpu3 10 0 10 80", "cpu3 35 0 10 155")
            .replace("cpu  100 0", "cpu  150 0");
        tree.file("proc/stat", stat);
        clock.advance(std::time::Duration::from_secs(5));
        let processors = host.processors();
        assert!(processors.get(7).unwrap().online && !processors.get(9).unwrap().online);
        assert_eq!(processors.get(3).unwrap().load.unwrap().busy_percent, 25.0);
        assert_eq!(processors.get(7).unwrap().load, None);
        assert_eq!(processors.load.unwrap().busy_percent, 100.0);
    }

    #[test]
    fn without_sysfs_and_without_anything() {
        let tree = TestTree::new();
        let (host, _) = tree.host(HostOptions::default());
        assert_eq!(*host.processors(), Processors::default());
        tree.processors(2, &[]).remove("sys/devices/system/cpu");
        let (host, _) = tree.host(HostOptions::default());
        let processors = host.processors();
        assert_eq!(processors.online_count(), 2);
        assert_eq!(processors.get(1).unwrap().clock_mhz, Some(1500));
        assert_eq!(processors.get(1).unwrap().socket, Some(0));
    }
}
