//! The items of a reply to Enumerate or Pull, gathered one after the other until the reply is full.

use std::borrow::Cow;
use std::sync::Arc;

use super::Fault;
use super::addressing::encode_path;
use super::binding::{ClassTags, KnownTags, Style};
use super::enumeration::EnumerationMode;
use super::fault::{FaultCause, FaultDetail};
use super::ns;
use super::reply::ReplyHead;
use crate::cim::{Class, Instance, InstancePath, Name, Namespace};
use crate::xml::{Encoding, Writer};

/// Gathers items until the reply holds as many, or as much, as the client takes.
#[derive(Debug)]
pub struct ItemsBuilder<'c> {
    writer: Writer,
    count: usize,
    max_elements: usize,
    max_bytes: usize,
    shape: ItemShape,
    known: &'c KnownTags,
    /// The class of the last instance and its tags: the next one is of the same, as a rule.
    tags: Option<(&'c Arc<Class>, Cow<'c, ClassTags>)>,
}

/// How items are written.
#[derive(Clone, Debug, Default)]
pub struct ItemShape {
    /// Instances, endpoint references, or both.
    pub mode: EnumerationMode,
    /// How the client wants to be answered.
    pub style: Style,
    /// The properties that are asked for; all where it is `None`.
    pub select: Option<Vec<Name>>,
    /// The namespace that endpoint references name.
    pub namespace: Option<Namespace>,
}

impl ItemShape {
    fn tags<'c>(&self, class: &Arc<Class>, known: &'c KnownTags) -> Cow<'c, ClassTags> {
        let of_all = match self.select {
            None => known.get(class, &self.style),
            Some(_) => None,
        };
        of_all.map_or_else(
            || Cow::Owned(ClassTags::new(class, self.select.as_deref(), &self.style)),
            Cow::Borrowed,
        )
    }
}

/// How much one reply may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ItemLimits {
    /// Items.
    pub max_elements: usize,
    /// Bytes of the whole message, envelope and headers included.
    pub max_envelope_bytes: usize,
    /// The encoding of the reply: UTF-16 takes twice the room.
    pub encoding: Encoding,
}

/// What became of an item.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Pushed {
    /// It is in the reply.
    Added,
    /// The reply is full; the item is for the next one.
    Full(EncodedItem),
    /// The item alone is larger than the reply may be.
    TooLarge(EncodedItem),
}

/// An item that was written already and waits for the next reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EncodedItem(String);

impl EncodedItem {
    /// Bytes of XML.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing; no item ever is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The items of one reply.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Items {
    xml: String,
    count: usize,
}

/// What envelope, headers and the elements around the items take at most, but for the MessageID.
const ENVELOPE_OVERHEAD_BYTES: usize = 2048;

/// Room for the instances of most classes, so that they are not copied while they become more.
const TYPICAL_BYTES: usize = 32 * 1024;

impl<'c> ItemsBuilder<'c> {
    /// A builder for the reply with that head. The `known` tags are for the classes of a schema, which stay as they are.
    pub fn new(head: &ReplyHead, limits: ItemLimits, shape: ItemShape, known: &'c KnownTags) -> Self {
        let wide = matches!(limits.encoding, Encoding::Utf16Le | Encoding::Utf16Be);
        let max_bytes = limits.max_envelope_bytes / if wide { 2 } else { 1 };
        // A character of a MessageID takes six bytes at most once it is escaped.
        let overhead = ENVELOPE_OVERHEAD_BYTES + 6 * head.relates_to.as_ref().map_or(0, String::len);
        Self {
            writer: Writer::with_capacity(max_bytes.min(TYPICAL_BYTES)),
            count: 0,
            max_elements: limits.max_elements.max(1),
            max_bytes: max_bytes.saturating_sub(overhead),
            shape,
            known,
            tags: None,
        }
    }

    /// Whether the reply takes another item, as far as their number goes.
    pub const fn wants_more(&self) -> bool {
        self.count < self.max_elements
    }

    /// How many items there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Adds an instance, shown as one of `class`. `path` is asked for where the mode needs it.
    pub fn push(
        &mut self,
        instance: &Instance,
        class: &'c Arc<Class>,
        path: impl FnOnce() -> InstancePath,
    ) -> Pushed {
        let mark = self.writer.len();
        let w = &mut self.writer;
        let shape = &self.shape;
        let (known, tags) = (self.known, &mut self.tags);
        let object = |w: &mut Writer| {
            let (_, tags) = match tags {
                Some(last) if Arc::ptr_eq(last.0, class) => last,
                tags => tags.insert((class, shape.tags(class, known))),
            };
            tags.encode(w, instance, class, &shape.style);
        };
        let epr = |w: &mut Writer| {
            let mut path = path();
            if path.namespace.is_none() {
                path.namespace.clone_from(&shape.namespace);
            }
            let addressing = shape.style.addressing;
            w.element(addressing.ns().name("EndpointReference"), |w| {
                encode_path(w, &path, &shape.style.form, addressing);
            });
        };
        match shape.mode {
            EnumerationMode::Object => object(w),
            EnumerationMode::Epr => epr(w),
            EnumerationMode::ObjectAndEpr => w.element(ns::WSMAN.name("Item"), |w| {
                object(w);
                epr(w);
            }),
        }
        self.keep_or_hand_back(mark)
    }

