//! The interop namespace: what the agent says of itself as a server of CIM (DSP1033, DSP1054 and SNIA's Server
//! profile). Everything here is read from the agent's own state.

mod conformance;
mod mechanism;
mod namespace;
mod object_manager;
mod profile;

use std::sync::Arc;

use super::association::{End, OneToManyProvider};
use super::host_providers::{Make, shared};
use super::{HostProviders, InstanceProvider, MissingClass};
use crate::cim::schema::{NamespaceSchema, Schema};
use crate::clock::SharedClock;
use crate::host::Host;

use conformance::{ConformanceProvider, ReferencedProfileProvider};
use mechanism::MechanismClass;
use namespace::{NamespaceBelowProvider, NamespaceClass};
use object_manager::ObjectManagerClass;
use profile::{Profile, RegisteredProfileClass};

/// The providers of the interop namespace.
pub struct InteropProviders {
    /// What the interop namespace has.
    pub interop: Vec<Arc<dyn InstanceProvider>>,
    /// What every namespace has: how to find those below it.
    pub everywhere: Vec<Arc<dyn InstanceProvider>>,
}

impl InteropProviders {
    /// Serves the server that `hosts` serves, by the classes of `classes`, the interop namespace of `schema`.
    ///
    /// # Errors
    /// A class is missing in `classes`.
    pub fn new(
        host: &Host,
        clock: &SharedClock,
        schema: &Arc<Schema>,
        classes: &NamespaceSchema,
        hosts: &HostProviders,
    ) -> Result<Self, MissingClass> {
        let make = Make {
            host,
            clock,
            schema: classes,
        };
        let server = &hosts.server;
        let manager = make.end(ObjectManagerClass)?;
        let namespaces = make.end(NamespaceClass::new(schema))?;
        let mechanism = make.end(MechanismClass)?;
        let profiles: Vec<&'static Profile> = vec![&profile::REGISTRATION, &profile::SERVER];
        let registered = make.end(RegisteredProfileClass::new(&profiles))?;

        let hosted_service = dependency(&make, "CIM_HostedService", server, vec![manager.clone()])?;
        let hosted_access_point =
            dependency(&make, "CIM_HostedAccessPoint", server, vec![mechanism.clone()])?;
        let in_manager = dependency(
            &make,
            "CIM_NamespaceInManager",
            &manager,
            vec![namespaces.clone()],
        )?;
        let for_manager = dependency(
            &make,
            "CIM_CommMechanismForManager",
            &manager,
            vec![mechanism.clone()],
        )?;
        let conforming = ConformanceProvider::new(
            make.class(ConformanceProvider::NAME)?,
            &registered.class,
            vec![
                (&profile::SERVER, manager.clone()),
                (&profile::REGISTRATION, registered.clone()),
            ],
        );
        let referenced = ReferencedProfileProvider::new(
            make.class(ReferencedProfileProvider::NAME)?,
            &registered.class,
            &profiles,
        );

        let mut interop: Vec<Arc<dyn InstanceProvider>> = [manager, namespaces, mechanism, registered]
            .into_iter()
            .map(|end| end.provider)
            .collect();
        interop.extend([hosted_service, hosted_access_point, in_manager, for_manager].map(shared));
        interop.push(Arc::new(conforming));
        interop.push(Arc::new(referenced));
        let below = NamespaceBelowProvider::new(make.class(NamespaceBelowProvider::NAME)?, schema);
        Ok(Self {
            interop,
            everywhere: vec![Arc::new(below)],
        })
    }
}

/// An association below CIM_Dependency, of one element with those that depend on it.
fn dependency(
    make: &Make<'_>,
    class: &str,
    one: &End,
    dependents: Vec<End>,
) -> Result<OneToManyProvider, MissingClass> {
    Ok(OneToManyProvider {
        class: make.class(class)?,
        one_role: "Antecedent",
        one: one.clone(),
        many_role: "Dependent",
        many: dependents,
        says: None,
    })
}
