//! The client's side of TLS: whom to trust, and what the server showed.
//!
//! Whatever is trusted, the handshake's signature is verified: the server holds the key of the
//! certificate that it shows.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::fingerprint::{Fingerprint, Fingerprints};
use crate::net::tls::TlsError;

/// Few: each configuration mostly serves one destination.
const REMEMBERED_SESSIONS: usize = 4;

/// Which servers are trusted.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those whose certificate one of these authorities signed for the name that is connected to.
    Authorities(RootCertStore),
    /// The one with this certificate, or with a certificate for this key, whatever it says.
    Pin(Fingerprint),
    /// Whichever answers first, and from then on only one with the same key. What was learned is in
    /// [`ClientTls::pin`].
    FirstUse,
    /// Every one. Whoever stands in the way can read and change everything.
    Off,
}

/// A client's TLS configuration. Cheap to clone; clones share what was learned.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    pin: Option<Arc<Pin>>,
    verifies_name: bool,
}

/// The server showed another certificate than the pinned one, with another key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the server shows another certificate than the pinned one: its SHA-256 is {}, that of its key {}, pinned is {pinned}",
    presented.certificate,
    presented.key
)]
pub struct PinMismatch {
    /// What was expected.
    pub pinned: Fingerprint,
    /// What came.
    pub presented: Fingerprints,
}

/// The authorities that the system trusts.
///
/// # Errors
/// If the system has none.
pub fn system_authorities() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsError::Authority {
            path: "system store".to_owned(),
            reason: "this system has no trusted authorities: name a file of them, or pin the certificate"
                .to_owned(),
        });
    }
    Ok(roots)
}

/// What a client shows a server that asks who it is: its own certificate, those that lead to an authority, and its
/// key. The key is never shown by `Debug`.
pub struct Identity {
    /// The file that the certificate came from.
    path: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a certificate, and the key that belongs to it, from files in PEM.
    ///
    /// # Errors
    /// If a file cannot be read or does not hold what it should.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let fault = |path: &Path, reason: String| TlsError::Identity {
            path: path.display().to_string(),
            reason,
        };
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let chain: Vec<_> = chain.map_err(|error| fault(certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(fault(certificate, "holds no certificate in PEM".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, error.to_string()))?;
        Ok(Self {
            path: certificate.display().to_string(),
            chain,
            key,
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ClientTls {
    /// A configuration that trusts as told.
    ///
    /// # Errors
    /// If the TLS library refuses; it does not with the versions and ciphers chosen here.
    pub fn new(trust: Trust) -> Result<Self, TlsError> {
        Self::build(trust, None)
    }

    /// The same, and servers that ask for a certificate are shown this one.
    ///
    /// # Errors
    /// If the certificate cannot be used, or the key does not belong to it.
    pub fn with_identity(trust: Trust, identity: Identity) -> Result<Self, TlsError> {
        Self::build(trust, Some(identity))
    }

    fn build(trust: Trust, identity: Option<Identity>) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let pin = match &trust {
            Trust::Pin(fingerprint) => Some(Arc::new(Pin(OnceLock::from(*fingerprint)))),
            Trust::FirstUse => Some(Arc::default()),
            Trust::Authorities(_) | Trust::Off => None,
        };
        let verifies_name = matches!(trust, Trust::Authorities(_));
        let builder = match trust {
            Trust::Authorities(roots) => builder.with_root_certificates(roots),
            Trust::Pin(_) | Trust::FirstUse | Trust::Off => {
                let verifier = PinVerifier {
                    pin: pin.clone(),
                    provider,
                };
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        let mut config = match identity {
            Some(Identity { path, chain, key }) => {
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| TlsError::Identity {
                        path,
                        reason: error.to_string(),
                    })?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(REMEMBERED_SESSIONS);
        Ok(Self {
            config: Arc::new(config),
            pin,
            verifies_name,
        })
    }

    /// The certificate or key that is pinned, or the key that was learned on first use.
    pub fn pin(&self) -> Option<Fingerprint> {
        self.pin.as_ref()?.0.get().copied()
    }

    /// Shakes hands over `stream` with the server called `host`; returns what it is recognised by, too.
    ///
    /// # Errors
    /// If the handshake fails or the server is not trusted. See [`pin_mismatch`].
    pub async fn connect<S>(&self, stream: S, host: &str) -> io::Result<(TlsStream<S>, Fingerprints)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsConnector::from(Arc::clone(&self.config))
            .connect(self.server_name(host)?, stream)
            .await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates
            .and_then(<[_]>::first)
            .ok_or_else(|| io::Error::other("the server showed no certificate"))?;
        let presented = Fingerprints::of(certificate).map_err(io::Error::other)?;
        if let Some(pin) = &self.pin {
            pin.learn(presented).map_err(io::Error::other)?;
        }
        Ok((stream, presented))
    }

    /// Where the name is not what is verified, one that cannot stand in TLS is no obstacle: it is not sent.
    fn server_name(&self, host: &str) -> io::Result<ServerName<'static>> {
        match ServerName::try_from(host.to_owned()) {
            Ok(name) => Ok(name),
            Err(_) if !self.verifies_name => Ok(ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0; 4])))),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidInput, error)),
        }
    }
}

/// The pin's mismatch, if that is what made a handshake fail.
pub fn pin_mismatch(error: &io::Error) -> Option<PinMismatch> {
    let inner = error.get_ref()?;
    if let Some(mismatch) = inner.downcast_ref::<PinMismatch>() {
        return Some(*mismatch);
    }
    match inner.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
            cause.downcast_ref::<PinMismatch>().copied()
        }
        _ => None,
    }
}

/// Set once: given from the start, or learned when the first handshake is finished.
#[derive(Debug, Default)]
struct Pin(OnceLock<Fingerprint>);

impl Pin {
    fn check(&self, presented: Fingerprints) -> Result<(), PinMismatch> {
        match self.0.get() {
            Some(&pinned) if !presented.match_pin(&pinned) => Err(PinMismatch { pinned, presented }),
            _ => Ok(()),
        }
    }

    /// Of two first handshakes at once, one is first.
    fn learn(&self, presented: Fingerprints) -> Result<(), PinMismatch> {
        self.0.get_or_init(|| presented.key);
        self.check(presented)
    }
}

/// Accepts the pinned certificate, or another with the pinned key; without a pin, any.
#[derive(Debug)]
struct PinVerifier {
    pin: Option<Arc<Pin>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(pin) = &self.pin {
            pin.check(Fingerprints::of(end_entity)?).map_err(|mismatch| {
                rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(mismatch))))
            })?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
