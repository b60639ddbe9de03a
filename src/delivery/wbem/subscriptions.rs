//! CIM_IndicationSubscription: made, changed, listed. Deleting one ends the subscription, whichever way it was
//! made; see [`Registry::cancel`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::book::Alarm;
use super::super::entry::{Content, Entry, Phase};
use super::super::publisher::Publication;
use super::super::registry::{NewSubscription, Registry};
use super::super::shared::Settings;
use super::super::status::{DeliveryState, SubscriptionState};
use super::{WbemError, filters, is_own, listeners};
use crate::store::commands::{NewDestination, StoredListener};
use crate::subscription::{
    Destination, FatalErrorPolicy, Lease, Moment, RepeatPolicy, Subscription, Wbem, check_size,
};
use crate::time::{BootTime, WallTime};

/// A subscription as a CIM instance.
#[derive(Clone, Debug)]
pub struct WbemStatus {
    /// Its name among all subscriptions.
    pub id: String,
    /// The account that made it.
    pub owner: String,
    /// What it says; made up where it was made by WS-Eventing. Its policies are those in force.
    pub wbem: Wbem,
    /// Where it stands.
    pub state: SubscriptionState,
    /// What is left of its duration; none: it never ends.
    pub remaining: Option<Duration>,
    /// The identifier of the last indication that was made for it, and when that was; none if it is not known.
    pub last_indication: Option<(String, WallTime)>,
}

impl Registry {
    /// Every subscription as a CIM instance, oldest first.
    pub fn wbem_subscriptions(&self) -> Vec<WbemStatus> {
        let (settings, now) = (self.shared.settings(), self.shared.clock.boot());
        let book = self.shared.book.lock();
        let mut all: Vec<_> = book
            .entries
            .values()
            .map(|entry| {
                let created = entry.subscription().created_micros;
                (created, status(entry, &settings, now))
            })
            .collect();
        drop(book);
        all.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
        all.into_iter().map(|(_, status)| status).collect()
    }

    /// Makes a subscription for `owner`, who asks from the address `from`; ready once it is on disk. Its times
    /// begin now, whatever `wbem` says of them.
    ///
    /// # Errors
    /// What it refers to is not there, there is one of its name already, or what is wrong with it.
    pub async fn create_subscription(
        &self,
        owner: &str,
        from: Option<IpAddr>,
        wbem: Wbem,
    ) -> Result<(), WbemError> {
        let shared = &self.shared;
        let _naming = shared.naming.lock().await;
        let now = shared.now();
        let filter = self.indication_filters().into_iter();
        let mut filter = filter.filter(|filter| filter.name == wbem.filter);
        let filter = filter
            .next()
            .ok_or_else(|| WbemError::NotFound(wbem.filter.to_string()))?;
        let stored = self.own_listener(&wbem.handler)?;
        self.check_is_new(&wbem)?;
        let micros = now.wall.unix_micros();
        let subscription = Subscription {
            id: crate::random::uuid().to_string(),
            owner: owner.to_owned(),
            filter: self.filter_meaning(&filter)?,
            protocol: stored.listener.protocol(),
            created_micros: micros,
            wbem: Some(Box::new(Wbem {
                started_micros: micros,
                changed_micros: micros,
                ..wbem
            })),
        };
        let lease = lease_from(now.boot, subscription.wbem.as_deref());
        self.make(NewSubscription {
            destination: Some(destination_of(owner, from, &stored)),
            subscription,
            lease,
            bookmark: None,
        })
        .await?;
        Ok(())
    }

    fn check_is_new(&self, wbem: &Wbem) -> Result<(), WbemError> {
        let book = self.shared.book.lock();
        let mut live = book
            .entries
            .values()
            .filter(|entry| !entry.life.lock().phase.is_over())
            .map(|entry| entry.subscription());
        let same = |other: Arc<Subscription>| other.wbem.as_ref().is_some_and(|other| other.same_name(wbem));
        if live.any(same) {
            let what = format!("subscription of {} to {}", wbem.handler, wbem.filter);
            return Err(WbemError::Exists(what));
        }
        Ok(())
    }

