//! Repeat notification: what a subscription does with indications that report the same underlying event again
//! (CIM_AbstractIndicationSubscription.RepeatNotificationPolicy, CIM schema 2.45 and later).
//!
//! Kept in memory alone, and bounded: an event that gave way is as good as new. What suppresses is forgotten
//! towards telling once too often, never towards silence.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::BootTime;

/// How many different events a subscription remembers.
const MAX_EVENTS: usize = 256;

/// How many moments are remembered of an event. Where a policy counts further than this, moments that are close
/// to one another share a place, and the interval is kept to within one part of this many.
const MAX_MOMENTS: u16 = 64;

/// The policy of a subscription, with the values that it needs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatPolicy {
    /// Every indication is delivered. The values 2 (None), 0 (Unknown) and NULL.
    #[default]
    None,
    /// The first `count` indications of an event are delivered, and no more until `interval_secs` after the first
    /// of them. The interval after that begins with the next indication of the event. The value 3.
    Suppress {
        /// `RepeatNotificationCount`, at least 1.
        count: u16,
        /// `RepeatNotificationInterval`, at least 1.
        interval_secs: u64,
    },
    /// An indication is delivered when more than `count` of its event, itself included, came within
    /// `interval_secs`; then none of this event, and none counts, for `gap_secs`. The value 4.
    Delay {
        /// `RepeatNotificationCount`.
        count: u16,
        /// `RepeatNotificationInterval`, at least 1.
        interval_secs: u64,
        /// `RepeatNotificationGap`.
        gap_secs: u64,
    },
}

/// The four properties of a subscription that say its policy, as they were given.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RepeatProperties {
    /// `RepeatNotificationPolicy`.
    pub policy: Option<u16>,
    /// `RepeatNotificationCount`.
    pub count: Option<u16>,
    /// `RepeatNotificationInterval`, in seconds.
    pub interval_secs: Option<u64>,
    /// `RepeatNotificationGap`, in seconds.
    pub gap_secs: Option<u64>,
}

/// Why a policy cannot be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RepeatError {
    /// Not a policy that is followed.
    #[error("RepeatNotificationPolicy {0} is not followed: use 2 (None), 3 (Suppress) or 4 (Delay)")]
    Policy(u16),
    /// A value that the policy needs is NULL or 0.
    #[error("RepeatNotificationPolicy {policy} needs {property}, and not 0")]
    Missing {
        /// The policy.
        policy: u16,
        /// The property.
        property: &'static str,
    },
}

impl RepeatPolicy {
    /// The policy that the properties say.
    ///
    /// # Errors
    /// The policy is none of the standard's, or a value that it needs is missing.
    pub fn from_properties(given: RepeatProperties) -> Result<Self, RepeatError> {
        let policy = given.policy.unwrap_or(2);
        let missing = |property| RepeatError::Missing { policy, property };
        let count = given.count.ok_or(missing("RepeatNotificationCount"));
        let interval = given.interval_secs.filter(|secs| *secs > 0);
        let interval = interval.ok_or(missing("RepeatNotificationInterval"));
        match policy {
            0 | 2 => Ok(Self::None),
            3 => Ok(Self::Suppress {
                count: count.and_then(|count| match count {
                    0 => Err(missing("RepeatNotificationCount")),
                    count => Ok(count),
                })?,
                interval_secs: interval?,
            }),
            4 => Ok(Self::Delay {
                count: count?,
                interval_secs: interval?,
                gap_secs: given.gap_secs.unwrap_or(0),
            }),
            other => Err(RepeatError::Policy(other)),
        }
    }

    /// The value of `RepeatNotificationPolicy`.
    pub const fn value(self) -> u16 {
        match self {
            Self::None => 2,
            Self::Suppress { .. } => 3,
            Self::Delay { .. } => 4,
        }
    }

    /// How far back something that happened still matters.
    pub const fn memory(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Suppress { interval_secs, .. } => Duration::from_secs(interval_secs),
            Self::Delay {
                interval_secs,
                gap_secs,
                ..
            } => Duration::from_secs(if interval_secs > gap_secs {
                interval_secs
            } else {
                gap_secs
            }),
        }
    }
}

/// What one subscription remembers of the events that it was told of.
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    events: HashMap<Box<str>, Track>,
}

/// What a subscription remembered of one event at some time.
#[derive(Clone, Debug)]
pub struct Remembered {
    event: Box<str>,
    track: Option<Track>,
}

/// What is remembered of one event.
#[derive(Clone, Debug)]
struct Track {
    /// When it came last.
    last: BootTime,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Suppress: an interval that began then, and how many were delivered in it.
    Interval(BootTime, u16),
    /// Delay: how many came when, oldest first.
    Counting(VecDeque<(BootTime, u32)>),
    /// Delay: none is delivered until then.
    Gap(BootTime),
}

impl Repeats {
    /// Whether an indication of `event` that comes at `now` is to be delivered, or held back.
    pub fn admit(&mut self, policy: RepeatPolicy, event: &str, now: BootTime) -> bool {
        if policy == RepeatPolicy::None {
            return true;
        }
        if !self.events.contains_key(event) {
            self.make_room(policy, now);
        }
        let track = self.events.entry(event.into()).or_insert_with(|| Track {
            last: now,
            stage: Stage::first(policy, now),
        });
        track.last = now;
        track.stage.admit(policy, now)
    }

