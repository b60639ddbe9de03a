//! Answers that are a sequence of items: instances, paths, classes, written one at a time.

use std::sync::Arc;

use super::Exchange;
use super::shape::Shape;
use crate::broker::Polymorphism;
use crate::cim::{CimError, Name};
use crate::cimxml::{InstanceView, Operation, ResponseWriter};
use crate::provider::{InstanceStream, RequestContext};

/// The items that are left of an answer.
pub(super) struct Listing {
    next: Next,
    count: Count,
    /// How many were written, and where the first began.
    written: u64,
    began: usize,
    is_measured: bool,
}

/// Writes the next item; `false` if there is none.
type Next = Box<dyn FnMut(&mut ResponseWriter) -> Result<bool, CimError> + Send>;
/// How many items there are in all.
pub(super) type Count = Box<dyn Fn() -> Result<u64, CimError> + Send>;

impl Listing {
    /// The instances of a stream that `open` can open more than once.
    pub(super) fn of_instances(
        shape: Shape,
        estimate: Option<u64>,
        open: impl Fn() -> Result<InstanceStream, CimError> + Send + 'static,
    ) -> Result<Self, CimError> {
        let mut stream = open()?;
        let next = move |response: &mut ResponseWriter| match stream.next().transpose()? {
            Some(instance) => shape.write(response, &instance).map(|()| true),
            None => Ok(false),
        };
        Ok(Self::new(Box::new(next), counting(estimate, open)))
    }

    /// Items that are all there already.
    pub(super) fn of_known<T: Send + 'static>(
        items: Vec<T>,
        write: impl Fn(&mut ResponseWriter, T) + Send + 'static,
    ) -> Self {
        let count = items.len() as u64;
        let mut items = items.into_iter();
        let next = move |response: &mut ResponseWriter| {
            let item = items.next();
            Ok(item.map(|item| write(response, item)).is_some())
        };
        Self::new(Box::new(next), Box::new(move || Ok(count)))
    }

    fn new(next: Next, count: Count) -> Self {
        Self {
            next,
            count,
            written: 0,
            began: 0,
            is_measured: false,
        }
    }

    /// The place of the first item in the reply.
    pub(super) fn begin_at(&mut self, place: usize) {
        self.began = place;
    }

    /// Writes the next item; `false` if there is none.
    pub(super) fn write_next(&mut self, response: &mut ResponseWriter) -> Result<bool, CimError> {
        let written = (self.next)(response)?;
        self.written += u64::from(written);
        Ok(written)
    }

    /// Where the last item will end if the rest is like what is written up to `place`. It is estimated once;
    /// after that the answer is where it is.
    pub(super) fn expected_end(&mut self, place: usize) -> Result<u64, CimError> {
        let place_now = place as u64;
        if std::mem::replace(&mut self.is_measured, true) {
            return Ok(place_now);
        }
        let bytes = place_now - self.began as u64;
        let rest = (self.count)()?.saturating_sub(self.written);
        let more = u128::from(rest) * u128::from(bytes) / u128::from(self.written.max(1));
        Ok(place_now.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)))
    }
}

/// Counts the instances of a stream, by going through it if nobody knows how many there are. None is kept.
pub(super) fn counting(
    estimate: Option<u64>,
    open: impl Fn() -> Result<InstanceStream, CimError> + Send + 'static,
) -> Count {
    Box::new(move || match estimate {
        Some(count) => Ok(count),
        None => open()?.try_fold(0, |count, instance| instance.map(|_| count + 1)),
    })
}

impl Exchange {
    /// The instances of a class, or the result of a query.
    pub(super) fn list(
        self: &Arc<Self>,
        context: &RequestContext,
        operation: &Operation,
    ) -> Result<Listing, CimError> {
        match operation {
            Operation::EnumerateInstances {
                class,
                deep_inheritance,
                view,
            } => {
                let view = self.view(context, class, *deep_inheritance, view)?;
                self.instances_of(context, class, Shape::instances(self, context, view))
            }
            Operation::EnumerateInstanceNames { class } => {
                self.instances_of(context, class, Shape::paths(self, context))
            }
            Operation::ExecQuery(query) => {
                let select = self.select(context, query)?;
                let shape = Shape::instances(self, context, select.view());
                let (broker, context) = (Arc::clone(&self.shared.broker), context.clone());
                Listing::of_instances(shape, None, move || select.open(&broker, &context))
            }
            _ => Err(CimError::not_supported("this is no listing")),
        }
    }

    fn instances_of(
        &self,
        context: &RequestContext,
        class: &Name,
        shape: Shape,
    ) -> Result<Listing, CimError> {
        let broker = Arc::clone(&self.shared.broker);
        let estimate = broker.estimate(&context.namespace, class);
        let (context, class) = (context.clone(), class.clone());
        Listing::of_instances(shape, estimate, move || {
            broker.enumerate(&context, &class, Polymorphism::default(), None)
        })
    }

    /// The view of instances of `class` and its subclasses. Without deep inheritance they show what `class`
    /// declares or inherits, and nothing that subclasses add (DSP0200, 5.3.2.11). `LocalOnly` counts for nothing,
    /// as the standard allows: the same instance is the same, however it is asked for.
    pub(super) fn view(
        &self,
        context: &RequestContext,
        class: &Name,
        deep_inheritance: bool,
        view: &InstanceView,
    ) -> Result<InstanceView, CimError> {
        let class = self.shared.broker.class(&context.namespace, class)?;
        if deep_inheritance {
            return Ok(view.clone());
        }
        let names = class.properties.iter().map(|property| &property.name);
        Ok(InstanceView {
            property_list: Some(names.filter(|name| view.shows(name)).cloned().collect()),
            ..view.clone()
        })
    }
}
