//! ESM_PhysicalMemory: the memory modules where SMBIOS can be read, and all memory together.

use std::sync::Arc;

use super::condition::{Condition, SetCondition};
use super::host_class::{HostClass, Maker, TOTAL};
use super::percent::rounded;
use crate::cim::Instance;
use crate::host::{Host, Memory, MemoryDevice, Smbios};

/// Values that CIM_Chip.FormFactor and CIM_PhysicalMemory.MemoryType share.
const UNKNOWN: u16 = 0;
const OTHER: u16 = 1;

pub(super) struct PhysicalMemoryClass;

impl HostClass for PhysicalMemoryClass {
    type Facts = (Arc<Memory>, Arc<Smbios>);
    const NAME: &'static str = "ESM_PhysicalMemory";
    const KEY: &'static str = "Tag";

    fn read(&self, host: &Host) -> Self::Facts {
        (host.memory(), host.smbios())
    }

    fn peek(&self, host: &Host) -> Option<Self::Facts> {
        Some((host.peek_memory()?, Arc::clone(&host.peek_general()?.smbios)))
    }

    fn instances(&self, (memory, smbios): &Self::Facts, maker: &Maker) -> Vec<Arc<Instance>> {
        let modules: Vec<&MemoryDevice> = smbios.memory_modules().collect();
        let mut instances = Vec::with_capacity(modules.len() + 1);
        instances.push(total(memory, modules.is_empty(), maker));
        instances.extend(
            modules
                .iter()
                .map(|module| one(module, &tag(module, &modules), maker)),
        );
        instances
    }
}

/// All memory together. Its Capacity is told only where no modules are, so that whoever adds up the
/// capacities of all instances gets the memory of the machine.
fn total(memory: &Memory, is_alone: bool, maker: &Maker) -> Arc<Instance> {
    maker
        .physical(TOTAL)
        .set("Caption", "All physical memory")
        .condition(Condition::Ok, None)
        .maybe("RemovalConditions", None::<u16>)
        .maybe("Capacity", memory.total_bytes.filter(|_| is_alone))
        .maybe("IsSpeedInMhz", None::<bool>)
        .maybe("TotalBytes", memory.total_bytes)
        .maybe("FreeBytes", memory.free_bytes)
        .maybe("AvailableBytes", memory.available_bytes)
        .maybe("BuffersBytes", memory.buffers_bytes)
        .maybe("CachedBytes", memory.cached_bytes)
        .maybe("UsedBytes", memory.used_bytes())
        .maybe("UsedPercent", memory.used_percent().map(rounded))
        .maybe("InUsePercent", memory.in_use_percent().map(rounded))
        .build()
}

fn one(module: &MemoryDevice, tag: &str, maker: &Maker) -> Arc<Instance> {
    maker
        .physical(tag)
        .set("Caption", "Memory module")
        .maybe("Description", module.memory_type_name())
        .maybe("RemovalConditions", None::<u16>)
        .maybe("Manufacturer", module.manufacturer.clone())
        .maybe("SerialNumber", module.serial.clone())
        .maybe("PartNumber", module.part_number.clone())
        .maybe("OtherIdentifyingInfo", module.asset_tag.clone())
        .maybe("FormFactor", module.form_factor.map(form_factor))
        .maybe("MemoryType", module.memory_type.map(memory_type))
        .maybe("TotalWidth", module.total_width_bits)
        .maybe("DataWidth", module.data_width_bits)
        // Where the speed is told in megahertz, Speed is 0 by the class's own rule.
        .maybe("Speed", module.max_speed_mts.map(|_| 0_u32))
        .maybe("Capacity", module.size_bytes)
        .maybe("BankLabel", module.bank.clone())
        .maybe("ConfiguredMemoryClockSpeed", module.speed_mts)
        .maybe("IsSpeedInMhz", module.max_speed_mts.map(|_| true))
        .maybe("MaxMemorySpeed", module.max_speed_mts)
        .maybe("Locator", module.locator.clone())
        .build()
}

/// What is printed beside the slot, with the handle of its entry where other slots say the same.
fn tag(module: &MemoryDevice, modules: &[&MemoryDevice]) -> String {
    let handle = module.handle;
    let Some(locator) = module.locator.as_deref().filter(|locator| *locator != TOTAL) else {
        return format!("0x{handle:04X}");
    };
    let is_shared = modules
        .iter()
        .any(|other| other.handle != handle && other.locator.as_deref() == Some(locator));
    if is_shared {
        format!("{locator} 0x{handle:04X}")
    } else {
        locator.to_owned()
    }
}

/// The form factor of DSP0134, 7.18.1 as CIM_Chip has it.
const fn form_factor(smbios: u8) -> u16 {
    match smbios {
        0x02 => UNKNOWN,
        0x03 => 7,
        0x04 => 2,
        0x06 => 3,
        0x07 => 4,
        0x08 => 6,
        0x09 => 8,
        0x0A => 9,
        0x0C => 11,
        0x0D => 12,
        0x0E => 13,
        _ => OTHER,
    }
}

/// The kind of memory of DSP0134, 7.18.2 as CIM_PhysicalMemory has it.
const fn memory_type(smbios: u8) -> u16 {
    match smbios {
        0x02 => UNKNOWN,
        0x03 => 2,
        0x04 => 6,
        // VRAM, SRAM, RAM, ROM, flash, EEPROM, FEPROM, EPROM, CDRAM, 3DRAM, SDRAM, SGRAM, RDRAM, DDR,
        // DDR2: both lists have them in the same order.
        0x05..=0x13 => smbios as u16 + 2,
        0x14 => 23,
        // DDR3, FBD2, DDR4, LPDDR to LPDDR4, likewise.
        0x18..=0x1E => smbios as u16,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_smbios_become_those_of_cim() {
        for (smbios, cim) in [
            (0x05, 7),
            (0x09, 11),
            (0x0F, 17),
            (0x12, 20),
            (0x13, 21),
            (0x18, 24),
            (0x1A, 26),
        ] {
            assert_eq!(memory_type(smbios), cim, "{smbios:#x}");
        }
        assert_eq!(memory_type(0x1E), 30);
        assert_eq!(memory_type(0x22), OTHER);
        assert_eq!(form_factor(0x09), 8);
        assert_eq!(form_factor(0x0D), 12);
        assert_eq!(form_factor(0x0B), OTHER);
    }

    #[test]
    fn tags_are_different() {
        let module = |handle, locator: Option<&str>| MemoryDevice {
            handle,
            locator: locator.map(str::to_owned),
            ..MemoryDevice::default()
        };
        let (a, b) = (module(1, Some("DIMM")), module(2, Some("DIMM")));
        let (c, d) = (module(3, Some("DIMM_A1")), module(4, None));
        let all = [&a, &b, &c, &d];
        let tags: Vec<String> = all.iter().map(|module| tag(module, &all)).collect();
        assert_eq!(tags, ["DIMM 0x0001", "DIMM 0x0002", "DIMM_A1", "0x0004"]);
    }
}
