//! By what the listener is known, and whom it knows.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::Args;
use crate::agent::own_certificate::certificate_names;
use crate::cli::Global;
use crate::cli::connect::password;
use crate::cli::exit::{Exit, Failure};
use crate::clock::SystemClock;
use crate::host::Host;
use crate::net::accounts::Accounts;
use crate::net::certificate::{self, CertificateNames, CertificatePair, Ensured, PairPaths, Wanted};
use crate::net::fingerprint::Fingerprint;
use crate::net::rights::OwnersRights;
use crate::net::tls::server::ServerTls;
use crate::server::Authenticator;

/// The listener's part of TLS and of authentication.
pub struct Identity {
    /// `None` in clear text.
    pub tls: Option<Arc<ServerTls>>,
    /// Of the certificate, and of its key.
    pub fingerprints: Option<(Fingerprint, Fingerprint)>,
    /// Knows the account of `--accept-user`, if there is one.
    pub authenticator: Authenticator,
}

impl Identity {
    /// The scheme of its URLs.
    pub const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// As the arguments say.
///
/// # Errors
/// If the certificate or the account cannot be had.
pub fn load(args: &Args, global: &Global) -> Result<Identity, Failure> {
    let pair = match (&args.certificate, &args.key) {
        _ if args.plain => None,
        (Some(certificate), Some(key)) => Some(certificate::read(&PairPaths {
            certificate: certificate.clone(),
            key: key.clone(),
        })?),
        _ => Some(own_pair(&folder(global)?)?),
    };
    let tls = pair.as_ref().map(|pair| ServerTls::new(pair, None)).transpose()?;
    Ok(Identity {
        tls: tls.map(Arc::new),
        fingerprints: pair.as_ref().map(|pair| {
            let description = pair.description();
            (description.fingerprint, description.key_fingerprint)
        }),
        authenticator: Authenticator::new(accounts(args, global)?.map(Arc::new), None),
    })
}

/// Where the listener keeps what is its own. It is kept over restarts: agents know a listener again by its
/// certificate.
fn folder(global: &Global) -> Result<std::path::PathBuf, Failure> {
    let folder = global.load()?.state_dir.join("listener");
    let make = |_: OwnersRights| DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    let made = OwnersRights::of(&folder).and_then(make);
    made.map_err(|error| {
        let advice = "give --certificate and --key, or set `state_dir` to a folder that can be written";
        Failure::new(Exit::Local, format!("{}: {error}; {advice}", folder.display()))
    })?;
    Ok(folder)
}

fn own_pair(folder: &Path) -> Result<CertificatePair, Failure> {
    let _rights = OwnersRights::of(folder)?;
    let paths = PairPaths {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    let wanted = Wanted {
        paths,
        names: certificate_names(&Host::live(SystemClock::shared()), &[]),
        required: CertificateNames::default(),
        place_is_ours: true,
    };
    let (pair, ensured) = wanted.ensure(Timestamp::now())?;
    if let Ensured::Due { reason, error } = ensured {
        eprintln!("esm: the certificate was not renewed, and {reason}: {error}");
    }
    Ok(pair)
}

/// The account that deliveries must log in with.
fn accounts(args: &Args, global: &Global) -> Result<Option<Accounts>, Failure> {
    let Some(user) = &args.accept_user else {
        return Ok(None);
    };
    let file = args.accept_password_file.as_deref();
    let password = password(user, file, "ESM_ACCEPT_PASSWORD")?;
    let folder = folder(global)?;
    let _rights = OwnersRights::of(&folder)?;
    let path = folder.join("accounts");
    let refuse = |error: &dyn std::fmt::Display| Failure::new(Exit::Local, error);
    // Only the account of this start counts.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refuse(&error)),
        _ => {}
    }
    let accounts = Accounts::open(path).map_err(|error| refuse(&error))?;
    accounts
        .set(user, password.as_bytes())
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(Some(accounts))
}
