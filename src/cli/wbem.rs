//! `esm wbem`: a CIM-XML client with the command line, the output and the exit codes of wbemcli.

mod assignment;
mod command_line;
mod completion;
mod indirection;
mod object;
mod operations;
mod printer;
mod session;
mod text;
mod trouble;
mod verb;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::CommandFactory as _;

use self::command_line::{CommandLine, Request};
use self::object::Object;
use self::printer::Printer;
use self::text::Style;
use self::trouble::Trouble;
use self::verb::Verb;
use super::connect::block_on;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::{Cli, Global};
use crate::client::classes::Classes;

pub(super) use self::completion::{for_shells, with_single_dashes};

/// What the program is called where it is a command of `esm`.
const PROGRAM: &str = "esm wbem";

/// Ask an agent over CIM-XML, or any other CIM server, as wbemcli does
///
/// Scripts that call wbemcli need only another word in front: options, object paths, results, errors and exit codes
/// are the same. Without a server in the object path it is the agent of this machine, over its local socket, which
/// needs no login.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    disable_version_flag = true,
    override_usage = "esm wbem OPERATION [OPTIONS] OBJECT [PROPERTIES | VALUES | METHOD | QUERY]",
    after_help = HELP
)]
pub struct Args {
    /// An operation, options, the object and what the operation wants behind it, in any order
    #[arg(
        value_name = "WORD",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    words: Vec<OsString>,
}

const HELP: &str = "\
Operations:
  ei   OBJECT [PROPERTY,...]   the instances of a class and of its subclasses
  ein  OBJECT                  their names
  gi   OBJECT [PROPERTY,...]   one instance
  ai   OBJECT [PROPERTY,...]   the instances that are associated with one (-ac, -arc, -ar, -arr)
  ain  OBJECT                  their names
  ri   OBJECT [PROPERTY,...]   the associations that refer to an instance (-arc, -ar)
  rin  OBJECT                  their names
  eq   OBJECT QUERY            the result of a query in the namespace (--language)
  ci   OBJECT VALUES           create an instance; prints its name
  mi   OBJECT VALUES           change properties of an instance; the others keep their values
  di   OBJECT                  delete an instance
  gp   OBJECT PROPERTY         one property
  sp   OBJECT PROPERTY=VALUE   change one property
  cm   OBJECT METHOD[.VALUES]  call a method of an instance, or of a class
  cmx  OBJECT METHOD[.VALUES]  the same; prints the answer as XML
  gc   OBJECT [PROPERTY,...]   the properties of a class
  gcd  OBJECT                  the class as XML
  ec   OBJECT                  the subclasses of a class, or all classes of a namespace
  ecn  OBJECT                  their names
  dc   OBJECT                  delete a class

Objects:
  [http[s]://[USER[:PASSWORD]@]HOST[:PORT]/]NAMESPACE[:CLASS[.KEY=VALUE[,KEY=VALUE...]]]
  Texts stand in quotation marks, so the whole stands in apostrophes:
  'root/cimv2:CIM_X.Name=\"a\",Index=7'. In a text \\\" is a quotation mark and \\\\ a backslash, as they
  are printed. Without PORT it is 5988, or 5989 for https; without a server it is the agent of this
  machine. NAMESPACE may be left out there: it is root/ESMPRO/AS for ESM classes, else root/cimv2. A
  reference is such a path without a server: From=root/cimv2:CIM_X.Name=\"a\". NAME/NAMESPACE... is a
  server too if the file wbemcli.ind, or that of WBEMCLI_IND, has a line `NAME: http://...`.

Values:
  PROPERTY=VALUE[,VALUE...][,PROPERTY=VALUE...], with several VALUEs for an array. Texts with commas
  stand in quotation marks. An empty VALUE is NULL; an empty text is \"\".

Options of wbemcli:
  -nl               a line for each property
  -t                mark arrays [], references & and keys #
  -dr               references in braces
  -dx, -d           show what is sent and received, on standard error
  -ac CLASS         class of the association (ai, ain)
  -arc CLASS        class of the results (ai, ain, ri, rin)
  -ar ROLE          role of the object in the association (ai, ain, ri, rin)
  -arr ROLE         role of the results in it (ai, ain)
  -cacert FILE      trust the certificates in this PEM file, and what they have signed; as --ca
  -noverify         trust everybody; as --insecure
  -clientcert FILE  our own certificate
  -clientkey FILE   its key
  -w LENGTH         wait before asking, as 5s or 1m
  -cte, -e100       nothing: chunked answers are always understood
  -h, -v            this help; the version

Options of esm:
  --output FORM         wbemcli (default), table, json, or xml, which is the answer as it came
  --url URL             the server: https://HOST[:5989], or HOST alone
  --socket PATH         the local socket of the agent of this machine
  --user NAME           the account; its password: ESM_PASSWORD, --password-file, or asked for
  --password-file FILE  a file whose first line is the password
  --ca FILE             trust the certificates in this PEM file, and what they have signed
  --pin SHA256          trust the certificate or key with this SHA-256 (see `esm cert show`)
  --insecure            trust everybody: whoever stands in the way can read and change everything
  --namespace NAME      the namespace where the object names none
  --language NAME       the language of the query: WQL (default), DMTF:CQL
  --max-objects N       instances in one answer (1000); 0 asks for all at once, as wbemcli does
  --timeout LENGTH      how long an answer may take, as 30s or 5m (60s)
  --config FILE         the configuration, which names the local socket

A password in the object path can be seen in the list of processes by everybody on this machine, and
stays in the history of the shell. Better: leave the server out and let the local socket know who
you are, or give --user, or USER@ in the path, with the password in ESM_PASSWORD or in a file.

Called by the name wbemcli or esm-wbemcli, or as wbemei, wbemgi and so on, esm is this command
without a word in front: ln -s /usr/bin/esm ~/bin/wbemcli

Examples:
  esm wbem ei -nl ESM_FileSystemThread
  esm wbem ei ESM_Processor DeviceID,LoadPercentage --output table
  esm wbem ein root/interop:CIM_Namespace
  esm wbem gi 'root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"'
  esm wbem mi 'root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"' Warning=70,WarningReset=65
  esm wbem eq root/ESMPRO/AS 'select * from ESM_Processor where LoadPercentage > 50'
  esm wbem ei -nl -t -cacert esm.pem https://admin@server/root/ESMPRO/AS:ESM_Processor
  esm wbem ecn root/cimv2 --url https://server --user admin --pin SHA256

Exit codes:
  0   done; nothing found is no failure
  16  everything else, as with wbemcli. Standard error says why: Cim is an error that the server
      answered, with its number and name; Http is one of the connection or the login, Url one of the
      object path, Cmd one of the others";

/// The verb, if any, that a name of the program stands for: `None` if it is none of this command's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalledAs(Option<Verb>);

impl CalledAs {
    /// What the first word of the command line says.
    pub fn of(program: &OsStr) -> Option<Self> {
        let name = Path::new(program).file_name()?.to_str()?;
        match name {
            "wbemcli" | "esm-wbemcli" => Some(Self(None)),
            name => Some(Self(Some(Verb::of_word(name.strip_prefix("wbem")?)?))),
        }
    }
}

pub(super) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    run_words(PROGRAM, args.words.clone(), None, global, out)
}

