//! The running agent of this machine, as far as it says what its configuration is.

use std::path::Path;

use crate::cim::Instance;
use crate::cli::Global;
use crate::cli::connect::{LocalArgs, block_on};
use crate::cli::exit::{Exit, Failure};
use crate::cli::local_agent::LocalAgent;
use crate::client::instance_name::class_uri;
use crate::client::wsman::WsmanError;
use crate::config::{ParseValueError, Value};
use crate::net::http_client::ClientError;

/// The values in force.
const VALUE_CLASS: &str = "ESM_ConfigurationValue";

/// What the agent says.
pub enum Answer<T> {
    /// All of it.
    Known(Vec<T>),
    /// There is no agent, for all that this says.
    Nobody(String),
    /// It does not say, for this reason.
    Unsaid(String),
}

/// A value in force at the agent.
#[derive(Debug)]
pub struct RunningValue {
    /// The key as the configuration names it.
    pub key: String,
    /// The value, if the key has one.
    pub value: Option<Value>,
    /// Where it comes from.
    pub source: String,
    /// Whether another value is taken only when the agent is restarted.
    pub needs_restart: bool,
}

/// Asks the agent behind the socket for the instances of a class. One that does not run, serves somebody else or does
/// not have the class is no failure here.
///
/// # Errors
/// If its answer is no answer.
pub fn instances(socket: &Path, class: &str, global: &Global) -> Result<Answer<Instance>, Failure> {
    let mut agent = LocalAgent::new(&LocalArgs::of(Some(socket.to_owned())), global)?;
    let uri = class_uri(class)?.0;
    block_on(async {
        match agent.instances(&uri).await {
            Ok(instances) => Ok(Answer::Known(instances)),
            Err(WsmanError::Http(ClientError::Connect { .. })) => {
                let shown = socket.display();
                Ok(Answer::Nobody(format!("no agent answers at {shown}")))
            }
            Err(error @ (WsmanError::LoginRefused { .. } | WsmanError::Fault(_))) => {
                Ok(Answer::Unsaid(error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    })
}

/// Asks the agent for the values in force.
///
/// # Errors
/// As [`instances`], and if a value is none.
pub fn values(socket: &Path, global: &Global) -> Result<Answer<RunningValue>, Failure> {
    match instances(socket, VALUE_CLASS, global)? {
        Answer::Nobody(why) => Ok(Answer::Nobody(why)),
        Answer::Unsaid(why) => Ok(Answer::Unsaid(why)),
        Answer::Known(instances) => instances
            .iter()
            .map(RunningValue::of)
            .collect::<Result<_, _>>()
            .map(Answer::Known)
            .map_err(|error| Failure::new(Exit::PeerFault, error)),
    }
}

impl RunningValue {
    fn of(instance: &Instance) -> Result<Self, ParseValueError> {
        let text = |name| instance.get_str(name).unwrap_or_default().to_owned();
        Ok(Self {
            key: text("ConfigurationKey"),
            value: instance.get_str("Value").map(str::parse).transpose()?,
            source: text("Source"),
            needs_restart: instance.get("NeedsRestart") == Some(&true.into()),
        })
    }
}
