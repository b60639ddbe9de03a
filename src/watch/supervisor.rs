//! Workers that are started again when they panic, with a growing pause, and how each of them fares.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::clock::SharedClock;
use crate::time::WallTime;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A worker that ran for so long is trusted again: the next pause is the first one.
const TRUSTED_AFTER: Duration = Duration::from_secs(600);

/// What a worker does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WorkerState {
    /// It works.
    #[default]
    Running,
    /// It failed and is started again after a pause.
    Restarting,
    /// It ended.
    Stopped,
}

/// How a worker fares.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WorkerStatus {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub state: WorkerState,
    /// How often it was started again.
    pub restarts: u64,
    /// What it failed of last, and when.
    pub last_error: Option<(WallTime, String)>,
}

/// A worker's status, and the task that looks after it.
type Supervised = (Arc<Mutex<WorkerStatus>>, JoinHandle<()>);

/// Told of each failure: the worker, and what it failed of.
pub type OnFailure = Arc<dyn Fn(&'static str, &str) + Send + Sync>;

/// Starts workers and looks after them. Dropping it ends them.
pub struct Supervisor {
    clock: SharedClock,
    on_failure: Arc<Mutex<Option<OnFailure>>>,
    workers: Mutex<Vec<Supervised>>,
}

impl Supervisor {
    /// No workers yet.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            on_failure: Arc::default(),
            workers: Mutex::default(),
        }
    }

    /// Has failures told from now on.
    pub fn on_failure(&self, told: OnFailure) {
        *self.on_failure.lock() = Some(told);
    }

    /// Starts a worker; `make` is called again each time it must start again.
    pub fn start<F>(&self, name: &'static str, make: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let status = Arc::new(Mutex::new(WorkerStatus {
            name,
            ..WorkerStatus::default()
        }));
        let supervised = supervise(
            Arc::clone(&status),
            self.clock.clone(),
            Arc::clone(&self.on_failure),
            make,
        );
        self.workers.lock().push((status, tokio::spawn(supervised)));
    }

    /// How every worker fares.
    pub fn status(&self) -> Vec<WorkerStatus> {
        self.workers
            .lock()
            .iter()
            .map(|(status, _)| status.lock().clone())
            .collect()
    }

    /// Ends all workers.
    pub fn stop(&self) {
        for (status, task) in self.workers.lock().iter() {
            task.abort();
            status.lock().state = WorkerState::Stopped;
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A task that ends when its handle is dropped, so that a stopped supervisor leaves nothing behind.
struct Owned(JoinHandle<()>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn supervise<F>(
    status: Arc<Mutex<WorkerStatus>>,
    clock: SharedClock,
    on_failure: Arc<Mutex<Option<OnFailure>>>,
    make: impl Fn() -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let name = status.lock().name;
    let mut pause = FIRST_PAUSE;
    loop {
        let started = clock.boot();
        // What panics before it is a future panics in the task, too.
        let mut worker = match std::panic::catch_unwind(AssertUnwindSafe(&make)) {
            Ok(future) => Owned(tokio::spawn(future)),
            Err(panic) => Owned(tokio::spawn(async move { std::panic::resume_unwind(panic) })),
        };
        let Err(failed) = (&mut worker.0).await else {
            status.lock().state = WorkerState::Stopped;
            return;
        };
        let text = failed
            .try_into_panic()
            .map_or_else(|_| "it was cancelled".to_owned(), |panic| text_of(&*panic));
        tracing::error!(
            worker = name,
            panic = text,
            pause_secs = pause.as_secs(),
            "a worker failed and is started again"
        );
        {
            let mut status = status.lock();
            status.state = WorkerState::Restarting;
            status.restarts += 1;
            status.last_error = Some((clock.wall(), text.clone()));
        }
        let told = on_failure.lock().clone();
        if let Some(told) = told {
            told(name, &text);
        }
        if clock.boot().since(started) >= TRUSTED_AFTER {
            pause = FIRST_PAUSE;
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        status.lock().state = WorkerState::Running;
    }
}

/// What a panic said.
fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;
    use crate::clock::ManualClock;
    use crate::time::BootTime;

    #[tokio::test]
    async fn a_worker_that_panics_is_started_again_after_a_growing_pause() {
        let clock = ManualClock::new(BootTime::ZERO, WallTime::default());
        let told = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&told);
        let on_failure: OnFailure = Arc::new(move |_, text| {
            assert_eq!(text, "oh dear");
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let supervisor = Supervisor::new(Arc::new(clock.clone()));
        supervisor.on_failure(on_failure);
        let (starts, started) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let (count, notify) = (Arc::clone(&starts), Arc::clone(&started));
        supervisor.start("test", move || {
            let (count, notify) = (Arc::clone(&count), Arc::clone(&notify));
            async move {
                let number = count.fetch_add(1, Ordering::Relaxed);
                notify.notify_one();
                assert!(number >= 2, "oh dear");
                std::future::pending::<()>().await;
            }
        });
        started.notified().await;
        while supervisor.status()[0].restarts < 1 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(1));
        started.notified().await;
        while supervisor.status()[0].restarts < 2 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert_eq!(starts.load(Ordering::Relaxed), 2, "the second pause is longer");
        clock.advance(Duration::from_secs(1));
        started.notified().await;
        let status = supervisor.status().remove(0);
        assert_eq!((status.restarts, told.load(Ordering::Relaxed)), (2, 2));
        assert_eq!(
            status.last_error.map(|(_, text)| text).as_deref(),
            Some("oh dear")
        );
        supervisor.stop();
        assert_eq!(supervisor.status()[0].state, WorkerState::Stopped);
    }
}
