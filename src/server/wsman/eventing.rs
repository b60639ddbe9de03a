//! Subscriptions (DSP0226, 10): Subscribe, Renew, GetStatus, Unsubscribe, and fetching in the mode Pull.

use std::time::Duration;

use super::Shared;
use super::exchange::Exchange;
use crate::cim::query::{Language, Query};
use crate::cim::{Name, Namespace};
use crate::delivery::filters::FilterError;
use crate::delivery::wbem::FILTER_CLASS;
use crate::delivery::{
    Bookmark, Granted, NewTarget, PullBatch, Registry, SubscribeError, SubscribeRequest, SubscriptionError,
};
use crate::net::fingerprint::Fingerprint;
use crate::net::principal::PrincipalKind;
use crate::provider::Caller;
use crate::subscription::{
    Batch, Credentials, DeliveryMode, DestinationUrl, EndTo, EventingOptions, Expiry, Filter as EventFilter,
    Protocol,
};
use crate::wsman::credentials::Credential;
use crate::wsman::enumeration::encode_pull_response;
use crate::wsman::eventing::{
    SubscribeResponse, encode_get_status_response, encode_renew_response, encode_unsubscribe_response,
};
use crate::wsman::ns::dialect;
use crate::wsman::time::Expires;
use crate::wsman::{
    self, Addressing, EndpointReference, Fault, FaultCause, FaultDetail, Filter, ItemLimits, ItemShape,
    ItemsBuilder, Pull, Pushed, Release, Renew, ResourceUri, Subscribe,
};
use crate::xml::{Encoding, Limits, Reader};

/// What the context of a subscription in the mode Pull begins with; those of enumerations are UUIDs.
const PULL_PREFIX: &str = "subscription:";
/// How long a fetch waits for the first event when the client does not say. Below the idle times of clients.
const DEFAULT_WAIT: Duration = Duration::from_secs(20);
/// Heartbeats that are closer together tell nothing, and cost both sides.
const MIN_HEARTBEAT: Duration = Duration::from_secs(1);
/// How many events are fetched when the client names no number.
const DEFAULT_FETCH: u32 = 64;
/// The bookmark before everything that is kept (DSP0226, 10.2.6).
const EARLIEST: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/bookmark/earliest";
/// Security profiles that a delivery can have (DSP0226, annex C); clients that name none want none.
const DELIVERY_PROFILES: [&str; 2] = [wsman::identify::HTTPS_BASIC, wsman::identify::HTTP_BASIC];

/// Who may touch a subscription: its own account; a process on this machine, trusted by its credentials, any.
fn account_of(exchange: &Exchange) -> Option<&str> {
    match &exchange.caller {
        Caller::Authenticated(principal) if matches!(principal.kind(), PrincipalKind::LocalPeer { .. }) => {
            None
        }
        caller => Some(caller.name()),
    }
}

/// Whether a context to pull from is that of a subscription.
pub(super) fn is_subscription(context: &str) -> bool {
    context.starts_with(PULL_PREFIX)
}

impl Shared {
    /// Makes a subscription; it is on disk when the reply is sent.
    pub(super) async fn subscribe(&self, exchange: &Exchange, request: &Subscribe) -> Result<String, Fault> {
        let registry = self.registry()?;
        let resource = exchange.resource()?;
        let wants_date = matches!(request.expires, Some(Expires::At(_)));
        check_retries(registry, request)?;
        let asked = SubscribeRequest {
            owner: exchange.caller.name().to_owned(),
            filter: event_filter(registry, exchange, &resource, request)?,
            protocol: Protocol::Eventing(eventing_options(exchange, request)?),
            target: target_of(exchange, request)?,
            expires: request.expires.map(expiry),
            bookmark: request.bookmark.as_deref().map(parse_bookmark).transpose()?,
            from: exchange.from,
        };
        let is_pull = asked.target.is_none();
        let granted = registry
            .subscribe(asked)
            .await
            .map_err(|error| fault_of_subscribe(&error))?;
        let response = SubscribeResponse {
            manager_address: exchange
                .headers
                .to
                .clone()
                .unwrap_or_else(|| exchange.options.path.clone()),
            resource_uri: exchange.headers.resource_uri.clone(),
            identifier: format!("uuid:{}", granted.id),
            expires: lease(&granted, wants_date),
            enumeration_context: is_pull.then(|| pull_context(&granted.id, 0)),
        };
        Ok(response.encode(&exchange.head()))
    }

