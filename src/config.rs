//! Raw and validated configuration, precedence, where each value comes from.
