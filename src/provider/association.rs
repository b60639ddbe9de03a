//! Associations of one instance with each instance of other classes.

use std::sync::Arc;

use super::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext};
use crate::cim::{CimError, Class, Instance, InstancePath, Name, Value};

/// The instances of one class, at an end of an association.
#[derive(Clone)]
pub(super) struct End {
    /// The class, with all that it inherits: it tells the keys.
    pub(super) class: Arc<Class>,
    /// Who serves the instances.
    pub(super) provider: Arc<dyn InstanceProvider>,
}

impl End {
    /// The paths of all instances, in the namespace of the request.
    pub(super) fn paths(
        &self,
        context: &RequestContext,
    ) -> Result<impl Iterator<Item = Result<InstancePath, CimError>> + Send + 'static, CimError> {
        let (class, namespace) = (Arc::clone(&self.class), context.namespace.clone());
        let instances = self.provider.enumerate(context)?;
        Ok(instances.map(move |instance| Ok(class.path_of(&*instance?).in_namespace(namespace.clone()))))
    }
}

/// Serves an association of the instance at one end with all instances at the other.
pub(super) struct OneToManyProvider {
    /// The association.
    pub(super) class: Arc<Class>,
    /// The reference to the one instance.
    pub(super) one_role: &'static str,
    /// The class that has the one instance.
    pub(super) one: End,
    /// The reference to each of the others.
    pub(super) many_role: &'static str,
    /// The classes that have the others.
    pub(super) many: Vec<End>,
    /// What else each association says.
    pub(super) says: Option<(&'static str, Value)>,
}

impl InstanceProvider for OneToManyProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        self.one.provider.answers_from_memory()
            && self.many.iter().all(|end| end.provider.answers_from_memory())
    }

    fn enumerate(&self, context: &RequestContext) -> Result<InstanceStream, CimError> {
        let Some(one) = self.one.paths(context)?.next().transpose()? else {
            return Ok(Box::new(std::iter::empty()));
        };
        let others: Vec<_> = self
            .many
            .iter()
            .map(|end| end.paths(context))
            .collect::<Result<_, _>>()?;
        let pair = self.pair(one);
        Ok(Box::new(
            others.into_iter().flatten().map(move |other| Ok(pair(other?))),
        ))
    }

    fn estimate(&self) -> Option<u64> {
        self.many
            .iter()
            .try_fold(0, |sum, end| Some(sum + end.provider.estimate()?))
    }
}

impl OneToManyProvider {
    /// Makes the association of `one` with another.
    fn pair(&self, one: InstancePath) -> impl Fn(InstancePath) -> Arc<Instance> + Send + 'static {
        let class = Arc::clone(&self.class);
        let (one_role, many_role, says) = (self.one_role, self.many_role, self.says.clone());
        move |other| {
            let instance = InstanceBuilder::new(&class)
                .set(one_role, one.clone())
                .set(many_role, other);
            match &says {
                Some((name, value)) => instance.set(name, value.clone()).build(),
                None => instance.build(),
            }
        }
    }
}
