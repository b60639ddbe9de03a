//! The certificate of a running agent: a changed one is taken, our own is renewed, an ending one is told of.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::SignedDuration;

use super::Upkeep;
use crate::agent::own_certificate::{self, Newcomers};
use crate::alert::catalog::table::agent as alerts;
use crate::config::Config;
use crate::net::certificate::{
    self, CertificateDescription, CertificateError, Ensured, RENEW_DAYS_BEFORE_END, Replaced,
};
use crate::time::BootTime;

/// How often is told of what lasts: a certificate that ends, or that cannot be renewed.
const TELL_AGAIN: Duration = Duration::from_secs(86_400);

/// What the last looks at the certificate saw.
#[derive(Debug, Default)]
pub(super) struct CertificateWatch {
    files: FileTimes,
    fault: Option<Fault>,
    newcomers: Newcomers,
    told_expiry: Option<BootTime>,
    told_failure: Option<BootTime>,
}

/// When the certificate and the key were last changed.
type FileTimes = [Option<SystemTime>; 2];

/// A pair that cannot be used.
#[derive(Debug)]
struct Fault {
    files: FileTimes,
    told: bool,
}

impl CertificateWatch {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            files: file_times(config),
            ..Self::default()
        }
    }

    /// Whether a fault of these files is to be told: once, and not when it is seen for the first time, for somebody
    /// may just be replacing one file after the other.
    fn must_tell(&mut self, files: FileTimes) -> bool {
        match &mut self.fault {
            Some(fault) if fault.files == files => !std::mem::replace(&mut fault.told, true),
            fault => {
                *fault = Some(Fault { files, told: false });
                false
            }
        }
    }
}

fn file_times(config: &Config) -> FileTimes {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    [changed(&config.tls.certificate), changed(&config.tls.key)]
}

/// Whether it is time to tell of something that lasts; then it is told now.
fn is_due(told: &mut Option<BootTime>, now: BootTime) -> bool {
    let due = told.is_none_or(|told| now.since(told) >= TELL_AGAIN);
    if due {
        *told = Some(now);
    }
    due
}

impl Upkeep {
    /// Takes a new pair as soon as it is there, whoever made it. One that cannot be used is tried again: its files
    /// may become readable without being changed.
    pub(super) async fn look_at_certificate(&self) {
        let config = self.config();
        let files = file_times(&config);
        {
            let watch = &mut self.seen.lock().certificate;
            if watch.fault.is_none() && watch.files == files {
                return;
            }
            watch.files = files;
        }
        match certificate::read(&own_certificate::pair_paths(&config)) {
            Ok(pair) => {
                let fault = self.seen.lock().certificate.fault.take();
                match own_certificate::show(&self.tls, &pair, "its files were replaced") {
                    Some(replaced) => {
                        own_certificate::warn_of_invalidity(&pair, self.clock.wall().timestamp());
                        self.tell_replaced(&replaced).await;
                    }
                    None if fault.is_some_and(|fault| fault.told) => {
                        tracing::info!("the certificate can be used again");
                    }
                    None => {}
                }
            }
            Err(error) => self.tell_fault(&config, files, &error).await,
        }
    }

    /// Renews the certificate if it is ours and due, and tells of one that ends and is not renewed.
    pub(super) async fn renew_certificate(&self, now: BootTime) {
        let (config, host, wall) = (self.config(), self.host.clone(), self.clock.wall().timestamp());
        let mut newcomers = std::mem::take(&mut self.seen.lock().certificate.newcomers);
        let renewal = move || {
            let outcome = own_certificate::renew_if_due(&config, &host, &mut newcomers, wall, now);
            (outcome, newcomers, config)
        };
        let (outcome, newcomers, config) = match tokio::task::spawn_blocking(renewal).await {
            Ok(done) => done,
            Err(failed) => {
                return tracing::error!(error = %failed, "looking after the certificate failed");
            }
        };
        self.seen.lock().certificate.newcomers = newcomers;
        match outcome {
            Ok((pair, Ensured::Replaced(Replaced { reason, .. }))) => {
                self.seen.lock().certificate.files = file_times(&config);
                if let Some(replaced) = own_certificate::show(&self.tls, &pair, &reason) {
                    self.tell_replaced(&replaced).await;
                }
            }
            Ok((pair, Ensured::Due { reason, error })) => {
                if is_due(&mut self.seen.lock().certificate.told_failure, now) {
                    tracing::warn!(%error, %reason, "the agent's own certificate was not renewed");
                }
                self.tell_expiry(pair.description(), now).await;
            }
            Ok((pair, Ensured::AsItWas | Ensured::First)) => self.tell_expiry(pair.description(), now).await,
            Err(error) => self.tell_fault(&config, file_times(&config), &error).await,
        }
    }

    async fn tell_replaced(&self, replaced: &Replaced) {
        if let Some(reporting) = &self.reporting {
            let (number, values) = own_certificate::alert(replaced);
            reporting.reports.raise(number, "certificate", values).await;
        }
    }

    async fn tell_fault(&self, config: &Config, files: FileTimes, error: &CertificateError) {
        if !self.seen.lock().certificate.must_tell(files) {
            return;
        }
        tracing::warn!(%error, "the certificate cannot be used; the old one stays in use");
        if let Some(reporting) = &self.reporting {
            let file = config.tls.certificate.display().to_string();
            let values = vec![file.clone(), error.to_string()];
            let reports = &reporting.reports;
            reports.raise(alerts::CERTIFICATE_UNUSABLE, &file, values).await;
        }
    }

    /// A certificate that ends and is not renewed is told of once a day.
    async fn tell_expiry(&self, pair: &CertificateDescription, now: BootTime) {
        let ahead = SignedDuration::from_hours(24 * RENEW_DAYS_BEFORE_END);
        let wall = self.clock.wall().timestamp();
        if !pair.ends_within(ahead, wall) || !is_due(&mut self.seen.lock().certificate.told_expiry, now) {
            return;
        }
        let days = pair.not_after.duration_since(wall).as_hours() / 24;
        let date = pair.not_after.strftime("%Y-%m-%d").to_string();
        match pair.invalidity(wall) {
            Some(reason) => tracing::warn!(reason, "clients refuse the certificate: replace it"),
            None => tracing::warn!(date, days, "the certificate ends soon: replace it"),
        }
        if let Some(reporting) = &self.reporting {
            let values = vec![date, days.to_string()];
            reporting
                .reports
                .raise(alerts::CERTIFICATE_EXPIRING, &pair.subject, values)
                .await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_once_for_each_change_of_the_files() {
        let at = |secs| [Some(SystemTime::UNIX_EPOCH + Duration::from_secs(secs)), None];
        let mut watch = CertificateWatch::default();
        assert!(!watch.must_tell(at(1)), "both files may be about to be replaced");
        assert!(watch.must_tell(at(1)));
        assert!(!watch.must_tell(at(1)));
        assert!(!watch.must_tell(at(2)));
        assert!(watch.must_tell(at(2)));
        assert!(!watch.must_tell(at(2)));
    }

    #[test]
    fn what_lasts_is_told_of_once_a_day() {
        let mut told = None;
        let hours = |hours: u64| BootTime::from_millis(hours * 3_600_000);
        let due: Vec<bool> = [0, 1, 23, 24, 25, 48]
            .map(|at| is_due(&mut told, hours(at)))
            .into();
        assert_eq!(due, [true, false, false, true, false, true]);
    }
}
