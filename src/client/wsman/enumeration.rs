//! An enumeration that pulls by itself until there is nothing more.

use super::{Received, Resource, WsmanClient, WsmanError, read, read_empty};
use crate::wsman::enumeration::{EnumerationReply, Item, Release};
use crate::wsman::ns::action;
use crate::wsman::{Body, Enumerate, EnumerationMode, Filter, PolymorphismMode, Pull};

/// What to enumerate, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnumerationRequest {
    /// Which instances.
    pub filter: Option<Filter>,
    /// Instances, references, or both.
    pub mode: EnumerationMode,
    /// How instances of subclasses are shown.
    pub polymorphism: PolymorphismMode,
    /// How many items one reply may hold; `None` for as many as the client asks for by itself.
    pub batch: Option<u32>,
}

/// How many items a reply may hold where nothing else is said. The envelope's size bounds it as well.
pub const DEFAULT_BATCH: u32 = 1000;

/// How many replies in a row may bring no item: a server that has none yet may say so, but not forever.
const MOST_EMPTY_REPLIES: usize = 100;

/// The items of one reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The items, at least one.
    pub items: Vec<Item>,
    /// The envelope that they came in.
    pub envelope: String,
}

/// A running enumeration. One that is dropped before its end stays open at the server until it expires
/// there; [`Enumeration::release`] ends it at once.
#[derive(Debug)]
pub struct Enumeration<'c> {
    client: &'c mut WsmanClient,
    resource: Resource,
    batch: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    New(Box<Enumerate>),
    Open(String),
    Ended,
}

impl<'c> Enumeration<'c> {
    pub(super) fn new(client: &'c mut WsmanClient, resource: Resource, request: EnumerationRequest) -> Self {
        let batch = request.batch.unwrap_or(DEFAULT_BATCH).max(1);
        let enumerate = Enumerate {
            filter: request.filter,
            optimize: true,
            max_elements: Some(batch),
            mode: request.mode,
            polymorphism: request.polymorphism,
            expires: None,
        };
        Self {
            client,
            resource,
            batch,
            state: State::New(Box::new(enumerate)),
        }
    }

    /// The items of the next reply that has any; `None` at the end.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`]. The enumeration has then ended.
    pub async fn next_batch(&mut self) -> Result<Option<Batch>, WsmanError> {
        for _ in 0..MOST_EMPTY_REPLIES {
            let reply = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(None),
                State::New(enumerate) => self.begin(*enumerate).await?,
                State::Open(context) => self.pull(context).await?,
            };
            let Received {
                content: reply,
                envelope,
            } = reply;
            if let Some(context) = reply.context.filter(|_| !reply.end_of_sequence) {
                self.state = State::Open(context);
            }
            let items = reply.items;
            if !items.is_empty() {
                return Ok(Some(Batch { items, envelope }));
            }
        }
        Err(WsmanError::Malformed(format!(
            "{MOST_EMPTY_REPLIES} replies to Pull brought no item and no end"
        )))
    }

    async fn begin(&mut self, enumerate: Enumerate) -> Result<Received<EnumerationReply>, WsmanError> {
        let body = Body::Enumerate(enumerate);
        let envelope = self
            .client
            .call(action::ENUMERATE, Some(&self.resource), body)
            .await?;
        read(envelope, EnumerationReply::decode)
    }

    async fn pull(&mut self, context: String) -> Result<Received<EnumerationReply>, WsmanError> {
        let request = Pull {
            context,
            max_elements: Some(self.batch),
            ..Pull::default()
        };
        self.client.pull(Some(&self.resource), request).await
    }

    /// Ends the enumeration, if it has not ended.
    ///
    /// # Errors
    /// As every request; see [`WsmanError`].
    pub async fn release(self) -> Result<(), WsmanError> {
        let State::Open(context) = self.state else {
            return Ok(());
        };
        let body = Body::Release(Release { context });
        let envelope = self
            .client
            .call(action::RELEASE, Some(&self.resource), body)
            .await?;
        read_empty(envelope)
    }
}
