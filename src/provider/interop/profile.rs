//! CIM_RegisteredProfile: the management profiles that the agent follows.

use std::sync::Arc;

use crate::cim::{Class, Instance, InstancePath};
use crate::host::{General, Host};
use crate::provider::RequestContext;
use crate::provider::host_class::{HostClass, Maker, instance_id};

/// `SpecificationType`: a profile.
const PROFILE: u16 = 2;
/// `AdvertiseTypes`: not advertised.
const NOT_ADVERTISED: u16 = 2;

/// Who wrote a profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Organization {
    Dmtf,
    Snia,
}

impl Organization {
    const fn name(self) -> &'static str {
        match self {
            Self::Dmtf => "DMTF",
            Self::Snia => "SNIA",
        }
    }

    /// `RegisteredOrganization`.
    const fn value(self) -> u16 {
        match self {
            Self::Dmtf => 2,
            Self::Snia => 11,
        }
    }
}

/// A management profile.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Profile {
    pub(super) organization: Organization,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

/// DSP1033: how profiles are registered.
pub(super) static REGISTRATION: Profile = Profile {
    organization: Organization::Dmtf,
    name: "Profile Registration",
    version: "1.0.0",
};

/// The Server profile of SMI-S: the object manager with its namespaces and mechanisms.
pub(super) static SERVER: Profile = Profile {
    organization: Organization::Snia,
    name: "Server",
    version: "1.2.0",
};

/// DSP1054: the indication service.
pub(super) static DMTF_INDICATIONS: Profile = Profile {
    organization: Organization::Dmtf,
    name: "Indications",
    version: "1.2.2",
};

/// The same as SMI-S calls it.
pub(super) static SNIA_INDICATION: Profile = Profile {
    organization: Organization::Snia,
    name: "Indication",
    version: "1.2.0",
};

impl Profile {
    /// As in `SNIA:Server:1.2.0`.
    fn title(&self) -> String {
        format!("{}:{}:{}", self.organization.name(), self.name, self.version)
    }

    /// The path of its registration, an instance of `class`, in the namespace of the request.
    pub(super) fn path(&self, class: &Class, context: &RequestContext) -> InstancePath {
        InstancePath::new(class.name.clone())
            .with_key("InstanceID", instance_id(&class.name, &self.title()))
            .in_namespace(context.namespace.clone())
    }
}

/// The profiles that are followed.
pub(super) struct RegisteredProfileClass {
    profiles: Vec<&'static Profile>,
}

impl RegisteredProfileClass {
    pub(super) fn new(profiles: &[&'static Profile]) -> Self {
        Self {
            profiles: profiles.to_vec(),
        }
    }
}

impl HostClass for RegisteredProfileClass {
    type Facts = Arc<General>;
    const NAME: &'static str = "CIM_RegisteredProfile";
    const KEY: &'static str = "InstanceID";

    fn read(&self, host: &Host) -> Self::Facts {
        host.general()
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        host.peek_general()
    }

    fn instances(&self, _: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        let registration = |profile: &&'static Profile| {
            let organization = profile.organization;
            maker
                .begin(&profile.title())
                .set("ElementName", format!("{} {}", organization.name(), profile.name))
                .set("Caption", "Registered profile")
                .set("SpecificationType", PROFILE)
                .set("RegisteredOrganization", organization.value())
                .set("RegisteredName", profile.name)
                .set("RegisteredVersion", profile.version)
                .set("AdvertiseTypes", vec![NOT_ADVERTISED])
                .build()
        };
        self.profiles.iter().map(registration).collect()
    }
}
