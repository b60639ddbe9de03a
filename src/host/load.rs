//! Processor load as a mean over the last minute, from samples of `/proc/stat`.

use std::collections::VecDeque;
use std::time::Duration;

use super::text;
use crate::time::BootTime;

/// The time over which load is averaged.
pub const LOAD_WINDOW: Duration = Duration::from_secs(60);

/// How far apart samples are kept. Who drives the sampling should come at this pace.
pub const LOAD_SPACING: Duration = Duration::from_secs(5);

/// Where a processor's time went since boot, in clock ticks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ticks {
    /// Programs, niced ones and guests included (the kernel counts guest time in user time already).
    pub user: u64,
    /// The kernel, interrupts included.
    pub system: u64,
    /// Idle with nothing to wait for.
    pub idle: u64,
    /// Idle while input or output was awaited.
    pub iowait: u64,
    /// Time that the hypervisor gave to others.
    pub steal: u64,
}

impl Ticks {
    /// What was added since `earlier`; `None` if the counters of work went back, as they do when a
    /// processor was taken out and came back. The two idle counters may go back a little by themselves.
    fn since(self, earlier: Self) -> Option<Self> {
        Some(Self {
            user: self.user.checked_sub(earlier.user)?,
            system: self.system.checked_sub(earlier.system)?,
            steal: self.steal.checked_sub(earlier.steal)?,
            idle: self.idle.saturating_sub(earlier.idle),
            iowait: self.iowait.saturating_sub(earlier.iowait),
        })
    }

    fn plus(self, more: Self) -> Self {
        Self {
            user: self.user.saturating_add(more.user),
            system: self.system.saturating_add(more.system),
            idle: self.idle.saturating_add(more.idle),
            iowait: self.iowait.saturating_add(more.iowait),
            steal: self.steal.saturating_add(more.steal),
        }
    }

    fn load(self) -> Option<Load> {
        let busy = self.user.saturating_add(self.system).saturating_add(self.steal);
        let all = busy.saturating_add(self.idle).saturating_add(self.iowait);
        let percent = |part| super::memory::percent(part, all);
        Some(Load {
            busy_percent: percent(busy)?,
            user_percent: percent(self.user)?,
            system_percent: percent(self.system)?,
            iowait_percent: percent(self.iowait)?,
            steal_percent: percent(self.steal)?,
        })
    }
}

/// What `/proc/stat` tells of the processors. Those that are offline are not in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CpuTimes {
    /// All processors together.
    pub total: Ticks,
    /// Each processor that is online by its number, in ascending order.
    pub processors: Vec<(u32, Ticks)>,
    /// When the machine booted, in seconds after the Unix epoch.
    pub boot_unix_secs: Option<u64>,
}

impl CpuTimes {
    fn of(&self, processor: Option<u32>) -> Option<Ticks> {
        let Some(processor) = processor else {
            return Some(self.total);
        };
        let at = self
            .processors
            .binary_search_by_key(&processor, |(id, _)| *id)
            .ok()?;
        self.processors.get(at).map(|(_, ticks)| *ticks)
    }
}

/// Reads the text of `/proc/stat`.
pub fn parse_stat(stat: &[u8]) -> CpuTimes {
    let mut times = CpuTimes::default();
    for line in text::lines(stat) {
        if let Some(rest) = line.strip_prefix(b"cpu") {
            let Some(ticks) = ticks(rest) else { continue };
            match rest.split(u8::is_ascii_whitespace).next() {
                Some(b"") => times.total = ticks,
                Some(id) => {
                    let id = text::number(id).and_then(|id| u32::try_from(id).ok());
                    times.processors.extend(id.map(|id| (id, ticks)));
                }
                None => {}
            }
        } else if let Some(rest) = line.strip_prefix(b"btime ") {
            times.boot_unix_secs = text::number(rest);
        }
    }
    times.processors.sort_unstable_by_key(|(id, _)| *id);
    times.processors.dedup_by_key(|(id, _)| *id);
    times
}

