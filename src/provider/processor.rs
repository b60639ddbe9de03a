//! ESM_Processor: the logical processors, and all of them together.

use std::collections::HashSet;
use std::sync::Arc;

use super::InstanceBuilder;
use super::condition::{Condition, SetCondition, enabled_state};
use super::host_class::{HostClass, Maker, TOTAL};
use super::percent::{rounded, whole};
use crate::cim::Instance;
use crate::host::{Host, Load, Processor, Processors};

/// `CPUStatus`.
const CPU_ENABLED: u16 = 1;
const CPU_DISABLED_BY_USER: u16 = 2;

/// `Characteristics`.
const CAPABLE_64_BIT: u16 = 2;
const CAPABLE_32_BIT: u16 = 3;
const VIRTUALIZATION: u16 = 4;

pub(super) struct ProcessorClass;

impl HostClass for ProcessorClass {
    type Facts = Arc<Processors>;
    const NAME: &'static str = "ESM_Processor";
    const KEY: &'static str = "DeviceID";

    fn read(&self, host: &Host) -> Arc<Processors> {
        host.processors()
    }

    fn peek(&self, host: &Host) -> Option<Arc<Processors>> {
        host.peek_processors()
    }

    fn instances(&self, facts: &Arc<Processors>, maker: &Maker) -> Vec<Arc<Instance>> {
        let mut instances = Vec::with_capacity(facts.processors.len() + 1);
        instances.push(total(facts, maker));
        instances.extend(facts.processors.iter().map(|processor| one(processor, maker)));
        instances
    }
}

fn total(facts: &Processors, maker: &Maker) -> Arc<Instance> {
    let [one, five, fifteen] = facts.load_averages.map_or([None; 3], |means| means.map(Some));
    with_load(maker.device(TOTAL), facts.load)
        .set("Caption", "All processors")
        .condition(Condition::Ok, None)
        .set("EnabledState", enabled_state(true))
        .set("CPUStatus", CPU_ENABLED)
        .maybe("NumberOfEnabledCores", enabled_cores(facts))
        .maybe("LoadAverage1Min", one)
        .maybe("LoadAverage5Min", five)
        .maybe("LoadAverage15Min", fifteen)
        .set("Online", true)
        .build()
}

fn one(processor: &Processor, maker: &Maker) -> Arc<Instance> {
    let model = &*processor.model;
    let width = model.long_mode.map(|long| if long { 64_u16 } else { 32 });
    let (condition, status) = if processor.online {
        (Condition::Ok, CPU_ENABLED)
    } else {
        (Condition::Stopped, CPU_DISABLED_BY_USER)
    };
    with_load(maker.device(&processor.name()), processor.load)
        .set("Caption", "Logical processor")
        .condition(condition, None)
        .set("EnabledState", enabled_state(processor.online))
        .set("Role", "Central Processor")
        .maybe("Model", model.name.clone())
        .maybe("Stepping", model.stepping.clone())
        .maybe("DataWidth", width)
        .maybe("AddressWidth", width)
        .maybe("Characteristics", characteristics(processor))
        .set("CPUStatus", status)
        .maybe("NumberOfEnabledCores", None::<u16>)
        .maybe("CurrentClockSpeed", processor.clock_mhz)
        .maybe("MaxClockSpeed", processor.max_clock_mhz)
        .maybe("Socket", processor.socket)
        .maybe("Core", processor.core)
        .set("Online", processor.online)
        .build()
}

fn with_load(builder: InstanceBuilder, load: Option<Load>) -> InstanceBuilder {
    builder
        .maybe("LoadPercentage", load.map(|load| whole(load.busy_percent)))
        .maybe("BusyPercent", load.map(|load| rounded(load.busy_percent)))
        .maybe("UserPercent", load.map(|load| rounded(load.user_percent)))
        .maybe("SystemPercent", load.map(|load| rounded(load.system_percent)))
        .maybe("IOWaitPercent", load.map(|load| rounded(load.iowait_percent)))
        .maybe("StealPercent", load.map(|load| rounded(load.steal_percent)))
}

/// The cores that have an online processor, where the kernel tells the core of each.
fn enabled_cores(facts: &Processors) -> Option<u16> {
    let cores: Option<HashSet<_>> = facts
        .processors
        .iter()
        .filter(|processor| processor.online)
        .map(|processor| Some((processor.socket?, processor.core?)))
        .collect();
    u16::try_from(cores?.len()).ok()
}

fn characteristics(processor: &Processor) -> Option<Vec<u16>> {
    let model = &processor.model;
    let found: Vec<u16> = [
        model
            .long_mode
            .map(|long| if long { CAPABLE_64_BIT } else { CAPABLE_32_BIT }),
        (model.virtualization == Some(true)).then_some(VIRTUALIZATION),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!found.is_empty()).then_some(found)
}
