//! The mounted file systems with their size and what is left, one for each file system however often it
//! is mounted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::block::{self, Uuids};
use super::drive_type::{DriveType, drive_type, has_device};
use super::monitored::{FileSystemRule, Unmonitored};
use super::mounts::{Mount, hidden_mounts, name_text};
use super::patience::{Patience, Question};
use super::root::Root;
use super::space::{SharedSpaceSource, Space, SpaceAnswer};

/// A mounted file system.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileSystem {
    /// Where it is mounted, as raw bytes. Of several places the one that shows the whole of it, then the
    /// shortest.
    pub mount_point: Vec<u8>,
    /// [`Self::mount_point`] as text that is different for different bytes (see [`name_text`]).
    pub name: String,
    /// The other places where it, or a part of it, is mounted.
    pub also_mounted_at: Vec<Vec<u8>>,
    /// What was mounted: a device, `server:/export`, or a mere word.
    pub device: String,
    /// Major and minor number.
    pub device_number: (u32, u32),
    /// The kernel's name of the block device, as in `sda1`.
    pub block_device: Option<String>,
    /// The whole disks that it lies on.
    pub disks: Vec<String>,
    /// The file system's UUID.
    pub uuid: Option<String>,
    /// What settings and states of it are kept under, mounted or not: the UUID, else the device, else the
    /// mount point.
    pub identity: String,
    /// File system type, as in `ext4`, `nfs4` or `fuse.sshfs`.
    pub fs_type: String,
    /// What it lies on.
    pub drive_type: DriveType,
    /// Whether the file system is read-only, for all its mounts.
    pub read_only: bool,
    /// Mount options and options of the file system, comma separated.
    pub options: String,
    /// Size and what is left.
    pub space: SpaceAnswer,
    /// Why it is not monitored; `None` if it is. One whose size is not known is not thought too small.
    pub unmonitored: Option<Unmonitored>,
}

impl FileSystem {
    /// Whether its free space is watched.
    pub fn is_monitored(&self) -> bool {
        self.unmonitored.is_none()
    }
}

/// What a file system that may be stuck is known by: everything that tells its mount from one that comes
/// after it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct SpaceKey {
    id: u32,
    device: (u32, u32),
    mount_point: Vec<u8>,
    source: Vec<u8>,
}

/// Asks how full file systems are, with a deadline for each.
pub(super) type SpaceAsker = Patience<SpaceKey, Result<Space, String>>;

/// What is needed to read file systems.
pub(super) struct Reader<'a> {
    pub(super) root: &'a Root,
    pub(super) rule: &'a FileSystemRule,
    pub(super) source: &'a SharedSpaceSource,
    pub(super) asker: &'a SpaceAsker,
}

impl Reader<'_> {
    /// The file systems that are served, those with a device behind them and those that are included, as far
    /// as their name is `wanted`. No other is asked. Sorted by mount point.
    pub(super) fn read(&self, mounts: &[Mount], wanted: impl Fn(&str) -> bool) -> Vec<FileSystem> {
        let places = places(mounts, self.rule);
        let uuids = Uuids::read(self.root);
        let mut file_systems: Vec<FileSystem> =
            places.iter().map(|place| self.describe(place, &uuids)).collect();
        tell_copies_apart(&mut file_systems);
        let (places, mut file_systems): (Vec<Place<'_>>, Vec<FileSystem>) = places
            .into_iter()
            .zip(file_systems)
            .filter(|(_, described)| wanted(&described.name))
            .unzip();

        let questions = places.iter().map(|place| question(place.mount, self.source));
        let answers = self.asker.ask_all(questions.collect());
        for ((file_system, place), answer) in file_systems.iter_mut().zip(&places).zip(answers) {
            file_system.space = match answer {
                Some(Ok(space)) => SpaceAnswer::Known(space),
                Some(Err(reason)) => SpaceAnswer::Failed(reason),
                None => SpaceAnswer::Stalled,
            };
            file_system.unmonitored = self.rule.objection(
                &place.all,
                file_system.drive_type,
                &file_system.fs_type,
                &file_system.space,
            );
        }
        file_systems
    }

    /// All but what the file system itself must be asked for.
    fn describe(&self, place: &Place<'_>, uuids: &Uuids) -> FileSystem {
        let root = self.root;
        let mount = place.mount;
        let block_device = match mount.device.0 {
            0 if has_device(mount) => block::name_of_path(root, &mount.source),
            0 => None,
            _ => block::kernel_name(root, mount.device),
        };
        let disks: Vec<String> = block_device
            .iter()
            .flat_map(|name| block::disks_below(root, name))
            .collect();
        let uuid = if has_device(mount) {
            uuids.of(root, block_device.as_deref(), mount.device)
        } else {
            None
        };
        let device = match &block_device {
            Some(name) if mount.source == b"/dev/root" || !mount.source.starts_with(b"/") => {
                format!("/dev/{name}")
            }
            _ => name_text(&mount.source),
        };
        FileSystem {
            mount_point: mount.mount_point.clone(),
            name: name_text(&mount.mount_point),
            also_mounted_at: place
                .all
                .iter()
                .skip(1)
                .map(|other| other.mount_point.clone())
                .collect(),
            identity: identity(uuid.as_deref(), &device, mount),
            device,
            device_number: mount.device,
            drive_type: drive_type(root, mount, &disks),
            block_device,
            disks,
            uuid,
            fs_type: name_text(&mount.fs_type),
            read_only: mount.file_system_is_read_only(),
            options: name_text(&[mount.options.as_slice(), b",", &mount.super_options].concat()),
            space: SpaceAnswer::Stalled,
            unmonitored: None,
        }
    }
}

