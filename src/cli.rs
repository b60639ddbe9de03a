//! The command line: one file per command.
//!
//! Standard output carries results only; logs and errors go to standard error. What an exit code
//! means stands in [`exit`].

pub mod cert;
pub mod completions;
pub mod config;
pub mod connect;
pub mod destination;
pub mod exit;
pub mod length;
pub mod listen;
pub mod local_agent;
pub mod logging;
pub mod man;
pub mod mof;
pub mod output;
#[cfg(feature = "pam")]
pub mod pam_helper;
pub mod passwd;
pub mod prompt;
pub mod serve;
pub mod show;
pub mod subscription;
pub mod wbem;
pub mod wsman;

use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigFaults, Environment, SYSTEM_SOCKET};
use exit::{Exit, Failure};
use output::Output;

/// Server management: an agent that serves this machine's state as CIM over WS-Management and CIM-XML, and
/// the tools to ask agents and to listen to them.
#[derive(Debug, Parser)]
#[command(name = "esm", version, propagate_version = true, after_help = exit::HELP)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Default, clap::Args)]
pub struct Global {
    /// The configuration file [default: what ESM_CONFIG names, else /etc/esm/esm.toml if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    #[command(flatten)]
    Tool(Tool),
}

/// Every command but the agent's.
#[derive(Debug, Subcommand)]
enum Tool {
    Config(config::Args),
    Cert(cert::Args),
    Passwd(passwd::Args),
    Wsman(Box<wsman::Args>),
    Wbem(wbem::Args),
    Listen(Box<listen::Args>),
    Subscription(subscription::Args),
    Mof(mof::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(man::Args),
    #[cfg(feature = "pam")]
    #[command(hide = true)]
    PamHelper(pam_helper::Args),
}

impl Cli {
    /// Whatever is not plainly the agent's command, a call for help too, is for the parser.
    fn parse_arguments(arguments: &[OsString]) -> Result<Self, clap::Error> {
        match agents(arguments) {
            Some(global) => Ok(Self {
                global,
                command: Command::Serve(serve::Args {}),
            }),
            None => Self::try_parse_from(arguments),
        }
    }
}

/// The options of the agent's command in its plain forms. The parser is large, and the agent would carry for as long as
/// it runs what the parser touched once.
fn agents(arguments: &[OsString]) -> Option<Global> {
    let words: Vec<&str> = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_str())
        .collect::<Option<_>>()?;
    match words.as_slice() {
        ["serve"] => Some(Global::default()),
        ["--config", file, "serve"] | ["serve", "--config", file]
            if !file.is_empty() && !file.starts_with('-') =>
        {
            Some(Global::of_file(PathBuf::from(file)))
        }
        _ => None,
    }
}

impl Global {
    /// Options that name this configuration file.
    pub const fn of_file(config: PathBuf) -> Self {
        Self { config: Some(config) }
    }

    /// Loads the configuration that the command is to use.
    ///
    /// # Errors
    /// Every fault of it, one per line.
    pub fn load(&self) -> Result<Config, Failure> {
        Config::load(self.config.as_deref(), &Environment::of_process()).map_err(Failure::from)
    }

    /// The local socket of the agent whose configuration this is. Faults of the configuration that do not concern
    /// the socket are told on standard error.
    ///
    /// # Errors
    /// Every fault, if they leave in doubt where the socket is.
    fn local_socket(&self) -> Result<PathBuf, Failure> {
        let (path, faults) = self.find_local_socket().map_err(Failure::from)?;
        if let Some(faults) = faults {
            let shown = path.display();
            eprintln!(
                "{faults}\nesm: warning: the configuration is faulty; the agent at {shown} is asked all the same"
            );
        }
        Ok(path)
    }

    /// Where the agent is most likely to be, however faulty the configuration is: where the faults leave in doubt
    /// which socket is set, the one that there is when none is.
    fn likely_socket(&self) -> Result<LikelySocket, Failure> {
        let certain = |(path, _)| LikelySocket {
            path,
            is_certain: true,
        };
        let environment = Environment::of_process();
        let unset = |_| {
            let own = Config::parse("", &environment)?.local.socket;
            Ok(LikelySocket {
                path: answering(own, Path::new(SYSTEM_SOCKET)),
                is_certain: false,
            })
        };
        self.find_local_socket()
            .map(certain)
            .or_else(unset)
            .map_err(|faults: ConfigFaults| Failure::from(faults))
    }

    fn find_local_socket(&self) -> Result<(PathBuf, Option<ConfigFaults>), ConfigFaults> {
        let socket = Config::local_socket(self.config.as_deref(), &Environment::of_process())?;
        let path = match socket.is_set {
            true => socket.path,
            false => answering(socket.path, Path::new(SYSTEM_SOCKET)),
        };
        Ok((path, socket.faults))
    }
}

/// Where the agent of a faulty configuration may be.
#[derive(Debug)]
pub struct LikelySocket {
    /// The path of its socket.
    pub path: PathBuf,
    /// Whether it can be nowhere else.
    pub is_certain: bool,
}

/// The user's own socket, or the system's where it is there and no agent of the user's own answers.
fn answering(own: PathBuf, system: &Path) -> PathBuf {
    if UnixStream::connect(&own).is_err() && system.exists() {
        return system.to_owned();
    }
    own
}

