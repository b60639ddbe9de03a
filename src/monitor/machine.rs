//! The state machine of one monitor.
//!
//! - A worse state is believed after `hold_samples` consecutive samples that reach its level; a better one
//!   as soon as one sample comes back to the reset level. Between a level and its reset nothing changes.
//! - `unknown` counts as a worse state: it takes `hold_samples` consecutive missing values.
//! - A transition is told if the state differs from the one that was last told. Before anything was told,
//!   only what is not normal is news. `unmonitored` is recorded and never told, and what was told before it
//!   stands: a file system that comes back from an unmount in its old state is no news.

use serde::{Deserialize, Serialize};

use super::Rule;
use crate::alert::State;
use crate::time::WallTime;

/// Where one monitor stands. What must outlive a restart is serialised; the runs of samples begin anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorState {
    /// The state now.
    pub state: State,
    /// The state before it.
    pub previous: State,
    /// The state that was last told; none if nothing was ever judged.
    told: Option<State>,
    /// The last of normal, warning and critical: what a value between a level and its reset stands for.
    level: State,
    /// The last value that was seen.
    pub last_value: Option<f64>,
    /// When the state last changed, in microseconds after the Unix epoch; none if it never did.
    last_change_micros: Option<i64>,
    #[serde(skip)]
    runs: Runs,
}

/// Consecutive samples of each kind, counted up to the greatest hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Runs {
    warning: u16,
    critical: u16,
    missing: u16,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// The state that was last told; in a change that is not told, the state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// The sample that completed the change.
    pub value: Option<f64>,
    /// The level that was reached, or the reset level that was come back to.
    pub threshold: Option<f64>,
    /// Whether anybody is to be told; otherwise it is recorded only.
    pub told: bool,
}

impl Default for MonitorState {
    fn default() -> Self {
        Self {
            state: State::Unknown,
            previous: State::Unknown,
            told: None,
            level: State::Normal,
            last_value: None,
            last_change_micros: None,
            runs: Runs::default(),
        }
    }
}

impl MonitorState {
    /// When the state last changed; none if it never did.
    pub fn last_change(&self) -> Option<WallTime> {
        self.last_change_micros.map(WallTime::from_unix_micros)
    }

    /// Takes one sample, `None` where the value could not be read, at the wall time `now`.
    #[must_use]
    pub fn step(mut self, rule: &Rule, sample: Option<f64>, now: WallTime) -> (Self, Option<Transition>) {
        if !rule.watches() {
            return self.unmonitored(now);
        }
        let sample = sample.filter(|value| value.is_finite());
        self.last_value = sample.or(self.last_value);
        self.runs = self.runs.count(rule, sample);
        let next = match sample {
            Some(value) => self.judge(rule, value),
            None if self.runs.missing >= rule.hold_samples => State::Unknown,
            None => self.state,
        };
        self.enter(next, sample, rule, now)
    }

    /// The target is gone, or nobody wants to know any more: recorded, not told.
    #[must_use]
    pub fn unmonitored(mut self, now: WallTime) -> (Self, Option<Transition>) {
        self.runs = Runs::default();
        if self.state == State::Unmonitored {
            return (self, None);
        }
        let from = self.state;
        self.change(State::Unmonitored, now);
        let transition = Transition {
            from,
            to: State::Unmonitored,
            value: None,
            threshold: None,
            told: false,
        };
        (self, Some(transition))
    }

    /// The state that a value stands for, hysteresis and hold applied.
    fn judge(&self, rule: &Rule, value: f64) -> State {
        if self.runs.critical >= rule.hold_samples {
            return State::Critical;
        }
        let settled = settle(self.level, rule, value);
        if self.runs.warning >= rule.hold_samples && settled == State::Normal {
            return State::Warning;
        }
        let bad_but_held = settled == State::Normal && self.runs.warning > 0
            || settled != State::Critical && self.runs.critical > 0;
        let judged = matches!(self.state, State::Normal | State::Warning | State::Critical);
        if bad_but_held && !judged {
            // Coming from no state at all, "normal" would be a claim that the next samples may belie.
            return self.state;
        }
        settled
    }