    /// Changes a subscription; ready once it is on disk. What `change` makes of its state takes effect: it is
    /// disabled or enabled, and its duration is counted from its start.
    ///
    /// # Errors
    /// There is none, it has expired, it was made by WS-Eventing, or what is wrong with the change.
    pub async fn modify_subscription(
        &self,
        id: &str,
        change: impl FnOnce(&mut Wbem) -> Result<(), WbemError> + Send,
    ) -> Result<(), WbemError> {
        let _naming = self.shared.naming.lock().await;
        let entry = self.find(id, None)?;
        self.change(&entry, change).await
    }

    /// As [`Self::modify_subscription`], for who holds the lock.
    pub(in crate::delivery) async fn change(
        &self,
        entry: &Arc<Entry>,
        change: impl FnOnce(&mut Wbem) -> Result<(), WbemError> + Send,
    ) -> Result<(), WbemError> {
        let shared = &self.shared;
        let now = shared.now();
        let old = entry.subscription();
        let Some(before) = old.wbem.as_deref() else {
            return Err(WbemError::MadeByEventing);
        };
        let mut wbem = before.clone();
        change(&mut wbem)?;
        if wbem.enabled != before.enabled {
            wbem.changed_micros = now.wall.unix_micros();
        }
        let undo = entry.life.lock().lease;
        let lease = changed_lease(undo, before, &mut wbem, now);
        let enabled = wbem.enabled;
        let subscription = Arc::new(Subscription {
            wbem: Some(Box::new(wbem)),
            ..Subscription::clone(&old)
        });
        check_size(&*subscription, 0)?;
        let hold = entry.hold();
        // Its new lease and its disabling count from before the writing on, its enabling from after it: at no
        // time is there a row on disk that memory does not expect.
        self.set_life(entry, lease, (!enabled).then_some(Phase::Disabled))?;
        let publication = Publication {
            changed: vec![(Arc::clone(&subscription), lease)],
            ..Publication::default()
        };
        if let Err(error) = shared.publish(publication).await {
            // Before its rows may be sent again: those of a subscription that is disabled are passed over.
            self.undo_life(entry, lease, undo, Phase::of(&old));
            drop(hold);
            return Err(WbemError::Store(error.0));
        }
        drop(hold);
        entry.set_content(Content {
            subscription,
            filter: entry.filter(),
        });
        // A lease that ended while this was written has ended: what was kept of the queue stays kept.
        let _ = self.set_life(entry, lease, enabled.then_some(Phase::Live));
        if enabled {
            self.begin_heartbeats(entry);
        }
        if enabled != before.enabled {
            let state = if enabled {
                SubscriptionState::Enabled
            } else {
                SubscriptionState::Disabled
            };
            shared.tell_state(entry, state);
        }
        if let Some(station) = entry.station().filter(|_| enabled != before.enabled) {
            station.queue.lock().reload();
            shared.recount(station).await;
            station.kick.notify_waiters();
            shared.wake(station);
        }
        Ok(())
    }

    fn set_life(&self, entry: &Entry, lease: Lease, phase: Option<Phase>) -> Result<(), WbemError> {
        let now = self.shared.clock.boot();
        let mut book = self.shared.book.lock();
        let mut life = entry.life.lock();
        if life.phase.is_over() || life.lease.is_over(now) {
            return Err(WbemError::Expired);
        }
        let old = std::mem::replace(&mut life.lease, lease);
        life.phase = phase.unwrap_or(life.phase);
        book.reset(old.ends, lease.ends, &Alarm::Lease(Arc::clone(&entry.id)));
        drop((life, book));
        self.shared.alarm.notify_one();
        Ok(())
    }

    /// The alarm of one that was disabled when it rang was not set again.
    fn begin_heartbeats(&self, entry: &Entry) {
        let pause = entry.subscription().heartbeat();
        let beat = pause.map(|pause| self.shared.clock.boot() + pause);
        let alarm = Alarm::Heartbeat(Arc::clone(&entry.id));
        self.shared.book.lock().set(beat, alarm);
        self.shared.alarm.notify_one();
    }

    /// What was changed is not on disk: it is as before, unless its end has come meanwhile.
    fn undo_life(&self, entry: &Entry, lease: Lease, undo: Lease, phase: Phase) {
        let mut book = self.shared.book.lock();
        let mut life = entry.life.lock();
        if !life.phase.is_over() {
            (life.lease, life.phase) = (undo, phase);
            book.reset(lease.ends, undo.ends, &Alarm::Lease(Arc::clone(&entry.id)));
        }
        drop((life, book));
        self.shared.alarm.notify_one();
    }
}

