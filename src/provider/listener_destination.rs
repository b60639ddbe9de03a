//! CIM_ListenerDestinationCIMXML and CIM_ListenerDestinationWSManagement: where subscriptions are delivered to
//! (DSP1054 §10.14).

use std::sync::Arc;

use super::wbem_object::{
    Changes, at_path, cim_error, describe, is_path_of, labels_of, new_name, number_or, path_of, text_or,
};
use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};
use crate::cim::{CimError, Class, Instance, InstancePath, Name, Value};
use crate::delivery::Registry;
use crate::delivery::wbem::{CIMXML_CLASS, WSMAN_CLASS, WbemError};
use crate::store::commands::StoredListener;
use crate::subscription::{
    Credentials, DeliveryMode, DestinationUrl, Labels, ListenerDestination, ObjectName, Persistence,
    WsmanDestination,
};

/// `Protocol`: CIM-XML.
const CIM_XML: u16 = 2;
/// `Protocol`: WS-Management.
const WS_MANAGEMENT: u16 = 5;

/// Serves the destinations of one protocol.
pub struct ListenerDestinationProvider {
    class: Arc<Class>,
    changes: Changes,
}

impl ListenerDestinationProvider {
    /// The classes that it can serve.
    pub const CLASSES: [Name; 2] = [Name::from_static(CIMXML_CLASS), Name::from_static(WSMAN_CLASS)];

    /// Serves the destinations of `registry` that are of `class`, one of [`Self::CLASSES`] with all that it
    /// inherits. Must be called within a tokio runtime.
    pub fn new(class: Arc<Class>, registry: Registry) -> Self {
        Self {
            class,
            changes: Changes::new(registry),
        }
    }

    fn is_wsman(&self) -> bool {
        self.class.name == *WSMAN_CLASS
    }

    fn list(&self) -> impl Iterator<Item = Arc<ListenerDestination>> {
        let all = self.changes.registry.listener_destinations().into_iter();
        all.filter(|listener| self.class.name == *listener.name.class.as_str())
    }

    fn instance(&self, listener: &ListenerDestination) -> Arc<Instance> {
        let protocol = if self.is_wsman() { WS_MANAGEMENT } else { CIM_XML };
        let builder = describe(
            InstanceBuilder::new(&self.class),
            &listener.name,
            &listener.labels,
        )
        .set("PersistenceType", listener.persistence.value())
        .maybe("OtherPersistenceType", listener.other_persistence.as_deref())
        .set("Destination", listener.destination.as_str())
        .set("Protocol", protocol)
        .maybe("username", listener.user.as_deref());
        match &listener.wsman {
            None => builder,
            Some(wsman) => builder
                .maybe("DestinationEndTo", wsman.end_to.as_ref().map(ToString::to_string))
                .maybe("Locale", wsman.locale.as_deref())
                .maybe("ContentEncoding", wsman.content_encoding.as_deref())
                .set("DeliveryMode", mode_value(wsman.mode))
                .maybe("Heartbeat", wsman.heartbeat_secs)
                .maybe("SendBookmark", wsman.send_bookmark)
                .maybe("MaxTime", wsman.max_time_secs)
                .maybe("DeliveryAuth", wsman.delivery_auth.as_deref()),
        }
        .build()
    }

    fn find(&self, path: &InstancePath) -> Result<ObjectName, CimError> {
        self.list()
            .find(|listener| is_path_of(path, &listener.name))
            .map(|listener| listener.name.clone())
            .ok_or_else(|| CimError::not_found(format!("there is no destination {path}")))
    }

    /// Puts what `given` has into a destination. Who leads it elsewhere, or has it log in as somebody else, makes it
    /// its own.
    fn apply(&self, caller: &str, given: &Instance, stored: &mut StoredListener) -> Result<(), WbemError> {
        self.check_protocol(given)?;
        let old = stored.clone();
        let listener = &mut stored.listener;
        let address = text_or(given, "Destination", &Some(listener.destination.clone()))
            .filter(|address| !address.is_empty())
            .ok_or_else(|| WbemError::Value(format!("{}.Destination is missing", self.class.name)))?;
        listener.url = self.changes.registry.destination_url(&address)?;
        listener.destination = address;
        listener.labels = labels_of(given, &listener.labels);
        if let Some(value) = given.get("PersistenceType").and_then(Value::as_u64) {
            listener.persistence = Persistence::from_value(value).ok_or_else(|| {
                WbemError::Value(format!("PersistenceType is {value}: it must be 1, 2 or 3"))
            })?;
        }
        listener.other_persistence = text_or(given, "OtherPersistenceType", &listener.other_persistence);
        if let Some(wsman) = &mut listener.wsman {
            self.apply_wsman(given, wsman)?;
        }
        stored.credentials = login(given, &old, &stored.listener.url)?;
        stored.listener.user = stored.credentials.as_ref().map(|login| login.user.clone());
        if stored.listener.url != old.listener.url || stored.credentials != old.credentials {
            caller.clone_into(&mut stored.listener.owner);
        }
        Ok(())
    }

