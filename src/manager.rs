//! Receiving what agents report.