/// The lease of a subscription that starts at `start`.
fn lease_from(start: BootTime, wbem: Option<&Wbem>) -> Lease {
    match wbem.and_then(|wbem| wbem.duration_secs) {
        Some(secs) => Lease::starting(start, Duration::from_secs(secs)),
        None => Lease::ENDLESS,
    }
}

/// The lease after a change. A duration counts from the start of the subscription; where it had none so far, it
/// starts now, as nobody knows on boot time when it was made.
fn changed_lease(lease: Lease, before: &Wbem, wbem: &mut Wbem, now: Moment) -> Lease {
    if wbem.duration_secs == before.duration_secs {
        return lease;
    }
    match (wbem.duration_secs, lease.granted.zip(lease.ends)) {
        (None, _) => Lease::ENDLESS,
        (Some(_), None) => {
            wbem.started_micros = now.wall.unix_micros();
            lease_from(now.boot, Some(wbem))
        }
        (Some(secs), Some((granted, ends))) => {
            let length = Duration::from_secs(secs);
            let ends = if length >= granted {
                ends + (length - granted)
            } else {
                ends.saturating_sub(granted - length)
            };
            Lease {
                granted: Some(length),
                ends: Some(ends),
            }
        }
    }
}

fn destination_of(owner: &str, from: Option<IpAddr>, stored: &StoredListener) -> NewDestination {
    let listener = &stored.listener;
    NewDestination {
        destination: Destination {
            owner: owner.to_owned(),
            url: listener.url.clone(),
            user: listener.user.clone(),
            thumbprint: None,
            subscribers: listener.subscriber.or(from).into_iter().collect(),
            carrier: listener.carrier(),
        },
        credentials: stored.credentials.clone(),
    }
}

fn status(entry: &Entry, settings: &Settings, now: BootTime) -> WbemStatus {
    let life = *entry.life.lock();
    let subscription = entry.subscription();
    let mut wbem = match subscription.wbem.as_deref() {
        Some(wbem) => wbem.clone(),
        None => made_up(&subscription, life.lease, &settings.system_name),
    };
    if is_own(&wbem.filter.name) {
        wbem.filter.system.clone_from(&settings.system_name);
    }
    let (action, after) = wbem.fatal.or(settings.on_fatal_error, settings.retry.total);
    wbem.fatal = FatalErrorPolicy {
        action: Some(action),
        after_secs: Some(after.as_secs()),
    };
    let fails = entry
        .station()
        .is_some_and(|station| station.fare.lock().state != DeliveryState::Active);
    let state = match life.phase {
        Phase::Live if fails => SubscriptionState::Degraded,
        Phase::Live => SubscriptionState::Enabled,
        Phase::Disabled | Phase::Lapsed(_) | Phase::Gone => SubscriptionState::Disabled,
    };
    if life.phase.is_over()
        && let Some(length) = life.lease.granted
    {
        let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        let ended = wbem.started_micros.saturating_add(micros);
        wbem.changed_micros = WallTime::from_unix_micros(ended).unix_micros();
    }
    WbemStatus {
        id: entry.id.to_string(),
        owner: subscription.owner.clone(),
        wbem,
        state,
        remaining: life.lease.remaining(now),
        last_indication: entry
            .produced()
            .map(|event| (event.identifier().to_owned(), event.at())),
    }
}

/// What a subscription that was made by WS-Eventing says as a CIM instance.
fn made_up(subscription: &Subscription, lease: Lease, system: &str) -> Wbem {
    Wbem {
        filter: filters::made_up_name(&subscription.id, system),
        handler: listeners::made_up_name(&subscription.id, system),
        duration_secs: lease.granted.map(|granted| granted.as_secs()),
        fatal: FatalErrorPolicy::default(),
        repeat: RepeatPolicy::default(),
        enabled: true,
        started_micros: subscription.created_micros,
        changed_micros: subscription.created_micros,
        info: None,
        alert_on_state_change: false,
        format: None,
    }
}