    fn check_protocol(&self, given: &Instance) -> Result<(), WbemError> {
        let own = if self.is_wsman() { WS_MANAGEMENT } else { CIM_XML };
        match given.get("Protocol").and_then(Value::as_u64) {
            // The class in general declares CIM-XML as the default, which clients then send.
            Some(value) if value != u64::from(own) && value != u64::from(CIM_XML) => Err(WbemError::Value(
                format!("Protocol is {value}: for {} it is {own}", self.class.name),
            )),
            _ => Ok(()),
        }
    }

    fn apply_wsman(&self, given: &Instance, wsman: &mut WsmanDestination) -> Result<(), WbemError> {
        if let Some(value) = given.get("DeliveryMode").and_then(Value::as_u64) {
            wsman.mode = mode_of(value)?;
        }
        let end_to = wsman.end_to.as_ref().map(ToString::to_string);
        wsman.end_to = text_or(given, "DestinationEndTo", &end_to)
            .map(|address| self.changes.registry.destination_url(&address))
            .transpose()?;
        wsman.locale = text_or(given, "Locale", &wsman.locale);
        wsman.content_encoding = text_or(given, "ContentEncoding", &wsman.content_encoding);
        wsman.heartbeat_secs = number_or(given, "Heartbeat", wsman.heartbeat_secs);
        if wsman.heartbeat_secs == Some(0) {
            return Err(WbemError::Value(
                "Heartbeat is 0: leave it NULL for none".to_owned(),
            ));
        }
        if let Some(property) = given.property("SendBookmark") {
            wsman.send_bookmark = property.value.as_ref().and_then(Value::as_bool);
        }
        wsman.max_time_secs = number_or(given, "MaxTime", wsman.max_time_secs);
        wsman.delivery_auth = text_or(given, "DeliveryAuth", &wsman.delivery_auth);
        Ok(())
    }
}

/// What deliveries to `url` log in with after a change of the destination `old`. A stored password is for the server
/// and the user that it came with: whoever may change a destination cannot read it, and must not have it sent anywhere
/// else.
fn login(
    given: &Instance,
    old: &StoredListener,
    url: &DestinationUrl,
) -> Result<Option<Credentials>, WbemError> {
    let user = text_or(given, "username", &old.listener.user).filter(|user| !user.is_empty());
    let Some(user) = user else {
        return Ok(None);
    };
    if let Some(password) = given.get_str("password").filter(|password| !password.is_empty()) {
        let password = password.to_owned().into();
        return Ok(Some(Credentials { user, password }));
    }
    let stored = old.credentials.as_ref().filter(|stored| stored.user == user);
    let stored = stored.filter(|_| url.same_origin(&old.listener.url));
    stored.cloned().map(Some).ok_or_else(|| {
        WbemError::Value(
            "password is missing: it comes with username, and anew with another user or server".to_owned(),
        )
    })
}

const fn mode_value(mode: DeliveryMode) -> u16 {
    match mode {
        DeliveryMode::Push => 2,
        DeliveryMode::PushWithAck => 3,
        DeliveryMode::Events => 4,
        DeliveryMode::Pull => 5,
    }
}

fn mode_of(value: u64) -> Result<DeliveryMode, WbemError> {
    match value {
        2 => Ok(DeliveryMode::Push),
        3 => Ok(DeliveryMode::PushWithAck),
        4 => Ok(DeliveryMode::Events),
        5 => Err(WbemError::Value(
            "DeliveryMode is 5 (Pull): events are fetched with what WS-Eventing Subscribe answers".to_owned(),
        )),
        other => Err(WbemError::Value(format!(
            "DeliveryMode is {other}: it must be 2, 3 or 4"
        ))),
    }
}

