//! The server's certificate and key: making a self-signed pair, reading one, saying what it holds.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::net::fingerprint::Fingerprint;
use crate::net::private_file;

/// Days a self-signed certificate is valid when nothing else is asked: what strict clients accept at most.
pub const DEFAULT_DAYS: u32 = 825;
/// Days before its end at which our own pair is renewed.
pub const RENEW_DAYS_BEFORE_END: i64 = 30;

/// Marks a certificate as made here, so that it is renewed by us; one from elsewhere never is.
const OWN_MARK: &str = "esm self-signed";
const MAX_DAYS: u32 = 36_500;
/// X.520 bounds a common name to 64 characters; longer host names stand in the alternative names alone.
const MAX_COMMON_NAME_CHARS: usize = 64;

/// Where the pair lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PairPaths {
    /// The certificate chain in PEM, the server's own first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// What a certificate is made out to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CertificateNames {
    /// Host names: short, fully qualified, and any others. The first is the subject.
    pub hosts: Vec<String>,
    /// Every address of the host.
    pub addresses: Vec<IpAddr>,
}

/// A pair read and found fit for a TLS server.
#[derive(Clone, Debug)]
pub struct CertificatePair {
    pub(in crate::net) certified: Arc<CertifiedKey>,
    description: CertificateDescription,
}

/// What a certificate says about itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateDescription {
    /// The subject's distinguished name.
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// DNS names it is made out to, sorted.
    pub hosts: BTreeSet<String>,
    /// Addresses it is made out to, sorted.
    pub addresses: BTreeSet<IpAddr>,
    /// First moment of its validity.
    pub not_before: Timestamp,
    /// Last moment of its validity.
    pub not_after: Timestamp,
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// SHA-256 of its public key (SubjectPublicKeyInfo), which outlasts it if it is renewed.
    pub key_fingerprint: Fingerprint,
    /// For example `ECDSA P-256` or `RSA 2048`.
    pub key_type: String,
    /// Whether [`create`] made it.
    pub own: bool,
}

/// Why a pair could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A pair is there already.
    #[error("{} exists already: it is overwritten only with --force", .0.display())]
    Exists(PathBuf),
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The certificate's or the key's file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A name cannot stand in a certificate.
    #[error("`{0}` cannot be a name in a certificate: expected a host name or an address")]
    Name(String),
    /// The number of days is out of range.
    #[error("a certificate can be valid for 1 to {MAX_DAYS} days, not {0}")]
    Days(u32),
    /// A file holds no usable PEM.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The certificate's or the key's file.
        path: PathBuf,
        /// What was expected and not found.
        reason: String,
    },
    /// The key does not belong to the certificate.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Making the pair failed.
    #[error("making the certificate failed: {0}")]
    Make(#[from] rcgen::Error),
}

/// Why our own pair should be made anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RenewalReason {
    /// It ends within 30 days, or has ended.
    Ending {
        /// Its last moment.
        not_after: Timestamp,
    },
    /// The host has names or addresses that the certificate lacks.
    NamesChanged,
}

/// Makes a self-signed ECDSA P-256 pair, valid from a day before `now` (clocks differ) for `days` days.
///
/// # Errors
/// If a pair is there and `force` is false, a name or the days cannot be used, or writing fails. The files
/// are replaced whole, the key (mode 0600) first; a pair of which one half is missing is not overwritten either.
pub fn create(
    paths: &PairPaths,
    names: &CertificateNames,
    days: u32,
    force: bool,
    now: Timestamp,
) -> Result<(), CertificateError> {
    for path in [&paths.certificate, &paths.key] {
        if !force && path.symlink_metadata().is_ok() {
            return Err(CertificateError::Exists(path.clone()));
        }
    }
    let (certificate, key) = make(names, days, now)?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| CertificateError::File { path, error }
    };
    private_file::replace(&paths.key, key.as_bytes()).map_err(at(&paths.key))?;
    private_file::replace_public(&paths.certificate, certificate.as_bytes()).map_err(at(&paths.certificate))
}

