//! Options that say which agent is asked, by whom, and whom to trust.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use super::length;
use super::prompt;
use super::{Global, LikelySocket};
use crate::cim::CimStatus;
use crate::client::server::ServerAddress;
use crate::client::wsman::{ClientOptions, WsmanClient, WsmanError};
use crate::net::fingerprint::Fingerprint;
use crate::net::http_client::{BasicCredentials, ClientError};
use crate::net::tls::client::{ClientTls, Trust, system_authorities};
use crate::net::tls::{TlsError, read_authorities};

/// Which servers are trusted; of no effect on the local socket.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Whom to trust [default: the authorities of this system]")]
pub struct TrustArgs {
    /// Trust the certificates in this PEM file, and what they have signed
    #[arg(long, value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    /// Trust the certificate, or the key, with this SHA-256, whatever it says; `esm cert show` prints both
    #[arg(long, value_name = "SHA256", global = true)]
    pin: Option<Fingerprint>,
    /// Trust everybody: whoever stands in the way can read and change everything
    #[arg(long, global = true)]
    insecure: bool,
}

/// Who asks.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Login")]
pub struct LoginArgs {
    /// The account; its password is in the file of --password-file or the variable ESM_PASSWORD, or is asked for
    #[arg(long, value_name = "NAME", global = true)]
    pub user: Option<String>,
    /// A file whose first line is the password
    #[arg(long, value_name = "FILE", global = true)]
    password_file: Option<PathBuf>,
    /// Let the password go to another machine over http://, where everybody on the way can read it
    #[arg(long, global = true)]
    allow_clear_text: bool,
}

/// Which agent of this machine.
#[derive(Clone, Debug, clap::Args)]
pub struct LocalArgs {
    /// The local socket of the agent [default: what the configuration says, else the user's own, else root's]
    #[arg(long, value_name = "PATH", global = true)]
    socket: Option<PathBuf>,
}

/// Whom to ask.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Which agent [default: that of this machine]")]
pub struct ConnectionArgs {
    /// The agent: https://HOST[:5986][/wsman], or HOST alone
    #[arg(long, value_name = "URL", global = true, value_parser = ServerAddress::parse, conflicts_with = "socket")]
    url: Option<ServerAddress>,
    #[command(flatten)]
    local: LocalArgs,
    /// How long the agent may take for an answer, as 30s or 5m
    #[arg(long, value_name = "LENGTH", global = true, default_value = "60s", value_parser = length::parse_timeout)]
    timeout: Duration,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

impl TrustArgs {
    /// The TLS configuration.
    ///
    /// # Errors
    /// If two of the options stand together, or the authorities cannot be read.
    pub fn tls(&self) -> Result<ClientTls, Failure> {
        let given = [self.ca.is_some(), self.pin.is_some(), self.insecure];
        if given.into_iter().filter(|given| *given).count() > 1 {
            let message = "--ca, --pin and --insecure exclude one another";
            return Err(Failure::new(Exit::Usage, message));
        }
        let trust = match (&self.ca, self.pin, self.insecure) {
            (Some(file), ..) => Trust::Authorities(read_authorities(file)?),
            (_, Some(pin), _) => Trust::Pin(pin),
            (_, _, true) => Trust::Off,
            _ => Trust::Authorities(system_authorities()?),
        };
        Ok(ClientTls::new(trust)?)
    }

    fn is_given(&self) -> bool {
        self.ca.is_some() || self.pin.is_some() || self.insecure
    }

