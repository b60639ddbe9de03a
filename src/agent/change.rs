//! A changed configuration in a running agent: whatever can fail is done first and is without effect yet, then all
//! of it is put in force.

use std::sync::Arc;

use parking_lot::Mutex;

use super::own_certificate::{self, pair_paths};
use super::services::Services;
use super::upkeep::Reporting;
use super::{Observer, build, named, open_accounts};
use crate::clock::SharedClock;
use crate::config::{Config, Difference, Section, needs_restart};
use crate::delivery::wsman::WsmanCourierOptions;
use crate::host::Host;
use crate::monitor::Subject;
use crate::net::accounts::Accounts;
use crate::net::certificate::{self, CertificatePair};
use crate::net::tls::server::{HandshakeRules, ServerTls};
use crate::server::{Authenticator, Endpoint, Listener, ServerHandle, Sharing};
use crate::syslog::SyslogWriter;
use crate::watch::Monitors;

/// The parts of a running agent that follow its configuration.
pub(super) struct Running {
    pub(super) clock: SharedClock,
    pub(super) host: Host,
    pub(super) tls: Arc<ServerTls>,
    pub(super) services: Services,
    /// Empty before the server has started and once it has stopped.
    pub(super) server: Arc<Mutex<Option<ServerHandle>>>,
    pub(super) monitors: Monitors,
    pub(super) reporting: Option<Reporting>,
    pub(super) observer: Arc<dyn Observer>,
}

/// A change that cannot fail any more. Dropped, it never was.
pub(super) struct Change<'a> {
    running: &'a Running,
    changed: Vec<Section>,
    differences: Vec<Difference>,
    courier: WsmanCourierOptions,
    rules: Option<HandshakeRules>,
    pair: Option<CertificatePair>,
    authenticator: Option<Authenticator>,
    syslog: Option<Option<SyslogWriter>>,
    listeners: Vec<Listener>,
    no_longer: Vec<Endpoint>,
}

impl Running {
    /// Does what can fail of the change from `old` to `new`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What is in the way, for the operator.
    pub(super) fn prepare(&self, old: &Config, new: &Config) -> Result<Change<'_>, String> {
        let changed = old.changed(new);
        let differences = old.differences(new);
        check_unchanged(&differences)?;
        let has = |section| changed.contains(&section);
        self.look_at_named(new, &differences)?;
        self.look_at_monitors(old, new)?;
        let courier = build::courier_options(new).map_err(text)?;
        // The file of the authorities may be another one by now, though it has the same name.
        let rules = if has(Section::Tls) || new.tls.client_ca.is_some() {
            let clients = build::client_certificates(new).map_err(text)?;
            Some(self.tls.rules(clients).map_err(text)?)
        } else {
            None
        };
        let moved = pair_paths(old) != pair_paths(new);
        let pair = if moved {
            Some(certificate::read(&pair_paths(new)).map_err(text)?)
        } else {
            None
        };
        let authenticator = if has(Section::Accounts) || has(Section::Local) {
            let accounts = accounts(old, new)?;
            Some(build::authenticator(new, &accounts).map_err(text)?)
        } else {
            None
        };
        let (listeners, no_longer) = self.listeners(new)?;
        Ok(Change {
            running: self,
            courier,
            rules,
            pair,
            authenticator,
            syslog: has(Section::Syslog).then(|| build::syslog(new, &self.clock)),
            listeners,
            no_longer,
            changed,
            differences,
        })
    }

    /// Refuses values that are new and name what cannot be used, and authorities that can no longer be read. What else
    /// has become faulty since it was taken stays in use.
    fn look_at_named(&self, new: &Config, differences: &[Difference]) -> Result<(), String> {
        const READ_AGAIN: [&str; 3] = ["tls.client_ca", "delivery.ca_file", "delivery.trust"];
        // That file has a check of its own: here it must be there.
        let is_new = |key: &str| key != "accounts.file" && differences.iter().any(|one| one.key == key);
        let faults: Vec<String> = named::look(new, self.clock.wall().timestamp())
            .into_faults()
            .iter()
            .filter(|fault| READ_AGAIN.contains(&fault.key.as_str()) || is_new(&fault.key))
            .map(ToString::to_string)
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(faults.join("\n"))
    }

    /// Refuses values of a monitor that do not fit together. One that changes nothing for a monitor is no matter of
    /// its own: what does not fit there was told when it met.
    fn look_at_monitors(&self, old: &Config, new: &Config) -> Result<(), String> {
        let views = self.monitors.list();
        let known = views.iter().filter_map(|view| {
            let (name, identity) = (view.instance.as_deref()?, view.identity.as_deref()?);
            Some((view.rule.id.as_str(), Subject { name, identity }))
        });
        let misfits = |of: &Config, rule: &str, subject| of.monitors.resolve(rule, Some(subject)).err();
        let changed = known.filter(|(rule, subject)| {
            misfits(new, rule, *subject) != misfits(old, rule, *subject)
                || !new.monitors.says_the_same_of(&old.monitors, rule, *subject)
        });
        new.check_monitors(changed).map_err(text)
    }

    /// The listeners that are new, bound; and where nobody is to listen any more.
    fn listeners(&self, new: &Config) -> Result<(Vec<Listener>, Vec<Endpoint>), String> {
        let now = match &*self.server.lock() {
            Some(server) => server.endpoints(),
            None => return Ok(Default::default()),
        };
        let wanted = build::endpoints(new);
        let no_longer = without(&now, &wanted);
        let bind = |endpoint: &Endpoint| {
            let takes_over = no_longer.iter().any(|old| old.overlaps(endpoint));
            let sharing = if takes_over {
                Sharing::Overlapping
            } else {
                Sharing::Exclusive
            };
            Listener::bind(endpoint, &self.tls, sharing).map_err(text)
        };
        let added = without(&wanted, &now);
        Ok((added.iter().map(bind).collect::<Result<_, _>>()?, no_longer))
    }
}