/// A file system and where it is mounted.
struct Place<'a> {
    /// The mount that it is known by.
    mount: &'a Mount,
    /// All its mounts, that one first.
    all: Vec<&'a Mount>,
}

impl<'a> Place<'a> {
    /// It is known by the mount that shows the whole of it, then by the shortest mount point.
    fn of(mut all: Vec<&'a Mount>) -> Option<Self> {
        all.sort_by_key(|mount| (mount.root != b"/", mount.mount_point.len(), mount.id));
        Some(Self {
            mount: all.first()?,
            all,
        })
    }
}

/// The file systems that are served, with the places where they can be reached.
fn places<'a>(mounts: &'a [Mount], rule: &FileSystemRule) -> Vec<Place<'a>> {
    let hidden = hidden_mounts(mounts);
    let mut by_device: BTreeMap<(u32, u32), Vec<&Mount>> = BTreeMap::new();
    // An automount point that nothing is mounted on would be mounted by the question.
    let is_reached = |mount: &&Mount| !hidden.contains(&mount.id) && mount.fs_type != b"autofs";
    for mount in mounts.iter().filter(is_reached) {
        by_device.entry(mount.device).or_default().push(mount);
    }
    let mut places: Vec<Place<'a>> = by_device
        .into_values()
        .filter_map(Place::of)
        .filter(|place| has_device(place.mount) || rule.includes(&place.all))
        .collect();
    places.sort_by(|left, right| left.mount.mount_point.cmp(&right.mount.mount_point));
    places
}

fn question(mount: &Mount, source: &SharedSpaceSource) -> Question<SpaceKey, Result<Space, String>> {
    let key = SpaceKey {
        id: mount.id,
        device: mount.device,
        mount_point: mount.mount_point.clone(),
        source: mount.source.clone(),
    };
    let (mount, source) = (mount.clone(), Arc::clone(source));
    Question {
        key,
        ask: Box::new(move || source.space(&mount).map_err(|error| error.to_string())),
    }
}

fn identity(uuid: Option<&str>, device: &str, mount: &Mount) -> String {
    match uuid {
        Some(uuid) => uuid.to_owned(),
        None if has_device(mount) || device.contains(':') || device.starts_with("//") => device.to_owned(),
        None => format!("{device}@{}", name_text(&mount.mount_point)),
    }
}

