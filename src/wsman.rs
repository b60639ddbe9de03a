//! WS-Management (DSP0226, DSP0227, DSP0230) as typed messages. Pure.
//!
//! A request is read once, from its text into a [`Request`]; what it asks for is an enum, and nobody
//! looks at XML after that. Replies are written straight from the values they hold. Every message has
//! both directions, so that the client of the command line and the tests use the same types.

pub mod addressing;
pub mod binding;
pub mod credentials;
pub mod delivery;
pub mod enumeration;
pub mod eventing;
pub mod fault;
pub mod filter;
pub mod fragment;
pub mod header;
pub mod identify;
pub mod intrinsic;
pub mod invoke;
pub mod items;
pub mod ns;
pub mod raw;
pub mod reply;
pub mod request;
pub mod resource_uri;
pub mod time;
pub mod transfer;
pub mod typed;

#[cfg(test)]
mod sample;

pub use addressing::{Addressing, EndpointReference, Selector, SelectorSet, SelectorValue};
pub use binding::{DateTimeStyle, KnownTags, Style};
pub use delivery::{Delivered, DeliveredContent, DeliveryHead, EncodedEvent, SubscriptionEnd};
pub use enumeration::{Enumerate, EnumerationMode, PolymorphismMode, Pull, Release};
pub use eventing::{DeliveryMode, Renew, Subscribe};
pub use fault::{Fault, FaultCause, FaultCode, FaultDetail};
pub use filter::Filter;
pub use header::Headers;
pub use items::{EncodedItem, ItemLimits, ItemShape, Items, ItemsBuilder, Pushed};
pub use raw::{RawInstance, RawValue};
pub use reply::{Reply, ReplyHead};
pub use request::{Body, Invoke, Refused, Request};
pub use resource_uri::{ResourceUri, UriForm};
