//! Alerts: what happened, its catalog, its texts. Pure.
