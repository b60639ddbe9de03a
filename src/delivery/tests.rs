//! The engine with a courier of its own and a clock that stands still until it is moved.

mod abandoned;
mod failures;
mod full_disk;
mod harness;
mod histories;
mod leases;
mod limits;
mod lines;
mod meanwhile;
mod modes;
mod moments;
mod numbers;
mod put_off;
mod restarts;
mod wbem;
