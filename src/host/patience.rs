//! Questions that the kernel may never answer: a dead NFS server, a FUSE daemon that stopped, a dying
//! disk. They are asked on threads of their own and given up after their time.
//!
//! - What was given up is not asked again until the stuck call has returned.
//! - Two threads do the work while everything answers. One that is stuck is replaced, up to a bound.
//! - A question for which no thread is free any more counts as given up; those that answered last time go
//!   first, so that many dead ones do not take the place of the living.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Threads that stay when nothing is stuck.
const STEADY_WORKERS: usize = 2;

/// Threads that there are at most: more than a machine has file systems that can die together, and still
/// only some megabytes.
const MOST_WORKERS: usize = 128;

/// A thread that has not come back for so long may be stuck: while others wait, one more is started.
const HESITATION: Duration = Duration::from_millis(40);

/// System calls are all that the threads do.
const STACK_BYTES: usize = 128 * 1024;

type Work<T> = Box<dyn FnOnce() -> T + Send>;

/// A question and what it is about.
pub(super) struct Question<K, T> {
    pub(super) key: K,
    pub(super) ask: Work<T>,
}

/// Threads that put questions, one at a time for each key.
pub(super) struct Patience<K, T> {
    deadline: Duration,
    desk: Arc<Desk<K, T>>,
}

struct Desk<K, T> {
    state: Mutex<State<K, T>>,
    work_came: Condvar,
}

struct State<K, T> {
    queue: VecDeque<Question<K, T>>,
    open: HashMap<K, Open<T>>,
    given_up: HashSet<K>,
    workers: usize,
    idle: usize,
    /// How many questions were answered since the start.
    answered: u64,
    closed: bool,
}

impl<K: Eq + Hash, T> State<K, T> {
    /// The number of threads whose question was given up.
    fn stuck(&self) -> usize {
        self.given_up
            .iter()
            .filter(|key| self.open.get(key).is_some_and(|open| open.asked))
            .count()
    }
}

/// A question that is in the queue or being asked.
struct Open<T> {
    asked: bool,
    waiting: Vec<(Arc<Batch<T>>, usize)>,
}

/// What a caller that waits knows of the progress.
struct Help {
    answered: u64,
    threads: usize,
}

/// The answers that one caller waits for.
struct Batch<T> {
    answers: Mutex<Vec<Option<T>>>,
    answer_came: Condvar,
}

impl<K, T> Patience<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + 'static,
{
    /// Gives every question up after `deadline`.
    pub(super) fn new(deadline: Duration) -> Self {
        let state = State {
            queue: VecDeque::new(),
            open: HashMap::new(),
            given_up: HashSet::new(),
            workers: 0,
            idle: 0,
            answered: 0,
            closed: false,
        };
        Self {
            deadline,
            desk: Arc::new(Desk {
                state: Mutex::new(state),
                work_came: Condvar::new(),
            }),
        }
    }

    /// Puts all `questions` and returns their answers in the same order, `None` for what was given up. It
    /// takes the deadline at most.
    pub(super) fn ask_all(&self, questions: Vec<Question<K, T>>) -> Vec<Option<T>> {
        let start = Instant::now();
        let keys: Vec<K> = questions.iter().map(|question| question.key.clone()).collect();
        let batch = Arc::new(Batch {
            answers: Mutex::new(keys.iter().map(|_| None).collect()),
            answer_came: Condvar::new(),
        });
        let waited_for = self.enqueue(questions, &batch);
        if waited_for.is_empty() {
            return std::mem::take(&mut *batch.answers.lock());
        }
        self.wait(&batch, &waited_for, start);
        self.give_up(&batch, &keys);
        std::mem::take(&mut *batch.answers.lock())
    }

    /// The number of threads there are, for tests.
    #[cfg(test)]
    fn workers(&self) -> usize {
        self.desk.state.lock().workers
    }

    /// Puts what is not stuck in the queue; returns which places of the batch an answer is awaited for.
    fn enqueue(&self, questions: Vec<Question<K, T>>, batch: &Arc<Batch<T>>) -> Vec<usize> {
        let mut waited_for = Vec::with_capacity(questions.len());
        let mut state = self.desk.state.lock();
        let mut last = Vec::new();
        for (place, question) in questions.into_iter().enumerate() {
            let waiter = (Arc::clone(batch), place);
            let given_up = state.given_up.contains(&question.key);
            if let Some(open) = state.open.get_mut(&question.key) {
                if given_up && open.asked {
                    continue;
                }
                open.waiting.push(waiter);
            } else {
                state.open.insert(
                    question.key.clone(),
                    Open {
                        asked: false,
                        waiting: vec![waiter],
                    },
                );
                if given_up {
                    last.push(question);
                } else {
                    state.queue.push_back(question);
                }
            }
            waited_for.push(place);
        }
        state.queue.extend(last);
        let at_work = state.workers.saturating_sub(state.stuck());
        let wanted = state.queue.len().min(STEADY_WORKERS.saturating_sub(at_work));
        for _ in 0..wanted.min(MOST_WORKERS.saturating_sub(state.workers)) {
            self.desk.hire(&mut state);
        }
        drop(state);
        self.desk.work_came.notify_all();
        waited_for
    }

