//! `esm man`: writes the pages in `packaging/man`.

use std::io;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Cli;
use super::exit::{Exit, Failure};

/// Write the manual page of every command into a folder
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder; pages in it are overwritten
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    std::fs::create_dir_all(&args.out)?;
    for (name, text) in pages()? {
        std::fs::write(args.out.join(name), text)?;
    }
    Ok(Exit::Done)
}

/// File name and text of the page of every command that is not hidden.
fn pages() -> io::Result<Vec<(String, String)>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages(&command, &mut pages)?;
    Ok(pages)
}

fn add_pages(command: &clap::Command, pages: &mut Vec<(String, String)>) -> io::Result<()> {
    let man = Man::new(command.clone())
        .source(concat!("esm ", env!("CARGO_PKG_VERSION")))
        .manual("esm");
    let mut text = Vec::new();
    man.render(&mut text)?;
    pages.push((
        man.get_filename(),
        with_usual_headings(&String::from_utf8_lossy(&text)),
    ));
    command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .try_for_each(|sub| add_pages(sub, pages))
}

/// What stands after the options gets the headings that readers of manual pages look for.
fn with_usual_headings(page: &str) -> String {
    const HEADINGS: [(&str, &str); 7] = [
        ("Examples:", "EXAMPLES"),
        ("Exit codes:", "EXIT STATUS"),
        ("Operations:", "OPERATIONS"),
        ("Objects:", "OBJECTS"),
        ("Values:", "VALUES"),
        ("Options of wbemcli:", "OPTIONS OF WBEMCLI"),
        ("Options of esm:", "OPTIONS OF ESM"),
    ];
    let mut page = page.to_owned();
    for (line, heading) in HEADINGS {
        page = page.replace(&format!(".SH EXTRA\n{line}\n"), &format!(".SH {heading}\n"));
        page = page.replace(&format!("\n\n{line}\n"), &format!("\n.SH {heading}\n"));
    }
    page
}
