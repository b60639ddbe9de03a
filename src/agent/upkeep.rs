//! What an agent does for itself: it looks after its certificate, its configuration and its clocks.

mod certificate;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Observer;
use super::reports::{ClockWatch, Reports};
use super::settings::{InForce, Refused};
use crate::alert::catalog::table::agent as alerts;
use crate::cim::schema::Schema;
use crate::clock::SharedClock;
use crate::config::{Config, FileStamp};
use crate::delivery::Registry;
use crate::delivery::cimxml::CimXmlCourier;
use crate::delivery::courier::Couriers;
use crate::delivery::wsman::{WsmanCourier, WsmanCourierOptions};
use crate::host::Host;
use crate::net::tls::server::ServerTls;
use crate::store::Store;
use crate::store::commands::Seen;
use crate::subscription::Moment;
use crate::time::BootTime;

use certificate::CertificateWatch;

/// How often files and clocks are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often the names and addresses of the host are held against the certificate, and the agent notes on
/// disk that it lives.
const SLOW_LOOK: Duration = Duration::from_secs(60);

/// What is looked after.
pub(super) struct Upkeep {
    pub(super) in_force: InForce,
    pub(super) clock: SharedClock,
    pub(super) host: Host,
    pub(super) tls: Arc<ServerTls>,
    pub(super) store: Store,
    pub(super) reporting: Option<Reporting>,
    /// Somebody wants the configuration to be read again now.
    pub(super) reload: Arc<Notify>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) seen: Mutex<LastLook>,
}

/// The parts of an agent that reports, as opposed to one that serves data alone.
#[derive(Clone)]
pub(super) struct Reporting {
    pub(super) reports: Reports,
    pub(super) registry: Registry,
    pub(super) couriers: AgentCouriers,
}

/// Who carries deliveries, a courier for each protocol. Clones share them.
#[derive(Clone)]
pub(super) struct AgentCouriers {
    wsman: Arc<WsmanCourier>,
    cim_xml: Arc<CimXmlCourier>,
}

impl AgentCouriers {
    pub(super) fn new(schema: &Arc<Schema>, options: WsmanCourierOptions) -> Self {
        Self {
            cim_xml: Arc::new(CimXmlCourier::new(Arc::clone(&options.connection))),
            wsman: Arc::new(WsmanCourier::new(Arc::clone(schema), options)),
        }
    }

    /// All of them, as the registry uses them.
    pub(super) fn all(&self) -> Couriers {
        Couriers {
            wsman: Arc::clone(&self.wsman) as Arc<_>,
            cim_xml: Arc::clone(&self.cim_xml) as Arc<_>,
        }
    }

    pub(super) fn set_options(&self, options: WsmanCourierOptions) {
        self.cim_xml.set_options(Arc::clone(&options.connection));
        self.wsman.set_options(options);
    }
}

/// What the last look saw; it outlives a worker that is started again.
pub(super) struct LastLook {
    clock: ClockWatch,
    config: FileStamp,
    certificate: CertificateWatch,
    slow: BootTime,
}

impl LastLook {
    pub(super) fn new(config: &Config, clock: &SharedClock) -> Self {
        Self {
            clock: ClockWatch::new(clock.boot(), clock.wall()),
            config: config.file_stamp(),
            certificate: CertificateWatch::new(config),
            slow: clock.boot(),
        }
    }
}

impl Upkeep {
    /// Looks for ever.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            let asked = tokio::select! {
                () = self.clock.sleep(LOOK) => false,
                () = self.reload.notified() => true,
            };
            self.look_at_clocks().await;
            self.look_at_config(asked).await;
            self.look_at_certificate().await;
            self.look_slowly().await;
        }
    }

    fn config(&self) -> Arc<Config> {
        self.in_force.get()
    }

    async fn look_at_clocks(&self) {
        let stepped = self.seen.lock().clock.step(self.clock.boot(), self.clock.wall());
        if let Some(seconds) = stepped {
            tracing::warn!(
                seconds,
                "the wall clock was set; leases and intervals do not mind"
            );
            if let Some(reporting) = &self.reporting {
                reporting
                    .reports
                    .raise(alerts::CLOCK_STEPPED, "clock", vec![format!("{seconds:+}")])
                    .await;
            }
        }
    }

    /// Takes a changed configuration as a whole, or not at all.
    async fn look_at_config(&self, asked: bool) {
        let old = self.config();
        let stamp = old.file_stamp();
        let changed = {
            let mut seen = self.seen.lock();
            let changed = seen.config != stamp;
            seen.config = stamp;
            changed
        };
        if !asked && !changed {
            return;
        }
        self.observer.reload_begins();
        let make = |old: &Config| old.reload().map_err(|faults| faults.to_string());
        let refusal = match self.in_force.replace(make, || Ok(())) {
            Ok(()) => {
                tracing::info!("the configuration was read again");
                return self.observer.reload_ends(Ok(()));
            }
            Err(Refused::Unfit(reason)) => reason,
            Err(Refused::Unwritten(error)) => error.to_string(),
        };
        for fault in refusal.lines() {
            tracing::error!(
                fault,
                "the changed configuration is not taken; the old one stays in force"
            );
        }
        let first = refusal.lines().next().unwrap_or_default();
        self.observer.reload_ends(Err(first));
        if let Some(reporting) = &self.reporting {
            let file = old
                .file()
                .map(|file| file.display().to_string())
                .unwrap_or_default();
            let values = vec![file.clone(), first.to_owned()];
            let reports = &reporting.reports;
            reports.raise(alerts::CONFIGURATION_REFUSED, &file, values).await;
        }
    }

    async fn look_slowly(&self) {
        let now = self.clock.boot();
        if now.since(self.seen.lock().slow) < SLOW_LOOK {
            return;
        }
        self.seen.lock().slow = now;
        let seen = Seen(Moment {
            boot: now,
            wall: self.clock.wall(),
        });
        if let Err(error) = self.store.ask(seen).await {
            tracing::error!(%error, "the database takes nothing");
        }
        self.renew_certificate(now).await;
    }
}
