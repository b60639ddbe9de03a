//! What shells complete of this command: its operations and options, as the help lists them.

use clap::builder::{PossibleValuesParser, ValueHint};
use clap::{Arg, ArgAction, Command};

use super::HELP;

/// Stands in long options for wbemcli's, which have one dash before a whole word: clap knows no such options.
const ONE_DASH: &str = "one-dash-";

/// The same command as one whose operations are subcommands and whose options are options. It is good for
/// completions alone: [`super::run`] reads the words itself.
pub fn for_shells(command: &Command) -> Command {
    let operations = entries("Operations:").map(|(words, about)| {
        let word = words.split(' ').next().unwrap_or_default();
        Command::new(word).about(about).disable_help_flag(true)
    });
    let options = ["Options of wbemcli:", "Options of esm:"]
        .into_iter()
        .flat_map(entries)
        .flat_map(|(words, help)| words.split(", ").filter_map(move |words| option(words, help)));
    Command::new("wbem")
        .about(command.get_about().cloned().unwrap_or_default())
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .subcommands(operations)
        .args(options)
}

/// A script for a shell, with wbemcli's options as they are written.
pub fn with_single_dashes(script: &str) -> String {
    let long = format!("--{ONE_DASH}");
    // How fish declares options: -l for those with two dashes, -o for those with one.
    let fish = format!("-l {ONE_DASH}");
    let mut out = String::with_capacity(script.len());
    for line in script.split_inclusive('\n') {
        match line.trim_start().strip_prefix(&format!("'{long}")) {
            // zsh: their values stand in the next word, not behind an equals sign.
            Some(_) => out.push_str(&line.replace(&long, "-").replacen("=[", "[", 1)),
            None => out.push_str(&line.replace(&long, "-").replace(&fish, "-o ")),
        }
    }
    out
}

/// The entries of a section of the help: what stands left, and what it says.
fn entries(section: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = HELP.lines().skip_while(move |line| *line != section).skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.trim_start().split_once("  "))
        .map(|(words, text)| (words, text.trim_start()))
}

/// The option that `-name`, `--name` or `--name VALUE` is, unless every command has it.
fn option(words: &'static str, help: &'static str) -> Option<Arg> {
    let (name, value) = match words.split_once(' ') {
        Some((name, value)) => (name, Some(value)),
        None => (words, None),
    };
    let bare = name.trim_start_matches('-');
    if bare == "config" {
        return None;
    }
    let mut single = bare.chars();
    let arg = Arg::new(bare).help(help).global(true);
    let arg = match (name.starts_with("--"), single.next(), single.next()) {
        (true, ..) => arg.long(bare),
        (false, Some(letter), None) => arg.short(letter),
        // clap keeps names that live as long as the program, and this is all that it is run for.
        _ => arg.long(&*format!("{ONE_DASH}{bare}").leak()),
    };
    Some(match value {
        None => arg.action(ArgAction::SetTrue),
        Some("FILE" | "PATH") => arg.value_name("FILE").value_hint(ValueHint::FilePath),
        Some("FORM") => arg.value_parser(PossibleValuesParser::new(["wbemcli", "table", "json", "xml"])),
        Some(value) => arg.value_name(value),
    })
}

#[cfg(test)]
mod tests {
    use super::super::command_line::{self, CommandLine};
    use super::super::verb::Verb;
    use super::*;

    fn command() -> Command {
        for_shells(&Command::new("wbem"))
    }

    #[test]
    fn every_operation_is_known() {
        command().debug_assert();
        let operations = command();
        let words: Vec<_> = operations.get_subcommands().map(Command::get_name).collect();
        for (word, _) in Verb::ALL {
            assert!(words.contains(&word), "{word}");
        }
        assert_eq!(words.len(), Verb::ALL.len());
    }

    /// What a shell offers is taken by the command.
    #[test]
    fn every_option_is_one_of_the_command() {
        let command = command();
        let options: Vec<_> = command.get_arguments().collect();
        assert!(options.len() > 20, "{}", options.len());
        for option in options {
            let name = match (option.get_long(), option.get_short()) {
                (Some(long), _) => with_single_dashes(&format!("--{long}")),
                (None, letter) => format!("-{}", letter.unwrap()),
            };
            let value = match (option.get_action(), option.get_id().as_str()) {
                (ArgAction::SetTrue, _) => None,
                (_, "pin") => Some("00".repeat(32)),
                (_, "output") => Some("json".to_owned()),
                (_, "max-objects" | "timeout" | "w") => Some("5".to_owned()),
                _ => Some("x".to_owned()),
            };
            let walk = ["ain", "ei"][usize::from(!name.starts_with("-a"))];
            let words = [
                Some(walk.to_owned()),
                Some("O".to_owned()),
                Some(name.clone()),
                value,
            ];
            let parsed = command_line::parse(words.into_iter().flatten().map(Into::into), None);
            match parsed {
                Ok(CommandLine::Run(_) | CommandLine::Help | CommandLine::Version) => {}
                Err(trouble) => panic!("{name}: {}", trouble.told_by("esm wbem").text()),
            }
        }
    }

    #[test]
    fn wbemclis_options_have_one_dash() {
        for (script, expect) in [
            (
                "opts=\"-t --one-dash-nl --ca\"\n    --one-dash-cacert)\n",
                "opts=\"-t -nl --ca\"\n    -cacert)\n",
            ),
            (
                "'--one-dash-cacert=[trust]:FILE:_files' \\\n'--ca=[x]' \\\n",
                "'-cacert[trust]:FILE:_files' \\\n'--ca=[x]' \\\n",
            ),
            (
                "complete -c esm -l one-dash-nl -d 'a'\n",
                "complete -c esm -o nl -d 'a'\n",
            ),
        ] {
            assert_eq!(with_single_dashes(script), expect);
        }
    }
}
