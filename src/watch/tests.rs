//! Monitors fed with samples by hand, on a clock that the test moves.

mod sampling;

use std::sync::Arc;
use std::time::Duration;

use super::monitors::{Monitors, UnknownMonitor};
use super::sample::Sample;
use crate::alert::State;
use crate::clock::{Clock as _, ManualClock};
use crate::monitor::{Overrides, Rule, RuleSet, Setting, SettingSource, SettingValue};
use crate::store::commands::MonitorRow;
use crate::time::{BootTime, WallTime};

struct Fixture {
    clock: ManualClock,
    monitors: Monitors,
}

fn fixture(saved: Vec<MonitorRow>) -> Fixture {
    let clock = ManualClock::new(
        BootTime::from_millis(1_000_000),
        WallTime::from_unix_micros(1_000_000),
    );
    let monitors = Monitors::new(RuleSet::default(), saved, Arc::new(clock.clone()));
    Fixture { clock, monitors }
}

fn disk(name: &str, value: f64) -> Sample {
    Sample {
        name: name.to_owned(),
        identity: format!("uuid-of-{name}"),
        path: format!("p:{name}"),
        value: Some(value),
    }
}

impl Fixture {
    fn rule(&self, id: &str) -> Rule {
        self.monitors.rules().resolve(id, None).unwrap()
    }

    /// One round of the file system rule; returns the numbers of the events it tells of, and what is saved.
    fn round(&self, samples: &[Sample]) -> (Vec<String>, Vec<MonitorRow>) {
        let rule = self.rule("file-system");
        let round = self.monitors.judge(&rule, samples, "box");
        let told = round
            .alerts
            .iter()
            .map(|alert| alert.event_id.to_string())
            .collect();
        let saved = round.rows.clone();
        self.monitors.keep(&rule, round);
        (told, saved)
    }

    fn told(&self, samples: &[Sample]) -> Vec<String> {
        self.round(samples).0
    }

    fn due(&self) -> Vec<String> {
        self.monitors.due().0.into_iter().map(|rule| rule.id).collect()
    }
}

#[test]
fn every_rule_is_due_at_once_and_then_at_its_interval() {
    let fixture = fixture(Vec::new());
    assert_eq!(
        fixture.due(),
        [
            "cpu",
            "file-system",
            "page-file",
            "physical-memory",
            "virtual-memory"
        ]
    );
    fixture.told(&[disk("/a", 50.0)]);
    assert!(!fixture.due().contains(&"file-system".to_owned()));
    fixture.clock.advance(Duration::from_secs(59));
    assert!(!fixture.due().contains(&"file-system".to_owned()));
    fixture.clock.advance(Duration::from_secs(1));
    assert!(fixture.due().contains(&"file-system".to_owned()));
}

#[test]
fn each_instance_is_judged_by_itself() {
    let fixture = fixture(Vec::new());
    assert_eq!(fixture.told(&[disk("/a", 50.0), disk("/b", 9.0)]), ["80000301"]);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.told(&[disk("/a", 2.0), disk("/b", 11.0)]), ["C0000302"]);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.told(&[disk("/a", 2.0), disk("/b", 13.0)]), ["40000304"]);
}

/// Were both judged under one identity, each sample would be a change of state.
#[test]
fn of_two_with_one_identity_the_first_is_watched() {
    let fixture = fixture(Vec::new());
    let copy = Sample {
        name: "/b".to_owned(),
        ..disk("/a", 50.0)
    };
    for told in [&["80000301"][..], &[], &[]] {
        assert_eq!(fixture.told(&[disk("/a", 9.0), copy.clone()]), told);
        fixture.clock.advance(Duration::from_secs(60));
    }
    let views = fixture.monitors.list();
    let shown = views.iter().filter_map(|view| view.instance.as_deref());
    assert_eq!(
        shown.filter(|name| name.starts_with('/')).collect::<Vec<_>>(),
        ["/a"]
    );
}

#[test]
fn what_was_not_written_down_is_told_by_the_next_sample() {
    let fixture = fixture(Vec::new());
    let rule = fixture.rule("file-system");
    let lost = fixture.monitors.judge(&rule, &[disk("/a", 9.0)], "box");
    assert_eq!(lost.alerts.len(), 1);
    fixture.monitors.postpone(&rule);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.told(&[disk("/a", 9.0)]), ["80000301"]);
}