    /// Begins a lease anew.
    pub(super) async fn renew(&self, exchange: &Exchange, request: &Renew) -> Result<String, Fault> {
        let wants_date = matches!(request.expires, Some(Expires::At(_)));
        let granted = self
            .registry()?
            .renew(
                identifier(exchange)?,
                account_of(exchange),
                request.expires.map(expiry),
            )
            .await
            .map_err(|error| match error {
                SubscriptionError::Unknown(_)
                | SubscriptionError::Lapsed(_)
                | SubscriptionError::NoLease(_) => Fault::new(FaultCause::UnableToRenew, format!("{error}.")),
                error => fault_of_subscription(&error),
            })?;
        Ok(encode_renew_response(
            &exchange.head(),
            lease(&granted, wants_date),
        ))
    }

    /// Says what is left of a lease.
    pub(super) fn subscription_status(&self, exchange: &Exchange) -> Result<String, Fault> {
        let granted = self
            .registry()?
            .status(identifier(exchange)?, account_of(exchange))
            .map_err(|error| fault_of_subscription(&error))?;
        Ok(encode_get_status_response(&exchange.head(), left(&granted)))
    }

    /// Ends a subscription.
    pub(super) async fn unsubscribe(&self, exchange: &Exchange) -> Result<String, Fault> {
        let ended = self
            .registry()?
            .unsubscribe(identifier(exchange)?, account_of(exchange))
            .await;
        ended.map_err(|error| fault_of_subscription(&error))?;
        Ok(encode_unsubscribe_response(&exchange.head()))
    }

    /// The next events of a subscription in the mode Pull. Asking for them says that those before have arrived.
    pub(super) async fn fetch(&self, exchange: &Exchange, request: &Pull) -> Result<String, Fault> {
        let (id, position) = parse_pull_context(&request.context)?;
        let wait = request
            .max_time
            .or(exchange.headers.operation_timeout)
            .unwrap_or(DEFAULT_WAIT)
            .min(DEFAULT_WAIT);
        let max = request.max_elements.unwrap_or(DEFAULT_FETCH);
        let fetched = self
            .registry()?
            .pull(id, account_of(exchange), position, max, wait)
            .await;
        let PullBatch {
            subscription, items, ..
        } = fetched.map_err(|error| match error {
            SubscriptionError::Unknown(_) | SubscriptionError::Lapsed(_) => {
                Fault::invalid_enumeration_context()
            }
            error => fault_of_subscription(&error),
        })?;
        let Some(first) = items.first() else {
            return Err(Fault::new(
                FaultCause::TimedOut,
                "No event came in this time; pull again.",
            ));
        };
        let head = exchange.head();
        let limits = ItemLimits {
            max_elements: usize::try_from(max).unwrap_or(usize::MAX),
            max_envelope_bytes: exchange.max_envelope_bytes,
            encoding: exchange.encoding,
        };
        let namespace = Namespace::from_static("root/ESMPRO/AS");
        let style = exchange.style(&ResourceUri::class(first.indication.class_name.clone()));
        let shape = ItemShape {
            style,
            namespace: Some(namespace.clone()),
            ..ItemShape::default()
        };
        let mut builder = ItemsBuilder::new(&head, limits, shape, &self.tags);
        let mut reached = position;
        for item in &items {
            let class = self.broker.class(&namespace, &item.indication.class_name)?;
            match builder.push(&item.indication_for(&subscription), class, || {
                class.path_of(&item.indication)
            }) {
                Pushed::Added => reached = item.seq,
                Pushed::TooLarge(_) if builder.count() == 0 => return Err(builder.too_large()),
                Pushed::Full(_) | Pushed::TooLarge(_) => break,
            }
        }
        Ok(encode_pull_response(
            &head,
            Some(&pull_context(id, reached)),
            builder.finish(),
        ))
    }

    /// Ends a subscription in the mode Pull whose reader does not want to read on.
    pub(super) async fn release_subscription(
        &self,
        exchange: &Exchange,
        request: &Release,
    ) -> Result<String, Fault> {
        let (id, _) = parse_pull_context(&request.context)?;
        let ended = self.registry()?.unsubscribe(id, account_of(exchange)).await;
        ended.map_err(|_| Fault::invalid_enumeration_context())?;
        Ok(Release::encode_response(&exchange.head()))
    }