    /// Waits until every awaited answer is there or the time is over. While the queue does not move, more
    /// threads are started.
    fn wait(&self, batch: &Batch<T>, waited_for: &[usize], start: Instant) {
        let end = start + self.deadline;
        let mut help = Help {
            answered: self.desk.state.lock().answered,
            threads: 1,
        };
        let mut answers = batch.answers.lock();
        loop {
            if waited_for
                .iter()
                .all(|place| answers.get(*place).is_none_or(Option::is_some))
            {
                return;
            }
            let now = Instant::now();
            if now >= end {
                return;
            }
            if batch
                .answer_came
                .wait_until(&mut answers, end.min(now + HESITATION))
                .timed_out()
            {
                drop(answers);
                self.desk.send(&mut help);
                answers = batch.answers.lock();
            }
        }
    }

    /// Takes this batch's open questions back: those that were not begun leave the queue.
    fn give_up(&self, batch: &Arc<Batch<T>>, keys: &[K]) {
        let mut guard = self.desk.state.lock();
        let state = &mut *guard;
        for key in keys {
            if let Some(open) = state.open.get_mut(key) {
                open.waiting.retain(|(other, _)| !Arc::ptr_eq(other, batch));
                if !open.asked && open.waiting.is_empty() {
                    state.open.remove(key);
                    state.queue.retain(|question| question.key != *key);
                }
                state.given_up.insert(key.clone());
            } else {
                state.given_up.remove(key);
            }
        }
        // What is no longer asked about is forgotten.
        let open = &state.open;
        state
            .given_up
            .retain(|key| open.contains_key(key) || keys.contains(key));
    }
}

impl<K, T> Drop for Patience<K, T> {
    fn drop(&mut self) {
        self.desk.state.lock().closed = true;
        self.desk.work_came.notify_all();
    }
}

impl<K, T> Desk<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + 'static,
{
    /// Starts more threads if there are questions and nothing was answered since the last look: twice as
    /// many each time, so that many that hang do not use up the time of those behind them.
    fn send(self: &Arc<Self>, help: &mut Help) {
        let mut state = self.state.lock();
        if state.answered != help.answered {
            *help = Help {
                answered: state.answered,
                threads: 1,
            };
            return;
        }
        let room = MOST_WORKERS.saturating_sub(state.workers);
        let wanted = state.queue.len().saturating_sub(state.idle);
        for _ in 0..help.threads.min(room).min(wanted) {
            self.hire(&mut state);
        }
        help.threads *= 2;
    }

    fn hire(self: &Arc<Self>, state: &mut State<K, T>) {
        let desk = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("esm-ask".to_owned())
            .stack_size(STACK_BYTES);
        if thread.spawn(move || desk.work()).is_ok() {
            state.workers += 1;
        }
    }

