//! What the host room reads of this machine, against an independent reading by other programs.

use std::sync::Arc;

use esm::clock::SystemClock;
use esm::host::os::find_fqdn;
use esm::host::{FileSystemRule, Host, HostOptions, Root, smbios};

use crate::command::output_of;

#[path = "../../src/host/smbios/sample.rs"]
mod smbios_sample;

fn host() -> Host {
    Host::live(Arc::new(SystemClock))
}

/// Figures that move while they are read: both readings agree within `slack`.
#[track_caller]
fn check_near(what: &str, ours: Option<u64>, theirs: u64, slack: u64) {
    let ours = ours.unwrap_or_else(|| panic!("{what} is not known"));
    assert!(
        ours.abs_diff(theirs) <= slack,
        "{what}: ours {ours}, theirs {theirs}"
    );
}

#[test]
fn memory_and_swap_as_free_tells_them() {
    let text = output_of("free", &["-b", "-w"]);
    let row = |name: &str| -> Vec<u64> {
        let line = text.lines().find(|line| line.starts_with(name)).expect(name);
        line.split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap())
            .collect()
    };
    let memory = host().memory();
    let slack = 256 << 20;
    let (mem, swap) = (row("Mem:"), row("Swap:"));
    assert_eq!(memory.total_bytes, Some(mem[0]));
    check_near("free", memory.free_bytes, mem[2], slack);
    check_near("buffers", memory.buffers_bytes, mem[4], slack);
    check_near("available", memory.available_bytes, mem[6], slack);
    assert_eq!(memory.swap_total_bytes, Some(swap[0]));
    check_near("swap used", memory.swap_used_bytes(), swap[1], slack);
    let areas = host().swap_areas();
    assert_eq!(areas.iter().map(|area| area.total_bytes).sum::<u64>(), swap[0]);
}

#[test]
fn processors_as_nproc_counts_them() {
    let processors = host().processors();
    let online: usize = output_of("nproc", &["--all"]).trim().parse().unwrap();
    assert_eq!(processors.online_count(), online);
    let averages = processors.load_averages.expect("load averages");
    assert!(averages.iter().all(|average| *average >= 0.0));
}

#[test]
fn file_systems_as_df_tells_them() {
    // Every mount that df shows, so that there is something to compare whatever this machine has.
    let all = output_of(
        "df",
        &["-B1", "-a", "--output=target,fstype,size,used,avail,itotal"],
    );
    let rows: Vec<Vec<&str>> = all
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .filter(|row: &Vec<_>| row.len() == 6)
        .collect();
    let include = rows.iter().map(|row| row[0].to_owned()).collect();
    let rule = FileSystemRule {
        include,
        ..FileSystemRule::default()
    };
    let options = HostOptions {
        file_systems: rule,
        ..HostOptions::default()
    };
    let host = Host::new(Root::live(), options, Arc::new(SystemClock));
    let file_systems = host.file_systems();
    let mut compared = 0;
    for row in rows {
        let Some(ours) = file_systems.iter().find(|ours| ours.name == row[0]) else {
            continue;
        };
        let Some(space) = ours.space.known() else { continue };
        let slack = 256 << 20;
        assert_eq!(ours.fs_type, row[1], "{}", row[0]);
        if let Ok(size) = row[2].parse::<u64>() {
            assert_eq!(space.size_bytes, size, "{}", row[0]);
            check_near("used", Some(space.used_bytes()), row[3].parse().unwrap(), slack);
            check_near(
                "available",
                Some(space.available_bytes),
                row[4].parse().unwrap(),
                slack,
            );
            compared += 1;
        }
    }
    let root = file_systems
        .iter()
        .find(|ours| ours.name == "/")
        .expect("the root file system");
    assert!(root.space.known().is_some());
    assert!(compared >= 3, "only {compared} file systems compared");
}

