//! Pulled enumerations (DSP0200, 5.3.2.24): open, pull, close, count.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::associations::{Walk, as_parameter, query_of};
use super::listing::{Count, counting};
use super::shape::Shape;
use super::{Exchange, Outcome};
use crate::broker::{AssociationQuery, Polymorphism, Predicate};
use crate::cim::{CimError, CimStatus, CimType, Class, Instance, InstancePath, Name, Namespace, Value};
use crate::cimxml::{OpenOptions, OpenSource, PullKind, Request, ResponseWriter};
use crate::provider::{InstanceStream, RequestContext};
use crate::server::contexts::ContextError;
use crate::server::enumerations::Taken;

/// How much an open enumeration counts for: its filter, its place in the stream.
const CONTEXT_WEIGHT: usize = 8 * 1024;
/// A reply holds no more items once it is this large, however many the client allows.
const REPLY_BYTES: usize = 1 << 20;

/// An enumeration that has more to give.
pub(in crate::server) struct OpenEnumeration {
    kind: PullKind,
    namespace: Namespace,
    stream: InstanceStream,
    shape: Shape,
    /// What was taken from the stream and is not in a reply yet.
    waiting: Option<Result<Arc<Instance>, CimError>>,
    /// Whether what comes after an error is wanted.
    continue_on_error: bool,
    count: Count,
    served: u64,
}

/// What an open operation yields.
struct Source {
    stream: InstanceStream,
    shape: Shape,
    count: Count,
    result_class: Option<Class>,
}

impl Exchange {
    /// Opens an enumeration; the answer holds the first items already.
    pub(super) fn open(
        self: &Arc<Self>,
        request: &Request,
        context: &RequestContext,
        source: &OpenSource,
        options: &OpenOptions,
        response: &mut ResponseWriter,
    ) -> Result<(), CimError> {
        let lifetime = self.lifetime(options.operation_timeout)?;
        let Source {
            stream,
            shape,
            count,
            result_class,
        } = self.source(context, source, options)?;
        let mut enumeration = OpenEnumeration {
            kind: source.pull_kind(),
            namespace: context.namespace.clone(),
            stream,
            shape,
            waiting: None,
            continue_on_error: options.continue_on_error,
            count,
            served: 0,
        };
        response.begin(request);
        let opened = enumeration
            .fill(response, options.max_object_count)
            .and_then(|ended| match ended {
                true => Ok(None),
                false => self.keep(enumeration, lifetime).map(Some),
            });
        let id = match opened {
            Ok(id) => id.map(|id| id.to_string()),
            Err(error) => {
                // Nothing of it was taken yet.
                let _ = response.replace_with_error(&error);
                return Ok(());
            }
        };
        match result_class {
            Some(class) => response.end_open_query(&class, id.as_deref()),
            None => response.end_open(id.as_deref()),
        }
        Ok(())
    }

    /// The next items of an open enumeration.
    pub(super) fn pull(
        &self,
        request: &Request,
        kind: PullKind,
        context: &str,
        max_object_count: u32,
        response: &mut ResponseWriter,
    ) -> Result<Outcome, CimError> {
        let mut taken = self.take(context)?;
        let Some(enumeration) = taken.enumeration.as_mut() else {
            return Err(unknown_context());
        };
        if let Err(error) = enumeration.check(kind, &request.namespace) {
            taken.put_back(self.shared.clock.boot());
            return Err(error);
        }
        response.begin(request);
        match enumeration.fill(response, max_object_count) {
            Ok(true) => {
                response.end_open(None);
                Ok(Outcome::Answered)
            }
            Ok(false) => {
                response.end_open(Some(context));
                Ok(Outcome::Pulled(taken))
            }
            Err(error) => {
                let goes_on = enumeration.continue_on_error;
                // Nothing of it was taken yet.
                let _ = response.replace_with_error(&error);
                Ok(if goes_on {
                    Outcome::Pulled(taken)
                } else {
                    Outcome::Answered
                })
            }
        }
    }

    /// Closes an enumeration before its end.
    pub(super) fn close(&self, context: &str) -> Result<(), CimError> {
        self.take(context).map(drop)
    }

