//! How the agent is known: its certificate, made and renewed by itself, and its first account.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Config;
use crate::host::{AddressScope, Host};
use crate::net::accounts::{AccountError, Accounts};
use crate::net::certificate::{
    self, CertificateError, CertificateNames, CertificatePair, DEFAULT_DAYS, PairPaths, RenewalReason,
};

/// The account that is made on first start.
pub const FIRST_ACCOUNT: &str = "admin";

/// Letters and digits of a first password, without those that look alike.
const PASSWORD_LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789_";
const PASSWORD_LENGTH: usize = 20;

/// The password of an account that was just made.
pub struct FirstPassword(String);

impl FirstPassword {
    /// The password. Whoever asks shows it to the one person it is for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Where the configured pair lies.
pub fn pair_paths(config: &Config) -> PairPaths {
    PairPaths {
        certificate: config.tls.certificate.clone(),
        key: config.tls.key.clone(),
    }
}

/// What a certificate of this machine is made out to: its host name and FQDN, `localhost`, every address but
/// those of one link alone, and the names of the configuration.
pub fn certificate_names(host: &Host, extra: &[String]) -> CertificateNames {
    let general = host.general();
    let mut names = CertificateNames::default();
    let hosts = [general.name(), &general.host_name, "localhost"].map(str::to_owned);
    for name in hosts.into_iter().chain(extra.iter().cloned()) {
        match name.parse() {
            Ok(address) => names.addresses.push(address),
            Err(_) if names.hosts.contains(&name) => {}
            Err(_) => names.hosts.push(name),
        }
    }
    let interfaces = host.interfaces();
    let addresses = interfaces.iter().flat_map(|interface| &interface.addresses);
    names.addresses.extend(
        addresses
            .filter(|own| own.scope != AddressScope::Link)
            .map(|own| own.address),
    );
    names.addresses.sort_unstable();
    names.addresses.dedup();
    names
}

/// The configured pair. Where there is none at all, one is made; our own is made anew when its time has come,
/// or serves on if it cannot be replaced.
///
/// # Errors
/// If a pair that is there cannot be used, or the first one cannot be written.
pub fn ensure_certificate(
    config: &Config,
    host: &Host,
    now: Timestamp,
) -> Result<(CertificatePair, Option<Made>), CertificateError> {
    let paths = pair_paths(config);
    let names = certificate_names(host, &config.tls.names);
    let missing = |path: &Path| matches!(path.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound);
    if missing(&paths.certificate) && missing(&paths.key) {
        make_folders(&paths)?;
        certificate::create(&paths, &names, DEFAULT_DAYS, false, now)?;
        return Ok((certificate::read(&paths)?, Some(Made::First)));
    }
    let pair = certificate::read(&paths)?;
    let Some(reason) = pair.description().renewal_reason(&names, now) else {
        return Ok((pair, None));
    };
    // What cannot be replaced serves on: a pair on a read-only disk is better than no agent.
    if let Err(error) = certificate::create(&paths, &names, DEFAULT_DAYS, true, now) {
        tracing::warn!(%error, %reason, "the agent's own certificate was not renewed");
        return Ok((pair, None));
    }
    Ok((certificate::read(&paths)?, Some(Made::Anew(reason))))
}

/// Why [`ensure_certificate`] made a pair.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Made {
    /// There was none.
    First,
    /// Our own pair had to be replaced.
    Anew(RenewalReason),
}

fn make_folders(paths: &PairPaths) -> Result<(), CertificateError> {
    for path in [&paths.certificate, &paths.key] {
        if let Some(folder) = path.parent() {
            super::state_dir::make(folder).map_err(|error| CertificateError::File {
                path: folder.to_owned(),
                error: io::Error::other(error.to_string()),
            })?;
        }
    }
    Ok(())
}

/// Makes the first account if there is none at all.
///
/// # Errors
/// If the account file cannot be written.
pub fn ensure_account(accounts: &Arc<Accounts>) -> Result<Option<FirstPassword>, AccountError> {
    if !accounts.users().is_empty() || !accounts.faults().is_empty() {
        return Ok(None);
    }
    let password = random_password().map_err(|error| AccountError::Hash(error.to_string()))?;
    accounts.set(FIRST_ACCOUNT, password.reveal().as_bytes())?;
    Ok(Some(password))
}

fn random_password() -> io::Result<FirstPassword> {
    let random: [u8; PASSWORD_LENGTH] = crate::random::bytes()?;
    // 32 letters: each takes five bits of its byte, so none is more likely than another.
    let letter = |byte: &u8| {
        PASSWORD_LETTERS
            .get(usize::from(byte & 31))
            .copied()
            .map(char::from)
    };
    Ok(FirstPassword(random.iter().filter_map(letter).collect()))
}

/// Keeps the first password where only the agent's user can read it, for one who saw no terminal.
///
/// # Errors
/// If the file cannot be written.
pub fn write_initial_password(state_dir: &Path, password: &FirstPassword) -> io::Result<PathBuf> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = state_dir.join("initial-password");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    writeln!(file, "{}", password.reveal())?;
    file.sync_all()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_password_is_long_and_new_each_time() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(one.reveal().len(), PASSWORD_LENGTH);
        assert_ne!(one.reveal(), two.reveal());
    }

    #[test]
    fn the_first_account_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Arc::new(Accounts::open(folder.path().join("accounts")).unwrap());
        assert!(ensure_account(&accounts).unwrap().is_some());
        assert_eq!(accounts.users(), [FIRST_ACCOUNT]);
        assert!(ensure_account(&accounts).unwrap().is_none());
    }
}
