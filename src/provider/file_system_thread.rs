//! ESM_FileSystemThread: the mounted file systems.

use std::sync::Arc;

use super::condition::{Condition, SetCondition, enabled_state};
use super::host_class::{HostClass, HostProvider, Maker};
use super::percent::{self, rounded};
use super::{InstanceProvider, InstanceStream, RequestContext, has_keys};
use crate::cim::{CimError, Class, Instance, InstancePath, Name};
use crate::clock::SharedClock;
use crate::host::{DriveType, FileSystem, Host, Space, SpaceAnswer};

/// `PersistenceType`.
const PERSISTENT: u16 = 2;
const TEMPORARY: u16 = 3;
const EXTERNAL: u16 = 4;

struct FileSystemClass;

impl HostClass for FileSystemClass {
    type Facts = Arc<Vec<FileSystem>>;
    const NAME: &'static str = "ESM_FileSystemThread";
    const KEY: &'static str = "Name";

    fn read(&self, host: &Host) -> Self::Facts {
        host.file_systems()
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        host.peek_file_systems()
    }

    fn instances(&self, facts: &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        facts.iter().map(|file_system| one(file_system, maker)).collect()
    }
}

/// Serves the file systems. A get asks the one file system alone, so that another one that hangs does not
/// delay it.
pub(super) struct FileSystemProvider(HostProvider<FileSystemClass>);

impl FileSystemProvider {
    pub(super) const NAME: &'static str = FileSystemClass::NAME;

    pub(super) fn new(host: Host, clock: SharedClock, class: Arc<Class>) -> Self {
        Self(HostProvider::new(host, clock, class, FileSystemClass))
    }
}

impl InstanceProvider for FileSystemProvider {
    fn class_name(&self) -> &Name {
        self.0.class_name()
    }

    fn answers_from_memory(&self) -> bool {
        self.0.answers_from_memory()
    }

    fn enumerate(&self, context: &RequestContext) -> Result<InstanceStream, CimError> {
        self.0.enumerate(context)
    }

    fn estimate(&self) -> Option<u64> {
        self.0.estimate()
    }

    fn get(&self, _context: &RequestContext, path: &InstancePath) -> Result<Option<Arc<Instance>>, CimError> {
        if let Some(instances) = self.0.instances_in_memory() {
            return Ok(instances
                .iter()
                .find(|instance| has_keys(instance, path))
                .cloned());
        }
        let found = path
            .key_str("Name")
            .and_then(|name| self.0.host().file_system(name))
            .map(|file_system| one(&file_system, &self.0.maker()));
        Ok(found.filter(|instance| has_keys(instance, path)))
    }
}

fn one(file_system: &FileSystem, maker: &Maker) -> Arc<Instance> {
    let space = file_system.space.known();
    let (condition, why) = condition(&file_system.space);
    let with_limit = space.filter(|space| space.inodes > 0);
    maker
        .hosted(&file_system.name)
        .set("Caption", "File system")
        .condition(condition, why)
        .set("EnabledState", enabled_state(true))
        .set("Root", file_system.name.as_str())
        .maybe(
            "BlockSize",
            space.map(|space| space.block_bytes).filter(|bytes| *bytes > 0),
        )
        .maybe("FileSystemSize", space.map(|space| space.size_bytes))
        .maybe("AvailableSpace", space.map(|space| space.available_bytes))
        .set("ReadOnly", file_system.read_only)
        .maybe(
            "MaxFileNameLength",
            space
                .and_then(|space| u32::try_from(space.max_name_bytes).ok())
                .filter(|bytes| *bytes > 0),
        )
        .set("FileSystemType", file_system.fs_type.as_str())
        .maybe("PersistenceType", persistence(file_system.drive_type))
        .maybe(
            "NumberOfFiles",
            with_limit.map(|space| space.inodes.saturating_sub(space.inodes_free)),
        )
        .maybe("ResizeIncrement", None::<u64>)
        .set("PathNameSeparatorString", "/")
        .set("MountPoint", file_system.name.as_str())
        .set("Device", file_system.device.as_str())
        .maybe("UUID", file_system.uuid.clone())
        .set("DriveType", file_system.drive_type.to_string())
        .maybe("SizeBytes", space.map(|space| space.size_bytes))
        .maybe("FreeBytes", space.map(|space| space.free_bytes))
        .maybe("AvailableBytes", space.map(|space| space.available_bytes))
        .maybe("UsedBytes", space.map(|space| space.used_bytes()))
        .maybe(
            "FreePercent",
            space.and_then(|space| space.free_percent()).map(rounded),
        )
        .maybe(
            "UsedPercent",
            space.and_then(|space| space.used_percent()).map(rounded),
        )
        .maybe("InodesTotal", with_limit.map(|space| space.inodes))
        .maybe("InodesFree", with_limit.map(|space| space.inodes_free))
        .maybe(
            "InodesUsedPercent",
            with_limit.and_then(inodes_used_percent).map(rounded),
        )
        .set("Monitored", file_system.is_monitored())
        .maybe(
            "NotMonitoredReason",
            file_system.unmonitored.as_ref().map(ToString::to_string),
        )
        .set("MonitorIdentity", file_system.identity.as_str())
        .build()
}

fn inodes_used_percent(space: &Space) -> Option<f64> {
    percent::of(space.inodes.saturating_sub(space.inodes_free), space.inodes)
}

fn condition(space: &SpaceAnswer) -> (Condition, Option<String>) {
    match space {
        SpaceAnswer::Known(_) => (Condition::Ok, None),
        SpaceAnswer::Stalled => (
            Condition::LostCommunication,
            Some("the file system does not answer".to_owned()),
        ),
        SpaceAnswer::Failed(error) => (Condition::Error, Some(error.clone())),
    }
}

const fn persistence(drive_type: DriveType) -> Option<u16> {
    match drive_type {
        DriveType::Fixed | DriveType::Removable | DriveType::Optical => Some(PERSISTENT),
        DriveType::Ram => Some(TEMPORARY),
        DriveType::Network => Some(EXTERNAL),
        DriveType::Other => None,
    }
}