/// Reads a pair and checks that its halves belong together.
///
/// # Errors
/// If a file cannot be read, holds no certificate or key, or the two do not match.
pub fn read(paths: &PairPaths) -> Result<CertificatePair, CertificateError> {
    let chain = read_chain(&paths.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&paths.key)
        .map_err(|error| pem_error(&paths.key, "private key", error))?;
    let description = describe_chain(&paths.certificate, &chain)?;
    let signing_key = rustls::crypto::ring::sign::any_supported_type(&key)
        .map_err(|error| content_error(&paths.key, format!("unusable private key: {error}")))?;
    let certified = CertifiedKey::new(chain, signing_key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(_) => {
            return Err(CertificateError::Mismatch {
                certificate: paths.certificate.clone(),
                key: paths.key.clone(),
            });
        }
    }
    Ok(CertificatePair {
        certified: Arc::new(certified),
        description,
    })
}

/// Reads a certificate alone and says what it holds.
///
/// # Errors
/// If the file cannot be read or holds no certificate.
pub fn describe(certificate: &Path) -> Result<CertificateDescription, CertificateError> {
    describe_chain(certificate, &read_chain(certificate)?)
}

impl CertificatePair {
    /// What the server's own certificate says about itself.
    pub fn description(&self) -> &CertificateDescription {
        &self.description
    }
}

impl CertificateDescription {
    /// Whether the pair should be made anew: only ever if it was made here, when it ends within 30 days or
    /// lacks one of `names`. One that the host no longer has is no reason: it may have been asked for by hand.
    pub fn renewal_reason(&self, names: &CertificateNames, now: Timestamp) -> Option<RenewalReason> {
        if !self.own {
            return None;
        }
        if self.ends_within(SignedDuration::from_hours(24 * RENEW_DAYS_BEFORE_END), now) {
            return Some(RenewalReason::Ending {
                not_after: self.not_after,
            });
        }
        let hosts: BTreeSet<String> = names.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let addresses: BTreeSet<IpAddr> = names.addresses.iter().copied().collect();
        let has_all = hosts.is_subset(&self.hosts) && addresses.is_subset(&self.addresses);
        (!has_all).then_some(RenewalReason::NamesChanged)
    }

    /// Whether its validity ends less than `span` after `now`, or has ended.
    pub fn ends_within(&self, span: SignedDuration, now: Timestamp) -> bool {
        self.not_after.duration_since(now) < span
    }
}

impl fmt::Display for RenewalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ending { not_after } => write!(f, "its validity ends at {not_after}"),
            Self::NamesChanged => f.write_str("the host's names or addresses changed"),
        }
    }
}

fn make(names: &CertificateNames, days: u32, now: Timestamp) -> Result<(String, String), CertificateError> {
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(CertificateError::Days(days));
    }
    let mut params = CertificateParams::default();
    params.subject_alt_names = alternative_names(names)?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(host) = names
        .hosts
        .iter()
        .find(|host| host.chars().count() <= MAX_COMMON_NAME_CHARS)
    {
        params.distinguished_name.push(DnType::CommonName, host.as_str());
    }
    params
        .distinguished_name
        .push(DnType::OrganizationalUnitName, OWN_MARK);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let midnight = |(year, month, day)| rcgen::date_time_ymd(year, month, day);
    params.not_before = midnight(date(now, -1));
    params.not_after = midnight(date(now, i64::from(days)));
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn alternative_names(names: &CertificateNames) -> Result<Vec<SanType>, CertificateError> {
    let hosts: BTreeSet<String> = names.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
    let addresses: BTreeSet<IpAddr> = names.addresses.iter().copied().collect();
    let mut alternatives = Vec::with_capacity(hosts.len() + addresses.len());
    for host in hosts {
        let fits = !host.is_empty() && host.len() <= 253 && host.bytes().all(is_host_byte);
        let name = host.as_str().try_into().ok().filter(|_| fits);
        alternatives.push(SanType::DnsName(name.ok_or(CertificateError::Name(host))?));
    }
    alternatives.extend(addresses.into_iter().map(SanType::IpAddress));
    Ok(alternatives)
}

/// Letters, digits, hyphens and dots (RFC 1123), the underscore that some hosts have, and a wildcard.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*')
}

/// The date (UTC) that lies `days` after `now`. The validity runs from midnight to midnight.
fn date(now: Timestamp, days: i64) -> (i32, u8, u8) {
    let moment = now
        .saturating_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(now);
    let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
    (
        i32::from(date.year()),
        date.month().unsigned_abs(),
        date.day().unsigned_abs(),
    )
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem_error(path, "certificate", error))?;
    if chain.is_empty() {
        return Err(content_error(path, "holds no certificate in PEM".to_owned()));
    }
    Ok(chain)
}

