//! Subscriptions: filter, destination and lease, whichever protocol made them. Pure.
