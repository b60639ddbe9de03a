//! The command line of `esm wbem`: wbemcli's options, which begin with one dash however long they are, and those
//! of the other commands beside them.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum as _;

use super::trouble::Trouble;
use super::verb::{Extra, Verb};
use crate::cim::Name;
use crate::cimxml::AssociationFilter;
use crate::cli::length;
use crate::cli::output::Format;
use crate::net::fingerprint::Fingerprint;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum CommandLine {
    /// The help.
    Help,
    /// The version.
    Version,
    /// An operation.
    Run(Box<Request>),
}

/// One operation with its options.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// Which.
    pub verb: Verb,
    /// The object path.
    pub object: String,
    /// Properties, values, a method or a query.
    pub extra: Option<String>,
    /// The options.
    pub options: Options,
}

/// Every option. What is not given is empty.
#[derive(Debug, Default, PartialEq)]
pub struct Options {
    /// `-nl`: a line for each property.
    pub one_per_line: bool,
    /// `-t`: arrays, references and keys are marked.
    pub marks: bool,
    /// `-dr`: references stand in braces.
    pub braces: bool,
    /// `-dx`: what is sent and received goes to standard error.
    pub shows_messages: bool,
    /// `-w`: how long to wait before the server is asked.
    pub wait: Option<Duration>,
    /// `-noverify`, `--insecure`: every server is trusted.
    pub insecure: bool,
    /// `-cacert`, `--ca`: the authorities that are trusted.
    pub ca: Option<PathBuf>,
    /// `--pin`: the certificate that is trusted.
    pub pin: Option<Fingerprint>,
    /// `-clientcert`: our own certificate.
    pub client_certificate: Option<PathBuf>,
    /// `-clientkey`: its key.
    pub client_key: Option<PathBuf>,
    /// `-ac`, `-arc`, `-ar`, `-arr`: how associations are walked.
    pub walk: AssociationFilter,
    /// `--url`: the server, where the object path names none.
    pub url: Option<String>,
    /// `--socket`: the local socket, where there is no server.
    pub socket: Option<PathBuf>,
    /// `--user`: the account, where the object path names none.
    pub user: Option<String>,
    /// `--password-file`: where its password stands.
    pub password_file: Option<PathBuf>,
    /// `--namespace`: the namespace, where the object path names none.
    pub namespace: Option<String>,
    /// `--output`: another form than wbemcli's.
    pub output: Option<Format>,
    /// `--timeout`: how long an answer may take.
    pub timeout: Option<Duration>,
    /// `--max-objects`: how many objects one reply may hold; 0 for all of them in one.
    pub max_objects: Option<u32>,
    /// `--language`: the language of a query.
    pub language: Option<String>,
    /// `--config`: the configuration, which names the local socket.
    pub config: Option<PathBuf>,
}

/// Reads the words behind the program's name. With `verb`, the name has said already what is asked for.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn parse(words: impl IntoIterator<Item = OsString>, verb: Option<Verb>) -> Result<CommandLine, Trouble> {
    let mut words = words.into_iter();
    let mut options = Options::default();
    let mut arguments: Vec<String> = Vec::new();
    let mut only_arguments = false;
    let mut is_empty = true;
    while let Some(word) = words.next() {
        is_empty = false;
        let text = text(&word)?;
        if only_arguments || !text.starts_with('-') {
            arguments.push(text);
            continue;
        }
        match text.as_str() {
            "--" => only_arguments = true,
            "-h" | "--help" => return Ok(CommandLine::Help),
            "-v" | "-V" | "--version" => return Ok(CommandLine::Version),
            option => {
                let (name, given) = split_option(option);
                let mut value = Value {
                    name,
                    given,
                    words: &mut words,
                };
                options.take(name, &mut value)?;
                value.finish()?;
            }
        }
    }
    if is_empty {
        return Ok(CommandLine::Help);
    }
    request(arguments, verb, options).map(|request| CommandLine::Run(Box::new(request)))
}