    /// How many instances are left, roughly.
    pub(super) fn count(
        &self,
        request: &Request,
        context: &str,
        response: &mut ResponseWriter,
    ) -> Result<Outcome, CimError> {
        let taken = self.take(context)?;
        let counted = match &taken.enumeration {
            Some(enumeration) => (enumeration.count)().map(|all| all.saturating_sub(enumeration.served)),
            None => Err(unknown_context()),
        };
        let counted = match counted {
            Ok(counted) => counted,
            Err(error) => {
                taken.put_back(self.shared.clock.boot());
                return Err(error);
            }
        };
        response.begin(request);
        response.value(CimType::Uint64, Some(&Value::Uint64(counted)));
        response.end();
        Ok(Outcome::Pulled(taken))
    }

    fn source(
        self: &Arc<Self>,
        context: &RequestContext,
        source: &OpenSource,
        options: &OpenOptions,
    ) -> Result<Source, CimError> {
        match source {
            OpenSource::Instances {
                class,
                deep_inheritance,
                view,
            } => {
                let view = self.view(context, class, *deep_inheritance, view)?;
                self.instances(context, class, Shape::instances(self, context, view), options)
            }
            OpenSource::InstancePaths { class } => {
                self.instances(context, class, Shape::paths(self, context), options)
            }
            OpenSource::AssociatorInstances { path, filter, view } => {
                let shape = Shape::instances(self, context, view.clone());
                self.walked(context, Walk::Associators, path, query_of(filter), shape, options)
            }
            OpenSource::AssociatorInstancePaths { path, filter } => {
                let shape = Shape::paths(self, context);
                self.walked(context, Walk::Associators, path, query_of(filter), shape, options)
            }
            OpenSource::ReferenceInstances { path, filter, view } => {
                let shape = Shape::instances(self, context, view.clone());
                self.walked(context, Walk::References, path, query_of(filter), shape, options)
            }
            OpenSource::ReferenceInstancePaths { path, filter } => {
                let shape = Shape::paths(self, context);
                self.walked(context, Walk::References, path, query_of(filter), shape, options)
            }
            OpenSource::Query {
                query,
                return_query_result_class,
            } => {
                let select = self.select(context, query)?;
                let shape = Shape::instances(self, context, select.view());
                let result_class = return_query_result_class.then(|| select.result_class());
                let (broker, context) = (Arc::clone(&self.shared.broker), context.clone());
                let source = Source::opened(shape, None, move || select.open(&broker, &context))?;
                Ok(Source {
                    result_class,
                    ..source
                })
            }
        }
    }

    fn instances(
        &self,
        context: &RequestContext,
        class: &Name,
        shape: Shape,
        options: &OpenOptions,
    ) -> Result<Source, CimError> {
        let broker = Arc::clone(&self.shared.broker);
        broker.class(&context.namespace, class)?;
        let wanted = self.wanted(context, options, Some(class))?;
        let estimate = match wanted {
            Some(_) => None,
            None => broker.estimate(&context.namespace, class),
        };
        let (context, class) = (context.clone(), class.clone());
        Source::opened(shape, estimate, move || {
            broker.enumerate(&context, &class, Polymorphism::default(), wanted.clone())
        })
    }

    fn walked(
        &self,
        context: &RequestContext,
        walk: Walk,
        from: &InstancePath,
        query: AssociationQuery,
        shape: Shape,
        options: &OpenOptions,
    ) -> Result<Source, CimError> {
        let class = match walk {
            Walk::Associators => query.result_class.as_ref(),
            Walk::References => query.result_class.as_ref().or(query.association_class.as_ref()),
        };
        let from = self.resolve(context, from).map_err(as_parameter)?;
        let wanted = self.wanted(context, options, class).map_err(as_parameter)?;
        let (broker, context) = (Arc::clone(&self.shared.broker), context.clone());
        Source::opened(shape, None, move || {
            let all = walk.open(&broker, &context, &from, &query)?;
            Ok(match wanted.clone() {
                None => all,
                Some(wanted) => {
                    Box::new(all.filter(move |item| item.as_ref().map_or(true, |instance| wanted(instance))))
                }
            })
        })
    }