    /// What is remembered of `event`, for the case that its telling comes to nothing.
    pub fn remembered(&self, event: &str) -> Remembered {
        Remembered {
            event: event.into(),
            track: self.events.get(event).cloned(),
        }
    }

    /// Remembers of an event what was [remembered](Self::remembered) before.
    pub fn put_back(&mut self, before: Remembered) {
        match before.track {
            Some(track) => self.events.insert(before.event, track),
            None => self.events.remove(&before.event),
        };
    }

    /// The events that matter no more give way; if there is none, the one that was quiet for the longest.
    fn make_room(&mut self, policy: RepeatPolicy, now: BootTime) {
        if self.events.len() < MAX_EVENTS {
            return;
        }
        self.events
            .retain(|_, track| now.since(track.last) < policy.memory());
        if self.events.len() < MAX_EVENTS {
            return;
        }
        let quietest = self.events.iter().min_by_key(|(_, track)| track.last);
        if let Some(event) = quietest.map(|(event, _)| event.clone()) {
            self.events.remove(&event);
        }
    }
}

impl Stage {
    fn first(policy: RepeatPolicy, now: BootTime) -> Self {
        match policy {
            RepeatPolicy::Delay { .. } => Self::Counting(VecDeque::new()),
            RepeatPolicy::None | RepeatPolicy::Suppress { .. } => Self::Interval(now, 0),
        }
    }

    fn admit(&mut self, policy: RepeatPolicy, now: BootTime) -> bool {
        match policy {
            RepeatPolicy::None => true,
            RepeatPolicy::Suppress { count, interval_secs } => {
                self.suppress(count, Duration::from_secs(interval_secs), now)
            }
            RepeatPolicy::Delay {
                count,
                interval_secs,
                gap_secs,
            } => self.delay(
                count,
                Duration::from_secs(interval_secs),
                Duration::from_secs(gap_secs),
                now,
            ),
        }
    }

    fn suppress(&mut self, count: u16, interval: Duration, now: BootTime) -> bool {
        let delivered = match self {
            Self::Interval(began, delivered) if now.since(*began) < interval => *delivered,
            // The interval is over, or the policy was another one.
            _ => {
                *self = Self::Interval(now, 1);
                return count > 0;
            }
        };
        if delivered >= count {
            return false;
        }
        if let Self::Interval(_, delivered) = self {
            *delivered += 1;
        }
        true
    }

