//! The rules in force, and where each monitor stands.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::sample::Sample;
use crate::alert::catalog::{self, table::agent, threshold_alert};
use crate::alert::{Alert, Crossing, Occasion, State, Target};
use crate::cim::InstancePath;
use crate::clock::SharedClock;
use crate::monitor::{MonitorState, MonitorView, Rule, RuleSet, Subject};
use crate::store::commands::MonitorRow;
use crate::time::{BootTime, WallTime};

/// How long what is not there is remembered.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// The monitors of this agent. Clones share them.
#[derive(Clone)]
pub struct Monitors {
    shared: Arc<Shared>,
}

struct Shared {
    clock: SharedClock,
    inner: Mutex<Inner>,
    /// The rules changed, or a pause ended.
    changed: Notify,
}

struct Inner {
    rules: Arc<RuleSet>,
    /// By rule and identity.
    monitors: BTreeMap<(String, String), Monitor>,
    /// When each rule is looked at as a whole: what instances there are.
    rule_due: HashMap<String, BootTime>,
    /// Until when a rule (identity empty) or one monitor is paused.
    paused: HashMap<(String, String), BootTime>,
    /// What was told to have several instances under one identity.
    ambiguous: BTreeSet<(String, String)>,
}

struct Monitor {
    name: String,
    /// The path of the instance, in its text form; empty until it was seen.
    path: String,
    state: MonitorState,
    due: BootTime,
    /// Whether the last look found the instance.
    present: bool,
    /// Why what was set remotely for it is not in force, as it was told.
    misfit: Option<String>,
}

/// A monitor as it was saved before a restart.
pub type Saved = MonitorRow;

/// There is no such rule, or it has no such instance.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no monitor `{0}`")]
pub struct UnknownMonitor(pub String);

/// What a round of samples changed; it counts once it is on disk.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) rows: Vec<MonitorRow>,
    pub(super) alerts: Vec<Alert>,
    /// What was not there for so long that it is forgotten: rule and identity.
    pub(super) forgotten: Vec<(String, String)>,
    states: Vec<((String, String), Monitor)>,
}

impl Monitor {
    /// What it watches, while that is there.
    fn target(&self) -> Option<InstancePath> {
        self.path.parse().ok().filter(|_| self.present)
    }
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.name, self.state.state)
    }
}

