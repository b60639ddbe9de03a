//! Enumerate, Pull and Release (DSP0226, 8): instances are taken from the broker as replies have room for them.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Shared;
use super::exchange::Exchange;
use super::filter::Selected;
use crate::cim::{CimError, Class, Instance, Name};
use crate::provider::{InstanceStream, RequestContext};
use crate::server::contexts::ContextError;
use crate::server::enumerations::Taken;
use crate::wsman::enumeration::{encode_enumerate_response, encode_pull_response};
use crate::wsman::{
    EncodedItem, Enumerate, Fault, FaultCause, ItemLimits, ItemShape, Items, ItemsBuilder, Pull, Pushed,
    Release, ReplyHead,
};

/// How much an open enumeration counts for, beside an item that waits: its filter, its place in the stream.
const CONTEXT_WEIGHT: usize = 8 * 1024;
/// Items of a reply when the client names no number: as many as fit.
const AS_MANY_AS_FIT: usize = usize::MAX;
/// What a reply holds beside its items, for clients that limit the items alone.
const AROUND_ITEMS: u64 = 4096;

/// An enumeration that has more to give.
pub(in crate::server) struct OpenEnumeration {
    stream: InstanceStream,
    context: RequestContext,
    /// The class that is enumerated; `None` for a walk along associations.
    class: Option<Name>,
    shape: ItemShape,
    /// Whether there are as many items as instances of the class.
    is_whole: bool,
    /// What comes before the rest of the stream.
    waiting: Waiting,
}

/// What was taken from the stream and did not go into a reply.
enum Waiting {
    Nothing,
    /// An item that the last reply had no room for.
    Encoded(EncodedItem),
    /// An instance that was looked at to know whether the sequence had ended.
    Instance(Arc<Instance>),
    /// What failed after the items of the last reply.
    Failed(CimError),
}

impl Shared {
    /// Opens an enumeration; optimised, the reply holds the first items already.
    pub(super) fn enumerate(&self, exchange: &Exchange, request: Enumerate) -> Result<String, Fault> {
        let Selected {
            stream,
            properties,
            context,
            class,
            resource,
            is_whole,
        } = self.select(exchange, &request)?;
        let shape = ItemShape {
            mode: request.mode,
            style: exchange.style(&resource),
            select: properties,
            namespace: Some(context.namespace.clone()),
        };
        let waiting = Waiting::Nothing;
        let mut enumeration = OpenEnumeration {
            stream,
            context,
            class,
            shape,
            is_whole,
            waiting,
        };
        let head = self.head(exchange, &enumeration);
        if !request.optimize {
            let id = self.keep(exchange, enumeration)?;
            return Ok(encode_enumerate_response(&head, Some(&id), None));
        }
        let limits = item_limits(exchange, request.max_elements, None);
        let (items, ended) = self.fill(&mut enumeration, &head, limits, None)?;
        let id = if ended {
            None
        } else {
            Some(self.keep(exchange, enumeration)?)
        };
        Ok(encode_enumerate_response(&head, id.as_deref(), Some(items)))
    }

    /// The next items of an open enumeration, and the enumeration where it has not ended: it is put back once
    /// the reply is sure to be sent.
    pub(super) fn pull(
        &self,
        exchange: &Exchange,
        request: &Pull,
        mut taken: Taken<OpenEnumeration>,
    ) -> Result<(String, Option<Taken<OpenEnumeration>>), Fault> {
        let Some(enumeration) = taken.enumeration.as_mut() else {
            return Err(Fault::internal());
        };
        // The reply is in the words of this request, whatever those of the one that opened it.
        enumeration.shape.style.addressing = exchange.headers.addressing;
        let head = self.head(exchange, enumeration);
        let limits = item_limits(exchange, request.max_elements, request.max_characters);
        let (items, ended) = self.fill(enumeration, &head, limits, request.max_time)?;
        if ended {
            return Ok((encode_pull_response(&head, None, items), None));
        }
        Ok((
            encode_pull_response(&head, Some(&request.context), items),
            Some(taken),
        ))
    }

    /// Ends an enumeration before its end.
    pub(super) fn release(&self, exchange: &Exchange, request: &Release) -> Result<String, Fault> {
        drop(self.take(exchange, &request.context)?);
        Ok(Release::encode_response(&exchange.head()))
    }

    /// Takes the enumeration of that context out of the open ones.
    pub(super) fn take(&self, exchange: &Exchange, context: &str) -> Result<Taken<OpenEnumeration>, Fault> {
        let id = parse_context(context)?;
        self.enumerations
            .take(id, exchange.caller.name(), self.clock.boot())
            .map_err(|error| fault_of(&error))
    }

    /// Whether a pull would not wait for anything.
    pub(super) fn pulls_from_memory(&self, taken: &Taken<OpenEnumeration>) -> bool {
        taken.enumeration.as_ref().is_some_and(|enumeration| {
            enumeration.class.as_ref().is_some_and(|class| {
                self.broker
                    .answers_from_memory(&enumeration.context.namespace, class)
            })
        })
    }

