//! The worker of one destination.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::courier::{Item, Line, Parcel, Receipt, SendError, Target};
use super::fatal;
use super::gate::PATIENCE;
use super::queue::{IN_MEMORY, Next, Row};
use super::shared::{Shared, TaskCount};
use super::station::Station;
use super::status::{DeliveryState, SubscriptionState};
use crate::store::commands::{Acknowledge, FetchQueue, LearnPin, QueueOf, SetGiveUp};
use crate::time::WallTime;

/// How long a connection is kept when there is nothing to send.
const KEEP_OPEN: Duration = Duration::from_secs(30);

/// How often a message that the destination does not want is offered before it is dropped.
const OFFERS: u32 = 6;

/// The pause after a fault of our own (the database, a panic), growing with each.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// Starts the worker of `station`. The caller has marked it as working.
pub(super) fn start(shared: Arc<Shared>, station: Arc<Station>) {
    let count = TaskCount::new(&shared);
    tokio::spawn(async move {
        let _count = count;
        let mut faults: u32 = 0;
        loop {
            let worker = Worker::new(&shared, &station);
            let work = tokio::spawn(worker.work());
            let Err(failure) = work.await else { return };
            faults = faults.saturating_add(1);
            note_fault(&station, faults, &failure.to_string(), shared.clock.wall());
            let pause = FAULT_PAUSE.saturating_mul(1 << faults.min(8));
            tokio::select! {
                () = shared.clock.sleep(pause) => {}
                () = shared.stopped() => return,
            }
        }
    });
}

/// What was in hand is loaded again from the disk.
fn note_fault(station: &Station, faults: u32, error: &str, now: WallTime) {
    station.queue.lock().reload();
    let url = station.target.lock().destination.url.to_string();
    tracing::error!(destination = %url, faults, error, "delivery worker failed and is started again");
    let mut fare = station.fare.lock();
    fare.restarts += 1;
    fare.note_error(format!("the worker failed: {error}"), now);
}

struct Worker {
    shared: Arc<Shared>,
    station: Arc<Station>,
    line: Option<(Arc<Target>, Box<dyn Line>)>,
    /// How often the message at the head was not wanted.
    rejections: u32,
    /// The row that was last wanted later, and how often in a row.
    put_off: (i64, u32),
    /// The row that last could not be delivered, and how often in a row.
    tried: (i64, u32),
}

/// Whether there is more to do.
enum Then {
    Go,
    End,
}

impl Worker {
    fn new(shared: &Arc<Shared>, station: &Arc<Station>) -> Self {
        Self {
            shared: Arc::clone(shared),
            station: Arc::clone(station),
            line: None,
            rejections: 0,
            put_off: (0, 0),
            tried: (0, 0),
        }
    }

    async fn work(mut self) {
        while !self.shared.is_stopping() {
            let next = self.station.queue.lock().next(self.shared.clock.boot());
            let then = match next {
                Next::Note(note) => self.send_note(&note).await,
                Next::Send(parcel, ids) => self.send_events(&parcel, ids).await,
                Next::Load(after) => self.load(after).await,
                Next::WaitUntil(at) => {
                    tokio::select! {
                        () = self.shared.clock.sleep_until(at) => {}
                        () = self.station.wake.notified() => {}
                        () = self.shared.stopped() => {}
                    }
                    Then::Go
                }
                Next::Wait => {
                    tokio::select! {
                        () = self.station.wake.notified() => {}
                        () = self.shared.stopped() => {}
                    }
                    Then::Go
                }
                Next::Idle => self.rest().await,
            };
            if matches!(then, Then::End) {
                return;
            }
        }
    }

