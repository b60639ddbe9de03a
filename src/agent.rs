//! Wires the rooms into a running agent; no logic of its own.

mod build;
pub mod greeting;
pub mod identity;
pub mod state_dir;

use std::sync::Arc;

use parking_lot::RwLock;

use crate::broker::{Broker, BrokerError};
use crate::cim::mof::MofErrors;
use crate::cim::schema::house;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::host::Host;
use crate::host::load::LOAD_SPACING;
use crate::net::accounts::{AccountError, Accounts};
use crate::net::certificate::CertificateError;
use crate::net::local_peer::LocalPeers;
use crate::net::tls::TlsError;
use crate::net::tls::server::ServerTls;
use crate::provider::MissingClass;
use crate::server::wsman::WsmanService;
use crate::server::{Authenticator, BindError, Server, ServerHandle, ShutdownReport, raise_file_limit};

use greeting::Greeting;
use identity::FirstPassword;
use state_dir::{StateDir, StateDirError};

/// Why the agent could not start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StartError {
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("accounts: {0}")]
    Random(std::io::Error),
    #[error("the schema in this binary is faulty: {0}")]
    Schema(#[from] MofErrors),
    #[error(transparent)]
    Class(#[from] MissingClass),
    #[error("the providers in this binary do not fit its schema: {0}")]
    Broker(#[from] BrokerError),
}

/// A running agent.
pub struct Agent {
    config: Arc<RwLock<Arc<Config>>>,
    greeting: Greeting,
    first_password: Option<FirstPassword>,
    server: ServerHandle,
    broker: Arc<Broker>,
    _load_sampler: tokio::task::JoinHandle<()>,
    _state_dir: StateDir,
}

impl Agent {
    /// Starts everything; the agent is ready when this returns.
    ///
    /// # Errors
    /// What is in the way, with what would be right.
    pub async fn start(config: Config, clock: SharedClock) -> Result<Self, StartError> {
        raise_file_limit();
        let state_dir = StateDir::take(&config.state_dir)?;
        let host = build::host(&config, &clock);
        let (pair, _made) = identity::ensure_certificate(&config, &host, clock.wall().timestamp())?;
        let accounts = Arc::new(Accounts::open(&config.accounts.file).map_err(StartError::Random)?);
        let first_password = identity::ensure_account(&accounts)?;
        for fault in accounts.faults() {
            tracing::warn!(file = %accounts.path().display(), %fault, "a line of the accounts file gives nobody access");
        }

        let schema = Arc::new(house()?);
        let broker = Arc::new(build::broker(&config, schema, &host, &clock)?);
        let wsman = WsmanService::new(
            Arc::clone(&broker),
            Arc::clone(&clock),
            build::wsman_options(&config),
        );
        let tls = Arc::new(ServerTls::new(&pair, build::client_certificates(&config)?)?);
        let listeners = build::listeners(&config, &tls)?;
        let authenticator = Authenticator::new(
            Some(Arc::clone(&accounts)),
            Some(LocalPeers::new(config.local.group.clone())),
        );
        let server = Server::new(Arc::new(wsman), authenticator)
            .with_limits(build::limits(&config))
            .start(listeners);

        let greeting = Greeting::new(&config, &host, &server.addresses(), pair.description(), &accounts);
        let load_sampler = tokio::spawn(sample_load(host, clock));
        Ok(Self {
            config: Arc::new(RwLock::new(Arc::new(config))),
            greeting,
            first_password,
            server,
            broker,
            _load_sampler: load_sampler,
            _state_dir: state_dir,
        })
    }

    /// How to reach it.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// The password of the account that this start made, if it made one.
    pub fn first_password(&self) -> Option<&FirstPassword> {
        self.first_password.as_ref()
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read())
    }

    /// The object manager.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Stops: requests in flight have the configured time to end.
    pub async fn stop(self) -> ShutdownReport {
        let deadline = self.config().limits.stop;
        self.server.shutdown(deadline).await
    }
}

/// Keeps the ring of load samples filled, so that the mean over a minute is one.
async fn sample_load(host: Host, clock: SharedClock) {
    loop {
        host.sample_load();
        clock.sleep(LOAD_SPACING).await;
    }
}