impl InstanceProvider for ListenerDestinationProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn may_modify(&self, _property: &Name) -> bool {
        true
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        let instances: Vec<_> = self.list().map(|listener| self.instance(&listener)).collect();
        Ok(stream_of(instances))
    }

    fn get(&self, _context: &RequestContext, path: &InstancePath) -> Result<Option<Arc<Instance>>, CimError> {
        Ok(at_path(
            self.list().map(|listener| self.instance(&listener)),
            path,
        ))
    }

    fn create(&self, context: &RequestContext, instance: Instance) -> Result<InstancePath, CimError> {
        let registry = &self.changes.registry;
        let name = new_name(&instance, &self.class.name, registry)?;
        let address = instance.get_str("Destination").unwrap_or_default();
        let url = registry
            .destination_url(address)
            .map_err(|error| cim_error(&error))?;
        let mut stored = StoredListener {
            listener: ListenerDestination {
                name: name.clone(),
                owner: context.caller.name().to_owned(),
                labels: Labels::default(),
                destination: address.to_owned(),
                url,
                persistence: Persistence::default(),
                other_persistence: None,
                user: None,
                subscriber: context.from,
                wsman: self.is_wsman().then(WsmanDestination::default),
            },
            credentials: None,
        };
        self.apply(context.caller.name(), &instance, &mut stored)
            .map_err(|error| cim_error(&error))?;
        self.changes
            .wait(registry.create_listener(stored.listener, stored.credentials))?;
        Ok(path_of(&name))
    }

    fn modify(
        &self,
        context: &RequestContext,
        path: &InstancePath,
        changes: Instance,
    ) -> Result<(), CimError> {
        let name = self.find(path)?;
        let change = |stored: &mut StoredListener| self.apply(context.caller.name(), &changes, stored);
        self.changes
            .wait(self.changes.registry.modify_listener(&name, change))
    }

    fn delete(&self, _context: &RequestContext, path: &InstancePath) -> Result<(), CimError> {
        let name = self.find(path)?;
        self.changes.wait(self.changes.registry.delete_listener(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(user: Option<&str>) -> StoredListener {
        let text = "https://manager.example:6736/events";
        let name = |part: &str| part.to_owned();
        StoredListener {
            listener: ListenerDestination {
                name: ObjectName {
                    class: name(WSMAN_CLASS),
                    system_class: name("S"),
                    system: name("s"),
                    name: name("n"),
                },
                owner: name("alice"),
                labels: Labels::default(),
                destination: text.to_owned(),
                url: text.parse().unwrap(),
                persistence: Persistence::default(),
                other_persistence: None,
                user: user.map(name),
                subscriber: None,
                wsman: None,
            },
            credentials: user.map(|user| Credentials {
                user: name(user),
                password: name("secret").into(),
            }),
        }
    }

    /// The login `user:password` after a change to `url` by an instance with these properties; `-` if there is none.
    #[track_caller]
    fn check(old: Option<&str>, url: &str, given: &[(&str, &str)], expect: Result<&str, &str>) {
        let mut instance = Instance::new(Name::from_static(WSMAN_CLASS));
        for (name, value) in given {
            instance.set(*name, *value);
        }
        let found = login(&instance, &stored(old), &url.parse().unwrap());
        let found = found.map(|login| {
            login.map_or("-".to_owned(), |login| {
                format!("{}:{}", login.user, *login.password)
            })
        });
        match (&found, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, expect),
            (Err(found), Err(expect)) => assert!(found.to_string().contains(expect), "{found}"),
            _ => panic!("{found:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn a_stored_password_goes_to_the_server_and_the_user_that_it_came_with() {
        const SAME: &str = "https://manager.example:6736/events";
        const ELSEWHERE: &str = "https://collector.example:6736/events";
        let missing = Err("password is missing");
        check(None, SAME, &[], Ok("-"));
        check(None, SAME, &[("username", "u")], missing);
        check(None, SAME, &[("username", "u"), ("password", "p")], Ok("u:p"));
        check(Some("u"), SAME, &[], Ok("u:secret"));
        check(
            Some("u"),
            SAME,
            &[("username", "u"), ("password", "")],
            Ok("u:secret"),
        );
        check(
            Some("u"),
            "https://manager.example:6736/other",
            &[],
            Ok("u:secret"),
        );
        check(Some("u"), SAME, &[("username", "v")], missing);
        check(Some("u"), SAME, &[("username", "")], Ok("-"));
        for url in [
            ELSEWHERE,
            "https://manager.example:6737/events",
            "http://manager.example:6736/events",
        ] {
            check(Some("u"), url, &[], missing);
            check(Some("u"), url, &[("username", "u")], missing);
            check(Some("u"), url, &[("username", "")], Ok("-"));
            check(Some("u"), url, &[("password", "p")], Ok("u:p"));
        }
    }
}
