//! Who is asked, and how: the connection that a command line describes.

use std::io::Write as _;
use std::time::Duration;

use zeroize::Zeroizing;

use super::command_line::Options;
use super::object::{Object, Server};
use super::trouble::Trouble;
use crate::cli::Global;
use crate::cli::connect::{LocalArgs, clear_text_shows_no_certificate, password, warn_of_clear_text};
use crate::client::cimxml::{CimxmlClient, ClientOptions, Passing};
use crate::client::server::ServerAddress;
use crate::net::http_client::{BasicCredentials, HttpUrl};
use crate::net::tls::client::{ClientTls, Identity, Trust, system_authorities};
use crate::net::tls::read_authorities;

/// The variable that holds the password.
const PASSWORD_VARIABLE: &str = "ESM_PASSWORD";

/// A client, and what its server is called in results.
pub struct Session {
    /// The client.
    pub client: CimxmlClient,
    /// `host:port` as it was written; `None` for the agent of this machine.
    pub server: Option<String>,
}

/// Makes the client that the object path and the options describe. Nothing is sent yet.
///
/// # Errors
/// What keeps it from being made.
pub fn open(object: &mut Object, options: &Options, global: &Global) -> Result<Session, Trouble> {
    let server = match (object.server.take(), &options.url) {
        (Some(_), Some(_)) => {
            return Err(Trouble::command(
                "the object names its server: --url is for one that does not",
            ));
        }
        (Some(server), None) => Some(server),
        (None, Some(url)) => Some(Server::of_url(url)?),
        (None, None) => None,
    };
    if server.is_some() && options.socket.is_some() {
        return Err(Trouble::command(
            "--socket is for the agent of this machine: leave it out, or the server",
        ));
    }
    let mut client_options = ClientOptions::default();
    if let Some(timeout) = options.timeout {
        client_options.timeout = timeout;
    }
    if let Some(max_objects) = options.max_objects {
        client_options.max_objects = max_objects;
    }
    let (mut client, server) = match server {
        Some(server) => (remote(&server, options, client_options)?, Some(server.shown())),
        None => (local(options, client_options, global)?, None),
    };
    if options.shows_messages {
        client.observe(Box::new(show_message));
    }
    Ok(Session { client, server })
}

fn remote(
    server: &Server,
    options: &Options,
    client_options: ClientOptions,
) -> Result<CimxmlClient, Trouble> {
    let url: HttpUrl = server.url().parse().map_err(Trouble::url)?;
    let address = ServerAddress::Url(url);
    if !server.tls && (options.ca.is_some() || options.pin.is_some()) {
        return Err(Trouble::command(clear_text_shows_no_certificate(&address)));
    }
    let credentials = credentials(server, options)?;
    if credentials.is_some() {
        warn_of_clear_text(&address);
    }
    let tls = if server.tls {
        tls(options)?
    } else {
        ClientTls::new(Trust::Off).map_err(Trouble::command)?
    };
    Ok(CimxmlClient::new(address, &tls, credentials, client_options)?)
}

/// What stands in the URL, else what the options name.
fn credentials(server: &Server, options: &Options) -> Result<Option<BasicCredentials>, Trouble> {
    let Some(user) = server.user.as_ref().or(options.user.as_ref()) else {
        return Ok(None);
    };
    let password: Zeroizing<String> = match &server.password {
        Some(password) => password.clone(),
        None => password(user, options.password_file.as_deref(), PASSWORD_VARIABLE)?,
    };
    BasicCredentials::new(user, &password)
        .map(Some)
        .map_err(Trouble::command)
}

fn tls(options: &Options) -> Result<ClientTls, Trouble> {
    let given = [options.ca.is_some(), options.pin.is_some(), options.insecure];
    let trust = match (&options.ca, options.pin, options.insecure) {
        // wbemcli lets -noverify win over -cacert.
        (_, None, true) => Trust::Off,
        _ if given.into_iter().filter(|given| *given).count() > 1 => {
            return Err(Trouble::command("--ca, --pin and --insecure exclude one another"));
        }
        (_, Some(pin), _) => Trust::Pin(pin),
        (Some(file), ..) => Trust::Authorities(read_authorities(file).map_err(Trouble::command)?),
        _ => Trust::Authorities(system_authorities().map_err(Trouble::command)?),
    };
    match (&options.client_certificate, &options.client_key) {
        (Some(certificate), Some(key)) => {
            let identity = Identity::read(certificate, key).map_err(Trouble::command)?;
            ClientTls::with_identity(trust, identity).map_err(Trouble::command)
        }
        (None, None) => ClientTls::new(trust).map_err(Trouble::command),
        _ => Err(Trouble::http(
            "Must specify both -clientcert and -clientkey or none.",
        )),
    }
}

fn local(options: &Options, client_options: ClientOptions, global: &Global) -> Result<CimxmlClient, Trouble> {
    let about_login = options.user.is_some() || options.password_file.is_some();
    let about_trust = options.ca.is_some() || options.pin.is_some() || options.insecure;
    if about_login || about_trust || options.client_certificate.is_some() || options.client_key.is_some() {
        return Err(Trouble::command(
            "without a server it is the agent of this machine, whose socket needs no login and no certificate: \
             name a server in the object, as in https://host/root/cimv2:CIM_X, or by --url",
        ));
    }
    let global = match &options.config {
        Some(config) => &Global::of_file(config.clone()),
        None => global,
    };
    let address = ServerAddress::Local(LocalArgs::of(options.socket.clone()).path(global)?);
    let tls = ClientTls::new(Trust::Off).map_err(Trouble::command)?;
    Ok(CimxmlClient::new(address, &tls, None, client_options)?)
}

/// Waits as `-w` says, and says so where wbemcli does.
///
/// # Errors
/// If the output cannot be written.
pub async fn wait(length: Duration) -> Result<(), Trouble> {
    println!("waiting {}s...", length.as_secs());
    tokio::time::sleep(length).await;
    Ok(())
}

/// `-dx`: what passes goes to standard error.
fn show_message(passing: Passing<'_>) {
    let mut err = std::io::stderr().lock();
    // Whether it is seen does not matter to the command.
    let _ = match passing {
        Passing::Sent(message) => writeln!(err, "To server: {message}"),
        Passing::Header(name, value) => writeln!(err, "From server: {name}: {value}"),
        Passing::Received(message) => writeln!(err, "From server: {message}"),
    };
}
