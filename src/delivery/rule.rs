//! Where deliveries may go: an agent must not become a way to reach what its subscribers cannot.

use std::net::IpAddr;

use crate::config::Network;
use crate::subscription::Scheme;

/// The networks that deliveries may go to.
#[derive(Clone, Debug, Default)]
pub struct DestinationRule {
    allowed: Vec<Network>,
}

/// An address that deliveries may not go to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Forbidden {
    /// An address that is no single host of the network.
    #[error("{0} is no address of a host")]
    NoHost(IpAddr),
    /// Not on the list.
    #[error(
        "{0} is neither the address that subscribed nor in a network of `subscriptions.allow_destinations`"
    )]
    NotAllowed(IpAddr),
    /// Loopback and link-local addresses must be listed, whoever subscribed.
    #[error(
        "{0} is a loopback or link-local address and is not in a network of `subscriptions.allow_destinations`"
    )]
    Local(IpAddr),
    /// Clear text is for listed networks alone.
    #[error(
        "plain http to {0}: it is allowed to networks of `subscriptions.allow_destinations` alone; use https"
    )]
    ClearText(IpAddr),
}

impl DestinationRule {
    /// Deliveries may go to `allowed`, and over TLS to the addresses that subscribed.
    pub fn new(allowed: Vec<Network>) -> Self {
        Self { allowed }
    }

    /// Whether deliveries may go to `address`, asked for by somebody at one of `subscribers`.
    ///
    /// # Errors
    /// Why they may not.
    pub fn check(&self, address: IpAddr, subscribers: &[IpAddr], scheme: Scheme) -> Result<(), Forbidden> {
        let address = address.to_canonical();
        if address.is_unspecified() || address.is_multicast() || is_broadcast(address) {
            return Err(Forbidden::NoHost(address));
        }
        if self.allowed.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        if address.is_loopback() || is_link_local(address) {
            return Err(Forbidden::Local(address));
        }
        if !subscribers.iter().any(|from| from.to_canonical() == address) {
            return Err(Forbidden::NotAllowed(address));
        }
        match scheme {
            Scheme::Https => Ok(()),
            Scheme::Http => Err(Forbidden::ClearText(address)),
        }
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(allowed: &[&str], address: &str, scheme: Scheme, expect: Result<(), &str>) {
        let rule = DestinationRule::new(allowed.iter().map(|network| network.parse().unwrap()).collect());
        let subscribers = ["198.51.100.1", "192.0.2.1"].map(|from| from.parse().unwrap());
        let found = rule.check(address.parse().unwrap(), &subscribers, scheme);
        assert_eq!(
            found.map_err(|error| error.to_string()),
            expect.map_err(str::to_owned)
        );
    }

    #[test]
    fn only_listed_networks_and_the_subscriber_are_reached() {
        use Scheme::{Http, Https};
        check(&[], "192.0.2.1", Https, Ok(()));
        check(&[], "::ffff:192.0.2.1", Https, Ok(()));
        check(
            &[],
            "192.0.2.1",
            Http,
            Err(
                "plain http to 192.0.2.1: it is allowed to networks of `subscriptions.allow_destinations` alone; use https",
            ),
        );
        check(&["192.0.2.0/24"], "192.0.2.1", Http, Ok(()));
        check(&["192.0.2.0/24"], "192.0.2.77", Https, Ok(()));
        check(
            &[],
            "192.0.2.77",
            Https,
            Err(
                "192.0.2.77 is neither the address that subscribed nor in a network of `subscriptions.allow_destinations`",
            ),
        );
        check(&["127.0.0.0/8"], "127.0.0.1", Http, Ok(()));
    }

    #[test]
    fn local_and_special_addresses_are_refused() {
        let local = |address: &str| {
            format!(
                "{address} is a loopback or link-local address and is not in a network of `subscriptions.allow_destinations`"
            )
        };
        for address in ["127.0.0.1", "::1", "169.254.1.1", "fe80::1"] {
            check(
                &["10.0.0.0/8"],
                address,
                Scheme::Https,
                Err(local(address).as_str()),
            );
        }
        check(
            &["0.0.0.0/0"],
            "0.0.0.0",
            Scheme::Https,
            Err("0.0.0.0 is no address of a host"),
        );
        check(
            &["0.0.0.0/0"],
            "224.0.0.1",
            Scheme::Https,
            Err("224.0.0.1 is no address of a host"),
        );
        check(
            &["0.0.0.0/0"],
            "255.255.255.255",
            Scheme::Https,
            Err("255.255.255.255 is no address of a host"),
        );
        check(&["::/0"], "::", Scheme::Https, Err(":: is no address of a host"));
    }
}
