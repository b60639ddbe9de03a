//! Whom a client speaks to: a URL, or the local socket of this machine's agent.

use std::fmt;
use std::path::PathBuf;

use crate::net::http_client::{Endpoint, HttpUrl, ParseUrlError};
use crate::net::tls::client::ClientTls;

/// The port of WS-Management over TLS (DSP0226, annex C).
pub const HTTPS_PORT: u16 = 5986;
/// The port of WS-Management in clear text.
pub const HTTP_PORT: u16 = 5985;
/// The path where none is given.
pub const PATH: &str = "/wsman";

/// A service: of WS-Management, or of CIM-XML.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerAddress {
    /// Over the network; the port and the path are filled in.
    Url(HttpUrl),
    /// The Unix socket of an agent on this machine, which knows callers by their process.
    Local(PathBuf),
}

impl ServerAddress {
    /// Reads `https://HOST[:PORT][/PATH]`, or `HOST[:PORT]` alone, which means the same. What is left out is
    /// port 5986 (5985 for `http`) and `/wsman`. An IPv6 address stands in brackets, unless it stands alone.
    ///
    /// # Errors
    /// If that is no URL, or its scheme another one.
    pub fn parse(text: &str) -> Result<Self, ParseUrlError> {
        Self::parse_url(text, HTTPS_PORT, HTTP_PORT, PATH).map(Self::Url)
    }

    /// Reads the URL of a service with these ports and this path, where it leaves them out.
    pub(super) fn parse_url(
        text: &str,
        https_port: u16,
        http_port: u16,
        path: &str,
    ) -> Result<HttpUrl, ParseUrlError> {
        let text = text.trim();
        let mut url: HttpUrl = if text.contains("://") {
            text.parse()?
        } else if text.parse::<std::net::Ipv6Addr>().is_ok() {
            format!("https://[{text}]").parse()?
        } else {
            format!("https://{text}").parse()?
        };
        url.port
            .get_or_insert(if url.tls { https_port } else { http_port });
        if url.path == "/" {
            path.clone_into(&mut url.path);
        }
        Ok(url)
    }

    /// Whether what is sent there can be read on the way: clear text to another machine.
    pub fn is_open_to_eavesdroppers(&self) -> bool {
        match self {
            Self::Url(url) if !url.tls => {
                let address = url.host.parse::<std::net::IpAddr>();
                !address.map_or(url.host == "localhost", |address| address.is_loopback())
            }
            Self::Url(_) | Self::Local(_) => false,
        }
    }

    /// Where to connect. `tls` is for a URL with `https`.
    pub fn endpoint(&self, tls: &ClientTls) -> Endpoint {
        match self {
            Self::Local(path) => Endpoint::Local { path: path.clone() },
            Self::Url(url) => {
                let host = url.host.clone();
                let port = url.port.unwrap_or(HTTPS_PORT);
                if url.tls {
                    let tls = tls.clone();
                    Endpoint::Tls { host, port, tls }
                } else {
                    Endpoint::Plain { host, port }
                }
            }
        }
    }

    /// The path of requests.
    pub fn path(&self) -> &str {
        match self {
            Self::Url(url) => &url.path,
            Self::Local(_) => PATH,
        }
    }
}

/// The URL, or the path of the socket.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::Local(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let shown = ServerAddress::parse(text).map(|address| address.to_string());
        assert_eq!(shown.ok().as_deref(), expect, "{text}");
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        check("agent.example", Some("https://agent.example:5986/wsman"));
        check("agent:6000", Some("https://agent:6000/wsman"));
        check("https://agent", Some("https://agent:5986/wsman"));
        check("https://agent/", Some("https://agent:5986/wsman"));
        check("https://agent:443/wsman/", Some("https://agent:443/wsman/"));
        check("agent/other", Some("https://agent:5986/other"));
        check("http://localhost", Some("http://localhost:5985/wsman"));
        check("::1", Some("https://[::1]:5986/wsman"));
        check("[::1]:7", Some("https://[::1]:7/wsman"));
        check("10.0.0.1", Some("https://10.0.0.1:5986/wsman"));
        check("ftp://agent", None);
        check("", None);
        check("user@agent", None);
    }

    #[track_caller]
    fn check_open(text: &str, expect: bool) {
        let address = ServerAddress::parse(text).unwrap();
        assert_eq!(address.is_open_to_eavesdroppers(), expect, "{text}");
    }

    #[test]
    fn clear_text_stays_on_the_machine() {
        check_open("http://agent", true);
        check_open("http://10.0.0.1:80", true);
        check_open("http://localhost", false);
        check_open("http://[::1]", false);
        check_open("http://127.0.0.1", false);
        check_open("https://agent", false);
    }
}
