//! Subscriptions and their destinations.

use rusqlite::{OptionalExtension, params};

use super::{from_json, from_millis, json_column, length_from_millis, length_to_millis, to_json, to_millis};
use crate::store::{Command, Db, StoreError};
use crate::subscription::{Credentials, Destination, Lease, Subscription};
use crate::time::BootTime;

/// A destination as it is stored.
#[derive(Clone, Debug)]
pub struct StoredDestination {
    /// Its number.
    pub id: i64,
    /// What it is.
    pub destination: Destination,
    /// What deliveries log in with; none where there is no login, or where the password cannot be opened.
    pub credentials: Option<Credentials>,
    /// The SHA-256 fingerprint of the certificate seen first.
    pub pin: Option<Vec<u8>>,
    /// When it is given up; none while it answers.
    pub give_up: Option<BootTime>,
    /// How many alerts wait for it.
    pub queued: u64,
}

/// A subscription as it is stored.
#[derive(Clone, Debug)]
pub struct StoredSubscription {
    /// What it is.
    pub subscription: Subscription,
    /// Where it is delivered to; none where the subscriber fetches.
    pub destination: Option<i64>,
    /// Its lease.
    pub lease: Lease,
    /// Until when its queue is kept, once it has lapsed.
    pub keep_until: Option<BootTime>,
    /// How many alerts wait for it.
    pub queued: u64,
}

/// Makes a subscription.
#[derive(Clone, Debug)]
pub struct AddSubscription {
    /// What it is.
    pub subscription: Subscription,
    /// Where it is delivered to; none where the subscriber fetches.
    pub destination: Option<NewDestination>,
    /// Its lease.
    pub lease: Lease,
    /// Lapsed subscriptions whose queues it takes over.
    pub heir_of: Vec<String>,
    /// Lapsed subscriptions that it takes the place of, without their queues.
    pub replaces: Vec<String>,
}

/// A destination that may be there already.
#[derive(Clone, Debug)]
pub struct NewDestination {
    /// What it is.
    pub destination: Destination,
    /// What deliveries log in with. They take the place of earlier ones.
    pub credentials: Option<Credentials>,
}

/// A subscription that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Added {
    /// The number of its destination.
    pub destination: Option<i64>,
    /// How many alerts it took over.
    pub inherited: u64,
}

impl Command for AddSubscription {
    type Answer = Added;

    fn run(self, db: &Db<'_>) -> Result<Added, StoreError> {
        let destination = self
            .destination
            .map(|new| put_destination(db, &new))
            .transpose()?;
        let id = &self.subscription.id;
        db.sql
            .prepare_cached(
                "INSERT INTO subscriptions (id, destination, spec, granted_millis, ends_millis, disabled) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                id,
                destination,
                to_json("subscription", &self.subscription)?,
                self.lease.granted.map(length_to_millis),
                self.lease.ends.map(to_millis),
                self.subscription.is_disabled(),
            ])?;
        let mut inherited = 0;
        for ancestor in &self.heir_of {
            inherited += db
                .sql
                .prepare_cached(
                    "UPDATE outbox SET subscription = ?1, destination = ?2 WHERE subscription = ?3",
                )?
                .execute(params![
                    id,
                    destination.filter(|_| !self.subscription.is_disabled()),
                    ancestor
                ])?;
        }
        remove(db, &self.heir_of)?;
        remove(db, &self.replaces)?;
        Ok(Added {
            destination,
            inherited: u64::try_from(inherited).unwrap_or(u64::MAX),
        })
    }
}

/// A new subscription shows that somebody is there: a destination that failed has its time anew.
fn put_destination(db: &Db<'_>, new: &NewDestination) -> Result<i64, StoreError> {
    let key = new.destination.key();
    let secret = sealed(db, &key, new)?;
    let mut destination = new.destination.clone();
    let earlier = db
        .sql
        .prepare_cached("SELECT spec FROM destinations WHERE key = ?1")?
        .query_row([&key], |row| row.get::<_, String>(0))
        .optional()?;
    if let Some(earlier) = earlier.and_then(|spec| from_json("destination", &spec).ok()) {
        destination = destination.after(&earlier);
    }
    let id = db
        .sql
        .prepare_cached(
            "INSERT INTO destinations (key, spec, secret) VALUES (?1, ?2, ?3) \
             ON CONFLICT (key) DO UPDATE SET spec = ?2, secret = ?3, give_up_millis = NULL RETURNING id",
        )?
        .query_row(
            params![key, to_json("destination", &destination)?, secret],
            |row| row.get(0),
        )?;
    Ok(id)
}

fn sealed(db: &Db<'_>, key: &str, new: &NewDestination) -> Result<Option<Vec<u8>>, StoreError> {
    let credentials = new.credentials.as_ref();
    let sealed = credentials.map(|credentials| db.sealer.seal(key, &credentials.password));
    sealed.transpose()
}

/// Leads a destination elsewhere. The certificate that was seen first stays where the server is the same.
pub(super) fn move_destination(db: &Db<'_>, id: i64, new: &NewDestination) -> Result<(), StoreError> {
    let old: Option<Destination> = db
        .sql
        .prepare_cached("SELECT spec FROM destinations WHERE id = ?1")?
        .query_row([id], |row| json_column(row, 0))
        .optional()?;
    let is_same_server = old.is_some_and(|old| old.url.same_origin(&new.destination.url));
    let key = new.destination.key();
    db.sql
        .prepare_cached(
            "UPDATE destinations SET key = ?2, spec = ?3, secret = ?4, give_up_millis = NULL, \
             pin = CASE WHEN ?5 THEN pin END WHERE id = ?1",
        )?
        .execute(params![
            id,
            key,
            to_json("destination", &new.destination)?,
            sealed(db, &key, new)?,
            is_same_server,
        ])?;
    Ok(())
}

