//! `esm passwd`.

use super::exit::{Exit, Failure};
use super::output::Output;
use super::{Global, prompt};
use crate::agent::state_dir;
use crate::net::accounts::{AccountError, Accounts};

/// Set the password of an account of the agent, or delete the account
///
/// The password is asked for twice on a terminal, else it is the first line of standard input. The
/// account file is in htpasswd form; a running agent takes the change at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm passwd alice
  pwgen 20 1 | tee alice.secret | esm passwd alice
  esm passwd alice --delete")]
pub struct Args {
    /// The account
    user: String,
    /// Delete the account
    #[arg(long)]
    delete: bool,
}

pub(super) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let Args { user, delete } = args;
    let accounts = Accounts::open(&config.accounts.file)?;
    let file = accounts.path().display().to_string();
    if !delete {
        let password = prompt::new_password(user)?;
        state_dir::make(&config.state_dir).map_err(|error| Failure::new(Exit::Local, error))?;
        accounts.set(user, &password)?;
        out.line(&format!("{file}: the password of `{user}` is set"))?;
    } else if accounts.delete(user)? {
        out.line(&format!("{file}: the account `{user}` is deleted"))?;
    } else {
        return Err(Failure::new(
            Exit::Negative,
            format!("{file}: there is no account `{user}`"),
        ));
    }
    Ok(Exit::Done)
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        let exit = match error {
            AccountError::Name(_) | AccountError::Password => Exit::Negative,
            AccountError::File { .. } | AccountError::Hash(_) => Exit::Local,
        };
        Self::new(exit, error)
    }
}
