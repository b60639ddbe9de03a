//! CIM-XML (DSP0200, DSP0201) as typed messages. Pure.

pub mod class;
