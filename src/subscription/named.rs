//! Filters and destinations that stand by themselves: CIM_IndicationFilter and CIM_ListenerDestination
//! (DSP1054 §10.6 and §10.14, CIM schema 2.49). Subscriptions refer to them by name.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Batch, Carrier, DeliveryMode, DestinationUrl, EndTo, EventingOptions, ObjectName, Protocol};

/// What people call an instance.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    /// `Caption`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// `Description`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `ElementName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element_name: Option<String>,
}

/// CIM_IndicationFilter, as its client gave it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct IndicationFilter {
    /// Its keys.
    pub name: ObjectName,
    /// The account that made it.
    pub owner: String,
    /// What people call it.
    #[serde(default)]
    pub labels: Labels,
    /// `SourceNamespaces`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_namespaces: Option<Vec<String>>,
    /// `SourceNamespace`, which older clients write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_namespace: Option<String>,
    /// The namespace that it was made in: what is meant where it names none.
    pub namespace: String,
    /// `QueryLanguage`.
    pub language: String,
    /// `Query`.
    pub query: String,
    /// `TemplateVariable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_variables: Option<Vec<String>>,
}

impl IndicationFilter {
    /// The namespaces whose indications are meant, never none.
    pub fn namespaces(&self) -> Vec<&str> {
        let many = self.source_namespaces.iter().flatten().map(String::as_str);
        let named: Vec<&str> = many.chain(self.source_namespace.as_deref()).collect();
        if named.is_empty() {
            vec![&self.namespace]
        } else {
            named
        }
    }
}

/// CIM_ListenerDestinationCIMXML or CIM_ListenerDestinationWSManagement, as its client gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerDestination {
    /// Its keys.
    pub name: ObjectName,
    /// The account that made it.
    pub owner: String,
    /// What people call it.
    #[serde(default)]
    pub labels: Labels,
    /// `Destination`, as it was given.
    pub destination: String,
    /// What that means.
    pub url: DestinationUrl,
    /// `PersistenceType`.
    #[serde(default)]
    pub persistence: Persistence,
    /// `OtherPersistenceType`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_persistence: Option<String>,
    /// `username`. The password is kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The address that made it: it may be delivered to without being on the allow list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<IpAddr>,
    /// What a destination of WS-Management says beyond that; none for CIM-XML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wsman: Option<WsmanDestination>,
}

impl ListenerDestination {
    /// The protocol that it is delivered to in.
    pub const fn carrier(&self) -> Carrier {
        match self.wsman {
            Some(_) => Carrier::WsMan,
            None => Carrier::CimXml,
        }
    }

    /// What its subscriptions ask of their deliveries.
    pub fn protocol(&self) -> Protocol {
        match &self.wsman {
            Some(wsman) => Protocol::Eventing(wsman.options()),
            None => Protocol::CimXml,
        }
    }
}

/// `PersistenceType` of a destination.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persistence {
    /// As `OtherPersistenceType` says (1).
    Other,
    /// It is there for good (2).
    #[default]
    Permanent,
    /// It is removed with its last subscription when it cannot be reached for good (3).
    Transient,
}

impl Persistence {
    /// The persistence of that number.
    pub const fn from_value(value: u64) -> Option<Self> {
        match value {
            1 => Some(Self::Other),
            2 => Some(Self::Permanent),
            3 => Some(Self::Transient),
            _ => None,
        }
    }

    /// Its number.
    pub const fn value(self) -> u16 {
        match self {
            Self::Other => 1,
            Self::Permanent => 2,
            Self::Transient => 3,
        }
    }
}

/// What CIM_ListenerDestinationWSManagement says of deliveries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WsmanDestination {
    /// `DeliveryMode`.
    pub mode: DeliveryMode,
    /// `DestinationEndTo`, as it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_to: Option<DestinationUrl>,
    /// `Locale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// `ContentEncoding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Heartbeat`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_secs: Option<u64>,
    /// `SendBookmark`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_bookmark: Option<bool>,
    /// `MaxTime`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_time_secs: Option<u64>,
    /// `DeliveryAuth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_auth: Option<String>,
}

impl WsmanDestination {
    fn options(&self) -> EventingOptions {
        let end_to = self.end_to.clone().map(|url| EndTo {
            url,
            reference_parameters: String::new(),
        });
        EventingOptions {
            end_to,
            addressing_1_0: true,
            heartbeat_millis: self.heartbeat_secs.map(|secs| secs.saturating_mul(1_000)),
            bookmarks: self.send_bookmark.unwrap_or(false),
            batch: Batch {
                max_items: None,
                max_wait_millis: self.max_time_secs.map(|secs| secs.saturating_mul(1_000)),
            },
            locale: self.locale.clone(),
            utf16: self
                .content_encoding
                .as_deref()
                .is_some_and(|encoding| encoding.eq_ignore_ascii_case("utf-16")),
            ..EventingOptions::new(self.mode)
        }
    }

    /// What a subscription that was made by WS-Eventing says as such a destination.
    pub fn of(options: &EventingOptions) -> Self {
        let secs = |millis: u64| millis.div_ceil(1_000);
        Self {
            mode: options.mode,
            end_to: options.end_to.as_ref().map(|end_to| end_to.url.clone()),
            locale: options.locale.clone(),
            content_encoding: options.utf16.then(|| "UTF-16".to_owned()),
            heartbeat_secs: options.heartbeat_millis.map(secs),
            send_bookmark: Some(options.bookmarks),
            max_time_secs: options.batch.max_wait_millis.map(secs),
            delivery_auth: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(many: Option<&[&str]>, one: Option<&str>, expect: &[&str]) {
        let filter = IndicationFilter {
            name: ObjectName::default(),
            owner: String::new(),
            labels: Labels::default(),
            source_namespaces: many.map(|many| many.iter().map(ToString::to_string).collect()),
            source_namespace: one.map(str::to_owned),
            namespace: "root/interop".to_owned(),
            language: "WQL".to_owned(),
            query: String::new(),
            template_variables: None,
        };
        assert_eq!(filter.namespaces(), expect);
    }

    #[test]
    fn the_own_namespace_is_meant_where_none_is_named() {
        check(None, None, &["root/interop"]);
        check(Some(&[]), None, &["root/interop"]);
        check(None, Some("root/cimv2"), &["root/cimv2"]);
        check(Some(&["a", "b"]), Some("c"), &["a", "b", "c"]);
    }

    #[test]
    fn what_a_destination_says_is_what_its_deliveries_are() {
        let asked = WsmanDestination {
            mode: DeliveryMode::Events,
            heartbeat_secs: Some(60),
            max_time_secs: Some(5),
            send_bookmark: Some(true),
            content_encoding: Some("utf-16".to_owned()),
            ..WsmanDestination::default()
        };
        let options = asked.options();
        assert_eq!(options.heartbeat_millis, Some(60_000));
        assert_eq!(options.batch.max_wait_millis, Some(5_000));
        let shown = WsmanDestination::of(&options);
        let expect = WsmanDestination {
            content_encoding: Some("UTF-16".to_owned()),
            ..asked
        };
        assert_eq!(shown, expect);
    }
}
