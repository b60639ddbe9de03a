//! Wires the rooms into a running agent; no logic of its own.

mod build;
mod change;
pub mod greeting;
mod health;
pub mod identity;
pub mod named;
pub mod own_certificate;
mod reports;
mod services;
mod settings;
pub mod state_dir;
mod upkeep;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::alert::catalog::table::agent as alerts;
use crate::broker::{Broker, BrokerError};
use crate::cim::mof::MofErrors;
use crate::cim::schema::{Schema, house};
use crate::clock::SharedClock;
use crate::config::{Config, ConfigFaults, Mode};
use crate::delivery::{Registry, RegistryParts};
use crate::host::Host;
use crate::host::load::LOAD_SPACING;
use crate::net::accounts::{AccountError, Accounts};
use crate::net::certificate::CertificateError;
use crate::net::tls::TlsError;
use crate::net::tls::server::ServerTls;
use crate::provider::MissingClass;
use crate::server::{BindError, Server, ServerHandle, ShutdownReport, raise_file_limit};
use crate::store::commands::{Begin, Loaded, Seen};
use crate::store::{Store, StoreError};
use crate::subscription::Moment;
use crate::watch::{self, ChangeWatch, Monitors, Supervisor, Watch};

use change::Running;
use greeting::Greeting;
use health::Health;
use identity::FirstAccount;
use reports::Reports;
use services::Services;
use settings::{InForce, Settings};
use state_dir::{StateDir, StateDirError};
use upkeep::{AgentCouriers, LastLook, Reporting, Upkeep};

/// How long deliveries under way may take to end when the agent stops.
const DELIVERY_STOP: Duration = Duration::from_secs(5);

