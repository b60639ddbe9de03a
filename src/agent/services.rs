//! The protocols that the agent serves, over one broker and with one bound on open enumerations.

use std::sync::Arc;

use super::build;
use crate::broker::Broker;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::delivery::Registry;
use crate::server::Router;
use crate::server::cimxml::CimxmlService;
use crate::server::enumerations::Enumerations;
use crate::server::wsman::WsmanService;

/// The protocols. Clones share everything.
#[derive(Clone)]
pub(super) struct Services {
    wsman: WsmanService,
    cimxml: CimxmlService,
    enumerations: Enumerations,
    system_name: Arc<str>,
}

impl Services {
    /// Both protocols over `broker`; WS-Eventing over `registry`.
    pub(super) fn new(
        config: &Config,
        broker: &Arc<Broker>,
        registry: Option<Registry>,
        clock: &SharedClock,
        system_name: &str,
    ) -> Self {
        let system_name: Arc<str> = Arc::from(system_name);
        let enumerations = Enumerations::new(build::context_limits(config));
        Self {
            wsman: WsmanService::new(
                Arc::clone(broker),
                registry,
                Arc::clone(clock),
                enumerations.clone(),
                build::wsman_options(config),
            ),
            cimxml: CimxmlService::new(
                Arc::clone(broker),
                Arc::clone(clock),
                enumerations.clone(),
                build::cimxml_options(config, &system_name),
            ),
            enumerations,
            system_name,
        }
    }

    /// All of them behind one listener, told apart by their paths.
    pub(super) fn router(&self) -> Arc<Router> {
        Arc::new(Router::new(vec![
            Arc::new(self.wsman.clone()),
            Arc::new(self.cimxml.clone()),
        ]))
    }

    /// Takes a changed configuration; open enumerations stay.
    pub(super) fn reconfigure(&self, config: &Config) {
        self.enumerations.set_limits(build::context_limits(config));
        self.wsman.reconfigure(build::wsman_options(config));
        self.cimxml
            .reconfigure(build::cimxml_options(config, &self.system_name));
    }
}