impl Change<'_> {
    /// Puts it in force, with the rest of what `new` says. Must be called within a tokio runtime.
    pub(super) fn commit(self, new: &Config) {
        let running = self.running;
        if let Some(rules) = self.rules {
            running.tls.set_rules(rules);
        }
        if let Some(pair) = self.pair {
            let replaced = own_certificate::show(&running.tls, &pair, "the configuration names another");
            own_certificate::warn_of_invalidity(&pair, running.clock.wall().timestamp());
            if let (Some(replaced), Some(reporting)) = (replaced, &running.reporting) {
                let (number, values) = own_certificate::alert(&replaced);
                reporting
                    .reports
                    .raise_soon(number, "certificate".to_owned(), values);
            }
        }
        if let Some(server) = &mut *running.server.lock() {
            server.set_limits(build::limits(new));
            if let Some(authenticator) = self.authenticator {
                server.set_authenticator(authenticator);
            }
            for listener in self.listeners {
                if let Some(address) = listener.address() {
                    tracing::info!(%address, "listening");
                }
                server.listen(listener);
            }
            for endpoint in &self.no_longer {
                server.stop_listening(endpoint);
            }
        }
        running.host.set_file_system_rule(build::file_system_rule(new));
        running.services.reconfigure(new);
        if self.changed.contains(&Section::Monitors) {
            running.monitors.set_rules(new.monitors.clone());
        }
        if let Some(reporting) = &running.reporting {
            let settings = build::delivery_settings(new, running.host.general().name());
            reporting.registry.set_settings(settings);
            reporting.couriers.set_options(self.courier);
            if let Some(syslog) = self.syslog {
                reporting.reports.set_syslog(syslog);
            }
        }
        running.observer.config_taken(new);
        for Difference { key, old, new } in &self.differences {
            tracing::info!(key, old, new, "a value has changed");
        }
        if self.differences.is_empty() {
            tracing::info!("no value has changed");
        }
    }
}

/// What is in `all` and not in `others`; one that stands twice (port 0 of both protocols) counts twice.
fn without(all: &[Endpoint], others: &[Endpoint]) -> Vec<Endpoint> {
    let mut rest = all.to_vec();
    for other in others {
        if let Some(at) = rest.iter().position(|endpoint| endpoint == other) {
            rest.remove(at);
        }
    }
    rest
}

/// The accounts of the new configuration. A file that is not there would lock out everybody, and nobody is shown
/// the password of an account that is made now.
fn accounts(old: &Config, new: &Config) -> Result<Arc<Accounts>, String> {
    let accounts = open_accounts(new).map_err(text)?;
    if old.accounts.file != new.accounts.file && !accounts.path().exists() {
        return Err(format!(
            "{}",
            new.fault_at(
                "accounts.file",
                "is not there: put the accounts there first (`esm passwd USER` writes it)".to_owned(),
            )
        ));
    }
    Ok(accounts)
}

/// Refuses a change of keys that are read at the start alone.
fn check_unchanged(differences: &[Difference]) -> Result<(), String> {
    let fixed: Vec<String> = differences
        .iter()
        .filter(|one| needs_restart(&one.key))
        .map(|one| format!("`{}`", one.key))
        .collect();
    if fixed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} cannot change while the agent runs: restart it",
        fixed.join(", ")
    ))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