    /// Nothing to do: the connection is kept for a while, then the worker ends.
    async fn rest(&mut self) -> Then {
        self.count_at_rest().await;
        self.forget_outage().await;
        let is_open = self.line.as_ref().is_some_and(|(_, line)| line.is_connected());
        if let Some(_place) = self.shared.gate.rest().filter(|_| is_open) {
            let woken = tokio::select! {
                () = self.station.wake.notified() => true,
                () = self.shared.clock.sleep(KEEP_OPEN) => false,
                () = self.shared.stopped() => return Then::End,
            };
            if woken {
                return Then::Go;
            }
        }
        self.line = None;
        let queue = self.station.queue.lock();
        if !queue.is_idle() {
            return Then::Go;
        }
        // Whoever puts something into the queue after this finds nobody at work and starts a new worker.
        self.station.working.store(false, Ordering::Release);
        Then::End
    }

    /// Counts what waits, where what is known of it may be wrong. What was handed over is off the disk by then, and
    /// what has come meanwhile stands in the queue, so that the count is right if that is idle.
    async fn count_at_rest(&mut self) {
        let is_asked = self.station.recount.swap(false, Ordering::AcqRel);
        if !is_asked && self.station.fare.lock().queued == 0 {
            return;
        }
        let Some(count) = self.shared.count_queue(&self.station).await else {
            return;
        };
        let queue = self.station.queue.lock();
        if queue.is_idle() {
            self.station.fare.lock().queued = count;
        } else {
            self.station.recount.store(true, Ordering::Release);
        }
    }

    /// What failed is gone, and nothing shows how the destination is: it must not count as one that fails until the
    /// next indication comes.
    async fn forget_outage(&mut self) {
        let is_over = {
            let queue = self.station.queue.lock();
            let fare = self.station.fare.lock();
            let fails = fare.give_up.is_some() || fare.state != DeliveryState::Active;
            fails && queue.is_idle() && !queue.is_exhausted()
        };
        if is_over {
            self.end_outage().await;
        }
    }

    async fn load(&mut self, after: i64) -> Then {
        let of = QueueOf::Destination(self.station.id);
        let limit = u32::try_from(IN_MEMORY).unwrap_or(u32::MAX);
        let fetch = FetchQueue {
            of,
            after,
            limit,
            max_bytes: u64::MAX,
        };
        match self.shared.store.ask(fetch).await {
            Ok(queued) => {
                let more = queued.len() >= IN_MEMORY;
                let last = queued.last().map_or(after, |row| row.id);
                let since = self.shared.clock.boot();
                let book = self.shared.book.lock();
                let rows = queued.into_iter().filter_map(|row| {
                    Some(Row {
                        id: row.id,
                        entry: Arc::clone(book.entries.get(row.subscription.as_str())?),
                        item: Item {
                            indication: Arc::new(row.event.indication()),
                            context: row.context.into(),
                            number: row.number,
                            seq: row.seq,
                        },
                        since,
                    })
                });
                let rows = rows.collect();
                drop(book);
                self.station.queue.lock().loaded(rows, last, more);
                Then::Go
            }
            Err(error) => {
                self.station.queue.lock().not_loaded();
                tracing::error!(%error, "the outbox cannot be read");
                self.pause(FAULT_PAUSE).await
            }
        }
    }

