//! Where deliveries go.

use std::fmt;
use std::str::FromStr;

use core::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use super::Carrier;

/// The longest address that is taken, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// How many addresses that subscribed are remembered for one destination.
const MAX_SUBSCRIBERS: usize = 16;

/// A place that deliveries go to: subscriptions of one account that name the same place share one, and with
/// it one connection, one order and one series of sequence numbers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// The account whose subscriptions are delivered here.
    pub owner: String,
    /// The address.
    pub url: DestinationUrl,
    /// The user name that deliveries log in with; none: without a login. The password is kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The SHA-256 fingerprint of the certificate that the subscriber named, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// The addresses that subscribed, the latest last: they may be delivered to without being on the allow list.
    #[serde(
        default,
        alias = "subscriber",
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub subscribers: Vec<IpAddr>,
    /// The protocol that it is delivered to in.
    #[serde(default)]
    pub carrier: Carrier,
}

impl Destination {
    /// What makes two destinations the same one.
    pub fn key(&self) -> String {
        let user = self.user.as_deref().unwrap_or("");
        let thumbprint = self.thumbprint.as_deref().unwrap_or("");
        let carrier = match self.carrier {
            Carrier::WsMan => "",
            Carrier::CimXml => "\ncim-xml",
        };
        format!("{}\n{}\n{user}\n{thumbprint}{carrier}", self.owner, self.url)
    }

    /// Remembers the addresses that subscribed to `earlier`, the same destination, too: its subscriptions are still
    /// delivered to. Beyond 16 the one that subscribed least recently is forgotten.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        let known = earlier.subscribers.iter();
        let known = known.filter(|address| !self.subscribers.contains(address));
        let mut all: Vec<_> = known.copied().collect();
        all.append(&mut self.subscribers);
        self.subscribers = all.split_off(all.len().saturating_sub(MAX_SUBSCRIBERS));
        self
    }
}

/// Older versions kept the address that subscribed last, alone.
fn one_or_many<'de, D: Deserializer<'de>>(stored: D) -> Result<Vec<IpAddr>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        One(IpAddr),
        Many(Vec<IpAddr>),
    }
    Ok(match Stored::deserialize(stored)? {
        Stored::One(address) => vec![address],
        Stored::Many(addresses) => addresses,
    })
}

/// What a delivery logs in with. Never shown and never logged.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// How a destination is spoken to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Scheme {
    /// In clear text.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The scheme's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An `http` or `https` address in its parts (RFC 3986). Its text form is canonical: scheme and host in lower
/// case, the port always named.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DestinationUrl {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// A host name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What comes after the port, at least `/`.
    pub path_and_query: String,
}

/// Why a text is no destination address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UrlError {
    /// Beyond what is taken.
    #[error("the address is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// Not http or https.
    #[error("`{0}` is no destination address: expected http:// or https://")]
    Scheme(String),
    /// No host, or one with characters that no host has.
    #[error("`{0}` has no usable host name or address")]
    Host(String),
    /// A port that is none.
    #[error("`{0}` has no usable port: expected a number from 1 to 65535")]
    Port(String),
    /// Credentials in the address.
    #[error("an address must not hold a user name or password")]
    UserInfo,
    /// Spaces, control characters or characters beyond ASCII in the path.
    #[error("`{0}` holds characters that must be percent-encoded")]
    Path(String),
}

impl DestinationUrl {
    /// Reads an address; where it names no port, `default_port` is meant.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        let (scheme, rest) = split_scheme(text).ok_or_else(|| UrlError::Scheme(text.to_owned()))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = split_port(authority).ok_or_else(|| UrlError::Host(text.to_owned()))?;
        let host = usable_host(host).ok_or_else(|| UrlError::Host(text.to_owned()))?;
        let port = match port {
            None | Some("") => default_port,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| UrlError::Port(text.to_owned()))?,
            Some(_) => return Err(UrlError::Port(text.to_owned())),
        };
        let path_and_query = usable_path(path).ok_or_else(|| UrlError::Path(text.to_owned()))?;
        Ok(Self {
            scheme,
            host,
            port,
            path_and_query,
        })
    }

    /// The host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether both are the same server, whatever the path.
    pub fn same_origin(&self, other: &Self) -> bool {
        (self.scheme, self.port) == (other.scheme, other.port) && self.host == other.host
    }

    /// `host:port`, an IPv6 address in brackets: the `Host` header and the key of connections.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for DestinationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.as_str(),
            self.authority(),
            self.path_and_query
        )
    }
}

/// The canonical form, which always names its port.
impl FromStr for DestinationUrl {
    type Err = UrlError;
    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text, 0).and_then(|url| match url.port {
            0 => Err(UrlError::Port(text.to_owned())),
            _ => Ok(url),
        })
    }
}

impl From<DestinationUrl> for String {
    fn from(url: DestinationUrl) -> Self {
        url.to_string()
    }
}

impl TryFrom<String> for DestinationUrl {
    type Error = UrlError;
    fn try_from(text: String) -> Result<Self, UrlError> {
        text.parse()
    }
}

fn split_scheme(text: &str) -> Option<(Scheme, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Some((Scheme::Http, rest)),
        "https" => Some((Scheme::Https, rest)),
        _ => None,
    }
}

