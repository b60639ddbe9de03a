//! The agent's own certificate: what it is made out to, and when it is made anew.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::Timestamp;

use crate::alert::catalog::table::agent as alerts;
use crate::config::Config;
use crate::host::{self, AddressScope, Host};
use crate::net::certificate::{
    self, CertificateError, CertificateNames, CertificatePair, Ensured, PairPaths, Replaced, Wanted,
};
use crate::net::tls::server::ServerTls;
use crate::time::BootTime;

/// How long a name or address of the host must have been there for the certificate to be made anew: those of
/// containers, of tunnels and of a network that is being set up come and go.
const SETTLED: Duration = Duration::from_secs(600);

/// Where the configured pair lies.
pub fn pair_paths(config: &Config) -> PairPaths {
    PairPaths {
        certificate: config.tls.certificate.clone(),
        key: config.tls.key.clone(),
    }
}

/// What a certificate of this machine is made out to: its host name and FQDN, `localhost`, the names of the
/// configuration, and every address at which others reach it. Those of one link alone are none, nor those that come
/// and go as IPv6 privacy addresses do, nor those of bridges for containers.
pub fn certificate_names(host: &Host, extra: &[String]) -> CertificateNames {
    let general = host.general();
    let hosts = [general.name(), &general.host_name, "localhost"].map(str::to_owned);
    let mut names = CertificateNames::of(hosts.into_iter().chain(extra.iter().cloned()));
    let interfaces = host.interfaces();
    let addresses = host::outward(&interfaces).flat_map(|interface| &interface.addresses);
    names.addresses.extend(
        addresses
            .filter(|own| own.scope != AddressScope::Link && own.is_lasting)
            .map(|own| own.address),
    );
    names.addresses.sort_unstable();
    names.addresses.dedup();
    names
}

/// The configured pair. Where there is none at all, one is made; our own is made good if its writing was
/// interrupted, and its certificate is made anew when its time has come, or serves on if it cannot be replaced.
///
/// # Errors
/// If a pair that is there cannot be used and is not ours, or what is needed cannot be written.
pub fn ensure(
    config: &Config,
    host: &Host,
    now: Timestamp,
) -> Result<(CertificatePair, Option<Replaced>), CertificateError> {
    let wanted = wanted(config, certificate_names(host, &config.tls.names), Vec::new());
    make_folders(&wanted.paths)?;
    let (pair, ensured) = wanted.ensure(now)?;
    let replaced = match ensured {
        Ensured::AsItWas | Ensured::First => None,
        Ensured::Replaced(replaced) => {
            log(&replaced);
            Some(replaced)
        }
        Ensured::Due { reason, error } => {
            tracing::warn!(%error, %reason, "the agent's own certificate was not renewed");
            None
        }
    };
    Ok((pair, replaced))
}

/// The configured pair of a running agent. Here our own is not made good: whoever replaces both files is in the
/// middle of it for a moment.
///
/// # Errors
/// If the pair cannot be used.
pub(super) fn renew_if_due(
    config: &Config,
    host: &Host,
    newcomers: &mut Newcomers,
    now: Timestamp,
    boot: BootTime,
) -> Result<(CertificatePair, Ensured), CertificateError> {
    let pair = certificate::read(&pair_paths(config))?;
    let names = certificate_names(host, &config.tls.names);
    let settled = newcomers.settled(&pair.description().lacking(&names), boot);
    wanted(config, names, settled).renew_if_due(pair, now)
}

/// What the operator asks for is waited for by nobody; what is the host's own counts once it has settled.
pub(super) fn wanted(config: &Config, names: CertificateNames, settled: Vec<String>) -> Wanted {
    let paths = pair_paths(config);
    Wanted {
        required: CertificateNames::of(config.tls.names.iter().cloned().chain(settled)),
        place_is_ours: paths.key.starts_with(&config.state_dir),
        paths,
        names,
    }
}

