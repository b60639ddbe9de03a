//! What the agent reports: alerts of the monitors and of the agent itself go the same way, to disk, to the
//! subscribers and to the system log.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::alert::syslog::syslog_line;
use crate::alert::{Alert, Language, Occasion, Target, catalog};
use crate::cim::CimError;
use crate::clock::SharedClock;
use crate::delivery::{Publication, Registry};
use crate::provider::alive::{Agent as Alive, LastAlert, Vitals};
use crate::syslog::SyslogWriter;
use crate::time::{BootTime, WallTime};

/// How long a caller waits for a test alert to be on disk.
const TEST_PATIENCE: Duration = Duration::from_secs(10);

/// Raises the agent's own alerts, and remembers the last of all. Clones share everything.
#[derive(Clone)]
pub struct Reports {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Registry,
    clock: SharedClock,
    system_name: Arc<str>,
    started: BootTime,
    runtime: tokio::runtime::Handle,
    journal: Journal,
}

/// Where every alert is noted once it is on disk: the last of all, and the system log. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Journal {
    last: Arc<Mutex<Option<LastAlert>>>,
    syslog: Arc<Mutex<Option<SyslogWriter>>>,
}

impl Journal {
    pub(super) fn new(syslog: Option<SyslogWriter>) -> Self {
        Self {
            last: Arc::default(),
            syslog: Arc::new(Mutex::new(syslog)),
        }
    }

    /// Writes to another system log from now on, or to none. The one before still gets what it was handed.
    fn set_syslog(&self, syslog: Option<SyslogWriter>) {
        *self.syslog.lock() = syslog;
    }

    /// What is to be told of each alert.
    pub(super) fn observer(&self) -> Arc<dyn Fn(&Alert) + Send + Sync> {
        let journal = self.clone();
        Arc::new(move |alert| journal.note(alert))
    }

    fn note(&self, alert: &Alert) {
        let event = format!("{} {}", alert.source, alert.event_id);
        *self.last.lock() = Some(LastAlert { at: alert.at, event });
        if let Some(syslog) = &*self.syslog.lock() {
            syslog.send(alert.at, syslog_line(alert, Language::English));
        }
    }
}

impl Reports {
    /// Reports through `registry`. Must be called within a tokio runtime.
    pub(super) fn new(
        registry: Registry,
        clock: SharedClock,
        system_name: Arc<str>,
        journal: Journal,
    ) -> Self {
        let started = clock.boot();
        let runtime = tokio::runtime::Handle::current();
        Self {
            shared: Arc::new(Shared {
                registry,
                clock,
                system_name,
                started,
                runtime,
                journal,
            }),
        }
    }

    /// Raises one of the agent's own alerts; ready once it is on disk. What cannot be written down is logged.
    pub(super) async fn raise(&self, number: u16, about: &str, values: Vec<String>) {
        let Some(alert) = self.shared.own_alert(number, about, values) else {
            return;
        };
        let mut publication = Publication::default();
        publication.alerts.push(alert);
        if let Err(error) = self.shared.registry.publish(publication).await {
            tracing::error!(%error, number, "an alert could not be written down");
        }
    }

    /// Raises one of the agent's own alerts without waiting for it.
    pub(super) fn raise_soon(&self, number: u16, about: String, values: Vec<String>) {
        let reports = self.clone();
        self.shared
            .runtime
            .spawn(async move { reports.raise(number, &about, values).await });
    }

    /// Indications for tests.
    #[cfg(feature = "test-provider")]
    pub(super) fn tests(&self) -> Arc<dyn crate::provider::test_provider::TestSource> {
        Arc::clone(&self.shared) as Arc<_>
    }

    /// Notes alerts in another system log from now on, or in none.
    pub(super) fn set_syslog(&self, syslog: Option<SyslogWriter>) {
        self.shared.journal.set_syslog(syslog);
    }

    /// The agent's sign of life.
    pub(super) fn alive(&self) -> Arc<dyn Alive> {
        Arc::clone(&self.shared) as Arc<dyn Alive>
    }
}