#[test]
fn a_file_system_that_is_unmounted_and_comes_back_under_another_name_is_the_same() {
    let fixture = fixture(Vec::new());
    assert_eq!(fixture.told(&[disk("/a", 9.0)]), ["80000301"]);
    fixture.clock.advance(Duration::from_secs(60));
    let (told, saved) = fixture.round(&[]);
    assert_eq!(told, [""; 0]);
    assert_eq!(saved[0].state.state, State::Unmonitored);
    fixture.clock.advance(Duration::from_secs(60));
    let elsewhere = Sample {
        name: "/elsewhere".to_owned(),
        ..disk("/a", 9.0)
    };
    assert_eq!(fixture.told(std::slice::from_ref(&elsewhere)), [""; 0]);
    assert_eq!(
        fixture
            .monitors
            .list()
            .iter()
            .filter(|view| view.instance.is_some())
            .count(),
        1
    );
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(
        fixture.told(&[Sample {
            value: Some(50.0),
            ..elsewhere
        }]),
        ["40000304"]
    );
}

#[test]
fn what_was_not_there_for_long_is_forgotten_unless_it_has_settings_of_its_own() {
    let fixture = fixture(Vec::new());
    fixture.told(&[disk("/a", 50.0), disk("/b", 50.0), disk("/c", 50.0)]);
    let rules = fixture.monitors.rules();
    let (mut remote, mut file) = (rules.remote().clone(), rules.file().clone());
    let own = [
        remote.entry("file-system", Some("uuid-of-/b")),
        file.entry("file-system", Some("/c")),
    ];
    for own in own {
        own.set(Setting::Warning, SettingValue::Level(11.0)).unwrap();
    }
    fixture
        .monitors
        .set_rules(rules.with_remote(remote).with_file(file));
    let forgotten_after = |days: u64| {
        fixture.clock.advance(Duration::from_secs(days * 86_400));
        let rule = fixture.rule("file-system");
        let round = fixture.monitors.judge(&rule, &[], "box");
        let forgotten = round.forgotten.clone();
        fixture.monitors.keep(&rule, round);
        forgotten
    };
    assert_eq!(forgotten_after(1), []);
    assert_eq!(forgotten_after(29), []);
    let is_a = ("file-system".to_owned(), "uuid-of-/a".to_owned());
    assert_eq!(forgotten_after(1), [is_a]);
    let known = fixture.monitors.list();
    let known = known.iter().filter_map(|view| view.instance.as_deref());
    assert_eq!(
        known.filter(|name| name.starts_with('/')).collect::<Vec<_>>(),
        ["/b", "/c"]
    );
    assert_eq!(forgotten_after(60), []);
}

#[test]
fn states_outlive_a_restart_and_what_changed_meanwhile_is_told_once() {
    let before = fixture(Vec::new());
    let (told, saved) = before.round(&[disk("/a", 9.0), disk("/b", 50.0)]);
    assert_eq!(told, ["80000301"]);
    let after = fixture(saved.clone());
    assert_eq!(after.told(&[disk("/a", 9.0), disk("/b", 50.0)]), [""; 0]);
    let after = fixture(saved);
    assert_eq!(after.told(&[disk("/a", 50.0), disk("/b", 50.0)]), ["40000304"]);
    after.clock.advance(Duration::from_secs(60));
    assert_eq!(after.told(&[disk("/a", 50.0), disk("/b", 50.0)]), [""; 0]);
}

#[test]
fn a_change_of_settings_counts_from_the_next_sample_on_and_keeps_the_state() {
    let fixture = fixture(Vec::new());
    fixture.told(&[disk("/a", 50.0)]);
    let rules = fixture.monitors.rules();
    let mut remote = rules.remote().clone();
    let own = remote.entry("file-system", Some("uuid-of-/a"));
    for (setting, value) in [
        (Setting::IntervalSecs, SettingValue::Count(5)),
        (Setting::Warning, SettingValue::Level(60.0)),
        (Setting::WarningReset, SettingValue::Level(70.0)),
    ] {
        own.set(setting, value).unwrap();
    }
    let rules = rules.with_remote(remote);
    fixture.monitors.set_rules(rules);
    fixture.clock.advance(Duration::from_secs(5));
    assert!(
        fixture.due().contains(&"file-system".to_owned()),
        "the shorter interval counts from the change"
    );
    assert_eq!(fixture.told(&[disk("/a", 50.0)]), ["80000301"]);
    let own = fixture
        .monitors
        .list()
        .into_iter()
        .find(|view| view.instance.as_deref() == Some("/a"))
        .unwrap();
    assert_eq!(
        (own.rule.warning, own.source),
        (Some(60.0), SettingSource::Remote)
    );
}