    fn delay(&mut self, count: u16, interval: Duration, gap: Duration, now: BootTime) -> bool {
        if matches!(self, Self::Gap(until) if now < *until) {
            return false;
        }
        let mut moments = match self {
            Self::Counting(moments) => std::mem::take(moments),
            // A count begins anew where a gap ends.
            Self::Gap(_) | Self::Interval(..) => VecDeque::new(),
        };
        while moments.front().is_some_and(|(at, _)| now.since(*at) >= interval) {
            moments.pop_front();
        }
        let grain = if count <= MAX_MOMENTS {
            Duration::ZERO
        } else {
            interval / u32::from(MAX_MOMENTS)
        };
        match moments.back_mut() {
            Some((at, times)) if now.since(*at) <= grain => *times = times.saturating_add(1),
            _ => moments.push_back((now, 1)),
        }
        let received = moments
            .iter()
            .fold(0_u32, |sum, (_, times)| sum.saturating_add(*times));
        let deliver = received > u32::from(count);
        *self = if deliver {
            Self::Gap(now + gap)
        } else {
            Self::Counting(moments)
        };
        deliver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUPPRESS: RepeatPolicy = RepeatPolicy::Suppress {
        count: 2,
        interval_secs: 60,
    };
    const DELAY: RepeatPolicy = RepeatPolicy::Delay {
        count: 2,
        interval_secs: 60,
        gap_secs: 100,
    };

    /// `times`: the seconds at which an event comes; a `!` marks those that are delivered.
    #[track_caller]
    fn check(policy: RepeatPolicy, times: &str) {
        let mut repeats = Repeats::default();
        let told: Vec<String> = times
            .split_whitespace()
            .map(|time| {
                let secs: u64 = time.trim_end_matches('!').parse().unwrap();
                let delivered = repeats.admit(policy, "disk full", BootTime::from_millis(secs * 1_000));
                format!("{secs}{}", if delivered { "!" } else { "" })
            })
            .collect();
        assert_eq!(
            told.join(" "),
            times.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }

    #[test]
    fn without_a_policy_everything_is_delivered() {
        check(RepeatPolicy::None, "0! 0! 1! 2!");
    }

    #[test]
    fn the_first_few_are_delivered_and_the_rest_of_the_interval_is_quiet() {
        check(SUPPRESS, "10! 11! 12 40 69");
        // An interval begins with an indication and not where the last one ended.
        check(SUPPRESS, "10! 11! 69 95! 96! 97 154 155!");
        check(SUPPRESS, "10! 50! 69 70!");
    }

    #[test]
    fn a_delayed_event_is_told_when_it_has_come_often_enough() {
        check(DELAY, "0 1 2! 3 101 102 103 104! 105");
        // Only what came within the interval counts.
        check(DELAY, "0 30 60 89! 90");
        check(DELAY, "0 59 61 119 120!");
        let at_once = RepeatPolicy::Delay {
            count: 0,
            interval_secs: 1,
            gap_secs: 10,
        };
        check(at_once, "0! 1 9 10! 11");
    }

    #[test]
    fn a_high_count_is_kept_to_within_a_small_part_of_its_interval() {
        let policy = RepeatPolicy::Delay {
            count: 1_000,
            interval_secs: 64,
            gap_secs: 1_000,
        };
        let mut repeats = Repeats::default();
        let delivered =
            |repeats: &mut Repeats, millis| repeats.admit(policy, "e", BootTime::from_millis(millis));
        assert!((0..1_000_u64).all(|at| !delivered(&mut repeats, at * 10)));
        assert!(delivered(&mut repeats, 10_000));
        let Some(Stage::Gap(_)) = repeats.events.get("e").map(|track| track.stage.clone()) else {
            panic!("a gap follows");
        };
        // One each tenth of a second makes 640 in the interval: never enough, and never many places.
        let mut repeats = Repeats::default();
        assert!((0..5_000_u64).all(|at| !delivered(&mut repeats, at * 100)));
        let Some(Stage::Counting(moments)) = repeats.events.get("e").map(|track| track.stage.clone()) else {
            panic!("it counts");
        };
        assert!(moments.len() <= usize::from(MAX_MOMENTS) + 1, "{}", moments.len());
    }

    #[test]
    fn events_are_told_apart_and_few_are_remembered() {
        let mut repeats = Repeats::default();
        let at = BootTime::from_millis;
        for number in 0..2_000_u64 {
            assert!(repeats.admit(SUPPRESS, &number.to_string(), at(number)));
        }
        assert_eq!(repeats.events.len(), MAX_EVENTS);
        assert!(repeats.admit(SUPPRESS, "1999", at(2_000)));
        assert!(!repeats.admit(SUPPRESS, "1999", at(2_001)));
        // Long after, everything gives way at once.
        assert!(repeats.admit(SUPPRESS, "another", at(10_000_000)));
        assert_eq!(repeats.events.len(), 1);
    }

    #[test]
    fn a_policy_that_changes_begins_anew() {
        let mut repeats = Repeats::default();
        let at = BootTime::from_millis;
        assert!(repeats.admit(SUPPRESS, "e", at(0)));
        assert!(!repeats.admit(DELAY, "e", at(1)));
        assert!(repeats.admit(SUPPRESS, "e", at(2)));
        assert!(repeats.admit(RepeatPolicy::None, "e", at(3)));
    }

    #[track_caller]
    fn check_properties(
        (policy, count, interval_secs, gap_secs): (Option<u16>, Option<u16>, Option<u64>, Option<u64>),
        expect: Result<RepeatPolicy, &str>,
    ) {
        let given = RepeatProperties {
            policy,
            count,
            interval_secs,
            gap_secs,
        };
        let found = RepeatPolicy::from_properties(given).map_err(|error| error.to_string());
        assert_eq!(found, expect.map_err(str::to_owned));
    }

    #[test]
    fn the_properties_say_the_policy() {
        check_properties((None, None, None, None), Ok(RepeatPolicy::None));
        check_properties((Some(0), Some(1), None, None), Ok(RepeatPolicy::None));
        check_properties((Some(2), None, Some(5), Some(6)), Ok(RepeatPolicy::None));
        check_properties((Some(3), Some(2), Some(60), None), Ok(SUPPRESS));
        check_properties((Some(4), Some(2), Some(60), Some(100)), Ok(DELAY));
        check_properties(
            (Some(3), Some(0), Some(60), None),
            Err("RepeatNotificationPolicy 3 needs RepeatNotificationCount, and not 0"),
        );
        check_properties(
            (Some(4), Some(2), Some(0), None),
            Err("RepeatNotificationPolicy 4 needs RepeatNotificationInterval, and not 0"),
        );
        check_properties(
            (Some(1), None, None, None),
            Err("RepeatNotificationPolicy 1 is not followed: use 2 (None), 3 (Suppress) or 4 (Delay)"),
        );
    }

    proptest::proptest! {
        /// Whatever comes when: within an interval no more than the count are delivered.
        #[test]
        fn never_more_than_the_count_in_an_interval(steps in proptest::collection::vec(0_u64..50, 1..200)) {
            let mut repeats = Repeats::default();
            let mut now = 0;
            let mut delivered = Vec::new();
            for step in steps {
                now += step;
                if repeats.admit(SUPPRESS, "e", BootTime::from_millis(now * 1_000)) {
                    delivered.push(now);
                }
            }
            // Two of one interval and two of the next may be close; a fifth may not.
            for five in delivered.windows(5) {
                proptest::prop_assert!(five[4] - five[0] >= 60, "{five:?}");
            }
        }
    }
}