/// `--name=value` in its two parts. wbemcli's own options are never written so.
fn split_option(option: &str) -> (&str, Option<&str>) {
    match option.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name, Some(value)),
        _ => (option, None),
    }
}

/// The value of an option: behind its equals sign, else the next word.
struct Value<'v> {
    name: &'v str,
    given: Option<&'v str>,
    words: &'v mut dyn Iterator<Item = OsString>,
}

impl Value<'_> {
    fn word(&mut self) -> Result<OsString, Trouble> {
        let given = self.given.take().map(OsString::from);
        given
            .or_else(|| self.words.next())
            .ok_or_else(|| Trouble::Invocation(format!("{} wants a value", self.name)))
    }

    fn text(&mut self) -> Result<String, Trouble> {
        text(&self.word()?)
    }

    fn path(&mut self) -> Result<Option<PathBuf>, Trouble> {
        Ok(Some(PathBuf::from(self.word()?)))
    }

    fn name(&mut self) -> Result<Option<Name>, Trouble> {
        let text = self.text()?;
        let name = Name::parse(&text);
        name.map(Some)
            .map_err(|_| Trouble::Invocation(format!("{}: `{text}` is no name", self.name)))
    }

    fn number(&mut self, range: RangeInclusive<u32>) -> Result<u32, Trouble> {
        let text = self.text()?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Trouble::Invocation(format!(
                "{}: `{text}` is no number from {least} to {most}",
                self.name
            ))
        })
    }

    fn length(&mut self, secs: RangeInclusive<u64>) -> Result<Duration, Trouble> {
        let text = self.text()?;
        let length = length::parse_within(&text, secs);
        length.map_err(|reason| Trouble::Invocation(format!("{}: `{text}`: {reason}", self.name)))
    }

    /// Makes sure that an option without a value got none.
    fn finish(self) -> Result<(), Trouble> {
        match self.given {
            Some(value) => Err(Trouble::Invocation(format!(
                "{} takes no value: `{value}`",
                self.name
            ))),
            None => Ok(()),
        }
    }
}

impl Options {
    fn take(&mut self, name: &str, value: &mut Value<'_>) -> Result<(), Trouble> {
        match name {
            "-nl" => self.one_per_line = true,
            "-t" => self.marks = true,
            "-dr" => self.braces = true,
            "-dx" | "-d" => self.shows_messages = true,
            // Chunked replies and waiting for "100 Continue" need not be asked for; OpenWBEM's ways are known.
            "-cte" | "-e100" | "-ow" => {}
            "-w" => self.wait = Some(value.length(0..=86_400)?),
            "-noverify" | "--insecure" => self.insecure = true,
            "-cacert" | "--ca" => self.ca = value.path()?,
            "--pin" => {
                let text = value.text()?;
                let pin = text.parse();
                self.pin = Some(pin.map_err(|error| Trouble::Invocation(format!("--pin: {error}")))?);
            }
            "-clientcert" => self.client_certificate = value.path()?,
            "-clientkey" => self.client_key = value.path()?,
            "-ac" => self.walk.association_class = value.name()?,
            "-arc" => self.walk.result_class = value.name()?,
            "-ar" => self.walk.role = value.name()?,
            "-arr" => self.walk.result_role = value.name()?,
            "--url" => self.url = Some(value.text()?),
            "--socket" => self.socket = value.path()?,
            "--user" => self.user = Some(value.text()?),
            "--password-file" => self.password_file = value.path()?,
            "--namespace" => self.namespace = Some(value.text()?),
            "--output" => self.output = form(&value.text()?)?,
            "--timeout" => self.timeout = Some(value.length(length::TIMEOUT_SECS)?),
            "--max-objects" => self.max_objects = Some(value.number(0..=1_000_000)?),
            "--language" => self.language = Some(value.text()?),
            "--config" => self.config = value.path()?,
            unknown => {
                return Err(Trouble::Invocation(format!("there is no option `{unknown}`")));
            }
        }
        Ok(())
    }
}

