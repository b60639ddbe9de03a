//! `esm man`: writes the pages in `packaging/man`, and those of `docs` that are made of the program itself.

mod reference;

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Cli;
use super::exit::{Exit, Failure};

/// Write the manual page of every command, or the pages about classes and alerts, into a folder
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Args {
    /// The folder for manual pages; pages in it are overwritten
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The folder for the pages about classes and alerts; these are overwritten
    #[arg(long, value_name = "DIR")]
    reference: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if let Some(folder) = &args.out {
        write_into(folder, pages()?)?;
    }
    if let Some(folder) = &args.reference {
        let pages = reference::pages()?;
        write_into(folder, pages.map(|(name, text)| (name.to_owned(), text)))?;
    }
    Ok(Exit::Done)
}

fn write_into(folder: &Path, pages: impl IntoIterator<Item = (String, String)>) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in pages {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
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
    with_lists(&page)
}

/// Lines `  TERM  TEXT` of a help become entries of a list, whose texts are filled as the reader's screen wants it;
/// examples stay as they are.
fn with_lists(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let (mut in_list, mut in_examples) = (false, false);
    for line in page.split_inclusive('\n') {
        if line.starts_with(".SH") {
            if in_examples {
                out.push_str(".fi\n");
            }
            out.push_str(line);
            in_list = false;
            in_examples = line == ".SH EXAMPLES\n";
            if in_examples {
                out.push_str(".nf\n");
            }
            continue;
        }
        let entry = match in_examples {
            true => None,
            false => line.strip_prefix("  ").and_then(|entry| entry.rsplit_once("  ")),
        };
        match entry {
            // What goes on in the next line stands below its text.
            Some((term, text)) if in_list && term.trim().is_empty() => out.push_str(text),
            Some((term, text)) => {
                let words: Vec<&str> = term.split_whitespace().collect();
                out.push_str(&format!(".TP\n\\fB{}\\fR\n{text}", words.join(" ")));
                in_list = true;
            }
            None => {
                // A request of troff says itself how it begins.
                if std::mem::replace(&mut in_list, false) && !line.starts_with('.') {
                    out.push_str(".PP\n");
                }
                out.push_str(line);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_help_lists_is_a_list() {
        let page = ".SH X\n  ei   OBJECT [A]  the instances\n                   of it\n  a  b\nA line\n.SH EXAMPLES\n  a  b\n.SH Y\n";
        let expect = ".SH X\n.TP\n\\fBei OBJECT [A]\\fR\nthe instances\nof it\n.TP\n\\fBa\\fR\nb\n.PP\nA line\n\
            .SH EXAMPLES\n.nf\n  a  b\n.fi\n.SH Y\n";
        assert_eq!(with_lists(page), expect);
    }
}
