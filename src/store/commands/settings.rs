//! Values set remotely, key by key.

use std::collections::BTreeMap;

use crate::store::{Command, Db, StoreError};

/// Sets or drops values: key, and the value as JSON, or none to drop it.
#[derive(Clone, Debug)]
pub struct PutSettings(pub Vec<(String, Option<String>)>);

impl Command for PutSettings {
    type Answer = ();

    fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
        let mut put = db.sql.prepare_cached(
            "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        )?;
        let mut drop_it = db.sql.prepare_cached("DELETE FROM settings WHERE key = ?1")?;
        for (key, value) in self.0 {
            match value {
                Some(value) => put.execute((key, value))?,
                None => drop_it.execute([key])?,
            };
        }
        Ok(())
    }
}

/// All values that are set.
#[derive(Clone, Copy, Debug)]
pub struct LoadSettings;

impl Command for LoadSettings {
    type Answer = BTreeMap<String, String>;

    fn run(self, db: &Db<'_>) -> Result<Self::Answer, StoreError> {
        let mut statement = db.sql.prepare_cached("SELECT key, value FROM settings")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
