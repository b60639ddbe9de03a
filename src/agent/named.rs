//! What a configuration names and only the machine knows: files, a group, PAM. Each is looked at as the agent will use
//! it; nothing is written.

use std::io::{self, ErrorKind};
use std::path::Path;

use jiff::Timestamp;

use super::{build, own_certificate};
use crate::config::{Config, ConfigFaults, Fault, Trust};
use crate::net::certificate::{CertificateError, CertificateNames};
use crate::net::local_peer;

/// What is to be said of what a configuration names, each at its key and line.
#[derive(Debug, Default)]
pub struct Findings {
    /// No agent starts with these, or takes them while it runs.
    pub faults: Vec<Fault>,
    /// What whoever looks may not read. The agent's user may, if it is another.
    pub unreadable: Vec<Fault>,
    /// What is allowed and yet not as it should be.
    pub warnings: Vec<Fault>,
}

/// Why something that is named cannot be used.
struct Trouble {
    reason: String,
    is_denied: bool,
}

/// Looks at everything that the configuration names.
pub fn look(config: &Config, now: Timestamp) -> Findings {
    let mut findings = Findings::default();
    let mut note = |key: &str, outcome: Result<(), Trouble>| {
        if let Err(trouble) = outcome {
            let list = match trouble.is_denied {
                true => &mut findings.unreadable,
                false => &mut findings.faults,
            };
            list.push(config.fault_at(key, trouble.reason));
        }
    };
    if let Some(file) = &config.tls.client_ca {
        let used = || build::client_certificates(config).map(drop).map_err(Trouble::new);
        note("tls.client_ca", readable(file).and_then(|()| used()));
    }
    if config.delivery.trust == Trust::Ca {
        let used = || build::courier_options(config).map(drop).map_err(Trouble::new);
        match &config.delivery.ca_file {
            Some(file) => note("delivery.ca_file", readable(file).and_then(|()| used())),
            None => note("delivery.trust", used()),
        }
    }
    note("accounts.file", accounts(config));
    note("accounts.pam_service", pam(config));
    note("local.group", group(config));
    let pair = own_certificate::wanted(config, CertificateNames::default(), Vec::new()).look();
    match pair {
        Ok(Some(pair)) => {
            // Our own is made anew at the next start.
            let invalid = pair.invalidity(now).filter(|_| !pair.own);
            findings
                .warnings
                .extend(invalid.map(|reason| config.fault_at("tls.certificate", reason)));
        }
        Ok(None) => {
            note(
                "tls.certificate",
                folder_of(config, "tls.certificate", &config.tls.certificate),
            );
            note("tls.key", folder_of(config, "tls.key", &config.tls.key));
        }
        Err(error) => note(key_of(config, &error), Err(error.into())),
    }
    findings
}

impl Findings {
    /// What the agent itself cannot do with.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_iter().chain(self.unreadable).collect()
    }

    /// The warnings, if the agent can start.
    ///
    /// # Errors
    /// Everything that keeps it from that.
    pub(super) fn for_start(mut self) -> Result<Vec<Fault>, ConfigFaults> {
        let warnings = std::mem::take(&mut self.warnings);
        ConfigFaults::none_of(self.into_faults()).map(|()| warnings)
    }
}

fn accounts(config: &Config) -> Result<(), Trouble> {
    let file = &config.accounts.file;
    match std::fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => folder_of(config, "accounts.file", file),
        read => Ok(read.map(drop)?),
    }
}

fn pam(config: &Config) -> Result<(), Trouble> {
    if config.accounts.pam_service.is_some() && !cfg!(feature = "pam") {
        return Err(Trouble::new(
            "this build checks no accounts by PAM; build with `--features pam`",
        ));
    }
    Ok(())
}

fn group(config: &Config) -> Result<(), Trouble> {
    match &config.local.group {
        Some(group) if !local_peer::is_group(group) => Err(Trouble::new(
            "there is no such group in /etc/group; groups of a directory service alone are not seen",
        )),
        _ => Ok(()),
    }
}

fn readable(file: &Path) -> Result<(), Trouble> {
    Ok(std::fs::File::open(file).map(drop)?)
}

/// What is not there is made, in the state folder with every folder it needs. Elsewhere a folder that is not there is
/// taken for a slip of the pen.
fn folder_of(config: &Config, key: &str, file: &Path) -> Result<(), Trouble> {
    let Some(folder) = file.parent() else {
        return Ok(());
    };
    if !config.is_set(key) || file.starts_with(&config.state_dir) || folder.try_exists()? {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "there is no folder {}: correct the path, or make the folder",
        folder.display()
    )))
}

/// The key that names the file with the fault.
fn key_of(config: &Config, error: &CertificateError) -> &'static str {
    let is_key = match error {
        CertificateError::File { path, .. } | CertificateError::Content { path, .. } => {
            *path == config.tls.key
        }
        CertificateError::Mismatch { .. } => true,
        _ => false,
    };
    if is_key { "tls.key" } else { "tls.certificate" }
}

impl Trouble {
    fn new(reason: impl std::fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
            is_denied: false,
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self {
            reason: format!("cannot be read: {error}"),
            is_denied: error.kind() == ErrorKind::PermissionDenied,
        }
    }
}

impl From<CertificateError> for Trouble {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::File { error, .. } => error.into(),
            CertificateError::Content { reason, .. } => Self::new(reason),
            error => Self::new(error),
        }
    }
}