#[test]
fn the_system_as_uname_hostname_and_uptime_tell_it() {
    let general = host().general();
    let uname = |what: &str| Some(output_of("uname", &[what]).trim().to_owned());
    assert_eq!(general.kernel_name, uname("-s"));
    assert_eq!(general.kernel_release, uname("-r"));
    assert_eq!(general.kernel_version, uname("-v"));
    assert_eq!(general.architecture, uname("-m"));
    assert_eq!(general.host_name, output_of("hostname", &[]).trim());
    let booted = general.boot_time.expect("boot time").unix_micros() / 1_000_000;
    let since: i64 = output_of("date", &["-d", output_of("uptime", &["-s"]).trim(), "+%s"])
        .trim()
        .parse()
        .unwrap();
    assert!((booted - since).abs() <= 2, "ours {booted}, theirs {since}");
    let processes: u32 = output_of("sh", &["-c", "ls -d /proc/[0-9]* | wc -l"])
        .trim()
        .parse()
        .unwrap();
    check_near(
        "processes",
        general.process_count.map(u64::from),
        processes.into(),
        40,
    );
    let os = output_of(
        "sh",
        &["-c", ". /etc/os-release; echo \"$ID $VERSION_ID $PRETTY_NAME\""],
    );
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let ours = format!(
        "{} {} {}",
        text(&general.os.id),
        text(&general.os.version_id),
        text(&general.os.pretty_name)
    );
    assert_eq!(ours, os.trim());
}

/// `hostname -f` in namespaces of its own, where the host name and `/etc/hosts` are ours.
#[test]
fn the_full_name_as_hostname_finds_it() {
    #[track_caller]
    fn check(host_name: &str, hosts: &str) {
        let dir = tempfile::TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("hosts"), hosts).unwrap();
        std::fs::write(path("nsswitch.conf"), "hosts: files\n").unwrap();
        let script = "hostname \"$1\" && mount --bind \"$2\" /etc/hosts && mount --bind \"$3\" /etc/nsswitch.conf && hostname -f";
        let (hosts_path, switch_path) = (path("hosts"), path("nsswitch.conf"));
        let arguments = [
            "-mu",
            "sh",
            "-c",
            script,
            "sh",
            host_name,
            &hosts_path,
            &switch_path,
        ];
        let theirs = output_of("unshare", &arguments);
        let ours = find_fqdn(host_name, hosts.as_bytes(), b"");
        assert_eq!(ours.as_deref().unwrap_or(host_name), theirs.trim(), "{hosts:?}");
    }
    check(
        "server1",
        "127.0.0.1 localhost\n10.1.2.1 server1.example.com server1\n",
    );
    check("server1", "10.1.2.1 www.example.com alias server1\n");
    check(
        "server1",
        "10.1.2.1 server1\n10.1.2.2 server1.example.com server1\n",
    );
    check(
        "server1",
        "10.1.2.1 other.example.com other # server1\n10.1.2.2\tSERVER1.example.org\tserver1\n",
    );
    check("server1.example.com", "10.1.2.1 server1.example.com server1\n");
}

#[test]
fn interfaces_as_ip_tells_them() {
    let json = |arguments: &[&str]| -> Vec<serde_json::Value> {
        serde_json::from_str(&output_of("ip", arguments)).unwrap()
    };
    let (links, addresses) = (json(&["-j", "-s", "link"]), json(&["-j", "addr"]));
    let interfaces = host().interfaces();
    assert_eq!(interfaces.len(), links.len());
    for (link, at) in links.iter().zip(&addresses) {
        let name = link["ifname"].as_str().unwrap();
        let ours = interfaces
            .iter()
            .find(|ours| ours.name == name)
            .unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(ours.index.map(u64::from), link["ifindex"].as_u64());
        assert_eq!(ours.mtu.map(u64::from), link["mtu"].as_u64(), "{name}");
        let state = link["operstate"].as_str().map(str::to_lowercase);
        assert_eq!(ours.operational_state, state, "{name}");
        let flags = link["flags"].as_array().unwrap();
        assert_eq!(ours.is_up, Some(flags.iter().any(|flag| flag == "UP")), "{name}");
        if link["link_type"] == "ether" {
            assert_eq!(ours.mac.as_deref(), link["address"].as_str(), "{name}");
            assert_eq!(ours.type_name(), "Ethernet");
        }
        let counters = ours.counters.expect("counters");
        for (traffic, theirs) in [
            (counters.received, &link["stats64"]["rx"]),
            (counters.sent, &link["stats64"]["tx"]),
        ] {
            check_near(
                "octets",
                Some(traffic.octets),
                theirs["bytes"].as_u64().unwrap(),
                32 << 20,
            );
            check_near(
                "packets",
                Some(traffic.packets),
                theirs["packets"].as_u64().unwrap(),
                100_000,
            );
            check_near(
                "errors",
                Some(traffic.errors),
                theirs["errors"].as_u64().unwrap(),
                100,
            );
        }
        let mut mine: Vec<String> = ours
            .addresses
            .iter()
            .map(|at| format!("{}/{}", at.address, at.prefix_length))
            .collect();
        let theirs = at["addr_info"].as_array().unwrap();
        let mut theirs: Vec<String> = theirs
            .iter()
            .map(|at| format!("{}/{}", at["local"].as_str().unwrap(), at["prefixlen"]))
            .collect();
        mine.sort();
        theirs.sort();
        assert_eq!(mine, theirs, "{name}");
    }
}