    fn wanted(
        &self,
        context: &RequestContext,
        options: &OpenOptions,
        class: Option<&Name>,
    ) -> Result<Option<Predicate>, CimError> {
        let filter = options.filter.as_ref();
        filter.map(|query| self.filter(context, query, class)).transpose()
    }

    /// How long the enumeration lives without a pull. None lives for ever: clients go away without a word.
    fn lifetime(&self, asked: Option<u32>) -> Result<Option<Duration>, CimError> {
        let longest = self.options.max_operation_timeout;
        match asked.map(|secs| Duration::from_secs(secs.into())) {
            Some(asked) if asked.is_zero() || asked > longest => Err(CimError::new(
                CimStatus::InvalidOperationTimeout,
                format!(
                    "an OperationTimeout is 1 to {} s here; leave it out for the longest",
                    longest.as_secs()
                ),
            )),
            asked => Ok(asked),
        }
    }

    fn keep(&self, enumeration: OpenEnumeration, lifetime: Option<Duration>) -> Result<Uuid, CimError> {
        let (owner, now) = (self.caller.name(), self.shared.clock.boot());
        self.shared
            .enumerations
            .keep(owner, enumeration, CONTEXT_WEIGHT, lifetime, now)
            .map_err(|error| error_of(&error))
    }

    fn take(&self, context: &str) -> Result<Taken<OpenEnumeration>, CimError> {
        let id = Uuid::try_parse(context.trim()).map_err(|_| unknown_context())?;
        self.shared
            .enumerations
            .take(id, self.caller.name(), self.shared.clock.boot())
            .map_err(|error| error_of(&error))
    }
}

impl Source {
    fn opened(
        shape: Shape,
        estimate: Option<u64>,
        open: impl Fn() -> Result<InstanceStream, CimError> + Send + 'static,
    ) -> Result<Self, CimError> {
        Ok(Self {
            stream: open()?,
            shape,
            count: counting(estimate, open),
            result_class: None,
        })
    }
}

impl OpenEnumeration {
    /// Whether a request goes on with what this one began.
    fn check(&self, kind: PullKind, namespace: &Namespace) -> Result<(), CimError> {
        if self.kind == kind && self.namespace == *namespace {
            return Ok(());
        }
        let reason = format!(
            "this enumeration was opened in namespace `{}`, and by an operation that goes on with another pull",
            self.namespace
        );
        Err(CimError::new(CimStatus::InvalidEnumerationContext, reason))
    }

    /// Writes up to `most` items; says whether there are no more. An error comes before any item; one that comes
    /// after some waits for the next time.
    fn fill(&mut self, response: &mut ResponseWriter, most: u32) -> Result<bool, CimError> {
        let before = response.len();
        for written in 0..most {
            match self.next() {
                None => return Ok(true),
                Some(Ok(instance)) => {
                    self.shape.write(response, &instance)?;
                    self.served += 1;
                }
                Some(Err(error)) if written == 0 => return Err(error),
                Some(Err(error)) => {
                    self.waiting = Some(Err(error));
                    return Ok(false);
                }
            }
            if response.len() - before >= REPLY_BYTES {
                break;
            }
        }
        // A client that is told of the end now need not ask again for nothing.
        self.waiting = match most {
            0 => self.waiting.take(),
            _ => self.next(),
        };
        Ok(most > 0 && self.waiting.is_none())
    }

    fn next(&mut self) -> Option<Result<Arc<Instance>, CimError>> {
        self.waiting.take().or_else(|| self.stream.next())
    }
}

fn unknown_context() -> CimError {
    error_of(&ContextError::Unknown)
}

fn error_of(error: &ContextError) -> CimError {
    let status = match error {
        ContextError::Unknown => CimStatus::InvalidEnumerationContext,
        ContextError::Busy => CimStatus::Failed,
        ContextError::TooMany => CimStatus::ServerLimitsExceeded,
    };
    CimError::new(status, error.to_string())
}