    fn registry(&self) -> Result<&Registry, Fault> {
        self.subscriptions.as_ref().ok_or_else(|| {
            Fault::new(
                FaultCause::EventSourceUnableToProcess,
                "This agent serves data alone: `[agent] mode` is \"provider-only\", so there is nothing to subscribe to.",
            )
        })
    }
}

/// What a subscription asks of its deliveries.
fn eventing_options(exchange: &Exchange, request: &Subscribe) -> Result<EventingOptions, Fault> {
    let delivery = &request.delivery;
    Ok(EventingOptions {
        mode: match delivery.mode {
            wsman::DeliveryMode::Push => DeliveryMode::Push,
            wsman::DeliveryMode::PushWithAck => DeliveryMode::PushWithAck,
            wsman::DeliveryMode::Events => DeliveryMode::Events,
            wsman::DeliveryMode::Pull => DeliveryMode::Pull,
        },
        reference_parameters: delivery
            .notify_to
            .as_ref()
            .map(|to| to.parameters.concat())
            .unwrap_or_default(),
        end_to: request
            .end_to
            .as_ref()
            .map(|to| end_to(exchange, to))
            .transpose()?,
        addressing_1_0: exchange.headers.addressing == Addressing::V10,
        heartbeat_millis: delivery.heartbeats.map(heartbeat_millis).transpose()?,
        bookmarks: request.send_bookmarks,
        batch: Batch {
            max_items: delivery.max_elements,
            max_wait_millis: delivery
                .max_time
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        },
        locale: delivery
            .locale
            .clone()
            .or_else(|| exchange.headers.locale.clone()),
        utf16: delivery
            .content_encoding
            .as_deref()
            .map_or(exchange.encoding != Encoding::Utf8, |encoding| {
                encoding.eq_ignore_ascii_case("utf-16")
            }),
        max_envelope_bytes: delivery.max_envelope_size,
    })
}