#[test]
fn disks_as_lsblk_tells_them() {
    let columns = "NAME,TYPE,SIZE,ROTA,RM,RO,SERIAL,MODEL,REV,TRAN,LOG-SEC,PHY-SEC,MAJ:MIN,HCTL";
    let listed: serde_json::Value =
        serde_json::from_str(&output_of("lsblk", &["-J", "-b", "-d", "-o", columns])).unwrap();
    let is_disk = |at: &&serde_json::Value| {
        let name = at["name"].as_str().unwrap();
        at["type"] == "disk"
            && !["ram", "zram", "nbd", "fd", "pmem"]
                .iter()
                .any(|kind| name.starts_with(kind))
    };
    let theirs: Vec<_> = listed["blockdevices"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_disk)
        .collect();
    let disks = host().disks();
    assert_eq!(disks.len(), theirs.len(), "{disks:#?}");
    assert!(!disks.is_empty(), "this machine has no disk to compare");
    for theirs in theirs {
        let name = theirs["name"].as_str().unwrap();
        let ours = disks
            .iter()
            .find(|ours| ours.name == name)
            .unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(ours.size_bytes, theirs["size"].as_u64(), "{name}");
        assert_eq!(ours.rotational, theirs["rota"].as_bool(), "{name}");
        assert_eq!(ours.removable, theirs["rm"].as_bool(), "{name}");
        assert_eq!(ours.read_only, theirs["ro"].as_bool(), "{name}");
        assert_eq!(ours.logical_block_bytes, theirs["log-sec"].as_u64(), "{name}");
        assert_eq!(ours.physical_block_bytes, theirs["phy-sec"].as_u64(), "{name}");
        let number = ours
            .device_number
            .map(|(major, minor)| format!("{major}:{minor}"));
        assert_eq!(number.as_deref(), theirs["maj:min"].as_str(), "{name}");
        // lsblk asks udev for these, and knows them only where it runs.
        for (ours, theirs) in [(&ours.model, &theirs["model"]), (&ours.serial, &theirs["serial"])] {
            if let Some(theirs) = theirs.as_str() {
                let plain = |text: &str| text.replace(['_', ' '], "");
                assert_eq!(ours.as_deref().map(plain), Some(plain(theirs)), "{name}");
            }
        }
        if let (Some(bus), Some(transport)) = (ours.bus, theirs["tran"].as_str()) {
            assert_eq!(bus.name(), transport, "{name}");
        }
    }
}

/// The disk that file systems lie on, through the layers between.
#[test]
fn file_systems_lie_on_the_disks_that_lsblk_says() {
    let file_systems = host().file_systems();
    let with_disk = file_systems
        .iter()
        .filter(|ours| ours.block_device.is_some() && !ours.disks.is_empty());
    let mut compared = 0;
    for ours in with_disk {
        let device = format!("/dev/{}", ours.block_device.as_deref().unwrap());
        let below = output_of("lsblk", &["-s", "-n", "-l", "-o", "NAME,TYPE", &device]);
        for disk in below.lines().filter_map(|line| line.strip_suffix("disk")) {
            assert!(
                ours.disks.iter().any(|ours| ours == disk.trim()),
                "{below}\n{ours:?}"
            );
            compared += 1;
        }
    }
    assert!(
        compared > 0,
        "no file system with a device on this machine: {file_systems:#?}"
    );
}

