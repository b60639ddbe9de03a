//! TLS as a server and as a client: rustls with the ring provider, versions 1.2 and 1.3.

pub mod client;
pub mod server;

use std::io;
use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, RootCertStore};

/// Why a TLS configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of trusted authorities cannot be used.
    #[error("{path}: {reason}")]
    Authority {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Our own certificate or its key cannot be used.
    #[error("{path}: {reason}")]
    Identity {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The verifier of client certificates could not be made.
    #[error("client certificates: {0}")]
    ClientVerifier(#[from] rustls::server::VerifierBuilderError),
    /// The TLS library refused.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
}

/// The authorities in a PEM file.
///
/// # Errors
/// If the file cannot be read, holds no certificate, or one that is malformed.
pub fn read_authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let fault = |reason: String| TlsError::Authority {
        path: path.display().to_string(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fault("holds no certificate in PEM".to_owned()));
    }
    Ok(roots)
}

/// Whether a handshake failed because the certificate of the other side is not accepted.
pub fn refuses_certificate(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(error, Some(rustls::Error::InvalidCertificate(_)))
}

/// The error of a handshake, with what would be right where the TLS library has a bare word for what is wrong.
pub fn explained(error: io::Error) -> io::Error {
    if let Some(reason) = invalidity(&error) {
        return io::Error::new(error.kind(), reason);
    }
    match advice(&error) {
        Some(advice) => io::Error::new(error.kind(), format!("{error}: {advice}")),
        None => error,
    }
}

/// What is wrong with a certificate that is not valid now, as people write dates.
fn invalidity(error: &io::Error) -> Option<String> {
    use rustls::CertificateError::{ExpiredContext, NotValidYetContext};
    let rustls::Error::InvalidCertificate(fault) = error.get_ref()?.downcast_ref::<rustls::Error>()? else {
        return None;
    };
    let shown = |moment: &UnixTime| {
        let seconds = i64::try_from(moment.as_secs()).ok()?;
        Some(Timestamp::from_second(seconds).ok()?.to_string())
    };
    match fault {
        ExpiredContext { time, not_after } => Some(format!(
            "the certificate's validity ended at {}, and the clock here says {}",
            shown(not_after)?,
            shown(time)?
        )),
        NotValidYetContext { time, not_before } => Some(format!(
            "the certificate is valid from {} on, and the clock here says {}",
            shown(not_before)?,
            shown(time)?
        )),
        _ => None,
    }
}

fn advice(error: &io::Error) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) =
        error.get_ref()?.downcast_ref::<rustls::Error>()?
    else {
        return None;
    };
    // The library hands on the verifier's error in this form alone.
    match other.to_string().as_str() {
        "CaUsedAsEndEntity" => Some(
            "the certificate is that of an authority (basic constraints CA:TRUE) and is not accepted as that of a \
             server or client; have the authority issue one with CA:FALSE (a server's can also be trusted by its \
             SHA-256)",
        ),
        "UnsupportedCertVersion" => Some(
            "the certificate is of X.509 version 1, which can hold no names; have one of version 3 issued (a server's \
             with its host in subjectAltName)",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::crypto::ring;
    use rustls::pki_types::ServerName;

    use super::*;

    /// What a client that trusts the certificate makes of it as that of a server.
    fn refusal(is_ca: rcgen::IsCa) -> Option<String> {
        let mut params = rcgen::CertificateParams::new(vec!["manager".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        let name = ServerName::try_from("manager").unwrap();
        let verified = verifier.verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now());
        let error = verified.err()?;
        Some(explained(io::Error::new(io::ErrorKind::InvalidData, error)).to_string())
    }

    #[test]
    fn dates_are_told_as_people_write_them() {
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let told = |fault: CertificateError| {
            let error = rustls::Error::InvalidCertificate(fault);
            explained(io::Error::new(io::ErrorKind::InvalidData, error)).to_string()
        };
        let (time, not_after, not_before) = (at(1_795_241_376), at(1_738_368_000), at(1_830_297_600));
        assert_eq!(
            told(CertificateError::ExpiredContext { time, not_after }),
            "the certificate's validity ended at 2025-02-01T00:00:00Z, and the clock here says 2026-11-21T06:09:36Z"
        );
        assert_eq!(
            told(CertificateError::NotValidYetContext { time, not_before }),
            "the certificate is valid from 2028-01-01T00:00:00Z on, and the clock here says 2026-11-21T06:09:36Z"
        );
    }

    #[test]
    fn an_authority_in_place_of_a_server_is_explained() {
        let ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let told = refusal(ca).unwrap();
        assert!(
            told.contains("CaUsedAsEndEntity") && told.contains("CA:FALSE"),
            "{told}"
        );
        assert_eq!(refusal(rcgen::IsCa::ExplicitNoCa), None);
    }
}
