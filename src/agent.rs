//! Wires the rooms into a running agent.