/// user nice system idle iowait irq softirq steal guest guest_nice; old kernels print fewer.
fn ticks(line_after_cpu: &[u8]) -> Option<Ticks> {
    let mut fields = line_after_cpu
        .split(u8::is_ascii_whitespace)
        .skip(1)
        .filter(|field| !field.is_empty());
    let [user, nice, system, idle] =
        [fields.next()?, fields.next()?, fields.next()?, fields.next()?].map(text::number);
    let mut optional = || fields.next().and_then(text::number).unwrap_or(0);
    let [iowait, irq, softirq, steal] = [optional(), optional(), optional(), optional()];
    Some(Ticks {
        user: user?.saturating_add(nice?),
        system: system?.saturating_add(irq).saturating_add(softirq),
        idle: idle?,
        iowait,
        steal,
    })
}

/// Shares of a processor's time, in percent. Busy is everything but idle and iowait.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Everything but idle and iowait.
    pub busy_percent: f64,
    /// Programs and guests.
    pub user_percent: f64,
    /// The kernel and interrupts.
    pub system_percent: f64,
    /// Idle while input or output was awaited.
    pub iowait_percent: f64,
    /// Taken by the hypervisor.
    pub steal_percent: f64,
}

/// The mean load of all processors and of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loads {
    /// All processors together; `None` before the second sample.
    pub total: Option<Load>,
    /// Each processor that is online and was so in two samples, by its number, in ascending order.
    pub processors: Vec<(u32, Load)>,
}

impl Loads {
    /// The load of one processor.
    pub fn of(&self, processor: u32) -> Option<Load> {
        let at = self
            .processors
            .binary_search_by_key(&processor, |(id, _)| *id)
            .ok()?;
        self.processors.get(at).map(|(_, load)| *load)
    }
}

/// The last minute's samples, [`LOAD_SPACING`] apart.
#[derive(Clone, Debug, Default)]
pub struct LoadRing {
    samples: VecDeque<(BootTime, CpuTimes)>,
}

impl LoadRing {
    /// A ring without samples.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a sample. The newest always counts; of those that come closer than [`LOAD_SPACING`] only
    /// one is kept. A sample from before the newest is dropped.
    pub fn push(&mut self, at: BootTime, times: &CpuTimes) {
        if self.samples.back().is_some_and(|(newest, _)| *newest > at) {
            return;
        }
        if self.newest_is_provisional() {
            self.samples.pop_back();
        }
        self.samples.push_back((at, times.clone()));
        // One sample from before the window stays: the window's first stretch begins there.
        let window_start = at.saturating_sub(LOAD_WINDOW);
        while self
            .samples
            .get(1)
            .is_some_and(|(second, _)| *second <= window_start)
        {
            self.samples.pop_front();
        }
    }

    fn newest_is_provisional(&self) -> bool {
        let mut newest_first = self.samples.iter().rev().map(|(at, _)| *at);
        match (newest_first.next(), newest_first.next()) {
            (Some(newest), Some(before)) => newest.since(before) < LOAD_SPACING,
            _ => false,
        }
    }

    /// The mean over `window` before the newest sample, at most [`LOAD_WINDOW`]; over what there is if the
    /// ring is younger.
    pub fn mean(&self, window: Duration) -> Loads {
        let Some((newest_at, newest)) = self.samples.back() else {
            return Loads::default();
        };
        let start = newest_at.saturating_sub(window);
        let first = self.samples.iter().rposition(|(at, _)| *at <= start).unwrap_or(0);
        let processors = newest.processors.iter();
        Loads {
            total: self.mean_of(None, first),
            processors: processors
                .filter_map(|(id, _)| Some((*id, self.mean_of(Some(*id), first)?)))
                .collect(),
        }
    }

