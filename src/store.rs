//! The embedded database, the only room that knows SQL.
//!
//! One file, `esm.db`, in the state folder, mode 0600; beside it `esm.key`, mode 0600, with which the
//! passwords of delivery credentials are sealed. The tables (`store/schema.rs` has the statements):
//!
//! - `agent`, one row: the boot in whose boot time all deadlines below are written, when the agent was last
//!   seen alive (boot time and wall time), how often it was started.
//! - `destinations`: where deliveries go (`spec`, JSON), the sealed password (`secret`), the certificate learned
//!   at first use (`pin`), and when a destination that does not answer is given up (`give_up_millis`).
//! - `subscriptions`: what is wanted (`spec`, JSON), of which destination (none: the subscriber fetches), the
//!   lease (`granted_millis`, `ends_millis`; both NULL: endless), and, once it lapsed, until when its queue is
//!   kept (`keep_until_millis`).
//! - `alerts`: the history, oldest first, bounded; what is still queued is never dropped.
//! - `outbox`: one row for each alert and subscription that is still to be told, in order, with the sequence
//!   context and number that every retry repeats. `destination` is NULL where nothing is to be sent: the
//!   subscriber fetches, or the subscription has lapsed.
//! - `settings`: values set remotely, key by key, as JSON.
//! - `monitor_states`: where each monitor stands, as JSON.
//!
//! Invariants:
//!
//! - One thread writes, and commits with a full sync; a caller is answered after the commit. Commands that wait
//!   together are committed together, and one that fails is undone alone.
//! - A state change, its alert and the rows of the outbox are one command, hence one transaction.
//! - All `*_millis` deadlines count in the boot that `agent.boot_id` names; [`commands::Begin`] moves them, in one
//!   transaction, into the boot that runs.
//! - No second process opens the file: it is locked exclusively.
//! - A damaged file is put aside under another name, never deleted.

mod error;
mod open;
mod schema;
mod seal;
mod writer;

pub mod commands;

pub use self::error::StoreError;
pub use self::open::{Damage, Opened};
pub use self::writer::{Command, Db, Store};