fn heartbeat_millis(pause: Duration) -> Result<u64, Fault> {
    if pause < MIN_HEARTBEAT {
        let reason = format!(
            "Heartbeats come at most every {} s; ask for that or longer.",
            MIN_HEARTBEAT.as_secs()
        );
        return Err(Fault::unsupported(FaultDetail::Heartbeats, reason));
    }
    Ok(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
}

fn end_to(exchange: &Exchange, end_to: &EndpointReference) -> Result<EndTo, Fault> {
    Ok(EndTo {
        url: destination_url(exchange, end_to)?,
        reference_parameters: end_to.parameters.concat(),
    })
}

/// Where deliveries go, and what they log in with; nowhere in the mode Pull.
fn target_of(exchange: &Exchange, request: &Subscribe) -> Result<Option<NewTarget>, Fault> {
    if let Some(profile) = &request.delivery.auth_profile
        && !DELIVERY_PROFILES.contains(&profile.as_str())
    {
        let reason = format!(
            "Deliveries cannot authenticate by `{profile}`; there are {}.",
            DELIVERY_PROFILES.join(", ")
        );
        return Err(Fault::unsupported(FaultDetail::AuthorizationMode, reason));
    }
    let Some(notify_to) = &request.delivery.notify_to else {
        return Ok(None);
    };
    if request.delivery.mode == wsman::DeliveryMode::Pull {
        return Ok(None);
    }
    let mut target = NewTarget {
        url: destination_url(exchange, notify_to)?,
        credentials: None,
        thumbprint: None,
    };
    let tokens = exchange.headers.issued_tokens.iter();
    let for_us = |applies_to: &Option<String>| applies_to.as_deref().is_none_or(|to| to == notify_to.address);
    for token in tokens.filter(|token| for_us(&token.applies_to)) {
        match &token.credential {
            Credential::UserName { user, password } => {
                target.credentials = Some(Credentials {
                    user: user.clone(),
                    password: password.clone().into(),
                });
            }
            Credential::CertificateThumbprint(thumbprint) => {
                target.thumbprint = Some(checked_thumbprint(thumbprint)?);
            }
        }
    }
    Ok(Some(target))
}

/// A thumbprint that deliveries can be held against, as it was given.
fn checked_thumbprint(thumbprint: &str) -> Result<String, Fault> {
    match thumbprint.parse::<Fingerprint>() {
        Ok(_) => Ok(thumbprint.to_owned()),
        Err(error) => Err(Fault::unsupported(
            FaultDetail::AuthorizationMode,
            format!("The certificate thumbprint: {error}."),
        )),
    }
}

/// A delivery that fails is tried as the agent is configured; that is granted where it is at least as often and as
/// long as was asked for (DSP0226, 10.2.9).
fn check_retries(registry: &Registry, request: &Subscribe) -> Result<(), Fault> {
    let Some(asked) = request.delivery.connection_retry else {
        return Ok(());
    };
    let retry = registry.settings().retry;
    if retry.covers(asked.total, asked.interval) {
        return Ok(());
    }
    let reason = format!(
        "Deliveries that fail are tried again for {} s at most (`delivery.retry_total_secs`, `delivery.retry_attempts`).",
        retry.total.as_secs()
    );
    Err(Fault::unsupported(FaultDetail::DeliveryRetries, reason))
}

fn destination_url(exchange: &Exchange, to: &EndpointReference) -> Result<DestinationUrl, Fault> {
    DestinationUrl::parse(&to.address, exchange.options.delivery_port).map_err(|error| {
        Fault::unsupported(
            FaultDetail::UnusableAddress,
            format!("The address `{}` cannot be used: {error}.", to.address),
        )
    })
}

/// What the subscriber wants to be told: a query, the stored filter that the selectors name, or the class that
/// the resource URI names.
fn event_filter(
    registry: &Registry,
    exchange: &Exchange,
    resource: &ResourceUri,
    request: &Subscribe,
) -> Result<EventFilter, Fault> {
    // Whatever class the indications are of, what they tell of is at home here.
    let at_home = || Namespace::from_static("root/ESMPRO/AS");
    let namespace = exchange
        .headers
        .selectors
        .namespace()
        .or_else(|| resource.namespace().cloned())
        .unwrap_or_else(at_home)
        .to_string();
    let query = |language: Language, dialect: &str, text: &str| {
        Query::parse(language, text).map_err(|error| {
            Fault::new(
                FaultCause::EventSourceUnableToProcess,
                format!("The filter: {error}"),
            )
        })?;
        Ok(EventFilter::Query {
            namespace: namespace.clone(),
            language: dialect.to_owned(),
            text: text.to_owned(),
        })
    };
    match &request.filter {
        Some(Filter::Wql(text)) => query(Language::Wql, dialect::WQL, text),
        Some(Filter::Cql(text)) => query(Language::Cql, dialect::CQL, text),
        Some(_) => Err(Fault::new(
            FaultCause::FilteringRequestedUnavailable,
            "Subscriptions are filtered by WQL or CQL.",
        )),
        None => {
            let class = resource
                .class_name()
                .cloned()
                .unwrap_or(Name::from_static("CIM_Indication"));
            if class == FILTER_CLASS {
                return stored_filter(exchange, registry);
            }
            Ok(EventFilter::Class {
                namespace,
                class: class.to_string(),
            })
        }
    }
}

/// What the filter says that the selectors name.
fn stored_filter(exchange: &Exchange, registry: &Registry) -> Result<EventFilter, Fault> {
    let value = |name: &str| exchange.headers.selectors.text(name);
    let Some(name) = value("Name") else {
        let reason = format!("The selector Name says which {FILTER_CLASS} is meant.");
        return Err(
            Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::InsufficientSelectors)
        );
    };
    let found = registry.indication_filter(name).filter(|filter| {
        [
            ("CreationClassName", &filter.name.class),
            ("SystemCreationClassName", &filter.name.system_class),
            ("SystemName", &filter.name.system),
        ]
        .into_iter()
        .all(|(key, own)| value(key).is_none_or(|given| given == own))
    });
    let Some(filter) = found else {
        let reason = format!("There is no {FILTER_CLASS} `{name}` with these keys.");
        return Err(Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::InvalidValue));
    };
    registry.filter_meaning(&filter).map_err(|error| {
        Fault::new(
            FaultCause::EventSourceUnableToProcess,
            format!("The filter: {error}"),
        )
    })
}

fn expiry(expires: Expires) -> Expiry {
    match expires {
        Expires::After(length) => Expiry::After(length),
        Expires::At(at) => Expiry::At(at),
    }
}

