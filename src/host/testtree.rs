//! Recorded shapes of machines, written into a temporary directory: the `proc`, `sys`, `dev` and `run`
//! files that this room reads, as real kernels fill them.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;

use super::mounts::Mount;
use super::netlink::encode_addresses;
use super::space::{Space, SpaceSource};
use super::{Host, HostOptions, Root};
use crate::clock::{BootTime, ManualClock, WallTime};

/// A tree that is removed when it is dropped.
pub(crate) struct TestTree {
    dir: TempDir,
}

impl TestTree {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn root(&self) -> Root {
        Root::at(self.dir.path())
    }

    /// Writes a file, and the directories above it.
    pub(crate) fn file(&self, relative: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.dir.path().join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Makes an empty directory.
    pub(crate) fn dir(&self, relative: &str) -> &Self {
        fs::create_dir_all(self.dir.path().join(relative)).unwrap();
        self
    }

    /// Makes a symbolic link that says `target`.
    pub(crate) fn link(&self, relative: &str, target: impl AsRef<Path>) -> &Self {
        let path = self.dir.path().join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    /// Takes a file or directory away.
    pub(crate) fn remove(&self, relative: &str) -> &Self {
        let path = self.dir.path().join(relative);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    /// A host over this tree with a clock that is moved by hand, and file systems that answer `space`.
    pub(crate) fn host(&self, options: HostOptions) -> (Host, ManualClock) {
        let clock = ManualClock::new(BootTime::from_millis(1_000_000), WallTime::from_unix_micros(0));
        (Host::new(self.root(), options, Arc::new(clock.clone())), clock)
    }

    /// A whole disk: its directory among the devices and the links to it.
    pub(crate) fn disk(&self, name: &str, number: (u32, u32), sectors: u64) -> &Self {
        let home = format!("sys/devices/virtual-bus/block/{name}");
        self.file(&format!("{home}/size"), format!("{sectors}\n"))
            .file(&format!("{home}/dev"), format!("{}:{}\n", number.0, number.1))
            .file(&format!("{home}/removable"), "0\n")
            .file(&format!("{home}/ro"), "0\n")
            .file(&format!("{home}/queue/rotational"), "1\n")
            .file(&format!("{home}/queue/logical_block_size"), "512\n")
            .file(&format!("{home}/queue/physical_block_size"), "4096\n")
            .link(
                &format!("sys/block/{name}"),
                format!("../devices/virtual-bus/block/{name}"),
            )
            .block_links(name, number, &format!("virtual-bus/block/{name}"))
    }

    /// A partition of a disk made by [`Self::disk`].
    pub(crate) fn partition(&self, disk: &str, name: &str, number: (u32, u32)) -> &Self {
        let home = format!("virtual-bus/block/{disk}/{name}");
        self.file(&format!("sys/devices/{home}/partition"), "1\n")
            .block_links(name, number, &home)
    }

    /// A device-mapper or RAID device on top of others.
    pub(crate) fn mapped(&self, name: &str, number: (u32, u32), sectors: u64, on: &[&str]) -> &Self {
        self.disk(name, number, sectors);
        for part in on {
            let home = format!("sys/devices/virtual-bus/block/{name}/slaves/{part}");
            self.link(&home, format!("../../../../../class/block/{part}"));
        }
        self
    }

    /// The UUID of the file system on a device, as udev links it.
    pub(crate) fn uuid(&self, name: &str, uuid: &str) -> &Self {
        self.link(&format!("dev/disk/by-uuid/{uuid}"), format!("../../{name}"))
    }

    fn block_links(&self, name: &str, (major, minor): (u32, u32), home: &str) -> &Self {
        self.link(
            &format!("sys/class/block/{name}"),
            format!("../../devices/{home}"),
        )
        .link(
            &format!("sys/dev/block/{major}:{minor}"),
            format!("../../devices/{home}"),
        )
    }

    /// `count` Ethernet interfaces, `eth0` and on, each with an IPv4 address.
    pub(crate) fn interfaces(&self, count: u32) -> &Self {
        let mut net_dev = String::from("Inter-|   Receive\n face |bytes\n");
        let mut addresses = Vec::new();
        for at in 0..count {
            let home = format!("sys/class/net/eth{at}");
            for (file, content) in [
                ("ifindex", (at + 2).to_string()),
                ("type", "1".to_owned()),
                ("address", format!("02:00:00:00:00:{at:02x}")),
                ("mtu", "1500".to_owned()),
                ("speed", "10000".to_owned()),
                ("duplex", "full".to_owned()),
                ("carrier", "1".to_owned()),
                ("operstate", "up".to_owned()),
                ("flags", "0x1003".to_owned()),
                ("uevent", format!("INTERFACE=eth{at}\nIFINDEX={}", at + 2)),
            ] {
                self.file(&format!("{home}/{file}"), content + "\n");
            }
            net_dev += &format!("eth{at}: {}000 10 0 0 0 0 0 0 500 5 0 0 0 0 0 0\n", at);
            addresses.push((at + 2, format!("10.0.{at}.1"), 24, 0));
        }
        let addresses: Vec<_> = addresses
            .iter()
            .map(|(at, address, prefix, scope)| (*at, address.as_str(), *prefix, *scope))
            .collect();
        self.file("proc/net/dev", net_dev)
            .file("netlink/addresses", encode_addresses(&addresses))
    }

    /// `count` processors, of which `offline` are so, four to a socket, with the clock told by cpufreq.
    pub(crate) fn processors(&self, count: u32, offline: &[u32]) -> &Self {
        let (mut cpuinfo, mut stat) = (String::new(), String::from("cpu  100 0 100 800 0 0 0 0 0 0\n"));
        let mut online = Vec::new();
        for id in (0..count).filter(|id| !offline.contains(id)) {
            online.push(id.to_string());
            cpuinfo += &format!(
                "processor\t: {id}\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\n\
                 model name\t: AMD EPYC 7713 64-Core Processor\nstepping\t: 1\nmicrocode\t: 0xa0011d1\n\
                 cpu MHz\t\t: 1500.000\nphysical id\t: {}\ncore id\t\t: {}\nflags\t\t: fpu lm svm\n\n",
                id / 4,
                id % 4
            );
            stat += &format!("cpu{id} 10 0 10 80 0 0 0 0 0 0\n");
            let home = format!("sys/devices/system/cpu/cpu{id}");
            self.file(
                &format!("{home}/topology/physical_package_id"),
                format!("{}\n", id / 4),
            )
            .file(&format!("{home}/topology/core_id"), format!("{}\n", id % 4))
            .file(
                &format!("{home}/cpufreq/scaling_cur_freq"),
                format!("{}\n", 2_000_000 + id * 1000),
            )
            .file(&format!("{home}/cpufreq/cpuinfo_max_freq"), "3720703\n");
        }
        self.file("proc/cpuinfo", cpuinfo)
            .file("proc/stat", stat + "btime 1700000000\n")
            .file("proc/loadavg", "1.50 1.25 1.00 3/900 12345\n")
            .file("sys/devices/system/cpu/present", format!("0-{}\n", count - 1))
            .file("sys/devices/system/cpu/online", online.join(",") + "\n")
    }
}

/// Answers from a table in the place of the kernel; what is not in it has an error.
#[derive(Default)]
pub(crate) struct TableSpace {
    pub(crate) known: Vec<(Vec<u8>, Space)>,
    /// Mount points that answer late the first time that they are asked.
    pub(crate) slow: Mutex<Vec<(Vec<u8>, Duration)>>,
}

impl TableSpace {
    pub(crate) fn sizes(sizes: &[(&[u8], u64)]) -> Self {
        let known = sizes
            .iter()
            .map(|(at, size_bytes)| {
                let quarter = size_bytes / 4;
                let space = Space {
                    size_bytes: *size_bytes,
                    free_bytes: quarter,
                    available_bytes: quarter,
                    ..Space::default()
                };
                (at.to_vec(), space)
            })
            .collect();
        Self {
            known,
            slow: Mutex::default(),
        }
    }
}

impl SpaceSource for TableSpace {
    fn space(&self, mount: &Mount) -> io::Result<Space> {
        let pause = {
            let mut slow = self.slow.lock();
            let at = slow.iter().position(|(at, _)| *at == mount.mount_point);
            at.map(|at| slow.remove(at).1)
        };
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
        let found = self.known.iter().find(|(at, _)| *at == mount.mount_point);
        found
            .map(|(_, space)| *space)
            .ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))
    }
}
