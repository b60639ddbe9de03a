//! What the agent says when it is up: how to reach it, by whom it is to be recognised, what to try.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Config;
use crate::host::Host;
use crate::net::accounts::Accounts;
use crate::net::certificate::CertificateDescription;
use crate::net::fingerprint::Fingerprint;

/// The start-up lines. The password of a first account is no part of them.
#[derive(Clone)]
pub struct Greeting {
    host: String,
    wsman: Vec<Place>,
    cimxml: Vec<Place>,
    socket: PathBuf,
    fingerprint: Fingerprint,
    key_fingerprint: Fingerprint,
    certificate_end: String,
    certificate: PathBuf,
    accounts: Arc<Accounts>,
}

/// A URL and the address that is listened on for it.
type Place = (String, SocketAddr);

impl Greeting {
    /// Gathers what there is to say. `addresses` are those listened on: for each protocol, WS-Management first,
    /// HTTPS and then plain HTTP, as configured.
    pub fn new(
        config: &Config,
        host: &Host,
        addresses: &[SocketAddr],
        certificate: &CertificateDescription,
        accounts: &Arc<Accounts>,
    ) -> Self {
        let name = host.general().name().to_owned();
        let mut addresses = addresses.iter().copied();
        let mut places = |scheme: &str, count: usize, path: &str| -> Vec<Place> {
            let place = |address: SocketAddr| {
                let reach = if address.ip().is_unspecified() {
                    format!("{name}:{}", address.port())
                } else {
                    address.to_string()
                };
                (format!("{scheme}://{reach}{path}"), address)
            };
            addresses.by_ref().take(count).map(place).collect()
        };
        let path = &config.wsman.path;
        let mut wsman = places("https", config.wsman.listen.len(), path);
        wsman.extend(places("http", config.wsman.http_listen.len(), path));
        let mut cimxml = places("https", config.cimxml.https_listen.len(), "");
        cimxml.extend(places("http", config.cimxml.http_listen.len(), ""));
        Self {
            host: name,
            wsman,
            cimxml,
            socket: config.local.socket.clone(),
            fingerprint: certificate.fingerprint,
            key_fingerprint: certificate.key_fingerprint,
            certificate_end: certificate.not_after.strftime("%Y-%m-%d").to_string(),
            certificate: config.tls.certificate.clone(),
            accounts: Arc::clone(accounts),
        }
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "esm {} on {}", env!("CARGO_PKG_VERSION"), self.host)?;
        for (url, address) in &self.wsman {
            writeln!(f, "  WS-Management  {url} (listening on {address})")?;
        }
        for (url, address) in &self.cimxml {
            writeln!(f, "  CIM-XML        {url} (listening on {address})")?;
        }
        writeln!(f, "  local socket   {}", self.socket.display())?;
        writeln!(f, "  certificate    SHA-256 {}", self.fingerprint)?;
        writeln!(
            f,
            "                 valid to {}, {}",
            self.certificate_end,
            self.certificate.display()
        )?;
        writeln!(f, "  its key        SHA-256 {}", self.key_fingerprint)?;
        let users = self.accounts.users();
        match users.as_slice() {
            [] => writeln!(f, "  accounts       none: add one with `esm passwd USER`")?,
            users => writeln!(f, "  accounts       {}", users.join(", "))?,
        }
        if let (Some((url, _)), Some(user)) = (self.wsman.first(), users.first()) {
            // What begins as an option does is none behind an equals sign.
            let equals = if user.starts_with('-') { '=' } else { ' ' };
            writeln!(
                f,
                "  try            esm wsman --url {url} --user{equals}{} --pin {} enumerate ESM_Processor",
                shell_word(user),
                self.key_fingerprint
            )?;
        }
        Ok(())
    }
}

/// The text as one word of a shell's command line.
fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_accounts_are_quoted_for_the_shell() {
        for (name, word) in [
            ("admin", "admin"),
            ("al ice", "'al ice'"),
            ("o'neil", r"'o'\''neil'"),
            ("$(x)", "'$(x)'"),
        ] {
            assert_eq!(shell_word(name), word);
        }
    }
}
