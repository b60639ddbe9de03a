//! Why a request failed.

use crate::net::http_client::ClientError;
use crate::wsman::Fault;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum WsmanError {
    /// No reply came.
    #[error(transparent)]
    Http(#[from] ClientError),
    /// The server does not know the caller.
    #[error("{address} refused the login: {}", login_advice(*.had_credentials, *.is_local))]
    LoginRefused {
        /// Who was asked.
        address: String,
        /// Whether credentials were sent.
        had_credentials: bool,
        /// Whether it was the local socket, which knows callers by their process.
        is_local: bool,
    },
    /// The server answered with a fault.
    #[error("{}", fault_in_words(.0))]
    Fault(Box<Fault>),
    /// The server answered, but not as a WS-Management service.
    #[error("the server answered with HTTP status {status}{}{text}: is this the path of a WS-Management service?", if .text.is_empty() { "" } else { ": " })]
    Status {
        /// The status code.
        status: u16,
        /// The first line of what it said.
        text: String,
    },
    /// The reply cannot be understood.
    #[error("the reply is no valid WS-Management message: {0}")]
    Malformed(String),
}

/// Longest line of a foreign text that is shown, in characters.
const LONGEST_LINE: usize = 200;

impl WsmanError {
    pub(super) fn status(status: u16, text: &str) -> Self {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty());
        Self::Status {
            status,
            text: line
                .unwrap_or_default()
                .trim_end_matches('.')
                .chars()
                .take(LONGEST_LINE)
                .collect(),
        }
    }

    /// The fault, where the server answered with one.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault) => Some(fault),
            _ => None,
        }
    }
}

const fn login_advice(had_credentials: bool, is_local: bool) -> &'static str {
    match (had_credentials, is_local) {
        (_, true) => "its socket serves root, the agent's own user and the configured group",
        (true, false) => "the user name or the password is wrong",
        (false, false) => "it wants a user name and a password",
    }
}

/// The reason first, as it says what to mend; then code, subcode, detail and CIM status for looking up.
fn fault_in_words(fault: &Fault) -> String {
    let code = fault.cause.code().as_str();
    let subcode = fault.cause.subcode();
    let mut text = if fault.reason.is_empty() {
        "the server gave no reason".to_owned()
    } else {
        fault.reason.clone()
    };
    text.push_str(&format!(" (fault s:{code}, {subcode}"));
    if let Some(detail) = fault.detail {
        text.push_str(&format!(", detail {}", detail.as_str()));
    }
    if let Some(status) = fault.cim_status {
        text.push_str(&format!(", CIM status {}", status.code()));
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::CimStatus;
    use crate::wsman::{FaultCause, FaultDetail};

    #[test]
    fn a_fault_is_told_in_words() {
        let mut fault = Fault::new(FaultCause::InvalidSelectors, "The selector `A` is missing.")
            .detail(FaultDetail::InsufficientSelectors);
        fault.cim_status = Some(CimStatus::InvalidParameter);
        insta::assert_snapshot!(WsmanError::Fault(Box::new(fault)), @"The selector `A` is missing. (fault s:Sender, wsman:InvalidSelectors, detail InsufficientSelectors, CIM status 4)");
        insta::assert_snapshot!(WsmanError::Fault(Box::new(Fault::new(FaultCause::MustUnderstand, ""))), @"the server gave no reason (fault s:MustUnderstand, s:MustUnderstand)");
        insta::assert_snapshot!(WsmanError::status(404, "\n Not here. \nmore"), @"the server answered with HTTP status 404: Not here: is this the path of a WS-Management service?");
        insta::assert_snapshot!(WsmanError::status(502, ""), @"the server answered with HTTP status 502: is this the path of a WS-Management service?");
    }
}
