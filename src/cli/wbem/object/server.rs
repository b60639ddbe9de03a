//! The server in front of an object path: `http://user:password@host:5988`.

use zeroize::Zeroizing;

use crate::cli::wbem::trouble::Trouble;
use crate::client::cimxml::{HTTP_PORT, HTTPS_PORT, PATH, parse_address};

/// The server of an object path.
#[derive(PartialEq)]
pub struct Server {
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// The host as it was written, an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path of requests.
    pub path: String,
    /// The account.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Zeroizing<String>>,
}

impl Server {
    /// Reads what stands behind `://`, and returns what is left of the path.
    pub(super) fn parse(tls: bool, text: &str) -> Result<(Self, &str), Trouble> {
        let (credentials, rest) = split_credentials(text);
        let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, ""))) {
            Some((user, "")) => (Some(user.to_owned()), None),
            Some((user, password)) => (Some(user.to_owned()), Some(Zeroizing::new(password.to_owned()))),
            None => (None, None),
        };
        let (authority, local) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() {
            return Err(Trouble::url("Could not locate hostname"));
        }
        let default = if tls { HTTPS_PORT } else { HTTP_PORT };
        let port = match port {
            None => default,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| Trouble::Url(format!("Invalid port number: `{port}`")))?,
        };
        let host = host.to_owned();
        let path = PATH.to_owned();
        Ok((
            Self {
                tls,
                host,
                port,
                path,
                user,
                password,
            },
            local,
        ))
    }

    /// The server that `--url` names.
    ///
    /// # Errors
    /// If that is no URL.
    pub fn of_url(text: &str) -> Result<Self, Trouble> {
        let url = parse_address(text).map_err(Trouble::url)?;
        let host = if url.host.contains(':') {
            format!("[{}]", url.host)
        } else {
            url.host
        };
        let default = if url.tls { HTTPS_PORT } else { HTTP_PORT };
        Ok(Self {
            tls: url.tls,
            host,
            port: url.port.unwrap_or(default),
            path: url.path,
            user: None,
            password: None,
        })
    }

    /// What it is called in results: `host:port`.
    pub fn shown(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The URL that requests go to.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

/// Name and password, and what stands behind the `@`. A password may hold any character but a quotation mark: one
/// with a slash is told by what would be no port otherwise.
fn split_credentials(text: &str) -> (Option<&str>, &str) {
    let head = text.split('"').next().unwrap_or_default();
    let authority = head.split('/').next().unwrap_or_default();
    if let Some((credentials, _)) = authority.rsplit_once('@') {
        return (
            Some(credentials),
            text.get(credentials.len() + 1..).unwrap_or_default(),
        );
    }
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let is_port =
        port.is_none_or(|port| port.contains(']') || port.bytes().all(|byte| byte.is_ascii_digit()));
    match head.split_once('@') {
        Some((credentials, _)) if !is_port => (
            Some(credentials),
            text.get(credentials.len() + 1..).unwrap_or_default(),
        ),
        _ => (None, text),
    }
}

/// Never shows the password.
impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url())
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Object;

    #[test]
    fn passwords_hold_what_they_hold() {
        for (credentials, user, password) in [
            ("u:p.q", "u", Some("p.q")),
            ("u:p@q", "u", Some("p@q")),
            ("u:p/q", "u", Some("p/q")),
            ("u:p:q", "u", Some("p:q")),
            ("u:", "u", None),
            ("u", "u", None),
        ] {
            let text = format!("http://{credentials}@h:1/root:C_X.Mail=\"a@b:c/d\"");
            let object = Object::parse(&text).unwrap();
            assert_eq!(object.keys.len(), 1, "{text}");
            let server = object.server.unwrap();
            assert_eq!((server.host.as_str(), server.port), ("h", 1), "{text}");
            assert_eq!(server.user.as_deref(), Some(user), "{text}");
            assert_eq!(
                server.password.as_ref().map(|text| text.as_str()),
                password,
                "{text}"
            );
            let shown = format!("{server:?}");
            assert!(
                password.is_none_or(|password| !shown.contains(password)),
                "{shown}"
            );
        }
        let object = Object::parse("http://h:1/root:C_X.Mail=\"a@b:c/d\"").unwrap();
        let server = object.server.unwrap();
        assert_eq!((server.user, server.host.as_str()), (None, "h"));
    }
}