/// A cloned disk carries the UUID of its original: then the device tells the two apart.
fn tell_copies_apart(file_systems: &mut [FileSystem]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for file_system in file_systems.iter() {
        *seen.entry(file_system.identity.clone()).or_default() += 1;
    }
    for file_system in file_systems {
        if seen.get(&file_system.identity).is_some_and(|count| *count > 1) {
            file_system.identity = format!("{}@{}", file_system.identity, file_system.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::HostOptions;
    use super::super::testtree::{TableSpace, TestTree};
    use super::*;
    use std::time::{Duration, Instant};

    const GIB: u64 = 1 << 30;

    fn options(space: TableSpace, rule: FileSystemRule) -> HostOptions {
        HostOptions {
            space: Arc::new(space),
            file_systems: rule,
            answer_deadline: Duration::from_secs(20),
            ..HostOptions::default()
        }
    }

    /// A server with everything that is mounted on such.
    fn server() -> TestTree {
        let tree = TestTree::new();
        tree.disk("sda", (8, 0), 1 << 24)
            .partition("sda", "sda1", (8, 1))
            .partition("sda", "sda2", (8, 2))
            .partition("sda", "sda3", (8, 3))
            .disk("nvme0n1", (259, 0), 1 << 24)
            .partition("nvme0n1", "nvme0n1p1", (259, 1))
            .mapped("dm-0", (253, 0), 1 << 20, &["sda3", "nvme0n1p1"])
            .disk("sdb", (8, 16), 1 << 20)
            .partition("sdb", "sdb1", (8, 17))
            .disk("sr0", (11, 0), 1 << 20)
            .remove("sys/devices/virtual-bus/block/sdb/removable")
            .file("sys/devices/virtual-bus/block/sdb/removable", "1\n")
            .uuid("sda1", "1111-AAAA")
            .uuid("sda2", "22222222-2222-2222-2222-222222222222")
            .uuid("dm-0", "33333333-3333-3333-3333-333333333333")
            .link("dev/mapper/vg0-var", "../dm-0")
            .file(
                "run/udev/data/b8:17",
                "S:disk/by-id/x\nE:ID_FS_UUID=44444444\nE:ID_FS_TYPE=ext4\n",
            )
            .file("proc/self/mountinfo", MOUNTINFO);
        tree
    }

    const MOUNTINFO: &[u8] = b"\
21 28 0:20 / /sys rw,nosuid - sysfs sysfs rw\n\
22 28 0:21 / /proc rw,nosuid - proc proc rw\n\
23 28 0:5 / /dev rw - devtmpfs udev rw,size=1k\n\
28 1 0:30 /@ / rw,relatime - btrfs /dev/sda2 rw,subvolid=256,subvol=/@\n\
29 28 0:30 /@home /home rw,relatime - btrfs /dev/sda2 rw,subvolid=257,subvol=/@home\n\
30 28 8:1 / /boot rw,relatime - ext4 /dev/sda1 ro\n\
31 28 253:0 / /var rw,relatime shared:5 - xfs /dev/mapper/vg0-var rw\n\
32 31 253:0 /chroot /srv/a rw,relatime - xfs /dev/mapper/vg0-var rw\n\
33 28 0:40 / /mnt/nfs rw,relatime - nfs4 filer:/export/a rw,vers=4.2\n\
34 28 8:17 / /media/stick rw - ext4 /dev/sdb1 rw\n\
35 28 11:0 / /media/cd ro - iso9660 /dev/sr0 ro\n\
36 28 0:50 / /var/lib/containers/merged rw - overlay overlay rw,lowerdir=/l,upperdir=/u\n\
37 28 0:51 / /run rw - tmpfs tmpfs rw\n\
38 28 0:52 / /mnt/auto rw - autofs systemd-1 rw\n";

    fn brief(file_systems: &[FileSystem]) -> Vec<String> {
        let reason = |fs: &FileSystem| {
            fs.unmonitored
                .map_or("monitored".to_owned(), |reason| reason.to_string())
        };
        file_systems
            .iter()
            .map(|fs| {
                format!(
                    "{} {} {} {}: {}",
                    fs.name,
                    fs.fs_type,
                    fs.device,
                    fs.identity,
                    reason(fs)
                )
            })
            .collect()
    }

    #[test]
    fn device_backed_file_systems_once_each() {
        let sizes = TableSpace::sizes(&[
            (b"/", 100 * GIB),
            (b"/boot", 100 << 20),
            (b"/var", 50 * GIB),
            (b"/media/stick", GIB),
            (b"/media/cd", GIB),
        ]);
        let (host, _) = server().host(options(sizes, FileSystemRule::default()));
        // The tree is gone by now: nothing that cannot be read is an error.
        assert!(host.file_systems().is_empty());

        let tree = server();
        let sizes = TableSpace::sizes(&[(b"/", 100 * GIB), (b"/boot", 100 << 20), (b"/var", 50 * GIB)]);
        let (host, _) = tree.host(options(sizes, FileSystemRule::default()));
        let file_systems = host.file_systems();
        insta::assert_snapshot!(brief(&file_systems).join("\n"), @r"
        / btrfs /dev/sda2 22222222-2222-2222-2222-222222222222: file system type is not among the monitored types
        /boot ext4 /dev/sda1 1111-AAAA: monitored
        /media/cd iso9660 /dev/sr0 /dev/sr0: drive type is Optical, not Fixed
        /media/stick ext4 /dev/sdb1 44444444: drive type is Removable, not Fixed
        /var xfs /dev/mapper/vg0-var 33333333-3333-3333-3333-333333333333: monitored
        ");
        let [root, boot, cd, stick, var] = &file_systems[..] else {
            panic!("{file_systems:#?}")
        };
        assert_eq!(root.also_mounted_at, [b"/home".to_vec()]);
        assert_eq!(root.disks, ["sda"]);
        assert_eq!(root.space.known().unwrap().size_bytes, 100 * GIB);
        assert!(boot.read_only && !root.read_only);
        assert_eq!(var.also_mounted_at, [b"/srv/a".to_vec()]);
        assert_eq!(var.disks, ["nvme0n1", "sda"]);
        assert_eq!(var.block_device.as_deref(), Some("dm-0"));
        assert_eq!(stick.uuid.as_deref(), Some("44444444"));
        assert!(matches!(cd.space, SpaceAnswer::Failed(_)), "{:?}", cd.space);
        assert_eq!(host.file_system("/var").as_ref(), Some(var));
        assert_eq!(host.file_system("/srv/a"), None);
    }

    #[test]
    fn the_rule_and_its_exceptions() {
        let tree = server();
        let sizes = |size| {
            TableSpace::sizes(&[
                (b"/", size),
                (b"/boot", size),
                (b"/var", size),
                (b"/mnt/nfs", size),
            ])
        };
        let check = |size: u64, rule: FileSystemRule, expect: &[&str]| {
            let (host, _) = tree.host(options(sizes(size), rule));
            let file_systems = host.file_systems();
            let monitored: Vec<&str> = file_systems
                .iter()
                .filter(|fs| fs.is_monitored())
                .map(|fs| fs.name.as_str())
                .collect();
            assert_eq!(monitored, expect);
        };
        let rule = FileSystemRule::default;
        let list = |entries: &[&str]| entries.iter().map(|entry| entry.to_string()).collect::<Vec<_>>();
        check(100 << 20, rule(), &["/boot", "/var"]);
        check((100 << 20) - 1, rule(), &[]);
        check(
            10,
            FileSystemRule {
                min_size_bytes: 10,
                ..rule()
            },
            &["/boot", "/var"],
        );
        check(
            GIB,
            FileSystemRule {
                types: list(&["btrfs"]),
                ..rule()
            },
            &["/"],
        );
        check(
            GIB,
            FileSystemRule {
                exclude: list(&["/var/"]),
                ..rule()
            },
            &["/boot"],
        );
        check(
            10,
            FileSystemRule {
                include: list(&["/mnt/nfs", "/run", "/"]),
                ..rule()
            },
            &["/", "/mnt/nfs", "/run"],
        );
        // A bind mount's name means the file system that it shows.
        check(
            GIB,
            FileSystemRule {
                exclude: list(&["/srv/a"]),
                ..rule()
            },
            &["/boot"],
        );
        let both = FileSystemRule {
            include: list(&["/var"]),
            exclude: list(&["/var"]),
            ..rule()
        };
        check(GIB, both, &["/boot"]);
    }

    #[test]
    fn included_ones_have_their_drive_type_and_identity() {
        let tree = server();
        let include = ["/mnt/nfs", "/run", "/var/lib/containers/merged", "/proc"]
            .map(str::to_owned)
            .to_vec();
        let rule = FileSystemRule {
            include,
            ..FileSystemRule::default()
        };
        let (host, _) = tree.host(options(TableSpace::default(), rule));
        let file_systems = host.file_systems();
        let found: Vec<_> = file_systems
            .iter()
            .filter(|fs| fs.device_number.0 == 0 && fs.uuid.is_none())
            .map(|fs| (fs.name.as_str(), fs.drive_type, fs.identity.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/mnt/nfs", DriveType::Network, "filer:/export/a"),
                ("/proc", DriveType::Other, "proc@/proc"),
                ("/run", DriveType::Ram, "tmpfs@/run"),
                (
                    "/var/lib/containers/merged",
                    DriveType::Other,
                    "overlay@/var/lib/containers/merged"
                ),
            ]
        );
    }

    #[test]
    fn odd_names_stay_apart() {
        let tree = TestTree::new();
        tree.disk("sda", (8, 0), 1 << 20).disk("sdb", (8, 16), 1 << 20).file(
            "proc/self/mountinfo",
            b"30 1 8:0 / /mnt/\xff rw - ext4 /dev/sda rw\n31 1 8:16 / /mnt/\xfe\\040x rw - ext4 /dev/sdb rw\n",
        );
        let sizes = TableSpace::sizes(&[(b"/mnt/\xff", GIB), (b"/mnt/\xfe x", 2 * GIB)]);
        let rule = FileSystemRule {
            exclude: vec!["/mnt/\\377".to_owned()],
            ..FileSystemRule::default()
        };
        let (host, _) = tree.host(options(sizes, rule));
        insta::assert_snapshot!(brief(&host.file_systems()).join("\n"), @r"
        /mnt/\376 x ext4 /dev/sdb /dev/sdb: monitored
        /mnt/\377 ext4 /dev/sda /dev/sda: excluded by the configuration
        ");
        assert_eq!(
            host.file_system("/mnt/\\376 x")
                .unwrap()
                .space
                .known()
                .unwrap()
                .size_bytes,
            2 * GIB
        );
    }

    #[test]
    fn copies_of_a_disk_have_identities_of_their_own() {
        let tree = TestTree::new();
        tree.disk("sda", (8, 0), 1 << 20)
            .disk("sdb", (8, 16), 1 << 20)
            .file(
                "proc/self/mountinfo",
                b"30 1 8:0 / /a rw - ext4 /dev/sda rw\n31 1 8:16 / /b rw - ext4 /dev/sdb rw\n",
            );
        for number in ["8:0", "8:16"] {
            tree.file(&format!("run/udev/data/b{number}"), "E:ID_FS_UUID=same\n");
        }
        let (host, _) = tree.host(options(TableSpace::default(), FileSystemRule::default()));
        let identities: Vec<String> = host.file_systems().iter().map(|fs| fs.identity.clone()).collect();
        assert_eq!(identities, ["same@/dev/sda", "same@/dev/sdb"]);
    }

    #[test]
    fn mounts_that_come_and_go_and_a_rule_that_changes() {
        let tree = server();
        let (host, clock) = tree.host(options(TableSpace::default(), FileSystemRule::default()));
        assert_eq!(host.file_systems().len(), 5);
        tree.file(
            "proc/self/mountinfo",
            b"30 1 8:1 / /boot rw - ext4 /dev/sda1 rw\n",
        );
        assert_eq!(host.file_systems().len(), 5, "fresh");
        clock.advance(Duration::from_secs(2));
        assert!(host.peek_file_systems().is_none());
        assert_eq!(host.file_systems().len(), 1);
        host.set_file_system_rule(FileSystemRule {
            exclude: vec!["/boot".to_owned()],
            ..FileSystemRule::default()
        });
        assert_eq!(host.file_systems()[0].unmonitored, Some(Unmonitored::Excluded));
    }

    #[test]
    fn one_that_hangs_costs_its_own_figures_alone() {
        let tree = server();
        let space = TableSpace::sizes(&[(b"/boot", GIB), (b"/var", GIB), (b"/mnt/nfs", GIB)]);
        space.slow.lock().push((b"/var".to_vec(), Duration::from_secs(3)));
        let options = HostOptions {
            answer_deadline: Duration::from_millis(500),
            ..options(space, FileSystemRule::default())
        };
        let (host, clock) = tree.host(options);
        // Asked for alone, the others do not wait for it.
        let start = Instant::now();
        assert!(host.file_system("/boot").unwrap().space.known().is_some());
        assert!(start.elapsed() < Duration::from_millis(400));
        let start = Instant::now();
        let file_systems = host.file_systems();
        assert!(start.elapsed() < Duration::from_secs(2));
        let space = |name: &str| {
            file_systems
                .iter()
                .find(|fs| fs.name == name)
                .unwrap()
                .space
                .clone()
        };
        assert_eq!(space("/var"), SpaceAnswer::Stalled);
        assert!(space("/boot").known().is_some());
        // Nothing is known of its size, so nobody says that it is too small.
        assert!(
            file_systems
                .iter()
                .find(|fs| fs.name == "/var")
                .unwrap()
                .is_monitored()
        );
        // Once it is known to hang nobody waits for it at all, and it is seen when it comes back.
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            clock.advance(Duration::from_secs(2));
            let var = host.file_system("/var").unwrap();
            if var.space.known().is_some() {
                break;
            }
            assert!(Instant::now() < end, "did not come back");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
