//! Network interfaces from `/sys/class/net` and `/proc/net/dev`.

use std::collections::HashMap;

use super::mounts::name_text;
use super::netlink::{self, InterfaceAddress};
use super::root::Root;
use super::text;

/// A network interface.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Interface {
    /// The kernel's name, as in `eth0`.
    pub name: String,
    /// The kernel's number.
    pub index: Option<u32>,
    /// What an administrator called it.
    pub alias: Option<String>,
    /// Kind of hardware by the kernel's numbers (ARPHRD_*); 1 is Ethernet.
    pub hardware_type: Option<u16>,
    /// What it is besides: `bridge`, `bond`, `vlan`, `wlan` and so on.
    pub device_type: Option<String>,
    /// Hardware address, as in `02:fc:00:00:00:01`.
    pub mac: Option<String>,
    /// Largest packet in bytes.
    pub mtu: Option<u32>,
    /// Speed in Mbit/s, while the link tells it.
    pub speed_mbits: Option<u32>,
    /// Whether it sends and receives at the same time.
    pub full_duplex: Option<bool>,
    /// Whether it is switched on.
    pub is_up: Option<bool>,
    /// Whether there is a signal on the link.
    pub carrier: Option<bool>,
    /// State as RFC 2863 names it: `up`, `down`, `dormant`, `lowerlayerdown`, `unknown` and so on.
    pub operational_state: Option<String>,
    /// Its driver; interfaces that programs or the kernel made have none.
    pub driver: Option<String>,
    /// Where its device is on the bus, as in `0000:00:03.0`.
    pub bus_address: Option<String>,
    /// The bond or bridge that it is part of.
    pub master: Option<String>,
    /// The number of the interface that it lies on, or of the other end of a pair, which may be in another namespace;
    /// its own number if there is none.
    pub linked_to: Option<u32>,
    /// Its IP addresses.
    pub addresses: Vec<InterfaceAddress>,
    /// What went through it; `None` if it went away in between.
    pub counters: Option<Counters>,
}

impl Interface {
    /// What ifconfig(8) calls its kind of hardware, as in `Ethernet`.
    pub fn type_name(&self) -> &'static str {
        match self.hardware_type {
            Some(1) => "Ethernet",
            Some(24) => "IEEE 1394",
            Some(32) => "InfiniBand",
            Some(280) => "Controller Area Network",
            Some(512) => "Point-to-Point Protocol",
            Some(768) => "IPIP Tunnel",
            Some(769) => "IPv6-in-IPv6 Tunnel",
            Some(772) => "Local Loopback",
            Some(776) => "IPv6-in-IPv4",
            Some(778) => "GRE over IP",
            Some(801..=803) => "IEEE 802.11",
            Some(65534) => "None",
            _ => "Unknown",
        }
    }

    /// Whether there is hardware, or what the hypervisor shows as such, behind it.
    pub fn has_device(&self) -> bool {
        self.bus_address.is_some()
    }

    /// Whether it is one end of a pair (veth(4)), of which a container mostly has the other.
    fn is_pair_end(&self) -> bool {
        let is_plain = self.hardware_type == Some(1) && self.device_type.is_none() && !self.has_device();
        is_plain && self.linked_to.is_some_and(|other| Some(other) != self.index)
    }
}

/// The interfaces by which other machines may reach this one. Bridges to which nothing is connected that leads out
/// are those of containers and virtual machines; the ends of pairs lead to containers, unless this machine has no
/// hardware of its own and so is a container itself.
pub fn outward(interfaces: &[Interface]) -> impl Iterator<Item = &Interface> {
    let in_container = !interfaces.iter().any(Interface::has_device);
    let leads_out = move |port: &Interface| {
        let over_others = matches!(port.device_type.as_deref(), Some("bond" | "vlan" | "wlan"));
        port.has_device() || over_others || in_container && port.is_pair_end()
    };
    interfaces
        .iter()
        .filter(move |interface| match interface.device_type.as_deref() {
            Some("bridge") => interfaces
                .iter()
                .any(|port| port.master.as_ref() == Some(&interface.name) && leads_out(port)),
            _ => in_container || !interface.is_pair_end(),
        })
}

/// What went through an interface since it came up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// What was received.
    pub received: Traffic,
    /// What was sent.
    pub sent: Traffic,
    /// Packets received that were meant for many.
    pub multicast: u64,
    /// Collisions on the wire.
    pub collisions: u64,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Octets.
    pub octets: u64,
    /// Packets.
    pub packets: u64,
    /// Packets with errors.
    pub errors: u64,
    /// Packets for which there was no room.
    pub drops: u64,
}

/// Reads the text of `/proc/net/dev`: two lines of heading, then one for each interface.
pub fn parse_net_dev(net_dev: &[u8]) -> HashMap<Vec<u8>, Counters> {
    text::lines(net_dev).skip(2).filter_map(counters).collect()
}

