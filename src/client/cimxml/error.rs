//! Why a request failed.

use crate::cim::CimStatus;
use crate::cimxml::OperationError;
use crate::net::http_client::ClientError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum CimxmlError {
    /// No reply came.
    #[error(transparent)]
    Http(#[from] ClientError),
    /// The server does not know the caller.
    #[error("{address} refused the login")]
    LoginRefused {
        /// Who was asked.
        address: String,
        /// Whether credentials were sent.
        had_credentials: bool,
        /// Whether it was the local socket, which knows callers by their process.
        is_local: bool,
    },
    /// The server answered with a CIM error (DSP0200, 5.2.6). The number may be one that we do not know.
    #[error("{}", in_words(.0))]
    Cim(OperationError),
    /// The server answered, but not as a CIM-XML server.
    #[error("the server answered with HTTP status {status}{}{text}", if .text.is_empty() { "" } else { ": " })]
    Status {
        /// The status code.
        status: u16,
        /// `CIMError` and its details (DSP0200, 6.3.1), or the first line of the body.
        text: String,
    },
    /// The reply cannot be understood.
    #[error("the reply is no valid CIM-XML message: {0}")]
    Malformed(String),
}

/// Longest line of a foreign text that is shown, in characters.
const LONGEST_LINE: usize = 200;

impl CimxmlError {
    /// A status other than 200, with what the server says about it.
    pub(super) fn status(status: u16, said: &str) -> Self {
        let line = said.lines().map(str::trim).find(|line| !line.is_empty());
        Self::Status {
            status,
            text: line.unwrap_or_default().chars().take(LONGEST_LINE).collect(),
        }
    }

    /// Whether the server says that it does not have the operation. Some that do not know the pulled ones say
    /// `FAILED`.
    pub(super) fn says_not_supported(&self) -> bool {
        matches!(self, Self::Cim(error)
            if matches!(error.status(), Some(CimStatus::NotSupported | CimStatus::Failed)))
    }
}

/// The name of the status first, then its number, and what the server says.
fn in_words(error: &OperationError) -> String {
    let symbol = error.status().map_or("unknown CIM status", CimStatus::symbol);
    let OperationError { code, description } = error;
    if description.is_empty() {
        format!("{symbol} ({code}); the server gave no reason")
    } else {
        format!("{symbol} ({code}): {description}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_words() {
        let error = |code, description: &str| {
            CimxmlError::Cim(OperationError {
                code,
                description: description.to_owned(),
            })
        };
        insta::assert_snapshot!(error(6, "no such instance"), @"CIM_ERR_NOT_FOUND (6): no such instance");
        insta::assert_snapshot!(error(200, ""), @"unknown CIM status (200); the server gave no reason");
        insta::assert_snapshot!(CimxmlError::status(501, "\n not here \nmore"), @"the server answered with HTTP status 501: not here");
        insta::assert_snapshot!(CimxmlError::status(502, ""), @"the server answered with HTTP status 502");
    }
}
