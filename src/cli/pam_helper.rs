//! `esm pam-helper`: what the agent starts to check accounts by PAM.

use super::exit::{Exit, Failure};
use crate::net::pam::helper;

/// Answer the agent's questions about accounts by PAM
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The PAM service: the name of a file in /etc/pam.d
    #[arg(long, value_name = "NAME")]
    service: String,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    helper::serve(&args.service, std::io::stdin().lock(), std::io::stdout().lock())
        .map_err(|error| Failure::new(Exit::Local, error))?;
    Ok(Exit::Done)
}
