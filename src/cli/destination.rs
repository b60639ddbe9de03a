//! Where agents are to deliver to, as `--notify-to` names it.

use std::net::Ipv6Addr;

use super::exit::{Exit, Failure};
use crate::net::http_client::HttpUrl;

/// The port that agents report to where nothing else is said.
pub const DEFAULT_PORT: u16 = 6736;

/// What a destination has where only its host is given.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The port.
    pub port: u16,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            scheme: "https",
            port: DEFAULT_PORT,
        }
    }
}

/// The URL of a destination: a URL stays as it is, `HOST[:PORT]` gets what is missing. An IPv6 address stands in
/// brackets, unless it stands alone.
///
/// # Errors
/// If it is neither.
pub fn url(text: &str, defaults: Defaults) -> Result<String, Failure> {
    let text = text.trim();
    let scheme = defaults.scheme;
    let (whole, has_scheme) = if text.contains("://") {
        (text.to_owned(), true)
    } else if text.parse::<Ipv6Addr>().is_ok() {
        (format!("{scheme}://[{text}]"), false)
    } else {
        (format!("{scheme}://{text}"), false)
    };
    let mut url: HttpUrl = whole
        .parse()
        .map_err(|error| Failure::new(Exit::Usage, format!("--notify-to: {error}")))?;
    if has_scheme {
        return Ok(whole);
    }
    url.port.get_or_insert(defaults.port);
    Ok(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let url = url(text, Defaults::default()).ok();
        assert_eq!(url.as_deref(), expect, "{text}");
    }

    #[test]
    fn a_host_is_enough() {
        check("manager", Some("https://manager:6736/"));
        check("manager:6737", Some("https://manager:6737/"));
        check("manager:6737/events", Some("https://manager:6737/events"));
        check("10.0.0.1", Some("https://10.0.0.1:6736/"));
        check("2001:db8::1", Some("https://[2001:db8::1]:6736/"));
        check("[2001:db8::1]:1", Some("https://[2001:db8::1]:1/"));
        check("https://manager", Some("https://manager"));
        check("http://manager:1/x?y=z", Some("http://manager:1/x?y=z"));
        check("ftp://manager", None);
        check("manager:0", None);
        check("", None);
        let own = Defaults {
            scheme: "http",
            port: 1,
        };
        assert_eq!(url("manager", own).unwrap(), "http://manager:1/");
    }
}