    fn enter(
        mut self,
        next: State,
        sample: Option<f64>,
        rule: &Rule,
        now: WallTime,
    ) -> (Self, Option<Transition>) {
        if matches!(next, State::Normal | State::Warning | State::Critical) {
            self.level = next;
        }
        let first = self.told.is_none() && next == State::Unknown && self.runs.missing < rule.hold_samples;
        if next == self.state && (self.told == Some(next) || first || next == State::Unmonitored) {
            return (self, None);
        }
        let told = match self.told {
            Some(told) => told != next,
            None => next != State::Normal,
        };
        let from = if told {
            self.told.unwrap_or(self.state)
        } else {
            self.state
        };
        self.told = Some(next);
        if next != self.state {
            self.change(next, now);
        }
        let threshold = crossed_level(rule, from, next);
        (
            self,
            Some(Transition {
                from,
                to: next,
                value: sample,
                threshold,
                told,
            }),
        )
    }

    fn change(&mut self, next: State, now: WallTime) {
        self.previous = self.state;
        self.state = next;
        self.last_change_micros = Some(now.unix_micros());
    }
}

impl Runs {
    fn count(self, rule: &Rule, sample: Option<f64>) -> Self {
        let Some(value) = sample else {
            return Self {
                missing: self.missing.saturating_add(1),
                ..Self::default()
            };
        };
        let reached = |level: Option<f64>| level.is_some_and(|level| rule.direction.reaches(value, level));
        let critical = reached(rule.critical);
        let warning = reached(rule.warning);
        let longer = |run: u16, is: bool| if is { run.saturating_add(1) } else { 0 };
        Self {
            warning: longer(self.warning, warning),
            critical: longer(self.critical, critical),
            missing: 0,
        }
    }
}

/// The mildest state that `value` allows, coming from `level`: what is between a level and its reset stays.
fn settle(level: State, rule: &Rule, value: f64) -> State {
    let stays = |limit: Option<f64>, reset: Option<f64>| {
        limit.is_some() && !reset.is_some_and(|reset| rule.direction.clears(value, reset))
    };
    let was_critical = level == State::Critical;
    let was_bad = was_critical || level == State::Warning;
    if was_critical && stays(rule.critical, rule.critical_reset) {
        State::Critical
    } else if was_bad && stays(rule.warning, rule.warning_reset) {
        State::Warning
    } else {
        State::Normal
    }
}

