//! The addresses of the network interfaces, by rtnetlink(7): no file tells which interface has an IPv4
//! address.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// An IP address of an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Number of bits that the network has of it.
    pub prefix_length: u8,
    /// How far it is valid.
    pub scope: AddressScope,
    /// Whether it is here to stay: neither temporary (RFC 8981), nor deprecated, nor tentative or found to be
    /// another's (RFC 4862).
    pub is_lasting: bool,
}

/// How far an address is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum AddressScope {
    /// Everywhere.
    Global,
    /// Within the site.
    Site,
    /// On this link.
    Link,
    /// In this machine.
    Host,
}

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
/// Of an IPv6 address; of an IPv4 address it says that it is not the first of its network.
const IFA_F_TEMPORARY: u32 = 0x01;
const IFA_F_DADFAILED: u32 = 0x08;
const IFA_F_DEPRECATED: u32 = 0x20;
const IFA_F_TENTATIVE: u32 = 0x40;
const NLM_F_REQUEST: u16 = 0x001;
const NLM_F_DUMP: u16 = 0x300;
const MESSAGE_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// More addresses than fit in here are not told.
const MOST_DUMP_BYTES: usize = 8 << 20;

/// Asks the kernel for all addresses.
///
/// # Errors
/// What the kernel answered; a sandbox may forbid netlink sockets.
pub(super) fn dump_addresses() -> io::Result<Vec<u8>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(1)))?;
    send(&socket, &request(), SendFlags::empty())?;
    let mut dump = Vec::new();
    let mut datagram = vec![0u8; 32 << 10];
    loop {
        let (_, count) = recv(&socket, datagram.as_mut_slice(), RecvFlags::empty())?;
        let part = datagram.get(..count).unwrap_or_default();
        dump.extend_from_slice(part);
        if count == 0 || dump.len() > MOST_DUMP_BYTES || is_end(part) {
            return Ok(dump);
        }
    }
}

fn request() -> Vec<u8> {
    let length = (MESSAGE_HEADER + ADDRESS_HEADER) as u32;
    let mut request = length.to_ne_bytes().to_vec();
    request.extend(RTM_GETADDR.to_ne_bytes());
    request.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request.resize(MESSAGE_HEADER + ADDRESS_HEADER, 0);
    request
}

fn is_end(datagram: &[u8]) -> bool {
    Messages(datagram).any(|(kind, _)| matches!(kind, NLMSG_DONE | NLMSG_ERROR))
}

/// Reads the kernel's answer: the addresses of each interface by its number, in the kernel's order.
pub fn parse_addresses(dump: &[u8]) -> HashMap<u32, Vec<InterfaceAddress>> {
    let mut addresses: HashMap<u32, Vec<InterfaceAddress>> = HashMap::new();
    for (kind, body) in Messages(dump) {
        if kind == RTM_NEWADDR
            && let Some((interface, address)) = interface_address(body)
        {
            addresses.entry(interface).or_default().push(address);
        }
    }
    addresses
}

/// ifaddrmsg: family, prefix length, flags, scope, interface; then attributes. On a point-to-point link
/// the local address is not the one that is called the address.
fn interface_address(body: &[u8]) -> Option<(u32, InterfaceAddress)> {
    let (header, attributes) = body.split_first_chunk::<ADDRESS_HEADER>()?;
    let [_, prefix_length, few_flags, scope, interface @ ..] = *header;
    let find = |wanted: u16| {
        Attributes(attributes)
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value)
    };
    let address = find(IFA_LOCAL)
        .or_else(|| find(IFA_ADDRESS))
        .and_then(ip_address)?;
    let flags = find(IFA_FLAGS)
        .and_then(|flags| flags.try_into().ok())
        .map_or_else(|| u32::from(few_flags), u32::from_ne_bytes);
    let scope = match scope {
        0 => AddressScope::Global,
        1..=200 => AddressScope::Site,
        201..=253 => AddressScope::Link,
        254..=255 => AddressScope::Host,
    };
    Some((
        u32::from_ne_bytes(interface),
        InterfaceAddress {
            address,
            prefix_length,
            scope,
            is_lasting: is_lasting(address, flags),
        },
    ))
}

