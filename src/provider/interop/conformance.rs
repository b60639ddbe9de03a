//! CIM_ElementConformsToProfile and CIM_ReferencedProfile: what follows which profile, and which profile needs
//! which other (DSP1033).

use std::sync::Arc;

use super::profile::{Organization, Profile, SERVER};
use crate::cim::{CimError, Class, Instance, InstancePath, Name};
use crate::provider::association::End;
use crate::provider::{InstanceBuilder, InstanceProvider, InstanceStream, RequestContext, stream_of};

/// Serves the association of profiles with their central instances.
pub(super) struct ConformanceProvider {
    class: Arc<Class>,
    profile_class: Arc<Class>,
    conforming: Vec<(&'static Profile, End)>,
}

impl ConformanceProvider {
    pub(super) const NAME: &'static str = "CIM_ElementConformsToProfile";

    pub(super) fn new(
        class: Arc<Class>,
        profile_class: &Arc<Class>,
        conforming: Vec<(&'static Profile, End)>,
    ) -> Self {
        Self {
            class,
            profile_class: Arc::clone(profile_class),
            conforming,
        }
    }
}

impl InstanceProvider for ConformanceProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        let mut elements = self.conforming.iter();
        elements.all(|(_, end)| end.provider.answers_from_memory())
    }

    fn enumerate(&self, context: &RequestContext) -> Result<InstanceStream, CimError> {
        let mut streams = Vec::new();
        for (profile, end) in &self.conforming {
            let (class, profile) = (
                Arc::clone(&self.class),
                profile.path(&self.profile_class, context),
            );
            let elements = end.paths(context)?;
            streams.push(elements.filter_map(move |element| match element {
                // The registration of profiles is no element of itself.
                Ok(element) if element == profile => None,
                Ok(element) => Some(Ok(conformance(&class, &profile, element))),
                Err(error) => Some(Err(error)),
            }));
        }
        Ok(Box::new(streams.into_iter().flatten()))
    }
}

fn conformance(class: &Arc<Class>, profile: &InstancePath, element: InstancePath) -> Arc<Instance> {
    InstanceBuilder::new(class)
        .set("ConformantStandard", profile.clone())
        .set("ManagedElement", element)
        .build()
}

/// Serves the association of the Server profile with the profiles that it builds on. Who wrote the other one says
/// which end it is at: for the DMTF (DSP1033) the antecedent is what is referred to, for SNIA what refers.
pub(super) struct ReferencedProfileProvider {
    class: Arc<Class>,
    profile_class: Arc<Class>,
    referenced: Vec<&'static Profile>,
}

impl ReferencedProfileProvider {
    pub(super) const NAME: &'static str = "CIM_ReferencedProfile";

    /// `profiles` are all that are followed.
    pub(super) fn new(class: Arc<Class>, profile_class: &Arc<Class>, profiles: &[&'static Profile]) -> Self {
        Self {
            class,
            profile_class: Arc::clone(profile_class),
            referenced: profiles
                .iter()
                .copied()
                .filter(|profile| **profile != SERVER)
                .collect(),
        }
    }
}

impl InstanceProvider for ReferencedProfileProvider {
    fn class_name(&self) -> &Name {
        &self.class.name
    }

    fn answers_from_memory(&self) -> bool {
        true
    }

    fn enumerate(&self, context: &RequestContext) -> Result<InstanceStream, CimError> {
        let server = SERVER.path(&self.profile_class, context);
        let reference = |profile: &&'static Profile| {
            let path = profile.path(&self.profile_class, context);
            let (antecedent, dependent) = match profile.organization {
                Organization::Dmtf => (path, server.clone()),
                Organization::Snia => (server.clone(), path),
            };
            InstanceBuilder::new(&self.class)
                .set("Antecedent", antecedent)
                .set("Dependent", dependent)
                .build()
        };
        let references: Vec<_> = self.referenced.iter().map(reference).collect();
        Ok(stream_of(references))
    }
}