fn crossed_level(rule: &Rule, from: State, to: State) -> Option<f64> {
    match (from, to) {
        (State::Critical, State::Warning) => rule.critical_reset,
        (_, State::Warning) => rule.warning,
        (_, State::Critical) => rule.critical,
        (State::Critical, State::Normal) if rule.warning.is_none() => rule.critical_reset,
        (State::Warning | State::Critical, State::Normal) => rule.warning_reset,
        (_, State::Normal | State::Unknown | State::Unmonitored) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::monitor::{Direction, default_rules};

    const NOW: i64 = 1_000_000;

    fn now() -> WallTime {
        WallTime::from_unix_micros(NOW)
    }

    /// Above: warning 85/80, critical 95/90.
    fn cpu(hold: u16) -> Rule {
        Rule {
            hold_samples: hold,
            ..default_rules().remove(0)
        }
    }

    /// Below: warning 10/12, critical 3/5.
    fn file_system() -> Rule {
        default_rules().remove(4)
    }

    fn run(rule: &Rule, state: MonitorState, samples: &[Option<f64>]) -> (MonitorState, Vec<String>) {
        let mut state = state;
        let mut told = Vec::new();
        for sample in samples {
            let (next, transition) = state.step(rule, *sample, now());
            state = next;
            if let Some(t) = transition.filter(|t| t.told) {
                told.push(format!("{}>{}", t.from.abbreviation(), t.to.abbreviation()));
            }
        }
        (state, told)
    }

    fn values(samples: &[f64]) -> Vec<Option<f64>> {
        samples.iter().copied().map(Some).collect()
    }

    #[track_caller]
    fn check(rule: &Rule, samples: &[f64], expect: &[&str], end: State) {
        let (state, told) = run(rule, MonitorState::default(), &values(samples));
        assert_eq!(told, expect, "{samples:?}");
        assert_eq!(state.state, end, "{samples:?}");
    }

    #[test]
    fn a_normal_start_is_no_news_and_a_bad_one_is() {
        check(&cpu(1), &[50.0], &[], State::Normal);
        check(&cpu(1), &[85.0], &["Unk>War"], State::Warning);
        check(&cpu(1), &[95.0], &["Unk>Cri"], State::Critical);
        check(&cpu(3), &[96.0, 96.0], &[], State::Unknown);
        check(&cpu(3), &[96.0, 96.0, 96.0], &["Unk>Cri"], State::Critical);
    }

    #[test]
    fn between_a_level_and_its_reset_nothing_changes() {
        check(
            &cpu(1),
            &[50.0, 85.0, 81.0, 84.9, 80.1],
            &["Nor>War"],
            State::Warning,
        );
        check(
            &cpu(1),
            &[50.0, 85.0, 80.0],
            &["Nor>War", "War>Nor"],
            State::Normal,
        );
        check(&cpu(1), &[50.0, 95.0, 90.1, 94.0], &["Nor>Cri"], State::Critical);
        check(
            &cpu(1),
            &[50.0, 95.0, 90.0],
            &["Nor>Cri", "Cri>War"],
            State::Warning,
        );
        check(
            &cpu(1),
            &[50.0, 95.0, 81.0],
            &["Nor>Cri", "Cri>War"],
            State::Warning,
        );
        check(
            &cpu(1),
            &[50.0, 95.0, 10.0],
            &["Nor>Cri", "Cri>Nor"],
            State::Normal,
        );
    }

    #[test]
    fn the_mirrored_rule_is_mirrored() {
        let rule = file_system();
        check(
            &rule,
            &[50.0, 10.0, 3.0, 4.9, 5.0, 11.9, 12.0],
            &["Nor>War", "War>Cri", "Cri>War", "War>Nor"],
            State::Normal,
        );
        check(&rule, &[50.0, 0.0, 100.0], &["Nor>Cri", "Cri>Nor"], State::Normal);
    }

    #[test]
    fn a_worse_state_takes_its_hold_and_a_better_one_does_not() {
        check(&cpu(3), &[50.0, 90.0, 90.0, 50.0, 90.0, 90.0], &[], State::Normal);
        check(
            &cpu(3),
            &[50.0, 90.0, 90.0, 90.0, 80.0],
            &["Nor>War", "War>Nor"],
            State::Normal,
        );
        check(&cpu(3), &[50.0, 86.0, 96.0, 96.0], &["Nor>War"], State::Warning);
        check(
            &cpu(3),
            &[50.0, 86.0, 96.0, 96.0, 96.0],
            &["Nor>War", "War>Cri"],
            State::Critical,
        );
        check(&cpu(3), &[50.0, 96.0, 96.0, 96.0], &["Nor>Cri"], State::Critical);
    }

    #[test]
    fn a_single_level_is_enough() {
        let only_critical = Rule {
            warning: None,
            warning_reset: None,
            ..cpu(1)
        };
        check(
            &only_critical,
            &[50.0, 96.0, 91.0, 90.0],
            &["Nor>Cri", "Cri>Nor"],
            State::Normal,
        );
        let only_warning = Rule {
            critical: None,
            critical_reset: None,
            ..cpu(1)
        };
        check(
            &only_warning,
            &[50.0, 99.0, 80.0],
            &["Nor>War", "War>Nor"],
            State::Normal,
        );
    }

    #[test]
    fn a_missing_value_is_unknown_after_its_hold() {
        let rule = cpu(2);
        let (state, told) = run(
            &rule,
            MonitorState::default(),
            &[Some(50.0), None, Some(50.0), None],
        );
        assert_eq!((state.state, told.len()), (State::Normal, 0));
        let (state, told) = run(&rule, state, &[None]);
        assert_eq!((state.state, told), (State::Unknown, vec!["Nor>Unk".to_owned()]));
        let (state, told) = run(&rule, state, &[None, None]);
        assert_eq!((state.state, told.len()), (State::Unknown, 0));
        // What is bad is not called normal while it is held.
        let (state, told) = run(&rule, state, &values(&[97.0]));
        assert_eq!((state.state, told.len()), (State::Unknown, 0));
        let (state, told) = run(&rule, state, &values(&[97.0]));
        assert_eq!((state.state, told), (State::Critical, vec!["Unk>Cri".to_owned()]));
        let (_, told) = run(&rule, state, &[None, None, Some(50.0)]);
        assert_eq!(told, ["Cri>Unk", "Unk>Nor"]);
    }

    #[test]
    fn a_value_that_was_never_there_is_told_once() {
        let (state, told) = run(&cpu(2), MonitorState::default(), &[None, None, None]);
        assert_eq!((state.state, told), (State::Unknown, vec!["Unk>Unk".to_owned()]));
    }

    #[test]
    fn no_number_is_no_value() {
        let (state, _) = run(&cpu(1), MonitorState::default(), &[Some(50.0), Some(f64::NAN)]);
        assert_eq!(state.state, State::Unknown);
        assert_eq!(state.last_value, Some(50.0));
    }

    #[test]
    fn a_restart_tells_only_what_changed_meanwhile() {
        let (before, _) = run(&cpu(1), MonitorState::default(), &values(&[50.0, 86.0]));
        let stored = serde_json::to_string(&before).unwrap();
        let restart = || serde_json::from_str::<MonitorState>(&stored).unwrap();
        assert!(run(&cpu(1), restart(), &values(&[87.0, 82.0])).1.is_empty());
        assert_eq!(run(&cpu(1), restart(), &values(&[50.0, 50.0])).1, ["War>Nor"]);
        assert_eq!(run(&cpu(1), restart(), &values(&[99.0, 99.0])).1, ["War>Cri"]);
    }

    #[test]
    fn a_target_that_vanishes_and_returns_is_no_news_in_its_old_state() {
        let rule = file_system();
        let (state, _) = run(&rule, MonitorState::default(), &values(&[50.0, 9.0]));
        let (gone, transition) = state.unmonitored(now());
        let transition = transition.unwrap();
        assert_eq!(
            (transition.from, transition.to),
            (State::Warning, State::Unmonitored)
        );
        assert!(!transition.told);
        assert!(gone.clone().unmonitored(now()).1.is_none());

        let (back, told) = run(&rule, gone.clone(), &values(&[11.0]));
        assert_eq!((back.state, told.len()), (State::Warning, 0));
        assert_eq!(back.previous, State::Unmonitored);
        let (_, told) = run(&rule, gone, &values(&[50.0]));
        assert_eq!(told, ["War>Nor"]);
    }

    #[test]
    fn a_rule_that_watches_nothing_is_unmonitored() {
        let rule = Rule {
            enabled: false,
            ..cpu(1)
        };
        let (state, _) = run(&cpu(1), MonitorState::default(), &values(&[50.0]));
        let (state, told) = run(&rule, state, &values(&[99.0]));
        assert_eq!((state.state, told.len()), (State::Unmonitored, 0));
    }

    #[test]
    fn a_changed_rule_keeps_the_state_and_judges_with_the_next_sample() {
        let (state, _) = run(&cpu(1), MonitorState::default(), &values(&[50.0, 86.0]));
        let milder = Rule {
            warning: Some(95.0),
            warning_reset: Some(90.0),
            ..cpu(1)
        };
        assert_eq!(state.state, State::Warning);
        assert_eq!(run(&milder, state, &values(&[86.0])).1, ["War>Nor"]);
    }

    #[test]
    fn a_transition_names_the_level_it_crossed() {
        let step = |state: MonitorState, value| state.step(&cpu(1), Some(value), now());
        let (state, _) = step(MonitorState::default(), 50.0);
        let (state, up) = step(state, 96.0);
        assert_eq!(up.unwrap().threshold, Some(95.0));
        let (state, down) = step(state, 85.0);
        assert_eq!(down.unwrap().threshold, Some(90.0));
        let (state, down) = step(state, 70.0);
        let down = down.unwrap();
        assert_eq!((down.threshold, down.value), (Some(80.0), Some(70.0)));
        assert_eq!(state.last_change(), Some(now()));
    }

    fn samples() -> impl Strategy<Value = Vec<Option<f64>>> {
        prop::collection::vec(
            prop::option::weighted(0.9, (0..=200u8).prop_map(|v| f64::from(v) / 2.0)),
            0..60,
        )
    }

    fn rules() -> impl Strategy<Value = Rule> {
        (1u16..5, any::<bool>()).prop_map(|(hold, above)| {
            if above {
                cpu(hold)
            } else {
                Rule {
                    hold_samples: hold,
                    ..file_system()
                }
            }
        })
    }

    fn reached(rule: &Rule, sample: Option<f64>, level: Option<f64>) -> bool {
        matches!((sample, level), (Some(s), Some(l)) if rule.direction.reaches(s, l))
    }

    proptest! {
        #[test]
        fn told_transitions_form_a_chain(rule in rules(), samples in samples()) {
            let mut state = MonitorState::default();
            let mut last_told: Option<State> = None;
            for sample in samples {
                let (next, transition) = state.step(&rule, sample, now());
                state = next;
                if let Some(t) = transition {
                    prop_assert_eq!(t.to, state.state);
                    if t.told {
                        prop_assert!(last_told.is_none_or(|last| last == t.from && last != t.to));
                        last_told = Some(t.to);
                    } else {
                        prop_assert!(last_told.is_none() && t.to == State::Normal);
                        last_told = Some(State::Normal);
                    }
                }
            }
        }

        #[test]
        fn a_worse_state_has_its_run_behind_it(rule in rules(), samples in samples()) {
            let hold = usize::from(rule.hold_samples);
            let mut state = MonitorState::default();
            let mut seen: Vec<Option<f64>> = Vec::new();
            for sample in samples {
                let before = state.level;
                let (next, transition) = state.step(&rule, sample, now());
                state = next;
                seen.push(sample);
                let Some(t) = transition else { continue };
                let run = seen.iter().rev().take(hold);
                prop_assert!(seen.len() >= hold || matches!(t.to, State::Normal));
                match t.to {
                    State::Critical if before != State::Critical =>
                        for s in run { prop_assert!(reached(&rule, *s, rule.critical)); },
                    State::Warning if before == State::Normal =>
                        for s in run { prop_assert!(reached(&rule, *s, rule.warning)); },
                    State::Unknown => for s in run { prop_assert!(s.is_none()); },
                    _ => {}
                }
            }
        }

        #[test]
        fn nothing_flaps_between_a_level_and_its_reset(
            rule in rules(), bad in any::<bool>(), wobble in prop::collection::vec(0.01f64..0.99, 1..40)
        ) {
            let (level, reset) = (rule.warning.unwrap(), rule.warning_reset.unwrap());
            let start = match (bad, rule.direction) {
                (true, _) => level,
                (false, Direction::Above) => 0.0,
                (false, Direction::Below) => 100.0,
            };
            let first = vec![Some(start); usize::from(rule.hold_samples)];
            let (state, _) = run(&rule, MonitorState::default(), &first);
            let settled = state.state;
            let between: Vec<_> = wobble.iter().map(|w| Some(reset + (level - reset) * w)).collect();
            let (state, told) = run(&rule, state, &between);
            prop_assert!(told.is_empty());
            prop_assert_eq!(state.state, settled);
        }

        #[test]
        fn a_restart_at_any_point_repeats_nothing(
            rule in rules(), samples in samples(), cut in 0usize..60
        ) {
            let rule = Rule { hold_samples: 1, ..rule };
            let (_, whole) = run(&rule, MonitorState::default(), &samples);
            let cut = cut.min(samples.len());
            let (state, mut parts) = run(&rule, MonitorState::default(), &samples[..cut]);
            let stored = serde_json::to_string(&state).unwrap();
            parts.extend(run(&rule, serde_json::from_str(&stored).unwrap(), &samples[cut..]).1);
            prop_assert_eq!(whole, parts);
        }
    }
}