/// Runs the command under a name of its own.
pub(super) fn run_as(
    called_as: CalledAs,
    words: impl IntoIterator<Item = OsString>,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    run_words(
        &program.to_string_lossy(),
        words,
        called_as.0,
        &Global::default(),
        out,
    )
}

fn run_words(
    program: &str,
    words: impl IntoIterator<Item = OsString>,
    verb: Option<Verb>,
    global: &Global,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let done = match command_line::parse(words, verb) {
        Ok(CommandLine::Help) => out.text(&help()).map_err(Trouble::from),
        Ok(CommandLine::Version) => {
            let version = concat!("* esm wbem Version ", env!("CARGO_PKG_VERSION"));
            out.line(version).map_err(Trouble::from)
        }
        Ok(CommandLine::Run(request)) => perform(&request, global, out),
        Err(trouble) => Err(trouble),
    };
    match done {
        Ok(()) => Ok(Exit::Done),
        Err(trouble) => {
            // What came before the trouble is a result all the same.
            out.flush()?;
            Err(trouble.told_by(program))
        }
    }
}

fn help() -> String {
    let mut command = Cli::command();
    command.build();
    match command.find_subcommand_mut("wbem") {
        Some(command) => command.render_long_help().to_string(),
        None => HELP.to_owned(),
    }
}

fn perform(request: &Request, global: &Global, out: &mut Output) -> Result<(), Trouble> {
    let options = &request.options;
    let mut object = Object::parse(&indirection::resolve(&request.object)?)?;
    if request.verb.needs_class() && object.class.is_none() {
        return Err(Trouble::command(
            "Class name not specified: an object is [http[s]://HOST/]NAMESPACE:CLASS",
        ));
    }
    if request.verb.needs_keys() && object.keys.is_empty() {
        return Err(Trouble::command(
            "Keys not specified: an instance is CLASS.KEY=\"value\"",
        ));
    }
    let session = session::open(&mut object, options, global)?;
    let classes = Classes::default();
    let style = Style {
        one_per_line: options.one_per_line,
        marks: options.marks,
        braces: options.braces,
    };
    let printer = Printer::new(options.output, style, &classes, out);
    block_on(async {
        if let Some(length) = options.wait {
            session::wait(length).await?;
        }
        operations::perform(request, &object, session, &classes, printer).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_program_say_what_is_meant() {
        let called_as = |name: &str| CalledAs::of(OsStr::new(name));
        assert_eq!(called_as("wbemcli"), Some(CalledAs(None)));
        assert_eq!(called_as("/usr/local/bin/esm-wbemcli"), Some(CalledAs(None)));
        assert_eq!(
            called_as("bin/wbemein"),
            Some(CalledAs(Some(Verb::EnumerateInstanceNames)))
        );
        for other in ["esm", "/usr/bin/esm", "wbem", "wbemzz", "ei", ""] {
            assert_eq!(called_as(other), None, "{other}");
        }
    }

    #[test]
    fn the_help_names_every_operation() {
        for (word, _) in Verb::ALL {
            assert!(
                HELP.lines()
                    .any(|line| line.trim_start().starts_with(&format!("{word} "))),
                "{word}"
            );
        }
        assert!(help().contains("-nl"), "{}", help());
    }
}
