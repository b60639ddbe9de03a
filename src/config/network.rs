//! Networks in CIDR form (RFC 4632, RFC 4291 §2.3).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// Whether the address lies in the network. An IPv4 address that comes mapped into IPv6
    /// (`::ffff:192.0.2.1`) counts as the IPv4 address that it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                masked(u32::from(network).into(), 32, self.prefix_bits)
                    == masked(u32::from(address).into(), 32, self.prefix_bits)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                masked(network.into(), 128, self.prefix_bits) == masked(address.into(), 128, self.prefix_bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The leading `prefix` bits of an address of `width` bits, the rest zero.
fn masked(address: u128, width: u8, prefix: u8) -> u128 {
    match width - prefix {
        128 => 0,
        rest => address >> rest << rest,
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// What stands before the slash is no address.
    #[error("`{0}` is no IP address")]
    Address(String),
    /// What stands after the slash is no number of bits that the address has.
    #[error("`{0}` is no prefix length; IPv4 has 0 to 32, IPv6 0 to 128")]
    Prefix(String),
    /// The address has bits set outside its prefix: a typing error more often than not.
    #[error("`{0}` has bits set beyond its prefix; the network is `{1}`")]
    HostBits(String, Network),
}

/// `192.0.2.0/24`, `2001:db8::/32`, or a plain address for that address alone.
impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| NetworkError::Address(address.to_owned()))?;
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => width,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|bits| *bits <= width)
                .ok_or_else(|| NetworkError::Prefix(prefix.to_owned()))?,
        };
        let base = network_address(address, prefix_bits);
        let network = Self {
            address: base,
            prefix_bits,
        };
        if base == address {
            Ok(network)
        } else {
            Err(NetworkError::HostBits(text.to_owned(), network))
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "an IPv4 address shifted within 32 bits"
)]
fn network_address(address: IpAddr, prefix_bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((masked(u32::from(address).into(), 32, prefix_bits) as u32).into()),
        IpAddr::V6(address) => IpAddr::V6(masked(address.into(), 128, prefix_bits).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, address: &str, inside: bool) {
        let network: Network = network.parse().unwrap();
        assert_eq!(
            network.contains(address.parse().unwrap()),
            inside,
            "{address} in {network}"
        );
    }

    #[test]
    fn an_address_lies_in_its_network() {
        check("127.0.0.0/8", "127.255.0.1", true);
        check("127.0.0.0/8", "128.0.0.1", false);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("::/0", "2001:db8::1", true);
        check("::/0", "192.0.2.1", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("192.0.2.0/24", "::ffff:192.0.2.1", true);
        check("0.0.0.0/0", "2001:db8::1", false);
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_reason() {
        let refused = |text: &str| text.parse::<Network>().unwrap_err().to_string();
        assert_eq!(refused("localhost/8"), "`localhost` is no IP address");
        assert_eq!(
            refused("10.0.0.0/33"),
            "`33` is no prefix length; IPv4 has 0 to 32, IPv6 0 to 128"
        );
        assert_eq!(
            refused("10.0.0.0/-1"),
            "`-1` is no prefix length; IPv4 has 0 to 32, IPv6 0 to 128"
        );
        assert_eq!(
            refused("10.1.2.3/8"),
            "`10.1.2.3/8` has bits set beyond its prefix; the network is `10.0.0.0/8`"
        );
    }
}