/// Why the agent could not start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StartError {
    #[error(transparent)]
    Configuration(#[from] ConfigFaults),
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
    #[error("accounts.pam_service: this build checks no accounts by PAM; build with `--features pam`")]
    NoPam,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the schema in this binary is faulty: {0}")]
    Schema(#[from] MofErrors),
    #[error(transparent)]
    Class(#[from] MissingClass),
    #[error("the providers in this binary do not fit its schema: {0}")]
    Broker(#[from] BrokerError),
}

/// Who is told of what becomes of an agent's configuration while it runs.
pub trait Observer: Send + Sync {
    /// The file is about to be read again.
    fn reload_begins(&self);

    /// This configuration is in force from now on, whoever changed it.
    fn config_taken(&self, config: &Config);

    /// The reload is over; the error says why the configuration in force is still the one before it.
    fn reload_ends(&self, outcome: Result<(), &str>);
}

/// A running agent.
pub struct Agent {
    in_force: InForce,
    clock: SharedClock,
    greeting: Greeting,
    accounts: Arc<Accounts>,
    server: Arc<Mutex<Option<ServerHandle>>>,
    broker: Arc<Broker>,
    store: Store,
    reporting: Option<Reporting>,
    supervisor: Arc<Supervisor>,
    reload: Arc<Notify>,
    _state_dir: StateDir,
}

impl Agent {
    /// Starts everything; the agent is ready when this returns, but for an account where there is none: see
    /// [`Agent::first_account`].
    ///
    /// # Errors
    /// What is in the way, with what would be right.
    pub async fn start(
        config: Config,
        clock: SharedClock,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, StartError> {
        raise_file_limit();
        // The first large thing: what its compilation leaves unused is used by what comes after it.
        let schema = Arc::new(house()?);
        let doubtful = named::look(&config, clock.wall().timestamp()).for_start()?;
        let state_dir = StateDir::take(&config.state_dir)?;
        let opened = Store::open(state_dir.path(), clock.wall())?;
        let store = opened.store;
        let loaded = begin(&store, &config, &clock).await?;
        let (config, refused) = build::with_remote(config, &loaded.settings);

        for warning in config.warnings().iter().chain(&doubtful) {
            tracing::warn!(%warning, "the configuration is allowed, but not as it should be");
        }
        let host = build::host(&config, &clock);
        let (pair, replaced) = own_certificate::ensure(&config, &host, clock.wall().timestamp())?;
        let accounts = open_accounts(&config)?;
        let supervisor = Arc::new(Supervisor::new(Arc::clone(&clock)));

        let monitors = Monitors::new(
            config.monitors.clone(),
            loaded.monitors.clone(),
            Arc::clone(&clock),
        );
        let reporting = match config.agent.mode {
            Mode::Service => Some(start_reporting(&config, &clock, &schema, &host, &store, &loaded)?),
            Mode::ProviderOnly => None,
        };
        let in_force = InForce::new(config.clone());
        let registry = reporting.as_ref().map(|reporting| reporting.registry.clone());
        let settings = Arc::new(Settings {
            in_force: in_force.clone(),
            store: store.clone(),
            monitors: monitors.clone(),
        });
        let parts = build::AgentParts {
            config: &config,
            in_force: &in_force,
            clock: &clock,
            host: &host,
            reporting: reporting.as_ref(),
            monitors: Arc::clone(&settings) as Arc<_>,
            remote: Arc::clone(&settings) as Arc<_>,
            configuration: Arc::clone(&settings) as Arc<_>,
            indications: registry.is_some().then_some(settings as Arc<_>),
            workers: Arc::new(Health {
                supervisor: Arc::clone(&supervisor),
                registry: registry.clone(),
            }),
        };
        let broker = Arc::new(build::broker(Arc::clone(&schema), &parts)?);
        let services = Services::new(&config, &broker, registry, &clock, host.general().name());
        let tls = Arc::new(ServerTls::new(&pair, build::client_certificates(&config)?)?);
        let listeners = build::listeners(&config, &tls)?;
        let authenticator = build::authenticator(&config, &accounts)?;
        let slot = Arc::new(Mutex::new(None));
        in_force.govern(Running {
            clock: Arc::clone(&clock),
            host: host.clone(),
            tls: Arc::clone(&tls),
            services: services.clone(),
            server: Arc::clone(&slot),
            monitors: monitors.clone(),
            reporting: reporting.clone(),
            observer: Arc::clone(&observer),
        });
        let server = Server::new(services.router(), authenticator)
            .with_limits(build::limits(&config))
            .start(listeners);
        let greeting = Greeting::new(&config, &host, &server.addresses(), pair.description(), &accounts);
        *slot.lock() = Some(server);

        let agent = Self {
            greeting,
            accounts,
            server: slot,
            broker,
            reporting,
            supervisor,
            reload: Arc::new(Notify::new()),
            clock: Arc::clone(&clock),
            store: store.clone(),
            in_force,
            _state_dir: state_dir,
        };
        agent.start_workers(host, tls, monitors, observer);
        if let Some(Reporting { reports, .. }) = &agent.reporting {
            if let Some(damage) = opened.damage {
                let values = vec![damage.moved_to.display().to_string(), damage.found];
                reports.raise(alerts::STORE_DAMAGED, "database", values).await;
            }
            if let Some(replaced) = replaced {
                let (number, values) = own_certificate::alert(&replaced);
                reports.raise(number, "certificate", values).await;
            }
            for fault in refused {
                reports
                    .raise(
                        alerts::CONFIGURATION_REFUSED,
                        "remote values",
                        vec!["remote values".into(), fault],
                    )
                    .await;
            }
            reports
                .raise(alerts::STARTED, "esm", vec![env!("CARGO_PKG_VERSION").to_owned()])
                .await;
        }
        Ok(agent)
    }

    fn start_workers(
        &self,
        host: Host,
        tls: Arc<ServerTls>,
        monitors: Monitors,
        observer: Arc<dyn Observer>,
    ) {
        if let Some(reporting) = &self.reporting {
            let reports = reporting.reports.clone();
            self.supervisor.on_failure(Arc::new(move |worker, error| {
                reports.raise_soon(
                    alerts::WORKER_RESTARTED,
                    worker.to_owned(),
                    vec![worker.to_owned(), error.to_owned()],
                );
            }));
            let watch = Watch {
                broker: Arc::clone(&self.broker),
                monitors,
                registry: reporting.registry.clone(),
                clock: Arc::clone(&self.clock),
                system_name: Arc::from(host.general().name()),
            };
            let changes = ChangeWatch {
                broker: Arc::clone(&watch.broker),
                registry: watch.registry.clone(),
                clock: Arc::clone(&watch.clock),
                system_name: Arc::clone(&watch.system_name),
            };
            self.supervisor
                .start("monitors", move || watch::run(watch.clone()));
            self.supervisor
                .start("changes", move || watch::watch_changes(changes.clone()));
        }
        let (sampled, clock) = (host.clone(), Arc::clone(&self.clock));
        self.supervisor
            .start("load", move || sample_load(sampled.clone(), Arc::clone(&clock)));
        let config = self.config();
        let upkeep = Arc::new(Upkeep {
            in_force: self.in_force.clone(),
            clock: Arc::clone(&self.clock),
            host,
            tls,
            store: self.store.clone(),
            reporting: self.reporting.clone(),
            reload: Arc::clone(&self.reload),
            observer,
            seen: Mutex::new(LastLook::new(&config, &self.clock)),
        });
        self.supervisor.start("upkeep", move || Arc::clone(&upkeep).run());
    }

    /// How to reach it.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// The account that is made where there is none at all. It is there once its password has been told.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn first_account(&self) -> Result<Option<FirstAccount>, AccountError> {
        FirstAccount::wanted(&self.accounts)
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.in_force.get()
    }

    /// The object manager.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Has the configuration read again, whether its file has changed or not.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Stops: requests in flight have the configured time to end, then deliveries theirs; leases and what is
    /// queued are on disk.
    pub async fn stop(self) -> ShutdownReport {
        let deadline = self.config().limits.stop;
        let server = self.server.lock().take();
        let report = match server {
            Some(server) => server.shutdown(deadline).await,
            None => ShutdownReport { cut_off: 0 },
        };
        self.supervisor.stop();
        if let Some(Reporting {
            reports, registry, ..
        }) = &self.reporting
        {
            reports
                .raise(alerts::STOPPED, "esm", vec![env!("CARGO_PKG_VERSION").to_owned()])
                .await;
            registry.stop(DELIVERY_STOP).await;
        }
        let seen = Seen(Moment {
            boot: self.clock.boot(),
            wall: self.clock.wall(),
        });
        if let Err(error) = self.store.ask(seen).await {
            tracing::error!(%error, "the database takes nothing");
        }
        self.store.close_async().await;
        report
    }
}

/// Opens the run in the database and loads what is kept.
async fn begin(store: &Store, config: &Config, clock: &SharedClock) -> Result<Loaded, StoreError> {
    let boot_id = std::fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id")).unwrap_or_default();
    let now = Moment {
        boot: clock.boot(),
        wall: clock.wall(),
    };
    let grace = config.subscriptions.reboot_grace;
    store
        .ask(Begin {
            boot_id: boot_id.trim().to_owned(),
            now,
            grace,
        })
        .await
}

fn open_accounts(config: &Config) -> Result<Arc<Accounts>, StartError> {
    let accounts = Accounts::open(&config.accounts.file).map_err(StartError::Random)?;
    for fault in accounts.faults() {
        tracing::warn!(file = %accounts.path().display(), %fault, "a line of the accounts file gives nobody access");
    }
    Ok(Arc::new(accounts))
}

/// Everything that tells managers: subscriptions, deliveries, monitors, the system log.
fn start_reporting(
    config: &Config,
    clock: &SharedClock,
    schema: &Arc<Schema>,
    host: &Host,
    store: &Store,
    loaded: &Loaded,
) -> Result<Reporting, StartError> {
    let general = host.general();
    let journal = reports::Journal::new(build::syslog(config, clock));
    let couriers = AgentCouriers::new(schema, build::courier_options(config)?);
    let parts = RegistryParts {
        store: store.clone(),
        clock: Arc::clone(clock),
        courier: Arc::new(couriers.all()),
        schema: Arc::clone(schema),
        settings: build::delivery_settings(config, general.name()),
        on_alert: journal.observer(),
    };
    let registry = Registry::start(parts, loaded);
    let reports = Reports::new(
        registry.clone(),
        Arc::clone(clock),
        Arc::from(general.name()),
        journal,
    );
    Ok(Reporting {
        reports,
        registry,
        couriers,
    })
}

/// Keeps the ring of load samples filled, so that the mean over a minute is one.
async fn sample_load(host: Host, clock: SharedClock) {
    loop {
        host.sample_load();
        clock.sleep(LOAD_SPACING).await;
    }
}