/// Gives a subscription a new lease.
#[derive(Clone, Debug)]
pub struct RenewLease {
    /// The subscription.
    pub id: String,
    /// Its lease.
    pub lease: Lease,
}

impl Command for RenewLease {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        let changed = db
            .sql
            .prepare_cached(
                "UPDATE subscriptions SET granted_millis = ?2, ends_millis = ?3 \
                 WHERE id = ?1 AND keep_until_millis IS NULL",
            )?
            .execute(params![
                self.id,
                self.lease.granted.map(length_to_millis),
                self.lease.ends.map(to_millis)
            ])?;
        if changed == 0 {
            Err(StoreError::NotFound {
                what: "subscription",
                id: self.id,
            })
        } else {
            Ok(())
        }
    }
}

/// Keeps the certificate that a destination showed first.
#[derive(Clone, Debug)]
pub struct LearnPin {
    /// The destination.
    pub destination: i64,
    /// Its key ([`Destination::key`]): it may be elsewhere by now.
    pub key: String,
    /// The SHA-256 fingerprint of its certificate.
    pub pin: Vec<u8>,
}

impl Command for LearnPin {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        db.sql
            .prepare_cached("UPDATE destinations SET pin = ?2 WHERE id = ?1 AND key = ?3 AND pin IS NULL")?
            .execute(params![self.destination, self.pin, self.key])?;
        Ok(())
    }
}

/// Says when a destination is given up, or that it answers again.
#[derive(Clone, Copy, Debug)]
pub struct SetGiveUp {
    /// The destination.
    pub destination: i64,
    /// When; none: it answers.
    pub at: Option<BootTime>,
}

impl Command for SetGiveUp {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        db.sql
            .prepare_cached("UPDATE destinations SET give_up_millis = ?2 WHERE id = ?1")?
            .execute(params![self.destination, self.at.map(to_millis)])?;
        Ok(())
    }
}

/// Ends subscriptions; their queues go with them, and destinations that nobody names any more.
pub(super) fn remove(db: &Db<'_>, ids: &[String]) -> Result<(), StoreError> {
    let mut remove = db
        .sql
        .prepare_cached("DELETE FROM subscriptions WHERE id = ?1 RETURNING destination")?;
    for id in ids {
        let destination: Option<Option<i64>> = remove.query_row([id], |row| row.get(0)).optional()?;
        if let Some(Some(destination)) = destination {
            db.sql
                .prepare_cached(
                    "DELETE FROM destinations WHERE id = ?1 \
                     AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE destination = ?1)",
                )?
                .execute([destination])?;
        }
    }
    Ok(())
}

/// Marks a subscription as lapsed: it is told nothing more, and what waits for it is kept for an heir. The answer is
/// how much that is.
pub(super) fn lapse(db: &Db<'_>, id: &str, keep_until: BootTime) -> Result<usize, StoreError> {
    db.sql
        .prepare_cached("UPDATE subscriptions SET keep_until_millis = ?2 WHERE id = ?1")?
        .execute(params![id, to_millis(keep_until)])?;
    let kept = db
        .sql
        .prepare_cached("UPDATE outbox SET destination = NULL WHERE subscription = ?1")?
        .execute([id])?;
    Ok(kept)
}

/// Every destination. One that cannot be read is left out and logged; its subscriptions stay undelivered.
pub(super) fn load_destinations(db: &Db<'_>) -> Result<Vec<StoredDestination>, StoreError> {
    let mut statement = db.sql.prepare(
        "SELECT id, spec, secret, pin, give_up_millis, \
         (SELECT count(*) FROM outbox WHERE outbox.destination = destinations.id) FROM destinations ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        let destination: Destination = json_column(row, 1)?;
        let secret: Option<Vec<u8>> = row.get(2)?;
        let credentials = secret.and_then(|sealed| open_credentials(db, &destination, &sealed));
        Ok(StoredDestination {
            id: row.get(0)?,
            destination,
            credentials,
            pin: row.get(3)?,
            give_up: row.get::<_, Option<i64>>(4)?.map(from_millis),
            queued: row.get(5)?,
        })
    })?;
    Ok(rows.filter_map(|row| readable("destination", row)).collect())
}

fn open_credentials(db: &Db<'_>, destination: &Destination, sealed: &[u8]) -> Option<Credentials> {
    let user = destination.user.clone()?;
    let password = db.sealer.open_sealed(&destination.key(), sealed);
    if password.is_none() {
        tracing::error!(destination = %destination.url, "the stored password does not open with this key file");
    }
    Some(Credentials {
        user,
        password: password?,
    })
}

/// Every subscription. One that cannot be read is left out and logged.
pub(super) fn load_subscriptions(db: &Db<'_>) -> Result<Vec<StoredSubscription>, StoreError> {
    let mut statement = db.sql.prepare(
        "SELECT spec, destination, granted_millis, ends_millis, keep_until_millis, \
         (SELECT count(*) FROM outbox WHERE outbox.subscription = subscriptions.id) FROM subscriptions ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(StoredSubscription {
            subscription: json_column(row, 0)?,
            destination: row.get(1)?,
            lease: Lease {
                granted: row.get::<_, Option<i64>>(2)?.map(length_from_millis),
                ends: row.get::<_, Option<i64>>(3)?.map(from_millis),
            },
            keep_until: row.get::<_, Option<i64>>(4)?.map(from_millis),
            queued: row.get(5)?,
        })
    })?;
    Ok(rows.filter_map(|row| readable("subscription", row)).collect())
}

pub(super) fn readable<T>(what: &'static str, row: rusqlite::Result<T>) -> Option<T> {
    row.map_err(|error| tracing::error!(what, %error, "a stored row cannot be read"))
        .ok()
}
