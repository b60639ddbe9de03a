//! Wires the rooms into a running agent.

pub mod identity;
pub mod state_dir;
