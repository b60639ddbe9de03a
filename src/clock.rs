//! The one door to the clocks: boot time for leases and intervals, wall time for people.