/// `wbemcli` is the form that there is without `--output`.
fn form(text: &str) -> Result<Option<Format>, Trouble> {
    if text == "wbemcli" {
        return Ok(None);
    }
    Format::from_str(text, false)
        .map(Some)
        .map_err(|_| Trouble::Invocation(format!("--output: `{text}` is none of wbemcli, table, json, xml")))
}

fn text(word: &OsStr) -> Result<String, Trouble> {
    let text = word.to_str().map(str::to_owned);
    text.ok_or_else(|| Trouble::Invocation(format!("`{}` is no UTF-8", word.to_string_lossy())))
}

fn request(arguments: Vec<String>, verb: Option<Verb>, options: Options) -> Result<Request, Trouble> {
    let mut arguments = arguments.into_iter();
    let verb = match verb {
        Some(verb) => verb,
        None => {
            let word = arguments
                .next()
                .ok_or_else(|| Trouble::command("No operation specified"))?;
            Verb::of_word(&word).ok_or_else(|| {
                let words: Vec<_> = Verb::ALL.iter().map(|(word, _)| *word).collect();
                Trouble::Command(format!(
                    "Invalid operation: `{word}` is none of {}",
                    words.join(", ")
                ))
            })?
        }
    };
    let object = arguments.next();
    let extra = arguments.next();
    if let Some(more) = arguments.next() {
        return Err(Trouble::Invocation(format!(
            "there is one argument too many: `{more}`"
        )));
    }
    let object = object.ok_or_else(|| {
        Trouble::command("No URL specified: name the object, as in root/cimv2:CIM_Processor")
    })?;
    match (verb.extra(), &extra) {
        (Extra::No, Some(extra)) => {
            return Err(Trouble::Command(format!(
                "Invalid command invocation 1: `{extra}` says nothing to this operation"
            )));
        }
        (Extra::Required, None) => {
            return Err(Trouble::Command(format!(
                "Invalid command invocation 2: {} is missing behind the object",
                verb.extra_name()
            )));
        }
        _ => {}
    }
    let walk = &options.walk;
    let is_walk = walk.result_class.is_some() || walk.role.is_some();
    let is_wide_walk = walk.association_class.is_some() || walk.result_role.is_some();
    if (is_walk && !verb.walks()) || (is_wide_walk && !verb.walks_to_associated()) {
        return Err(Trouble::command(
            "Invalid command invocation: -ac and -arr are for ai and ain, -arc and -ar also for ri and rin",
        ));
    }
    Ok(Request {
        verb,
        object,
        extra,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    fn read(text: &str) -> Result<Request, String> {
        match parse(words(text), None) {
            Ok(CommandLine::Run(request)) => Ok(*request),
            Ok(other) => panic!("{text}: {other:?}"),
            Err(trouble) => Err(trouble.told_by("wbemcli").text().to_owned()),
        }
    }

    #[track_caller]
    fn check(text: &str, verb: Verb, extra: Option<&str>, options: Options) {
        let request = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(request.object, "O", "{text}");
        assert_eq!((request.verb, request.extra.as_deref()), (verb, extra), "{text}");
        assert_eq!(request.options, options, "{text}");
    }

    #[test]
    fn options_stand_anywhere() {
        use Verb::{Associators, EnumerateInstances, GetInstance, InvokeMethod};
        check("ei O", EnumerateInstances, None, Options::default());
        let nl_t = || Options {
            one_per_line: true,
            marks: true,
            ..Options::default()
        };
        check("ei -nl -t O", EnumerateInstances, None, nl_t());
        check("-t gi O -nl A,B", GetInstance, Some("A,B"), nl_t());
        let shows_messages = || Options {
            shows_messages: true,
            ..Options::default()
        };
        check("ei -d O", EnumerateInstances, None, shows_messages());
        check("ei O -dx", EnumerateInstances, None, shows_messages());
        check("cm O -- -x", InvokeMethod, Some("-x"), Options::default());
        check(
            "ai -ac C_A -arc C_R -ar From -arr To -dr -dx -cte -e100 O",
            Associators,
            None,
            Options {
                braces: true,
                shows_messages: true,
                walk: AssociationFilter {
                    association_class: Some(Name::new("C_A")),
                    result_class: Some(Name::new("C_R")),
                    role: Some(Name::new("From")),
                    result_role: Some(Name::new("To")),
                },
                ..Options::default()
            },
        );
        check(
            "ei O -noverify -cacert a.pem -clientcert c.pem -clientkey k.pem -w 3s",
            EnumerateInstances,
            None,
            Options {
                insecure: true,
                ca: Some("a.pem".into()),
                client_certificate: Some("c.pem".into()),
                client_key: Some("k.pem".into()),
                wait: Some(Duration::from_secs(3)),
                ..Options::default()
            },
        );
        check(
            "ei O --url=https://h --user u --password-file=p --output json --max-objects=5 --timeout 9 --namespace n --socket s",
            EnumerateInstances,
            None,
            Options {
                url: Some("https://h".into()),
                user: Some("u".into()),
                password_file: Some("p".into()),
                output: Some(Format::Json),
                max_objects: Some(5),
                timeout: Some(Duration::from_secs(9)),
                namespace: Some("n".into()),
                socket: Some("s".into()),
                ..Options::default()
            },
        );
    }

    #[test]
    fn help_and_version_are_answers() {
        for text in ["", "-h", "ei --help", "--help zz"] {
            assert_eq!(parse(words(text), None).unwrap(), CommandLine::Help, "{text}");
        }
        for text in ["-v", "-V", "ei --version"] {
            assert_eq!(parse(words(text), None).unwrap(), CommandLine::Version, "{text}");
        }
    }

    #[test]
    fn a_name_of_the_program_may_say_the_verb() {
        let parsed = parse(words("-nl O"), Some(Verb::EnumerateInstances)).unwrap();
        let CommandLine::Run(request) = parsed else {
            panic!("{parsed:?}");
        };
        assert_eq!((request.verb, &*request.object), (Verb::EnumerateInstances, "O"));
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let error = read(text).unwrap_err();
        assert!(error.contains(expect), "{text}: {error}");
    }

    #[test]
    fn what_is_wrong_is_told() {
        refused("-nl", "Cmd Exception: No operation specified");
        refused(
            "zz O",
            "Cmd Exception: Invalid operation: `zz` is none of gc, gcd, ",
        );
        refused("ei", "Cmd Exception: No URL specified");
        refused(
            "ei O P Q",
            "Invalid invocation syntax: there is one argument too many: `Q`",
        );
        refused("ei -zz O", "there is no option `-zz`");
        refused("ei --zz=1 O", "there is no option `--zz`");
        refused("ei O -cacert", "-cacert wants a value");
        refused("ei O --insecure=yes", "--insecure takes no value: `yes`");
        refused(
            "ei O -w x",
            "-w: `x`: a length of time is a number of seconds, or",
        );
        refused("ei O -w 2d", "-w: `2d`: it may be from 0s to 1d");
        refused("ei O --timeout 0", "--timeout: `0`: it may be from 1s to 1h");
        refused(
            "ei O --output yaml",
            "`yaml` is none of wbemcli, table, json, xml",
        );
        refused("ei O --pin 12", "--pin: ");
        refused("ai -ac 1 O", "-ac: `1` is no name");
        refused("di O P", "Invalid command invocation 1: `P` says nothing");
        refused("gp O", "Invalid command invocation 2: Property is missing");
        refused("ei -arc C O", "-ac and -arr are for ai and ain");
        refused("rin -ac C O", "-ac and -arr are for ai and ain");
    }
}
