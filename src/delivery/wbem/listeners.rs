//! CIM_ListenerDestinationCIMXML and CIM_ListenerDestinationWSManagement: made, changed, deleted, listed.

use std::sync::Arc;

use super::super::entry::Entry;
use super::super::registry::{Registry, check_address};
use super::{WSMAN_CLASS, WbemError, own_name};
use crate::store::commands::{DeleteListener, PutListener, StoredListener};
use crate::subscription::{
    Credentials, DestinationUrl, Labels, ListenerDestination, MADE_UP, ObjectName, Persistence, Scheme,
    TooLarge, WsmanDestination, check_size,
};

impl Registry {
    /// Reads the address of a destination; where it names no port, the manager's is meant.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn destination_url(&self, text: &str) -> Result<DestinationUrl, WbemError> {
        Ok(DestinationUrl::parse(text, self.shared.settings().default_port)?)
    }

    /// Every destination: those that were made, and those that stand for the destinations of subscriptions made
    /// by WS-Eventing.
    pub fn listener_destinations(&self) -> Vec<Arc<ListenerDestination>> {
        let system = self.shared.settings().system_name.clone();
        let book = self.shared.book.lock();
        let named = book.named.listeners.values();
        let mut listeners: Vec<_> = named.map(|stored| Arc::new(stored.listener.clone())).collect();
        let entries = book.entries.values();
        listeners.extend(
            entries
                .filter_map(|entry| made_up_listener(entry, &system))
                .map(Arc::new),
        );
        listeners
    }

    /// Makes a destination; ready once it is on disk.
    ///
    /// # Errors
    /// What is wrong with it, or that there is one of its name already.
    pub async fn create_listener(
        &self,
        listener: ListenerDestination,
        credentials: Option<Credentials>,
    ) -> Result<(), WbemError> {
        let shared = &self.shared;
        let _naming = shared.naming.lock().await;
        let stored = StoredListener {
            listener,
            credentials,
        };
        check_listener_size(&stored)?;
        let listener = &stored.listener;
        self.check_listener(listener)?;
        {
            let book = shared.book.lock();
            let mut names = book.named.listeners.keys();
            if listener.name.name.starts_with(MADE_UP)
                || names.any(|other| other.clashes_with(&listener.name))
            {
                return Err(WbemError::Exists(listener.name.to_string()));
            }
            let limit = shared.settings().max_per_account;
            let all = book.named.listeners.values();
            if all.filter(|other| other.listener.owner == listener.owner).count() >= limit {
                return Err(WbemError::TooMany(limit));
            }
        }
        self.put_listener(stored).await
    }

    /// Changes a destination; ready once it is on disk. What waits for its subscriptions goes where it is from then
    /// on, in the same order and under the same numbers.
    ///
    /// # Errors
    /// There is none of that name, it is the agent's own, what is wrong with the change, or that its deliveries are
    /// not its own alone.
    pub async fn modify_listener(
        &self,
        name: &ObjectName,
        change: impl FnOnce(&mut StoredListener) -> Result<(), WbemError> + Send,
    ) -> Result<(), WbemError> {
        let _naming = self.shared.naming.lock().await;
        let old = self.own_listener(name)?;
        let mut new = StoredListener::clone(&old);
        change(&mut new)?;
        check_listener_size(&new)?;
        if same_deliveries(&old, &new) {
            return self.put_listener(new).await;
        }
        self.check_listener(&new.listener)?;
        self.redirect(new).await
    }

    /// Deletes a destination that no subscription refers to; ready once that is on disk.
    ///
    /// # Errors
    /// There is none of that name, it is the agent's own, or it is in use.
    pub async fn delete_listener(&self, name: &ObjectName) -> Result<(), WbemError> {
        let _naming = self.shared.naming.lock().await;
        self.own_listener(name)?;
        self.check_unused(name)?;
        self.shared.store.ask(DeleteListener(name.clone())).await?;
        self.shared.book.lock().named.listeners.remove(name);
        Ok(())
    }

    async fn put_listener(&self, stored: StoredListener) -> Result<(), WbemError> {
        self.shared.store.ask(PutListener(stored.clone())).await?;
        let mut book = self.shared.book.lock();
        let name = stored.listener.name.clone();
        book.named.listeners.insert(name, Arc::new(stored));
        Ok(())
    }

    fn check_listener(&self, listener: &ListenerDestination) -> Result<(), WbemError> {
        let settings = self.shared.settings();
        let subscribers = listener.subscriber.as_slice();
        check_address(&settings, &listener.url, subscribers)?;
        let end_to = listener.wsman.as_ref().and_then(|wsman| wsman.end_to.as_ref());
        if let Some(end_to) = end_to {
            check_address(&settings, end_to, subscribers)?;
        }
        if listener.user.is_some() && listener.url.scheme == Scheme::Http {
            return Err(WbemError::Value(
                "Destination: a password is sent over https alone".to_owned(),
            ));
        }
        Ok(())
    }

    fn check_unused(&self, name: &ObjectName) -> Result<(), WbemError> {
        match self.shared.book.lock().users(|wbem| wbem.handler == *name) {
            0 => Ok(()),
            subscriptions => Err(WbemError::InUse {
                name: name.clone(),
                subscriptions,
            }),
        }
    }

    /// A destination that was made, as opposed to one of the agent's own.
    pub(super) fn own_listener(&self, name: &ObjectName) -> Result<Arc<StoredListener>, WbemError> {
        if let Some(stored) = self.shared.book.lock().named.listeners.get(name) {
            return Ok(Arc::clone(stored));
        }
        let all = self.listener_destinations();
        if all.iter().any(|listener| listener.name == *name) {
            Err(WbemError::Fixed(name.clone()))
        } else {
            Err(WbemError::NotFound(name.to_string()))
        }
    }
}