fn make_folders(paths: &PairPaths) -> Result<(), CertificateError> {
    if paths.certificate.exists() {
        return Ok(());
    }
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

/// Shows `pair` from the next handshake on, and logs if it is another than before.
pub(super) fn show(tls: &ServerTls, pair: &CertificatePair, reason: &str) -> Option<Replaced> {
    let old = tls.replace(pair).description().fingerprints();
    let new = pair.description().fingerprints();
    let replaced = (old != new).then(|| Replaced {
        old,
        new,
        reason: reason.to_owned(),
    })?;
    log(&replaced);
    Some(replaced)
}

/// Logs that a certificate that came into use is not valid.
pub(super) fn warn_of_invalidity(pair: &CertificatePair, now: Timestamp) {
    if let Some(reason) = pair.description().invalidity(now) {
        tracing::warn!(reason, "the certificate in use is not valid: clients refuse it");
    }
}

fn log(Replaced { old, new, reason }: &Replaced) {
    let (fingerprint, before) = (new.certificate, old.certificate);
    if old.key == new.key {
        tracing::warn!(%fingerprint, %before, key = %new.key, reason, "a new certificate is in use, for the same key");
    } else {
        tracing::warn!(
            %fingerprint, %before, key = %new.key, key_before = %old.key, reason,
            "a new certificate is in use, with another key: managers that pinned the old one must be told"
        );
    }
}

/// The number and the values of the alert that tells of it.
pub(super) fn alert(replaced: &Replaced) -> (u16, Vec<String>) {
    let number = if replaced.keeps_key() {
        alerts::CERTIFICATE_RENEWED
    } else {
        alerts::CERTIFICATE_REPLACED
    };
    let [new, old] = [replaced.new, replaced.old].map(|one| one.certificate.to_string());
    (number, vec![new, old, replaced.reason.clone()])
}

/// Since when names and addresses have been there that the certificate lacks.
#[derive(Debug, Default)]
pub(super) struct Newcomers(BTreeMap<String, BootTime>);

impl Newcomers {
    /// Those of `lacking` that have been there for ten minutes without a break that was seen.
    fn settled(&mut self, lacking: &CertificateNames, now: BootTime) -> Vec<String> {
        let before = std::mem::take(&mut self.0);
        let since = |name: &String| before.get(name).copied().unwrap_or(now);
        self.0 = lacking.texts().map(|name| (name.clone(), since(&name))).collect();
        let settled = self.0.iter().filter(|(_, since)| now.since(**since) >= SETTLED);
        settled.map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock as _;
    use crate::config::Environment;
    use crate::host::HostOptions;
    use crate::host::testtree::TestTree;

    #[test]
    fn a_certificate_follows_what_the_host_has_come_to_be_and_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("state_dir = '{}'", folder.path().display());
        let config = Config::parse(&config, &Environment::default()).unwrap();
        let tree = TestTree::new();
        tree.interfaces(1);
        let (host, clock) = tree.host(HostOptions::default());
        let wall = "2026-03-01T12:00:00Z".parse().unwrap();
        let (first, _) = ensure(&config, &host, wall).unwrap();
        let mut newcomers = Newcomers::default();
        // `count` addresses for a minute.
        let mut minute = |count: u32| {
            tree.interfaces(count);
            clock.advance(Duration::from_secs(60));
            renew_if_due(&config, &host, &mut newcomers, wall, clock.boot()).unwrap()
        };

        for _ in 0..10 {
            let (_, ensured) = minute(2);
            assert!(matches!(ensured, Ensured::AsItWas), "{ensured:?}");
        }
        let (pair, ensured) = minute(2);
        let Ensured::Replaced(replaced) = ensured else {
            panic!("{ensured:?}");
        };
        assert_eq!(replaced.reason, "the host is also 10.0.1.1");
        assert_eq!(replaced.old, first.description().fingerprints());
        assert!(replaced.keeps_key());
        assert!(
            pair.description()
                .addresses
                .contains(&"10.0.1.1".parse().unwrap())
        );
        tree.remove("sys/class/net/eth1");
        for _ in 0..20 {
            let (_, ensured) = minute(1);
            assert!(matches!(ensured, Ensured::AsItWas), "what is gone is no reason");
        }
    }

    #[test]
    fn what_has_come_counts_once_it_has_stayed() {
        let mut newcomers = Newcomers::default();
        let mut look = |minute: u64, names: &[&str]| {
            let names = CertificateNames::of(names.iter().map(|&name| name.to_owned()));
            newcomers.settled(&names, BootTime::from_millis(minute * 60_000))
        };
        assert!(look(0, &["192.0.2.8", "web2"]).is_empty());
        assert!(look(9, &["192.0.2.8", "web2", "192.0.2.9"]).is_empty());
        // The name was gone in between.
        assert_eq!(look(10, &["192.0.2.8", "192.0.2.9"]), ["192.0.2.8"]);
        assert_eq!(look(11, &["web2", "192.0.2.9"]), Vec::<String>::new());
        assert_eq!(look(19, &["web2", "192.0.2.9"]), ["192.0.2.9"]);
        assert_eq!(look(21, &["web2"]), ["web2"]);
    }
}
