//! Pull reading and direct writing of XML with hard limits, shared by both protocols. Pure.