    /// Whether a certificate is asked for that only TLS can show.
    const fn wants_tls(&self) -> bool {
        self.ca.is_some() || self.pin.is_some()
    }
}

impl LoginArgs {
    /// Name and password; `None` where no name was given.
    ///
    /// # Errors
    /// If there is a name and no password, or the name cannot be sent.
    pub fn credentials(&self) -> Result<Option<BasicCredentials>, Failure> {
        let Some(user) = &self.user else {
            return Ok(None);
        };
        let password = password(user, self.password_file.as_deref(), "ESM_PASSWORD")?;
        BasicCredentials::new(user, &password)
            .map(Some)
            .map_err(|error| Failure::new(Exit::Usage, error))
    }
}

/// The password of `user`: from the file, the environment variable, or the terminal.
///
/// # Errors
/// If it can be had from none of them, or is no text.
pub fn password(user: &str, file: Option<&Path>, variable: &str) -> Result<Zeroizing<String>, Failure> {
    if let Some(path) = file {
        let refuse = |reason: &dyn std::fmt::Display| {
            Failure::new(Exit::Local, format!("{}: {reason}", path.display()))
        };
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| refuse(&error))?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            return Err(refuse(&"its first line is empty; the password belongs there"));
        }
        return Ok(Zeroizing::new(line.to_owned()));
    }
    if let Some(value) = std::env::var_os(variable) {
        let text = value.into_string().map(Zeroizing::new);
        return text.map_err(|_| Failure::new(Exit::Usage, format!("{variable} is no UTF-8")));
    }
    if !std::io::stdin().is_terminal() {
        let message = format!(
            "no password for {user}: give it in {variable}, in the file of --password-file, or on a terminal"
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let bytes = prompt::password(user)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| Failure::new(Exit::Usage, "the password is no UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl ConnectionArgs {
    /// A client as the options say.
    ///
    /// # Errors
    /// What keeps it from being made; nothing is sent yet.
    pub fn client(&self, global: &Global) -> Result<WsmanClient, Failure> {
        let options = ClientOptions {
            timeout: self.timeout,
            ..ClientOptions::default()
        };
        match &self.url {
            Some(address) => {
                check_clear_text(address, &self.login, &self.trust)?;
                let tls = self.tls_for(address)?;
                Ok(WsmanClient::new(
                    address.clone(),
                    &tls,
                    self.login.credentials()?,
                    options,
                )?)
            }
            None if self.login.user.is_some() || self.trust.is_given() => Err(Failure::new(
                Exit::Usage,
                "--user, --ca, --pin and --insecure are for an agent named by --url; the local socket needs none",
            )),
            None => self.local.client(global, options),
        }
    }

    /// Authorities are read only where TLS is spoken: a machine may have none.
    fn tls_for(&self, address: &ServerAddress) -> Result<ClientTls, Failure> {
        match address {
            ServerAddress::Url(url) if url.tls => self.trust.tls(),
            _ => Ok(ClientTls::new(Trust::Off)?),
        }
    }
}

impl LocalArgs {
    /// The agent with that socket; without one, that of the configuration.
    pub const fn of(socket: Option<PathBuf>) -> Self {
        Self { socket }
    }

    /// The path of the socket.
    ///
    /// # Errors
    /// If it is not given, and the configuration that names it is too faulty to know.
    pub fn path(&self, global: &Global) -> Result<PathBuf, Failure> {
        match &self.socket {
            Some(path) => Ok(path.clone()),
            None => global.local_socket().map_err(|failure| {
                failure.with_advice(
                    "the configuration names the socket of this machine's agent: correct it, or name the socket by --socket",
                )
            }),
        }
    }

    /// The path of the socket, most likely, without a word about faults of the configuration.
    ///
    /// # Errors
    /// If there is no place where it would be.
    pub fn likely_path(&self, global: &Global) -> Result<LikelySocket, Failure> {
        match &self.socket {
            Some(path) => Ok(LikelySocket {
                path: path.clone(),
                is_certain: true,
            }),
            None => global.likely_socket(),
        }
    }

    /// A client of this machine's agent.
    ///
    /// # Errors
    /// As [`LocalArgs::path`].
    pub fn client(&self, global: &Global, options: ClientOptions) -> Result<WsmanClient, Failure> {
        let address = ServerAddress::Local(self.path(global)?);
        let tls = ClientTls::new(Trust::Off)?;
        Ok(WsmanClient::new(address, &tls, None, options)?)
    }
}

/// Makes sure that nothing goes in clear text which is not meant to: who pins a certificate means TLS, and a password
/// is shown to the network only where that is asked for, and is told of then.
///
/// # Errors
/// What would go there, and how it is done.
pub fn check_clear_text(
    address: &ServerAddress,
    login: &LoginArgs,
    trust: &TrustArgs,
) -> Result<(), Failure> {
    let refuse = |message: String| Err(Failure::new(Exit::Usage, message));
    if trust.wants_tls() && matches!(address, ServerAddress::Url(url) if !url.tls) {
        return refuse(clear_text_shows_no_certificate(address));
    }
    if login.user.is_none() || !address.is_open_to_eavesdroppers() {
        return Ok(());
    }
    if !login.allow_clear_text {
        return refuse(format!(
            "the password would be sent in clear text to {address}: give an https:// URL, or --allow-clear-text"
        ));
    }
    warn_of_clear_text(address);
    Ok(())
}

/// Why a certificate cannot be asked for there.
pub fn clear_text_shows_no_certificate(address: &ServerAddress) -> String {
    format!("--pin and --ca are for https://, and {address} is clear text, which shows no certificate")
}

/// Says on standard error that a password goes in clear text, if it does.
pub fn warn_of_clear_text(address: &ServerAddress) {
    if address.is_open_to_eavesdroppers() {
        eprintln!("esm: warning: the password is sent in clear text to {address}");
    }
}

/// Runs a command that waits for the network.
///
/// # Errors
/// What the command says, or that there is no runtime.
pub fn block_on<T, E: From<Failure>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Local, format!("no runtime: {error}")))?
        .block_on(work)
}

impl From<WsmanError> for Failure {
    fn from(error: WsmanError) -> Self {
        let exit = match &error {
            WsmanError::Http(ClientError::BadRequest(_)) => Exit::Usage,
            WsmanError::Http(_) => Exit::Unreachable,
            WsmanError::LoginRefused { .. } => Exit::LoginRefused,
            WsmanError::Fault(fault) if fault.cim_status == Some(CimStatus::NotFound) => Exit::Negative,
            WsmanError::Fault(_) | WsmanError::Status { .. } | WsmanError::Malformed(_) => Exit::PeerFault,
        };
        let advice = advice(&error);
        Self::new(exit, format!("{error}{advice}"))
    }
}

/// What may help, where it is not in the error itself.
fn advice(error: &WsmanError) -> &'static str {
    match error {
        WsmanError::LoginRefused {
            had_credentials: false,
            is_local: false,
            ..
        } => ": --user NAME",
        WsmanError::Http(ClientError::Tls { .. }) => {
            "\nesm: if the certificate is the agent's own: --pin SHA256 (`esm cert show` there), or --ca FILE"
        }
        WsmanError::Http(ClientError::Connect { error, .. })
            if error.kind() == std::io::ErrorKind::NotFound =>
        {
            "\nesm: is the agent of this machine running? Its socket is named by --socket, another machine's agent by the --url of `esm wsman`"
        }
        _ => "",
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::new(Exit::Local, error)
    }
}
