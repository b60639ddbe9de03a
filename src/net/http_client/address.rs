//! `http` and `https` URLs, as destinations and commands give them.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use hyper::Uri;

/// An absolute `http` or `https` URL. User names in it are refused, fragments dropped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpUrl {
    /// Whether the scheme is `https`.
    pub tls: bool,
    /// A host name or an address literal, IPv6 without brackets.
    pub host: String,
    /// The port, if the URL names one.
    pub port: Option<u16>,
    /// Path and query; `/` where there is none.
    pub path: String,
}

/// A text that is no URL to send to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{url}` {fault}")]
pub struct ParseUrlError {
    url: String,
    fault: &'static str,
}

impl FromStr for HttpUrl {
    type Err = ParseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = |fault| ParseUrlError {
            url: text.to_owned(),
            fault,
        };
        let trimmed = text.trim();
        if !trimmed.is_ascii() {
            return Err(fault("holds characters that must be percent-encoded"));
        }
        let uri: Uri = trimmed.parse().map_err(|_| fault("is no URL"))?;
        let tls = match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => true,
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err(fault("is no URL that begins with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| fault("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(fault("holds a user name: give credentials apart from the URL"));
        }
        let host = authority.host();
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(literal) if is_ipv6(literal) => literal,
            Some(_) => return Err(fault("holds a malformed IPv6 address")),
            None if host.contains(['[', ']']) => return Err(fault("holds a malformed IPv6 address")),
            None => host,
        };
        if host.is_empty() {
            return Err(fault("names no host"));
        }
        let port = match authority.port() {
            Some(port) => Some(
                port.as_str()
                    .parse()
                    .ok()
                    .filter(|&port| port > 0)
                    .ok_or_else(|| fault("holds a port out of range"))?,
            ),
            None if authority.as_str().ends_with(':') || has_port_text(authority.as_str()) => {
                return Err(fault("holds a port out of range"));
            }
            None => None,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            path,
        })
    }
}

/// With brackets around an IPv6 address, and the port as it was given.
impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let (open, close) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(f, "{scheme}://{open}{}{close}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

/// The text of a `Host` header: the default port is left out (RFC 9110, 7.2), a zone as well (RFC 6874).
pub(super) fn authority(host: &str, port: u16, default_port: u16) -> String {
    let host = match host.split_once('%') {
        Some((address, _zone)) if host.contains(':') => address,
        _ => host,
    };
    let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
    if port == default_port {
        format!("{open}{host}{close}")
    } else {
        format!("{open}{host}{close}:{port}")
    }
}

fn is_ipv6(literal: &str) -> bool {
    let address = literal
        .split_once('%')
        .map_or(literal, |(address, _zone)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn has_port_text(authority: &str) -> bool {
    let after_literal = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    after_literal.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<(bool, &str, Option<u16>, &str), &str>) {
        let parsed = text.parse::<HttpUrl>();
        match (&parsed, expect) {
            (Ok(url), Ok((tls, host, port, path))) => {
                assert_eq!(
                    (url.tls, &*url.host, url.port, &*url.path),
                    (tls, host, port, path),
                    "{text}"
                );
                assert_eq!(
                    url.to_string().parse::<HttpUrl>().as_ref(),
                    Ok(url),
                    "shown and read again"
                );
            }
            (Err(error), Err(fault)) => assert_eq!(error.fault, fault, "{text}"),
            _ => panic!("{text}: {parsed:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn urls_of_destinations() {
        check(
            "https://manager.example:6736/events?a=b",
            Ok((true, "manager.example", Some(6736), "/events?a=b")),
        );
        check("HTTP://10.0.0.1", Ok((false, "10.0.0.1", None, "/")));
        check(
            "https://[2001:db8::1]:40000/x",
            Ok((true, "2001:db8::1", Some(40000), "/x")),
        );
        check("https://[::1]", Ok((true, "::1", None, "/")));
        check("https://h:65535/", Ok((true, "h", Some(65535), "/")));
        check("https://h?q=1", Ok((true, "h", None, "/?q=1")));
        check("https://h/x#fragment", Ok((true, "h", None, "/x")));
        check("https://h:65536/", Err("holds a port out of range"));
        check("https://h:0/", Err("holds a port out of range"));
        check(
            "https://user:secret@h/",
            Err("holds a user name: give credentials apart from the URL"),
        );
        check("ftp://h/", Err("is no URL that begins with http:// or https://"));
        check(
            "manager:6736",
            Err("is no URL that begins with http:// or https://"),
        );
        check("https://[::1", Err("is no URL"));
        check("https://[zz]/", Err("holds a malformed IPv6 address"));
        check("http://c[2001:db8::1]:80/", Err("holds a malformed IPv6 address"));
        check("https:///x", Err("is no URL"));
        check("", Err("is no URL"));
        check("https://h/a x", Err("is no URL"));
        check(
            "https://h/\u{e9}",
            Err("holds characters that must be percent-encoded"),
        );
        check(
            "https://h/?\u{e9}\u{a0}",
            Err("holds characters that must be percent-encoded"),
        );
    }

    #[test]
    fn host_headers() {
        assert_eq!(authority("h", 5986, 443), "h:5986");
        assert_eq!(authority("h", 443, 443), "h");
        assert_eq!(authority("::1", 6736, 443), "[::1]:6736");
        assert_eq!(authority("fe80::1%eth0", 80, 80), "[fe80::1]");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_url_or_an_error(text in "(http|https)?(://)?[\\[\\]@:%/?#a-z0-9.\\-\u{80}-\u{ff}]{0,40}") {
            if let Ok(url) = text.parse::<HttpUrl>() {
                assert_eq!(url.to_string().parse::<HttpUrl>(), Ok(url));
            }
        }
    }
}
