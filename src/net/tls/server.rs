//! The server's side of TLS: a certificate that can be replaced while connections live, session
//! resumption, and client certificates as an alternative to passwords.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::net::certificate::CertificatePair;
use crate::net::fingerprint::Fingerprint;
use crate::net::principal::Principal;
use crate::net::tls::TlsError;

/// Sessions of TLS 1.2 clients that use no tickets.
const REMEMBERED_SESSIONS: usize = 256;

/// The TLS configuration of all listeners that share one certificate.
#[derive(Debug)]
pub struct ServerTls {
    certificate: Arc<ReplaceableCertificate>,
    rules: RwLock<Arc<HandshakeRules>>,
}

/// What handshakes follow: made by [`ServerTls::rules`], put in force by [`ServerTls::set_rules`].
#[derive(Debug)]
pub struct HandshakeRules {
    config: Arc<ServerConfig>,
    clients: Option<Clients>,
}

/// Whose certificates are accepted, and whom they stand for.
#[derive(Debug)]
struct Clients {
    verifier: Arc<dyn ClientCertVerifier>,
    mapping: ClientMapping,
}

/// The certificate that a client showed, and those that lead from it to an authority.
#[derive(Clone, Debug)]
pub struct ShownCertificate(Vec<CertificateDer<'static>>);

impl ShownCertificate {
    /// What the client at the other end of a finished handshake showed, if anything.
    pub fn of(connection: &ServerConnection) -> Option<Self> {
        let chain = connection.peer_certificates()?;
        (!chain.is_empty()).then(|| Self(chain.to_vec()))
    }
}

/// Which client certificates stand for whom.
#[derive(Clone, Debug)]
pub struct ClientCertificates {
    /// The authority that must have signed them.
    pub authority: RootCertStore,
    /// Who they stand for.
    pub mapping: ClientMapping,
}

/// How a client certificate becomes a principal's name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientMapping {
    /// Every certificate of the authority is accepted, under its subject's common name.
    CommonName,
    /// Only those listed are accepted, each under the name beside it.
    Listed(Vec<(ClientMatch, String)>),
}

/// What a client certificate is recognised by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientMatch {
    /// The common name of its subject.
    CommonName(String),
    /// Its SHA-256.
    Fingerprint(Fingerprint),
}

impl ServerTls {
    /// A configuration that presents `pair`, offers `http/1.1` alone, and, with `clients`, accepts
    /// certificates of theirs (none is demanded).
    ///
    /// # Errors
    /// If the authority holds no certificate, or the system gives no random bytes.
    pub fn new(pair: &CertificatePair, clients: Option<ClientCertificates>) -> Result<Self, TlsError> {
        let certificate = Arc::new(ReplaceableCertificate {
            current: RwLock::new(pair.clone()),
        });
        let rules = RwLock::new(Arc::new(HandshakeRules::new(&certificate, clients)?));
        Ok(Self { certificate, rules })
    }

    /// What an acceptor needs for the next handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.rules.read().config)
    }

    /// Rules that accept these client certificates; nothing follows them yet.
    ///
    /// # Errors
    /// As [`ServerTls::new`].
    pub fn rules(&self, clients: Option<ClientCertificates>) -> Result<HandshakeRules, TlsError> {
        HandshakeRules::new(&self.certificate, clients)
    }

    /// The rules that are in force.
    pub fn rules_in_force(&self) -> Arc<HandshakeRules> {
        Arc::clone(&self.rules.read())
    }

    /// Follows these rules from the next handshake on. Sessions are not resumed across the change.
    pub fn set_rules(&self, rules: HandshakeRules) {
        *self.rules.write() = Arc::new(rules);
    }

    /// Presents `pair` from the next handshake on; returns the one before. Connections that are open stay so.
    pub fn replace(&self, pair: &CertificatePair) -> CertificatePair {
        std::mem::replace(&mut self.certificate.current.write(), pair.clone())
    }
}

impl HandshakeRules {
    fn new(
        certificate: &Arc<ReplaceableCertificate>,
        clients: Option<ClientCertificates>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let clients = clients
            .map(|ClientCertificates { authority, mapping }| {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authority), provider);
                let verifier = verifier.allow_unauthenticated().build()?;
                Ok::<_, TlsError>(Clients { verifier, mapping })
            })
            .transpose()?;
        let builder = match &clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(&clients.verifier)),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(certificate) as Arc<dyn ResolvesServerCert>);
        // A client that hears of h2 believes it.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(REMEMBERED_SESSIONS);
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self {
            config: Arc::new(config),
            clients,
        })
    }

    /// The principal that a client's certificate stands for. It is verified here, too: it may have been shown when
    /// other rules were in force.
    pub fn principal(&self, shown: &ShownCertificate) -> Option<Principal> {
        let clients = self.clients.as_ref()?;
        let (certificate, intermediates) = shown.0.split_first()?;
        let verified = clients
            .verifier
            .verify_client_cert(certificate, intermediates, UnixTime::now());
        match verified {
            Ok(_) => clients.mapping.principal(certificate),
            Err(error) => {
                tracing::debug!(%error, "the certificate of an open connection is not accepted any more");
                None
            }
        }
    }
}

impl ClientMapping {
    fn principal(&self, certificate: &CertificateDer<'_>) -> Option<Principal> {
        let fingerprint = Fingerprint::of(certificate);
        let common_name = common_name(certificate);
        let name = match self {
            Self::CommonName => common_name.as_deref(),
            Self::Listed(list) => list.iter().find_map(|(wanted, name)| {
                let matches = match wanted {
                    ClientMatch::CommonName(wanted) => common_name.as_ref() == Some(wanted),
                    ClientMatch::Fingerprint(wanted) => *wanted == fingerprint,
                };
                matches.then_some(name.as_str())
            }),
        }?;
        Some(Principal::certificate(name, fingerprint))
    }
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[derive(Debug)]
struct ReplaceableCertificate {
    current: RwLock<CertificatePair>,
}

impl ResolvesServerCert for ReplaceableCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().certified))
    }
}