fn pem_error(path: &Path, what: &str, error: rustls::pki_types::pem::Error) -> CertificateError {
    match error {
        rustls::pki_types::pem::Error::Io(error) => CertificateError::File {
            path: path.to_owned(),
            error,
        },
        error => content_error(path, format!("holds no {what} in PEM: {error}")),
    }
}

fn content_error(path: &Path, reason: String) -> CertificateError {
    CertificateError::Content {
        path: path.to_owned(),
        reason,
    }
}

fn describe_chain(
    path: &Path,
    chain: &[CertificateDer<'static>],
) -> Result<CertificateDescription, CertificateError> {
    let fault = |reason: String| content_error(path, reason);
    let der = chain
        .first()
        .ok_or_else(|| fault("holds no certificate in PEM".to_owned()))?;
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| fault(format!("unreadable certificate: {error}")))?;
    let moment =
        |seconds| Timestamp::from_second(seconds).map_err(|error| fault(format!("validity: {error}")));
    let (hosts, addresses) = names_of(&certificate);
    Ok(CertificateDescription {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        hosts,
        addresses,
        not_before: moment(certificate.validity().not_before.timestamp())?,
        not_after: moment(certificate.validity().not_after.timestamp())?,
        fingerprint: Fingerprint::of(der),
        key_fingerprint: Fingerprint::of(certificate.public_key().raw),
        key_type: key_type(&certificate),
        own: certificate
            .subject()
            .iter_organizational_unit()
            .any(|unit| unit.as_str().is_ok_and(|unit| unit == OWN_MARK)),
    })
}

fn names_of(certificate: &X509Certificate<'_>) -> (BTreeSet<String>, BTreeSet<IpAddr>) {
    let (mut hosts, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    for name in alternatives
        .iter()
        .flat_map(|extension| &extension.value.general_names)
    {
        match name {
            GeneralName::DNSName(host) => {
                hosts.insert(host.to_ascii_lowercase());
            }
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                addresses.extend(v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)));
            }
            _ => {}
        }
    }
    (hosts, addresses)
}

