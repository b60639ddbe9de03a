//! TLS as a server and as a client: rustls with the ring provider, versions 1.2 and 1.3.

pub mod client;
pub mod server;

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

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
