//! ESM_Network: the network interfaces.

use std::sync::Arc;

use super::condition::{Condition, SetCondition, enabled_state};
use super::host_class::{HostClass, Maker};
use crate::cim::Instance;
use crate::host::{Host, Interface};

/// `LinkTechnology`.
const OTHER: u16 = 1;
const ETHERNET: u16 = 2;
const INFINIBAND: u16 = 3;
const WIRELESS_LAN: u16 = 11;

pub(super) struct NetworkClass;

impl HostClass for NetworkClass {
    type Facts = Arc<Vec<Interface>>;
    const NAME: &'static str = "ESM_Network";
    const KEY: &'static str = "DeviceID";

    fn read(&self, host: &Host) -> Self::Facts {
        host.interfaces()
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        host.peek_interfaces()
    }

    fn instances(&self, interfaces: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        interfaces.iter().map(|interface| one(interface, maker)).collect()
    }
}

fn one(interface: &Interface, maker: &Maker) -> Arc<Instance> {
    let technology = link_technology(interface);
    let bare_mac = interface
        .mac
        .as_deref()
        .map(|mac| mac.replace(':', "").to_uppercase());
    let (received, sent) = match &interface.counters {
        Some(counters) => (Some(&counters.received), Some(&counters.sent)),
        None => (None, None),
    };
    let mtu = interface.mtu.map(u64::from);
    maker
        .device(&interface.name)
        .set("Caption", "Network interface")
        .maybe("Description", interface.alias.clone())
        .condition(condition(interface), None)
        .maybe("EnabledState", interface.is_up.map(enabled_state))
        .maybe(
            "Speed",
            interface.speed_mbits.map(|mbits| u64::from(mbits) * 1_000_000),
        )
        .maybe("LinkTechnology", technology)
        .maybe(
            "OtherLinkTechnology",
            (technology == Some(OTHER)).then(|| interface.type_name()),
        )
        // A part of a bond shows the bond's address and not its own.
        .maybe(
            "PermanentAddress",
            bare_mac
                .clone()
                .filter(|_| interface.has_device() && interface.master.is_none()),
        )
        .maybe("NetworkAddresses", bare_mac.map(|mac| vec![mac]))
        .maybe("FullDuplex", interface.full_duplex)
        .maybe("ActiveMaximumTransmissionUnit", mtu)
        .maybe("InterfaceIndex", interface.index)
        .set("InterfaceType", interface.type_name())
        .maybe("MACAddress", interface.mac.clone())
        .set("IPAddresses", addresses(interface))
        .maybe("LinkUp", interface.carrier)
        .maybe("OperationalState", interface.operational_state.clone())
        .maybe("Driver", interface.driver.clone())
        .maybe("ReceivedOctets", received.map(|traffic| traffic.octets))
        .maybe("SentOctets", sent.map(|traffic| traffic.octets))
        .maybe("ReceivedPackets", received.map(|traffic| traffic.packets))
        .maybe("SentPackets", sent.map(|traffic| traffic.packets))
        .maybe("ReceiveErrors", received.map(|traffic| traffic.errors))
        .maybe("SendErrors", sent.map(|traffic| traffic.errors))
        .maybe("ReceiveDrops", received.map(|traffic| traffic.drops))
        .maybe("SendDrops", sent.map(|traffic| traffic.drops))
        .build()
}

fn addresses(interface: &Interface) -> Vec<String> {
    interface
        .addresses
        .iter()
        .map(|address| format!("{}/{}", address.address, address.prefix_length))
        .collect()
}

fn condition(interface: &Interface) -> Condition {
    match (interface.is_up, interface.carrier) {
        (Some(false), _) => Condition::Stopped,
        (Some(true), Some(false)) => Condition::LostCommunication,
        (Some(true), _) => Condition::Ok,
        (None, _) => Condition::Unknown,
    }
}

/// From the kernel's number of the hardware (ARPHRD_*), where that says enough.
fn link_technology(interface: &Interface) -> Option<u16> {
    if interface.device_type.as_deref() == Some("wlan") {
        return Some(WIRELESS_LAN);
    }
    Some(match interface.hardware_type? {
        1 => ETHERNET,
        32 => INFINIBAND,
        801..=803 => WIRELESS_LAN,
        _ => OTHER,
    })
}