fn is_lasting(address: IpAddr, flags: u32) -> bool {
    let mut passing = IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TENTATIVE;
    if address.is_ipv6() {
        passing |= IFA_F_TEMPORARY;
    }
    flags & passing == 0
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || {
        <[u8; 4]>::try_from(bytes)
            .ok()
            .map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)))
    };
    let v6 = || {
        <[u8; 16]>::try_from(bytes)
            .ok()
            .map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    v4().or_else(v6)
}

/// The messages of a dump: type and body. Lengths are rounded up to four bytes.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.0.first_chunk::<MESSAGE_HEADER>()?;
        let [l0, l1, l2, l3, t0, t1, ..] = *header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let body = self.0.get(MESSAGE_HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([t0, t1]), body))
    }
}

/// The attributes of a message: type and value.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [l0, l1, t0, t1] = *self.0.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([t0, t1]), value))
    }
}

/// A dump of these addresses, for recorded trees.
#[cfg(test)]
pub(super) fn encode_addresses(addresses: &[(u32, &str, u8, u8)]) -> Vec<u8> {
    let encode = |&(interface, address, prefix_length, scope): &(u32, &str, u8, u8)| {
        encode_address(interface, address, prefix_length, scope, 0)
    };
    addresses.iter().flat_map(encode).collect()
}

/// One of them, with its flags.
#[cfg(test)]
pub(super) fn encode_address(
    interface: u32,
    address: &str,
    prefix_length: u8,
    scope: u8,
    flags: u32,
) -> Vec<u8> {
    let bytes = match address.parse().unwrap() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let family = if bytes.len() == 4 { 2 } else { 10 };
    let length = MESSAGE_HEADER + ADDRESS_HEADER + 4 + bytes.len() + 8;
    let mut message = (length as u32).to_ne_bytes().to_vec();
    message.extend(RTM_NEWADDR.to_ne_bytes());
    message.extend([0; 10]);
    message.extend([family, prefix_length, flags as u8, scope]);
    message.extend(interface.to_ne_bytes());
    message.extend(((bytes.len() + 4) as u16).to_ne_bytes());
    message.extend(IFA_ADDRESS.to_ne_bytes());
    message.extend(bytes);
    message.extend(8u16.to_ne_bytes());
    message.extend(IFA_FLAGS.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_by_interface() {
        let dump = encode_addresses(&[
            (1, "127.0.0.1", 8, 254),
            (2, "192.0.2.7", 24, 0),
            (2, "fe80::1", 64, 253),
            (2, "2001:db8::1", 64, 0),
        ]);
        let addresses = parse_addresses(&dump);
        assert_eq!(addresses[&1][0].scope, AddressScope::Host);
        let second: Vec<String> = addresses[&2]
            .iter()
            .map(|at| format!("{}/{} {:?}", at.address, at.prefix_length, at.scope))
            .collect();
        assert_eq!(
            second,
            ["192.0.2.7/24 Global", "fe80::1/64 Link", "2001:db8::1/64 Global"]
        );
    }

    #[test]
    fn addresses_that_come_and_go_are_told_from_those_that_stay() {
        for (address, flags, expect) in [
            ("2001:db8::1", 0x080, true),
            ("2001:db8::1", 0x980, true),
            ("2001:db8::1", 0x001, false),
            ("2001:db8::1", 0x040, false),
            ("2001:db8::1", 0x048, false),
            ("2001:db8::1", 0x1a0, false),
            ("192.0.2.7", 0x080, true),
            ("192.0.2.7", 0x081, true),
            ("192.0.2.7", 0x020, false),
        ] {
            let found = parse_addresses(&encode_address(2, address, 24, 0, flags));
            assert_eq!(found[&2][0].is_lasting, expect, "{address} {flags:x}");
        }
    }

    #[test]
    fn cut_and_broken_answers_do_not_panic() {
        let dump = encode_addresses(&[(1, "127.0.0.1", 8, 254), (2, "fe80::1", 64, 253)]);
        for at in 0..dump.len() {
            parse_addresses(&dump[..at]);
            for byte in [0, 1, 0x7f, 0xff] {
                let mut broken = dump.clone();
                broken[at] = byte;
                parse_addresses(&broken);
            }
        }
    }

    #[test]
    fn the_kernel_tells_the_loopback_address() {
        let addresses = parse_addresses(&dump_addresses().unwrap());
        let loopback = addresses.values().flatten().any(|at| at.address.is_loopback());
        assert!(loopback, "{addresses:?}");
    }
}