/// The host, its brackets taken off, and what stands after its colon.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']')?;
        host.parse::<core::net::Ipv6Addr>().ok()?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    Some(
        authority
            .split_once(':')
            .map_or((authority, None), |(host, port)| (host, Some(port))),
    )
}

fn usable_host(host: &str) -> Option<String> {
    if let Ok(address) = host.parse::<core::net::Ipv6Addr>() {
        return Some(address.to_string());
    }
    let is_host_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let usable = !host.is_empty() && host.len() <= 253 && host.bytes().all(is_host_byte);
    usable.then(|| host.to_ascii_lowercase())
}

fn usable_path(path: &str) -> Option<String> {
    let path = path.split('#').next().unwrap_or("");
    if !path.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    Some(if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let url = DestinationUrl::parse(text, 6736).unwrap();
        assert_eq!(url.to_string(), expect);
        assert_eq!(expect.parse(), Ok(url));
    }

    #[track_caller]
    fn check_refused(text: &str, expect: &str) {
        assert_eq!(DestinationUrl::parse(text, 6736).unwrap_err().to_string(), expect);
    }

    #[test]
    fn addresses_are_read_and_made_canonical() {
        check("https://Manager.example", "https://manager.example:6736/");
        check("HTTP://10.0.0.1:80/a?b=c#d", "http://10.0.0.1:80/a?b=c");
        check(
            "https://[2001:DB8::1]:65535/events",
            "https://[2001:db8::1]:65535/events",
        );
        check("https://[::1]", "https://[::1]:6736/");
        check("https://host:/x", "https://host:6736/x");
        check("https://host?query", "https://host:6736/?query");
    }

    #[test]
    fn bad_addresses_are_refused() {
        check_refused(
            "ftp://host/",
            "`ftp://host/` is no destination address: expected http:// or https://",
        );
        check_refused(
            "host:80",
            "`host:80` is no destination address: expected http:// or https://",
        );
        check_refused("https://", "`https://` has no usable host name or address");
        check_refused(
            "https://a b/",
            "`https://a b/` has no usable host name or address",
        );
        check_refused(
            "https://[::1",
            "`https://[::1` has no usable host name or address",
        );
        check_refused(
            "https://[::1]x/",
            "`https://[::1]x/` has no usable host name or address",
        );
        check_refused(
            "https://h:0/",
            "`https://h:0/` has no usable port: expected a number from 1 to 65535",
        );
        check_refused(
            "https://h:+80/",
            "`https://h:+80/` has no usable port: expected a number from 1 to 65535",
        );
        check_refused(
            "https://h:65536/",
            "`https://h:65536/` has no usable port: expected a number from 1 to 65535",
        );
        check_refused(
            "https://user:secret@h/",
            "an address must not hold a user name or password",
        );
        check_refused(
            "https://h/a\r\nX: y",
            "`https://h/a\r\nX: y` holds characters that must be percent-encoded",
        );
        check_refused(
            &format!("https://h/{}", "x".repeat(3_000)),
            "the address is longer than 2048 bytes",
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        let credentials = Credentials {
            user: "u".to_owned(),
            password: Zeroizing::new("hunter2".to_owned()),
        };
        assert_eq!(format!("{credentials:?}"), r#"Credentials { user: "u", .. }"#);
    }

    #[test]
    fn a_destination_survives_storage() {
        let destination = Destination {
            owner: "operator".to_owned(),
            url: "https://[::1]:6736/x".parse().unwrap(),
            user: Some("u".to_owned()),
            thumbprint: None,
            subscribers: vec!["::1".parse().unwrap(), "192.0.2.1".parse().unwrap()],
            carrier: Carrier::CimXml,
        };
        let stored = serde_json::to_string(&destination).unwrap();
        assert_eq!(serde_json::from_str::<Destination>(&stored).unwrap(), destination);
        let older = serde_json::from_str::<Destination>(&stored.replace(r#","carrier":"cim-xml""#, ""));
        assert_eq!(older.unwrap().carrier, Carrier::WsMan);
        let older = stored.replace(
            r#""subscribers":["::1","192.0.2.1"]"#,
            r#""subscriber":"192.0.2.7""#,
        );
        let older = serde_json::from_str::<Destination>(&older).unwrap();
        assert_eq!(older.subscribers, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn the_addresses_that_subscribed_last_are_remembered() {
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let from = |last: u8| Destination {
            owner: "operator".to_owned(),
            url: "https://manager.example:6736/".parse().unwrap(),
            user: None,
            thumbprint: None,
            subscribers: vec![address(last)],
            carrier: Carrier::WsMan,
        };
        let two = from(2).after(&from(1));
        assert_eq!(two.subscribers, [address(1), address(2)]);
        assert_eq!(from(1).after(&two).subscribers, [address(2), address(1)]);
        let nobody = Destination {
            subscribers: Vec::new(),
            ..from(0)
        };
        assert_eq!(nobody.after(&two).subscribers, two.subscribers);
        let many = (3..=20).fold(two, |earlier, last| from(last).after(&earlier));
        assert_eq!(many.subscribers, (5..=20).map(address).collect::<Vec<_>>());
    }
}