    /// Heartbeats, ends and losses are told once: nobody relies on them.
    async fn send_note(&mut self, note: &Parcel) -> Then {
        match self.offer(note).await {
            Some(Ok(receipt)) if receipt.from_destination => self.succeeded(&receipt, 0).await,
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                self.line = None;
                tracing::debug!(%error, "a notice was not taken");
                let now = self.shared.clock.wall();
                self.station.fare.lock().note_error(error.to_string(), now);
            }
            None => return Then::End,
        }
        Then::Go
    }

    async fn send_events(&mut self, parcel: &Parcel, ids: Vec<i64>) -> Then {
        match self.offer(parcel).await {
            None => Then::End,
            Some(Ok(receipt)) => {
                let taken: Vec<i64> = ids.into_iter().take(receipt.accepted.max(1)).collect();
                self.rejections = 0;
                self.succeeded(&receipt, taken.len()).await;
                self.note_told(parcel);
                self.acknowledge(taken).await;
                let mut queue = self.station.queue.lock();
                queue.set_one_by_one(false);
                queue.tell_lost();
                Then::Go
            }
            Some(Err(SendError::Rejected(reason))) => self.rejected(parcel, &ids, &reason).await,
            Some(Err(SendError::Unwanted(reason))) => {
                self.drop_head(parcel, &ids, &reason).await;
                Then::Go
            }
            Some(Err(SendError::Later(reason))) => self.put_off(parcel, &ids, reason).await,
            Some(Err(error)) => self.failed(parcel, &ids, &error).await,
        }
    }

    /// Offers a parcel; none if everything ends meanwhile.
    async fn offer(&mut self, parcel: &Parcel) -> Option<Result<Receipt, SendError>> {
        let after_failure = self.station.fare.lock().failures > 0;
        let shared = Arc::clone(&self.shared);
        let place = tokio::select! {
            place = shared.gate.enter(after_failure) => place?,
            () = shared.stopped() => return None,
        };
        let began = shared.clock.boot();
        let station = Arc::clone(&self.station);
        let outcome = {
            let sending = self.line().send(parcel);
            tokio::pin!(sending);
            let mut place = Some(place);
            let patience = shared.clock.sleep(PATIENCE);
            tokio::pin!(patience);
            loop {
                tokio::select! {
                    outcome = &mut sending => break outcome,
                    () = &mut patience, if place.is_some() && !after_failure => place = None,
                }
            }
        };
        station.fare.lock().latency = Some(shared.clock.boot().since(began));
        let line = self.line.as_ref();
        let steps = line.map(|(_, line)| line.steps()).unwrap_or_default();
        let result = outcome.as_ref().map(drop);
        if result.is_err() && steps.sent.is_none() && matches!(parcel, Parcel::Events { .. }) {
            station.queue.lock().not_sent();
        }
        shared.traces.note(station.id, parcel, began, steps, result);
        Some(outcome)
    }

    /// The line to where the destination is now, as the options in force have it: a new subscription may have changed
    /// its credentials, and a reload where deliveries may go.
    fn line(&mut self) -> &mut dyn Line {
        let target = Arc::clone(&self.station.target.lock());
        let line = match self.line.take() {
            Some((known, line)) if Arc::ptr_eq(&known, &target) && line.is_current() => line,
            _ => self.shared.courier.line(&target),
        };
        self.line.insert((target, line)).1.as_mut()
    }

    async fn succeeded(&mut self, receipt: &Receipt, events: usize) {
        let was_failing = {
            let mut fare = self.station.fare.lock();
            let events = events as u64;
            fare.delivered += events;
            fare.queued = fare.queued.saturating_sub(events);
            fare.last_success = Some(self.shared.clock.wall());
            if let Some(error) = &mut fare.last_error {
                error.is_cleared = true;
            }
            fare.end_outage()
        };
        self.station.queue.lock().set_exhausted(false);
        if was_failing {
            let url = self.station.target.lock().destination.url.to_string();
            tracing::info!(destination = %url, "destination answers again");
            self.tell_recovery();
            self.keep_end_of_outage().await;
        }
        if let Some(pin) = receipt.learned_pin.clone()
            && let Some(key) = self.learn(&pin)
        {
            self.keep(LearnPin {
                destination: self.station.id,
                key,
                pin,
            })
            .await;
        }
    }

    /// What was degraded is simply enabled again.
    fn tell_recovery(&self) {
        let entries: Vec<_> = {
            let book = self.shared.book.lock();
            book.of_station(self.station.id).cloned().collect()
        };
        for entry in entries.iter().filter(|entry| entry.is_live()) {
            self.shared.tell_state(entry, SubscriptionState::Enabled);
        }
    }

    /// The line has learned the certificate by itself: this is for the lines after it. The answer is the key of the
    /// destination that it belongs to; none where it is known, or where deliveries go elsewhere by now.
    fn learn(&mut self, pin: &[u8]) -> Option<String> {
        let mut target = self.station.target.lock();
        let (known, _) = self.line.as_mut()?;
        if target.pin.is_some() || !Arc::ptr_eq(known, &target) {
            return None;
        }
        let learned = Arc::new(Target {
            pin: Some(pin.to_vec()),
            ..Target::clone(&target)
        });
        *known = Arc::clone(&learned);
        *target = learned;
        Some(target.destination.key())
    }

    /// Writes something down without waiting for the disk.
    async fn keep<C: crate::store::Command>(&mut self, command: C) {
        let lost = "what a delivery came to is not on disk: events may come twice";
        match self.shared.store.begin(command).await {
            Ok(answer) => {
                tokio::spawn(async move {
                    if let Ok(Err(error)) = answer.await {
                        tracing::error!(%error, lost);
                    }
                });
            }
            Err(error) => tracing::error!(%error, lost),
        }
    }

    fn note_told(&self, parcel: &Parcel) {
        if let Parcel::Events { subscription, .. } = parcel
            && let Some(entry) = self.shared.live_entry(&subscription.id)
        {
            entry.life.lock().last_told = self.shared.clock.boot();
        }
    }

    /// Not waited for: should it be lost, the same events come again under the same numbers.
    async fn acknowledge(&mut self, ids: Vec<i64>) {
        self.station.queue.lock().done(&ids);
        self.keep(Acknowledge(ids)).await;
    }

    /// The destination answers and does not want this message: it must not hold up the rest for ever.
    async fn rejected(&mut self, parcel: &Parcel, ids: &[i64], reason: &str) -> Then {
        self.rejections += 1;
        let url = self.station.target.lock().destination.url.to_string();
        tracing::warn!(destination = %url, offers = self.rejections, reason, "delivery rejected");
        self.station.queue.lock().set_one_by_one(true);
        if self.rejections >= OFFERS && ids.len() == 1 {
            self.drop_head(parcel, ids, reason).await;
            return Then::Go;
        }
        let pause = self.shared.settings().retry.pause(self.rejections, chance());
        {
            let mut fare = self.station.fare.lock();
            fare.state = DeliveryState::Retrying;
            fare.note_error(reason, self.shared.clock.wall());
            fare.next_try = Some(self.shared.clock.boot() + pause);
        }
        self.pause(pause).await
    }

    /// The destination answers and wants this message later. It alone may be the reason: after some offers those
    /// behind it are tried, and once one of them is taken they go first. A destination that takes none of them
    /// gets all of them in order later on.
    async fn put_off(&mut self, parcel: &Parcel, ids: &[i64], reason: String) -> Then {
        let id = ids.first().copied().unwrap_or_default();
        let now = self.shared.clock.boot();
        let retry = self.shared.settings().retry;
        let passed_since = self.station.queue.lock().passed_since(id);
        let give_up = self.station.fare.lock().give_up;
        let is_over = match passed_since {
            Some(since) => now.since(since) >= retry.total,
            None => give_up.is_some_and(|give_up| now >= give_up),
        };
        if is_over {
            self.drop_head(parcel, ids, &reason).await;
            self.end_outage().await;
            return Then::Go;
        }
        let is_probe = passed_since.is_none() && self.station.queue.lock().has_unproven();
        if is_probe {
            return self.failed(parcel, ids, &SendError::Later(reason)).await;
        }
        self.put_off = match self.put_off {
            (known, times) if known == id => (id, times.saturating_add(1)),
            _ => (id, 1),
        };
        if retry.is_exhausted(self.put_off.1) {
            self.drop_head(parcel, ids, &reason).await;
            return Then::Go;
        }
        let again = now + retry.pause(self.put_off.1, chance());
        let may_pass = passed_since.is_some() || self.put_off.1 >= OFFERS;
        if !may_pass || !self.station.queue.lock().pass(id, now, again) {
            return self.failed(parcel, ids, &SendError::Later(reason)).await;
        }
        let url = self.station.target.lock().destination.url.to_string();
        tracing::warn!(destination = %url, reason, "an indication is put off, and others pass it");
        let now = self.shared.clock.wall();
        self.station.fare.lock().note_error(reason, now);
        Then::Go
    }

    /// The destination is not given up, and its subscriptions stay.
    async fn end_outage(&mut self) {
        self.station.fare.lock().end_outage();
        self.keep_end_of_outage().await;
    }

    async fn keep_end_of_outage(&mut self) {
        self.keep(SetGiveUp {
            destination: self.station.id,
            at: None,
        })
        .await;
    }

    /// What stands at the head is not offered again.
    async fn drop_head(&mut self, parcel: &Parcel, ids: &[i64], reason: &str) {
        let identifier = match parcel {
            Parcel::Events { items, .. } => items
                .first()
                .and_then(|item| item.indication.get_str("IndicationIdentifier"))
                .unwrap_or(""),
            Parcel::Dropped { .. }
            | Parcel::Heartbeat { .. }
            | Parcel::StateChange { .. }
            | Parcel::End { .. } => "",
        };
        let events = ids.len() as u64;
        tracing::error!(
            identifier,
            events,
            reason,
            "an event that its destination does not take is dropped"
        );
        {
            let mut fare = self.station.fare.lock();
            fare.dropped += events;
            fare.queued = fare.queued.saturating_sub(events);
        }
        self.rejections = 0;
        self.acknowledge(ids.to_vec()).await;
        self.station.queue.lock().set_one_by_one(false);
    }

    async fn failed(&mut self, parcel: &Parcel, ids: &[i64], error: &SendError) -> Then {
        self.line = None;
        self.station.queue.lock().take_back_passed();
        let id = ids.first().copied().unwrap_or_default();
        self.tried = match self.tried {
            (known, times) if known == id => (id, times.saturating_add(1)),
            _ => (id, 1),
        };
        let now = self.shared.clock.boot();
        let retry = self.shared.settings().retry;
        let (first, give_up, pause) = {
            let mut fare = self.station.fare.lock();
            fare.failures = fare.failures.saturating_add(1);
            fare.state = match error {
                SendError::Refused(_) => DeliveryState::Suspended,
                SendError::Unreachable(_)
                | SendError::Later(_)
                | SendError::Rejected(_)
                | SendError::Unwanted(_) => DeliveryState::Retrying,
            };
            fare.note_error(error.to_string(), self.shared.clock.wall());
            let first = fare.give_up.is_none();
            let give_up = *fare.give_up.get_or_insert(now + retry.total);
            let pause = retry.pause(fare.failures, chance());
            fare.next_try = Some(now + pause);
            (first, give_up, pause)
        };
        let url = self.station.target.lock().destination.url.to_string();
        tracing::warn!(destination = %url, %error, "delivery failed");
        if first {
            self.keep(SetGiveUp {
                destination: self.station.id,
                at: Some(give_up),
            })
            .await;
        }
        let due = fatal::look(&self.shared, &self.station).await;
        let is_changed = due.is_some_and(|due| due.is_zero());
        if retry.is_exhausted(self.tried.1) && !is_changed {
            self.station.queue.lock().set_exhausted(true);
            self.drop_head(parcel, ids, "it was tried as often as is set")
                .await;
            return Then::Go;
        }
        let pause = due.map_or(pause, |due| pause.min(due));
        self.station.fare.lock().next_try = Some(now + pause);
        self.pause(pause).await
    }

    async fn pause(&mut self, pause: Duration) -> Then {
        tokio::select! {
            () = self.shared.clock.sleep(pause) => Then::Go,
            () = self.station.kick.notified() => Then::Go,
            () = self.shared.stopped() => Then::End,
        }
    }
}

/// A random number; where the system gives none, every pause is the plain one.
fn chance() -> u32 {
    crate::random::bytes().map_or(u32::MAX / 2, u32::from_ne_bytes)
}