/// What is left of a lease.
fn left(granted: &Granted) -> Option<Expires> {
    granted.remaining.map(Expires::After)
}

/// What was granted, in the form in which it was asked for.
fn lease(granted: &Granted, wants_date: bool) -> Option<Expires> {
    match granted.ends_at {
        Some(at) if wants_date => Some(Expires::At(at)),
        _ => granted.lease.granted.map(Expires::After),
    }
}

/// The subscription that the header `wse:Identifier` names.
fn identifier(exchange: &Exchange) -> Result<&str, Fault> {
    let identifier = exchange
        .headers
        .identifier
        .as_deref()
        .ok_or_else(|| Fault::header_required("wse:Identifier"))?;
    Ok(identifier.strip_prefix("uuid:").unwrap_or(identifier))
}

fn pull_context(id: &str, position: i64) -> String {
    format!("{PULL_PREFIX}{id}:{position}")
}

fn parse_pull_context(context: &str) -> Result<(&str, i64), Fault> {
    let parsed = context
        .strip_prefix(PULL_PREFIX)
        .and_then(|rest| rest.split_once(':'));
    let (id, position) = parsed.ok_or_else(Fault::invalid_enumeration_context)?;
    Ok((
        id,
        position
            .parse()
            .map_err(|_| Fault::invalid_enumeration_context())?,
    ))
}

fn parse_bookmark(xml: &str) -> Result<Bookmark, Fault> {
    let text = text_of(xml).unwrap_or_default();
    match text.as_str() {
        EARLIEST => Ok(Bookmark::Earliest),
        text => text.parse().map(Bookmark::After).map_err(|_| {
            Fault::new(
                FaultCause::InvalidBookmark,
                "The bookmark is none that this agent gave.",
            )
            .detail(FaultDetail::InvalidFormat)
        }),
    }
}

/// The text of an element.
fn text_of(xml: &str) -> Option<String> {
    let mut reader = Reader::new(xml, Limits::default()).ok()?;
    let root = reader.root().ok()?;
    Some(reader.text(&root).ok()?.trim().to_owned())
}

fn fault_of_subscribe(error: &SubscribeError) -> Fault {
    let reason = format!("{error}.");
    match error {
        SubscribeError::Filter(FilterError::UnknownLanguage(_)) => {
            Fault::new(FaultCause::FilteringRequestedUnavailable, reason)
        }
        SubscribeError::Filter(FilterError::UnknownClass { .. } | FilterError::NoIndication(_)) => {
            Fault::new(FaultCause::DestinationUnreachable, reason).detail(FaultDetail::InvalidResourceURI)
        }
        SubscribeError::Filter(FilterError::UnknownNamespace(_)) => {
            Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::InvalidValue)
        }
        SubscribeError::Filter(FilterError::Query(_)) => {
            Fault::new(FaultCause::EventSourceUnableToProcess, reason)
        }
        SubscribeError::Lease(_) => Fault::new(FaultCause::InvalidExpirationTime, reason),
        SubscribeError::Forbidden(_) => Fault::unsupported(FaultDetail::UnusableAddress, reason),
        SubscribeError::ModeAndTarget(_) => Fault::new(FaultCause::InvalidMessage, reason),
        SubscribeError::TooMany(_) => Fault::new(FaultCause::QuotaLimit, reason),
        SubscribeError::TooLarge(_) => Fault::new(FaultCause::EncodingLimit, reason),
        SubscribeError::BookmarkExpired(_) => {
            Fault::new(FaultCause::InvalidBookmark, reason).detail(FaultDetail::Expired)
        }
        SubscribeError::Store(error) => {
            tracing::error!(error, "a subscription could not be written down");
            Fault::internal()
        }
    }
}

fn fault_of_subscription(error: &SubscriptionError) -> Fault {
    let reason = format!("{error}.");
    match error {
        SubscriptionError::Unknown(_)
        | SubscriptionError::Lapsed(_)
        | SubscriptionError::NoLease(_)
        | SubscriptionError::NotFetched(_) => Fault::new(FaultCause::InvalidMessage, reason),
        SubscriptionError::Lease(_) => Fault::new(FaultCause::InvalidExpirationTime, reason),
        SubscriptionError::Store(error) => {
            tracing::error!(error, "a subscription could not be written down");
            Fault::internal()
        }
    }
}
