//! Filters and destinations that stand by themselves, and changes of subscriptions.

use rusqlite::params;
use zeroize::Zeroizing;

use super::{json_column, length_to_millis, to_json, to_millis};
use crate::store::{Command, Db, StoreError};
use crate::subscription::{
    Credentials, IndicationFilter, Lease, ListenerDestination, ObjectName, Subscription,
};

/// Makes a filter, or puts it in the place of the one with its name.
#[derive(Clone, Debug)]
pub struct PutFilter(pub IndicationFilter);

impl Command for PutFilter {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        db.sql
            .prepare_cached(
                "INSERT INTO filters (key, spec) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET spec = ?2",
            )?
            .execute(params![self.0.name.key(), to_json("filter", &self.0)?])?;
        Ok(())
    }
}

/// Deletes a filter.
#[derive(Clone, Debug)]
pub struct DeleteFilter(pub ObjectName);

impl Command for DeleteFilter {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        db.sql
            .prepare_cached("DELETE FROM filters WHERE key = ?1")?
            .execute([self.0.key()])?;
        Ok(())
    }
}

/// A destination that stands by itself, with its password.
#[derive(Clone, Debug)]
pub struct StoredListener {
    /// What it is.
    pub listener: ListenerDestination,
    /// What deliveries log in with; none where there is no login, or where the password cannot be opened.
    pub credentials: Option<Credentials>,
}

/// Makes a destination, or puts it in the place of the one with its name.
#[derive(Clone, Debug)]
pub struct PutListener(pub StoredListener);

impl Command for PutListener {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        let StoredListener {
            listener,
            credentials,
        } = self.0;
        let key = listener.name.key();
        let secret = match &credentials {
            Some(credentials) => Some(db.sealer.seal(&key, &credentials.password)?),
            None => None,
        };
        db.sql
            .prepare_cached(
                "INSERT INTO listeners (key, spec, secret) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (key) DO UPDATE SET spec = ?2, secret = ?3",
            )?
            .execute(params![key, to_json("listener destination", &listener)?, secret])?;
        Ok(())
    }
}

/// Deletes a destination.
#[derive(Clone, Debug)]
pub struct DeleteListener(pub ObjectName);

impl Command for DeleteListener {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        db.sql
            .prepare_cached("DELETE FROM listeners WHERE key = ?1")?
            .execute([self.0.key()])?;
        Ok(())
    }
}

/// Drops what waits for a subscription.
pub(super) fn drop_queue(db: &Db<'_>, subscription: &str) -> Result<(), StoreError> {
    db.sql
        .prepare_cached("DELETE FROM outbox WHERE subscription = ?1")?
        .execute([subscription])?;
    Ok(())
}

/// Puts a changed subscription in the place of the old one. While it is disabled, what waits for it belongs to
/// no destination. One that has lapsed or is gone stays as it is.
pub(super) fn change(db: &Db<'_>, subscription: &Subscription, lease: Lease) -> Result<(), StoreError> {
    let disabled = subscription.is_disabled();
    let changed = db
        .sql
        .prepare_cached(
            "UPDATE subscriptions SET spec = ?2, granted_millis = ?3, ends_millis = ?4, disabled = ?5 \
             WHERE id = ?1 AND keep_until_millis IS NULL",
        )?
        .execute(params![
            subscription.id,
            to_json("subscription", subscription)?,
            lease.granted.map(length_to_millis),
            lease.ends.map(to_millis),
            disabled,
        ])?;
    if changed > 0 {
        db.sql
            .prepare_cached(
                "UPDATE outbox SET destination = (SELECT destination FROM subscriptions \
                 WHERE id = ?1 AND disabled = 0) WHERE subscription = ?1",
            )?
            .execute([&subscription.id])?;
    }
    Ok(())
}

/// Every filter. One that cannot be read is left out and logged.
pub(super) fn load_filters(db: &Db<'_>) -> Result<Vec<IndicationFilter>, StoreError> {
    let mut statement = db.sql.prepare("SELECT spec FROM filters ORDER BY key")?;
    let rows = statement.query_map([], |row| json_column(row, 0))?;
    Ok(rows
        .filter_map(|row| super::subscriptions::readable("filter", row))
        .collect())
}

/// Every destination that stands by itself. One that cannot be read is left out and logged.
pub(super) fn load_listeners(db: &Db<'_>) -> Result<Vec<StoredListener>, StoreError> {
    let mut statement = db
        .sql
        .prepare("SELECT spec, secret FROM listeners ORDER BY key")?;
    let rows = statement.query_map([], |row| {
        let listener: ListenerDestination = json_column(row, 0)?;
        let secret: Option<Vec<u8>> = row.get(1)?;
        let credentials = secret.and_then(|sealed| open_credentials(db, &listener, &sealed));
        Ok(StoredListener {
            listener,
            credentials,
        })
    })?;
    Ok(rows
        .filter_map(|row| super::subscriptions::readable("listener destination", row))
        .collect())
}

fn open_credentials(db: &Db<'_>, listener: &ListenerDestination, sealed: &[u8]) -> Option<Credentials> {
    let user = listener.user.clone()?;
    let password: Option<Zeroizing<String>> = db.sealer.open_sealed(&listener.name.key(), sealed);
    if password.is_none() {
        tracing::error!(destination = %listener.url, "the stored password does not open with this key file");
    }
    Some(Credentials {
        user,
        password: password?,
    })
}
