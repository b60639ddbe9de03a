//! Takes samples, drives the monitors, records alerts and queues them.
