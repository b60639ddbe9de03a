//! The agent of this machine, as commands ask it over its local socket.

use super::Global;
use super::connect::LocalArgs;
use super::exit::Failure;
use crate::cim::Instance;
use crate::client::classes::Classes;
use crate::client::wsman::{ClientOptions, EnumerationRequest, Resource, WsmanClient, WsmanError};

/// A client of the agent, with the types of what it says.
pub struct LocalAgent {
    /// The client.
    pub client: WsmanClient,
    /// The classes.
    pub classes: Classes,
}

impl LocalAgent {
    /// The agent whose socket the options or the configuration name. Nothing is sent yet.
    ///
    /// # Errors
    /// As [`LocalArgs::client`].
    pub fn new(local: &LocalArgs, global: &Global) -> Result<Self, Failure> {
        Ok(Self {
            client: local.client(global, ClientOptions::default())?,
            classes: Classes::default(),
        })
    }

    /// All instances of a class.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn instances(&mut self, class_uri: &str) -> Result<Vec<Instance>, WsmanError> {
        let mut all = Vec::new();
        let resource = Resource::new(class_uri);
        let mut enumeration = self.client.enumerate(resource, EnumerationRequest::default());
        while let Some(batch) = enumeration.next_batch().await? {
            let instances = batch.items.into_iter().filter_map(|item| item.instance);
            all.extend(instances.map(|raw| self.classes.typed(&raw)));
        }
        Ok(all)
    }
}
