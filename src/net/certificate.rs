//! The server's certificate and key: making a self-signed pair, reading one, saying what it holds.

mod make;
mod renewal;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

pub use self::make::{create, renew};
pub use self::renewal::{Ensured, RENEW_DAYS_BEFORE_END, RenewalReason, Replaced, Wanted};

use crate::net::fingerprint::{Fingerprint, Fingerprints};

/// Days a self-signed certificate is valid when nothing else is asked: what strict clients accept at most.
pub const DEFAULT_DAYS: u32 = 825;

/// Marks a certificate as made here, so that it is renewed by us; one from elsewhere never is.
const OWN_MARK: &str = "esm self-signed";
const MAX_DAYS: u32 = 36_500;

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
    /// What it is recognised by.
    pub fn fingerprints(&self) -> Fingerprints {
        Fingerprints {
            certificate: self.fingerprint,
            key: self.key_fingerprint,
        }
    }
}

impl CertificateNames {
    /// Host names and addresses from their texts; what stands twice counts once.
    pub fn of(texts: impl IntoIterator<Item = String>) -> Self {
        let mut names = Self::default();
        for text in texts {
            match text.parse() {
                Ok(address) if names.addresses.contains(&address) => {}
                Ok(address) => names.addresses.push(address),
                Err(_) if names.hosts.contains(&text) => {}
                Err(_) => names.hosts.push(text),
            }
        }
        names
    }

    /// Their texts, the host names first.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        let addresses = self.addresses.iter().map(ToString::to_string);
        self.hosts.iter().cloned().chain(addresses)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.addresses.is_empty()
    }
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
    use jiff::SignedDuration;

    use super::*;

    const NOW: &str = "2026-03-01T12:00:00Z";

    pub(super) fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    pub(super) fn days(count: i64) -> SignedDuration {
        SignedDuration::from_hours(24 * count)
    }

    pub(super) fn names(hosts: &[&str], addresses: &[&str]) -> CertificateNames {
        CertificateNames {
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    pub(super) fn paths(folder: &Path) -> PairPaths {
        PairPaths {
            certificate: folder.join("certs/server.pem"),
            key: folder.join("certs/server.key"),
        }
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
