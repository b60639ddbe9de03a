//! The one thread that has the database, and the handle that others have of it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::seal::Sealer;

/// How many commands may wait; a caller beyond that waits itself.
const QUEUE: usize = 1_024;

/// How many commands are committed together at most.
const GROUP: usize = 256;

/// One thing to do in the database, all of it or nothing.
pub trait Command: Send + 'static {
    /// What the caller is told after the commit.
    type Answer: Send + 'static;

    /// Does it.
    ///
    /// # Errors
    /// What went wrong; what the command changed so far is undone.
    fn run(self, db: &Db<'_>) -> Result<Self::Answer, StoreError>;
}

/// What a command works with: the database within a transaction.
pub struct Db<'a> {
    pub(super) sql: &'a Connection,
    pub(super) sealer: &'a Sealer,
}

impl fmt::Debug for Db<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}

/// A handle to the store; clones share it. Once the last one is dropped the file is closed.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<Message>,
}

impl Store {
    /// Runs `command` and waits for its commit. Not for tasks: it blocks the thread.
    ///
    /// # Errors
    /// What the command says, or that it could not be committed.
    pub fn call<C: Command>(&self, command: C) -> Result<C::Answer, StoreError> {
        let (job, answer) = pending(command);
        self.jobs
            .blocking_send(Message::Job(job))
            .map_err(|_| StoreError::Closed)?;
        answer.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Runs `command`; ready after its commit. Commands of one caller are run in the order in which this
    /// is first polled.
    ///
    /// # Errors
    /// What the command says, or that it could not be committed.
    pub async fn ask<C: Command>(&self, command: C) -> Result<C::Answer, StoreError> {
        let answer = self.begin(command).await?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Hands `command` over without waiting for its commit: later commands come after it.
    ///
    /// # Errors
    /// The store is closed.
    pub async fn begin<C: Command>(
        &self,
        command: C,
    ) -> Result<oneshot::Receiver<Result<C::Answer, StoreError>>, StoreError> {
        let (job, answer) = pending(command);
        self.jobs
            .send(Message::Job(job))
            .await
            .map_err(|_| StoreError::Closed)?;
        Ok(answer)
    }

    /// Closes the file after the commands that wait, and returns once it is closed. Not for tasks.
    pub fn close(&self) {
        let (closed, done) = oneshot::channel();
        if self.jobs.blocking_send(Message::Close(closed)).is_ok() {
            let _ = done.blocking_recv();
        }
    }

    /// As [`Store::close`], for tasks.
    pub async fn close_async(&self) {
        let (closed, done) = oneshot::channel();
        if self.jobs.send(Message::Close(closed)).await.is_ok() {
            let _ = done.await;
        }
    }
}

/// Starts the thread that has `connection`.
pub(super) fn start(connection: Connection, sealer: Sealer) -> Result<Store, StoreError> {
    let (jobs, inbox) = mpsc::channel(QUEUE);
    std::thread::Builder::new()
        .name("store".to_owned())
        .stack_size(512 * 1024)
        .spawn(move || serve(connection, &sealer, inbox))
        .map_err(|source| StoreError::File {
            path: "store thread".into(),
            source,
        })?;
    Ok(Store { jobs })
}

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// A command whose answer type is forgotten.
trait Job: Send {
    fn run(&mut self, db: &Db<'_>) -> Result<(), ()>;
    fn answer(self: Box<Self>, committed: Result<(), &str>);
}

struct Pending<C: Command> {
    command: Option<C>,
    result: Option<Result<C::Answer, StoreError>>,
    caller: oneshot::Sender<Result<C::Answer, StoreError>>,
}

type Answer<C> = oneshot::Receiver<Result<<C as Command>::Answer, StoreError>>;

fn pending<C: Command>(command: C) -> (Box<dyn Job>, Answer<C>) {
    let (caller, answer) = oneshot::channel();
    (
        Box::new(Pending {
            command: Some(command),
            result: None,
            caller,
        }),
        answer,
    )
}

impl<C: Command> Job for Pending<C> {
    fn run(&mut self, db: &Db<'_>) -> Result<(), ()> {
        let Some(command) = self.command.take() else {
            return Ok(());
        };
        let caught = catch_unwind(AssertUnwindSafe(|| command.run(db)));
        let result =
            caught.unwrap_or_else(|_| Err(StoreError::NotCommitted("the command failed".to_owned())));
        let outcome = if result.is_ok() { Ok(()) } else { Err(()) };
        self.result = Some(result);
        outcome
    }

    fn answer(self: Box<Self>, committed: Result<(), &str>) {
        let result = match (self.result, committed) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(answer)), Ok(())) => Ok(answer),
            (_, Err(reason)) => Err(StoreError::NotCommitted(reason.to_owned())),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        // A caller that no longer waits is not told.
        let _ = self.caller.send(result);
    }
}

/// Takes what waits, commits it together, answers; until it is told to close or nobody is left.
fn serve(mut connection: Connection, sealer: &Sealer, mut inbox: mpsc::Receiver<Message>) {
    let mut group: Vec<Box<dyn Job>> = Vec::new();
    while let Some(message) = inbox.blocking_recv() {
        let mut close = None;
        let mut next = Some(message);
        while let Some(message) = next {
            match message {
                Message::Job(job) => group.push(job),
                Message::Close(caller) => close = Some(caller),
            }
            let full = group.len() >= GROUP || close.is_some();
            next = if full { None } else { inbox.try_recv().ok() };
        }
        commit_group(&mut connection, sealer, &mut group);
        if let Some(caller) = close {
            inbox.close();
            drop(connection);
            let _ = caller.send(());
            return;
        }
    }
}

fn commit_group(connection: &mut Connection, sealer: &Sealer, group: &mut Vec<Box<dyn Job>>) {
    if group.is_empty() {
        return;
    }
    let committed = run_group(connection, sealer, group);
    let reason = committed.as_ref().err().map(ToString::to_string);
    if let Some(reason) = &reason {
        tracing::error!(commands = group.len(), %reason, "nothing was written to the database");
        // Leave no transaction open, whatever state the failure left behind.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "cannot roll back");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    for job in group.drain(..) {
        job.answer(reason.as_deref().map_or(Ok(()), Err));
    }
}

fn run_group(
    connection: &mut Connection,
    sealer: &Sealer,
    group: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN")?;
    for job in group {
        connection.execute_batch("SAVEPOINT command")?;
        let done = job.run(&Db {
            sql: connection,
            sealer,
        });
        if connection.is_autocommit() {
            // A full disk or an I/O error rolls the whole transaction back by itself.
            return Err(StoreError::NotCommitted(
                "the transaction was rolled back".to_owned(),
            ));
        }
        if done.is_err() {
            connection.execute_batch("ROLLBACK TO command")?;
        }
        connection.execute_batch("RELEASE command")?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::commands::{LoadSettings, PutSettings};
    use crate::time::WallTime;

    struct Fails;

    impl Command for Fails {
        type Answer = ();
        fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
            db.sql.execute("INSERT INTO settings VALUES ('half', '1')", [])?;
            Err(StoreError::NoRandom)
        }
    }

    struct Panics;

    impl Command for Panics {
        type Answer = ();
        fn run(self, db: &Db<'_>) -> Result<(), StoreError> {
            db.sql
                .execute("INSERT INTO settings VALUES ('panicked', '1')", [])?;
            panic!("as a test")
        }
    }

    fn put(key: &str) -> PutSettings {
        PutSettings(vec![(key.to_owned(), Some("1".to_owned()))])
    }

    #[tokio::test]
    async fn a_failing_command_is_undone_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), WallTime::default()).unwrap().store;
        let before = store.begin(put("before")).await.unwrap();
        let fails = store.begin(Fails).await.unwrap();
        let panics = store.begin(Panics).await.unwrap();
        let after = store.begin(put("after")).await.unwrap();
        assert!(before.await.unwrap().is_ok());
        assert!(matches!(fails.await.unwrap(), Err(StoreError::NoRandom)));
        assert!(matches!(panics.await.unwrap(), Err(StoreError::NotCommitted(_))));
        assert!(after.await.unwrap().is_ok());
        let settings = store.ask(LoadSettings).await.unwrap();
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["after", "before"]);
    }

    #[tokio::test]
    async fn a_closed_store_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), WallTime::default()).unwrap().store;
        store.close_async().await;
        assert!(matches!(store.ask(put("late")).await, Err(StoreError::Closed)));
        store.close_async().await;
        Store::open(folder.path(), WallTime::default()).unwrap();
    }
}
