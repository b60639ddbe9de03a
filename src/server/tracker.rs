//! What a connection is doing and since when, so that one alarm per connection enforces every deadline.
//!
//! The stream notes bytes, the request handler notes its steps, and the connection asks when to look
//! again. In the usual case (a request arrives and is answered within one poll) no timer is touched.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::server::limits::Limits;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The first head, after the handshake.
    FirstHead,
    /// The next request.
    Idle,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// Us: the request is being worked on.
    Working,
    /// The peer to take the reply.
    Writing,
    /// The next piece of a streamed reply, or the peer to take the last one.
    Streaming,
    /// The peer to close, after it was told that we do.
    Closing,
}

const PHASES: [Phase; 8] = [
    Phase::FirstHead,
    Phase::Idle,
    Phase::Head,
    Phase::Body,
    Phase::Working,
    Phase::Writing,
    Phase::Streaming,
    Phase::Closing,
];

/// How long a peer may take to close after it was told to, before we do.
const CLOSING: Duration = Duration::from_secs(2);

/// Shared by a connection's task, its stream, its request handler and the registry.
#[derive(Debug)]
pub(super) struct Tracker {
    opened: Instant,
    phase: AtomicU8,
    since_micros: AtomicU64,
    body_overdue: AtomicBool,
    draining: AtomicBool,
    leaves_unread: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Tracker {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            phase: AtomicU8::new(Phase::FirstHead as u8),
            since_micros: AtomicU64::new(0),
            body_overdue: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            leaves_unread: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        PHASES
            .get(usize::from(self.phase.load(Relaxed)))
            .copied()
            .unwrap_or(Phase::Working)
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        // Our own work has no deadline.
        if phase != Phase::Working {
            let micros = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.since_micros.store(micros, Relaxed);
        }
    }

    /// Bytes came in: between requests they begin a head.
    pub(super) fn note_read(&self) {
        if matches!(self.phase(), Phase::Idle | Phase::FirstHead) {
            self.enter(Phase::Head);
        }
    }

    /// What came in since the last reply was the body of a refused request, no head.
    pub(super) fn note_drained(&self) {
        if self.phase() == Phase::Head {
            self.enter(Phase::Idle);
        }
    }

    /// Bytes of a reply went out: its time starts anew.
    pub(super) fn note_written(&self) {
        let phase = self.phase();
        if matches!(phase, Phase::Writing | Phase::Streaming) {
            self.enter(phase);
        }
    }

    /// Whether no request is being answered, so that what is written now is no reply of ours.
    pub(super) fn awaits_request(&self) -> bool {
        matches!(self.phase(), Phase::FirstHead | Phase::Idle | Phase::Head)
    }

    /// All that was to be written is written.
    pub(super) fn note_flushed(&self) {
        if self.phase() == Phase::Writing {
            self.enter(Phase::Idle);
        }
    }

    /// When the present phase must have ended; `None` while the work is ours.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let allowed = match self.phase() {
            Phase::FirstHead | Phase::Head => limits.header,
            Phase::Idle | Phase::Streaming => limits.idle,
            Phase::Body => limits.body,
            Phase::Working => return None,
            Phase::Writing => limits.write_stall,
            Phase::Closing => CLOSING,
        };
        Some(self.opened + Duration::from_micros(self.since_micros.load(Relaxed)) + allowed)
    }

    /// Since when nothing has come after the last request; `None` while there is one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let since = self.opened + Duration::from_micros(self.since_micros.load(Relaxed));
        (self.phase() == Phase::Idle).then_some(since)
    }

    /// Tells the request handler, which is polled next, that the body took too long.
    pub(super) fn declare_body_overdue(&self) {
        self.body_overdue.store(true, Relaxed);
    }

    pub(super) fn body_is_overdue(&self) -> bool {
        self.body_overdue.load(Relaxed)
    }

    /// A reply ends the connection although the peer may still be sending.
    pub(super) fn note_unread(&self) {
        self.leaves_unread.store(true, Relaxed);
    }

    pub(super) fn leaves_unread(&self) -> bool {
        self.leaves_unread.load(Relaxed)
    }

    /// Asks the connection to end after the request it works on, and wakes it.
    pub(super) fn drain(&self) {
        self.draining.store(true, Relaxed);
        if let Some(waker) = self.waker.lock().take() {
            waker.wake();
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Remembers whom [`Tracker::drain`] wakes.
    pub(super) fn register(&self, waker: &Waker) {
        let mut slot = self.waker.lock();
        match &*slot {
            Some(known) if known.will_wake(waker) => {}
            _ => *slot = Some(waker.clone()),
        }
    }
}
