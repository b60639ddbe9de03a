//! What strangers make happen often is told a few times, and then counted: no stranger fills the log.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::server::registry::Source;

/// Sources that are counted by themselves within one period; further ones are counted together.
const MAX_SOURCES: usize = 64;

/// Counts what happens within a period, by source.
pub(super) struct Tally {
    period: Duration,
    told_alone: u32,
    /// Tells, at the end of a period, how many more there were from a source.
    tell: fn(Culprit, u32),
    window: Mutex<Window>,
}

/// Who did what was counted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Culprit {
    One(Source),
    /// All those that came after [`MAX_SOURCES`] others.
    Others,
}

#[derive(Default)]
struct Window {
    end: Option<Instant>,
    seen: HashMap<Culprit, u32>,
    ends_by_itself: bool,
}

impl Tally {
    /// One of which `told_alone` from each source and `period` are told by themselves.
    pub(super) fn new(period: Duration, told_alone: u32, tell: fn(Culprit, u32)) -> Arc<Self> {
        Arc::new(Self {
            period,
            told_alone,
            tell,
            window: Mutex::default(),
        })
    }

    /// It happened again. Whether it is to be told now; if not, it is counted, and told when the period is over.
    pub(super) fn note(self: &Arc<Self>, source: Source) -> bool {
        let now = Instant::now();
        let mut window = self.window.lock();
        let past = window.end.is_none_or(|end| now >= end).then(|| {
            let end = Some(now + self.period);
            let next = Window {
                end,
                ..Window::default()
            };
            std::mem::replace(&mut *window, next)
        });
        let is_known = window.seen.contains_key(&Culprit::One(source));
        let culprit = if is_known || window.seen.len() < MAX_SOURCES {
            Culprit::One(source)
        } else {
            Culprit::Others
        };
        let seen = window.seen.entry(culprit).or_default();
        *seen = seen.saturating_add(1);
        let is_told = *seen <= self.told_alone;
        let end = window.end.filter(|_| !is_told && !window.ends_by_itself);
        window.ends_by_itself |= !is_told;
        drop(window);
        if let Some(past) = past {
            self.tell(&past);
        }
        if let Some(end) = end {
            tokio::spawn(Arc::clone(self).tell_at(end));
        }
        is_told
    }

    async fn tell_at(self: Arc<Self>, end: Instant) {
        tokio::time::sleep_until(end.into()).await;
        let mut window = self.window.lock();
        if window.end == Some(end) {
            let past = std::mem::take(&mut *window);
            drop(window);
            self.tell(&past);
        }
    }

    fn tell(&self, window: &Window) {
        for (&culprit, &seen) in &window.seen {
            if seen > self.told_alone {
                (self.tell)(culprit, seen - self.told_alone);
            }
        }
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(source) => source.fmt(f),
            Self::Others => f.write_str("other addresses"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TOLD: Mutex<Vec<(Culprit, u32)>> = Mutex::new(Vec::new());

    fn noted(tally: &Arc<Tally>, uid: u32, times: u32) -> usize {
        (0..times).filter(|_| tally.note(Source::User(uid))).count()
    }

    #[tokio::test]
    async fn a_few_are_told_and_the_rest_is_counted() {
        let tally = Tally::new(Duration::from_millis(200), 2, |culprit, more| {
            TOLD.lock().push((culprit, more));
        });
        assert_eq!(noted(&tally, 0, 10), 2);
        assert_eq!(noted(&tally, 1, 2), 2, "another source");
        let others = 100;
        for uid in 2..2 + others {
            noted(&tally, uid, 1);
        }
        while TOLD.lock().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut told = std::mem::take(&mut *TOLD.lock());
        told.sort_by_key(|&(_, more)| more);
        let apart = u32::try_from(MAX_SOURCES).unwrap() - 2;
        let expected = [
            (Culprit::One(Source::User(0)), 8),
            (Culprit::Others, others - apart - 2),
        ];
        assert_eq!(told, expected);
        assert_eq!(noted(&tally, 0, 1), 1, "a new period");
        assert!(tally.window.lock().seen.len() < 2);
    }
}