    /// Adds up the stretches between neighbouring samples; one in which the processor was not there, or its
    /// counters went back, is left out.
    fn mean_of(&self, processor: Option<u32>, first: usize) -> Option<Load> {
        let mut sum = Ticks::default();
        let mut before: Option<Ticks> = None;
        for (_, times) in self.samples.iter().skip(first) {
            let after = times.of(processor);
            if let Some(stretch) = after.and_then(|after| after.since(before?)) {
                sum = sum.plus(stretch);
            }
            before = after;
        }
        sum.load()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> BootTime {
        BootTime::from_millis(secs * 1000)
    }

    fn ticks(user: u64, idle: u64) -> Ticks {
        Ticks {
            user,
            idle,
            ..Ticks::default()
        }
    }

    fn times(processors: &[(u32, u64, u64)]) -> CpuTimes {
        let processors: Vec<_> = processors
            .iter()
            .map(|(id, user, idle)| (*id, ticks(*user, *idle)))
            .collect();
        let total = processors
            .iter()
            .fold(Ticks::default(), |sum, (_, ticks)| sum.plus(*ticks));
        CpuTimes {
            total,
            processors,
            boot_unix_secs: None,
        }
    }

    #[test]
    fn stat_is_folded_and_guest_time_not_counted_twice() {
        let times = parse_stat(
            b"cpu  30 2 12 200 8 1 2 4 20 1\ncpu0 10 1 6 100 4 1 1 2 10 1\ncpu12 20 1 6 100 4 0 1 2 10 0\n\
              intr 1 2 3\nctxt 5\nbtime 1700000000\nprocesses 3\n",
        );
        assert_eq!(
            times.total,
            Ticks {
                user: 32,
                system: 15,
                idle: 200,
                iowait: 8,
                steal: 4
            }
        );
        assert_eq!(
            times.processors[0],
            (
                0,
                Ticks {
                    user: 11,
                    system: 8,
                    idle: 100,
                    iowait: 4,
                    steal: 2
                }
            )
        );
        assert_eq!(times.processors[1].0, 12);
        assert_eq!(times.boot_unix_secs, Some(1_700_000_000));
    }

    #[test]
    fn odd_stat_lines_are_left_out() {
        #[track_caller]
        fn check(given: &[u8], processors: usize) {
            assert_eq!(
                parse_stat(given).processors.len(),
                processors,
                "{}",
                String::from_utf8_lossy(given)
            );
        }
        check(b"", 0);
        check(b"cpu0 1 2 3\n", 0);
        check(b"cpu0 1 2 3 4\n", 1);
        check(b"cpu0 1 2 3 4\ncpu0 1 2 3 5\n", 1);
        check(b"cpux 1 2 3 4\ncpu99999999999 1 2 3 4\ncpu\xff 1 2 3 4\n", 0);
        check(b"cpu", 0);
    }

    #[test]
    fn all_shares_of_the_time() {
        let mut ring = LoadRing::new();
        ring.push(at(0), &CpuTimes::default());
        let total = Ticks {
            user: 10,
            system: 20,
            idle: 50,
            iowait: 15,
            steal: 5,
        };
        ring.push(
            at(5),
            &CpuTimes {
                total,
                ..CpuTimes::default()
            },
        );
        let load = ring.mean(LOAD_WINDOW).total.unwrap();
        assert_eq!(
            load,
            Load {
                busy_percent: 35.0,
                user_percent: 10.0,
                system_percent: 20.0,
                iowait_percent: 15.0,
                steal_percent: 5.0
            }
        );
    }

    #[test]
    fn a_single_sample_tells_nothing() {
        let mut ring = LoadRing::new();
        assert_eq!(ring.mean(LOAD_WINDOW), Loads::default());
        ring.push(at(0), &times(&[(0, 5, 5)]));
        assert_eq!(ring.mean(LOAD_WINDOW), Loads::default());
    }

    #[test]
    fn the_mean_is_over_the_last_minute_alone() {
        let mut ring = LoadRing::new();
        let (mut user, mut idle) = (0, 0);
        // Five minutes of full load, then a minute with a quarter.
        for sample in 0..=72u64 {
            ring.push(at(sample * 5), &times(&[(0, user, idle)]));
            if sample < 60 {
                user += 500;
            } else {
                user += 125;
                idle += 375;
            }
        }
        assert_eq!(ring.mean(LOAD_WINDOW).total.unwrap().busy_percent, 25.0);
        assert!(ring.samples.len() <= 14, "{} samples", ring.samples.len());
    }

    #[test]
    fn the_first_minute_uses_what_there_is() {
        let mut ring = LoadRing::new();
        ring.push(at(100), &times(&[(0, 1000, 1000)]));
        ring.push(at(102), &times(&[(0, 1050, 1150)]));
        assert_eq!(ring.mean(LOAD_WINDOW).total.unwrap().busy_percent, 25.0);
    }

    #[test]
    fn close_samples_replace_one_another() {
        let mut ring = LoadRing::new();
        for tenth in 0..6_000u64 {
            ring.push(
                BootTime::from_millis(tenth * 100),
                &times(&[(0, tenth * 3, tenth * 7)]),
            );
        }
        assert!(ring.samples.len() <= 14, "{} samples", ring.samples.len());
        assert_eq!(ring.samples.back().unwrap().0, BootTime::from_millis(599_900));
        assert!((ring.mean(LOAD_WINDOW).total.unwrap().busy_percent - 30.0).abs() < 1e-9);
    }

    #[test]
    fn processors_that_come_and_go() {
        #[track_caller]
        fn check(samples: &[&[(u32, u64, u64)]], expect: &[(u32, f64)]) {
            let mut ring = LoadRing::new();
            for (index, sample) in samples.iter().enumerate() {
                ring.push(at(index as u64 * 5), &times(sample));
            }
            let loads = ring.mean(LOAD_WINDOW);
            let brief: Vec<_> = loads
                .processors
                .iter()
                .map(|(id, load)| (*id, load.busy_percent))
                .collect();
            assert_eq!(brief, expect);
            assert!(
                loads
                    .total
                    .is_none_or(|load| (0.0..=100.0).contains(&load.busy_percent))
            );
        }
        // Taken offline: it has no load any more.
        check(
            &[
                &[(0, 0, 0), (1, 0, 0)],
                &[(0, 50, 50), (1, 50, 50)],
                &[(0, 100, 100)],
            ],
            &[(0, 50.0)],
        );
        // Came in the last sample: not known yet, then known from the time it was there.
        check(&[&[(0, 0, 0)], &[(0, 50, 50), (1, 900, 0)]], &[(0, 50.0)]);
        check(
            &[
                &[(0, 0, 0)],
                &[(0, 50, 50), (1, 900, 0)],
                &[(0, 50, 150), (1, 925, 75)],
            ],
            &[(0, 25.0), (1, 25.0)],
        );
        // Gone for one sample: the stretches around it are left out.
        check(
            &[
                &[(1, 0, 0)],
                &[(1, 10, 90)],
                &[],
                &[(1, 500, 100)],
                &[(1, 520, 180)],
            ],
            &[(1, 15.0)],
        );
        // Counters that start again from nothing.
        check(
            &[
                &[(0, 1000, 1000)],
                &[(0, 1050, 1050)],
                &[(0, 1, 1)],
                &[(0, 51, 51)],
            ],
            &[(0, 50.0)],
        );
        // An idle counter that goes back alone counts as none.
        check(&[&[(0, 0, 100)], &[(0, 50, 90)]], &[(0, 100.0)]);
        // A processor whose counters stand still has no shares.
        check(&[&[(0, 7, 7)], &[(0, 7, 7)]], &[]);
    }

    #[test]
    fn time_that_goes_back_is_not_taken_in() {
        let mut ring = LoadRing::new();
        ring.push(at(10), &times(&[(0, 0, 0)]));
        ring.push(at(20), &times(&[(0, 50, 50)]));
        ring.push(at(15), &times(&[(0, 90, 10)]));
        assert_eq!(ring.mean(LOAD_WINDOW).total.unwrap().busy_percent, 50.0);
    }
}