    /// Adds an item that a former reply had no room for.
    pub fn push_encoded(&mut self, item: EncodedItem) -> Pushed {
        let mark = self.writer.len();
        self.writer.raw(&item.0);
        self.keep_or_hand_back(mark)
    }

    fn keep_or_hand_back(&mut self, mark: usize) -> Pushed {
        if self.wants_more() && self.writer.len() <= self.max_bytes {
            self.count += 1;
            return Pushed::Added;
        }
        let item = EncodedItem(self.writer.split_off(mark));
        if item.0.len() > self.max_bytes {
            Pushed::TooLarge(item)
        } else {
            Pushed::Full(item)
        }
    }

    /// The items of the reply.
    pub fn finish(self) -> Items {
        Items {
            xml: self.writer.finish(),
            count: self.count,
        }
    }

    /// The fault for an item that no reply of this size can hold.
    pub fn too_large(&self) -> Fault {
        let reason = format!(
            "An item does not fit into a reply of this size; raise wsman:MaxEnvelopeSize or ask for fewer properties (there are {} bytes for items).",
            self.max_bytes
        );
        Fault::new(FaultCause::EncodingLimit, reason).detail(FaultDetail::MaxEnvelopeSizeExceeded)
    }
}

impl Items {
    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many items there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn encode(self, w: &mut Writer) {
        if !self.xml.is_empty() {
            w.raw_owned(self.xml);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    use crate::wsman::enumeration::encode_pull_response;
    use crate::wsman::sample;

    fn builder(max_elements: usize, max_envelope_bytes: usize, encoding: Encoding) -> ItemsBuilder<'static> {
        let limits = ItemLimits {
            max_elements,
            max_envelope_bytes,
            encoding,
        };
        static KNOWN: LazyLock<KnownTags> = LazyLock::new(KnownTags::default);
        ItemsBuilder::new(&sample::head(), limits, ItemShape::default(), &KNOWN)
    }

    fn push(builder: &mut ItemsBuilder<'static>) -> Pushed {
        static CLASS: LazyLock<Arc<Class>> = LazyLock::new(|| Arc::new(sample::class()));
        builder.push(&sample::instance(), &CLASS, sample::path)
    }

    #[test]
    fn a_reply_holds_as_many_items_as_the_client_takes() {
        let mut builder = builder(2, 1_000_000, Encoding::Utf8);
        assert_eq!(push(&mut builder), Pushed::Added);
        assert_eq!(push(&mut builder), Pushed::Added);
        assert!(!builder.wants_more());
        assert!(matches!(push(&mut builder), Pushed::Full(_)));
        assert_eq!(builder.count(), 2);
    }

    #[test]
    fn a_reply_is_filled_and_never_too_long() {
        for (encoding, max) in [
            (Encoding::Utf8, 20_000),
            (Encoding::Utf16Le, 20_000),
            (Encoding::Utf8, 8192),
        ] {
            let mut builder = builder(usize::MAX, max, encoding);
            let left = loop {
                match push(&mut builder) {
                    Pushed::Added => {}
                    Pushed::Full(item) => break item,
                    Pushed::TooLarge(_) => panic!("an item fits"),
                }
            };
            let count = builder.count();
            let reply = encode_pull_response(
                &sample::head(),
                Some("uuid:00000000-0000-0000-0000-000000000000"),
                builder.finish(),
            );
            let length = encoding.encode(reply).len();
            assert!(length <= max, "{count} items, {length} of {max} bytes");
            assert!(
                count > 0 && length > max / 2,
                "{count} items, {length} of {max} bytes"
            );
            let mut next = self::builder(usize::MAX, max, encoding);
            assert_eq!(next.push_encoded(left), Pushed::Added);
        }
    }

    #[test]
    fn an_item_that_never_fits_is_told_apart() {
        let mut builder = builder(usize::MAX, 3000, Encoding::Utf8);
        assert!(matches!(push(&mut builder), Pushed::TooLarge(_)));
        let fault = builder.too_large();
        assert_eq!(fault.detail, Some(FaultDetail::MaxEnvelopeSizeExceeded));
        assert!(builder.finish().is_empty());
    }
}