    /// The headers of a reply; how many items there are is only looked up for who wants to know.
    fn head(&self, exchange: &Exchange, enumeration: &OpenEnumeration) -> ReplyHead {
        let mut head = exchange.head();
        if exchange.headers.request_total_items_estimate {
            let class = enumeration.class.as_ref().filter(|_| enumeration.is_whole);
            let namespace = &enumeration.context.namespace;
            head.total_items_estimate = Some(class.and_then(|class| self.broker.estimate(namespace, class)));
        }
        head
    }

    fn keep(&self, exchange: &Exchange, enumeration: OpenEnumeration) -> Result<String, Fault> {
        let weight = CONTEXT_WEIGHT
            + match &enumeration.waiting {
                Waiting::Encoded(item) => item.len(),
                _ => 0,
            };
        let (owner, now) = (exchange.caller.name(), self.clock.boot());
        let kept = self.enumerations.keep(owner, enumeration, weight, None, now);
        kept.map(|id| format!("uuid:{id}"))
            .map_err(|error| fault_of(&error))
    }

    /// Takes items until the reply is full, its time is over or the sequence has ended; says which of it is
    /// the case by whether it ended.
    fn fill(
        &self,
        enumeration: &mut OpenEnumeration,
        head: &ReplyHead,
        limits: ItemLimits,
        max_time: Option<Duration>,
    ) -> Result<(Items, bool), Fault> {
        let deadline = max_time.map(|time| self.clock.boot() + time);
        let mut builder = ItemsBuilder::new(head, limits, enumeration.shape.clone(), &self.tags);
        // Instances of one class come one after the other, as a rule.
        let mut shown: Option<&Arc<Class>> = None;
        loop {
            let pushed = match std::mem::replace(&mut enumeration.waiting, Waiting::Nothing) {
                Waiting::Encoded(item) => builder.push_encoded(item),
                Waiting::Failed(error) if builder.count() == 0 => return Err(error.into()),
                Waiting::Failed(error) => {
                    enumeration.waiting = Waiting::Failed(error);
                    return Ok((builder.finish(), false));
                }
                Waiting::Instance(instance) if builder.wants_more() => {
                    let class = match shown {
                        Some(class) if class.name == instance.class_name => class,
                        _ => self
                            .broker
                            .class(&enumeration.context.namespace, &instance.class_name)?,
                    };
                    shown = Some(class);
                    builder.push(&instance, class, || class.path_of(&instance))
                }
                Waiting::Instance(instance) => {
                    enumeration.waiting = Waiting::Instance(instance);
                    return Ok((builder.finish(), false));
                }
                Waiting::Nothing => {
                    if builder.count() > 0 && deadline.is_some_and(|deadline| self.clock.boot() >= deadline) {
                        return Ok((builder.finish(), false));
                    }
                    enumeration.waiting = match enumeration.stream.next() {
                        None => return Ok((builder.finish(), true)),
                        Some(Ok(instance)) => Waiting::Instance(instance),
                        Some(Err(error)) => Waiting::Failed(error),
                    };
                    continue;
                }
            };
            match pushed {
                Pushed::Added => {}
                Pushed::TooLarge(_) if builder.count() == 0 => return Err(builder.too_large()),
                Pushed::Full(item) | Pushed::TooLarge(item) => {
                    enumeration.waiting = Waiting::Encoded(item);
                    return Ok((builder.finish(), false));
                }
            }
        }
    }
}

fn item_limits(exchange: &Exchange, max_elements: Option<u32>, max_characters: Option<u64>) -> ItemLimits {
    let characters = max_characters.map_or(usize::MAX, |characters| {
        usize::try_from(characters.saturating_add(AROUND_ITEMS)).unwrap_or(usize::MAX)
    });
    ItemLimits {
        max_elements: max_elements.map_or(AS_MANY_AS_FIT, |count| {
            usize::try_from(count).unwrap_or(AS_MANY_AS_FIT)
        }),
        max_envelope_bytes: exchange.max_envelope_bytes.min(characters),
        encoding: exchange.encoding,
    }
}

fn parse_context(text: &str) -> Result<Uuid, Fault> {
    let id = text.trim();
    let id = id.strip_prefix("uuid:").unwrap_or(id);
    Uuid::try_parse(id).map_err(|_| Fault::invalid_enumeration_context())
}

fn fault_of(error: &ContextError) -> Fault {
    match error {
        ContextError::Unknown => Fault::invalid_enumeration_context(),
        ContextError::Busy => Fault::new(FaultCause::Concurrency, format!("{error}.")),
        ContextError::TooMany => Fault::new(FaultCause::QuotaLimit, format!("{error}.")),
    }
}