fn counters(line: &[u8]) -> Option<(Vec<u8>, Counters)> {
    // The name may have colons in it, the figures do not.
    let colon = line.iter().rposition(|byte| *byte == b':')?;
    let (name, figures) = line.split_at(colon);
    let mut figures = text::words(figures.get(1..)?).map(text::number);
    let mut figure = || figures.next().flatten();
    let received = Traffic {
        octets: figure()?,
        packets: figure()?,
        errors: figure()?,
        drops: figure()?,
    };
    let (_fifo, _frame, _compressed, multicast) = (figure()?, figure()?, figure()?, figure()?);
    let sent = Traffic {
        octets: figure()?,
        packets: figure()?,
        errors: figure()?,
        drops: figure()?,
    };
    let (_fifo, collisions) = (figure()?, figure()?);
    Some((
        name.trim_ascii().to_vec(),
        Counters {
            received,
            sent,
            multicast,
            collisions,
        },
    ))
}

/// The interfaces in the order of their numbers. One that goes away while it is read keeps what was read of
/// it.
pub(super) fn read(root: &Root) -> Vec<Interface> {
    let counters = parse_net_dev(&root.read("proc/net/dev").unwrap_or_default());
    let addresses = netlink::parse_addresses(&address_dump(root));
    let mut interfaces: Vec<Interface> = root
        .names("sys/class/net")
        .into_iter()
        // There are files here too, as `bonding_masters`.
        .filter(|name| root.exists(std::path::Path::new("sys/class/net").join(name).join("ifindex")))
        .filter_map(|name| name.into_string().ok())
        .map(|name| interface(root, name, &counters, &addresses))
        .collect();
    interfaces.sort_by(|left, right| {
        left.index
            .cmp(&right.index)
            .then_with(|| left.name.cmp(&right.name))
    });
    interfaces
}

/// The kernel's answer, or the one that was recorded with the tree.
fn address_dump(root: &Root) -> Vec<u8> {
    if root.is_live() {
        netlink::dump_addresses()
    } else {
        root.read("netlink/addresses")
    }
    .unwrap_or_default()
}

fn interface(
    root: &Root,
    name: String,
    counters: &HashMap<Vec<u8>, Counters>,
    addresses: &HashMap<u32, Vec<InterfaceAddress>>,
) -> Interface {
    let home = format!("sys/class/net/{name}");
    let number = |file: &str| root.signed(format!("{home}/{file}"));
    let small = |file: &str| number(file).and_then(|number| u32::try_from(number).ok());
    let link = |file: &str| {
        root.link_name(format!("{home}/{file}"))
            .map(|name| name_text(name.as_encoded_bytes()))
    };
    let index = small("ifindex");
    let flags = root
        .read(format!("{home}/flags"))
        .ok()
        .and_then(|flags| text::hexadecimal(&flags));
    let carrier = number("carrier").map(|carrier| carrier == 1);
    // Drivers answer speed and duplex with old or odd values while there is no signal.
    let has_signal = carrier == Some(true);
    Interface {
        index,
        alias: root.text(format!("{home}/ifalias")),
        hardware_type: number("type").and_then(|kind| u16::try_from(kind).ok()),
        device_type: device_type(root, &home),
        mac: root
            .text(format!("{home}/address"))
            .filter(|mac| mac.contains(':')),
        mtu: small("mtu"),
        // Unknown is -1, which some kernels print unsigned.
        speed_mbits: small("speed").filter(|speed| has_signal && *speed != 0 && *speed != u32::MAX),
        full_duplex: root
            .text(format!("{home}/duplex"))
            .filter(|_| has_signal)
            .and_then(|duplex| match &*duplex {
                "full" => Some(true),
                "half" => Some(false),
                _ => None,
            }),
        is_up: flags.map(|flags| flags & 1 != 0),
        carrier,
        operational_state: root.text(format!("{home}/operstate")),
        driver: link("device/driver"),
        bus_address: link("device"),
        master: link("master"),
        linked_to: small("iflink"),
        addresses: index
            .and_then(|index| addresses.get(&index))
            .cloned()
            .unwrap_or_default(),
        counters: counters.get(name.as_bytes()).copied(),
        name,
    }
}

fn device_type(root: &Root, home: &str) -> Option<String> {
    let uevent = root.read(format!("{home}/uevent")).unwrap_or_default();
    text::lines(&uevent).find_map(|line| text::text(line.strip_prefix(b"DEVTYPE=")?))
}

#[cfg(test)]
mod tests {
    use super::super::HostOptions;
    use super::super::testtree::TestTree;
    use super::*;
    use std::time::Duration;

    #[test]
    fn counters_of_odd_lines() {
        let text = b"Inter-| Receive | Transmit\n face |bytes\n\
            eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  a:b: 1 2 3 4 5 6 7 8 9 10 11 12 13 14\n\
            short: 1 2 3\n x: 1 2 3 4 5 6 7 8 nine 10 11 12 13 14\nno colon\n";
        let counters = parse_net_dev(text);
        assert_eq!(counters.len(), 2);
        let traffic = |octets, packets, errors, drops| Traffic {
            octets,
            packets,
            errors,
            drops,
        };
        let expect = Counters {
            received: traffic(1, 2, 3, 4),
            sent: traffic(9, 10, 11, 12),
            multicast: 8,
            collisions: 14,
        };
        assert_eq!(counters[b"eth0".as_slice()], expect);
        assert_eq!(counters[b"a:b".as_slice()], expect);
        assert!(parse_net_dev(b"").is_empty());
    }

