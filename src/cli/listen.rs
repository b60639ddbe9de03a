//! `esm listen`: receives what agents report and prints it.

mod identity;
mod printer;
mod subscriptions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::Global;
use super::connect::{LoginArgs, TrustArgs, block_on};
use super::destination::DEFAULT_PORT;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use crate::client::classes::Classes;
use crate::manager::receiver::{Delivery, Receiver};
use crate::server::{Limits, Listener, Server, ServerHandle, raise_file_limit};
use printer::Printer;
use subscriptions::{SubscriptionArgs, Subscriptions};

/// Receive what agents report, and print it: WS-Eventing deliveries and CIM-XML exports
///
/// Each indication is one line, written out at once; what was sent again is marked. A delivery is acknowledged only
/// when it is printed. SIGTERM, SIGINT and SIGHUP end it; subscriptions that it made itself are ended with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm listen                                         on port 6736, with a certificate of its own
  esm listen --output json | jq .message
  esm listen --subscribe https://server --user admin --pin SHA256
  esm listen --subscribe https://server --user admin --pin SHA256 --filter-name ESM:AllAlerts
  esm listen --plain --listen 127.0.0.1:6736

The first lines on standard error say where it listens, and the fingerprints of its certificate and
its key.")]
pub struct Args {
    /// The port to listen on, at all addresses
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// An address and port to listen on, in place of all addresses
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "port")]
    listen: Vec<SocketAddr>,
    /// The form of what is printed; json is one object on each line
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Format,
    /// Listen in clear text, without TLS
    #[arg(long, conflicts_with_all = ["certificate", "key"])]
    plain: bool,
    /// End after so many indications
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// The certificate to show, in PEM [default: one of its own, in the state folder]
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Take only deliveries that log in with this name; the password is in ESM_ACCEPT_PASSWORD or the file
    #[arg(long, value_name = "NAME")]
    accept_user: Option<String>,
    /// A file whose first line is the password of --accept-user
    #[arg(long, value_name = "FILE", requires = "accept_user")]
    accept_password_file: Option<PathBuf>,
    #[command(flatten)]
    subscriptions: SubscriptionArgs,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// How long deliveries in progress may take when it ends.
const STOP: Duration = Duration::from_secs(5);
/// Bytes of a delivery. Senders may be unknown here, so it is less than an authenticated caller may send.
const DELIVERY_BYTES: usize = 2 * 1024 * 1024;

/// Deliveries that are taken at once.
const DELIVERIES_AT_ONCE: usize = 256;

pub(super) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    if args.login.user.is_some() && !args.subscriptions.is_given() {
        let message =
            "--user is the account at the agents of --subscribe; who may deliver is said by --accept-user";
        return Err(Failure::new(Exit::Usage, message));
    }
    block_on(listen(args, global, out))
}

async fn listen(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    raise_file_limit();
    let stop = Signals::new()?;
    let classes = Arc::new(Classes::default());
    let (receiver, mut deliveries) = Receiver::new(Arc::clone(&classes), args.accept_user.is_some());
    let server = start(args, global, receiver)?;
    let mut subscriptions = Subscriptions::start(args, &server.addresses()).await?;
    let mut printer = Printer::new(args.output, &classes, out)?;
    let ended = print(
        args.count,
        &mut deliveries,
        &mut subscriptions,
        &mut printer,
        stop,
    )
    .await;
    // What comes from now on is refused, and so sent again to whoever listens next.
    drop(deliveries);
    let goodbye = subscriptions.stop().await;
    server.shutdown(STOP).await;
    ended.and(goodbye).map(|()| Exit::Done)
}

fn start(args: &Args, global: &Global, receiver: Receiver) -> Result<ServerHandle, Failure> {
    let any = [SocketAddr::from(([0, 0, 0, 0], args.port))];
    let addresses = if args.listen.is_empty() {
        &any[..]
    } else {
        &args.listen
    };
    let identity = identity::load(args, global)?;
    let scheme = identity.scheme();
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = match &identity.tls {
            Some(tls) => Listener::tls(*address, Arc::clone(tls)),
            None => Listener::plain(*address),
        };
        listeners.push(listener.map_err(|error| Failure::new(Exit::Local, error))?);
    }
    let limits = Limits {
        body_bytes: DELIVERY_BYTES,
        anonymous_body_bytes: DELIVERY_BYTES,
        // Whoever delivers without a login is served as well as others.
        anonymous_in_flight: DELIVERIES_AT_ONCE,
        anonymous_in_flight_per_source: DELIVERIES_AT_ONCE,
        requests_in_flight: DELIVERIES_AT_ONCE,
        ..Limits::default()
    };
    let server = Server::new(Arc::new(receiver), identity.authenticator)
        .with_limits(limits)
        .start(listeners);
    for address in server.addresses() {
        eprintln!("esm: listening on {scheme}://{address}/");
    }
    if let Some((certificate, key)) = &identity.fingerprints {
        eprintln!("esm: certificate SHA-256 {certificate}");
        eprintln!("esm: its key SHA-256 {key}");
    }
    Ok(server)
}

/// Prints what comes until enough has come, a signal does, or a subscription is refused.
async fn print(
    count: Option<u64>,
    deliveries: &mut mpsc::Receiver<Delivery>,
    subscriptions: &mut Subscriptions,
    printer: &mut Printer<'_>,
    mut stop: Signals,
) -> Result<(), Failure> {
    while count.is_none_or(|count| printer.indications() < count) {
        tokio::select! {
            Some(delivery) = deliveries.recv() => {
                for report in &delivery.reports {
                    subscriptions.note(&report.content);
                    printer.print(report)?;
                }
                delivery.confirm();
            }
            refused = subscriptions.next_refused() => return Err(refused),
            () = stop.wait() => return Ok(()),
        }
    }
    Ok(())
}

/// The signals that end it.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// The terminal went away.
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