impl Monitors {
    /// The monitors of `rules`, standing where they stood when they were saved.
    pub fn new(rules: RuleSet, saved: Vec<Saved>, clock: SharedClock) -> Self {
        let now = clock.boot();
        let monitors = saved
            .into_iter()
            .map(|row| {
                let monitor = Monitor {
                    name: row.name,
                    path: String::new(),
                    state: row.state,
                    due: now,
                    present: false,
                    misfit: None,
                };
                ((row.rule, row.identity), monitor)
            })
            .collect();
        let inner = Inner {
            rules: Arc::new(rules),
            monitors,
            rule_due: HashMap::new(),
            paused: HashMap::new(),
            ambiguous: BTreeSet::new(),
        };
        Self {
            shared: Arc::new(Shared {
                clock,
                inner: Mutex::new(inner),
                changed: Notify::new(),
            }),
        }
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<RuleSet> {
        Arc::clone(&self.shared.inner.lock().rules)
    }

    /// Puts other rules in force, from the next sample on. States are kept.
    pub fn set_rules(&self, rules: RuleSet) {
        let now = self.shared.clock.boot();
        let mut inner = self.shared.inner.lock();
        inner.rules = Arc::new(rules);
        // A shorter interval counts from now, not from the sample that the longer one would have taken.
        let Inner {
            rules,
            monitors,
            rule_due,
            ..
        } = &mut *inner;
        for ((rule_id, identity), monitor) in monitors.iter_mut() {
            let subject = Subject {
                name: &monitor.name,
                identity,
            };
            if let Ok(own) = rules.in_force(rule_id, Some(subject)) {
                monitor.due = monitor.due.min(now + own.rule.interval());
            }
        }
        for (rule_id, due) in rule_due.iter_mut() {
            if let Ok(whole) = rules.in_force(rule_id, None) {
                *due = (*due).min(now + whole.rule.interval());
            }
        }
        drop(inner);
        self.shared.changed.notify_one();
    }

    /// Every rule as a whole, each followed by its instances.
    pub fn list(&self) -> Vec<MonitorView> {
        let now = self.shared.clock.boot();
        let inner = self.shared.inner.lock();
        let mut views = Vec::new();
        for rule_id in inner.rules.rules() {
            views.extend(inner.rule_view(rule_id, now));
            let of_rule = || {
                let all = inner.monitors.iter();
                all.filter(|((rule, identity), _)| rule == rule_id && !identity.is_empty())
            };
            // A name is shown once: what is there goes before what once had that name.
            let shown = |monitor: &Monitor| {
                monitor.present || !of_rule().any(|(_, other)| other.present && other.name == monitor.name)
            };
            views.extend(
                of_rule()
                    .filter(|(_, monitor)| shown(monitor))
                    .filter_map(|((_, identity), monitor)| inner.view(rule_id, identity, monitor, now)),
            );
        }
        views
    }

    /// Pauses a rule as a whole (`identity` empty) or one monitor; `None` ends a pause.
    ///
    /// # Errors
    /// There is no such rule or monitor.
    pub fn pause(&self, rule: &str, identity: &str, length: Option<Duration>) -> Result<(), UnknownMonitor> {
        let now = self.shared.clock.boot();
        let mut inner = self.shared.inner.lock();
        let key = (rule.to_owned(), identity.to_owned());
        let is_known = if identity.is_empty() {
            inner.rules.rules().any(|known| known == rule)
        } else {
            inner.monitors.contains_key(&key)
        };
        if !is_known {
            return Err(UnknownMonitor(format!("{rule}:{identity}")));
        }
        match length {
            Some(length) => inner.paused.insert(key, now + length),
            None => inner.paused.remove(&key),
        };
        drop(inner);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Ends when the rules have changed.
    pub(super) async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    /// The rules of which something is due now, and when the next one is.
    pub(super) fn due(&self) -> (Vec<Rule>, BootTime) {
        let now = self.shared.clock.boot();
        let inner = self.shared.inner.lock();
        let mut due = Vec::new();
        let mut next = now + Duration::from_secs(86_400);
        for rule_id in inner.rules.rules() {
            let Ok(whole) = inner.rules.in_force(rule_id, None) else {
                continue;
            };
            let of_rule = inner
                .monitors
                .iter()
                .filter(|((rule, _), monitor)| rule == rule_id && monitor.present);
            let first = of_rule
                .map(|(_, monitor)| monitor.due)
                .chain(inner.rule_due.get(rule_id).copied())
                .min()
                .unwrap_or(now);
            // A rule that nobody has looked at yet is due at once.
            let first = if inner.rule_due.contains_key(rule_id) {
                first
            } else {
                now
            };
            if first <= now {
                due.push(whole.rule);
            } else {
                next = next.min(first);
            }
        }
        (due, next)
    }

    /// The samples of a rule of which nothing can be read: every instance is still there, and has no value.
    pub(super) fn without_values(&self, rule: &Rule) -> Vec<Sample> {
        let inner = self.shared.inner.lock();
        let present = inner
            .monitors
            .iter()
            .filter(|((of, _), monitor)| *of == rule.id && monitor.present);
        present
            .map(|((_, identity), monitor)| Sample {
                name: monitor.name.clone(),
                identity: identity.clone(),
                path: monitor.path.clone(),
                value: None,
            })
            .collect()
    }

    /// Takes the samples of one rule in, and says what they change. Nothing counts before [`Monitors::keep`]. Of
    /// several instances under one identity the first is watched. What has not been there for 30 days is forgotten,
    /// unless it has settings of its own.
    pub(super) fn judge(&self, rule: &Rule, samples: &[Sample], system_name: &str) -> Round {
        let (now, wall) = (self.shared.clock.boot(), self.shared.clock.wall());
        let mut inner = self.shared.inner.lock();
        let mut round = Round::default();
        let mut sampled = BTreeSet::new();
        for sample in samples {
            let key = (
                rule.id.clone(),
                if rule.target_name.is_some() {
                    String::new()
                } else {
                    sample.identity.clone()
                },
            );
            if !sampled.insert(key.clone()) {
                inner.note_ambiguous(key, &sample.name);
                continue;
            }
            let old = inner.monitors.get(&key);
            if old.is_some_and(|old| old.present && old.due > now) {
                continue;
            }
            let subject = (!key.1.is_empty()).then_some(Subject {
                name: &sample.name,
                identity: &sample.identity,
            });
            let Ok(in_force) = inner.rules.in_force(&rule.id, subject) else {
                continue;
            };
            let (misfit, own) = (in_force.misfit(), in_force.rule);
            let state = old.map(|old| old.state.clone()).unwrap_or_default();
            let (state, transition) = if inner.is_paused(&key, now) {
                (state, None)
            } else {
                state.step(&own, sample.value, wall)
            };
            let due = now + own.interval();
            let occasion = || Occasion {
                id: crate::random::uuid(),
                at: wall,
                system_name: system_name.to_owned(),
            };
            if let Some(reason) = &misfit
                && old.is_none_or(|old| old.misfit != misfit)
            {
                let monitor = monitor_id(&key, &sample.name);
                round.alerts.extend(misfit_alert(occasion(), &monitor, reason));
            }
            if let Some(transition) = transition {
                round.rows.push(row(&key, &sample.name, &state));
                let told = transition.told.then(|| Crossing {
                    monitor: monitor_id(&key, &sample.name),
                    previous: transition.from,
                    state: transition.to,
                    observed: transition.value,
                    threshold: transition.threshold,
                });
                let target = Target {
                    class: own.target_class.clone(),
                    path: sample.path.clone(),
                    name: sample.name.clone(),
                };
                round.alerts.extend(
                    told.and_then(|crossing| threshold_alert(&rule.id, occasion(), target, crossing)),
                );
            }
            round.states.push((
                key,
                Monitor {
                    name: sample.name.clone(),
                    path: sample.path.clone(),
                    state,
                    due,
                    present: true,
                    misfit,
                },
            ));
        }
        // What is not there any more is not monitored, and that is no alert.
        let gone = inner.monitors.iter().filter(|((of, _), _)| *of == rule.id);
        let gone = gone.filter(|((_, identity), _)| {
            !samples
                .iter()
                .any(|sample| identity.is_empty() || sample.identity == *identity)
        });
        for (key, monitor) in gone {
            if !monitor.present && monitor.state.state == State::Unmonitored {
                if inner.is_forgotten(key, monitor, wall) {
                    round.forgotten.push(key.clone());
                }
                continue;
            }
            let (state, transition) = monitor.state.clone().unmonitored(wall);
            if transition.is_some() {
                round.rows.push(row(key, &monitor.name, &state));
            }
            let (name, path) = (monitor.name.clone(), monitor.path.clone());
            let misfit = monitor.misfit.clone();
            round.states.push((
                key.clone(),
                Monitor {
                    name,
                    path,
                    state,
                    due: now,
                    present: false,
                    misfit,
                },
            ));
        }
        round
    }

    /// Puts in force what [`Monitors::judge`] said, now that it is on disk.
    pub(super) fn keep(&self, rule: &Rule, round: Round) {
        let now = self.shared.clock.boot();
        let mut inner = self.shared.inner.lock();
        inner.monitors.extend(round.states);
        for key in &round.forgotten {
            inner.monitors.remove(key);
        }
        let Inner {
            monitors, ambiguous, ..
        } = &mut *inner;
        ambiguous.retain(|key| monitors.contains_key(key));
        inner.rule_due.insert(rule.id.clone(), now + rule.interval());
        inner.paused.retain(|_, until| *until > now);
    }

    /// The samples of a rule could not be taken or written down: it is tried again after its interval.
    pub(super) fn postpone(&self, rule: &Rule) {
        let now = self.shared.clock.boot();
        let mut inner = self.shared.inner.lock();
        let next = now + rule.interval();
        inner.rule_due.insert(rule.id.clone(), next);
        for ((of, _), monitor) in &mut inner.monitors {
            if *of == rule.id {
                monitor.due = monitor.due.max(next);
            }
        }
    }
}

impl Inner {
    /// Said once, and not with each sample.
    fn note_ambiguous(&mut self, key: (String, String), name: &str) {
        let (rule, identity) = (key.0.clone(), key.1.clone());
        if self.ambiguous.insert(key) {
            tracing::warn!(
                rule,
                identity,
                name,
                "not watched: another instance has the same identity"
            );
        }
    }

    /// Whether what is not there any more is so for long, and nobody has said anything of it.
    fn is_forgotten(&self, key: &(String, String), monitor: &Monitor, now: WallTime) -> bool {
        let (rule, identity) = (&key.0, &key.1);
        let remote = self.rules.remote().get(rule, Some(identity));
        let has_settings = [remote, self.rules.file().get(rule, Some(&monitor.name))]
            .into_iter()
            .flatten()
            .any(|values| !values.is_empty());
        let gone = monitor.state.last_change();
        !has_settings && gone.is_some_and(|gone| now.since(gone) >= REMEMBERED)
    }

    fn is_paused(&self, key: &(String, String), now: BootTime) -> bool {
        self.pause_left(key, now).is_some()
    }

    /// What is left of the pause of a monitor or of its rule.
    fn pause_left(&self, key: &(String, String), now: BootTime) -> Option<Duration> {
        let whole = (key.0.clone(), String::new());
        let until = self.paused.get(key).max(self.paused.get(&whole))?;
        Some(until.since(now)).filter(|left| !left.is_zero())
    }

    fn rule_view(&self, rule_id: &str, now: BootTime) -> Option<MonitorView> {
        let key = (rule_id.to_owned(), String::new());
        let in_force = self.rules.in_force(rule_id, None).ok()?;
        Some(MonitorView {
            misfit: in_force.misfit(),
            rule: in_force.rule,
            source: in_force.source,
            instance: None,
            identity: None,
            target: self.monitors.get(&key).and_then(Monitor::target),
            state: self.monitors.get(&key).map(|monitor| monitor.state.clone()),
            paused: self.pause_left(&key, now),
        })
    }

    fn view(&self, rule_id: &str, identity: &str, monitor: &Monitor, now: BootTime) -> Option<MonitorView> {
        let subject = Subject {
            name: &monitor.name,
            identity,
        };
        let in_force = self.rules.in_force(rule_id, Some(subject)).ok()?;
        Some(MonitorView {
            misfit: in_force.misfit(),
            rule: in_force.rule,
            source: in_force.source,
            instance: Some(monitor.name.clone()),
            identity: Some(identity.to_owned()),
            target: monitor.target(),
            state: Some(monitor.state.clone()),
            paused: self.pause_left(&(rule_id.to_owned(), identity.to_owned()), now),
        })
    }
}

/// Tells, and logs, that what was set remotely for a monitor does not fit what the file says of it. Both are looked
/// at when they are set; where the name of what is watched is not known then, they meet here.
fn misfit_alert(occasion: Occasion, monitor: &str, reason: &str) -> Option<Alert> {
    tracing::warn!(
        monitor,
        reason,
        "what was set remotely for a monitor does not fit the configuration and is not in force"
    );
    let target = Target {
        name: monitor.to_owned(),
        ..Target::default()
    };
    let arguments = vec!["remote values".to_owned(), format!("monitor.{monitor}: {reason}")];
    Some(catalog::find(agent::CONFIGURATION_REFUSED)?.alert(occasion, target, arguments))
}

/// `<rule>` or `<rule>:<instance>`.
fn monitor_id(key: &(String, String), name: &str) -> String {
    if key.1.is_empty() {
        key.0.clone()
    } else {
        format!("{}:{name}", key.0)
    }
}

fn row(key: &(String, String), name: &str, state: &MonitorState) -> MonitorRow {
    MonitorRow {
        rule: key.0.clone(),
        identity: key.1.clone(),
        name: name.to_owned(),
        state: state.clone(),
    }
}