impl Shared {
    fn own_alert(&self, number: u16, about: &str, values: Vec<String>) -> Option<Alert> {
        let occasion = Occasion {
            id: crate::random::uuid(),
            at: self.clock.wall(),
            system_name: self.system_name.to_string(),
        };
        let target = Target {
            name: about.to_owned(),
            ..Target::default()
        };
        Some(catalog::find(number)?.alert(occasion, target, values))
    }
}

impl Alive for Shared {
    fn vitals(&self) -> Vitals {
        let queued: u64 = self
            .registry
            .destinations()
            .iter()
            .map(|destination| destination.fare.queued)
            .sum();
        let live = self
            .registry
            .list()
            .iter()
            .filter(|subscription| subscription.keep_until.is_none())
            .count();
        Vitals {
            started: self.started,
            last_alert: self.journal.last.lock().clone(),
            lease_count: u32::try_from(live).unwrap_or(u32::MAX),
            queue_length: queued,
        }
    }

    /// Called where blocking is allowed, as every provider is.
    fn send_test_alert(&self) -> Result<(), CimError> {
        let alert = self
            .own_alert(catalog::table::agent::TEST, &self.system_name, Vec::new())
            .ok_or_else(|| CimError::failed("the catalog has no test alert"))?;
        let mut publication = Publication::default();
        publication.alerts.push(alert);
        let publish = tokio::time::timeout(TEST_PATIENCE, self.registry.publish(publication));
        match self.runtime.block_on(publish) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(CimError::failed(format!(
                "the alert could not be written down: {error}"
            ))),
            Err(_) => Err(CimError::failed("the alert was not written down in time")),
        }
    }
}

#[cfg(feature = "test-provider")]
impl crate::provider::test_provider::TestSource for Shared {
    fn send_test_indications(&self, count: u32) -> Result<(), CimError> {
        /// How many are written down together.
        const TOGETHER: usize = 500;
        let numbers: Vec<u32> = (1..=count).collect();
        for numbers in numbers.chunks(TOGETHER) {
            let tests = numbers.iter().map(|number| crate::alert::TestIndication {
                identifier: format!("ESM:{}", crate::random::uuid()),
                at: self.clock.wall(),
                test_number: *number,
            });
            let mut publication = Publication::default();
            publication.tests.extend(tests);
            self.runtime
                .block_on(self.registry.publish(publication))
                .map_err(|error| CimError::failed(error.to_string()))?;
        }
        Ok(())
    }
}

/// When the wall clock was set: by how many seconds it now differs from boot time, compared with before.
#[derive(Debug)]
pub(super) struct ClockWatch {
    offset_micros: i64,
}

/// What clocks may drift apart between two looks without anyone having set them.
const DRIFT_MICROS: i64 = 2_000_000;

impl ClockWatch {
    pub(super) fn new(boot: BootTime, wall: WallTime) -> Self {
        Self {
            offset_micros: offset(boot, wall),
        }
    }

    /// By how many seconds the wall clock was set since the last look, if it was.
    pub(super) fn step(&mut self, boot: BootTime, wall: WallTime) -> Option<i64> {
        let before = std::mem::replace(&mut self.offset_micros, offset(boot, wall));
        let step = self.offset_micros.saturating_sub(before);
        (step.abs() >= DRIFT_MICROS).then_some(step / 1_000_000)
    }
}

fn offset(boot: BootTime, wall: WallTime) -> i64 {
    let boot = i64::try_from(boot.as_duration().as_micros()).unwrap_or(i64::MAX);
    wall.unix_micros().saturating_sub(boot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed_and_one_that_drifts_is_not() {
        let at = |boot: u64, wall: i64| {
            (
                BootTime::from_millis(boot * 1000),
                WallTime::from_unix_micros(wall * 1_000_000),
            )
        };
        let (boot, wall) = at(100, 1_000_000);
        let mut watch = ClockWatch::new(boot, wall);
        let mut step = |boot, wall| {
            let (boot, wall) = at(boot, wall);
            watch.step(boot, wall)
        };
        assert_eq!(step(110, 1_000_011), None);
        assert_eq!(step(120, 1_086_421), Some(86_400));
        assert_eq!(step(130, 1_086_431), None);
        assert_eq!(step(140, 1_000_041), Some(-86_400));
    }
}
