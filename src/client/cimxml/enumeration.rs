//! An enumeration that pulls by itself until there is nothing more, and asks for all at once where the server
//! does not know how to be pulled.

use super::{CimxmlClient, CimxmlError, PullSupport, Received};
use crate::cim::{Class, Instance, InstancePath, Name, Namespace};
use crate::cimxml::{
    AssociationFilter, InstanceView, Item, ObjectName, OpenOptions, OpenSource, Operation, PullKind, Query,
};

/// What to enumerate.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The instances of a class and of its subclasses, with what the subclasses add.
    Instances {
        /// The class.
        class: Name,
        /// What is shown of each.
        view: InstanceView,
    },
    /// Their paths.
    InstancePaths {
        /// The class.
        class: Name,
    },
    /// What is associated with an object.
    Associators {
        /// The object.
        object: ObjectName,
        /// What limits the walk.
        filter: AssociationFilter,
        /// What is shown of each.
        view: InstanceView,
    },
    /// The paths of what is associated with an object.
    AssociatorPaths {
        /// The object.
        object: ObjectName,
        /// What limits the walk.
        filter: AssociationFilter,
    },
    /// The associations that refer to an object.
    References {
        /// The object.
        object: ObjectName,
        /// What limits the walk.
        filter: AssociationFilter,
        /// What is shown of each.
        view: InstanceView,
    },
    /// The paths of the associations that refer to an object.
    ReferencePaths {
        /// The object.
        object: ObjectName,
        /// What limits the walk.
        filter: AssociationFilter,
    },
    /// The result of a query.
    Query(Query),
}

/// What an enumeration yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// An instance, with its path where the operation returns it.
    Instance(Option<InstancePath>, Instance),
    /// The path of an instance, or of a class where a class was the start.
    Path(InstancePath),
    /// A class, where a class was the start.
    Class(Class),
}

impl Entry {
    /// The path, where the operation returns it.
    pub const fn path(&self) -> Option<&InstancePath> {
        match self {
            Self::Instance(path, _) => path.as_ref(),
            Self::Path(path) => Some(path),
            Self::Class(_) => None,
        }
    }
}

/// How many replies in a row may bring no item: a server that has none yet may say so, but not forever.
const MOST_EMPTY_REPLIES: usize = 100;

/// A running enumeration. One that is dropped before its end stays open at the server until it expires
/// there; [`Enumeration::close`] ends it at once.
#[derive(Debug)]
pub struct Enumeration<'c> {
    client: &'c mut CimxmlClient,
    namespace: Namespace,
    kind: PullKind,
    state: State,
}

#[derive(Debug)]
enum State {
    New(Box<Source>),
    Open(String),
    Ended,
}

impl<'c> Enumeration<'c> {
    pub(super) fn new(client: &'c mut CimxmlClient, namespace: Namespace, source: Source) -> Self {
        let kind = source
            .open()
            .map_or(PullKind::InstancesWithPath, |open| open.pull_kind());
        Self {
            client,
            namespace,
            kind,
            state: State::New(Box::new(source)),
        }
    }

