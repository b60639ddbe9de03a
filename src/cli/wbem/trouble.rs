//! Why a command failed, in the block of lines that wbemcli wrote.

use std::fmt;
use std::io;

use crate::cim::{CimStatus, Name};
use crate::cimxml::OperationError;
use crate::cli::exit::{Exit, Failure};
use crate::client::cimxml::CimxmlError;
use crate::net::http_client::ClientError;

/// Why a command failed.
#[derive(Debug)]
pub enum Trouble {
    /// The options or the number of arguments are wrong; the usage is shown with it.
    Invocation(String),
    /// The arguments do not fit what is asked for.
    Command(String),
    /// The object path is none.
    Url(String),
    /// No answer came, or none of a CIM server.
    Http(String),
    /// The answer cannot be understood.
    Reply(String),
    /// The server answered with a CIM error.
    Cim {
        /// Its number.
        code: u32,
        /// What the server says.
        description: String,
    },
    /// This machine refused: a file, a terminal, the configuration.
    Local(Failure),
    /// The result cannot be written.
    Output(io::Error),
}

impl Trouble {
    /// A fault of the arguments.
    pub fn command(reason: impl fmt::Display) -> Self {
        Self::Command(reason.to_string())
    }

    /// A fault of the object path.
    pub fn url(reason: impl fmt::Display) -> Self {
        Self::Url(reason.to_string())
    }

    /// A fault of the connection.
    pub fn http(reason: &str) -> Self {
        Self::Http(reason.to_owned())
    }

    /// The same trouble, about the property or parameter of that name.
    pub fn about(self, name: &Name) -> Self {
        match self {
            Self::Command(reason) => Self::Command(format!("{name}: {reason}")),
            Self::Url(reason) => Self::Command(format!("{name}: {reason}")),
            other => other,
        }
    }

    /// What is shown, said by the program of that name.
    pub fn told_by(self, program: &str) -> Failure {
        let text = match self {
            Self::Invocation(reason) => {
                let text = format!(
                    "{program}: Invalid invocation syntax: {reason}\n{}",
                    usage(program)
                );
                return Failure::plain(Exit::Abnormal, text);
            }
            Self::Local(failure) => return failure.ending_with(Exit::Abnormal),
            Self::Output(error) => return Failure::from(error),
            Self::Command(reason) => format!("Cmd Exception: {reason}"),
            Self::Url(reason) => format!("Url Exception: {reason}"),
            Self::Http(reason) => format!("Http Exception: {reason}"),
            Self::Reply(reason) => format!("Parse Exception: {reason}"),
            Self::Cim { code, description } => format!("Cim: ({code}) {}", with_symbol(code, &description)),
        };
        let lines = text.trim_end().replace('\n', "\n* ");
        Failure::plain(Exit::Abnormal, format!("*\n* {program}: {lines}\n*"))
    }
}

/// How the program is called, in a few lines.
pub fn usage(program: &str) -> String {
    format!(
        "usage: {program} gc|gcd|dc|ec|ecn|gi|ci|mi|di|ei|ein|ai|ain|ri|rin|gp|sp|cm|cmx|eq\n\
         \x20       [-nl] [-t] [-dr] [-dx] [-cte] [-w SECS] [-h] [-v]\n\
         \x20       [-noverify] [-cacert FILE] [-clientcert FILE] [-clientkey FILE]\n\
         \x20       [-ac CLASS] [-arc CLASS] [-ar ROLE] [-arr ROLE]\n\
         \x20       objectPath [Property=value[,...]] [Property[,...]]\n\
         \n\
         example: {program} ei -nl root/ESMPRO/AS:ESM_Processor\n\
         more:    {program} --help"
    )
}

/// The error's name stands before its description, unless it is there already.
fn with_symbol(code: u32, description: &str) -> String {
    if description.starts_with("CIM_") {
        return description.to_owned();
    }
    let symbol = CimStatus::from_code(code).map_or("Invalid/Unknown CIM Error Code", CimStatus::symbol);
    format!("{symbol}: {description}")
}

impl From<CimxmlError> for Trouble {
    fn from(error: CimxmlError) -> Self {
        match error {
            CimxmlError::Cim(OperationError { code, description }) => Self::Cim { code, description },
            CimxmlError::Malformed(reason) => Self::Reply(reason),
            CimxmlError::LoginRefused { is_local: true, .. } => Self::Http(format!(
                "{error}: its socket serves root, the agent's own user and the configured group"
            )),
            CimxmlError::LoginRefused {
                had_credentials: true,
                ..
            } => Self::http("Invalid username/password."),
            CimxmlError::LoginRefused { .. } => Self::http("Username/password required."),
            CimxmlError::Http(ref cause) => Self::Http(format!("{error}{}", advice(cause))),
            CimxmlError::Status { .. } => Self::Http(error.to_string()),
        }
    }
}

/// What may help, where it is not in the error itself.
fn advice(error: &ClientError) -> &'static str {
    match error {
        ClientError::Tls { .. } => {
            "\nif the certificate is the agent's own: --pin SHA256 (`esm cert show` there), or -cacert FILE"
        }
        ClientError::Connect { error, .. } if error.kind() == io::ErrorKind::NotFound => {
            "\nis the agent of this machine running? Another one is named in the object path"
        }
        _ => "",
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Local(failure)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(trouble: Trouble, expect: &str) {
        assert_eq!(trouble.told_by("wbemcli").text(), expect);
    }

    #[test]
    fn the_block_is_that_of_wbemcli() {
        check(
            Trouble::Cim {
                code: 7,
                description: "no way\nsecond".into(),
            },
            "*\n* wbemcli: Cim: (7) CIM_ERR_NOT_SUPPORTED: no way\n* second\n*\n",
        );
        check(
            Trouble::Cim {
                code: 6,
                description: "CIM_ERR_NOT_FOUND: x".into(),
            },
            "*\n* wbemcli: Cim: (6) CIM_ERR_NOT_FOUND: x\n*\n",
        );
        check(
            Trouble::Cim {
                code: 99,
                description: "x".into(),
            },
            "*\n* wbemcli: Cim: (99) Invalid/Unknown CIM Error Code: x\n*\n",
        );
        check(
            Trouble::command("Keys not specified"),
            "*\n* wbemcli: Cmd Exception: Keys not specified\n*\n",
        );
    }
}
