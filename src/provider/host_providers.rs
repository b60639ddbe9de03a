//! Puts the providers of the host's classes together.

use std::sync::Arc;

use super::InstanceProvider;
use super::association::{End, OneToManyProvider};
use super::file_system_thread::FileSystemProvider;
use super::general_information::GeneralInformationClass;
use super::host_class::{HostClass, HostProvider};
use super::network::NetworkClass;
use super::operating_system::OperatingSystemClass;
use super::page_file::PageFileClass;
use super::physical_memory::PhysicalMemoryClass;
use super::processor::ProcessorClass;
use super::storage_thread::StorageClass;
use super::video_controller::VideoControllerClass;
use super::virtual_memory::VirtualMemoryClass;
use crate::cim::schema::NamespaceSchema;
use crate::cim::{Class, Name, Value};
use crate::clock::SharedClock;
use crate::host::Host;

/// A class that the schema should have and has not.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the schema has no class `{0}`")]
pub struct MissingClass(pub Name);

/// The providers of everything that the host tells.
pub struct HostProviders {
    /// The server and its operating system, with the associations between them. The interop namespace has
    /// them too.
    pub system: Vec<Arc<dyn InstanceProvider>>,
    /// The parts of the server, with their associations with it.
    pub parts: Vec<Arc<dyn InstanceProvider>>,
    /// The server alone, for associations of other providers with it.
    pub(super) server: End,
}

impl HostProviders {
    /// Serves `host` by the classes of `schema`. `provider_only` is what ESM_GeneralInformation.Mode says.
    ///
    /// # Errors
    /// A class is missing in `schema`.
    pub fn new(
        host: &Host,
        clock: &SharedClock,
        schema: &NamespaceSchema,
        provider_only: bool,
    ) -> Result<Self, MissingClass> {
        let make = Make { host, clock, schema };
        let server = make.end(GeneralInformationClass { provider_only })?;
        let operating_system = make.end(OperatingSystemClass {
            clock: Arc::clone(clock),
        })?;
        let devices = vec![
            make.end(ProcessorClass)?,
            make.end(VirtualMemoryClass)?,
            make.end(PageFileClass)?,
            make.end(StorageClass)?,
            make.end(NetworkClass)?,
            make.end(VideoControllerClass)?,
        ];
        let memory = make.end(PhysicalMemoryClass)?;
        let file_systems = make.file_systems()?;

        let running = OneToManyProvider {
            class: make.class("ESM_RunningOS")?,
            one_role: "Dependent",
            one: server.clone(),
            many_role: "Antecedent",
            many: vec![operating_system.clone()],
            says: None,
        };
        let installed = OneToManyProvider {
            says: Some(("PrimaryOS", Value::Boolean(true))),
            ..make.component("ESM_InstalledOS", &server, vec![operating_system.clone()])?
        };
        let device = make.component("ESM_SystemDevice", &server, devices.clone())?;
        let hosted = make.component("ESM_HostedFileSystem", &server, vec![file_systems.clone()])?;

        let mut system = vec![Arc::clone(&server.provider), operating_system.provider];
        system.extend([running, installed].map(shared));
        let mut parts: Vec<_> = devices.into_iter().map(|end| end.provider).collect();
        parts.extend([memory.provider, file_systems.provider]);
        parts.extend([device, hosted].map(shared));
        Ok(Self {
            system,
            parts,
            server,
        })
    }
}

pub(super) fn shared(provider: OneToManyProvider) -> Arc<dyn InstanceProvider> {
    Arc::new(provider)
}

/// What every provider is made of.
pub(super) struct Make<'a> {
    pub(super) host: &'a Host,
    pub(super) clock: &'a SharedClock,
    pub(super) schema: &'a NamespaceSchema,
}

impl Make<'_> {
    /// A class of the schema.
    pub(super) fn class(&self, name: &str) -> Result<Arc<Class>, MissingClass> {
        let name = Name::new(name);
        self.schema.class(&name).cloned().ok_or(MissingClass(name))
    }

    /// The provider of a class of the host.
    pub(super) fn end<C: HostClass>(&self, subject: C) -> Result<End, MissingClass> {
        let class = self.class(C::NAME)?;
        let provider = HostProvider::new(
            self.host.clone(),
            Arc::clone(self.clock),
            Arc::clone(&class),
            subject,
        );
        Ok(End {
            class,
            provider: Arc::new(provider),
        })
    }

    fn file_systems(&self) -> Result<End, MissingClass> {
        let class = self.class(FileSystemProvider::NAME)?;
        let provider = FileSystemProvider::new(self.host.clone(), Arc::clone(self.clock), Arc::clone(&class));
        Ok(End {
            class,
            provider: Arc::new(provider),
        })
    }

    /// An association below CIM_Component, of the server with parts of it.
    fn component(
        &self,
        class: &str,
        server: &End,
        parts: Vec<End>,
    ) -> Result<OneToManyProvider, MissingClass> {
        Ok(OneToManyProvider {
            class: self.class(class)?,
            one_role: "GroupComponent",
            one: server.clone(),
            many_role: "PartComponent",
            many: parts,
            says: None,
        })
    }
}