    /// The items of the next reply that has any; `None` at the end.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`]. The enumeration has then ended.
    pub async fn next_batch(&mut self) -> Result<Option<Received<Vec<Entry>>>, CimxmlError> {
        for _ in 0..MOST_EMPTY_REPLIES {
            let batch = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(None),
                State::New(source) => self.begin(*source).await?,
                State::Open(context) => self.pull(context).await?,
            };
            if !batch.content.is_empty() {
                return Ok(Some(batch));
            }
        }
        Err(CimxmlError::Malformed(format!(
            "{MOST_EMPTY_REPLIES} replies brought no item and no end"
        )))
    }

    /// Opens the enumeration, or asks for everything at once.
    async fn begin(&mut self, source: Source) -> Result<Received<Vec<Entry>>, CimxmlError> {
        let max_object_count = self.client.options.max_objects;
        if max_object_count > 0
            && self.client.pulls != PullSupport::No
            && let Some(open) = source.open()
        {
            let options = OpenOptions {
                max_object_count,
                ..OpenOptions::default()
            };
            match self
                .request(Operation::Open {
                    source: open,
                    options,
                })
                .await
            {
                Ok(batch) => {
                    self.client.pulls = PullSupport::Yes;
                    return Ok(batch);
                }
                Err(error) if self.client.pulls == PullSupport::Unknown && error.says_not_supported() => {
                    self.client.pulls = PullSupport::No;
                }
                Err(error) => return Err(error),
            }
        }
        self.request(source.at_once()).await
    }

    async fn pull(&mut self, context: String) -> Result<Received<Vec<Entry>>, CimxmlError> {
        let max_object_count = self.client.options.max_objects;
        let kind = self.kind;
        self.request(Operation::Pull {
            kind,
            context,
            max_object_count,
        })
        .await
    }

    async fn request(&mut self, operation: Operation) -> Result<Received<Vec<Entry>>, CimxmlError> {
        let is_piecewise = matches!(operation, Operation::Open { .. } | Operation::Pull { .. });
        let received = self.client.call(&self.namespace, operation).await?;
        if is_piecewise {
            let context = received.content.enumeration_context();
            let context = context.map_err(|error| CimxmlError::Malformed(error.to_string()))?;
            if let Some(context) = context {
                self.state = State::Open(context.to_owned());
            }
        }
        received.all("instance or path", |item| match item {
            Item::Instance { path, instance } => Some(Entry::Instance(path, instance)),
            Item::InstancePath(path) | Item::ClassPath(path) => Some(Entry::Path(path)),
            Item::Class { class, .. } => Some(Entry::Class(class)),
            Item::Qualifier(_) | Item::Value(_) => None,
        })
    }

    /// Ends the enumeration, if it has not ended.
    ///
    /// # Errors
    /// As every request; see [`CimxmlError`].
    pub async fn close(self) -> Result<(), CimxmlError> {
        let State::Open(context) = self.state else {
            return Ok(());
        };
        self.client
            .call(&self.namespace, Operation::CloseEnumeration { context })
            .await
            .map(drop)
    }
}

impl Source {
    /// The operation that opens a pulled enumeration; `None` where a class is the start, which is not pulled.
    fn open(&self) -> Option<OpenSource> {
        Some(match self.clone() {
            Self::Instances { class, view } => OpenSource::Instances {
                class,
                deep_inheritance: true,
                view,
            },
            Self::InstancePaths { class } => OpenSource::InstancePaths { class },
            Self::Associators {
                object: ObjectName::Instance(path),
                filter,
                view,
            } => OpenSource::AssociatorInstances { path, filter, view },
            Self::AssociatorPaths {
                object: ObjectName::Instance(path),
                filter,
            } => OpenSource::AssociatorInstancePaths { path, filter },
            Self::References {
                object: ObjectName::Instance(path),
                filter,
                view,
            } => OpenSource::ReferenceInstances { path, filter, view },
            Self::ReferencePaths {
                object: ObjectName::Instance(path),
                filter,
            } => OpenSource::ReferenceInstancePaths { path, filter },
            Self::Query(query) => OpenSource::Query {
                query,
                return_query_result_class: false,
            },
            Self::Associators { .. }
            | Self::AssociatorPaths { .. }
            | Self::References { .. }
            | Self::ReferencePaths { .. } => return None,
        })
    }

    /// The operation that returns everything in one reply.
    fn at_once(self) -> Operation {
        match self {
            Self::Instances { class, view } => Operation::EnumerateInstances {
                class,
                deep_inheritance: true,
                view,
            },
            Self::InstancePaths { class } => Operation::EnumerateInstanceNames { class },
            Self::Associators { object, filter, view } => Operation::Associators { object, filter, view },
            Self::AssociatorPaths { object, filter } => Operation::AssociatorNames { object, filter },
            Self::References { object, filter, view } => Operation::References { object, filter, view },
            Self::ReferencePaths { object, filter } => Operation::ReferenceNames { object, filter },
            Self::Query(query) => Operation::ExecQuery(query),
        }
    }
}