    fn work(&self) {
        let mut state = self.state.lock();
        loop {
            while state.queue.is_empty() && !state.closed && state.idle < STEADY_WORKERS {
                state.idle += 1;
                self.work_came.wait(&mut state);
                state.idle -= 1;
            }
            let Some(question) = state.queue.pop_front().filter(|_| !state.closed) else {
                state.workers -= 1;
                return;
            };
            if let Some(open) = state.open.get_mut(&question.key) {
                open.asked = true;
            }
            drop(state);
            // A panic would leave the key open for ever.
            let answer = catch_unwind(AssertUnwindSafe(question.ask)).ok();
            state = self.state.lock();
            let open = state.open.remove(&question.key);
            state.given_up.remove(&question.key);
            state.answered += 1;
            let (Some(open), Some(answer)) = (open, answer) else {
                continue;
            };
            for (batch, place) in open.waiting {
                if let Some(slot) = batch.answers.lock().get_mut(place) {
                    *slot = Some(answer.clone());
                }
                batch.answer_came.notify_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const DEADLINE: Duration = Duration::from_millis(400);

    fn prompt(key: u32) -> Question<u32, u32> {
        Question {
            key,
            ask: Box::new(move || key * 10),
        }
    }

    /// A question that hangs until the returned end is dropped.
    fn hanging(key: u32) -> (Question<u32, u32>, mpsc::Sender<()>) {
        let (release, held) = mpsc::channel();
        let ask = Box::new(move || {
            let _: Result<(), _> = held.recv();
            key * 10
        });
        (Question { key, ask }, release)
    }

    #[test]
    fn prompt_answers_need_two_threads() {
        let patience = Patience::new(DEADLINE);
        for _ in 0..20 {
            let answers = patience.ask_all((0..100).map(prompt).collect());
            assert!(
                answers
                    .iter()
                    .enumerate()
                    .all(|(key, answer)| *answer == Some(key as u32 * 10))
            );
        }
        assert!(patience.workers() <= STEADY_WORKERS);
        assert!(patience.ask_all(Vec::new()).is_empty());
    }

    #[test]
    fn what_hangs_is_given_up_and_not_asked_again_until_it_returned() {
        let patience = Patience::new(DEADLINE);
        let (stuck, release) = hanging(7);
        let before = Instant::now();
        let answers = patience.ask_all(vec![prompt(1), stuck, prompt(2)]);
        assert_eq!(answers, [Some(10), None, Some(20)]);
        assert!(before.elapsed() >= DEADLINE);

        // Asked again: known to be stuck, so nobody waits, and the question itself is not put.
        let before = Instant::now();
        let never = Question {
            key: 7,
            ask: Box::new(|| -> u32 { panic!("asked while stuck") }) as Work<u32>,
        };
        assert_eq!(patience.ask_all(vec![never, prompt(3)]), [None, Some(30)]);
        assert!(before.elapsed() < DEADLINE);

        drop(release);
        let end = Instant::now() + Duration::from_secs(10);
        while patience.ask_all(vec![prompt(7)]) != [Some(70)] {
            assert!(Instant::now() < end, "did not recover");
        }
    }

    #[test]
    fn many_that_hang_do_not_keep_the_others_from_their_answer() {
        let patience = Patience::new(Duration::from_secs(2));
        let mut releases = Vec::new();
        let mut questions = Vec::new();
        for key in 0..10 {
            let (stuck, release) = hanging(key);
            questions.push(stuck);
            releases.push(release);
        }
        questions.extend((10..20).map(prompt));
        let answers = patience.ask_all(questions);
        assert!(answers[..10].iter().all(Option::is_none));
        assert!(answers[10..].iter().all(Option::is_some), "{answers:?}");
        assert!(patience.workers() <= 10 + STEADY_WORKERS);
        // They come back: the extra threads go.
        drop(releases);
        let end = Instant::now() + Duration::from_secs(10);
        while patience.workers() > STEADY_WORKERS {
            assert!(Instant::now() < end, "{} workers stay", patience.workers());
            thread::yield_now();
        }
    }

    #[test]
    fn stuck_threads_are_bounded_and_the_living_go_first() {
        let patience = Patience::new(Duration::from_millis(2_500));
        let mut releases = Vec::new();
        let mut ask = |keys: std::ops::Range<u32>| {
            let mut questions = Vec::new();
            for key in keys {
                let (stuck, release) = hanging(key);
                questions.push(stuck);
                releases.push(release);
            }
            questions.push(prompt(1000));
            patience.ask_all(questions).pop().flatten()
        };
        // One fewer than the bound hangs: the last thread still answers.
        assert_eq!(ask(0..MOST_WORKERS as u32 - 1), Some(10_000));
        assert!(patience.workers() <= MOST_WORKERS);
        // More than the bound in one batch: the bound holds.
        ask(1_000_000..1_000_200);
        assert_eq!(patience.workers(), MOST_WORKERS);
    }

    #[test]
    fn a_second_caller_waits_for_the_answer_that_is_under_way() {
        let patience = Arc::new(Patience::new(Duration::from_secs(20)));
        let (slow, release) = hanging(5);
        let first = thread::spawn({
            let patience = Arc::clone(&patience);
            move || patience.ask_all(vec![slow])
        });
        while patience
            .desk
            .state
            .lock()
            .open
            .get(&5)
            .is_none_or(|open| !open.asked)
        {
            thread::yield_now();
        }
        let second = thread::spawn({
            let patience = Arc::clone(&patience);
            let never = Question {
                key: 5,
                ask: Box::new(|| -> u32 { panic!("asked twice") }) as Work<u32>,
            };
            move || patience.ask_all(vec![never])
        });
        while patience
            .desk
            .state
            .lock()
            .open
            .get(&5)
            .is_some_and(|open| open.waiting.len() < 2)
        {
            thread::yield_now();
        }
        drop(release);
        assert_eq!(first.join().unwrap(), [Some(50)]);
        assert_eq!(second.join().unwrap(), [Some(50)]);
    }

    #[test]
    fn a_panic_costs_its_own_answer_alone() {
        let patience = Patience::new(DEADLINE);
        let bad = Question {
            key: 1,
            ask: Box::new(|| -> u32 { panic!("on purpose") }) as Work<u32>,
        };
        assert_eq!(patience.ask_all(vec![bad, prompt(2)]), [None, Some(20)]);
        assert_eq!(patience.ask_all(vec![prompt(1)]), [Some(10)]);
    }
}