/// Parses the arguments, runs the command and returns its exit code.
///
/// Called by the name of another program whose place it can take, it is that program.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().peekable();
    let called_as = arguments.peek().and_then(|name| wbem::CalledAs::of(name));
    match called_as {
        Some(name) => {
            logging::start_for_tool();
            let mut out = Output::standard();
            let result = wbem::run_as(name, arguments, &mut out);
            end(result, &mut out)
        }
        None => run(arguments),
    }
    .into()
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::parse_arguments(&arguments) {
        Ok(cli) => cli,
        Err(refusal) => return exit::of_refusal(&refusal),
    };
    match cli.command {
        // It logs as its configuration says, from its first line on.
        Command::Serve(args) => serve::run(&args, &cli.global).unwrap_or_else(|failure| failure.tell()),
        Command::Tool(tool) => run_tool(tool, &cli.global),
    }
}

/// A function of its own, as the stack that the tools take would be the agent's for as long as it runs.
#[inline(never)]
fn run_tool(tool: Tool, global: &Global) -> Exit {
    logging::start_for_tool();
    let mut out = Output::standard();
    let result = match tool {
        Tool::Cert(args) => cert::run(&args, global, &mut out),
        Tool::Passwd(args) => passwd::run(&args, global, &mut out),
        Tool::Wsman(args) => wsman::run(&args, global, &mut out),
        Tool::Wbem(args) => wbem::run(&args, global, &mut out),
        Tool::Listen(args) => listen::run(&args, global, &mut out),
        Tool::Subscription(args) => subscription::run(&args, global, &mut out),
        Tool::Mof(args) => mof::run(&args, &mut out),
        Tool::Completions(args) => completions::run(&args, &mut out),
        Tool::Man(args) => man::run(&args),
        #[cfg(feature = "pam")]
        Tool::PamHelper(args) => pam_helper::run(&args),
        Tool::Config(args) => config::run(&args, global, &mut out),
    };
    end(result, &mut out)
}

/// What was buffered is written before the code is known: a full disk is a failure too.
fn end(result: Result<Exit, Failure>, out: &mut Output) -> Exit {
    let result = result.and_then(|exit| out.flush().map(|()| exit).map_err(Failure::from));
    result.unwrap_or_else(|failure| failure.tell())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[track_caller]
    fn check(line: &str, expect: Result<Option<&str>, clap::error::ErrorKind>) {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let parsed = Cli::parse_arguments(&arguments);
        let found = parsed.map(|cli| {
            assert!(matches!(cli.command, Command::Serve(_)), "{line}");
            cli.global.config
        });
        let expect = expect.map(|config| config.map(PathBuf::from));
        assert_eq!(found.map_err(|refusal| refusal.kind()), expect, "{line}");
    }

    #[test]
    fn the_agents_command_is_read_as_among_all_commands() {
        use clap::error::ErrorKind;
        check("esm serve", Ok(None));
        check("esm --config a.toml serve", Ok(Some("a.toml")));
        check("esm serve --config a.toml", Ok(Some("a.toml")));
        check("esm serve --config=a.toml", Ok(Some("a.toml")));
        check("esm serve --config --help", Err(ErrorKind::InvalidValue));
        check("esm serve --config ", Err(ErrorKind::InvalidValue));
        check("esm serve --help", Err(ErrorKind::DisplayHelp));
        check("esm --version", Err(ErrorKind::DisplayVersion));
        check("esm serve more", Err(ErrorKind::UnknownArgument));
        check("esm serv", Err(ErrorKind::InvalidSubcommand));
    }

    #[test]
    fn the_agent_of_the_system_is_asked_where_the_user_has_none() {
        use std::os::unix::net::UnixListener;
        let folder = tempfile::tempdir().unwrap();
        let [own, system] = ["own", "system"].map(|name| folder.path().join(name));
        assert_eq!(answering(own.clone(), &system), own, "there is none at all");
        let _system = UnixListener::bind(&system).unwrap();
        assert_eq!(answering(own.clone(), &system), system);
        let listener = UnixListener::bind(&own).unwrap();
        assert_eq!(answering(own.clone(), &system), own);
        drop(listener);
        assert_eq!(answering(own, &system), system, "what a dead agent left");
    }

    /// Every command that can be given, with the words that lead to it.
    fn commands() -> Vec<(String, clap::Command)> {
        use clap::CommandFactory as _;
        let mut all = Vec::new();
        let mut rest = vec![(String::new(), Cli::command())];
        while let Some((before, command)) = rest.pop() {
            let path = format!("{before} {}", command.get_name());
            let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
            rest.extend(shown.map(|command| (path.clone(), command.clone())));
            all.push((path, command));
        }
        all
    }

    #[test]
    fn help_shows_examples_and_fits_the_terminal() {
        let after = |command: &clap::Command| command.get_after_help().map(ToString::to_string);
        for (path, command) in commands() {
            let help = after(&command).unwrap_or_default();
            assert!(
                path == " esm" || help.contains("esm ") && help.contains("Example"),
                "{path} --help has no example: {help}"
            );
            let long = help.lines().find(|line| line.chars().count() > 100);
            assert_eq!(
                long, None,
                "a line of {path} --help is broken where it should not be"
            );
        }
    }

    #[test]
    fn help_says_the_units_of_lengths() {
        for (path, command) in commands() {
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let name = argument.get_value_names().unwrap_or_default();
                assert!(
                    name != ["LENGTH"]
                        || help.contains("m or ")
                        || help.contains("s or ")
                        || help.contains("h or "),
                    "{path} --{}: {help}",
                    argument.get_id()
                );
            }
        }
    }
}