fn key_type(certificate: &X509Certificate<'_>) -> String {
    use x509_parser::public_key::PublicKey;
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::EC(point)) => match point.key_size() {
            // The 521 bits of a coordinate fill 66 bytes.
            528 => "ECDSA P-521".to_owned(),
            bits => format!("ECDSA P-{bits}"),
        },
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        _ if key.algorithm.algorithm.to_id_string() == "1.3.101.112" => "Ed25519".to_owned(),
        _ => format!("algorithm {}", key.algorithm.algorithm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NOW: &str = "2026-03-01T12:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn days(count: i64) -> SignedDuration {
        SignedDuration::from_hours(24 * count)
    }

    fn names(hosts: &[&str], addresses: &[&str]) -> CertificateNames {
        CertificateNames {
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    fn paths(folder: &Path) -> PairPaths {
        PairPaths {
            certificate: folder.join("certs/server.pem"),
            key: folder.join("certs/server.key"),
        }
    }

    #[test]
    fn a_pair_is_made_out_to_all_names() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let names = names(
            &["Web1", "web1.example.org", "web1"],
            &["192.0.2.7", "2001:db8::7"],
        );
        create(&paths, &names, DEFAULT_DAYS, false, now()).unwrap();

        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&paths.key), mode(&paths.certificate)), (0o600, 0o644));
        let pair = read(&paths).unwrap();
        let description = pair.description();
        assert_eq!(description, &describe(&paths.certificate).unwrap());
        assert_eq!(description.subject, "CN=Web1, OU=esm self-signed");
        assert_eq!(description.issuer, description.subject);
        assert_eq!(
            description.hosts.iter().collect::<Vec<_>>(),
            ["web1", "web1.example.org"]
        );
        assert_eq!(description.addresses.len(), 2);
        assert_eq!(description.not_before.to_string(), "2026-02-28T00:00:00Z");
        assert_eq!(description.not_after.to_string(), "2028-06-03T00:00:00Z");
        assert_eq!(description.key_type, "ECDSA P-256");
        assert!(description.own);
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let names = names(&["h"], &[]);
        create(&paths, &names, 10, false, now()).unwrap();
        let old = describe(&paths.certificate).unwrap();
        assert!(matches!(
            create(&paths, &names, 10, false, now()),
            Err(CertificateError::Exists(_))
        ));
        std::fs::remove_file(&paths.certificate).unwrap();
        let error = create(&paths, &names, 10, false, now()).unwrap_err();
        assert!(
            matches!(&error, CertificateError::Exists(path) if *path == paths.key),
            "a lone key is kept: {error}"
        );
        create(&paths, &names, 10, true, now()).unwrap();
        assert_ne!(describe(&paths.certificate).unwrap().fingerprint, old.fingerprint);
        read(&paths).unwrap();
    }

    #[test]
    fn what_cannot_be_a_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let make = |host: &str, days| create(&paths(folder.path()), &names(&[host], &[]), days, false, now());
        for host in ["", "two words", "a/b", "münchen", &"x".repeat(254)] {
            assert!(
                matches!(make(host, 1), Err(CertificateError::Name(_))),
                "{host:?}"
            );
        }
        for days in [0, MAX_DAYS + 1] {
            assert!(
                matches!(make("h", days), Err(CertificateError::Days(_))),
                "{days}"
            );
        }
        make(&format!("{}.example", "x".repeat(60)), 1).unwrap();
        assert_eq!(
            describe(&paths(folder.path()).certificate).unwrap().subject,
            "OU=esm self-signed"
        );
    }

    #[test]
    fn our_own_pair_is_renewed_when_due_and_no_other_ever() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let made_out_to = names(&["web1", "web1.example.org"], &["192.0.2.7"]);
        create(&paths, &made_out_to, 100, false, now()).unwrap();
        let description = describe(&paths.certificate).unwrap();
        let reason = |names: &CertificateNames, later| description.renewal_reason(names, now() + later);

        assert_eq!(reason(&made_out_to, days(0)), None);
        assert_eq!(
            reason(&names(&["WEB1.example.org", "web1"], &["192.0.2.7"]), days(0)),
            None,
            "order and case"
        );
        assert_eq!(reason(&made_out_to, days(69)), None);
        let ending = Some(RenewalReason::Ending {
            not_after: description.not_after,
        });
        assert_eq!(reason(&made_out_to, days(70)), ending);
        assert_eq!(reason(&made_out_to, days(1000)), ending);
        let changed = Some(RenewalReason::NamesChanged);
        assert_eq!(
            reason(&names(&["web1", "web1.example.org"], &["192.0.2.8"]), days(0)),
            changed
        );
        assert_eq!(
            reason(&names(&["web2", "web1.example.org"], &["192.0.2.7"]), days(0)),
            changed
        );

        assert_eq!(
            reason(&names(&["web1"], &[]), days(0)),
            None,
            "more than is needed"
        );

        let foreign = CertificateDescription {
            own: false,
            ..description.clone()
        };
        assert_eq!(
            foreign.renewal_reason(&names(&["other"], &[]), now() + days(1000)),
            None
        );
    }

    #[test]
    fn a_pair_that_is_none_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (paths(folder.path()), paths(&folder.path().join("other")));
        create(&one, &names(&["h"], &[]), 10, false, now()).unwrap();
        create(&two, &names(&["h"], &[]), 10, false, now()).unwrap();
        let mixed = PairPaths {
            certificate: one.certificate.clone(),
            key: two.key,
        };
        assert!(matches!(read(&mixed), Err(CertificateError::Mismatch { .. })));
        let swapped = PairPaths {
            certificate: one.key.clone(),
            key: one.certificate.clone(),
        };
        let text = read(&swapped).unwrap_err().to_string();
        assert!(
            text.ends_with("server.key: holds no certificate in PEM"),
            "{text}"
        );
        let missing = PairPaths {
            certificate: folder.path().join("none"),
            key: one.key,
        };
        let text = read(&missing).unwrap_err().to_string();
        assert!(
            text.ends_with("none: No such file or directory (os error 2)"),
            "{text}"
        );
        std::fs::write(
            &one.certificate,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        let text = describe(&one.certificate).unwrap_err().to_string();
        assert!(text.contains("unreadable certificate"), "{text}");
    }
}