    #[test]
    fn more_interfaces_than_any_table_was_made_for() {
        let tree = TestTree::new();
        tree.interfaces(120);
        let (host, _) = tree.host(HostOptions::default());
        let interfaces = host.interfaces();
        assert_eq!(interfaces.len(), 120);
        for (at, interface) in interfaces.iter().enumerate() {
            assert_eq!(interface.name, format!("eth{at}"));
            assert_eq!(interface.type_name(), "Ethernet");
            assert_eq!(
                interface.mac.as_deref(),
                Some(format!("02:00:00:00:00:{at:02x}").as_str())
            );
            assert_eq!(interface.counters.unwrap().received.octets, at as u64 * 1000);
            assert_eq!(interface.addresses[0].address.to_string(), format!("10.0.{at}.1"));
        }
    }

    /// An interface of these files, as `name: file=content …`; a file `device` or `master` is a link.
    fn one(tree: &TestTree, index: u32, text: &str) {
        let (name, files) = text.split_once(": ").unwrap();
        let home = format!("sys/class/net/{name}");
        tree.file(&format!("{home}/ifindex"), index.to_string())
            .file(&format!("{home}/type"), "1");
        for (file, content) in files.split(' ').filter_map(|file| file.split_once('=')) {
            let path = format!("{home}/{file}");
            match file {
                "device" | "master" => tree.link(&path, format!("../{content}")),
                "kind" => tree.file(&format!("{home}/uevent"), format!("DEVTYPE={content}\n")),
                _ => tree.file(&path, content),
            };
        }
    }

    #[track_caller]
    fn check_outward(interfaces: &[&str], expect: &[&str]) {
        let tree = TestTree::new();
        for (at, text) in interfaces.iter().enumerate() {
            one(&tree, at as u32 + 2, text);
        }
        let (host, _) = tree.host(HostOptions::default());
        let interfaces = host.interfaces();
        let names: Vec<&str> = outward(&interfaces).map(|one| one.name.as_str()).collect();
        assert_eq!(names, expect);
    }

    #[test]
    fn what_containers_and_virtual_machines_are_connected_to_leads_nowhere() {
        let hardware = "eth0: iflink=2 device=0000:00:03.0";
        check_outward(
            &[
                hardware,
                "docker0: iflink=3 kind=bridge",
                "veth1a2b3c: iflink=2 master=docker0",
                "virbr0: iflink=5 kind=bridge",
                "vnet0: iflink=6 master=virbr0",
                "wg0: iflink=7 kind=wireguard",
                "eth0.7: iflink=2 kind=vlan",
            ],
            &["eth0", "vnet0", "wg0", "eth0.7"],
        );
        // The bridge that has the machine's own link, as a host of virtual machines has it.
        check_outward(
            &[
                "eth0: iflink=2 device=0000:00:03.0 master=br0",
                "br0: iflink=3 kind=bridge",
                "vnet0: iflink=4 master=br0",
                "bond0: iflink=5 kind=bond master=br1",
                "br1: iflink=6 kind=bridge",
            ],
            &["eth0", "br0", "vnet0", "bond0", "br1"],
        );
        // In a container, which is reached by its end of a pair.
        check_outward(&["eth0: iflink=57", "docker0: iflink=3 kind=bridge"], &["eth0"]);
    }

    #[test]
    fn a_link_without_a_signal_tells_no_speed() {
        let tree = TestTree::new();
        tree.interfaces(3)
            .file("sys/class/net/eth1/carrier", "0\n")
            .file("sys/class/net/eth2/speed", "4294967295\n")
            .file("sys/class/net/eth2/duplex", "unknown\n")
            .file("sys/class/net/bonding_masters", "bond0\n");
        let (host, _) = tree.host(HostOptions::default());
        let brief: Vec<_> = host
            .interfaces()
            .iter()
            .map(|interface| (interface.carrier, interface.speed_mbits, interface.full_duplex))
            .collect();
        assert_eq!(
            brief,
            [
                (Some(true), Some(10_000), Some(true)),
                (Some(false), None, None),
                (Some(true), None, None)
            ]
        );
    }

    #[test]
    fn interfaces_that_come_and_go() {
        let tree = TestTree::new();
        tree.interfaces(3);
        let (host, clock) = tree.host(HostOptions::default());
        assert_eq!(host.interfaces().len(), 3);
        // Gone from one place and not yet from the other.
        tree.remove("sys/class/net/eth1")
            .remove("sys/class/net/eth2/carrier")
            .file("proc/net/dev", "");
        clock.advance(Duration::from_secs(2));
        let interfaces = host.interfaces();
        assert_eq!(interfaces.len(), 2);
        assert_eq!((interfaces[1].carrier, interfaces[1].counters), (None, None));
        tree.remove("sys/class/net");
        clock.advance(Duration::from_secs(2));
        assert!(host.interfaces().is_empty());
    }
}