fn check_listener_size(stored: &StoredListener) -> Result<(), TooLarge> {
    let password = stored.credentials.as_ref();
    let password = password.map_or(0, |credentials| credentials.password.len());
    check_size(&stored.listener, password)
}

fn same_deliveries(old: &StoredListener, new: &StoredListener) -> bool {
    let (a, b) = (&old.listener, &new.listener);
    a.url == b.url && a.user == b.user && a.wsman == b.wsman && old.credentials == new.credentials
}

/// The name of the destination that stands for the destination of a subscription made by WS-Eventing.
pub(super) fn made_up_name(id: &str, system: &str) -> ObjectName {
    own_name(WSMAN_CLASS, system, format!("{MADE_UP}{id}"))
}

fn made_up_listener(entry: &Entry, system: &str) -> Option<ListenerDestination> {
    /// What WS-Addressing calls the sender of a request: there it is that events are fetched from.
    const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
    let subscription = entry.subscription();
    if subscription.wbem.is_some() {
        return None;
    }
    let target = entry.station().map(|station| Arc::clone(&station.target.lock()));
    let destination = target.as_ref().map(|target| &target.destination);
    let url = destination.map(|destination| destination.url.clone());
    Some(ListenerDestination {
        name: made_up_name(&entry.id, system),
        owner: subscription.owner.clone(),
        labels: Labels {
            element_name: Some("The destination of a subscription made by WS-Eventing".to_owned()),
            ..Labels::default()
        },
        destination: url
            .as_ref()
            .map_or_else(|| ANONYMOUS.to_owned(), ToString::to_string),
        url: url.or_else(|| DestinationUrl::parse(ANONYMOUS, 80).ok())?,
        persistence: Persistence::Transient,
        other_persistence: None,
        user: destination.and_then(|destination| destination.user.clone()),
        subscriber: destination.and_then(|destination| destination.subscribers.last().copied()),
        wsman: subscription.eventing().map(WsmanDestination::of),
    })
}
