//! `esm completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::wbem;

/// Write the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm completions bash > /usr/share/bash-completion/completions/esm
  esm completions zsh > ~/.zfunc/_esm
  esm completions fish > ~/.config/fish/completions/esm.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let mut command = Cli::command().mut_subcommand("wbem", |wbem| wbem::for_shells(&wbem));
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "esm", &mut script);
    out.text(&wbem::with_single_dashes(&String::from_utf8_lossy(&script)))?;
    Ok(Exit::Done)
}
