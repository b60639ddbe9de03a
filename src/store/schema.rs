//! The tables, and how older files come up to date.

use rusqlite::Connection;

use super::StoreError;

/// One step for each version of the file, oldest first; `user_version` counts the steps that were taken.
const MIGRATIONS: [&str; 2] = [VERSION_1, VERSION_2];

const VERSION_1: &str = "
CREATE TABLE agent (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot_id TEXT NOT NULL,
    boot_millis INTEGER NOT NULL,
    wall_micros INTEGER NOT NULL,
    starts INTEGER NOT NULL
) STRICT;

CREATE TABLE destinations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    secret BLOB,
    pin BLOB,
    give_up_millis INTEGER
) STRICT;

CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    destination INTEGER REFERENCES destinations (id),
    spec TEXT NOT NULL,
    granted_millis INTEGER,
    ends_millis INTEGER,
    keep_until_millis INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_of_destination ON subscriptions (destination);

CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    identifier TEXT NOT NULL UNIQUE,
    alert TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    destination INTEGER REFERENCES destinations (id),
    alert INTEGER NOT NULL REFERENCES alerts (seq),
    context TEXT NOT NULL,
    number INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_of_destination ON outbox (destination, id) WHERE destination IS NOT NULL;
CREATE INDEX outbox_of_subscription ON outbox (subscription, id);
CREATE INDEX outbox_of_alert ON outbox (alert);

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE monitor_states (
    rule TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (rule, identity)
) STRICT, WITHOUT ROWID;
";

/// Filters and destinations that stand by themselves, and subscriptions that can be disabled.
const VERSION_2: &str = "
CREATE TABLE filters (
    key TEXT PRIMARY KEY,
    spec TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE listeners (
    key TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    secret BLOB
) STRICT, WITHOUT ROWID;

ALTER TABLE subscriptions ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1));
";

/// Takes the steps that are missing, each in a transaction of its own.
pub(super) fn migrate(db: &mut Connection, path: &std::path::Path) -> Result<(), StoreError> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::TooNew {
            path: path.to_owned(),
            found,
            known,
        });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for (step, statements) in MIGRATIONS.iter().enumerate().skip(done) {
        let step_transaction = db.transaction()?;
        step_transaction.execute_batch(statements)?;
        step_transaction.pragma_update(None, "user_version", step + 1)?;
        step_transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_keeps_what_it_holds() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(VERSION_1).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        db.execute(
            "INSERT INTO subscriptions (id, spec, ends_millis) VALUES ('old', '{}', 7)",
            [],
        )
        .unwrap();
        migrate(&mut db, std::path::Path::new("test")).unwrap();
        let found: (String, i64, bool) = db
            .query_row("SELECT id, ends_millis, disabled FROM subscriptions", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        assert_eq!(found, ("old".to_owned(), 7, false));
        let version: usize = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, MIGRATIONS.len());
        migrate(&mut db, std::path::Path::new("test")).unwrap();
    }
}