/// What the file says of a mount point meets what was set for the identity of what is mounted there only now.
#[test]
fn what_does_not_fit_at_a_mount_is_left_out_and_told_once() {
    let fixture = fixture(Vec::new());
    let levels = |overrides: &mut Overrides, instance: &str, levels: &[(Setting, f64)]| {
        for (setting, level) in levels {
            let own = overrides.entry("file-system", Some(instance));
            own.set(*setting, SettingValue::Level(*level)).unwrap();
        }
    };
    let (mut file, mut remote) = (Overrides::default(), Overrides::default());
    levels(
        &mut file,
        "/a",
        &[(Setting::Warning, 30.0), (Setting::WarningReset, 35.0)],
    );
    levels(&mut remote, "uuid-of-/a", &[(Setting::WarningReset, 15.0)]);
    let rules = RuleSet::default().with_file(file.clone());
    fixture
        .monitors
        .set_rules(rules.clone().with_remote(remote.clone()));

    let rule = fixture.rule("file-system");
    let round = fixture.monitors.judge(&rule, &[disk("/a", 20.0)], "box");
    let alert = &round.alerts[0];
    assert_eq!(alert.event_id.to_string(), "8000060A");
    assert_eq!(alert.target.name, "file-system:/a");
    insta::assert_snapshot!(alert.arguments.join("; "), @"remote values; monitor.file-system:/a: `warning_reset` is 15: it must be above `warning`, which is 30");
    // It was not written down, so it is told again; and the file's levels hold.
    for told in [&["8000060A", "80000301"][..], &[], &[]] {
        assert_eq!(fixture.told(&[disk("/a", 20.0)]), told);
        fixture.clock.advance(Duration::from_secs(60));
    }
    let shown = || {
        fixture
            .monitors
            .list()
            .into_iter()
            .find(|view| view.instance.is_some())
            .unwrap()
    };
    let view = shown();
    assert_eq!(
        (view.rule.warning_reset, view.source),
        (Some(35.0), SettingSource::File)
    );
    assert!(view.misfit.is_some());

    // Another misfit is told, one that is mended is not.
    levels(&mut remote, "uuid-of-/a", &[(Setting::WarningReset, 16.0)]);
    fixture
        .monitors
        .set_rules(rules.clone().with_remote(remote.clone()));
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.told(&[disk("/a", 20.0)]), ["8000060A"]);
    levels(&mut remote, "uuid-of-/a", &[(Setting::WarningReset, 31.0)]);
    fixture.monitors.set_rules(rules.with_remote(remote));
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.told(&[disk("/a", 32.0)]), ["40000304"]);
    let view = shown();
    assert_eq!((view.source, view.misfit), (SettingSource::Remote, None));
}

#[test]
fn a_pause_stops_judging_for_its_time() {
    let fixture = fixture(Vec::new());
    fixture.told(&[disk("/a", 50.0)]);
    fixture
        .monitors
        .pause("file-system", "uuid-of-/a", Some(Duration::from_secs(90)))
        .unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.told(&[disk("/a", 1.0)]), [""; 0]);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.told(&[disk("/a", 1.0)]), ["C0000302"]);
    assert!(matches!(
        fixture.monitors.pause("nothing", "", None),
        Err(UnknownMonitor(_))
    ));
}

#[test]
fn the_wall_clock_moves_nothing() {
    let fixture = fixture(Vec::new());
    fixture.told(&[disk("/a", 50.0)]);
    fixture.clock.step_wall(86_400_000_000);
    assert!(!fixture.due().contains(&"file-system".to_owned()));
    fixture.clock.step_wall(-2 * 86_400_000_000);
    assert!(!fixture.due().contains(&"file-system".to_owned()));
    fixture.clock.advance(Duration::from_secs(60));
    assert!(fixture.due().contains(&"file-system".to_owned()));
    assert!(fixture.clock.boot() > BootTime::ZERO);
}