#[test]
fn firmware_tables_as_dmidecode_reads_them() {
    #[track_caller]
    fn check(major: u8, minor: u8) {
        let tables = smbios_sample::server(major, minor);
        let dir = tempfile::TempDir::new().unwrap();
        let dump = dir.path().join("dump");
        let mut bytes = tables.entry_point.clone();
        bytes.resize(smbios_sample::DUMP_TABLE_OFFSET, 0);
        bytes.extend_from_slice(&tables.table);
        std::fs::write(&dump, bytes).unwrap();
        let from_dump = format!("--from-dump={}", dump.display());
        let smbios = smbios::parse_table(&tables.table, smbios::parse_entry_point(&tables.entry_point));

        let keyword = |keyword: &str| {
            Some(
                output_of("dmidecode", &[&from_dump, "-s", keyword])
                    .trim()
                    .to_owned(),
            )
        };
        assert_eq!(smbios.system.manufacturer, keyword("system-manufacturer"));
        assert_eq!(smbios.system.product, keyword("system-product-name"));
        assert_eq!(smbios.system.serial, keyword("system-serial-number"));
        assert_eq!(
            smbios.system.uuid.map(|uuid| uuid.to_string().to_lowercase()),
            keyword("system-uuid").map(|uuid| uuid.to_lowercase())
        );
        assert_eq!(smbios.system.family, keyword("system-family"));
        assert_eq!(smbios.firmware.vendor, keyword("bios-vendor"));
        assert_eq!(smbios.firmware.version, keyword("bios-version"));
        assert_eq!(smbios.firmware.date, keyword("bios-release-date"));
        assert_eq!(smbios.board.serial, keyword("baseboard-serial-number"));
        assert_eq!(smbios.chassis.asset_tag, keyword("chassis-asset-tag"));

        let text = output_of("dmidecode", &[&from_dump]);
        assert!(text.contains(&format!("SMBIOS {major}.{minor}")), "{text}");
        let slots: Vec<&str> = text
            .split("\n\n")
            .filter(|part| part.contains("\nMemory Device\n"))
            .collect();
        assert_eq!(slots.len(), smbios.memory_devices.len());
        for (ours, slot) in smbios.memory_devices.iter().zip(slots) {
            let field = |name: &str| {
                let line = slot
                    .lines()
                    .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
                line.unwrap_or("Unknown").to_owned()
            };
            assert_eq!(ours.locator.clone().unwrap_or_default(), field("Locator"));
            let size = match ours.size_bytes {
                None => "Unknown".to_owned(),
                Some(0) => "No Module Installed".to_owned(),
                Some(size) => format!("{} GB", size >> 30),
            };
            assert_eq!(size, field("Size"), "{slot}");
            if ours.size_bytes == Some(0) {
                continue;
            }
            let speed =
                |speed: Option<u32>| speed.map_or("Unknown".to_owned(), |speed| format!("{speed} MT/s"));
            assert_eq!(speed(ours.max_speed_mts), field("Speed"), "{slot}");
            assert_eq!(speed(ours.speed_mts), field("Configured Memory Speed"), "{slot}");
            assert_eq!(ours.memory_type_name(), Some(field("Type").as_str()), "{slot}");
            assert_eq!(ours.part_number, Some(field("Part Number")), "{slot}");
        }
        let sockets: Vec<&str> = text
            .split("\n\n")
            .filter(|part| part.contains("\nProcessor Information\n"))
            .collect();
        for (ours, socket) in smbios.processors.iter().zip(&sockets) {
            assert_eq!(ours.populated, socket.contains("Status: Populated"), "{socket}");
            if let Some(cores) = ours.cores {
                assert!(socket.contains(&format!("Core Count: {cores}")), "{socket}");
            }
        }
        assert_eq!(sockets.len(), smbios.processors.len());
    }
    check(2, 4);
    check(2, 6);
    check(2, 8);
    check(3, 0);
    check(3, 3);
}
