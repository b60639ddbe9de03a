//! The interop namespace: what the agent says of itself as a server of CIM (DSP1033, DSP1054 and SNIA's Server
//! profile). Everything here is read from the agent's own state.

mod conformance;
pub mod indication_service;
mod mechanism;
mod namespace;
mod object_manager;
mod profile;

use std::sync::Arc;

use super::association::{End, OneToManyProvider};
use super::host_providers::{Make, shared};
use super::{HostProviders, InstanceProvider, MissingClass};
use crate::cim::schema::{NamespaceSchema, Schema};
use crate::cim::{Class, Value};
use crate::clock::SharedClock;
use crate::host::Host;

use conformance::{ConformanceProvider, ReferencedProfileProvider};
use indication_service::{
    IndicationCapabilitiesProvider, IndicationControl, IndicationServiceProvider, IndicationSettingProvider,
};
use mechanism::MechanismClass;
pub use mechanism::PullTimeout;
use namespace::{NamespaceBelowProvider, NamespaceClass};
use object_manager::ObjectManagerClass;
use profile::{Profile, RegisteredProfileClass};

/// `IsCurrent`: the setting is in force.
const IS_CURRENT: u16 = 1;
/// `ElementEffects`: the service manages the element.
const MANAGES: u16 = 5;

/// The providers of the interop namespace.
pub struct InteropProviders {
    /// What the interop namespace has.
    pub interop: Vec<Arc<dyn InstanceProvider>>,
    /// What every namespace has: how to find those below it.
    pub everywhere: Vec<Arc<dyn InstanceProvider>>,
}

/// What the interop namespace is made of.
pub struct InteropParts<'a> {
    /// The machine.
    pub host: &'a Host,
    /// The clocks.
    pub clock: &'a SharedClock,
    /// The classes of all namespaces.
    pub schema: &'a Arc<Schema>,
    /// The classes of the interop namespace.
    pub classes: &'a NamespaceSchema,
    /// The server and its parts.
    pub hosts: &'a HostProviders,
    /// The longest timeout of a pulled enumeration.
    pub longest_pull: PullTimeout,
    /// Deliveries; none where the agent delivers nothing.
    pub indications: Option<Arc<dyn IndicationControl>>,
    /// The filters and destinations that the indication service looks after.
    pub affected: Vec<Arc<dyn InstanceProvider>>,
}

impl InteropProviders {
    /// Serves what `parts` tell.
    ///
    /// # Errors
    /// A class is missing in the interop namespace.
    pub fn new(parts: &InteropParts<'_>) -> Result<Self, MissingClass> {
        let make = Make {
            host: parts.host,
            clock: parts.clock,
            schema: parts.classes,
        };
        let server = &parts.hosts.server;
        let manager = make.end(ObjectManagerClass)?;
        let namespaces = make.end(NamespaceClass::new(parts.schema))?;
        let mechanism = make.end(MechanismClass {
            longest_pull: Arc::clone(&parts.longest_pull),
        })?;
        let indications = match &parts.indications {
            Some(control) => Some(Indications::new(&make, control, &parts.affected)?),
            None => None,
        };

        let mut profiles: Vec<&'static Profile> = vec![&profile::REGISTRATION, &profile::SERVER];
        if indications.is_some() {
            profiles.extend([&profile::DMTF_INDICATIONS, &profile::SNIA_INDICATION]);
        }
        let registered = make.end(RegisteredProfileClass::new(&profiles))?;
        let mut conforming = vec![
            (&profile::SERVER, manager.clone()),
            (&profile::REGISTRATION, registered.clone()),
        ];
        let mut services = vec![manager.clone()];
        if let Some(Indications { service, .. }) = &indications {
            conforming.push((&profile::DMTF_INDICATIONS, service.clone()));
            conforming.push((&profile::SNIA_INDICATION, service.clone()));
            services.push(service.clone());
        }

        let dependencies = [
            dependency(&make, "CIM_HostedService", server, services)?,
            dependency(&make, "CIM_HostedAccessPoint", server, vec![mechanism.clone()])?,
            dependency(
                &make,
                "CIM_NamespaceInManager",
                &manager,
                vec![namespaces.clone()],
            )?,
            dependency(
                &make,
                "CIM_CommMechanismForManager",
                &manager,
                vec![mechanism.clone()],
            )?,
        ];
        let conformance = ConformanceProvider::new(
            make.class(ConformanceProvider::NAME)?,
            &registered.class,
            conforming,
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
        interop.extend(dependencies.map(shared));
        interop.push(Arc::new(conformance));
        interop.push(Arc::new(referenced));
        interop.extend(indications.into_iter().flat_map(Indications::into_providers));
        let below = NamespaceBelowProvider::new(make.class(NamespaceBelowProvider::NAME)?, parts.schema);
        Ok(Self {
            interop,
            everywhere: vec![Arc::new(below)],
        })
    }
}

/// The indication service and what belongs to it (DSP1054).
struct Indications {
    service: End,
    capabilities: End,
    setting: End,
    of_service: [OneToManyProvider; 3],
}

impl Indications {
    fn new(
        make: &Make<'_>,
        control: &Arc<dyn IndicationControl>,
        affected: &[Arc<dyn InstanceProvider>],
    ) -> Result<Self, MissingClass> {
        let affected = affected.iter().map(|provider| {
            Ok(End {
                class: make.class(provider.class_name().as_str())?,
                provider: Arc::clone(provider),
            })
        });
        let affected = affected.collect::<Result<_, MissingClass>>()?;
        let class = make.class(IndicationServiceProvider::NAME)?;
        let provider = IndicationServiceProvider::new(Arc::clone(&class), make.host, control);
        let service = end(class, provider);
        let class = make.class(IndicationCapabilitiesProvider::NAME)?;
        let provider = IndicationCapabilitiesProvider::new(Arc::clone(&class), control);
        let capabilities = end(class, provider);
        let class = make.class(IndicationSettingProvider::NAME)?;
        let provider = IndicationSettingProvider::new(Arc::clone(&class), control);
        let setting = end(class, provider);
        let of_service = [
            OneToManyProvider {
                class: make.class("CIM_ElementCapabilities")?,
                one_role: "ManagedElement",
                one: service.clone(),
                many_role: "Capabilities",
                many: vec![capabilities.clone()],
                says: None,
            },
            OneToManyProvider {
                class: make.class("CIM_ElementSettingData")?,
                one_role: "ManagedElement",
                one: service.clone(),
                many_role: "SettingData",
                many: vec![setting.clone()],
                says: Some(("IsCurrent", Value::Uint16(IS_CURRENT))),
            },
            OneToManyProvider {
                class: make.class("CIM_ServiceAffectsElement")?,
                one_role: "AffectingElement",
                one: service.clone(),
                many_role: "AffectedElement",
                many: affected,
                says: Some(("ElementEffects", Value::Array(vec![Value::Uint16(MANAGES)]))),
            },
        ];
        Ok(Self {
            service,
            capabilities,
            setting,
            of_service,
        })
    }

    fn into_providers(self) -> Vec<Arc<dyn InstanceProvider>> {
        let ends = [self.service, self.capabilities, self.setting];
        let mut providers: Vec<_> = ends.into_iter().map(|end| end.provider).collect();
        providers.extend(self.of_service.map(shared));
        providers
    }
}

fn end(class: Arc<Class>, provider: impl InstanceProvider + 'static) -> End {
    End {
        class,
        provider: Arc::new(provider),
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
