//! What an agent does for itself: it looks after its certificate, its configuration and its clocks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Observer;
use super::identity::{self, Made};
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
use crate::net::certificate::{self, RENEW_DAYS_BEFORE_END};
use crate::net::tls::server::ServerTls;
use crate::store::Store;
use crate::store::commands::Seen;
use crate::subscription::Moment;

/// How often files and clocks are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often the names and addresses of the host are held against the certificate, and the agent notes on
/// disk that it lives.
const SLOW_LOOK: Duration = Duration::from_secs(60);
/// How often an ending certificate is told of.
const TELL_AGAIN: Duration = Duration::from_secs(86_400);

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
    pair: PairStamp,
    slow: crate::time::BootTime,
    told_expiry: Option<crate::time::BootTime>,
}

/// When the two files of the pair were last changed.
type PairStamp = [Option<std::time::SystemTime>; 2];

impl LastLook {
    pub(super) fn new(config: &Config, clock: &SharedClock) -> Self {
        Self {
            clock: ClockWatch::new(clock.boot(), clock.wall()),
            config: config.file_stamp(),
            pair: pair_stamp(config),
            slow: clock.boot(),
            told_expiry: None,
        }
    }
}

fn pair_stamp(config: &Config) -> PairStamp {
    let changed = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    [changed(&config.tls.certificate), changed(&config.tls.key)]
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

    /// Takes a new pair as soon as it is there, whoever made it.
    async fn look_at_certificate(&self) {
        let config = self.config();
        let stamp = pair_stamp(&config);
        if std::mem::replace(&mut self.seen.lock().pair, stamp) == stamp {
            return;
        }
        match certificate::read(&identity::pair_paths(&config)) {
            Ok(pair) => {
                self.tls.replace(&pair);
                tracing::info!(fingerprint = %pair.description().fingerprint, "a new certificate is in use");
            }
            // The key and the certificate are two files: between them the pair may not fit for a moment.
            Err(error) => {
                tracing::warn!(%error, "the certificate changed and cannot be used; the old one stays in use");
                self.seen.lock().pair = [None, None];
            }
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
        let (config, host, wall) = (self.config(), self.host.clone(), self.clock.wall());
        let renewal = move || identity::ensure_certificate(&config, &host, wall.timestamp());
        match tokio::task::spawn_blocking(renewal).await {
            Ok(Ok((_, Some(Made::Anew(reason))))) => tracing::info!(%reason, "the certificate was made anew"),
            Ok(Ok((pair, _))) => self.tell_expiry(pair.description(), now).await,
            Ok(Err(error)) => tracing::warn!(%error, "the certificate cannot be looked after"),
            Err(failed) => tracing::error!(error = %failed, "looking after the certificate failed"),
        }
    }

    /// A certificate that ends and is not ours to renew is told of once a day.
    async fn tell_expiry(&self, pair: &certificate::CertificateDescription, now: crate::time::BootTime) {
        let ahead = jiff::SignedDuration::from_hours(24 * RENEW_DAYS_BEFORE_END);
        let wall = self.clock.wall().timestamp();
        let told = self.seen.lock().told_expiry;
        if !pair.ends_within(ahead, wall) || told.is_some_and(|told| now.since(told) < TELL_AGAIN) {
            return;
        }
        self.seen.lock().told_expiry = Some(now);
        let days = pair.not_after.duration_since(wall).as_hours() / 24;
        let date = pair.not_after.strftime("%Y-%m-%d").to_string();
        tracing::warn!(date, days, "the certificate ends soon: replace it");
        if let Some(reporting) = &self.reporting {
            let values = vec![date, days.to_string()];
            reporting
                .reports
                .raise(alerts::CERTIFICATE_EXPIRING, &pair.subject, values)
                .await;
        }
    }
}
